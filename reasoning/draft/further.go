package draft

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Bounds of what is tried for one base. The question's words open these forms;
// within them only relations that fit best, and those that a class of the
// question belongs to, are tried.
const (
	bestSteps  = 6
	bestValues = 5
	bestPairs  = 3
	maxPaired  = 4 // mentions that are paired with each other
)

// What further forms gain beside the fit of their relations.
const (
	countedGain = 0.25 // the class that is counted stands in the question
	pairGain    = 0.25 // two mentions are compared with each other
	tableGain   = 0.10
)

// best returns the steps of a set that fit the question best.
func (r *run) best(rds []constrain.RD, f *fits, n int, ok func(constrain.RD) bool) []constrain.RD {
	var out []constrain.RD
	for _, rd := range rds {
		if ok == nil || ok(rd) {
			out = append(out, rd)
		}
	}
	slices.SortStableFunc(out, func(a, b constrain.RD) int { return cmp.Compare(f.of(b), f.of(a)) })
	return out[:min(n, len(out))]
}

// isValue reports whether the values of a step compare.
func (r *run) isValue(rd constrain.RD) bool {
	return rd&1 == 0 && r.g.Relations()[rd/2].Kind != constrain.NoValue
}

func (r *run) isNumber(rd constrain.RD) bool {
	return rd&1 == 0 && r.g.Relations()[rd/2].Kind == constrain.NumberValue
}

// counts keeps the members with most, fewest, or so many ends of a step.
func (r *run) counts(b base, keep func(base, Shape)) {
	if b.n > 1 || len(b.walk.Set) < 2 || !r.cues.mostOf && !r.cues.fewOf && !(r.cues.howMany() && len(r.cues.small) > 0) {
		return
	}
	g, fit := r.g, b.fit
	rds := g.Offered(b.walk)
	good := r.best(rds, fit, bestSteps, nil)
	for _, rd := range rds {
		image := constrain.Set(nil)
		for _, m := range append([]link.ClassMention{{Class: -1}}, r.q.Classes...) {
			gain, class := 0.0, ""
			if m.Class < 0 {
				if !slices.Contains(good, rd) {
					continue
				}
			} else {
				class = g.Classes()[m.Class].Name
				if class == b.p.Class {
					continue
				}
				if image == nil {
					image = g.Image(b.walk.Set, rd)
				}
				if len(g.OfClass(image, m.Class)) == 0 {
					continue
				}
				gain = countedGain
			}
			r.countOps(b, constrain.Op{Step: g.StepOf(rd), Class: class}, b.with(fit.of(rd))+gain, keep)
		}
	}
}

// countOps tries the operations that count one thing.
func (r *run) countOps(b base, op constrain.Op, d float64, keep func(base, Shape)) {
	add := func(op constrain.Op, gain float64) {
		w, err := r.g.Then(b.walk, op)
		if err == nil && len(w.Set) > 0 && len(w.Set) < len(b.walk.Set) {
			keep(b.add(op, w, d+gain, 1), Counted)
		}
	}
	for _, k := range []constrain.OpKind{constrain.Most, constrain.Fewest} {
		if k == constrain.Most && !r.cues.mostOf || k == constrain.Fewest && !r.cues.fewOf {
			continue
		}
		op.Kind, op.N, op.Nth = k, 0, false
		add(op, cueGain)
		for _, n := range r.cues.small {
			if n.rank {
				op.N, op.Nth = n.n, n.ordinal
				add(op, cueGain+rankGain)
			}
		}
	}
	op.N, op.Nth = 0, false
	op.Kind = constrain.Having
	for _, n := range r.cues.small {
		if n.ordinal || !r.cues.howMany() {
			continue
		}
		op.Number = strconv.Itoa(n.n)
		for _, c := range r.signs() {
			op.Cmp = c.sign
			add(op, numberGain/2+c.gain)
		}
	}
}

// rankGain is for the use of a rank of the question: "second", "three".
const rankGain = 0.1

// sign is a comparison with how well the question's words agree.
type sign struct {
	sign byte
	gain float64
}

// signs lists the comparisons that the question may mean.
func (r *run) signs() []sign {
	c := r.cues
	out := []sign{{'>', 0}, {'<', 0}, {'=', 0}}
	for i := range out {
		s := &out[i]
		switch {
		case s.sign == '>' && c.more && !c.atMost, s.sign == '<' && c.less && !c.atLeast, s.sign == '=' && !c.more && !c.less && !c.atLeast && !c.atMost:
			s.gain = cueGain
		case s.sign == '<' && c.more && !c.less, s.sign == '>' && c.less && !c.more:
			s.gain = -2 * wrongTurn
		}
	}
	if c.atLeast {
		out = append(out, sign{constrain.AtLeast, cueGain + 0.05})
	}
	if c.atMost {
		out = append(out, sign{constrain.AtMost, cueGain + 0.05})
	}
	return out
}

