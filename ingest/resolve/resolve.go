// Package resolve ties names to the companies they mean: by number at the SEC,
// by ticker, by name in its variants. A tie is an owl:sameAs in a graph of its
// own with the evidence beside it, so it can be looked at and undone; names
// that fit several companies, and words that name nobody ("a supplier"), are
// never tied.
package resolve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Graph holds the ties.
const Graph = "urn:quaestor:resolved"

// Properties of the evidence of a tie.
const (
	pLeft     = fact.PSubject
	pRight    = fact.PObject
	pEvidence = fact.NS + "evidence"
	Class     = fact.NS + "Tie"
)

// forms are endings that say in which legal form a company is; they do not
// tell companies apart unless both sides have one.
var forms = map[string]string{
	"inc": "corp", "incorporated": "corp", "corp": "corp", "corporation": "corp", "co": "corp", "company": "corp", "companies": "corp", "cos": "corp",
	"ltd": "ltd", "limited": "ltd", "plc": "ltd", "llc": "llc", "llp": "llp", "lp": "lp", "partnership": "lp", "ag": "ag", "sa": "sa", "nv": "nv", "bv": "bv", "gmbh": "gmbh", "ab": "ab", "oyj": "oyj", "spa": "spa", "kk": "kk", "pty": "pty", "se": "se",
}

// generic are words that name a role, not a company.
var generic = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`supplier suppliers subsidiary subsidiaries customer customers vendor vendors competitor competitors distributor distributors partner partners contractor contractors client clients
		borrower borrowers lender lenders manufacturer manufacturers retailer retailers company companies management board shareholder shareholders stockholder stockholders employee employees affiliate affiliates party parties
		registrant bank banks investor investors licensee licensees licensor licensors insurer insurers tenant landlord counterparty counterparties we us our third`) {
		generic[w] = true
	}
}

// Name is a company's name taken apart.
type Name struct {
	Core string // words that tell it, in lower case
	Form string // legal form, "" if none
}

// Parse takes a name apart. ok is false for words that name nobody.
func Parse(s string) (n Name, ok bool) {
	s = strings.ReplaceAll(strings.ToLower(s), "&", " and ")
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	if before, state, found := strings.Cut(s, "/"); found && len(strings.Trim(state, "/ ")) <= 3 {
		s = before // CORP /DE/
	}
	s = strings.NewReplacer(".", "", "'", "", "’", "").Replace(s)
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) > 1 && words[0] == "the" {
		words = words[1:]
	}
	for len(words) > 1 {
		f, isForm := forms[words[len(words)-1]]
		if !isForm && words[len(words)-1] != "the" && words[len(words)-1] != "and" {
			break
		}
		if isForm && n.Form == "" {
			n.Form = f
		}
		words = words[:len(words)-1]
	}
	all := true
	for _, w := range words {
		all = all && (generic[w] || w == "a" || w == "an" || w == "the" || w == "of" || w == "its" || w == "party")
	}
	n.Core = strings.Join(words, " ")
	return n, n.Core != "" && !all
}

// Fits reports whether two names can mean one company: the same words, and no
// contradiction of legal forms.
func (n Name) Fits(m Name) bool {
	return n.Core == m.Core && (n.Form == "" || m.Form == "" || n.Form == m.Form)
}

// Resolver knows companies by their names, tickers and numbers.
type Resolver struct {
	byName   map[string][]entry // core -> companies
	byTicker map[string][]string
	byCIK    map[string]string
}

type entry struct {
	iri  string
	name Name
	as   string // as written
}

// New makes a Resolver of companies.
func New(companies []fact.Company) *Resolver {
	r := &Resolver{byName: map[string][]entry{}, byTicker: map[string][]string{}, byCIK: map[string]string{}}
	for _, c := range companies {
		for _, s := range append([]string{c.Name}, c.Aliases...) {
			if n, ok := Parse(s); ok && !slices.ContainsFunc(r.byName[n.Core], func(e entry) bool { return e.iri == c.IRI && e.name == n }) {
				r.byName[n.Core] = append(r.byName[n.Core], entry{c.IRI, n, s})
			}
		}
		for _, t := range c.Tickers {
			if t = strings.ToUpper(t); !slices.Contains(r.byTicker[t], c.IRI) {
				r.byTicker[t] = append(r.byTicker[t], c.IRI)
			}
		}
		if c.CIK != "" {
			r.byCIK[strings.TrimLeft(c.CIK, "0")] = c.IRI
		}
	}
	return r
}

