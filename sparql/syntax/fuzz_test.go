package syntax

import "testing"

// FuzzParse checks that no text makes the parser panic, and that what parses
// prints a form that parses to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`SELECT * { ?s ?p ?o }`,
		`PREFIX : <http://x/> SELECT (COUNT(DISTINCT ?x) AS ?n) { ?x :p+/^:q|!(:r|^a) [ :s (1 2.0 3e0) ] . FILTER(?x < 3 && NOT EXISTS { ?x a :C }) } GROUP BY ?y HAVING(?n > 1) ORDER BY DESC(?n) LIMIT 3`,
		`ASK { GRAPH ?g { ?s ?p "a"@en } MINUS { ?s ?p 1 } OPTIONAL { BIND(IF(?a, ?b, -1) AS ?c) } }`,
		`CONSTRUCT WHERE { ?s <p> _:b }`,
		`DESCRIBE <x> FROM <y>`,
		`SELECT ?x { { SELECT ?x { VALUES (?x ?y) { (UNDEF "1"^^<t>) } } } UNION { SERVICE SILENT <s> { } } }`,
		`INSERT DATA { <s> <p> <o> . GRAPH <g> { <s> <p> 1 } } ; DELETE WHERE { ?s ?p ?o } ; COPY DEFAULT TO <g>`,
		`WITH <g> DELETE { ?s ?p ?o } INSERT { ?s ?p 1 } USING <h> WHERE { ?s ?p ?o }`,
		`SELECT * { << ?s ?p ?o ~ ?r >> ?q <<( ?a <b> "c"@en--ltr )>> {| <x> 1 |} }`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := ParseQuery(text, "http://b/"); err == nil {
			s := q.String()
			r, err := ParseQuery(s, "http://b/")
			if err != nil {
				t.Fatalf("%q prints as %q: %v", text, s, err)
			}
			if !Equal(q, r) || r.String() != s {
				t.Fatalf("%q prints as %q, then as %q", text, s, r.String())
			}
		}
		if u, err := ParseUpdate(text, "http://b/"); err == nil {
			s := u.String()
			r, err := ParseUpdate(s, "http://b/")
			if err != nil {
				t.Fatalf("%q prints as %q: %v", text, s, err)
			}
			if !Equal(u, r) {
				t.Fatalf("%q prints as %q, then as %q", text, s, r.String())
			}
		}
	})
}
