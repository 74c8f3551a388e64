package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestVectorsAgreeWithReference(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for n := 1; n < 150; n++ {
			x, y, w := random(r, n), random(r, n), random(r, n)
			if n%3 == 0 {
				Scale(30, x) // far into the tails
			}
			fresh := func(v []float32) []float32 { return append([]float32(nil), v...) }
			compare := func(name string, tol float64, got, want []float32) {
				t.Helper()
				if d := difference(got, want); d > tol {
					t.Fatalf("%s, n=%d: relative difference %g", name, n, d)
				}
			}
			var norm float64
			for i := range x {
				norm += math.Abs(float64(x[i] * y[i]))
			}
			if d := math.Abs(float64(Dot(x, y)-dotRef(x, y))) / norm; d > 1e-6 {
				t.Fatalf("Dot, n=%d: difference %g", n, d)
			}
			a, b := fresh(y), fresh(y)
			Axpy(0.7, x, a)
			axpyRef(0.7, x, b)
			compare("Axpy", 1e-6, a, b)
			a, b = fresh(x), fresh(x)
			Scale(-3, a)
			scaleRef(-3, b)
			compare("Scale", 1e-7, a, b)
			Mul(a, x, w, 0.3)
			mulRef(b, x, w, 0.3)
			compare("Mul", 1e-6, a, b)
			if Max(x) != maxRef(x) {
				t.Fatalf("Max, n=%d: %v, want %v", n, Max(x), maxRef(x))
			}
			a, b = fresh(x), fresh(x)
			s, u := ExpSum(a, Max(x)), expSumRef(b, maxRef(x))
			compare("ExpSum", 5e-7, append(a, s), append(b, u))
			a, b = fresh(x), fresh(x)
			SwiGLU(a, a, y)
			swigluRef(b, x, y)
			compare("SwiGLU", 1e-6, a, b)
			a, b = fresh(x), fresh(x)
			GELU(a)
			geluRef(b)
			compare("GELU", 1e-6, a, b)
			var lse float64
			for _, v := range x {
				lse += math.Exp(float64(v) - float64(Max(x)))
			}
			if d := math.Abs(float64(LogSumExp(x)) - math.Log(lse) - float64(Max(x))); d > 1e-5 {
				t.Fatalf("LogSumExp, n=%d: difference %g", n, d)
			}
		}
	})
}

func TestExtremesStayFinite(t *testing.T) {
	levels(t, func(t *testing.T) {
		inf := float32(math.Inf(-1))
		x := []float32{1e4, -1e4, inf, 0, 200, -200, 3, 4, 5e4}
		Softmax(x)
		for i, v := range x {
			want := float32(0)
			if i == 8 {
				want = 1
			}
			if math.Abs(float64(v-want)) > 1e-6 {
				t.Errorf("softmax of %d: %v, want %v", i, v, want)
			}
		}
		g := []float32{1e4, -1e4, 100, -100, 0, 88, -88, 1, 1e30}
		SwiGLU(g, g, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1})
		for i, want := range []float64{1e4, 0, 100, 0, 0, 88, 0, 0.7310586, 1e30} {
			if math.Abs(float64(g[i])-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("silu of %d: %v, want %v", i, g[i], want)
			}
		}
	})
}

// The two pair orders are one rotation seen through a permutation.
func TestRopeOrdersAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const d = 64
	x := random(r, d)
	cos, sin := make([]float32, d/2), make([]float32, d/2)
	for i := range cos {
		a := r.Float64() * 7
		cos[i], sin[i] = float32(math.Cos(a)), float32(math.Sin(a))
	}
	y := make([]float32, d)
	for i := range d / 2 {
		y[2*i], y[2*i+1] = x[i], x[i+d/2]
	}
	RopeHalves(x, cos, sin)
	RopeAdjacent(y, cos, sin)
	for i := range d / 2 {
		if y[2*i] != x[i] || y[2*i+1] != x[i+d/2] {
			t.Fatalf("pair %d differs", i)
		}
	}
}

func TestRMSNormHasUnitMeanSquare(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	x, w := random(r, 100), make([]float32, 100)
	for i := range w {
		w[i] = 2
	}
	RMSNorm(x, x, w, 0)
	if ms := Dot(x, x) / 100; math.Abs(float64(ms)-4) > 1e-5 {
		t.Errorf("mean square %v, want 4", ms)
	}
	b := make([]float32, 100)
	LayerNorm(x, random(r, 100), w, b, 0)
	var sum float32
	for _, v := range x {
		sum += v
	}
	if ms := Dot(x, x) / 100; math.Abs(float64(ms)-4) > 1e-5 || math.Abs(float64(sum)) > 1e-4 {
		t.Errorf("layer norm: mean square %v, sum %v, want 4 and 0", ms, sum)
	}
}