// Match is a company that a name means.
type Match struct {
	IRI        string
	Confidence float64
	Evidence   string
}

// Name finds the company that a name means; ok is false if there is none, or
// more than one.
func (r *Resolver) Name(s string) (Match, bool) {
	n, ok := Parse(s)
	if !ok {
		return Match{}, false
	}
	var found []entry
	for _, e := range r.byName[n.Core] {
		if n.Fits(e.name) && !slices.ContainsFunc(found, func(x entry) bool { return x.iri == e.iri }) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return Match{}, false
	}
	conf := 0.9
	if n == found[0].name {
		conf = 0.97
	}
	if !strings.Contains(n.Core, " ") && len(n.Core) < 4 {
		conf = 0.6
	}
	return Match{found[0].iri, conf, fmt.Sprintf("the name %q is a form of %q", s, found[0].as)}, true
}

// Ticker finds the company of a ticker.
func (r *Resolver) Ticker(s string) (Match, bool) {
	l := r.byTicker[strings.ToUpper(strings.TrimSpace(s))]
	if len(l) != 1 {
		return Match{}, false
	}
	return Match{l[0], 0.95, fmt.Sprintf("the ticker %s", strings.ToUpper(s))}, true
}

// CIK finds the company of a number at the SEC.
func (r *Resolver) CIK(s string) (Match, bool) {
	iri, ok := r.byCIK[strings.TrimLeft(strings.TrimSpace(s), "0")]
	return Match{iri, 1, "the number " + s + " at the SEC"}, ok
}

// Tie says that two IRIs are one company.
type Tie struct {
	Left, Right string
	Confidence  float64
	Evidence    string
}

// IRI names the tie itself.
func (t *Tie) IRI() string { return Graph + ":" + fact.Slug(t.Left) + "--" + fact.Slug(t.Right) }

// Quads yields the tie with its evidence.
func (t *Tie) Quads(yield func(kg.TermQuad) bool) {
	g := kg.NewIRI(Graph)
	on := true
	add := func(s, p string, o kg.Term) {
		on = on && yield(kg.TermQuad{S: kg.NewIRI(s), P: kg.NewIRI(p), O: o, G: g})
	}
	add(t.Left, fact.OWLSameAs, kg.NewIRI(t.Right))
	add(t.IRI(), kg.RDFType, kg.NewIRI(Class))
	add(t.IRI(), pLeft, kg.NewIRI(t.Left))
	add(t.IRI(), pRight, kg.NewIRI(t.Right))
	add(t.IRI(), fact.PConfidence, kg.NewTyped(strconv.FormatFloat(t.Confidence, 'f', -1, 64), kg.XSD+"decimal"))
	add(t.IRI(), pEvidence, kg.NewString(t.Evidence))
}

// Report is what a run of Run did.
type Report struct {
	Mentions int `json:"mentions"` // named ones
	Tied     int `json:"tied"`
	New      int `json:"new"`
	Removed  int `json:"removed"` // whose reason is gone
}

// mentionTypes are the types whose names may be companies.
var mentionTypes = []string{"ORG", "COMP"}

// Run ties the named mentions of a store to the companies of its filings, and
// drops ties whose mention or company is gone. Ties that somebody removed by
// marking them as rejected (fin:rejected true) are not made again.
func Run(ctx context.Context, st kg.Store) (Report, error) {
	var rep Report
	err := st.Update(ctx, func(tx kg.Tx) error {
		rep = Report{}
		companies, err := fact.Companies(ctx, tx)
		if err != nil {
			return err
		}
		r := New(companies)
		want := map[string]Tie{}
		rejected, err := subjects(ctx, tx, fact.NS+"rejected")
		if err != nil {
			return err
		}
		for _, typ := range mentionTypes {
			err := labelled(ctx, tx, fact.TypeIRI(typ), func(iri, label string) {
				if strings.HasPrefix(iri, fact.CompanyBase) {
					return
				}
				rep.Mentions++
				m, ok := r.Name(label)
				if !ok {
					m, ok = r.Ticker(label)
				}
				if !ok || m.IRI == iri {
					return
				}
				t := Tie{iri, m.IRI, m.Confidence, m.Evidence}
				if !rejected[t.IRI()] {
					want[t.IRI()] = t
				}
			})
			if err != nil {
				return err
			}
		}
		rep.Tied = len(want)
		rep.New, rep.Removed, err = replace(ctx, tx, want, rejected)
		return err
	})
	return rep, err
}

