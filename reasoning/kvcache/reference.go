package kvcache

import "math"

// Reference is attention in its plainest form and in float64, the slow twin of
// every store: softmax(q·k/√dim) over n keys and the mean of the values with
// these weights. q is [dim], k and v are [n][dim].
func Reference(q, k, v []float64, n int) (out []float64, lse float64) {
	dim := len(q)
	s := make([]float64, n)
	top := math.Inf(-1)
	for t := range s {
		for c, x := range q {
			s[t] += x * k[t*dim+c]
		}
		s[t] /= math.Sqrt(float64(dim))
		top = max(top, s[t])
	}
	out = make([]float64, dim)
	var sum float64
	for t := range s {
		e := math.Exp(s[t] - top)
		sum += e
		for c := range out {
			out[c] += e * v[t*dim+c]
		}
	}
	for c := range out {
		if n > 0 {
			out[c] /= sum
		}
	}
	return out, top + math.Log(sum)
}
