package kvcache

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// twin is a sequence beside a plain copy of what was put into it.
type twin struct {
	seq  Sequence
	k, v [][]float32 // [layer][pos*heads*dim]
}

func (w *twin) put(r *rand.Rand, sh Shape, n int) {
	w.seq.Extend(n)
	for l := range sh.Layers {
		k, v := random(r, n*sh.Heads*sh.Dim), random(r, n*sh.Heads*sh.Dim)
		w.seq.Put(l, k, v)
		w.k[l], w.v[l] = append(w.k[l], k...), append(w.v[l], v...)
	}
}

func (w *twin) fork(sh Shape) *twin {
	f := &twin{seq: w.seq.Fork()}
	for l := range sh.Layers {
		f.k, f.v = append(f.k, slices.Clone(w.k[l])), append(f.v, slices.Clone(w.v[l]))
	}
	return f
}

func (w *twin) truncate(sh Shape, n int) {
	w.seq.Truncate(n)
	for l := range sh.Layers {
		w.k[l], w.v[l] = w.k[l][:n*sh.Heads*sh.Dim], w.v[l][:n*sh.Heads*sh.Dim]
	}
}

// want computes one query head's attention from the plain copy.
func (w *twin) want(sh Shape, layer, head int, q []float32, limit int, half bool) ([]float64, float64) {
	wide := func(x float32) float64 {
		if half {
			x = tensor.HalfToFloat(tensor.FloatToHalf(x))
		}
		return float64(x)
	}
	kv := head / (sh.QueryHeads / sh.Heads)
	q64 := make([]float64, sh.Dim)
	for i := range q64 {
		q64[i] = float64(q[i])
	}
	var k, v []float64
	for t := range limit {
		for c := range sh.Dim {
			at := (t*sh.Heads+kv)*sh.Dim + c
			k, v = append(k, wide(w.k[layer][at])), append(v, wide(w.v[layer][at]))
		}
	}
	return Reference(q64, k, v, limit)
}

func newTwin(p *Paged, sh Shape) *twin {
	return &twin{seq: p.New(), k: make([][]float32, sh.Layers), v: make([][]float32, sh.Layers)}
}

