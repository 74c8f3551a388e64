package fact

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

// quads builds the statements about one subject in one graph.
type quads struct {
	s, g  kg.Term
	yield func(kg.TermQuad) bool
	off   bool
}

func about(subject, graph string, yield func(kg.TermQuad) bool) *quads {
	return &quads{s: kg.NewIRI(subject), g: kg.NewIRI(graph), yield: yield}
}

func (q *quads) term(p string, o kg.Term) {
	if !q.off && o.Value != "" {
		q.off = !q.yield(kg.TermQuad{S: q.s, P: kg.NewIRI(p), O: o, G: q.g})
	}
}

func (q *quads) iri(p, v string)        { q.term(p, kg.NewIRI(v)) }
func (q *quads) str(p, v string)        { q.term(p, kg.NewString(v)) }
func (q *quads) typed(p, v, typ string) { q.term(p, kg.NewTyped(v, kg.XSD+typ)) }

// Company is a filer. Graph is where it is described; several filings may
// describe one company.
type Company struct {
	IRI          string
	Graph        string
	CIK          string // ten digits
	Name         string // as in its newest filing
	Aliases      []string
	Tickers      []string
	City, State  string // of its headquarters
	Incorporated string
	Auditors     []string
	SIC, Sector  string
}

// Quads yields the statements that describe the company in its Graph.
func (c *Company) Quads(yield func(kg.TermQuad) bool) {
	q := about(c.IRI, c.Graph, yield)
	q.iri(kg.RDFType, CompanyClass)
	q.str(kg.RDFSLabel, c.Name)
	q.str(PCIK, c.CIK)
	for _, a := range c.Aliases {
		q.str(PAlias, a)
	}
	for _, t := range c.Tickers {
		q.str(PTicker, t)
	}
	q.str(PCity, c.City)
	q.str(PState, c.State)
	q.str(PIncorp, c.Incorporated)
	for _, a := range c.Auditors {
		q.str(PAuditor, a)
	}
	q.str(PSIC, c.SIC)
	q.str(PSector, c.Sector)
}

// Concept is what a fact measures, an axis, or a member of one.
type Concept struct {
	IRI    string
	Graph  string
	Name   string   // with the filings' prefix: us-gaap:Revenues
	Label  string   // standard label
	Labels []string // further wordings: of linkbases, of rows of tables
	// Totals are the concepts it is a summand of.
	Totals []string
}

// Quads yields the statements that describe the concept in its Graph.
func (c *Concept) Quads(yield func(kg.TermQuad) bool) {
	q := about(c.IRI, c.Graph, yield)
	q.iri(kg.RDFType, ConceptClass)
	q.str(PPrefixed, c.Name)
	q.str(kg.RDFSLabel, c.Label)
	for _, l := range c.Labels {
		q.str(PLabel, l)
	}
	for _, t := range c.Totals {
		q.iri(PSummandOf, t)
	}
}

// FiscalPeriod is a year or quarter as a company names it, read from its own
// filings: NVIDIA's fiscal 2024 ended on 2024-01-28. Companies with years of 52
// or 53 weeks have ends that move.
type FiscalPeriod struct {
	IRI     string
	Graph   string // the filing that names it so
	Company string
	Year    int
	Part    string // FY, Q1 to Q4
	Period  Period
}

// FiscalIRI is the IRI of a company's fiscal period.
func FiscalIRI(company string, year int, part string) string {
	return strings.Replace(company, CompanyBase, "urn:quaestor:fiscal:", 1) + "/" + strconv.Itoa(year) + "/" + part
}

// Quads yields the statements that describe the fiscal period.
func (f *FiscalPeriod) Quads(yield func(kg.TermQuad) bool) {
	q := about(f.IRI, f.Graph, yield)
	q.iri(kg.RDFType, FiscalClass)
	q.iri(PCompany, f.Company)
	q.typed(PFiscalYear, strconv.Itoa(f.Year), "integer")
	q.str(PFiscalPart, f.Part)
	q.typed(PStart, f.Period.Start, "date")
	q.typed(PEnd, f.Period.End, "date")
}

// Statement is what a rule read in the text of a document: the relation
// itself stands in the graph too, and this tells where it was read and how far
// to trust it.
type Statement struct {
	IRI        string
	Graph      string
	Subject    string // IRI
	Relation   string // IRI
	Object     string // IRI
	Confidence float64
	Rule       string
	Span       doc.Span
}

// Quads yields the statement, its relation included.
func (t *Statement) Quads(yield func(kg.TermQuad) bool) {
	q := about(t.Subject, t.Graph, yield)
	q.iri(t.Relation, t.Object)
	if q.off {
		return
	}
	q = about(t.IRI, t.Graph, yield)
	q.iri(kg.RDFType, StatementClass)
	q.iri(PSubject, t.Subject)
	q.iri(PRelation, t.Relation)
	q.iri(PObject, t.Object)
	q.typed(PConfidence, strconv.FormatFloat(t.Confidence, 'f', -1, 64), "decimal")
	q.str(PRule, t.Rule)
	q.str(PSpan, t.Span.Literal())
	if t.Span.Doc != t.Graph {
		q.iri(PIn, t.Span.Doc)
	}
}

// Period is described by its ends, for queries; its IRI says the same.
func (p Period) Quads(graph string) iter.Seq[kg.TermQuad] {
	return func(yield func(kg.TermQuad) bool) {
		q := about(p.IRI(), graph, yield)
		q.typed(PStart, p.Start, "date")
		q.typed(PEnd, p.End, "date")
	}
}

// node is a subject with the values of its properties.
type node map[string][]kg.Term

