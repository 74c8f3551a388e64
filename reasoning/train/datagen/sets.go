package datagen

import (
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// base starts a set that is asked about as a whole: a class, or what belongs to
// an entity. It returns the phrase that narrows the noun.
func (a *asker) base() (phrase string, ok bool) {
	if a.r.IntN(2) == 0 {
		return "", a.startClass()
	}
	if !a.start() {
		return "", false
	}
	inner := a.text
	rd, ok := a.pick(true, false)
	if !ok || !a.step(rd, false) || len(a.walk.Set) < 2 {
		return "", false
	}
	rel := a.t.query.Ops[0].Step.Rel
	a.turn()
	return a.inverse(rel, inner), true
}

// turn writes "[x] < rel" as "{class} | > rel [x]" four times in ten: people
// who name a class think of it as the start.
func (a *asker) turn() {
	q := a.t.query
	if a.cls < 0 || q.Class != "" || len(q.Ops) == 0 || len(q.Ops) > 2 || a.r.IntN(10) >= 4 {
		return
	}
	if len(q.Ops) == 2 && q.Ops[1].Kind != constrain.Type || q.Ops[0].Kind != constrain.Edge || !q.Ops[0].Step.Inverse {
		return
	}
	to := q.Start
	turned := constrain.Pipeline{Class: a.w.g.Classes()[a.cls].Name, Ops: []constrain.Op{{
		Kind: constrain.With, Steps: []constrain.Step{{Rel: q.Ops[0].Step.Rel}}, To: &to,
	}}, End: q.End}
	w, err := a.w.g.Begin(turned)
	if err == nil {
		w, err = a.w.g.Then(w, turned.Ops[0])
	}
	if err == nil && len(w.Set) == len(a.walk.Set) {
		a.walk, a.t.query = w, turned
	}
}

// valueHere picks an attribute of the current set.
func (a *asker) valueHere(date, number bool) (value, bool) {
	rels := a.w.g.RDs(a.walk.Set)
	var ok []value
	for _, rd := range rels {
		if i, found := a.w.valueOf[a.w.g.Relations()[rd/2].Name]; found && rd&1 == 0 {
			if v := a.w.values[i]; v.date && date || !v.date && number {
				ok = append(ok, v)
			}
		}
	}
	if len(ok) == 0 {
		return value{}, false
	}
	return ok[a.r.IntN(len(ok))], true
}

func (a *asker) superlative(more bool) bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(true, true)
	if !ok {
		return false
	}
	op := constrain.Op{Kind: constrain.Max, Rel: v.name}
	if a.r.IntN(5) < 2 {
		op.Kind = constrain.Min
	}
	w, err := a.w.g.Then(a.walk, op)
	if err != nil || len(w.Set) == 0 {
		return false
	}
	a.walk = w
	a.t.query = a.t.query.With(op)
	L := plainName(v.name)
	noun := a.many
	if c := slices.IndexFunc(a.w.classes, func(c class) bool { return c.many == noun }); c >= 0 && a.r.IntN(4) > 0 {
		noun = a.w.classes[c].one
	}
	most := op.Kind == constrain.Max
	var np string
	switch {
	case v.date && a.r.IntN(3) > 0 && len(v.most) > 0:
		part := a.one(v.most...)
		if most {
			np = a.one("the latest "+noun, "the newest "+noun, "the most recent "+noun, "the last "+noun+" to be "+part, "the "+noun+" that was "+part+" last", "the "+noun+" "+part+" most recently", "the youngest "+noun)
		} else {
			np = a.one("the first "+noun, "the oldest "+noun, "the earliest "+noun, "the first "+noun+" to be "+part, "the "+noun+" that was "+part+" first", "the "+noun+" "+part+" earliest")
		}
	case !v.date && a.r.IntN(3) > 0 && len(v.most) > 0 && len(v.least) > 0:
		adj := a.one(v.most...)
		if !most {
			adj = a.one(v.least...)
		}
		np = "the " + adj + " " + noun
	case most:
		np = put(a.one("the "+noun+" with the highest ~", "the "+noun+" with the most ~", "the "+noun+" with the largest ~", "the "+noun+" with the greatest ~", "the "+noun+" that has the highest ~", "the "+noun+" with the maximum ~", "the "+noun+" with the latest ~"), "", "", L)
	default:
		np = put(a.one("the "+noun+" with the lowest ~", "the "+noun+" with the least ~", "the "+noun+" with the smallest ~", "the "+noun+" that has the lowest ~", "the "+noun+" with the minimum ~", "the "+noun+" with the earliest ~", "the "+noun+" with the fewest ~"), "", "", L)
	}
	if phrase != "" {
		np += " " + phrase
	}
	if more {
		a.text = np
		rd, ok := a.pick(a.r.IntN(4) == 0, false)
		if a.r.IntN(3) == 0 {
			if x, found := a.pick(false, true); found {
				rd, ok = x, true
			}
		}
		return ok && a.step(rd, true)
	}
	bare := strings.TrimPrefix(np, "the ")
	a.t.question = a.one("what is "+np, "which is "+np, np, "name "+np, "which "+bare, "tell me "+np, "find "+np, "who is "+np, "show "+np)
	if phrase == "" && a.r.IntN(5) == 0 {
		a.t.question = a.one("which ", "what ") + noun + " is " + a.one("the ", "") + strings.TrimPrefix(strings.Replace(np, " "+noun, "", 1), "the ")
	} else if phrase != "" && a.r.IntN(4) == 0 {
		adj := strings.TrimPrefix(strings.Replace(strings.TrimSuffix(np, " "+phrase), noun, "", 1), "the ")
		a.t.question = a.one("which of the "+a.many+" "+phrase+" is the "+adj, "of the "+a.many+" "+phrase+" which is the "+adj)
	}
	return true
}

