package pdftext

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// document writes a PDF of pages with lines of text.
func document(pages ...[]string) []byte {
	var b strings.Builder
	var at []int
	object := func(s string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), s)
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, lines := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i))
		var c strings.Builder
		c.WriteString("BT /F1 12 Tf 72 720 Td ")
		for _, l := range lines {
			if l == "" {
				c.WriteString("0 -30 Td ")
			} else {
				fmt.Fprintf(&c, "(%s) Tj 0 -14 Td ", l)
			}
		}
		c.WriteString("ET")
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", c.Len(), c.String()))
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
	return []byte(b.String())
}

func TestText(t *testing.T) {
	got, err := Text(document([]string{"Annual report", "", "Stone sold well.", "It was cut."}, []string{"Page two"}))
	if err != nil {
		t.Fatal(err)
	}
	if want := "Annual report\n\nStone sold well.\nIt was cut.\n\fPage two\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := Text(document(nil)); err == nil || !strings.Contains(err.Error(), "no text layer") {
		t.Errorf("a page without text: %v", err)
	}
	body := document([]string{"x"})
	for _, bad := range [][]byte{body[:len(body)/2], []byte("%PDF-1.4"), []byte("%PDF-1.7\nnonsense\n%%EOF")} {
		if _, err := Text(bad); err == nil {
			t.Errorf("%d bytes of a PDF are read", len(bad))
		}
	}
	if errors.Is(err, ErrPassword) {
		t.Error(err)
	}
}
