package sparql_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// dump lists the quads of a store, sorted.
func dump(t testing.TB, st kg.Store) []string {
	t.Helper()
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.Scan(context.Background(), kg.Pattern{}, kg.GSPO)
	defer c.Close()
	var out []string
	for c.Next() {
		q := c.Quad()
		line := ""
		for _, id := range []kg.ID{q.S, q.P, q.O, q.G} {
			term, err := s.Term(id)
			if err != nil {
				t.Fatal(err)
			}
			line += short(term) + " "
		}
		out = append(out, strings.TrimSpace(line))
	}
	slices.Sort(out)
	return out
}

func update(t testing.TB, o sparql.Options, st kg.Store, text string, ds ...sparql.Dataset) (sparql.UpdateStats, error) {
	t.Helper()
	return sparql.New(o).Update(context.Background(), st, prologue+text, "http://base.example/", sparql.Limits{}, ds...)
}

func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		name, data, update string
		want               []string
		stats              sparql.UpdateStats
	}{
		{"insert data", ``, `INSERT DATA { :a :p 1, 2 . GRAPH :g { :a :p 3 } }`, []string{":a :p 1", ":a :p 2", ":a :p 3 :g"}, sparql.UpdateStats{Added: 3}},
		{"insert what is there", `:a :p 1 .`, `INSERT DATA { :a :p 1, 2 }`, []string{":a :p 1", ":a :p 2"}, sparql.UpdateStats{Added: 1}},
		{"delete data", `:a :p 1, 2 .`, `DELETE DATA { :a :p 1, 9 . :x :y :z }`, []string{":a :p 2"}, sparql.UpdateStats{Removed: 1}},
		{"delete where", `:a :p 1 ; :q 2 . :b :p 3 .`, `DELETE WHERE { ?s :p ?o ; :q ?x }`, []string{":b :p 3"}, sparql.UpdateStats{Removed: 2}},
		{"delete where in graphs", `:g { :a :p 1 } :h { :a :p 1 }`, `DELETE WHERE { GRAPH ?g { ?s :p 1 } }`, nil, sparql.UpdateStats{Removed: 2}},
		{
			"where is evaluated once", `:foo :value 1, 11 . :bar :value 3 .`,
			`DELETE { :bar :value ?old } INSERT { :bar :value ?new } WHERE { :foo :value ?d OPTIONAL { :bar :value ?old } BIND(COALESCE(?old, 0) + ?d AS ?new) }`,
			[]string{":bar :value 14", ":bar :value 4", ":foo :value 1", ":foo :value 11"},
			sparql.UpdateStats{Added: 2, Removed: 1},
		},
		{"deletes before inserts", `:a :p 1 .`, `DELETE { ?s :p 1 } INSERT { ?s :p 1 } WHERE { ?s :p 1 }`, []string{":a :p 1"}, sparql.UpdateStats{Added: 1, Removed: 1}},
		{"with", `:g { :a :p 1 } :a :p 2 .`, `WITH :g DELETE { ?s :p ?o } INSERT { ?s :q ?o } WHERE { ?s :p ?o }`, []string{":a :p 2", ":a :q 1 :g"}, sparql.UpdateStats{Added: 1, Removed: 1}},
		{"using", `:g { :a :p 1 } :a :p 2 .`, `INSERT { ?s :q ?o } USING :g WHERE { ?s :p ?o }`, []string{":a :p 1 :g", ":a :p 2", ":a :q 1"}, sparql.UpdateStats{Added: 1}},
		{"using named", `:g { :a :p 1 } :h { :a :p 2 }`, `INSERT { ?s :q ?o } USING NAMED :g WHERE { GRAPH ?g { ?s :p ?o } }`, []string{":a :p 1 :g", ":a :p 2 :h", ":a :q 1"}, sparql.UpdateStats{Added: 1}},
		{"fresh blank nodes per row", `:a :p 1, 2 .`, `INSERT { [] :v ?o } WHERE { :a :p ?o }`, []string{":a :p 1", ":a :p 2", "_: :v 1", "_: :v 2"}, sparql.UpdateStats{Added: 2}},
		{"illegal quads are left out", `:a :p 1 .`, `INSERT { ?o :q ?s . ?s ?o :x . ?s :ok ?u . GRAPH ?o { ?s :r 1 } ?s :r 2 } WHERE { ?s :p ?o }`, []string{":a :p 1", ":a :r 2"}, sparql.UpdateStats{Added: 1}},
		{"operations see those before", ``, `INSERT DATA { :a :p 1 } ; INSERT { ?s :q ?o } WHERE { ?s :p ?o } ; DELETE WHERE { ?s :p ?o }`, []string{":a :q 1"}, sparql.UpdateStats{Added: 2, Removed: 1}},
		{"clear graph", `:g { :a :p 1 } :a :p 2 .`, `CLEAR GRAPH :g`, []string{":a :p 2"}, sparql.UpdateStats{Removed: 1}},
		{"clear default", `:g { :a :p 1 } :a :p 2 .`, `CLEAR DEFAULT`, []string{":a :p 1 :g"}, sparql.UpdateStats{Removed: 1}},
		{"drop named", `:g { :a :p 1 } :h { :a :p 1 } :a :p 2 .`, `DROP NAMED`, []string{":a :p 2"}, sparql.UpdateStats{Removed: 2}},
		{"drop all", `:g { :a :p 1 } :a :p 2 .`, `DROP ALL`, nil, sparql.UpdateStats{Removed: 2}},
		{"clear silent", `:a :p 2 .`, `CLEAR SILENT GRAPH :none`, []string{":a :p 2"}, sparql.UpdateStats{}},
		{"copy", `:g { :a :p 1 } :h { :b :p 2 }`, `COPY :g TO :h`, []string{":a :p 1 :g", ":a :p 1 :h"}, sparql.UpdateStats{Added: 1, Removed: 1}},
		{"move", `:g { :a :p 1 } :h { :b :p 2 }`, `MOVE :g TO DEFAULT`, []string{":a :p 1", ":b :p 2 :h"}, sparql.UpdateStats{Added: 1, Removed: 1}},
		{"add", `:g { :a :p 1 } :h { :b :p 2 }`, `ADD :g TO :h`, []string{":a :p 1 :g", ":a :p 1 :h", ":b :p 2 :h"}, sparql.UpdateStats{Added: 1}},
		{"move to itself", `:g { :a :p 1 }`, `MOVE :g TO :g`, []string{":a :p 1 :g"}, sparql.UpdateStats{}},
		{"load silent", ``, `LOAD SILENT <http://127.0.0.1:9/none.ttl>`, nil, sparql.UpdateStats{}},
	} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/plain=%v", c.name, plain), func(t *testing.T) {
				st := storeOf(t, c.data)
				stats, err := update(t, sparql.Options{NoOptimise: plain}, st, c.update)
				if err != nil {
					t.Fatal(err)
				}
				if got := dump(t, st); !slices.Equal(got, c.want) {
					t.Errorf("got %q\nwant %q", got, c.want)
				}
				if stats != c.stats {
					t.Errorf("stats %+v, want %+v", stats, c.stats)
				}
			})
		}
	}
}

