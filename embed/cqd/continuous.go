package cqd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quaestor-kg/quaestor/embed"
)

// Continuous answers queries by optimising free vectors for their variables
// (CQD-CO): the truth of the query, with sigmoid atoms, is raised by gradient
// ascent, then entities are ranked by the atoms that touch the answer. Unions
// are taken apart first. A negation counts at its atom: "some v with not r(v,
// x)", where the Evaluator takes the complement of the whole projection.
type Continuous struct {
	Predictor embed.Differentiable
	Norm      Norm
	// Rate and Steps are Adam's; 0 means 0.1 and 1000. Optimisation stops early
	// when the objective moves by less than 1e-9.
	Rate  float64
	Steps int
	// Regulariser weighs the cubes of the variables' moduli, which keeps them
	// where entities are.
	Regulariser float64
	Seed        uint64
}

// conj is a conjunction of atoms over variables; variable 0 is the answer.
type conj struct {
	atoms     []atom
	variables int
	among     []int32 // entities the answer is restricted to
	limited   bool
}

// atom is r(head, tail) or its negation. A head is an entity or a variable.
type atom struct {
	entity   int32 // -1: variable
	variable int
	relation int32
	tail     int
	negated  bool
}

// maxConjunctions bounds what unions unfold to.
const maxConjunctions = 64

// Eval returns the log truth of every entity.
func (c *Continuous) Eval(ctx context.Context, q *Query) ([]float32, error) {
	if err := q.Check(c.Predictor.Entities(), c.Predictor.Relations()); err != nil {
		return nil, err
	}
	cases, err := unfold(q, 0, false, conj{variables: 1})
	if err != nil {
		return nil, err
	}
	var out []float32
	for _, k := range cases {
		truth, err := c.conjunction(ctx, k)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = truth
			continue
		}
		for i, x := range truth {
			out[i] = float32(c.Norm.Or(float64(out[i]), float64(x)))
		}
	}
	return out, nil
}

// unfold adds "variable v answers q" to a conjunction.
func unfold(q *Query, v int, negated bool, to conj) ([]conj, error) {
	switch q.Op {
	case Among:
		if v != 0 || negated || to.limited {
			return nil, errors.New("CQD-CO cannot restrict a variable to a set of entities; use another method")
		}
		to.among, to.limited = q.Members, true
		return []conj{to}, nil
	case Project:
		a := atom{entity: -1, relation: q.Relation, tail: v, negated: negated}
		sub := q.Args[0]
		if sub.Op == Among && len(sub.Members) == 1 {
			a.entity = sub.Members[0]
			return []conj{to.with(a)}, nil
		}
		a.variable = to.variables
		to = to.with(a)
		to.variables++
		return unfold(sub, a.variable, false, to)
	case Not:
		return unfold(q.Args[0], v, !negated, to)
	case Intersect, Union:
		if (q.Op == Union) == negated {
			// All arguments must hold.
			cases := []conj{to}
			for _, arg := range q.Args {
				var next []conj
				for _, k := range cases {
					more, err := unfold(arg, v, negated, k)
					if err != nil {
						return nil, err
					}
					next = append(next, more...)
				}
				cases = next
			}
			return cases, nil
		}
		var cases []conj
		for _, arg := range q.Args {
			more, err := unfold(arg, v, negated, to)
			if err != nil {
				return nil, err
			}
			cases = append(cases, more...)
		}
		if len(cases) > maxConjunctions {
			return nil, fmt.Errorf("the unions of the query unfold to %d conjunctions, more than %d; use another method", len(cases), maxConjunctions)
		}
		return cases, nil
	}
	return nil, ErrShape
}

func (k conj) with(a atom) conj {
	k.atoms = append(k.atoms[:len(k.atoms):len(k.atoms)], a)
	return k
}

// conjunction optimises the variables and ranks the answers.
func (c *Continuous) conjunction(ctx context.Context, k conj) ([]float32, error) {
	vars, err := c.optimise(ctx, k)
	if err != nil {
		return nil, err
	}
	n := c.Predictor.Entities()
	q, scores := make([]float32, c.Predictor.Rank()), make([]float32, n)
	out := make([]float32, n)
	if k.limited {
		out = filled(n, impossible)
		for _, e := range k.among {
			out[e] = 0
		}
	}
	for _, a := range k.atoms {
		if a.tail != 0 {
			// The same for every answer, but not for every case of a union.
			s := float64(c.Predictor.ScoreVectors(c.head(a, vars), a.relation, vars[a.tail]))
			for i := range out {
				out[i] = float32(c.Norm.And(float64(out[i]), truthOf(s, a.negated)))
			}
			continue
		}
		c.Predictor.QueryFrom(c.head(a, vars), a.relation, q)
		c.Predictor.ScoreAll(q, scores)
		for i, s := range scores {
			out[i] = float32(c.Norm.And(float64(out[i]), truthOf(float64(s), a.negated)))
		}
	}
	return out, nil
}

