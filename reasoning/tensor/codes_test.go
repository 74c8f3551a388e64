package tensor

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

var quantised = []Type{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL}

// Blocks of random bytes with the values that the Python package gguf 0.19.0
// (quants.dequantize) gives for them.
func TestDequantizeAgreesWithGGUF(t *testing.T) {
	b, err := os.ReadFile("testdata/blocks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Type, Hex string
		Values    []float32
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]Type{}
	for _, q := range quantised {
		byName[q.String()] = q
	}
	seen := map[string]bool{}
	for _, c := range all {
		ty, ok := byName[c.Type]
		src, err := hex.DecodeString(c.Hex)
		if !ok || err != nil {
			t.Fatal(c.Type, err)
		}
		seen[c.Type] = true
		got := make([]float32, len(c.Values))
		Dequantize(ty, got, src)
		for i, want := range c.Values {
			if d := math.Abs(float64(got[i] - want)); !(d <= 1e-6*math.Abs(float64(want))+1e-7) {
				t.Fatalf("%s: weight %d is %g, want %g", c.Type, i, got[i], want)
			}
		}
	}
	if len(seen) != len(quantised) {
		t.Errorf("blocks of %d types, want %d", len(seen), len(quantised))
	}
}

var offsets = map[Type]float32{Q4_0: -8, Q5_0: -16, Q8_0: -128, Q3_K: -4, Q6_K: -32}

func TestCodesAgreeWithDequantize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, ty := range quantised {
		n, size := ty.Block()
		for range 50 {
			row := make([]byte, 3*size)
			for i := range row {
				row[i] = byte(r.Uint32())
			}
			want := make([]float32, 3*n)
			Dequantize(ty, want, row)
			codes, scales, mins := make([]byte, 3*n), make([]float32, 3*n/16), make([]float32, 3*n/16)
			Codes(ty, codes, scales, mins, row)
			for i, w := range want {
				c := float64(codes[i]) + float64(offsets[ty])
				if ty == IQ4_NL {
					c = float64(NonLinear[codes[i]])
				}
				got := float64(scales[i/16])*c + float64(mins[i/16])
				if w != w || math.IsInf(float64(w), 0) {
					continue // the scale is no number
				}
				if math.Abs(got-float64(w)) > 1e-6*(math.Abs(float64(scales[i/16])*c)+math.Abs(float64(mins[i/16]))) {
					t.Fatalf("%v: weight %d is %g, want %g", ty, i, got, w)
				}
			}
		}
	}
}
