//go:build gpu && linux && cgo

package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// device opens the GPU, or the emulation that CUDA_DRIVER_LIB names.
func device(t testing.TB) *Device {
	t.Helper()
	d, err := Open(0)
	if errors.Is(err, ErrNoDevice) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// on runs f on the device's thread.
func on(t testing.TB, d *Device, f func() error) {
	t.Helper()
	if err := d.Do(f); err != nil {
		t.Fatal(err)
	}
}

func uploaded[T any](t testing.TB, d *Device, v []T) (b Buffer) {
	t.Helper()
	on(t, d, func() (err error) { b, err = Upload(d, v); return })
	t.Cleanup(func() { on(t, d, func() error { return d.Free(b) }) })
	return b
}

func downloaded[T any](t testing.TB, d *Device, b Buffer, n int) []T {
	t.Helper()
	v := make([]T, n)
	on(t, d, func() error { return Read(d, b, v) })
	return v
}

func normal(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// relative is ‖got-want‖/‖want‖.
func relative(got []float32, want []float64) float64 {
	var n, d float64
	for i := range got {
		e := float64(got[i]) - want[i]
		n += e * e
		d += want[i] * want[i]
	}
	return math.Sqrt(n / max(d, 1e-300))
}

func within(t *testing.T, what string, got []float32, want []float64, bar float64) {
	t.Helper()
	if e := relative(got, want); !(e <= bar) {
		t.Errorf("%s: relative error %.3g, bar %g", what, e, bar)
	}
}

// products is x Wᵀ (+ bias) in float64; x is rounded to half precision first
// if half is set, as the tensor cores do.
func products(p *packed, bias, x []float32, n int, half bool) []float64 {
	w := p.floats()
	out := make([]float64, n*p.rows)
	round := func(v float32) float64 {
		if half {
			return float64(tensor.HalfToFloat(tensor.FloatToHalf(v)))
		}
		return float64(v)
	}
	for i := range n {
		for r := range p.rows {
			s := 0.0
			for c := range p.cols {
				s += round(w[r*p.cols+c]) * round(x[i*p.cols+c])
			}
			if bias != nil {
				s += float64(bias[r])
			}
			out[i*p.rows+r] = s
		}
	}
	return out
}

func TestProducts(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, ty := range []tensor.Type{tensor.Q4_1, tensor.Q4_0, tensor.Q8_0, tensor.F16} {
		for _, shape := range [][2]int{{7, 32}, {65, 96}, {70, 576}} {
			for _, n := range []int{1, 3, 8, 9, 70} {
				rows, cols := shape[0], shape[1]
				p, err := pack(randomMatrix(r, ty, rows, cols))
				if err != nil {
					t.Fatal(err)
				}
				var bias []float32
				if n%2 == 1 {
					bias = normal(r, rows)
				}
				var m matrix
				on(t, d, func() (err error) { m, err = d.upload(p, bias); return })
				x := normal(r, n*cols)
				dx, y := uploaded(t, d, append(slices.Clone(x), make([]float32, 32)...)), uploaded(t, d, make([]float32, n*rows))
				want := products(p, bias, x, n, n > vectors)
				bar := 1e-5
				if n > vectors {
					bar = 5e-4 // the weights times their scale are rounded too
				}
				what := fmt.Sprintf("%v %v n %d", ty, shape, n)
				on(t, d, func() error { return d.product(&m, dx, y, n, false) })
				within(t, what, downloaded[float32](t, d, y, n*rows), want, bar)
				on(t, d, func() error { return d.product(&m, dx, y, n, true) })
				for i := range want {
					want[i] *= 2
				}
				within(t, what+" added", downloaded[float32](t, d, y, n*rows), want, bar)
				on(t, d, func() error { return d.Free(m.buffers()...) })
			}
		}
	}
}

func TestPaddedRows(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int{2, 12} {
		p, err := pack(randomMatrix(r, tensor.F32, 5, 20))
		if err != nil {
			t.Fatal(err)
		}
		var m matrix
		on(t, d, func() (err error) { m, err = d.upload(p, nil); return })
		x := normal(r, n*20)
		dx, y := uploaded(t, d, append(slices.Clone(x), make([]float32, 32)...)), uploaded(t, d, make([]float32, n*5))
		on(t, d, func() error { return d.product(&m, dx, y, n, false) })
		within(t, "rows of 20", downloaded[float32](t, d, y, n*5), products(p, nil, x, n, n > vectors), 5e-4)
		on(t, d, func() error { return d.Free(m.buffers()...) })
	}
}

func TestEmbed(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 4))
	for _, ty := range []tensor.Type{tensor.Q4_1, tensor.Q8_0, tensor.F32} {
		p, err := pack(randomMatrix(r, ty, 11, 64))
		if err != nil {
			t.Fatal(err)
		}
		var m matrix
		on(t, d, func() (err error) { m, err = d.upload(p, nil); return })
		tokens := []int32{3, 10, 0}
		y := uploaded(t, d, make([]float32, 3*64))
		dt := uploaded(t, d, tokens)
		on(t, d, func() error { return d.embed(&m, dt, y, 3) })
		var want []float64
		for _, k := range tokens {
			for _, v := range p.floats()[k*64 : (k+1)*64] {
				want = append(want, float64(v))
			}
		}
		within(t, ty.String(), downloaded[float32](t, d, y, 3*64), want, 1e-6)
		on(t, d, func() error { return d.Free(m.buffers()...) })
	}
}

