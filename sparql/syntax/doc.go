// Package syntax reads and writes the text of SPARQL queries and updates: a
// hand-written lexer and recursive-descent parser for SPARQL 1.1 Query and
// Update with the triple terms, reifiers, base directions and VERSION of
// SPARQL 1.2, and a syntax tree whose String() re-parses to an equal tree.
//
// The tree is close to the text, with the sugar removed: predicate and object
// lists, collections, blank node property lists, reified triples and
// annotations are plain triples, prefixed and relative names are absolute
// IRIs. The algebra of SPARQL 1.1, section 18, is built from it elsewhere.
package syntax
