package csvmap

import (
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

const table = "id;name;pop;seat\r\n1;\"Slate; town\";1200;Granite Hill\r\n2;Chalk;many;\r\n"

func TestRead(t *testing.T) {
	m, err := ReadMapping(strings.NewReader(`{"subject":"http://x/{id}","class":"http://x/Town","columns":{"name":{"property":"http://x/name"},"pop":{"property":"http://x/pop","datatype":"xsd:integer"},"seat":{"property":"http://x/seat","iri":"http://x/place/{seat}"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read([]byte(table), "urn:g", m)
	if err != nil || got.Rows != 2 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], `line 3, column "pop"`) {
		t.Fatalf("%v %+v", err, got)
	}
	var lines []string
	for _, q := range got.Quads {
		lines = append(lines, q.S.String()+" "+q.P.String()+" "+q.O.String())
	}
	for _, w := range []string{`<http://x/1> <http://x/name> "Slate; town"`, `<http://x/1> <http://x/pop> "1200"^^<http://www.w3.org/2001/XMLSchema#integer>`, `<http://x/1> <http://x/seat> <http://x/place/Granite%20Hill>`, `<http://x/2> <http://x/name> "Chalk"`} {
		if !slices.Contains(lines, w) {
			t.Errorf("%s is not stated: %q", w, lines)
		}
	}
	for n := range got.Tree.Nodes {
		if got.Tree.Nodes[n].Kind == doc.Cell && got.Tree.Str(n) == "Slate; town" {
			if a, b := got.Tree.Bytes(int(got.Tree.Nodes[n].From), int(got.Tree.Nodes[n].To)); table[a:b] != "Slate; town" {
				t.Errorf("it stands at %q", table[a:b])
			}
		}
	}
	if _, err := Read([]byte("a,b\n1,2\n"), "urn:g", m); err == nil || !strings.Contains(err.Error(), "column") {
		t.Errorf("a mapping of another table: %v", err)
	}
	plain, err := Read([]byte(table), "urn:g", nil)
	if err != nil || plain.Rows != 2 || len(plain.Problems) != 0 || plain.Quads[0].S.Value != "urn:g#row1" {
		t.Errorf("%v %+v", err, plain)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(table)
	f.Add("a\n\"b\n\xff,\"")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Read([]byte(s), "urn:g", nil)
		if err != nil {
			return
		}
		if _, err := doc.Decode(got.Tree.Encode()); err != nil {
			t.Error(err)
		}
	})
}
