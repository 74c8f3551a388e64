package kvcache

import (
	"fmt"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

func inverseSqrt(n int) float32 { return float32(1 / math.Sqrt(float64(n))) }

const (
	rangeTokens = 256 // positions of one softmax; part of every result's bits
	rangePages  = rangeTokens / PageTokens
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
	ranges  int // ranges of positions

	tokens []tokenRow // for every token: its sequence and limit
	parts  []part     // results of [head][block][range], when split
	free   chan *work
}

type tokenRow struct {
	seq   *sequence
	limit int
}

// part is the attention of a block of rows over some positions, not yet
// divided by l.
type part struct {
	m, l []float32 // [blockRows]
	o    []float32 // [blockRows][wide]
}

func (p *Paged) newPart() part {
	return part{make([]float32, blockRows), make([]float32, blockRows), make([]float32, blockRows*p.wide)}
}

type work struct {
	q      []float32 // [blockRows][Dim], scaled
	s      []float32 // [blockRows][rangeTokens]
	limits []int
	seqs   []*sequence
	one    part // the range in progress
	sum    part // the ranges before, when one goroutine walks all of them
}

func (p *Paged) newWork() *work {
	return &work{
		q: make([]float32, blockRows*p.shape.Dim), s: make([]float32, blockRows*rangeTokens),
		limits: make([]int, blockRows), seqs: make([]*sequence, blockRows), one: p.newPart(), sum: p.newPart(),
	}
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
			longest = max(longest, limit)
			a.tokens = append(a.tokens, tokenRow{s, limit})
		}
	}
	size := len(a.tokens) * p.shape.QueryHeads
	if len(q) != size*p.shape.Dim || len(out) != len(q) || lse != nil && len(lse) != size {
		panic(fmt.Sprintf("kvcache: %d query numbers, %d outputs for %d rows of %d heads", len(q), len(out), len(a.tokens), p.shape.QueryHeads))
	}
	a.layer, a.q, a.out, a.lse = layer, q, out, lse
	a.group = p.shape.QueryHeads / p.shape.Heads
	a.perHead = len(a.tokens) * a.group
	a.blocks = (a.perHead + blockRows - 1) / blockRows
	a.ranges = (longest + rangeTokens - 1) / rangeTokens
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
	a.q, a.out, a.lse = nil, nil, nil
	clear(a.tokens)
	p.scratch.Put(a)
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
	select {
	case a.free <- w:
	default:
	}
}

// load gathers the queries of a block, scaled by 1/√Dim.
func (a *attention) load(w *work, head, block int) {
	p := a.store
	dim := p.shape.Dim
	for i := range a.rowsOf(block) {
		row := block*blockRows + i
		token, g := row/a.group, row%a.group
		dst := w.q[i*dim : (i+1)*dim]
		copy(dst, a.q[(token*p.shape.QueryHeads+head*a.group+g)*dim:])
		cpu.Scale(p.scale, dst)
		w.limits[i], w.seqs[i] = a.tokens[token].limit, a.tokens[token].seq
	}
}

// attend computes the part of one range for n rows.
func (a *attention) attend(w *work, head, n, r int, out part) {
	p := a.store
	dim, from := p.shape.Dim, r*rangeTokens
	ko, vo := p.offsets(a.layer, head)
	top := 0 // positions of this range that any row sees
	for i := range n {
		top = max(top, min(rangeTokens, w.limits[i]-from))
	}
	pages := (top + PageTokens - 1) / PageTokens
	for g := range pages {
		a.eachPage(w, n, r*rangePages+g, func(i, m int, pg *page) {
			dst := w.s[i*rangeTokens+g*PageTokens:]
			if p.single {
				cpu.MulPanel(m, PageTokens, dim, w.q[i*dim:], dim, pg.single[ko:], PageTokens, dst, rangeTokens, false)
			} else {
				cpu.MulPanel(m, PageTokens, dim, w.q[i*dim:], dim, pg.half[ko:], PageTokens, dst, rangeTokens, false)
			}
		})
	}
	for i := range n {
		seen := max(0, min(rangeTokens, w.limits[i]-from))
		s := w.s[i*rangeTokens : i*rangeTokens+pages*PageTokens]
		clear(s[min(seen, len(s)):])
		if seen == 0 {
			out.m[i], out.l[i] = negInf, 0
			continue
		}
		out.m[i] = cpu.Max(s[:seen])
		out.l[i] = cpu.ExpSum(s[:seen], out.m[i])
	}
	clear(out.o[:n*p.wide])
	for g := range pages {
		// Positions past the end of the text may hold anything, so they are
		// left out rather than multiplied with zero.
		k := min(PageTokens, top-g*PageTokens)
		a.eachPage(w, n, r*rangePages+g, func(i, m int, pg *page) {
			src := w.s[i*rangeTokens+g*PageTokens:]
			if p.single {
				cpu.MulPanel(m, p.wide, k, src, rangeTokens, pg.single[vo:], p.wide, out.o[i*p.wide:], p.wide, true)
			} else {
				cpu.MulPanel(m, p.wide, k, src, rangeTokens, pg.half[vo:], p.wide, out.o[i*p.wide:], p.wide, true)
			}
		})
	}
}

// eachPage calls f for every run of neighbouring rows that have the same page
// at index g: i is the first row, m their number.
func (a *attention) eachPage(w *work, n, g int, f func(i, m int, pg *page)) {
	at := func(i int) *page {
		if g*PageTokens >= w.limits[i] {
			return nil // this row sees nothing of it
		}
		return w.seqs[i].pages[g]
	}
	for i := 0; i < n; {
		pg, m := at(i), 1
		for i+m < n && at(i+m) == pg {
			m++
		}
		if pg != nil {
			f(i, m, pg)
		}
		i += m
	}
}

// merge adds part b of n rows to a.
func (p *Paged) merge(a, b part, n int) {
	for i := range n {
		if b.l[i] == 0 {
			continue
		}
		if a.l[i] == 0 {
			a.m[i], a.l[i] = b.m[i], b.l[i]
			copy(a.o[i*p.wide:(i+1)*p.wide], b.o[i*p.wide:])
			continue
		}
		oa, ob := a.o[i*p.wide:(i+1)*p.wide], b.o[i*p.wide:(i+1)*p.wide]
		m := max(a.m[i], b.m[i])
		fa, fb := exp(a.m[i]-m), exp(b.m[i]-m)
		cpu.Scale(fa, oa)
		cpu.Axpy(fb, ob, oa)
		a.m[i], a.l[i] = m, fa*a.l[i]+fb*b.l[i]
	}
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// finish divides by the sums and writes the rows of one head and block.
func (a *attention) finish(head, block int, sum part) {
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
			copy(dst, sum.o[i*p.wide:])
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
