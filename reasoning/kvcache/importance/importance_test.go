package importance

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// planted is a layer of random keys in which position at matters: every probe's
// query points to its key.
func planted(r *rand.Rand, n, at int) *Layer {
	l := &Layer{Heads: 2, QueryHeads: 4, Dim: 16, N: n, Probes: 12}
	vec := func(k int, scale float64) (x []float32) {
		for range k {
			x = append(x, float32(scale*r.NormFloat64()))
		}
		return x
	}
	l.K, l.V = vec(l.Heads*n*l.Dim, 1), vec(l.Heads*n*l.Dim, 1)
	for t := range n {
		l.Position = append(l.Position, 4+t)
	}
	for i := range l.Probes {
		l.QueryPosition = append(l.QueryPosition, 4+n+i)
		for qh := range l.QueryHeads {
			for c := range l.Dim {
				l.Q = append(l.Q, 3*l.K[(qh/2*n+at)*l.Dim+c]+float32(r.NormFloat64()/4))
			}
		}
	}
	return l
}

func best(x []float32) int {
	i := 0
	for j := range x {
		if x[j] > x[i] {
			i = j
		}
	}
	return i
}

// Signals of attention find the planted position in both heads.
func TestSignalsOfAttention(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, s := range map[string]Signal{
		"snap": Snap(8, 1), "accumulated": Accumulated, "retrieved": Retrieved(8, 1), "expected": Expected,
	} {
		for _, at := range []int{0, 17, 99} {
			l := planted(r, 100, at)
			out := make([]float32, l.Heads*l.N)
			s(l, out)
			for h := range l.Heads {
				if got := best(out[h*l.N : (h+1)*l.N]); got != at {
					t.Errorf("%s: head %d finds %d, planted is %d", name, h, got, at)
				}
			}
		}
	}
	// Smoothed signals find it or its neighbours.
	for name, s := range map[string]Signal{"snap": Snap(8, 5), "activation": Activation} {
		l := planted(r, 100, 50)
		out := make([]float32, l.Heads*l.N)
		s(l, out)
		if got := best(out[:l.N]); got < 48 || got > 52 {
			t.Errorf("%s: %d, planted is 50", name, got)
		}
	}
}

// A probe does not look at positions after it, and what few probes can see is
// not worth less for that.
func TestCausality(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := planted(r, 60, 50)
	for i := range l.QueryPosition {
		l.QueryPosition[i] = 4 + 5*i // some probes come before the planted key
	}
	out := make([]float32, l.Heads*l.N)
	Accumulated(l, out)
	if got := best(out[:l.N]); got != 50 {
		t.Errorf("the planted key, seen by two of twelve probes, loses against %d", got)
	}
	last := l.QueryPosition[l.Probes-1] - 4
	for t2 := last + 1; t2 < l.N; t2++ {
		if out[t2] != 0 {
			t.Errorf("position %d, after all probes, has importance %g", t2, out[t2])
		}
	}
}

func TestSignalsOfKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	l := planted(r, 300, 0)
	set := func(at int, f func(c int) float32) {
		for h := range l.Heads {
			for c := range l.Dim {
				l.K[(h*l.N+at)*l.Dim+c] = f(c)
			}
		}
	}
	out := make([]float32, l.Heads*l.N)
	set(20, func(int) float32 { return 0.01 })
	if Norm(l, out); best(out[:l.N]) != 20 {
		t.Errorf("the smallest key is at %d, not 20", best(out[:l.N]))
	}
	for at := range l.N { // all keys alike but one
		set(at, func(c int) float32 { return float32(c) + float32(r.NormFloat64()/10) })
	}
	set(33, func(c int) float32 { return -float32(c) })
	if KeyDiff(l, out); best(out[:l.N]) != 33 {
		t.Errorf("the odd key is at %d, not 33", best(out[:l.N]))
	}
	l = planted(r, 300, 0)
	for h := range l.Heads {
		for c := range l.Dim {
			l.K[(h*l.N+140)*l.Dim+c] *= float32(10 * (c % 2))
		}
	}
	if Lag(l, out); best(out[128:256]) != 12 {
		t.Errorf("in the second chunk %d varies most, not 140", 128+best(out[128:256]))
	}
	for _, x := range out {
		if x-x != 0 {
			t.Fatal("a score that is no number")
		}
	}
}

func TestBias(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	q := make([]float32, 20*8)
	for i := range q {
		q[i] = float32(r.NormFloat64())
	}
	for c := range 8 {
		q[7*8+c] = 9
	}
	w := Bias(q, 20, 8)
	var sum float64
	for _, x := range w {
		sum += x
	}
	if math.Abs(sum-1) > 1e-9 || slices.Max(w) != w[7] {
		t.Errorf("weights %v sum to %g; the seventh is the odd one", w, sum)
	}
}

func TestRepresentatives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	const heads, n = 3, 200
	x := make([]float32, heads*n)
	for i := range x {
		x[i] = r.Float32()
	}
	candidates := r.Perm(n)[:80]
	for _, count := range []int{0, 1, 10, 79, 80, 90} {
		got := Representatives(candidates, x, heads, n, count)
		seen := map[int]bool{}
		for _, c := range got {
			if seen[c] || !slices.Contains(candidates, c) {
				t.Fatalf("%d representatives: %d is there twice or no candidate", count, c)
			}
			seen[c] = true
		}
		if len(got) != min(count, 80) {
			t.Errorf("%d representatives, want %d", len(got), count)
		}
	}
}