// labelled yields the things of a class with their labels.
func labelled(ctx context.Context, s kg.Snapshot, class string, each func(iri, label string)) error {
	ids, err := lookup(s, kg.RDFType, class, kg.RDFSLabel)
	if err != nil || ids == nil {
		return err
	}
	c := s.Scan(ctx, kg.Pattern{P: ids[0], O: ids[1]}, kg.POS)
	defer c.Close()
	for c.Next() {
		q := c.Quad()
		d := s.Scan(ctx, kg.Pattern{S: q.S, P: ids[2], G: q.G}, kg.SPO)
		for d.Next() {
			var ts [2]kg.Term
			if err := kg.Terms(s, []kg.ID{q.S, d.Quad().O}, ts[:]); err != nil {
				d.Close()
				return err
			}
			each(ts[0].Value, ts[1].Value)
		}
		d.Close()
		if err := d.Err(); err != nil {
			return err
		}
	}
	return c.Err()
}

func lookup(s kg.Snapshot, iris ...string) ([]kg.ID, error) {
	ids := make([]kg.ID, len(iris))
	for i, iri := range iris {
		id, ok, err := s.Lookup(kg.NewIRI(iri))
		if err != nil || !ok {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

func subjects(ctx context.Context, s kg.Snapshot, property string) (map[string]bool, error) {
	m := map[string]bool{}
	ids, err := lookup(s, property)
	if err != nil || ids == nil {
		return m, err
	}
	c := s.Scan(ctx, kg.Pattern{P: ids[0]}, kg.PSO)
	defer c.Close()
	for c.Next() {
		t, err := s.Term(c.Quad().S)
		if err != nil {
			return nil, err
		}
		m[t.Value] = true
	}
	return m, c.Err()
}

// replace makes the graph of ties hold what is wanted, and the rejections.
func replace(ctx context.Context, tx kg.Tx, want map[string]Tie, rejected map[string]bool) (made, removed int, err error) {
	keep := map[kg.Quad]bool{}
	keys := make([]string, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	for _, k := range keys {
		t := want[k]
		fresh := false
		t.Quads(func(tq kg.TermQuad) bool {
			var q kg.Quad
			if q, err = intern(tx, tq); err != nil {
				return false
			}
			keep[q] = true
			var added bool
			added, err = tx.Insert(q)
			fresh = fresh || added
			return err == nil
		})
		if err != nil {
			return made, removed, err
		}
		if fresh {
			made++
		}
	}
	ids, err := lookup(tx, Graph, kg.RDFType)
	if err != nil || ids == nil {
		return made, removed, err
	}
	var drop []kg.Quad
	c := tx.Scan(ctx, kg.Pattern{G: ids[0]}, kg.GSPO)
	for c.Next() {
		if q := c.Quad(); !keep[q] {
			t, terr := tx.Term(q.S)
			if terr != nil {
				c.Close()
				return made, removed, terr
			}
			if !rejected[t.Value] {
				drop = append(drop, q)
			}
		}
	}
	err = c.Err()
	c.Close()
	for _, q := range drop {
		if err != nil {
			break
		}
		if q.P == ids[1] {
			removed++
		}
		_, err = tx.Delete(q)
	}
	return made, removed, err
}

func intern(tx kg.Tx, tq kg.TermQuad) (q kg.Quad, err error) {
	for _, p := range []struct {
		t  kg.Term
		id *kg.ID
	}{{tq.S, &q.S}, {tq.P, &q.P}, {tq.O, &q.O}, {tq.G, &q.G}} {
		if *p.id, err = tx.Intern(p.t); err != nil {
			return q, err
		}
	}
	return q, nil
}
