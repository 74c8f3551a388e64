// Package fact is the typed view of what filings state: facts with company,
// concept, period, dimensions, unit, accuracy, value, document and span, and
// the companies, concepts and fiscal periods they speak of. It writes them as
// statements and reads them from any snapshot; docs/format/facts.md draws
// the statements.
package fact

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Dim is one dimension of a fact. Axis is an IRI (ConceptIRI). Member is an
// IRI, or the value itself if the dimension is typed.
type Dim struct {
	Axis, Member string
	Typed        bool
}

// Fact is one tagged figure or text.
type Fact struct {
	ID      string // IRI: that of its document, "#", the id of the tag
	Graph   string // IRI of the graph that states it: its filing's main document
	Company string // IRI
	Concept string // IRI
	Period  Period
	Dims    []Dim  // sorted by axis
	Unit    string // iso4217:USD, iso4217:USD/xbrli:shares; empty for texts
	// Value is a decimal if Numeric, else text; long texts (note blocks) are
	// cut, and whole at the span.
	Value    string
	Numeric  bool
	Nil      bool   // tagged as having no value
	Decimals string // last accurate place: -6 = millions, INF = exact; empty if not stated
	Scale    int    // power of ten the shown number is in; Value has it applied
	Span     doc.Span
	More     []doc.Span // further pieces of a text that is shown in several
	Row      string     // heading of its table row, or the sentence it stands in
	Column   string     // headings of its table column, outermost first, joined by " | "
	Footnote string
}

// LocalID is the id of the tag in its file.
func (f *Fact) LocalID() string {
	_, id, _ := strings.Cut(f.ID, "#")
	return id
}

// Decimal is the value of a numeric fact, scale and sign applied.
func (f *Fact) Decimal() (xsd.Decimal, error) {
	if !f.Numeric || f.Nil {
		return xsd.Decimal{}, fmt.Errorf("fact %s has no number", f.ID)
	}
	return xsd.ParseDecimal(f.Value)
}

// Key identifies what a fact is about: company, concept, period, dimensions
// and unit. Facts with one key state the same thing, perhaps with another
// accuracy, or restate it in a later filing.
func (f *Fact) Key() string {
	var b strings.Builder
	b.WriteString(f.Company + "\x1f" + f.Concept + "\x1f" + f.Period.String() + "\x1f" + f.Unit)
	for _, d := range f.Dims {
		b.WriteString("\x1f" + d.Axis + "\x1e" + d.Member)
	}
	return b.String()
}

// MaxText is the longest text value, in bytes, that is kept in a statement.
const MaxText = 500

// Quads yields the statements of the fact.
func (f *Fact) Quads(yield func(kg.TermQuad) bool) {
	q := about(f.ID, f.Graph, yield)
	q.iri(kg.RDFType, Class)
	q.iri(PCompany, f.Company)
	q.iri(PConcept, f.Concept)
	q.iri(PPeriod, f.Period.IRI())
	for _, d := range f.Dims {
		if d.Typed {
			q.str(d.Axis, d.Member)
		} else {
			q.iri(d.Axis, d.Member)
		}
	}
	if f.Unit != "" {
		q.iri(PUnit, UnitIRI(f.Unit))
	}
	switch {
	case f.Nil:
		q.typed(PNil, "true", "boolean")
	case f.Numeric:
		q.typed(PValue, f.Value, "decimal")
	default:
		q.str(PValue, f.Value)
	}
	if f.Decimals == "INF" {
		q.str(PDecimals, f.Decimals)
	} else {
		q.typed(PDecimals, f.Decimals, "integer")
	}
	if f.Scale != 0 {
		q.typed(PScale, strconv.Itoa(f.Scale), "integer")
	}
	q.str(PSpan, f.Span.Literal())
	if f.Span.Doc != f.Graph {
		q.iri(PIn, f.Span.Doc)
	}
	for i, m := range f.More {
		q.str(PMore, strconv.Itoa(i+2)+":"+m.Literal())
		if m.Doc != f.Span.Doc {
			q.str(PMore+"In", strconv.Itoa(i+2)+":"+m.Doc)
		}
	}
	q.str(PRow, f.Row)
	q.str(PColumn, f.Column)
	q.str(PFootnote, f.Footnote)
}

// Reader reads facts from a snapshot. It caches terms and is not safe for
// concurrent use.
type Reader struct {
	s     kg.Snapshot
	terms map[kg.ID]kg.Term
	ids   struct{ typ, class, span kg.ID }
}

