package filing

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
)

// Router sends questions about filings to one answerer and all others to
// another. The rule: a store without filings has no such questions. With
// filings, a question is about them if the retriever answers it from figures;
// or if it names one of their companies and a figure, period or report, so
// that its refusal is the true one; or if the graph holds nothing beside
// filings.
type Router struct {
	Filings *Answerer
	Graph   reasoning.Answerer
}

var _ reasoning.Answerer = (*Router)(nil)

// Answer implements reasoning.Answerer.
func (r *Router) Answer(ctx context.Context, s kg.Snapshot, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	ret, err := r.Filings.Retriever(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(ret.Library().Filings) == 0 || len(q.Links) > 0 || q.Reading > 1 {
		return r.Graph.Answer(ctx, s, q, emit)
	}
	res, err := ret.Answer(ctx, q.Text)
	if err != nil {
		return nil, err
	}
	x := res.Question
	named := len(x.Companies) > 0 && (len(x.Periods) > 0 || len(x.Reports) > 0 || len(x.Measures) > 0)
	if res.Refusal == nil && len(res.Cells)+len(res.Passages) > 0 || named || len(x.Periods) > 0 && len(x.Measures) > 0 {
		return answer(ctx, s, ret, q, res, emit)
	}
	return r.Graph.Answer(ctx, s, q, emit)
}
