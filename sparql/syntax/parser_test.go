package syntax

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

func ExampleParseQuery() {
	q, err := ParseQuery("prefix ex: <http://example.org/> select ?n { [] ex:knows/ex:name ?n filter(strlen(?n)>3) }", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(q)
	// Output:
	// PREFIX ex: <http://example.org/>
	// SELECT ?n
	// WHERE {
	//   _:b0 ex:knows/ex:name ?n .
	//   FILTER(STRLEN(?n) > 3)
	// }
}

func parse(t *testing.T, text string) *Query {
	t.Helper()
	q, err := ParseQuery(text, "http://base/dir/")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return q
}

func TestPositions(t *testing.T) {
	q := parse(t, "\ufeffSELECT ?é # c\r\n{ ?é <p>\r  \"ü\" }")
	tr := q.Where.Elems[0].(*Triples).Triples[0]
	for _, c := range []struct {
		name string
		got  Pos
		want Pos
	}{
		{"query", q.Pos, Pos{Offset: 3, Line: 1, Col: 1}},
		{"column", q.Project[0].Var.Pos, Pos{Offset: 10, Line: 1, Col: 8}},
		{"group", q.Where.Pos, Pos{Offset: 19, Line: 2, Col: 1}},
		{"subject", tr.S.Position(), Pos{Offset: 21, Line: 2, Col: 3}},
		{"predicate", tr.P.Position(), Pos{Offset: 25, Line: 2, Col: 6}},
		{"object after a lone CR", tr.O.Position(), Pos{Offset: 31, Line: 3, Col: 3}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, c.got, c.want)
		}
	}
	_, err := ParseQuery("SELECT * {\n  ?ü ?p ?o ; ; }}", "")
	var e *Error
	if !errors.As(err, &e) || e.Line != 2 || e.Col != 17 || e.Offset != 28 {
		t.Errorf("error %+v", e)
	}
}

