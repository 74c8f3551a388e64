// Package eval measures how well a table predicts links: filtered ranks in both
// directions, by relation and by category of relation, and how far its
// probabilities can be trusted.
package eval

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// Options steer Ranks.
type Options struct {
	// Pessimistic puts the right entity after everything that scores the same;
	// otherwise it gets the mean rank of the tie.
	Pessimistic bool
	// Memory bounds the bytes that scores take; default 256 MiB.
	Memory  int64
	Threads int // 0: all cores
	// OnProgress is told how many queries are done.
	OnProgress func(done, total int)
}

// Metrics summarise ranks.
type Metrics struct {
	N        int     `json:"n"` // queries: two for every statement
	MRR      float64 `json:"mrr"`
	Hits1    float64 `json:"hits1"`
	Hits3    float64 `json:"hits3"`
	Hits10   float64 `json:"hits10"`
	MeanRank float64 `json:"mean_rank"`
	Ties     int     `json:"ties"` // queries whose right entity shares its score
}

// Group is the metrics of a part of the queries.
type Group struct {
	Name string `json:"name"`
	Metrics
}

// Report is the result of Ranks.
type Report struct {
	Metrics
	Tails      Metrics `json:"tails"` // (h, r, ?)
	Heads      Metrics `json:"heads"` // (?, r, t)
	Relations  []Group `json:"relations"`
	Categories []Group `json:"categories"`
}

// minMemory is what one panel of queries takes, the least that works.
func minMemory(t *embed.Table) int64 { return kernel.Bytes(1, t.Entities(), t.Rank()) }

// batchFor returns a batch that fits into memory.
func batchFor(t *embed.Table, queries int, memory int64, threads int) (*kernel.Batch, error) {
	if memory == 0 {
		memory = 256 << 20
	}
	if least := minMemory(t); memory < least {
		return nil, &embed.MemoryError{
			What: fmt.Sprintf("%d queries against %d entities", kernel.Lanes, t.Entities()), Need: least, Allowed: memory, Remedy: "raise --memory",
		}
	}
	n := kernel.Lanes
	for n*2 <= 4096 && n < queries && kernel.Bytes(n*2, t.Entities(), t.Rank()) <= memory {
		n *= 2
	}
	return kernel.NewBatch(n, t.Entities(), t.Rank(), threads), nil
}

// Rank is the filtered rank of one directed statement.
type Rank struct {
	Above int32 // entities that score higher and are not known answers
	Equal int32 // others that score the same
}

// mean and pessimistic are the ranks of the two ways to break ties.
func (r Rank) value(pessimistic bool) float64 {
	if pessimistic {
		return 1 + float64(r.Above) + float64(r.Equal)
	}
	return 1 + float64(r.Above) + float64(r.Equal)/2
}

// DirectedRanks returns the rank of every directed statement's tail among all
// entities but the other known tails of its query.
func DirectedRanks(ctx context.Context, t *embed.Table, known *dataset.Index, ts []dataset.Triple, o Options) ([]Rank, error) {
	b, err := batchFor(t, len(ts), o.Memory, o.Threads)
	if err != nil {
		return nil, err
	}
	out := make([]Rank, len(ts))
	above, equal := make([]int32, b.Cap()), make([]int32, b.Cap())
	for lo := 0; lo < len(ts); lo += b.Cap() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := ts[lo:min(lo+b.Cap(), len(ts))]
		b.Reset()
		for _, x := range part {
			t.Query(x.H, x.R, b.Add(x.T))
		}
		b.Scores(t.Rows())
		b.Count(above, equal)
		for i, x := range part {
			right := b.At(i, int(x.T))
			r := Rank{above[i], equal[i] - 1} // without itself
			for _, e := range known.Tails(x.H, x.R) {
				if e == x.T {
					continue
				}
				if s := b.At(i, int(e)); s > right {
					r.Above--
				} else if s == right {
					r.Equal--
				}
			}
			out[lo+i] = r
		}
		if o.OnProgress != nil {
			o.OnProgress(lo+len(part), len(ts))
		}
	}
	return out, nil
}

