package measure

import (
	"context"
	"regexp"
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/bm25"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// baselines runs BM25 over pages and over facts written as strings, with and
// without being told the companies (oracle).
func baselines(ctx context.Context, r *retrieve.Retriever, qs []Question) ([]Row, error) {
	l := r.Library()
	pages, named, facts := bm25.New(), bm25.New(), bm25.New()
	var ofPage, ofFact []Place
	var pageCo, factCo []*library.Company
	for _, f := range l.Filings {
		tree, err := l.Tree(f)
		if err != nil {
			return nil, err
		}
		prefix := f.Form + " FY" + strconv.Itoa(f.FiscalYear)
		if f.Company != nil {
			prefix = f.Company.Short() + " " + prefix
		}
		for p := range tree.Pages {
			w := lexicon.Keywords(tree.PageText(p))
			pages.Add(w)
			named.Add(append(lexicon.Keywords(prefix), w...))
			ofPage, pageCo = append(ofPage, Place{f.Name, p}), append(pageCo, f.Company)
		}
		fs, err := l.Facts(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range fs.All {
			if fs.All[i].Numeric && fs.All[i].Span.Page >= 0 {
				facts.Add(lexicon.Keywords(r.Line(f, i, fs)))
				ofFact, factCo = append(ofFact, Place{f.Name, fs.All[i].Span.Page}), append(factCo, f.Company)
			}
		}
	}
	rows := []Row{{Name: "BM25 page"}, {Name: "BM25 page + company/FY prefix"}, {Name: "BM25 page, oracle company"}, {Name: "BM25 fact strings"}, {Name: "BM25 fact strings, oracle company"}, {Name: "BM25 fact strings, oracle company, years interleaved"}}
	for i := range qs {
		q := &qs[i]
		if q.Impossible || len(q.Evidence) == 0 {
			continue
		}
		terms := bm25.Terms(lexicon.Keywords(q.Text))
		told := map[*library.Company]bool{}
		for _, c := range l.Companies {
			for _, t := range c.Tickers {
				told[c] = told[c] || slices.Contains(q.Tickers, t)
			}
		}
		of := func(hits []bm25.Hit, place []Place) []Place {
			var list []Place
			seen := map[Place]bool{}
			for _, h := range hits {
				if p := place[h.Doc]; !seen[p] {
					seen[p] = true
					list = append(list, p)
				}
			}
			return list
		}
		page := func(d int) bool { return told[pageCo[d]] }
		fact := func(d int) bool { return told[factCo[d]] }
		lists := [][]Place{
			of(pages.Search(terms, 20, nil), ofPage),
			of(named.Search(terms, 20, nil), ofPage),
			of(pages.Search(terms, 20, page), ofPage),
			of(facts.Search(terms, 300, nil), ofFact),
			of(facts.Search(terms, 300, fact), ofFact),
			nil,
		}
		// One search for each year of the question, taken in turns.
		var turns [][]Place
		for _, y := range yearsOf(q.Text) {
			one := append(bm25.Terms(lexicon.Keywords(withoutYears(q.Text))), bm25.Term{Word: y, Weight: 1})
			turns = append(turns, of(facts.Search(one, 300, fact), ofFact))
		}
		if len(turns) == 0 {
			turns = append(turns, lists[4])
		}
		seen := map[Place]bool{}
		for at := range 300 {
			for _, t := range turns {
				if at < len(t) && !seen[t[at]] {
					seen[t[at]] = true
					lists[5] = append(lists[5], t[at])
				}
			}
		}
		for b := range rows {
			o := outcome{q: q, ranks: rank(lists[b], q, false), lenient: rank(lists[b], q, true)}
			rows[b].add(&o)
		}
	}
	for i := range rows {
		rows[i].mean()
	}
	return rows, nil
}

var reYear = regexp.MustCompile(`\b(?:19|20)\d\d\b`)

func yearsOf(s string) []string {
	list := reYear.FindAllString(s, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

func withoutYears(s string) string { return reYear.ReplaceAllString(s, " ") }