// filter keeps what is over, under or exactly at a number or year; three in ten
// times the result is counted.
func (a *asker) filter(date bool) bool {
	g := a.w.g
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(date, !date)
	if !ok {
		return false
	}
	rd, err := g.RDOf(constrain.Step{Rel: v.name})
	if err != nil {
		return false
	}
	n := a.walk.Set[a.r.IntN(len(a.walk.Set))]
	var labels []string
	for m := range g.Neighbours(n, rd) {
		labels = append(labels, g.Label(m))
	}
	if len(labels) == 0 {
		return false
	}
	num := labels[0]
	if v.date {
		num = num[:min(4, len(num))]
	}
	x, errN := strconv.Atoi(num)
	if errN != nil {
		return false
	}
	op := constrain.Op{Kind: constrain.Where, Rel: v.name, Cmp: '='}
	switch a.r.IntN(7) {
	case 0, 1:
		op.Cmp = '>'
		x -= a.r.IntN(max(1, x/20) + 1)
	case 2, 3:
		op.Cmp = '<'
		x += 1 + a.r.IntN(max(1, x/20)+1)
	case 4:
		op.Cmp = constrain.AtLeast
	case 5:
		op.Cmp = constrain.AtMost
	}
	op.Number = strconv.Itoa(x)
	w, err := g.Then(a.walk, op)
	if err != nil || len(w.Set) == 0 || x < 0 {
		return false
	}
	a.walk = w
	a.t.query = a.t.query.With(op)
	L := plainName(v.name)
	amount := op.Number
	if v.unit != "" && a.r.IntN(5) < 2 {
		amount += " " + v.unit
	}
	var cond string
	switch {
	case v.date && op.Cmp == constrain.AtLeast:
		cond = a.one("since @", "! since @", "with ~ since @", "! in @ or later", "whose ~ is @ or later", "with ~ not before @", "from @ on")
	case v.date && op.Cmp == constrain.AtMost:
		cond = a.one("! in @ or earlier", "whose ~ is @ or earlier", "with ~ not after @", "! by @", "! no later than @")
	case op.Cmp == constrain.AtLeast:
		cond = a.one("with at least @ ~", "with a ~ of at least @", "whose ~ is at least @", "with ~ of @ or more", "whose ~ is no less than @")
	case op.Cmp == constrain.AtMost:
		cond = a.one("with at most @ ~", "with a ~ of at most @", "whose ~ is at most @", "with ~ of @ or less", "with a ~ up to @", "whose ~ is no more than @")
	case v.date && op.Cmp == '=':
		cond = a.one("~ in @", "that were ! in @", "whose ~ is @", "with ~ in @", "from @", "! in @", "with ~ @", "whose ~ was in @", "of the year @")
	case v.date && op.Cmp == '>':
		cond = a.one("! after @", "that were ! after @", "with ~ after @", "whose ~ is after @", "with ~ later than @", "newer than @", "after @", "! later than @")
	case v.date:
		cond = a.one("! before @", "that were ! before @", "with ~ before @", "whose ~ is before @", "with ~ earlier than @", "older than @", "before @", "! earlier than @", "! until @")
	case op.Cmp == '=':
		cond = a.one("with ~ @", "with exactly @ ~", "whose ~ is @", "with a ~ of @", "with ~ equal to @", "that have @ ~", "whose ~ is exactly @")
	case op.Cmp == '>':
		cond = a.one("with ~ over @", "with more than @ ~", "whose ~ is more than @", "with a ~ above @", "with ~ greater than @", "whose ~ exceeds @", "with a ~ of more than @", "whose ~ is larger than @", "with ~ higher than @", "having ~ above @", "& than @", "with a ~ over @")
	default:
		cond = a.one("with ~ under @", "with less than @ ~", "whose ~ is less than @", "with a ~ below @", "with ~ smaller than @", "with a ~ of less than @", "whose ~ is lower than @", "with fewer than @ ~", "with ~ lower than @", "_ than @")
	}
	if len(v.most) > 0 && v.date {
		cond = strings.ReplaceAll(cond, "!", a.one(v.most...))
	}
	cond = strings.ReplaceAll(cond, "! ", "") // no word for it
	cond = strings.ReplaceAll(cond, "&", comparative(a.one(append(v.most, "more")...)))
	cond = strings.ReplaceAll(cond, "_", comparative(a.one(append(v.least, "less")...)))
	cond = put(cond, amount, "", L)
	if phrase != "" {
		cond = a.one(phrase+" "+cond, phrase+" and "+cond, cond+" "+phrase, cond+" and "+phrase)
	}
	if a.r.IntN(10) < 3 {
		a.counted(a.many, cond)
		return true
	}
	a.t.question = a.which(a.many, cond)
	return true
}

