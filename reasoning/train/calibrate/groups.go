package calibrate

import (
	"context"
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// Groups takes questions as far as the choice of a draft: one group a question,
// with the features of all drafts that compete when it is asked, those included
// that the decoder writes itself, and the F1 of each. Questions without drafts
// or answers are left out.
func Groups(ctx context.Context, e *reasoning.Engine, s kg.Snapshot, questions []qa.Question) ([]rank.Group, error) {
	var out []rank.Group
	for i := range questions {
		gold := questions[i].Gold()
		if len(gold) == 0 {
			continue
		}
		in, err := e.Inspect(ctx, s, reasoning.Question{Text: questions[i].Text})
		if err != nil {
			return nil, fmt.Errorf("calibrate: question %q: %w", questions[i].Text, err)
		}
		if in == nil || len(in.Features) != len(in.Drafts) {
			continue
		}
		g := rank.Group{Features: in.Features, Right: make([]float64, len(in.Drafts))}
		for j := range in.Drafts {
			got, err := qa.Answers(ctx, in.Graph, in.Drafts[j].Pipeline)
			if err != nil {
				return nil, err
			}
			g.Right[j] = qa.Compare(got, gold).F1
		}
		out = append(out, g)
	}
	return out, nil
}
