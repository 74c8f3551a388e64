package chunk

import (
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

func TestSentences(t *testing.T) {
	for text, want := range map[string][]string{
		"One. Two! Three?":                                    {"One.", "Two!", "Three?"},
		"Apple Inc. sold 1.5 million. It grew.":               {"Apple Inc. sold 1.5 million.", "It grew."},
		"We sued Quarry Inc. The court agreed.":               {"We sued Quarry Inc.", "The court agreed."},
		"Mr. J. Stone (see Note 4.) left. \"Why?\" he asked.": {"Mr. J. Stone (see Note 4.) left.", "\"Why?\" he asked."},
		"U.S. law applies, e.g. in Texas.  Next.":             {"U.S. law applies, e.g. in Texas.", "Next."},
		"No end": {"No end"},
		"  ":     nil,
	} {
		var got []string
		Sentences(text, func(a, b int) bool { got = append(got, text[a:b]); return true })
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// outline draws a tree: kind, level and text of what holds text.
func outline(t *doc.Tree) []string {
	var out []string
	for n := range t.Nodes {
		switch k := t.Nodes[n].Kind; k {
		case doc.Heading, doc.Paragraph, doc.Cell:
			out = append(out, strings.Repeat("#", len(t.Headings(n)))+" "+k.String()+" "+t.Str(n))
		}
	}
	return out
}

func TestMarkdown(t *testing.T) {
	src := "# Report\n\nFirst *line*\nsecond.\n\n- a\n- b\n\nPart two\n--------\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n```\ncode\n```\n"
	tr := Markdown([]byte(src))
	want := []string{"# heading Report", "# paragraph First *line* second.", "# paragraph - a", "# paragraph - b", "## heading Part two", "## cell x", "## cell y", "## cell 1", "## cell 2", "## paragraph code"}
	if got := outline(tr); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	exact(t, src, tr)
}

// exact checks that the text of every node stands in its bytes.
func exact(t *testing.T, src string, tr *doc.Tree) {
	t.Helper()
	for n := range tr.Nodes {
		start, end := tr.Bytes(int(tr.Nodes[n].From), int(tr.Nodes[n].To))
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if k := tr.Nodes[n].Kind; (k == doc.Paragraph || k == doc.Sentence || k == doc.Cell || k == doc.Heading) && squeeze(src[start:end]) != squeeze(tr.Str(n)) {
			t.Errorf("%s %q stands at %q", k, tr.Str(n), src[start:end])
		}
	}
}

func TestPlain(t *testing.T) {
	src := "PART I\n\nItem 1.  Business\n\nWe cut stone.\nWe sell it.\n\f\n<PAGE>\n  Sales      1,234\n  Costs        999\n"
	tr := Plain([]byte(src))
	want := []string{"# heading PART I", "## heading Item 1. Business", "## paragraph We cut stone. We sell it.", "## paragraph Sales      1,234", "## paragraph Costs        999"}
	if got := outline(tr); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(tr.Pages) != 3 {
		t.Errorf("%d pages", len(tr.Pages))
	}
	exact(t, src, tr)
}

func FuzzText(f *testing.F) {
	f.Add("# A\n\n| a | b\n|--|\n| c\n```\nx")
	f.Add("A\fB\n<PAGE>\n  c   d\r\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, tr := range []*doc.Tree{Plain([]byte(s)), Markdown([]byte(s))} {
			if _, err := doc.Decode(tr.Encode()); err != nil {
				t.Fatal(err)
			}
			for n := range tr.Nodes {
				if a, b := tr.Bytes(int(tr.Nodes[n].From), int(tr.Nodes[n].To)); a < 0 || b < a || b > int64(len(s)) {
					t.Errorf("bytes %d-%d of %d", a, b, len(s))
				}
			}
		}
	})
}
