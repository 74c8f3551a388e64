package cqd

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/embed"
)

// Atoms gives the truth of single links.
type Atoms interface {
	// Entities and Relations bound the numbers: relations are directed.
	Entities() int
	Relations() int
	// Project raises out[t] to the greatest truth of "source and r(source, t)"
	// over the sources, which come most plausible first, and sets from[t] to
	// the source that gives it. Equal truths keep the earlier source.
	Project(src []Source, r int32, norm Norm, out []float32, from []int32)
	// Follow is Project along the links that the graph states alone.
	Follow(src []Source, r int32, out []float32, from []int32)
	// Truth is the log truth of one link.
	Truth(h, r, t int32) float32
	// Stated reports whether the graph states the link.
	Stated(h, r, t int32) bool
}

// Stated are the links that a graph states. dataset.Index is one.
type Stated interface {
	// Tails returns the tails of (h, r), sorted; the caller must not change
	// them.
	Tails(h, r int32) []int32
}

// Nothing states nothing.
type Nothing struct{}

// Tails is empty.
func (Nothing) Tails(_, _ int32) []int32 { return nil }

// Scale is how raw scores become truths.
type Scale uint8

// Scales.
const (
	// Sigmoid takes a score as log odds.
	Sigmoid Scale = iota
	// MinMax stretches the scores of a row to [0.01, 1].
	MinMax
	// Softmax is a score's share of its row.
	Softmax
	// Raw takes positive scores as they are. They are no truths: only products
	// and minima of positive queries make sense. It is what the first CQD
	// results were measured with.
	Raw
)

var scaleNames = [...]string{"sigmoid", "minmax", "softmax", "raw"}

// String is the scale's name on the command line.
func (s Scale) String() string { return scaleNames[s] }

// ParseScale reads a scale's name.
func ParseScale(s string) (Scale, error) {
	if i := slices.Index(scaleNames[:], s); i >= 0 {
		return Scale(i), nil
	}
	return 0, fmt.Errorf("no scale is called %q; there are sigmoid, minmax, softmax and raw", s)
}

// rawFloor stands for scores that are not positive, and minMaxFloor for the
// worst score of a row.
const (
	rawFloor    = 1e-9
	minMaxFloor = 0.01
)

// Scored takes truths from a predictor's scores. Every row is dense, so a hop
// should keep a beam.
type Scored struct {
	Predictor embed.Predictor
	Scale     Scale
	// Adapter makes the scores of different relations comparable; nil for
	// none. It needs Sigmoid or Softmax: MinMax undoes it.
	Adapter *Adapter
	// Calibration turns scores into probabilities; if set, Scale and Adapter
	// are not used.
	Calibration *embed.Calibration
	// Known are links whose truth is one; nil for none.
	Known Stated
	// Excluded are links whose truth is zero unless Known has them; nil for
	// none.
	Excluded Stated

	scratch sync.Pool
}

// chunk is how many rows are scored at a time.
const chunk = 16

// Entities is the predictor's.
func (a *Scored) Entities() int { return a.Predictor.Entities() }

// Relations is the predictor's.
func (a *Scored) Relations() int { return a.Predictor.Relations() }

// Stated reports whether Known has the link.
func (a *Scored) Stated(h, r, t int32) bool { return stated(a.Known, h, r, t) }

func stated(known Stated, h, r, t int32) bool {
	if known == nil {
		return false
	}
	_, ok := slices.BinarySearch(known.Tails(h, r), t)
	return ok
}

// Truth is the log truth of one link.
func (a *Scored) Truth(h, r, t int32) float32 {
	if a.Stated(h, r, t) {
		return 0
	}
	buf := a.buffer(1)
	defer a.scratch.Put(buf)
	row := a.scores(buf, []Source{{Entity: h}}, r)
	slope, shift, sigmoid := a.affine(r, row)
	if stated(a.Excluded, h, r, t) {
		return impossible
	}
	if sigmoid {
		return float32(LogSigmoid(slope*float64(row[t]) + shift))
	}
	a.scale(row, slope, shift)
	return row[t]
}

type buffer struct{ q, scores []float32 }

func (a *Scored) buffer(rows int) *buffer {
	b, ok := a.scratch.Get().(*buffer)
	if !ok {
		b = &buffer{}
	}
	if need := rows * a.Predictor.Rank(); len(b.q) < need {
		b.q = make([]float32, need)
	}
	if need := rows * a.Entities(); len(b.scores) < need {
		b.scores = make([]float32, need)
	}
	return b
}

