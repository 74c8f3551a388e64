package scan

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPlaceInPieces: counting in pieces is counting the whole, and both agree
// with the obvious way.
func TestPlaceInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString([]string{"a", "é", "\n", "\r", "\r\n", "xy", "漢"}[r.IntN(7)])
		}
		s := b.String()
		lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"), "\n")
		wantLine, wantCol := len(lines), len([]rune(lines[len(lines)-1]))+1
		var whole, pieces Place
		whole.Skip(s)
		for rest := s; rest != ""; {
			n := 1 + r.IntN(len(rest))
			// Readers hand over whole characters.
			for n < len(rest) && rest[n]&0xC0 == 0x80 {
				n++
			}
			pieces.Skip(rest[:n])
			rest = rest[n:]
		}
		for name, p := range map[string]Place{"whole": whole, "pieces": pieces} {
			e := p.Error("", "", "")
			if e.Line != wantLine || e.Col != wantCol || e.Offset != int64(len(s)) {
				t.Fatalf("%q %s: %d:%d, want %d:%d", s, name, e.Line, e.Col, wantLine, wantCol)
			}
		}
	}
}

func FuzzEscapes(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c\n\r\t\b\f\x00\x7f", "\uFFFE\uFFFF\uFFFD", "é😀", "\\u00e9", "\xEF\xBF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		got, at, msg, _ := UnescapeString(string(AppendString(nil, s)))
		if at >= 0 || got != s {
			t.Errorf("%q became %q (%s)", s, got, msg)
		}
		// Rubbish must not panic, and a fault must be inside.
		for _, unescape := range []func(string) (string, int, string, string){UnescapeString, UnescapeIRI} {
			if _, at, msg, _ := unescape(s); at >= len(s) && at > 0 || at >= 0 && msg == "" {
				t.Errorf("%q: fault at %d: %q", s, at, msg)
			}
		}
		if n := LabelLen(s); n > len(s) || n > 0 && LabelLen(s[:n]) != n {
			t.Errorf("label of %q has %d bytes", s, n)
		}
		if tag, all := LangLen(s); tag > all || all > len(s) {
			t.Errorf("language of %q: %d, %d", s, tag, all)
		}
	})
}

func TestErrorText(t *testing.T) {
	e := &Error{File: "a.nt", Line: 3, Col: 7, Offset: 61, Msg: "wrong", Remedy: "do right"}
	if got := e.Error(); got != "a.nt:3:7: wrong (byte 61); do right" {
		t.Error(got)
	}
	e.File, e.Remedy = "", ""
	if got := e.Error(); got != "line 3:7: wrong (byte 61)" {
		t.Error(got)
	}
}
