package datagen

import (
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// columns asks for things together with what belongs to them.
func (a *asker) columns() bool {
	phrase, ok := a.base()
	if !ok {
		return false
	}
	e := constrain.End{Kind: constrain.Show}
	var names []string
	for range 1 + a.r.IntN(2) {
		rd, ok := a.pick(false, a.r.IntN(2) == 0)
		if !ok {
			return false
		}
		s := a.w.g.StepOf(rd)
		if len(e.Steps) == 1 && e.Steps[0] == s {
			continue
		}
		e.Steps = append(e.Steps, s)
		names = append(names, plainName(s.Rel))
	}
	what := strings.TrimSpace(a.many + " " + phrase)
	with := names[0]
	if len(names) == 2 {
		with = names[0] + " and " + names[1]
		if a.r.IntN(4) == 0 {
			with = names[0] + " " + names[1]
		}
	}
	a.t.query.End = e
	a.t.question = a.one(
		"list all "+what+" and their "+with, "list the "+what+" with their "+with, what+" together with their "+with, "show the "+what+" and their "+with,
		"give me all "+what+" along with their "+with, "what are the "+what+" and their "+with, "for each of the "+what+" show the "+with,
		"which "+what+" are there and what is their "+with, "all "+what+" with "+with, "table of "+what+" with "+with, "show "+with+" for each "+a.singular()+" "+phrase)
	return true
}

// groups asks for a number for each of several things.
func (a *asker) groups() bool {
	phrase := ""
	if a.r.IntN(5) == 0 {
		var ok bool
		if phrase, ok = a.base(); !ok {
			return false
		}
	} else if !a.startClass() {
		return false
	}
	rd, ok := a.pick(a.r.IntN(4) == 0, false)
	if !ok || len(a.walk.Set) < 2 {
		return false
	}
	g := a.w.g
	st := g.StepOf(rd)
	edge, known := a.w.edgeOf[st.Rel]
	if !known {
		return false
	}
	key := plainName(st.Rel)
	keys := a.w.edges[edge].rng
	if st.Inverse {
		keys = a.w.edges[edge].dom
	}
	switch {
	case len(keys) > 0 && (st.Inverse || a.r.IntN(2) == 0):
		key = a.w.classes[keys[a.r.IntN(len(keys))]].one
	case st.Inverse:
		return false
	}
	what := strings.TrimSpace(a.many + " " + phrase)
	e := constrain.End{Kind: constrain.Group, Steps: []constrain.Step{st}}
	number := a.one("number of "+what, "how many "+what+" are there", "the number of "+what, "count of "+what, "how many "+what, "count the "+what)
	if v, ok := a.valueHere(false, true); ok && a.r.IntN(2) == 0 {
		e.By, e.Rel = constrain.Aggregate(1+a.r.IntN(4)), v.name
		word := map[constrain.Aggregate][]string{
			constrain.SumOf: {"total", "combined", "summed"}, constrain.AvgOf: {"average", "mean"},
			constrain.MinOf: {"lowest", "minimum", "smallest"}, constrain.MaxOf: {"highest", "maximum", "largest"},
		}[e.By]
		np := "the " + a.one(word...) + " " + plainName(v.name) + a.one(" of the ", " of ", " of all ") + what
		number = a.one(np, np, "what is "+np, strings.TrimPrefix(np, "the "))
	}
	a.t.query.End = e
	a.t.question = a.one(
		number+" per "+key, number+" by "+key, number+" for each "+key, "for each "+key+" "+number, "for every "+key+" "+number, number+" in each "+key,
		number+" grouped by "+key, "per "+key+" "+number, number+" of each "+key, "show "+number+" by "+key)
	return true
}

// calculation asks for a number made of two values.
func (a *asker) calculation() bool {
	if !a.start() {
		return false
	}
	g := a.w.g
	var ok []value
	for _, rd := range g.RDs(a.walk.Set) {
		if i, found := a.w.valueOf[g.Relations()[rd/2].Name]; found && rd&1 == 0 && !a.w.values[i].date && g.Relations()[rd/2].Kind == constrain.NumberValue {
			ok = append(ok, a.w.values[i])
		}
	}
	if len(ok) < 2 {
		return false
	}
	i := a.r.IntN(len(ok))
	j := (i + 1 + a.r.IntN(len(ok)-1)) % len(ok)
	A, B, x := plainName(ok[i].name), plainName(ok[j].name), a.text
	if phrase, found := "", false; a.r.IntN(4) == 0 {
		// Of several things.
		t := *a.t
		a.t.query, a.t.names = constrain.Pipeline{}, nil
		if phrase, found = a.base(); found && g.StepOf(0).Rel != "" {
			x = "the " + strings.TrimSpace(a.many+" "+phrase)
			both := 0
			for _, n := range a.walk.Set {
				if u, _, ok1 := g.Extent(constrain.Set{n}, a.relation(ok[i])); ok1 {
					if _, v, ok2 := g.Extent(constrain.Set{n}, a.relation(ok[j])); ok2 && v != 0 && u == u {
						both++
					}
				}
			}
			found = both > 0
		}
		if !found {
			*a.t = t
			return false
		}
	}
	e := constrain.End{Kind: constrain.Calc, Rel: ok[i].name, Other: ok[j].name, Sign: "-/*"[min(a.r.IntN(3), a.r.IntN(3))]}
	switch e.Sign {
	case '-':
		a.t.question = a.one("what is the difference between the "+A+" and the "+B+" of "+x, A+" minus "+B+" of "+x, "the "+A+" of "+x+" minus its "+B, "how much higher is the "+A+" than the "+B+" of "+x, "difference of "+A+" and "+B+" of "+x, "subtract the "+B+" from the "+A+" of "+x)
	case '/':
		a.t.question = a.one("what is the ratio of "+A+" to "+B+" of "+x, A+" divided by "+B+" of "+x, "what is the "+A+" per "+B+" of "+x, "the "+A+" to "+B+" ratio of "+x, "what share of the "+B+" of "+x+" is the "+A)
	default:
		a.t.question = a.one("what is the product of "+A+" and "+B+" of "+x, A+" times "+B+" of "+x, "the "+A+" of "+x+" multiplied by its "+B)
	}
	a.t.query.End = e
	return true
}

// relation is the number of a value in the graph.
func (a *asker) relation(v value) int {
	r, _ := a.w.g.Relation(v.name)
	return r
}
