package datagen

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// valued picks a thing that has a value, from a set.
func (a *asker) valued(set constrain.Set, v value) (constrain.Node, bool) {
	rd, err := a.w.g.RDOf(constrain.Step{Rel: v.name})
	if err != nil || len(set) == 0 {
		return 0, false
	}
	for range 20 {
		n := set[a.r.IntN(len(set))]
		if slices.Contains(a.w.g.RDsOf(n), rd) {
			return n, true
		}
	}
	return 0, false
}

// compares writes a comparison with another thing: "larger than @", and the
// phrase "with a higher L than @".
func (a *asker) compares(v value, more bool) (adjective, phrase string) {
	L := plainName(v.name)
	words := v.most
	if !more {
		words = v.least
	}
	switch {
	case v.date && more:
		adjective = a.one("newer than @", "younger than @", "more recent than @")
		phrase = a.one("with a later ~ than @", "whose ~ is after that of @", "with ~ after the ~ of @", "that came after @")
	case v.date:
		adjective = "older than @"
		phrase = a.one("with an earlier ~ than @", "whose ~ is before that of @", "with ~ before the ~ of @", "that came before @")
	case more:
		phrase = a.one("with a higher ~ than @", "with more ~ than @", "whose ~ is higher than that of @", "with a ~ greater than that of @", "whose ~ exceeds the ~ of @", "with a larger ~ than @")
	default:
		phrase = a.one("with a lower ~ than @", "with less ~ than @", "whose ~ is lower than that of @", "with a ~ smaller than that of @", "with a smaller ~ than @")
	}
	if !v.date && len(words) > 0 {
		adjective = comparative(a.one(words...)) + " than @"
	}
	return strings.ReplaceAll(adjective, "~", L), strings.ReplaceAll(phrase, "~", L)
}

// compare asks for what has more or less of a value than another thing.
func (a *asker) compare() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(true, true)
	if !ok {
		return false
	}
	many := a.many
	n, ok := a.valued(a.walk.Set, v)
	if !ok {
		return false
	}
	before := len(a.t.names)
	y, ok := a.entity(n)
	if !ok || len(a.t.names) == before {
		return false
	}
	more := a.r.IntN(5) < 3
	op := constrain.Op{Kind: constrain.Where, Rel: v.name, Cmp: '<', To: &constrain.Anchor{Name: a.t.names[before]}}
	if more {
		op.Cmp = '>'
	}
	if !a.apply(op) {
		return false
	}
	adjective, with := a.compares(v, more)
	cond := with
	if adjective != "" && a.r.IntN(2) == 0 {
		cond = a.one("", "that are ") + adjective
	}
	cond = put(cond, y, "", "")
	if phrase != "" {
		cond = phrase + a.one(" ", " and ") + cond
	}
	if a.r.IntN(5) == 0 {
		a.counted(many, cond)
		return true
	}
	a.t.question = a.which(many, cond)
	return true
}

// two opens slots for two things of one class that have the same value
// relation.
func (a *asker) two() (v value, x, y string, ok bool) {
	if !a.startClass() {
		return v, "", "", false
	}
	if v, ok = a.valueHere(true, true); !ok {
		return v, "", "", false
	}
	m, ok1 := a.valued(a.walk.Set, v)
	n, ok2 := a.valued(a.walk.Set, v)
	if !ok1 || !ok2 || m == n {
		return v, "", "", false
	}
	a.t.query.Class = ""
	if !a.startAt(m) {
		return v, "", "", false
	}
	x = a.text
	if y, ok = a.entity(n); !ok || len(a.t.names) < 2 {
		return v, "", "", false
	}
	return v, x, y, true
}

