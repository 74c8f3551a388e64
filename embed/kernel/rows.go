package kernel

import (
	"fmt"
	"unsafe"
)

// Padding of matrices. Rows are a multiple of rowStep so that every tile of
// the kernels is whole, columns a multiple of colStep so that every row starts
// on a cache line; what is added is zero.
const (
	rowStep = 12
	colStep = 16
)

// Rows is a matrix of n rows of k numbers, padded and aligned for the kernels.
type Rows struct {
	N, K   int
	Stride int       // distance between rows, a multiple of 16
	Data   []float32 // [N rounded up to 12][Stride]
}

// NewRows returns a zero matrix.
func NewRows(n, k int) Rows {
	stride := roundUp(k, colStep)
	return Rows{n, k, stride, aligned(roundUp(n, rowStep) * stride)}
}

// Row returns row i, without its padding.
func (m Rows) Row(i int) []float32 {
	return m.Data[i*m.Stride : i*m.Stride+m.K : i*m.Stride+m.K]
}

// aligned returns n zeros that start at a cache line. Tiles may read, but not
// use, some numbers after the last: up to rowStep lie there.
func aligned(n int) []float32 {
	const line = 64
	b := make([]float32, n+line/4+rowStep)
	skip := 0
	if rest := int(uintptr(unsafe.Pointer(&b[0])) % line); rest != 0 {
		skip = (line - rest) / 4
	}
	return b[skip : skip+n : skip+n]
}

func roundUp(x, to int) int { return (x + to - 1) / to * to }

// Multiply writes the inner product of q [K] with every row into out [N].
func (m Rows) Multiply(q, out []float32) {
	if len(q) < m.K || len(out) < m.N {
		panic(fmt.Sprintf("kernel: query of %d and result of %d for %d rows of %d", len(q), len(out), m.N, m.K))
	}
	if len(q) < m.Stride {
		padded := aligned(m.Stride)
		copy(padded, q[:m.K])
		q = padded
	}
	whole := m.N &^ 3
	dots(m.Data, q, out[:whole], m.Stride)
	if rest := m.N - whole; rest > 0 {
		var last [4]float32
		dots(m.Data[whole*m.Stride:], q, last[:], m.Stride)
		copy(out[whole:m.N], last[:rest])
	}
}

// MultiplyMany is Multiply for many queries [n][K] into out [n][N], with the
// same bits: a block of rows is read once for all of them.
func (m Rows) MultiplyMany(qs, out []float32) {
	n := len(qs) / max(m.K, 1)
	if len(out) < n*m.N {
		panic(fmt.Sprintf("kernel: result of %d for %d queries against %d rows", len(out), n, m.N))
	}
	padded := NewRows(n, m.K)
	for i := range n {
		copy(padded.Row(i), qs[i*m.K:(i+1)*m.K])
	}
	step := blockRows(m.Stride)
	var last [4]float32
	for lo := 0; lo < m.N; lo += step {
		hi := min(lo+step, m.N)
		whole := lo + (hi-lo)&^3
		for i := range n {
			q, to := padded.Full(i), out[i*m.N:(i+1)*m.N]
			dots(m.Data[lo*m.Stride:], q, to[lo:whole], m.Stride)
			if whole < hi {
				dots(m.Data[whole*m.Stride:], q, last[:], m.Stride)
				copy(to[whole:hi], last[:])
			}
		}
	}
}

// MultiplyRow is one result of Multiply, with the same bits.
func (m Rows) MultiplyRow(q []float32, i int) float32 {
	row := m.Row(i)
	var acc [16]float32
	for k, x := range q[:m.K] {
		acc[k%16] = fma(x, row[k], acc[k%16])
	}
	for half := 8; half > 0; half /= 2 {
		for k := range half {
			acc[k] += acc[k+half]
		}
	}
	return acc[0]
}

// Dot is the inner product of two vectors of one length.
func Dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// Full returns row i with its padding, which is zero and must stay so.
func (m Rows) Full(i int) []float32 {
	return m.Data[i*m.Stride : (i+1)*m.Stride : (i+1)*m.Stride]
}

// RowsFor is n rounded up to whole tiles: what RowGrad needs room for.
func (m Rows) RowsFor(n int) int { return roundUp(n, rowStep) }
