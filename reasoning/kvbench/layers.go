package kvbench

import (
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/recording"
)

// LayerError is what storing the keys and values of one layer does to its
// attention, without the rest of the model: for choosing formats in seconds.
type LayerError struct {
	Method   string  `json:"method"`
	Layer    int     `json:"layer"`
	Output   float64 `json:"output"`    // mean of ‖o-ô‖/‖o‖ over queries and heads
	Output99 float64 `json:"output_99"` // and its 99 % quantile
	KL       float64 `json:"kl"`        // mean divergence of the attention weights, nats
	Top8     float64 `json:"top8"`      // percent of the eight likeliest keys that stay so
	KeysOnly float64 `json:"keys_only"` // Output when only the keys are stored so
	ValsOnly float64 `json:"values_only"`
	Weighted float64 `json:"weighted"` // eᵀE[qqᵀ]e of the keys' errors, relative to the keys' own
}

// Layers measures a policy on recorded vectors of some layers.
func Layers(name string, p *kvcache.Policy, r *recording.Recording, layers []int) ([]LayerError, error) {
	sh := r.Shape
	var out []LayerError
	for _, l := range layers {
		y := &r.Layers[l]
		k, err := r.Stored(p.Layers[l].K, y.K)
		if err != nil {
			return nil, fmt.Errorf("%s, keys of layer %d: %w", name, l, err)
		}
		v, err := r.Stored(p.Layers[l].V, y.V)
		if err != nil {
			return nil, fmt.Errorf("%s, values of layer %d: %w", name, l, err)
		}
		const stride = 8
		var wantW, gotW []float32
		want := r.Attend(l, y.K, y.V, stride, &wantW)
		got := r.Attend(l, k, v, stride, &gotW)
		e := LayerError{Method: name, Layer: l}
		e.Output, e.Output99 = relativeErrors(got, want, sh.Dim)
		e.KeysOnly, _ = relativeErrors(r.Attend(l, k, y.V, stride, nil), want, sh.Dim)
		e.ValsOnly, _ = relativeErrors(r.Attend(l, y.K, v, stride, nil), want, sh.Dim)
		rows := len(wantW) / r.N
		for i := range rows {
			a, b := wantW[i*r.N:(i+1)*r.N], gotW[i*r.N:(i+1)*r.N]
			for j, x := range a {
				if x > 0 {
					e.KL += float64(x) * math.Log(float64(x)/max(float64(b[j]), 1e-30)) / float64(rows)
				}
			}
			e.Top8 += 100 * float64(overlap(a, b, 8)) / 8 / float64(rows)
		}
		e.Weighted = weighted(r, l, k)
		out = append(out, e)
	}
	return out, nil
}

func relativeErrors(got, want []float32, dim int) (mean, p99 float64) {
	var all []float64
	for i := 0; i < len(want); i += dim {
		var e, s float64
		for c := range dim {
			d := float64(got[i+c] - want[i+c])
			e += d * d
			s += float64(want[i+c]) * float64(want[i+c])
		}
		x := math.Sqrt(e / max(s, 1e-30))
		all = append(all, x)
		mean += x
	}
	slices.Sort(all)
	return mean / float64(len(all)), all[int(0.99*float64(len(all)-1))]
}

// overlap counts common members of the n largest of a and b.
func overlap(a, b []float32, n int) int {
	top := func(x []float32) []int {
		order := make([]int, len(x))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			switch {
			case x[i] > x[j]:
				return -1
			case x[i] < x[j]:
				return 1
			}
			return 0
		})
		return order[:n]
	}
	y := top(b)
	common := 0
	for _, i := range top(a) {
		if slices.Contains(y, i) {
			common++
		}
	}
	return common
}

// weighted is the error of the keys as queries meet it: the mean of (q·e)² over
// that of (q·k)², with the recorded queries of each key head (A2ATS).
func weighted(r *recording.Recording, layer int, stored []float32) float64 {
	sh := r.Shape
	y := &r.Layers[layer]
	group := sh.QueryHeads / sh.Heads
	var e, s float64
	for h := range sh.Heads {
		second := make([]float64, sh.Dim*sh.Dim) // E[qqᵀ]
		for t := 0; t < r.N; t += 4 {
			for g := range group {
				q := y.Q[(t*sh.QueryHeads+h*group+g)*sh.Dim:][:sh.Dim]
				for i, a := range q {
					for j, b := range q[:i+1] {
						second[i*sh.Dim+j] += float64(a) * float64(b)
					}
				}
			}
		}
		for i := range sh.Dim {
			for j := range i {
				second[j*sh.Dim+i] = second[i*sh.Dim+j]
			}
		}
		form := func(x []float64) float64 {
			var out float64
			for i, a := range x {
				var row float64
				for j, b := range x {
					row += second[i*sh.Dim+j] * b
				}
				out += a * row
			}
			return out
		}
		d, k := make([]float64, sh.Dim), make([]float64, sh.Dim)
		for t := 0; t < r.N; t += 4 {
			at := (t*sh.Heads + h) * sh.Dim
			for c := range d {
				k[c] = float64(y.K[at+c])
				d[c] = float64(stored[at+c]) - k[c]
			}
			e += form(d)
			s += form(k)
		}
	}
	return e / max(s, 1e-30)
}
