package kvcache

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// ones sums vectors of up to a page.
var ones = func() (o [PageTokens]float32) {
	for i := range o {
		o[i] = 1
	}
	return o
}()

func inverseSqrt(n int) float32 { return float32(1 / math.Sqrt(float64(n))) }

const (
	rangePages  = 4 // entries of one softmax; part of every result's bits
	rangeTokens = rangePages * PageTokens
	blockRows   = 96 // query rows that are worked on together
)

var negInf = float32(math.Inf(-1))

// attention is the working memory of one Attend. A row here is one query head
// of one token; the rows of one key/value head are handled together.
type attention struct {
	store *Paged
	job   *cpu.Job

	layer   int
	q       []float32
	out     []float32
	lse     []float32
	perHead int // rows of one key/value head: tokens x queries per head
	group   int // query heads of one key/value head
	blocks  int // blocks of rows
	split   bool
	ranges  int // ranges of entries

	tokens []tokenRow // for every token: its sequence and limit
	// Queries for sealed pages, [tokens][QueryHeads][wide of stored keys],
	// scaled and mapped, and what the keys' centre adds to their scores.
	mapped   []float32
	constant []float32
	parts    []partial // results of [head][block][range], when split
	free     chan *work
}

type tokenRow struct {
	seq   *sequence
	first int      // the positions it sees begin here
	limit int      // and end before this one
	pick  []uint64 // for every head the entries to read, [Heads][words]; nil = all
	words int
}

// partial is the attention of a block of rows over some positions, not yet
// divided by l.
type partial struct {
	m, l []float32 // [blockRows]
	o    []float32 // [blockRows][wide]
}

func (p *Paged) newPart() partial {
	return partial{make([]float32, blockRows), make([]float32, blockRows), make([]float32, blockRows*p.slabs.wide)}
}

type work struct {
	q        []float32 // [blockRows][Dim], scaled
	mapped   []float32 // [blockRows][wide of stored keys]: queries for sealed pages
	constant []float32 // [blockRows]
	s        []float32 // [blockRows][rangeTokens]
	counts   []uint8   // [blockRows][rangePages] slots in use
	o        []float32 // [blockRows][wide of stored values]: sums over sealed pages
	weights  []float32 // [blockRows] and the weights they had
	page     []float32 // keys before rotation, decoded and rotated
	codec    codec.Scratch
	tokens   []*tokenRow
	one      partial // the range in progress
	sum      partial // the ranges before, when one goroutine walks all of them
}

func (p *Paged) newWork() *work {
	w := &work{
		q: make([]float32, blockRows*p.shape.Dim), s: make([]float32, blockRows*rangeTokens),
		counts: make([]uint8, blockRows*rangePages),
		tokens: make([]*tokenRow, blockRows), one: p.newPart(), sum: p.newPart(),
	}
	if !p.policy.exact() {
		k, v := 0, 0
		for _, l := range p.policy.Layers {
			k, v = max(k, l.K.Map.wide(p.shape.Dim)), max(v, l.V.Map.wide(p.shape.Dim))
		}
		w.mapped, w.o = make([]float32, blockRows*k), make([]float32, blockRows*panels(v))
		w.constant, w.weights = make([]float32, blockRows), make([]float32, blockRows)
	}
	return w
}

func newAttention(p *Paged) *attention {
	a := &attention{store: p, free: make(chan *work, p.pool.Threads())}
	for range p.pool.Threads() {
		a.free <- p.newWork()
	}
	a.job = cpu.NewJob(a.do)
	return a
}

