//go:build gpu && linux && cgo

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// cacheBytes is more than the second-level cache of any card: benchmarks turn
// through so many bytes that each run reads from memory.
const cacheBytes = 256 << 20

// rotation is the number of copies of n bytes that are more than the cache.
func rotation(d *Device, n int64) int {
	if d.Name() == "CPU emulation" {
		return 2
	}
	return int(cacheBytes/n) + 1
}

// median runs f, which gets the number of the run, until 50 times are known, and
// returns the median in milliseconds by the device's own clock.
func median(b *testing.B, d *Device, f func(run int) error) float64 {
	b.Helper()
	runs := 50
	if d.Name() == "CPU emulation" {
		runs = 1
	}
	var all []float64
	on(b, d, func() error {
		for i := range 5 {
			if err := f(i); err != nil {
				return err
			}
		}
		for i := range runs {
			ms, err := d.Time(func() error { return f(i) })
			if err != nil {
				return err
			}
			all = append(all, ms)
		}
		return nil
	})
	slices.Sort(all)
	return all[len(all)/2]
}

// report gives the time, the bytes a perfect kernel would move and its rate.
func report(b *testing.B, ms float64, bytes int64) {
	for b.Loop() { // the device's clock has measured; the loop satisfies the harness
	}
	b.ReportMetric(ms*1e3, "us/run")
	b.ReportMetric(float64(bytes)/1e6, "MB")
	b.ReportMetric(float64(bytes)/ms/1e6, "GB/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCopy is the bandwidth that the others are compared with.
func BenchmarkCopy(b *testing.B) {
	d := device(b)
	var x, y Buffer
	on(b, d, func() (err error) {
		if x, err = d.Alloc(cacheBytes); err == nil {
			y, err = d.Alloc(cacheBytes)
		}
		return
	})
	ms := median(b, d, func(int) error { return d.copyAsync(y, x, cacheBytes) })
	report(b, ms, 2*cacheBytes)
	on(b, d, func() error { return d.Free(x, y) })
}

// BenchmarkProduct reads a matrix once for one vector.
func BenchmarkProduct(b *testing.B) {
	d := device(b)
	r := rand.New(rand.NewPCG(4, 1))
	for _, ty := range []tensor.Type{tensor.Q4_1, tensor.Q8_0, tensor.F16} {
		for _, s := range [][3]int{{49152, 576, 1}, {4096, 4096, 1}, {4096, 4096, 512}} {
			b.Run(fmt.Sprintf("%v/%dx%d/%d", ty, s[0], s[1], s[2]), func(b *testing.B) {
				if d.Name() == "CPU emulation" {
					s[0], s[1], s[2] = 64, 64, min(s[2], 16)
				}
				p, err := pack(randomMatrix(r, ty, s[0], s[1]))
				if err != nil {
					b.Fatal(err)
				}
				copies := rotation(d, p.bytes())
				ms := make([]matrix, copies)
				for i := range ms {
					on(b, d, func() (err error) { ms[i], err = d.upload(p, nil); return })
				}
				x, y := uploaded(b, d, normal(r, s[1]*s[2]+32)), uploaded(b, d, make([]float32, s[0]*s[2]))
				t := median(b, d, func(run int) error { return d.product(&ms[run%copies], x, y, s[2], false) })
				report(b, t, p.bytes()+int64(4*s[2]*(s[0]+s[1])))
				for i := range ms {
					on(b, d, func() error { return d.Free(ms[i].buffers()...) })
				}
			})
		}
	}
}

// BenchmarkAttention has the shapes of the timing bars (kvcache.md 4.7): one
// layer of SmolLM2 and of a model with eight key heads of 128, and five beams
// on one prefix.
func BenchmarkAttention(b *testing.B) {
	d := device(b)
	for _, c := range []struct {
		name                         string
		dim, heads, kv, groups, W, n int
	}{
		{"smollm2/batch32/8k", 64, 9, 3, 32, 1, 8192},
		{"llama8b/batch8/32k", 128, 32, 8, 8, 1, 32768},
		{"smollm2/batch1/8k", 64, 9, 3, 1, 1, 8192},
		{"smollm2/8groups/8k", 64, 9, 3, 8, 1, 8192},
		{"smollm2/8groups5beams/8k", 64, 9, 3, 8, 5, 8192},
	} {
		for _, bits := range []int{16, 8, 4, 2} {
			b.Run(fmt.Sprintf("%s/%dbit", c.name, bits), func(b *testing.B) {
				if d.Name() == "CPU emulation" {
					c.n, c.groups = 256, 1
				}
				pages := c.n / pageTokens
				head := int64(pageBytes(c.dim, bits))
				bytes := int64(c.groups*pages*c.kv) * head
				copies := rotation(d, bytes)
				var pool Buffer
				on(b, d, func() (err error) {
					if pool, err = d.Alloc(bytes * int64(copies)); err == nil {
						err = d.Zero(pool)
					}
					return
				})
				table := make([]int32, c.groups*pages)
				for i := range table {
					table[i] = int32(i)
				}
				rows := c.groups * c.W
				slots, limit := make([]int32, rows), make([]int32, rows)
				for i := range slots {
					slots[i], limit[i] = int32(i), int32(c.n)
				}
				splits := (pages + 3) / 4
				q := uploaded(b, d, normal(rand.New(rand.NewPCG(4, 2)), rows*c.heads*c.dim))
				out, lse := uploaded(b, d, make([]float32, rows*c.heads*c.dim)), uploaded(b, d, make([]float32, rows*c.heads))
				part, count := uploaded(b, d, make([]float32, c.groups*c.kv*splits*16*(c.dim+2))), uploaded(b, d, make([]uint32, c.groups*c.kv))
				ds, dl, dt := uploaded(b, d, slots), uploaded(b, d, limit), uploaded(b, d, table)
				ms := median(b, d, func(run int) error {
					return d.Launch(fmt.Sprintf("attn_d%d_b%d", c.dim, bits), [3]int{splits, c.kv, c.groups}, [3]int{128, 1, 1},
						q, ds, pool.At(bytes*int64(run%copies)), head*int64(c.kv), dt, dl, out, lse, part, count, c.heads, c.kv, c.W, pages, float32(1/math.Sqrt(float64(c.dim))))
				})
				report(b, ms, bytes)
				on(b, d, func() error { return d.Free(pool) })
			})
		}
	}
}

// BenchmarkStep is a whole step of decoding at a context, as a graph, of a model
// of SmolLM2's shape.
func BenchmarkStep(b *testing.B) {
	layers, contexts := 30, []int{64, 4096, 32768}
	if d := device(b); d.Name() == "CPU emulation" {
		layers, contexts = 1, []int{64}
	}
	back, err := NewBackend(0)
	if err != nil {
		b.Fatal(err)
	}
	defer back.Close()
	w := randomLlama(rand.New(rand.NewPCG(4, 3)), layers, nil)
	dec, err := back.Decoder(w)
	if err != nil {
		b.Fatal(err)
	}
	defer dec.Close()
	for _, n := range contexts {
		b.Run(fmt.Sprintf("context%d", n), func(b *testing.B) {
			s, err := back.NewStore(kvcache.Shape{Layers: layers, QueryHeads: w.Heads, Heads: w.KVHeads, Dim: w.HeadDim}, false)
			if err != nil {
				b.Fatal(err)
			}
			q := s.New()
			q.Extend(n)
			states := make([]float32, w.Dim)
			for b.Loop() {
				q.Extend(1)
				dec.Forward(&tensor.Pass{Tokens: []int32{1}, Positions: []int32{int32(n)}, States: states,
					Attention: &decode.CacheAttention{Store: s, Rows: []kvcache.Rows{{Seq: q, N: 1, First: q.Len(), Step: 0}}}})
				q.Truncate(n)
			}
			b.ReportMetric(float64(dec.Bytes()+int64(n)*int64(layers*w.KVHeads*w.HeadDim*4))/1e6, "MB")
			q.Release()
		})
	}
}
