package rank

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSoftmax(t *testing.T) {
	p := Softmax([]float64{1000, 1000, math.Inf(-1)})
	if p[0] != 0.5 || p[1] != 0.5 || p[2] != 0 {
		t.Error(p)
	}
	if len(Softmax(nil)) != 0 {
		t.Error("softmax of nothing")
	}
}

// random groups in which one feature tells the right draft and the others are
// noise.
func groups(rng *rand.Rand, n int, telling int) []Group {
	var out []Group
	for range n {
		g := Group{}
		right := rng.IntN(8)
		for i := range 8 {
			v := [dim]float64{}
			for k := range v {
				v[k] = rng.NormFloat64()
			}
			v[telling] += 2
			if i != right {
				v[telling] -= 4
			}
			g.Features = append(g.Features, Features{v[0], v[1], v[2], v[3], v[4], v[5]})
			r := 0.0
			if i == right {
				r = 1
			}
			g.Right = append(g.Right, r)
		}
		out = append(out, g)
	}
	return out
}

func TestFitFindsTheTellingFeature(t *testing.T) {
	for telling := range dim {
		rng := rand.New(rand.NewPCG(1, uint64(telling)))
		w := Fit(groups(rng, 200, telling), 1)
		held := groups(rng, 200, telling)
		if got := Expected(w, held); got < 0.85 {
			t.Errorf("feature %d: expected F1 %.2f with %+v", telling, got, w)
		}
		if w != Fit(groups(rand.New(rand.NewPCG(1, uint64(telling))), 200, telling), 1) {
			t.Error("the same data gave other weights")
		}
	}
}

// TestGradient compares the gradient with finite differences.
func TestGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	g := groups(rng, 1, 2)[0]
	g.Right[3] = 0.4
	loss := func(w [dim]float64) float64 {
		var s []float64
		for _, f := range g.Features {
			s = append(s, fromVector(w).Score(f))
		}
		sum := 0.0
		for i, p := range Softmax(s) {
			sum += p * g.Right[i]
		}
		return math.Log(sum)
	}
	w := [dim]float64{0.3, -0.2, 0.5, 0.1, 0.4}
	grad := gradient(w, g)
	for i := range w {
		up, down := w, w
		up[i] += 1e-5
		down[i] -= 1e-5
		if want := (loss(up) - loss(down)) / 2e-5; math.Abs(want-grad[i]) > 1e-6 {
			t.Errorf("gradient %d is %g, differences say %g", i, grad[i], want)
		}
	}
}

func TestNeverBelowTheFloor(t *testing.T) {
	held := groups(rand.New(rand.NewPCG(4, 4)), 100, 3) // d tells
	bad := Weights{SumQ: 5, SumP: 5, PerToken: 5, D: -1}
	if NeverBelow(bad, held) != Floor {
		t.Error("a mix worse than the floor was kept")
	}
	good := Weights{D: 10, Cos: 0}
	if NeverBelow(good, held) != good {
		t.Error("a better mix was dropped")
	}
}
