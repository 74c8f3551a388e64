package constrain

import "github.com/quaestor-kg/quaestor/reasoning/fold"

// Word is one folded word of a text and the bytes it came from.
type Word = fold.Word

// Words splits a text into folded words.
func Words(s string) []Word { return fold.Words(s) }

// Fold returns the folded words of a text joined by single spaces: the form in
// which names are compared and written.
func Fold(s string) string { return fold.Fold(s) }

// SchemaName is the name under which a relation or class of this label is
// written.
func SchemaName(label string) string { return fold.SchemaName(label) }

// PlainName undoes the ties of SchemaName, for comparison with a question.
func PlainName(name string) string { return fold.PlainName(name) }

// LocalName is the last segment of an IRI as readable text.
func LocalName(iri string) string { return fold.LocalName(iri) }
