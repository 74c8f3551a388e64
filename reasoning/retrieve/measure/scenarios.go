package measure

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// Scenario is a kind of context that a reader gets (FinReflectKG-MultiHop,
// arXiv 2510.02906): S1 the linked evidence, S2 windows of two pages before and
// after each piece of evidence, S3 the windows among as many other pages,
// shuffled. The reader is the retriever without the rest of the library: it
// knows the facts that stand in its context and no others.
type Scenario struct {
	Name    string  `json:"name"`
	N       int     `json:"n"`
	Tokens  float64 `json:"tokens"` // characters / 4, mean
	Correct float64 `json:"correct"`
	Saving  float64 `json:"versus_s2"` // change of tokens against S2
}

// Context is the evidence of a result as a reader gets it: one line a fact.
func Context(r *retrieve.Retriever, x *retrieve.Result) string {
	var b strings.Builder
	for _, c := range x.Evidence() {
		b.WriteString(c.Filing.Name + " p." + strconv.Itoa(c.Fact.Span.Page+1) + ": ")
		if c.Filing.Company != nil {
			b.WriteString(c.Filing.Company.Short() + ", ")
		}
		b.WriteString(c.Concept.Title() + ", ")
		for _, d := range c.Fact.Dims {
			b.WriteString(r.Library().Concept(d.Member).Title() + ", ")
		}
		b.WriteString(c.Fact.Period.String() + ": " + c.Fact.Value + " " + c.Fact.Unit)
		if row := c.Fact.Row; row != "" {
			b.WriteString(" (" + row[:min(len(row), 160)] + ")")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func scenarios(ctx context.Context, r *retrieve.Retriever, qs []Question, seed uint64) ([]Scenario, error) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	names := []string{"S1 facts", "S1 pages", "S2 windows", "S3 windows + distractors"}
	out := make([]Scenario, len(names))
	l := r.Library()
	for i := range qs {
		q := &qs[i]
		if q.Impossible || len(q.Evidence) == 0 {
			continue
		}
		whole, err := r.Answer(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		facts, linked, windows, mixed := map[string]bool{}, map[retrieve.Page]bool{}, map[retrieve.Page]bool{}, map[retrieve.Page]bool{}
		for _, c := range whole.Evidence() {
			facts[c.Fact.ID] = true
			p := c.Fact.Span.Page
			tree, err := l.Tree(c.Filing)
			if err != nil {
				return nil, err
			}
			linked[retrieve.Page{Filing: c.Filing, Page: p}] = true
			n := len(tree.Pages)
			for d := max(0, p-2); d <= min(n-1, p+2); d++ {
				windows[retrieve.Page{Filing: c.Filing, Page: d}] = true
				mixed[retrieve.Page{Filing: c.Filing, Page: d}] = true
			}
			for range 5 { // as many others, at least ten pages away
				for range 20 {
					if d := rnd.IntN(max(1, n)); d <= p-10 || d >= p+10 {
						mixed[retrieve.Page{Filing: c.Filing, Page: d}] = true
						break
					}
				}
			}
		}
		on := func(set map[retrieve.Page]bool) func(f *library.Filing, x *fact.Fact) bool {
			return func(f *library.Filing, x *fact.Fact) bool { return set[retrieve.Page{Filing: f, Page: x.Span.Page}] }
		}
		size := func(set map[retrieve.Page]bool) (n int, err error) {
			for p := range set {
				tree, err := l.Tree(p.Filing)
				if err != nil {
					return 0, err
				}
				n += len(tree.PageText(p.Page))
			}
			return n, nil
		}
		for s, keep := range []func(*library.Filing, *fact.Fact) bool{func(_ *library.Filing, x *fact.Fact) bool { return facts[x.ID] }, on(linked), on(windows), on(mixed)} {
			n := len(Context(r, whole))
			if s > 0 {
				if n, err = size([]map[retrieve.Page]bool{linked, windows, mixed}[s-1]); err != nil {
					return nil, err
				}
			}
			x, err := r.Within(keep).Answer(ctx, q.Text)
			if err != nil {
				return nil, err
			}
			out[s].N++
			out[s].Tokens += float64(n) / 4
			if right(x, q, l) {
				out[s].Correct++
			}
		}
	}
	for s := range out {
		n := float64(max(1, out[s].N))
		out[s].Name, out[s].Tokens, out[s].Correct = names[s], out[s].Tokens/n, out[s].Correct/n
	}
	for s := range out {
		if out[2].Tokens > 0 {
			out[s].Saving = out[s].Tokens/out[2].Tokens - 1
		}
	}
	return out, nil
}
