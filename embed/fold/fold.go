// Package fold gives vectors to entities that a model was not trained on, from
// the statements about them, while everything the model knows stays as it is:
// no retraining.
package fold

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// Link is a statement about a new entity, seen from it: directed relation R
// leads to the known entity Tail.
type Link struct{ R, Tail int32 }

// Options of Vector. Zero values mean the defaults in brackets.
type Options struct {
	Steps     int     // of Adam [120]
	Rate      float64 // [0.05]
	Negatives int     // entities that a true link competes with [24]
	Seed      uint64
}

// maxLinks bounds the statements that are fitted; a hub has more than it needs.
const maxLinks = 256

// Vector fits the vector of an entity to its links, against random entities: as
// the head of each link and as the tail of its inverse. like are known entities
// to start from, such as those that share a link with the new one; without any
// it starts near zero.
func Vector(ctx context.Context, t embed.Differentiable, links []Link, like []int32, o Options) ([]float32, error) {
	if o.Steps == 0 {
		o.Steps = 120
	}
	if o.Rate == 0 {
		o.Rate = 0.05
	}
	if o.Negatives == 0 {
		o.Negatives = 24
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x2545f4914f6cdd1d))
	width, n, half := t.Width(), int32(t.Entities()), int32(t.Relations()/2)
	v := make([]float32, width)
	if len(like) == 0 {
		for i := range v {
			v[i] = float32(rng.NormFloat64() * 1e-2)
		}
	}
	for _, e := range like {
		for i, x := range t.Entity(e) {
			v[i] += x / float32(len(like))
		}
	}
	if len(links) > maxLinks {
		rng.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
		links = links[:maxLinks]
	}
	if len(links) == 0 {
		return v, nil
	}
	grad := make([]float32, width)
	m, s := make([]float64, width), make([]float64, width)
	rivals := make([]int32, o.Negatives+1)
	logits := make([]float64, o.Negatives+1)
	for step := 1; step <= o.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		clear(grad)
		share := 1 / float32(2*len(links))
		for _, l := range links {
			inverse := l.R + half
			if l.R >= half {
				inverse = l.R - half
			}
			rivals[0] = l.Tail
			for i := range rivals[1:] {
				rivals[i+1] = rng.Int32N(n)
			}
			// As a head: the link's tail among random ones.
			for i, e := range rivals {
				logits[i] = float64(t.ScoreVectors(v, l.R, t.Entity(e)))
			}
			softmax(logits)
			for i, e := range rivals {
				t.GradVectors(v, l.R, t.Entity(e), share*float32(logits[i]-truth(i)), grad, nil)
			}
			// As a tail: the new entity among random ones.
			for i, e := range rivals {
				if i == 0 {
					logits[i] = float64(t.ScoreVectors(t.Entity(l.Tail), inverse, v))
				} else {
					logits[i] = float64(t.ScoreVectors(t.Entity(l.Tail), inverse, t.Entity(e)))
				}
			}
			softmax(logits)
			t.GradVectors(t.Entity(l.Tail), inverse, v, share*float32(logits[0]-1), nil, grad)
		}
		b1, b2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.999, float64(step))
		for i, g := range grad {
			x := float64(g)
			m[i] = 0.9*m[i] + 0.1*x
			s[i] = 0.999*s[i] + 0.001*x*x
			v[i] -= float32(o.Rate * (m[i] / b1) / (math.Sqrt(s[i]/b2) + 1e-8))
		}
	}
	return v, nil
}

func truth(i int) float64 {
	if i == 0 {
		return 1
	}
	return 0
}

// softmax turns logits into shares, in place.
func softmax(x []float64) {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

// Extended is a table with further entities, numbered after its own.
type Extended struct {
	*embed.Table
	vectors [][]float32
	rows    [][]float32
}

// Extend returns the table with the given entity vectors added; the table
// itself is not changed.
func Extend(t *embed.Table, vectors [][]float32) *Extended {
	x := &Extended{Table: t, vectors: vectors}
	for _, v := range vectors {
		row := make([]float32, t.Rank())
		t.Model().Row(v, row)
		x.rows = append(x.rows, row)
	}
	return x
}

// Entities counts both kinds.
func (x *Extended) Entities() int { return x.Table.Entities() + len(x.vectors) }

// Entity returns the parameters of an entity of either kind.
func (x *Extended) Entity(e int32) []float32 {
	if n := int32(x.Table.Entities()); e >= n {
		return x.vectors[e-n]
	}
	return x.Table.Entity(e)
}

// Query writes the query vector of (h, r, ?).
func (x *Extended) Query(h, r int32, q []float32) { x.QueryFrom(x.Entity(h), r, q) }

// ScoreAll writes the scores of a query vector against all entities.
func (x *Extended) ScoreAll(q, out []float32) {
	n := x.Table.Entities()
	x.Table.ScoreAll(q, out[:n])
	for i, row := range x.rows {
		out[n+i] = kernel.Dot(q[:len(row)], row)
	}
}

// ScoreBatch writes the scores of qs [n][Rank] against all entities into out
// [n][N].
func (x *Extended) ScoreBatch(qs, out []float32) {
	if len(x.vectors) == 0 {
		x.Table.ScoreBatch(qs, out)
		return
	}
	k, n := x.Rank(), x.Entities()
	for i := 0; (i+1)*k <= len(qs); i++ {
		x.ScoreAll(qs[i*k:(i+1)*k], out[i*n:(i+1)*n])
	}
}

// Score is one entry of ScoreAll.
func (x *Extended) Score(q []float32, e int32) float32 {
	if n := int32(x.Table.Entities()); e >= n {
		return kernel.Dot(q[:x.Rank()], x.rows[e-n])
	}
	return x.Table.Score(q, e)
}

// Sigma is the uncertainty of an entity; new ones have what was fitted.
func (x *Extended) Sigma(e int32) (float64, bool) {
	if e >= int32(x.Table.Entities()) {
		return 0, false
	}
	return x.Table.Sigma(e)
}
