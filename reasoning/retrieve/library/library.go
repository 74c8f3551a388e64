// Package library is what a question about filings needs to know of a
// snapshot: which companies there are and what people call them, how each names
// its fiscal years, which filings there are and which facts they state. The
// catalogue is read at once; facts and trees of a filing are read when a
// question first needs them and kept for later ones.
package library

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Library is the catalogue of one snapshot. It is safe for concurrent use.
type Library struct {
	*shelves
	src Source
}

// shelves are what libraries of one version share.
type shelves struct {
	Companies []*Company // in order of IRI
	Filings   []*Filing  // oldest period first
	Concepts  map[string]*Concept

	byCompany map[string]*Company
	byGraph   map[string]*Filing
	names     nameIndex
}

// Same reports whether two libraries are of one version of a store.
func (l *Library) Same(o *Library) bool { return l.shelves == o.shelves }

// Source reads what a library does not keep.
type Source interface {
	// Facts reads the facts that a graph states.
	Facts(ctx context.Context, graph string) ([]fact.Fact, error)
	// Tree reads the text of a document.
	Tree(d doc.Document) (*doc.Tree, error)
}

// Company is a filer with its filings and calendar.
type Company struct {
	fact.Company
	Filings  []*Filing // oldest period first
	Calendar Calendar
}

// Short is the company's name without its legal form, as people write it.
func (c *Company) Short() string { return short(c.Name) }

// Concept is a concept with all its wordings.
type Concept struct {
	fact.Concept
	Words []string // its wordings, the best first, without repetition
	Names int      // how many of them are its own names, not rows of filings
}

// Filing is a main document and the facts that its graph states.
type Filing struct {
	doc.Document
	Company *Company // nil if not known

	mu    sync.Mutex
	facts *Facts
	text  *doc.Tree
}

// Facts are the facts of a filing, grouped by concept.
type Facts struct {
	All       []fact.Fact
	ByConcept map[string][]int32 // indexes into All
}

// Facts returns a filing's facts; the first call reads them.
func (l *Library) Facts(ctx context.Context, f *Filing) (*Facts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.facts != nil {
		return f.facts, nil
	}
	all, err := l.src.Facts(ctx, f.Graph)
	if err != nil {
		return nil, err
	}
	x := &Facts{All: all, ByConcept: map[string][]int32{}}
	for i := range all {
		x.ByConcept[all[i].Concept] = append(x.ByConcept[all[i].Concept], int32(i))
	}
	f.facts = x
	return x, nil
}

// Tree returns the text of a filing's main document; the first call reads it.
func (l *Library) Tree(f *Filing) (*doc.Tree, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text != nil {
		return f.text, nil
	}
	t, err := l.src.Tree(f.Document)
	if err == nil {
		f.text = t
	}
	return t, err
}

// Annual reports whether the filing is a report on a whole year.
func (f *Filing) Annual() bool { return f.FiscalPart == "FY" || f.FiscalPart == "" }

// Catalogue is what a Library is made of.
type Catalogue struct {
	Companies []fact.Company
	Documents []doc.Document
	Fiscal    []fact.FiscalPeriod
	Concepts  []fact.Concept
}

// New returns the library of a catalogue.
func New(c Catalogue, src Source) *Library { return &Library{build(c, nil), src} }

// build takes filings that have not changed from an older library.
func build(c Catalogue, old *shelves) *shelves {
	l := &shelves{Concepts: map[string]*Concept{}, byCompany: map[string]*Company{}, byGraph: map[string]*Filing{}}
	for _, co := range c.Companies {
		x := &Company{Company: co}
		l.Companies = append(l.Companies, x)
		l.byCompany[co.IRI] = x
	}
	for _, d := range c.Documents {
		if !d.Main() {
			continue
		}
		f := &Filing{Document: d, Company: l.byCompany[d.Company]}
		if old != nil {
			if o := old.byGraph[d.Graph]; o != nil && o.Document == d {
				o.mu.Lock()
				f.facts, f.text = o.facts, o.text
				o.mu.Unlock()
			}
		}
		l.Filings = append(l.Filings, f)
		l.byGraph[d.Graph] = f
	}
	slices.SortStableFunc(l.Filings, func(a, b *Filing) int {
		return cmp.Or(cmp.Compare(a.PeriodEnd, b.PeriodEnd), cmp.Compare(a.Filed, b.Filed), cmp.Compare(a.Accession, b.Accession), cmp.Compare(a.ID, b.ID))
	})
	for _, f := range l.Filings {
		if f.Company != nil {
			f.Company.Filings = append(f.Company.Filings, f)
		}
	}
	for _, p := range c.Fiscal {
		if co := l.byCompany[p.Company]; co != nil {
			co.Calendar.add(p)
		}
	}
	for _, co := range l.Companies {
		for _, f := range co.Filings {
			if f.FiscalYear != 0 && f.PeriodEnd != "" {
				co.Calendar.add(fact.FiscalPeriod{Year: f.FiscalYear, Part: cmp.Or(f.FiscalPart, "FY"), Period: fact.Period{End: f.PeriodEnd}})
			}
		}
	}
	for _, k := range c.Concepts {
		l.Concepts[k.IRI] = newConcept(k)
	}
	l.names.build(l.Companies)
	return l
}