func TestNormAndGate(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 5))
	const rows, k = 3, 576
	x, w := normal(r, rows*k), normal(r, k)
	dx, dw, y := uploaded(t, d, x), uploaded(t, d, w), uploaded(t, d, make([]float32, rows*k))
	on(t, d, func() error {
		return d.Launch("rmsnorm", [3]int{rows, 1, 1}, [3]int{256, 1, 1}, dx, dw, y, k, float32(1e-5))
	})
	want := make([]float64, rows*k)
	for i := range rows {
		s := 0.0
		for _, v := range x[i*k : (i+1)*k] {
			s += float64(v) * float64(v)
		}
		for j := range k {
			want[i*k+j] = float64(x[i*k+j]) / math.Sqrt(s/k+1e-5) * float64(w[j])
		}
	}
	within(t, "rmsnorm", downloaded[float32](t, d, y, rows*k), want, 1e-6)

	const f = 288
	on(t, d, func() error {
		return d.Launch("swiglu", [3]int{(f + 255) / 256, rows, 1}, [3]int{256, 1, 1}, dx, y, f)
	})
	want = want[:rows*f]
	for i := range rows {
		for j := range f {
			g := float64(x[i*2*f+j])
			want[i*f+j] = g / (1 + math.Exp(-g)) * float64(x[i*2*f+f+j])
		}
	}
	within(t, "swiglu", downloaded[float32](t, d, y, rows*f), want, 1e-6)
}

