package ingest

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/keyphrase"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// maxPhrases is how many key phrases a section gets.
const maxPhrases = 8

// sections describes the sections of the documents: headings, spans, and the
// section or document each is part of.
func (x *builder) sections() {
	for i, t := range x.b.trees {
		if t == nil {
			continue
		}
		d := &x.b.docs[i]
		phrases := x.phrases(t)
		for n := range t.Nodes {
			if t.Nodes[n].Kind != doc.Section {
				continue
			}
			h := n + 1
			start, end := t.Bytes(int(t.Nodes[h].From), int(t.Nodes[h].To))
			if end <= start {
				continue
			}
			s := doc.Span{Doc: d.ID, Start: start, End: end, Page: int(t.Nodes[n].Page), Hash: doc.Hash(x.b.files[i][start:end])}
			up := d.ID
			if p := t.Within(int(t.Nodes[n].Parent), doc.Section); p >= 0 {
				up = SectionIRI(d.ID, p)
			}
			x.add(SectionIRI(d.ID, n), kg.RDFType, kg.NewIRI(fact.SectionClass))
			x.add(SectionIRI(d.ID, n), fact.PHeading, kg.NewString(clip(oneLine(t.Str(h)))))
			x.add(SectionIRI(d.ID, n), doc.PPartOf, kg.NewIRI(up))
			x.add(SectionIRI(d.ID, n), fact.PSpan, kg.NewString(s.Literal()))
			if d.ID != x.b.graph {
				x.add(SectionIRI(d.ID, n), fact.PIn, kg.NewIRI(d.ID))
			}
			for _, p := range phrases[n] {
				x.add(SectionIRI(d.ID, n), fact.PKeyphrase, kg.NewString(p.Text))
			}
		}
	}
}

// minSection is the least text, in bytes, of a section that gets key phrases.
const minSection = 400

// phrases finds the key phrases of the sections of a document. Each section
// counts without those within it, which get their own.
func (x *builder) phrases(t *doc.Tree) map[int][]keyphrase.Phrase {
	var texts []string
	var nodes []int
	var b strings.Builder
	for n := range t.Nodes {
		if t.Nodes[n].Kind != doc.Section {
			continue
		}
		b.Reset()
		for c := range t.Children(n) {
			if k := t.Nodes[c].Kind; k == doc.Heading || k == doc.Paragraph {
				b.WriteString(t.Str(c))
				b.WriteString("\n")
			}
		}
		if b.Len() >= minSection {
			texts = append(texts, b.String())
			nodes = append(nodes, n)
		}
	}
	var names []string
	for _, c := range x.b.companies {
		names = append(append(names, c.Name), c.Tickers...)
	}
	found := map[int][]keyphrase.Phrase{}
	for i, p := range keyphrase.Extract(texts, maxPhrases, names...) {
		found[nodes[i]] = p
	}
	return found
}

// SectionIRI is the IRI of a section: its document and the index of its node.
func SectionIRI(docIRI string, node int) string { return docIRI + "#s" + strconv.Itoa(node) }

// add adds a statement to the unit's graph.
func (x *builder) add(s, p string, o kg.Term) {
	x.b.extra = append(x.b.extra, kg.TermQuad{S: kg.NewIRI(s), P: kg.NewIRI(p), O: o, G: kg.NewIRI(x.b.graph)})
}
