package reasoning

import (
	"context"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// TestLiveNames: a renamed thing is found under its new name at once, and no
// longer under the old one; a new relation can be asked for; all by one engine.
func TestLiveNames(t *testing.T) {
	st := mem.New()
	ctx := context.Background()
	e := New(Options{})
	iri := func(x string) kg.Term { return kg.NewIRI("http://e/" + x) }
	label := kg.NewIRI(kg.RDFSLabel)
	change := func(add bool, quads ...kg.TermQuad) {
		t.Helper()
		if err := st.Update(ctx, func(tx kg.Tx) error {
			for _, x := range quads {
				q := kg.Quad{G: kg.DefaultGraph}
				for _, p := range []struct {
					t kg.Term
					d *kg.ID
				}{{x.S, &q.S}, {x.P, &q.P}, {x.O, &q.O}} {
					id, err := tx.Intern(p.t)
					if err != nil {
						return err
					}
					*p.d = id
				}
				var err error
				if add {
					_, err = tx.Insert(q)
				} else {
					_, err = tx.Delete(q)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(question, want string) {
		t.Helper()
		s, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		a, _ := ask(t, e, s, question)
		got := a.Status
		if got == "answered" {
			got = labels(a)
		}
		if got != want {
			t.Errorf("%q: %q, want %q (%s)", question, got, want, a.Reason)
		}
	}
	named := func(x, name string) kg.TermQuad {
		return kg.TermQuad{S: iri(x), P: label, O: kg.NewString(name)}
	}
	fact := kg.TermQuad{S: iri("f"), P: iri("directedBy"), O: iri("w")}
	change(true, named("f", "Grey Harbour"), named("w", "Una Vale"), named("g", "Salt Road"))
	expect("Who is Grey Harbour directed by?", "refused")
	change(true, fact)
	expect("Who is Grey Harbour directed by?", "Una Vale")
	// Renamed: as many statements as before, so only the version tells.
	change(false, named("f", "Grey Harbour"))
	change(true, named("f", "Winter Dock"))
	expect("Who is Winter Dock directed by?", "Una Vale")
	expect("Who is Grey Harbour directed by?", "refused")
	change(false, named("w", "Una Vale"))
	change(true, named("w", "Una Valencia"))
	expect("Who is Winter Dock directed by?", "Una Valencia")
	// A relation that the graph did not have.
	change(true, kg.TermQuad{S: iri("f"), P: iri("producer"), O: iri("w")})
	expect("Who is the producer of Winter Dock?", "Una Valencia")
	change(false, fact, kg.TermQuad{S: iri("f"), P: iri("producer"), O: iri("w")})
	expect("Who is Winter Dock directed by?", "refused")
}
