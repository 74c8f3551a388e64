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
	if k := t.query.End.Kind; k == constrain.Sum || k == constrain.Avg {
		e := t.query.End
		e.Kind = constrain.Sum + constrain.Avg - k
		out = append(out, prefix.Ending(e))
	}
	return out, nil
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
			if op.Kind == constrain.Where { // the same number against other relations and signs
				op.Rel = rel.Name
				op.Cmp = "<>="[(i+n)%3]
				add(op)
			}
		}
	}
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
