package datagen

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// singular is the noun of the current set for one of them.
func (a *asker) singular() string {
	for _, c := range a.w.classes {
		if c.many == a.many {
			return c.one
		}
	}
	return a.one("thing", "one")
}

// ends picks what members of the current set are counted by: the step, with the
// class if the question says one, and the noun for the ends.
func (a *asker) ends() (op constrain.Op, noun string, rd constrain.RD, ok bool) {
	if len(a.walk.Set) < 3 {
		return op, "", 0, false
	}
	rd, ok = a.pick(a.r.IntN(5) < 3, false)
	if !ok {
		return op, "", 0, false
	}
	g := a.w.g
	op.Step = g.StepOf(rd)
	edge, known := a.w.edgeOf[op.Step.Rel]
	if !known {
		return op, "", 0, false
	}
	image := g.Image(a.walk.Set, rd)
	if op.Step.Inverse {
		many, cls, all := a.nounOf(image, edge)
		if cls < 0 {
			return op, "", 0, false
		}
		if !all || a.r.IntN(10) < 3 {
			op.Class = g.Classes()[cls].Name
		}
		return op, many, rd, true
	}
	noun = plainName(op.Step.Rel)
	if len(a.w.edges[edge].rng) > 0 && a.r.IntN(5) < 2 {
		d := a.w.edges[edge].rng[a.r.IntN(len(a.w.edges[edge].rng))]
		if k := a.w.clsIdx[d]; k >= 0 {
			noun = a.w.classes[d].many
			if len(g.OfClass(image, k)) < len(image) || a.r.IntN(10) < 3 {
				op.Class = g.Classes()[k].Name
			}
		}
	}
	return op, noun, rd, true
}

// apply adds an operation that must leave something, but not everything.
func (a *asker) apply(op constrain.Op) bool {
	w, err := a.w.g.Then(a.walk, op)
	if err != nil || len(w.Set) == 0 || len(w.Set) == len(a.walk.Set) {
		return false
	}
	a.walk = w
	a.t.query = a.t.query.With(op)
	return true
}

