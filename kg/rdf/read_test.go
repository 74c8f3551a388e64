package rdf_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

func readAll(t testing.TB, text string, o rdf.ReadOptions) ([]kg.TermQuad, error) {
	t.Helper()
	var out []kg.TermQuad
	for q, err := range rdf.Read(context.Background(), strings.NewReader(text), o) {
		if err != nil {
			return out, err
		}
		out = append(out, q)
	}
	return out, nil
}

func TestReadNTriples(t *testing.T) {
	const text = "\uFEFF# comment\r\n" +
		"<http://e/s> <http://e/p> \"a\\t\\u00e9\\\"\"@EN-gb .\n" +
		"_:x <http://e/p> _:x. # after\n\n" +
		"<http://e/s><http://e/p>\"1\"^^<http://www.w3.org/2001/XMLSchema#integer>.\r" +
		"<http://e/s> <http://e/p> <<( <http://e/a> <http://e/b> \"x\"@ar--rtl )>> ."
	for _, workers := range []int{1, 3} {
		got, err := readAll(t, text, rdf.ReadOptions{Format: rdf.NTriples, BlankPrefix: "f1", Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			`<http://e/s> <http://e/p> "a\té\""@en-gb`,
			`_:f1x <http://e/p> _:f1x`,
			`<http://e/s> <http://e/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer>`,
			`<http://e/s> <http://e/p> <<( <http://e/a> <http://e/b> "x"@ar--rtl )>>`,
		}
		if len(got) != len(want) {
			t.Fatalf("%d statements, want %d", len(got), len(want))
		}
		for i, q := range got {
			if s := q.S.String() + " " + q.P.String() + " " + q.O.String(); s != want[i] {
				t.Errorf("statement %d: %s, want %s", i, s, want[i])
			}
		}
	}
}

func TestErrorsHaveAPlace(t *testing.T) {
	text := "<http://e/s> <http://e/p> <http://e/o> .\r\n<http://e/s> <http://e/é> <http://e/p q> .\n<http://e/s> <http://e/p> 3 .\n"
	for _, workers := range []int{1, 3} {
		_, err := readAll(t, text, rdf.ReadOptions{Format: rdf.NTriples, File: "x.nt", Workers: workers})
		var se *rdf.SyntaxError
		if !errors.As(err, &se) {
			t.Fatalf("error %v", err)
		}
		if se.File != "x.nt" || se.Line != 2 || se.Col != 38 || se.Offset != 80 || se.Remedy == "" {
			t.Errorf("error %+v", *se)
		}
		var all []error
		got, err := readAll(t, text, rdf.ReadOptions{Format: rdf.NTriples, Lenient: true, Workers: workers, OnError: func(e error) { all = append(all, e) }})
		if err != nil || len(got) != 1 || len(all) != 2 {
			t.Errorf("lenient: %d statements, error %v, reported %v", len(got), err, all)
		}
	}
}
