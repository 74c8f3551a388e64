package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/embed/cqd"
)

// byTheBook is the protocol as it is published: sort everything, take the
// position of each answer, subtract the answers before it.
func byTheBook(truth []float32, c cqd.Case) (mrr, hits3 float64) {
	all := append(slices.Clone(c.Easy), c.Hard...)
	for _, e := range c.Hard {
		better, equal := 0, 0
		for x := range truth {
			if !slices.Contains(all, int32(x)) {
				if truth[x] > truth[e] {
					better++
				}
				if truth[x] == truth[e] {
					equal++
				}
			}
		}
		rank := 1 + float64(better) + float64(equal)/2
		mrr += 1 / rank
		if rank <= 3 {
			hits3++
		}
	}
	return mrr / float64(len(c.Hard)), hits3 / float64(len(c.Hard))
}

func TestRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		truth := make([]float32, 30)
		for i := range truth {
			truth[i] = -float32(rng.IntN(12))
			if rng.IntN(6) == 0 {
				truth[i] = float32(math.Inf(-1))
			}
		}
		perm := rng.Perm(30)
		var c cqd.Case
		for i, e := range perm[:8] {
			if i < 3 {
				c.Easy = append(c.Easy, int32(e))
			} else {
				c.Hard = append(c.Hard, int32(e))
			}
		}
		got := Rank(truth, c)
		mrr, hits3 := byTheBook(truth, c)
		if math.Abs(got.MRR-mrr) > 1e-12 || math.Abs(got.Hits3-hits3) > 1e-12 || got.Answers != 5 {
			t.Fatalf("%+v, want MRR %v, Hits@3 %v", got, mrr, hits3)
		}
	}
	// A certain answer, and an answer beside rivals that are not numbers.
	if s := Rank([]float32{0, float32(math.NaN()), -3}, cqd.Case{Hard: []int32{2}}); s.MRR != 0.5 {
		t.Errorf("%+v", s)
	}
	if s := Rank([]float32{-1, float32(math.NaN())}, cqd.Case{Hard: []int32{1}}); s.MRR != 0.5 {
		t.Errorf("an answer without a truth ranks %+v", s)
	}
}

func TestCases(t *testing.T) {
	cases := []cqd.Case{
		{Query: cqd.Anchor(0), Hard: []int32{0}},
		{Query: cqd.Anchor(1), Hard: []int32{1}},
		{Query: cqd.Anchor(2), Easy: []int32{0}},
	}
	answer := func(_ context.Context, q *cqd.Query) ([]float32, error) {
		if q.Members[0] == 0 {
			return []float32{0, -1, -2, -3}, nil
		}
		return []float32{0, -1, -2, -3}, nil
	}
	for _, workers := range []int{1, 3} {
		s, err := Cases(t.Context(), cases, answer, workers, nil)
		if err != nil || s.Queries != 2 || s.MRR != 0.75 || s.Hits1 != 0.5 {
			t.Errorf("%+v %v", s, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Cases(t.Context(), cases, func(context.Context, *cqd.Query) ([]float32, error) { return nil, broken }, 2, nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Cases(ctx, cases, answer, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	table := Table{Types: map[string]Score{"1p": {MRR: 0.4}, "2u": {MRR: 0.2}, "pni": {MRR: 0.1}}}
	table.Summarise()
	if math.Abs(table.EPFO-0.3) > 1e-12 || table.Neg != 0.1 {
		t.Errorf("%+v", table)
	}
}
