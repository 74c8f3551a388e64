package kvcache

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// sealed is a page in compressed form. It never changes and may have many
// owners; what demotes or evicts makes a new one.
type sealed struct {
	owners  atomic.Int32
	held    atomic.Int32 // of these, nodes of the prefix cache
	n       int          // positions it stands for, evicted ones included
	demoted bool
	chosen  bool     // by importance: masks tell which positions are left
	heads   [][]part // [Layers*Heads], a part for each tier in use
	data    []byte   // of pages that are stored whole: what the parts' bytes are cut from
	size    Bytes
	means   []float32 // [Layers][Heads][Dim] of the keys as put, when pages are retrieved
}

// part are the positions of one tier on one head's page.
type part struct {
	tier int
	n    int
	mask uint64 // which positions of the page
	k, v []byte
}

// all is the mask of a whole page of n positions.
func all(n int) uint64 { return ^uint64(0) >> (PageTokens - n) }

// selection says which positions of a page belong to which tier, for one head;
// what is in no mask is evicted.
type selection []uint64

// encoder is the working memory of sealing one layer.
type encoder struct {
	x, joint []float32
	kept     []float32
}

// pageSource copies one head's keys and values of a page: k and v [n][stride].
type pageSource func(layer, head int, k, v []float32, stride int)

// sealing is a page being sealed; parts of the job are layers.
type sealing struct {
	store  *Paged
	source pageSource
	first  int
	n      int
	choose func(layer, head int) selection // nil = all in the first tier
	out    *sealed
	sizes  []Bytes
	errs   []error
	job    *cpu.Job
}

func newSealing(p *Paged) *sealing {
	s := &sealing{store: p, sizes: make([]Bytes, p.shape.Layers), errs: make([]error, p.shape.Layers)}
	s.job = cpu.NewJob(s.layer)
	return s
}

// seal encodes a page of n positions that begins at position first. It fails
// when a number does not fit the format; the page then stays exact.
func (p *Paged) seal(first, n int, source pageSource, choose func(layer, head int) selection) (*sealed, error) {
	s := p.sealings.Get().(*sealing)
	defer p.sealings.Put(s)
	out := p.blankPage(n, choose != nil)
	s.source, s.first, s.n, s.choose, s.out = source, first, n, choose, out
	clear(s.errs)
	p.pool.Run(s.job, p.shape.Layers)
	s.source, s.choose, s.out = nil, nil, nil
	for l, err := range s.errs {
		if err != nil {
			return nil, &SealError{Layer: l, Position: first, Err: err}
		}
		out.size.add(s.sizes[l])
	}
	p.account(out.size, 1)
	return out, nil
}

// blankPage returns a page to be encoded. Those that are stored whole are all of
// one size and are used again.
func (p *Paged) blankPage(n int, chosen bool) *sealed {
	cells := p.shape.Layers * p.shape.Heads
	var g *sealed
	whole := n == PageTokens && !chosen
	p.mu.Lock()
	if k := len(p.sparePages); whole && k > 0 {
		g = p.sparePages[k-1]
		p.sparePages = p.sparePages[:k-1]
	}
	p.mu.Unlock()
	if g == nil {
		g = &sealed{heads: make([][]part, cells)}
		if whole {
			g.data = make([]byte, p.pageAt[p.shape.Layers])
			parts := make([]part, cells)
			for i := range g.heads {
				g.heads[i] = parts[i : i : i+1]
			}
		}
		if p.policy.Retrieve != nil {
			g.means = make([]float32, cells*p.shape.Dim)
		}
	}
	g.owners.Store(1)
	g.n, g.chosen, g.size = n, chosen, Bytes{}
	clear(g.means)
	return g
}

// layOut computes where the bytes of each layer lie in a page that is stored
// whole.
func (p *Paged) layOut() {
	at := 0
	for _, y := range p.policy.Layers {
		p.pageAt = append(p.pageAt, at)
		for _, f := range []Form{y.K, y.V} {
			at += f.Map.cells(p.shape.Heads) * f.Tiers[0].Size(PageTokens, f.Map.wide(p.shape.Dim)).Total()
		}
	}
	p.pageAt = append(p.pageAt, at)
}

