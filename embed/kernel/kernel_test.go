package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// atLevels runs f at every level that this machine has.
func atLevels(t *testing.T, f func(t *testing.T)) {
	best := level
	defer func() { level = best }()
	for l := Portable; l <= best; l++ {
		level = l
		t.Run(l.String(), f)
	}
}

func random(rng *rand.Rand, n int, scale float64) []float32 {
	v := aligned(n)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*(1+math.Abs(b))
}

func TestExp(t *testing.T) {
	for x := float32(expLow); x < expHigh; x += 0.0137 {
		if got, want := float64(refExp(x)), math.Exp(float64(x)); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestTile(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for trial := range 60 {
			n, outer := 1+rng.IntN(40), 1+rng.IntN(3)
			lanes := 16 + 16*rng.IntN(2)
			a := random(rng, 12*n*outer+16, 1)
			b := random(rng, n*outer*lanes, 1)
			c := random(rng, 12*lanes, 1)
			want := append([]float32(nil), c...)
			tl := tile{a: unsafe.Pointer(&a[0]), b: unsafe.Pointer(&b[0]), bStep: uintptr(4 * lanes), cRow: uintptr(4 * lanes), n: n, outer: outer, add: trial % 2, bOuter: uintptr(4 * lanes * n)}
			if trial%4 < 2 {
				tl.aRow, tl.aStep, tl.aOuter = uintptr(4*n*outer), 4, uintptr(4*n)
			} else {
				tl.aRow, tl.aStep, tl.aOuter = 4, 48, uintptr(48*n)
			}
			slow := tl
			slow.c = unsafe.Pointer(&want[0])
			refTile(&slow, lanes)
			tl.c = unsafe.Pointer(&c[0])
			if lanes == 32 {
				tl.run32()
			} else {
				tl.run16()
			}
			for i := range c {
				if !near(float64(c[i]), float64(want[i]), 1e-5) {
					t.Fatalf("trial %d, %d lanes: element %d is %v, want %v", trial, lanes, i, c[i], want[i])
				}
			}
		}
	})
}

func TestElementwise(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, n := range []int{0, 1, 2, 7, 96} {
			x := random(rng, n*Lanes, 20)
			if n > 2 {
				x[5], x[Lanes+5], x[9] = 1e30, -1e30, 0
			}
			var ref, sum, top, sum2, top2, prod, pos, prod2, pos2 [Lanes]float32
			var above, equal, above2, equal2 [Lanes]int32
			for l := range Lanes {
				ref[l], prod[l], prod2[l] = float32(l), 1, 1
				top[l] = -5
				top2[l] = -5
				if n > 1 {
					above[l], above2[l] = 3, 3
				}
			}
			target := ref
			if n > 0 {
				copy(target[:], x[:Lanes])
			}
			y, z := append([]float32(nil), x...), append([]float32(nil), x...)
			softmax(y, &ref, &sum, &top)
			refSoftmax(z, &ref, &sum2, &top2)
			compare(t, "softmax", y, z)
			compare(t, "sums", sum[:], sum2[:])
			compare(t, "tops", top[:], top2[:])
			y, z = append([]float32(nil), x...), append([]float32(nil), x...)
			logistic(y, &prod, &pos)
			refLogistic(z, &prod2, &pos2)
			compare(t, "logistic", y, z)
			compare(t, "products", prod[:], prod2[:])
			compare(t, "positive parts", pos[:], pos2[:])
			count(x, &target, &above, &equal)
			refCount(x, &target, &above2, &equal2)
			if above != above2 || equal != equal2 {
				t.Fatalf("%d rows: counts %v %v, want %v %v", n, above, equal, above2, equal2)
			}
		}
		for _, n := range []int{0, 1, 15, 16, 33, 160} {
			g, p, s := random(rng, n, 1), random(rng, n, 1), random(rng, n, 1)
			for i := range s {
				s[i] = abs(s[i])
			}
			p2, s2 := append([]float32(nil), p...), append([]float32(nil), s...)
			Adagrad(p, s, g, 0.1, 1e-10)
			refAdagrad(p2, s2, g, 0.1, 1e-10)
			compare(t, "adagrad", p, p2)
			compare(t, "adagrad sums", s, s2)
			m := random(rng, n, 1)
			m2 := append([]float32(nil), m...)
			st := AdamStep{Beta1: .9, Beta2: .999, Rest1: .1, Rest2: .001, Rate: .02, Root: 3, Eps: 1e-8}
			Adam(p, m, s, g, &st)
			refAdam(p2, m2, s2, g, &st)
			compare(t, "adam", p, p2)
			compare(t, "adam first", m, m2)
			compare(t, "adam second", s, s2)
		}
	})
}

