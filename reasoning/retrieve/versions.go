package retrieve

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Versions returns what is stated about the key of a fact as first reported
// and as reported last. ok is false if the company's filings do not state it.
func (r *Retriever) Versions(ctx context.Context, c *library.Company, f *fact.Fact) (first, latest Cited, ok bool, err error) {
	s, err := r.shelf(ctx, c)
	if err != nil {
		return first, latest, false, err
	}
	m := s.concepts[f.Concept]
	if m == nil {
		return first, latest, false, nil
	}
	var cell []at
	for _, x := range m.facts {
		if x.fact.Period == f.Period && x.fact.Unit == f.Unit && dimKey(x.fact.Dims) == dimKey(f.Dims) {
			cell = append(cell, x)
		}
	}
	if len(cell) == 0 {
		return first, latest, false, nil
	}
	cite := func(x at) Cited {
		return Cited{Fact: x.fact, Filing: x.filing, Concept: r.lib.Concept(f.Concept), Score: 1}
	}
	w := window{end: f.Period.End}
	return cite(pick(cell, w, plan.First)), cite(pick(cell, w, plan.Latest)), true, nil
}
