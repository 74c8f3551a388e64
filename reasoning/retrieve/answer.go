package retrieve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Result is the outcome of a question.
type Result struct {
	Question plan.Question
	Refusal  *Refusal // nil: answered

	Op    plan.Op
	Kind  lexicon.Kind // of Value
	Unit  string       // of Value, if Kind is Money or empty
	Value xsd.Decimal
	// Formula computes Value from cells c0, c1 ...; empty if Value is the only
	// cell.
	Formula string
	Winner  int // Compare, Highest, Lowest: index of the cell; -1 if none
	Cells   []Cell
	Measure plan.Measure

	Cover    []Cited   // what the cover page states of described companies
	Passages []Passage // of questions for text
	Pages    []Page    // where the evidence is, the best first
	Score    float64   // of the weakest match
	Searched []*library.Filing
	near     []Page // found by words
}

// Refusal says why there is no answer. Code is one of the console's.
type Refusal struct {
	Code    string
	Message string
	Needs   []string // what could be asked instead
}

// Page is a page of a filing.
type Page struct {
	Filing *library.Filing
	Page   int // index from 0
}

// Passage is a piece of text that may answer.
type Passage struct {
	Filing   *library.Filing
	From, To int // of the tree's text
	Page     int
	Text     string
	Heading  []string
	Score    float64
}

// Evidence are all facts that the answer rests on, each once: those of cover
// pages first, then in the order of the cells.
func (x *Result) Evidence() []Cited {
	var list []Cited
	seen := map[string]bool{}
	add := func(c Cited) {
		if !seen[c.Fact.ID] {
			seen[c.Fact.ID] = true
			list = append(list, c)
		}
	}
	for _, c := range x.Cover {
		add(c)
	}
	for _, cell := range x.Cells {
		for _, c := range cell.Facts {
			add(c)
		}
	}
	return list
}

// Answer answers a question. A refusal is a Result; errors are failures of
// the store or a cancelled context.
func (r *Retriever) Answer(ctx context.Context, text string) (*Result, error) {
	q := plan.Read(text, r.lib)
	x := &Result{Question: q, Op: q.Op, Winner: -1}
	companies, refusal := r.companies(&q)
	x.Question = q
	switch {
	case q.Sentences:
	case refusal == nil:
		if err := r.figures(ctx, x, companies); err != nil {
			return nil, err
		}
		refusal = x.Refusal
	case refusal.Code == "ambiguous" && len(companies) > 1 && len(companies) < 5:
		// The pages of all that fit are shown, though none is chosen.
		if err := r.figures(ctx, x, companies); err != nil {
			return nil, err
		}
	}
	x.Refusal = refusal
	for _, c := range companies {
		x.Searched = append(x.Searched, c.Filings...)
	}
	// What is not here cannot be found by words either.
	if x.Refusal != nil && x.Refusal.Code != "unknown-entity" && x.Refusal.Code != "no-period" || x.Refusal == nil && q.Sentences {
		if err := r.text(ctx, x, companies); err != nil {
			return nil, err
		}
	}
	r.rank(x)
	return x, nil
}

