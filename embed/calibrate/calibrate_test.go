package calibrate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// Examples drawn from a known law are calibrated back to it.
func TestFitFindsTheLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	law := embed.Calibration{Score: 0.8, Share: 0.5, Bias: 1.5}
	draw := func(n int) []Example {
		var out []Example
		for range n {
			x := Example{Score: float32(rng.NormFloat64() * 3), Norm: 4 + rng.NormFloat64()}
			x.True = rng.Float64() < law.Probability(x.Score, x.Norm)
			out = append(out, x)
		}
		return out
	}
	c, err := Fit(draw(20000), "made up")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []float64{c.Score - law.Score, c.Share - law.Share, c.Bias - law.Bias} {
		if math.Abs(d) > 0.15 {
			t.Errorf("fitted %+v, want %+v", c, law)
		}
	}
	probs, truths := Probabilities(c, draw(20000))
	if e := ECE(probs, truths); e > 0.02 || c.ECE > 0.02 || c.N != 20000 || c.Against != "made up" {
		t.Errorf("error %v on new examples, %+v", e, c)
	}
	// The raw scores as log odds are worse.
	raw, _ := Probabilities(embed.Calibration{Score: 1}, draw(20000))
	if e := ECE(raw, truths); e < 0.05 {
		t.Errorf("uncalibrated error %v", e)
	}
}

func TestFitRefusesAndSurvives(t *testing.T) {
	if _, err := Fit(nil, ""); err == nil || !strings.Contains(err.Error(), "too few") {
		t.Errorf("no examples: %v", err)
	}
	var apart, same, upside []Example
	for i := range 40 {
		apart = append(apart, Example{Score: float32(i), True: i >= 20})
		same = append(same, Example{Score: 1, Norm: 2, True: i%4 == 0})
		upside = append(upside, Example{Score: float32(i), True: i < 20})
	}
	if c, err := Fit(apart, ""); err != nil || c.Probability(39, 0) < 0.9 || c.Probability(0, 0) > 0.1 {
		t.Errorf("separable: %+v %v", c, err)
	}
	if c, err := Fit(same, ""); err != nil || math.Abs(c.Probability(1, 2)-0.25) > 0.01 {
		t.Errorf("constant scores: %v %v", c.Probability(1, 2), err)
	}
	if c, err := Fit(upside, ""); err != nil || c.Probability(30, 0) < c.Probability(1, 0) {
		t.Errorf("a plausible link is less probable: %+v %v", c, err)
	}
}

func TestECE(t *testing.T) {
	probs := []float64{0.05, 0.05, 0.95, 0.95, 1}
	truths := []bool{false, true, true, true, false}
	// Bins: [0, .1) says .05, is .5; [.9, 1] says .9667, is .6667.
	want := 2.0/5*0.45 + 3.0/5*0.3
	if got := ECE(probs, truths); math.Abs(got-want) > 1e-9 {
		t.Errorf("%v, want %v", got, want)
	}
	if ECE(nil, nil) != 0 {
		t.Error("no examples have an error")
	}
	if r := Reliability(probs, truths); r[0].N != 2 || r[9].N != 3 || r[9].True != 2.0/3 {
		t.Errorf("%+v", r)
	}
}

// fixed is a predictor whose score of (h, r, t) is a table.
type fixed struct {
	embed.Predictor
	n int
}

func (f fixed) Entities() int                 { return f.n }
func (f fixed) Relations() int                { return 2 }
func (f fixed) Rank() int                     { return 2 }
func (f fixed) Query(h, r int32, q []float32) { q[0], q[1] = float32(h), float32(r) }
func (f fixed) ScoreAll(q, out []float32) {
	for t := range out {
		out[t] = -float32(math.Abs(float64(q[0]) + 1 - 2*float64(q[1]) - float64(t)))
	}
}

func TestExamples(t *testing.T) {
	p := fixed{n: 30}
	g := &dataset.Graph{Relations: []string{"next"}}
	links, err := Links(t.Context(), p, []dataset.Triple{{H: 3, T: 4}}, []dataset.Triple{{H: 3, T: 9}})
	if err != nil || len(links) != 4 {
		t.Fatalf("%v %v", links, err)
	}
	for i, want := range []Example{{0, 0, true}, {0, 0, true}, {-5, 0, false}, {-5, 0, false}} {
		if links[i].Score != want.Score || links[i].True != want.True || links[i].Norm < 0 || links[i].Norm > 2 {
			t.Errorf("link %d: %+v", i, links[i])
		}
	}
	held := []dataset.Triple{{H: 3, T: 4}}
	got, err := Candidates(t.Context(), p, g.NewIndex([]dataset.Triple{{H: 3, T: 5}}), g.NewIndex([]dataset.Triple{{H: 3, T: 5}}, held), held)
	if err != nil || len(got) != 2*shown {
		t.Fatalf("%d candidates, %v", len(got), err)
	}
	yes := 0
	for i, x := range got {
		if x.True {
			yes++
		}
		if i < shown && x.Score == -1 && i > 1 && got[1].Score == -1 && got[2].Score == -1 {
			t.Error("the stated tail 5 is among the candidates")
		}
	}
	if yes != 2 || !got[0].True || !got[shown].True {
		t.Errorf("%d true: %+v", yes, got)
	}
}