func compare(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if !near(float64(got[i]), float64(want[i]), 2e-6) {
			t.Fatalf("%s: element %d of %d is %v, want %v", what, i, len(want), got[i], want[i])
		}
	}
}

func filled(rng *rand.Rand, n, k int, scale float64) Rows {
	m := NewRows(n, k)
	for i := range n {
		copy(m.Row(i), random(rng, k, scale))
	}
	return m
}

func TestMultiply(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{1, 2, 5, 12, 31} {
			for _, k := range []int{1, 15, 16, 18, 200} {
				m := filled(rng, n, k, 1)
				q, out := random(rng, k, 1), make([]float32, n)
				m.Multiply(q, out)
				for i := range n {
					var want float64
					for x := range k {
						want += float64(q[x]) * float64(m.Row(i)[x])
					}
					if !near(float64(out[i]), want, 1e-5) {
						t.Fatalf("%dx%d: row %d gives %v, want %v", n, k, i, out[i], want)
					}
					if one := m.MultiplyRow(q, i); !near(float64(one), float64(out[i]), 1e-6) {
						t.Fatalf("%dx%d: row %d alone gives %v, want %v", n, k, i, one, out[i])
					}
				}
			}
		}
	})
}

// slowLoss is the loss of a batch, in float64 from its definition.
func slowLoss(q, t Rows, targets func(int) []int32, n int, loss Loss) (each []float64, dq, dt [][]float64) {
	dq, dt = make([][]float64, n), make([][]float64, t.N)
	for j := range dt {
		dt[j] = make([]float64, t.K)
	}
	for i := range n {
		dq[i] = make([]float64, t.K)
		s := make([]float64, t.N)
		top := math.Inf(-1)
		for j := range s {
			for k := range t.K {
				s[j] += float64(q.Row(i)[k]) * float64(t.Row(j)[k])
			}
			top = math.Max(top, s[j])
		}
		g := make([]float64, t.N)
		right := targets(i)
		times := float64(len(right))
		if loss == Softmax {
			var z float64
			for _, x := range s {
				z += math.Exp(x - top)
			}
			for j, x := range s {
				g[j] = math.Exp(x-top) / z
			}
			each = append(each, times*(math.Log(z)+top))
		} else {
			var sum float64
			for j, x := range s {
				g[j] = 1 / (1 + math.Exp(-x))
				sum += math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
			}
			each = append(each, times*sum)
		}
		for j := range g {
			g[j] *= times
		}
		for _, y := range right {
			each[i] -= s[y]
			g[y]--
		}
		for j := range s {
			for k := range t.K {
				dq[i][k] += g[j] * float64(t.Row(j)[k])
				dt[j][k] += g[j] * float64(q.Row(i)[k])
			}
		}
	}
	return each, dq, dt
}

