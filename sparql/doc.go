// Package sparql answers SPARQL 1.1 queries and updates over any kg.Snapshot
// or kg.Store. It knows nothing about how quads are stored.
//
// A query runs in five steps, each its own package: syntax reads the text,
// algebra translates it by section 18.2 of the specification, opt rewrites
// the algebra in named passes, exec runs it over ids, and results writes rows.
//
//	eng := sparql.New(sparql.Options{})
//	q, err := eng.Prepare("SELECT ?o { ?s ?p ?o }", "")
//	res, err := q.Run(ctx, snapshot, sparql.Limits{})
//	defer res.Close()
//	for row, err := range res.Rows() { … }
package sparql
