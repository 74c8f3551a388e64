// Package token turns text into the numbers a model reads and back: byte-level
// BPE for decoders, WordPiece for the sentence encoder, and a trainer that
// makes a vocabulary for a decoder of our own.
//
// Byte-level BPE works in three steps. Text is cut into pieces (words with
// their leading space, single digits, runs of punctuation); each piece becomes
// a sequence of one token a byte; then the adjacent pair that was learnt first
// is merged, again and again, until no pair is known.
package token
