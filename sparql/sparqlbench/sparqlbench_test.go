package sparqlbench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/sparqlbench"
)

// shop writes a small shop with the vocabulary of the benchmark queries.
func shop(r *rand.Rand) string {
	const (
		ex   = "http://shop.example/"
		foaf = "http://xmlns.com/foaf/0.1/"
		rdfs = "http://www.w3.org/2000/01/rdf-schema#"
	)
	var b strings.Builder
	iri := func(s string) string { return "<" + ex + s + ">" }
	put := func(s, p, o string) { fmt.Fprintf(&b, "%s <%s> %s .\n", s, p, o) }
	number := func(n int) string { return fmt.Sprintf("\"%d\"^^<http://www.w3.org/2001/XMLSchema#integer>", n) }
	typ := "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
	for i := range 6 {
		if i > 0 {
			put(iri(fmt.Sprintf("Class%d", i)), rdfs+"subClassOf", iri(fmt.Sprintf("Class%d", i/2)))
		}
	}
	for i := range 12 {
		p := iri(fmt.Sprintf("Product%d", 1230+i))
		put(p, typ, iri("Product"))
		put(p, typ, iri(fmt.Sprintf("Class%d", i%6)))
		put(p, rdfs+"label", fmt.Sprintf("\"product %d\"", i))
		put(p, rdfs+"comment", fmt.Sprintf("\"of %s and oak\"", []string{"walnut", "beech"}[i%2]))
		put(p, ex+"producer", iri(fmt.Sprintf("Producer%d", 6+i%3)))
		put(p, ex+"num1", number(250+i*20))
		for _, f := range []int{3, 10, 4 + i} {
			if r.IntN(4) > 0 {
				put(p, ex+"feature", iri(fmt.Sprintf("Feature%d", f)))
			}
		}
	}
	for i := range 20 {
		o := iri(fmt.Sprintf("Offer%d", i))
		put(o, typ, iri("Offer"))
		put(o, ex+"price", fmt.Sprintf("\"%d.%02d\"^^<http://www.w3.org/2001/XMLSchema#decimal>", r.IntN(90), 1+r.IntN(98)))
	}
	for i := range 14 {
		p := iri(fmt.Sprintf("Person%d", 4235+i))
		put(p, foaf+"name", fmt.Sprintf("\"person number %d\"", i))
		put(p, ex+"country", iri([]string{"country-DE", "country-FR"}[i%2]))
		put(p, ex+"age", number(50+i*2))
		for range 3 {
			put(p, foaf+"knows", iri(fmt.Sprintf("Person%d", 4235+r.IntN(14))))
		}
	}
	for i := range 16 {
		v := iri(fmt.Sprintf("Review%d", i))
		put(v, typ, iri("Review"))
		put(v, ex+"reviewFor", iri(fmt.Sprintf("Product%d", 1230+r.IntN(9))))
		put(v, ex+"reviewer", iri(fmt.Sprintf("Person%d", 4235+r.IntN(14))))
		if r.IntN(3) > 0 {
			put(v, ex+"rating", number(1+r.IntN(10)))
		}
	}
	return b.String()
}

// TestSameAnswers runs the benchmark queries on the plain and on the
// optimising engine.
func TestSameAnswers(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "bench", "sparql", "queries")
	files, err := filepath.Glob(filepath.Join(dir, "*.rq"))
	if err != nil || len(files) != 16 {
		t.Fatalf("%d queries in %s, %v", len(files), dir, err)
	}
	ctx := context.Background()
	plain, fast := sparql.New(sparql.Options{NoOptimise: true}), sparql.New(sparql.Options{})
	for seed := range uint64(4) {
		path := filepath.Join(t.TempDir(), "shop.nt")
		if err := os.WriteFile(path, []byte(shop(rand.New(rand.NewPCG(seed, 1)))), 0o644); err != nil {
			t.Fatal(err)
		}
		st := mem.New()
		defer st.Close()
		if _, _, err := sparqlbench.Load(ctx, st, path); err != nil {
			t.Fatal(err)
		}
		s, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n1, sum1, err1 := sparqlbench.Checksum(ctx, plain, s, string(text), sparql.Limits{})
			n2, sum2, err2 := sparqlbench.Checksum(ctx, fast, s, string(text), sparql.Limits{})
			if err1 != nil || err2 != nil {
				t.Fatalf("%s: %v, %v", f, err1, err2)
			}
			// Ties of a sort with a limit are cut in any way; prices are drawn
			// so that there are hardly any, and ?o is the second key.
			if n1 != n2 || sum1 != sum2 {
				t.Errorf("seed %d, %s: plain %d rows %016x, fast %d rows %016x", seed, filepath.Base(f), n1, sum1, n2, sum2)
			}
			if n1 == 0 {
				t.Logf("seed %d, %s: no rows", seed, filepath.Base(f))
			}
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.rq"), []byte("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.rq"), []byte("SELECT { oops"), 0o644); err != nil {
		t.Fatal(err)
	}
	st := mem.New()
	defer st.Close()
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ms, err := sparqlbench.Run(context.Background(), sparql.New(sparql.Options{}), s, dir, sparqlbench.Options{Runs: 3})
	if err != nil || len(ms) != 2 {
		t.Fatalf("%d measurements, %v", len(ms), err)
	}
	if m := ms[0]; m.Err != "" || m.Rows != 1 || m.Runs != 3 || m.Bytes == 0 {
		t.Errorf("%+v", m)
	}
	if ms[1].Err == "" {
		t.Error("a broken query has no error")
	}
	if _, err := sparqlbench.Run(context.Background(), sparql.New(sparql.Options{}), s, t.TempDir(), sparqlbench.Options{}); err == nil {
		t.Error("an empty folder is no error")
	}
}
