package budget

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Threshold gives a layer whose attention is spread more than one whose
// attention is on a few positions, and spends exactly what there is.
func TestThreshold(t *testing.T) {
	flat, sharp := make([]float32, 100), make([]float32, 100)
	for i := range flat {
		flat[i] = 1
		sharp[i] = float32(math.Pow(0.7, float64(i)))
	}
	kept := Threshold([][]float32{flat, sharp}, 100)
	if kept[0]+kept[1] != 100 || kept[0] < 4*kept[1] {
		t.Errorf("flat keeps %d, sharp %d of 100", kept[0], kept[1])
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		layers := make([][]float32, 1+r.IntN(6))
		all := 0
		for l := range layers {
			layers[l] = make([]float32, 1+r.IntN(80))
			for i := range layers[l] {
				layers[l][i] = float32(r.ExpFloat64())
			}
			all += len(layers[l])
		}
		total := r.IntN(all + 10)
		sum := 0
		kept := Threshold(layers, total)
		for l, k := range kept {
			if k < 0 || k > len(layers[l]) {
				t.Fatalf("layer %d keeps %d of %d", l, k, len(layers[l]))
			}
			sum += k
		}
		if want := max(len(layers), min(total, all)); sum != want && total >= len(layers) {
			t.Fatalf("%d of %d are kept, want %d", sum, all, want)
		}
	}
}

func TestScale(t *testing.T) {
	for _, x := range []struct{ weights, want []float64 }{
		{[]float64{1, 1, 2}, []float64{7.5, 7.5, 15}},
		{[]float64{0, 0}, []float64{10, 10}},
		{[]float64{1, 1, 100}, []float64{5, 5, 20}}, // the last is cut at 20, the others share the rest
	} {
		got := Scale(x.weights, 10, 20)
		for i := range got {
			if math.Abs(got[i]-x.want[i]) > 1e-9 {
				t.Errorf("%v: %v, want %v", x.weights, got, x.want)
				break
			}
		}
	}
}

// Choose against trying everything.
func TestChoose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		layers := make([][]Choice, 1+r.IntN(4))
		var cheapest float64
		for l := range layers {
			low := math.Inf(1)
			for range 1 + r.IntN(4) {
				c := Choice{1 + 7*r.Float64(), r.Float64()}
				layers[l] = append(layers[l], c)
				low = min(low, c.Cost)
			}
			cheapest += low
		}
		budget := cheapest * (0.9 + r.Float64())
		best := math.Inf(1)
		var try func(l int, cost, damage, slack float64)
		try = func(l int, cost, damage, slack float64) {
			if l == len(layers) {
				if cost <= budget*(1-slack) {
					best = min(best, damage)
				}
				return
			}
			for _, c := range layers[l] {
				try(l+1, cost+c.Cost, damage+c.Damage, slack)
			}
		}
		got, err := Choose(layers, budget)
		if err != nil {
			// Rounding costs up may lose what fits by a hair.
			if try(0, 0, 0, 1.0/64); !math.IsInf(best, 1) {
				t.Fatalf("%v, but %v fits into %g", err, layers, budget)
			}
			continue
		}
		var cost, damage float64
		for l, c := range got {
			cost += layers[l][c].Cost
			damage += layers[l][c].Damage
		}
		try(0, 0, 0, 1.0/64)
		if cost > budget*(1+1e-9) || damage > best+1e-12 {
			t.Fatalf("cost %g of %g, damage %g, best %g", cost, budget, damage, best)
		}
	}
}

func TestEntropy(t *testing.T) {
	if h := Entropy([]float64{1, 1, 1, 1}, 4); math.Abs(h-1) > 1e-12 {
		t.Errorf("four equal directions: %g, want 1", h)
	}
	if h := Entropy([]float64{5, 0, 0, 0}, 4); h != 0 {
		t.Errorf("one direction: %g, want 0", h)
	}
	if h := Entropy(nil, 4); h != 0 {
		t.Errorf("nothing: %g", h)
	}
}
