// Package rdf reads and writes RDF: N-Triples, N-Quads, Turtle, TriG and
// RDF/XML, with the terms of RDF 1.2. Everything streams: neither readers nor
// writers hold a document in memory.
//
// Reading a file, whatever its format and compression:
//
//	f, format, err := rdf.Open("data.nt.gz")
//	...
//	defer f.Close()
//	for q, err := range rdf.Read(ctx, f, rdf.ReadOptions{Format: format}) {
//
// # Blank nodes
//
// A blank node label means something only inside its document. Read therefore
// puts a prefix before every label that no other call uses, unless the caller
// chooses one.
//
// # Memory
//
// Strings of the terms may be parts of a larger piece of the document, at
// most 256 KiB. Who keeps few of many terms should strings.Clone them.
package rdf
