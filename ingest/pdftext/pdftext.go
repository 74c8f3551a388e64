// Package pdftext reads the text layer of PDF documents, page by page and line
// by line. Pages of pictures alone have no text.
package pdftext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dslipak/pdf"
)

// Is reports whether a file is a PDF document.
func Is(body []byte) bool { return bytes.HasPrefix(body, []byte("%PDF-")) }

// Limits of one document: the library reads what is written, and what is
// written may be meant to exhaust it.
const (
	maxPages = 10_000
	maxText  = 64 << 20
	maxTime  = 30 * time.Second
	maxStuck = 4
)

// stuck counts readings that did not end: on some damaged documents the
// library's lexer spins at the end of the file (dslipak/pdf v0.0.2, lex.go,
// readByte), and a goroutine cannot be stopped from outside.
var stuck atomic.Int32

// ErrPassword: the document is encrypted.
var ErrPassword = errors.New("it is protected by a password; save it without one")

// Text returns the text of the pages, a form feed between them.
func Text(body []byte) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	if stuck.Load() >= maxStuck {
		return nil, fmt.Errorf("%d damaged PDFs before it are still being read: start the program anew", maxStuck)
	}
	done := make(chan result, 1)
	go func() {
		text, err := read(body)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(maxTime):
		stuck.Add(1)
		return nil, fmt.Errorf("damaged PDF: its text was not read within %v", maxTime)
	}
}

func read(body []byte) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged PDF: %v", p)
		}
	}()
	r, err := pdf.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		if errors.Is(err, pdf.ErrInvalidPassword) || strings.Contains(err.Error(), "encrypt") {
			return nil, ErrPassword
		}
		return nil, fmt.Errorf("damaged PDF: %w", err)
	}
	pages, err := leaves(r.Trailer().Key("Root").Key("Pages"), nil, 0)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	any := false
	for i, p := range pages {
		if i > 0 {
			b.WriteByte('\f')
		}
		page := lines(pdf.Page{V: p})
		any = any || strings.TrimSpace(page) != ""
		b.WriteString(page)
		if b.Len() > maxText {
			return nil, fmt.Errorf("it has more than %d MiB of text", maxText>>20)
		}
	}
	if !any {
		return nil, errors.New("it has no text layer: its pages are pictures; recognise the text first")
	}
	return b.Bytes(), nil
}

const maxDepth = 64

// leaves lists the pages below a node of the page tree. The library's own walk
// does not end on a damaged tree.
func leaves(node pdf.Value, list []pdf.Value, depth int) ([]pdf.Value, error) {
	if depth > maxDepth {
		return nil, errors.New("damaged PDF: its tree of pages has a ring")
	}
	kids := node.Key("Kids")
	if kids.Kind() != pdf.Array {
		if node.Kind() != pdf.Dict {
			return list, nil
		}
		up := node.Key("Parent")
		for n := 0; up.Kind() == pdf.Dict; n++ {
			if n > maxDepth {
				return nil, errors.New("damaged PDF: its tree of pages has a ring")
			}
			up = up.Key("Parent")
		}
		return append(list, node), nil
	}
	var err error
	for i := range kids.Len() {
		if list, err = leaves(kids.Index(i), list, depth+1); err != nil {
			return nil, err
		}
		if len(list) > maxPages {
			return nil, fmt.Errorf("it has more than %d pages", maxPages)
		}
	}
	return list, nil
}

// sound reports whether all streams of a page can be read to their ends: on a
// damaged one the library's interpreter does not end.
func sound(p pdf.Page) bool {
	streams := []pdf.Value{p.V.Key("Contents")}
	if c := streams[0]; c.Kind() == pdf.Array {
		streams = streams[:0]
		for i := range c.Len() {
			streams = append(streams, c.Index(i))
		}
	}
	for _, f := range p.Fonts() {
		if u := p.Font(f).V.Key("ToUnicode"); u.Kind() == pdf.Stream {
			streams = append(streams, u)
		}
	}
	forms := p.Resources().Key("XObject")
	for _, f := range forms.Keys() {
		if x := forms.Key(f); x.Kind() == pdf.Stream && x.Key("Subtype").Name() == "Form" {
			streams = append(streams, x)
		}
	}
	for _, s := range streams {
		if s.Kind() != pdf.Stream {
			return false
		}
		r := s.Reader()
		n, err := io.Copy(io.Discard, io.LimitReader(r, maxText+1))
		r.Close()
		if err != nil || n > maxText {
			return false
		}
	}
	return true
}

// lines puts the pieces of a page back into lines, from the top, and marks
// gaps between lines as ends of paragraphs. Within a line pieces keep the order
// they are drawn in: their places are not to be trusted where a font states no
// widths. A page that cannot be read has no text.
func lines(p pdf.Page) (out string) {
	defer func() {
		if recover() != nil {
			out = ""
		}
	}()
	if !sound(p) {
		return ""
	}
	pieces := p.Content().Text
	sort.SliceStable(pieces, func(i, j int) bool {
		return math.Round(pieces[i].Y/3) > math.Round(pieces[j].Y/3)
	})
	var b strings.Builder
	lastY, end, size := math.Inf(1), 0.0, 0.0
	for _, t := range pieces {
		if t.S == "" {
			continue
		}
		switch {
		case math.IsInf(lastY, 1):
		case math.Round(lastY/3) > math.Round(t.Y/3):
			b.WriteByte('\n')
			if lastY-t.Y > 1.8*max(t.FontSize, size) {
				b.WriteByte('\n')
			}
			end = 0
		case t.X-end > 2*max(t.FontSize, 1) && end > 0:
			b.WriteString("   ")
		case t.X-end > 0.15*max(t.FontSize, 1) && end > 0:
			b.WriteByte(' ')
		}
		b.WriteString(strings.ReplaceAll(t.S, "\f", " "))
		lastY, end, size = t.Y, t.X+t.W, t.FontSize
		if t.W == 0 { // the font states no widths
			end = 0
		}
	}
	b.WriteByte('\n')
	return b.String()
}
