package rdftest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Random returns n statements that are hard on readers, writers and stores:
// all kinds of terms, every kind of character, values that repeat, nested
// triple terms, and named graphs if quads is set. XML and the other formats
// can hold all of them.
func Random(r *rand.Rand, n int, quads bool) []kg.TermQuad {
	g := generator{r}
	out := make([]kg.TermQuad, n)
	for i := range out {
		if i > 0 && r.IntN(3) > 0 {
			out[i] = out[i-1]
			if r.IntN(3) > 0 {
				out[i].P = g.predicate()
			}
		} else {
			out[i] = kg.TermQuad{S: g.node(), P: g.predicate()}
			if quads && r.IntN(2) > 0 {
				out[i].G = g.node()
			}
		}
		out[i].O = g.object(0)
	}
	return out
}

type generator struct{ *rand.Rand }

func (g generator) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g generator) node() kg.Term {
	if g.IntN(3) == 0 {
		return kg.NewBlank(g.pick("a", "b", "1x", "_u", "x-y", "x.y", "é", "n0", "⁰"))
	}
	return kg.NewIRI(g.iri())
}

func (g generator) iri() string {
	return g.pick("http://ex.example/", "http://ex.example/a#", "urn:x:", "http://ü.example/", "mailto:a@", "http://ex.example/a/../", "tag:") +
		g.pick("a", "b", "c1", "", "x.", "-y", "1", "%20", "a;b", "é", "?q=1&r='2'", "a:b", "~", "漢", "(x)", "😀")
}

func (g generator) predicate() kg.Term {
	if g.IntN(4) == 0 {
		return kg.NewIRI(g.pick(kg.RDFType, kg.RDF+"first", kg.RDF+"reifies", kg.RDF+"_3", kg.RDFSLabel))
	}
	return kg.NewIRI(g.pick("http://ex.example/", "http://ex.example/a#", "urn:x:", "http://ü.example/") + g.pick("p", "q2", "r.s", "_t", "é-p", "x/1y", "U"))
}

func (g generator) object(depth int) kg.Term {
	switch k := g.IntN(10); {
	case k < 3:
		return g.node()
	case k == 3 && depth < 3:
		return kg.NewTriple(g.node(), g.predicate(), g.object(depth+1))
	case k == 4:
		return kg.NewLang(g.text(), g.pick("en", "de-at", "zh-hant-tw", "x-a1"))
	case k == 5:
		return kg.NewDirLang(g.text(), g.pick("ar", "he-il"), g.pick("ltr", "rtl"))
	case k == 6:
		return kg.NewTyped(g.pick("1", "-0", "+01", "1.", ".5", "-1.50", "1e0", "1.E-3", ".2e+7", "INF", "true", "0", "", "false", "1.5e", "e1"),
			kg.XSD+g.pick("integer", "decimal", "double", "boolean", "float", "byte"))
	case k == 7:
		return kg.NewTyped(g.text(), g.iri())
	}
	return kg.NewString(g.text())
}

// text returns a text without the characters that XML cannot hold.
func (g generator) text() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(g.pick("a", " ", "\n", "\r", "\t", "\"", "'", "\\", "\\n", "<b>", "&amp;", "&", "]]>", "é", "漢字", "😀", "\u0085", "\u2028",
			"\u007f", "\"\"\"", "--", "@en", "^^", ".", "{|", "<<(", "\uFFFD", "\u200d", fmt.Sprint(g.IntN(100))))
	}
	return b.String()
}
