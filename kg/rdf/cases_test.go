package rdf_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
)

// reported is a case from a bug report of a comparable system.
type reported struct {
	ID, Op string
	Data   json.RawMessage
	Format json.RawMessage
	Expect struct {
		Triples string
		To      []string
	}
}

var caseFormats = map[string]rdf.Format{"turtle": rdf.Turtle, "trig": rdf.TriG, "ntriples": rdf.NTriples, "nquads": rdf.NQuads, "rdfxml": rdf.RDFXML}

func reportedCases(t *testing.T) map[string]reported {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shared.Dir(t), "cases", "rdf-sparql.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]reported{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data))
	for lines.Scan() {
		var c reported
		var probe struct{ ID, Op string }
		if err := json.Unmarshal(lines.Bytes(), &probe); err != nil {
			t.Fatal(err)
		}
		switch probe.Op {
		case "parse", "reject", "reject_or_empty", "roundtrip":
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatalf("%s: %v", probe.ID, err)
			}
			out[c.ID] = c
		}
	}
	return out
}

// TestReportedCases runs the cases that are about reading and writing alone;
// the op of a case says what to do.
func TestReportedCases(t *testing.T) {
	cases := reportedCases(t)
	for _, id := range []string{"RDF-A01", "RDF-A05", "RDF-A06", "RDF-A11", "RDF-A13", "RDF-A16", "RDF-F04"} {
		c, ok := cases[id]
		if !ok {
			t.Errorf("%s: not among the cases", id)
			continue
		}
		delete(cases, id)
		t.Run(id, func(t *testing.T) { runReported(t, c) })
	}
	for id := range cases {
		t.Errorf("%s: a case that nobody runs", id)
	}
}

func runReported(t *testing.T, c reported) {
	var data, name string
	if err := json.Unmarshal(c.Data, &data); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(c.Format, &name); err != nil {
		t.Fatal(err)
	}
	f, ok := caseFormats[name]
	if !ok {
		t.Fatalf("unknown format %q", name)
	}
	got, err := readAll(t, data, rdf.ReadOptions{Format: f})
	switch c.Op {
	case "reject", "reject_or_empty":
		var se *rdf.SyntaxError
		if !errors.As(err, &se) || len(got) != 0 {
			t.Errorf("%d statements, error %v", len(got), err)
		}
	case "parse":
		want, werr := readAll(t, c.Expect.Triples, rdf.ReadOptions{Format: rdf.NTriples})
		if err != nil || werr != nil {
			t.Fatal(err, werr)
		}
		if !iso.Equal(got, want) {
			t.Errorf("got\n%swant\n%s", text(t, rdf.NQuads, got), c.Expect.Triples)
		}
	case "roundtrip":
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range c.Expect.To {
			if to == "jsonld" {
				continue // not among our formats
			}
			s := text(t, caseFormats[to], got)
			back, err := readAll(t, s, rdf.ReadOptions{Format: caseFormats[to]})
			if err != nil || !iso.Equal(got, back) {
				t.Errorf("as %s: error %v\n%s", to, err, s)
			}
		}
	}
}

func TestRDF_A01_ByteOrderMark(t *testing.T) {
	const bom = "\uFEFF"
	for f, s := range map[rdf.Format]string{
		rdf.NTriples: "<http://e/s> <http://e/p> \"x\" .\n", rdf.NQuads: "<http://e/s> <http://e/p> \"x\" .\n", rdf.Turtle: "<http://e/s> <http://e/p> 'x'.",
		rdf.TriG:   "{<http://e/s> <http://e/p> 'x'}",
		rdf.RDFXML: `<rdf:Description rdf:about="http://e/s" xmlns:rdf="` + kg.RDF + `"><e:p xmlns:e="http://e/">x</e:p></rdf:Description>`,
	} {
		got, err := readAll(t, bom+s, rdf.ReadOptions{Format: f})
		if err != nil || len(got) != 1 || got[0].O != kg.NewString("x") {
			t.Errorf("%s: %v, error %v", f, got, err)
		}
		if got, err := readAll(t, bom+bom+s, rdf.ReadOptions{Format: f}); err == nil {
			t.Errorf("%s: two marks give %v", f, got)
		}
	}
}

