package sparqltest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

// Expected is the right result of a query: rows, a boolean or a graph.
type Expected struct {
	results.Document
	Graph   []kg.TermQuad // of CONSTRUCT and DESCRIBE
	IsGraph bool
	Ordered bool // the file gives an order (which matters with ORDER BY only)
	Lossy   bool // CSV: terms are reduced to their text
}

// ReadExpected reads a result file of any format the suites use: .srx, .srj,
// .csv, .tsv, or RDF that holds a result set of the vocabulary rs: or else a
// graph.
func ReadExpected(path string) (*Expected, error) {
	if f, ok := results.ParseFormat(filepath.Ext(path)); ok {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		d, err := results.Read(file, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return &Expected{Document: *d, Ordered: true, Lossy: f == results.CSV}, nil
	}
	manifest, err := rdftest.ReadManifest(path)
	if err != nil {
		return nil, err
	}
	m := &graph{manifest}
	if sets := m.Typed(rs + "ResultSet"); len(sets) > 0 {
		return m.resultSet(sets[0])
	}
	quads, err := readFile(path, rdftest.FileIRI(path), "")
	return &Expected{Graph: quads, IsGraph: true}, err
}

// resultSet reads a result set described in RDF.
func (m *graph) resultSet(set kg.Term) (*Expected, error) {
	e := &Expected{}
	if b := m.Of(set, rs+"boolean"); len(b) > 0 {
		v := b[0].Value == "true" || b[0].Value == "1"
		e.Boolean = &v
		return e, nil
	}
	column := map[string]int{}
	for _, v := range m.Of(set, rs+"resultVariable") {
		column[v.Value] = len(e.Vars)
		e.Vars = append(e.Vars, v.Value)
	}
	type solution struct {
		index int
		row   []kg.Term
	}
	var solutions []solution
	for _, s := range m.Of(set, rs+"solution") {
		row := make([]kg.Term, len(e.Vars))
		for _, b := range m.Of(s, rs+"binding") {
			name := m.One(b, rs+"variable").Value
			i, ok := column[name]
			if !ok {
				return nil, fmt.Errorf("sparqltest: result set binds %q, which it does not declare", name)
			}
			row[i] = m.One(b, rs+"value")
		}
		index := -1
		if ix := m.One(s, rs+"index"); ix.Kind == kg.Literal {
			n, err := strconv.Atoi(ix.Value)
			if err != nil {
				return nil, fmt.Errorf("sparqltest: rs:index: %w", err)
			}
			index, e.Ordered = n, true
		}
		solutions = append(solutions, solution{index, row})
	}
	slices.SortStableFunc(solutions, func(a, b solution) int { return cmp.Compare(a.index, b.index) })
	for _, s := range solutions {
		e.Rows = append(e.Rows, s.row)
	}
	return e, nil
}
