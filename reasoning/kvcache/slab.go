package kvcache

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// PageTokens is the number of positions on a page.
const PageTokens = 64

// tailTokens is the number of positions of a block, the piece in which an
// unfinished page grows: a fork that writes copies at most one block.
const tailTokens = 16

const pageBlocks = PageTokens / tailTokens

// slab holds neighbouring positions exactly: for every layer and head the keys
// channel by channel and then the values position by position, so that both
// products of attention run along rows. A slab is a block or a whole page.
// Exactly one of half and single is set.
type slab struct {
	owners atomic.Int32 // entries of sequences and of the prefix cache
	held   atomic.Int32 // those of the prefix cache
	tokens int          // tailTokens or PageTokens
	half   []cpu.Half
	single []float32
	// form is the page that ends with this slab in sealed form, kept until the
	// slab is dropped or written: every sequence that seals the page gets the
	// same one.
	form *sealed
}

// slabs keeps the memory of slabs.
type slabs struct {
	shape  Shape
	single bool
	wide   int // Dim rounded up to whole panels, the row length of values

	mu    sync.Mutex
	live  [2]int // blocks and pages in use
	spare [2][]*slab
}

// keepSlabs bounds the memory that stays with a store after a long text.
const keepSlabs = 64

func sizeClass(tokens int) int {
	if tokens == PageTokens {
		return 1
	}
	return 0
}

// offsets returns where a head's keys and values begin in a slab.
func (p *slabs) offsets(layer, head, tokens int) (k, v int) {
	k = (layer*p.shape.Heads + head) * tokens * (p.shape.Dim + p.wide)
	return k, k + p.shape.Dim*tokens
}

func (p *slabs) bytes(tokens int) int64 {
	n := int64(p.shape.Layers*p.shape.Heads) * int64(tokens*(p.shape.Dim+p.wide))
	if p.single {
		return 4 * n
	}
	return 2 * n
}

// total is the memory of all slabs in use.
func (p *slabs) total() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.live[0])*p.bytes(tailTokens) + int64(p.live[1])*p.bytes(PageTokens)
}

// take returns a slab with one owner and any contents.
func (p *slabs) take(tokens int) *slab {
	c := sizeClass(tokens)
	p.mu.Lock()
	p.live[c]++
	if n := len(p.spare[c]); n > 0 {
		g := p.spare[c][n-1]
		p.spare[c] = p.spare[c][:n-1]
		p.mu.Unlock()
		g.owners.Store(1)
		return g
	}
	p.mu.Unlock()
	g := &slab{tokens: tokens}
	g.owners.Store(1)
	n := p.shape.Layers * p.shape.Heads * tokens * (p.shape.Dim + p.wide)
	if p.single {
		g.single = make([]float32, n)
	} else {
		g.half = make([]cpu.Half, n)
	}
	return g
}

// drop takes one owner away. The form of the last one goes to release.
func (p *slabs) drop(g *slab, release func(*sealed)) {
	if g.owners.Add(-1) > 0 {
		return
	}
	if g.form != nil {
		release(g.form)
		g.form = nil
	}
	c := sizeClass(g.tokens)
	p.mu.Lock()
	p.live[c]--
	if len(p.spare[c]) < keepSlabs {
		p.spare[c] = append(p.spare[c], g)
	}
	p.mu.Unlock()
}

// put writes one position of one layer, k and v [Heads][Dim].
func (p *slabs) put(g *slab, layer, slot int, k, v []float32, row []cpu.Half) {
	dim := p.shape.Dim
	for h := range p.shape.Heads {
		ko, vo := p.offsets(layer, h, g.tokens)
		key, value := k[h*dim:(h+1)*dim], v[h*dim:(h+1)*dim]
		vo += slot * p.wide
		if p.single {
			dst := g.single[ko+slot:]
			for c, x := range key {
				dst[c*g.tokens] = x
			}
			copy(g.single[vo:vo+dim], value)
			continue
		}
		cpu.ToHalf(row, key)
		dst := g.half[ko+slot : ko+dim*g.tokens]
		for c, x := range row {
			dst[c*g.tokens] = x
		}
		cpu.ToHalf(g.half[vo:vo+dim], value)
	}
}

// join copies blocks into a page: n positions from block b go to slot 16b.
func (p *slabs) join(page *slab, blocks []*slab) {
	dim := p.shape.Dim
	for l := range p.shape.Layers {
		for h := range p.shape.Heads {
			pk, pv := p.offsets(l, h, PageTokens)
			bk, bv := p.offsets(l, h, tailTokens)
			for i, b := range blocks {
				joinRows(page.half, b.half, pk+i*tailTokens, bk, pv+i*tailTokens*p.wide, bv, dim, p.wide)
				joinRows(page.single, b.single, pk+i*tailTokens, bk, pv+i*tailTokens*p.wide, bv, dim, p.wide)
			}
		}
	}
}

func joinRows[T cpu.Half | float32](page, block []T, pk, bk, pv, bv, dim, wide int) {
	if page == nil {
		return
	}
	for c := range dim {
		copy(page[pk+c*PageTokens:pk+c*PageTokens+tailTokens], block[bk+c*tailTokens:])
	}
	copy(page[pv:pv+tailTokens*wide], block[bv:])
}

// read copies n positions of one head out of a slab: k and v [n][stride],
// either of which may be nil.
func (p *slabs) read(g *slab, layer, head, n int, k, v []float32, stride int) {
	dim := p.shape.Dim
	ko, vo := p.offsets(layer, head, g.tokens)
	if k != nil {
		var few [PageTokens * 64]float32
		keys := few[:]
		if need := dim * g.tokens; need > len(few) {
			keys = make([]float32, need)
		}
		p.expand(g, keys[:dim*g.tokens], ko)
		for t := range n {
			row := k[t*stride : t*stride+dim]
			for c := range row {
				row[c] = keys[c*g.tokens+t]
			}
		}
	}
	if v != nil {
		for t := range n {
			p.expand(g, v[t*stride:t*stride+dim], vo+t*p.wide)
		}
	}
}

// expand copies neighbouring numbers of a slab.
func (p *slabs) expand(g *slab, dst []float32, from int) {
	if p.single {
		copy(dst, g.single[from:])
		return
	}
	half := g.half[from : from+len(dst)]
	if cpu.Current() == cpu.Portable { // the bytes of a number may lie the other way round
		for i, h := range half {
			dst[i] = tensor.HalfToFloat(h)
		}
		return
	}
	cpu.Expand(tensor.F16, dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(half))), 2*len(half)))
}
