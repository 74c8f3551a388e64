// Package calibrate fits the numbers that belong to one decoder: the mix of its
// scores with the cheap ones, and its confidence. Confidences are counted on
// questions that can be answered and on ones that cannot, made by deletion (see
// qa.Twins). The second kind matters: a decoder that never saw a missing fact is
// as sure of the next best query as of the right one.
package calibrate

import (
	"context"
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// infeasible is the share of questions that cannot be answered: what a
// confidence takes for their share in the world.
const infeasible = 0.2

// Collect takes questions, a fifth of them made unanswerable, as far as the
// choice of a query and says whether the answer would have been right.
func Collect(ctx context.Context, e *reasoning.Engine, s kg.Snapshot, questions []qa.Question) ([]verify.Sample, error) {
	parts, err := qa.Twins(ctx, s, questions, infeasible, 1)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	var out []verify.Sample
	for i := range parts {
		p := &parts[i]
		for j := range p.Questions {
			q := &p.Questions[j]
			if len(q.Gold()) == 0 && p.Kind == qa.NoKind {
				continue
			}
			in, err := e.Inspect(ctx, p.Snapshot, reasoning.Question{Text: q.Text})
			if err != nil {
				return nil, fmt.Errorf("calibrate: question %q: %w", q.Text, err)
			}
			if in == nil {
				continue // refused before anything is written
			}
			got, err := qa.Answers(ctx, in.Graph, in.Chosen)
			if err != nil {
				return nil, err
			}
			right := len(q.Gold()) > 0 && qa.Compare(got, q.Gold()).Exact
			out = append(out, verify.Sample{Signals: in.Signals, Right: right, Infeasible: p.Kind != qa.NoKind && !right, Kind: string(p.Kind)})
		}
		p.Close()
	}
	return out, nil
}
