package sparqltest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/store"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

var (
	queries = flag.Int("queries", 0, "random queries to compare; 0: 3000, or 1000 with -short")
	seed    = flag.Uint64("seed", 1, "seed of the random queries")
)

func quadSeq(quads []kg.TermQuad) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	}
}

func memWith(t *testing.T, quads []kg.TermQuad) kg.Store {
	t.Helper()
	st := mem.New()
	if _, err := st.Load(context.Background(), quadSeq(quads)); err != nil {
		t.Fatal(err)
	}
	return st
}

// diskWith opens a store on disk; one half of the quads is loaded, the other
// is inserted, and some that are removed again.
func diskWith(t *testing.T, quads []kg.TermQuad) kg.Store {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	half := len(quads) / 2
	extra := kg.TermQuad{S: kg.NewIRI("http://example.org/gone"), P: kg.NewIRI("http://example.org/p0"), O: kg.NewIRI("http://example.org/e0")}
	if _, err := st.Load(context.Background(), quadSeq(append([]kg.TermQuad{extra}, quads[:half]...))); err != nil {
		t.Fatal(err)
	}
	err = st.Update(context.Background(), func(tx kg.Tx) error {
		for i, q := range append([]kg.TermQuad{extra}, quads[half:]...) {
			var id kg.Quad
			for j, to := range []*kg.ID{&id.S, &id.P, &id.O, &id.G} {
				term := [...]kg.Term{q.S, q.P, q.O, q.G}[j]
				if *to = kg.DefaultGraph; term.Kind == kg.None {
					continue
				}
				var err error
				if *to, err = tx.Intern(term); err != nil {
					return err
				}
			}
			var err error
			if i == 0 {
				_, err = tx.Delete(id)
			} else {
				_, err = tx.Insert(id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestGenerate checks that random queries parse, and that together they use
// all of the language that they are meant to cover.
func TestGenerate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var all strings.Builder
	for i := range 2000 {
		q := sparqltest.Generate(r, sparqltest.NewVocabulary(i%2 == 0, i%4 < 2))
		tree, err := syntax.ParseQuery(q, "")
		if err != nil {
			t.Fatalf("%v\n%s", err, q)
		}
		again, err := syntax.ParseQuery(tree.String(), "")
		if err != nil || !syntax.Equal(tree, again) {
			t.Fatalf("printed form parses to another tree (%v):\n%s\n%s", err, q, tree)
		}
		all.WriteString(q)
	}
	for _, word := range []string{
		"OPTIONAL", "UNION", "MINUS", "FILTER", "BIND", "VALUES", "GRAPH ?", "GRAPH <", "EXISTS", "NOT EXISTS",
		"GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET", "DISTINCT", "COUNT", "SUM", "AVG", "MIN", "MAX", "ASK", "CONSTRUCT", "FROM NAMED",
		")+", ")*", ")?", "^(", "!(", "{ SELECT", "REGEX", "COALESCE", "IF(", "UNDEF",
	} {
		if !strings.Contains(all.String(), word) {
			t.Errorf("no query has %q", word)
		}
	}
}

// TestEquivalence compares the optimising engine with the plain one on random
// data and queries.
func TestEquivalence(t *testing.T) {
	n := *queries
	switch {
	case n > 0:
	case testing.Short():
		n = 1000
	default:
		n = 3000
	}
	const perData = 100
	large, full := 0, 0
	for i := 0; i < n; i += perData {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		v := sparqltest.NewVocabulary(r.IntN(2) == 0, r.IntN(2) == 0)
		size := 10 + r.IntN(70)
		if i/perData%4 == 3 {
			// More data and longer chains, so that other plans win.
			for e := range 25 {
				v.Entities = append(v.Entities, fmt.Sprintf("http://example.org/more/e%d", e))
			}
			size *= 5
		}
		quads := v.Data(r, size)
		slow := memWith(t, quads)
		// Every fifth data set lies on disk, a part of it as recent changes.
		newFast := memWith
		if i/perData%5 == 4 {
			newFast = diskWith
		}
		fast := newFast(t, quads)
		for range min(perData, n-i) {
			q := sparqltest.Generate(r, v)
			rows, err := sparqltest.Equivalent(context.Background(), q, fast, slow)
			if errors.Is(err, sparqltest.ErrTooLarge) {
				large++
				continue
			}
			if err != nil {
				report(t, q, quads, newFast, err)
			}
			if rows > 0 {
				full++
			}
		}
		fast.Close()
	}
	if large > n/10 {
		t.Errorf("%d of %d queries were too large to compare", large, n)
	}
	if full < n/4 {
		t.Errorf("only %d of %d queries had a result", full, n)
	}
	t.Logf("%d queries compared, %d of them with rows; %d too large", n-large, full, large)
}

// report makes a failing query and its data small before it shows them.
func report(t *testing.T, q string, quads []kg.TermQuad, newFast func(*testing.T, []kg.TermQuad) kg.Store, err error) {
	t.Helper()
	var diff *sparqltest.Difference
	if !errors.As(err, &diff) {
		t.Fatal(err)
	}
	differs := func(q string, quads []kg.TermQuad) bool {
		var d *sparqltest.Difference
		fast := newFast(t, quads)
		defer fast.Close()
		_, err := sparqltest.Equivalent(context.Background(), q, fast, memWith(t, quads))
		if errors.As(err, &d) {
			diff = d
			return true
		}
		return false
	}
	for i := 0; i < len(quads); {
		less := append(append([]kg.TermQuad(nil), quads[:i]...), quads[i+1:]...)
		if differs(q, less) {
			quads = less
		} else {
			i++
		}
	}
	sparqltest.Shrink(q, func(s string) bool { return differs(s, quads) })
	var data strings.Builder
	for _, q := range quads {
		data.WriteString(strings.Join(strings.Fields(q.S.String()+" "+q.P.String()+" "+q.O.String()+" "+q.G.String()), " ") + " .\n")
	}
	t.Fatalf("%v\ndata:\n%s", diff, data.String())
}

// TestUpdateEquivalence runs sequences of random updates with both engines.
func TestUpdateEquivalence(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 20
	}
	changed := 0
	for i := range n {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		v := sparqltest.NewVocabulary(r.IntN(2) == 0, r.IntN(2) == 0)
		quads := v.Data(r, 10+r.IntN(30))
		newFast := memWith
		if i%5 == 4 {
			newFast = diskWith
		}
		fast, slow := newFast(t, quads), memWith(t, quads)
		for range 10 {
			u := sparqltest.GenerateUpdate(r, v)
			if _, err := syntax.ParseUpdate(u, ""); err != nil {
				t.Fatalf("%v\n%s", err, u)
			}
			before, err := sparqltest.Dump(context.Background(), slow)
			if err != nil {
				t.Fatal(err)
			}
			if len(before) > 400 {
				break // random updates multiply
			}
			c, err := sparqltest.EquivalentUpdate(context.Background(), u, fast, slow)
			if err != nil {
				t.Fatalf("%v\nbefore:\n%v", err, before)
			}
			if c > 0 {
				changed++
			}
		}
		fast.Close()
	}
	if changed < 3*n {
		t.Errorf("only %d updates of %d sequences changed something", changed, n)
	}
}
