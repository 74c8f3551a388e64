package sparql_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// dense returns a store in which everything is linked with much: 300 nodes,
// each with 40 links of :p and of :q, a number, a name, and copies in graphs.
func dense(t testing.TB) kg.Store {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, ":n%d :v %d ; :name \"name %d\"", i, i*7%300, i)
		for k := range 40 {
			fmt.Fprintf(&b, " ; :p :n%d ; :q :n%d", (i*31+k*k)%300, (i+k*7)%300)
		}
		fmt.Fprintf(&b, " ; :says <<( :n1 :p :n%d )>> .\n", i)
		if i%3 == 0 {
			fmt.Fprintf(&b, ":g%d { :n%d :p :n%d }\n", i, i, i+1)
		}
	}
	return storeOf(t, b.String())
}

// endless are queries that take long, each with an operator that it keeps busy:
// TestCancel fails if a plan has an operator that is not listed here.
var endless = map[string]string{
	"Scan":              `SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }`,
	"CrossJoin":         `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f FILTER(?b < ?d && ?d < ?f) }`,
	"LookupJoin":        `SELECT ?a ?e { ?a :p ?b . ?b :p ?c . ?c :q ?d . ?d :p ?e . ?e :q ?f . ?f :p ?g FILTER(STR(?g) = CONCAT(STR(?a), STR(?b), STR(?c), STR(?d), STR(?f))) }`,
	"HashJoin":          `SELECT * { { SELECT ?a ?b { ?a :p ?x . ?x :p ?b } } { SELECT ?b ?c { ?b :q ?y . ?y :q ?c } } { SELECT ?c ?d { ?c :p ?z . ?z :q ?d } } }`,
	"LeftLookupJoin":    `SELECT * { { ?a :v ?x OPTIONAL { ?a :p ?b } } ?c :p ?d . ?e :q ?f }`,
	"LeftHashJoin":      `SELECT * { ?a :p ?b . ?c :q ?d OPTIONAL { { SELECT ?c ?y { ?c :p ?y } } FILTER(?a = ?y) } }`,
	"LeftSeededJoin":    `SELECT * { ?a :v 1 . ?c :q ?d OPTIONAL { ?a :p ?x . ?x :q ?y . ?y :p ?z . ?z :q ?w . ?w :p ?u } }`,
	"SemiLookupJoin":    `SELECT * { { ?a :v ?x FILTER EXISTS { ?a :p ?b } } ?c :p ?d . ?e :q ?f }`,
	"AntiLookupJoin":    `SELECT * { { ?a :v ?x FILTER NOT EXISTS { ?x :p ?b } } ?c :p ?d . ?e :q ?f }`,
	"SemiHashJoin":      `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f FILTER EXISTS { { ?a :name ?b } UNION { ?c :name ?d } } }`,
	"AntiHashJoin":      `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f FILTER NOT EXISTS { { ?a :v ?x } UNION { ?b :v ?x } } }`,
	"Minus":             `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f MINUS { ?a :v ?x } }`,
	"Multiway":          `SELECT * { ?a :p ?b . ?b :p ?c . ?c :p ?d . ?d :p ?e . ?e :p ?f . ?f :p ?a }`,
	"Path":              `SELECT * { ?a (:p|:q)+ ?b . ?c (:p/:q)* ?d . ?e :p+ ?f }`,
	"Filter":            `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f FILTER(REGEX(CONCAT(STR(?a), STR(?d), STR(?f)), "z+y")) }`,
	"Extend":            `SELECT (SHA512(CONCAT(STR(?a), STR(?d), STR(?f))) AS ?h) { ?a :p ?b . ?c :q ?d . ?e :p ?f }`,
	"Group":             `SELECT ?b (COUNT(DISTINCT ?h) AS ?n) { ?a :p ?b . ?c :q ?d . ?e :p ?f BIND(CONCAT(STR(?c), STR(?e)) AS ?h) } GROUP BY ?b`,
	"Order":             `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f } ORDER BY ?b ?d ?f`,
	"Distinct":          `SELECT DISTINCT ?a ?c ?e { ?a :p ?b . ?c :q ?d . ?e :p ?f }`,
	"Union":             `SELECT * { { ?a :p ?b . ?c :q ?d . ?e :p ?f } UNION { ?a :q ?b . ?c :q ?d . ?e :p ?f } }`,
	"Graph":             `SELECT * { GRAPH ?g { ?a :p ?b BIND(STR(?a) AS ?s) } GRAPH ?h { ?c :p ?d BIND(1 AS ?t) } GRAPH ?i { ?e :p ?f BIND(1 AS ?u) } GRAPH ?k { ?l :p ?m BIND(1 AS ?w) } }`,
	"Unnest":            `SELECT * { ?a :says <<( ?x :p ?y )>> . ?b :says <<( ?z :p ?w )>> . ?c :p ?d . ?e :q ?f }`,
	"Values":            `SELECT * { VALUES ?v { 1 2 3 4 5 6 7 8 9 } ?a :p ?b . ?c :q ?d . ?e :p ?f }`,
	"LeftCrossJoin":     `SELECT * { ?a :p ?b . ?c :q ?d OPTIONAL { { SELECT ?x ?y { ?x :p ?y } } FILTER(?x = ?b && ?y < ?d) } }`,
	"Slice":             `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f } OFFSET 1000000000000`,
	"EXISTS row by row": `SELECT * { ?a :p ?b . ?c :q ?d . ?e :p ?f FILTER(EXISTS { ?a :p ?x OPTIONAL { ?x :q ?b } FILTER(?x = ?d || ?x = ?f) } || ?a = ?z) }`,
}

