package kvcache

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/importance"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

func scalar(t testing.TB, side codec.Side, f codec.Format) codec.Codec {
	t.Helper()
	c, err := codec.NewScalar(f, side)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turn is a rotation by position as models do it.
func turn(x []float32, position int, back bool) {
	for i := 0; i < len(x); i += 2 {
		s, c := math.Sincos(float64(position) * math.Pow(1e4, -float64(i)/float64(len(x))))
		if back {
			s = -s
		}
		a, b := float64(x[i]), float64(x[i+1])
		x[i], x[i+1] = float32(a*c-b*s), float32(b*c+a*s)
	}
}

// policies are stores of every shape of machinery: plain, mapped, projected,
// before rotation, nested, in tiers, evicting, retrieving.
func policies(t testing.TB, sh Shape) map[string]Policy {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	n := sh.Heads * sh.Dim
	full := func(pre bool) *Map {
		m := &Map{Heads: sh.Heads, Dim: sh.Dim, Centre: random(r, n), Balance: make([]float32, n), Hadamard: true, Seed: 9, Pre: pre, Turn: turn}
		for i := range m.Balance {
			m.Balance[i] = float32(math.Exp(r.NormFloat64() / 3))
		}
		return m
	}
	rank := n - sh.Dim/2
	basis := func() *Map {
		b := make([]float32, n*rank)
		for i := range b {
			b[i] = float32(r.NormFloat64() / math.Sqrt(float64(rank)))
		}
		return &Map{Heads: sh.Heads, Dim: sh.Dim, Centre: random(r, n), Basis: b, Rank: rank}
	}
	g := func(side codec.Side, bits int) codec.Codec {
		return scalar(t, side, codec.Format{Kind: codec.RMS, Bits: bits})
	}
	nested := func(side codec.Side) codec.Codec {
		c, err := codec.NewNested(codec.Format{Bits: 4, Group: 16}, side)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := func(k, v Form) Policy {
		p := Policy{Sink: 4, Window: PageTokens}
		for range sh.Layers {
			p.Layers = append(p.Layers, Layer{k, v})
		}
		return p
	}
	f16 := Form{Tiers: []codec.Codec{codec.Float{}}}
	ps := map[string]Policy{
		"f16":       one(f16, f16),
		"g4":        one(Form{full(false), []codec.Codec{g(codec.Keys, 4)}}, Form{full(false), []codec.Codec{g(codec.Values, 4)}}),
		"g8":        one(Form{nil, []codec.Codec{g(codec.Keys, 8)}}, Form{full(false), []codec.Codec{g(codec.Values, 8)}}),
		"pre":       one(Form{full(true), []codec.Codec{g(codec.Keys, 8)}}, Form{nil, []codec.Codec{g(codec.Values, 8)}}),
		"projected": one(Form{basis(), []codec.Codec{codec.Float{}}}, Form{basis(), []codec.Codec{codec.Float{}}}),
	}
	p := one(Form{nil, []codec.Codec{nested(codec.Keys)}}, Form{nil, []codec.Codec{nested(codec.Values)}})
	p.Demote = 150
	ps["nested"] = p
	p = one(f16, f16)
	p.Compress = &Compression{Keep: 0.5, Signal: importance.Accumulated, Probes: 32}
	ps["evict"] = p
	p = one(Form{full(false), []codec.Codec{g(codec.Keys, 8), g(codec.Keys, 4)}}, Form{full(false), []codec.Codec{g(codec.Values, 8), g(codec.Values, 4)}})
	p.Compress = &Compression{Keep: 0.8, High: 0.3, Signal: importance.KeyDiff, Crush: 0.1}
	ps["tiers"] = p
	p = one(f16, f16)
	p.Sink, p.Window = 0, 0
	p.Retrieve = &Retrieval{Share: 0.5, Least: 1, Reuse: 0.2}
	ps["retrieve"] = p
	p = one(f16, f16)
	p.Retrieve = &Retrieval{Share: 0.5, Least: 1, Probe: true}
	ps["probe"] = p
	for name, p := range ps {
		p.ID = name
		ps[name] = p
	}
	return ps
}

func newStore(t testing.TB, sh Shape, p Policy, pool *cpu.Pool) *Paged {
	t.Helper()
	s, err := New(sh, p, pool)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contents decodes all that a row of a sequence can see of one head: positions
// from first to limit-1.
func contents(s *sequence, layer, head, first, limit int, pick []uint64, words int) (k, v []float64, n int) {
	p := s.store
	dim := p.shape.Dim
	kp, vp := make([]float32, PageTokens*dim), make([]float32, PageTokens*dim)
	for i := range s.entries {
		e := &s.entries[i]
		if e.start >= limit || pick != nil && pick[head*words+i/64]>>(i%64)&1 == 0 {
			continue
		}
		mask := p.readEntry(e, layer, head, kp, vp, dim)
		if e.sealed == nil {
			mask &= all(min(e.n, limit-e.start))
		}
		for ; mask != 0; mask &= mask - 1 {
			t := bits.TrailingZeros64(mask)
			if e.start+t < first {
				continue
			}
			for c := range dim {
				k, v = append(k, float64(kp[t*dim+c])), append(v, float64(vp[t*dim+c]))
			}
			n++
		}
	}
	return k, v, n
}

// put adds n positions in chunks that the sequence has room for.
func put(r *rand.Rand, p *Paged, s Sequence, n int) {
	sh := p.shape
	for n > 0 {
		k := min(n, s.(Compressed).Room())
		s.Extend(k)
		for l := range sh.Layers {
			s.Put(l, random(r, k*sh.Heads*sh.Dim), random(r, k*sh.Heads*sh.Dim))
			q := random(r, k*sh.QueryHeads*sh.Dim)
			p.Attend(l, []Rows{{s, k, s.Len() - k + 1, 1, 0}}, q, make([]float32, len(q)), nil)
		}
		n -= k
	}
}

// Random histories under every policy: attention over several sequences is
// what float64 attention over the decoded pages is, the same bits alone as in
// company, and no page is lost.
func TestPoliciesAgreeWithReference(t *testing.T) {
	sh := Shape{2, 6, 2, 64}
	for name, policy := range policies(t, sh) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 77))
			pool := cpu.NewPool(2)
			defer pool.Close()
			p := newStore(t, sh, policy, pool)
			all := []Sequence{p.New()}
			put(r, p, all[0], 330)
			for step := range 40 {
				i := r.IntN(len(all))
				s := all[i]
				switch op := r.IntN(12); {
				case op < 5:
					put(r, p, s, []int{1, 2, 15, 16, 17, 63, 64, 65, 130}[r.IntN(9)])
				case op < 8 && len(all) < 5:
					all = append(all, s.Fork())
				case op == 8:
					s.Truncate(r.IntN(s.Len() + 1))
				case op == 9 && len(all) > 1:
					s.Release()
					all = slices.Delete(all, i, i+1)
				case op == 10:
					s.(Compressed).EndPrompt()
				}
				if step%3 == 0 {
					compare(t, r, p, all)
				}
			}
			recount(t, p, all)
			for _, s := range all {
				s.Release()
			}
			if p.Bytes() != 0 {
				t.Errorf("%d bytes after everything was released: %+v", p.Bytes(), p.Usage())
			}
			if p.Err() != nil {
				t.Error(p.Err())
			}
		})
	}
}

