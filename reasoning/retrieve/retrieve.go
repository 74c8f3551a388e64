// Package retrieve answers questions about filings from the facts that they
// tag and the text that they hold. A question is read (plan), its companies and
// periods are hard filters, its figures are matched with the concepts that
// those companies report in those periods, and what is asked is computed in
// decimal from the fewest facts that carry it. Every fact leads to the bytes that
// show it. Questions for text are answered with passages.
package retrieve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Encoder makes unit vectors of texts; inner products say how close meanings
// are.
type Encoder interface {
	Embed(texts []string) [][]float32
}

// Options configures a Retriever.
type Options struct {
	// Encoder, if set, is asked when words alone decide too little.
	Encoder Encoder
	// Trust is the least score of a match that an answer may rest on.
	Trust float64
}

// DefaultTrust refuses what is matched by half of its words only.
const DefaultTrust = 0.66

// Retriever answers questions over one library. It is safe for concurrent use.
type Retriever struct {
	lib *library.Library
	opt Options
	// keep, if set, is which facts there are.
	keep func(*library.Filing, *fact.Fact) bool
	*derived
}

// derived is what is made of a library's data and kept for later questions.
type derived struct {
	words *weights

	mu      sync.Mutex
	shelves map[*library.Company]*shelf
	bags    map[*library.Filing]*bag
}

// New returns a retriever.
func New(l *library.Library, o Options) *Retriever {
	if o.Trust == 0 {
		o.Trust = DefaultTrust
	}
	return &Retriever{l, o, nil, &derived{words: newWeights(l), shelves: map[*library.Company]*shelf{}, bags: map[*library.Filing]*bag{}}}
}

// Over is the retriever over the library of another snapshot of the same
// version; nil if the library is of another version.
func (r *Retriever) Over(l *library.Library) *Retriever {
	if !l.Same(r.lib) {
		return nil
	}
	return &Retriever{l, r.opt, r.keep, r.derived}
}

// Within is a retriever that knows only some of the facts: a reader who was
// given some pages.
func (r *Retriever) Within(keep func(*library.Filing, *fact.Fact) bool) *Retriever {
	return &Retriever{r.lib, r.opt, keep, &derived{words: r.words, shelves: map[*library.Company]*shelf{}, bags: r.bags}}
}

// Library returns the library it answers from.
func (r *Retriever) Library() *library.Library { return r.lib }

// shelf returns the shelf of a company, made once.
func (r *Retriever) shelf(ctx context.Context, c *library.Company) (*shelf, error) {
	r.mu.Lock()
	s := r.shelves[c]
	r.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := r.shelfOf(ctx, c, c.Filings)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.shelves[c] = s
	r.mu.Unlock()
	return s, nil
}

// window is a period of the question in one company's calendar.
type window struct {
	asked  plan.Period
	end    string // the day it ends; empty if the company reports nothing then
	months int    // 12, 9, 6, 3; 0: any, the longest first
	year   int    // fiscal year, if it is one
	part   int    // 4: the year
}

// label is how the company calls the period.
func (w window) label() string {
	switch w.asked.Kind {
	case plan.Day:
		return w.end
	case plan.Quarter, plan.LastQuarter:
		return fmt.Sprintf("Q%d FY%d", w.part, w.year)
	}
	return fmt.Sprintf("FY%d", w.year)
}

// window finds the days of a period.
func (r *Retriever) window(s *shelf, p plan.Period) window {
	w := window{asked: p}
	var want time.Time
	near := 3
	switch p.Kind {
	case plan.Day:
		want, w.months, w.year = p.End, p.Months, p.Year
	case plan.Last, plan.LastQuarter:
		w.months, w.part = 12, 4
		for _, f := range slices.Backward(s.company.Filings) {
			if f.Annual() == (p.Kind == plan.Last) && f.FiscalYear != 0 {
				w.year = f.FiscalYear - p.Shift
				if p.Kind == plan.LastQuarter {
					w.months = 3
					fmt.Sscanf(f.FiscalPart, "Q%d", &w.part)
				}
				break
			}
		}
		if w.year == 0 {
			return w
		}
		want, near = s.calendar.End(w.year, w.part)
	case plan.Quarter:
		w.year, w.part, w.months = p.Year, p.Quarter, 3
		want, near = s.calendar.End(p.Year, p.Quarter)
	default:
		w.year, w.part, w.months = p.Year, 4, 12
		want, near = s.calendar.End(p.Year, 4)
	}
	most := 0
	for end, n := range s.ends {
		t, err := time.Parse(time.DateOnly, end)
		if err != nil {
			continue
		}
		off := int(t.Sub(want).Hours() / 24)
		if max(off, -off) <= max(near, 3) && (n > most || n == most && end < w.end) {
			w.end, most = end, n
		}
	}
	return w
}

