package datagen

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// shapes are the families of questions with how often each is tried.
var shapes = []struct {
	name   string
	weight int
	make   func(a *asker) bool
}{
	{"1-hop", 9, func(a *asker) bool { return a.chain(1, false) }},
	{"inverse", 7, func(a *asker) bool { return a.chain(1, true) }},
	{"possessive", 6, (*asker).possessive},
	{"attribute", 6, (*asker).attribute},
	{"2-hop", 20, func(a *asker) bool { return a.chain(2, a.r.IntN(2) == 0) }},
	{"3-hop", 19, func(a *asker) bool { return a.chain(3, a.r.IntN(2) == 0) }},
	{"share", 4, func(a *asker) bool { return a.share(false) }},
	{"share-3", 7, func(a *asker) bool { return a.share(true) }},
	{"intersection", 11, (*asker).intersection},
	{"class", 2, (*asker).classList},
	{"count", 6, (*asker).count},
	{"ask", 5, (*asker).ask},
	{"superlative", 9, func(a *asker) bool { return a.superlative(false) }},
	{"superlative-step", 6, func(a *asker) bool { return a.superlative(true) }},
	{"number-filter", 5, func(a *asker) bool { return a.filter(false) }},
	{"date-filter", 4, func(a *asker) bool { return a.filter(true) }},
	{"not-exists", 3, (*asker).notExists},
	{"sum-avg", 3, (*asker).sum},
	{"between", 2, (*asker).between},
	{"most", 7, func(a *asker) bool { return a.mostEnds(false) }},
	{"most-step", 3, func(a *asker) bool { return a.mostEnds(true) }},
	{"having", 4, (*asker).having},
	{"ranked", 4, (*asker).ranked},
	{"compare", 4, (*asker).compare},
	{"whether", 3, (*asker).whether},
	{"better", 3, (*asker).better},
	{"difference", 2, (*asker).difference},
	{"either", 4, (*asker).either},
	{"itself", 2, (*asker).itself},
	{"far", 2, (*asker).far},
	{"columns", 3, (*asker).columns},
	{"groups", 4, (*asker).groups},
	{"calculation", 2, (*asker).calculation},
}

// asker makes one task: it walks the graph and writes the question as it goes.
type asker struct {
	*speaker
	r    *rand.Rand
	t    *task
	walk constrain.Walk
	text string // noun phrase for the current set
	many string // plural noun for the current set, "things" if there is none
	cls  int    // class of that noun in the graph, -1 if it is none
	last constrain.Set
}

// ask tries to make a task of a shape.
func (w *world) ask(r *rand.Rand, shape int) (*task, bool) {
	a := &asker{speaker: &speaker{r, w}, r: r, t: &task{g: w.g, source: w.source, shape: shapes[shape].name}, many: "things", cls: -1}
	if !shapes[shape].make(a) {
		return nil, false
	}
	if a.t.query.End.Kind == constrain.List && len(a.walk.Set) == 0 {
		return nil, false
	}
	a.t.question = a.noise(a.t.question)
	// Now and then one entity keeps its name, as when the linker is not sure.
	if len(a.t.names) > 0 && r.IntN(10) == 0 {
		i := r.IntN(len(a.t.names))
		a.t.question = strings.ReplaceAll(a.t.question, slot(i), a.t.names[i])
	}
	return a.t, true
}

// entity opens a slot for a node.
func (a *asker) entity(n constrain.Node) (string, bool) {
	name, ok := a.w.g.Name(n)
	if !ok || len(a.w.g.Lookup(name)) > 50 {
		return "", false
	}
	if i := slices.Index(a.t.names, name); i >= 0 {
		return slot(i), true
	}
	a.t.names = append(a.t.names, name)
	return slot(len(a.t.names) - 1), true
}

// start anchors the query at a random entity.
func (a *asker) start() bool {
	g := a.w.g
	for range 30 {
		n := constrain.Node(a.r.IntN(g.Nodes()))
		if g.IsLiteral(n) || g.Degree(n) == 0 {
			continue
		}
		return a.startAt(n)
	}
	return false
}