// Attend implements Store.
func (p *Paged) Attend(layer int, rows []Rows, q, out, lse []float32) {
	a := p.scratch.Get().(*attention)
	a.tokens = a.tokens[:0]
	longest := 0
	for _, r := range rows {
		s := r.Seq.(*sequence)
		for i := range r.N {
			limit := r.First + i*r.Step
			if limit < 0 || limit > s.n {
				panic(fmt.Sprintf("kvcache: a query sees %d of %d positions", limit, s.n))
			}
			if limit > 0 {
				longest = max(longest, s.entryOf(limit-1)+1)
			}
			first := 0
			if r.Window > 0 {
				first = max(0, limit-r.Window)
			}
			a.tokens = append(a.tokens, tokenRow{seq: s, first: first, limit: limit})
		}
	}
	size := len(a.tokens) * p.shape.QueryHeads
	if len(q) != size*p.shape.Dim || len(out) != len(q) || lse != nil && len(lse) != size {
		panic(fmt.Sprintf("kvcache: %d query numbers, %d outputs for %d rows of %d heads", len(q), len(out), len(a.tokens), p.shape.QueryHeads))
	}
	if p.policy.Retrieve != nil {
		p.pick(layer, a.tokens, q)
	}
	a.layer, a.q, a.out, a.lse = layer, q, out, lse
	a.mapQueries()
	a.group = p.shape.QueryHeads / p.shape.Heads
	a.perHead = len(a.tokens) * a.group
	a.blocks = (a.perHead + blockRows - 1) / blockRows
	a.ranges = (longest + rangePages - 1) / rangePages
	// With few rows the ranges are spread over the threads; the merge comes
	// after. Both ways do the same arithmetic in the same order.
	units := p.shape.Heads * a.blocks
	a.split = a.ranges > 1 && units < 4*p.pool.Threads()
	if a.split {
		for len(a.parts) < units*a.ranges {
			a.parts = append(a.parts, p.newPart())
		}
		p.pool.Run(a.job, units*a.ranges)
		for u := range units {
			sum := a.parts[u*a.ranges]
			n := a.rowsOf(u % a.blocks)
			for r := 1; r < a.ranges; r++ {
				p.merge(sum, a.parts[u*a.ranges+r], n)
			}
			a.finish(u/a.blocks, u%a.blocks, sum)
		}
	} else {
		p.pool.Run(a.job, units)
	}
	p.remember(layer, rows, q)
	a.q, a.out, a.lse = nil, nil, nil
	clear(a.tokens)
	p.scratch.Put(a)
}

