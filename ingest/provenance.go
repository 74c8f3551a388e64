package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/resolve"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Properties of a run.
const (
	pStarted = fact.NS + "started"
	pProgram = fact.NS + "program"
)

// runQuads describes the run in the graph of each document it brings.
func (w *writer) runQuads(graph string, yield func(kg.TermQuad) bool) {
	s, g := kg.NewIRI(w.rep.Run), kg.NewIRI(graph)
	for _, po := range []struct {
		p string
		o kg.Term
	}{
		{kg.RDFType, kg.NewIRI(fact.RunClass)},
		{pStarted, kg.NewTyped(w.now.UTC().Format("2006-01-02T15:04:05Z"), kg.XSD+"dateTime")},
		{pProgram, kg.NewString(w.o.Program)},
	} {
		if !yield(kg.TermQuad{S: s, P: kg.NewIRI(po.p), O: po.o, G: g}) {
			return
		}
	}
}

// Forgotten is what forgetting a document takes away, or would take.
type Forgotten struct {
	Document   string   `json:"document"`
	Documents  []string `json:"documents"`  // of the filing, all of which go
	Statements int64    `json:"statements"` // of the document
	Only       int64    `json:"only"`       // of them stated by no other document: they go from the graph
	Shared     int64    `json:"shared"`     // of them stated elsewhere too: they stay
	Spans      int64    `json:"spans"`
	Entries    int64    `json:"index_entries"` // passages and facts that can be found no more
	Orphans    int64    `json:"orphans"`       // things left without any statement
	Bytes      int64    `json:"bytes"`
	DryRun     bool     `json:"dry_run"`
}

// ErrAmbiguous: a name fits several documents.
var ErrAmbiguous = errors.New("the name fits several documents")

// Find returns the document that is meant: by IRI, accession number, file name,
// with or without its extension, source path, or the beginning of its hash.
func Find(ctx context.Context, s kg.Snapshot, name string) (doc.Document, error) {
	docs, err := doc.List(ctx, s)
	if err != nil {
		return doc.Document{}, err
	}
	var found []doc.Document
	for _, d := range docs {
		switch {
		case d.ID == name:
			return d, nil
		case d.ID == doc.Base+name, d.Accession == name && d.Main(), d.Name == name, d.Name == strings.TrimSuffix(name, ".html"), d.Name == strings.TrimSuffix(name, ".htm"),
			d.Source == name, len(name) >= 8 && strings.HasPrefix(d.SHA256, name):
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return doc.Document{}, fmt.Errorf("%w: %s (%d are in the store); list them with: quaestor query 'SELECT ?d ?name { GRAPH ?g { ?d <%s> ?name } }'", doc.ErrUnknown, name, len(docs), doc.PName)
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	return doc.Document{}, fmt.Errorf("%w: %s; name one of %s", ErrAmbiguous, name, strings.Join(ids, ", "))
}

// Forget deletes exactly what a document brought: its statements, its bytes and
// its tree. Documents of one filing go together. A dry run counts alone.
func Forget(ctx context.Context, st kg.Store, name string, dry bool) (Forgotten, error) {
	r := Forgotten{DryRun: dry}
	var sums []string
	// Counting and deleting see one state.
	work := func(s kg.Snapshot, remove func(kg.Quad) error) error {
		d, err := Find(ctx, s, name)
		if err != nil {
			return err
		}
		r = Forgotten{Document: d.Graph, DryRun: dry}
		docs, err := doc.List(ctx, s)
		if err != nil {
			return err
		}
		sums = nil
		elsewhere := map[string]bool{}
		for _, x := range docs {
			if x.Graph != d.Graph {
				elsewhere[x.SHA256] = true
				continue
			}
			r.Documents = append(r.Documents, x.ID)
			r.Bytes += x.Bytes
			sums = append(sums, x.SHA256)
			if t, err := x.OpenTree(s); err == nil {
				for _, n := range t.Nodes {
					if n.Kind == doc.Paragraph || n.Kind == doc.Row {
						r.Entries++
					}
				}
			}
		}
		sums = slices.DeleteFunc(sums, func(h string) bool { return elsewhere[h] })
		return r.count(ctx, s, d.Graph, remove)
	}
	if dry {
		s, err := st.Snapshot()
		if err != nil {
			return r, err
		}
		defer s.Close()
		return r, work(s, nil)
	}
	err := st.Update(ctx, func(tx kg.Tx) error {
		return work(tx, func(q kg.Quad) error {
			_, err := tx.Delete(q)
			return err
		})
	})
	if err != nil {
		return r, err
	}
	if _, err := resolve.Run(ctx, st); err != nil {
		return r, err
	}
	if b, ok := st.(kg.BlobStore); ok {
		for _, h := range sums {
			for _, n := range []string{doc.BytesName(h), doc.TreeName(h)} {
				if err := b.DeleteBlob(ctx, n); err != nil {
					return r, err
				}
			}
		}
	}
	return r, nil
}

// count counts the statements of a graph and removes them.
func (r *Forgotten) count(ctx context.Context, s kg.Snapshot, graph string, remove func(kg.Quad) error) error {
	g, ok, err := s.Lookup(kg.NewIRI(graph))
	if err != nil || !ok {
		return err
	}
	span, _, err := s.Lookup(kg.NewIRI(fact.PSpan))
	if err != nil {
		return err
	}
	typ, _, err := s.Lookup(kg.NewIRI(kg.RDFType))
	if err != nil {
		return err
	}
	class, _, err := s.Lookup(kg.NewIRI(fact.Class))
	if err != nil {
		return err
	}
	var quads []kg.Quad
	c := s.Scan(ctx, kg.Pattern{G: g}, kg.GSPO)
	for c.Next() {
		quads = append(quads, c.Quad())
	}
	err = c.Err()
	c.Close()
	if err != nil {
		return err
	}
	r.Statements = int64(len(quads))
	subject, other := kg.ID(0), false
	for _, q := range quads {
		if q.P == span && span != 0 {
			r.Spans++
		}
		if q.P == typ && q.O == class && class != 0 {
			r.Entries++
		}
		if q.S != subject {
			if other, err = elsewhere(ctx, s, kg.Pattern{S: q.S}, g); err != nil {
				return err
			}
			if subject = q.S; !other {
				r.Orphans++
			}
		}
		shared := false
		if other {
			if shared, err = elsewhere(ctx, s, kg.Pattern{S: q.S, P: q.P, O: q.O}, g); err != nil {
				return err
			}
		}
		if shared {
			r.Shared++
		} else {
			r.Only++
		}
	}
	if remove != nil {
		for _, q := range quads {
			if err := remove(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// elsewhere reports whether another graph holds a match.
func elsewhere(ctx context.Context, s kg.Snapshot, p kg.Pattern, g kg.ID) (bool, error) {
	c := s.Scan(ctx, p, kg.BestOrder(p))
	defer c.Close()
	for c.Next() {
		if c.Quad().G != g {
			return true, nil
		}
	}
	return false, c.Err()
}
