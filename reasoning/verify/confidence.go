package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Calibrator turns signals into two shares, counted on questions that looked
// alike: how often the answer was right, and how often the question could be
// answered at all. Both come from a logistic regression whose scores are then
// counted, by folds, on questions that it had not seen.
type Calibrator struct {
	Model    string `json:"model"` // the decoder it was made for
	Date     string `json:"date,omitempty"`
	N        int    `json:"n"` // questions counted
	Correct  Head   `json:"correct"`
	Feasible Head   `json:"feasible"`
	// Promises bound the share of wrong answers among those that are given.
	Promises []Promise `json:"promises"`
}

// Head is one probability: a logistic regression followed by bins in which
// outcomes were counted.
type Head struct {
	Mean    []float64 `json:"mean"`
	Scale   []float64 `json:"scale"`
	Weights []float64 `json:"weights"`
	Bins    []Bin     `json:"bins"` // ascending
}

// Bin counts the questions whose raw score is at least From; Mid is their mean
// score.
type Bin struct {
	From  float64 `json:"from"`
	Mid   float64 `json:"mid"`
	N     int     `json:"n"`
	Right int     `json:"right"`
}

// Promise is a threshold with a guarantee: of answers whose confidence is at
// least From, at most the share Error is wrong, unless the calibration questions
// were unlucky, the chance of which is at most Delta. It holds for questions
// drawn as the N calibration questions were.
type Promise struct {
	Error float64 `json:"error"`
	Delta float64 `json:"delta"`
	From  float64 `json:"from"`
	N     int     `json:"n"`     // calibration questions above From
	Wrong int     `json:"wrong"` // of them
}

// Confidence is the calibrated share of right answers, between 0 and 1, with a
// 95 % interval (Wilson) from n questions.
type Confidence struct {
	Value, Low, High float64
	// Feasible is the probability that the question can be answered at all.
	Feasible float64
	N        int
}

// Sample is one question for calibration.
type Sample struct {
	Signals    Signals `json:"signals"`
	Right      bool    `json:"right"`      // the answer would have been exactly right
	Infeasible bool    `json:"infeasible"` // the graph cannot answer it
	Set        string  `json:"set,omitempty"`
	Kind       string  `json:"kind,omitempty"` // of what was taken away
}

// raw is the score before counting, between 0 and 1.
func (h *Head) raw(s Signals) float64 {
	z := 0.0
	for i, x := range s.vector() {
		if i < len(h.Weights) {
			z += h.Weights[i] * (x - h.Mean[i]) / h.Scale[i]
		}
	}
	return 1 / (1 + math.Exp(-z))
}

// share is the counted share at a score: that of its bin, drawn a little towards
// a coin toss, and between the middles of two bins on the line between them.
func (h *Head) share(raw float64) (value float64, bin Bin) {
	at := 0
	for i, x := range h.Bins {
		if raw >= x.From {
			at = i
		}
	}
	of := func(b Bin) float64 { return (float64(b.Right) + 1) / (float64(b.N) + 2) }
	bin = h.Bins[at]
	lo, hi := at, at
	if raw < bin.Mid {
		lo = max(at-1, 0)
	} else {
		hi = min(at+1, len(h.Bins)-1)
	}
	a, b := h.Bins[lo], h.Bins[hi]
	if b.Mid <= a.Mid {
		return of(bin), bin
	}
	t := min(max((raw-a.Mid)/(b.Mid-a.Mid), 0), 1)
	return of(a) + t*(of(b)-of(a)), bin
}

// Confidence of an answer with these signals.
func (c *Calibrator) Confidence(s Signals) Confidence {
	value, bin := c.Correct.share(c.Correct.raw(s))
	low, high := Wilson(bin.Right, bin.N)
	feasible, _ := c.Feasible.share(c.Feasible.raw(s))
	// A right answer needs a question that can be answered.
	return Confidence{Value: value, Low: min(low, value), High: max(high, value), Feasible: max(feasible, value), N: c.N}
}

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
// costs c right ones: answering earns p - c(1-p), refusing 1-f, where f is the
// probability that the question can be answered at all (reliability score of
// TrustSQL). So p > (c + 1 - f)/(c + 1).
func Threshold(c, f float64) float64 { return (c + 1 - f) / (c + 1) }

// folds of the cross-fitting.
const folds = 5

// Calibrate fits a calibrator. Each sample is counted with a regression that was
// fitted without its fold; the regression that is kept saw all.
func Calibrate(samples []Sample, model string) (*Calibrator, error) {
	if len(samples) < 40 {
		return nil, fmt.Errorf("verify: %d questions are too few to calibrate on; give at least 40", len(samples))
	}
	c := &Calibrator{Model: model, N: len(samples)}
	right := func(s *Sample) bool { return s.Right }
	var unseen []counted
	c.Correct, unseen = fitHead(samples, right)
	c.Feasible, _ = fitHead(samples, func(s *Sample) bool { return !s.Infeasible })
	for i := range unseen {
		unseen[i].raw, _ = c.Correct.share(unseen[i].raw)
	}
	for _, e := range []float64{0.02, 0.05, 0.1, 0.2} {
		if p, ok := promise(unseen, e, 0.05); ok {
			c.Promises = append(c.Promises, p)
		}
	}
	return c, nil
}

// counted is a score and what came of it.
type counted struct {
	raw   float64
	right bool
}