func TestBatch(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, c := range []struct {
			n, rows, k int
			scale      float64
		}{{1, 1, 1, 1}, {3, 2, 5, 1}, {33, 13, 16, 1}, {70, 300, 18, 0.5}, {40, 50, 530, 0.2}, {10, 40, 20, 6}} {
			for _, loss := range []Loss{Softmax, Logistic} {
				m := filled(rng, c.rows, c.k, c.scale)
				b := NewBatch(c.n+20, c.rows, c.k, 2)
				b.Weight = 0.25
				for i := range b.Cap() { // rows beyond Len hold what an older batch left
					copy(b.Q.Row(i), random(rng, c.k, c.scale))
				}
				for i := range c.n {
					targets := make([]int32, 1+i%3)
					for x := range targets {
						targets[x] = int32(rng.IntN(c.rows))
					}
					b.Add(targets...)
				}
				each, dq, dt := slowLoss(b.Q, m, b.Targets, c.n, loss)
				b.Forward(m, loss)
				name := fmt.Sprintf("%+v loss %d", c, loss)
				for i := range c.n {
					if !near(b.Loss[i], each[i], 2e-4) {
						t.Fatalf("%s: loss %d is %v, want %v", name, i, b.Loss[i], each[i])
					}
					for k := range c.k {
						if got, want := float64(b.DQ.Row(i)[k]), dq[i][k]/4; !near(got, want, 2e-4) {
							t.Fatalf("%s: dq %d,%d is %v, want %v", name, i, k, got, want)
						}
					}
				}
				got := NewRows(c.rows, c.k)
				for j := 0; j < c.rows; j += BlockRows {
					b.RowGrad(j, min(j+BlockRows, roundUp(c.rows, rowStep)), got.Data[j*got.Stride:])
				}
				for i := range c.n {
					for _, y := range b.Targets(i) {
						for k, x := range b.Q.Row(i) {
							got.Row(int(y))[k] -= b.Weight * x
						}
					}
				}
				for j := range c.rows {
					for k := range c.k {
						if got, want := float64(got.Row(j)[k]), dt[j][k]/4; !near(got, want, 5e-4) {
							t.Fatalf("%s: dt %d,%d is %v, want %v", name, j, k, got, want)
						}
					}
				}
				b.Scores(m)
				above, equal := make([]int32, c.n), make([]int32, c.n)
				b.Count(above, equal)
				out := make([]float32, c.rows)
				for i := range c.n {
					b.CopyScores(i, out)
					var up, eq int32
					for j, s := range out {
						if s != b.At(i, j) {
							t.Fatalf("%s: score %d,%d read in two ways differs", name, i, j)
						}
						if s > out[b.Targets(i)[0]] {
							up++
						} else if s == out[b.Targets(i)[0]] {
							eq++
						}
					}
					if up != above[i] || eq != equal[i] {
						t.Fatalf("%s: query %d has %d above and %d equal, want %d and %d", name, i, above[i], equal[i], up, eq)
					}
				}
			}
		}
	})
}

// TestSameBits: assembly levels and numbers of threads agree to the last bit,
// so that a training can go on on another machine.
func TestSameBits(t *testing.T) {
	best := level
	defer func() { level = best }()
	if best < AVX2 {
		t.Skip("this machine has only the portable kernels")
	}
	var want []float32
	for l := AVX2; l <= best; l++ {
		level = l
		for _, threads := range []int{1, 2, 5} {
			rng := rand.New(rand.NewPCG(9, 10))
			m := filled(rng, 301, 50, 1)
			b := NewBatch(200, m.N, m.K, threads)
			for range 180 {
				copy(b.Add(int32(rng.IntN(m.N))), random(rng, m.K, 1))
			}
			var got []float32
			for _, loss := range []Loss{Softmax, Logistic} {
				b.Forward(m, loss)
				dt := make([]float32, b.npad*m.Stride)
				b.RowGrad(0, b.npad, dt)
				got = append(append(got, dt...), b.DQ.Data...)
			}
			out := make([]float32, m.N)
			m.Multiply(b.Q.Row(0), out)
			got = append(got, out...)
			if want == nil {
				want = got
			}
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%v with %d threads: number %d is %v, want %v", l, threads, i, got[i], want[i])
				}
			}
		}
	}
}

func BenchmarkForward(b *testing.B) {
	const n, rows, k = 1000, 14541, 200
	rng := rand.New(rand.NewPCG(1, 1))
	m := filled(rng, rows, k, 0.1)
	batch := NewBatch(n, rows, k, 1)
	for i := range n {
		copy(batch.Add(int32(i)), random(rng, k, 0.1))
	}
	dst := make([]float32, BlockRows*m.Stride)
	b.ResetTimer()
	for b.Loop() {
		batch.Forward(m, Softmax)
		for j := 0; j < batch.npad; j += BlockRows {
			batch.RowGrad(j, min(j+BlockRows, batch.npad), dst)
		}
	}
	b.ReportMetric(6*n*rows*k*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "triples/s")
}

func BenchmarkMultiply(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := filled(rng, 14541, 200, 1)
	q, out := random(rng, m.Stride, 1), make([]float32, m.N)
	for b.Loop() {
		m.Multiply(q, out)
	}
	b.SetBytes(int64(len(m.Data) * 4))
}
