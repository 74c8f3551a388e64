package sparql_test

import (
	"context"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// TestDatasets asks for the same pattern under different datasets.
func TestDatasets(t *testing.T) {
	st := storeOf(t, `:a :p 0, 1 . :g { :a :p 1, 2 } :h { :a :p 2, 3 }`)
	g, h := "http://ex.example/g", "http://ex.example/h"
	for _, c := range []struct {
		name, query string
		union       bool
		ds          sparql.Dataset
		want        []string
	}{
		{"default", `SELECT ?o { :a :p ?o }`, false, sparql.Dataset{}, []string{"o=0", "o=1"}},
		{"union", `SELECT ?o { :a :p ?o }`, true, sparql.Dataset{}, []string{"o=0", "o=1", "o=2", "o=3"}},
		{"union counts a triple once", `SELECT (COUNT(*) AS ?n) { ?s ?p ?o }`, true, sparql.Dataset{}, []string{"n=4"}},
		{"count of the default graph", `SELECT (COUNT(*) AS ?n) { ?s ?p ?o }`, false, sparql.Dataset{}, []string{"n=2"}},
		{"count by predicate", `SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p`, false, sparql.Dataset{}, []string{"p=:p n=2"}},
		{"from", `SELECT ?o FROM :g { :a :p ?o }`, false, sparql.Dataset{}, []string{"o=1", "o=2"}},
		{"from two", `SELECT ?o FROM :g FROM :h { :a :p ?o }`, false, sparql.Dataset{}, []string{"o=1", "o=2", "o=3"}},
		{"from named", `SELECT ?g ?o FROM NAMED :h { GRAPH ?g { :a :p ?o } }`, false, sparql.Dataset{}, []string{"g=:h o=2", "g=:h o=3"}},
		{"from named leaves the default graph empty", `SELECT ?o FROM NAMED :h { :a :p ?o }`, false, sparql.Dataset{}, nil},
		{"from hides other graphs", `SELECT ?o FROM :g { GRAPH :h { :a :p ?o } }`, false, sparql.Dataset{}, nil},
		{"graph", `SELECT ?o { GRAPH :g { :a :p ?o } }`, false, sparql.Dataset{}, []string{"o=1", "o=2"}},
		{"join over graphs", `SELECT ?g ?o { :a :p ?o . GRAPH ?g { :a :p ?o } }`, false, sparql.Dataset{}, []string{"g=:g o=1"}},
		{"join of graphs", `SELECT ?g ?i { GRAPH ?g { :a :p ?o } GRAPH ?i { :a :p ?o } FILTER(?g != ?i) }`, false, sparql.Dataset{}, []string{"g=:g i=:h", "g=:h i=:g"}},
		{"the same graph twice", `SELECT (COUNT(*) AS ?n) { GRAPH ?g { :a :p ?o } GRAPH ?g { :a :p ?q } }`, false, sparql.Dataset{}, []string{"n=8"}},
		{"protocol", `SELECT ?o FROM :g { :a :p ?o }`, false, sparql.Dataset{Default: []string{h}}, []string{"o=2", "o=3"}},
		{"protocol named", `SELECT ?g ?o { GRAPH ?g { :a :p ?o } }`, false, sparql.Dataset{Named: []string{g}}, []string{"g=:g o=1", "g=:g o=2"}},
		{"unknown graph", `SELECT ?o { :a :p ?o }`, false, sparql.Dataset{Default: []string{"http://none/"}}, nil},
		{"group per graph", `SELECT ?g ?n { GRAPH ?g { SELECT (COUNT(*) AS ?n) { ?s ?p ?o } } }`, false, sparql.Dataset{}, []string{"g=:g n=2", "g=:h n=2"}},
		{"minus inside of a graph", `SELECT ?g ?o { GRAPH ?g { ?s :p ?o MINUS { ?x :p 3 } } }`, false, sparql.Dataset{}, []string{"g=:g o=1", "g=:g o=2", "g=:h o=2", "g=:h o=3"}},
		{"a path in a graph", `SELECT ?g ?o { GRAPH ?g { :a :p+ ?o } }`, false, sparql.Dataset{}, []string{"g=:g o=1", "g=:g o=2", "g=:h o=2", "g=:h o=3"}},
		{"exists in a graph", `SELECT ?g { GRAPH ?g { ?s :p 2 FILTER EXISTS { ?s :p 3 } } }`, false, sparql.Dataset{}, []string{"g=:h"}},
		{"describe", `DESCRIBE :a`, false, sparql.Dataset{Default: []string{g}}, []string{":a :p 1", ":a :p 2"}},
	} {
		for _, plain := range []bool{true, false} {
			eng := sparql.New(sparql.Options{NoOptimise: plain, DefaultGraphUnion: c.union})
			got, err := tableIn(eng, st, c.query, c.ds)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s (plain %v): got %q, want %q", c.name, plain, got, c.want)
			}
		}
	}
}

func tableIn(eng *sparql.Engine, st kg.Store, text string, ds sparql.Dataset) ([]string, error) {
	s, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p, err := eng.Prepare(prologue+text, "")
	if err != nil {
		return nil, err
	}
	r, err := p.Run(context.Background(), s, sparql.Limits{}, ds)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return rowsOf(r)
}
