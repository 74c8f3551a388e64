package embed

import "math"

// Calibration turns scores into probabilities by a logistic regression on the
// score and on its share of all scores of the query (log softmax): the first
// says how plausible a statement is by itself, the second how it stands among
// its rivals.
type Calibration struct {
	Score float64 `json:"score"`
	Share float64 `json:"share"`
	Bias  float64 `json:"bias"`
	// N and ECE describe the fit: examples, and the expected calibration error
	// on them by cross-validation.
	N   int     `json:"n"`
	ECE float64 `json:"ece"`
	// Against says what the false examples were.
	Against string `json:"against,omitempty"`
}

// Probability returns the probability of a statement with the given score,
// where norm is LogSumExp of all scores of its query.
func (c Calibration) Probability(score float32, norm float64) float64 {
	z := c.Score*float64(score) + c.Share*(float64(score)-norm) + c.Bias
	return 1 / (1 + math.Exp(-z))
}

// LogSumExp returns ln Σ exp(s) without overflow.
func LogSumExp(scores []float32) float64 {
	top := math.Inf(-1)
	for _, s := range scores {
		top = math.Max(top, float64(s))
	}
	if math.IsInf(top, -1) {
		return top
	}
	var sum float64
	for _, s := range scores {
		sum += math.Exp(float64(s) - top)
	}
	return top + math.Log(sum)
}