// entryOf returns the index of the entry that holds a position.
func (s *sequence) entryOf(position int) int {
	lo, hi := 0, len(s.entries)-1
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if s.entries[mid].start <= position {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// rowsOf returns how many rows a block has.
func (a *attention) rowsOf(block int) int { return min(blockRows, a.perHead-block*blockRows) }

func (a *attention) do(unit int) {
	var w *work
	select {
	case w = <-a.free:
	default: // a pool that helps itself may run more parts at once than it has threads
		w = a.store.newWork()
	}
	if a.split {
		head, block, r := unit/(a.blocks*a.ranges), unit/a.ranges%a.blocks, unit%a.ranges
		a.load(w, head, block)
		a.attend(w, head, a.rowsOf(block), r, a.parts[unit])
	} else {
		head, block := unit/a.blocks, unit%a.blocks
		n := a.rowsOf(block)
		a.load(w, head, block)
		a.attend(w, head, n, 0, w.sum)
		for r := 1; r < a.ranges; r++ {
			a.attend(w, head, n, r, w.one)
			a.store.merge(w.sum, w.one, n)
		}
		a.finish(head, block, w.sum)
	}
	clear(w.tokens)
	select {
	case a.free <- w:
	default:
	}
}

// mapQueries maps all queries of the call for sealed pages, once.
func (a *attention) mapQueries() {
	p := a.store
	if p.policy.exact() {
		return
	}
	m := p.policy.Layers[a.layer].K.Map
	if m != nil && m.Pre {
		return // such keys are rotated to their position instead
	}
	dim, wide, heads := p.shape.Dim, m.wide(p.shape.Dim), p.shape.QueryHeads
	group := heads / p.shape.Heads
	rows := len(a.q) / dim
	a.mapped, a.constant = resize(a.mapped, rows*wide), resize(a.constant, rows)
	for i := range rows {
		y := a.mapped[i*wide : (i+1)*wide]
		if m == nil {
			copy(y, a.q[i*dim:])
			a.constant[i] = 0
		} else {
			a.constant[i] = p.scale * m.Query(y, a.q[i*dim:(i+1)*dim], i%heads/group)
		}
		cpu.Scale(p.scale, y)
	}
}

// load gathers the queries of a block, scaled by 1/√Dim.
func (a *attention) load(w *work, head, block int) {
	p := a.store
	dim := p.shape.Dim
	wide := dim
	mapped := !p.policy.exact()
	if mapped {
		m := p.policy.Layers[a.layer].K.Map
		wide, mapped = m.wide(dim), m == nil || !m.Pre
	}
	for i := range a.rowsOf(block) {
		row := block*blockRows + i
		token, g := row/a.group, row%a.group
		from := token*p.shape.QueryHeads + head*a.group + g
		dst := w.q[i*dim : (i+1)*dim]
		copy(dst, a.q[from*dim:])
		cpu.Scale(p.scale, dst)
		w.tokens[i] = &a.tokens[token]
		if mapped {
			copy(w.mapped[i*wide:(i+1)*wide], a.mapped[from*wide:])
			w.constant[i] = a.constant[from]
		}
	}
}

// attend computes the part of one range for n rows.
func (a *attention) attend(w *work, head, n, r int, out partial) {
	p := a.store
	from := r * rangePages
	clear(w.counts[:n*rangePages])
	pages := 0
	for g := range rangePages {
		found := false
		a.eachEntry(w, head, n, from+g, func(i, m int, e *entry) {
			found = true
			if e.sealed != nil {
				a.fetch(w.tokens[i], head, from+g)
				a.sealedScores(w, head, i, m, g, e)
			} else {
				a.exactScores(w, head, i, m, g, e)
			}
		})
		if found {
			pages = g + 1
		}
	}
	for i := range n {
		w.tokens[i].hide(w.s[i*rangeTokens:(i+1)*rangeTokens], head, from, pages)
		out.m[i], out.l[i] = weigh(w.s[i*rangeTokens:(i+1)*rangeTokens], w.counts[i*rangePages:i*rangePages+pages])
	}
	clear(out.o[:n*p.slabs.wide])
	anySealed := false
	for g := range pages {
		a.eachEntry(w, head, n, from+g, func(i, m int, e *entry) {
			if e.sealed == nil {
				a.exactValues(w, head, i, m, g, e, out)
				return
			}
			if !anySealed && !p.policy.exact() {
				anySealed = true
				clear(w.o[:n*panels(p.policy.Layers[a.layer].V.Map.wide(p.shape.Dim))])
				clear(w.weights[:n])
			}
			a.sealedValues(w, i, m, g, e, head)
		})
	}
	if anySealed {
		v := p.policy.Layers[a.layer].V.Map
		wide := v.wide(p.shape.Dim)
		for i := range n {
			o, y := out.o[i*p.slabs.wide:i*p.slabs.wide+p.shape.Dim], w.o[i*panels(wide):i*panels(wide)+wide]
			if v == nil {
				cpu.Axpy(1, y, o)
			} else {
				v.Lift(o, y, head, w.weights[i])
			}
		}
	}
}

// fetch asks for the values of a row's page g and for the keys of its next one,
// while the keys of page g are at work.
func (a *attention) fetch(t *tokenRow, head, g int) {
	cell := a.layer*a.store.shape.Heads + head
	for _, q := range t.seq.entries[g].sealed.heads[cell] {
		codec.Prefetch(q.v)
	}
	if next := t.at(head, g+1); next != nil && next.sealed != nil {
		for _, q := range next.sealed.heads[cell] {
			codec.Prefetch(q.k)
		}
	}
}

// weigh turns the scores of one row into weights: exp(s - max), zero in the
// slots that are not in use. It returns the maximum and the sum.
func weigh(s []float32, counts []uint8) (top, sum float32) {
	top = negInf
	for g, c := range counts {
		if c > 0 {
			top = max(top, cpu.Max(s[g*PageTokens:g*PageTokens+int(c)]))
		}
	}
	if top == negInf {
		clear(s[:len(counts)*PageTokens])
		return negInf, 0
	}
	for g := 0; g < len(counts); {
		// Full neighbours are one run.
		n, h := int(counts[g]), g+1
		for ; counts[h-1] == PageTokens && h < len(counts); h++ {
			n += int(counts[h])
		}
		at := g * PageTokens
		sum += cpu.ExpSum(s[at:at+n], top)
		clear(s[at+n : h*PageTokens])
		g = h
	}
	return top, sum
}

func (a *attention) exactScores(w *work, head, i, m, g int, e *entry) {
	p := a.store
	dim := p.shape.Dim
	for b, slab := range e.slabs[:e.blocks()] {
		ko, _ := p.slabs.offsets(a.layer, head, slab.tokens)
		dst := w.s[i*rangeTokens+g*PageTokens+b*tailTokens:]
		q := w.q[i*dim:]
		switch {
		case slab.tokens == PageTokens && p.policy.Single:
			cpu.MulPanel(m, PageTokens, dim, q, dim, slab.single[ko:], PageTokens, dst, rangeTokens, false)
		case slab.tokens == PageTokens:
			cpu.MulPanel(m, PageTokens, dim, q, dim, slab.half[ko:], PageTokens, dst, rangeTokens, false)
		case p.policy.Single:
			codec.BlockScores(m, dim, q, slab.single[ko:], dst, rangeTokens)
		default:
			codec.BlockScores(m, dim, q, slab.half[ko:], dst, rangeTokens)
		}
	}
	for j := i; j < i+m; j++ {
		w.counts[j*rangePages+g] = uint8(min(e.n, w.tokens[j].limit-e.start))
	}
}

func (a *attention) exactValues(w *work, head, i, m, g int, e *entry, out partial) {
	p := a.store
	wide := p.slabs.wide
	// Positions past the end of the text may hold anything, so they are left
	// out rather than multiplied with zero.
	seen := 0
	for j := i; j < i+m; j++ {
		seen = max(seen, int(w.counts[j*rangePages+g]))
	}
	for b, slab := range e.slabs[:e.blocks()] {
		k := min(slab.tokens, seen-b*tailTokens)
		if k <= 0 {
			break
		}
		_, vo := p.slabs.offsets(a.layer, head, slab.tokens)
		src := w.s[i*rangeTokens+g*PageTokens+b*tailTokens:]
		if p.policy.Single {
			cpu.MulPanel(m, wide, k, src, rangeTokens, slab.single[vo:], wide, out.o[i*wide:], wide, true)
		} else {
			cpu.MulPanel(m, wide, k, src, rangeTokens, slab.half[vo:], wide, out.o[i*wide:], wide, true)
		}
	}
}

func (a *attention) sealedScores(w *work, head, i, m, g int, e *entry) {
	p := a.store
	dim := p.shape.Dim
	form := &p.policy.Layers[a.layer]
	parts := e.sealed.heads[a.layer*p.shape.Heads+head]
	wide := form.K.Map.wide(dim)
	at := 0
	visible := all(e.n)
	for j := range parts {
		q := &parts[j]
		dst := w.s[i*rangeTokens+g*PageTokens+at:]
		kc, _ := p.codecs(a.layer, e.sealed, q)
		switch {
		case form.K.Map != nil && form.K.Map.Pre:
			w.page = resize(w.page, PageTokens*dim)
			a.rotated(w, form.K.Map, head, kc, q, e.start)
			codec.PlainScores(&w.codec, dst, rangeTokens, PageTokens-at, w.page, w.q[i*dim:], m, q.n, dim)
		default:
			codec.Scores(kc, &w.codec, dst, rangeTokens, PageTokens-at, q.k, w.mapped[i*wide:], m, q.n, wide)
			for r := range m {
				if c := w.constant[i+r]; c != 0 {
					row := dst[r*rangeTokens : r*rangeTokens+q.n]
					for t := range row {
						row[t] += c
					}
				}
			}
		}
		if hidden := q.mask &^ visible; hidden != 0 { // a page that was cut
			rest := q.mask
			for t := range q.n {
				if bits.TrailingZeros64(rest) >= e.n {
					for r := range m {
						dst[r*rangeTokens+t] = negInf
					}
				}
				rest &= rest - 1
			}
		}
		for r := range m { // a row's window begins within the page
			if before := w.tokens[i+r].first - e.start; before > 0 {
				rest := q.mask
				for t := 0; t < q.n && bits.TrailingZeros64(rest) < before; t++ {
					dst[r*rangeTokens+t] = negInf
					rest &= rest - 1
				}
			}
		}
		at += q.n
	}
	for j := i; j < i+m; j++ {
		w.counts[j*rangePages+g] = uint8(at)
	}
}

// rotated fills w.page with the keys of a part as queries meet them.
func (a *attention) rotated(w *work, m *Map, head int, c codec.Codec, q *part, first int) {
	p := a.store
	dim, wide := p.shape.Dim, m.wide(p.shape.Dim)
	if m.Basis == nil {
		c.Decode(w.page[:q.n*dim], q.k, q.n, dim)
		rest := q.mask
		m.Back(w.page, head, func(int) int {
			slot := bits.TrailingZeros64(rest)
			rest &= rest - 1
			return first + slot
		}, q.n)
		return
	}
	joint := make([]float32, q.n*wide)
	c.Decode(joint, q.k, q.n, wide)
	rest := q.mask
	for t := range q.n {
		p.original(m, w.page[t*dim:(t+1)*dim], joint[t*wide:(t+1)*wide], head, first+bits.TrailingZeros64(rest))
		rest &= rest - 1
	}
}

func (a *attention) sealedValues(w *work, i, m, g int, e *entry, head int) {
	p := a.store
	v := p.policy.Layers[a.layer].V.Map
	wide := v.wide(p.shape.Dim)
	ldo := panels(wide)
	parts := e.sealed.heads[a.layer*p.shape.Heads+head]
	at := 0
	centred := v != nil && v.Centre != nil
	for j := range parts {
		q := &parts[j]
		_, vc := p.codecs(a.layer, e.sealed, q)
		src := w.s[i*rangeTokens+g*PageTokens+at:]
		codec.Accumulate(vc, &w.codec, w.o[i*ldo:], ldo, q.v, src, rangeTokens, m, q.n, wide)
		for r := 0; centred && r < m; r++ {
			w.weights[i+r] += cpu.Dot(ones[:q.n], src[r*rangeTokens:])
		}
		at += q.n
	}
}

// eachEntry calls f for every run of neighbouring rows that have the same page
// at index g: i is the first row, m their number. Rows that see nothing of it
// are left out.
func (a *attention) eachEntry(w *work, head, n, g int, f func(i, m int, e *entry)) {
	for i := 0; i < n; {
		e, m := w.tokens[i].at(head, g), 1
		for i+m < n && same(e, w.tokens[i+m].at(head, g)) {
			m++
		}
		if e != nil {
			f(i, m, e)
		}
		i += m
	}
}

// at returns the entry that a row reads at index g, nil if it reads none.
func (t *tokenRow) at(head, g int) *entry {
	if g >= len(t.seq.entries) {
		return nil
	}
	e := &t.seq.entries[g]
	if e.start >= t.limit || e.start+e.n <= t.first || t.pick != nil && t.pick[head*t.words+g/64]>>(g%64)&1 == 0 {
		return nil
	}
	return e
}

// hide takes the positions before the row's window out of its scores of a range:
// only the page on the border has some of each.
func (t *tokenRow) hide(s []float32, head, from, pages int) {
	if t.first == 0 {
		return
	}
	for g := range pages {
		if e := t.at(head, from+g); e != nil && e.sealed == nil && e.start < t.first {
			hidden := s[g*PageTokens : g*PageTokens+t.first-e.start]
			for i := range hidden {
				hidden[i] = -1e30
			}
			return
		}
	}
}

func same(a, b *entry) bool { return a == b || a != nil && b != nil && *a == *b }

// merge adds part b of n rows to a.
func (p *Paged) merge(a, b partial, n int) {
	wide := p.slabs.wide
	for i := range n {
		if b.l[i] == 0 {
			continue
		}
		if a.l[i] == 0 {
			a.m[i], a.l[i] = b.m[i], b.l[i]
			copy(a.o[i*wide:(i+1)*wide], b.o[i*wide:])
			continue
		}
		oa, ob := a.o[i*wide:(i+1)*wide], b.o[i*wide:(i+1)*wide]
		m := max(a.m[i], b.m[i])
		fa, fb := exp(a.m[i]-m), exp(b.m[i]-m)
		cpu.Scale(fa, oa)
		cpu.Axpy(fb, ob, oa)
		a.m[i], a.l[i] = m, fa*a.l[i]+fb*b.l[i]
	}
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// finish divides by the sums and writes the rows of one head and block.
func (a *attention) finish(head, block int, sum partial) {
	p := a.store
	dim := p.shape.Dim
	for i := range a.rowsOf(block) {
		row := block*blockRows + i
		token, h := row/a.group, head*a.group+row%a.group
		dst := a.out[(token*p.shape.QueryHeads+h)*dim:][:dim]
		lse := negInf
		if l := sum.l[i]; l == 0 {
			clear(dst)
		} else {
			copy(dst, sum.o[i*p.slabs.wide:])
			cpu.Scale(1/l, dst)
			lse = sum.m[i] + float32(math.Log(float64(l)))
		}
		if a.lse != nil {
			a.lse[token*p.shape.QueryHeads+h] = lse
		}
	}
}

// Merge adds to out, an attention result with log-sum-exp lse, another part of
// the same query over other positions. All arrays are those of Attend.
func Merge(dim int, out, lse, other, otherLSE []float32) {
	for i, b := range otherLSE {
		a := lse[i]
		m := max(a, b)
		if m == negInf {
			continue
		}
		fa, fb := exp(a-m), exp(b-m)
		l := fa + fb
		row := out[i*dim : (i+1)*dim]
		cpu.Scale(fa/l, row)
		cpu.Axpy(fb/l, other[i*dim:(i+1)*dim], row)
		lse[i] = m + float32(math.Log(float64(l)))
	}
}