// TestCancel cancels every query at random times: it must end with the error
// of the context and leave no goroutine behind.
func TestCancel(t *testing.T) {
	st := dense(t)
	eng := sparql.New(sparql.Options{})
	before := runtime.NumGoroutine()
	r := rand.New(rand.NewPCG(5, 6))
	met := map[string]bool{"Unit": true, "Seed": true, "Empty": true, "Counts": true}
	for name, text := range endless {
		t.Run(name, func(t *testing.T) {
			s, err := st.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			p, err := eng.Prepare(prologue+text, "")
			if err != nil {
				t.Fatal(err)
			}
			plan, err := p.Explain(context.Background(), s, sparql.Limits{}, false)
			if err != nil {
				t.Fatal(err)
			}
			found := name == "EXISTS row by row"
			walk(plan, func(n *sparql.Plan) {
				found = found || n.Op == name
				if _, ok := endless[n.Op]; !ok && !met[n.Op] {
					t.Errorf("operator %s has no query in the table", n.Op)
				}
			})
			if !found {
				t.Errorf("no %s in the plan\n%s", name, plan)
			}
			worst := time.Duration(0)
			for range 3 {
				ctx, cancel := context.WithCancel(context.Background())
				var at time.Time
				timer := time.AfterFunc(time.Duration(r.IntN(40)+1)*time.Millisecond, func() { at = time.Now(); cancel() })
				err := drain(ctx, p, s, sparql.Limits{})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
				if d := time.Since(at); d > worst && !at.IsZero() {
					worst = d
				}
				timer.Stop()
				cancel()
			}
			t.Logf("%s ended at most %v after the cancellation", name, worst)
			var le *sparql.LimitError
			if err := drain(context.Background(), p, s, sparql.Limits{Timeout: 20 * time.Millisecond}); !errors.As(err, &le) || le.Name != "time" {
				t.Errorf("with a time limit: ended with %v", err)
			} else if le.Stage == "" || le.Used == "" || le.Allowed != "20ms" {
				t.Errorf("limit error lacks figures: %+v", le)
			}
		})
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 100 {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func walk(p *sparql.Plan, f func(*sparql.Plan)) {
	f(p)
	for _, c := range p.Children {
		walk(c, f)
	}
}

func drain(ctx context.Context, p *sparql.Prepared, s kg.Snapshot, l sparql.Limits) error {
	r, err := p.Run(ctx, s, l)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, err := range r.Rows() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Quads() {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestMemoryLimit(t *testing.T) {
	st := dense(t)
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	eng := sparql.New(sparql.Options{})
	for stage, text := range map[string]string{
		"Distinct":           `SELECT DISTINCT ?a ?c { ?a :p ?b . ?c :q ?d }`,
		"Group":              `SELECT ?a ?c (COUNT(*) AS ?n) { ?a :p ?b . ?c :q ?d } GROUP BY ?a ?c`,
		"Order":              `SELECT ?a ?c { ?a :p ?b . ?c :q ?d } ORDER BY ?c`,
		"HashJoin":           `SELECT * { { SELECT ?a ?b { ?a :p ?x . ?x :p ?b } } { SELECT ?b ?c { ?b :q ?y . ?y :q ?c } } }`,
		"Path":               `SELECT * { ?a (:p|:q)+ ?b }`,
		"Multiway":           `SELECT * { ?a :p ?b . ?b :p ?c . ?c :p ?a }`,
		"computed terms":     `SELECT ?h { ?a :p ?b . ?c :q ?d BIND(CONCAT(STR(?a), " long enough to be no inlined value ", STR(?c)) AS ?h) }`,
		"distinct triples":   `CONSTRUCT { ?a :x ?c } WHERE { ?a :p ?b . ?c :q ?d }`,
		"Minus":              `SELECT * { ?a :p ?b MINUS { { SELECT ?a ?b { ?a :q ?x . ?x :q ?b } } } }`,
		"sub-query distinct": `SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?a ?c ?b { ?a :p ?b . ?c :q ?d } }`,
	} {
		p, err := eng.Prepare(prologue+text, "")
		if err != nil {
			t.Fatal(err)
		}
		var le *sparql.LimitError
		err = drain(context.Background(), p, s, sparql.Limits{MaxMemory: 50_000})
		if !errors.As(err, &le) || le.Name != "memory" {
			t.Errorf("%s: ended with %v", stage, err)
			continue
		}
		if le.Stage != stage && stage != "sub-query distinct" {
			t.Errorf("%s: stopped in %s", stage, le.Stage)
		}
	}
}

func TestRowLimit(t *testing.T) {
	st := storeOf(t, `:a :p 1, 2, 3 .`)
	eng := sparql.New(sparql.Options{})
	rows, err := table(eng, st, `SELECT ?o { :a :p ?o }`, sparql.Limits{MaxRows: 2})
	var le *sparql.LimitError
	if !errors.As(err, &le) || le.Name != "rows" || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows, err = table(eng, st, `SELECT ?o { :a :p ?o }`, sparql.Limits{MaxRows: 3}); err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows, err = table(eng, st, `CONSTRUCT WHERE { :a :p ?o }`, sparql.Limits{MaxRows: 1}); !errors.As(err, &le) || len(rows) != 1 {
		t.Fatalf("%d triples, %v", len(rows), err)
	}
}

func TestClosedResult(t *testing.T) {
	st := storeOf(t, `:a :p 1, 2, 3 .`)
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := sparql.New(sparql.Options{}).Prepare(`SELECT * { ?s ?p ?o }`, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Run(context.Background(), s, sparql.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range r.Rows() {
		break
	}
	r.Close()
	r.Close()
	for _, err := range r.Rows() {
		if err == nil {
			t.Fatal("a closed result has rows")
		}
	}
}

// TestTooMany counts a product that no integer holds; the plain engine would
// never get there.
func TestTooMany(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, ":s :p %d .\n", i)
	}
	st := storeOf(t, b.String())
	eng := sparql.New(sparql.Options{})
	got, err := table(eng, st, `SELECT (COUNT(*) AS ?n) { ?a :p ?b . ?c :p ?d . ?e :p ?f . ?g :p ?h . ?i :p ?j }`, sparql.Limits{})
	if err != nil || got[0] != "n=1000000000000000" {
		t.Errorf("%v, %v", got, err)
	}
	_, err = table(eng, st, `SELECT (COUNT(*) AS ?n) { ?a :p ?b . ?c :p ?d . ?e :p ?f . ?g :p ?h . ?i :p ?j . ?k :p ?l . ?m :p ?n }`, sparql.Limits{})
	if !errors.Is(err, sparql.ErrTooMany) {
		t.Errorf("%v", err)
	}
}
