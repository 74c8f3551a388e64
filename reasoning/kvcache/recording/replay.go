package recording

import (
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Stored returns what is read back when the recorded vectors x [N][Heads][Dim]
// of one side of a layer are stored in a form, page by page.
func (r *Recording) Stored(f kvcache.Form, x []float32) ([]float32, error) {
	sh := r.Shape
	out := slices.Clone(x)
	dim := sh.Dim
	var page []float32
	for from := 0; from < r.N; from += codec.PageTokens {
		n := min(codec.PageTokens, r.N-from)
		if f.Map != nil && f.Map.Basis != nil {
			wide := f.Map.Rank
			page = make([]float32, n*wide)
			row := make([]float32, sh.Heads*dim)
			for t := range n {
				copy(row, x[(from+t)*sh.Heads*dim:])
				if f.Map.Pre {
					for h := range sh.Heads {
						f.Map.Turn(row[h*dim:(h+1)*dim], r.First+from+t, true)
					}
				}
				f.Map.Project(page[t*wide:(t+1)*wide], row)
			}
			if err := throughCodec(f.Tiers[0], page, n, wide); err != nil {
				return nil, err
			}
			for t := range n {
				for h := range sh.Heads {
					y := out[((from+t)*sh.Heads+h)*dim:][:dim]
					clear(y)
					f.Map.Lift(y, page[t*wide:(t+1)*wide], h, 1)
					if f.Map.Pre {
						f.Map.Turn(y, r.First+from+t, false)
					}
				}
			}
			continue
		}
		page = make([]float32, n*dim)
		for h := range sh.Heads {
			for t := range n {
				copy(page[t*dim:], x[((from+t)*sh.Heads+h)*dim:][:dim])
			}
			if f.Map != nil {
				f.Map.Forward(page, h, n, r.First+from)
			}
			if err := throughCodec(f.Tiers[0], page, n, dim); err != nil {
				return nil, err
			}
			if f.Map != nil {
				at := r.First + from
				f.Map.Back(page, h, func(t int) int { return at + t }, n)
			}
			for t := range n {
				copy(out[((from+t)*sh.Heads+h)*dim:][:dim], page[t*dim:])
			}
		}
	}
	return out, nil
}

func throughCodec(c codec.Codec, x []float32, n, dim int) error {
	b := make([]byte, c.Size(n, dim).Total())
	if err := c.Encode(b, x, n, dim); err != nil {
		return err
	}
	c.Decode(x, b, n, dim)
	return nil
}

// Attend computes the attention of some recorded queries, one of every stride
// from the second half of the window, over given keys and values of a layer:
// outputs [queries][QueryHeads][Dim] and, unless nil, weights
// [queries][QueryHeads][N].
func (r *Recording) Attend(layer int, k, v []float32, stride int, weights *[]float32) []float32 {
	sh := r.Shape
	group := sh.QueryHeads / sh.Heads
	scale := float32(1 / math.Sqrt(float64(sh.Dim)))
	var out []float32
	s := make([]float32, r.N)
	for t := r.N / 2; t < r.N; t += stride {
		for qh := range sh.QueryHeads {
			q := r.Layers[layer].Q[(t*sh.QueryHeads+qh)*sh.Dim:][:sh.Dim]
			clear(s)
			for u := range t + 1 {
				s[u] = scale * cpu.Dot(q, k[(u*sh.Heads+qh/group)*sh.Dim:][:sh.Dim])
			}
			cpu.Softmax(s[:t+1])
			if weights != nil {
				*weights = append(*weights, s...)
			}
			o := make([]float32, sh.Dim)
			for u := range t + 1 {
				cpu.Axpy(s[u], v[(u*sh.Heads+qh/group)*sh.Dim:][:sh.Dim], o)
			}
			out = append(out, o...)
		}
	}
	return out
}
