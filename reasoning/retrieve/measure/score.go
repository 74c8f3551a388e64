package measure

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Ranks are the measures of a ranked list of pages. GR@k is the share of
// evidence groups with an accepted page among the first k; All@k is 1 if that
// is all of them.
type Ranks struct {
	MRR                  float64 `json:"mrr"`
	GR1, GR5, GR10, GR20 float64
	All5, All10, All20   float64
}

// rank measures one list.
func rank(list []Place, q *Question, lenient bool) Ranks {
	first := make([]int, len(q.Evidence))
	for i := range first {
		first[i] = math.MaxInt
	}
	var r Ranks
	for at, p := range list {
		for i, g := range q.Evidence {
			if first[i] == math.MaxInt && (holds(g.Pages, p) || lenient && holds(g.Others, p)) {
				first[i] = at + 1
				if r.MRR == 0 {
					r.MRR = 1 / float64(at+1)
				}
			}
		}
	}
	gr := func(k int) (share, all float64) {
		n := 0
		for _, f := range first {
			if f <= k {
				n++
			}
		}
		if n == len(first) {
			all = 1
		}
		return float64(n) / float64(len(first)), all
	}
	r.GR1, _ = gr(1)
	r.GR5, r.All5 = gr(5)
	r.GR10, r.All10 = gr(10)
	r.GR20, r.All20 = gr(20)
	return r
}

func holds(list []Place, p Place) bool {
	for _, x := range list {
		if x == p {
			return true
		}
	}
	return false
}

// right reports whether a result gives the question's answer: numbers within
// half a percent or as shown, names alike, both values of a pair.
func right(x *retrieve.Result, q *Question, l *library.Library) bool {
	if x.Refusal != nil {
		return false
	}
	var one float64
	got := x.Value.Float()
	if x.Kind == lexicon.Times && q.Unit == "%" {
		got *= 100 // a ratio may be asked for as a number or in percent
	}
	if json.Unmarshal(q.Answer, &one) == nil {
		return close(got, one, q.Unit)
	}
	var pair []float64
	if json.Unmarshal(q.Answer, &pair) == nil && len(pair) == 2 {
		return x.Op == plan.Pair && len(x.Cells) == 2 && nearRaw(x.Cells[0], pair[0], q.Unit) && nearRaw(x.Cells[1], pair[1], q.Unit)
	}
	var name string
	var value float64
	if json.Unmarshal(q.Answer, &[]any{&name, &value}) == nil {
		if x.Winner < 0 || !close(got, value, q.Unit) {
			return false
		}
		return named(name, x.Cells[x.Winner].Company, l)
	}
	return false
}

// nearRaw compares a cell with a raw value: rates are kept as fractions in the
// answer key.
func nearRaw(c retrieve.Cell, want float64, unit string) bool {
	v := c.Value.Float()
	if c.Kind == lexicon.Percent && strings.Contains(unit, "pure") {
		v /= 100
	}
	return close(v, want, unit)
}

// close is equality within half a percent, or within what two shown decimals
// of a percentage leave open.
func close(got, want float64, unit string) bool {
	d := math.Abs(got - want)
	if d <= math.Abs(want)*0.005+1e-12 {
		return true
	}
	return (unit == "%" || unit == "pp") && d <= 0.0051
}

// named reports whether a name is a company's.
func named(name string, c *library.Company, l *library.Library) bool {
	for _, m := range l.Find(name) {
		if m.From == 0 && slices.Contains(m.Companies, c) {
			return true
		}
	}
	return false
}

// cited are the places and facts that a result cites.
func cited(x *retrieve.Result) (places []Place, facts []FactName) {
	for _, c := range x.Evidence() {
		facts = append(facts, FactName{c.Filing.Name, c.Fact.LocalID()})
		places = append(places, Place{c.Filing.Name, c.Fact.Span.Page})
	}
	return places, facts
}

// citations measures what is cited against a question's evidence: the share of
// citations that are evidence, and of evidence that is cited. A citation counts
// if its fact or, for text, its page is in the key.
func citations(x *retrieve.Result, q *Question) (precision, recall float64) {
	places, facts := cited(x)
	if len(facts) == 0 {
		return 0, 0
	}
	good := 0
	got := make([]bool, len(q.Evidence))
	for i := range facts {
		hit := false
		for g, e := range q.Evidence {
			in := false
			for _, f := range e.Facts {
				in = in || f == facts[i]
			}
			if in || len(e.Facts) == 0 && holds(e.Pages, places[i]) {
				hit, got[g] = true, true
			}
		}
		if hit {
			good++
		}
	}
	n := 0
	for _, g := range got {
		if g {
			n++
		}
	}
	return float64(good) / float64(len(facts)), float64(n) / float64(len(q.Evidence))
}
