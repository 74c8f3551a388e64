// Package demofilings holds the filings of the demo: three annual reports as
// Apple and NVIDIA filed them with the SEC. README.md says which.
package demofilings

import (
	"bytes"
	"embed"
	"io"
	"iter"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

//go:embed *.zst
var files embed.FS

// Questions are questions that the filings answer.
var Questions = []string{
	"How much did NVIDIA's revenue grow from fiscal 2023 to fiscal 2025?",
	"Which had the higher net income in fiscal 2024, Apple or NVIDIA?",
	"What was Apple's research and development expense as a share of net sales in fiscal 2024?",
}

// Queries are SPARQL queries to start from.
var Queries = []struct{ Title, Text string }{
	{"Revenue by company and year, with the place it stands at", `PREFIX fin: <urn:quaestor:fin:>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?name ?start ?end ?value ?row ?span WHERE {
  GRAPH ?filing {
    ?fact a fin:Fact ; fin:company ?company ; fin:concept ?concept ; fin:period ?period ; fin:value ?value ; fin:row ?row ; fin:span ?span .
    VALUES ?concept { <urn:quaestor:concept:us-gaap:Revenues> <urn:quaestor:concept:us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax> }
    ?company rdfs:label ?name .
    ?period fin:start ?start ; fin:end ?end .
  }
} ORDER BY ?name DESC(?end) LIMIT 50`},
	{"Risks that companies say they face", `PREFIX fin: <urn:quaestor:fin:>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?company ?risk WHERE {
  GRAPH ?filing { ?c fin:Faces ?r ; rdfs:label ?company . ?r rdfs:label ?risk . }
} ORDER BY ?company LIMIT 100`},
}

// Name says what the filings are.
const Name = "annual reports of Apple (2024) and NVIDIA (2024, 2025) from EDGAR"

// Units yields the filings, ready to be ingested.
func Units() iter.Seq2[source.Unit, error] {
	return func(yield func(source.Unit, error) bool) {
		entries, err := files.ReadDir(".")
		if err != nil {
			yield(source.Unit{}, err)
			return
		}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name(), ".zst")
			body, err := read(e.Name())
			u := source.Unit{Path: "demo:" + name, Files: []edgar.File{{Name: name, Body: body}}}
			u.Header.Accession, u.Header.Filed = edgar.AccessionIn(name), edgar.DateIn(name)
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

func read(name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	z, err := rdf.Decompress(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}