func compare(t *testing.T, r *rand.Rand, p *Paged, seqs []Sequence) {
	t.Helper()
	sh := p.shape
	layer := r.IntN(sh.Layers)
	var rows []Rows
	for _, s := range seqs {
		if s.Len() > 0 {
			window := 0
			if r.IntN(3) == 0 {
				window = 1 + r.IntN(s.Len())
			}
			rows = append(rows, Rows{Seq: s, N: 1, First: s.Len(), Window: window})
		}
	}
	if len(rows) == 0 {
		return
	}
	// Choosing pages changes what a sequence remembers: copies for each use.
	forked := func() []Rows {
		out := slices.Clone(rows)
		for i := range out {
			out[i].Seq = out[i].Seq.Fork()
		}
		return out
	}
	release := func(rows []Rows) {
		for _, x := range rows {
			x.Seq.Release()
		}
	}
	q := random(r, len(rows)*sh.QueryHeads*sh.Dim)
	out, lse := make([]float32, len(q)), make([]float32, len(rows)*sh.QueryHeads)
	together := forked()
	p.Attend(layer, together, q, out, lse)
	for i := range rows {
		lo, hi := i*sh.QueryHeads*sh.Dim, (i+1)*sh.QueryHeads*sh.Dim
		single := forked()
		alone := make([]float32, hi-lo)
		p.Attend(layer, single[i:i+1], q[lo:hi], alone, nil)
		release(single)
		if !slices.Equal(alone, out[lo:hi]) {
			t.Fatalf("sequence %d of %d gets other bits alone than in company", i, len(rows))
		}
		s := together[i].Seq.(*sequence)
		var pick []uint64
		words := 0
		if s.picks != nil {
			pick, words = s.picks.layers[layer].pick, s.picks.layers[layer].words
		}
		for h := range sh.QueryHeads {
			at := lo + h*sh.Dim
			q64 := make([]float64, sh.Dim)
			for c := range q64 {
				q64[c] = float64(q[at+c])
			}
			first := 0
			if w := rows[i].Window; w > 0 {
				first = s.n - w
			}
			k, v, n := contents(s, layer, h/(sh.QueryHeads/sh.Heads), first, s.n, pick, words)
			want, l := Reference(q64, k, v, n)
			var e, size float64
			for c, x := range want {
				e += (x - float64(out[at+c])) * (x - float64(out[at+c]))
				size += x * x
			}
			if e > 1e-9*max(size, 0.01) {
				t.Fatalf("head %d of sequence %d: off by %g of %g", h, i, math.Sqrt(e), math.Sqrt(size))
			}
			if got := float64(lse[i*sh.QueryHeads+h]); math.Abs(got-l) > 1e-3 {
				t.Fatalf("log-sum-exp %v, want %v", got, l)
			}
		}
	}
	release(together)
}

