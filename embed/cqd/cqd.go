// Package cqd answers complex queries over a graph that does not state
// everything: query trees whose atoms a link predictor scores (complex query
// decomposition, Arakelyan et al., ICLR 2021), the scores adapted so that atoms
// compare (CQD^A, Arakelyan et al., NeurIPS 2023) or calibrated with what the
// graph states (QTO, Bai et al., ICML 2023), and combined by a t-norm.
//
// A fuzzy set of entities is a vector of log truths, one per entity, 0 for
// certain and -Inf for impossible. Products become sums, nothing underflows,
// and a truth near one keeps its distance from one.
//
// One evaluator serves every tree. What differs between methods is where the
// truth of an atom comes from (Atoms) and how many candidates a hop keeps.
// Answers is the same evaluation for statements alone, without a predictor.
package cqd

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Options say how an Evaluator combines truths.
type Options struct {
	// Norm combines truths; the zero value is the product.
	Norm Norm
	// UnionNorm combines the branches of unions, if it differs from Norm; nil
	// means Norm.
	UnionNorm *Norm
	// Beam is how many candidates for a variable a hop goes on with, the most
	// plausible first; 0 goes on with every entity that is possible at all.
	// What is stated about certain candidates is followed beyond the beam.
	Beam int
	// Negation multiplies a truth before its complement is taken: 1 - min(1,
	// Negation·x). QTO uses 3 to 6, since calibrated truths of true statements
	// are far below one. 0 means 1.
	Negation float64
}

// An Evaluator answers query trees. It is safe for concurrent use if its Atoms
// are.
type Evaluator struct {
	Atoms   Atoms
	Options Options
}

// Result is the fuzzy answer to a query, with the back-pointers that explain
// it.
type Result struct {
	// Truth has the log truth of every entity.
	Truth []float32

	query *Query
	root  *step
	e     *Evaluator
}

// step is an evaluated node.
type step struct {
	truth []float32
	from  []int32 // Project: the most plausible source of every entity, -1 for none
	args  []*step
}

// Eval answers a query. It fails on a query that does not fit the atoms
// (Query.Check) and on a cancelled context.
func (e *Evaluator) Eval(ctx context.Context, q *Query) (*Result, error) {
	if err := q.Check(e.Atoms.Entities(), e.Atoms.Relations()); err != nil {
		return nil, err
	}
	root, err := e.eval(ctx, q)
	if err != nil {
		return nil, err
	}
	return &Result{Truth: root.truth, query: q, root: root, e: e}, nil
}

func (e *Evaluator) eval(ctx context.Context, q *Query) (*step, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := e.Atoms.Entities()
	s := &step{args: make([]*step, len(q.Args))}
	for i, a := range q.Args {
		sub, err := e.eval(ctx, a)
		if err != nil {
			return nil, err
		}
		s.args[i] = sub
	}
	switch q.Op {
	case Among:
		s.truth = filled(n, impossible)
		for _, m := range q.Members {
			s.truth[m] = 0
		}
	case Project:
		s.truth, s.from = filled(n, impossible), make([]int32, n)
		for i := range s.from {
			s.from[i] = -1
		}
		beam := e.Options.Beam
		if q.Args[0].Op == Among {
			beam = 0 // all of a given set are equally certain
		}
		src := sources(s.args[0].truth, beam)
		e.Atoms.Project(src, q.Relation, e.Options.Norm, s.truth, s.from)
		e.Atoms.Follow(certain(s.args[0].truth, src), q.Relation, s.truth, s.from)
	case Not:
		s.truth = make([]float32, n)
		scale := 0.0
		if e.Options.Negation > 0 {
			scale = math.Log(e.Options.Negation)
		}
		for i, x := range s.args[0].truth {
			s.truth[i] = float32(log1mexp(math.Min(0, scale+float64(x))))
		}
	case Intersect:
		s.truth = slices.Clone(s.args[0].truth)
		for _, a := range s.args[1:] {
			for i, x := range a.truth {
				s.truth[i] = float32(e.Options.Norm.And(float64(s.truth[i]), float64(x)))
			}
		}
	case Union:
		norm := e.Options.Norm
		if e.Options.UnionNorm != nil {
			norm = *e.Options.UnionNorm
		}
		s.truth = slices.Clone(s.args[0].truth)
		for _, a := range s.args[1:] {
			for i, x := range a.truth {
				s.truth[i] = float32(norm.Or(float64(s.truth[i]), float64(x)))
			}
		}
	}
	return s, nil
}

// Source is a candidate for the variable a hop starts from.
type Source struct {
	Entity int32
	Truth  float32 // log
}

