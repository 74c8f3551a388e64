package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// The three digits of every input times their units are the input again.
func TestDigits(t *testing.T) {
	levels(t, func(t *testing.T) {
		if level == Portable {
			t.Skip("no kernels that take digits")
		}
		r := rand.New(rand.NewPCG(1, 12))
		bits, top := digitBits()
		for round := range 200 {
			x := random(r, 32*(1+r.IntN(5)))
			for i := range x {
				switch round % 4 {
				case 1:
					x[i] *= float32(math.Exp(20 * r.NormFloat64()))
				case 2:
					x[i] = 0
				case 3:
					x[i] = max(-1, min(1, 1e6*x[i])) // all at the end of the scale
				}
			}
			got, want := make([]byte, 4*len(x)), make([]byte, 4*len(x))
			digits(got, x)
			digitsRef(want, x, bits, top)
			for b := range len(x) / 32 {
				g, w := got[128*b:128*b+128], want[128*b:128*b+128]
				float := func(b []byte, at int) float64 {
					return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[at:])))
				}
				var largest float64
				for _, v := range x[32*b : 32*b+32] {
					largest = max(largest, math.Abs(float64(v)))
				}
				for at := 96; at < 120; at += 4 {
					if d := math.Abs(float(g, at) - float(w, at)); d > 1e-6*32*largest {
						t.Fatalf("block %d: number at %d is %g, want %g", b, at, float(g, at), float(w, at))
					}
				}
				for i, v := range x[32*b : 32*b+32] {
					back := 0.0
					for digit := range 3 {
						back += float64(int8(g[32*digit+i])) * float(g, 96+4*digit)
					}
					if d := math.Abs(back - float64(v)); d > largest*(0.6/float64(top)+2.5e-7) && largest > 1e-29 {
						t.Fatalf("%g came back as %g, the largest of its block is %g", v, back, largest)
					}
				}
			}
		}
	})
}

// What is not a number must not become one.
func TestDigitsKeepNaN(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 12))
		for _, f := range formats {
			w := randomMatrix(r, f, 20, 256)
			x := random(r, 256)
			x[77] = float32(math.NaN())
			p := Product{W: w, P: Default().Pack(w, nil), Y: make([]float32, 20)}
			Default().MatMul(x, 1, []Product{p})
			for i, y := range p.Y {
				if y == y {
					t.Fatalf("%v: output %d of a NaN is %g", f, i, y)
				}
			}
		}
	})
}

// Rows come out of the panels as they went in.
func TestPackedRows(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 12))
		for _, f := range formats {
			w := randomMatrix(r, f, 1+r.IntN(40), 512)
			p := Default().Pack(w, nil)
			if p == nil {
				continue
			}
			got, all := make([]float32, 512), w.Floats()
			for i := range w.Rows {
				p.Row(got, i)
				if d := difference(got, all[512*i:512*i+512]); d > 3e-6 {
					t.Fatalf("%v, row %d: difference %g", f, i, d)
				}
			}
			if n := PackedBytes(w); n < p.Bytes() || n > p.Bytes()+2*cacheLine {
				t.Errorf("%v: %d bytes announced, %d taken", f, n, p.Bytes())
			}
		}
	})
}
