// Package verify chooses among drafts by what they answer, says how sure that
// is, and when to refuse. Drafts are executed and grouped by their answers; the
// group with the least expected loss wins, not the draft with the best score.
// Confidence is calibrated on questions, including ones whose facts were
// deleted from the graph: under the constraint every draft has answers, so an
// empty result no longer warns.
package verify

import (
	"cmp"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Outcome is what one draft answers.
type Outcome struct {
	Result constrain.Result
	Weight float64 // share of the drafts' probability
}

// Group is a set of drafts with the same answers.
type Group struct {
	Drafts []int // indices, best first
	Weight float64
	// Gain is the expected F1 of answering as this group does.
	Gain float64
}

// score is what groups are ranked by: the chance of being exactly right and the
// expected overlap count alike. Overlap alone would prefer the whole list
// wherever a filter is one of the readings.
func (g Group) score() float64 { return g.Weight + g.Gain }

// Groups joins outcomes with equal answers and ranks the groups by their weight
// and their expected F1: the sum over all drafts of weight x F1 (minimum Bayes
// risk). Numbers and booleans are right or wrong.
func Groups(outcomes []Outcome) []Group {
	var out []Group
	for i, o := range outcomes {
		at := slices.IndexFunc(out, func(g Group) bool { return same(outcomes[g.Drafts[0]].Result, o.Result) })
		if at < 0 {
			out = append(out, Group{})
			at = len(out) - 1
		}
		out[at].Drafts = append(out[at].Drafts, i)
		out[at].Weight += o.Weight
	}
	for i := range out {
		slices.SortStableFunc(out[i].Drafts, func(a, b int) int { return cmp.Compare(outcomes[b].Weight, outcomes[a].Weight) })
		for j := range out {
			out[i].Gain += out[j].Weight * F1(outcomes[out[i].Drafts[0]].Result, outcomes[out[j].Drafts[0]].Result)
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.score(), a.score()), cmp.Compare(b.Weight, a.Weight))
	})
	return out
}

func same(a, b constrain.Result) bool {
	if a.Kind != b.Kind {
		return number(a.Kind) && number(b.Kind) && a.Number == b.Number
	}
	switch {
	case a.Kind == constrain.List:
		return slices.Equal(a.Nodes, b.Nodes)
	case a.Kind == constrain.Ask:
		return a.Bool == b.Bool
	case a.Kind.Table():
		return slices.EqualFunc(a.Rows, b.Rows, slices.Equal)
	}
	return a.Number == b.Number
}

// number reports whether an end gives one number.
func number(k constrain.EndKind) bool {
	return k != constrain.List && k != constrain.Ask && !k.Table()
}

// F1 of two results: overlap of lists, equality of the rest.
func F1(a, b constrain.Result) float64 {
	if a.Kind == constrain.List && b.Kind == constrain.List {
		if len(a.Nodes) == 0 && len(b.Nodes) == 0 {
			return 1
		}
		return 2 * float64(len(constrain.Intersect(a.Nodes, b.Nodes))) / float64(len(a.Nodes)+len(b.Nodes))
	}
	if same(a, b) {
		return 1
	}
	return 0
}
