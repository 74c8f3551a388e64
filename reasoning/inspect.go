package reasoning

import (
	"context"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// Inspection is what an engine would answer and why, before it decides whether
// to: what confidences are calibrated on.
type Inspection struct {
	Signals verify.Signals
	Graph   *constrain.Graph
	Chosen  constrain.Pipeline
	Drafts  []draft.Draft
	// Features of the drafts, for fitting the mix.
	Features []rank.Features
}

// Inspect takes a question as far as the choice of a query. It returns nil if
// no query can be written.
func (e *Engine) Inspect(ctx context.Context, s kg.Snapshot, q Question) (*Inspection, error) {
	t := &task{Engine: e, ctx: ctx, snap: s, q: q, emit: func(Event) {}, begin: time.Now(), stages: map[string]int64{}, answer: &Answer{}, inspecting: true}
	if err := t.link(); err != nil {
		return nil, err
	}
	if err := t.write(); err != nil || len(t.drafts) == 0 {
		return nil, err
	}
	features := make([]rank.Features, len(t.scored))
	for i := range t.scored {
		features[i] = t.scored[i].Features
	}
	return &Inspection{t.signals(), t.view.Graph, t.drafts[t.chosen].Pipeline, t.drafts, features}, nil
}
