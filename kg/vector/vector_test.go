package vector

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

// whole makes vectors of small whole numbers: their inner products are exact in
// any order of summing, so that hits can be compared bit by bit.
func whole(r *rand.Rand, n, dim int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dim)
		for d := range rows[i] {
			rows[i][d] = float32(r.IntN(9) - 4)
		}
	}
	return rows
}

func index(t testing.TB, rows [][]float32) *Flat {
	t.Helper()
	f, err := NewFlat(rows, false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// attributes are a category, a year that some lack, and a number.
func attributes(r *rand.Rand, n int) [][]float64 {
	columns := make([][]float64, 3)
	for range n {
		year := 1990 + float64(r.IntN(30))
		if r.IntN(10) == 0 {
			year = math.NaN()
		}
		columns[0] = append(columns[0], float64(r.IntN(5)))
		columns[1] = append(columns[1], year)
		columns[2] = append(columns[2], r.NormFloat64())
	}
	return columns
}

func condition(r *rand.Rand) Predicate {
	var p Predicate
	if r.IntN(2) == 0 {
		c := float64(r.IntN(5))
		p = append(p, Cond{0, c, c})
	}
	if r.IntN(2) == 0 {
		y := 1990 + float64(r.IntN(20))
		p = append(p, Cond{1, y, y + 8})
	}
	if r.IntN(3) == 0 {
		p = append(p, Cond{2, math.Inf(-1), 0.5})
	}
	return p
}

// sorted is Search written as a sort of everything.
func sorted(f *Flat, q []float32, k int, keep func(int32) bool) []Hit {
	var all []Hit
	for i := range int32(f.Len()) {
		if keep(i) {
			s := float32(0)
			for d, x := range f.Row(i) {
				s += x * q[d]
			}
			all = append(all, Hit{i, s})
		}
	}
	slices.SortFunc(all, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Item, b.Item)) })
	return all[:min(k, len(all))]
}

