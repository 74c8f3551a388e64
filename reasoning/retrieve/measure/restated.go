package measure

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// Restated counts the keys (company, concept, period, dimensions, unit) that
// consecutive annual reports state with different values, and for how many of
// them both the first and the last value are given.
type Restated struct {
	Shared  int `json:"shared"` // keys that consecutive reports share
	Changed int `json:"changed"`
	Right   int `json:"right"`
}

// RestatedKeys measures a library. What is right is found by scanning the
// reports one after another.
func RestatedKeys(ctx context.Context, r *retrieve.Retriever) (*Restated, error) {
	out := &Restated{}
	l := r.Library()
	for _, c := range l.Companies {
		var before map[string]*fact.Fact
		for _, f := range c.Filings {
			if !f.Annual() {
				continue
			}
			now, err := best(ctx, l, f)
			if err != nil {
				return nil, err
			}
			for k, old := range before {
				x := now[k]
				if x == nil {
					continue
				}
				out.Shared++
				if value(old).Cmp(value(x)) == 0 {
					continue
				}
				out.Changed++
				first, last, ok, err := r.Within(func(g *library.Filing, _ *fact.Fact) bool { return g.Graph == old.Graph || g.Graph == x.Graph }).Versions(ctx, c, old)
				if err != nil {
					return nil, err
				}
				if ok && value(first.Fact).Cmp(value(old)) == 0 && value(last.Fact).Cmp(value(x)) == 0 {
					out.Right++
				}
			}
			before = now
		}
	}
	return out, nil
}

// best maps the keys of a filing to its most accurate fact.
func best(ctx context.Context, l *library.Library, f *library.Filing) (map[string]*fact.Fact, error) {
	facts, err := l.Facts(ctx, f)
	if err != nil {
		return nil, err
	}
	m := map[string]*fact.Fact{}
	for i := range facts.All {
		x := &facts.All[i]
		if !x.Numeric || x.Nil {
			continue
		}
		if o := m[x.Key()]; o == nil || retrieve.Better(x, o) {
			m[x.Key()] = x
		}
	}
	return m, nil
}

func value(f *fact.Fact) xsd.Decimal {
	d, _ := f.Decimal()
	return d
}