// fits reports whether a fact is of the window: at its end, or of its length
// up to it.
func (w window) fits(f *fact.Fact) bool {
	if f.Period.End != w.end {
		return false
	}
	if f.Period.Instant() || w.months == 0 {
		return true
	}
	d := f.Period.Days()
	return d >= w.months*30-w.months/2-8 && d <= w.months*31+9
}

// choice is a concept and dimensions for a leaf, with the facts of each window.
type choice struct {
	m     *measured
	dims  []fact.Dim
	cells [][]at // by window: all facts that state it, filings in order
	score float64
	full  bool // all windows have facts
}

// resolve finds what a leaf may be for a company, the best first. memberOf
// lends a concept to a leaf that names only a member.
func (r *Retriever) resolve(s *shelf, leaf plan.Leaf, ws []window) []choice {
	var list []choice
	type split struct {
		concept string
		members []string
	}
	var splits []split
	for i, run := range leaf.Runs {
		var others []string
		for j, o := range leaf.Runs {
			if j != i {
				others = append(others, o.Text)
			}
		}
		if run.Member {
			// "sales of the cloud segment" stands in one piece.
			words := strings.Fields(run.Text)
			for k := 1; k < len(words)-1; k++ {
				switch words[k] {
				case "of", "from", "for", "in", "at", "within", "by":
					splits = append(splits, split{strings.Join(words[:k], " "), append(slices.Clone(others), strings.Join(words[k+1:], " "))})
				}
			}
			continue
		}
		splits = append(splits, split{run.Text, others})
		if len(leaf.Runs) > 1 && !slices.ContainsFunc(leaf.Runs, func(x plan.Run) bool { return x.Member }) {
			splits = append(splits, split{run.Text, nil}) // the others may be noise
		}
		if leaf.Quoted {
			continue
		}
		// A member may stand beside the concept in one run: "data center revenue",
		// "revenue from data center".
		words := strings.Fields(run.Text)
		for k := 1; k < len(words) && len(words) <= 10; k++ {
			a, b := strings.Join(words[:k], " "), strings.Join(words[k:], " ")
			if !plain(words[:k]) {
				splits = append(splits, split{b, append(slices.Clone(others), a)})
			}
			if !plain(words[k:]) {
				splits = append(splits, split{a, append(slices.Clone(others), b)})
			}
		}
	}
	if len(leaf.Runs) == 2 && !leaf.Quoted && !leaf.Runs[0].Member && !leaf.Runs[1].Member {
		// The company may stand inside the name: "shares of Acme repurchased".
		splits = append(splits, split{leaf.Runs[0].Text + " " + leaf.Runs[1].Text, make([]string, 0, 1)})
	}
	for i, sp := range splits {
		var sets []map[string]float64
		ok := true
		for _, text := range sp.members {
			set := s.membersLike(r.words.phrase(dropLinks(text)))
			if len(set) == 0 {
				ok = false
				break
			}
			sets = append(sets, set)
		}
		if !ok {
			continue
		}
		noise := 0.0
		if len(sp.members) > len(leaf.Runs)-1 {
			noise = 0.02 // cut out of one run
		}
		if len(sp.members) == 0 && sp.members == nil && len(leaf.Runs) > 1 {
			// What is left aside may be what matters.
			for j, o := range leaf.Runs {
				if o.Text != sp.concept || leaf.Runs[j].Member {
					noise += 0.3 + 0.05*float64(len(lexicon.Stems(o.Text)))
				}
			}
		}
		ways := r.words.ways(dropLinks(sp.concept), leaf.Gloss, leaf.Quoted)
		for _, m := range s.order {
			sc := m.score(ways)
			if sc < 0.35 {
				continue
			}
			sc *= r.typeFit(m, ways, ws)
			if leaf.Flow && len(m.facts) > 0 && m.facts[0].fact.Period.Instant() {
				sc *= 0.6
			}
			c := s.choose(m, sets, ws, leaf.Unit)
			if c.m == nil {
				continue
			}
			c.score = sc*c.score - noise - 0.001*float64(min(i, 9)) + 0.02*m.prime
			if !c.full {
				c.score -= 0.25
			}
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int { return cmp.Compare(b.score, a.score) })
	// One entry for each concept and dimensions.
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(c choice) bool {
		k := c.m.iri + dimKey(c.dims)
		dup := seen[k]
		seen[k] = true
		return dup
	})
}

