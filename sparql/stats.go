package sparql

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/opt"
)

// stats answers the planner from the snapshot of a run.
type stats struct {
	env  *run.Env
	est  map[kg.Pattern]float64
	pred map[kg.ID]predicate
}

type predicate struct {
	st kg.PredicateStats
	ok bool
}

var _ opt.Stats = (*stats)(nil)

func newStats(env *run.Env) *stats {
	return &stats{env: env, est: map[kg.Pattern]float64{}, pred: map[kg.ID]predicate{}}
}

// Estimate is the number of quads that match the constants of a pattern, over
// all graphs unless the pattern names one.
func (s *stats) Estimate(g algebra.GraphRef, t algebra.Triple) float64 {
	p := kg.Pattern{}
	for _, x := range []struct {
		r  algebra.Ref
		id *kg.ID
	}{{t.S, &p.S}, {t.P, &p.P}, {t.O, &p.O}, {g.Name, &p.G}} {
		if x.r.IsVar() || x.r.Term.Kind == kg.None {
			continue
		}
		id, err := s.env.Terms.Intern(x.r.Term)
		if err != nil || run.Missing(id) {
			return 0 // a fault shows up again when the query runs
		}
		*x.id = id
	}
	n, ok := s.est[p]
	if !ok {
		n = s.env.Snap.Estimate(p)
		s.est[p] = n
	}
	return n
}

// Predicate describes a predicate.
func (s *stats) Predicate(t kg.Term) (kg.PredicateStats, bool) {
	sp, ok := s.env.Snap.(kg.StatsProvider)
	if !ok {
		return kg.PredicateStats{}, false
	}
	id, err := s.env.Terms.Intern(t)
	if err != nil || run.Missing(id) {
		return kg.PredicateStats{}, false
	}
	p, ok := s.pred[id]
	if !ok {
		p.st, p.ok = sp.PredicateStats(id)
		s.pred[id] = p
	}
	return p.st, p.ok
}

// Size is the number of quads.
func (s *stats) Size() float64 { return float64(s.env.Snap.Size()) }