// Random histories of putting, forking, truncating and releasing, with
// attention of several sequences at once compared with the plain copies.
func TestHistoriesAgreeWithReference(t *testing.T) {
	for _, sh := range []Shape{{2, 6, 2, 64}, {1, 3, 3, 16}, {2, 4, 1, 96}} {
		for _, single := range []bool{false, true} {
			r := rand.New(rand.NewPCG(1, uint64(sh.Dim)))
			pool := cpu.NewPool(2)
			p := NewPaged(sh, single, pool)
			all := []*twin{newTwin(p, sh)}
			all[0].put(r, sh, 300)
			for step := range 80 {
				w := all[r.IntN(len(all))]
				switch op := r.IntN(10); {
				case op < 5:
					w.put(r, sh, []int{1, 1, 1, 7, 31, 32, 33, 90}[r.IntN(8)])
				case op < 8 && len(all) < 6:
					all = append(all, w.fork(sh))
				case op == 8:
					w.truncate(sh, r.IntN(w.seq.Len()+1))
				case op == 9 && len(all) > 1:
					i := r.IntN(len(all))
					all[i].seq.Release()
					all = slices.Delete(all, i, i+1)
				}
				if step%4 != 0 {
					continue
				}
				layer := r.IntN(sh.Layers)
				var rows []Rows
				total := 0
				for _, w := range all {
					n, row := w.seq.Len(), Rows{Seq: w.seq, N: 1, First: w.seq.Len()}
					if r.IntN(3) == 0 && n > 0 { // causal chunk at the end
						row.N = 1 + r.IntN(min(n, 40))
						row.First, row.Step = n-row.N+1, 1
					}
					rows = append(rows, row)
					total += row.N
				}
				q := random(r, total*sh.QueryHeads*sh.Dim)
				out, lse := make([]float32, len(q)), make([]float32, total*sh.QueryHeads)
				p.Attend(layer, rows, q, out, lse)
				at := 0
				for i, row := range rows {
					alone, aloneLSE := make([]float32, row.N*sh.QueryHeads*sh.Dim), make([]float32, row.N*sh.QueryHeads)
					lo, hi := at*sh.QueryHeads*sh.Dim, (at+row.N)*sh.QueryHeads*sh.Dim
					p.Attend(layer, rows[i:i+1], q[lo:hi], alone, aloneLSE)
					if !slices.Equal(alone, out[lo:hi]) {
						t.Fatalf("step %d: sequence %d gets other bits alone than in company", step, i)
					}
					for j := range row.N {
						if j > 2 && r.IntN(8) > 0 {
							continue
						}
						for h := range sh.QueryHeads {
							x := ((at+j)*sh.QueryHeads + h) * sh.Dim
							want, l := all[i].want(sh, layer, h, q[x:x+sh.Dim], row.First+j*row.Step, !single)
							for c, v := range want {
								if d := math.Abs(v - float64(out[x+c])); d > 3e-5 {
									t.Fatalf("dim %d, step %d, sequence %d row %d head %d: off by %g", sh.Dim, step, i, j, h, d)
								}
							}
							if got := float64(lse[(at+j)*sh.QueryHeads+h]); got != l && math.Abs(got-l) > 1e-4 {
								t.Fatalf("log-sum-exp %v, want %v", got, l)
							}
						}
					}
					at += row.N
				}
			}
			// Every slab is counted once, and none is lost.
			seen := map[*slab]int32{}
			for _, w := range all {
				for _, e := range w.seq.(*sequence).entries {
					for _, g := range e.slabs[:e.blocks()] {
						seen[g]++
					}
				}
			}
			var bytes int64
			for g, n := range seen {
				bytes += p.slabs.bytes(g.tokens)
				if g.owners.Load() != n {
					t.Errorf("a slab of %d sequences counts %d owners", n, g.owners.Load())
				}
			}
			if got := p.Bytes(); got != bytes {
				t.Errorf("%d bytes, want %d", got, bytes)
			}
			for _, w := range all {
				w.seq.Release()
			}
			if p.Bytes() != 0 {
				t.Errorf("%d bytes after everything was released", p.Bytes())
			}
			pool.Close()
		}
	}
}

func TestForksSharePages(t *testing.T) {
	sh := Shape{1, 2, 2, 32}
	p := NewPaged(sh, false, cpu.NewPool(1))
	block, page := p.slabs.bytes(tailTokens), p.slabs.bytes(PageTokens)
	r := rand.New(rand.NewPCG(2, 2))
	a := newTwin(p, sh)
	a.put(r, sh, 100) // a full page, two blocks and four positions of a third
	before := p.Bytes()
	if before != page+3*block {
		t.Errorf("100 positions take %d bytes, want a page and three blocks", before)
	}
	b := a.fork(sh)
	if p.Bytes() != before {
		t.Error("a fork took memory before anything was written")
	}
	b.put(r, sh, 1)
	if own, shared := b.seq.Bytes(); own != block || shared != page+2*block {
		t.Errorf("after one position the fork owns %d bytes and shares %d, want one block and the rest", own, shared)
	}
	// A block boundary: nothing has to be copied.
	c := a.fork(sh)
	c.truncate(sh, 96)
	c.put(r, sh, 1)
	if own, _ := c.seq.Bytes(); own != block {
		t.Errorf("a fork at a block boundary owns %d bytes", own)
	}
}