// recount compares the store's accounts with what the sequences hold.
func recount(t *testing.T, p *Paged, seqs []Sequence) {
	t.Helper()
	slabs, pages := map[*slab]int32{}, map[*sealed]int32{}
	for _, s := range seqs {
		for _, e := range s.(*sequence).entries {
			for _, g := range e.slabs[:e.blocks()] {
				slabs[g]++
			}
			if e.sealed != nil {
				pages[e.sealed]++
			}
		}
	}
	for _, nodes := range p.prefixes.nodes {
		for _, e := range nodes.entries {
			for _, g := range e.slabs[:e.blocks()] {
				slabs[g]++
			}
			if e.sealed != nil {
				pages[e.sealed]++
			}
		}
	}
	var want Bytes
	for g, n := range slabs {
		if g.owners.Load() != n {
			t.Errorf("a slab of %d owners counts %d", n, g.owners.Load())
		}
		want.Exact += p.slabs.bytes(g.tokens)
		if g.form != nil {
			pages[g.form]++
		}
	}
	for g, n := range pages {
		if g.owners.Load() != n {
			t.Errorf("a sealed page of %d owners counts %d", n, g.owners.Load())
		}
		want.add(g.size)
	}
	if got := p.Usage(); got != want {
		t.Errorf("the store counts %+v, its sequences hold %+v", got, want)
	}
}