func TestRDF_A09_LabelsBelongToTheirFile(t *testing.T) {
	subjects := map[string]bool{}
	for range 3 {
		for f, s := range map[rdf.Format]string{
			rdf.NTriples: "_:x <http://e/p> _:x .", rdf.Turtle: "_:x <http://e/p> _:x .",
			rdf.RDFXML: `<rdf:Description rdf:nodeID="x" xmlns:rdf="` + kg.RDF + `"><e:p xmlns:e="http://e/" rdf:nodeID="x"/></rdf:Description>`,
		} {
			got, err := readAll(t, s, rdf.ReadOptions{Format: f})
			if err != nil || len(got) != 1 || got[0].S != got[0].O {
				t.Fatalf("%s: %v, error %v", f, got, err)
			}
			subjects[got[0].S.Value] = true
		}
	}
	if len(subjects) != 9 {
		t.Errorf("%d nodes from nine documents", len(subjects))
	}
}

func TestRDF_D02_DeepNesting(t *testing.T) {
	const n = 200_000
	for name, s := range map[string]string{
		"property lists": "<http://e/a> <http://e/p> " + strings.Repeat("[ <http://e/p> ", n) + "1" + strings.Repeat(" ]", n) + " .",
		"collections":    "<http://e/a> <http://e/p> " + strings.Repeat("( ", n) + strings.Repeat(")", n) + " .",
		"triple terms":   "<http://e/a> <http://e/p> " + strings.Repeat("<<( <http://e/a> <http://e/p> ", n) + "1" + strings.Repeat(" )>>", n) + " .",
		"reified":        strings.Repeat("<< ", n) + "<http://e/a> <http://e/p> 1",
		"annotations":    "<http://e/a> <http://e/p> 1" + strings.Repeat(" {| <http://e/p> 1", n),
	} {
		_, err := readAll(t, s, rdf.ReadOptions{Format: rdf.Turtle})
		var se *rdf.SyntaxError
		if !errors.As(err, &se) || se.Line != 1 || !strings.Contains(se.Msg, fmt.Sprint(rdf.MaxDepth)) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for f, s := range map[rdf.Format]string{
		rdf.NTriples: "<http://e/a> <http://e/p> " + strings.Repeat("<<( <http://e/a> <http://e/p> ", n) + "<http://e/a>" + strings.Repeat(" )>>", n) + " .",
		rdf.RDFXML:   `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/">` + strings.Repeat("<rdf:Description><e:p>", n),
	} {
		_, err := readAll(t, s, rdf.ReadOptions{Format: f})
		var se *rdf.SyntaxError
		if !errors.As(err, &se) || !strings.Contains(se.Msg, fmt.Sprint(rdf.MaxDepth)) {
			t.Errorf("%s: error %v", f, err)
		}
	}
}

func TestRDF_D03_LongList(t *testing.T) {
	var b strings.Builder
	b.WriteString("<http://ex.example/a> <http://ex.example/list> (")
	for k := range 200_000 {
		fmt.Fprint(&b, k, " ")
	}
	b.WriteString(") .")
	got, err := readAll(t, b.String(), rdf.ReadOptions{Format: rdf.Turtle, BlankPrefix: "f"})
	if err != nil || len(got) != 400_001 {
		t.Fatalf("%d statements, error %v", len(got), err)
	}
	back, err := readAll(t, text(t, rdf.Turtle, got), rdf.ReadOptions{Format: rdf.Turtle})
	if err != nil || len(back) != len(got) {
		t.Errorf("read back: %d statements, error %v", len(back), err)
	}
}

func TestRDF_F05_EntityBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("<!DOCTYPE rdf:RDF [\n<!ENTITY a0 \"ha\">\n")
	for k := 1; k < 40; k++ {
		fmt.Fprintf(&laughs, "<!ENTITY a%d \"&a%d;&a%d;\">\n", k, k-1, k-1)
	}
	laughs.WriteString("]>\n")
	const head = `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/"><rdf:Description rdf:about="http://e/a"><e:p>`
	for name, s := range map[string]string{
		"doubling":  laughs.String() + head + "&a39;",
		"quadratic": "<!DOCTYPE rdf:RDF [<!ENTITY a \"" + strings.Repeat("x", 60_000) + "\">]>" + head + strings.Repeat("&a;", 10_000),
		"recursive": "<!DOCTYPE rdf:RDF [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]>" + head + "&a;",
	} {
		got, err := readAll(t, s, rdf.ReadOptions{Format: rdf.RDFXML})
		var se *rdf.SyntaxError
		if !errors.As(err, &se) || len(got) != 0 {
			t.Errorf("%s: %d statements, error %v", name, len(got), err)
		}
	}
}

