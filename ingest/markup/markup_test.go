package markup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	xhtml "golang.org/x/net/html"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

func kinds(t *doc.Tree, k doc.Kind) []string {
	var out []string
	for n := range t.Nodes {
		if t.Nodes[n].Kind == k {
			out = append(out, t.Str(n))
		}
	}
	return out
}

func TestRead(t *testing.T) {
	src := `<html><head><title>no</title><style>p{}</style></head><body><h1>Report &amp; more</h1><div>One&#160;two <b>three</b>.<br/>Four.</div>
<p style="display:none">hidden</p><p>Open<p>implied<ul><li>a<li>b</ul><hr style="page-break-after: always"/>
<table><tr><th rowspan="2">h</th><td colspan=2>wide</td></tr><tr><td>x<td>y<table><tr><td>inner</td></tr></table></table><p style="PAGE-BREAK-BEFORE: always">End caf` + "\xe9" + `</body></html>`
	tr := Read([]byte(src))
	if got := kinds(tr, doc.Heading); !slices.Equal(got, []string{"Report & more"}) {
		t.Errorf("headings %q", got)
	}
	if got := kinds(tr, doc.Paragraph); !slices.Equal(got, []string{"One two three. Four.", "Open", "implied", "a", "b", "End café"}) {
		t.Errorf("paragraphs %q", got)
	}
	if got := kinds(tr, doc.Cell); !slices.Equal(got, []string{"h", "wide", "x", "y inner", "inner"}) {
		t.Errorf("cells %q", got)
	}
	for n := range tr.Nodes {
		c := tr.Nodes[n]
		switch tr.Str(n) {
		case "wide":
			if c.Col != 1 || c.Span != 2 {
				t.Errorf("wide: %+v", c)
			}
		case "x":
			if c.Kind == doc.Cell && c.Col != 1 {
				t.Errorf("x below a cell of two rows is in column %d", c.Col)
			}
		}
	}
	if len(tr.Pages) != 3 || tr.PageText(2) != "End café\n" {
		t.Errorf("%d pages, the last %q", len(tr.Pages), tr.PageText(len(tr.Pages)-1))
	}
	if strings.Contains(tr.Text, "hidden") || strings.Contains(tr.Text, "no") && strings.HasPrefix(tr.Text, "no") {
		t.Errorf("text %q", tr.Text)
	}
}

// page writes a random page.
func page(r *rand.Rand, depth int) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		word := fmt.Sprintf("w%d", r.IntN(1000))
		switch k := r.IntN(9); {
		case k < 3 || depth > 4:
			b.WriteString(word + []string{" ", "\n ", "&amp; ", "&#160;", "é ", "&lt;"}[r.IntN(6)])
		case k < 5:
			b.WriteString("<span style='font-weight:700'>" + page(r, depth+1) + "</span>")
		case k < 7:
			b.WriteString("<div>" + page(r, depth+1) + "</div>")
		case k == 7:
			b.WriteString("<table><tr><td>" + page(r, depth+1) + "</td><td colspan='2'>" + word + "</td></tr></table>")
		default:
			b.WriteString("<br/><!-- x --><p>" + word + "</p>")
		}
	}
	return b.String()
}

// twin is the text of a page by the tree that the HTML library builds.
func twin(n *xhtml.Node, b *strings.Builder) {
	if n.Type == xhtml.TextNode {
		b.WriteString(n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		twin(c, b)
	}
}

func bare(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), "")
}

// TestTwin: the text is that of the library's parser, and every node's bytes
// hold its text.
func TestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		src := "<html xmlns='http://www.w3.org/1999/xhtml'><body>" + page(r, 0) + "</body></html>"
		tr := Read([]byte(src))
		n, err := xhtml.Parse(strings.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		twin(n, &b)
		if got, want := bare(tr.Text), bare(b.String()); got != want {
			t.Fatalf("%s\ngot  %q\nwant %q", src, got, want)
		}
		for i := range tr.Nodes {
			if k := tr.Nodes[i].Kind; k != doc.Sentence && k != doc.Cell {
				continue
			}
			start, end := tr.Bytes(int(tr.Nodes[i].From), int(tr.Nodes[i].To))
			if got := bare(Read([]byte("<body>" + src[start:end])).Text); got != bare(tr.Str(i)) {
				t.Fatalf("%s\n%q stands at %q", src, tr.Str(i), src[start:end])
			}
			if from, to := tr.TextRange(start, end); tr.Text[from:to] != tr.Str(i) {
				t.Fatalf("%q comes back as %q", tr.Str(i), tr.Text[from:to])
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("<table><tr><td rowspan=999999>a<td>b</table><p>&#xfffff;&nope;<br><br>")
	f.Add("<div style='display:none'><table><tr></div>x</table></td></tr>")
	f.Add(strings.Repeat("<b>", 50) + "x<page>y")
	f.Fuzz(func(t *testing.T, s string) {
		tr := Read([]byte(s))
		if _, err := doc.Decode(tr.Encode()); err != nil {
			t.Fatalf("%v: %+v", err, tr)
		}
		for n := range tr.Nodes {
			if a, b := tr.Bytes(int(tr.Nodes[n].From), int(tr.Nodes[n].To)); a < 0 || b < a || b > int64(len(s)) {
				t.Errorf("bytes %d-%d of %d", a, b, len(s))
			}
			if tr.Nodes[n].Kind == doc.Table {
				g := tr.Grid(n)
				for c := n; c < int(tr.Nodes[n].End); c++ {
					if tr.Nodes[c].Kind == doc.Cell {
						g.Headings(c)
					}
				}
			}
		}
	})
}
