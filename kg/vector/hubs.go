package vector

import (
	"errors"
	"math"
)

// Hubs rescores inner products so that vectors that are near to everything do
// not crowd out the rest (dual-bank normalisation): each score is weighed by
// how the vector scores against a bank of queries and against the gallery
// itself. It keeps two numbers per vector, so a score costs no more than before.
type Hubs struct {
	beta   float64
	offset []float64
	hub    []bool
	// Dynamic corrects only queries whose nearest vector is a hub.
	Dynamic bool
}

// Temperatures of the two banks, from the published code.
const (
	betaQueries = 1 / 1.99
	betaGallery = 3.0
)

// hubK is the k of the diagnostic: how often a vector is among the k nearest.
const hubK = 10

// NewHubs measures a gallery against a bank of queries.
func NewHubs(gallery *Flat, bank [][]float32) (*Hubs, error) {
	n := gallery.Len()
	if n == 0 || len(bank) == 0 {
		return nil, errors.New("hubs need vectors and a bank of queries")
	}
	h := &Hubs{beta: betaQueries + betaGallery, offset: make([]float64, n), hub: make([]bool, n)}
	queries, items := make([]logSum, n), make([]logSum, n)
	for _, q := range bank {
		for _, x := range gallery.Search(q, hubK, nil) {
			h.hub[x.Item] = true
		}
		for g := range int32(n) {
			queries[g].add(betaQueries * float64(dot(q, gallery.Row(g))))
		}
	}
	for b := range int32(n) {
		for g := range int32(n) {
			items[g].add(betaGallery * float64(dot(gallery.Row(b), gallery.Row(g))))
		}
	}
	for g := range h.offset {
		h.offset[g] = queries[g].value() + items[g].value()
	}
	return h, nil
}

// logSum is ln Σ e^x of what was added, without overflow.
type logSum struct {
	top, sum float64
	any      bool
}

func (l *logSum) add(x float64) {
	switch {
	case !l.any:
		*l = logSum{x, 1, true}
	case x <= l.top:
		l.sum += math.Exp(x - l.top)
	default:
		l.sum = l.sum*math.Exp(l.top-x) + 1
		l.top = x
	}
}

func (l *logSum) value() float64 { return l.top + math.Log(l.sum) }

// Search returns the k best vectors by corrected score. Scores are logs.
func (h *Hubs) Search(gallery *Flat, q []float32, k int, keep func(int32) bool) []Hit {
	if h.Dynamic {
		if plain := gallery.Search(q, k, keep); len(plain) == 0 || !h.hub[plain[0].Item] {
			return plain
		}
	}
	best := newHeap(k)
	for g := range int32(gallery.Len()) {
		if keep == nil || keep(g) {
			best.add(g, float32(h.beta*float64(dot(q, gallery.Row(g)))-h.offset[g]))
		}
	}
	return best.sorted()
}

// Hubness says how unevenly answers fall on vectors.
type Hubness struct {
	Skewness float64 `json:"skewness"` // of the number of times a vector is answered
	Max      int     `json:"max"`      // times the most answered one is
	Never    float64 `json:"never"`    // share that is never answered
}

// MeasureHubness counts answers: the hits of many queries over n vectors.
func MeasureHubness(answers [][]Hit, n int) Hubness {
	counts := make([]float64, n)
	for _, hits := range answers {
		for _, x := range hits {
			counts[x.Item]++
		}
	}
	var mean, m2, m3 float64
	out := Hubness{}
	for _, c := range counts {
		mean += c / float64(n)
		out.Max = max(out.Max, int(c))
		if c == 0 {
			out.Never += 1 / float64(n)
		}
	}
	for _, c := range counts {
		d := c - mean
		m2 += d * d / float64(n)
		m3 += d * d * d / float64(n)
	}
	if m2 > 0 {
		out.Skewness = m3 / math.Pow(m2, 1.5)
	}
	return out
}
