package lex

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a text. Line and Col count from 1, Col in characters;
// Offset counts bytes from 0. The zero Pos is no place.
type Pos struct{ Offset, Line, Col int }

// Position returns the place itself; nodes of the tree embed Pos to have it.
func (p Pos) Position() Pos { return p }

// PosOf computes the place of a byte offset.
func PosOf(text string, offset int) Pos {
	offset = min(offset, len(text))
	return advance(text, Pos{Line: 1, Col: 1}, offset)
}

// advance moves a place forward. Lines end with LF, CR or CR LF. A byte order
// mark at the start has no column.
func advance(text string, p Pos, offset int) Pos {
	for p.Offset < offset {
		c := text[p.Offset]
		switch {
		case c == '\n', c == '\r' && !(p.Offset+1 < len(text) && text[p.Offset+1] == '\n'):
			p.Line++
			p.Col = 1
		case c == '\r': // the LF counts
		case !utf8.RuneStart(c), p.Offset == 0 && strings.HasPrefix(text, bom):
		default:
			p.Col++
		}
		p.Offset++
	}
	return p
}

// Error is a syntax error: where, what, what was expected, and what to do.
type Error struct {
	Line, Col, Offset int
	Msg               string
	Expected          []string // tokens that would have been right, may be empty
	Hint              string   // a remedy, may be empty
}

// Error writes place, message and hint on one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, column %d: %s", e.Line, e.Col, e.Msg)
	if len(e.Expected) > 0 {
		fmt.Fprintf(&b, "; expected %s", list(e.Expected))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// list joins words as English does.
func list(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// Errorf makes an error at a place.
func Errorf(p Pos, format string, args ...any) *Error {
	return &Error{Line: p.Line, Col: p.Col, Offset: p.Offset, Msg: fmt.Sprintf(format, args...)}
}
