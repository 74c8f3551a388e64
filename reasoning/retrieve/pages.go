package retrieve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/bm25"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// bag is a filing's text as words, made once: its pages, and what its facts
// are called with the page each stands on.
type bag struct {
	pages  *bm25.Index
	lines  *bm25.Index
	lineOn []int32
}

// bag returns the words of a filing's pages.
func (r *Retriever) bag(ctx context.Context, f *library.Filing) (*bag, error) {
	r.mu.Lock()
	b := r.bags[f]
	r.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b = &bag{pages: bm25.New(), lines: bm25.New()}
	tree, err := r.lib.Tree(f)
	switch {
	case errors.Is(err, kg.ErrNoBlob): // only facts are kept
	case err != nil:
		return nil, err
	default:
		for p := range tree.Pages {
			b.pages.Add(lexicon.Keywords(tree.PageText(p)))
		}
	}
	facts, err := r.lib.Facts(ctx, f)
	if err != nil {
		return nil, err
	}
	for i := range facts.All {
		x := &facts.All[i]
		if !x.Numeric || x.Span.Page < 0 {
			continue
		}
		b.lines.Add(lexicon.Keywords(r.Line(f, i, facts)))
		b.lineOn = append(b.lineOn, int32(x.Span.Page))
	}
	if b.lines.Len() == 0 && tree != nil {
		// Without tags, what stands in one line belongs together.
		for p := range tree.Pages {
			for _, l := range strings.Split(tree.PageText(p), "\n") {
				if w := lexicon.Keywords(l); len(w) > 1 {
					b.lines.Add(w)
					b.lineOn = append(b.lineOn, int32(p))
				}
			}
		}
	}
	r.mu.Lock()
	r.bags[f] = b
	r.mu.Unlock()
	return b, nil
}

// Line writes a fact in words: company, figure, members, row and period.
func (r *Retriever) Line(f *library.Filing, i int, facts *library.Facts) string {
	x := &facts.All[i]
	parts := []string{}
	if f.Company != nil {
		parts = append(parts, f.Company.Short())
	}
	parts = append(parts, r.lib.Concept(x.Concept).Title())
	for _, d := range x.Dims {
		if d.Typed {
			parts = append(parts, d.Member)
		} else {
			parts = append(parts, r.lib.Concept(d.Member).Title())
		}
	}
	if !sentence(x.Row) {
		parts = append(parts, x.Row)
	}
	if len(x.Period.End) >= 4 {
		parts = append(parts, x.Period.End[:4])
	}
	return strings.Join(parts, " ")
}

// terms makes the query of a question: its words without companies and
// periods, which are filters, and the wordings of its figures with less weight.
// Where the periods filtered nothing, their words count too.
func (r *Retriever) terms(q *plan.Question, filtered bool) []bm25.Term {
	text := []byte(q.Text)
	blank := func(from, to int) {
		for i := max(0, from); i < to && i < len(text); i++ {
			text[i] = ' '
		}
	}
	for _, c := range q.Companies {
		blank(c.From, c.To)
	}
	for _, p := range q.Periods {
		if filtered {
			blank(p.From, p.To)
		}
	}
	terms := bm25.Terms(lexicon.Keywords(string(text)))
	seen := map[string]bool{}
	for _, t := range terms {
		seen[t.Word] = true
	}
	for _, m := range q.Measures {
		for _, l := range m.Leaves {
			for _, run := range l.Runs {
				ws, known := lexicon.Default().Wordings(run.Text)
				if !known && m.Named == "" {
					continue
				}
				for i, w := range ws {
					if i > 4 {
						break
					}
					for _, s := range lexicon.Keywords(w.Text) {
						if !seen[s] {
							seen[s] = true
							terms = append(terms, bm25.Term{Word: s, Weight: 0.35})
						} else if i == 0 && m.Named != "" {
							terms = append(terms, bm25.Term{Word: s, Weight: 0.5})
						}
					}
				}
			}
		}
	}
	return terms
}