// scores returns the raw scores of r from every source, one row after another.
func (a *Scored) scores(b *buffer, src []Source, r int32) []float32 {
	return score(a.Predictor, b, src, r)
}

func score(p embed.Predictor, b *buffer, src []Source, r int32) []float32 {
	n, rank := p.Entities(), p.Rank()
	q, out := b.q[:len(src)*rank], b.scores[:len(src)*n]
	for i, s := range src {
		p.Query(s.Entity, r, q[i*rank:(i+1)*rank])
	}
	if batch, ok := p.(embed.BatchPredictor); ok && len(src) > 1 {
		batch.ScoreBatch(q, out)
		return out
	}
	for i := range src {
		p.ScoreAll(q[i*rank:(i+1)*rank], out[i*n:(i+1)*n])
	}
	return out
}

// affine returns the map of a row's scores that goes before its scale, and
// whether the scale is the sigmoid.
func (a *Scored) affine(r int32, row []float32) (slope, shift float64, sigmoid bool) {
	if c := a.Calibration; c != nil {
		return c.Score + c.Share, c.Bias - c.Share*embed.LogSumExp(row), true
	}
	slope, shift = 1, 0
	if a.Adapter != nil {
		slope, shift = a.Adapter.Affine(r)
	}
	return slope, shift, a.Scale == Sigmoid
}

// scale turns a row of scores into log truths, in place, for the scales that
// look at the whole row.
func (a *Scored) scale(row []float32, slope, shift float64) {
	switch a.Scale {
	case Sigmoid:
		for i, s := range row {
			row[i] = float32(LogSigmoid(slope*float64(s) + shift))
		}
	case MinMax:
		lo, hi := slices.Min(row), slices.Max(row)
		by := 1 / math.Max(float64(hi-lo), 1e-30)
		for i, s := range row {
			row[i] = float32(math.Log(math.Max(minMaxFloor, float64(s-lo)*by)))
		}
	case Softmax:
		for i, s := range row {
			row[i] = float32(slope*float64(s) + shift)
		}
		norm := embed.LogSumExp(row)
		for i, s := range row {
			row[i] = float32(float64(s) - norm)
		}
	case Raw:
		for i, s := range row {
			row[i] = float32(math.Log(math.Max(rawFloor, slope*float64(s)+shift)))
		}
	}
}

// Project scores all sources against all entities.
func (a *Scored) Project(src []Source, r int32, norm Norm, out []float32, from []int32) {
	n := a.Entities()
	for len(src) > 0 {
		part := src[:min(chunk, len(src))]
		src = src[len(part):]
		buf := a.buffer(len(part))
		scores := a.scores(buf, part, r)
		for i, s := range part {
			a.raise(s, r, norm, scores[i*n:(i+1)*n], out, from)
		}
		a.scratch.Put(buf)
	}
}

func (a *Scored) raise(src Source, r int32, norm Norm, row, out []float32, from []int32) {
	slope, shift, sigmoid := a.affine(r, row)
	h, w := src.Entity, src.Truth
	var excluded []int32
	if a.Excluded != nil {
		excluded = a.Excluded.Tails(h, r)
	}
	if sigmoid {
		for _, t := range excluded {
			row[t] = impossible
		}
		// ln σ(z) <= min(0, z), and no norm exceeds its arguments: most links
		// of the later sources are dismissed without an exponential.
		m, c := float32(slope), float32(shift)
		for t, s := range row {
			z := m*s + c
			bound := min(w, z)
			if norm == Product {
				bound = w + min(0, z)
			}
			if bound <= out[t] {
				continue
			}
			// The bound is rounded; the truth is not.
			if x := float32(norm.And(float64(w), LogSigmoid(slope*float64(s)+shift))); x > out[t] {
				out[t], from[t] = x, h
			}
		}
	} else {
		a.scale(row, slope, shift)
		for _, t := range excluded {
			row[t] = impossible
		}
		for t, l := range row {
			if x := float32(norm.And(float64(w), float64(l))); x > out[t] {
				out[t], from[t] = x, h
			}
		}
	}
	follow(a.Known, []Source{src}, r, out, from)
}

// Follow goes along what Known has.
func (a *Scored) Follow(src []Source, r int32, out []float32, from []int32) {
	follow(a.Known, src, r, out, from)
}

func follow(known Stated, src []Source, r int32, out []float32, from []int32) {
	if known == nil {
		return
	}
	for _, s := range src {
		for _, t := range known.Tails(s.Entity, r) {
			if s.Truth > out[t] {
				out[t], from[t] = s.Truth, s.Entity
			}
		}
	}
}