// D1: what a position sees does not depend on how the text was cut, whether by
// chunks of any size within Room or token by token.
func TestChunksDoNotMatter(t *testing.T) {
	sh := Shape{1, 2, 1, 32}
	for name, policy := range policies(t, sh) {
		if policy.Compress != nil {
			continue // judged when told to
		}
		r := rand.New(rand.NewPCG(5, 5))
		const n = 64*5 + 7
		k, v, q := random(r, n*32), random(r, n*32), random(r, n*64)
		run := func(step func(room int) int) []float32 {
			p := newStore(t, sh, policy, cpu.NewPool(1))
			s := p.New()
			var out []float32
			for at := 0; at < n; {
				m := min(step(s.(Compressed).Room()), n-at)
				s.Extend(m)
				s.Put(0, k[at*32:(at+m)*32], v[at*32:(at+m)*32])
				o := make([]float32, m*64)
				p.Attend(0, []Rows{{s, m, at + 1, 1, 0}}, q[at*64:(at+m)*64], o, nil)
				out = append(out, o...)
				at += m
			}
			return out
		}
		want := run(func(room int) int { return room })
		for _, step := range []int{1, 7, 16, 33} {
			got := run(func(room int) int { return min(step, room) })
			for i := range got {
				if math.Abs(float64(got[i]-want[i])) > 1e-6 {
					t.Fatalf("%s: in steps of %d, position %d sees something else", name, step, i/64)
				}
			}
		}
	}
}

// D3: the bytes of a page depend on its tokens and the policy only, not on
// threads, neighbours or the sequence's history.
func TestPagesDependOnTheirTokensOnly(t *testing.T) {
	sh := Shape{2, 2, 2, 64}
	policy := policies(t, sh)["g4"]
	var first []byte
	for i, threads := range []int{1, 2} {
		pool := cpu.NewPool(threads)
		p := newStore(t, sh, policy, pool)
		r := rand.New(rand.NewPCG(6, 6))
		other := p.New()
		put(rand.New(rand.NewPCG(uint64(i), 1)), p, other, 100*(i+1))
		s := p.New()
		put(r, p, s, 4+3*PageTokens+1)
		var b []byte
		for _, parts := range s.(*sequence).entries[1].sealed.heads {
			for _, q := range parts {
				b = append(append(b, q.k...), q.v...)
			}
		}
		if i > 0 && !bytes.Equal(b, first) {
			t.Error("a page has other bytes in another store")
		}
		first = b
		pool.Close()
	}
}

// Beams: only what all branches own is sealed; a branch's own pages stay
// exact, and sealing a shared page is done once.
func TestOnlyTheTrunkIsSealed(t *testing.T) {
	sh := Shape{1, 2, 1, 64}
	p := newStore(t, sh, policies(t, sh)["g4"], cpu.NewPool(1))
	r := rand.New(rand.NewPCG(8, 8))
	trunk := p.New()
	put(r, p, trunk, 4+2*PageTokens+10) // window and page in progress are exact
	beams := []Sequence{trunk, trunk.Fork(), trunk.Fork()}
	for _, s := range beams {
		put(r, p, s, 3*PageTokens)
	}
	forms := map[*sealed]bool{}
	for i, s := range beams {
		for j, e := range s.(*sequence).entries {
			switch {
			case j == 0 && e.sealed != nil:
				t.Error("the sink is sealed")
			case j == 1 || j == 2:
				if e.sealed == nil {
					t.Errorf("page %d of beam %d, which all own, is not sealed", j, i)
				}
				forms[e.sealed] = true
			case j > 2 && e.sealed != nil:
				t.Errorf("page %d of beam %d alone is sealed", j, i)
			}
		}
	}
	if len(forms) != 2 {
		t.Errorf("two shared pages have %d sealed forms", len(forms))
	}
	recount(t, p, beams)
	// When the others are gone, the last branch is a trunk again.
	beams[1].Release()
	beams[2].Release()
	put(r, p, trunk, PageTokens)
	if e := trunk.(*sequence).entries[3]; e.sealed == nil {
		t.Error("the last branch's pages stay exact")
	}
}

