// Package weights reads and writes model files: GGUF, and folders in the
// Hugging Face layout (config.json beside one or more safetensors files).
//
// Model files come from strangers. Every count and length is checked against
// the bytes that are really there before anything is allocated, and every
// complaint names the file, the byte offset and what to do. Tensors are not
// copied: they point into the mapped file, so a File must stay open as long as
// its tensors are used.
package weights
