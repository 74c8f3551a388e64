// Package lex splits SPARQL text into tokens with places, and holds the error
// that the parser reports. Codepoint escapes are read in IRIs and strings
// only, as SPARQL 1.2 and the W3C community suite of 1.1 have it.
package lex
