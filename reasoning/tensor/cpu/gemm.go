package cpu

import (
	"fmt"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Gemm computes C = alpha op(A) op(B) + beta C on the default pool, where
// op(A) is m x k, op(B) is k x n, C is m x n, and op transposes when its flag
// is set (then A is stored k x m, B n x k). With beta 0 the old C is not read.
//
// The three products of training are: forward Y = X Wᵀ (transB), dX = dY W,
// dW += dYᵀ X (transA, beta 1).
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	Default().Gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Gemm is the function Gemm on this pool.
func (p *Pool) Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	ra, ca, rb, cb := m, k, k, n
	if transA {
		ra, ca = k, m
	}
	if transB {
		rb, cb = n, k
	}
	check("A", a, ra, ca, lda)
	check("B", b, rb, cb, ldb)
	check("C", c, m, n, ldc)
	p.multiply(gemmArgs{
		transA: transA, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda,
		b: source{f32: b, ld: ldb, trans: transB}, beta: beta, c: c, ldc: ldc,
	})
}

// check panics, as an index out of range would, when a matrix is too short:
// the assembly below has no bounds checks.
func check(name string, x []float32, rows, cols, ld int) {
	if rows < 0 || cols < 0 || ld < cols || rows > 0 && cols > 0 && len(x) < (rows-1)*ld+cols {
		panic(fmt.Sprintf("cpu.Gemm: matrix %s has %d values with leading dimension %d, too few for %d x %d", name, len(x), ld, rows, cols))
	}
}

// Blocking: a packed block of A (mcMax x kcMax floats, 512 KiB) stays in the
// second-level cache while one packed panel of B (kcMax x NR, at most 32 KiB)
// at a time lives in the first. B is packed panel by panel just before use, so
// quantised weights are expanded there and never written to memory.
const (
	kcMax = 256
	mcMax = 512
)

// tile is the shape of the micro-kernel of a level.
func tile() (mr, nr int) {
	switch level {
	case AVX512, VNNI:
		return 8, 32
	case AVX2:
		return 4, 24
	}
	return 4, 4
}

type gemmArgs struct {
	transA      bool
	m, n, k     int
	alpha, beta float32
	a           []float32
	lda         int
	b           source
	c           []float32
	ldc         int
}

// gemmJob is the pool's own job: the arguments of the product in progress.
type gemmJob struct {
	gemmArgs
	job       *Job
	rows      bool // parts are bands of rows of C, else bands of columns
	band      int  // rows or columns of one part
	scratches sync.Pool
}

func newGemmJob() *gemmJob {
	g := &gemmJob{}
	g.scratches.New = func() any { return new(gemmScratch) }
	g.job = NewJob(func(part int) {
		s := g.scratches.Get().(*gemmScratch)
		lo := part * g.band
		if g.rows {
			s.block(&g.gemmArgs, lo, min(lo+g.band, g.m), 0, g.n)
		} else {
			s.block(&g.gemmArgs, 0, g.m, lo, min(lo+g.band, g.n))
		}
		g.scratches.Put(s)
	})
	return g
}

// multiply splits the product along the longer side of C, since the packing of
// the other operand is repeated by every part.
func (p *Pool) multiply(g gemmArgs) {
	if g.m == 0 || g.n == 0 {
		return
	}
	parts := 1
	if work := g.m * g.n * g.k; p.workers > 0 && work > 1<<16 {
		parts = p.Threads()
		if work > 1<<24 {
			parts *= 2 // so that a core lost to another program costs little
		}
	}
	if parts == 1 || !p.mu.TryLock() {
		s := soloScratch.Get().(*gemmScratch)
		s.block(&g, 0, g.m, 0, g.n)
		soloScratch.Put(s)
		return
	}
	mr, nr := tile()
	j := p.gemm
	j.gemmArgs = g
	j.rows = g.m > g.n
	if j.rows {
		j.band = roundUp((g.m+parts-1)/parts, mr)
		parts = (g.m + j.band - 1) / j.band
	} else {
		j.band = roundUp((g.n+parts-1)/parts, nr)
		parts = (g.n + j.band - 1) / j.band
	}
	p.run(j.job, parts)
	j.gemmArgs = gemmArgs{} // keep no caller's memory alive
	p.mu.Unlock()
}

var soloScratch = sync.Pool{New: func() any { return new(gemmScratch) }}

func roundUp(x, to int) int { return (x + to - 1) / to * to }

type gemmScratch struct {
	a    [mcMax * kcMax]float32 // packed A: panels of MR rows, k-major
	b    [32 * kcMax]float32    // packed B: one panel of NR columns, k-major
	rows [32 * kcMax]float32    // expanded rows of quantised B
	c    [8 * 32]float32        // tile at the edge of C
}

