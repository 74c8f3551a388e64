package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

func TestFormat(t *testing.T) {
	in := `# the friends
prefix foaf: <http://xmlns.com/foaf/0.1/>  select ?n (count( * ) as ?c) where { ?p a foaf:Person ; foaf:name ?n . # named
 optional { ?p foaf:knows ?q filter (?q!=?p) } filter not exists{?p foaf:age 3}
 values (?x ?y) { (1 2) (3 undef) } { select * { } } union { graph ?g { [] foaf:nick "a" } } } group by ?n order by desc(?c) limit 3`
	want := `# the friends
PREFIX foaf: <http://xmlns.com/foaf/0.1/>
SELECT ?n (COUNT(*) AS ?c)
WHERE {
  ?p a foaf:Person ;
    foaf:name ?n . # named
  OPTIONAL {
    ?p foaf:knows ?q
    FILTER(?q!=?p)
  }
  FILTER NOT EXISTS {
    ?p foaf:age 3
  }
  VALUES (?x ?y) {
    (1 2)
    (3 UNDEF)
  }
  {
    SELECT * {}
  } UNION {
    GRAPH ?g {
      [] foaf:nick "a"
    }
  }
}
GROUP BY ?n
ORDER BY DESC(?c)
LIMIT 3
`
	got, err := Text(in)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := Text("SELECT * { ?x"); err == nil {
		t.Error("a broken query was formatted")
	}
}

// tokens returns the texts of all tokens, words in upper case.
func tokens(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	l := lex.New(text)
	l.Comments = true
	for {
		tok, err := l.Next()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if tok.Kind == lex.EOF {
			return out
		}
		s := text[tok.Pos.Offset:tok.End]
		if tok.Kind == lex.Word {
			s = strings.ToUpper(s)
		}
		out = append(out, strings.TrimSpace(s))
	}
}

// TestFormatKeepsTokens formats every query and update of the W3C suites: the
// tokens stay, and formatting again changes nothing.
func TestFormatKeepsTokens(t *testing.T) {
	root := filepath.Join(shared.Dir(t), "data", "rdf-tests", "sparql")
	n := 0
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".rq" && filepath.Ext(name) != ".ru" {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		out, err := Text(string(src))
		if err != nil {
			return nil // a negative test
		}
		n++
		a, b := tokens(t, string(src)), tokens(t, out)
		if strings.Join(a, " ") != strings.Join(b, " ") {
			t.Errorf("%s: tokens changed:\n%s\nbecame\n%s", name, src, out)
		}
		again, err := Text(out)
		if err != nil || again != out {
			t.Errorf("%s: formatting again gives (%v)\n%s\nafter\n%s", name, err, again, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 500 {
		t.Errorf("only %d files formatted", n)
	}
}

// FuzzText formats texts that parse: tokens stay, and again changes nothing.
func FuzzText(f *testing.F) {
	f.Add("select * { ?s ?p ?o . filter(?o>3) } # end")
	f.Add("insert data { <a> <b> 1 ; <c> [ <d> 2 ] } ; delete where { graph ?g { ?s ?p ?o } }")
	f.Add("prefix a: <b> select ?x { values ?x { 1 2 } { select ?y { } } union { << ?s ?p ?o >> a:b ( 1 ) } } order by ?x")
	f.Fuzz(func(t *testing.T, text string) {
		out, err := Text(text)
		if err != nil {
			return
		}
		if a, b := strings.Join(tokens(t, text), " "), strings.Join(tokens(t, out), " "); a != b {
			t.Fatalf("tokens of %q changed in %q", text, out)
		}
		if again, err := Text(out); err != nil || again != out {
			t.Fatalf("%q, formatted again %q (%v)", out, again, err)
		}
	})
}