// The identities that let policies be composed (kvcache.md 0.2), on the
// reference, to 1e-12.
func TestIdentities(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	const n, dim = 50, 64
	vec := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		return x
	}
	q, k, v, mu := vec(dim), vec(n*dim), vec(n*dim), vec(dim)
	want, wantLSE := Reference(q, k, v, n)
	near := func(name string, a, b []float64) {
		t.Helper()
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-12 {
				t.Fatalf("%s: %v, want %v", name, a[i], b[i])
			}
		}
	}
	each := func(x []float64, f func(c int, x float64) float64) []float64 {
		y := slices.Clone(x)
		for i := range y {
			y[i] = f(i%dim, y[i])
		}
		return y
	}

	// I1: keys stored as A k need queries A^-T q; here a balance and a rotation.
	beta := each(mu, func(_ int, x float64) float64 { return math.Exp(x / 4) })
	got, _ := Reference(each(q, func(c int, x float64) float64 { return x / beta[c] }), each(k, func(c int, x float64) float64 { return x * beta[c] }), v, n)
	near("balance", got, want)
	rotate := func(x []float64) []float64 {
		y := slices.Clone(x)
		for i := 0; i < len(y); i += 2 {
			s, c := math.Sincos(mu[i%dim])
			y[i], y[i+1] = x[i]*c-x[i+1]*s, x[i+1]*c+x[i]*s
		}
		return y
	}
	got, _ = Reference(rotate(q), rotate(k), v, n)
	near("rotation", got, want)

	// I2: one vector subtracted from all keys changes nothing.
	got, _ = Reference(q, each(k, func(c int, x float64) float64 { return x - mu[c] }), v, n)
	near("key shift", got, want)
	// I3: one vector subtracted from all values is added back once.
	got, _ = Reference(q, k, each(v, func(c int, x float64) float64 { return x - mu[c] }), n)
	near("value shift", each(got, func(c int, x float64) float64 { return x + mu[c] }), want)

	// I4: parts merge by their log-sum-exp, empty parts too.
	for _, cut := range []int{0, 1, 17, n} {
		a, la := Reference(q, k[:cut*dim], v[:cut*dim], cut)
		b, lb := Reference(q, k[cut*dim:], v[cut*dim:], n-cut)
		m := max(la, lb)
		l := math.Exp(la-m) + math.Exp(lb-m)
		sum := make([]float64, dim)
		for c := range sum {
			sum[c] = (a[c]*math.Exp(la-m) + b[c]*math.Exp(lb-m)) / l
		}
		near("split", append(sum, m+math.Log(l)), append(slices.Clone(want), wantLSE))
	}
}

func TestMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	sh := Shape{1, 2, 1, 32}
	p := NewPaged(sh, true, cpu.NewPool(1))
	whole, left, right := newTwin(p, sh), p.New(), p.New()
	whole.put(r, sh, 70)
	cut := 40 * sh.Heads * sh.Dim
	left.Extend(40)
	left.Put(0, whole.k[0][:cut], whole.v[0][:cut])
	right.Extend(30)
	right.Put(0, whole.k[0][cut:], whole.v[0][cut:])
	q := random(r, sh.QueryHeads*sh.Dim)
	run := func(s Sequence) ([]float32, []float32) {
		out, lse := make([]float32, len(q)), make([]float32, sh.QueryHeads)
		p.Attend(0, []Rows{{s, 1, s.Len(), 0, 0}}, q, out, lse)
		return out, lse
	}
	want, wantLSE := run(whole.seq)
	got, lse := run(left)
	b, lb := run(right)
	Merge(sh.Dim, got, lse, b, lb)
	empty, le := run(p.New())
	Merge(sh.Dim, got, lse, empty, le)
	Merge(sh.Dim, empty, le, empty, slices.Clone(le)) // nothing and nothing is nothing, not NaN
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-6 || empty[i] != 0 {
			t.Fatalf("merged %v, want %v; empty %v", got[i], want[i], empty[i])
		}
	}
	for i := range lse {
		if math.Abs(float64(lse[i]-wantLSE[i])) > 1e-6 || le[i] != negInf {
			t.Fatalf("log-sum-exp %v, want %v; empty %v", lse[i], wantLSE[i], le[i])
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	sh := Shape{2, 9, 3, 64}
	pool := cpu.NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(5, 5))
	q, out := random(r, 9*64), make([]float32, 9*64)
	k := random(r, 3*64)
	rows := make([]Rows, 1)
	named := policies(t, sh)
	for name, policy := range map[string]Policy{"exact": {}, "f16": named["f16"], "g8": named["g8"], "g4": named["g4"]} {
		p := newStore(t, sh, policy, pool)
		s := p.New()
		put(r, p, s, 600)
		fork := s.Fork()
		fork.Release() // there is an idle sequence
		step := func() {
			s.Extend(1)
			for l := range sh.Layers {
				s.Put(l, k, k)
				rows[0] = Rows{Seq: s, N: 1, First: s.Len()}
				p.Attend(l, rows, q, out, nil)
			}
		}
		for range 3 * PageTokens {
			step()
		}
		// Pages are sealed on the way; their memory is new, and all else is not.
		if n := testing.AllocsPerRun(4*PageTokens, step); n >= 1 {
			t.Errorf("%s: %v allocations per step", name, n)
		}
		if n := testing.AllocsPerRun(20, func() { s.Fork().Release() }); n > 0 {
			t.Errorf("%s: %v allocations per fork", name, n)
		}
	}
}

