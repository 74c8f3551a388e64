package retrieve

import (
	"context"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// text finds passages for a question.
func (r *Retriever) text(ctx context.Context, x *Result, companies []*library.Company) error {
	return nil
}

// rank lists the pages where the evidence is.
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
}
