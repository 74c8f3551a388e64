package train

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/train/model"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Open reads a model that Decoder wrote back into the form it is trained in, to
// go on from it or to compare what reasoning/decode computes. It takes only
// what export writes: no grouped keys, no output matrix of its own.
func Open(path string) (*model.Weights[float32], *token.BPE, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return Read(f)
}

// Read is Open for a file that is open already.
func Read(f *weights.File) (*model.Weights[float32], *token.BPE, error) {
	tok, err := token.FromFile(f)
	if err != nil {
		return nil, nil, err
	}
	num := func(key string) int {
		n, _ := f.Meta.Int("llama." + key)
		return n
	}
	float := func(key string) float64 {
		v, _ := f.Meta.Float("llama." + key)
		return v
	}
	c := model.Config{
		Vocab: tok.Size(), Dim: num("embedding_length"), Layers: num("block_count"), Heads: num("attention.head_count"),
		FFN: num("feed_forward_length"), Context: num("context_length"),
		RopeBase: float("rope.freq_base"), Eps: float("attention.layer_norm_rms_epsilon"),
	}
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if c.Params() > 1<<28 {
		return nil, nil, fmt.Errorf("%s: %d weights are too many to train here", f.Name, c.Params())
	}
	w := model.NewWeights[float32](c)
	get := func(name string, dst []float32, rows, cols int) {
		if err != nil {
			return
		}
		var m *tensor.Matrix
		if m, err = f.Need(name, rows, cols); err == nil {
			tensor.Dequantize(m.Type, dst, m.Data)
		}
	}
	// place puts a stored (n, rows) matrix into columns of a (rows, width) one.
	place := func(name string, m []float32, rows, width, at, n int) {
		buf := make([]float32, rows*n)
		get(name, buf, n, rows)
		for i := range rows {
			for j := range n {
				m[i*width+at+j] = buf[j*rows+i]
			}
		}
	}
	get("token_embd.weight", w.Embed, c.Vocab, c.Dim)
	get("output_norm.weight", w.Norm, 1, c.Dim)
	for i, b := range w.Blocks {
		p := fmt.Sprintf("blk.%d.", i)
		get(p+"attn_norm.weight", b.AttnNorm, 1, c.Dim)
		get(p+"ffn_norm.weight", b.FFNNorm, 1, c.Dim)
		for k, name := range []string{"attn_q", "attn_k", "attn_v"} {
			place(p+name+".weight", b.QKV, c.Dim, 3*c.Dim, k*c.Dim, c.Dim)
		}
		place(p+"attn_output.weight", b.Out, c.Dim, c.Dim, 0, c.Dim)
		place(p+"ffn_gate.weight", b.GateUp, c.Dim, 2*c.FFN, 0, c.FFN)
		place(p+"ffn_up.weight", b.GateUp, c.Dim, 2*c.FFN, c.FFN, c.FFN)
		place(p+"ffn_down.weight", b.Down, c.FFN, c.Dim, 0, c.Dim)
	}
	if err != nil {
		return nil, nil, err
	}
	return w, tok, nil
}
