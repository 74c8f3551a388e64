package eval_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/eval"
)

func graph(t *testing.T) *dataset.Graph {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range 300 {
		fmt.Fprintf(&b, "e%d\tr%d\te%d\n", rng.IntN(50), rng.IntN(3), rng.IntN(50))
	}
	g, err := dataset.ParseText("g", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	g.Train, g.Valid, g.Test = g.Train[:200], g.Train[200:240], g.Train[240:]
	return g
}

// random returns a table whose scores are small whole numbers, so that there
// are ties.
func random(t *testing.T, g *dataset.Graph) *embed.Table {
	t.Helper()
	tb, err := embed.NewTable(embed.Spec{Model: "distmult", Dim: 3}, g.Vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range tb.Params.N {
		for k := range tb.Params.Row(i) {
			tb.Params.Row(i)[k] = float32(rng.IntN(3) - 1)
		}
	}
	for i := range tb.RelParams.N {
		for k := range tb.RelParams.Row(i) {
			tb.RelParams.Row(i)[k] = float32(rng.IntN(3) - 1)
		}
	}
	return tb
}

func scores(t *embed.Table) eval.ScoreFunc {
	q := make([]float32, t.Rank())
	return func(h, r int32, out []float32) {
		t.Query(h, r, q)
		t.ScoreAll(q, out)
	}
}

func TestRanksAgainstOneByOne(t *testing.T) {
	g := graph(t)
	tb := random(t, g)
	known := g.NewIndex(g.Train, g.Valid, g.Test)
	directed := g.Directed(g.Test)
	want, err := eval.RanksBy(t.Context(), scores(tb), len(g.Entities), known, directed)
	if err != nil {
		t.Fatal(err)
	}
	ties := 0
	for _, memory := range []int64{0, 20 << 10} { // at once, and panel by panel
		got, err := eval.DirectedRanks(t.Context(), tb, known, directed, eval.Options{Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d bytes: ranks differ", memory)
		}
	}
	var mean, late float64
	for _, r := range want {
		if r.Equal > 0 {
			ties++
		}
		mean += 1 / (1 + float64(r.Above) + float64(r.Equal)/2)
		late += 1 / (1 + float64(r.Above) + float64(r.Equal))
	}
	n := float64(len(want))
	rep, err := eval.Ranks(t.Context(), tb, g, g.Test, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ties == 0 || rep.Ties != ties || math.Abs(rep.MRR-mean/n) > 1e-12 || rep.N != len(want) || math.Abs(eval.MRR(want)-mean/n) > 1e-12 {
		t.Errorf("%+v, want MRR %v with %d ties", rep.Metrics, mean/n, ties)
	}
	if rep.Tails.N+rep.Heads.N != rep.N || math.Abs((rep.Tails.MRR+rep.Heads.MRR)/2-rep.MRR) > 1e-12 {
		t.Errorf("sides %+v and %+v", rep.Tails, rep.Heads)
	}
	for _, parts := range [][]eval.Group{rep.Relations, rep.Categories} {
		sum, n := 0.0, 0
		for _, p := range parts {
			sum += p.MRR * float64(p.N)
			n += p.N
		}
		if n != rep.N || math.Abs(sum/float64(n)-rep.MRR) > 1e-12 {
			t.Errorf("%+v add up to %v of %d", parts, sum/float64(n), n)
		}
	}
	pess, err := eval.Ranks(t.Context(), tb, g, g.Test, eval.Options{Pessimistic: true})
	if err != nil || math.Abs(pess.MRR-late/n) > 1e-12 || pess.MRR >= rep.MRR {
		t.Errorf("pessimistic %+v, want %v (%v)", pess.Metrics, late/n, err)
	}
}

// TestFilter: with two right tails, neither stands in the other's way.
func TestFilter(t *testing.T) {
	g, err := dataset.ParseText("g", []byte("a\tr\tb\na\tr\tc\nd\tr\ta\n"))
	if err != nil {
		t.Fatal(err)
	}
	tb, err := embed.NewTable(embed.Spec{Model: "distmult", Dim: 1}, g.Vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	for e, x := range map[string]float32{"a": 1, "b": 5, "c": 4, "d": 4.5} {
		tb.Entity(int32(slices.Index(g.Entities, e)))[0] = x
	}
	tb.Relation(0)[0] = 1
	known := g.NewIndex(g.Train)
	ranks, err := eval.DirectedRanks(t.Context(), tb, known, g.Train[:2], eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []eval.Rank{{Above: 0}, {Above: 1}}; !slices.Equal(ranks, want) { // b, then only d before c
		t.Errorf("%v, want %v", ranks, want)
	}
}

func TestCategories(t *testing.T) {
	g, err := dataset.ParseText("g", []byte("a\tone\tb\nc\tone\td\na\tfan\tb\na\tfan\tc\na\tfan\td\nb\tin\ta\nc\tin\ta\nd\tin\ta\na\tall\ta\na\tall\tb\nb\tall\ta\nb\tall\tb\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := eval.Categories(g), []string{"1-1", "1-N", "N-1", "N-N"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPopularity(t *testing.T) {
	g, err := dataset.ParseText("g", []byte("a\tr\tb\nc\tr\tb\nc\tr\ta\n"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, 3)
	eval.Popularity(g)(2, 0, out)
	if !slices.Equal(out, []float32{1, 2, 0}) { // a, b, c
		t.Errorf("%v", out)
	}
	eval.Popularity(g)(0, 1, out)
	if !slices.Equal(out, []float32{1, 0, 2}) {
		t.Errorf("inverse: %v", out)
	}
}

func TestRefusals(t *testing.T) {
	g := graph(t)
	tb := random(t, g)
	if _, err := eval.Ranks(t.Context(), tb, g, nil, eval.Options{}); err == nil || !strings.Contains(err.Error(), "no statements to evaluate") {
		t.Errorf("error %v", err)
	}
	if _, err := eval.Ranks(t.Context(), tb, g, g.Test, eval.Options{Memory: 100}); err == nil || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("error %v", err)
	}
	other, err := dataset.ParseText("other", []byte("a\tr\tb\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eval.Ranks(t.Context(), tb, other, other.Train, eval.Options{}); err == nil || !strings.Contains(err.Error(), "another graph") {
		t.Errorf("error %v", err)
	}
}
