package kvcache

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// PageTokens is the number of positions on a page.
const PageTokens = cpu.PanelWidth

// Paged is the exact store: keys and values as they come, in half or single
// precision.
type Paged struct {
	shape   Shape
	pool    *cpu.Pool
	single  bool
	wide    int // Dim rounded up to whole panels, the row length of values
	kSize   int // numbers of one head's keys on a page: [Dim][PageTokens]
	vSize   int // numbers of one head's values: [PageTokens][wide]
	scale   float32
	live    atomic.Int64 // pages in use
	mu      sync.Mutex   // guards free and idle
	free    []*page
	idle    []*sequence
	scratch sync.Pool // *attention
}

// page holds, for every layer and head, the keys channel by channel and then
// the values position by position: both products of attention then run along
// rows. Exactly one of half and single is set.
type page struct {
	owners atomic.Int32
	half   []cpu.Half
	single []float32
}

var (
	_ Store    = (*Paged)(nil)
	_ Sequence = (*sequence)(nil)
)

// NewPaged returns an empty store. With single, numbers keep 32 bits, at twice
// the memory; half precision is exact enough for any use but comparisons.
func NewPaged(shape Shape, single bool, pool *cpu.Pool) *Paged {
	if shape.Heads <= 0 || shape.QueryHeads%shape.Heads != 0 || shape.Dim <= 0 {
		panic(fmt.Sprintf("kvcache: impossible shape %+v", shape))
	}
	p := &Paged{shape: shape, pool: pool, single: single}
	p.wide = (shape.Dim + PageTokens - 1) / PageTokens * PageTokens
	p.kSize, p.vSize = shape.Dim*PageTokens, PageTokens*p.wide
	p.scale = inverseSqrt(shape.Dim)
	p.scratch.New = func() any { return newAttention(p) }
	return p
}

// keys returns where a head's keys and values begin on a page.
func (p *Paged) offsets(layer, head int) (k, v int) {
	k = (layer*p.shape.Heads + head) * (p.kSize + p.vSize)
	return k, k + p.kSize
}

func (p *Paged) pageNumbers() int {
	return p.shape.Layers * p.shape.Heads * (p.kSize + p.vSize)
}

func (p *Paged) pageBytes() int64 {
	n := int64(p.pageNumbers())
	if p.single {
		return 4 * n
	}
	return 2 * n
}

// Bytes implements Store.
func (p *Paged) Bytes() int64 { return p.live.Load() * p.pageBytes() }

func (p *Paged) take() *page {
	p.live.Add(1)
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		g := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		g.owners.Store(1)
		return g
	}
	p.mu.Unlock()
	g := &page{}
	g.owners.Store(1)
	if p.single {
		g.single = make([]float32, p.pageNumbers())
	} else {
		g.half = make([]cpu.Half, p.pageNumbers())
	}
	return g
}

// keepPages bounds the memory that stays with a store after a long text.
const keepPages = 64

func (p *Paged) drop(g *page) {
	if g.owners.Add(-1) > 0 {
		return
	}
	p.live.Add(-1)
	p.mu.Lock()
	if len(p.free) < keepPages {
		p.free = append(p.free, g)
	}
	p.mu.Unlock()
}

type sequence struct {
	store *Paged
	pages []*page
	n     int
	fresh int // positions that Put fills: the last fresh ones
	row   []cpu.Half
}

// New implements Store.
func (p *Paged) New() Sequence { return p.blank() }

func (p *Paged) blank() *sequence {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return s
	}
	return &sequence{store: p, row: make([]cpu.Half, p.shape.Dim)}
}

func (s *sequence) Len() int { return s.n }

func (s *sequence) Extend(n int) {
	p := s.store
	if n > 0 && s.n%PageTokens != 0 {
		// The last page is written again: it must be ours alone.
		last := len(s.pages) - 1
		if g := s.pages[last]; g.owners.Load() > 1 {
			c := p.take()
			copy(c.half, g.half)
			copy(c.single, g.single)
			p.drop(g)
			s.pages[last] = c
		}
	}
	s.n += n
	s.fresh = n
	for len(s.pages)*PageTokens < s.n {
		s.pages = append(s.pages, p.take())
	}
}

func (s *sequence) Put(layer int, k, v []float32) {
	p := s.store
	dim, heads := p.shape.Dim, p.shape.Heads
	if len(k) != s.fresh*heads*dim || len(v) != len(k) {
		panic(fmt.Sprintf("kvcache: Put of %d keys and %d values for %d positions of %d numbers", len(k), len(v), s.fresh, heads*dim))
	}
	for i := range s.fresh {
		at := s.n - s.fresh + i
		g, slot := s.pages[at/PageTokens], at%PageTokens
		for h := range heads {
			ko, vo := p.offsets(layer, h)
			key, value := k[(i*heads+h)*dim:][:dim], v[(i*heads+h)*dim:][:dim]
			vo += slot * p.wide
			if p.single {
				dst := g.single[ko+slot:]
				for c, x := range key {
					dst[c*PageTokens] = x
				}
				copy(g.single[vo:vo+dim], value)
				continue
			}
			cpu.ToHalf(s.row, key)
			dst := g.half[ko+slot : ko+p.kSize]
			for c, x := range s.row {
				dst[c*PageTokens] = x
			}
			cpu.ToHalf(g.half[vo:vo+dim], value)
		}
	}
}

func (s *sequence) Fork() Sequence {
	f := s.store.blank()
	f.pages = append(f.pages[:0], s.pages...)
	f.n, f.fresh = s.n, 0
	for _, g := range f.pages {
		g.owners.Add(1)
	}
	return f
}

func (s *sequence) Truncate(n int) {
	if n < 0 || n > s.n {
		panic(fmt.Sprintf("kvcache: Truncate to %d of %d positions", n, s.n))
	}
	keep := (n + PageTokens - 1) / PageTokens
	for _, g := range s.pages[keep:] {
		s.store.drop(g)
	}
	clear(s.pages[keep:])
	s.pages = s.pages[:keep]
	s.n, s.fresh = n, 0
}

func (s *sequence) Release() {
	s.Truncate(0)
	p := s.store
	p.mu.Lock()
	p.idle = append(p.idle, s)
	p.mu.Unlock()
}

func (s *sequence) Bytes() (exclusive, shared int64) {
	for _, g := range s.pages {
		if g.owners.Load() > 1 {
			shared += s.store.pageBytes()
		} else {
			exclusive += s.store.pageBytes()
		}
	}
	return exclusive, shared
}
