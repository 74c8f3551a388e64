package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// randomMatrix fills the blocks of a format with random bytes and sane scales.
func randomMatrix(r *rand.Rand, t tensor.Type, rows, cols int) *tensor.Matrix {
	m := &tensor.Matrix{Type: t, Rows: rows, Cols: cols, Data: make([]byte, rows*t.RowBytes(cols))}
	half := func(b []byte, x float32) {
		h := tensor.FloatToHalf(x)
		b[0], b[1] = byte(h), byte(h>>8)
	}
	_, size := t.Block()
	switch t {
	case tensor.F16:
		for i := 0; i < len(m.Data); i += 2 {
			half(m.Data[i:], float32(r.NormFloat64()))
		}
	case tensor.F32:
		f := m.F32()
		for i := range f {
			f[i] = float32(r.NormFloat64())
		}
	default:
		for i := range m.Data {
			m.Data[i] = byte(r.Uint32())
		}
		for i := 0; i < len(m.Data); i += size {
			half(m.Data[i:], 0.01+0.1*r.Float32())
			if t == tensor.Q4_1 {
				half(m.Data[i+2:], r.Float32()-0.5)
			}
		}
	}
	return m
}

// TestPack compares packed matrices with the formats' definition.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, ty := range []tensor.Type{tensor.Q4_0, tensor.Q4_1, tensor.Q8_0, tensor.F16, tensor.F32} {
		m := randomMatrix(r, ty, 5, 96)
		p, err := pack(m)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range m.Floats() {
			if got := p.floats()[i]; math.Abs(float64(got-want)) > 1e-3*math.Abs(float64(want)) {
				t.Fatalf("%v: weight %d is %g, want %g", ty, i, got, want)
			}
		}
	}
	a, b := randomMatrix(r, tensor.Q4_0, 3, 64), randomMatrix(r, tensor.Q8_0, 2, 64)
	p, err := pack(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if p.bits != 16 || p.rows != 5 {
		t.Errorf("stacked: %d bits, %d rows", p.bits, p.rows)
	}
	for i, want := range append(a.Floats(), b.Floats()...) {
		if got := p.floats()[i]; math.Abs(float64(got-want)) > 1e-3*math.Abs(float64(want)) {
			t.Fatalf("stacked: weight %d is %g, want %g", i, got, want)
		}
	}
	if _, err := pack(randomMatrix(r, tensor.F16, 2, 10)); err == nil {
		t.Error("rows of 10 weights were packed")
	}
	if _, err := pack(a, randomMatrix(r, tensor.Q4_0, 2, 32)); err == nil {
		t.Error("matrices of different width were stacked")
	}
}
