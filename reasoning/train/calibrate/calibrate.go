// Package calibrate collects what confidences are calibrated on: questions that
// can be answered, and the same kind of questions after the statements that
// answer them were deleted. The second kind matters: a decoder that never saw a
// missing fact is as sure of the next best query as of the right one.
package calibrate

import (
	"context"
	"fmt"
	"iter"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// deleteEvery: of so many questions one is asked after its answer was deleted.
// The share is what a confidence takes for the share of missing facts in the
// world.
const deleteEvery = 8

// Collect asks every eighth question of a copy of the graph from which their
// answers were deleted, and the others of the graph as it is. fresh makes an
// engine: each graph has its own. Questions without a right draft are asked as
// they are: to be wrong about them is what a confidence must show.
func Collect(ctx context.Context, fresh func() *reasoning.Engine, s kg.Snapshot, questions []qa.Question) ([]verify.Sample, error) {
	whole := fresh()
	var out []verify.Sample
	var later []qa.Question
	gone := map[kg.Quad]bool{}
	for i := range questions {
		q := &questions[i]
		in, err := whole.Inspect(ctx, s, reasoning.Question{Text: q.Text})
		if err != nil {
			return nil, fmt.Errorf("calibrate: question %q: %w", q.Text, err)
		}
		if in == nil {
			continue
		}
		if i%deleteEvery == 1 {
			ok, err := support(ctx, in, q, gone)
			if err != nil {
				return nil, err
			}
			if ok {
				later = append(later, *q)
				continue
			}
		}
		sample, err := judge(ctx, in, q)
		if err != nil {
			return nil, err
		}
		out = append(out, sample)
	}
	if len(later) == 0 {
		return out, nil
	}
	cut, err := without(ctx, s, gone)
	if err != nil {
		return nil, err
	}
	defer cut.Close()
	rest := fresh()
	for i := range later {
		in, err := rest.Inspect(ctx, cut, reasoning.Question{Text: later[i].Text})
		if err != nil {
			return nil, fmt.Errorf("calibrate: question %q: %w", later[i].Text, err)
		}
		if in == nil {
			continue
		}
		sample, err := judge(ctx, in, &later[i])
		if err != nil {
			return nil, err
		}
		out = append(out, sample)
	}
	return out, nil
}

// judge compares the answer of an inspection with the gold one.
func judge(ctx context.Context, in *reasoning.Inspection, q *qa.Question) (verify.Sample, error) {
	got, err := qa.Answers(ctx, in.Graph, in.Chosen)
	if err != nil {
		return verify.Sample{}, err
	}
	return verify.Sample{Signals: in.Signals, Right: qa.Compare(got, q.Gold()).Exact}, nil
}

// support adds the statements that the last edge of a right draft uses.
func support(ctx context.Context, in *reasoning.Inspection, q *qa.Question, gone map[kg.Quad]bool) (bool, error) {
	for _, d := range in.Drafts {
		n := len(d.Pipeline.Ops)
		if n == 0 || d.Pipeline.Ops[n-1].Kind != constrain.Edge || d.Pipeline.End.Kind != constrain.List {
			continue
		}
		got, err := qa.Answers(ctx, in.Graph, d.Pipeline)
		if err != nil {
			return false, err
		}
		if !qa.Compare(got, q.Gold()).Exact {
			continue
		}
		before := d.Pipeline
		before.Ops = before.Ops[:n-1]
		res, err := in.Graph.Eval(ctx, before)
		if err != nil {
			return false, err
		}
		rd, err := in.Graph.RDOf(d.Pipeline.Ops[n-1].Step)
		if err != nil {
			return false, err
		}
		preds := in.Graph.Relations()[rd/2].Preds
		for _, x := range res.Nodes {
			for y := range in.Graph.Neighbours(x, rd) {
				from, to := in.Graph.ID(x), in.Graph.ID(y)
				if rd&1 == 1 {
					from, to = to, from
				}
				for _, p := range preds {
					gone[kg.Quad{S: from, P: p, O: to}] = true
				}
			}
		}
		return true, nil
	}
	return false, nil
}

// without copies a snapshot except for some statements, in whatever graph they
// are.
func without(ctx context.Context, s kg.Snapshot, gone map[kg.Quad]bool) (kg.Snapshot, error) {
	st := mem.New()
	if _, err := st.Load(ctx, rest(ctx, s, gone)); err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	return st.Snapshot()
}

func rest(ctx context.Context, s kg.Snapshot, gone map[kg.Quad]bool) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		cur := s.Scan(ctx, kg.Pattern{}, kg.SPO)
		defer cur.Close()
		for cur.Next() {
			q := cur.Quad()
			if gone[kg.Quad{S: q.S, P: q.P, O: q.O}] {
				continue
			}
			var t kg.TermQuad
			var err error
			for _, x := range []struct {
				id  kg.ID
				dst *kg.Term
			}{{q.S, &t.S}, {q.P, &t.P}, {q.O, &t.O}} {
				if err == nil {
					*x.dst, err = s.Term(x.id)
				}
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
		if err := cur.Err(); err != nil {
			yield(kg.TermQuad{}, err)
		}
	}
}
