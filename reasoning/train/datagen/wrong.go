package datagen

import (
	"math/rand/v2"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Bounds on the wrong continuations of one row. The loss looks at the tokens
// that compete with the right one at each point of the right query, so a wrong
// query matters up to the point where it parts from the right one.
const (
	wrongSteps  = 7    // relations per point
	wrongNodes  = 3000 // members of a set that are looked at
	wrongValues = 2    // relations offered to max, min and where
)

// task is one question over a graph while it becomes a row.
type task struct {
	g        *constrain.Graph
	question string             // with slots
	names    []string           // folded names of the entities in the slots
	query    constrain.Pipeline // anchors are names
	source   string
	shape    string
}

// refer returns the query with numbers for the entities that are mentioned.
func refer(p constrain.Pipeline, names []string, refs []int) constrain.Pipeline {
	by := make([]string, len(names))
	for i, r := range refs {
		if r > 0 {
			by[r-1] = names[i]
		}
	}
	return p.Number(by)
}

// wrong lists queries that the graph supports and that part from the right one:
// stopped early, one step too many, another relation or direction, a filter, an
// extreme or a count that was not asked for.
func (t *task) wrong(r *rand.Rand) ([]constrain.Pipeline, error) {
	g := t.g
	var out []constrain.Pipeline
	prefix := constrain.Pipeline{Class: t.query.Class, Start: t.query.Start}
	w, err := g.Begin(prefix)
	if err != nil {
		return nil, err
	}
	// Another anchor: the other mentions, and the class of some node.
	for _, n := range t.names {
		if t.query.Class != "" || n != t.query.Start.Name {
			other := constrain.Pipeline{Start: constrain.Anchor{Name: n}}
			if ow, err := g.Begin(other); err == nil {
				out = append(out, t.steps(r, other, ow, nil, 3)...)
			}
		}
	}
	if cs := g.Classes(); len(cs) > 0 {
		c := cs[r.IntN(len(cs))].Name
		if c != t.query.Class {
			out = append(out, constrain.Pipeline{Class: c})
		}
	}
	for i := 0; ; i++ {
		var next *constrain.Op
		if i < len(t.query.Ops) {
			next = &t.query.Ops[i]
		}
		if i > 0 || t.query.Class != "" {
			if next != nil || t.query.End.Kind != constrain.List {
				out = append(out, prefix) // stopped early
			}
			if next != nil || t.query.End.Kind != constrain.Count {
				out = append(out, prefix.Ending(constrain.End{Kind: constrain.Count}))
			}
			out = append(out, t.filters(r, prefix, w, next)...)
		} else if next != nil && next.Kind != constrain.Edge {
			t.further(r, w, nil, next, func(op constrain.Op) {
				if op.String() != next.String() {
					out = append(out, prefix.With(op))
				}
			})
		}
		out = append(out, t.steps(r, prefix, w, next, wrongSteps)...)
		if next == nil {
			break
		}
		if w, err = g.Then(w, *next); err != nil {
			return nil, err
		}
		prefix = prefix.With(*next)
	}
	for _, e := range t.otherEnds(r, w) {
		out = append(out, prefix.Ending(e))
	}
	return out, nil
}

// otherEnds lists ends that differ from the right one in one thing, and now and
// then one of a kind that nobody asked for.
func (t *task) otherEnds(r *rand.Rand, w constrain.Walk) []constrain.End {
	g, right := t.g, t.query.End
	var out []constrain.End
	rds := slices.Clone(g.RDs(w.Set[:min(len(w.Set), wrongNodes)]))
	r.Shuffle(len(rds), func(i, j int) { rds[i], rds[j] = rds[j], rds[i] })
	var numbers []string
	for _, rd := range rds {
		if rel := g.Relations()[rd/2]; rd&1 == 0 && rel.Kind == constrain.NumberValue {
			numbers = append(numbers, rel.Name)
		}
	}
	some := func() []constrain.Step {
		if len(rds) == 0 {
			return nil
		}
		return []constrain.Step{g.StepOf(rds[r.IntN(len(rds))])}
	}
	switch e := right; right.Kind {
	case constrain.Sum, constrain.Avg:
		e.Kind = constrain.Sum + constrain.Avg - right.Kind
		out = append(out, e)
		for _, n := range numbers[:min(2, len(numbers))] {
			e.Rel = n
			out = append(out, e)
		}
	case constrain.Diff:
		for _, n := range numbers[:min(3, len(numbers))] {
			e.Rel = n
			out = append(out, e)
		}
	case constrain.Calc:
		for _, n := range numbers[:min(3, len(numbers))] {
			out = append(out, constrain.End{Kind: constrain.Calc, Rel: n, Sign: right.Sign, Other: right.Other}, constrain.End{Kind: constrain.Calc, Rel: right.Rel, Sign: right.Sign, Other: n})
		}
		for _, s := range []byte("-*/") {
			e.Sign = s
			out = append(out, e)
		}
	case constrain.Group:
		for i := range 3 {
			e.By = constrain.Aggregate((int(right.By) + i) % 5)
			e.Rel = ""
			if e.By != constrain.CountAll {
				if len(numbers) == 0 {
					continue
				}
				e.Rel = numbers[r.IntN(len(numbers))]
			}
			out = append(out, e)
			if s := some(); s != nil {
				e.Steps = s
				out = append(out, e)
			}
		}
	case constrain.Show:
		for range 3 {
			if s := some(); s != nil {
				e.Steps = append(slices.Clone(right.Steps[:len(right.Steps)-1]), s[0])
				out = append(out, e)
				e.Steps = append(slices.Clone(right.Steps[:1]), s[0])
				out = append(out, e)
			}
		}
		if len(right.Steps) > 1 {
			e.Steps = right.Steps[:1]
			out = append(out, e)
		}
	}
	if s := some(); s != nil && right.Kind != constrain.Show && r.IntN(3) == 0 {
		out = append(out, constrain.End{Kind: constrain.Show, Steps: s})
	}
	if s := some(); s != nil && right.Kind != constrain.Group && r.IntN(3) == 0 {
		out = append(out, constrain.End{Kind: constrain.Group, Steps: s})
	}
	if len(numbers) > 1 && right.Kind != constrain.Calc && r.IntN(4) == 0 {
		out = append(out, constrain.End{Kind: constrain.Calc, Rel: numbers[0], Sign: '-', Other: numbers[1]})
	}
	return slices.DeleteFunc(out, func(e constrain.End) bool { return e.String() == right.String() })
}

// further offers operations that count, rank and compare: those that differ from
// the right one in one thing, and some that nobody asked for.
func (t *task) further(r *rand.Rand, w constrain.Walk, rds []constrain.RD, next *constrain.Op, add func(constrain.Op)) {
	g := t.g
	if len(w.Set) >= 2 {
		for _, rd := range rds[:min(2, len(rds))] {
			k := constrain.Most
			if r.IntN(4) == 0 {
				k = constrain.Fewest
			}
			add(constrain.Op{Kind: k, Step: g.StepOf(rd)})
		}
	}
	if next == nil {
		return
	}
	op := *next
	switch next.Kind {
	case constrain.Most, constrain.Fewest, constrain.Having:
		if next.Kind != constrain.Having {
			op.Kind = constrain.Most + constrain.Fewest - next.Kind
			add(op)
			op = *next
			if op.N == 0 {
				op.N, op.Nth = 2+r.IntN(3), r.IntN(2) == 0
			} else {
				op.N, op.Nth = 0, false
			}
			add(op)
		} else {
			for _, c := range []byte{'>', '<', '=', constrain.AtLeast, constrain.AtMost} {
				op.Cmp = c
				add(op)
			}
		}
		op = *next
		op.Class = ""
		for _, rd := range rds[:min(4, len(rds))] {
			op.Step = g.StepOf(rd)
			add(op)
		}
		op = *next
		if rd, err := g.RDOf(next.Step); err == nil {
			image := g.Image(w.Set[:min(len(w.Set), wrongNodes)], rd)
			for range 2 {
				if cs := g.ClassesOf(image[r.IntN(len(image))]); len(cs) > 0 {
					op.Class = g.Classes()[cs[r.IntN(len(cs))]].Name
					add(op)
				}
			}
		}
	case constrain.Max, constrain.Min:
		op.Kind = constrain.Max + constrain.Min - next.Kind
		add(op)
		op = *next
		if op.N == 0 {
			op.N, op.Nth = 2+r.IntN(3), r.IntN(2) == 0
			add(op)
		} else {
			op.Nth = !op.Nth
			add(op)
			op.N, op.Nth = 0, false
			add(op)
		}
	case constrain.Where:
		for _, c := range []byte{'>', '<', '=', constrain.AtLeast, constrain.AtMost} {
			op.Cmp = c
			add(op)
		}
	case constrain.Also:
		if len(next.Steps) == 1 {
			for _, rd := range rds[:min(3, len(rds))] {
				op.Steps = []constrain.Step{g.StepOf(rd)}
				add(op)
			}
			op.Kind = constrain.With
			op.Steps = next.Steps
			add(op)
		}
	case constrain.Loop:
		for _, rd := range rds[:min(4, len(rds))] {
			op.Steps = []constrain.Step{next.Steps[0], {Inverse: true, Rel: g.Relations()[rd/2].Name}}
			add(op)
			op.Steps = []constrain.Step{g.StepOf(rd), next.Steps[1]}
			add(op)
		}
	case constrain.Reach:
		op.Step.Inverse = !op.Step.Inverse
		add(op)
		op = *next
		op.Kind = constrain.Edge
		add(op)
	case constrain.Edge:
		if r.IntN(6) == 0 {
			op.Kind = constrain.Reach
			add(op)
		}
	}
}

// steps offers one more edge: the twin in the other direction of the right one
// first, then others at random.
func (t *task) steps(r *rand.Rand, prefix constrain.Pipeline, w constrain.Walk, next *constrain.Op, limit int) []constrain.Pipeline {
	g := t.g
	if prefix.Edges() >= constrain.MaxSteps {
		return nil
	}
	set := w.Set
	if len(set) > wrongNodes {
		set = set[:wrongNodes]
	}
	rds := slices.Clone(g.RDs(set))
	r.Shuffle(len(rds), func(i, j int) { rds[i], rds[j] = rds[j], rds[i] })
	if next != nil && next.Kind == constrain.Edge {
		if rd, err := g.RDOf(next.Step); err == nil {
			if i := slices.Index(rds, rd^1); i > 0 {
				rds[0], rds[i] = rds[i], rds[0]
			}
		}
	}
	var out []constrain.Pipeline
	for _, rd := range rds {
		if len(out) == limit {
			break
		}
		s := g.StepOf(rd)
		if next != nil && next.Kind == constrain.Edge && next.Step == s {
			continue
		}
		out = append(out, prefix.With(constrain.Op{Kind: constrain.Edge, Step: s}))
	}
	return out
}

// filters offers what keeps a part of the set: a class, an extreme, a path to
// another mention.
func (t *task) filters(r *rand.Rand, prefix constrain.Pipeline, w constrain.Walk, next *constrain.Op) []constrain.Pipeline {
	g := t.g
	var out []constrain.Pipeline
	add := func(op constrain.Op) {
		if next == nil || next.String() != op.String() {
			out = append(out, prefix.With(op))
		}
	}
	if len(w.Set) == 0 {
		return nil
	}
	some := w.Set[r.IntN(len(w.Set))]
	if cs := g.ClassesOf(some); len(cs) > 0 {
		if c := g.Classes()[cs[r.IntN(len(cs))]].Name; c != prefix.Class {
			add(constrain.Op{Kind: constrain.Type, Class: c})
		}
	}
	rds := slices.Clone(g.RDsOf(some))
	r.Shuffle(len(rds), func(i, j int) { rds[i], rds[j] = rds[j], rds[i] })
	n := 0
	for _, rd := range rds {
		rel := g.Relations()[rd/2]
		if rd&1 == 1 || rel.Kind == constrain.NoValue || n == wrongValues || len(w.Set) < 2 {
			continue
		}
		n++
		add(constrain.Op{Kind: constrain.Max, Rel: rel.Name})
		add(constrain.Op{Kind: constrain.Min, Rel: rel.Name})
		for i, op := range t.query.Ops {
			if op.Kind == constrain.Where && op.To == nil { // the same number against other relations and signs
				op.Rel = rel.Name
				op.Cmp = "<>="[(i+n)%3]
				add(op)
			}
		}
	}
	t.further(r, w, rds, next, add)
	for _, name := range t.names {
		if name == prefix.Start.Name {
			continue
		}
		target := g.Lookup(name)
		m := 0
		for _, rd := range rds {
			back := g.ReachingNodes([]constrain.RD{rd}, constrain.Set(slices.Sorted(slices.Values(target))))
			if m < 2 && len(constrain.Intersect(w.Set, back)) > 0 {
				m++
				add(constrain.Op{Kind: constrain.With, Steps: []constrain.Step{g.StepOf(rd)}, To: &constrain.Anchor{Name: name}})
			}
		}
	}
	return out
}