// companies decides which companies a question is about. The refusal says
// whom it does not know.
func (r *Retriever) companies(q *plan.Question) ([]*library.Company, *Refusal) {
	var list []*library.Company
	for _, c := range q.Companies {
		switch len(c.Candidates) {
		case 0:
			return list, &Refusal{"unknown-entity", fmt.Sprintf("No company among the %d that the filings here are of fits %q.", len(r.lib.Companies), c.Text), r.nearest(c.Text)}
		case 1:
			if !slices.Contains(list, c.Candidates[0]) {
				list = append(list, c.Candidates[0])
			}
		default:
			var names []string
			for _, k := range c.Candidates {
				names = append(names, k.Short())
			}
			return c.Candidates, &Refusal{"ambiguous", fmt.Sprintf("%q may be %s.", c.Text, strings.Join(names, " or ")), names}
		}
	}
	for _, n := range q.Unknown {
		if n.Owner && !r.inFigures(list, n.Text) {
			return list, &Refusal{"unknown-entity", fmt.Sprintf("No filing of %q is here.", n.Text), r.nearest(n.Text)}
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	for _, n := range q.Unknown {
		if !r.inFigures(r.lib.Companies, n.Text) {
			return nil, &Refusal{"unknown-entity", fmt.Sprintf("No filing of %q is here.", n.Text), r.nearest(n.Text)}
		}
	}
	switch {
	case len(r.lib.Companies) == 1:
		return r.lib.Companies[:1], nil
	case (q.Op == plan.Highest || q.Op == plan.Lowest || q.Op == plan.Rank || q.Sentences) && len(r.lib.Companies) > 0:
		return r.lib.Companies, nil
	}
	return nil, &Refusal{"ambiguous", "The question names no company.", r.nearest("")}
}

// nearest names companies to ask about instead, those with a similar name
// first.
func (r *Retriever) nearest(name string) []string {
	var close, rest []string
	stems := lexicon.Stems(name)
	for _, c := range r.lib.Companies {
		if slices.ContainsFunc(lexicon.Stems(c.Short()), func(s string) bool {
			return slices.ContainsFunc(stems, func(t string) bool {
				return len(t) > 2 && (strings.HasPrefix(s, t) || strings.HasPrefix(t, s) && len(s) > 2)
			})
		}) {
			close = append(close, c.Short())
		} else if len(rest) < 5 {
			rest = append(rest, c.Short())
		}
	}
	if len(close) > 0 {
		return close[:min(3, len(close))]
	}
	return rest
}

// inFigures reports whether a capitalised name is that of a segment, product,
// region or figure of a company.
func (r *Retriever) inFigures(list []*library.Company, name string) bool {
	p := r.words.phrase(name)
	for _, c := range list {
		s, err := r.shelf(context.Background(), c)
		if err != nil {
			return false
		}
		if len(s.membersLike(p)) > 0 {
			return true
		}
		for _, m := range s.order {
			for _, l := range m.labels {
				n := 0
				for _, w := range p.stems {
					if _, ok := l.set[w]; ok {
						n++
					}
				}
				if n == len(p.stems) {
					return true
				}
			}
		}
	}
	return false
}

// figures answers from facts, or sets the refusal.
func (r *Retriever) figures(ctx context.Context, x *Result, companies []*library.Company) error {
	q := &x.Question
	if len(q.Measures) == 0 {
		x.Refusal = &Refusal{"no-relation", "The question names no figure that a filing could report.", nil}
		return nil
	}
	if len(q.Periods) == 0 {
		q.Periods = []plan.Period{{Kind: plan.Last, From: -1, To: -1}}
	}
	every := len(q.Companies) == 0 && len(companies) > 1
	var best *attempt
	for i, m := range q.Measures {
		a, err := r.try(ctx, q, m, companies, every)
		if err != nil {
			return err
		}
		a.score -= 0.02 * float64(i)
		if best == nil || a.better(best) {
			best = a
		}
	}
	x.Measure, x.Cells, x.Score = best.measure, best.cells, best.score
	if best.refusal != nil || best.score < r.opt.Trust {
		x.Refusal = best.refusal
		if x.Refusal == nil {
			x.Refusal = &Refusal{"no-relation", fmt.Sprintf("Nothing that %s report is called %q.", names(companies), best.weakest), best.near}
		}
		x.Cells = best.cells
		return nil
	}
	if err := x.compute(); err != nil {
		x.Refusal = &Refusal{"unsupported", err.Error(), nil}
		return nil
	}
	for _, c := range q.Companies {
		if c.Description != nil {
			cover, err := r.cover(ctx, c, best)
			if err != nil {
				return err
			}
			x.Cover = append(x.Cover, cover...)
		}
	}
	return nil
}

func names(cs []*library.Company) string {
	var s []string
	for _, c := range cs {
		s = append(s, c.Short())
	}
	switch {
	case len(s) > 4:
		return fmt.Sprintf("%d companies", len(s))
	case len(s) > 1:
		return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
	}
	return strings.Join(s, "")
}

// attempt is one measure tried on all companies and periods.
type attempt struct {
	measure plan.Measure
	cells   []Cell
	score   float64
	weakest string
	near    []string
	refusal *Refusal
}

func (a *attempt) better(b *attempt) bool {
	if (a.refusal == nil) != (b.refusal == nil) {
		return a.refusal == nil
	}
	return a.score > b.score
}

// try evaluates a measure. every leaves out companies that do not report it.
func (r *Retriever) try(ctx context.Context, q *plan.Question, m plan.Measure, companies []*library.Company, every bool) (*attempt, error) {
	a := &attempt{measure: m, score: 1}
	for _, c := range companies {
		s, err := r.shelf(ctx, c)
		if err != nil {
			return nil, err
		}
		var ws []window
		for _, p := range q.Periods {
			w := r.window(s, p)
			if w.end == "" {
				if a.refusal == nil {
					a.refusal = r.noPeriod(c, p)
				}
				continue
			}
			ws = append(ws, w)
		}
		if len(ws) < len(q.Periods) {
			if every {
				a.refusal = nil
				continue
			}
			return a, nil
		}
		cells, score, weakest, near, refusal := r.cells(s, q, m, ws)
		if every && (refusal != nil || score < r.opt.Trust) {
			continue
		}
		if score < a.score {
			a.score, a.weakest, a.near = score, weakest, near
		}
		if refusal != nil {
			a.refusal = refusal
			a.cells = append(a.cells, cells...)
			return a, nil
		}
		a.cells = append(a.cells, cells...)
	}
	if len(a.cells) == 0 && a.refusal == nil {
		a.refusal = &Refusal{"no-fact", "No filing here reports that figure for that period.", nil}
	}
	return a, nil
}

// noPeriod is the refusal for a period without facts.
func (r *Retriever) noPeriod(c *library.Company, p plan.Period) *Refusal {
	var held []string
	for _, f := range c.Filings {
		if f.FiscalYear != 0 {
			held = append(held, strings.TrimSpace(f.FiscalPart+" "+strconv.Itoa(f.FiscalYear)))
		}
	}
	asked := p.Text
	if asked == "" {
		asked = strconv.Itoa(p.Year)
	}
	msg := fmt.Sprintf("Nothing is reported for %s of %s.", asked, c.Short())
	if len(held) > 0 {
		msg += " Reports held: " + strings.Join(held, ", ") + "."
	}
	return &Refusal{"no-period", msg, held}
}

// cells evaluates a measure for one company in several windows.
func (r *Retriever) cells(s *shelf, q *plan.Question, m plan.Measure, ws []window) (cells []Cell, score float64, weakest string, near []string, refusal *Refusal) {
	score = 1
	all := ws
	if hasAverage(m.Expr) {
		for _, w := range ws {
			all = append(slices.Clone(all), r.window(s, w.asked.Before()))
		}
	}
	picks := make([]choice, len(m.Leaves))
	for i := range m.Leaves {
		list := r.resolve(s, m.Leaves[i], all)
		if j := inherits(m, i); j >= 0 && (len(list) == 0 || list[0].score < 0.9) {
			// "What share of revenue came from cloud services": the concept is the
			// other's.
			lent := m.Leaves[i]
			lent.Runs = append(slices.Clone(m.Leaves[j].Runs), asMembers(lent.Runs)...)
			if l2 := r.resolve(s, lent, all); len(l2) > 0 && len(l2[0].dims) > 0 && (len(list) == 0 || l2[0].score > list[0].score) {
				list = l2
			}
		}
		if len(list) == 0 {
			return nil, 0, m.Leaves[i].Text(), nil, nil
		}
		picks[i] = list[0]
		if list[0].score < score {
			score, weakest = list[0].score, m.Leaves[i].Text()
			near = nil
			for _, c := range list[:min(3, len(list))] {
				near = append(near, r.lib.Concept(c.m.iri).Title())
			}
		}
	}
	for wi, w := range ws {
		cell := Cell{Company: s.company, Period: w.label(), Kind: m.Kind}
		for i, c := range picks {
			if len(c.cells[wi]) == 0 {
				return cells, c.score, m.Leaves[i].Text(), near, &Refusal{"no-fact", fmt.Sprintf("%s report %q, but not for %s.", s.company.Short(), r.lib.Concept(c.m.iri).Title(), w.label()), near}
			}
			cell.Facts = append(cell.Facts, r.cite(c, wi, w, q, m.Leaves[i]))
		}
		prior := func(leaf int) (Cited, bool) {
			at := len(ws) + wi
			if at >= len(all) || len(picks[leaf].cells[at]) == 0 {
				return Cited{}, false
			}
			return r.cite(picks[leaf], at, all[at], q, m.Leaves[leaf]), true
		}
		if err := cell.evaluate(m.Expr, prior); err != nil {
			return cells, score, weakest, near, &Refusal{"unsupported", err.Error(), nil}
		}
		cells = append(cells, cell)
		if q.Op == plan.Pair && wi == 0 {
			later := r.cite(picks[0], wi, w, &plan.Question{Basis: plan.Latest}, m.Leaves[0])
			first := r.cite(picks[0], wi, w, &plan.Question{Basis: plan.First}, m.Leaves[0])
			first, later = r.reports(picks[0].cells[wi], q, s, first, later)
			cells = nil
			for _, f := range []Cited{first, later} {
				c := Cell{Company: s.company, Period: w.label(), Facts: []Cited{f}}
				if err := c.evaluate(m.Expr, nil); err != nil {
					return nil, score, weakest, near, &Refusal{"unsupported", err.Error(), nil}
				}
				cells = append(cells, c)
			}
			return cells, score, weakest, near, nil
		}
	}
	return cells, score, weakest, near, nil
}

// reports narrows a pair to the reports that the question names.
func (r *Retriever) reports(cell []at, q *plan.Question, s *shelf, first, later Cited) (Cited, Cited) {
	if len(q.Reports) < 2 {
		return first, later
	}
	for i, into := range []*Cited{&first, &later} {
		var of []at
		for _, x := range cell {
			if x.filing.FiscalYear == q.Reports[i].Year && x.filing.Annual() {
				of = append(of, x)
			}
		}
		if len(of) > 0 {
			x := extreme(of, true)
			into.Fact, into.Filing = x.fact, x.filing
		}
	}
	return first, later
}

// inherits returns the leaf whose concept another leaf of a ratio may borrow;
// -1 if none.
func inherits(m plan.Measure, i int) int {
	if m.Expr.Op != '/' || len(m.Leaves) != 2 || m.Named != "" {
		return -1
	}
	return 1 - i
}

// asMembers marks all runs as members.
func asMembers(runs []plan.Run) []plan.Run {
	out := slices.Clone(runs)
	for i := range out {
		out[i].Member = true
	}
	return out
}

func hasAverage(e lexicon.Expr) bool {
	return e.Op == 'a' || slices.ContainsFunc(e.Terms, hasAverage)
}

// cite makes the citation of a choice's cell.
func (r *Retriever) cite(c choice, wi int, w window, q *plan.Question, l plan.Leaf) Cited {
	cell := c.cells[wi]
	// A period of the whole year is meant if several lengths end on one day.
	if w.months == 0 {
		longest := 0
		for _, x := range cell {
			longest = max(longest, x.fact.Period.Days())
		}
		cell = slices.DeleteFunc(slices.Clone(cell), func(x at) bool { return x.fact.Period.Days() < longest })
	}
	units := map[string]int{}
	for _, x := range cell {
		units[x.fact.Unit]++
	}
	if len(units) > 1 { // the company's own currency is the most used
		most := ""
		for _, u := range sortedKeys(units) {
			if units[u] > units[most] {
				most = u
			}
		}
		cell = slices.DeleteFunc(slices.Clone(cell), func(x at) bool { return x.fact.Unit != most })
	}
	if len(q.Reports) == 1 && q.Op != plan.Pair {
		var of []at
		for _, x := range cell {
			if x.filing.FiscalYear == q.Reports[0].Year {
				of = append(of, x)
			}
		}
		if len(of) > 0 {
			cell = of
		}
	}
	chosen := pick(cell, w, q.Basis)
	out := Cited{Fact: chosen.fact, Filing: chosen.filing, Concept: r.lib.Concept(c.m.iri), Asked: l.Text(), Score: c.score}
	for _, x := range cell {
		if x == chosen {
			continue
		}
		o := Other{x.fact, x.filing}
		if fact.Consistent(chosen.fact, x.fact) {
			out.Others = append(out.Others, o)
		} else {
			out.Differs = append(out.Differs, o)
		}
	}
	return out
}

// cover finds what described companies state about themselves, in the filing
// that the answer rests on.
func (r *Retriever) cover(ctx context.Context, c plan.Company, a *attempt) ([]Cited, error) {
	var from *library.Filing
	for _, cell := range a.cells {
		if cell.Company == c.Candidates[0] && len(cell.Facts) > 0 {
			from = cell.Facts[0].Filing
			break
		}
	}
	if from == nil {
		return nil, nil
	}
	facts, err := r.lib.Facts(ctx, from)
	if err != nil {
		return nil, err
	}
	var list []Cited
	for _, want := range []struct{ value, concept string }{
		{c.Description.City, "EntityAddressCityOrTown"},
		{c.Description.Auditor, "AuditorName"},
		{c.Description.State, "EntityAddressStateOrProvince"},
		{c.Description.State, "EntityIncorporationStateCountryCode"},
	} {
		iri := fact.ConceptIRI("dei", want.concept)
		if idx := facts.ByConcept[iri]; want.value != "" && len(idx) > 0 {
			f := &facts.All[idx[0]]
			list = append(list, Cited{Fact: f, Filing: from, Concept: r.lib.Concept(iri), Asked: want.value, Score: 1})
			if want.concept == "EntityAddressStateOrProvince" {
				break
			}
		}
	}
	return list, nil
}
