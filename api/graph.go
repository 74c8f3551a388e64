package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/shape"
)

func fmtFeatureOff(what string) error { return fmt.Errorf("%w: %s", ErrFeatureOff, what) }

// Term is an RDF term in SPARQL-results JSON form with what a reader wants
// beside it.
type Term struct {
	Type     string          `json:"type"` // uri, bnode, literal or triple
	Value    json.RawMessage `json:"value"`
	Datatype string          `json:"datatype,omitempty"`
	Lang     string          `json:"xml:lang,omitempty"`
	Dir      string          `json:"its:dir,omitempty"`
	Label    string          `json:"label,omitempty"`
	Curie    string          `json:"curie,omitempty"`
}

// NewTerm converts a term. label may be empty.
func NewTerm(t kg.Term, label string) Term {
	quoted := func(s string) json.RawMessage {
		b, err := json.Marshal(s)
		if err != nil { // strings always marshal
			panic(err)
		}
		return b
	}
	switch t.Kind {
	case kg.IRI:
		return Term{Type: "uri", Value: quoted(t.Value), Label: label, Curie: Curie(t.Value)}
	case kg.Blank:
		return Term{Type: "bnode", Value: quoted(t.Value)}
	case kg.Literal:
		out := Term{Type: "literal", Value: quoted(t.Value), Lang: t.Lang, Dir: t.Dir}
		if t.Datatype != kg.XSDString && t.Lang == "" {
			out.Datatype = t.Datatype
		}
		return out
	case kg.Triple:
		v, err := json.Marshal(map[string]Term{
			"subject": NewTerm(t.Spo[0], ""), "predicate": NewTerm(t.Spo[1], ""), "object": NewTerm(t.Spo[2], ""),
		})
		if err != nil {
			panic(err)
		}
		return Term{Type: "triple", Value: v}
	}
	return Term{}
}

// wellKnown are prefixes that need no declaration to be understood.
var wellKnown = []struct{ prefix, iri string }{
	{"rdf", kg.RDF}, {"rdfs", kg.RDFS}, {"xsd", kg.XSD},
	{"owl", "http://www.w3.org/2002/07/owl#"},
	{"skos", "http://www.w3.org/2004/02/skos/core#"},
	{"foaf", "http://xmlns.com/foaf/0.1/"},
	{"dcterms", "http://purl.org/dc/terms/"},
	{"schema", "http://schema.org/"},
	{"wd", "http://www.wikidata.org/entity/"},
	{"wdt", "http://www.wikidata.org/prop/direct/"},
	{"dbr", "http://dbpedia.org/resource/"},
	{"dbo", "http://dbpedia.org/ontology/"},
	{"qb", "http://purl.org/linked-data/cube#"},
}

// Curie shortens an IRI with a well-known prefix, or returns "".
func Curie(iri string) string {
	for _, w := range wellKnown {
		if local, ok := strings.CutPrefix(iri, w.iri); ok && local != "" && !strings.ContainsAny(local, "/#:?()'\",;") {
			return w.prefix + ":" + local
		}
	}
	return ""
}

// describer resolves ids into terms with labels.
type describer struct {
	snap kg.Snapshot
	view *View
}

func (d describer) term(id kg.ID) (Term, error) {
	t, err := d.snap.Term(id)
	if err != nil {
		return Term{}, err
	}
	return NewTerm(t, d.label(id, t)), nil
}

// label is the stated label, else readable words of the IRI.
func (d describer) label(id kg.ID, t kg.Term) string {
	if t.Kind != kg.IRI {
		return ""
	}
	if l := d.view.Text.Label(id); l != "" {
		return l
	}
	return shape.LocalWords(t.Value)
}

// Entity is the page of one entity.
type Entity struct {
	IRI         string       `json:"iri"`
	Label       string       `json:"label"`
	Curie       string       `json:"curie,omitempty"`
	Description string       `json:"description,omitempty"`
	Types       []Term       `json:"types"`
	Labels      []LangString `json:"labels,omitempty"`
	Counts      struct {
		Out int64 `json:"out"`
		In  int64 `json:"in"`
	} `json:"counts"`
	Out     []Edge `json:"out"`
	In      []Edge `json:"in"`
	Version uint64 `json:"-"`
}