func (n node) one(p string) string {
	if v := n[p]; len(v) > 0 {
		return v[0].Value
	}
	return ""
}

func (n node) all(p string) []string {
	var list []string
	for _, t := range n[p] {
		list = append(list, t.Value)
	}
	return list
}

// ofClass yields the subjects of a class in each graph that states it.
func ofClass(ctx context.Context, s kg.Snapshot, class string, each func(iri, graph string, n node)) error {
	t, ok, err := s.Lookup(kg.NewIRI(kg.RDFType))
	if err != nil || !ok {
		return err
	}
	o, ok, err := s.Lookup(kg.NewIRI(class))
	if err != nil || !ok {
		return err
	}
	c := s.Scan(ctx, kg.Pattern{P: t, O: o}, kg.POS)
	defer c.Close()
	for c.Next() {
		at := c.Quad()
		n := node{}
		d := s.Scan(ctx, kg.Pattern{S: at.S, G: at.G}, kg.SPO)
		for d.Next() {
			var po [2]kg.Term
			if err := kg.Terms(s, []kg.ID{d.Quad().P, d.Quad().O}, po[:]); err != nil {
				d.Close()
				return err
			}
			n[po[0].Value] = append(n[po[0].Value], po[1])
		}
		d.Close()
		if err := d.Err(); err != nil {
			return err
		}
		var sg [2]kg.Term
		if err := kg.Terms(s, []kg.ID{at.S, at.G}, sg[:]); err != nil {
			return err
		}
		each(sg[0].Value, sg[1].Value, n)
	}
	return c.Err()
}

// Companies returns the companies of a snapshot, one entry for each, merged
// over the filings that describe it. Graph and single values are those of the
// last graph in order; Auditors and Aliases are of all.
func Companies(ctx context.Context, s kg.Snapshot) ([]Company, error) {
	byIRI := map[string]*Company{}
	err := ofClass(ctx, s, CompanyClass, func(iri, graph string, n node) {
		c := byIRI[iri]
		if c == nil {
			c = &Company{IRI: iri}
			byIRI[iri] = c
		}
		c.Graph = graph
		c.CIK = cmp.Or(n.one(PCIK), c.CIK)
		c.Name = cmp.Or(n.one(kg.RDFSLabel), c.Name)
		c.City = cmp.Or(n.one(PCity), c.City)
		c.State = cmp.Or(n.one(PState), c.State)
		c.Incorporated = cmp.Or(n.one(PIncorp), c.Incorporated)
		c.SIC = cmp.Or(n.one(PSIC), c.SIC)
		c.Sector = cmp.Or(n.one(PSector), c.Sector)
		c.Aliases = union(c.Aliases, append(n.all(PAlias), n.all(kg.RDFSLabel)...))
		c.Tickers = union(c.Tickers, n.all(PTicker))
		c.Auditors = union(c.Auditors, n.all(PAuditor))
	})
	return sorted(byIRI, func(c *Company) string { return c.IRI }), err
}

// Concepts returns the concepts of a snapshot, merged over filings.
func Concepts(ctx context.Context, s kg.Snapshot) ([]Concept, error) {
	byIRI := map[string]*Concept{}
	err := ofClass(ctx, s, ConceptClass, func(iri, graph string, n node) {
		c := byIRI[iri]
		if c == nil {
			c = &Concept{IRI: iri}
			byIRI[iri] = c
		}
		c.Graph = graph
		c.Name = cmp.Or(n.one(PPrefixed), c.Name)
		c.Label = cmp.Or(c.Label, n.one(kg.RDFSLabel))
		c.Labels = union(c.Labels, append(n.all(PLabel), n.all(kg.RDFSLabel)...))
		c.Totals = union(c.Totals, n.all(PSummandOf))
	})
	return sorted(byIRI, func(c *Concept) string { return c.IRI }), err
}

// FiscalPeriods returns what companies call their years and quarters. If two
// filings disagree, both are returned.
func FiscalPeriods(ctx context.Context, s kg.Snapshot) ([]FiscalPeriod, error) {
	var list []FiscalPeriod
	err := ofClass(ctx, s, FiscalClass, func(iri, graph string, n node) {
		f := FiscalPeriod{IRI: iri, Graph: graph, Company: n.one(PCompany), Part: n.one(PFiscalPart), Period: Period{n.one(PStart), n.one(PEnd)}}
		f.Year, _ = strconv.Atoi(n.one(PFiscalYear))
		list = append(list, f)
	})
	slices.SortFunc(list, func(a, b FiscalPeriod) int { return cmp.Or(cmp.Compare(a.IRI, b.IRI), cmp.Compare(a.Graph, b.Graph)) })
	return list, err
}

// Statements returns what rules read in the texts.
func Statements(ctx context.Context, s kg.Snapshot) ([]Statement, error) {
	var list []Statement
	var bad error
	err := ofClass(ctx, s, StatementClass, func(iri, graph string, n node) {
		t := Statement{IRI: iri, Graph: graph, Subject: n.one(PSubject), Relation: n.one(PRelation), Object: n.one(PObject), Rule: n.one(PRule)}
		t.Confidence, _ = strconv.ParseFloat(n.one(PConfidence), 64)
		var err error
		if t.Span, err = doc.ParseSpan(cmp.Or(n.one(PIn), graph), n.one(PSpan)); err != nil {
			bad = err
		}
		list = append(list, t)
	})
	slices.SortFunc(list, func(a, b Statement) int { return cmp.Compare(a.IRI, b.IRI) })
	return list, cmp.Or(err, bad)
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

func sorted[T any](m map[string]*T, key func(*T) string) []T {
	list := make([]T, 0, len(m))
	for _, v := range m {
		list = append(list, *v)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	return list
}