// within are the filings a question is about: those of its companies, of its
// periods if any filing is.
// filtered is false if the periods leave all of them in.
func (r *Retriever) within(q *plan.Question, companies []*library.Company) (list []*library.Filing, filtered bool) {
	var all []*library.Filing
	for _, c := range companies {
		all = append(all, c.Filings...)
	}
	if len(all) == 0 {
		all = r.lib.Filings
	}
	periods := append(slices.Clone(q.Periods), q.Reports...)
	if len(periods) == 0 {
		return all, false
	}
	score := func(f *library.Filing) int {
		best := 0
		for _, p := range periods {
			s := 0
			switch {
			case p.Kind == plan.Day && (f.PeriodEnd == p.End.Format("2006-01-02") || f.Filed == p.End.Format("2006-01-02")):
				s = 4
			case p.Kind == plan.Day && p.Year == f.FiscalYear:
				s = 1
			case p.Kind == plan.Quarter && f.FiscalYear == p.Year && f.FiscalPart == [...]string{"", "Q1", "Q2", "Q3", "Q4"}[p.Quarter]:
				s = 4
			case (p.Kind == plan.Fiscal || p.Kind == plan.Quarter) && f.FiscalYear == p.Year:
				s = 3
				if p.Kind == plan.Fiscal && !f.Annual() {
					s = 2
				}
			case p.Kind == plan.Fiscal && f.FiscalYear == p.Year+1, p.Kind == plan.Last:
				s = 1
			}
			best = max(best, s)
		}
		return best
	}
	top := 0
	for _, f := range all {
		top = max(top, score(f))
	}
	if top == 0 {
		return all, false
	}
	least := top
	if top == 3 {
		least = 2
	}
	for _, f := range all {
		if score(f) >= least {
			list = append(list, f)
		}
	}
	return list, true
}

// scored is a page with the parts of its score.
type scored struct {
	Page
	score float64
}

