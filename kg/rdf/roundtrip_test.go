package rdf_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
)

var prefixes = map[string]string{"": "http://ex.example/", "a": "http://ex.example/a#", "x": "urn:x:", "ü": "http://ü.example/", "xsd": kg.XSD, "rdf": kg.RDF}

func text(t testing.TB, f rdf.Format, quads []kg.TermQuad) string {
	t.Helper()
	var b bytes.Buffer
	w := rdf.NewWriter(&b, f, prefixes)
	for _, q := range quads {
		if err := w.Write(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWrittenReadsBack writes random statements in every format.
func TestWrittenReadsBack(t *testing.T) {
	for _, f := range rdf.Formats() {
		t.Run(f.String(), func(t *testing.T) {
			for seed := range uint64(400) {
				r := rand.New(rand.NewPCG(seed, 1))
				in := rdftest.Random(r, 1+r.IntN(40), f.Quads())
				s := text(t, f, in)
				got, err := readAll(t, s, rdf.ReadOptions{Format: f})
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, s)
				}
				if !iso.Equal(in, got) {
					t.Fatalf("seed %d: read back differently\n%s\ngot\n%s\nwant\n%s", seed, s, text(t, rdf.NQuads, got), text(t, rdf.NQuads, in))
				}
			}
		})
	}
}

func TestTurtleIsReadable(t *testing.T) {
	in, err := readAll(t, `
		<http://ex.example/s> a <http://ex.example/T> ; <http://ex.example/a#p> "x"@en , 1, 1.5, true, 1e0, "1"^^<http://www.w3.org/2001/XMLSchema#int> .
		GRAPH <http://ex.example/g> { _:b <http://ex.example/a#p> <<( <http://ex.example/s> a <http://ex.example/x.> )>> }
		<http://ex.example/a/b> <http://ex.example/a#> "a\n\"" .`, rdf.ReadOptions{Format: rdf.TriG, BlankPrefix: "f"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `@prefix : <http://ex.example/> .
@prefix a: <http://ex.example/a#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix x: <urn:x:> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix ü: <http://ü.example/> .

:s a :T ;
    a:p "x"@en , 1 , 1.5 , true , 1e0 , "1"^^xsd:int .
:g {
    _:fb a:p <<( :s a <http://ex.example/x.> )>> .
}
<http://ex.example/a/b> a: "a\n\"" .
`
	if got := text(t, rdf.TriG, in); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFlushEndsAWholeDocument: a reader of the output so far has it all.
func TestFlushEndsAWholeDocument(t *testing.T) {
	in := rdftest.Random(rand.New(rand.NewPCG(3, 3)), 30, true)
	for _, f := range []rdf.Format{rdf.NQuads, rdf.TriG} {
		var b bytes.Buffer
		w := rdf.NewWriter(&b, f, prefixes)
		for i, q := range in {
			if err := w.Write(q); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, b.String(), rdf.ReadOptions{Format: f})
			if err != nil || !iso.Equal(got, in[:i+1]) {
				t.Fatalf("%s after %d statements: error %v", f, i+1, err)
			}
		}
	}
}

func TestWriterRefusesWhatWouldNotReadBack(t *testing.T) {
	s, p := kg.NewIRI("http://ex.example/s"), kg.NewIRI("http://ex.example/p")
	for name, c := range map[string]struct {
		f rdf.Format
		q kg.TermQuad
	}{
		"literal subject":        {rdf.NTriples, kg.TermQuad{S: kg.NewString("x"), P: p, O: s}},
		"blank predicate":        {rdf.Turtle, kg.TermQuad{S: s, P: kg.NewBlank("x"), O: s}},
		"no object":              {rdf.TriG, kg.TermQuad{S: s, P: p}},
		"graph in Turtle":        {rdf.Turtle, kg.TermQuad{S: s, P: p, O: s, G: s}},
		"literal graph":          {rdf.NQuads, kg.TermQuad{S: s, P: p, O: s, G: kg.NewString("x")}},
		"wrong label":            {rdf.NQuads, kg.TermQuad{S: kg.NewBlank("a b"), P: p, O: s}},
		"label with final dot":   {rdf.NQuads, kg.TermQuad{S: s, P: p, O: kg.NewTriple(kg.NewBlank("a."), p, s)}},
		"literal in triple term": {rdf.NQuads, kg.TermQuad{S: s, P: p, O: kg.NewTriple(kg.NewString("a"), p, s)}},
		"predicate without name": {rdf.RDFXML, kg.TermQuad{S: s, P: kg.NewIRI("http://ex.example/1"), O: s}},
		"predicate rdf:li":       {rdf.RDFXML, kg.TermQuad{S: s, P: kg.NewIRI(kg.RDF + "li"), O: s}},
		"control character":      {rdf.RDFXML, kg.TermQuad{S: s, P: p, O: kg.NewString("\x01")}},
		"unknown format":         {rdf.Unknown, kg.TermQuad{S: s, P: p, O: s}},
	} {
		w := rdf.NewWriter(&bytes.Buffer{}, c.f, nil)
		if err := w.Write(c.q); err == nil {
			t.Errorf("%s: written", name)
		} else if again := w.Flush(); again != err {
			t.Errorf("%s: the error %v is not sticky: %v", name, err, again)
		}
	}
	for _, bad := range []map[string]string{{"a b": "http://e/"}, {"a": "http://e/<"}, {"a": "relative"}, {"a.": "http://e/"}} {
		if err := rdf.NewWriter(&bytes.Buffer{}, rdf.Turtle, bad).Flush(); err == nil {
			t.Errorf("prefixes %v accepted", bad)
		}
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]rdf.Format{
		"a.nt": rdf.NTriples, "b/c.NQ.gz": rdf.NQuads, "x.ttl.zst": rdf.Turtle, "ttl": rdf.Turtle, "a.b.trig": rdf.TriG, "o.owl": rdf.RDFXML,
		"x.rdf.bz2": rdf.RDFXML, "readme.md": rdf.Unknown, "": rdf.Unknown, "nt.gz": rdf.NTriples,
	} {
		if got, ok := rdf.FormatByExtension(name); got != want || ok != (want != rdf.Unknown) {
			t.Errorf("extension of %q: %s", name, got)
		}
	}
	for _, f := range rdf.Formats() {
		if got, ok := rdf.FormatByMediaType(strings.ToUpper(f.MediaType()) + "; charset=utf-8"); !ok || got != f {
			t.Errorf("media type of %s: %s", f, got)
		}
		if got, ok := rdf.FormatByExtension("x" + f.Extension()); !ok || got != f {
			t.Errorf("extension of %s: %s", f, got)
		}
	}
	if _, ok := rdf.FormatByMediaType("text/html"); ok {
		t.Error("text/html is a format")
	}
	for text, want := range map[string]rdf.Format{
		"# c\n<http://a> <http://b> _:c .\n": rdf.NTriples, "<http://a> <http://b> \"c\" <http://g> .\n<": rdf.NQuads, "@prefix : <http://a> .": rdf.TriG,
		"\uFEFF<?xml version=\"1.0\"?>": rdf.RDFXML, "<rdf:RDF": rdf.RDFXML, "": rdf.Unknown, "#": rdf.Unknown, "\x00\x01": rdf.Unknown,
		"<a> <b> <c> .": rdf.TriG,
	} {
		if got, _ := rdf.Sniff([]byte(text)); got != want {
			t.Errorf("%q looks like %s", text, got)
		}
	}
}