func (a *asker) startAt(n constrain.Node) bool {
	text, ok := a.entity(n)
	if !ok {
		return false
	}
	name := a.t.names[len(a.t.names)-1]
	a.t.query.Start = constrain.Anchor{Name: name}
	a.walk = a.w.g.FromNodes(a.w.g.Lookup(name))
	a.text = text
	return true
}

// startClass anchors the query at a class.
func (a *asker) startClass() bool {
	c, k, ok := a.class()
	if !ok {
		return false
	}
	a.t.query.Class = constrain.SchemaName(c.one)
	a.walk = a.w.g.FromClass(k)
	a.text, a.many = c.many, c.many
	return true
}

// grow is the widest set a step may lead to while a question is made.
const grow = 4000

// pick chooses an edge from the current set; literals only if asked.
func (a *asker) pick(inverse bool, literal bool) (constrain.RD, bool) {
	g := a.w.g
	if len(a.walk.Set) == 0 || len(a.walk.Set) > grow {
		return 0, false
	}
	var ok []constrain.RD
	for _, rd := range g.RDs(a.walk.Set) {
		rel := g.Relations()[rd/2].Name
		_, isValue := a.w.valueOf[rel]
		if (rd&1 == 1) == inverse && isValue == literal && !(inverse && literal) && !strings.Contains(rel, "_") {
			ok = append(ok, rd)
		}
	}
	if len(ok) == 0 {
		return 0, false
	}
	return ok[a.r.IntN(len(ok))], true
}

// step takes an edge; with final the text becomes the question, else a noun
// phrase.
func (a *asker) step(rd constrain.RD, final bool) bool {
	g := a.w.g
	st := g.StepOf(rd)
	inner := a.text
	a.last = a.walk.Set
	a.walk = g.Follow(a.walk, rd)
	if len(a.walk.Set) == 0 || len(a.walk.Set) > grow {
		return false
	}
	a.t.query = a.t.query.With(constrain.Op{Kind: constrain.Edge, Step: st})
	if !st.Inverse {
		a.many, a.cls = "things", -1
		if final {
			a.t.question = a.forwardQ(st.Rel, inner)
		} else {
			a.text = a.forward(st.Rel, inner)
		}
		return true
	}
	edge := -1
	if i, ok := a.w.edgeOf[st.Rel]; ok {
		edge = i
	}
	many, cls, all := a.nounOf(a.walk.Set, edge)
	if edge >= 0 && cls < 0 && len(a.w.edges[edge].subjects) > 0 {
		many = a.anyNoun(edge)
	}
	a.many, a.cls = many, cls
	if all && cls >= 0 && a.r.IntN(2) == 0 {
		// The noun names a class. Saying so in the query changes nothing here, but
		// where two relations fit the words it finds the one with such subjects.
		a.t.query = a.t.query.With(constrain.Op{Kind: constrain.Type, Class: g.Classes()[cls].Name})
	}
	if !all {
		// The noun narrows the set, so the query has to.
		if op := (constrain.Op{Kind: constrain.Type, Class: g.Classes()[cls].Name}); a.r.IntN(4) > 0 {
			w, err := g.Then(a.walk, op)
			if err != nil || len(w.Set) == 0 {
				return false
			}
			a.walk = w
			a.t.query = a.t.query.With(op)
			if final {
				a.t.shape = "type"
				a.t.question = a.which(many, a.inverse(st.Rel, inner))
				return true
			}
		} else {
			many = a.one("things", "ones", "everything")
			a.many, a.cls = many, -1
		}
	}
	if final {
		a.t.question = a.inverseQ(st.Rel, inner, many)
	} else {
		a.text = a.one("the ", "the ", "") + many + " " + a.inverse(st.Rel, inner)
	}
	return true
}

// anyNoun names the subjects of an edge whose graph has no classes.
func (a *asker) anyNoun(edge int) string {
	lx, err := theLexicon()
	if err != nil {
		return "things"
	}
	word := a.one(a.w.edges[edge].subjects...)
	cs := lx.pick(word)
	if word == "person" {
		return a.one("people", "persons")
	}
	return lx.classes[cs[a.r.IntN(len(cs))]].many
}

