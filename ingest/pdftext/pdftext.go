// Package pdftext reads the text layer of PDF documents, page by page and line
// by line. Pages of pictures alone have no text.
package pdftext

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
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
	maxTime  = 2 * time.Minute
)

// ErrPassword: the document is encrypted.
var ErrPassword = errors.New("it is protected by a password; save it without one")

// Text returns the text of the pages, a form feed between them.
func Text(body []byte) ([]byte, error) {
	type result struct {
		text []byte
		err  error
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
		return nil, fmt.Errorf("its text was not read within %v", maxTime)
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
	n := r.NumPage()
	if n > maxPages {
		return nil, fmt.Errorf("it has %d pages, more than %d", n, maxPages)
	}
	var b bytes.Buffer
	any := false
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteByte('\f')
		}
		page := lines(r.Page(i))
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
	if p.V.IsNull() {
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