// ranks keeps the n highest or lowest, or the n-th.
func (r *run) ranks(b base, rd constrain.RD, largest bool, d float64, keep func(base, Shape)) {
	if !r.g.Rankable(int(rd / 2)) {
		return
	}
	op := constrain.Op{Kind: constrain.Min, Rel: r.g.Relations()[rd/2].Name}
	if largest {
		op.Kind = constrain.Max
	}
	for _, n := range r.cues.small {
		if !n.rank {
			continue
		}
		op.N, op.Nth = n.n, n.ordinal
		w := b.walk
		if w.Set = r.g.Ranked(w.Set, int(rd/2), largest, n.n, n.ordinal); len(w.Set) > 0 {
			keep(b.add(op, w, d+rankGain, 1), Counted)
		}
	}
}

// comparisons keeps the members that have more or less of a value than another
// mention.
func (r *run) comparisons(b base, keep func(base, Shape)) {
	if !r.cues.than || len(b.walk.Set) < 2 {
		return
	}
	g := r.g
	for i, m := range r.q.Mentions[:min(maxPaired, len(r.q.Mentions))] {
		if i == b.mention || m.Number || r.taken(b, m) {
			continue
		}
		target := constrain.Set(slices.Sorted(slices.Values(m.Nodes)))
		fit := r.fit(i)
		have := g.RDs(target)
		for _, rd := range r.best(g.RDs(b.walk.Set), fit, bestValues, func(rd constrain.RD) bool { return r.isValue(rd) && slices.Contains(have, rd) }) {
			for _, c := range r.signs()[:2] {
				w := b.walk
				if w.Set = g.Compare(w.Set, int(rd/2), c.sign, target); len(w.Set) == 0 {
					continue
				}
				op := constrain.Op{Kind: constrain.Where, Rel: g.Relations()[rd/2].Name, Cmp: c.sign, To: &constrain.Anchor{Name: m.Name}}
				keep(b.add(op, w, b.with(fit.of(rd))+pairGain+c.gain+0.12*(m.Score-r.bests), 1), Paired)
			}
		}
	}
}

// taken reports whether a mention overlaps the start of a base or is used in it.
func (r *run) taken(b base, m link.Mention) bool {
	return b.mention >= 0 && overlap(m.From, m.To, r.q.Mentions[b.mention].From, r.q.Mentions[b.mention].To) || slices.Contains(b.p.Names(), m.Name)
}

// pairs compares two mentions with each other, and unites them.
func (r *run) pairs() {
	g := r.g
	if !r.cues.or && !r.cues.than && !r.cues.difference && !r.cues.and {
		return
	}
	for i, m := range r.q.Mentions[:min(maxPaired, len(r.q.Mentions))] {
		if m.Number || m.Partial {
			continue
		}
		b := base{p: constrain.Pipeline{Start: constrain.Anchor{Name: m.Name}}, walk: g.FromNodes(m.Nodes), d: 0.12 * (m.Score - r.bests), mention: i, fit: r.fit(i)}
		for j, o := range r.q.Mentions[:min(maxPaired, len(r.q.Mentions))] {
			if i == j || o.Number || o.Partial || r.taken(b, o) {
				continue
			}
			r.pair(b, o)
		}
	}
}

