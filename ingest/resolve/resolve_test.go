package resolve

import (
	"context"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

func TestName(t *testing.T) {
	r := New([]fact.Company{
		{IRI: "c1", CIK: "0000000001", Name: "BRACKEN RESEARCH LTD", Tickers: []string{"BRK"}},
		{IRI: "c2", CIK: "0000000002", Name: "Bracken Research Partners LP"},
		{IRI: "c3", Name: "The Quarry Company", Aliases: []string{"Old Stone Corp /DE/"}},
		{IRI: "c4", Name: "Delta Corp"},
		{IRI: "c5", Name: "Delta Inc."},
		{IRI: "c6", Name: "Moss & Lichen, Inc."},
	})
	for name, want := range map[string]string{
		"Bracken Research": "c1", "Bracken Research Ltd.": "c1", "Bracken Research Partners LP": "c2", "Bracken Research Partners": "c2", "Bracken Research LLC": "", "Bracken": "",
		"Quarry Co.": "c3", "Old Stone": "c3", "Delta": "", "Delta Corporation": "", "moss and lichen": "c6", "a supplier": "", "suppliers": "", "our customers": "", "The Company": "", "": "",
	} {
		if m, ok := r.Name(name); ok != (want != "") || m.IRI != want {
			t.Errorf("%q: %+v, want %q", name, m, want)
		}
	}
	if m, ok := r.Ticker("brk"); !ok || m.IRI != "c1" {
		t.Error(m)
	}
	if m, ok := r.CIK("2"); !ok || m.IRI != "c2" {
		t.Error(m)
	}
}

func ties(t *testing.T, st kg.Store) int {
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, ok, err := s.Lookup(kg.NewIRI(fact.OWLSameAs))
	if err != nil || !ok {
		return 0
	}
	return int(s.Estimate(kg.Pattern{P: p}))
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	st := mem.New()
	load := func(things ...interface {
		Quads(func(kg.TermQuad) bool)
	},
	) {
		if _, err := st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
			for _, x := range things {
				x.Quads(func(q kg.TermQuad) bool { return yield(q, nil) })
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	load(&fact.Company{IRI: fact.CompanyIRI("7"), Graph: "g1", CIK: "0000000007", Name: "Quarry Co"},
		&fact.Mention{IRI: "g2#COMP-quarry", Graph: "g2", Type: "COMP", Label: "Quarry Company"},
		&fact.Mention{IRI: "g2#COMP-supplier", Graph: "g2", Type: "COMP", Label: "supplier"})
	rep, err := Run(ctx, st)
	if err != nil || rep.Mentions != 2 || rep.New != 1 || ties(t, st) != 1 {
		t.Fatalf("%v %+v, %d ties", err, rep, ties(t, st))
	}
	if rep, err := Run(ctx, st); err != nil || rep.New != 0 || rep.Removed != 0 || rep.Tied != 1 {
		t.Errorf("%v %+v", err, rep)
	}
	// A rejected tie is not made again.
	tie := Tie{Left: "g2#COMP-quarry", Right: fact.CompanyIRI("7")}
	if err := st.Update(ctx, func(tx kg.Tx) error {
		same, _, _ := tx.Lookup(kg.NewIRI(fact.OWLSameAs))
		c := tx.Scan(ctx, kg.Pattern{P: same}, kg.POS)
		c.Next()
		q := c.Quad()
		c.Close()
		if _, err := tx.Delete(q); err != nil {
			return err
		}
		r, err := intern(tx, kg.TermQuad{S: kg.NewIRI(tie.IRI()), P: kg.NewIRI(fact.NS + "rejected"), O: kg.NewTyped("true", kg.XSD+"boolean"), G: kg.NewIRI(Graph)})
		if err != nil {
			return err
		}
		_, err = tx.Insert(r)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if rep, err := Run(ctx, st); err != nil || rep.Tied != 0 || ties(t, st) != 0 {
		t.Errorf("%v %+v, %d ties", err, rep, ties(t, st))
	}
}
