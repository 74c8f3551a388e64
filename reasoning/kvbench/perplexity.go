// Package kvbench measures what methods of cache compression cost and give:
// perplexity and divergence as a decoder would see them, retrieval from long
// prompts, the error of single attention layers, memory and speed
// (kvcache.md 6).
package kvbench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Quality is how far a method is from the 16-bit cache on a text. Only the
// second half of every window counts, where all of the past that leaves the
// recent window is compressed.
type Quality struct {
	Name   string  `json:"name"`
	NLL    float64 `json:"nll"` // mean negative log-likelihood, nats a token
	PPL    float64 `json:"ppl"`
	DPPL   float64 `json:"dppl"` // percent above the reference, from paired differences
	DPPLLo float64 `json:"dppl_low"`
	DPPLHi float64 `json:"dppl_high"` // 95 % interval, bootstrap over blocks
	KLD    float64 `json:"kld"`       // mean divergence of the predictions, nats
	KLDLo  float64 `json:"kld_low"`
	KLDHi  float64 `json:"kld_high"`
	KLD99  float64 `json:"kld_99"`   // quantiles over tokens
	KLD999 float64 `json:"kld_99_9"` //
	Same   float64 `json:"same_top"` // percent of tokens with the same best prediction

	BitsPerElement float64 `json:"bits_per_element"` // of the whole cache at the end of a window
	Bytes          int64   `json:"bytes"`
	Kept           float64 `json:"kept"` // share of positions still there
	Tokens         int     `json:"tokens"`
	Windows        int     `json:"windows"`

	dnll, kld []float64 // of every token, for paired comparisons
}

// Candidate is a method with its model.
type Candidate struct {
	Name  string
	Model *decode.Model
}

// Options of an evaluation.
type Options struct {
	Context  int // tokens of a window
	Windows  int // at most; 0 = all that the text fills
	Progress func(done, all int)
}

// recompress is the number of tokens after which a method of importance judges
// again what it keeps.
const recompress = 512

const (
	block = 256 // tokens of a bootstrap block
	draws = 1000
)