// plain reports whether words are too general to name a segment.
func plain(words []string) bool {
	for _, w := range words {
		switch w {
		case "total", "net", "gross", "of", "and", "the", "to", "from", "by", "in", "for", "other", "income", "expense", "expenses", "revenue", "revenues", "sales", "costs", "cost", "company", "its":
		default:
			return false
		}
	}
	return true
}

// typeFit lowers a concept that is a balance where a flow is asked for, and
// the other way round.
func (r *Retriever) typeFit(m *measured, ways []way, ws []window) float64 {
	if len(ways) > 0 && len(m.facts) > 0 {
		f := m.facts[0].fact
		// "for 2023-12-31" is a point in time unless a length is said.
		if len(ws) > 0 && ws[0].asked.Kind == plan.Day && ws[0].months == 0 && !f.Period.Instant() {
			return 0.96
		}
		// A value is no number of shares.
		if _, value := ways[0].set["value"]; value && f.Unit == "xbrli:shares" {
			return 0.85
		}
	}
	if len(ways) == 0 || ways[0].instant == 0 || len(m.facts) == 0 {
		return 1
	}
	instant := m.facts[0].fact.Period.Instant()
	if instant == (ways[0].instant > 0) {
		return 1
	}
	return 0.75
}

// dropLinks leaves small words at the edges out.
func dropLinks(s string) string {
	ws := strings.Fields(s)
	link := func(w string) bool {
		switch w {
		case "of", "from", "in", "for", "by", "to", "on", "at", "the", "its", "and", "with", "'s", "their", "a", "as":
			return true
		}
		return false
	}
	for len(ws) > 1 && link(ws[0]) {
		ws = ws[1:]
	}
	for len(ws) > 1 && link(ws[len(ws)-1]) {
		ws = ws[:len(ws)-1]
	}
	return strings.Join(ws, " ")
}

// membersLike are the members that a phrase may mean, with how well it fits.
func (s *shelf) membersLike(q phrase) map[string]float64 {
	set := map[string]float64{}
	best := 0.0
	for iri, m := range s.members {
		sc := m.score(q)
		if len(q.stems) == 1 && m.initials[q.stems[0]] {
			sc = max(sc, 0.95) // AWS
		}
		if sc >= 0.78 {
			set[iri] = sc
			best = max(best, sc)
		}
	}
	for iri, sc := range set {
		if sc < best-0.08 {
			delete(set, iri)
		}
	}
	return set
}

// choose picks the facts of a concept with members of all sets and no other
// dimension that matters.
func (s *shelf) choose(m *measured, sets []map[string]float64, ws []window, unit string) choice {
	type group struct {
		dims  []fact.Dim
		cells [][]at
		score float64
	}
	groups := map[string]*group{}
	for _, x := range m.facts {
		score, ok := dimsFit(x.fact.Dims, sets)
		if !ok {
			continue
		}
		if unit == "shares" && x.fact.Unit != "xbrli:shares" {
			continue
		}
		for i, w := range ws {
			if w.end == "" || !w.fits(x.fact) {
				continue
			}
			k := dimKey(x.fact.Dims)
			g := groups[k]
			if g == nil {
				g = &group{dims: x.fact.Dims, cells: make([][]at, len(ws)), score: score}
				groups[k] = g
			}
			g.cells[i] = append(g.cells[i], x)
		}
	}
	var best choice
	for _, k := range sortedKeys(groups) {
		g := groups[k]
		full := !slices.ContainsFunc(g.cells, func(c []at) bool { return len(c) == 0 })
		if best.m == nil || full && !best.full || full == best.full && g.score > best.score {
			best = choice{m, g.dims, g.cells, g.score, full}
		}
	}
	return best
}

