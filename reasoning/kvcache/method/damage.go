package method

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/budget"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/importance"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/recording"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// relative is ‖a-b‖²/‖b‖².
func relative(a, b []float32) float64 {
	var e, s float64
	for i, x := range b {
		d := float64(a[i] - x)
		e += d * d
		s += float64(x) * float64(x)
	}
	return e / max(s, 1e-30)
}

// mix chooses the bits of every layer and side so that their mean is at most
// s.Bits and the sum of relative output errors is least (kvcache.md 2.6).
func (s *Spec) mix(sh kvcache.Shape, stats *Stats, p *kvcache.Policy) error {
	options := []int{2, 3, 4, 6, 8}
	type result struct {
		form   kvcache.Form
		choice budget.Choice
	}
	results := make([][]result, 2*sh.Layers)
	errs := make([]error, sh.Layers)
	one := func(l int) error {
		r := stats.Recording
		y := &r.Layers[l]
		want := r.Attend(l, y.K, y.V, 16, nil)
		for side, form := range []kvcache.Form{p.Layers[l].K, p.Layers[l].V} {
			sc, ok := form.Tiers[0].(*codec.Scalar)
			if !ok || len(form.Tiers) > 1 {
				return fmt.Errorf("bits= takes one plain format for keys and for values, such as g4")
			}
			for _, b := range options {
				c, err := sc.WithBits(b)
				if err != nil {
					return err
				}
				f := kvcache.Form{Map: form.Map, Tiers: []codec.Codec{c}}
				k, v := y.K, y.V
				if side == 0 {
					k, err = r.Stored(f, k)
				} else {
					v, err = r.Stored(f, v)
				}
				if err != nil {
					return err
				}
				damage := relative(r.Attend(l, k, v, 16, nil), want)
				cost := 8 * float64(c.Size(codec.PageTokens, sh.Dim).Total()) / float64(codec.PageTokens*sh.Dim)
				results[2*l+side] = append(results[2*l+side], result{f, budget.Choice{Cost: cost, Damage: damage}})
			}
		}
		return nil
	}
	var wait sync.WaitGroup
	threads := cpu.Default().Threads()
	for part := range threads {
		wait.Go(func() {
			for l := part; l < sh.Layers; l += threads {
				errs[l] = one(l)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	choices := make([][]budget.Choice, len(results))
	for i, r := range results {
		for _, x := range r {
			choices[i] = append(choices[i], x.choice)
		}
	}
	chosen, err := budget.Choose(choices, s.Bits*float64(len(choices)))
	if err != nil {
		return err
	}
	var id strings.Builder
	for i, c := range chosen {
		f := results[i][c].form
		if i%2 == 0 {
			p.Layers[i/2].K = f
		} else {
			p.Layers[i/2].V = f
		}
		fmt.Fprintf(&id, "%d", options[c])
	}
	p.ID += "#" + id.String()
	return nil
}

// errorBudgets weighs layers by the error of their output when only the
// positions stay that the last queries of the window look at most, between a
// third of the mean and three times it (CompressKV).
func (s *Stats) errorBudgets(spec *Spec) []float64 {
	sh := s.Shape
	out := make([]float64, sh.Layers)
	var wait sync.WaitGroup
	threads := cpu.Default().Threads()
	for part := range threads {
		wait.Go(func() {
			for l := part; l < sh.Layers; l += threads {
				out[l] = math.Sqrt(s.lossOf(l, spec.Keep))
			}
		})
	}
	wait.Wait()
	var sum float64
	for _, e := range out {
		sum += e / float64(len(out))
	}
	for l := range out {
		if sum > 0 {
			out[l] = max(1.0/3, min(3, out[l]/sum))
		} else {
			out[l] = 1
		}
	}
	return out
}

// lossOf is the relative output error of a layer that keeps a share of the
// window's first half.
func (s *Stats) lossOf(l int, keep float64) float64 {
	r := s.Recording
	sh := s.Shape
	y := &r.Layers[l]
	half := r.N / 2
	in := &importance.Layer{Heads: sh.Heads, QueryHeads: sh.QueryHeads, Dim: sh.Dim, N: half}
	for h := range sh.Heads {
		for t := range half {
			in.K = append(in.K, y.K[(t*sh.Heads+h)*sh.Dim:][:sh.Dim]...)
			in.V = append(in.V, y.V[(t*sh.Heads+h)*sh.Dim:][:sh.Dim]...)
		}
	}
	for t := range half {
		in.Position = append(in.Position, t)
	}
	for t := half; t < half+8; t++ {
		in.Q = append(in.Q, y.Q[t*sh.QueryHeads*sh.Dim:(t+1)*sh.QueryHeads*sh.Dim]...)
		in.QueryPosition = append(in.QueryPosition, t)
	}
	in.Probes = 8
	if s.Retrieval != nil {
		in.Retrieval = s.Retrieval[l]
	}
	scores := make([]float32, sh.Heads*half)
	importance.Retrieved(8, 5)(in, scores)
	order := make([]int, half)
	for t := range order {
		order[t] = t
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	gone := make([]bool, r.N)
	for _, t := range order[int(keep*float64(half)):] {
		gone[t] = true
	}
	var want, got []float32
	group := sh.QueryHeads / sh.Heads
	scale := 1 / math.Sqrt(float64(sh.Dim))
	for t := half; t < r.N; t += 16 {
		for qh := range sh.QueryHeads {
			q := y.Q[(t*sh.QueryHeads+qh)*sh.Dim:][:sh.Dim]
			a, b := make([]float32, sh.Dim), make([]float32, sh.Dim)
			var sa, sb float64
			top := math.Inf(-1)
			p := make([]float64, t+1)
			for u := range p {
				p[u] = scale * float64(cpu.Dot(q, y.K[(u*sh.Heads+qh/group)*sh.Dim:][:sh.Dim]))
				top = max(top, p[u])
			}
			for u, x := range p {
				e := math.Exp(x - top)
				v := y.V[(u*sh.Heads+qh/group)*sh.Dim:][:sh.Dim]
				cpu.Axpy(float32(e), v, a)
				sa += e
				if !gone[u] {
					cpu.Axpy(float32(e), v, b)
					sb += e
				}
			}
			cpu.Scale(float32(1/sa), a)
			cpu.Scale(float32(1/max(sb, 1e-30)), b)
			want, got = append(want, a...), append(got, b...)
		}
	}
	return relative(got, want)
}

// retrievalHeads finds, for each layer, the quarter of the query heads (at
// least one) that look most at a whole fact when the model writes it down: the
// text is a list of facts, and the last line asks for one of them again
// (CompressKV).
func retrievalHeads(ctx context.Context, m *decode.Model) ([][]int, error) {
	sh := m.Shape()
	mass := make([][]float64, sh.Layers)
	for l := range mass {
		mass[l] = make([]float64, sh.QueryHeads)
	}
	names := []string{"amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour", "island", "juniper", "kestrel", "lagoon"}
	for sample := range 3 {
		var text strings.Builder
		wanted := (5*sample + 2) % len(names)
		var before, fact string
		for i, n := range names {
			line := fmt.Sprintf("The code of %s is %d.\n", n, 10007+(i*7919+sample*104729)%89989)
			if i == wanted {
				before, fact = text.String(), line
			}
			text.WriteString(line)
		}
		text.WriteString(fact)
		ids := m.Tokenizer.Encode(text.String())
		from, to := len(m.Tokenizer.Encode(before)), len(m.Tokenizer.Encode(before+fact))
		again := len(ids) - (to - from)
		if again <= to || len(ids) > m.Config.Context {
			continue
		}
		r, err := recording.Record(ctx, m, ids, 0)
		if err != nil {
			return nil, err
		}
		group := sh.QueryHeads / sh.Heads
		scale := 1 / float32(math.Sqrt(float64(sh.Dim)))
		s := make([]float32, r.N)
		for l := range r.Layers {
			y := &r.Layers[l]
			for t := again; t < r.N; t++ {
				for qh := range sh.QueryHeads {
					q := y.Q[(t*sh.QueryHeads+qh)*sh.Dim:][:sh.Dim]
					for u := range t + 1 {
						s[u] = scale * cpu.Dot(q, y.K[(u*sh.Heads+qh/group)*sh.Dim:][:sh.Dim])
					}
					cpu.Softmax(s[:t+1])
					for u := from; u < to; u++ {
						mass[l][qh] += float64(s[u])
					}
				}
			}
		}
	}
	out := make([][]int, sh.Layers)
	for l, x := range mass {
		order := make([]int, len(x))
		for h := range order {
			order[h] = h
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[b], x[a]) })
		out[l] = order[:max(1, len(x)/4)]
	}
	return out, nil
}