// TestTopK compares candidates and sums with a sort.
func TestTopK(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 6))
	const rows, vocab, k = 3, 1003, 9
	logits := normal(r, rows*vocab)
	for i := range 40 {
		logits[i*7] = 3 // ties
	}
	words := (vocab + 31) / 32
	mask := make([]uint32, rows*words)
	for i := range mask {
		mask[i] = r.Uint32()
	}
	for i := range words { // the last row allows five tokens
		mask[2*words+i] = 0
	}
	for _, id := range []int{0, 7, 500, 1002, 31} {
		mask[2*words+id/32] |= 1 << (id % 32)
	}
	for _, masked := range []bool{false, true} {
		bits := Buffer{}
		if masked {
			bits = uploaded(t, d, mask)
		}
		dl := uploaded(t, d, logits)
		ids, values, lse := uploaded(t, d, make([]int32, rows*k)), uploaded(t, d, make([]float32, rows*k)), uploaded(t, d, make([]float32, rows*2))
		on(t, d, func() error {
			return d.Launch("topk", [3]int{rows, 1, 1}, [3]int{256, 1, 1}, dl, bits, ids, values, lse, vocab, k)
		})
		got, sums := downloaded[int32](t, d, ids, rows*k), downloaded[float32](t, d, lse, rows*2)
		for row := range rows {
			x := logits[row*vocab : (row+1)*vocab]
			var order []int
			all, allowed := 0.0, 0.0
			for i, v := range x {
				all += math.Exp(float64(v))
				if !masked || mask[row*words+i/32]>>(i%32)&1 == 1 {
					order = append(order, i)
					allowed += math.Exp(float64(v))
				}
			}
			slices.SortStableFunc(order, func(a, b int) int {
				switch {
				case x[a] > x[b]:
					return -1
				case x[a] < x[b]:
					return 1
				}
				return a - b
			})
			for j := range k {
				want := -1
				if j < len(order) {
					want = order[j]
				}
				if int(got[row*k+j]) != want {
					t.Fatalf("masked %v, row %d, place %d: token %d, want %d", masked, row, j, got[row*k+j], want)
				}
			}
			if math.Abs(float64(sums[2*row])-math.Log(all)) > 1e-4 || math.Abs(float64(sums[2*row+1])-math.Log(allowed)) > 1e-4 {
				t.Errorf("masked %v, row %d: sums %v, want %g %g", masked, row, sums[2*row:2*row+2], math.Log(all), math.Log(allowed))
			}
		}
		u, out := uploaded(t, d, []float32{0, 0.5, 0.999999}), uploaded(t, d, make([]int32, rows))
		on(t, d, func() error {
			return d.Launch("sample", [3]int{rows, 1, 1}, [3]int{32, 1, 1}, ids, values, u, out, k, float32(0.7))
		})
		for row, id := range downloaded[int32](t, d, out, rows) {
			cand := got[row*k : (row+1)*k]
			sum, at, want := 0.0, 0.0, int32(-1)
			x := logits[row*vocab:]
			weight := func(id int32) float64 { return math.Exp(float64(x[id]-x[cand[0]]) / 0.7) }
			for _, c := range cand {
				if c >= 0 {
					sum += weight(c)
				}
			}
			for _, c := range cand {
				if c < 0 {
					break
				}
				at += weight(c)
				want = c
				if at > []float64{0, 0.5, 0.999999}[row]*sum {
					break
				}
			}
			if id != want {
				t.Errorf("masked %v, row %d: drew %d, want %d", masked, row, id, want)
			}
		}
	}
}

