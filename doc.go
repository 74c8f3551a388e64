// Package quaestor is the map of the house. It holds no code; arch_test.go
// beside it keeps the map true.
//
// Quaestor answers questions over a knowledge graph and shows why. Rooms:
//
//   - kg: terms, ids, quads, snapshots; below it RDF syntaxes, the dictionary,
//     the block index, the badger store and its slow twin in memory, text
//     search, the shape of a graph.
//   - sparql: the query engine, from syntax to results. It sees ids, never the
//     disk.
//   - embed: link prediction and complex query answering.
//   - reasoning: from a question to a proven answer: linking, the decoder and
//     its cache, the constraint, verification, training.
//   - ingest: documents and data sets into statements with provenance.
//   - api: every use case once, and the protocols that offer them.
//   - web: the analyst console.
//   - cmd: the program; wiring only.
//
// ARCHITECTURE.md follows one question through the code.
package quaestor
