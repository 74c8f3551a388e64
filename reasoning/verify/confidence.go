package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Signals are what the confidence of an answer rests on.
type Signals struct {
	Weight    float64 `json:"weight"`     // of the chosen group
	Margin    float64 `json:"margin"`     // over the second group
	Gain      float64 `json:"gain"`       // expected F1 of the chosen group
	PerToken  float64 `json:"per_token"`  // log p per token of the best draft; 0 without a decoder
	SumQ      float64 `json:"sum_q"`      // of the best draft; 0 without a decoder
	None      float64 `json:"none"`       // log-probability that nothing fits, less that of the best draft
	D         float64 `json:"d"`          // of the best draft
	Cos       float64 `json:"cos"`        // of the best draft
	Fit       float64 `json:"fit"`        // mean fit of its relations to the question
	Missing   float64 `json:"missing"`    // how much better some relation of the graph, not offered here, would fit
	Unused    float64 `json:"unused"`     // share of content words that no part of the draft explains
	Strange   float64 `json:"strange"`    // content words that nothing in the graph holds
	Ambiguous float64 `json:"ambiguous"`  // log of the number of things of the anchor's name that answer
	Link      float64 `json:"link"`       // score of the anchor
	TypeClash float64 `json:"type_clash"` // 1 if "when" gets no date, "how many" no number
	Size      float64 `json:"size"`       // log of the number of answers
}

func (s Signals) vector() []float64 {
	return []float64{s.Weight, s.Margin, s.Gain, s.PerToken, s.SumQ, s.None, s.D, s.Cos, s.Fit, s.Missing, s.Unused, s.Strange, s.Ambiguous, s.Link, s.TypeClash, s.Size, 1}
}

// Calibrator turns signals into the share of right answers among questions that
// looked alike. It is a logistic regression followed by bins of equal size, in
// which right answers were counted on questions that the regression had not
// seen.
type Calibrator struct {
	Model   string    `json:"model"` // the decoder it was made for
	Date    string    `json:"date,omitempty"`
	N       int       `json:"n"` // questions counted
	Mean    []float64 `json:"mean"`
	Scale   []float64 `json:"scale"`
	Weights []float64 `json:"weights"`
	Bins    []Bin     `json:"bins"` // ascending
}

// Bin counts the questions whose raw score is at least From.
type Bin struct {
	From  float64 `json:"from"`
	N     int     `json:"n"`
	Right int     `json:"right"`
}

// Confidence is the calibrated share of right answers, between 0 and 1, with a
// 95 % interval (Wilson) from n questions.
type Confidence struct {
	Value, Low, High float64
	N                int
}

// Sample is one question for calibration.
type Sample struct {
	Signals Signals
	Right   bool // the answer would have been exactly right
}

// Raw is the score before counting, between 0 and 1.
func (c *Calibrator) Raw(s Signals) float64 {
	z := 0.0
	for i, x := range s.vector() {
		if i < len(c.Weights) {
			z += c.Weights[i] * (x - c.Mean[i]) / c.Scale[i]
		}
	}
	return sigmoid(z)
}

// Confidence of an answer with these signals.
func (c *Calibrator) Confidence(s Signals) Confidence {
	raw := c.Raw(s)
	b := c.Bins[0]
	for _, x := range c.Bins {
		if raw >= x.From {
			b = x
		}
	}
	low, high := Wilson(b.Right, b.N)
	// The count of the bin, drawn a little towards a coin toss.
	v := (float64(b.Right) + 1) / (float64(b.N) + 2)
	return Confidence{Value: v, Low: low, High: high, N: c.N}
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Wilson is the 95 % score interval of a share.
func Wilson(right, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.96
	p, m := float64(right)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m)) / (1 + z*z/m)
	return max(0, mid-half), min(1, mid+half)
}

// Threshold is the confidence from which answering pays when a wrong answer
// costs c right ones: p > (c + 1 - f)/(c + 1), where f is the probability that
// the question can be answered at all.
func Threshold(c, f float64) float64 { return (c + 1 - f) / (c + 1) }