// LangString is a label with its language.
type LangString struct {
	Value string `json:"value"`
	Lang  string `json:"lang,omitempty"`
}

// Edge is one predicate of an entity with its first values.
type Edge struct {
	P      Term       `json:"p"`
	Count  int64      `json:"count"`
	Values []Neighbor `json:"values"`
	Next   string     `json:"next,omitempty"` // cursor when there are more
}

// Neighbor is one value: O for outgoing, S for incoming edges.
type Neighbor struct {
	S *Term `json:"s,omitempty"`
	O *Term `json:"o,omitempty"`
	G *Term `json:"g,omitempty"`
}

// descriptions are the predicates whose values describe their subject.
var descriptions = []string{
	"http://www.w3.org/2000/01/rdf-schema#comment",
	"http://purl.org/dc/terms/description",
	"http://schema.org/description",
	"http://www.w3.org/2004/02/skos/core#definition",
}

const valuesPerEdge = 5

// Entity describes an IRI; ErrNotFound if the graph does not mention it.
func (s *Service) Entity(ctx context.Context, iri string) (*Entity, error) {
	var e *Entity
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		d := describer{snap, view}
		id, ok, err := snap.Lookup(parseNode(iri))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: the graph does not mention <%s>", ErrNotFound, iri)
		}
		e = &Entity{IRI: iri, Curie: Curie(iri), Version: snap.Version(), Types: []Term{}}
		if e.Out, e.Counts.Out, err = s.edges(ctx, d, kg.Pattern{S: id}, kg.SPO); err != nil {
			return err
		}
		if e.In, e.Counts.In, err = s.edges(ctx, d, kg.Pattern{O: id}, kg.OPS); err != nil {
			return err
		}
		if e.Counts.Out+e.Counts.In == 0 {
			if st, ok := snap.(kg.StatsProvider); !ok {
				return fmt.Errorf("%w: the graph does not mention <%s>", ErrNotFound, iri)
			} else if _, used := st.PredicateStats(id); !used {
				return fmt.Errorf("%w: the graph does not mention <%s>", ErrNotFound, iri)
			}
		}
		e.Label = d.label(id, parseNode(iri))
		return s.describe(ctx, d, id, e)
	})
	return e, err
}

// parseNode reads the "iri" parameter, which may also be a blank node.
func parseNode(iri string) kg.Term {
	if label, ok := strings.CutPrefix(iri, "_:"); ok {
		return kg.NewBlank(label)
	}
	return kg.NewIRI(iri)
}

