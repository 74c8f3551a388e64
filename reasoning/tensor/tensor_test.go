package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

func TestHalfRoundTrip(t *testing.T) {
	for h := range 1 << 16 {
		f := HalfToFloat(uint16(h))
		if f != f {
			if back := FloatToHalf(f); back&0x7c00 != 0x7c00 || back&1023 == 0 {
				t.Fatalf("%04x: NaN became %04x", h, back)
			}
			continue
		}
		if back := FloatToHalf(f); back != uint16(h) {
			t.Fatalf("%04x -> %v -> %04x", h, f, back)
		}
	}
}

// Every float must go to the half that is nearest, to the even one on a tie.
func TestHalfRoundsToNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200000 {
		f := math.Float32frombits(r.Uint32())
		if f != f || math.Abs(float64(f)) >= 65520 {
			continue
		}
		h := FloatToHalf(f)
		d := math.Abs(float64(f) - float64(HalfToFloat(h)))
		for _, n := range []uint16{h - 1, h + 1} {
			if n&0x7c00 == 0x7c00 || n>>15 != h>>15 {
				continue
			}
			if e := math.Abs(float64(f) - float64(HalfToFloat(n))); e < d || e == d && h&1 == 1 {
				t.Fatalf("%g became %04x (off by %g), %04x is off by %g", f, h, d, n, e)
			}
		}
	}
	for f, want := range map[float32]uint16{65519: 0x7bff, 65520: 0x7c00, 1: 0x3c00, -2: 0xc000, 6e-8: 1, 2.9e-8: 0} {
		if got := FloatToHalf(f); got != want {
			t.Errorf("%g became %04x, want %04x", f, got, want)
		}
	}
}

func TestBFloat(t *testing.T) {
	for f, want := range map[float32]uint16{1: 0x3f80, 1.00390625: 0x3f80, 1.01171875: 0x3f82, -3: 0xc040} {
		if got := FloatToBFloat(f); got != want {
			t.Errorf("%g became %04x, want %04x", f, got, want)
		}
	}
}

func TestQuantizeRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	x := make([]float32, 256)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	clear(x[32:64])
	for ty, tol := range map[Type]float64{F32: 0, F16: 1e-3, BF16: 1e-2, Q8_0: 2e-2} {
		b, err := Quantize(ty, x)
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float32, len(x))
		Dequantize(ty, y, b)
		for i := range x {
			if d := math.Abs(float64(x[i] - y[i])); d > tol {
				t.Fatalf("%v: %g became %g", ty, x[i], y[i])
			}
		}
	}
	if _, err := Quantize(Q8_0, x[:33]); err == nil {
		t.Error("33 values as Q8_0: no error")
	}
	if _, err := Quantize(Q4_K, x); err == nil {
		t.Error("Q4_K: no error")
	}
	x[3] = float32(math.Inf(1))
	if _, err := Quantize(Q8_0, x); err == nil {
		t.Error("infinite value as Q8_0: no error")
	}
}

// Blocks built by hand, so that the meaning of the formats is pinned apart
// from the code above.
func TestFormatsByHand(t *testing.T) {
	h := func(f float32) []byte { return binary.LittleEndian.AppendUint16(nil, FloatToHalf(f)) }
	one := func(ty Type, b []byte, want map[int]float32) {
		t.Helper()
		n, size := ty.Block()
		if len(b) != size {
			t.Fatalf("%v: block of %d bytes, want %d", ty, len(b), size)
		}
		out := make([]float32, n)
		Dequantize(ty, out, b)
		for i, w := range want {
			if out[i] != w {
				t.Errorf("%v: weight %d is %v, want %v", ty, i, out[i], w)
			}
		}
	}
	cat := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	nib := make([]byte, 16)
	nib[0], nib[15] = 0x9f, 0x20
	one(Q4_0, cat(h(0.5), nib), map[int]float32{0: 3.5, 16: 0.5, 15: -4, 31: -3, 1: -4})
	one(Q4_1, cat(h(0.5), h(-1), nib), map[int]float32{0: 6.5, 16: 3.5, 15: -1, 31: 0})
	high := []byte{1, 0, 0, 0x80} // weights 0 and 31
	one(Q5_0, cat(h(1), high, nib), map[int]float32{0: 15, 16: -7, 15: -16, 31: 2})
	one(Q5_1, cat(h(1), h(2), high, nib), map[int]float32{0: 33, 16: 11, 15: 2, 31: 20})
	q8 := make([]byte, 32)
	q8[3], q8[31] = 0x80, 7
	one(Q8_0, cat(h(2), q8), map[int]float32{3: -256, 31: 14, 0: 0})

	// Sub-blocks 0 (scale 33, min 2) and 5 (scale 0b110101, min 0b010011).
	sc := make([]byte, 12)
	sc[0], sc[4] = 33, 2
	sc[1], sc[5], sc[9] = 0b11<<6, 0b01<<6, 0b0011<<4|0b0101
	qs := make([]byte, 128)
	qs[0], qs[64+31] = 0x0f, 0xa0
	one(Q4_K, cat(h(0.5), h(0.25), sc, qs), map[int]float32{0: 247, 1: -0.5, 5*32 + 31: 0.5*53*10 - 0.25*19, 5 * 32: -0.25 * 19})
	qh := make([]byte, 32)
	qh[0], qh[31] = 1, 1<<5
	one(Q5_K, cat(h(0.5), h(0.25), sc, qh, qs), map[int]float32{0: 0.5*33*31 - 0.5, 5*32 + 31: 0.5*53*26 - 0.25*19})

	ql, q6h, scales := make([]byte, 128), make([]byte, 64), make([]byte, 16)
	ql[64+32+17] = 0x5a // second half: run 1 low nibble, run 3 high nibble
	q6h[32+17] = 0b10<<2 | 0b01<<6
	scales[8+2*1+1], scales[8+2*3+1] = 3, 0xfe // -2
	one(Q6_K, cat(ql, q6h, scales, h(0.5)), map[int]float32{
		128 + 32 + 17: 0.5 * 3 * (0b101010 - 32), 128 + 96 + 17: 0.5 * -2 * (0b010101 - 32), 128 + 96 + 16: 0.5 * -2 * -32, 0: 0,
	})
}

func TestMatrixCheck(t *testing.T) {
	for _, m := range []Matrix{{Q8_0, 1, 33, make([]byte, 34)}, {Q8_0, 2, 32, make([]byte, 67)}, {Type(99), 1, 1, nil}, {F32, -1, 1, nil}} {
		if m.Check() == nil {
			t.Errorf("%v: no error", m)
		}
	}
	if err := (&Matrix{Q8_0, 2, 32, make([]byte, 68)}).Check(); err != nil {
		t.Error(err)
	}
}
