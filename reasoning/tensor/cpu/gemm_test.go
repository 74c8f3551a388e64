package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
)

// levels runs f with every kernel family this machine has.
func levels(t *testing.T, f func(t *testing.T)) {
	old := level
	defer func() { level = old }()
	for l := Portable; l <= detect(); l++ {
		level = l
		t.Run(l.String(), f)
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// difference returns the largest deviation relative to the largest value.
func difference(got, want []float32) float64 {
	var d, top float64
	for i, w := range want {
		e := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(e) {
			return math.Inf(1)
		}
		d, top = max(d, e), max(top, math.Abs(float64(w)))
	}
	if top == 0 {
		return d
	}
	return d / top
}

func TestGemmAgreesWithReference(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 150 {
			m, n, k := 1+r.IntN(70), 1+r.IntN(90), r.IntN(80)
			switch r.IntN(8) {
			case 0:
				k = 250 + r.IntN(600)
			case 1:
				m = 500 + r.IntN(60)
			case 2:
				m, n = 8*r.IntN(5), 96*r.IntN(3)
			}
			ta, tb := r.IntN(2) == 1, r.IntN(2) == 1
			ra, ca, rb, cb := m, k, k, n
			if ta {
				ra, ca = k, m
			}
			if tb {
				rb, cb = n, k
			}
			lda, ldb, ldc := ca+r.IntN(4), cb+r.IntN(4), n+r.IntN(4)
			a, b, c := random(r, ra*lda), random(r, rb*ldb), random(r, m*ldc)
			alpha, beta := []float32{1, 0.5, 0}[r.IntN(3)], []float32{0, 1, -2}[r.IntN(3)]
			if beta == 0 && n > 0 {
				c[0] = float32(math.NaN()) // must not be read
			}
			want := append([]float32(nil), c...)
			GemmRef(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, want, ldc)
			Gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
			if d := difference(c, want); d > 2e-6 {
				t.Fatalf("m=%d n=%d k=%d transA=%v transB=%v alpha=%v beta=%v: relative difference %g", m, n, k, ta, tb, alpha, beta, d)
			}
		}
	})
}

func TestGemmIsTheSameForAnyNumberOfThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m, n, k := 130, 700, 300
	a, b := random(r, m*k), random(r, n*k)
	one, two := make([]float32, m*n), make([]float32, m*n)
	p1, p2 := NewPool(1), NewPool(2)
	defer p1.Close()
	defer p2.Close()
	p1.Gemm(false, true, m, n, k, 1, a, k, b, k, 0, one, n)
	p2.Gemm(false, true, m, n, k, 1, a, k, b, k, 0, two, n)
	for i := range one {
		if one[i] != two[i] {
			t.Fatalf("element %d: %v with one thread, %v with two", i, one[i], two[i])
		}
	}
}

func TestGemmRefusesShortSlices(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for a B of 5 values as 2 x 3")
		}
	}()
	Gemm(false, false, 2, 3, 2, 1, make([]float32, 4), 2, make([]float32, 5), 3, 0, make([]float32, 6), 3)
}

func TestPoolRunsEveryPartOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := NewPool(4)
	defer p.Close()
	var wg sync.WaitGroup
	for range 3 { // concurrent callers: one gets the workers, the others help themselves
		wg.Add(1)
		go func() {
			defer wg.Done()
			hits := make([]int32, 100)
			nested := NewJob(func(int) {})
			job := NewJob(func(i int) { hits[i]++; p.Run(nested, 2) })
			for round := 1; round <= 2000; round++ {
				parts := round%100 + 1
				clear(hits)
				p.Run(job, parts)
				for i, h := range hits {
					if want := int32(0); i < parts {
						want = 1
						if h != want {
							t.Errorf("round %d: part %d ran %d times", round, i, h)
							return
						}
					} else if h != want {
						t.Errorf("round %d: part %d ran without being asked for", round, i)
						return
					}
				}
				if round%500 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	wg.Wait()
}

// After a stall the caller works alone, for longer each time.
func TestPoolWorksAloneAfterAStall(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	p := NewPool(2)
	defer p.Close()
	hits := make([]int, 4)
	j := NewJob(func(i int) { hits[i]++ })
	for _, want := range []int{32, 64, 128} {
		p.settle(time.Millisecond, time.Second)
		if p.alone != want {
			t.Fatalf("%d jobs alone, want %d", p.alone, want)
		}
		before := p.ticket.Load()
		for range want - 1 {
			p.Run(j, 4)
		}
		if p.ticket.Load() != before {
			t.Fatal("a job was offered to the workers")
		}
		p.Run(j, 4)
		if p.ticket.Load() == before {
			t.Fatal("the workers were not asked again")
		}
		p.alone = 0 // that job may have stalled
		p.backoff = want
	}
	p.settle(time.Second, time.Millisecond) // waiting less than working is no stall
	if p.alone != 0 {
		t.Error("a long job counts as a stall")
	}
	if want := 32 + 64 + 128; hits[0] != want || hits[3] != want {
		t.Errorf("parts ran %v times, want %d", hits, want)
	}
}

func TestPoolDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	p := NewPool(2)
	defer p.Close()
	sum := make([]int, 8)
	j := NewJob(func(i int) { sum[i]++ })
	if n := testing.AllocsPerRun(100, func() { p.Run(j, 8) }); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}

func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	old := level
	defer func() { level = old }()
	for l := AVX2; l <= detect(); l++ {
		level = l
		for _, s := range [][3]int{{512, 512, 512}, {512, 1536, 576}, {64, 1536, 576}, {1024, 256, 256}, {16, 384, 384}} {
			m, n, k := s[0], s[1], s[2]
			x, y, c := random(r, m*k), random(r, n*k), make([]float32, m*n)
			for _, form := range []string{"NN", "NT", "TN"} {
				for _, threads := range []int{1, 2} {
					p := NewPool(threads)
					b.Run(fmt.Sprintf("%v/%dx%dx%d/%s/threads=%d", l, m, n, k, form, threads), func(b *testing.B) {
						ta, tb := form[0] == 'T', form[1] == 'T'
						lda, ldb := k, n
						if ta {
							lda = m
						}
						if tb {
							ldb = k
						}
						for b.Loop() {
							p.Gemm(ta, tb, m, n, k, 1, x, lda, y, ldb, 0, c, n)
						}
						b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
					p.Close()
				}
			}
		}
	}
}
