package rdf_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	knakk "github.com/knakk/rdf"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
)

// fuzz reads a document strictly and leniently. What reads well is written in
// the same format and as N-Quads, and read back.
func fuzz(f *testing.F, format rdf.Format, seeds ...string) {
	for seed := range uint64(8) {
		f.Add(text(f, format, rdftest.Random(rand.New(rand.NewPCG(seed, 8)), 6, format.Quads())))
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		o := rdf.ReadOptions{Format: format, Base: "http://ex.example/dir/doc", BlankPrefix: "f", Workers: 1}
		got, err := readAll(t, doc, o)
		lenient := o
		faults := 0
		lenient.Lenient, lenient.OnError = true, func(error) { faults++ }
		most, lerr := readAll(t, doc, lenient)
		if len(most) < len(got) {
			t.Fatalf("lenient reading gives %d statements, strict %d", len(most), len(got))
		}
		if err != nil {
			var se *rdf.SyntaxError
			if !errors.As(err, &se) || se.Line < 1 || se.Col < 1 || se.Offset < 0 || se.Offset > int64(len(doc)) {
				t.Fatalf("error without a place: %#v", err)
			}
			if faults == 0 && lerr == nil {
				t.Fatalf("lenient reading hides %v", err)
			}
			return
		}
		if faults > 0 || lerr != nil || len(most) != len(got) {
			t.Fatalf("lenient reading of a good document: %d faults, error %v", faults, lerr)
		}
		if len(got) > 300 {
			return
		}
		for _, to := range []rdf.Format{format, rdf.NQuads} {
			var b bytes.Buffer
			w := rdf.NewWriter(&b, to, prefixes)
			for _, q := range got {
				if err := w.Write(q); err != nil {
					t.Fatalf("%v cannot be written: %v", q, err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			back, err := readAll(t, b.String(), rdf.ReadOptions{Format: to, Workers: 1})
			if err != nil || !iso.Equal(got, back) {
				t.Fatalf("%s written does not read back: %v\n%s", to, err, b.String())
			}
		}
	})
}

func FuzzNTriples(f *testing.F) {
	fuzz(f, rdf.NTriples, "<a:b> <a:c> \"\\u0041\"@en--ltr . # c\r\n_:a <a:b> <<(<a:b><a:c>_:d)>>.", "VERSION \"1.2\"\n", "\uFEFF<a:b> <a:c> \"\xff\" .")
}

func FuzzNQuads(f *testing.F) {
	fuzz(f, rdf.NQuads, "<a:b> <a:c> \"x\"^^<a:d> _:g .\n<a:b> <a:c> <a:d> <a:e> .")
}

func FuzzTurtle(f *testing.F) {
	fuzz(f, rdf.Turtle, turtleSeeds...)
}

func FuzzTriG(f *testing.F) {
	fuzz(f, rdf.TriG, append(turtleSeeds, "{} <g> { <a> <b> <c> } GRAPH _:g { [] <p> (1) . } [] { <a> <b> 1 , 2 . }", "<a> <b> <c> . <d> { <e> <f> <g> ~ <h> }")...)
}

var turtleSeeds = []string{
	"@prefix e: <http://e/> . @base <http://b/> . PREFIX : <x/> BASE <y> e:a a :b ; :c 1 , -2.5 , 3e4 , true ; . [] :p [ :q () , ( 1 ( 2 ) ) ] .",
	"<a> <b> '''x'y\"\\n''' , \"\"\"z\"\"\"@en--rtl , '1'^^<d> ~ <r> {| <p> <o> |} {| a <t> |} . << <a> <b> <c> ~ _:r >> <p> <<( <s> <p> \"o\" )>> .",
	"@prefix e: <http://e/> . e:a\\,b e:%20:x.y e:-z . VERSION \"1.2\" _:a.b <p> _:1 . # c",
	"@prefix : <a", "<a> <b> \"\\U0010FFFF\\u00e9", "<a> <b> 1.e3 . <a> <b> 1. <a> <b> .5 .",
}

func FuzzRDFXML(f *testing.F) {
	const head = `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/">`
	fuzz(f, rdf.RDFXML,
		head+`<e:T rdf:about="a" e:p="1" xml:lang="en"><rdf:li>x</rdf:li><e:q rdf:ID="i" rdf:parseType="Collection"><e:U/></e:q></e:T></rdf:RDF>`,
		`<!DOCTYPE a [<!ENTITY x "&#65;">]>`+head+`<rdf:Description rdf:nodeID="n"><e:p rdf:parseType="Literal">&x;<b xmlns="u"/></e:p></rdf:Description></rdf:RDF>`,
		head+`<rdf:Description><e:p rdf:version="1.2" rdf:parseType="Triple"><rdf:Description e:q="1"/></e:p><e:é rdf:datatype="u:d">&#13;</e:é></rdf:Description></rdf:RDF>`)
}

// TestAgainstKnakk compares the readers of N-Triples and Turtle with those of
// knakk/rdf on what both versions of RDF and both readers know.
func TestAgainstKnakk(t *testing.T) {
	for f, kf := range map[rdf.Format]knakk.Format{rdf.NTriples: knakk.NTriples, rdf.Turtle: knakk.Turtle} {
		compared := 0
		for seed := range uint64(500) {
			var quads []kg.TermQuad
			for _, q := range rdftest.Random(rand.New(rand.NewPCG(seed, 77)), 20, false) {
				if q.O.Kind != kg.Triple && q.O.Dir == "" {
					quads = append(quads, q)
				}
			}
			s := text(t, f, quads)
			got, err := readAll(t, s, rdf.ReadOptions{Format: f})
			if err != nil {
				t.Fatal(err)
			}
			want, err := readKnakk(s, kf)
			if err != nil {
				continue // TestGaps names what it cannot read
			}
			compared++
			if !iso.Equal(got, want) {
				t.Fatalf("%s seed %d:\n%s\ngot\n%swant\n%s", f, seed, s, text(t, rdf.NQuads, got), text(t, rdf.NQuads, want))
			}
		}
		if compared < 100 {
			t.Errorf("%s: knakk/rdf read only %d of 500 documents: the test says little", f, compared)
		}
	}
}

// TestGapsOfKnakk shows why the text formats have readers of their own.
func TestGapsOfKnakk(t *testing.T) {
	for name, c := range map[string]struct {
		f   rdf.Format
		kf  knakk.Format
		doc string
		bad bool // the document is wrong
	}{
		"colon in a label":   {rdf.NTriples, knakk.NTriples, "_::a <http://e/p> _:b .", true},
		"surrogate":          {rdf.NTriples, knakk.NTriples, "<http://e/s> <http://e/p> \"\\uD800\" .", true},
		"triple term":        {rdf.NTriples, knakk.NTriples, "<http://e/s> <http://e/p> <<( <http://e/s> <http://e/p> <http://e/o> )>> .", false},
		"resolution":         {rdf.Turtle, knakk.Turtle, "@base <http://a/bb/ccc/d;p?q> . <../g> <?y> <g/../h> .", false},
		"number":             {rdf.Turtle, knakk.Turtle, "<http://e/s> <http://e/p> -.2e3 .", false},
		"annotation":         {rdf.Turtle, knakk.Turtle, "<http://e/s> <http://e/p> 1 {| <http://e/q> 2 |} .", false},
		"reified by a label": {rdf.Turtle, knakk.Turtle, "<< <http://e/s> <http://e/p> 1 ~ _:r >> <http://e/q> 2 .", false},
	} {
		got, err := readAll(t, c.doc, rdf.ReadOptions{Format: c.f})
		if (err != nil) != c.bad {
			t.Errorf("%s: error %v", name, err)
		}
		by, err := readKnakk(c.doc, c.kf)
		if c.bad && err != nil || !c.bad && err == nil && iso.Equal(got, by) {
			t.Errorf("%s: knakk/rdf does this right: not a gap any more", name)
		}
	}
}

func readKnakk(s string, f knakk.Format) (out []kg.TermQuad, err error) {
	dec := knakk.NewTripleDecoder(strings.NewReader(s), f)
	term := func(t knakk.Term) kg.Term {
		switch t := t.(type) {
		case knakk.IRI:
			return kg.NewIRI(t.String())
		case knakk.Blank:
			return kg.NewBlank(t.String())
		}
		l := t.(knakk.Literal)
		if l.Lang() != "" {
			return kg.NewLang(l.String(), l.Lang())
		}
		return kg.NewTyped(l.String(), l.DataType.String())
	}
	for {
		t, err := dec.Decode()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, kg.TermQuad{S: term(t.Subj), P: term(t.Pred), O: term(t.Obj)})
	}
}

// TestCallbacks: prefixes and progress are told by the readers that know them.
func TestCallbacks(t *testing.T) {
	for f, s := range map[rdf.Format]string{
		rdf.NTriples: "<http://e/s> <http://e/p> 'x' .\n<http://e/s> <http://e/p> _:b .\n",
		rdf.Turtle:   "@prefix e: <http://e/> . e:s e:p 1 .",
		rdf.TriG:     "PREFIX e: <http://e/> e:g { e:s e:p 1 }",
		rdf.RDFXML:   `<rdf:RDF xmlns:rdf="` + kg.RDF + `" xmlns:e="http://e/"><e:T/></rdf:RDF>`,
	} {
		told := map[string]string{}
		var progress int64
		o := rdf.ReadOptions{Format: f, Lenient: f == rdf.NTriples, OnPrefix: func(p, iri string) { told[p] = iri }, OnProgress: func(n int64) {
			if n < progress {
				t.Errorf("%s: progress goes back from %d to %d", f, progress, n)
			}
			progress = n
		}}
		n := 0
		for _, err := range rdf.Read(context.Background(), strings.NewReader(s), o) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d statements", f, n)
		}
		if f != rdf.NTriples && told["e"] != "http://e/" {
			t.Errorf("%s: prefixes %v", f, told)
		}
		if progress != int64(len(s)) {
			t.Errorf("%s: progress %d of %d", f, progress, len(s))
		}
	}
}
