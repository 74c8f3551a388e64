package cqd

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
)

// randomAdapter has weights far larger than training gives.
func randomAdapter(t testing.TB, table *embed.Table, rng *rand.Rand) *Adapter {
	a := NewAdapter(table.Hash, len(table.Relation(0)))
	for i := range a.W[0] {
		a.W[0][i], a.W[1][i] = rng.NormFloat64()*2, rng.NormFloat64()*5
	}
	a.Bias = [2]float64{rng.NormFloat64(), rng.NormFloat64()}
	if err := a.Bind(table); err != nil {
		t.Fatal(err)
	}
	return a
}

// Whatever an adapter learns, queries of one link keep their ranking.
func TestAdapterCannotChangeOneLink(t *testing.T) {
	const n = 50
	rng := rand.New(rand.NewPCG(13, 14))
	for range 50 {
		table := randomTable(t, "complex", n, 2, 1, rng)
		r := rng.Int32N(4)
		q := Hop(r, Anchor(rng.Int32N(n)))
		adapter := randomAdapter(t, table, rng)
		plain, err := (&Evaluator{Atoms: &Scored{Predictor: table}}).Eval(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		adapted, err := (&Evaluator{Atoms: &Scored{Predictor: table, Adapter: adapter}}).Eval(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if slope, _ := adapter.Affine(r); slope <= 0 {
			t.Fatalf("slope %v", slope)
		}
		for i := range n {
			for j := range n {
				if plain.Truth[i] > plain.Truth[j] && adapted.Truth[i] < adapted.Truth[j] {
					t.Fatalf("entities %d and %d change places", i, j)
				}
			}
		}
	}
}

func TestAdapterFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	table := randomTable(t, "complex", 4, 2, 1, rng)
	other := randomTable(t, "complex", 4, 3, 1, rng)
	wide, err := embed.NewTable(embed.Spec{Model: "complex", Dim: 6}, table.Vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	a := randomAdapter(t, table, rng)
	path := filepath.Join(t.TempDir(), "adapter.json")
	if err := a.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := LoadAdapter(path, table.Hash, table)
	if err != nil {
		t.Fatal(err)
	}
	for r := range int32(4) {
		s1, b1 := a.Affine(r)
		s2, b2 := back.Affine(r)
		if s1 != s2 || b1 != b2 {
			t.Errorf("relation %d: %v %v, want %v %v", r, s2, b2, s1, b1)
		}
	}
	if back.Parameters() != 2*10+2 {
		t.Errorf("%d parameters", back.Parameters())
	}
	if _, err := LoadAdapter(path, other.Hash, other); err == nil || !strings.Contains(err.Error(), "another graph") {
		t.Errorf("adapter of another graph: %v", err)
	}
	if _, err := LoadAdapter(path, table.Hash, wide); err == nil || !strings.Contains(err.Error(), "numbers") {
		t.Errorf("adapter of another width: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"hash": "`+table.Hash+`", "w": [[1e999`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadAdapter(path, table.Hash, table); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("broken file: %v", err)
	}
	bad := NewAdapter(table.Hash, 10)
	bad.Bias[1] = math.NaN()
	if err := bad.Bind(table); err == nil {
		t.Error("an adapter that is not a number is accepted")
	}
}

// The gradient of the continuous objective against differences.
func TestContinuousGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, model := range []string{"complex", "nfe1", "nfe3", "distmult"} {
		table := randomTable(t, model, 8, 2, 0.5, rng)
		for _, norm := range []Norm{Product, Lukasiewicz, Minimum} {
			c := &Continuous{Predictor: table, Norm: norm, Regulariser: 0.1}
			q := And(Hop(1, Hop(0, Anchor(3))), Hop(2, And(Hop(3, Anchor(1)), Complement(Hop(0, Anchor(2))))))
			cases, err := unfold(q, 0, false, conj{variables: 1})
			if err != nil || len(cases) != 1 || cases[0].variables != 3 {
				t.Fatalf("unfolded: %+v %v", cases, err)
			}
			vars, grad := make([][]float32, 3), make([][]float32, 3)
			for i := range vars {
				vars[i], grad[i] = make([]float32, table.Width()), make([]float32, table.Width())
				for j := range vars[i] {
					vars[i][j] = float32(rng.NormFloat64() * 0.7)
				}
			}
			c.objective(cases[0], vars, grad)
			spare := [][]float32{make([]float32, table.Width()), make([]float32, table.Width()), make([]float32, table.Width())}
			want := slices.Clone(grad[1])
			for j := range vars[1] {
				const h = 1e-2
				x := vars[1][j]
				vars[1][j] = x + h
				up := c.objective(cases[0], vars, spare)
				vars[1][j] = x - h
				down := c.objective(cases[0], vars, spare)
				vars[1][j] = x
				if d := (up - down) / (2 * h); math.Abs(d-float64(want[j])) > 2e-3+0.02*math.Abs(d) {
					t.Errorf("%s %v: gradient %d is %v, differences give %v", model, norm, j, want[j], d)
				}
			}
		}
	}
}

// Without variables CQD-CO is the evaluator; with one it finds what a chain of
// certain links leads to.
func TestContinuous(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	table := randomTable(t, "complex", 12, 3, 0.7, rng)
	for _, name := range []string{"1p", "2i", "3i", "2u", "2in", "3in"} {
		typ, _ := TypeByName(name)
		q := typ.Fill([]int32{1, 2, 3}, []int32{0, 4, 2})
		for _, norm := range []Norm{Product, Minimum, Lukasiewicz} {
			want, err := (&Evaluator{Atoms: &Scored{Predictor: table}, Options: Options{Norm: norm}}).Eval(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := (&Continuous{Predictor: table, Norm: norm}).Eval(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if math.Abs(math.Exp(float64(got[i]))-math.Exp(float64(want.Truth[i]))) > 1e-5 {
					t.Fatalf("%s %v: entity %d has %v, want %v", name, norm, i, got[i], want.Truth[i])
				}
			}
		}
	}
	// Entities are unit vectors of a ring, relation 0 turns by one: 2p turns by
	// two.
	const n = 8
	ring := randomTable(t, "complex", n, 1, 0, rng)
	for e := range int32(n) {
		for k := range 5 {
			angle := 2 * math.Pi * float64(e) * float64(k+1) / n
			ring.Entity(e)[k], ring.Entity(e)[5+k] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	for k := range 5 {
		angle := 2 * math.Pi * float64(k+1) / n
		ring.Relation(0)[k], ring.Relation(0)[5+k] = float32(math.Cos(angle)), float32(math.Sin(angle))
		ring.Relation(1)[k], ring.Relation(1)[5+k] = float32(math.Cos(angle)), float32(-math.Sin(angle))
	}
	got, err := (&Continuous{Predictor: ring, Regulariser: 0.05, Seed: 3}).Eval(t.Context(), Hop(0, Hop(0, Anchor(3))))
	if err != nil {
		t.Fatal(err)
	}
	if best := embed.TopK(got, 1, nil)[0].Entity; best != 5 {
		t.Errorf("two steps from 3 lead to %d: %v", best, got)
	}
	if _, err := (&Continuous{Predictor: ring}).Eval(t.Context(), Hop(0, And(Hop(0, Anchor(1)), In([]int32{1, 2})))); err == nil {
		t.Error("a variable restricted to a set has no error")
	}
	if _, err := (&Continuous{Predictor: ring}).Eval(t.Context(), Hop(9, Anchor(1))); err == nil {
		t.Error("an unknown relation has no error")
	}
}
