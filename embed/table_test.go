package embed_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
)

// Predict the tails of one query, without what the graph states already.
func ExampleTopK() {
	t, _ := embed.NewTable(embed.Spec{Model: "transe", Dim: 1}, embed.Vocabulary{
		Entities: []string{"Bern", "Switzerland", "Austria"}, Relations: []string{"capital of"},
	})
	copy(t.Params.Data, make([]float32, 1)) // Bern at 0
	t.Entity(1)[0], t.Entity(2)[0], t.Relation(0)[0] = 1, 3, 1
	t.Refresh()

	q, scores := make([]float32, t.Rank()), make([]float32, t.Entities())
	t.Query(0, 0, q)
	t.ScoreAll(q, scores)
	for _, h := range embed.TopK(scores, 2, func(e int32) bool { return e == 0 }) {
		fmt.Println(t.Vocabulary.Entities[h.Entity], h.Score)
	}
	// Output:
	// Switzerland 0
	// Austria -4
}

func TestScoresAgree(t *testing.T) {
	for _, s := range specs(6) {
		tb := table(t, s, 29)
		n, k := tb.Entities(), tb.Rank()
		qs, out := make([]float32, 3*k), make([]float32, 3*n)
		for i := range 3 {
			tb.Query(int32(i), int32(i), qs[i*k:(i+1)*k])
		}
		tb.ScoreBatch(qs, out)
		row := make([]float32, n)
		for i := range 3 {
			q := qs[i*k : (i+1)*k]
			tb.ScoreAll(q, row)
			if !slices.Equal(row, out[i*n:(i+1)*n]) {
				t.Errorf("%s: a batch scores otherwise", s.Model)
			}
			for e := range int32(n) {
				by := tb.ScoreVectors(tb.Entity(int32(i)), int32(i), tb.Entity(e))
				if one := tb.Score(q, e); one != row[e] || math.Abs(float64(by-row[e])) > 1e-3*(1+math.Abs(float64(by))) {
					t.Errorf("%s: entity %d scores %v, %v and %v", s.Model, e, row[e], one, by)
				}
			}
		}
		// Gradients of vectors are the model's.
		m := model(t, s)
		wide := func(v []float32) (w []float64) {
			for _, x := range v {
				w = append(w, float64(x))
			}
			return w
		}
		dh, _, dt := gradients(m, wide(tb.Entity(1)), wide(tb.Relation(2)), wide(tb.Entity(3)))
		gh, gt := make([]float32, tb.Width()), make([]float32, tb.Width())
		tb.GradVectors(tb.Entity(1), 2, tb.Entity(3), 0.5, gh, gt)
		for i := range gh {
			if math.Abs(float64(gh[i])-dh[i]/2) > 1e-3*(1+math.Abs(dh[i])) || math.Abs(float64(gt[i])-dt[i]/2) > 1e-3*(1+math.Abs(dt[i])) {
				t.Errorf("%s: gradients %d are %v and %v, want half of %v and %v", s.Model, i, gh[i], gt[i], dh[i], dt[i])
			}
		}
	}
}

func TestTopKAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		scores := make([]float32, rng.IntN(60))
		for i := range scores {
			scores[i] = float32(rng.IntN(12)) // with ties
			if rng.IntN(10) == 0 {
				scores[i] = float32(math.NaN())
			}
		}
		k, odd := rng.IntN(70), rng.IntN(2) == 0
		var want []embed.Hit
		for e, s := range scores {
			if s == s && (!odd || e%2 == 0) {
				want = append(want, embed.Hit{Entity: int32(e), Score: s})
			}
		}
		slices.SortFunc(want, func(a, b embed.Hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Entity, b.Entity))
		})
		want = want[:min(k, len(want))]
		var skip func(int32) bool
		if odd {
			skip = func(e int32) bool { return e%2 == 1 }
		}
		if got := embed.TopK(scores, k, skip); !slices.Equal(got, want) {
			t.Fatalf("%v of %v is %v, want %v", k, scores, got, want)
		}
	}
}

func TestProject(t *testing.T) {
	tb := table(t, embed.Spec{Model: "nfe1", Dim: 3}, 6)
	v := vocabulary(6)
	slices.Reverse(v.Entities)
	slices.Reverse(v.Relations)
	v.Entities = append(v.Entities, "new")
	p, unknown, err := tb.Project(v)
	if err != nil || unknown != 1 {
		t.Fatal(unknown, err)
	}
	q, row := make([]float32, p.Rank()), make([]float32, 7)
	p.Query(5, 1+2, q) // entity 0 and the inverse of relation 0
	p.ScoreAll(q, row)
	tb.Query(0, 2, q)
	for e := range int32(6) {
		if want := tb.Score(q, e); row[5-e] != want {
			t.Errorf("entity %d scores %v, before %v", e, row[5-e], want)
		}
	}
	v.Relations[0] = "unheard of"
	if _, _, err := tb.Project(v); err == nil || !strings.Contains(err.Error(), "unheard of") {
		t.Errorf("error %v", err)
	}
}

func TestSigma(t *testing.T) {
	tb := table(t, embed.Spec{Model: "nfe1", Dim: 2}, 3)
	copy(tb.Entity(1), []float32{9, 9, 3, -4})
	if s, ok := tb.Sigma(1); !ok || math.Abs(s-math.Sqrt(12.5)) > 1e-6 {
		t.Errorf("sigma %v %v", s, ok)
	}
	if _, ok := table(t, embed.Spec{Model: "complex", Dim: 2}, 3).Sigma(1); ok {
		t.Error("complex has a sigma")
	}
}

func TestEmptyGraph(t *testing.T) {
	for _, v := range []embed.Vocabulary{{}, {Entities: []string{"a"}}, {Relations: []string{"r"}}} {
		if _, err := embed.NewTable(embed.Spec{Model: "complex", Dim: 2}, v); err == nil {
			t.Errorf("a table for %+v", v)
		}
	}
}

func TestLogSumExp(t *testing.T) {
	if got := embed.LogSumExp([]float32{1, 2, 3}); math.Abs(got-3.4076059644) > 1e-9 {
		t.Errorf("%v", got)
	}
	if got := embed.LogSumExp([]float32{1000, 1000}); math.Abs(got-1000-math.Ln2) > 1e-9 {
		t.Errorf("%v", got)
	}
	if got := embed.LogSumExp(nil); !math.IsInf(got, -1) {
		t.Errorf("%v", got)
	}
}
