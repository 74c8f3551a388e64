package sparqltest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
)

// Vocabularies of manifests and result sets.
const (
	mf = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
	qt = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
	ut = "http://www.w3.org/2009/sparql/tests/test-update#"
	rs = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
	sd = "http://www.w3.org/ns/sparql-service-description#"
)

// GraphFile is a file and the graph it is read into; an empty Name is the
// default graph.
type GraphFile struct{ Name, Path string }

// Test is one entry of a manifest.
type Test struct {
	ID    string // IRI of the entry
	Name  string // mf:name
	Type  string // local name of its class, such as QueryEvaluationTest
	Suite string // folders of the manifest, such as sparql11/aggregates

	Text   string // path of the query or the update request
	Data   []GraphFile
	Result string      // path of the expected result of a query
	After  []GraphFile // expected dataset of an update

	// Skip says why this runner does not run the test; empty for the others.
	Skip string
}

// Load reads a manifest, or the manifests of a folder, and those they
// include, each once and in order. Only tests that mf:entries lists are
// returned. A folder without manifest.ttl stands for those of its sub-folders.
func Load(manifestOrDir string) ([]Test, error) {
	path, err := filepath.Abs(manifestOrDir)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	if !st.IsDir() {
		return load(path, seen)
	}
	// SPARQL 1.1's manifest.ttl leaves out the federation and HTTP suites.
	for _, name := range []string{"manifest-all.ttl", "manifest.ttl"} {
		if p := filepath.Join(path, name); exists(p) {
			return load(p, seen)
		}
	}
	found, err := filepath.Glob(filepath.Join(path, "*", "manifest.ttl"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("sparqltest: no manifest.ttl in %s or its folders", path)
	}
	var tests []Test
	for _, m := range found {
		if all := filepath.Join(filepath.Dir(m), "manifest-all.ttl"); exists(all) {
			m = all
		}
		more, err := load(m, seen)
		if err != nil {
			return nil, err
		}
		tests = append(tests, more...)
	}
	return tests, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func load(path string, seen map[string]bool) ([]Test, error) {
	if seen[path] {
		return nil, nil
	}
	seen[path] = true
	manifest, err := rdftest.ReadManifest(path)
	if err != nil {
		return nil, err
	}
	m := &graph{manifest}
	var tests []Test
	for _, list := range m.All(mf + "include") {
		for _, inc := range m.List(list) {
			p, err := rdftest.PathOf(inc.Value)
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
	dir := filepath.Dir(path)
	suite := filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir)))
	for _, list := range m.All(mf + "entries") {
		for _, entry := range m.List(list) {
			t := Test{ID: entry.Value, Name: m.One(entry, mf+"name").Value, Suite: suite}
			if err := m.fill(&t, entry); err != nil {
				return nil, fmt.Errorf("%s: test %s: %w", path, t.ID, err)
			}
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// skipped are the types of test that need a server around the engine.
var skipped = map[string]string{
	"ProtocolTest":           "HTTP protocol tests need a server",
	"GraphStoreProtocolTest": "graph store protocol tests need a server",
	"ServiceDescriptionTest": "service description tests need a server",
}

// graph is a manifest with what SPARQL tests say in it.
type graph struct{ *rdftest.Manifest }

// fill reads what the manifest says about one test.
func (m *graph) fill(t *Test, entry kg.Term) error {
	for _, typ := range m.Of(entry, kg.RDFType) {
		if s, ok := strings.CutPrefix(typ.Value, mf); ok {
			t.Type = s
		}
	}
	if why, ok := skipped[t.Type]; ok {
		t.Skip = why
		return nil
	}
	action, result := m.One(entry, mf+"action"), m.One(entry, mf+"result")
	if len(m.Of(action, sd+"entailmentRegime")) > 0 {
		t.Skip = "entailment regimes are not supported"
	}
	if len(m.Of(action, qt+"serviceData")) > 0 {
		t.Skip = "SERVICE needs the endpoints of the test"
	}
	text := action
	for _, p := range []string{qt + "query", ut + "request"} {
		if v := m.Of(action, p); len(v) > 0 {
			text = v[0]
		}
	}
	var err error
	if t.Text, err = rdftest.PathOf(text.Value); err != nil {
		return err
	}
	if t.Data, err = m.dataset(action); err != nil {
		return err
	}
	if result.Kind == kg.IRI {
		t.Result, err = rdftest.PathOf(result.Value)
		return err
	}
	t.After, err = m.dataset(result)
	return err
}

// dataset reads the data files of an action or result.
func (m *graph) dataset(node kg.Term) ([]GraphFile, error) {
	var files []GraphFile
	add := func(name string, file kg.Term) error {
		path, err := rdftest.PathOf(file.Value)
		if err == nil {
			files = append(files, GraphFile{name, path})
		}
		return err
	}
	for _, p := range []string{qt + "data", ut + "data"} {
		for _, f := range m.Of(node, p) {
			if err := add("", f); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range m.Of(node, qt+"graphData") {
		// The name is the file's IRI, or given by qt:graph with a label.
		name, file := f.Value, f
		if g := m.Of(f, qt+"graph"); len(g) > 0 {
			file, name = g[0], m.One(f, kg.RDFSLabel).Value
		}
		if err := add(name, file); err != nil {
			return nil, err
		}
	}
	for _, f := range m.Of(node, ut+"graphData") {
		if err := add(m.One(f, kg.RDFSLabel).Value, m.One(f, ut+"graph")); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// readFile reads an RDF file into the named graph; blank nodes get labels of
// their own.
func readFile(path, base, name string) ([]kg.TermQuad, error) {
	f, format, err := rdf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var g kg.Term
	if name != "" {
		g = kg.NewIRI(name)
	}
	var quads []kg.TermQuad
	for q, err := range rdf.Read(context.Background(), f, rdf.ReadOptions{Format: format, Base: base, File: path, Workers: 1}) {
		if err != nil {
			return nil, err
		}
		if q.G.Kind == kg.None {
			q.G = g
		}
		quads = append(quads, q)
	}
	return quads, nil
}

func readFiles(files []GraphFile) ([]kg.TermQuad, error) {
	var all []kg.TermQuad
	for _, f := range files {
		base := rdftest.FileIRI(f.Path)
		if f.Name != "" {
			base = f.Name
		}
		quads, err := readFile(f.Path, base, f.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, quads...)
	}
	return all, nil
}
