package draft

import (
	"context"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Join adds queries that the decoder wrote itself to the drafts, unless they
// are there. They get the cheap score that enumeration would have given them,
// so that both kinds compete on equal terms. Queries that name what the graph
// does not have, or have no answer, are left out.
func (gen *Generator) Join(ctx context.Context, q *link.Linked, ds []Draft, written []constrain.Pipeline) ([]Draft, error) {
	r := &run{Generator: gen, ctx: ctx, q: q, cues: findCues(q), seen: map[string]bool{}, s: make([]*fits, len(q.Mentions)+1)}
	for _, m := range q.Mentions {
		r.bests = max(r.bests, m.Score)
	}
	for i := range ds {
		r.seen[ds[i].Text] = true
	}
	for _, p := range written {
		if !r.plausible(p) {
			continue
		}
		res, err := gen.g.Eval(ctx, p)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || res.Empty() {
			continue
		}
		d := Draft{Pipeline: p, Shape: Other, Mention: -1, Set: res.Nodes}
		if p.Class == "" {
			d.Mention = slices.IndexFunc(q.Mentions, func(m link.Mention) bool { return m.Name == p.Start.Name })
		}
		d.D = r.judge(p, d.Mention)
		r.add(d)
	}
	r.unused()
	gen.sim.cosines(q, r.pool)
	gen.cover(q, r.pool)
	return append(ds, r.pool...), nil
}

// plausible reports whether the form of a query has a reason in the question: a
// yes/no or a number is asked for, and its names stand there and differ.
func (r *run) plausible(p constrain.Pipeline) bool {
	switch p.End.Kind {
	case constrain.Ask:
		if !r.cues.yesNo {
			return false
		}
	case constrain.Count:
		if !r.cues.count {
			return false
		}
	case constrain.Sum:
		if !r.cues.sum {
			return false
		}
	case constrain.Avg:
		if !r.cues.avg {
			return false
		}
	case constrain.Diff:
		if !r.cues.difference {
			return false
		}
	case constrain.Calc:
		if !r.cues.calculation {
			return false
		}
	case constrain.Show:
		if !r.cues.each && !r.cues.together {
			return false
		}
	case constrain.Group:
		if !r.cues.each {
			return false
		}
	}
	if !r.reasons(p.Ops) {
		return false
	}
	names := p.Names()
	for i, n := range names {
		if slices.Contains(names[:i], n) && !(p.End.Kind == constrain.Ask && i == len(names)-1) {
			return false
		}
		if i > 0 && !slices.ContainsFunc(r.q.Mentions, func(m link.Mention) bool { return m.Name == n }) {
			return false
		}
	}
	return true
}

// reasons reports whether the question has a word for each of the operations
// that are never meant without one.
func (r *run) reasons(ops []constrain.Op) bool {
	for _, op := range ops {
		ok := true
		switch op.Kind {
		case constrain.Also:
			ok = r.cues.or || r.cues.and
		case constrain.Most:
			ok = r.cues.mostOf
		case constrain.Fewest:
			ok = r.cues.fewOf
		case constrain.Having:
			ok = len(r.cues.small) > 0
		case constrain.Loop:
			ok = r.cues.same
		case constrain.Reach:
			ok = r.cues.far
		case constrain.Where:
			ok = op.To == nil || r.cues.than
		case constrain.Max, constrain.Min:
			ok = op.N < 2 || len(r.cues.small) > 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// judge is d of a whole pipeline: as a chain of all its relations, with the
// gains and losses of its other operations.
func (r *run) judge(p constrain.Pipeline, mention int) float64 {
	c := chain{mention: mention}
	switch {
	case mention >= 0:
		c.link = 0.12 * (r.q.Mentions[mention].Score - r.bests)
	case p.Class == "":
		c.link = -0.12 * r.bests // a name that was not linked
	}
	fit := r.fit(mention)
	step := func(s constrain.Step) {
		if rd, err := r.g.RDOf(s); err == nil {
			c = c.extend(rd, fit.of(rd))
		}
	}
	gain := 0.0
	for _, op := range p.Ops {
		switch op.Kind {
		case constrain.Edge:
			step(op.Step)
		case constrain.Type:
			gain += typeGain - extraLoss
		case constrain.With, constrain.Without:
			for _, s := range op.Steps {
				step(s)
			}
			gain += 0.07 - extraLoss // a branch is no longer way
			if op.To != nil && slices.ContainsFunc(r.q.Mentions, func(m link.Mention) bool { return m.Name == op.To.Name }) {
				gain += withGain
			}
			if op.Kind == constrain.Without && r.cues.not {
				gain += cueGain
			}
		case constrain.Reach:
			step(op.Step)
			gain += cueGain
		case constrain.Most, constrain.Fewest, constrain.Having:
			step(op.Step)
			gain += 0.07 + cueGain
			if op.Class != "" && slices.ContainsFunc(r.q.Classes, func(m link.ClassMention) bool { return r.g.Classes()[m.Class].Name == op.Class }) {
				gain += countedGain
			}
		case constrain.Also, constrain.Loop:
			for _, s := range op.Steps {
				step(s)
			}
			gain += 0.07 + withGain
		case constrain.Max, constrain.Min, constrain.Where:
			step(constrain.Step{Rel: op.Rel})
			gain += 0.07
			switch {
			case op.To != nil:
				gain += pairGain
			case op.Kind == constrain.Max && r.cues.most, op.Kind == constrain.Min && r.cues.least:
				gain += cueGain
			case op.Cmp == '<' && r.cues.more && !r.cues.less, op.Cmp == '>' && r.cues.less && !r.cues.more:
				gain += numberGain - 2*wrongTurn - extraLoss
			case op.Kind == constrain.Where:
				gain += numberGain + cueGain - extraLoss
			default:
				gain -= wrongTurn
			}
		}
	}
	switch p.End.Kind {
	case constrain.Count:
		if r.cues.count {
			gain += cueGain
		}
	case constrain.Sum, constrain.Avg:
		step(constrain.Step{Rel: p.End.Rel})
		if r.cues.sum && p.End.Kind == constrain.Sum || r.cues.avg && p.End.Kind == constrain.Avg {
			gain += cueGain
		}
	case constrain.Ask:
		if r.cues.yesNo {
			gain += cueGain + withGain
		}
	case constrain.Diff:
		step(constrain.Step{Rel: p.End.Rel})
		gain += cueGain + pairGain
	case constrain.Show, constrain.Group, constrain.Calc:
		for _, s := range p.End.Steps {
			step(s)
		}
		for _, rel := range []string{p.End.Rel, p.End.Other} {
			if rel != "" {
				step(constrain.Step{Rel: rel})
			}
		}
		gain += tableGain
	}
	c.score()
	return c.d + gain
}
