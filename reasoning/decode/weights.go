package decode

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Weights are the parameters of a model. Matrices are [out][in] and may be in
// any storage format; norms are expanded.
type Weights struct {
	Embedding *tensor.Matrix // [Vocab][Dim]
	Layers    []Layer
	Norm      []float32      // [Dim]
	Output    *tensor.Matrix // [Vocab][Dim]; the embedding itself when the file has none
}

// Layer is one block: attention, then the feed-forward.
type Layer struct {
	AttnNorm []float32      // [Dim]
	Q        *tensor.Matrix // [Heads*HeadDim][Dim]
	K        *tensor.Matrix // [KVHeads*HeadDim][Dim]
	V        *tensor.Matrix // [KVHeads*HeadDim][Dim]
	O        *tensor.Matrix // [Dim][Heads*HeadDim]
	FFNNorm  []float32      // [Dim]
	Gate     *tensor.Matrix // [Hidden][Dim]
	Up       *tensor.Matrix // [Hidden][Dim]
	Down     *tensor.Matrix // [Dim][Hidden]
}

// names is how a container calls the tensors; layer names hold %d.
type names struct {
	embedding, norm, output                       string
	attnNorm, q, k, v, o, ffnNorm, gate, up, down string
}

var ggufNames = names{
	"token_embd.weight", "output_norm.weight", "output.weight",
	"blk.%d.attn_norm.weight", "blk.%d.attn_q.weight", "blk.%d.attn_k.weight", "blk.%d.attn_v.weight", "blk.%d.attn_output.weight",
	"blk.%d.ffn_norm.weight", "blk.%d.ffn_gate.weight", "blk.%d.ffn_up.weight", "blk.%d.ffn_down.weight",
}

var huggingFaceNames = names{
	"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
	"model.layers.%d.input_layernorm.weight", "model.layers.%d.self_attn.q_proj.weight", "model.layers.%d.self_attn.k_proj.weight",
	"model.layers.%d.self_attn.v_proj.weight", "model.layers.%d.self_attn.o_proj.weight", "model.layers.%d.post_attention_layernorm.weight",
	"model.layers.%d.mlp.gate_proj.weight", "model.layers.%d.mlp.up_proj.weight", "model.layers.%d.mlp.down_proj.weight",
}

func readWeights(f *weights.File, c *Config) (w Weights, err error) {
	for _, n := range f.Names() {
		if strings.HasSuffix(n, ".bias") {
			return w, fmt.Errorf("%s: tensor %q: models with biases are not supported: %w", f.Name, n, ErrUnsupported)
		}
	}
	n := &ggufNames
	if f.Config != nil {
		n = &huggingFaceNames
	}
	layer := 0
	matrix := func(name string, rows, cols int) *tensor.Matrix {
		if err != nil {
			return nil
		}
		if strings.Contains(name, "%d") {
			name = fmt.Sprintf(name, layer)
		}
		var m *tensor.Matrix
		m, err = f.Need(name, rows, cols)
		return m
	}
	vector := func(name string) []float32 {
		if m := matrix(name, 1, c.Dim); m != nil {
			return m.Floats()
		}
		return nil
	}
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	w.Embedding = matrix(n.embedding, c.Vocab, c.Dim)
	w.Norm = vector(n.norm)
	w.Output = w.Embedding
	if f.Tensor(n.output) != nil {
		w.Output = matrix(n.output, c.Vocab, c.Dim)
	}
	for ; layer < c.Layers && err == nil; layer++ {
		w.Layers = append(w.Layers, Layer{
			AttnNorm: vector(n.attnNorm),
			Q:        matrix(n.q, q, c.Dim),
			K:        matrix(n.k, kv, c.Dim),
			V:        matrix(n.v, kv, c.Dim),
			O:        matrix(n.o, c.Dim, q),
			FFNNorm:  vector(n.ffnNorm),
			Gate:     matrix(n.gate, c.Hidden, c.Dim),
			Up:       matrix(n.up, c.Hidden, c.Dim),
			Down:     matrix(n.down, c.Dim, c.Hidden),
		})
	}
	return w, err
}