// block computes rows i0..i1 and columns j0..j1 of C.
func (s *gemmScratch) block(g *gemmArgs, i0, i1, j0, j1 int) {
	mr, nr := tile()
	for i := i0; i < i1; i++ {
		row := g.c[i*g.ldc+j0 : i*g.ldc+j1]
		switch g.beta {
		case 1:
		case 0:
			clear(row)
		default:
			Scale(g.beta, row)
		}
	}
	if g.k == 0 || g.alpha == 0 {
		return
	}
	// Equal steps along k, multiples of 32 so that quantised blocks are whole.
	steps := (g.k + kcMax - 1) / kcMax
	kc := roundUp((g.k+steps-1)/steps, 32)
	for i := i0; i < i1; i += mcMax {
		mb := min(mcMax, i1-i)
		for p := 0; p < g.k; p += kc {
			kb := min(kc, g.k-p)
			s.packA(g, i, mb, p, kb, mr)
			for j := j0; j < j1; j += nr {
				w := min(nr, j1-j)
				b, ldb := s.b[:], nr
				if !g.b.trans && w == nr && g.b.f32 != nil && mb <= 4*mr {
					// Too few rows to pay for packing: read B where it is.
					b, ldb = g.b.f32[p*g.b.ld+j:], g.b.ld
				} else {
					g.b.pack(s, p, kb, j, w, nr)
				}
				for y := 0; y < mb; y += mr {
					h := min(mr, mb-y)
					a := s.a[y*kb:]
					if h == mr && w == nr {
						kernel(kb, a, b, ldb, g.c[(i+y)*g.ldc+j:], g.ldc)
						continue
					}
					clear(s.c[:mr*nr])
					kernel(kb, a, b, ldb, s.c[:], nr)
					for r := range h {
						row := g.c[(i+y+r)*g.ldc+j:][:w]
						for x, v := range s.c[r*nr : r*nr+w] {
							row[x] += v
						}
					}
				}
			}
		}
	}
}

// packA lays rows i..i+mb, columns p..p+kb of op(A) out as panels of mr rows,
// k-major, times alpha; missing rows of the last panel are zero.
func (s *gemmScratch) packA(g *gemmArgs, i, mb, p, kb, mr int) {
	for y := 0; y < mb; y += mr {
		h := min(mr, mb-y)
		dst := s.a[y*kb : (y+mr)*kb]
		if g.transA {
			copyPanel(dst, g.a[p*g.lda+i+y:], g.lda, kb, h, mr)
		} else {
			transposePanel(dst, g.a[(i+y)*g.lda+p:], g.lda, kb, h, mr)
		}
	}
	if g.alpha != 1 {
		Scale(g.alpha, s.a[:roundUp(mb, mr)*kb])
	}
}

// copyPanel copies kb rows of w values, ld apart, to rows of width nr.
func copyPanel(dst, src []float32, ld, kb, w, nr int) {
	switch {
	case w < nr:
		for p := range kb {
			d := dst[p*nr : p*nr+nr]
			clear(d[copy(d, src[p*ld:p*ld+w]):])
		}
	case nr == 32:
		for p := range kb {
			*(*[32]float32)(dst[p*32:]) = *(*[32]float32)(src[p*ld:])
		}
	case nr == 24:
		for p := range kb {
			*(*[24]float32)(dst[p*24:]) = *(*[24]float32)(src[p*ld:])
		}
	case nr == 8:
		for p := range kb {
			*(*[8]float32)(dst[p*8:]) = *(*[8]float32)(src[p*ld:])
		}
	default:
		for p := range kb {
			*(*[4]float32)(dst[p*4:]) = *(*[4]float32)(src[p*ld:])
		}
	}
}

// transposePanel writes h rows of kb values, ld apart, as kb rows of width mr.
func transposePanel(dst, src []float32, ld, kb, h, mr int) {
	if h < mr {
		clear(dst)
	}
	y := 0
	if level != Portable {
		k4 := kb &^ 3
		for ; y+4 <= h; y += 4 {
			if k4 > 0 {
				_ = src[(y+3)*ld+kb-1]
				transpose4(k4, &src[y*ld], ld, &dst[y], mr)
			}
			for p := k4; p < kb; p++ {
				for r := y; r < y+4; r++ {
					dst[p*mr+r] = src[r*ld+p]
				}
			}
		}
	}
	for ; y < h; y++ {
		for p, v := range src[y*ld : y*ld+kb] {
			dst[p*mr+y] = v
		}
	}
}

// source is the right-hand matrix: floats, or stored weights of any format.
type source struct {
	f32   []float32
	ld    int
	trans bool
	w     *tensor.Matrix // when set, op(B) is its transpose
}

// pack fills s.b with rows p..p+kb, columns j..j+w of op(B), kb x nr.
func (b *source) pack(s *gemmScratch, p, kb, j, w, nr int) {
	switch {
	case b.w != nil && b.w.Type == tensor.F32:
		transposePanel(s.b[:kb*nr], b.w.F32()[j*b.w.Cols+p:], b.w.Cols, kb, w, nr)
	case b.w != nil:
		skip := b.w.Type.RowBytes(p)
		for y := range w {
			Expand(b.w.Type, s.rows[y*kb:(y+1)*kb], b.w.Row(j + y)[skip:])
		}
		transposePanel(s.b[:kb*nr], s.rows[:], kb, kb, w, nr)
	case b.trans:
		transposePanel(s.b[:kb*nr], b.f32[j*b.ld+p:], b.ld, kb, w, nr)
	default:
		copyPanel(s.b[:kb*nr], b.f32[p*b.ld+j:], b.ld, kb, w, nr)
	}
}