// dimsFit reports whether dimensions are those asked for: a member of each set
// and beside them none that restricts further.
func dimsFit(dims []fact.Dim, sets []map[string]float64) (float64, bool) {
	if len(sets) == 0 {
		return 1, len(dims) == 0
	}
	score := 1.0
	used := make([]bool, len(dims))
	for _, set := range sets {
		best, at := 0.0, -1
		for i, d := range dims {
			if sc := set[d.Member]; sc > best && !used[i] {
				best, at = sc, i
			}
		}
		if at < 0 {
			return 0, false
		}
		used[at] = true
		score *= best
	}
	for i, d := range dims {
		if used[i] {
			continue
		}
		if _, local, _ := fact.Name(d.Member); local == "OperatingSegmentsMember" || local == "ReportableSegmentAggregationBeforeOtherOperatingSegmentMember" {
			score *= 0.985
			continue
		}
		score *= 0.8
	}
	return score, true
}

func dimKey(dims []fact.Dim) string {
	var b strings.Builder
	for _, d := range dims {
		b.WriteString("\x1f" + d.Axis + "\x1e" + d.Member)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// pick returns the fact of a cell that counts under a basis, and whether
// others state another value.
func pick(cell []at, w window, basis plan.Basis) at {
	own := func() (at, bool) {
		var best at
		for _, x := range cell {
			if x.filing.FiscalYear == w.year && x.filing.Annual() == (w.part == 4) && (best.fact == nil || better(x, best)) {
				best = x
			}
		}
		return best, best.fact != nil
	}
	// A year is told by annual reports first: quarterly ones recast it.
	if w.part == 4 {
		var annual []at
		for _, x := range cell {
			if x.filing.Annual() {
				annual = append(annual, x)
			}
		}
		if len(annual) > 0 {
			cell = annual
		}
	}
	switch basis {
	case plan.First:
		return extreme(cell, true)
	case plan.Latest:
		return extreme(cell, false)
	}
	if x, ok := own(); ok {
		return x
	}
	return extreme(cell, true)
}

// extreme is the best fact of the earliest or latest filing.
func extreme(cell []at, first bool) at {
	best := cell[0]
	for _, x := range cell[1:] {
		if x.filing == best.filing {
			if better(x, best) {
				best = x
			}
		} else if !first {
			best = x
		}
	}
	return best
}

func better(a, b at) bool { return Better(a.fact, b.fact) }

// Better prefers the more accurate of two facts of one filing that state the
// same thing, then one that is shown, then one in a table.
func Better(a, b *fact.Fact) bool {
	if x := fact.Better(a, b); x || fact.Better(b, a) {
		return x
	}
	if ha, hb := a.Span.Page < 0, b.Span.Page < 0; ha != hb {
		return hb
	}
	return !sentence(a.Row) && sentence(b.Row)
}

// Cell is the figure of one company and period.
type Cell struct {
	Company *library.Company
	Period  string // as the company calls it
	Value   xsd.Decimal
	Unit    string
	Kind    lexicon.Kind
	Facts   []Cited // leaves, in order of the formula
	Formula string  // with operands f0, f1 ...; empty if it is reported
}

// Cited is a fact with what the question called it.
type Cited struct {
	Fact    *fact.Fact
	Filing  *library.Filing
	Concept *library.Concept
	Asked   string
	Score   float64
	// Others state the same in other filings or places; Differs are those of
	// other filings that state another value.
	Others  []Other
	Differs []Other
}

// Other is another statement of a fact.
type Other struct {
	Fact   *fact.Fact
	Filing *library.Filing
}
