package verify

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

func list(ns ...constrain.Node) constrain.Result { return constrain.Result{Nodes: ns} }

func TestGroups(t *testing.T) {
	// Two drafts agree on {1,2}, one overlaps, the likeliest single one does not.
	gs := Groups([]Outcome{
		{list(9), 0.34},
		{list(1, 2), 0.25},
		{list(1, 2), 0.20},
		{list(1, 2, 3), 0.21},
	})
	if len(gs) != 3 || gs[0].Drafts[0] != 1 || len(gs[0].Drafts) != 2 {
		t.Fatalf("%+v", gs)
	}
	if want := 0.45 + 0.21*0.8; math.Abs(gs[0].Gain-want) > 1e-12 {
		t.Errorf("gain %g, want %g", gs[0].Gain, want)
	}
	// Numbers agree by value, yes is not a number, a count is not a list.
	count := constrain.Result{Kind: constrain.Count, Number: 3, Nodes: constrain.Set{1, 2, 3}}
	sum := constrain.Result{Kind: constrain.Sum, Number: 3}
	yes := constrain.Result{Kind: constrain.Ask, Bool: true}
	gs = Groups([]Outcome{{count, 0.3}, {sum, 0.3}, {yes, 0.3}, {list(1, 2, 3), 0.1}})
	if len(gs) != 3 || gs[0].Weight != 0.6 {
		t.Errorf("%+v", gs)
	}
	if len(Groups(nil)) != 0 {
		t.Error("groups of nothing")
	}
}

func TestF1(t *testing.T) {
	for _, c := range []struct {
		a, b constrain.Result
		want float64
	}{
		{list(), list(), 1}, {list(1), list(), 0}, {list(1, 2), list(2, 3), 0.5}, {list(1), list(1), 1},
		{constrain.Result{Kind: constrain.Ask}, constrain.Result{Kind: constrain.Ask, Bool: true}, 0},
	} {
		if got := F1(c.a, c.b); got != c.want {
			t.Errorf("F1(%v, %v) = %g, want %g", c.a, c.b, got, c.want)
		}
	}
}

// TestCalibration: the confidence of a signal that tells p(right) is near it.
func TestCalibration(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []Sample {
		var out []Sample
		for range n {
			p := rng.Float64()
			out = append(out, Sample{Signals: Signals{Weight: p, Fit: rng.NormFloat64(), D: rng.NormFloat64()}, Right: rng.Float64() < p})
		}
		return out
	}
	c, err := Calibrate(draw(4000), "test")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = ReadCalibrator(b); err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for _, p := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
		got := c.Confidence(Signals{Weight: p})
		if math.Abs(got.Value-p) > 0.12 {
			t.Errorf("confidence %g for p = %g", got.Value, p)
		}
		if got.Value < last || got.Low > got.Value || got.High < got.Value || got.N != 4000 {
			t.Errorf("%+v", got)
		}
		last = got.Value
	}
	if _, err := Calibrate(draw(10), "test"); err == nil {
		t.Error("ten samples were enough")
	}
	for _, bad := range []string{"", "{}", `{"weights":[1]}`} {
		if _, err := ReadCalibrator([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestThreshold(t *testing.T) {
	for _, c := range []struct{ cost, feasible, want float64 }{{1, 1, 0.5}, {10, 1, 10.0 / 11}, {0, 1, 0}, {1, 0.5, 0.75}} {
		if got := Threshold(c.cost, c.feasible); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Threshold(%g, %g) = %g, want %g", c.cost, c.feasible, got, c.want)
		}
	}
}

func TestWilson(t *testing.T) {
	low, high := Wilson(94, 100)
	if low < 0.87 || low > 0.88 || high < 0.97 || high > 0.98 { // 0.8752, 0.9722
		t.Errorf("Wilson(94, 100) = %g, %g", low, high)
	}
	if l, h := Wilson(0, 0); l != 0 || h != 1 {
		t.Error(l, h)
	}
}

// TestPromise: the bound is kept on fresh questions, and a looser bound lets more
// answers through.
func TestPromise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) []counted {
		var out []counted
		for range n {
			x := rng.Float64()
			p := 1 - x*x
			out = append(out, counted{p, rng.Float64() < p})
		}
		return out
	}
	broken := 0
	const trials = 60
	for range trials {
		strict, ok := promise(draw(1500), 0.1, 0.05)
		loose, ok2 := promise(draw(1500), 0.3, 0.05)
		if !ok || !ok2 || loose.From >= strict.From {
			t.Fatalf("%+v %v %+v %v", strict, ok, loose, ok2)
		}
		given, wrong := 0, 0
		for _, x := range draw(20000) {
			if x.raw >= strict.From {
				given++
				if !x.right {
					wrong++
				}
			}
		}
		if float64(wrong) > 0.1*float64(given) {
			broken++
		}
	}
	if broken > trials/10 { // 0.05 is promised
		t.Errorf("the promise was broken in %d of %d trials", broken, trials)
	}
	if _, ok := promise(draw(30), 0.01, 0.05); ok {
		t.Error("thirty questions promised one in a hundred")
	}
}

func TestUpperBound(t *testing.T) {
	// Clopper-Pearson, one-sided 95 %: 0 of 10 is 1 - 0.05^(1/10).
	for _, c := range []struct {
		wrong, n int
		want     float64
	}{{0, 10, 0.2589}, {1, 20, 0.2161}, {5, 50, 0.1988}, {3, 3, 1}} {
		if got := UpperBound(c.wrong, c.n, 0.05); math.Abs(got-c.want) > 5e-4 {
			t.Errorf("UpperBound(%d, %d) = %.4f, want %.4f", c.wrong, c.n, got, c.want)
		}
	}
}

// TestSolve: against the product it came from.
func TestSolve(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 8
	b := make([][]float64, n) // a = b b' + 1
	a := make([][]float64, n)
	for i := range n {
		b[i], a[i] = make([]float64, n), make([]float64, n)
		for j := range n {
			b[i][j] = rng.NormFloat64()
		}
	}
	for i := range n {
		for j := range n {
			for k := range n {
				a[i][j] += b[i][k] * b[j][k]
			}
		}
		a[i][i]++
	}
	want, y := make([]float64, n), make([]float64, n)
	for i := range n {
		want[i] = rng.NormFloat64()
	}
	for i := range n {
		for j := range n {
			y[i] += a[i][j] * want[j]
		}
	}
	for i, x := range solve(a, y) {
		if math.Abs(x-want[i]) > 1e-9 {
			t.Errorf("x[%d] = %g, want %g", i, x, want[i])
		}
	}
}