// TestLimits: tokens that are too long are errors in every format.
func TestLimits(t *testing.T) {
	long := "http://e/" + strings.Repeat("x", rdf.MaxIRI)
	big := strings.Repeat("y", rdf.MaxLiteral+1)
	fits := strings.Repeat("y", rdf.MaxLiteral)
	xml := func(about, lit string) string {
		return `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/"><rdf:Description rdf:about="` + about + `"><e:p>` + lit + `</e:p></rdf:Description></rdf:RDF>`
	}
	line := func(s, lit string) string { return "<" + s + "> <http://e/p> \"" + lit + "\" .\n" }
	for _, f := range rdf.Formats() {
		doc := line
		if f == rdf.RDFXML {
			doc = xml
		}
		for name, s := range map[string]string{"IRI": doc(long, ""), "literal": doc("http://e/s", big)} {
			_, err := readAll(t, s, rdf.ReadOptions{Format: f, Workers: 1})
			var se *rdf.SyntaxError
			if !errors.As(err, &se) || !strings.Contains(se.Msg, "longer than") {
				t.Errorf("%s: long %s: error %v", f, name, err)
			}
		}
		got, err := readAll(t, doc("http://e/s", fits), rdf.ReadOptions{Format: f, Workers: 1})
		if err != nil || len(got) != 1 || got[0].O.Value != fits {
			t.Errorf("%s: the longest literal: %d statements, error %v", f, len(got), err)
		}
	}
}

// TestCutShort: a document without its end is an error or gives a part of the
// statements, in order, and never something else.
func TestCutShort(t *testing.T) {
	docs := map[rdf.Format]string{
		rdf.NTriples: "<http://e/s> <http://e/p> \"a\\u00e9\"@en .\n<http://e/s> <http://e/p> _:b .\n",
		rdf.NQuads:   "<http://e/s> <http://e/p> \"a\"^^<http://e/d> <http://e/g> .\n<http://e/s> <http://e/p> _:b <http://e/g> .\n",
		rdf.Turtle:   "@prefix e: <http://e/> .\ne:s e:p \"\"\"a\"b\"\"\", ( 1 2.5 ) ; e:q [ e:r 'x'@en ] .\ne:s e:p <<( e:a e:b e:c )>> .\n",
		rdf.TriG:     "@prefix e: <http://e/> .\nGRAPH e:g { e:s e:p \"a\" . e:s e:p true } { e:s e:p e:t ~ e:r {| e:x 1 |} . }\n",
		rdf.RDFXML:   `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/"><e:T rdf:about="http://e/s"><e:p xml:lang="en">a</e:p><e:q rdf:parseType="Literal"><b/></e:q></e:T></rdf:RDF>`,
	}
	for f, s := range docs {
		whole, err := readAll(t, s, rdf.ReadOptions{Format: f, BlankPrefix: "f"})
		if err != nil || len(whole) < 2 {
			t.Fatalf("%s: %d statements, error %v", f, len(whole), err)
		}
		for n := range len(s) {
			got, err := readAll(t, s[:n], rdf.ReadOptions{Format: f, BlankPrefix: "f"})
			if len(got) > len(whole) || !slices.EqualFunc(got, whole[:len(got)], func(a, b kg.TermQuad) bool {
				return a.S.Equal(b.S) && a.P.Equal(b.P) && a.O.Equal(b.O) && a.G.Equal(b.G)
			}) && err == nil {
				t.Errorf("%s cut at %d: %v", f, n, got)
			}
			var se *rdf.SyntaxError
			if err != nil && (!errors.As(err, &se) || se.Offset > int64(n) || se.Line < 1 || se.Col < 1) {
				t.Errorf("%s cut at %d: error %v", f, n, err)
			}
			if f == rdf.RDFXML && err == nil {
				t.Errorf("%s cut at %d: no error", f, n)
			}
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, f := range rdf.Formats() {
		s := "<http://e/s> <http://e/p> \"a\xffb\" .\n"
		if f == rdf.RDFXML {
			s = `<rdf:Description xmlns:rdf="` + kg.RDF + `"><e:p xmlns:e="http://e/">` + "a\xffb</e:p></rdf:Description>"
		}
		_, err := readAll(t, s, rdf.ReadOptions{Format: f})
		var se *rdf.SyntaxError
		if !errors.As(err, &se) || !strings.Contains(se.Msg, "UTF-8") || se.Remedy == "" {
			t.Errorf("%s: error %v", f, err)
		}
		if f != rdf.RDFXML && se != nil && (se.Offset != 28 || se.Col != 29) {
			t.Errorf("%s: place of %v", f, se)
		}
	}
}