// ranked ranks the pages of filings by fusion of the scores of their words and
// of their best line: a fact's, or of text.
func (r *Retriever) ranked(ctx context.Context, q *plan.Question, companies []*library.Company, k int) ([]scored, error) {
	filings, filtered := r.within(q, companies)
	bags := make([]*bag, 0, len(filings))
	var words, lines []*bm25.Index
	for _, f := range filings {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := r.bag(ctx, f)
		if err != nil {
			return nil, err
		}
		bags, words, lines = append(bags, b), append(words, b.pages), append(lines, b.lines)
	}
	terms := r.terms(q, filtered)
	sum := map[Page]float64{}
	var order []Page
	add := func(p Page, score float64) {
		if _, ok := sum[p]; !ok {
			order = append(order, p)
		}
		sum[p] += score
	}
	for _, h := range first(bm25.SearchAll(words, terms, 200)) {
		add(Page{filings[h.Part], h.Doc}, h.Score)
	}
	// A page counts as its best line does.
	seen := map[Page]bool{}
	for _, h := range first(bm25.SearchAll(lines, terms, 600)) {
		if p := (Page{filings[h.Part], int(bags[h.Part].lineOn[h.Doc])}); !seen[p] {
			seen[p] = true
			add(p, lineWeight*h.Score)
		}
	}
	list := make([]scored, 0, len(order))
	for _, p := range order {
		list = append(list, scored{p, sum[p]})
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return list[:min(k, len(list))], nil
}

// lineWeight is how much the best line of a page counts beside its words.
const lineWeight = 1.0

// first scales scores so that the best is 1.
func first(hits []bm25.Hit) []bm25.Hit {
	for i := len(hits) - 1; i >= 0; i-- {
		hits[i].Score /= hits[0].Score
	}
	return hits
}

// Search ranks the pages of the filings that a question is about by words:
// what Answer falls back to.
func (r *Retriever) Search(ctx context.Context, text string, k int) ([]Page, error) {
	q := plan.Read(text, r.lib)
	companies, _ := r.companies(&q)
	list, err := r.ranked(ctx, &q, companies, k)
	if err != nil {
		return nil, err
	}
	pages := make([]Page, len(list))
	for i, s := range list {
		pages[i] = s.Page
	}
	return pages, nil
}

// text finds pages and passages for a question that figures do not answer.
func (r *Retriever) text(ctx context.Context, x *Result, companies []*library.Company) error {
	q := &x.Question
	list, err := r.ranked(ctx, q, companies, 20)
	if err != nil {
		return err
	}
	for _, s := range list {
		x.near = append(x.near, s.Page)
	}
	if !q.Sentences {
		return nil
	}
	x.Passages, err = r.passages(q, list[:min(8, len(list))])
	return err
}

// passages picks the paragraphs of pages that say most of what is asked.
func (r *Retriever) passages(q *plan.Question, pages []scored) ([]Passage, error) {
	x := bm25.New()
	var of []Passage
	var rows []bool
	for _, s := range pages {
		tree, err := r.lib.Tree(s.Filing)
		if errors.Is(err, kg.ErrNoBlob) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for n := range tree.Nodes {
			d := tree.Nodes[n]
			if int(d.Page) != s.Page.Page || d.Kind != doc.Paragraph && d.Kind != doc.Row && d.Kind != doc.Sentence {
				continue
			}
			text := tree.Str(n)
			if d.Kind == doc.Paragraph && len(text) > 700 || d.Kind == doc.Sentence && int(d.To-d.From) == len(tree.Str(int(d.Parent))) {
				continue // long paragraphs by their sentences, short ones whole
			}
			if d.Kind == doc.Sentence && len(tree.Str(int(d.Parent))) <= 700 || len(text) < 25 {
				continue
			}
			head := tree.Headings(n)
			x.Add(append(lexicon.Keywords(text), lexicon.Keywords(strings.Join(head, " "))...))
			rows = append(rows, d.Kind == doc.Row)
			of = append(of, Passage{Filing: s.Filing, From: int(d.From), To: int(d.To), Page: s.Page.Page, Text: strings.Join(strings.Fields(text), " "), Heading: head, Score: s.score})
		}
	}
	hits := x.Search(r.terms(q, true), 30, nil)
	if len(hits) == 0 {
		return nil, nil
	}
	list := make([]Passage, 0, len(hits))
	for _, h := range hits {
		p := of[h.Doc]
		p.Score = h.Score
		if rows[h.Doc] {
			p.Score /= 2 // a row of a table explains little
		}
		list = append(list, p)
	}
	if r.opt.Encoder != nil {
		texts := []string{q.Text}
		for _, p := range list {
			texts = append(texts, p.Text[:min(len(p.Text), 500)])
		}
		vs := r.opt.Encoder.Embed(texts)
		for i := range list {
			list[i].Score = list[i].Score/hits[0].Score + dot(vs[0], vs[i+1])
		}
	}
	slices.SortStableFunc(list, func(a, b Passage) int { return cmp.Compare(b.Score, a.Score) })
	// What was said already, in this report or another, says nothing more.
	var kept []Passage
	var said [][]string
	for _, p := range list {
		w := lexicon.Keywords(p.Text)
		if len(kept) == 5 || slices.ContainsFunc(said, func(o []string) bool { return alike(w, o) }) {
			continue
		}
		kept, said = append(kept, p), append(said, w)
	}
	return kept, nil
}

// alike reports whether two texts share most of their words.
func alike(a, b []string) bool {
	in := map[string]bool{}
	for _, w := range b {
		in[w] = true
	}
	n := 0
	for _, w := range a {
		if in[w] {
			n++
		}
	}
	return n*10 > 7*len(a)
}

func dot(a, b []float32) float64 {
	var s float64
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// rank lists the pages where the evidence is: that of the answer first, hop by
// hop, then where else it is stated, then what is like it.
func (r *Retriever) rank(x *Result) {
	seen := map[Page]bool{}
	add := func(f *library.Filing, p int) {
		k := Page{f, p}
		if p >= 0 && !seen[k] {
			seen[k] = true
			x.Pages = append(x.Pages, k)
		}
	}
	ev := x.Evidence()
	for _, c := range ev {
		add(c.Filing, c.Fact.Span.Page)
	}
	for i, more := 0, true; more; i++ {
		more = false
		for _, c := range ev {
			if i < len(c.Others) {
				more = true
				add(c.Others[i].Filing, c.Others[i].Fact.Span.Page)
			}
		}
	}
	for _, p := range x.near {
		add(p.Filing, p.Page)
	}
}
