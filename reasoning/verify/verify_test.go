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