func (r *run) pair(b base, o link.Mention) {
	g, fit := r.g, b.fit
	target := constrain.Set(slices.Sorted(slices.Values(o.Nodes)))
	to := constrain.Anchor{Name: o.Name}
	have := g.RDs(target)
	link := 0.12 * (o.Score - r.bests)
	both := func(rd constrain.RD) bool { return slices.Contains(have, rd) }
	for _, rd := range r.best(g.RDs(b.walk.Set), fit, bestValues, func(rd constrain.RD) bool { return r.isValue(rd) && both(rd) }) {
		rel := g.Relations()[rd/2].Name
		d := b.d + fit.of(rd) + pairGain + link
		if r.cues.yesNo && r.cues.than {
			for _, c := range r.signs()[:2] {
				op := constrain.Op{Kind: constrain.Where, Rel: rel, Cmp: c.sign, To: &to}
				w := b.walk
				w.Set = g.Compare(w.Set, int(rd/2), c.sign, target)
				v := b.add(op, w, d+c.gain+cueGain, 1)
				v.p.End = constrain.End{Kind: constrain.Ask, To: b.p.Start}
				r.push(v, Paired)
			}
		}
		if r.cues.difference && r.isNumber(rd) {
			v := b
			v.d = d + cueGain
			v.p.End = constrain.End{Kind: constrain.Diff, Rel: rel, To: to}
			r.push(v, Paired)
		}
		// Both orders mean the same: the first mention comes first.
		if !r.cues.yesNo && r.cues.or && r.before(b.p.Start.Name, o.Name) {
			also := constrain.Op{Kind: constrain.Also, To: &to}
			w, err := g.Then(b.walk, also)
			if err != nil {
				continue
			}
			for _, largest := range []bool{true, false} {
				op := constrain.Op{Kind: constrain.Min, Rel: rel}
				good := r.cues.least || r.cues.less
				if largest {
					op.Kind, good = constrain.Max, r.cues.most || r.cues.more
				}
				gain := cueGain
				if !good {
					gain = -wrongTurn
				}
				one := w
				one.Set = g.Extreme(w.Set, int(rd/2), largest)
				v := b.add(also, w, d+gain, 0)
				r.push(v.add(op, one, d+gain, 1), Paired)
			}
		}
	}
	if (r.cues.or || r.cues.and) && !r.cues.yesNo && r.before(b.p.Start.Name, o.Name) {
		also := constrain.Op{Kind: constrain.Also, To: &to}
		w, err := g.Then(b.walk, also)
		if err != nil {
			return
		}
		for _, rd := range r.best(g.RDs(b.walk.Set), fit, bestSteps, both) {
			v := b.add(also, w, b.d, 0)
			d := b.d + fit.of(rd) + withGain + link - extraLoss
			r.push(v.add(constrain.Op{Kind: constrain.Edge, Step: g.StepOf(rd)}, g.Follow(w, rd), d, 1), Paired)
		}
	}
}

// before reports whether one name of the question stands before another.
func (r *run) before(a, b string) bool {
	at := func(name string) int {
		return slices.IndexFunc(r.q.Mentions, func(m link.Mention) bool { return m.Name == name })
	}
	return r.q.Mentions[at(a)].From < r.q.Mentions[at(b)].From
}

// unions adds what a step leads from to another mention.
func (r *run) unions(b base, keep func(base, Shape)) {
	if !r.cues.or || b.n != 1 || b.mention < 0 || len(b.p.Ops) != 1 || r.valuesOnly(b.walk) {
		return
	}
	g := r.g
	step := b.p.Ops[0].Step
	for i, m := range r.q.Mentions[:min(maxPaired, len(r.q.Mentions))] {
		if i == b.mention || m.Number || r.taken(b, m) || !r.before(b.p.Start.Name, m.Name) {
			continue
		}
		target := constrain.Set(slices.Sorted(slices.Values(m.Nodes)))
		fit := r.fit(i)
		same, err := g.RDOf(step)
		if err != nil {
			continue
		}
		rds := r.best(g.RDs(target), fit, bestPairs, func(rd constrain.RD) bool { return rd&1 == same&1 && rd != same })
		if slices.Contains(g.RDs(target), same) {
			rds = append(rds, same)
		}
		for _, rd := range rds {
			op := constrain.Op{Kind: constrain.Also, Steps: []constrain.Step{g.StepOf(rd ^ 1)}, To: &constrain.Anchor{Name: m.Name}}
			w, err := g.Then(b.walk, op)
			if err != nil {
				continue
			}
			keep(b.add(op, w, b.with(fit.of(rd))+withGain+cueGain+0.12*(m.Score-r.bests)-extraLoss, 1), Paired)
		}
	}
}

// loops keeps what two relations of lead to the same thing.
func (r *run) loops(b base, keep func(base, Shape)) {
	if !r.cues.same || b.n > 1 {
		return
	}
	g, fit := r.g, b.fit
	good := r.best(g.RDs(b.walk.Set), fit, bestSteps, func(rd constrain.RD) bool { return rd&1 == 0 })
	for i, x := range good {
		for j, y := range good {
			if i == j {
				continue
			}
			w := b.walk
			if w.Set = g.Looping(w.Set, x, y^1); len(w.Set) == 0 {
				continue
			}
			d := b.with((fit.of(x)+fit.of(y))/2) + cueGain
			if j < i {
				d -= 0.02 // the other order says the same
			}
			keep(b.add(constrain.Op{Kind: constrain.Loop, Steps: []constrain.Step{g.StepOf(x), g.StepOf(y ^ 1)}}, w, d, 2), Paired)
		}
	}
}

