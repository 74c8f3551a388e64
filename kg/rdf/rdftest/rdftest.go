// Package rdftest runs the conformance tests of the W3C RDF test suites
// (https://w3c.github.io/rdf-tests/) for N-Triples, N-Quads, Turtle, TriG and
// RDF/XML.
package rdftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
)

// Test is one entry of a manifest.
type Test struct {
	ID     string // IRI of the entry
	Name   string // mf:name
	Type   string // local name of the type, such as TestTurtleEval
	Action string // path of the document to read
	Result string // path of the expected document; empty for syntax tests
	Base   string // IRI that the action is read under
	Suite  string // path of the manifest that lists the test
}

// ErrUnsupported is wrapped by Run for types of test that are not about
// syntax, such as entailment.
var ErrUnsupported = errors.New("rdftest: type of test is not supported")

const (
	mf   = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
	rdft = "http://www.w3.org/ns/rdftest#"
)

// Load reads a manifest and those it includes, each once, in their order. Only
// tests that mf:entries lists are returned.
func Load(manifestPath string) ([]Test, error) {
	path, err := filepath.Abs(manifestPath)
	if err != nil {
		return nil, err
	}
	return load(path, map[string]bool{})
}

func load(path string, seen map[string]bool) ([]Test, error) {
	if seen[path] {
		return nil, nil
	}
	seen[path] = true
	m, err := ReadManifest(path)
	if err != nil {
		return nil, err
	}
	var tests []Test
	for _, list := range m.All(mf + "include") {
		for _, inc := range m.List(list) {
			p, err := PathOf(inc.Value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			more, err := load(p, seen)
			if err != nil {
				return nil, err
			}
			tests = append(tests, more...)
		}
	}
	assumed := ""
	if b := m.All(mf + "assumedTestBase"); len(b) > 0 {
		assumed = b[0].Value
	}
	for _, list := range m.All(mf + "entries") {
		for _, entry := range m.List(list) {
			t := Test{ID: entry.Value, Name: m.One(entry, mf+"name").Value, Suite: path}
			for _, typ := range m.Of(entry, kg.RDFType) {
				if s, ok := strings.CutPrefix(typ.Value, rdft); ok {
					t.Type = s
				}
			}
			if t.Action, err = PathOf(m.One(entry, mf+"action").Value); err != nil {
				return nil, fmt.Errorf("%s: test %s: %w", path, t.ID, err)
			}
			if r := m.One(entry, mf+"result"); r.Kind == kg.IRI {
				if t.Result, err = PathOf(r.Value); err != nil {
					return nil, fmt.Errorf("%s: test %s: %w", path, t.ID, err)
				}
			}
			t.Base = FileIRI(t.Action)
			if rel, err := filepath.Rel(filepath.Dir(path), t.Action); assumed != "" && err == nil {
				t.Base = assumed + filepath.ToSlash(rel)
			}
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// syntaxes are the beginnings of the types of test; the rest of a type says
// what is to be done.
var syntaxes = []struct {
	prefix string
	format rdf.Format
}{
	{"TestNTriples", rdf.NTriples}, {"TestNQuads", rdf.NQuads}, {"TestTurtle", rdf.Turtle}, {"TestTrig", rdf.TriG}, {"TestXML", rdf.RDFXML},
}

// Run runs one test; nil means it passed.
func Run(t Test) error {
	for _, s := range syntaxes {
		kind, ok := strings.CutPrefix(t.Type, s.prefix)
		if !ok {
			continue
		}
		got, err := read(t.Action, s.format, t.Base)
		var syntax *rdf.SyntaxError
		switch kind {
		case "PositiveSyntax":
			return err
		case "NegativeSyntax":
			if err == nil {
				return fmt.Errorf("%s: a wrong document was read without error", t.Action)
			}
			if !errors.As(err, &syntax) {
				return fmt.Errorf("%s: the error has no place: %w", t.Action, err)
			}
			return nil
		case "Eval", "NegativeEval":
			if err != nil {
				if kind == "NegativeEval" && errors.As(err, &syntax) {
					return nil
				}
				return err
			}
			format, _ := rdf.FormatByExtension(t.Result)
			want, err := read(t.Result, format, t.Base)
			if err != nil {
				return fmt.Errorf("expected result: %w", err)
			}
			if iso.Equal(got, want) == (kind == "NegativeEval") {
				return fmt.Errorf("%s:\ngot\n%swant\n%s", t.Action, text(got), text(want))
			}
			return nil
		case "PositiveC14N":
			if err != nil {
				return err
			}
			want, err := os.ReadFile(t.Result)
			if err != nil {
				return err
			}
			if text(got) != string(want) {
				return fmt.Errorf("%s:\ngot\n%swant\n%s", t.Action, text(got), want)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: %s", ErrUnsupported, t.Type)
}

// read reads a document. Labels of blank nodes get a prefix that text removes
// again.
func read(path string, f rdf.Format, base string) ([]kg.TermQuad, error) {
	data, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	var out []kg.TermQuad
	for q, err := range rdf.Read(context.Background(), data, rdf.ReadOptions{Format: f, Base: base, BlankPrefix: prefix}) {
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

const prefix = "Q0Q"

// text writes quads as canonical N-Quads.
func text(quads []kg.TermQuad) string {
	var b bytes.Buffer
	w := rdf.NewWriter(&b, rdf.NQuads, nil)
	for _, q := range quads {
		if err := w.Write(q); err != nil {
			return err.Error()
		}
	}
	if err := w.Flush(); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(b.String(), "_:"+prefix, "_:")
}
