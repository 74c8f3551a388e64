package shape

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// TestCounts recounts random graphs statement by statement.
func TestCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 30 {
		s := random(t, r)
		sh, err := Build(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		want := recount(t, s)
		got := map[string]int64{"quads": sh.Quads}
		for _, c := range sh.Classes {
			got["class "+c.IRI] = c.Instances
			for _, p := range c.Properties {
				got["class "+c.IRI+" has "+p.IRI] = p.N
			}
		}
		for _, p := range sh.Properties {
			k := "property " + p.IRI
			got[k], got[k+" subjects"], got[k+" objects"] = p.Count, p.Subjects, p.Objects
			got[k+" entities"], got[k+" literals"] = p.Entities, p.Literals
			for _, c := range p.Domains {
				got[k+" domain "+c.IRI] = c.N
			}
			for _, c := range p.Ranges {
				got[k+" range "+c.IRI] = c.N
			}
			if f := p.Subjects == p.Count; p.Functional != f {
				t.Errorf("%s: functional is %t", p.IRI, p.Functional)
			}
		}
		for _, g := range sh.Graphs {
			got["graph "+g.IRI] = g.N
		}
		for k, n := range want {
			if got[k] != n {
				t.Errorf("%s: %d, want %d", k, got[k], n)
			}
		}
		for k, n := range got {
			if want[k] != n {
				t.Errorf("%s: %d, want %d", k, n, want[k])
			}
		}
		if t.Failed() {
			return
		}
	}
}

func random(t *testing.T, r *rand.Rand) kg.Snapshot {
	t.Helper()
	st := mem.New()
	err := st.Update(t.Context(), func(tx kg.Tx) error {
		for range 5 + r.IntN(80) {
			o := kg.NewIRI(fmt.Sprint("http://x/e", r.IntN(8)))
			p := kg.NewIRI(fmt.Sprint("http://x/p", r.IntN(3)))
			switch r.IntN(5) {
			case 0:
				p, o = kg.NewIRI(kg.RDFType), kg.NewIRI(fmt.Sprint("http://x/C", r.IntN(3)))
			case 1:
				o = kg.NewTyped(fmt.Sprint(r.IntN(9)), kg.XSD+"integer")
			case 2:
				o = kg.NewLang("a long enough text", "en")
			}
			g := kg.ID(kg.DefaultGraph)
			if r.IntN(3) == 0 {
				id, err := tx.Intern(kg.NewIRI(fmt.Sprint("http://x/g", r.IntN(2))))
				if err != nil {
					return err
				}
				g = id
			}
			var ids [3]kg.ID
			for i, term := range []kg.Term{kg.NewIRI(fmt.Sprint("http://x/e", r.IntN(8))), p, o} {
				id, err := tx.Intern(term)
				if err != nil {
					return err
				}
				ids[i] = id
			}
			if _, err := tx.Insert(kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: g}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

type triple struct{ s, p, o kg.Term }

// recount counts the distinct triples over all graphs, the slow way.
func recount(t *testing.T, s kg.Snapshot) map[string]int64 {
	t.Helper()
	n := map[string]int64{"quads": s.Size()}
	triples := map[triple]bool{}
	c := s.Scan(t.Context(), kg.Pattern{}, kg.SPO)
	defer c.Close()
	for c.Next() {
		q := c.Quad()
		var ts [4]kg.Term
		if err := kg.Terms(s, []kg.ID{q.S, q.P, q.O, q.G}, ts[:]); err != nil {
			t.Fatal(err)
		}
		triples[triple{ts[0], ts[1], ts[2]}] = true
		if ts[3].Kind != kg.None {
			n["graph "+ts[3].Value]++
		}
	}
	types := map[kg.Term]map[string]bool{}
	for x := range triples {
		if x.p.Value == kg.RDFType {
			if types[x.s] == nil {
				types[x.s] = map[string]bool{}
			}
			types[x.s][x.o.Value] = true
			n["class "+x.o.Value]++
		}
	}
	type pair struct {
		p string
		t kg.Term
	}
	subjects, objects := map[pair]bool{}, map[pair]bool{}
	for x := range triples {
		k := "property " + x.p.Value
		n[k]++
		if s := (pair{x.p.Value, x.s}); !subjects[s] {
			subjects[s] = true
			n[k+" subjects"]++
			for class := range types[x.s] {
				n[k+" domain "+class]++
			}
		}
		if o := (pair{x.p.Value, x.o}); !objects[o] {
			objects[o] = true
			n[k+" objects"]++
		}
		for class := range types[x.s] {
			n["class "+class+" has "+x.p.Value]++
		}
		if x.o.Kind == kg.Literal {
			n[k+" literals"]++
			n[k+" range "+x.o.Datatype]++
			continue
		}
		n[k+" entities"]++
		for class := range types[x.o] {
			n[k+" range "+class]++
		}
	}
	return n
}

func TestLocalWords(t *testing.T) {
	for iri, want := range map[string]string{
		"http://x/birthPlace":       "birth place",
		"http://x#HTTPServer_name":  "http server name",
		"http://x/a/starred-actors": "starred actors",
		"urn:isbn:0451":             "0451",
		"http://x/path/":            "path",
		"":                          "",
	} {
		if got := LocalWords(iri); got != want {
			t.Errorf("LocalWords(%q) = %q, want %q", iri, got, want)
		}
	}
}