// far lets the only edge of a chain repeat.
func (r *run) far(b base) {
	if !r.cues.far || b.n != 1 || len(b.p.Ops) != 1 || b.mention < 0 {
		return
	}
	rd, err := r.g.RDOf(b.p.Ops[0].Step)
	if err != nil {
		return
	}
	start := r.g.FromNodes(r.q.Mentions[b.mention].Nodes)
	w := r.g.FollowAll(start, rd)
	if len(w.Set) <= len(b.walk.Set) {
		return
	}
	v := b
	v.p.Ops = []constrain.Op{{Kind: constrain.Reach, Step: b.p.Ops[0].Step}}
	v.walk, v.d = w, b.d+cueGain
	r.push(v, Paired)
}

// tables adds ends with several columns.
func (r *run) tables(b base) {
	g, fit := r.g, b.fit
	if b.n > 1 || len(b.walk.Set) == 0 {
		return
	}
	used := b.p.Relations()
	rds := slices.DeleteFunc(slices.Clone(g.RDs(b.walk.Set)), func(rd constrain.RD) bool {
		return slices.Contains(used, g.Relations()[rd/2].Name) // it leads back
	})
	if r.cues.each || r.cues.together {
		good := r.best(rds, fit, bestSteps, nil)
		end := func(d float64, steps ...constrain.Step) {
			v := b
			v.p = b.p.Ending(constrain.End{Kind: constrain.Show, Steps: steps})
			v.d = d + tableGain
			r.push(v, Tabled)
		}
		for i, x := range good {
			end(b.with(fit.of(x)), g.StepOf(x))
			for j, y := range good[:min(bestPairs, len(good))] {
				if i != j && i < bestPairs {
					end(b.with((fit.of(x)+fit.of(y))/2)-extraLoss, g.StepOf(x), g.StepOf(y))
				}
			}
		}
	}
	if r.cues.each && len(b.walk.Set) > 1 {
		numbers := r.best(rds, fit, bestPairs, r.isNumber)
		for _, rd := range rds {
			gain := r.keyGain(b, rd, g.Image(b.walk.Set, rd))
			if gain == 0 && !slices.Contains(r.best(rds, fit, bestSteps, nil), rd) {
				continue
			}
			end := constrain.End{Kind: constrain.Group, Steps: []constrain.Step{g.StepOf(rd)}}
			push := func(e constrain.End, d float64) {
				v := b
				v.p = b.p.Ending(e)
				v.d = d + gain + tableGain
				r.push(v, Tabled)
			}
			d := b.with(fit.of(rd))
			if r.cues.count {
				push(end, d+cueGain)
			}
			for _, n := range numbers {
				for by, cue := range map[constrain.Aggregate]bool{constrain.SumOf: r.cues.sum, constrain.AvgOf: r.cues.avg, constrain.MinOf: r.cues.least, constrain.MaxOf: r.cues.most} {
					if cue {
						e := end
						e.By, e.Rel = by, g.Relations()[n/2].Name
						push(e, b.with((fit.of(rd)+fit.of(n))/2)+cueGain-extraLoss)
					}
				}
			}
		}
	}
	if r.cues.calculation {
		good := r.best(rds, fit, bestValues, r.isNumber)
		for i, x := range good {
			for j, y := range good {
				if i == j {
					continue
				}
				for _, s := range []byte("-/*") {
					v := b
					v.p = b.p.Ending(constrain.End{Kind: constrain.Calc, Rel: g.Relations()[x/2].Name, Sign: s, Other: g.Relations()[y/2].Name})
					v.d = b.with((fit.of(x)+fit.of(y))/2) + tableGain
					r.push(v, Tabled)
				}
			}
		}
	}
}

// keyGain is for keys of a class that the question names.
func (r *run) keyGain(b base, rd constrain.RD, image constrain.Set) float64 {
	for _, m := range r.q.Classes {
		if r.g.Classes()[m.Class].Name != b.p.Class && len(r.g.OfClass(image, m.Class))*2 > len(image) {
			return countedGain
		}
	}
	return 0
}

// calculations makes numbers of two values of a mention.
func (r *run) calculations() {
	if !r.cues.calculation {
		return
	}
	for i, m := range r.q.Mentions[:min(maxPaired, len(r.q.Mentions))] {
		if m.Number || m.Partial {
			continue
		}
		r.tables(base{p: constrain.Pipeline{Start: constrain.Anchor{Name: m.Name}}, walk: r.g.FromNodes(m.Nodes), d: 0.12 * (m.Score - r.bests), mention: i, fit: r.fit(i)})
	}
}
