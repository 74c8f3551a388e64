package qa

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Ceiling reports, before any model, what a model could reach: how often the
// gold entities are linked, a right query is enumerated, and is among those
// kept; and what the first draft by the cheap score reaches.
type Ceiling struct {
	N          int     `json:"n"`
	Linked     int     `json:"linked"`
	Enumerated int     `json:"enumerated"`
	Kept       int     `json:"kept"`
	F1         float64 `json:"f1"`
	Exact      float64 `json:"exact"`
	Hits1      float64 `json:"hits1"`
	Seconds    float64 `json:"seconds_per_question"`
	Missed     []Missed
}

// Missed is a question for which no right draft was kept, or (if First is
// wrong) was not first.
type Missed struct {
	Question, Prompt, First, Right, SPARQL string
	Linked, Enumerated                     bool
}

// Answers evaluates a bound pipeline and returns its answers as the data sets
// write them.
func Answers(ctx context.Context, g *constrain.Graph, p constrain.Pipeline) ([]string, error) {
	res, err := g.Eval(ctx, p)
	if err != nil {
		return nil, err
	}
	switch res.Kind {
	case constrain.Count, constrain.Sum, constrain.Avg, constrain.Diff:
		return []string{strconv.FormatFloat(res.Number, 'f', -1, 64)}, nil
	case constrain.Ask:
		return []string{strconv.FormatBool(res.Bool)}, nil
	}
	out := make([]string, len(res.Nodes))
	for i, n := range res.Nodes {
		t, err := g.Snapshot().Term(g.ID(n))
		if err != nil {
			return nil, err
		}
		out[i] = t.Value
	}
	return out, nil
}

// constants of a query: IRIs, texts, and numbers that are compared with.
var constants = regexp.MustCompile(`<([^>\s]*)>|"([^"]*)"|[<>=]\s*(-?[0-9][0-9.]*)`)

// MeasureCeiling runs the linker and the generator over questions. Questions
// without gold answers are left out.
func MeasureCeiling(ctx context.Context, l *link.Linker, gen *draft.Generator, qs []Question, order func(a, b *draft.Draft) bool) (*Ceiling, error) {
	g := gen.Graph()
	c := &Ceiling{}
	begin := time.Now()
	for i := range qs {
		q := &qs[i]
		gold := q.Gold()
		if len(gold) == 0 {
			continue
		}
		c.N++
		lq, err := l.Link(q.Text)
		if err != nil {
			continue
		}
		_, linked := recalled(g, lq, constantsOf(g, q.SPARQL).entities)
		if linked {
			c.Linked++
		}
		kept, err := gen.Drafts(ctx, lq, draft.Options{})
		if err != nil {
			return nil, err
		}
		first := 0
		right := -1
		var firstScore Score
		for j := range kept {
			if order != nil && order(&kept[j], &kept[first]) {
				first = j
			}
		}
		for j := range kept {
			got, err := Answers(ctx, g, kept[j].Pipeline)
			if err != nil {
				return nil, err
			}
			s := Compare(got, gold)
			if j == first {
				firstScore = s
			}
			if s.Exact && right < 0 {
				right = j
			}
		}
		c.F1 += firstScore.F1
		c.Hits1 += firstScore.Hits1
		if firstScore.Exact {
			c.Exact++
		}
		enumerated := right >= 0
		if right >= 0 {
			c.Kept++
		} else {
			all, err := gen.Drafts(ctx, lq, draft.Options{Keep: 1 << 20})
			if err != nil {
				return nil, err
			}
			for j := range all {
				got, err := Answers(ctx, g, all[j].Pipeline)
				if err != nil {
					return nil, err
				}
				if Compare(got, gold).Exact {
					enumerated = true
					break
				}
			}
		}
		if enumerated {
			c.Enumerated++
		}
		if !firstScore.Exact {
			m := Missed{Question: q.Text, Prompt: lq.Prompt, SPARQL: q.SPARQL, Linked: linked, Enumerated: enumerated}
			if len(kept) > 0 {
				m.First = kept[first].Text
			}
			if right >= 0 {
				m.Right = kept[right].Text
			}
			c.Missed = append(c.Missed, m)
		}
	}
	c.Seconds = time.Since(begin).Seconds() / float64(max(c.N, 1))
	n := float64(max(c.N, 1))
	c.F1, c.Exact, c.Hits1 = c.F1/n, c.Exact/n, c.Hits1/n
	return c, nil
}