// whether asks whether one thing has more of a value than another.
func (a *asker) whether() bool {
	v, x, y, ok := a.two()
	if !ok {
		return false
	}
	more := a.r.IntN(5) < 3
	op := constrain.Op{Kind: constrain.Where, Rel: v.name, Cmp: '<', To: &constrain.Anchor{Name: a.t.names[1]}}
	if more {
		op.Cmp = '>'
	}
	a.t.query.Ops = []constrain.Op{op}
	a.t.query.End = constrain.End{Kind: constrain.Ask, To: a.t.query.Start}
	w, err := a.w.g.Then(a.walk, op)
	if err != nil {
		return false
	}
	a.walk = w
	adjective, with := a.compares(v, more)
	L := plainName(v.name)
	high := a.one("higher", "greater", "larger", "bigger")
	if v.date {
		high = "later"
	}
	if !more {
		high = a.one("lower", "smaller", "less")
		if v.date {
			high = "earlier"
		}
	}
	forms := []string{
		"does " + x + " have a " + high + " " + L + " than " + y, "is the " + L + " of " + x + " " + high + " than that of " + y,
		"is the " + L + " of " + x + " " + high + " than the " + L + " of " + y, "has " + x + " a " + high + " " + L + " than " + y,
	}
	if rest, ok := strings.CutPrefix(with, "with "); ok {
		forms = append(forms, "does "+x+" have "+put(rest, y, "", ""))
	}
	if adjective != "" {
		is := a.one("is ", "was ") + x + " " + put(adjective, y, "", "")
		forms = append(forms, is, is, is)
	}
	a.t.question = a.one(forms...)
	return true
}

// better asks which of two things has more of a value.
func (a *asker) better() bool {
	v, x, y, ok := a.two()
	if !ok {
		return false
	}
	op := constrain.Op{Kind: constrain.Max, Rel: v.name}
	more := a.r.IntN(5) < 3
	if !more {
		op.Kind = constrain.Min
	}
	a.t.query.Ops = []constrain.Op{{Kind: constrain.Also, To: &constrain.Anchor{Name: a.t.names[1]}}}
	w, err := a.w.g.Then(a.walk, a.t.query.Ops[0])
	if err != nil || len(w.Set) < 2 {
		return false
	}
	a.walk = w
	if !a.apply(op) {
		return false
	}
	adjective, _ := a.compares(v, more)
	adjective = strings.TrimSuffix(adjective, " than @")
	high := "higher"
	switch {
	case v.date && more:
		high = "later"
	case v.date:
		high = "earlier"
	case !more:
		high = a.one("lower", "smaller")
	case a.r.IntN(2) == 0:
		high = a.one("greater", "larger", "bigger")
	}
	L := plainName(v.name)
	pair := a.one(x+" or "+y, x+" or "+y, "between "+x+" and "+y, "of "+x+" and "+y)
	who := a.one("which", "what", "who", "which one", "which of them")
	forms := []string{who + " has the " + high + " " + L + " " + pair, who + " has a " + high + " " + L + " " + pair, pair + " which has the " + high + " " + L}
	if adjective != "" {
		forms = append(forms, who+" is "+adjective+" "+pair, who+" is the "+adjective+" "+pair, who+" is "+adjective+" "+pair)
	}
	a.t.question = a.one(forms...)
	return true
}

// difference asks by how much two things differ.
func (a *asker) difference() bool {
	v, x, y, ok := a.two()
	if !ok || v.date {
		return false
	}
	a.t.query.Ops = nil
	a.t.query.End = constrain.End{Kind: constrain.Diff, Rel: v.name, To: constrain.Anchor{Name: a.t.names[1]}}
	L := plainName(v.name)
	forms := []string{
		"what is the difference between the " + L + " of " + x + " and the " + L + " of " + y, "what is the difference in " + L + " between " + x + " and " + y,
		"by how much does the " + L + " of " + x + " exceed that of " + y, "how much more " + L + " does " + x + " have than " + y,
		"how much higher is the " + L + " of " + x + " than that of " + y, L + " of " + x + " minus " + L + " of " + y,
	}
	if len(v.most) > 0 {
		c := comparative(a.one(v.most...))
		forms = append(forms, "how much "+c+" is "+x+" than "+y, "by how much is "+x+" "+c+" than "+y)
	}
	a.t.question = a.one(forms...)
	return true
}

