package cpu

import (
	"fmt"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Product is one matrix product of a layer: Y = X Wᵀ, with weights W
// [out][in] in any format and Y [t][out].
type Product struct {
	W *tensor.Matrix
	P *Packed // W as Pack laid it out, or nil
	Y []float32
}

// MatMulRef is MatMul in its plainest form: the dequantised weights times the
// float activations.
func MatMulRef(x []float32, t int, w *tensor.Matrix, y []float32) {
	row := make([]float32, w.Cols)
	for r := range w.Rows {
		tensor.Dequantize(w.Type, row, w.Row(r))
		for i := range t {
			y[i*w.Rows+r] = dotRef(row, x[i*w.Cols:(i+1)*w.Cols])
		}
	}
}

// fewRows is the number of rows of X up to which expanding four rows of weights
// at a time and taking inner products beats the blocked product, which has to
// pack what it expands. Measured on a 1536 x 576 matrix in Q8_0: 183 against
// 396 us of CPU for 8 rows, 607 against 779 for 32.
const fewRows = 32

// MatMul computes the products of X [t][in] with several matrices that share
// this input: the projections of one layer. The function computed is exact:
// dequantised weights times float activations. It does not allocate.
func (p *Pool) MatMul(x []float32, t int, products []Product) {
	for _, q := range products {
		if w := q.W; w.Cols*t != len(x) || len(q.Y) != w.Rows*t {
			panic(fmt.Sprintf("cpu.MatMul: %d inputs and %d outputs for %d rows through a %d x %d matrix", len(x), len(q.Y), t, w.Rows, w.Cols))
		}
	}
	for len(products) > 0 && t > 0 {
		n := 0 // neighbours that are packed go together
		for n < len(products) && products[n].P != nil && (level == VNNI || t <= fewRows) {
			n++
		}
		if n > 0 {
			p.packed(x, t, products[:n])
			products = products[n:]
			continue
		}
		for n < len(products) && (products[n].P == nil || level != VNNI && t > fewRows) {
			n++
		}
		p.stored(x, t, products[:n])
		products = products[n:]
	}
}

// stored computes products of matrices as they are.
func (p *Pool) stored(x []float32, t int, products []Product) {
	switch {
	case t > fewRows:
		for _, q := range products {
			p.multiply(gemmArgs{
				m: t, n: q.W.Rows, k: q.W.Cols, alpha: 1, a: x, lda: q.W.Cols,
				b: source{w: q.W, trans: true}, c: q.Y, ldc: q.W.Rows,
			})
		}
	default:
		p.few(x, t, products)
	}
}

// fewJob multiplies few rows with many weights: parts are ranges of outputs.
type fewJob struct {
	job      *Job
	x        []float32
	t        int
	products []Product
	sums     []float32 // pairs 0, sum of 32 inputs
	band     int
	scratch  sync.Pool // *[]float32: 4 expanded rows
}

func newFewJob() *fewJob {
	f := &fewJob{}
	f.scratch.New = func() any { return new([]float32) }
	f.job = NewJob(func(part int) {
		lo, hi := part*f.band, (part+1)*f.band
		for _, q := range f.products {
			n := q.W.Rows
			if a, b := max(lo, 0), min(hi, n); a < b {
				f.rows(q, a, b)
			}
			lo, hi = lo-n, hi-n
		}
	})
	return f
}

var soloFew = sync.Pool{New: func() any { return newFewJob() }}

func (p *Pool) few(x []float32, t int, products []Product) {
	total, work := 0, 0
	for _, q := range products {
		total += q.W.Rows
		work += q.W.Rows * q.W.Cols * t
	}
	if p.workers == 0 || work < 1<<15 || !p.mu.TryLock() {
		f := soloFew.Get().(*fewJob)
		f.set(x, t, products)
		f.band = total
		f.job.f(0)
		f.x, f.products = nil, nil
		soloFew.Put(f)
		return
	}
	f := p.fews
	f.set(x, t, products)
	parts := p.Threads()
	if work > 1<<20 {
		parts *= 4
	}
	f.band = roundUp((total+parts-1)/parts, 4)
	p.run(f.job, (total+f.band-1)/f.band)
	f.x, f.products = nil, nil
	p.mu.Unlock()
}

var ones = func() (o [32]float32) {
	for i := range o {
		o[i] = 1
	}
	return
}()

func (f *fewJob) set(x []float32, t int, products []Product) {
	f.x, f.t, f.products = x, t, products
	if t > 1 {
		return
	}
	for _, q := range products {
		if q.W.Type != tensor.Q4_1 && q.W.Type != tensor.Q4_0 {
			continue
		}
		n := len(x) / 32
		if cap(f.sums) < 2*n {
			f.sums = make([]float32, 2*n)
		}
		f.sums = f.sums[:2*n]
		for i := range n {
			f.sums[2*i+1] = Dot(x[32*i:32*i+32], ones[:])
		}
		return
	}
}

// rows computes outputs lo..hi of one product.
func (f *fewJob) rows(q Product, lo, hi int) {
	w, x := q.W, f.x
	n := w.Cols
	if f.t == 1 && level != Portable {
		data, y := w.Data[lo*w.Type.RowBytes(n):], q.Y[lo:hi]
		switch wide := level == AVX512; {
		case w.Type == tensor.Q4_1 && wide:
			gemvQ41x512(hi-lo, n/32, &data[0], &x[0], &f.sums[0], &y[0])
			return
		case w.Type == tensor.Q4_0 && wide:
			gemvQ40x512(hi-lo, n/32, &data[0], &x[0], &y[0])
			return
		case w.Type == tensor.Q8_0 && wide:
			gemvQ80x512(hi-lo, n/32, &data[0], &x[0], &y[0])
			return
		case w.Type == tensor.Q4_1:
			gemvQ41(hi-lo, n/32, &data[0], &x[0], &f.sums[0], &y[0])
			return
		case w.Type == tensor.Q4_0:
			gemvQ40(hi-lo, n/32, &data[0], &x[0], &f.sums[0], &y[0])
			return
		case w.Type == tensor.Q8_0:
			gemvQ80(hi-lo, n/32, &data[0], &x[0], &y[0])
			return
		case w.Type == tensor.F16 && n%16 == 0:
			gemvF16(hi-lo, n, &data[0], &x[0], &y[0])
			return
		case w.Type == tensor.BF16 && n%16 == 0:
			gemvBF16(hi-lo, n, &data[0], &x[0], &y[0])
			return
		}
	}
	s := f.scratch.Get().(*[]float32)
	if cap(*s) < 4*n {
		*s = make([]float32, 4*n)
	}
	for r := lo; r < hi; r += 4 {
		h := min(4, hi-r)
		block := (*s)[:h*n]
		if w.Type == tensor.F32 {
			block = w.F32()[r*n : (r+h)*n]
		} else {
			Expand(w.Type, block, w.Data[r*w.Type.RowBytes(n):])
		}
		i := 0
		fast := h == 4 && n%8 == 0 && n > 0 && level != Portable
		for ; fast && i+2 <= f.t; i += 2 {
			_ = q.Y[(i+1)*w.Rows+r+3]
			gemv4x2F32(n, &block[0], n, &x[i*n], n, &q.Y[i*w.Rows+r], w.Rows)
		}
		for ; i < f.t; i++ {
			xi, y := x[i*n:(i+1)*n], q.Y[i*w.Rows+r:][:h]
			if fast {
				gemv4F32(n, &block[0], n, &xi[0], &y[0])
				continue
			}
			for j := range y {
				y[j] = Dot(block[j*n:(j+1)*n], xi)
			}
		}
	}
	f.scratch.Put(s)
}

// Gemv computes y = alpha op(A) x + beta y for a float matrix A [m][n]; op
// transposes when trans is set. With beta 0 the old y is not read.
func Gemv(trans bool, m, n int, alpha float32, a []float32, lda int, x []float32, beta float32, y []float32) {
	check("A", a, m, n, lda)
	if trans {
		y = y[:n]
		if beta == 0 {
			clear(y)
		} else if beta != 1 {
			Scale(beta, y)
		}
		for i := range m {
			Axpy(alpha*x[i], a[i*lda:i*lda+n], y)
		}
		return
	}
	x, y = x[:n], y[:m]
	var four [4]float32
	for i := 0; i < m; i += 4 {
		h := min(4, m-i)
		if h == 4 && n%8 == 0 && n > 0 && level != Portable {
			gemv4F32(n, &a[i*lda], lda, &x[0], &four[0])
		} else {
			for j := range h {
				four[j] = Dot(a[(i+j)*lda:(i+j)*lda+n], x)
			}
		}
		for j := range h {
			if beta == 0 {
				y[i+j] = alpha * four[j]
			} else {
				y[i+j] = alpha*four[j] + beta*y[i+j]
			}
		}
	}
}
