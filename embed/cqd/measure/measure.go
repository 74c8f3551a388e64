// Package measure scores methods of complex query answering as the published
// tables do: for every hard answer its rank among what is no answer at all,
// averaged over the answers of a query, then over queries.
package measure

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/embed/cqd"
)

// Answerer returns the log truths of all entities for a query.
type Answerer func(ctx context.Context, q *cqd.Query) ([]float32, error)

// Score is the quality of answers to queries of one type.
type Score struct {
	Queries int     `json:"n"`
	Answers int     `json:"answers"` // hard ones
	MRR     float64 `json:"mrr"`
	Hits1   float64 `json:"hits1"`
	Hits3   float64 `json:"hits3"`
	Hits10  float64 `json:"hits10"`
}

// Rank scores one query. Easy and hard answers do not compete with each other;
// ties count as their mean rank.
func Rank(truth []float32, c cqd.Case) Score {
	answer := make([]bool, len(truth))
	for _, list := range [][]int32{c.Easy, c.Hard} {
		for _, e := range list {
			answer[e] = true
		}
	}
	rivals := make([]float32, 0, len(truth))
	for e, x := range truth {
		if !answer[e] {
			if x != x {
				x = float32(math.Inf(-1))
			}
			rivals = append(rivals, x)
		}
	}
	slices.Sort(rivals)
	s := Score{Queries: 1, Answers: len(c.Hard)}
	for _, e := range c.Hard {
		x := truth[e]
		if x != x {
			x = float32(math.Inf(-1))
		}
		lo, _ := slices.BinarySearch(rivals, x)
		hi, _ := slices.BinarySearch(rivals, math.Nextafter32(x, float32(math.Inf(1))))
		if math.IsInf(float64(x), 1) {
			hi = len(rivals)
		}
		rank := 1 + float64(len(rivals)-hi) + float64(hi-lo)/2
		s.MRR += 1 / rank
		s.Hits1 += hit(rank, 1)
		s.Hits3 += hit(rank, 3)
		s.Hits10 += hit(rank, 10)
	}
	return s.over(float64(len(c.Hard)))
}

func hit(rank float64, k float64) float64 {
	if rank <= k {
		return 1
	}
	return 0
}

func (s Score) over(n float64) Score {
	if n > 0 {
		s.MRR, s.Hits1, s.Hits3, s.Hits10 = s.MRR/n, s.Hits1/n, s.Hits3/n, s.Hits10/n
	}
	return s
}

// Cases scores queries, workers at a time. Queries without hard answers do not
// count. The result does not depend on the number of workers.
func Cases(ctx context.Context, cases []cqd.Case, answer Answerer, workers int, done func(int)) (Score, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	scores := make([]Score, len(cases))
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	finished := 0
	for range max(1, workers) {
		wg.Go(func() {
			for i := range next {
				if len(cases[i].Hard) > 0 {
					truth, err := answer(ctx, cases[i].Query)
					if err != nil {
						mu.Lock()
						if failed == nil {
							failed = err
						}
						mu.Unlock()
						cancel()
						continue
					}
					scores[i] = Rank(truth, cases[i])
				}
				mu.Lock()
				finished++
				if done != nil {
					done(finished)
				}
				mu.Unlock()
			}
		})
	}
feed:
	for i := range cases {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if failed != nil {
		return Score{}, failed
	}
	if err := ctx.Err(); err != nil {
		return Score{}, err
	}
	var total Score
	for _, s := range scores {
		total.Queries += s.Queries
		total.Answers += s.Answers
		total.MRR += s.MRR
		total.Hits1 += s.Hits1
		total.Hits3 += s.Hits3
		total.Hits10 += s.Hits10
	}
	return total.over(float64(total.Queries)), nil
}

// Table is the score of every type, and the means over the types with and
// without negation.
type Table struct {
	Types map[string]Score `json:"types"`
	EPFO  float64          `json:"epfo"` // mean MRR of positive types
	Neg   float64          `json:"neg"`  // mean MRR of types with negation
}

// Summarise fills in the means.
func (t *Table) Summarise() {
	var sum, n [2]float64
	for _, typ := range cqd.Types {
		s, ok := t.Types[typ.Name]
		if !ok {
			continue
		}
		i := 0
		if typ.Negative() {
			i = 1
		}
		sum[i] += s.MRR
		n[i]++
	}
	t.EPFO, t.Neg = sum[0]/max(1, n[0]), sum[1]/max(1, n[1])
}
