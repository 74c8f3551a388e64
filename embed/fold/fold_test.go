package fold

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
)

var _ embed.BatchPredictor = (*Extended)(nil)

// circle is a ComplEx table of points on circles; relation 0 turns by one
// place, relation 1 by three.
func circle(t testing.TB, n int) *embed.Table {
	t.Helper()
	v := embed.Vocabulary{Relations: []string{"next", "third"}}
	for i := range n {
		v.Entities = append(v.Entities, fmt.Sprint(i))
	}
	const dim = 6
	table, err := embed.NewTable(embed.Spec{Model: "complex", Dim: dim}, v)
	if err != nil {
		t.Fatal(err)
	}
	put := func(to []float32, by float64) {
		for k := range dim {
			a := 2 * math.Pi * by * float64(k+1) / float64(n)
			to[k], to[dim+k] = float32(math.Cos(a)), float32(math.Sin(a))
		}
	}
	for e := range n {
		put(table.Entity(int32(e)), float64(e))
	}
	for r, by := range []float64{1, 3, -1, -3} {
		put(table.Relation(int32(r)), by)
	}
	table.Refresh()
	return table
}

// An entity whose statements say that it stands beside another is predicted as
// that other is.
func TestVector(t *testing.T) {
	const n = 20
	table := circle(t, n)
	for _, like := range [][]int32{nil, {6, 8}} {
		// The new entity is where 7 is: next leads to 8, the inverse of next to
		// 6, third to 10.
		v, err := Vector(t.Context(), table, []Link{{0, 8}, {2, 6}, {1, 10}}, like, Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		x := Extend(table, [][]float32{v})
		q, row := make([]float32, x.Rank()), make([]float32, x.Entities())
		// As head: third backwards leads to 4, which no statement said.
		x.Query(n, 3, q)
		x.ScoreAll(q, row)
		if best := embed.TopK(row, 1, nil)[0].Entity; best != 4 {
			t.Errorf("like %v: three before the new entity is %d, want 4", like, best)
		}
		// As tail: three after 4 are 7 and the new one.
		x.Query(4, 1, q)
		x.ScoreAll(q, row)
		top := embed.TopK(row, 2, nil)
		if top[0].Entity+top[1].Entity != 7+n {
			t.Errorf("like %v: three after 4 are %v, want 7 and %d", like, top, n)
		}
	}
	if v, err := Vector(t.Context(), table, nil, []int32{5}, Options{}); err != nil || v[0] != table.Entity(5)[0] {
		t.Errorf("without statements: %v %v", v, err)
	}
}

func TestExtendedAgreesWithItself(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, model := range []string{"complex", "nfe1", "rotate"} {
		v := embed.Vocabulary{Relations: []string{"a"}}
		for i := range 9 {
			v.Entities = append(v.Entities, fmt.Sprint(i))
		}
		table, err := embed.NewTable(embed.Spec{Model: model, Dim: 4, Gamma: 1}, v)
		if err != nil {
			t.Fatal(err)
		}
		for e := range int32(9) {
			for i := range table.Entity(e) {
				table.Entity(e)[i] = float32(rng.NormFloat64())
			}
		}
		for r := range int32(2) {
			for i := range table.Relation(r) {
				table.Relation(r)[i] = float32(rng.NormFloat64())
			}
		}
		table.Refresh()
		// A copy of entity 3 and another vector.
		other := make([]float32, table.Width())
		for i := range other {
			other[i] = float32(rng.NormFloat64())
		}
		x := Extend(table, [][]float32{table.Entity(3), other})
		qs, rows := make([]float32, 2*x.Rank()), make([]float32, 2*x.Entities())
		x.Query(9, 1, qs[:x.Rank()])
		x.Query(2, 0, qs[x.Rank():])
		x.ScoreBatch(qs, rows)
		for i := range 2 {
			q, row := qs[i*x.Rank():(i+1)*x.Rank()], make([]float32, x.Entities())
			x.ScoreAll(q, row)
			for e, s := range row {
				if s != rows[i*x.Entities()+e] || math.Abs(float64(s-x.Score(q, int32(e)))) > 1e-5 {
					t.Errorf("%s: scores of %d differ: %v %v %v", model, e, s, rows[i*x.Entities()+e], x.Score(q, int32(e)))
				}
			}
			if math.Abs(float64(row[3]-row[9])) > 1e-5 {
				t.Errorf("%s: the copy scores %v, the original %v", model, row[9], row[3])
			}
		}
		if got, want := x.ScoreVectors(x.Entity(2), 0, other), x.Score(qs[x.Rank():], 10); math.Abs(float64(got-want)) > 1e-4 {
			t.Errorf("%s: %v and %v", model, got, want)
		}
	}
}