// either asks for what belongs to one thing or to another.
func (a *asker) either() bool {
	g := a.w.g
	if !a.start() {
		return false
	}
	x := a.text
	inverse := a.r.IntN(4) > 0
	rd, ok := a.pick(inverse, false)
	if !ok || !a.step(rd, false) {
		return false
	}
	if a.t.query.Edges() != 1 || len(a.t.query.Ops) != 1 {
		return false
	}
	many, st := a.many, a.t.query.Ops[0].Step
	var y string
	for range 30 {
		n := constrain.Node(a.r.IntN(g.Nodes()))
		if slices.Contains(g.RDsOf(n), rd) && !g.IsLiteral(n) {
			if y, ok = a.entity(n); ok && len(a.t.names) == 2 {
				break
			}
		}
	}
	if len(a.t.names) < 2 {
		return false
	}
	other := constrain.Anchor{Name: a.t.names[1]}
	if inverse {
		back := st
		back.Inverse = false
		op := constrain.Op{Kind: constrain.Also, Steps: []constrain.Step{back}, To: &other}
		w, err := g.Then(a.walk, op)
		if err != nil || len(w.Set) == len(a.walk.Set) {
			return false
		}
		a.walk, a.t.query = w, a.t.query.With(op)
		a.t.question = a.which(many, a.inverse(st.Rel, x+a.one(" or ", " or by ", " or ")+y))
		return true
	}
	a.walk = g.FromNodes(g.Lookup(a.t.names[0]))
	a.t.query.Ops = []constrain.Op{{Kind: constrain.Also, To: &other}, {Kind: constrain.Edge, Step: st}}
	for _, op := range a.t.query.Ops {
		w, err := g.Then(a.walk, op)
		if err != nil || len(w.Set) == 0 {
			return false
		}
		a.walk = w
	}
	a.t.question = a.forwardQ(st.Rel, x+a.one(" or ", " or ", " and ")+y)
	return true
}

// itself asks for what two relations of lead to the same thing.
func (a *asker) itself() bool {
	if !a.startClass() {
		return false
	}
	g := a.w.g
	var pairs [][2]int
	for i, e := range a.w.edges {
		for j, f := range a.w.edges {
			if i != j && len(e.dom) > 0 && len(f.dom) > 0 && len(e.rng) > 0 && len(f.rng) > 0 && e.dom[0] == f.dom[0] && e.rng[0] == f.rng[0] {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	if len(pairs) == 0 {
		return false
	}
	p := pairs[a.r.IntN(len(pairs))]
	e, f := a.w.edges[p[0]], a.w.edges[p[1]]
	c := a.w.clsIdx[e.dom[0]]
	if c < 0 {
		return false
	}
	a.t.query.Class, a.walk, a.many = g.Classes()[c].Name, g.FromClass(c), a.w.classes[e.dom[0]].many
	op := constrain.Op{Kind: constrain.Loop, Steps: []constrain.Step{{Rel: e.name}, {Inverse: true, Rel: f.name}}}
	many := a.many
	if !a.apply(op) {
		return false
	}
	L, M := plainName(e.name), plainName(f.name)
	forms := []string{
		"which " + many + " have the same " + L + " and " + M, many + " whose " + L + " is also their " + M, "which " + many + " have their " + L + " as " + M,
		"list the " + many + " where the " + L + " is the " + M, many + " with the same thing as " + L + " and " + M, "which " + many + " have the same " + L + " as " + M,
	}
	if v := a.verbal(p[1]); v != "" {
		forms = append(forms, "which "+many+" are "+put(v, "their own "+L, "", ""), many+" "+put(v, "their "+L, "", ""))
	}
	a.t.question = a.one(forms...)
	return true
}

// far asks for everything that one relation leads to, however often.
func (a *asker) far() bool {
	g := a.w.g
	if !a.start() {
		return false
	}
	x := a.text
	var ok []constrain.RD
	for _, rd := range g.RDs(a.walk.Set) {
		name := g.Relations()[rd/2].Name
		if _, known := a.w.edgeOf[name]; !known {
			continue
		}
		if all := g.FollowAll(a.walk, rd); len(all.Set) > len(g.Image(a.walk.Set, rd)) {
			ok = append(ok, rd)
		}
	}
	if len(ok) == 0 {
		return false
	}
	rd := ok[a.r.IntN(len(ok))]
	st := g.StepOf(rd)
	a.walk = g.FollowAll(a.walk, rd)
	a.t.query = a.t.query.With(constrain.Op{Kind: constrain.Reach, Step: st})
	L := plainName(st.Rel)
	how := a.one("directly or indirectly", "direct or indirect", "at any level", "over any number of steps", "direct and indirect", "recursively", "transitively")
	if st.Inverse {
		p := a.inverse(st.Rel, x)
		a.t.question = a.one("what is "+how+" "+p, "everything "+p+" "+how, "list all things "+p+" "+how, "which things are "+how+" "+p)
		return true
	}
	a.t.question = a.one("what are all "+how+" "+L+" of "+x, "all "+how+" "+L+" of "+x, "the "+L+" of "+x+" "+how, "list the "+L+" of "+x+" "+how, "what is the "+L+" of "+x+" "+how)
	return true
}
