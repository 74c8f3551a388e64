package kvcache

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/budget"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/importance"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Compression says how EndPrompt divides old positions by importance. The sink
// and the window are not touched.
type Compression struct {
	Keep   float64 // share of the old positions that stay, 0 to 1
	High   float64 // share of those that have the first tier; the others have the second
	Signal importance.Signal
	Shared bool    // one set of positions for all heads of a layer
	Crush  float64 // share of the kept positions that stand for the evicted (KVCrush)
	Probes int     // recent queries that the signal wants to see

	// Layers are the layers' budgets in units of the mean, nil = all 1; Heads
	// likewise within a layer. Threshold gives each layer what it needs for the
	// same share of its importance instead (PrefixKV).
	Layers    []float64
	Heads     [][]float64
	Threshold bool
	Retrieval [][]int // query heads that retrieve, of each layer (CompressKV)
	Turn      func(x []float32, position int, back bool)
}

// probes are the queries that a sequence has seen lately and a sample of the
// older ones, of each layer.
type probes struct {
	recent, sample, wide int
	layers               []probeLayer
}

type probeLayer struct {
	q        []float32 // [recent+sample][wide]
	position []int     // -1 = unused
}

// sampleEvery is the mean distance of the sampled positions.
const sampleEvery = 16

// watch gives a sequence the state that the policy needs.
func (p *Paged) watch(s *sequence) {
	if c := p.policy.Compress; c != nil && c.Probes > 0 {
		if s.probes == nil {
			n := 2 * c.Probes
			s.probes = &probes{recent: c.Probes, sample: c.Probes, wide: p.shape.QueryHeads * p.shape.Dim, layers: make([]probeLayer, p.shape.Layers)}
			for l := range s.probes.layers {
				s.probes.layers[l] = probeLayer{make([]float32, n*s.probes.wide), make([]int, n)}
			}
		}
		for l := range s.probes.layers {
			for i := range s.probes.layers[l].position {
				s.probes.layers[l].position[i] = -1
			}
		}
	}
	if p.policy.Retrieve != nil {
		s.picks = p.newPicks(s.picks)
	}
}

func (r *probes) copyFrom(o *probes) {
	if r == nil {
		return
	}
	for l := range r.layers {
		copy(r.layers[l].q, o.layers[l].q)
		copy(r.layers[l].position, o.layers[l].position)
	}
}

// add remembers the query at a position.
func (r *probes) add(layer, position int, q []float32) {
	y := &r.layers[layer]
	slot := position % r.recent
	if old := y.position[slot]; old >= 0 && old != position && sampled(old) {
		at := r.recent + old/sampleEvery%r.sample
		y.position[at] = old
		copy(y.q[at*r.wide:(at+1)*r.wide], y.q[slot*r.wide:])
	}
	y.position[slot] = position
	copy(y.q[slot*r.wide:(slot+1)*r.wide], q)
}

// sampled chooses one position of every sampleEvery, not always the same.
func sampled(position int) bool {
	block := uint64(position / sampleEvery)
	z := (block + 1) * 0x9e3779b97f4a7c15
	return position%sampleEvery == int((z^z>>29)>>32%sampleEvery)
}

// remember keeps the queries that signals will ask for.
func (p *Paged) remember(layer int, rows []Rows, q []float32) {
	if c := p.policy.Compress; c == nil || c.Probes == 0 {
		return
	}
	at, wide := 0, p.shape.QueryHeads*p.shape.Dim
	for _, r := range rows {
		s := r.Seq.(*sequence)
		for i := range r.N {
			// Rows of a trie look at the whole prompt but are no part of it.
			if limit := r.First + i*r.Step; limit > 0 && (r.Step == 1 || r.N == 1) {
				s.probes.add(layer, limit-1, q[at*wide:(at+1)*wide])
			}
			at++
		}
	}
}

// inOrder returns the probes below a position limit, oldest first.
func (r *probes) inOrder(layer, limit int) (q []float32, position []int) {
	y := &r.layers[layer]
	var order []int
	for i, at := range y.position {
		if at >= 0 && at < limit {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(y.position[a], y.position[b]) })
	for i, at := range order {
		if i > 0 && y.position[at] == y.position[order[i-1]] {
			continue
		}
		position = append(position, y.position[at])
		q = append(q, y.q[at*r.wide:(at+1)*r.wide]...)
	}
	return q, position
}

// EndPrompt implements Compressed: it judges the old positions and keeps what the
// policy's budget allows. Pages that are shared stay as they are for their
// other owners.
func (s *sequence) EndPrompt() {
	p := s.store
	c := p.policy.Compress
	if c == nil || s.n == 0 {
		return
	}
	from := 0
	if p.policy.Sink > 0 {
		from = 1
	}
	current := len(s.entries) - 1
	if last := &s.entries[current]; last.n == p.room(last) {
		current++
	}
	to := current - p.policy.windowPages()
	var old []*entry
	for i := from; i < to; i++ {
		if e := &s.entries[i]; e.sealed != nil || e.n == PageTokens {
			old = append(old, e)
		}
	}
	if len(old) == 0 {
		return
	}
	scores := make([][]float32, p.shape.Layers) // [layer][head][len(old)*PageTokens]
	masks := make([][]uint64, p.shape.Layers)   // [layer][head][len(old)]
	p.pool.Run(cpu.NewJob(func(l int) { scores[l], masks[l] = s.judge(l, old) }), p.shape.Layers)
	sel := s.choose(c, scores, masks, len(old))
	for i, e := range old {
		g, err := p.seal(e.start, e.n, func(layer, head int, k, v []float32, stride int) {
			p.readEntry(e, layer, head, k, v, stride)
		}, func(layer, head int) selection { return sel[layer*p.shape.Heads+head][i] })
		if err != nil {
			p.mu.Lock()
			p.sealErr = err
			p.mu.Unlock()
			continue
		}
		s.release(e)
		e.sealed = g
	}
}

