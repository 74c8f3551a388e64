package sparql_test

import (
	"context"
	"sync"
	"testing"

	"github.com/quaestor-kg/quaestor/sparql"
)

// TestConcurrentRuns runs one prepared query many times at once.
func TestConcurrentRuns(t *testing.T) {
	st := dense(t)
	eng := sparql.New(sparql.Options{})
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := eng.Prepare(prologue+`SELECT ?n (COUNT(*) AS ?c) (SAMPLE(?m) AS ?x) { ?a :p ?b . ?b :name ?n OPTIONAL { ?b :v ?m } FILTER(REGEX(?n, "1$") && NOT EXISTS { ?b :none ?z }) } GROUP BY ?n`, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	counts := make([]int, 8)
	for i := range counts {
		wg.Go(func() {
			for range 5 {
				r, err := p.Run(context.Background(), s, sparql.Limits{})
				if err != nil {
					t.Error(err)
					return
				}
				for _, err := range r.Rows() {
					if err != nil {
						t.Error(err)
					}
					counts[i]++
				}
				r.Close()
			}
		})
	}
	wg.Wait()
	for i, n := range counts {
		if n != counts[0] || n == 0 {
			t.Errorf("run %d gave %d rows, run 0 %d", i, n, counts[0])
		}
	}
}
