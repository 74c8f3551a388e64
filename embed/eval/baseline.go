package eval

import (
	"context"

	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// ScoreFunc writes the scores of (h, r, ?) for all entities.
type ScoreFunc func(h, r int32, out []float32)

// RanksBy is DirectedRanks for anything that scores, one query at a time.
func RanksBy(ctx context.Context, score ScoreFunc, entities int, known *dataset.Index, ts []dataset.Triple) ([]Rank, error) {
	out := make([]Rank, len(ts))
	row := make([]float32, entities)
	skip := make([]bool, entities)
	for i, x := range ts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		score(x.H, x.R, row)
		tails := known.Tails(x.H, x.R)
		for _, e := range tails {
			skip[e] = true
		}
		for e, s := range row {
			switch {
			case int32(e) == x.T || skip[e]:
			case s > row[x.T]:
				out[i].Above++
			case s == row[x.T]:
				out[i].Equal++
			}
		}
		for _, e := range tails {
			skip[e] = false
		}
	}
	return out, nil
}

// Popularity scores a tail by how often the relation has it in train, whatever
// the head: what a model must beat to have learned anything.
func Popularity(g *dataset.Graph) ScoreFunc {
	counts := make([]map[int32]float32, 2*g.R())
	for r := range counts {
		counts[r] = map[int32]float32{}
	}
	for _, t := range g.Directed(g.Train) {
		counts[t.R][t.T]++
	}
	return func(_, r int32, out []float32) {
		clear(out)
		for e, n := range counts[r] {
			out[e] = n
		}
	}
}
