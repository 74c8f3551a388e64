// Package calibrate turns scores of links into probabilities that can be
// believed: of the links shown with 0.7, seven of ten should be true.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// Example is a scored link that is known to be true or false.
type Example struct {
	Score float32
	Norm  float64 // LogSumExp of the scores of the link's query
	True  bool
}

// Links scores true and false statements, each from both of its ends.
func Links(ctx context.Context, p embed.Predictor, yes, no []dataset.Triple) ([]Example, error) {
	var out []Example
	q, row := make([]float32, p.Rank()), make([]float32, p.Entities())
	half := int32(p.Relations() / 2)
	for i, list := range [][]dataset.Triple{yes, no} {
		for _, t := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for _, d := range []dataset.Triple{t, {H: t.T, R: t.R + half, T: t.H}} {
				p.Query(d.H, d.R, q)
				p.ScoreAll(q, row)
				out = append(out, Example{row[d.T], embed.LogSumExp(row), i == 0})
			}
		}
	}
	return out, nil
}

// Known are statements, by query.
type Known interface{ Tails(h, r int32) []int32 }

// shown is how many candidates of a query stand for what readers are shown.
const shown = 10

// Candidates scores what a reader would be shown: for each query of the held
// out statements, from both ends, the best candidates that train does not
// state. Those that all states are true; the rest counts as false, though some
// of it is only unknown, so probabilities err on the low side.
func Candidates(ctx context.Context, p embed.Predictor, train, all Known, held []dataset.Triple) ([]Example, error) {
	var out []Example
	q, row := make([]float32, p.Rank()), make([]float32, p.Entities())
	half := int32(p.Relations() / 2)
	type key struct{ h, r int32 }
	seen := map[key]bool{}
	for _, t := range held {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, d := range []key{{t.H, t.R}, {t.T, t.R + half}} {
			if seen[d] {
				continue
			}
			seen[d] = true
			p.Query(d.h, d.r, q)
			p.ScoreAll(q, row)
			norm := embed.LogSumExp(row)
			stated, truths := train.Tails(d.h, d.r), all.Tails(d.h, d.r)
			for _, hit := range embed.TopK(row, shown, func(e int32) bool { _, ok := slices.BinarySearch(stated, e); return ok }) {
				_, ok := slices.BinarySearch(truths, hit.Entity)
				out = append(out, Example{hit.Score, norm, ok})
			}
		}
	}
	return out, nil
}

// folds of the cross-validation that Fit reports the error of.
const folds = 5

// Fit fits a calibration by logistic regression. It needs examples of both
// kinds. Against says what the false ones are.
func Fit(examples []Example, against string) (embed.Calibration, error) {
	c, err := fit(examples)
	if err != nil {
		return embed.Calibration{}, err
	}
	c.N, c.Against = len(examples), against
	var probs []float64
	var truths []bool
	for f := range folds {
		var train, test []Example
		for i, x := range examples {
			// Neighbours share a statement or query: they stay together.
			if i/20%folds == f {
				test = append(test, x)
			} else {
				train = append(train, x)
			}
		}
		part, err := fit(train)
		if err != nil {
			return c, nil // too few examples to cross-validate
		}
		for _, x := range test {
			probs, truths = append(probs, part.Probability(x.Score, x.Norm)), append(truths, x.True)
		}
	}
	c.ECE = ECE(probs, truths)
	return c, nil
}

// minExamples of each kind are needed.
const minExamples = 5

