// Package xsd holds the value spaces of the XML Schema datatypes that RDF and
// SPARQL use: decimals of any precision, integers and their derived types,
// floats, booleans, dates, times and durations. It parses lexical forms,
// writes canonical ones, compares, computes and casts.
//
// Sources: W3C XML Schema Definition Language 1.1 Part 2 (XSD), and XPath and
// XQuery Functions and Operators 3.1 (F&O) for arithmetic and casts.
package xsd
