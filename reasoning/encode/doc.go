// Package encode turns short texts into unit vectors whose inner products say
// how close the meanings are: a sentence encoder of the BERT kind (MiniLM) that
// is read from a GGUF file.
//
// Texts are packed one after another, without padding, and go through the
// layers together; only attention keeps them apart.
package encode