// Calibrate fits a calibrator. Odd samples fit the regression, even ones fill
// the bins.
func Calibrate(samples []Sample, model string) (*Calibrator, error) {
	if len(samples) < 40 {
		return nil, fmt.Errorf("verify: %d questions are too few to calibrate on; give at least 40", len(samples))
	}
	c := &Calibrator{Model: model, N: len(samples)}
	var fit, count []Sample
	for i, s := range samples {
		if i%2 == 1 {
			fit = append(fit, s)
		} else {
			count = append(count, s)
		}
	}
	d := len(Signals{}.vector())
	c.Mean, c.Scale, c.Weights = make([]float64, d), make([]float64, d), make([]float64, d)
	for _, s := range fit {
		for i, x := range s.Signals.vector() {
			c.Mean[i] += x / float64(len(fit))
		}
	}
	for _, s := range fit {
		for i, x := range s.Signals.vector() {
			c.Scale[i] += (x - c.Mean[i]) * (x - c.Mean[i]) / float64(len(fit))
		}
	}
	for i := range c.Scale {
		c.Scale[i] = math.Sqrt(c.Scale[i])
		if c.Scale[i] < 1e-9 {
			c.Scale[i] = 1
		}
	}
	c.Mean[d-1], c.Scale[d-1] = 0, 1 // the constant
	// Full-batch gradient ascent with momentum on the penalised likelihood; the
	// problem is convex and small.
	velocity := make([]float64, d)
	for range 3000 {
		grad := make([]float64, d)
		for _, s := range fit {
			y := 0.0
			if s.Right {
				y = 1
			}
			e := y - c.Raw(s.Signals)
			for i, x := range s.Signals.vector() {
				grad[i] += e * (x - c.Mean[i]) / c.Scale[i] / float64(len(fit))
			}
		}
		for i := range grad {
			if i < d-1 {
				grad[i] -= 0.003 * c.Weights[i]
			}
			velocity[i] = 0.9*velocity[i] + grad[i]
			c.Weights[i] += 0.1 * velocity[i]
		}
	}
	type scored struct {
		raw   float64
		right bool
	}
	var all []scored
	for _, s := range count {
		all = append(all, scored{c.Raw(s.Signals), s.Right})
	}
	slices.SortFunc(all, func(a, b scored) int {
		switch {
		case a.raw < b.raw:
			return -1
		case a.raw > b.raw:
			return 1
		}
		return 0
	})
	bins := min(10, len(all)/20)
	if bins == 0 {
		bins = 1
	}
	for b := range bins {
		from, to := b*len(all)/bins, (b+1)*len(all)/bins
		bin := Bin{From: all[from].raw, N: to - from}
		if b == 0 {
			bin.From = 0
		}
		for _, s := range all[from:to] {
			if s.right {
				bin.Right++
			}
		}
		c.Bins = append(c.Bins, bin)
	}
	c.monotone()
	return c, nil
}

// monotone joins neighbouring bins until a higher score never means fewer right
// answers (pool adjacent violators).
func (c *Calibrator) monotone() {
	var out []Bin
	for _, b := range c.Bins {
		out = append(out, b)
		for len(out) > 1 {
			x, y := out[len(out)-2], out[len(out)-1]
			if x.Right*y.N <= y.Right*x.N {
				break
			}
			out = append(out[:len(out)-2], Bin{x.From, x.N + y.N, x.Right + y.Right})
		}
	}
	c.Bins = out
}

// ReadCalibrator reads what json.Marshal wrote of a calibrator.
func ReadCalibrator(b []byte) (*Calibrator, error) {
	var c Calibrator
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("verify: calibration: %w", err)
	}
	d := len(Signals{}.vector())
	if len(c.Weights) != d || len(c.Mean) != d || len(c.Scale) != d || len(c.Bins) == 0 {
		return nil, errors.New("verify: calibration is of another version; make a new one with train calibrator")
	}
	for _, s := range c.Scale {
		if s == 0 {
			return nil, errors.New("verify: calibration has a scale of zero")
		}
	}
	return &c, nil
}
