// Package model is a Llama-shaped decoder small enough to be trained on a CPU:
// hand-written forward and backward passes over batches of token trees.
//
// A training example is a prompt followed by a trie of candidate queries. A
// node of the trie attends to itself and its ancestors only, and its position
// is its depth, so one pass gives for every node the distribution the decoder
// would see had it written exactly that prefix. Examples of different lengths
// lie one after another in a batch: matrix products run over all their tokens
// at once, attention stays inside each example.
//
// The code is generic in the float type. float32 with the vector kernels of
// reasoning/tensor/cpu trains; float64 with plain loops is the slow twin that
// finite differences are checked against.
//
// Architecture: pre-norm RMSNorm (Zhang and Sennrich 2019), rotary positions on
// adjacent pairs (Su et al. 2021, the layout GGUF calls "norm"), SwiGLU
// (Shazeer 2020), tied input and output embeddings, no biases.
package model

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Float is the element type of a model.
type Float interface{ float32 | float64 }

// Config gives the sizes of a model.
type Config struct {
	Vocab    int     `json:"vocab"`     // pieces of the tokenizer
	Dim      int     `json:"dim"`       // width of the residual stream
	Layers   int     `json:"layers"`    //
	Heads    int     `json:"heads"`     // attention heads; Dim/Heads must be even
	FFN      int     `json:"ffn"`       // inner width of the SwiGLU block
	Context  int     `json:"context"`   // greatest depth of a node, in tokens
	RopeBase float64 `json:"rope_base"` // base of the rotary frequencies
	Eps      float64 `json:"eps"`       // added to the mean square in RMSNorm
}

// Validate reports the first impossible size.
func (c Config) Validate() error {
	switch {
	case c.Vocab < 2 || c.Dim < 2 || c.Layers < 1 || c.Heads < 1 || c.FFN < 1 || c.Context < 2:
		return fmt.Errorf("model: vocab %d, dim %d, layers %d, heads %d, ffn %d, context %d: all must be positive",
			c.Vocab, c.Dim, c.Layers, c.Heads, c.FFN, c.Context)
	case c.Dim%c.Heads != 0 || c.Dim/c.Heads%2 != 0:
		return fmt.Errorf("model: dim %d must be an even multiple of the %d heads", c.Dim, c.Heads)
	case c.RopeBase <= 1 || c.Eps <= 0:
		return fmt.Errorf("model: rope base %g must exceed 1 and eps %g must be positive", c.RopeBase, c.Eps)
	}
	return nil
}

// Params counts the weights of a model.
func (c Config) Params() int {
	return c.Vocab*c.Dim + c.Dim + c.Layers*(2*c.Dim+4*c.Dim*c.Dim+3*c.Dim*c.FFN)
}

// Block holds the weights of one layer. Matrices are stored (in, out), so that
// a forward product is a plain row-major X*W.
type Block[F Float] struct {
	AttnNorm []F // (dim)
	QKV      []F // (dim, 3*dim): queries, keys, values, each heads x dim/heads
	Out      []F // (dim, dim)
	FFNNorm  []F // (dim)
	GateUp   []F // (dim, 2*ffn): gate, then up
	Down     []F // (ffn, dim)
}

// Weights are all weights of a model, or a gradient of the same shape. Every
// field is a view into Flat.
type Weights[F Float] struct {
	Config
	Flat   []F
	Embed  []F // (vocab, dim), input and output
	Norm   []F // (dim), before the output
	Blocks []Block[F]
	// Decay marks the ranges of Flat that weight decay applies to: matrices,
	// not norms.
	Decay [][2]int
}

// NewWeights returns zero weights.
func NewWeights[F Float](c Config) *Weights[F] {
	w := &Weights[F]{Config: c, Flat: make([]F, c.Params()), Blocks: make([]Block[F], c.Layers)}
	off := 0
	take := func(n int, matrix bool) []F {
		s := w.Flat[off : off+n : off+n]
		if matrix {
			w.Decay = append(w.Decay, [2]int{off, off + n})
		}
		off += n
		return s
	}
	w.Embed = take(c.Vocab*c.Dim, true)
	w.Norm = take(c.Dim, false)
	for i := range w.Blocks {
		w.Blocks[i] = Block[F]{
			AttnNorm: take(c.Dim, false),
			QKV:      take(c.Dim*3*c.Dim, true),
			Out:      take(c.Dim*c.Dim, true),
			FFNNorm:  take(c.Dim, false),
			GateUp:   take(c.Dim*2*c.FFN, true),
			Down:     take(c.FFN*c.Dim, true),
		}
	}
	return w
}

// Init fills the weights from a seed: normal values with deviation
// 1/sqrt(inputs), 0.02 for embeddings, the two projections that write to the
// residual stream scaled down by sqrt(2*layers), norms one.
func (w *Weights[F]) Init(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	normal := func(x []F, dev float64) {
		for i := range x {
			x[i] = F(r.NormFloat64() * dev)
		}
	}
	ones := func(x []F) {
		for i := range x {
			x[i] = 1
		}
	}
	normal(w.Embed, 0.02)
	ones(w.Norm)
	in, res := 1/math.Sqrt(float64(w.Dim)), 1/math.Sqrt(2*float64(w.Layers))
	for i := range w.Blocks {
		b := &w.Blocks[i]
		ones(b.AttnNorm)
		normal(b.QKV, in)
		normal(b.Out, in*res)
		ones(b.FFNNorm)
		normal(b.GateUp, in)
		normal(b.Down, res/math.Sqrt(float64(w.FFN)))
	}
}

// Convert copies weights into another float type.
func Convert[G, F Float](w *Weights[F]) *Weights[G] {
	out := NewWeights[G](w.Config)
	for i, v := range w.Flat {
		out.Flat[i] = G(v)
	}
	return out
}