// fill puts n random positions into a new sequence.
func fill(r *rand.Rand, p *Paged, n int) Sequence {
	sh := p.shape
	s := p.New()
	for s.Len() < n {
		k := min(n-s.Len(), 256, s.(Compressed).Room())
		s.Extend(k)
		for l := range sh.Layers {
			s.Put(l, random(r, k*sh.Heads*sh.Dim), random(r, k*sh.Heads*sh.Dim))
		}
	}
	return s
}

func BenchmarkAttend(b *testing.B) {
	const n = 4096
	sh := Shape{8, 9, 3, 64} // one layer stays in the second-level cache, eight do not
	r := rand.New(rand.NewPCG(6, 6))
	named := policies(b, sh)
	named["exact"] = Policy{}
	for _, name := range []string{"exact", "f16", "g8", "g4"} {
		pool := cpu.NewPool(1)
		p := newStore(b, sh, named[name], pool)
		s := fill(r, p, n)
		for _, beams := range []int{1, 5} {
			var rows []Rows
			for range beams {
				rows = append(rows, Rows{s.Fork(), 1, n, 0, 0})
			}
			q := random(r, beams*9*64)
			out := make([]float32, len(q))
			b.Run(name+map[int]string{1: "/one", 5: "/five-beams"}[beams], func(b *testing.B) {
				i, start := 0, cpuTime()
				for b.Loop() {
					p.Attend(i%sh.Layers, rows, q, out, nil)
					i++
				}
				b.ReportMetric(float64(cpuTime()-start)/float64(b.N)/n/3, "cpu-ns/token/head")
			})
		}
		pool.Close()
	}
}

func BenchmarkSeal(b *testing.B) {
	sh := Shape{30, 9, 3, 64}
	r := rand.New(rand.NewPCG(6, 6))
	for _, name := range []string{"f16", "g8", "g4"} {
		pool := cpu.NewPool(1)
		p := newStore(b, sh, policies(b, sh)[name], pool)
		s := fill(r, p, 4+2*PageTokens).(*sequence)
		e := &s.entries[2]
		b.Run(name, func(b *testing.B) {
			start := cpuTime()
			for b.Loop() {
				g, err := p.seal(e.start, e.n, func(l, h int, k, v []float32, stride int) { p.readExact(e, l, h, k, v, stride) }, nil)
				if err != nil {
					b.Fatal(err)
				}
				p.releaseSealed(g)
			}
			b.ReportMetric((cpuTime()-start).Seconds()*1e3/float64(b.N)/PageTokens, "cpu-ms/position")
		})
		pool.Close()
	}
}
