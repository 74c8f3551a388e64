package adapt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
)

func randomTable(t testing.TB, entities, relations int, rng *rand.Rand) *embed.Table {
	t.Helper()
	var v embed.Vocabulary
	for i := range entities {
		v.Entities = append(v.Entities, fmt.Sprint("e", i))
	}
	for i := range relations {
		v.Relations = append(v.Relations, fmt.Sprint("r", i))
	}
	table, err := embed.NewTable(embed.Spec{Model: "complex", Dim: 4}, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entities {
		for j := range table.Entity(int32(i)) {
			table.Entity(int32(i))[j] = float32(rng.NormFloat64())
		}
	}
	for i := range 2 * relations {
		for j := range table.Relation(int32(i)) {
			table.Relation(int32(i))[j] = float32(rng.NormFloat64())
		}
	}
	table.Refresh()
	return table
}

func TestGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	table := randomTable(t, 9, 3, rng)
	queries := []*cqd.Query{
		cqd.And(cqd.Hop(0, cqd.Anchor(1)), cqd.Hop(4, cqd.Anchor(2))),
		cqd.And(cqd.Hop(0, cqd.Anchor(1)), cqd.Hop(4, cqd.Anchor(2)), cqd.Complement(cqd.Hop(3, cqd.Anchor(5)))),
		cqd.And(cqd.Hop(2, cqd.Anchor(1)), cqd.Complement(cqd.Hop(2, cqd.Anchor(0)))),
	}
	for _, logs := range []bool{false, true} {
		a := cqd.NewAdapter(table.Hash, len(table.Relation(0)))
		w := &weights{a}
		for i := range w.len() {
			*w.at(i) = rng.NormFloat64() / 4
		}
		for _, q := range queries {
			value := func() float64 {
				if err := a.Bind(table); err != nil {
					t.Fatal(err)
				}
				return newLoss(table, logs).add(a, q, 3, make([]float64, w.len()))
			}
			value()
			grad := make([]float64, w.len())
			newLoss(table, logs).add(a, q, 3, grad)
			for i, g := range grad {
				const h = 1e-5
				x := *w.at(i)
				*w.at(i) = x + h
				up := value()
				*w.at(i) = x - h
				down := value()
				*w.at(i) = x
				if d := (up - down) / (2 * h); math.Abs(d-g) > 1e-6*math.Max(1, math.Abs(d)) {
					t.Errorf("log logits %v, %v: gradient %d is %v, differences give %v", logs, q, i, g, d)
				}
			}
		}
	}
}

func TestTraining(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	table := randomTable(t, 30, 3, rng)
	// Relation 1 speaks ten times louder than it should: the answers are those
	// of a model in which it does not.
	fair := randomTable(t, 30, 3, rand.New(rand.NewPCG(3, 4)))
	for _, r := range []int32{1, 4} {
		for j := range table.Relation(r) {
			table.Relation(r)[j] *= 10
		}
	}
	var examples [][]Example
	for range 2 {
		var list []Example
		for range 30 {
			q := cqd.And(cqd.Hop(0, cqd.Anchor(rng.Int32N(30))), cqd.Complement(cqd.Hop(1, cqd.Anchor(rng.Int32N(30)))))
			r, err := (&cqd.Evaluator{Atoms: &cqd.Scored{Predictor: fair}}).Eval(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, Example{q, []int32{embed.TopK(r.Truth, 1, nil)[0].Entity}})
		}
		examples = append(examples, list)
	}
	whole := func(a *cqd.Adapter) (sum float64) {
		l := newLoss(table, false)
		for _, x := range append(examples[0], examples[1]...) {
			sum += l.add(a, x.Query, x.Answers[0], make([]float64, a.Parameters()))
		}
		return sum
	}
	none := cqd.NewAdapter(table.Hash, len(table.Relation(0)))
	if err := none.Bind(table); err != nil {
		t.Fatal(err)
	}
	steps := 0
	o := Options{Steps: 150, Batch: 40, Rate: 0.05, Seed: 5, Progress: func(step int, _ float64) { steps = step }}
	a, mean, err := Train(t.Context(), table, table.Hash, examples, o)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := whole(none), whole(a); after > before-1 || steps != 150 {
		t.Errorf("loss goes from %v to %v in %d steps", before, after, steps)
	}
	b, again, err := Train(t.Context(), table, table.Hash, examples, o)
	if err != nil || again != mean || fmt.Sprint(a.W) != fmt.Sprint(b.W) {
		t.Errorf("the same seed trains another adapter: %v %v", again, err)
	}
}

func TestTrainingRefuses(t *testing.T) {
	table := randomTable(t, 5, 2, rand.New(rand.NewPCG(5, 6)))
	two := cqd.And(cqd.Hop(0, cqd.Anchor(1)), cqd.Hop(1, cqd.Anchor(2)))
	for want, examples := range map[string][][]Example{
		"no training queries":     nil,
		"a query type has no":     {{}},
		"has no answer":           {{{Query: two}}},
		"is no conjunction":       {{{cqd.Hop(0, cqd.Hop(1, cqd.Anchor(0))), []int32{1}}}},
		"entity 9 is not among":   {{{cqd.Hop(0, cqd.Anchor(9)), []int32{1}}}},
		"relation 7 is not among": {{{cqd.Hop(7, cqd.Anchor(0)), []int32{1}}}},
	} {
		if _, _, err := Train(t.Context(), table, table.Hash, examples, Options{Steps: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
