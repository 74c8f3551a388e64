package cqd

import (
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/embed"
)

// Sparse takes truths from a predictor calibrated by what the graph states
// (QTO): a link's share of its row times the number of tails the graph states
// for the row, cut below Epsilon; what the graph states is certain. Rows are
// sparse, so a hop may go on with every possible entity: the projection is then
// exact. Rows are computed when first needed and cached.
type Sparse struct {
	predictor embed.Predictor
	known     Stated
	epsilon   float64

	scratch sync.Pool
	mu      sync.Mutex
	rows    map[rowKey]sparseRow
	order   []rowKey // by age
	bytes   int
	limit   int
}

type rowKey struct{ h, r int32 }

// sparseRow lists the possible tails of a row and their log truths.
type sparseRow struct {
	tails  []int32
	truths []float32
}

func (r sparseRow) bytes() int { return 8*len(r.tails) + 80 }

// ceiling is the truth of the best link that is not stated.
const ceiling = 0.9999

// DefaultEpsilon is the cut that QTO uses for FB15k-237 and NELL.
const DefaultEpsilon = 2e-4

// NewSparse returns calibrated atoms. known are the statements of the graph the
// predictor was trained on, or what it states now; cacheBytes bounds the rows
// that are kept.
func NewSparse(p embed.Predictor, known Stated, epsilon float64, cacheBytes int) *Sparse {
	if known == nil {
		known = Nothing{}
	}
	return &Sparse{predictor: p, known: known, epsilon: epsilon, rows: map[rowKey]sparseRow{}, limit: cacheBytes}
}

// Entities is the predictor's.
func (a *Sparse) Entities() int { return a.predictor.Entities() }

// Relations is the predictor's.
func (a *Sparse) Relations() int { return a.predictor.Relations() }

// Stated reports whether the graph states the link.
func (a *Sparse) Stated(h, r, t int32) bool { return stated(a.known, h, r, t) }

// Truth is the log truth of one link.
func (a *Sparse) Truth(h, r, t int32) float32 {
	row := a.fetch([]Source{{Entity: h}}, r)[0]
	for i, e := range row.tails {
		if e == t {
			return row.truths[i]
		}
	}
	return impossible
}

// Follow goes along what the graph states.
func (a *Sparse) Follow(src []Source, r int32, out []float32, from []int32) {
	follow(a.known, src, r, out, from)
}

// Project follows all sources.
func (a *Sparse) Project(src []Source, r int32, norm Norm, out []float32, from []int32) {
	for len(src) > 0 {
		part := src[:min(chunk, len(src))]
		src = src[len(part):]
		for i, row := range a.fetch(part, r) {
			h, w := part[i].Entity, part[i].Truth
			for j, t := range row.tails {
				if w <= out[t] { // no norm exceeds its arguments
					continue
				}
				if x := float32(norm.And(float64(w), float64(row.truths[j]))); x > out[t] {
					out[t], from[t] = x, h
				}
			}
		}
	}
}

// fetch returns the rows of the sources, computing those that are not cached.
func (a *Sparse) fetch(src []Source, r int32) []sparseRow {
	rows := make([]sparseRow, len(src))
	var missing []Source
	var at []int
	a.mu.Lock()
	for i, s := range src {
		if row, ok := a.rows[rowKey{s.Entity, r}]; ok {
			rows[i] = row
		} else {
			missing, at = append(missing, s), append(at, i)
		}
	}
	a.mu.Unlock()
	if len(missing) == 0 {
		return rows
	}
	b, ok := a.scratch.Get().(*buffer)
	if !ok {
		b = &buffer{q: make([]float32, chunk*a.predictor.Rank()), scores: make([]float32, chunk*a.Entities())}
	}
	defer a.scratch.Put(b)
	n := a.Entities()
	scores := score(a.predictor, b, missing, r)
	for i, s := range missing {
		rows[at[i]] = a.calibrate(scores[i*n:(i+1)*n], a.known.Tails(s.Entity, r))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range missing {
		key, row := rowKey{s.Entity, r}, rows[at[i]]
		if _, ok := a.rows[key]; ok || row.bytes() > a.limit {
			continue
		}
		for a.bytes+row.bytes() > a.limit && len(a.order) > 0 {
			a.bytes -= a.rows[a.order[0]].bytes()
			delete(a.rows, a.order[0])
			a.order = a.order[1:]
		}
		a.rows[key], a.order = row, append(a.order, key)
		a.bytes += row.bytes()
	}
	return rows
}

// calibrate turns a row of scores into truths.
func (a *Sparse) calibrate(scores []float32, known []int32) sparseRow {
	norm := embed.LogSumExp(scores) - math.Log(math.Max(1, float64(len(known))))
	cut, top := math.Log(a.epsilon), math.Log(ceiling)
	var row sparseRow
	k := 0
	for t, s := range scores {
		x := float64(s) - norm
		if k < len(known) && known[k] == int32(t) {
			x, k = 0, k+1
		} else if x < cut {
			continue
		} else {
			x = math.Min(x, top)
		}
		row.tails, row.truths = append(row.tails, int32(t)), append(row.truths, float32(x))
	}
	return row
}