// A thousand random reorders of beams leave nothing behind.
func TestReordersBalance(t *testing.T) {
	sh := Shape{1, 1, 1, 32}
	p := newStore(t, sh, policies(t, sh)["g8"], cpu.NewPool(1))
	r := rand.New(rand.NewPCG(9, 9))
	beams := make([]Sequence, 5)
	root := p.New()
	put(r, p, root, 200)
	for i := range beams {
		beams[i] = root.Fork()
	}
	root.Release()
	for range 1000 {
		next := make([]Sequence, len(beams))
		for i := range next {
			next[i] = beams[r.IntN(len(beams))].Fork()
		}
		for _, s := range beams {
			s.Release()
		}
		beams = next
		for _, s := range beams {
			put(r, p, s, 1)
		}
	}
	recount(t, p, beams)
	for _, s := range beams {
		s.Release()
	}
	if p.Bytes() != 0 {
		t.Errorf("%d bytes are left", p.Bytes())
	}
}

// D4: lengths around page boundaries, cut and continued.
func TestPartialPages(t *testing.T) {
	sh := Shape{1, 2, 1, 64}
	for name, policy := range policies(t, sh) {
		for _, n := range []int{1, 4, 5, 63, 64, 65, 67, 68, 69, 131, 132, 133, 259, 260, 261} {
			r := rand.New(rand.NewPCG(uint64(n), 3))
			p := newStore(t, sh, policy, cpu.NewPool(1))
			s := p.New()
			put(r, p, s, n)
			compare(t, r, p, []Sequence{s})
			put(r, p, s, 2*PageTokens)
			s.Truncate(n)
			compare(t, r, p, []Sequence{s})
			put(r, p, s, 3)
			compare(t, r, p, []Sequence{s})
			put(r, p, s, 3*PageTokens)
			s.(Compressed).EndPrompt() // over a page that was cut
			compare(t, r, p, []Sequence{s})
			if t.Failed() {
				t.Fatalf("%s with %d positions", name, n)
			}
			recount(t, p, []Sequence{s})
		}
	}
}

// D7: keys too large for a scale in half precision leave their page exact and
// say so; very small ones are nothing but small.
func TestRangeOfScales(t *testing.T) {
	sh := Shape{1, 1, 1, 64}
	for _, scale := range []float32{1e4, 1e9, 1e-6} {
		policy := policies(t, sh)["g8"]
		policy.Single = true
		p := newStore(t, sh, policy, cpu.NewPool(1))
		s := p.New()
		r := rand.New(rand.NewPCG(4, 2))
		for range 4 {
			n := s.(Compressed).Room()
			k, v := random(r, n*64), random(r, n*64)
			cpu.Scale(scale, k)
			s.Extend(n)
			s.Put(0, k, v)
		}
		s.Extend(1)
		s.Put(0, make([]float32, 64), make([]float32, 64))
		sealed := s.(*sequence).entries[1].sealed != nil
		var e *SealError
		switch {
		case scale == 1e9 && (sealed || !errors.As(p.Err(), &e) || !errors.Is(p.Err(), codec.ErrRange)):
			t.Errorf("keys of %g: sealed %v, error %v", scale, sealed, p.Err())
		case scale != 1e9 && (!sealed || p.Err() != nil):
			t.Errorf("keys of %g: sealed %v, error %v", scale, sealed, p.Err())
		}
		q, out := random(r, 64), make([]float32, 64)
		cpu.Scale(1/scale, q)
		p.Attend(0, []Rows{{s, 1, s.Len(), 0, 0}}, q, out, nil)
		for _, x := range out {
			if x-x != 0 {
				t.Fatalf("keys of %g: attention gives %v", scale, x)
			}
		}
	}
}