// describe fills types, labels and description.
func (s *Service) describe(ctx context.Context, d describer, id kg.ID, e *Entity) error {
	each := func(predicate string, f func(kg.ID, kg.Term)) error {
		p, ok, err := d.snap.Lookup(kg.NewIRI(predicate))
		if err != nil || !ok {
			return err
		}
		c := d.snap.Scan(ctx, kg.Pattern{S: id, P: p}, kg.SPO)
		defer c.Close()
		for c.Next() {
			t, err := d.snap.Term(c.Quad().O)
			if err != nil {
				return err
			}
			f(c.Quad().O, t)
		}
		return c.Err()
	}
	err := each(kg.RDFType, func(o kg.ID, t kg.Term) { e.Types = append(e.Types, NewTerm(t, d.label(o, t))) })
	if err != nil {
		return err
	}
	if err := each(kg.RDFSLabel, func(_ kg.ID, t kg.Term) {
		e.Labels = append(e.Labels, LangString{t.Value, t.Lang})
	}); err != nil {
		return err
	}
	for _, p := range descriptions {
		if err := each(p, func(_ kg.ID, t kg.Term) {
			if e.Description == "" || t.Lang == "en" {
				e.Description = t.Value
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// edges groups the quads of a pattern by predicate. It seeks over the values it
// does not show, so that hubs cost no more than others.
func (s *Service) edges(ctx context.Context, d describer, p kg.Pattern, o kg.Order) ([]Edge, int64, error) {
	list := []Edge{}
	var total int64
	c := d.snap.Scan(ctx, p, o)
	defer c.Close()
	more := c.Next()
	for more {
		pred := c.Quad().P
		pt, err := d.term(pred)
		if err != nil {
			return nil, 0, err
		}
		one := p
		one.P = pred
		e := Edge{P: pt, Count: int64(d.snap.Estimate(one)), Values: []Neighbor{}}
		for more && c.Quad().P == pred && len(e.Values) < valuesPerEdge {
			n, err := d.neighbor(c.Quad(), p)
			if err != nil {
				return nil, 0, err
			}
			e.Values = append(e.Values, n)
			if len(e.Values) == valuesPerEdge {
				e.Next = cursorOf(o, c.Quad())
			}
			more = c.Next()
		}
		if more && c.Quad().P == pred {
			next := p
			next.P = pred + 1
			more = c.Seek(kg.Quad(next))
		} else {
			e.Next = ""
		}
		e.Count = max(e.Count, int64(len(e.Values)))
		total += e.Count
		list = append(list, e)
	}
	return list, total, c.Err()
}

// neighbor converts one quad: the end that the pattern leaves open.
func (d describer) neighbor(q kg.Quad, p kg.Pattern) (Neighbor, error) {
	var n Neighbor
	id := q.O
	if p.S == kg.Any {
		id = q.S
	}
	t, err := d.term(id)
	if err != nil {
		return n, err
	}
	if p.S == kg.Any {
		n.S = &t
	} else {
		n.O = &t
	}
	if q.G != kg.DefaultGraph {
		g, err := d.term(q.G)
		if err != nil {
			return n, err
		}
		n.G = &g
	}
	return n, nil
}

// cursorOf encodes a position in a scan: the free end and the graph.
func cursorOf(o kg.Order, q kg.Quad) string {
	k := o.Key(q)
	return strconv.FormatUint(uint64(k[2]), 36) + "." + strconv.FormatUint(uint64(k[3]), 36)
}

// Page is a page of neighbours.
type Page struct {
	Items []PageItem `json:"items"`
	Count int64      `json:"count"`
	Next  string     `json:"next,omitempty"`
}

// PageItem is one neighbour with its graph.
type PageItem struct {
	Term Term  `json:"term"`
	G    *Term `json:"g,omitempty"`
}

// Neighbours pages through the values of one predicate of an entity, outgoing
// or incoming, from a cursor.
func (s *Service) Neighbours(ctx context.Context, iri, predicate string, incoming bool, cursor string, k int) (*Page, error) {
	page := &Page{Items: []PageItem{}}
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		d := describer{snap, view}
		id, ok1, err := snap.Lookup(parseNode(iri))
		if err != nil {
			return err
		}
		p, ok2, err := snap.Lookup(kg.NewIRI(predicate))
		if err != nil {
			return err
		}
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: no such entity or predicate", ErrNotFound)
		}
		pat, o := kg.Pattern{S: id, P: p}, kg.SPO
		if incoming {
			pat, o = kg.Pattern{O: id, P: p}, kg.OPS
		}
		page.Count = int64(snap.Estimate(pat))
		c := snap.Scan(ctx, pat, o)
		defer c.Close()
		more := false
		if cursor == "" {
			more = c.Next()
		} else {
			at, err := parseCursor(cursor, o, pat)
			if err != nil {
				return err
			}
			more = c.Seek(at)
		}
		for ; more; more = c.Next() {
			if len(page.Items) == k {
				break
			}
			n, err := d.neighbor(c.Quad(), pat)
			if err != nil {
				return err
			}
			t := n.O
			if t == nil {
				t = n.S
			}
			page.Items = append(page.Items, PageItem{*t, n.G})
			page.Next = cursorOf(o, c.Quad())
		}
		if !more {
			page.Next = ""
		}
		return c.Err()
	})
	return page, err
}

// parseCursor returns the quad just after the one the cursor names.
func parseCursor(cursor string, o kg.Order, p kg.Pattern) (kg.Quad, error) {
	a, b, ok := strings.Cut(cursor, ".")
	third, err1 := strconv.ParseUint(a, 36, 64)
	fourth, err2 := strconv.ParseUint(b, 36, 64)
	if !ok || err1 != nil || err2 != nil {
		return kg.Quad{}, NewProblem("bad-parameter", "cursor: use the value of \"next\" as it was given")
	}
	k := o.Key(kg.Quad(p))
	k[2], k[3] = kg.ID(third), kg.ID(fourth+1)
	return o.Quad(k), nil
}