// TestHybrid compares every way to search with a sort: all effort gives the
// truth, less effort the same hits alone and in a batch.
func TestHybrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, dim := range []int{1, 7, 16} {
		const n = 3000
		f := index(t, whole(r, n, dim))
		columns := attributes(r, n)
		var workload []Predicate
		for range 40 {
			workload = append(workload, condition(r))
		}
		for _, past := range [][]Predicate{nil, workload} {
			h, err := Build(f, columns, past, Options{MinLeaf: 100, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			if past != nil && h.Leaves() < 2 {
				t.Errorf("a workload of %d predicates gives %d partitions", len(past), h.Leaves())
			}
			var queries []Query
			for _, v := range whole(r, 30, dim) {
				queries = append(queries, Query{Vector: v, Where: condition(r), K: r.IntN(12)})
			}
			for _, effort := range []float64{1, 0.3, 0} {
				batch, err := h.SearchBatch(queries, effort)
				if err != nil {
					t.Fatal(err)
				}
				for i, q := range queries {
					one, err := h.Search(q, effort)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(one, batch[i]) {
						t.Fatalf("dim %d, effort %g, %v: alone %v, in a batch %v", dim, effort, q.Where, one, batch[i])
					}
					want := sorted(f, q.Vector, q.K, func(i int32) bool { return q.Where.holds(columns, i) })
					if effort == 1 && !slices.Equal(one, want) {
						t.Fatalf("dim %d, %v: %v, want %v", dim, q.Where, one, want)
					}
					for _, x := range one {
						if !q.Where.holds(columns, x.Item) {
							t.Fatalf("%v does not hold for %d", q.Where, x.Item)
						}
					}
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := index(t, whole(r, 10, 4))
	if _, err := Build(&Flat{}, nil, nil, Options{}); err == nil {
		t.Error("an index of nothing")
	}
	if _, err := Build(f, [][]float64{{1}}, nil, Options{}); err == nil {
		t.Error("one value for ten vectors")
	}
	if _, err := Build(f, nil, []Predicate{{{Column: 1}}}, Options{}); err == nil {
		t.Error("a workload on an attribute that is not there")
	}
	h, err := Build(f, nil, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Search(Query{Vector: []float32{1}, K: 1}, 1); err == nil {
		t.Error("a short query")
	}
	if _, err := h.SearchBatch([]Query{{Vector: make([]float32, 4), Where: Predicate{{Column: 0}}, K: 1}}, 1); err == nil {
		t.Error("a condition on an attribute that is not there")
	}
	if _, err := NewFlat([][]float32{{1, 2}, {1}}, false); err == nil {
		t.Error("rows of two lengths")
	}
	if _, err := NewFlat([][]float32{{float32(math.NaN())}}, false); err == nil {
		t.Error("a number that is none")
	}
	if _, err := NewHubs(&Flat{}, nil); err == nil {
		t.Error("hubs of nothing")
	}
}

// TestHubs puts a vector near to everything into a gallery: before, it crowds
// out the rest, afterwards less so.
func TestHubs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	const n, dim = 200, 24
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dim)
		for d := range rows[i] {
			rows[i][d] = float32(r.NormFloat64()) + 1.2 // a common direction
		}
	}
	for d := range rows[0] {
		rows[0][d] = 1 // and the direction itself
	}
	f, err := NewFlat(rows, true)
	if err != nil {
		t.Fatal(err)
	}
	queries := make([][]float32, n)
	for i := range queries {
		queries[i] = f.Row(int32(i))
	}
	h, err := NewHubs(f, queries)
	if err != nil {
		t.Fatal(err)
	}
	var before, after [][]Hit
	for _, q := range queries {
		before = append(before, f.Search(q, 10, nil))
		after = append(after, h.Search(f, q, 10, nil))
	}
	b, a := MeasureHubness(before, n), MeasureHubness(after, n)
	if a.Max >= b.Max || a.Skewness >= b.Skewness {
		t.Errorf("hubness before %+v, after %+v", b, a)
	}
}

// TestEntities searches by term, with and without a condition.
func TestEntities(t *testing.T) {
	e := &Entities{Flat: index(t, [][]float32{{1, 0}, {0, 1}, {1, 1}}), IDs: []kg.ID{10, kg.Any, 30}}
	hits, err := e.SearchVector(t.Context(), []float32{1, 0.5}, 3)
	if err != nil || len(hits) != 2 || hits[0].ID != 30 || hits[1].ID != 10 {
		t.Errorf("%v %v", hits, err)
	}
	hits, err = e.Where(t.Context(), []float32{1, 0.5}, 3, func(id kg.ID) bool { return id == 10 })
	if err != nil || len(hits) != 1 || hits[0].ID != 10 {
		t.Errorf("%v %v", hits, err)
	}
	if _, err := e.SearchVector(t.Context(), []float32{1}, 1); err == nil {
		t.Error("a short query")
	}
}

// BenchmarkHybrid compares a batch with searching one by one and filtering, at
// the effort that finds the given share of the true hits.
func BenchmarkHybrid(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 4))
	const n, dim, batch = 50_000, 64, 512
	rows := make([][]float32, n)
	centres := make([][]float32, 50)
	for i := range centres {
		centres[i] = make([]float32, dim)
		for d := range centres[i] {
			centres[i][d] = float32(r.NormFloat64())
		}
	}
	for i := range rows {
		rows[i] = make([]float32, dim)
		c := centres[r.IntN(len(centres))]
		for d := range rows[i] {
			rows[i][d] = 0.5*c[d] + float32(r.NormFloat64())
		}
	}
	f, err := NewFlat(rows, true)
	if err != nil {
		b.Fatal(err)
	}
	columns := attributes(r, n)
	var kinds []Predicate
	for range 12 {
		kinds = append(kinds, condition(r))
	}
	var workload []Predicate
	var queries []Query
	for range batch {
		p := kinds[r.IntN(len(kinds))]
		workload = append(workload, p)
		queries = append(queries, Query{Vector: whole(r, 1, dim)[0], Where: p, K: 10})
	}
	plain, err := Build(f, columns, nil, Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	hybrid, err := Build(f, columns, workload, Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	truth, err := plain.SearchBatch(queries, 1)
	if err != nil {
		b.Fatal(err)
	}
	recall := func(got [][]Hit) float64 {
		found, all := 0, 0
		for i := range truth {
			for _, x := range truth[i] {
				all++
				if slices.ContainsFunc(got[i], func(y Hit) bool { return y.Item == x.Item }) {
					found++
				}
			}
		}
		return float64(found) / float64(all)
	}
	oneByOne := func(h *Hybrid, effort float64) [][]Hit {
		out := make([][]Hit, len(queries))
		for i, q := range queries {
			if out[i], err = h.Search(q, effort); err != nil {
				b.Fatal(err)
			}
		}
		return out
	}
	// The least effort that finds 95 % of the true hits.
	least := func(search func(effort float64) [][]Hit) float64 {
		for e := 0.01; e < 1; e *= 1.3 {
			if recall(search(e)) >= 0.95 {
				return e
			}
		}
		return 1
	}
	for name, search := range map[string]func(effort float64) [][]Hit{
		"one-by-one-filtered": func(e float64) [][]Hit { return oneByOne(plain, e) },
		"batch": func(e float64) [][]Hit {
			out, err := hybrid.SearchBatch(queries, e)
			if err != nil {
				b.Fatal(err)
			}
			return out
		},
	} {
		b.Run(name, func(b *testing.B) {
			e := least(search)
			for b.Loop() {
				search(e)
			}
			b.ReportMetric(recall(search(e)), "recall")
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "queries/s")
		})
	}
}