func (a *asker) chain(steps int, lastInverse bool) bool {
	if !a.start() {
		return false
	}
	for i := range steps {
		final := i == steps-1
		inv := a.r.IntN(2) == 0
		if final {
			inv = lastInverse
		}
		rd, ok := a.pick(inv, false)
		if final && !inv && steps > 1 && a.r.IntN(4) == 0 {
			if v, found := a.pick(false, true); found {
				rd, ok = v, true
			}
		}
		if !ok || !a.step(rd, final) {
			return false
		}
	}
	return true
}

// possessive asks for the subjects of two edges in a row as people write it:
// "films whose director 's birthplace is @".
func (a *asker) possessive() bool {
	if !a.start() {
		return false
	}
	x := a.text
	var names []string
	for range 2 {
		rd, ok := a.pick(true, false)
		if !ok || !a.step(rd, false) {
			return false
		}
		names = append(names, plainName(a.w.g.Relations()[rd/2].Name))
	}
	inner, outer, many := names[0], names[1], a.many
	if outer == inner && a.r.IntN(3) > 0 {
		return false
	}
	cond := a.one(
		"whose "+outer+" 's "+inner+" is "+x, "whose "+outer+" has "+x+" as "+inner, "with a "+outer+" whose "+inner+" is "+x, "whose "+outer+" has the "+inner+" "+x,
		"that have a "+outer+" with "+inner+" "+x, "whose "+inner+" of the "+outer+" is "+x, "with "+outer+" 's "+inner+" "+x)
	if i, known := a.w.edgeOf[inner]; known && a.r.IntN(3) == 0 {
		if v := a.verbal(i); v != "" {
			cond = "whose " + outer + a.one(" is ", " was ", " are ") + put(v, x, "", "")
		}
	}
	if a.r.IntN(5) == 0 {
		a.counted(many, cond)
		return true
	}
	a.t.question = a.which(many, cond)
	return true
}

func (a *asker) attribute() bool {
	if !a.start() {
		return false
	}
	rd, ok := a.pick(false, true)
	return ok && a.step(rd, true)
}

// share asks for what has the same value as the anchor: out and back over one
// relation, and then perhaps one step more.
func (a *asker) share(more bool) bool {
	if !a.start() {
		return false
	}
	x := a.text
	inverse := a.r.IntN(3) == 0
	rd, ok := a.pick(inverse, false)
	if !ok || !a.step(rd, false) || !a.step(rd^1, false) {
		return false
	}
	if n := a.t.query.Edges(); n != 2 {
		return false
	}
	rel := a.w.g.Relations()[rd/2].Name
	L := plainName(rel)
	many := a.many
	if inverse {
		// Two things of which one subject says the same: no noun, composed text.
		if a.r.IntN(3) == 0 {
			a.text = "the other " + L + " of " + "the things whose " + L + " is " + x
		}
	} else if a.r.IntN(3) > 0 {
		phrase := a.one(
			"that share "+L+" with @", "with the same "+L+" as @", "that have the same "+L+" as @", "whose "+L+" is also "+L+" of @",
			"that share the "+L+" with @", "of the same "+L+" as @", "sharing "+L+" with @", "that also have the "+L+" of @",
			"which have the "+L+" in common with @", "whose "+L+" is that of @")
		a.text = a.one("the ", "the other ", "other ") + many + " " + put(phrase, x, many, L)
	}
	if !more {
		body := a.text
		switch a.r.IntN(3) {
		case 0:
			a.t.question = body
		case 1:
			a.t.question = a.one("which ", "what ") + strings.TrimPrefix(body, "the ")
		default:
			a.t.question = a.one("what are ", "list ", "name ", "show ", "find ") + body
		}
		return true
	}
	rd, ok = a.pick(a.r.IntN(4) == 0, false)
	if a.r.IntN(4) == 0 {
		if v, found := a.pick(false, true); found {
			rd, ok = v, true
		}
	}
	return ok && a.step(rd, true)
}