// newConcept lists what a concept is called: its standard label, its name
// split at capitals (fact.LabelOf), and what filings call it.
func newConcept(k fact.Concept) *Concept {
	c := &Concept{Concept: k}
	add := func(s string) {
		if s != "" && !slices.ContainsFunc(c.Words, func(o string) bool { return strings.EqualFold(o, s) }) {
			c.Words = append(c.Words, s)
		}
	}
	add(k.Label)
	if space, local, ok := fact.Name(k.IRI); ok {
		if space == "country" {
			add(country(local))
		}
		add(fact.LabelOf(local))
	}
	if len(c.Words) == 0 {
		add(k.IRI)
	}
	c.Names = len(c.Words)
	for _, s := range k.Labels {
		add(s)
	}
	return c
}

// country is the English name of a country's code.
func country(code string) string {
	r, err := language.ParseRegion(code)
	if err != nil {
		return ""
	}
	return display.English.Regions().Name(r)
}

// Concept returns a concept, described by its name alone if nothing more is
// known of it.
func (l *shelves) Concept(iri string) *Concept {
	if c := l.Concepts[iri]; c != nil {
		return c
	}
	k := fact.Concept{IRI: iri}
	return newConcept(k)
}

// Title is what a concept is called in an answer.
func (c *Concept) Title() string { return c.Words[0] }

// Filing returns the filing whose main document has the IRI; nil if none.
func (l *shelves) Filing(graph string) *Filing { return l.byGraph[graph] }

// Company returns a company by its IRI; nil if there is none.
func (l *shelves) Company(iri string) *Company { return l.byCompany[iri] }

// Keeper makes libraries of snapshots and keeps what they read, so that
// filings are read once. It is safe for concurrent use.
type Keeper struct {
	mu      sync.Mutex
	version uint64
	kept    *shelves
}

// Library returns the library of a snapshot of one store. Filings that an
// older snapshot had read and that did not change are not read again. The
// library may be used until the snapshot is closed.
func (k *Keeper) Library(ctx context.Context, s kg.Snapshot) (*Library, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || k.version != s.Version() {
		c, err := read(ctx, s)
		if err != nil {
			return nil, err
		}
		k.kept, k.version = build(c, k.kept), s.Version()
	}
	return &Library{k.kept, snapshot{s}}, nil
}

// read makes a catalogue of a snapshot.
func read(ctx context.Context, s kg.Snapshot) (c Catalogue, err error) {
	if c.Documents, err = doc.List(ctx, s); err != nil || len(c.Documents) == 0 {
		return c, err
	}
	if c.Companies, err = fact.Companies(ctx, s); err != nil {
		return c, err
	}
	if c.Fiscal, err = fact.FiscalPeriods(ctx, s); err != nil {
		return c, err
	}
	c.Concepts, err = fact.Concepts(ctx, s)
	return c, err
}

// snapshot is the Source of a snapshot.
type snapshot struct{ kg.Snapshot }

func (s snapshot) Facts(ctx context.Context, graph string) ([]fact.Fact, error) {
	r, err := fact.Open(s.Snapshot)
	if err != nil {
		return nil, err
	}
	var list []fact.Fact
	for f, err := range r.InGraph(ctx, graph) {
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (s snapshot) Tree(d doc.Document) (*doc.Tree, error) { return d.OpenTree(s.Snapshot) }
