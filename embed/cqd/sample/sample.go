// Package sample draws complex queries from a graph, of any tree shape, as the
// published data sets were drawn (Ren and Leskovec, NeurIPS 2020): backwards
// from a random answer, so that every query has one.
package sample

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/quaestor-kg/quaestor/embed/cqd"
)

// Options of a Sampler. Zero values mean the defaults in brackets.
type Options struct {
	// MaxAnswers drops queries with more answers that only one of the graphs
	// gives [100]; negative means no limit.
	MaxAnswers int
	// Tries is how many draws are made for one wanted query before the sampler
	// gives up [2000].
	Tries int
	Seed  uint64
}

// A Sampler draws queries whose hard answers follow from Big but not from
// Small.
type Sampler struct {
	big, small cqd.Stated
	entities   int
	names      int     // of relations; directed ones are twice as many
	active     []int32 // entities with a link in big
	leaving    [][]int32
	o          Options
}

// redraws is how often a relation is drawn again that would go straight back.
const redraws = 40

// New returns a sampler over graphs of entities numbered below entities and
// stated relations below names. small may be cqd.Nothing{}: then every answer
// is hard.
func New(big, small cqd.Stated, entities, names int, o Options) (*Sampler, error) {
	if o.MaxAnswers == 0 {
		o.MaxAnswers = 100
	}
	if o.Tries == 0 {
		o.Tries = 2000
	}
	s := &Sampler{big: big, small: small, entities: entities, names: names, o: o, leaving: make([][]int32, entities)}
	for e := range int32(entities) {
		for r := range int32(2 * names) {
			if len(big.Tails(e, r)) > 0 {
				s.leaving[e] = append(s.leaving[e], r)
			}
		}
		if len(s.leaving[e]) > 0 {
			s.active = append(s.active, e)
		}
	}
	if len(s.active) == 0 {
		return nil, fmt.Errorf("a graph of %d entities without links has no queries to draw", entities)
	}
	return s, nil
}

func (s *Sampler) inverse(r int32) int32 {
	if n := int32(s.names); r >= n {
		return r - n
	}
	return r + int32(s.names)
}

// Links lists every query of one link that has hard answers, in order: they
// are enumerated, not drawn.
func (s *Sampler) Links() []cqd.Case {
	var out []cqd.Case
	for e, rels := range s.leaving {
		for _, r := range rels {
			if c, ok := s.check(cqd.Hop(r, cqd.Anchor(int32(e)))); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// Draw returns n different queries of a shape; the anchors and relations of
// the shape are placeholders. It returns fewer with an error if the graph
// yields no more within the number of tries.
func (s *Sampler) Draw(ctx context.Context, shape *cqd.Query, n int) ([]cqd.Case, error) {
	rng := rand.New(rand.NewPCG(s.o.Seed, 0xda3e39cb94b95bdb))
	seen := map[string]bool{}
	var out []cqd.Case
	for tries := 0; len(out) < n; tries++ {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if tries >= s.o.Tries*(len(out)+1) {
			return out, fmt.Errorf("only %d of %d queries of shape %v after %d tries: the graph is too small for the shape, or its splits add too few answers", len(out), n, shape, tries)
		}
		q := shape.Clone()
		if !s.fill(q, s.active[rng.IntN(len(s.active))], -1, rng) || twins(q) {
			continue
		}
		key := q.String()
		if seen[key] {
			continue
		}
		if c, ok := s.check(q); ok {
			seen[key] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// fill grounds a shape so that e answers it, as far as it has no negation:
// negated branches are drawn as if they were not, so e never answers a query
// with one. last is the relation drawn before on the same chain, or -1.
func (s *Sampler) fill(q *cqd.Query, e, last int32, rng *rand.Rand) bool {
	switch q.Op {
	case cqd.Among:
		q.Members = []int32{e}
		return true
	case cqd.Project:
		// Relations that enter e are the inverses of those that leave it.
		out := s.leaving[e]
		if len(out) == 0 {
			return false
		}
		for range redraws {
			r := s.inverse(out[rng.IntN(len(out))])
			if last >= 0 && r == s.inverse(last) {
				continue
			}
			heads := s.big.Tails(e, s.inverse(r))
			q.Relation = r
			return s.fill(q.Args[0], heads[rng.IntN(len(heads))], r, rng)
		}
		return false
	case cqd.Not:
		return s.fill(q.Args[0], e, last, rng)
	}
	for _, a := range q.Args {
		if !s.fill(a, e, -1, rng) {
			return false
		}
	}
	return true
}

// twins reports whether two branches of one node are the same, whatever their
// negation.
func twins(q *cqd.Query) bool {
	var found bool
	q.Walk(func(n *cqd.Query) {
		seen := map[string]bool{}
		for _, a := range n.Args {
			for a.Op == cqd.Not {
				a = a.Args[0]
			}
			key := a.String()
			found = found || seen[key]
			seen[key] = true
		}
	})
	return found
}

// check answers a query on both graphs and says whether it is kept.
func (s *Sampler) check(q *cqd.Query) (cqd.Case, bool) {
	big := cqd.Answers(s.big, q, s.entities)
	if big.Len() == 0 {
		return cqd.Case{}, false
	}
	small := cqd.NewSet(s.entities)
	if _, none := s.small.(cqd.Nothing); !none {
		small = cqd.Answers(s.small, q, s.entities)
	}
	hard, lost := big.Minus(small), small.Minus(big)
	if len(hard) == 0 {
		return cqd.Case{}, false
	}
	if _, none := s.small.(cqd.Nothing); !none && !q.Positive() && len(lost) == 0 {
		return cqd.Case{}, false
	}
	if m := s.o.MaxAnswers; m >= 0 && max(len(hard), len(lost)) > m {
		return cqd.Case{}, false
	}
	return cqd.Case{Query: q, Easy: small.Entities(), Hard: slices.Clip(hard)}, true
}