func TestResolution(t *testing.T) {
	for in, want := range map[string]string{
		"ASK { <a> <#b> <../c> }":                                          "<http://base/dir/a> <http://base/dir/#b> <http://base/c> .",
		"BASE <http://x/y/> BASE <z/> ASK { <a> <b> <http://h/./c> }":      "<http://x/y/z/a> <http://x/y/z/b> <http://h/./c> .",
		"BASE <http://x/> PREFIX p: <n#> BASE <http://y/> ASK { p:a a p:}": "<http://x/n#a> a <http://x/n#> .",
		`PREFIX : <http://x/> ASK { :a\-b\%c :%41.d :e\.  }`:               "<http://x/a-b%c> <http://x/%41.d> <http://x/e.> .",
		`PREFIX a.b: <http://x/> ASK { a.b:1.5 a.b:c. a.b:d. }`:            "",
		`ASK { <\u0061> <p> "\U0001F47E\t" }`:                              "<http://base/dir/a> <http://base/dir/p> \"👾\\t\" .",
	} {
		q, err := ParseQuery(in, "http://base/dir/")
		if want == "" {
			if err == nil {
				t.Errorf("%s was accepted", in)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := q.Where.Elems[0].String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestSugar compares texts with sugar and without.
func TestSugar(t *testing.T) {
	for sugar, plain := range map[string]string{
		"?s :p 1, 2 ; :q 3 ;; .": "?s :p 1 . ?s :p 2 . ?s :q 3 .",
		"?s :p [ :q ?o ; a :C ]": "?s :p _:b0 . _:b0 :q ?o . _:b0 a :C .",
		"[ :p ?o ] :q 1":         "_:b0 :p ?o . _:b0 :q 1 .",
		"(1 ?x) :p ()": "_:b0 rdf:first 1 . _:b0 rdf:rest _:b1 . _:b1 rdf:first ?x . _:b1 rdf:rest rdf:nil . " +
			"_:b0 :p rdf:nil .",
		"<< ?s :p ?o ~ :r >> :q 1":      ":r rdf:reifies <<( ?s :p ?o )>> . :r :q 1 .",
		"<< ?s :p ?o >> .":              "_:b0 rdf:reifies <<( ?s :p ?o )>> .",
		"?s :p ?o ~ ?r {| :q 1 |}":      "?s :p ?o . ?r rdf:reifies <<( ?s :p ?o )>> . ?r :q 1 .",
		"?s :p ?o {| :q 1 |} {| :r 2|}": "?s :p ?o . _:b0 rdf:reifies <<( ?s :p ?o )>> . _:b0 :q 1 . _:b1 rdf:reifies <<( ?s :p ?o )>> . _:b1 :r 2 .",
		"_:b0 :p []":                    "_:b0 :p _:b1 .",
	} {
		const pre = "PREFIX : <http://x/> PREFIX rdf: <" + kg.RDF + "> ASK { "
		a, b := parse(t, pre+sugar+" }"), parse(t, pre+plain+" }")
		if !Equal(a, b) {
			t.Errorf("%s is read as\n%s\nwant\n%s", sugar, a.Where, b.Where)
		}
	}
}

// TestPrecedence compares expressions with fully bracketed ones.
func TestPrecedence(t *testing.T) {
	for in, want := range map[string]string{
		"1 + 2 * 3":            "1 + (2 * 3)",
		"?a-1-2":               "(?a - 1) - 2",
		"?a -1 * 2":            "?a - (1 * 2)",
		"?a+1/?b":              "?a + (1 / ?b)",
		"?a || ?b && ?c = 1":   "?a || (?b && (?c = 1))",
		"!?a = ?b":             "(!?a) = ?b",
		"-?a * ?b":             "(-?a) * ?b",
		"!!?a":                 "!(!?a)",
		"?a IN (1, 2) && ?b":   "(?a IN (1, 2)) && ?b",
		"?a + 1 NOT IN (1)":    "(?a + 1) NOT IN (1)",
		"- 1":                  "-(1)",
		"(?a || ?b) || ?c":     "((?a || ?b) || ?c)",
		"?a < ?b":              "(?a < ?b)",
		"COUNT(DISTINCT ?a)+1": "(COUNT(DISTINCT ?a)) + 1",
	} {
		a, b := parse(t, "SELECT ("+in+" AS ?z) {} GROUP BY ?a ?b ?c"), parse(t, "SELECT ("+want+" AS ?z) {} GROUP BY ?a ?b ?c")
		if !Equal(a.Project[0].Expr, b.Project[0].Expr) {
			t.Errorf("%s is read as %s, want %s", in, a.Project[0].Expr, want)
		}
		c := parse(t, a.String())
		if !Equal(a, c) {
			t.Errorf("%s prints as %s", in, a.Project[0].Expr)
		}
	}
}

// TestLimits: what is too large or too deep is an error, not a crash.
func TestLimits(t *testing.T) {
	deep := func(open, middle, shut string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	for name, text := range map[string]string{
		"groups":       "ASK " + deep("{", "", "}", 100_000),
		"parentheses":  "ASK { FILTER(" + deep("(", "1", ")", 100_000) + ") }",
		"signs":        "ASK { FILTER(" + strings.Repeat("!", 100_000) + "?x) }",
		"calls":        "ASK { FILTER(" + deep("STR(", "1", ")", 100_000) + ") }",
		"exists":       "ASK " + deep("{ FILTER EXISTS ", "{}", "}", 50_000),
		"paths":        "ASK { ?s " + deep("(", "<p>", ")", 100_000) + " ?o }",
		"lists":        "ASK { " + deep("(", "1", ")", 100_000) + " <p> 1 }",
		"properties":   "ASK { " + deep("[ <p> ", "1", "]", 100_000) + " }",
		"triple terms": "ASK { ?s ?p " + deep("<<( <a> <b> ", "1", ")>>", 50_000) + " }",
		"reified":      "ASK { " + deep("<< <a> <b> ", "1", ">>", 50_000) + " }",
		"annotations":  "ASK { ?s ?p ?o " + deep("{| <a> <b> ", "", "|}", 50_000) + " }",
		"data terms":   "ASK { VALUES ?x { " + deep("<<( <a> <b> ", "1", ")>>", 50_000) + " } }",
		"sub-selects":  "ASK " + deep("{ SELECT * ", "{}", "}", 50_000),
		"sum":          "ASK { FILTER(1" + strings.Repeat("+1", 100_000) + ") }",
		"product":      "ASK { FILTER(1" + strings.Repeat("*1", 100_000) + ") }",
		"elements":     "ASK { " + strings.Repeat("OPTIONAL {}", 50_000) + " }",
		"union":        "ASK { {} " + strings.Repeat("UNION {}", 50_000) + " }",
		"size":         "ASK {} #" + strings.Repeat(" ", MaxQuery),
		"prefixes":     manyPrefixes(3000) + "ASK {}",
	} {
		var e *Error
		if _, err := ParseQuery(text, ""); !errors.As(err, &e) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"depth 200": "ASK " + deep("{", "", "}", 200),
		"operands":  "ASK { FILTER(?x = 1" + strings.Repeat(" || ?x = 1", 50_000) + ") }",
		"triples":   "ASK { " + strings.Repeat("?s ?p ?o .", 50_000) + " }",
		"list":      "ASK { ?s ?p (" + strings.Repeat("1 ", 50_000) + ") }",
		"bindings":  "ASK { " + manyBindings(9000) + " }",
	} {
		q, err := ParseQuery(text, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := ParseQuery(q.String(), ""); err != nil && q.String() != "" && len(q.String()) <= MaxQuery {
			t.Errorf("%s printed: %v", name, err)
		} else if err == nil && !Equal(q, again) {
			t.Errorf("%s prints as another tree", name)
		}
	}
}

func manyPrefixes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "PREFIX p%d: <x>\n", i)
	}
	return b.String()
}

func manyBindings(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "BIND(1 AS ?x%d) ", i)
	}
	return b.String()
}

// TestUpdatePrologues: each operation keeps the declarations at its place.
func TestUpdatePrologues(t *testing.T) {
	u, err := ParseUpdate(`PREFIX a: <http://a/> INSERT DATA { a:x a:y a:z } ;
PREFIX b: <http://b/> PREFIX a: <http://c/> CLEAR GRAPH a:g ; CLEAR GRAPH b:g ; PREFIX a: <http://d/>`, "")
	if err != nil {
		t.Fatal(err)
	}
	want := `PREFIX a: <http://a/>
INSERT DATA {
  a:x a:y a:z .
} ;
PREFIX a: <http://c/>
PREFIX b: <http://b/>
CLEAR GRAPH a:g ;
CLEAR GRAPH b:g`
	if u.String() != want {
		t.Errorf("got\n%s\nwant\n%s", u, want)
	}
	again, err := ParseUpdate(u.String(), "")
	if err != nil || !Equal(u, again) {
		t.Errorf("printed form parses to another tree: %v", err)
	}
}

func TestColumns(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT ?b (1 AS ?a) { ?a2 ?b ?c }": "b a",
		"SELECT * { ?s ?p [ ?q ?o ] FILTER(?f) OPTIONAL { ?x ?p ?y } MINUS { ?m ?n ?l } BIND(1 AS ?z) } VALUES ?v { 1 }": "s p q o x y z v",
		"SELECT * { { SELECT ?i { ?i ?j ?k } } UNION { GRAPH ?g { ?s (<a>|<b>) ?o } } }":                                 "i g s o",
		"SELECT * { ?s ?p <<( ?a ?b ?c )>> }": "s p a b c",
	} {
		if got := strings.Join(parse(t, in).Columns(), " "); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