// TestUpdateIsAtomic runs requests that fail in their last operation.
func TestUpdateIsAtomic(t *testing.T) {
	for _, c := range []struct {
		update string
		is     error
	}{
		{`INSERT DATA { :a :p 1 } ; LOAD <http://127.0.0.1:9/none.ttl> ; INSERT DATA { :b :p 2 }`, sparql.ErrLoad},
		{`INSERT DATA { :a :p 1 } ; CLEAR GRAPH :none`, nil},
		{`INSERT DATA { GRAPH :g { :a :p 1 } } ; CREATE GRAPH :g`, nil},
		{`DELETE WHERE { ?s ?p ?o } ; INSERT { ?s :p 1 } WHERE { SERVICE <http://x.example/> { ?s ?p ?o } }`, sparql.ErrService},
		{`DELETE DATA { _:b :p 1 }`, nil},
	} {
		st := storeOf(t, `:z :p 0 .`)
		stats, err := update(t, sparql.Options{}, st, c.update)
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", c.update, err)
		}
		if got := dump(t, st); !slices.Equal(got, []string{":z :p 0"}) || stats != (sparql.UpdateStats{}) {
			t.Errorf("%s left %q, %+v", c.update, got, stats)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	st := storeOf(t, `:z :p 0 .`)
	var se *syntax.Error
	if _, err := update(t, sparql.Options{}, st, "INSERT DATA { :a :p }"); !errors.As(err, &se) || se.Line != 4 {
		t.Errorf("%v", err)
	}
	_, err := update(t, sparql.Options{}, st, "WITH :g INSERT { ?s :q ?o } WHERE { ?s :p ?o }", sparql.Dataset{Default: []string{"http://ex.example/h"}})
	if err == nil || !strings.Contains(err.Error(), "using-graph-uri") {
		t.Errorf("graphs in text and parameters: %v", err)
	}
	var le *sparql.LimitError
	big := storeOf(t, strings.Repeat(":a :p 1 .\n", 1)+`:b :p 2, 3, 4, 5, 6, 7, 8, 9, 10 .`)
	_, err = sparql.New(sparql.Options{}).Update(context.Background(), big, prologue+`INSERT { ?a :x ?b . ?b :y ?a } WHERE { ?a ?p ?c . ?b ?q ?d . ?e ?r ?f . ?g ?h ?i }`, "", sparql.Limits{MaxMemory: 300})
	if !errors.As(err, &le) || le.Name != "memory" {
		t.Errorf("memory: %v", err)
	}
	if got := len(dump(t, big)); got != 10 {
		t.Errorf("%d quads after a failed update", got)
	}
}

func TestLoad(t *testing.T) {
	files := map[string]string{
		"http://x.example/a.ttl": "@prefix : <http://ex.example/> .\n:a :p <rel> .\n_:b :p 1 .\n",
		"http://x.example/b.nq":  "<http://ex.example/a> <http://ex.example/p> \"x\" <http://ex.example/g> .\n",
		"http://x.example/bad":   "this is not turtle",
	}
	o := sparql.Options{LoadFile: func(iri string) (io.ReadCloser, error) {
		text, ok := files[iri]
		if !ok {
			return nil, errors.New("no such document")
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	st := storeOf(t, ``)
	if _, err := update(t, o, st, `LOAD <http://x.example/a.ttl> INTO GRAPH :g ; LOAD <http://x.example/b.nq>`); err != nil {
		t.Fatal(err)
	}
	want := []string{`:a :p "x" :g`, ":a :p <http://x.example/rel> :g", "_: :p 1 :g"}
	if got := dump(t, st); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if _, err := update(t, o, st, `LOAD <http://x.example/bad>`); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("bad document: %v", err)
	}
	if _, err := update(t, o, st, `LOAD <http://x.example/none>`); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing document: %v", err)
	}
	if got := dump(t, st); !slices.Equal(got, want) {
		t.Errorf("after failed loads: %q", got)
	}
}
