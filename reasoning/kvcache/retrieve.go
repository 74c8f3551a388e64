package kvcache

import (
	"cmp"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Retrieval lets a query read only some of the sealed pages: those whose mean
// key it likes best. Exact pages are always read.
type Retrieval struct {
	Share float64 // of the sealed pages, 0 to 1
	Least int     // pages at least
	// Reuse keeps the pages of the query before while the mean cosine of the
	// two queries' heads is above it (LouisKV); 0 chooses anew each time.
	Reuse float64
	// Probe chooses with a mean of recent queries, weighed by how unusual they
	// are, and with a share that follows the entropy of the pages' scores
	// (ActQKV), instead of with the query itself.
	Probe bool
	// Distance ignores the keys and reads a page with probability
	// 1/(1 + distance in pages): the damage of attention that is thinned by
	// distance (PrFlashAttention).
	Distance bool
}

// picks is what a sequence remembers about its last choice, for each layer.
type picks struct{ layers []pickLayer }

type pickLayer struct {
	q     []float32 // [QueryHeads][Dim] of the query before
	pick  []uint64  // [Heads][words] and what it chose
	words int
	pages int // entries that this choice was made from

	// of the probe: running mean and variance of the queries, and the weighted
	// sum of recent ones
	n, weight float64
	mean, m2  []float64
	sum       []float32
}

func (p *Paged) newPicks(old *picks) *picks {
	if old == nil {
		old = &picks{layers: make([]pickLayer, p.shape.Layers)}
	}
	for l := range old.layers {
		y := &old.layers[l]
		y.q, y.pick, y.pages, y.n, y.weight = y.q[:0], y.pick[:0], 0, 0, 0
		clear(y.mean)
		clear(y.m2)
		clear(y.sum)
	}
	return old
}

func (r *picks) copyFrom(o *picks) {
	if r == nil {
		return
	}
	for l := range r.layers {
		a, b := &r.layers[l], &o.layers[l]
		a.q, a.pick = append(a.q[:0], b.q...), append(a.pick[:0], b.pick...)
		a.words, a.pages, a.n, a.weight = b.words, b.pages, b.n, b.weight
		a.mean, a.m2, a.sum = append(a.mean[:0], b.mean...), append(a.m2[:0], b.m2...), append(a.sum[:0], b.sum...)
	}
}

// pick chooses the pages of every token of an Attend, in their order.
func (p *Paged) pick(layer int, tokens []tokenRow, q []float32) {
	wide := p.shape.QueryHeads * p.shape.Dim
	for i := range tokens {
		t := &tokens[i]
		t.pick, t.words = nil, 0
		if t.limit > 0 {
			p.pickRow(layer, t, q[i*wide:(i+1)*wide])
		}
	}
}

func (p *Paged) pickRow(layer int, t *tokenRow, q []float32) {
	r := p.policy.Retrieve
	y := &t.seq.picks.layers[layer]
	pages := t.seq.entryOf(t.limit-1) + 1
	probe := q
	if r.Probe {
		probe = y.observe(q)
	}
	words := (pages + 63) / 64
	p.stats.selections.Add(1)
	if r.Reuse > 0 && len(y.pick) > 0 && y.pages <= pages && p.cosine(y.q, q) > r.Reuse {
		p.stats.reused.Add(1)
		// Pages that are new since then are read.
		pick := make([]uint64, p.shape.Heads*words)
		for h := range p.shape.Heads {
			copy(pick[h*words:(h+1)*words], y.pick[h*y.words:(h+1)*y.words])
			for g := y.pages; g < pages; g++ {
				pick[h*words+g/64] |= 1 << (g % 64)
			}
		}
		y.pick, y.words, y.pages = pick, words, pages
	} else {
		y.pick, y.words, y.pages = p.choosePages(r, layer, t, probe, pages, words), words, pages
	}
	y.q = append(y.q[:0], q...)
	t.pick, t.words = y.pick, words
	for h := range p.shape.Heads {
		for g := range pages {
			if t.seq.entries[g].sealed == nil {
				continue
			}
			if t.pick[h*words+g/64]>>(g%64)&1 == 1 {
				p.stats.pagesRead.Add(1)
			} else {
				p.stats.pagesSkipped.Add(1)
			}
		}
	}
}

// cosine is the mean cosine of the heads of two queries.
func (p *Paged) cosine(a, b []float32) float64 {
	d := p.shape.Dim
	var sum float64
	for h := range p.shape.QueryHeads {
		x, y := a[h*d:(h+1)*d], b[h*d:(h+1)*d]
		if n := math.Sqrt(float64(cpu.Dot(x, x)) * float64(cpu.Dot(y, y))); n > 0 {
			sum += float64(cpu.Dot(x, y)) / n
		}
	}
	return sum / float64(p.shape.QueryHeads)
}

func (p *Paged) choosePages(r *Retrieval, layer int, t *tokenRow, q []float32, pages, words int) []uint64 {
	dim, heads := p.shape.Dim, p.shape.Heads
	group := p.shape.QueryHeads / heads
	pick := make([]uint64, heads*words)
	var candidates []int
	for h := range heads {
		candidates = candidates[:0]
		for g := range pages {
			if t.seq.entries[g].sealed == nil {
				pick[h*words+g/64] |= 1 << (g % 64)
			} else {
				candidates = append(candidates, g)
			}
		}
		if r.Distance {
			for _, g := range candidates {
				far := uint64(t.limit-t.seq.entries[g].start) / PageTokens
				z := (uint64(t.limit)<<32 | uint64(layer)<<16 | uint64(g)<<8 | uint64(h)) * 0x9e3779b97f4a7c15
				if z = (z ^ z>>31) * 0xbf58476d1ce4e5b9; float64(z>>11)/(1<<53) < 1/float64(1+far) {
					pick[h*words+g/64] |= 1 << (g % 64)
				}
			}
			continue
		}
		scores := make([]float64, pages)
		for i := range group {
			x := q[(h*group+i)*dim:][:dim]
			top := math.Inf(-1)
			row := make([]float64, len(candidates))
			for j, g := range candidates {
				mean := t.seq.entries[g].sealed.means[(layer*heads+h)*dim:][:dim]
				row[j] = float64(cpu.Dot(x, mean)) * float64(p.scale)
				top = max(top, row[j])
			}
			var sum float64
			for j := range row {
				row[j] = math.Exp(row[j] - top)
				sum += row[j]
			}
			for j, g := range candidates {
				scores[g] += row[j] / sum / float64(group)
			}
		}
		slices.SortStableFunc(candidates, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
		share := r.Share
		if r.Probe {
			share *= entropyFactor(scores, candidates)
		}
		n := min(len(candidates), max(r.Least, int(math.Ceil(share*float64(len(candidates))))))
		for _, g := range candidates[:n] {
			pick[h*words+g/64] |= 1 << (g % 64)
		}
	}
	return pick
}

// entropyFactor moves a budget between a half and twice with the entropy of the
// pages' scores, as ActQKV does between its two bounds.
func entropyFactor(scores []float64, candidates []int) float64 {
	if len(candidates) < 2 {
		return 1
	}
	var h float64
	for _, g := range candidates {
		if p := scores[g]; p > 0 {
			h -= p * math.Log(p)
		}
	}
	x := 10 * (h - math.Log(float64(len(candidates))))
	return 0.5 + 1.5*math.Exp(10*(2/(1+math.Exp(-x))-1))
}

// observe adds a query to the running statistics and returns the weighted mean
// of recent queries: the weight of a query is its activation bias.
func (y *pickLayer) observe(q []float32) []float32 {
	const window = 64
	if len(y.mean) != len(q) {
		y.mean, y.m2, y.sum = make([]float64, len(q)), make([]float64, len(q)), make([]float32, len(q))
	}
	y.n++
	var all float64
	for c, x := range q {
		d := float64(x) - y.mean[c]
		y.mean[c] += d / y.n
		y.m2[c] += d * (float64(x) - y.mean[c])
		all += y.m2[c] / y.n / float64(len(q))
	}
	var b float64
	for c, x := range q {
		d := float64(x) - y.mean[c]
		if v := y.m2[c]/y.n + all/100; v > 0 {
			b += d * d / v
		}
	}
	b = b/float64(len(q)) + 1e-6
	const decay = 1 - 1.0/window
	y.weight = decay*y.weight + b
	cpu.Scale(float32(decay), y.sum)
	cpu.Axpy(float32(b), q, y.sum)
	out := make([]float32, len(q))
	cpu.Axpy(float32(1/y.weight), y.sum, out)
	return out
}
