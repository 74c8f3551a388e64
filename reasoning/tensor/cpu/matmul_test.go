package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

var formats = []tensor.Type{tensor.F32, tensor.F16, tensor.BF16, tensor.Q4_0, tensor.Q4_1, tensor.Q5_0, tensor.Q5_1, tensor.Q8_0, tensor.Q2_K, tensor.Q3_K, tensor.Q4_K, tensor.Q5_K, tensor.Q6_K, tensor.IQ4_NL}

// randomMatrix has random bytes as codes and reasonable numbers as scales.
func randomMatrix(r *rand.Rand, t tensor.Type, rows, cols int) *tensor.Matrix {
	m := &tensor.Matrix{Type: t, Rows: rows, Cols: cols}
	if b, err := tensor.Quantize(t, random(r, rows*cols)); err == nil {
		m.Data = b
		return m
	}
	block, size := t.Block()
	m.Data = make([]byte, rows*cols/block*size)
	for i := range m.Data {
		m.Data[i] = byte(r.Uint32())
	}
	half := func(b []byte) {
		binary.LittleEndian.PutUint16(b, tensor.FloatToHalf(float32(r.NormFloat64())/16))
	}
	for b := m.Data; len(b) > 0; b = b[size:] {
		switch t {
		case tensor.Q2_K:
			half(b[80:])
			half(b[82:])
		case tensor.Q3_K:
			half(b[108:])
		case tensor.Q6_K:
			half(b[208:])
		case tensor.Q4_0, tensor.Q5_0, tensor.IQ4_NL:
			half(b)
		default:
			half(b)
			half(b[2:])
		}
	}
	return m
}

func TestExpandAgreesWithDequantize(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		for _, f := range formats {
			block, _ := f.Block()
			for range 20 {
				m := randomMatrix(r, f, 1, block*(1+r.IntN(9)))
				got, want := make([]float32, m.Cols), m.Floats()
				Expand(f, got, m.Data)
				if d := difference(got, want); d > 2e-7 {
					t.Fatalf("%v, %d weights: difference %g", f, m.Cols, d)
				}
			}
		}
	})
}

// product has w packed or as it is.
func product(r *rand.Rand, w *tensor.Matrix, tokens int) Product {
	p := Product{W: w, Y: make([]float32, tokens*w.Rows)}
	if r.IntN(3) > 0 {
		p.P = Default().Pack(w, nil)
	}
	return p
}

func TestMatMulAgreesWithReference(t *testing.T) {
	levels(t, func(t *testing.T) {
		tolerance := 3e-6
		if level == AVX2 || level == AVX512 {
			tolerance = 3e-5 // activations of 21 bits
		}
		r := rand.New(rand.NewPCG(2, 9))
		for _, f := range formats {
			block, _ := f.Block()
			for range 12 {
				cols := block * (1 + r.IntN(8))
				if block > 32 {
					cols = block * (1 + r.IntN(2))
				}
				tokens := []int{1, 1, 2, 5, 7, 33}[r.IntN(6)]
				x := random(r, tokens*cols)
				var products []Product
				for range 1 + r.IntN(3) {
					w := randomMatrix(r, f, 1+r.IntN(150), cols)
					products = append(products, product(r, w, tokens))
				}
				Default().MatMul(x, tokens, products)
				for _, q := range products {
					want := make([]float32, len(q.Y))
					MatMulRef(x, tokens, q.W, want)
					if d := difference(q.Y, want); d > tolerance {
						t.Fatalf("%v, %d tokens, %d x %d: difference %g", f, tokens, q.W.Rows, cols, d)
					}
				}
			}
		}
	})
}

func TestGemvAgreesWithGemm(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 9))
		for range 100 {
			m, n, trans := 1+r.IntN(40), 1+r.IntN(80), r.IntN(2) == 1
			if r.IntN(2) == 0 {
				n = roundUp(n, 8)
			}
			in, out := n, m
			if trans {
				in, out = m, n
			}
			lda := n + r.IntN(3)
			a, x, y := random(r, m*lda), random(r, in), random(r, out)
			beta := []float32{0, 1, 0.5}[r.IntN(3)]
			want := append([]float32(nil), y...)
			GemmRef(trans, false, out, 1, in, 0.7, a, lda, x, 1, beta, want, 1)
			Gemv(trans, m, n, 0.7, a, lda, x, beta, y)
			if d := difference(y, want); d > 3e-6 {
				t.Fatalf("%d x %d, transposed %v: difference %g", m, n, trans, d)
			}
		}
	})
}

func TestToHalfAgreesWithReference(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 9))
		x := random(r, 1003)
		for i := range x {
			x[i] *= []float32{1e-7, 1e-5, 1, 1e4}[i%4]
		}
		got := make([]uint16, len(x))
		ToHalf(got, x)
		for i, v := range x {
			if want := tensor.FloatToHalf(v); got[i] != want {
				t.Fatalf("%g: %04x, want %04x", v, got[i], want)
			}
		}
	})
}

func TestMatMulDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	r := rand.New(rand.NewPCG(5, 9))
	p := NewPool(2)
	defer p.Close()
	for _, f := range formats {
		for _, tokens := range []int{1, 3, 16} {
			w := randomMatrix(r, f, 256, 256)
			x, q := random(r, tokens*256), []Product{product(r, w, tokens)}
			p.MatMul(x, tokens, q)
			if n := testing.AllocsPerRun(50, func() { p.MatMul(x, tokens, q) }); n >= 1 {
				t.Errorf("%v, %d tokens: %v allocations", f, tokens, n)
			}
		}
	}
}

func BenchmarkMatMul(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 9))
	for _, f := range formats {
		w := randomMatrix(r, f, 1536, 768)
		for _, tokens := range []int{1, 4, 64, 512} {
			x, q := random(r, tokens*768), []Product{{W: w, P: Default().Pack(w, nil), Y: make([]float32, tokens*1536)}}
			p := NewPool(1)
			b.Run(fmt.Sprintf("%v/tokens=%d", f, tokens), func(b *testing.B) {
				for b.Loop() {
					p.MatMul(x, tokens, q)
				}
				b.ReportMetric(float64(tokens*1536*768)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
			p.Close()
		}
	}
}