func fit(examples []Example) (embed.Calibration, error) {
	n := float64(len(examples))
	var yes float64
	var mean, scale [2]float64
	for _, x := range examples {
		if x.True {
			yes++
		}
		for k, v := range x.features() {
			mean[k] += v / n
		}
	}
	if yes < minExamples || n-yes < minExamples {
		return embed.Calibration{}, fmt.Errorf("%d true and %d false examples are too few to calibrate: %d of each are needed", int(yes), int(n-yes), minExamples)
	}
	for _, x := range examples {
		for k, v := range x.features() {
			scale[k] += (v - mean[k]) * (v - mean[k]) / n
		}
	}
	for k := range scale {
		if scale[k] = math.Sqrt(scale[k]); !(scale[k] > 1e-12) {
			scale[k] = 1
		}
	}
	// Newton's method on standardised features with a little ridge, which
	// keeps separable examples finite.
	const ridge = 1e-3
	var w [3]float64
	for range 50 {
		var g [3]float64
		var h [3][3]float64
		for _, x := range examples {
			f := x.features()
			v := [3]float64{(f[0] - mean[0]) / scale[0], (f[1] - mean[1]) / scale[1], 1}
			p := 1 / (1 + math.Exp(-(w[0]*v[0] + w[1]*v[1] + w[2])))
			y := 0.0
			if x.True {
				y = 1
			}
			for i := range 3 {
				g[i] += (p - y) * v[i] / n
				for j := range 3 {
					h[i][j] += p * (1 - p) * v[i] * v[j] / n
				}
			}
		}
		for i := range 3 {
			g[i] += ridge * w[i]
			h[i][i] += ridge
		}
		step := solve(h, g)
		size := 0.0
		for i := range w {
			w[i] -= step[i]
			size = math.Max(size, math.Abs(step[i]))
		}
		if size < 1e-10 {
			break
		}
	}
	a, b := w[0]/scale[0], w[1]/scale[1]
	c := embed.Calibration{Score: a, Share: b, Bias: w[2] - a*mean[0] - b*mean[1]}
	if math.IsNaN(c.Score + c.Share + c.Bias) {
		return embed.Calibration{}, errors.New("the scores have no finite calibration: the model is not usable")
	}
	if c.Score+c.Share < 0 {
		// More plausible must never be less probable: keep the base rate.
		c.Score, c.Share, c.Bias = 0, 0, math.Log(yes/(n-yes))
	}
	return c, nil
}

// features are what the regression sees.
func (x Example) features() [2]float64 {
	return [2]float64{float64(x.Score), float64(x.Score) - x.Norm}
}

// solve solves a 3x3 system by Gaussian elimination with pivots.
func solve(m [3][3]float64, b [3]float64) [3]float64 {
	for i := range 3 {
		p := i
		for j := i + 1; j < 3; j++ {
			if math.Abs(m[j][i]) > math.Abs(m[p][i]) {
				p = j
			}
		}
		m[i], m[p], b[i], b[p] = m[p], m[i], b[p], b[i]
		for j := i + 1; j < 3; j++ {
			f := m[j][i] / m[i][i]
			for k := i; k < 3; k++ {
				m[j][k] -= f * m[i][k]
			}
			b[j] -= f * b[i]
		}
	}
	var x [3]float64
	for i := 2; i >= 0; i-- {
		x[i] = b[i]
		for j := i + 1; j < 3; j++ {
			x[i] -= m[i][j] * x[j]
		}
		x[i] /= m[i][i]
	}
	return x
}

// Probabilities applies a calibration to examples.
func Probabilities(c embed.Calibration, examples []Example) (probs []float64, truths []bool) {
	for _, x := range examples {
		probs, truths = append(probs, c.Probability(x.Score, x.Norm)), append(truths, x.True)
	}
	return probs, truths
}

// Bin is one bin of a reliability curve.
type Bin struct {
	N           int     `json:"n"`
	Probability float64 `json:"probability"` // mean of what was said
	True        float64 `json:"true"`        // share that was true
}

// bins of equal width over [0, 1].
const bins = 10

// Reliability compares what was said with what was true.
func Reliability(probs []float64, truths []bool) [bins]Bin {
	var out [bins]Bin
	for i, p := range probs {
		b := &out[min(bins-1, int(p*bins))]
		b.N++
		b.Probability += p
		if truths[i] {
			b.True++
		}
	}
	for i := range out {
		if n := float64(out[i].N); n > 0 {
			out[i].Probability /= n
			out[i].True /= n
		}
	}
	return out
}

// ECE is the expected calibration error: the mean distance between what was
// said and what was true, over the bins.
func ECE(probs []float64, truths []bool) float64 {
	if len(probs) == 0 {
		return 0
	}
	sum := 0.0
	for _, b := range Reliability(probs, truths) {
		sum += float64(b.N) * math.Abs(b.Probability-b.True)
	}
	return sum / float64(len(probs))
}