func (a *asker) intersection() bool {
	g := a.w.g
	if !a.start() {
		return false
	}
	first := a.text
	rd, ok := a.pick(a.r.IntN(4) > 0, false)
	if !ok || !a.step(rd, false) || len(a.walk.Set) < 2 {
		return false
	}
	st := a.t.query.Ops[0].Step
	many := a.many
	// A second thing that some, not all, of the set are tied to.
	n := a.walk.Set[a.r.IntN(len(a.walk.Set))]
	var options []constrain.RD
	for _, x := range g.RDsOf(n) {
		_, isValue := a.w.valueOf[g.Relations()[x/2].Name]
		if !isValue && (x&1 == 0 && x != rd^1 || x&1 == 1 && !st.Inverse) {
			options = append(options, x)
		}
	}
	if len(options) == 0 {
		return false
	}
	x := options[a.r.IntN(len(options))]
	ends := slices.Collect(g.Neighbours(n, x))
	second, ok := a.entity(ends[a.r.IntN(len(ends))])
	if !ok || len(a.t.names) < 2 {
		return false
	}
	other := constrain.Anchor{Name: a.t.names[1]}
	op := constrain.Op{Kind: constrain.With, Steps: []constrain.Step{g.StepOf(x)}, To: &other}
	before := len(a.walk.Set)
	w, err := g.Then(a.walk, op)
	if err != nil || len(w.Set) == 0 || len(w.Set) == before {
		return false
	}
	a.walk = w
	a.t.query = a.t.query.With(op)
	if op.Steps[0].Inverse {
		a.t.question = a.both(st.Rel, first, op.Steps[0].Rel, second)
		return true
	}
	p2 := a.inverse(op.Steps[0].Rel, second)
	if !st.Inverse {
		a.t.question = a.which(a.one("things", "ones", plainName(st.Rel)), a.one("", "both ")+"the "+plainName(st.Rel)+" of "+first+" and "+p2)
		return true
	}
	p1 := a.inverse(st.Rel, first)
	and := a.one(" and ", " and also ", " that are also ", " but also ", " and at the same time ", " ")
	a.t.question = a.which(many, p1+and+p2)
	// With a class to start from, both phrases are conditions.
	if op := a.t.query.Ops; len(op) == 3 && op[1].Kind == constrain.Type && a.r.IntN(3) == 0 {
		to := a.t.query.Start
		both := constrain.Pipeline{Class: op[1].Class, Ops: []constrain.Op{
			{Kind: constrain.With, Steps: []constrain.Step{{Rel: st.Rel}}, To: &to}, op[2],
		}}
		if _, err := g.Begin(both); err == nil {
			a.t.query = both
		}
	}
	if a.r.IntN(6) == 0 { // the second phrase first
		a.t.question = a.which(many, p2+" and "+p1)
	}
	return true
}

// both asks for what is one thing of x and another of y.
func (a *asker) both(rel1, x, rel2, y string) string {
	L1, L2 := plainName(rel1), plainName(rel2)
	if rel1 == rel2 {
		return a.one(
			"what is the common "+L1+" of "+x+" and "+y, "which "+L1+" do "+x+" and "+y+" share", "what "+L1+" do "+x+" and "+y+" have in common",
			"who is the "+L1+" of both "+x+" and "+y, "which "+L1+" is shared by "+x+" and "+y, "the "+L1+" of "+x+" and of "+y, "name the mutual "+L1+" of "+x+" and "+y)
	}
	n1, n2 := a.forward(rel1, x), a.forward(rel2, y)
	return a.one(
		"who is "+n1+" and "+n2, "what is "+n1+" and also "+n2, "which "+L1+" of "+x+" is also "+L2+" of "+y, "which "+L1+" of "+x+" was also "+n2,
		n1+" that is also "+n2, "name the "+L1+" of "+x+" who is the "+L2+" of "+y, "what is both "+n1+" and "+n2, "which "+L2+" of "+y+" is "+n1)
}

func (a *asker) classList() bool {
	if !a.startClass() {
		return false
	}
	m := a.many
	a.t.question = a.one("list all "+m, "which "+m+" are there", "all "+m, "show me the "+m, "what "+m+" do you know", "name every "+m, "what "+m+" exist", "give me all the "+m, "which are the "+m)
	return true
}

// counted turns "what are the X that ..." into a question for their number.
func (a *asker) counted(many, phrase string) {
	what := strings.TrimSpace(many + " " + phrase)
	a.t.question = a.one(
		"how many "+what+" are there", "count the "+what, "count "+what, "number of "+what, "what is the number of "+what,
		"how many "+what, "give me the number of "+what, "how many are the "+what, "what is the total number of "+what, "how many "+many+" are "+phrase)
	a.t.query.End.Kind = constrain.Count
}

