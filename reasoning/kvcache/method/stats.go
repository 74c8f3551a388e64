package method

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/recording"
)

// CalibrationText is what models are calibrated on unless the user gives
// another text: passages of this project's documentation, code and triples.
//
//go:embed calibration.txt
var CalibrationText string

// Stats are the statistics of a model that maps, levels and budgets are made
// from. They never depend on the text that is being decoded.
type Stats struct {
	ID        string // what was measured on what
	Shape     kvcache.Shape
	Layers    []LayerStats
	Recording *recording.Recording // the last window of the calibration text
	Turn      func(x []float32, position int, back bool)
	Retrieval [][]int // query heads that retrieve, of each layer
}

// LayerStats are those of one layer; vectors are [Heads][Dim].
type LayerStats struct {
	KMean, PreMean, VMean []float32
	// Root mean squares around the means, and of the queries, pooled over those
	// of each key head.
	KSpread, PreSpread, VSpread, Query []float32
	Output                             []float32 // norms of the output matrix' columns, pooled over query heads
}

// calibration lengths: positions read, and how many of the last are kept whole.
const (
	calibrationTokens = 3072
	calibrationWindow = 768
)

// Calibrate reads text ("" = the built-in one) with the model and gathers what
// the specifications need; nil when they need nothing.
func Calibrate(ctx context.Context, m *decode.Model, text string, specs ...*Spec) (*Stats, error) {
	if !slices.ContainsFunc(specs, (*Spec).calibrated) {
		return nil, nil
	}
	if m.Tokenizer == nil {
		return nil, fmt.Errorf("methods with statistics are calibrated on text, and the model has no tokenizer: use q8_0, q4_0 or kivi4")
	}
	if text == "" {
		text = CalibrationText
	}
	ids := m.Tokenizer.Encode(text)
	n := min(len(ids), calibrationTokens, m.Config.Context)
	if n < 64 {
		return nil, fmt.Errorf("the calibration text has %d tokens within the model's context of %d: give at least 64", len(ids), m.Config.Context)
	}
	ids = ids[:n]
	r, err := recording.Record(ctx, m, ids, max(4, len(ids)-calibrationWindow))
	if err != nil {
		return nil, err
	}
	s := &Stats{Shape: m.Shape(), Recording: r, Turn: m.Turn}
	h := sha256.New()
	for l := range r.Layers {
		y := &r.Layers[l]
		st := LayerStats{KMean: mean(y.KSum, y.Count), PreMean: mean(y.PreSum, y.Count), VMean: mean(y.VSum, y.Count)}
		norms := m.OutputNorms(l)
		group := s.Shape.QueryHeads / s.Shape.Heads
		st.Output = make([]float32, s.Shape.Heads*s.Shape.Dim)
		for i := range st.Output {
			head, c := i/s.Shape.Dim, i%s.Shape.Dim
			var sq float64
			for g := range group {
				x := float64(norms[(head*group+g)*s.Shape.Dim+c])
				sq += x * x
			}
			st.Output[i] = float32(math.Sqrt(sq))
		}
		wide := s.Shape.Heads * s.Shape.Dim
		st.KSpread, st.VSpread = spread(y.K, wide, st.KMean), spread(y.V, wide, st.VMean)
		st.PreSpread = spread(s.preKeys(l), wide, st.PreMean)
		st.Query = s.queryRMS(l)
		for _, v := range st.vectors() {
			binary.Write(h, binary.LittleEndian, *v)
		}
		s.Layers = append(s.Layers, st)
	}
	s.ID = hex.EncodeToString(h.Sum(nil)[:8])
	if slices.ContainsFunc(specs, func(s *Spec) bool { return s.Score == "retrieved" }) {
		if s.Retrieval, err = retrievalHeads(ctx, m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func mean(sum []float64, n int) []float32 {
	out := make([]float32, len(sum))
	for i, x := range sum {
		out[i] = float32(x / float64(max(1, n)))
	}
	return out
}

// calibrated says whether building the policy takes statistics of the model.
func (s *Spec) calibrated() bool {
	if s.Exact != "" {
		return false
	}
	for _, y := range []Side{s.K, s.V} {
		if y.Centre || y.Balance {
			return true
		}
	}
	return s.recorded()
}

// recorded says whether that takes the recorded vectors themselves, and not only
// their means and spreads.
func (s *Spec) recorded() bool {
	if s.Bits > 0 || s.Budget == "entropy" || s.Budget == "error" || s.Score == "retrieved" {
		return true
	}
	for _, y := range []Side{s.K, s.V} {
		if y.Range || y.Rank > 0 || y.Format[0] == 'n' || y.Format[0] == 't' {
			return true
		}
	}
	for _, y := range []*Side{s.KL, s.VL} {
		if y != nil && (y.Format[0] == 'n' || y.Format[0] == 't') {
			return true
		}
	}
	return false
}

// spread returns the root mean square of each channel of a layer's vectors
// x [N][channels] around a centre.
func spread(x []float32, channels int, centre []float32) []float32 {
	out := make([]float64, channels)
	n := len(x) / channels
	for t := range n {
		for c := range out {
			d := float64(x[t*channels+c])
			if centre != nil {
				d -= float64(centre[c])
			}
			out[c] += d * d
		}
	}
	small := make([]float32, channels)
	for c := range out {
		small[c] = float32(math.Sqrt(out[c] / float64(n)))
	}
	return small
}

// queryRMS returns the root mean square of every channel of the queries of each
// key head, pooled over its query heads: [Heads][Dim].
func (s *Stats) queryRMS(layer int) []float32 {
	sh := s.Shape
	all := spread(s.Recording.Layers[layer].Q, sh.QueryHeads*sh.Dim, nil)
	group := sh.QueryHeads / sh.Heads
	out := make([]float32, sh.Heads*sh.Dim)
	for i := range out {
		h, c := i/sh.Dim, i%sh.Dim
		var sq float64
		for g := range group {
			x := float64(all[(h*group+g)*sh.Dim+c])
			sq += x * x / float64(group)
		}
		out[i] = float32(math.Sqrt(sq))
	}
	return out
}

// preKeys returns the recorded keys of a layer before rotation, [N][Heads][Dim].
func (s *Stats) preKeys(layer int) []float32 {
	k := slices.Clone(s.Recording.Layers[layer].K)
	sh := s.Shape
	for t := range s.Recording.N {
		for h := range sh.Heads {
			s.Turn(k[(t*sh.Heads+h)*sh.Dim:][:sh.Dim], s.Recording.First+t, true)
		}
	}
	return k
}

// quantile returns the q-quantile of sorted numbers.
func quantile(sorted []float32, q float64) float32 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	f := float32(at - float64(i))
	return sorted[i]*(1-f) + sorted[i+1]*f
}

// kmeans fits n levels to weighted numbers (Lloyd's algorithm, 50 rounds).
func kmeans(x, w []float64, n int) []float32 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	level := make([]float64, n)
	for i := range level {
		level[i] = x[order[(2*i+1)*len(order)/(2*n)]]
	}
	for range 50 {
		sum, weight := make([]float64, n), make([]float64, n)
		k := 0
		for _, i := range order {
			for k+1 < n && x[i] > (level[k]+level[k+1])/2 {
				k++
			}
			sum[k] += w[i] * x[i]
			weight[k] += w[i]
		}
		for k := range level {
			if weight[k] > 0 {
				level[k] = sum[k] / weight[k]
			}
		}
		slices.Sort(level)
	}
	out := make([]float32, n)
	for i, v := range level {
		out[i] = float32(v)
	}
	return out
}

// eigen returns the eigenvalues of a symmetric matrix a [n][n], descending, and
// the eigenvectors as columns of v [n][n] (Jacobi's method; a is destroyed).
func eigen(a []float64, n int) (values, v []float64) {
	v = make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	for range 30 {
		var off, diag float64
		for i := range n {
			diag += a[i*n+i] * a[i*n+i]
			for j := range i {
				off += a[i*n+j] * a[i*n+j]
			}
		}
		if off <= 1e-18*diag {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				apq := a[p*n+q]
				if apq*apq <= 1e-24*math.Abs(a[p*n+p]*a[q*n+q]) {
					continue
				}
				theta := (a[q*n+q] - a[p*n+p]) / (2 * apq)
				t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range n {
					x, y := a[k*n+p], a[k*n+q]
					a[k*n+p], a[k*n+q] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := a[p*n+k], a[q*n+k]
					a[p*n+k], a[q*n+k] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := v[k*n+p], v[k*n+q]
					v[k*n+p], v[k*n+q] = c*x-s*y, s*x+c*y
				}
			}
		}
	}
	order := make([]int, n)
	values = make([]float64, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case a[i*n+i] > a[j*n+j]:
			return -1
		case a[i*n+i] < a[j*n+j]:
			return 1
		}
		return i - j
	})
	sorted := make([]float64, n*n)
	for j, o := range order {
		values[j] = a[o*n+o]
		for k := range n {
			sorted[k*n+j] = v[k*n+o]
		}
	}
	return values, sorted
}

// covariance of x [N][channels] around a centre, or around nothing.
func covariance(x []float32, channels int, centre []float32) []float64 {
	n := len(x) / channels
	out := make([]float64, channels*channels)
	row := make([]float64, channels)
	for t := range n {
		for c := range row {
			row[c] = float64(x[t*channels+c])
			if centre != nil {
				row[c] -= float64(centre[c])
			}
		}
		for i, a := range row {
			for j := range i + 1 {
				out[i*channels+j] += a * row[j]
			}
		}
	}
	for i := range channels {
		for j := range i + 1 {
			out[i*channels+j] /= float64(n)
			out[j*channels+i] = out[i*channels+j]
		}
	}
	return out
}