// between keeps what lies in a range.
func (a *asker) between() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(true, true)
	if !ok {
		return false
	}
	r, ok := a.w.g.Relation(v.name)
	if !ok {
		return false
	}
	var ends []int
	for range 2 {
		n, found := a.valued(a.walk.Set, v)
		x, _, has := a.w.g.Extent(constrain.Set{n}, r)
		if !found || !has {
			return false
		}
		if v.date && a.w.g.Relations()[r].Kind == constrain.DateValue {
			x = 1970 + x/365.2425
		}
		ends = append(ends, int(x))
	}
	lo, hi := min(ends[0], ends[1]), max(ends[0], ends[1])+1
	many, L := a.many, plainName(v.name)
	w := a.walk
	for _, op := range []constrain.Op{
		{Kind: constrain.Where, Rel: v.name, Cmp: constrain.AtLeast, Number: strconv.Itoa(lo)},
		{Kind: constrain.Where, Rel: v.name, Cmp: constrain.AtMost, Number: strconv.Itoa(hi)},
	} {
		var err error
		if w, err = a.w.g.Then(w, op); err != nil || len(w.Set) == 0 {
			return false
		}
		a.t.query = a.t.query.With(op)
	}
	if lo < 0 || len(w.Set) == len(a.walk.Set) {
		return false
	}
	a.walk = w
	cond := a.one("with ~ between @ and #", "whose ~ is between @ and #", "with a ~ from @ to #", "with a ~ of @ to #", "whose ~ lies between @ and #")
	if v.date {
		cond = a.one("with ~ between @ and #", "whose ~ is between @ and #", "! between @ and #", "! from @ to #", "from @ to #", "between @ and #")
		if len(v.most) > 0 {
			cond = strings.ReplaceAll(cond, "!", a.one(v.most...))
		} else {
			cond = strings.ReplaceAll(cond, "! ", "")
		}
	}
	cond = strings.TrimSpace(phrase + " " + put(cond, strconv.Itoa(lo), strconv.Itoa(hi), L))
	if a.r.IntN(5) == 0 {
		a.counted(many, cond)
		return true
	}
	a.t.question = a.which(many, cond)
	return true
}