// howMany turns one of the questions for subjects, "which films did @ direct",
// into one for their number.
func (a *asker) howMany(rel, inner string) string {
	i, ok := a.w.edgeOf[rel]
	if !ok {
		return ""
	}
	var forms []string
	for _, q := range a.w.edges[i].inv {
		if rest, ok := strings.CutPrefix(q, "which # "); ok {
			forms = append(forms, "how many # "+rest)
		} else if rest, ok := strings.CutPrefix(q, "what # "); ok {
			forms = append(forms, "how many # "+rest)
		}
	}
	if len(forms) == 0 {
		return ""
	}
	return put(a.one(forms...), inner, a.many, "")
}

func (a *asker) count() bool {
	if a.r.IntN(6) == 0 {
		if !a.startClass() {
			return false
		}
		m := a.many
		a.t.question = a.one("how many "+m+" are there", "count the "+m, "number of "+m, "how many "+m+" do you know", "how many "+m+" exist", "total number of "+m, "what is the number of "+m)
		a.t.query.End.Kind = constrain.Count
		return true
	}
	if !a.start() {
		return false
	}
	if a.r.IntN(4) == 0 {
		rd, ok := a.pick(a.r.IntN(2) == 0, false)
		if !ok || !a.step(rd, false) {
			return false
		}
	}
	inner := a.text
	rd, ok := a.pick(a.r.IntN(4) > 0, false)
	if !ok || !a.step(rd, false) {
		return false
	}
	op := a.t.query.Ops[len(a.t.query.Ops)-1]
	if op.Kind == constrain.Edge && !op.Step.Inverse {
		L := plainName(op.Step.Rel)
		a.t.question = put(a.one("how many ~ does @ have", "number of ~ of @", "count the ~ of @", "how many ~ has @", "what is the number of ~ of @", "how many different ~ does @ have"), inner, "", L)
		a.t.query.End.Kind = constrain.Count
		return true
	}
	for i := len(a.t.query.Ops) - 1; i >= 0; i-- {
		if o := a.t.query.Ops[i]; o.Kind == constrain.Edge {
			if q := a.howMany(o.Step.Rel, inner); q != "" && a.r.IntN(2) == 0 {
				a.t.question = q
				a.t.query.End.Kind = constrain.Count
			} else {
				a.counted(a.many, a.inverse(o.Step.Rel, inner))
			}
			break
		}
	}
	a.turn()
	return true
}

// ask asks whether one thing is among the answers; four in ten are wrong.
func (a *asker) ask() bool {
	g := a.w.g
	if !a.start() {
		return false
	}
	x := a.text
	rd, ok := a.pick(false, false)
	if !ok {
		return false
	}
	if !a.step(rd, false) {
		return false
	}
	n := a.walk.Set[a.r.IntN(len(a.walk.Set))]
	if a.r.IntN(10) < 4 {
		// Another object of the same relation.
		for range 20 {
			m := constrain.Node(a.r.IntN(g.Nodes()))
			if slices.Contains(g.RDsOf(m), rd^1) && !a.walk.Set.Contains(m) {
				n = m
				break
			}
		}
	}
	y, ok := a.entity(n)
	if !ok || len(a.t.names) < 2 {
		return false
	}
	st := a.t.query.Ops[0].Step
	a.t.query.End = constrain.End{Kind: constrain.Ask, To: constrain.Anchor{Name: a.t.names[1]}}
	be := a.one("is ", "was ", "is it true that ", "is ")
	L := plainName(st.Rel)
	var forms []string
	if i, known := a.w.edgeOf[st.Rel]; known {
		if p := a.verbal(i); p != "" {
			forms = append(forms, be+x+" "+put(p, y, "", ""), be+x+" "+put(p, y, "", ""))
		}
		forms = append(forms, be+y+" the "+put(a.one(a.w.edges[i].fwd...), x, "", ""))
	}
	forms = append(forms, be+y+" the "+L+" of "+x, "does "+x+" have the "+L+" "+y, "has "+x+" "+y+" as "+L, be+y+" among the "+L+" of "+x, be+"the "+L+" of "+x+" "+y, be+y+" "+x+" 's "+L)
	a.t.question = a.one(forms...)
	return true
}
