package draft

import (
	"cmp"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Open enumerates the one-step drafts over the vocabulary, whatever the graph
// states: every relation in both directions after every mention. In a graph of
// which each thing has one relation only, choosing among what is stated says
// nothing of a ranking; this does.
func (gen *Generator) Open(q *link.Linked, keep int) []Draft {
	best := 0.0
	for _, m := range q.Mentions {
		best = max(best, m.Score)
	}
	var out []Draft
	for i, m := range q.Mentions {
		fit := gen.Fits(q, i)
		for r := range gen.g.Relations() {
			for _, rd := range []constrain.RD{2 * constrain.RD(r), 2*constrain.RD(r) + 1} {
				p := constrain.Pipeline{Start: constrain.Anchor{Name: m.Name}, Ops: []constrain.Op{{Kind: constrain.Edge, Step: gen.g.StepOf(rd)}}}
				out = append(out, Draft{Pipeline: p, Text: p.Number(q.Refs).String(), D: 0.12*(m.Score-best) + fit[r], Shape: OneStep, Mention: i})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Draft) int { return cmp.Compare(b.D, a.D) })
	out = out[:min(len(out), keep)]
	gen.sim.cosines(q, out)
	gen.cover(q, out)
	return out
}