// I1 to I3 through the maps: what is read back through the adjoint is attention
// over the original vectors.
func TestMapsAreExact(t *testing.T) {
	sh := Shape{1, 4, 2, 48}
	r := rand.New(rand.NewPCG(2, 9))
	for name, policy := range policies(t, sh) {
		form := policy.Layers[0]
		for side, m := range []*Map{form.K.Map, form.V.Map} {
			if m == nil || m.Basis != nil {
				continue
			}
			if err := m.Check(sh); err != nil {
				t.Fatal(err)
			}
			for h := range sh.Heads {
				x := random(r, sh.Dim)
				y := slices.Clone(x)
				m.Forward(y, h, 1, 5)
				q := random(r, sh.Dim)
				if side == 0 && !m.Pre {
					mapped := make([]float32, sh.Dim)
					c := m.Query(mapped, q, h)
					if got, want := cpu.Dot(mapped, y)+c, cpu.Dot(q, x); math.Abs(float64(got-want)) > 1e-4 {
						t.Errorf("%s: a mapped query meets a mapped key as %v, want %v", name, got, want)
					}
				}
				lifted := make([]float32, sh.Dim)
				sum := slices.Clone(y)
				cpu.Scale(0.25, sum)
				if !m.Pre {
					m.Lift(lifted, sum, h, 0.25)
					for c := range lifted {
						if math.Abs(float64(lifted[c]-0.25*x[c])) > 1e-5 {
							t.Errorf("%s: a quarter of a value is lifted to %v, want %v", name, lifted[c], 0.25*x[c])
							break
						}
					}
				}
				m.Back(y, h, func(int) int { return 5 }, 1)
				for c := range y {
					if math.Abs(float64(y[c]-x[c])) > 1e-5 {
						t.Errorf("%s: there and back gives %v, want %v", name, y[c], x[c])
						break
					}
				}
			}
		}
	}
}

func TestBadPolicies(t *testing.T) {
	sh := Shape{1, 2, 1, 50}
	good := []codec.Codec{codec.Float{}}
	for name, p := range map[string]Policy{
		"sink":      {Sink: 99},
		"window":    {Window: -1},
		"layers":    {Layers: make([]Layer, 3)},
		"no format": {Layers: make([]Layer, 1)},
		"hadamard":  {Layers: []Layer{{Form{&Map{Heads: 1, Dim: 50, Hadamard: true}, good}, Form{nil, good}}}},
		"shape":     {Layers: []Layer{{Form{&Map{Heads: 2, Dim: 50}, good}, Form{nil, good}}}},
		"balance":   {Layers: []Layer{{Form{&Map{Heads: 1, Dim: 50, Balance: make([]float32, 50)}, good}, Form{nil, good}}}},
		"pre":       {Layers: []Layer{{Form{nil, good}, Form{&Map{Heads: 1, Dim: 50, Pre: true, Turn: turn}, good}}}},
		"rank":      {Layers: []Layer{{Form{&Map{Heads: 1, Dim: 50, Basis: make([]float32, 1), Rank: 2}, good}, Form{nil, good}}}},
		"tiers":     {Layers: []Layer{{Form{nil, append(good, good...)}, Form{nil, good}}}},
	} {
		if _, err := New(sh, p, cpu.NewPool(1)); err == nil {
			t.Errorf("%s: a store is made", name)
		} else if fmt.Sprint(err) == "" {
			t.Errorf("%s: no message", name)
		}
	}
}

// D6: what one sequence evicts stays with the others.
func TestEvictionIsPrivate(t *testing.T) {
	sh := Shape{1, 2, 1, 64}
	for _, name := range []string{"evict", "tiers"} {
		p := newStore(t, sh, policies(t, sh)[name], cpu.NewPool(1))
		p.KeepPrefixes(1 << 30)
		r := rand.New(rand.NewPCG(3, 8))
		s := p.New()
		text := tokens(r, 4+64*6)
		readTokens(p, s, text)
		p.Remember(s, text, []float32{1}, true)
		fork := s.Fork()
		q := random(r, 2*64)
		attend := func(s Sequence) []float32 {
			out := make([]float32, len(q))
			p.Attend(0, []Rows{{Seq: s, N: 1, First: s.Len()}}, q, out, nil)
			return out
		}
		want := attend(fork)
		s.(Compressed).EndPrompt()
		if kept := s.(Compressed).Kept(); kept >= float64(s.Len()) {
			t.Errorf("%s: all %g positions are kept", name, kept)
		}
		hit, _, _ := p.Lookup(text)
		for i, other := range []Sequence{fork, hit} {
			if !slices.Equal(attend(other), want) || other.(Compressed).Kept() != float64(other.Len()) {
				t.Errorf("%s: eviction of one sequence reaches another (%d)", name, i)
			}
		}
		recount(t, p, []Sequence{s, fork, hit})
	}
}
