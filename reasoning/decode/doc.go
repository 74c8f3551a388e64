// Package decode runs transformer decoders of the Llama architecture: it turns
// tokens into the probabilities of the next one.
//
// Read forward in model.go first; it is the whole network, top to bottom. The
// other files say where the numbers come from (config.go, weights.go), how a
// text continues (sample.go, beam.go) and how many alternatives are scored in
// one pass (tree.go).
package decode
