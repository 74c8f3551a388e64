package ingest

import (
	"strconv"

	"github.com/quaestor-kg/quaestor/ingest/extract"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// relations makes statements of what rules read in the documents. Only a
// filing of a known company has a subject for them.
func (x *builder) relations() {
	if len(x.b.companies) == 0 {
		return
	}
	company := x.b.companies[0]
	mentions := map[string]int{}
	n := 0
	for i, t := range x.b.trees {
		if t == nil {
			continue
		}
		d := &x.b.docs[i]
		for _, f := range extract.Read(t, extract.Options{Exhibit: x.f.Files[i].Type, Name: x.f.Files[i].Name, Company: company.Name}) {
			m := fact.Mention{IRI: fact.MentionIRI(x.b.graph, f.Type, f.Label), Graph: x.b.graph, Type: f.Type, Label: clip(f.Label), Jurisdiction: f.Jurisdiction, Position: f.Position}
			if at, ok := mentions[m.IRI]; !ok {
				mentions[m.IRI] = len(x.b.mentions)
				x.b.mentions = append(x.b.mentions, m)
			} else if old := &x.b.mentions[at]; old.Position == "" {
				old.Position = m.Position
			}
			start, end := t.Bytes(f.From, f.To)
			n++
			s := fact.Statement{
				IRI: x.b.graph + "#r" + strconv.Itoa(n), Graph: x.b.graph, Subject: company.IRI, Relation: fact.TypeIRI(f.Relation), Object: m.IRI,
				Confidence: f.Confidence, Rule: f.Rule,
				Span: doc.Span{Doc: d.ID, Start: start, End: end, Page: t.Page(f.From), Hash: doc.Hash(x.b.files[i][start:end])},
			}
			if f.Inverse {
				s.Subject, s.Object = s.Object, s.Subject
			}
			x.b.read = append(x.b.read, s)
		}
	}
}