// sources lists the possible entities of a fuzzy set, most plausible first, at
// most beam of them unless beam is 0. Equal truths are ordered by entity.
func sources(truth []float32, beam int) []Source {
	var out []Source
	for e, x := range truth {
		if x > impossible {
			out = append(out, Source{int32(e), x})
		}
	}
	order := func(a, b Source) int {
		if c := cmp.Compare(b.Truth, a.Truth); c != 0 {
			return c
		}
		return cmp.Compare(a.Entity, b.Entity)
	}
	if beam > 0 && len(out) > beam {
		partial(out, beam, order)
		out = out[:beam]
	}
	slices.SortFunc(out, order)
	return out
}

// certain lists the entities of truth one that src, being full, left out: what
// is stated about them costs nothing to follow.
func certain(truth []float32, src []Source) []Source {
	if len(src) == 0 || src[len(src)-1].Truth < 0 {
		return nil
	}
	var out []Source
	for e := int(src[len(src)-1].Entity) + 1; e < len(truth); e++ {
		if truth[e] == 0 {
			out = append(out, Source{int32(e), 0})
		}
	}
	return out
}

// partial moves the k first elements of the order to the front, in any order
// (quickselect).
func partial[T any](v []T, k int, order func(a, b T) int) {
	lo, hi := 0, len(v)
	for hi-lo > 1 {
		// Median of three guards against sorted input.
		mid := lo + (hi-lo)/2
		for _, p := range [][2]int{{lo, mid}, {lo, hi - 1}, {mid, hi - 1}} {
			if order(v[p[1]], v[p[0]]) < 0 {
				v[p[0]], v[p[1]] = v[p[1]], v[p[0]]
			}
		}
		pivot := v[mid]
		i, j := lo, hi-1
		for i <= j {
			for order(v[i], pivot) < 0 {
				i++
			}
			for order(pivot, v[j]) < 0 {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j + 1
		case k >= i:
			lo = i
		default:
			return
		}
	}
}

func filled(n int, x float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = x
	}
	return v
}

// Link is one atom of an explanation: relation Relation leads from Head to
// Tail.
type Link struct {
	Head     int32
	Relation int32
	Tail     int32
	Truth    float64 // probability or plausibility of the atom, 0 to 1
	Stated   bool    // the graph states it
	// Negated: the query asks that Tail is not reached; Truth is then the truth
	// of what is asked for, and Head the source that speaks most against it, or
	// -1.
	Negated bool
	// Node is the Project node of the query that the link belongs to.
	Node *Query
}

// Proof explains why an entity is an answer: the most plausible choice of
// every variable, and the links between them. Statements come from the anchors
// to the answer.
type Proof struct {
	Truth float64 // 0 to 1
	Links []Link
	// Values has the entity chosen for every node of the query that holds for
	// the answer; the root's is the answer.
	Values map[*Query]int32
}

// Explain returns the proof of an entity. Its links of positive atoms multiply
// (or combine by the norm) to its truth.
func (r *Result) Explain(entity int32) Proof {
	p := Proof{Truth: math.Exp(float64(r.Truth[entity])), Values: map[*Query]int32{}}
	r.explain(r.query, r.root, entity, false, &p)
	return p
}

func (r *Result) explain(q *Query, s *step, t int32, negated bool, p *Proof) {
	if !negated {
		p.Values[q] = t
	}
	switch q.Op {
	case Project:
		h := s.from[t]
		link := Link{Head: h, Relation: q.Relation, Tail: t, Negated: negated, Node: q}
		if h >= 0 {
			if !negated {
				r.explain(q.Args[0], s.args[0], h, false, p)
			}
			truth := math.Exp(float64(r.e.Atoms.Truth(h, q.Relation, t)))
			link.Truth, link.Stated = truth, r.e.Atoms.Stated(h, q.Relation, t)
		}
		if negated {
			scale := 1.0
			if r.e.Options.Negation > 0 {
				scale = r.e.Options.Negation
			}
			link.Truth = 1 - math.Min(1, scale*math.Exp(float64(s.truth[t])))
		} else if h < 0 {
			return
		}
		p.Links = append(p.Links, link)
	case Intersect:
		for i, a := range q.Args {
			r.explain(a, s.args[i], t, negated, p)
		}
	case Union:
		if negated {
			for i, a := range q.Args {
				r.explain(a, s.args[i], t, true, p)
			}
			return
		}
		best := 0
		for i := range q.Args {
			if s.args[i].truth[t] > s.args[best].truth[t] {
				best = i
			}
		}
		r.explain(q.Args[best], s.args[best], t, false, p)
	case Not:
		r.explain(q.Args[0], s.args[0], t, !negated, p)
	}
}

// String writes a proof with numbers, for logs and tests.
func (p Proof) String() string {
	out := fmt.Sprintf("%.4f", p.Truth)
	for _, l := range p.Links {
		not, stated := "", ""
		if l.Negated {
			not = "not "
		}
		if l.Stated {
			stated = " stated"
		}
		out += fmt.Sprintf(" %s(%d r%d %d %.4f%s)", not, l.Head, l.Relation, l.Tail, l.Truth, stated)
	}
	return out
}
