package decode

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// names is how a container calls the tensors, without .weight and .bias; layer
// names hold %d.
type names struct {
	embedding, norm, output                       string
	attnNorm, q, k, v, o, ffnNorm, gate, up, down string
	qNorm, kNorm                                  string
}

var ggufNames = names{
	"token_embd", "output_norm", "output",
	"blk.%d.attn_norm", "blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", "blk.%d.attn_output",
	"blk.%d.ffn_norm", "blk.%d.ffn_gate", "blk.%d.ffn_up", "blk.%d.ffn_down",
	"blk.%d.attn_q_norm", "blk.%d.attn_k_norm",
}

var huggingFaceNames = names{
	"model.embed_tokens", "model.norm", "lm_head",
	"model.layers.%d.input_layernorm", "model.layers.%d.self_attn.q_proj", "model.layers.%d.self_attn.k_proj",
	"model.layers.%d.self_attn.v_proj", "model.layers.%d.self_attn.o_proj", "model.layers.%d.post_attention_layernorm",
	"model.layers.%d.mlp.gate_proj", "model.layers.%d.mlp.up_proj", "model.layers.%d.mlp.down_proj",
	"model.layers.%d.self_attn.q_norm", "model.layers.%d.self_attn.k_norm",
}

// harmless are the tensors that a model may have and this program computes
// itself or has read elsewhere.
var harmless = regexp.MustCompile(`rotary_emb\.inv_freq$|^rope_freqs\.weight$|\.attn_rot_embd$`)

// tensorReader takes tensors out of a file and notes which.
type tensorReader struct {
	f     *weights.File
	names *names
	layer int
	used  map[string]bool
	err   error
}

// name completes the name of a tensor.
func (r *tensorReader) name(pattern, suffix string) string {
	if strings.Contains(pattern, "%d") {
		pattern = fmt.Sprintf(pattern, r.layer)
	}
	return pattern + suffix
}

func (r *tensorReader) has(pattern, suffix string) bool {
	return r.f.Tensor(r.name(pattern, suffix)) != nil
}

func (r *tensorReader) matrix(pattern, suffix string, rows, cols int) *tensor.Matrix {
	if r.err != nil {
		return nil
	}
	name := r.name(pattern, suffix)
	r.used[name] = true
	var m *tensor.Matrix
	if m, r.err = r.f.Need(name, rows, cols); r.err == nil {
		if at, ok := m.NotFinite(); ok {
			r.err = fmt.Errorf("%s: tensor %q holds a number that is infinite or not a number, at place %d; the file is damaged: copy or download it again: %w", r.f.Name, name, at, weights.ErrFormat)
		}
	}
	return m
}

func (r *tensorReader) vector(pattern, suffix string, n int) []float32 {
	if m := r.matrix(pattern, suffix, 1, n); r.err == nil {
		return m.Floats()
	}
	return nil
}

// linear takes a matrix, and its bias if there is one or there must be.
func (r *tensorReader) linear(pattern string, rows, cols int, bias bool) (l tensor.Linear) {
	l.W = r.matrix(pattern, ".weight", rows, cols)
	if bias || r.has(pattern, ".bias") {
		l.Bias = r.vector(pattern, ".bias", rows)
	}
	return l
}

// readWeights takes the tensors of a file in the order that a backend wants
// them.
func readWeights(f *weights.File, c *Config) (*tensor.Llama, error) {
	w := &tensor.Llama{
		Dim: c.Dim, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Hidden: c.Hidden, Vocab: c.Vocab, Eps: c.Eps,
		Rope: tensor.Rotation{Freq: c.Frequencies(), Halves: c.Rope.Halves, Magnitude: c.Rope.magnitude()},
	}
	r := &tensorReader{f: f, names: &ggufNames, used: map[string]bool{}}
	if f.Config != nil {
		r.names = &huggingFaceNames
	}
	n, q, kv := r.names, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	w.Embedding = r.matrix(n.embedding, ".weight", c.Vocab, c.Dim)
	w.Norm = r.vector(n.norm, ".weight", c.Dim)
	w.Output = w.Embedding
	if c.tied {
		r.used[n.output+".weight"] = true
	} else if c.untied || r.has(n.output, ".weight") {
		w.Output = r.matrix(n.output, ".weight", c.Vocab, c.Dim)
	}
	for ; r.layer < c.Layers && r.err == nil; r.layer++ {
		l := tensor.Layer{
			AttnNorm: r.vector(n.attnNorm, ".weight", c.Dim),
			Q:        r.linear(n.q, q, c.Dim, c.qkvBias),
			K:        r.linear(n.k, kv, c.Dim, c.qkvBias),
			V:        r.linear(n.v, kv, c.Dim, c.qkvBias),
			O:        r.linear(n.o, c.Dim, q, c.oBias),
			FFNNorm:  r.vector(n.ffnNorm, ".weight", c.Dim),
			Gate:     r.linear(n.gate, c.Hidden, c.Dim, c.mlpBias),
			Up:       r.linear(n.up, c.Hidden, c.Dim, c.mlpBias),
			Down:     r.linear(n.down, c.Dim, c.Hidden, c.mlpBias),
		}
		if c.QKNorm {
			l.QNorm, l.KNorm = r.vector(n.qNorm, ".weight", c.HeadDim), r.vector(n.kNorm, ".weight", c.HeadDim)
		}
		if c.Windows != nil {
			l.Window = c.Windows[r.layer]
		}
		w.Layers = append(w.Layers, l)
	}
	if r.err != nil {
		return nil, r.err
	}
	for _, name := range f.Names() {
		if !r.used[name] && !harmless.MatchString(name) {
			return nil, fmt.Errorf("%s: tensor %q has no place in a model of architecture %s with %d layers; leaving it out would change every answer: %w", f.Name, name, c.Architecture, c.Layers, ErrUnsupported)
		}
	}
	return w, nil
}