func (s *sealing) layer(l int) {
	p := s.store
	e := p.encoders.Get().(*encoder)
	defer p.encoders.Put(e)
	heads, dim, n := p.shape.Heads, p.shape.Dim, s.n
	form := p.policy.Layers[l]
	out := s.out.heads[l*heads : (l+1)*heads]
	var room []byte
	if s.out.data != nil {
		room = s.out.data[p.pageAt[l]:p.pageAt[l+1]]
	}
	s.sizes[l] = Bytes{}
	s.errs[l] = nil
	for h := range heads {
		out[h] = out[h][:0]
		if s.choose == nil {
			out[h] = append(out[h], part{n: n, mask: all(n)})
			continue
		}
		sel := s.choose(l, h)
		for tier, mask := range sel {
			if mask != 0 {
				out[h] = append(out[h], part{tier: tier, n: bits.OnesCount64(mask), mask: mask})
			}
		}
		s.sizes[l].Index += 8 * int64(len(sel))
	}
	e.x = resize(e.x, heads*n*dim)
	for side, f := range []Form{form.K, form.V} {
		for h := range heads {
			x := e.x[h*n*dim : (h+1)*n*dim]
			if side == 0 {
				s.source(l, h, x, nil, dim)
				if s.out.means != nil {
					mean := s.out.means[(l*heads+h)*dim:][:dim]
					for t := range n {
						cpu.Axpy(1/float32(n), x[t*dim:(t+1)*dim], mean)
					}
					s.sizes[l].Index += 4 * int64(dim)
				}
			} else {
				s.source(l, h, nil, x, dim)
			}
		}
		cells, wide := f.Map.cells(heads), f.Map.wide(dim)
		x := e.x
		if f.Map != nil && f.Map.Basis != nil {
			if f.Map.Pre {
				for h := range heads {
					for t := range n {
						f.Map.Turn(x[(h*n+t)*dim:(h*n+t+1)*dim], s.first+t, true)
					}
				}
			}
			e.joint = resize(e.joint, heads*dim+n*wide)
			row, y := e.joint[:heads*dim], e.joint[heads*dim:]
			for t := range n {
				for h := range heads {
					copy(row[h*dim:], x[(h*n+t)*dim:(h*n+t+1)*dim])
				}
				f.Map.Project(y[t*wide:(t+1)*wide], row)
			}
			x = y
		} else if f.Map != nil {
			for h := range heads {
				f.Map.Forward(x[h*n*dim:(h+1)*n*dim], h, n, s.first)
			}
		}
		for cell := range cells {
			for i := range out[cell] {
				q := &out[cell][i]
				c := f.Tiers[q.tier]
				size := c.Size(q.n, wide)
				var dst []byte
				if room != nil {
					dst, room = room[:size.Total():size.Total()], room[size.Total():]
				} else {
					dst = make([]byte, size.Total())
				}
				if err := c.Encode(dst, e.gather(x[cell*n*wide:(cell+1)*n*wide], q.mask, n, wide), q.n, wide); err != nil {
					s.errs[l] = err
					return
				}
				s.sizes[l].Codes += int64(size.Codes)
				s.sizes[l].Scales += int64(size.Scales)
				s.sizes[l].Extra += int64(size.Extra)
				for h := cell; h < heads; h += cells { // a projection serves all heads
					if side == 0 {
						out[h][i].k = dst
					} else {
						out[h][i].v = dst
					}
					if cells == heads {
						break
					}
				}
			}
		}
	}
}

// gather returns the vectors that a mask selects.
func (e *encoder) gather(x []float32, mask uint64, n, wide int) []float32 {
	if mask == all(n) {
		return x
	}
	e.kept = e.kept[:0]
	for ; mask != 0; mask &= mask - 1 {
		t := bits.TrailingZeros64(mask)
		e.kept = append(e.kept, x[t*wide:(t+1)*wide]...)
	}
	return e.kept
}

func resize(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}

// codecs returns the formats of a part.
func (p *Paged) codecs(layer int, g *sealed, q *part) (k, v codec.Codec) {
	form := &p.policy.Layers[layer]
	k, v = form.K.Tiers[q.tier], form.V.Tiers[q.tier]
	if g.demoted {
		if n, ok := k.(*codec.Nested); ok {
			k = n.Half()
		}
		if n, ok := v.(*codec.Nested); ok {
			v = n.Half()
		}
	}
	return k, v
}