// truthOf is the log truth of a (negated) atom.
func truthOf(score float64, negated bool) float64 {
	if negated {
		return LogSigmoid(-score)
	}
	return LogSigmoid(score)
}

func (c *Continuous) head(a atom, vars [][]float32) []float32 {
	if a.entity >= 0 {
		return c.Predictor.Entity(a.entity)
	}
	return vars[a.variable]
}

// optimise returns the vectors of the variables.
func (c *Continuous) optimise(ctx context.Context, k conj) ([][]float32, error) {
	width := c.Predictor.Width()
	rng := rand.New(rand.NewPCG(c.Seed, 0x9e3779b97f4a7c15))
	vars, grad := make([][]float32, k.variables), make([][]float32, k.variables)
	m, v := make([]float64, k.variables*width), make([]float64, k.variables*width)
	for i := range vars {
		vars[i], grad[i] = make([]float32, width), make([]float32, width)
		for j := range vars[i] {
			vars[i][j] = float32(rng.NormFloat64() * 1e-3)
		}
	}
	if k.variables == 1 {
		return vars, nil // nothing stands between anchors and answer
	}
	rate, steps := c.Rate, c.Steps
	if rate == 0 {
		rate = 0.1
	}
	if steps == 0 {
		steps = 1000
	}
	last := math.Inf(1)
	for step := 1; step <= steps; step++ {
		if step%16 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		loss := c.objective(k, vars, grad)
		if math.Abs(last-loss) <= 1e-9 {
			break
		}
		last = loss
		b1, b2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.999, float64(step))
		for i := range vars {
			for j := range vars[i] {
				g, at := float64(grad[i][j]), i*width+j
				m[at] = 0.9*m[at] + 0.1*g
				v[at] = 0.999*v[at] + 0.001*g*g
				vars[i][j] -= float32(rate * (m[at] / b1) / (math.Sqrt(v[at]/b2) + 1e-8))
			}
		}
	}
	return vars, nil
}

// objective returns minus the truth of the conjunction plus the regulariser,
// and writes its gradient.
func (c *Continuous) objective(k conj, vars, grad [][]float32) float64 {
	for _, g := range grad {
		clear(g)
	}
	truths := make([]float64, len(k.atoms)) // logs
	total := 0.0
	for i, a := range k.atoms {
		truths[i] = truthOf(float64(c.Predictor.ScoreVectors(c.head(a, vars), a.relation, vars[a.tail])), a.negated)
		total = c.Norm.And(total, truths[i])
	}
	truth := math.Exp(total)
	for i, a := range k.atoms {
		// d truth / d score.
		own := math.Exp(truths[i])
		var d float64
		switch c.Norm {
		case Product:
			d = truth * (1 - own)
		case Minimum:
			if truths[i] == total {
				d = own * (1 - own)
			}
		case Lukasiewicz:
			if truth > 0 {
				d = own * (1 - own)
			}
		}
		if a.negated {
			d = -d
		}
		var dhead []float32
		if a.entity < 0 {
			dhead = grad[a.variable]
		}
		c.Predictor.GradVectors(c.head(a, vars), a.relation, vars[a.tail], float32(-d), dhead, grad[a.tail])
	}
	loss := -truth
	if c.Regulariser > 0 {
		for i, v := range vars {
			loss += c.cube(v, grad[i])
		}
	}
	return loss
}

// cube returns the regulariser of one vector and adds its gradient.
func (c *Continuous) cube(v, grad []float32) float64 {
	type nuclear interface {
		N3(v []float32, scale float32, dv []float32) float32
	}
	if t, ok := c.Predictor.(interface{ Model() embed.Model[float32] }); ok {
		if m, ok := t.Model().(nuclear); ok {
			return c.Regulariser * float64(m.N3(v, float32(c.Regulariser), grad))
		}
	}
	sum := 0.0
	for i, x := range v {
		a := math.Abs(float64(x))
		sum += a * a * a
		grad[i] += float32(3 * c.Regulariser * a * float64(x))
	}
	return c.Regulariser * sum
}