// Ranks evaluates statements of a graph in both directions, filtered by all
// splits.
func Ranks(ctx context.Context, t *embed.Table, g *dataset.Graph, ts []dataset.Triple, o Options) (*Report, error) {
	if len(ts) == 0 {
		return nil, fmt.Errorf("%s has no statements to evaluate", g.Name)
	}
	if t.Entities() != len(g.Entities) || t.Relations() != 2*g.R() {
		return nil, &embed.GraphError{Reason: fmt.Sprintf("it has %d entities and %d relations, the graph %d and %d", t.Entities(), t.Relations()/2, len(g.Entities), g.R())}
	}
	directed := g.Directed(ts)
	ranks, err := DirectedRanks(ctx, t, g.NewIndex(g.Train, g.Valid, g.Test), directed, o)
	if err != nil {
		return nil, err
	}
	return Summarise(g, directed, ranks, o.Pessimistic), nil
}

// Summarise counts the ranks of directed statements, over all and by parts.
func Summarise(g *dataset.Graph, directed []dataset.Triple, ranks []Rank, pessimistic bool) *Report {
	var all, tails, heads tally
	byRelation := make([]tally, g.R())
	byCategory := map[string]*tally{}
	categories := Categories(g)
	for i, r := range ranks {
		v := r.value(pessimistic)
		rel := directed[i].R
		side := &tails
		if int(rel) >= g.R() {
			side, rel = &heads, rel-int32(g.R())
		}
		// The side that is asked for decides how hard a category is.
		name := categories[rel] + " tails"
		if side == &heads {
			name = categories[rel] + " heads"
		}
		if byCategory[name] == nil {
			byCategory[name] = &tally{}
		}
		for _, to := range []*tally{&all, side, &byRelation[rel], byCategory[name]} {
			to.add(v, r.Equal > 0)
		}
	}
	rep := &Report{Metrics: all.metrics(), Tails: tails.metrics(), Heads: heads.metrics()}
	for r := range byRelation {
		if byRelation[r].n > 0 {
			rep.Relations = append(rep.Relations, Group{g.Relations[r], byRelation[r].metrics()})
		}
	}
	slices.SortStableFunc(rep.Relations, func(a, b Group) int { return b.N - a.N })
	for name, c := range byCategory {
		rep.Categories = append(rep.Categories, Group{name, c.metrics()})
	}
	slices.SortFunc(rep.Categories, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return rep
}

// tally adds up ranks.
type tally struct {
	n, ties               int
	rr, rank, h1, h3, h10 float64
}

func (t *tally) add(rank float64, tie bool) {
	t.n++
	if tie {
		t.ties++
	}
	t.rr += 1 / rank
	t.rank += rank
	for _, h := range []struct {
		k  float64
		to *float64
	}{{1, &t.h1}, {3, &t.h3}, {10, &t.h10}} {
		if rank <= h.k {
			*h.to++
		}
	}
}

func (t *tally) metrics() Metrics {
	n := float64(max(t.n, 1))
	return Metrics{N: t.n, MRR: t.rr / n, Hits1: t.h1 / n, Hits3: t.h3 / n, Hits10: t.h10 / n, MeanRank: t.rank / n, Ties: t.ties}
}

// Categories returns for every relation 1-1, 1-N, N-1 or N-N: N stands on a
// side that has more than 1.5 entities on average in train (Bordes et al.,
// NIPS 2013).
func Categories(g *dataset.Graph) []string {
	type pair struct{ r, e int32 }
	heads, tails := map[pair]bool{}, map[pair]bool{}
	count, h, t := make([]int, g.R()), make([]int, g.R()), make([]int, g.R())
	for _, x := range g.Train {
		count[x.R]++
		if p := (pair{x.R, x.H}); !heads[p] {
			heads[p] = true
			h[x.R]++
		}
		if p := (pair{x.R, x.T}); !tails[p] {
			tails[p] = true
			t[x.R]++
		}
	}
	side := func(n, of int) string {
		if of > 0 && float64(n)/float64(of) > 1.5 {
			return "N"
		}
		return "1"
	}
	out := make([]string, g.R())
	for r := range out {
		out[r] = side(count[r], t[r]) + "-" + side(count[r], h[r])
	}
	return out
}

// MRR is the mean reciprocal rank, ties by their mean rank.
func MRR(ranks []Rank) float64 {
	var sum float64
	for _, r := range ranks {
		sum += 1 / r.value(false)
	}
	return sum / float64(max(len(ranks), 1))
}