// fitHead fits one head and returns the scores of all samples by regressions
// that had not seen them.
func fitHead(samples []Sample, outcome func(*Sample) bool) (Head, []counted) {
	var unseen []counted
	for f := range folds {
		var fit []Sample
		for i, s := range samples {
			if i%folds != f {
				fit = append(fit, s)
			}
		}
		h := regress(fit, outcome)
		for i := f; i < len(samples); i += folds {
			unseen = append(unseen, counted{h.raw(samples[i].Signals), outcome(&samples[i])})
		}
	}
	h := regress(samples, outcome)
	slices.SortStableFunc(unseen, func(a, b counted) int { return cmp.Compare(a.raw, b.raw) })
	n := len(unseen)
	bins := max(min(20, n/25), 1)
	for b := range bins {
		from, to := b*n/bins, (b+1)*n/bins
		bin := Bin{From: unseen[from].raw, N: to - from}
		if b == 0 {
			bin.From = 0
		}
		for _, s := range unseen[from:to] {
			bin.Mid += s.raw / float64(to-from)
			if s.right {
				bin.Right++
			}
		}
		h.Bins = append(h.Bins, bin)
	}
	h.monotone()
	return h, unseen
}

// regress fits a penalised logistic regression by Newton's method; the problem
// is convex and small.
func regress(samples []Sample, outcome func(*Sample) bool) Head {
	d := len(Signals{}.vector())
	h := Head{Mean: make([]float64, d), Scale: make([]float64, d), Weights: make([]float64, d)}
	n := float64(len(samples))
	for _, s := range samples {
		for i, x := range s.Signals.vector() {
			h.Mean[i] += x / n
		}
	}
	for _, s := range samples {
		for i, x := range s.Signals.vector() {
			h.Scale[i] += (x - h.Mean[i]) * (x - h.Mean[i]) / n
		}
	}
	for i := range h.Scale {
		if h.Scale[i] = math.Sqrt(h.Scale[i]); h.Scale[i] < 1e-9 {
			h.Scale[i] = 1
		}
	}
	h.Mean[d-1], h.Scale[d-1] = 0, 1 // the constant
	const penalty = 2.0              // prior variance of a weight: a half
	xs := make([][]float64, len(samples))
	for k := range samples {
		xs[k] = samples[k].Signals.vector()
		for i := range xs[k] {
			xs[k][i] = (xs[k][i] - h.Mean[i]) / h.Scale[i]
		}
	}
	for range 25 {
		grad := make([]float64, d)
		hess := make([][]float64, d)
		for i := range hess {
			hess[i] = make([]float64, d)
		}
		for k, x := range xs {
			z := 0.0
			for i := range x {
				z += h.Weights[i] * x[i]
			}
			p := 1 / (1 + math.Exp(-z))
			e := -p
			if outcome(&samples[k]) {
				e = 1 - p
			}
			for i := range x {
				grad[i] += e * x[i]
				for j := range i + 1 {
					hess[i][j] += p * (1 - p) * x[i] * x[j]
				}
			}
		}
		for i := range d - 1 {
			grad[i] -= penalty * h.Weights[i]
			hess[i][i] += penalty
		}
		hess[d-1][d-1] += 1e-6
		step := solve(hess, grad)
		most := 0.0
		for i, x := range step {
			h.Weights[i] += x
			most = max(most, math.Abs(x))
		}
		if most < 1e-8 {
			break
		}
	}
	return h
}

// solve returns x of a x = b for a symmetric positive definite matrix of which
// the lower triangle is given (Cholesky). It overwrites a.
func solve(a [][]float64, b []float64) []float64 {
	n := len(b)
	for i := range n {
		for j := range i + 1 {
			s := a[i][j]
			for k := range j {
				s -= a[i][k] * a[j][k]
			}
			if i == j {
				a[i][i] = math.Sqrt(max(s, 1e-12))
			} else {
				a[i][j] = s / a[j][j]
			}
		}
	}
	x := slices.Clone(b)
	for i := range n {
		for k := range i {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= a[k][i] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}

// monotone joins neighbouring bins until a higher score never means fewer right
// answers (pool adjacent violators).
func (h *Head) monotone() {
	var out []Bin
	for _, b := range h.Bins {
		out = append(out, b)
		for len(out) > 1 {
			x, y := out[len(out)-2], out[len(out)-1]
			if x.Right*y.N <= y.Right*x.N {
				break
			}
			n := x.N + y.N
			mid := (x.Mid*float64(x.N) + y.Mid*float64(y.N)) / float64(n)
			out = append(out[:len(out)-2], Bin{x.From, mid, n, x.Right + y.Right})
		}
	}
	h.Bins = out
}

// ReadCalibrator reads what json.Marshal wrote of a calibrator.
func ReadCalibrator(b []byte) (*Calibrator, error) {
	var c Calibrator
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("verify: calibration: %w", err)
	}
	d := len(Signals{}.vector())
	for _, h := range []*Head{&c.Correct, &c.Feasible} {
		if len(h.Weights) != d || len(h.Mean) != d || len(h.Scale) != d || len(h.Bins) == 0 {
			return nil, errors.New("verify: calibration is of another version; make a new one with train calibrator")
		}
		if slices.Contains(h.Scale, 0) {
			return nil, errors.New("verify: calibration has a scale of zero")
		}
	}
	return &c, nil
}
