package qa

import (
	"context"

	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// Groups judges the drafts of questions for fitting the mix: one group a
// question, with the F1 of each draft. Questions without drafts are left out.
func Groups(ctx context.Context, v *reasoning.View, d reasoning.Decoder, qs []Question, opt draft.Options) ([]rank.Group, error) {
	var out []rank.Group
	for i := range qs {
		gold := qs[i].Gold()
		lq, err := v.Link.Link(qs[i].Text)
		if err != nil || len(gold) == 0 {
			continue
		}
		ds, err := v.Drafts.Drafts(ctx, lq, opt)
		if err != nil {
			return nil, err
		}
		if len(ds) == 0 {
			continue
		}
		g := rank.Group{Right: make([]float64, len(ds))}
		if g.Features, err = reasoning.Features(ctx, d, lq, ds); err != nil {
			return nil, err
		}
		for j := range ds {
			got, err := Answers(ctx, v.Graph, ds[j].Pipeline)
			if err != nil {
				return nil, err
			}
			g.Right[j] = Compare(got, gold).F1
		}
		out = append(out, g)
	}
	return out, nil
}