// Perplexity compares candidates with a reference on consecutive windows of a
// text. Each window is read from position 0, in chunks that end where the
// cache's pages do, so that every token sees what it would see while decoding:
// sealed pages compressed, the recent window exact.
func Perplexity(ctx context.Context, reference *decode.Model, methods []Candidate, ids []int32, o Options) ([]Quality, error) {
	if o.Context < 128 || o.Context > reference.Config.Context {
		return nil, fmt.Errorf("windows of %d tokens: give 128 to the model's context of %d", o.Context, reference.Config.Context)
	}
	windows := len(ids) / o.Context
	if o.Windows > 0 {
		windows = min(windows, o.Windows)
	}
	if windows == 0 {
		return nil, fmt.Errorf("the text has %d tokens, not one window of %d", len(ids), o.Context)
	}
	out := make([]Quality, len(methods))
	for i, m := range methods {
		out[i].Name = m.Name
	}
	c := newComparison(reference)
	step, all := 0, windows*(len(methods)+1)
	done := func() {
		if step++; o.Progress != nil {
			o.Progress(step, all)
		}
	}
	for w := range windows {
		window := ids[w*o.Context : (w+1)*o.Context]
		want, _, err := states(ctx, reference, window, nil)
		if err != nil {
			return nil, err
		}
		done()
		for i, m := range methods {
			got, used, err := states(ctx, m.Model, window, &out[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			out[i].Bytes = max(out[i].Bytes, used.Total())
			if err := c.compare(want, got, window[len(window)/2+1:], &out[i]); err != nil {
				return nil, err
			}
			done()
		}
	}
	for i := range out {
		out[i].Windows = windows
		out[i].summarise(reference.Shape(), o.Context)
	}
	return out, nil
}

// states returns the final states of all positions from half of the window on
// but the last, and what the cache takes at the end.
func states(ctx context.Context, m *decode.Model, window []int32, q *Quality) (out []float32, used kvcache.Bytes, err error) {
	b := m.Start()
	defer b.Release()
	half := len(window) / 2
	keep := func(_ int, x []float32) error {
		out = append(out, x...)
		return nil
	}
	if err := m.Read(ctx, b, window[:half], func(int, []float32) error { return nil }); err != nil {
		return nil, used, err
	}
	for from := half; from < len(window); from += recompress {
		b.EndPrompt()
		if err := m.Read(ctx, b, window[from:min(len(window), from+recompress)], keep); err != nil {
			return nil, used, err
		}
	}
	if c, ok := b.Sequence().(kvcache.Compressed); ok {
		used = c.Usage()
		if q != nil {
			q.Kept = c.Kept() / float64(len(window))
		}
	}
	return out[:len(out)-m.Config.Dim], used, nil
}

// comparison is the working memory of comparing predictions.
type comparison struct {
	m         *decode.Model
	want, got []float32 // [rows][Vocab]
	dims      int
}

const rows = 64

func newComparison(m *decode.Model) *comparison {
	return &comparison{m: m, want: make([]float32, rows*m.Config.Vocab), got: make([]float32, rows*m.Config.Vocab), dims: m.Config.Dim}
}

// compare adds the predictions from states to q; targets are the tokens that
// followed.
func (c *comparison) compare(want, got []float32, targets []int32, q *Quality) error {
	v := c.m.Config.Vocab
	for from := 0; from < len(targets); from += rows {
		n := min(rows, len(targets)-from)
		a, b := c.want[:n*v], c.got[:n*v]
		if err := c.m.LogitsOf(want[from*c.dims:(from+n)*c.dims], a); err != nil {
			return err
		}
		if err := c.m.LogitsOf(got[from*c.dims:(from+n)*c.dims], b); err != nil {
			return err
		}
		type row struct {
			nllA, nllB, kld float64
			same            bool
		}
		out := make([]row, n)
		cpu.Default().Run(cpu.NewJob(func(i int) {
			x, y := a[i*v:(i+1)*v], b[i*v:(i+1)*v]
			t := targets[from+i]
			lx, ly := float64(cpu.LogSumExp(x)), float64(cpu.LogSumExp(y))
			r := row{nllA: lx - float64(x[t]), nllB: ly - float64(y[t]), same: decode.Greedy(x) == decode.Greedy(y)}
			r.kld = max(0, divergence(x, y, lx, ly))
			out[i] = r
		}), n)
		for _, r := range out {
			q.NLL += r.nllB
			q.dnll = append(q.dnll, r.nllB-r.nllA)
			q.kld = append(q.kld, r.kld)
			if r.same {
				q.Same++
			}
		}
	}
	return nil
}

// divergence is the Kullback-Leibler divergence of the predictions with logits
// y from those with logits x, whose log-sum-exps are given. x is destroyed.
func divergence(x, y []float32, lx, ly float64) float64 {
	const piece = 512
	var diff [piece]float32
	var sum, mass float64
	for from := 0; from < len(x); from += piece {
		p, z := x[from:min(len(x), from+piece)], y[from:min(len(x), from+piece)]
		d := diff[:len(p)]
		copy(d, p)
		cpu.Axpy(-1, z, d)
		mass += float64(cpu.ExpSum(p, float32(lx)))
		sum += float64(cpu.Dot(p, d))
	}
	// Rounding of lx cancels when the weights are normalised by their sum.
	return sum/mass - (lx - ly)
}

func (q *Quality) summarise(sh kvcache.Shape, context int) {
	n := float64(len(q.kld))
	q.Tokens = len(q.kld)
	q.NLL /= n
	q.PPL = math.Exp(q.NLL)
	q.Same *= 100 / n
	percent := func(x float64) float64 { return 100 * (math.Exp(x) - 1) }
	mean, lo, hi := bootstrap(q.dnll)
	q.DPPL, q.DPPLLo, q.DPPLHi = percent(mean), percent(lo), percent(hi)
	q.KLD, q.KLDLo, q.KLDHi = bootstrap(q.kld)
	sorted := slices.Sorted(slices.Values(q.kld))
	q.KLD99, q.KLD999 = sorted[int(0.99*(n-1))], sorted[int(0.999*(n-1))]
	q.BitsPerElement = 8 * float64(q.Bytes) / float64(context*sh.Layers*sh.Heads*2*sh.Dim)
}

// bootstrap returns the mean of x and its 95 % interval, drawing whole blocks.
func bootstrap(x []float64) (mean, lo, hi float64) {
	var sums []float64
	var sizes []int
	for from := 0; from < len(x); from += block {
		var s float64
		part := x[from:min(len(x), from+block)]
		for _, v := range part {
			s += v
		}
		mean += s / float64(len(x))
		sums, sizes = append(sums, s), append(sizes, len(part))
	}
	r := rand.New(rand.NewPCG(20260, 31))
	means := make([]float64, draws)
	for i := range means {
		var s float64
		n := 0
		for range sums {
			j := r.IntN(len(sums))
			s += sums[j]
			n += sizes[j]
		}
		means[i] = s / float64(n)
	}
	slices.Sort(means)
	return mean, means[draws*25/1000], means[draws*975/1000]
}

// Better compares the divergence of two methods of the same run: the mean of
// b's minus a's per token with its interval. a is better when the interval lies
// above zero.
func Better(a, b *Quality) (mean, lo, hi float64) {
	d := make([]float64, min(len(a.kld), len(b.kld)))
	for i := range d {
		d[i] = b.kld[i] - a.kld[i]
	}
	return bootstrap(d)
}
