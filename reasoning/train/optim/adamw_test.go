package optim

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reference is the algorithm as printed (Loshchilov and Hutter 2019, algorithm
// 2), in float64.
func reference(c Config, w, m, v, g []float64, step int, decays func(i int) bool) {
	var n float64
	for _, x := range g {
		n += x * x
	}
	n = math.Sqrt(n)
	for i, x := range g {
		if n > c.Clip {
			x *= c.Clip / n
		}
		m[i] = c.Beta1*m[i] + (1-c.Beta1)*x
		v[i] = c.Beta2*v[i] + (1-c.Beta2)*x*x
		mh := m[i] / (1 - math.Pow(c.Beta1, float64(step)))
		vh := v[i] / (1 - math.Pow(c.Beta2, float64(step)))
		if decays(i) {
			w[i] -= c.Rate(step-1) * c.WeightDecay * w[i]
		}
		w[i] -= c.Rate(step-1) * mh / (math.Sqrt(vh) + c.Eps)
	}
}

func TestUpdateAgreesWithTheAlgorithm(t *testing.T) {
	const n = 50
	c := Config{Steps: 100, Warmup: 7, LR: 0.01, WeightDecay: 0.3}
	o, err := New(c, n)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	w32, g32 := make([]float32, n), make([]float32, n)
	w, m, v, g := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range w {
		w32[i] = float32(r.NormFloat64())
		w[i] = float64(w32[i])
	}
	for step := 1; step <= 100; step++ {
		for i := range g {
			g32[i] = float32(r.NormFloat64() * 0.3)
			g[i] = float64(g32[i])
		}
		o.Update(w32, g32, [][2]int{{10, 30}})
		reference(o.Config, w, m, v, g, step, func(i int) bool { return i >= 10 && i < 30 })
		for i := range w {
			if math.Abs(w[i]-float64(w32[i])) > 2e-5 {
				t.Fatalf("step %d, weight %d: %g, want %g", step, i, w32[i], w[i])
			}
			if g32[i] != 0 {
				t.Fatalf("step %d: gradient %d not cleared", step, i)
			}
		}
	}
}

func TestRate(t *testing.T) {
	c := Config{LR: 1, Warmup: 10, Steps: 110}
	for step, want := range map[int]float64{0: 0.1, 9: 1, 10: 1, 60: 0.5, 109: 0.01, 110: 0, 200: 0} {
		if got := c.Rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("rate of step %d is %g, want %g", step, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, {Steps: 5, LR: -1}, {Steps: 5, Beta2: 1}} {
		if _, err := New(c, 1); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