// rank draws how many are asked for, and writes it: "second", "three".
func (a *asker) rank(op *constrain.Op) (before string, several bool) {
	op.N = 2 + min(a.r.IntN(4), a.r.IntN(9))
	if op.Nth = a.r.IntN(2) == 0; op.Nth {
		words := []string{"", "", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
		return words[op.N], false
	}
	if a.r.IntN(2) == 0 {
		return a.numberWord(op.N), true
	}
	return strconv.Itoa(op.N), true
}

// numberWord writes a small number in letters.
func (a *asker) numberWord(n int) string {
	words := []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	if n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

// asking makes a question of a noun phrase for one or several things.
func (a *asker) asking(np string) string {
	bare := strings.TrimPrefix(np, "the ")
	return a.one("what is "+np, "which is "+np, np, "name "+np, "which "+bare, "what "+bare, "tell me "+np, "find "+np, "who is "+np, "show "+np, "what are "+np, "give me "+np)
}

// mostEnds asks for those with most of something, by number: "which state has
// the most rivers".
func (a *asker) mostEnds(more bool) bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	one, many := a.singular(), a.many
	op, noun, _, ok := a.ends()
	if !ok {
		return false
	}
	op.Kind = constrain.Most
	word := a.one("the most", "the most", "the largest number of", "the highest number of", "the greatest number of", "the maximum number of", "most")
	if a.r.IntN(10) < 3 {
		op.Kind = constrain.Fewest
		word = a.one("the fewest", "the least", "the smallest number of", "the lowest number of", "the least number of", "fewest")
	}
	several, ranked := false, ""
	if a.r.IntN(6) == 0 {
		ranked, several = a.rank(&op)
	}
	if !a.apply(op) {
		return false
	}
	a.many = many
	e := a.w.edges[a.w.edgeOf[op.Step.Rel]]
	tail := strings.TrimSpace(" " + phrase)
	var np, question string
	switch {
	case op.Nth:
		np = "the " + one + " with the " + ranked + " " + strings.TrimPrefix(word, "the ") + " " + noun
	case several:
		np = a.one("the ", "the top ", "") + ranked + " " + many + a.one(" with ", " that have ", " having ") + word + " " + noun
	case op.Step.Inverse && a.r.IntN(2) == 0 && !more && tail == "":
		question = put(a.one(e.fwdQ...), word+" "+noun, "", "")
	case !op.Step.Inverse && a.r.IntN(2) == 0:
		np = "the " + one + " " + put(a.one(e.phrase...), word+" "+noun, "", "")
	default:
		np = "the " + one + a.one(" with ", " that has ", " having ", " which has ") + word + " " + noun
		if !more && tail == "" && a.r.IntN(2) == 0 {
			question = a.one("which ", "what ") + one + a.one(" has ", " has ", " had ") + word + " " + noun
		}
	}
	if np != "" && tail != "" {
		np = a.one(np+" "+tail, strings.Replace(np, " "+one, " "+one+" "+tail, 1))
	}
	if more {
		a.text = np
		rd, ok := a.pick(a.r.IntN(4) == 0, false)
		if a.r.IntN(3) == 0 {
			if x, found := a.pick(false, true); found {
				rd, ok = x, true
			}
		}
		return np != "" && ok && a.step(rd, true)
	}
	if question == "" {
		question = a.asking(np)
	}
	a.t.question = question
	return true
}

// having asks for those with more, fewer or exactly so many of something.
func (a *asker) having() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	many := a.many
	op, noun, rd, ok := a.ends()
	if !ok {
		return false
	}
	cls := -1
	if op.Class != "" {
		cls, _ = a.w.g.Class(op.Class)
	}
	n := a.w.g.Ends(a.walk.Set[a.r.IntN(len(a.walk.Set))], rd, cls)
	op.Kind, op.Cmp = constrain.Having, '='
	word := a.one("exactly", "exactly", "just", "precisely")
	switch a.r.IntN(8) {
	case 0, 1, 2:
		op.Cmp, n = '>', n-1
		word = a.one("more than", "over", "greater than")
	case 3, 4:
		op.Cmp = constrain.AtLeast
		word = a.one("at least", "no fewer than", "a minimum of")
	case 5:
		op.Cmp, n = '<', n+1
		word = a.one("fewer than", "less than", "under")
	case 6:
		op.Cmp = constrain.AtMost
		word = a.one("at most", "no more than", "up to")
	}
	if n < 1 {
		return false
	}
	op.Number = strconv.Itoa(n)
	if !a.apply(op) {
		return false
	}
	number := op.Number
	if a.r.IntN(2) == 0 {
		number = a.numberWord(n)
	}
	cond := a.one("with", "that have", "having", "which have") + " " + word + " " + number + " " + noun
	if !op.Step.Inverse && a.r.IntN(3) == 0 {
		cond = put(a.one(a.w.edges[a.w.edgeOf[op.Step.Rel]].phrase...), word+" "+number+" "+noun, "", "")
	}
	cond = strings.TrimSpace(phrase + " " + cond)
	if a.r.IntN(4) == 0 {
		a.counted(many, cond)
		return true
	}
	a.t.question = a.which(many, cond)
	if phrase == "" && a.r.IntN(3) == 0 {
		a.t.question = a.one("which ", "what ") + many + " have " + word + " " + number + " " + noun
	}
	return true
}

// ranked asks for the n-th or the n first by a value.
func (a *asker) ranked() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(true, true)
	if !ok {
		return false
	}
	if r, found := a.w.g.Relation(v.name); !found || !a.w.g.Rankable(r) {
		return false
	}
	one, many := a.singular(), a.many
	op := constrain.Op{Kind: constrain.Max, Rel: v.name}
	if a.r.IntN(5) < 2 {
		op.Kind = constrain.Min
	}
	rank, several := a.rank(&op)
	if !a.apply(op) {
		return false
	}
	noun := one
	if several {
		noun = many
	}
	most := op.Kind == constrain.Max
	L := plainName(v.name)
	adjectives := v.most
	switch {
	case v.date && most:
		adjectives = []string{"newest", "latest", "most recent", "youngest"}
	case v.date:
		adjectives = []string{"oldest", "earliest", "first"}
	case !most:
		adjectives = v.least
	}
	high := a.one("highest", "largest", "greatest", "most")
	if !most {
		high = a.one("lowest", "smallest", "least")
	}
	var np string
	switch k := a.r.IntN(4); {
	case k < 2 && len(adjectives) > 0:
		np = "the " + rank + " " + a.one(adjectives...) + " " + noun
		if several && a.r.IntN(3) == 0 {
			np = "the " + a.one(adjectives...) + " " + rank + " " + noun
		}
	case several && most && k == 2:
		np = a.one("the top ", "top ") + rank + " " + noun + a.one(" by ", " in terms of ", " ranked by ") + L
	case several:
		np = "the " + rank + " " + noun + " with the " + high + " " + L
	default:
		np = "the " + noun + " with the " + rank + " " + high + " " + L
	}
	if phrase != "" {
		np += " " + phrase
	}
	a.t.question = a.asking(np)
	return true
}