// Open returns a Reader of a snapshot; it may hold no facts at all.
func Open(s kg.Snapshot) (*Reader, error) {
	r := &Reader{s: s, terms: map[kg.ID]kg.Term{}}
	for iri, id := range map[string]*kg.ID{kg.RDFType: &r.ids.typ, Class: &r.ids.class, PSpan: &r.ids.span} {
		var err error
		if *id, _, err = s.Lookup(kg.NewIRI(iri)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Reader) empty() bool { return r.ids.typ == 0 || r.ids.class == 0 }

// term resolves an id; terms of facts' own nodes are not worth caching.
func (r *Reader) term(id kg.ID) (kg.Term, error) {
	if t, ok := r.terms[id]; ok {
		return t, nil
	}
	t, err := r.s.Term(id)
	if err == nil && !id.Inlined() {
		r.terms[id] = t
	}
	return t, err
}

// Count is the number of facts.
func (r *Reader) Count() int {
	if r.empty() {
		return 0
	}
	return int(r.s.Estimate(kg.Pattern{P: r.ids.typ, O: r.ids.class}))
}

// All yields every fact, document by document. The Fact is the caller's.
func (r *Reader) All(ctx context.Context) iter.Seq2[Fact, error] {
	return func(yield func(Fact, error) bool) {
		if r.empty() {
			return
		}
		graphs, err := r.graphs(ctx)
		for _, g := range graphs {
			if err != nil {
				break
			}
			for f, ferr := range r.inGraph(ctx, g) {
				if !yield(f, ferr) || ferr != nil {
					return
				}
			}
		}
		if err != nil {
			yield(Fact{}, err)
		}
	}
}

// InGraph yields the facts that a filing states; graph is the IRI of its main
// document.
func (r *Reader) InGraph(ctx context.Context, graph string) iter.Seq2[Fact, error] {
	g, ok, err := r.s.Lookup(kg.NewIRI(graph))
	if err != nil {
		return func(yield func(Fact, error) bool) { yield(Fact{}, err) }
	}
	if !ok || r.empty() {
		return func(func(Fact, error) bool) {}
	}
	return r.inGraph(ctx, g)
}

// graphs are the graphs that hold facts.
func (r *Reader) graphs(ctx context.Context) ([]kg.ID, error) {
	class, ok, err := r.s.Lookup(kg.NewIRI(doc.Class))
	if err != nil || !ok {
		return nil, err
	}
	c := r.s.Scan(ctx, kg.Pattern{P: r.ids.typ, O: class}, kg.POS)
	defer c.Close()
	var list []kg.ID
	for c.Next() {
		if q := c.Quad(); q.S == q.G {
			list = append(list, q.G)
		}
	}
	return list, c.Err()
}

// inGraph walks a graph subject by subject and reads those that are facts.
func (r *Reader) inGraph(ctx context.Context, g kg.ID) iter.Seq2[Fact, error] {
	return func(yield func(Fact, error) bool) {
		c := r.s.Scan(ctx, kg.Pattern{G: g}, kg.GSPO)
		defer c.Close()
		batch := make([]kg.Quad, 512)
		var group []kg.Quad
		emit := func() bool {
			f, ok, err := r.read(group)
			group = group[:0]
			if err != nil {
				yield(Fact{}, err)
				return false
			}
			return !ok || yield(f, nil)
		}
		for {
			n := kg.NextBatch(c, batch)
			if n == 0 {
				break
			}
			for _, q := range batch[:n] {
				if len(group) > 0 && group[0].S != q.S && !emit() {
					return
				}
				group = append(group, q)
			}
		}
		if err := c.Err(); err != nil {
			yield(Fact{}, err)
			return
		}
		if len(group) > 0 {
			emit()
		}
	}
}

// Get returns one fact.
func (r *Reader) Get(ctx context.Context, iri string) (Fact, error) {
	id, ok, err := r.s.Lookup(kg.NewIRI(iri))
	if err != nil {
		return Fact{}, err
	}
	if ok {
		c := r.s.Scan(ctx, kg.Pattern{S: id}, kg.SPO)
		defer c.Close()
		var group []kg.Quad
		for c.Next() {
			if q := c.Quad(); len(group) == 0 || q.G == group[0].G {
				group = append(group, q)
			}
		}
		if c.Err() != nil {
			return Fact{}, c.Err()
		}
		f, ok, err := r.read(group)
		if err != nil || ok {
			return f, err
		}
	}
	return Fact{}, fmt.Errorf("no such fact: %s", iri)
}

// With yields the facts that have a value of a property, such as PCompany or
// PConcept.
func (r *Reader) With(ctx context.Context, property, value string) iter.Seq2[Fact, error] {
	return func(yield func(Fact, error) bool) {
		p, ok, err := r.s.Lookup(kg.NewIRI(property))
		o, ok2, err2 := r.s.Lookup(kg.NewIRI(value))
		if err = cmp.Or(err, err2); err != nil {
			yield(Fact{}, err)
			return
		}
		if !ok || !ok2 || r.empty() {
			return
		}
		c := r.s.Scan(ctx, kg.Pattern{P: p, O: o}, kg.POS)
		defer c.Close()
		for c.Next() {
			q := c.Quad()
			group, err := r.quads(ctx, q.S, q.G)
			if err != nil {
				yield(Fact{}, err)
				return
			}
			f, ok, err := r.read(group)
			if err != nil || ok && !yield(f, nil) {
				if err != nil {
					yield(Fact{}, err)
				}
				return
			}
		}
		if err := c.Err(); err != nil {
			yield(Fact{}, err)
		}
	}
}

func (r *Reader) quads(ctx context.Context, s, g kg.ID) ([]kg.Quad, error) {
	c := r.s.Scan(ctx, kg.Pattern{S: s, G: g}, kg.SPO)
	defer c.Close()
	var group []kg.Quad
	for c.Next() {
		group = append(group, c.Quad())
	}
	return group, c.Err()
}

// read makes a fact of the statements about one subject in one graph; ok is
// false if it is none.
func (r *Reader) read(group []kg.Quad) (f Fact, ok bool, err error) {
	if !slices.ContainsFunc(group, func(q kg.Quad) bool { return q.P == r.ids.typ && q.O == r.ids.class }) {
		return f, false, nil
	}
	id, err := r.s.Term(group[0].S)
	if err != nil {
		return f, false, err
	}
	graph, err := r.term(group[0].G)
	if err != nil {
		return f, false, err
	}
	f.ID, f.Graph = id.Value, graph.Value
	in, span := f.Graph, ""
	var more, moreIn []string
	for _, q := range group {
		p, err := r.term(q.P)
		if err != nil {
			return f, false, err
		}
		var o kg.Term
		if q.P == r.ids.span {
			o, err = r.s.Term(q.O)
		} else {
			o, err = r.term(q.O)
		}
		if err != nil {
			return f, false, err
		}
		switch p.Value {
		case kg.RDFType:
		case PCompany:
			f.Company = o.Value
		case PConcept:
			f.Concept = o.Value
		case PPeriod:
			f.Period, _ = PeriodOf(o.Value)
		case PUnit:
			f.Unit, _ = Unit(o.Value)
		case PValue:
			f.Value, f.Numeric = o.Value, o.Datatype == kg.XSD+"decimal"
		case PNil:
			f.Nil = true
		case PDecimals:
			f.Decimals = o.Value
		case PScale:
			f.Scale, _ = strconv.Atoi(o.Value)
		case PSpan:
			span = o.Value
		case PIn:
			in = o.Value
		case PMore:
			more = append(more, o.Value)
		case PMore + "In":
			moreIn = append(moreIn, o.Value)
		case PRow:
			f.Row = o.Value
		case PColumn:
			f.Column = o.Value
		case PFootnote:
			f.Footnote = o.Value
		default:
			if IsConcept(p.Value) {
				f.Dims = append(f.Dims, Dim{p.Value, o.Value, o.Kind == kg.Literal})
			}
		}
	}
	f.Numeric = f.Numeric || f.Nil && f.Unit != ""
	slices.SortFunc(f.Dims, func(a, b Dim) int { return cmp.Compare(a.Axis, b.Axis) })
	if f.Span, err = doc.ParseSpan(in, span); err != nil {
		return f, false, err
	}
	err = f.further(more, moreIn)
	return f, err == nil, err
}

// further reads the spans after the first: "2:SPAN", "3:SPAN" ..., and their
// documents where those differ from the first's.
func (f *Fact) further(more, in []string) error {
	docs := map[string]string{}
	for _, s := range in {
		n, d, _ := strings.Cut(s, ":")
		docs[n] = d
	}
	slices.SortFunc(more, func(a, b string) int {
		x, _, _ := strings.Cut(a, ":")
		y, _, _ := strings.Cut(b, ":")
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	for _, m := range more {
		n, lit, _ := strings.Cut(m, ":")
		s, err := doc.ParseSpan(cmp.Or(docs[n], f.Span.Doc), lit)
		if err != nil {
			return err
		}
		f.More = append(f.More, s)
	}
	return nil
}
