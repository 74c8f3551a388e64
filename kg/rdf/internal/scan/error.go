// Package scan holds what the RDF readers share: errors with a place,
// character classes of the grammars, escapes and limits.
package scan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on single tokens. They bound what one line of hostile input can make
// a reader allocate.
const (
	MaxIRI     = 8 << 10  // bytes of an IRI, prefixed name, label or language tag
	MaxLiteral = 16 << 20 // bytes of a lexical form
	MaxDepth   = 512      // nesting of triple terms, collections and property lists
	// MaxLine is the longest line of a line-based format: two IRIs, a datatype
	// and a literal whose every byte is written as an escape of up to ten.
	MaxLine = 10*MaxLiteral + 1<<20
)

// Error is a fault of a document: where it is, what is wrong, what to do.
type Error struct {
	File   string // name of the document, empty if unknown
	Line   int    // from 1
	Col    int    // from 1, in characters (in bytes for RDF/XML)
	Offset int64  // from 0, in bytes of the decompressed document
	Msg    string // what is wrong
	Remedy string // what the user can do; may be empty
}

// Error writes "file:line:col: message (byte offset); remedy".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	} else {
		b.WriteString("line ")
	}
	fmt.Fprintf(&b, "%d:%d: %s (byte %d)", e.Line, e.Col, e.Msg, e.Offset)
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Place counts lines and columns over text that is handed over in pieces, so
// that readers need not count while they scan. The zero value stands at the
// start of a document.
type Place struct {
	Offset int64 // bytes before this place
	Lines  int   // line ends before this place
	cols   int   // characters since the last line end
	cr     bool  // the last byte was a carriage return
}

// Skip moves the place past text. Line ends are LF, CR LF and a lone CR.
func (p *Place) Skip(text string) {
	p.Offset += int64(len(text))
	from := 0
	switch {
	case text == "":
		return
	case !p.cr && strings.IndexByte(text, '\r') < 0:
		p.Lines += strings.Count(text, "\n")
		from = strings.LastIndexByte(text, '\n') + 1
	default:
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '\n':
				if !p.cr {
					p.Lines++
				}
				p.cr, from = false, i+1
			case '\r':
				p.Lines++
				p.cr, from = true, i+1
			default:
				p.cr = false
			}
		}
	}
	if from > 0 {
		p.cols = 0
	}
	p.cols += utf8.RuneCountInString(text[from:])
}

// Col is the column of this place, from 1.
func (p Place) Col() int { return p.cols + 1 }

// Add moves the place past a piece of text whose end, counted from its own
// start, is q.
func (p *Place) Add(q Place) {
	p.Offset += q.Offset
	p.Lines += q.Lines
	if q.Lines > 0 {
		p.cols = 0
	}
	p.cols += q.cols
	p.cr = q.cr
}

// Error returns an Error at this place.
func (p Place) Error(file, msg, remedy string) *Error {
	return &Error{File: file, Line: p.Lines + 1, Col: p.cols + 1, Offset: p.Offset, Msg: msg, Remedy: remedy}
}

// Shown quotes the beginning of s for a message.
func Shown(s string) string {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	if len(s) > 32 {
		n := 32
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return fmt.Sprintf("%q", s)
}
