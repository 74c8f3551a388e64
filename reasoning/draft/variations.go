package draft

import (
	"cmp"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// What a variation gains or loses beside the fit of its relations.
const (
	cueGain    = 0.15 // the question has a word for this form
	typeGain   = 0.12 // a class of the question is used
	withGain   = 0.20 // a further mention is used
	narrowGain = 0.35 // a mention tells things of one name apart
	extraLoss  = 0.05 // one more operation
	wrongTurn  = 0.10 // max where the question has a word for min
	numberGain = 0.4  // a number of the question is used
	bareGain   = 0.10 // the superlative of a whole class: no other relation speaks for it
)

// variations adds, to the best chains, what is not a plain chain.
func (r *run) variations(chains []chain) error {
	bases := slices.Clone(chains)
	// Bare classes come first whatever their score: "the most populous city"
	// needs one, and it has no relation to score by.
	slices.SortStableFunc(bases, func(a, b chain) int {
		return cmp.Or(cmp.Compare(min(len(a.rds), 1), min(len(b.rds), 1)), cmp.Compare(b.d, a.d))
	})
	if len(bases) > r.opt.Bases {
		bases = bases[:r.opt.Bases]
	}
	r.whichOne()
	r.pairs()
	r.calculations()
	for i := range bases {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		c := &bases[i]
		b := base{p: r.pipeline(c), walk: c.walk, d: c.d, n: len(c.rds), mention: c.mention, fit: r.chainFit(c)}
		r.vary(b, true)
	}
	return nil
}

// whichOne narrows a name that several things share by another mention, and then
// goes on by one or two edges: "where did Jordan Avery of Brightwater study".
func (r *run) whichOne() {
	g := r.g
	for i, m := range r.q.Mentions {
		if len(m.Nodes) < 2 || m.Partial || m.Pinned {
			continue
		}
		b := base{p: constrain.Pipeline{Start: constrain.Anchor{Name: m.Name}}, walk: g.FromNodes(m.Nodes), d: 0.12 * (m.Score - r.bests), mention: i, fit: r.fit(i)}
		r.intersections(b, func(v base, _ Shape) {
			fit := r.fit(i)
			for _, rd := range g.Offered(v.walk) {
				w := g.Follow(v.walk, rd)
				// What narrows the name need not stand in the question as a
				// relation ("of"), so only the new edge is judged.
				d := b.d + fit.of(rd) + withGain + narrowGain - extraLoss
				r.push(v.add(constrain.Op{Kind: constrain.Edge, Step: g.StepOf(rd)}, w, d, 1), Narrowed)
			}
		})
	}
}

// base is a pipeline to vary.
type base struct {
	p       constrain.Pipeline
	walk    constrain.Walk
	d       float64
	n       int // relations so far
	mention int
	fit     *fits // of relations, for the question without what the base starts from
}

// with returns the score after one more relation of fit s.
func (b base) with(s float64) float64 {
	if b.n == 0 {
		return b.d + s
	}
	return b.d + (s-b.mean())/float64(b.n+1)
}

// mean is the part of the score that came from relations; link and length are
// small beside it.
func (b base) mean() float64 { return b.d }

func (b base) add(op constrain.Op, w constrain.Walk, d float64, relations int) base {
	return base{p: b.p.With(op), walk: w, d: d, n: b.n + relations, mention: b.mention, fit: b.fit}
}

func (r *run) push(b base, shape Shape) {
	r.add(Draft{Pipeline: b.p, D: b.d, Shape: shape, Mention: b.mention, Set: b.walk.Set})
}

// vary adds all variations of a base. With deep, variations that keep a set are
// varied once more.
func (r *run) vary(b base, deep bool) {
	g, fit := r.g, b.fit
	var next []base
	keep := func(v base, shape Shape) {
		r.push(v, shape)
		next = append(next, v)
	}
	// Type filters by the classes of the question.
	if b.n > 0 {
		for _, m := range r.q.Classes {
			s := g.OfClass(b.walk.Set, m.Class)
			if len(s) == 0 {
				continue
			}
			w := b.walk
			w.Set = s
			gain := typeGain
			if len(s) == len(b.walk.Set) {
				gain = 0.02 // changes nothing: a longer way to say the same
			}
			keep(b.add(constrain.Op{Kind: constrain.Type, Class: g.Classes()[m.Class].Name}, w, b.d+gain-extraLoss, 0), Narrowed)
		}
	}
	r.intersections(b, keep)
	if r.cues.not {
		r.negations(b, keep)
	}
	r.numbers(b, keep)
	if r.cues.most || r.cues.least {
		r.extremes(b, keep)
	}
	r.counts(b, keep)
	r.comparisons(b, keep)
	r.unions(b, keep)
	r.loops(b, keep)
	r.far(b)
	r.tables(b)
	r.ends(b)
	if !deep {
		return
	}
	slices.SortStableFunc(next, func(a, b base) int { return cmp.Compare(b.d, a.d) })
	for i, v := range next {
		if i == 6 {
			break
		}
		last := v.p.Ops[len(v.p.Ops)-1].Kind
		switch last {
		case constrain.Max, constrain.Min, constrain.Where, constrain.Type, constrain.Most, constrain.Fewest, constrain.Having:
			// One more step: "who runs the slowest train".
			for _, rd := range g.Offered(v.walk) {
				if v.p.Edges() >= constrain.MaxSteps || b.n > 1 {
					break
				}
				w := g.Follow(v.walk, rd)
				if len(w.Set) == 0 {
					continue
				}
				nv := v.add(constrain.Op{Kind: constrain.Edge, Step: g.StepOf(rd)}, w, v.with(fit.of(rd))-extraLoss, 1)
				shape := Other
				if last == constrain.Max || last == constrain.Min {
					shape = utmost(b)
				}
				r.push(nv, shape)
				r.ends(nv)
			}
		}
		r.vary2(v)
	}
}

// vary2 is the second layer: ends, extremes and further filters on an already
// narrowed set.
func (r *run) vary2(v base) {
	keep := func(b base, shape Shape) {
		r.push(b, Other)
		r.ends(b)
	}
	last := v.p.Ops[len(v.p.Ops)-1].Kind
	if last == constrain.Type || last == constrain.With {
		if last == constrain.Type {
			r.intersections(v, keep)
		}
		if r.cues.not {
			r.negations(v, keep)
		}
		r.numbers(v, keep)
		if r.cues.most || r.cues.least {
			r.extremes(v, keep)
		}
		r.counts(v, keep)
		r.comparisons(v, keep)
		r.tables(v)
	}
	if last == constrain.Where && r.cues.atLeast && r.cues.atMost {
		r.ranges(v, keep)
	}
	r.ends(v)
}

// intersections keeps the members from which one step leads to another mention.
func (r *run) intersections(b base, keep func(base, Shape)) {
	g := r.g
	for i, m := range r.q.Mentions {
		if i == b.mention || b.mention >= 0 && overlap(m.From, m.To, r.q.Mentions[b.mention].From, r.q.Mentions[b.mention].To) || slices.Contains(b.p.Names(), m.Name) {
			continue
		}
		target := constrain.Set(slices.Sorted(slices.Values(m.Nodes)))
		fit := r.fit(i)
		for _, rd := range g.RDs(target) {
			back := rd ^ 1 // the step from a member to the mention
			s := constrain.Intersect(b.walk.Set, g.Image(target, rd))
			if len(s) == 0 || back&1 == 1 && r.valuesOnly(b.walk) {
				continue
			}
			w := b.walk
			w.Set = s
			op := constrain.Op{Kind: constrain.With, Steps: []constrain.Step{g.StepOf(back)}, To: &constrain.Anchor{Name: m.Name}}
			d := b.with(fit.of(back)) + withGain + 0.12*(m.Score-r.bests) - extraLoss
			keep(b.add(op, w, d, 1), Narrowed)
		}
	}
}

// valuesOnly reports whether a walk ended at literals: no step leads back out of
// them.
func (r *run) valuesOnly(w constrain.Walk) bool {
	return w.Edges > 0 && !slices.ContainsFunc(w.Set, func(n constrain.Node) bool { return !r.g.IsLiteral(n) })
}

// negations keeps the members that lack a relation, at all or to a mention.
func (r *run) negations(b base, keep func(base, Shape)) {
	g, fit := r.g, b.fit
	if len(b.walk.Set) < 2 {
		return
	}
	all := 0
	for _, rd := range g.Offered(b.walk) {
		without := r.minus(b.walk, g.ReachingNodes([]constrain.RD{rd}, g.Image(b.walk.Set, rd)))
		if len(without) > 0 && all < 12 {
			all++
			w := b.walk
			w.Set = without
			op := constrain.Op{Kind: constrain.Without, Steps: []constrain.Step{g.StepOf(rd)}}
			keep(b.add(op, w, b.with(fit.of(rd))+cueGain-2*extraLoss, 1), Other)
		}
	}
	for i, m := range r.q.Mentions {
		if i == b.mention || m.Number || slices.Contains(b.p.Names(), m.Name) {
			continue
		}
		target := constrain.Set(slices.Sorted(slices.Values(m.Nodes)))
		for _, rd := range g.RDs(target) {
			without := r.minus(b.walk, g.Image(target, rd))
			if len(without) == 0 || len(without) == len(b.walk.Set) || rd&1 == 0 && r.valuesOnly(b.walk) {
				continue
			}
			w := b.walk
			w.Set = without
			op := constrain.Op{Kind: constrain.Without, Steps: []constrain.Step{g.StepOf(rd ^ 1)}, To: &constrain.Anchor{Name: m.Name}}
			keep(b.add(op, w, b.with(r.fit(i).of(rd))+cueGain+withGain+0.12*(m.Score-r.bests)-extraLoss, 1), Other)
		}
	}
}

func (r *run) minus(w constrain.Walk, s constrain.Set) constrain.Set {
	var out constrain.Set
	for _, n := range w.Set {
		if !s.Contains(n) {
			out = append(out, n)
		}
	}
	return out
}

// numbers filters by the numbers of the question.
func (r *run) numbers(b base, keep func(base, Shape)) {
	if len(r.q.Numbers) == 0 || len(b.walk.Set) == 0 {
		return
	}
	g, fit := r.g, b.fit
	for _, rd := range g.RDs(b.walk.Set) {
		kind := g.Relations()[rd/2].Kind
		if rd&1 == 1 || kind == constrain.NoValue {
			continue
		}
		for _, num := range r.q.Numbers {
			if kind == constrain.DateValue && len(num.Text) != 4 && !constrain.IsDate(num.Text) || kind == constrain.NumberValue && !constrain.IsNumber(num.Text) {
				continue
			}
			for _, x := range r.signs() {
				c, gain := x.sign, x.gain
				s := g.Filter(b.walk.Set, int(rd/2), c, num.Text)
				if len(s) == 0 && (gain <= 0 || c == '=' || len(b.p.Ops) == 0) {
					continue
				}
				w := b.walk
				w.Set = s
				op := constrain.Op{Kind: constrain.Where, Rel: g.Relations()[rd/2].Name, Cmp: c, Number: num.Text}
				keep(b.add(op, w, b.with(fit.of(rd))+numberGain+gain-extraLoss, 1), Other)
			}
		}
	}
}

// ranges closes a filter from below by one from above, of the same relation.
func (r *run) ranges(v base, keep func(base, Shape)) {
	last := v.p.Ops[len(v.p.Ops)-1]
	rel, ok := r.g.Relation(last.Rel)
	if !ok || last.Cmp != constrain.AtLeast && last.Cmp != '>' || last.To != nil {
		return
	}
	for _, num := range r.q.Numbers {
		if num.Text == last.Number || constrain.IsDate(num.Text) && r.g.Relations()[rel].Kind != constrain.DateValue {
			continue
		}
		op := constrain.Op{Kind: constrain.Where, Rel: last.Rel, Cmp: constrain.AtMost, Number: num.Text}
		if last.Cmp == '>' {
			op.Cmp = '<'
		}
		w := v.walk
		if w.Set = r.g.Filter(w.Set, rel, op.Cmp, num.Text); len(w.Set) > 0 {
			keep(v.add(op, w, v.d+0.1, 0), Other)
		}
	}
}

// utmost is the shape of a superlative over a base.
func utmost(b base) Shape {
	if b.n <= 1 && len(b.p.Ops) <= 1 {
		return Utmost
	}
	return Other
}

// extremes keeps the members with the largest or smallest value.
func (r *run) extremes(b base, keep func(base, Shape)) {
	g, fit := r.g, b.fit
	if len(b.walk.Set) < 2 {
		return
	}
	for _, rd := range g.RDs(b.walk.Set) {
		if rd&1 == 1 || g.Relations()[rd/2].Kind == constrain.NoValue {
			continue
		}
		for _, largest := range []bool{true, false} {
			s := g.Extreme(b.walk.Set, int(rd/2), largest)
			if len(s) == 0 {
				continue
			}
			op := constrain.Op{Kind: constrain.Min, Rel: g.Relations()[rd/2].Name}
			fits := r.cues.least
			if largest {
				op.Kind, fits = constrain.Max, r.cues.most
			}
			gain := cueGain
			if !fits {
				gain = -wrongTurn
			}
			if b.n == 0 {
				gain += bareGain
			}
			w := b.walk
			w.Set = s
			d := b.with(fit.of(rd)) + gain
			keep(b.add(op, w, d, 1), utmost(b))
			r.ranks(b, rd, largest, d, keep)
		}
	}
}

// ends adds counts, sums, averages and yes/no questions.
func (r *run) ends(b base) {
	g, fit := r.g, b.fit
	if r.cues.count {
		v := b
		v.p = b.p.Ending(constrain.End{Kind: constrain.Count})
		v.d += cueGain
		r.push(v, Other)
	}
	if r.cues.sum || r.cues.avg {
		for _, rd := range g.RDs(b.walk.Set) {
			if rd&1 == 1 || g.Relations()[rd/2].Kind != constrain.NumberValue {
				continue
			}
			for _, k := range []constrain.EndKind{constrain.Sum, constrain.Avg} {
				if k == constrain.Sum && !r.cues.sum || k == constrain.Avg && !r.cues.avg {
					continue
				}
				v := b
				v.p = b.p.Ending(constrain.End{Kind: k, Rel: g.Relations()[rd/2].Name})
				v.d = b.with(fit.of(rd)) + cueGain - extraLoss
				r.push(v, Other)
			}
		}
	}
	if !r.cues.yesNo {
		return
	}
	for i, m := range r.q.Mentions {
		if i == b.mention || b.mention >= 0 && overlap(m.From, m.To, r.q.Mentions[b.mention].From, r.q.Mentions[b.mention].To) || slices.Contains(b.p.Names(), m.Name) {
			continue
		}
		v := b
		v.p = b.p.Ending(constrain.End{Kind: constrain.Ask, To: constrain.Anchor{Name: m.Name}})
		v.d += cueGain + withGain + 0.12*(m.Score-r.bests)
		target := constrain.Set(slices.Sorted(slices.Values(m.Nodes)))
		if len(constrain.Intersect(b.walk.Set, target)) > 0 {
			v.d += 0.05 // a statement that holds is likelier to be asked about
		}
		r.push(v, Other)
	}
}

func overlap(a, b, c, d int) bool { return a < d && c < b }