// demote returns the page without the lower bits of nested formats; the upper
// ones are shared.
func (p *Paged) demote(g *sealed) *sealed {
	out := &sealed{n: g.n, demoted: true, chosen: g.chosen, heads: make([][]part, len(g.heads)), size: g.size, means: g.means}
	out.owners.Store(1)
	for i, parts := range g.heads {
		layer := i / p.shape.Heads
		form := &p.policy.Layers[layer]
		for _, q := range parts {
			if n, ok := form.K.Tiers[q.tier].(*codec.Nested); ok {
				keep := n.Half().Size(q.n, form.K.Map.wide(p.shape.Dim)).Total()
				out.size.Codes -= int64(len(q.k) - keep)
				q.k = q.k[:keep]
			}
			if n, ok := form.V.Tiers[q.tier].(*codec.Nested); ok {
				keep := n.Half().Size(q.n, form.V.Map.wide(p.shape.Dim)).Total()
				out.size.Codes -= int64(len(q.v) - keep)
				q.v = q.v[:keep]
			}
			q.k, q.v = slices.Clone(q.k), slices.Clone(q.v) // the page's own bytes are used again
			out.heads[i] = append(out.heads[i], q)
		}
	}
	p.account(out.size, 1)
	return out
}

// releaseSealed takes one owner away.
func (p *Paged) releaseSealed(g *sealed) {
	if g.owners.Add(-1) > 0 {
		return
	}
	p.account(g.size, -1)
	if g.data == nil {
		return
	}
	p.mu.Lock()
	if len(p.sparePages) < keepSlabs {
		p.sparePages = append(p.sparePages, g)
	}
	p.mu.Unlock()
}

func (p *Paged) account(b Bytes, sign int64) {
	p.mu.Lock()
	p.sealedBytes.add(Bytes{Codes: sign * b.Codes, Scales: sign * b.Scales, Extra: sign * b.Extra, Index: sign * b.Index})
	p.mu.Unlock()
}

// readSealed decodes one head of a page's first n positions into k and v
// [n][stride] of those kept, in the order of the page, as they were put (keys rotated);
// either may be nil. It returns the mask of these positions; others are not
// touched.
func (p *Paged) readSealed(g *sealed, layer, head, first, n int, k, v []float32, stride int) (kept uint64) {
	dim := p.shape.Dim
	e := p.encoders.Get().(*encoder)
	defer p.encoders.Put(e)
	form := &p.policy.Layers[layer]
	for i := range g.heads[layer*p.shape.Heads+head] {
		q := &g.heads[layer*p.shape.Heads+head][i]
		kept |= q.mask & all(n)
		kc, vc := p.codecs(layer, g, q)
		for side, dst := range [][]float32{k, v} {
			if dst == nil {
				continue
			}
			c, src, m := kc, q.k, form.K.Map
			if side == 1 {
				c, src, m = vc, q.v, form.V.Map
			}
			wide := m.wide(dim)
			e.x = resize(e.x, q.n*wide)
			c.Decode(e.x, src, q.n, wide)
			rest := q.mask
			for t := range q.n {
				slot := bits.TrailingZeros64(rest)
				rest &= rest - 1
				if slot >= n {
					break
				}
				row := dst[slot*stride : slot*stride+dim]
				p.original(m, row, e.x[t*wide:(t+1)*wide], head, first+slot)
			}
		}
	}
	return kept
}

// original sets x to what the stored vector y stands for.
func (p *Paged) original(m *Map, x, y []float32, head, position int) {
	switch {
	case m == nil:
		copy(x, y)
	case m.Basis != nil:
		clear(x)
		m.Lift(x, y, head, 1)
		if m.Pre {
			m.Turn(x, position, false)
		}
	default:
		copy(x, y)
		m.Back(x, head, func(int) int { return position }, 1)
	}
}

// SealError says which page could not be compressed. The page stays exact.
type SealError struct {
	Layer    int
	Position int // first of the page
	Err      error
}

func (e *SealError) Error() string {
	return "kvcache: the page at position " + itoa(e.Position) + " of layer " + itoa(e.Layer) + " stays exact: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *SealError) Unwrap() error { return e.Err }

// encoders is a pool of working memory.
func newEncoders() *sync.Pool { return &sync.Pool{New: func() any { return new(encoder) }} }
