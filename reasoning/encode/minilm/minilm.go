// Package minilm holds the sentence encoder that is shipped with the program:
// all-MiniLM-L6-v2 (sentence-transformers, Apache License 2.0, see LICENSE),
// quantised to 8 bits and 5 for the word embeddings, without its pooler, as one
// GGUF file that reasoning/encode reads.
package minilm

import (
	_ "embed"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/encode"
)

//go:embed minilm.gguf
var file []byte

// Name is what the encoder is called where models are listed.
const Name = "all-MiniLM-L6-v2"

// Bytes returns the GGUF file. It must not be changed.
func Bytes() []byte { return file }

var open = sync.OnceValues(func() (*encode.Encoder, error) { return encode.FromBytes(Name, file, 0) })

// Open returns the encoder. It is opened once and shared.
func Open() (*encode.Encoder, error) { return open() }