// judge computes the importance of all old positions of a layer; positions that
// are gone already have none, and no bit in the masks.
func (s *sequence) judge(layer int, old []*entry) (out []float32, masks []uint64) {
	p := s.store
	c := p.policy.Compress
	heads, dim, n := p.shape.Heads, p.shape.Dim, len(old)*PageTokens
	in := &importance.Layer{Heads: heads, QueryHeads: p.shape.QueryHeads, Dim: dim, N: n, Turn: c.Turn}
	in.K, in.V = make([]float32, heads*n*dim), make([]float32, heads*n*dim)
	masks = make([]uint64, heads*len(old))
	for i, e := range old {
		for t := range PageTokens {
			in.Position = append(in.Position, e.start+min(t, e.n-1))
		}
		for h := range heads {
			at := (h*n + i*PageTokens) * dim
			masks[h*len(old)+i] = p.readEntry(e, layer, h, in.K[at:], in.V[at:], dim)
		}
	}
	if s.probes != nil {
		in.Q, in.QueryPosition = s.probes.inOrder(layer, s.n)
		in.Probes = len(in.QueryPosition)
	}
	if c.Retrieval != nil {
		in.Retrieval = c.Retrieval[layer]
	}
	out = make([]float32, heads*n)
	c.Signal(in, out)
	if c.Shared {
		for t := range n {
			var sum float32
			for h := range heads {
				sum += out[h*n+t]
			}
			for h := range heads {
				out[h*n+t] = sum
			}
		}
	}
	return out, masks
}

// choose turns importance into tiers: the result is [layer*heads+head][page].
func (s *sequence) choose(c *Compression, scores [][]float32, masks [][]uint64, pages int) [][]selection {
	p := s.store
	heads, n := p.shape.Heads, pages*PageTokens
	keep := make([]float64, p.shape.Layers)
	for l := range keep {
		keep[l] = c.Keep * float64(n)
	}
	switch {
	case c.Threshold:
		per := make([][]float32, len(scores))
		for l, x := range scores {
			per[l] = make([]float32, n)
			for h := range heads {
				for t := range n {
					per[l][t] += max(0, x[h*n+t])
				}
			}
		}
		for l, k := range budget.Threshold(per, int(c.Keep*float64(n*len(scores)))) {
			keep[l] = float64(k)
		}
	case c.Layers != nil:
		keep = budget.Scale(c.Layers, c.Keep*float64(n), float64(n))
	}
	sel := make([][]selection, p.shape.Layers*heads)
	order := make([]int, n)
	for l, x := range scores {
		counts := make([]float64, heads)
		for h := range counts {
			counts[h] = keep[l]
		}
		if c.Heads != nil {
			counts = budget.Scale(c.Heads[l], keep[l], float64(n))
		}
		for h := range heads {
			for t := range order {
				order[t] = t
			}
			row := x[h*n : (h+1)*n]
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
			alive := func(t int) bool { return masks[l][h*pages+t/PageTokens]>>(t%PageTokens)&1 == 1 }
			chosen := order[:0:0]
			for _, t := range order {
				if alive(t) {
					chosen = append(chosen, t)
				}
			}
			stay := min(len(chosen), max(1, int(counts[h]+0.5)))
			if c.Crush > 0 && stay < len(chosen) {
				reps := int(c.Crush * float64(stay))
				best := stay - reps
				rest := importance.Representatives(chosen[best:], x, heads, n, reps)
				chosen = append(chosen[:best:best], rest...)
			} else {
				chosen = chosen[:stay]
			}
			high := len(chosen)
			if c.High > 0 && c.High < 1 {
				high = int(c.High*float64(len(chosen)) + 0.5)
			}
			out := make([]selection, pages)
			tiers := len(p.policy.Layers[l].K.Tiers)
			for i := range out {
				out[i] = make(selection, tiers)
			}
			for rank, t := range chosen {
				tier := 0
				if rank >= high {
					tier = tiers - 1
				}
				out[t/PageTokens][tier] |= 1 << (t % PageTokens)
			}
			sel[l*heads+h] = out
		}
	}
	return sel
}

// Kept implements Compressed.
func (s *sequence) Kept() float64 {
	p := s.store
	sum := 0
	for i := range s.entries {
		e := &s.entries[i]
		if e.sealed == nil {
			sum += e.n * p.shape.Layers * p.shape.Heads
			continue
		}
		for _, parts := range e.sealed.heads {
			for _, q := range parts {
				sum += bits.OnesCount64(q.mask & all(e.n))
			}
		}
	}
	return float64(sum) / float64(p.shape.Layers*p.shape.Heads)
}
