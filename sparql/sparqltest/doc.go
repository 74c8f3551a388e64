// Package sparqltest holds what proves a SPARQL engine right: the runner of
// the W3C test suites (https://w3c.github.io/rdf-tests/sparql/), comparison of
// results up to blank nodes, readable test scripts, and a generator of random
// queries with which a fast engine is compared with a slow one.
package sparqltest
