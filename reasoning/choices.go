package reasoning

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// Choices are the names that could have been written at one place of a query.
type Choices struct {
	Slot    string   `json:"slot,omitempty"`
	Grammar int      `json:"grammar"` // names that the grammar alone would allow
	Allowed int      `json:"allowed"` // names that the graph allowed there
	Items   []Choice `json:"items"`   // the likeliest
}

// Choice is one of them with its share among the allowed ones.
type Choice struct {
	Label string  `json:"label"`
	IRI   string  `json:"iri,omitempty"`
	Share float64 `json:"share"`
}

// Choices returns the k likeliest names at a place of the query that answers a
// question: relations where the place, a UTF-16 offset in the query's text, is
// a predicate, and things of the same name where it is a thing. It returns nil
// if nothing was chosen there.
func (e *Engine) Choices(ctx context.Context, s kg.Snapshot, q Question, from, k int) (*Choices, error) {
	t := &task{Engine: e, ctx: ctx, snap: s, q: q, emit: func(Event) {}, begin: time.Now(), stages: map[string]int64{}, answer: &Answer{}}
	if err := t.link(); err != nil {
		return nil, err
	}
	if err := t.write(); err != nil || len(t.drafts) == 0 {
		return nil, err
	}
	at := 0
	for _, p := range t.pieces() {
		n := utf16Len(p.T)
		if from >= at && from < at+n && !p.Forced {
			return t.choicesFor(p, k)
		}
		at += n
	}
	return nil, nil
}

// choicesFor ranks what could stand in the place of a piece.
func (t *task) choicesFor(p Piece, k int) (*Choices, error) {
	g := t.view.Graph
	if len(p.T) < 2 {
		return nil, nil
	}
	iri := p.T[1 : len(p.T)-1]
	pipe := t.drafts[t.chosen].Pipeline
	w, err := g.Begin(pipe)
	for i := range pipe.Ops {
		if err != nil {
			return nil, err
		}
		op := pipe.Ops[i]
		if op.Kind == constrain.Edge {
			if r, ok := g.Relation(op.Step.Rel); ok && t.isPredicate(r, iri) {
				return t.relationChoices(pipe, i, w, p.Slot, k)
			}
		}
		w, err = g.Then(w, op)
	}
	if err != nil {
		return nil, err
	}
	id, ok, err := t.snap.Lookup(kg.NewIRI(iri))
	if err != nil || !ok {
		return nil, err
	}
	n, ok := g.Number(id)
	if !ok {
		return nil, nil
	}
	for _, m := range t.linked.Mentions {
		if !slices.Contains(m.Nodes, n) {
			continue
		}
		c := &Choices{Slot: p.Slot, Grammar: g.NameCount(), Allowed: len(m.Nodes), Items: []Choice{}}
		total := 0.0
		for _, x := range m.Nodes {
			total += float64(g.Degree(x) + 1)
		}
		for _, x := range m.Nodes[:min(len(m.Nodes), k)] {
			if term, err := t.snap.Term(g.ID(x)); err == nil {
				c.Items = append(c.Items, Choice{Label: g.Label(x), IRI: term.Value, Share: round(float64(g.Degree(x)+1) / total)})
			}
		}
		return c, nil
	}
	return nil, nil
}

func (t *task) isPredicate(rel int, iri string) bool {
	for _, id := range t.view.Graph.Relations()[rel].Preds {
		if x, err := t.snap.Term(id); err == nil && x.Value == iri {
			return true
		}
	}
	return false
}

// relationChoices ranks the steps that the graph offers before the i-th
// operation of a pipeline.
func (t *task) relationChoices(pipe constrain.Pipeline, i int, w constrain.Walk, slot string, k int) (*Choices, error) {
	g := t.view.Graph
	offered := g.Offered(w)
	c := &Choices{Slot: slot, Grammar: 2 * len(g.Relations()), Allowed: len(offered), Items: []Choice{}}
	scores := make([]float64, len(offered))
	if t.opt.Decoder == nil {
		fits := t.view.Drafts.Fits(t.linked, t.drafts[t.chosen].Mention)
		for j, rd := range offered {
			scores[j] = rank.Floor.D * fits[rd/2]
		}
	} else {
		texts := make([]string, len(offered))
		for j, rd := range offered {
			alt := pipe
			alt.Ops = append(slices.Clone(pipe.Ops[:i]), constrain.Op{Kind: constrain.Edge, Step: g.StepOf(rd)})
			alt.End = constrain.End{}
			texts[j] = alt.Number(t.linked.Refs).String()
		}
		ss, err := t.opt.Decoder.Score(t.ctx, t.linked.Prompt, texts)
		if err != nil {
			return nil, fmt.Errorf("choices: %w", err)
		}
		for j, s := range ss {
			scores[j] = s.SumP
		}
	}
	shares := rank.Softmax(scores)
	at := make([]int, len(offered))
	for j := range at {
		at[j] = j
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(shares[b], shares[a]) })
	for _, j := range at[:min(len(at), k)] {
		r := g.Relations()[offered[j]/2]
		label := r.Label
		if offered[j]&1 == 1 {
			label = "is " + label + " of"
		}
		x := Choice{Label: label, Share: round(shares[j])}
		if len(r.Preds) > 0 {
			if term, err := t.snap.Term(r.Preds[0]); err == nil {
				x.IRI = term.Value
			}
		}
		c.Items = append(c.Items, x)
	}
	return c, nil
}