func TestTrainingKernels(t *testing.T) {
	d := device(t)
	r := rand.New(rand.NewPCG(1, 7))
	for _, s := range [][3]int{{5, 70, 33}, {64, 64, 16}, {100, 7, 200}} {
		m, n, k := s[0], s[1], s[2]
		for ta := range 2 {
			for tb := range 2 {
				a, b, c := normal(r, m*k), normal(r, k*n), normal(r, m*n)
				want := make([]float64, m*n)
				for i := range m {
					for j := range n {
						v := 0.0
						for l := range k {
							x, y := a[i*k+l], b[l*n+j]
							if ta == 1 {
								x = a[l*m+i]
							}
							if tb == 1 {
								y = b[j*k+l]
							}
							v += float64(x) * float64(y)
						}
						want[i*n+j] = 0.5*v + 2*float64(c[i*n+j])
					}
				}
				da, db, dc := uploaded(t, d, a), uploaded(t, d, b), uploaded(t, d, c)
				on(t, d, func() error {
					return d.Launch("sgemm", [3]int{(n + 63) / 64, (m + 63) / 64, 1}, [3]int{256, 1, 1}, da, db, dc, m, n, k, ta, tb, float32(0.5), float32(2))
				})
				within(t, fmt.Sprintf("sgemm %v %d %d", s, ta, tb), downloaded[float32](t, d, dc, m*n), want, 1e-5)
			}
		}
	}
	const rows, n = 4, 333
	x := normal(r, rows*n)
	target := []int32{0, 332, 17, 100}
	dx, dt, loss := uploaded(t, d, x), uploaded(t, d, target), uploaded(t, d, make([]float32, rows))
	on(t, d, func() error {
		return d.Launch("softmax_loss", [3]int{rows, 1, 1}, [3]int{256, 1, 1}, dx, dt, loss, n, float32(1.0/rows))
	})
	grad, losses := make([]float64, rows*n), make([]float64, rows)
	for i := range rows {
		sum := 0.0
		for _, v := range x[i*n : (i+1)*n] {
			sum += math.Exp(float64(v))
		}
		for j, v := range x[i*n : (i+1)*n] {
			grad[i*n+j] = math.Exp(float64(v)) / sum / rows
		}
		grad[i*n+int(target[i])] -= 1.0 / rows
		losses[i] = math.Log(sum) - float64(x[i*n+int(target[i])])
	}
	within(t, "softmax gradient", downloaded[float32](t, d, dx, rows*n), grad, 1e-5)
	within(t, "softmax loss", downloaded[float32](t, d, loss, rows), losses, 1e-5)

	w, acc, g := normal(r, 1000), make([]float32, 1000), normal(r, 1000)
	dw, da, dg := uploaded(t, d, w), uploaded(t, d, acc), uploaded(t, d, g)
	want := make([]float64, 1000)
	sums := make([]float64, 1000)
	for i := range want {
		want[i] = float64(w[i])
	}
	for range 3 {
		on(t, d, func() error {
			return d.Launch("adagrad", [3]int{4, 1, 1}, [3]int{256, 1, 1}, dw, da, dg, int64(1000), float32(0.1), float32(1e-8))
		})
		for i := range want {
			sums[i] += float64(g[i]) * float64(g[i])
			want[i] -= 0.1 * float64(g[i]) / (math.Sqrt(sums[i]) + 1e-8)
		}
	}
	within(t, "adagrad", downloaded[float32](t, d, dw, 1000), want, 1e-6)
}

// TestGraph replays a captured launch and checks that capturing runs nothing.
func TestGraph(t *testing.T) {
	d := device(t)
	w, acc, g := uploaded(t, d, []float32{1}), uploaded(t, d, []float32{0}), uploaded(t, d, []float32{1})
	on(t, d, func() error {
		x, err := d.Capture(func() error {
			return d.Launch("adagrad", [3]int{1, 1, 1}, [3]int{256, 1, 1}, w, acc, g, int64(1), float32(1), float32(0))
		})
		if err != nil {
			return err
		}
		v := []float32{0}
		if err := Read(d, acc, v); err != nil {
			return err
		}
		if v[0] != 0 {
			t.Error("a captured launch ran")
		}
		for range 3 {
			if err := d.Replay(x); err != nil {
				return err
			}
		}
		if err := Read(d, acc, v); err != nil {
			return err
		}
		if v[0] != 3 {
			t.Errorf("three replays summed to %g", v[0])
		}
		return x.Destroy()
	})
}

func TestRefusals(t *testing.T) {
	d := device(t)
	on(t, d, func() error {
		if err := d.Launch("nothing", [3]int{1, 1, 1}, [3]int{1, 1, 1}); err == nil {
			t.Error("an unknown kernel was launched")
		}
		if err := d.Launch("adagrad", [3]int{1, 1, 1}, [3]int{1, 1, 1}, "text"); err == nil {
			t.Error("a string was passed to a kernel")
		}
		if err := Write(d, Buffer{n: 2}, []float32{1}); err == nil {
			t.Error("4 bytes were written to a buffer of 2")
		}
		if _, err := d.Alloc(1 << 60); err == nil {
			t.Error("2^60 bytes were allocated")
		}
		return nil
	})
}