// comparative of a superlative: tallest, taller; most expensive, more
// expensive.
func comparative(s string) string {
	switch {
	case s == "best":
		return "better"
	case s == "worst":
		return "worse"
	case strings.HasPrefix(s, "most "):
		return "more " + s[5:]
	case strings.HasPrefix(s, "least "):
		return "less " + s[6:]
	}
	first, rest, _ := strings.Cut(s, " ")
	if stem, ok := strings.CutSuffix(first, "est"); ok {
		return strings.TrimSpace(stem + "er " + rest)
	}
	return s
}

func (a *asker) notExists() bool {
	g := a.w.g
	if !a.startClass() {
		return false
	}
	rd, ok := a.pick(false, a.r.IntN(4) == 0)
	if !ok {
		return false
	}
	st := g.StepOf(rd)
	op := constrain.Op{Kind: constrain.Without, Steps: []constrain.Step{st}}
	L := plainName(st.Rel)
	m := a.many
	if _, isValue := a.w.valueOf[st.Rel]; !isValue && a.r.IntN(2) == 0 {
		set := g.Image(a.walk.Set, rd)
		y, ok := a.entity(set[a.r.IntN(len(set))])
		if !ok {
			return false
		}
		op.To = &constrain.Anchor{Name: a.t.names[0]}
		p := a.inverse(st.Rel, y)
		not := p
		if i, known := a.w.edgeOf[st.Rel]; known {
			if v := a.verbal(i); v != "" {
				not = put(v, y, "", "")
			}
		}
		a.t.question = a.one("which "+m+" are not "+not, "all "+m+" except those "+p, m+" that are not "+not, "which "+m+" do not have the "+L+" "+y, "list the "+m+" whose "+L+" is not "+y, "which "+m+" are not "+not, m+" other than those "+p)
	} else {
		a.t.question = a.one("which "+m+" have no "+L, m+" without "+L, "which "+m+" do not have a "+L, "list the "+m+" without a "+L, "what "+m+" have no known "+L, "for which "+m+" is there no "+L, "which "+m+" lack a "+L, "show all "+m+" that have no "+L, "which "+m+" are missing a "+L)
	}
	before := len(a.walk.Set)
	w, err := g.Then(a.walk, op)
	if err != nil || len(w.Set) == 0 || len(w.Set) == before {
		return false
	}
	a.walk = w
	a.t.query = a.t.query.With(op)
	if a.r.IntN(6) == 0 {
		a.t.question = strings.NewReplacer("which ", "how many ", "list the ", "how many ", "what ", "how many ", "show all ", "count the ").Replace(a.t.question)
		if strings.HasPrefix(a.t.question, "how many") || strings.HasPrefix(a.t.question, "count") {
			a.t.query.End.Kind = constrain.Count
		}
	}
	return true
}

func (a *asker) sum() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	v, ok := a.valueHere(false, true)
	if !ok {
		return false
	}
	end := constrain.End{Kind: constrain.Sum, Rel: v.name}
	word := a.one("total", "combined", "overall", "summed")
	if a.r.IntN(2) == 0 {
		end.Kind = constrain.Avg
		word = a.one("average", "mean", "average", "typical")
	}
	L := plainName(v.name)
	of := strings.TrimSpace(a.many + " " + phrase)
	a.t.question = a.one("what is the "+word+" "+L+" of the "+of, word+" "+L+" of "+of, "what is the "+word+" "+L+" of all "+of, "give me the "+word+" "+L+" of the "+of, "the "+of+" have what "+word+" "+L, "compute the "+word+" "+L+" for "+of)
	if end.Kind == constrain.Sum && a.r.IntN(4) == 0 {
		a.t.question = a.one("how much "+L+" do the "+of+" have together", "how much "+L+" do "+of+" have in total", "sum of the "+L+" of the "+of)
	}
	a.t.query.End = end
	return true
}
