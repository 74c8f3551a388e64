package decode

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

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

// readWeights takes the tensors of a file in the order that the backend wants.
func readWeights(f *weights.File, c *Config) (w *tensor.Llama, err error) {
	w = &tensor.Llama{
		Dim: c.Dim, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Hidden: c.Hidden, Vocab: c.Vocab, Eps: c.Eps,
		Rope: tensor.Rotation{Halves: c.Rope.Halves},
	}
	for _, n := range f.Names() {
		if strings.HasSuffix(n, ".bias") {
			return nil, fmt.Errorf("%s: tensor %q: models with biases are not supported: %w", f.Name, n, ErrUnsupported)
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
	linear := func(name string, rows, cols int) tensor.Linear { return tensor.Linear{W: matrix(name, rows, cols)} }
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	w.Embedding = matrix(n.embedding, c.Vocab, c.Dim)
	w.Norm = vector(n.norm)
	w.Output = w.Embedding
	if f.Tensor(n.output) != nil {
		w.Output = matrix(n.output, c.Vocab, c.Dim)
	}
	for ; layer < c.Layers && err == nil; layer++ {
		w.Layers = append(w.Layers, tensor.Layer{
			AttnNorm: vector(n.attnNorm),
			Q:        linear(n.q, q, c.Dim),
			K:        linear(n.k, kv, c.Dim),
			V:        linear(n.v, kv, c.Dim),
			O:        linear(n.o, c.Dim, q),
			FFNNorm:  vector(n.ffnNorm),
			Gate:     linear(n.gate, c.Hidden, c.Dim),
			Up:       linear(n.up, c.Hidden, c.Dim),
			Down:     linear(n.down, c.Dim, c.Hidden),
		})
	}
	return w, err
}
