package codec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// eachLevel runs a test with every family of kernels of this machine.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	best := level
	defer func() { level = best }()
	for l := cpu.Portable; l <= best; l++ {
		level = l
		t.Run(l.String(), f)
	}
}

func difference(a, b []float32) float64 {
	var top, scale float64
	for i := range a {
		top = max(top, math.Abs(float64(a[i]-b[i])))
		scale = max(scale, math.Abs(float64(b[i])))
	}
	return top / max(scale, 1e-30)
}

func TestBlockScoresAgreeWithReference(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			m, dim, lds := 1+r.IntN(9), []int{4, 16, 64, 96, 6}[r.IntN(5)], BlockTokens+r.IntN(3)
			q, keys := random(r, m*dim), random(r, dim*BlockTokens)
			half := make([]cpu.Half, len(keys))
			for i, x := range keys {
				half[i] = tensor.FloatToHalf(x)
				keys[i] = tensor.HalfToFloat(half[i])
			}
			want, one, two := make([]float32, m*lds), make([]float32, m*lds), make([]float32, m*lds)
			blockScoresRef(m, dim, q, keys, want, lds)
			BlockScores(m, dim, q, keys, one, lds)
			BlockScores(m, dim, q, half, two, lds)
			if d := max(difference(one, want), difference(two, want)); d > 2e-6 {
				t.Fatalf("%d rows of %d: difference %g", m, dim, d)
			}
			i := r.IntN(m)
			alone := make([]float32, BlockTokens)
			BlockScores(1, dim, q[i*dim:], half, alone, BlockTokens)
			if !slices.Equal(alone, two[i*lds:i*lds+BlockTokens]) {
				t.Fatalf("row %d of %d alone gets other bits", i, m)
			}
		}
	})
}

func TestWalshHadamard(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 8))
		for n := 1; n <= 256; n *= 2 {
			x := random(r, n)
			want, got := slices.Clone(x), slices.Clone(x)
			walshHadamardRef(want)
			WalshHadamard(got)
			if d := difference(got, want); d > 1e-6 {
				t.Errorf("%d numbers: off by %g", n, d)
			}
			WalshHadamard(got)
			if d := difference(got, x); d > 1e-6 {
				t.Errorf("%d numbers, twice: off by %g", n, d)
			}
		}
	})
	x := []float32{1, 2, 3, 4}
	if WalshHadamard(x); !slices.Equal(x, []float32{5, -1, -2, 0}) {
		t.Errorf("the transform of 1, 2, 3, 4 is %v", x)
	}
}
