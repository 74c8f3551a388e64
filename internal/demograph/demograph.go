// Package demograph holds the graph of the demo: 43,000 films and people of
// MetaQA (Zhang et al., AAAI 2018; built on WikiMovies), CC BY 3.0, rebuilt
// from its published parts and written as N-Triples. LICENSE.txt lies beside.
package demograph

import (
	"bytes"
	_ "embed"
	"io"

	"github.com/quaestor-kg/quaestor/kg/rdf"
)

//go:embed films.nt.gz
var films []byte

// Name says what the graph is and whose.
const Name = "films of MetaQA (Zhang et al., AAAI 2018), CC BY 3.0"

// Questions are questions that the graph answers.
var Questions = []string{
	"who directed the films written by Nora Ephron",
	"what films did Ridley Scott direct",
	"how many films star Tom Hanks",
}

// Likely is a question that the graph does not answer, but its link predictor
// does.
const Likely = "what genre is Fat Girl"

// Queries are SPARQL queries to start from.
var Queries = []struct{ Title, Text string }{
	{"Directors with the most films", `PREFIX r: <http://kgqa.local/metaqa/r/>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?name (COUNT(?film) AS ?films) WHERE {
  ?film r:directed_by ?person .
  ?person rdfs:label ?name .
} GROUP BY ?person ?name ORDER BY DESC(?films) LIMIT 20`},
	{"Films whose director also acts in them", `PREFIX r: <http://kgqa.local/metaqa/r/>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?title ?name WHERE {
  ?film r:directed_by ?person ; r:starred_actors ?person ; rdfs:label ?title .
  ?person rdfs:label ?name .
} ORDER BY ?title LIMIT 100`},
}

// Open returns the graph as N-Triples.
func Open() (io.ReadCloser, error) { return rdf.Decompress(bytes.NewReader(films)) }
