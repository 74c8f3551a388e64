//go:build gpu && linux && cgo

package cuda

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/host"
)

// randomLlama has the shape of SmolLM2-135M with fewer layers and tokens, unless
// told otherwise.
func randomLlama(r *rand.Rand, layers int, change func(*tensor.Llama)) *tensor.Llama {
	w := &tensor.Llama{Dim: 576, Heads: 9, KVHeads: 3, HeadDim: 64, Hidden: 1536, Vocab: 300, Eps: 1e-5}
	if change != nil {
		change(w)
	}
	weights := func(rows, cols int) *tensor.Matrix {
		m := randomMatrix(r, tensor.Q8_0, rows, cols)
		for i := 0; i < len(m.Data); i += 34 { // so that activations stay near one
			h := tensor.FloatToHalf(0.0004)
			m.Data[i], m.Data[i+1] = byte(h), byte(h>>8)
		}
		return m
	}
	ones := func(n int) []float32 {
		v := normal(r, n)
		for i := range v {
			v[i] = 1 + v[i]/10
		}
		return v
	}
	for i := range w.HeadDim / 2 {
		w.Rope.Freq = append(w.Rope.Freq, 1/float32(1+i*i))
	}
	w.Embedding, w.Norm = weights(w.Vocab, w.Dim), ones(w.Dim)
	w.Output = w.Embedding
	for range layers {
		l := tensor.Layer{AttnNorm: ones(w.Dim), FFNNorm: ones(w.Dim)}
		l.Q.W, l.K.W, l.V.W = weights(w.Heads*w.HeadDim, w.Dim), weights(w.KVHeads*w.HeadDim, w.Dim), weights(w.KVHeads*w.HeadDim, w.Dim)
		l.O.W = weights(w.Dim, w.Heads*w.HeadDim)
		l.Gate.W, l.Up.W, l.Down.W = weights(w.Hidden, w.Dim), weights(w.Hidden, w.Dim), weights(w.Dim, w.Hidden)
		w.Layers = append(w.Layers, l)
	}
	return w
}

// backendFor opens the backend, or skips.
func backendFor(t *testing.T) *Backend {
	t.Helper()
	device(t) // skips where there is none
	b, err := NewBackend(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestForward compares whole passes with those of the processor: prefill,
// steps, forks that share pages, truncation, models with biases, head norms,
// adapters and neighbouring pairs.
func TestForward(t *testing.T) {
	b := backendFor(t)
	r := rand.New(rand.NewPCG(3, 1))
	pool := cpu.NewPool(1)
	defer pool.Close()
	plain := func(w *tensor.Llama) { w.Dim, w.Hidden = 128, 256; w.Heads, w.KVHeads = 4, 2 }
	rank := func(rows, cols int) *tensor.Matrix { return randomMatrix(r, tensor.F16, rows, cols) }
	for name, c := range map[string]struct {
		spec   *tensor.Llama
		finish func(w *tensor.Llama)
	}{
		"plain":  {spec: randomLlama(r, 2, plain)},
		"halves": {spec: randomLlama(r, 2, plain), finish: func(w *tensor.Llama) { w.Rope.Halves = true; w.Rope.Magnitude = 1.1 }},
		"qwen": {spec: randomLlama(r, 1, plain), finish: func(w *tensor.Llama) {
			for i := range w.Layers {
				l := &w.Layers[i]
				l.Q.Bias, l.K.Bias = normal(r, l.Q.W.Rows), normal(r, l.K.W.Rows)
				l.QNorm, l.KNorm = normal(r, 64), normal(r, 64)
			}
		}},
		"adapters": {spec: randomLlama(r, 1, plain), finish: func(w *tensor.Llama) {
			l := &w.Layers[0]
			l.Q.LoRA = []tensor.Adapter{{A: rank(4, l.Q.W.Cols), B: rank(l.Q.W.Rows, 4), Scale: 0.01}}
			l.Down.LoRA = []tensor.Adapter{{A: rank(3, l.Down.W.Cols), B: rank(l.Down.W.Rows, 3), Scale: 0.01}}
		}},
		"smollm2": {spec: randomLlama(r, 1, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.spec
			if c.finish != nil {
				c.finish(w)
			}
			shape := kvcache.Shape{Layers: len(w.Layers), QueryHeads: w.Heads, Heads: w.KVHeads, Dim: w.HeadDim}
			gpu, err := b.Decoder(w)
			if err != nil {
				t.Fatal(err)
			}
			defer gpu.Close()
			ref, err := host.New(pool).Decoder(w)
			if err != nil {
				t.Fatal(err)
			}
			gs, err := b.NewStore(shape, false)
			if err != nil {
				t.Fatal(err)
			}
			stores := [3]kvcache.Store{kvcache.NewPaged(shape, true, pool), gs, kvcache.NewPaged(shape, true, pool)}
			decoders := [3]tensor.Decoder{ref, gpu, gpu} // the last with a cache in main memory
			var seqs [3][]kvcache.Sequence
			for i := range stores {
				seqs[i] = []kvcache.Sequence{stores[i].New()}
			}
			// pass reads tokens into sequence s of each and compares final states.
			pass := func(what string, which []int, n int) {
				t.Helper()
				var states [3][]float32
				tokens := make([]int32, n*len(which))
				for i := range tokens {
					tokens[i] = int32(r.IntN(w.Vocab))
				}
				for d := range decoders {
					var rows []kvcache.Rows
					var positions []int32
					for _, s := range which {
						q := seqs[d][s]
						for i := range n {
							positions = append(positions, int32(q.Len()+i))
						}
						q.Extend(n)
						rows = append(rows, kvcache.Rows{Seq: q, N: n, First: q.Len() - n + 1, Step: 1})
					}
					states[d] = make([]float32, len(tokens)*w.Dim)
					decoders[d].Forward(&tensor.Pass{Tokens: tokens, Positions: positions, States: states[d], Attention: &decode.CacheAttention{Store: stores[d], Rows: rows}})
				}
				want := make([]float64, len(states[0]))
				for i, x := range states[0] {
					want[i] = float64(x)
				}
				within(t, name+" "+what+" on the device", states[1], want, 5e-3)
				within(t, name+" "+what+" with a cache in main memory", states[2], want, 5e-3)
			}
			prompt := 70
			if w.Dim > 128 {
				prompt = 20 // the emulation is slow
			}
			pass("prompt", []int{0}, prompt)
			pass("step", []int{0}, 1)
			pass("few", []int{0}, 5)
			for i := range seqs {
				seqs[i] = append(seqs[i], seqs[i][0].Fork(), seqs[i][0].Fork())
			}
			pass("forks", []int{0, 1, 2}, 1)
			pass("forks again", []int{0, 1, 2}, 1)
			pass("one fork", []int{1}, 3)
			for i := range seqs {
				seqs[i][1].Truncate(prompt - 4)
			}
			pass("truncated", []int{1, 2}, 2)
			if exclusive, shared := seqs[1][1].Bytes(); exclusive == 0 || prompt >= pageTokens && shared == 0 {
				t.Errorf("a fork has %d bytes of its own and %d shared", exclusive, shared)
			}
			for _, s := range seqs[1] {
				s.Release()
			}
			if n := stores[1].Bytes(); n != 0 {
				t.Errorf("%d bytes are in use after all was released", n)
			}

			x := normal(r, 3*w.Dim)
			var logits [2][]float32
			for i := range 2 {
				logits[i] = make([]float32, 3*w.Vocab)
				decoders[i].Logits(x, 3, logits[i])
			}
			want := make([]float64, len(logits[0]))
			for i, v := range logits[0] {
				want[i] = float64(v)
			}
			within(t, name+" logits", logits[1], want, 1e-3)
		})
	}
}

// TestProbe looks at every layer.
func TestProbe(t *testing.T) {
	b := backendFor(t)
	r := rand.New(rand.NewPCG(3, 2))
	pool := cpu.NewPool(1)
	defer pool.Close()
	w := randomLlama(r, 3, func(w *tensor.Llama) { w.Dim, w.Hidden, w.Heads, w.KVHeads = 128, 128, 2, 1 })
	shape := kvcache.Shape{Layers: 3, QueryHeads: 2, Heads: 1, Dim: 64}
	gpu, err := b.Decoder(w)
	if err != nil {
		t.Fatal(err)
	}
	defer gpu.Close()
	ref, err := host.New(pool).Decoder(w)
	if err != nil {
		t.Fatal(err)
	}
	var seen [2][][]float64
	for i, d := range []tensor.Decoder{ref, gpu} {
		s := kvcache.NewPaged(shape, true, pool)
		q := s.New()
		q.Extend(4)
		d.Forward(&tensor.Pass{
			Tokens: []int32{1, 2, 3, 4}, Positions: []int32{0, 1, 2, 3}, States: make([]float32, 4*w.Dim),
			Attention: &decode.CacheAttention{Store: s, Rows: []kvcache.Rows{{Seq: q, N: 4, First: 1, Step: 1}}},
			Probe: func(layer int, x []float32) {
				if layer != len(seen[i]) {
					t.Errorf("layer %d is seen as number %d", layer, len(seen[i]))
				}
				v := make([]float64, len(x))
				for j := range x {
					v[j] = float64(x[j])
				}
				seen[i] = append(seen[i], v)
			},
		})
	}
	for l := range seen[0] {
		got := make([]float32, len(seen[1][l]))
		for j, x := range seen[1][l] {
			got[j] = float32(x)
		}
		within(t, fmt.Sprintf("layer %d", l), got, seen[0][l], 2e-3)
	}
}

// TestOutOfMemory: a cache that no longer fits fails the pass and not the
// process, and what was there before stays.
func TestOutOfMemory(t *testing.T) {
	t.Setenv("EMU_MEMORY", "24") // MiB; a real device has more and the test ends early
	b := backendFor(t)
	if _, total, err := b.Device().Memory(); err != nil || total > 1<<30 {
		t.Skipf("the device has %d bytes", total)
	}
	r := rand.New(rand.NewPCG(3, 3))
	w := randomLlama(r, 2, func(w *tensor.Llama) { w.Dim, w.Hidden, w.Heads, w.KVHeads = 128, 128, 2, 1 })
	gpu, err := b.Decoder(w)
	if err != nil {
		t.Fatal(err)
	}
	defer gpu.Close()
	s, err := b.NewStore(kvcache.Shape{Layers: 2, QueryHeads: 2, Heads: 1, Dim: 64}, false)
	if err != nil {
		t.Fatal(err)
	}
	pass := func(q kvcache.Sequence, n int) error {
		tokens, positions := make([]int32, n), make([]int32, n)
		for i := range positions {
			positions[i] = int32(q.Len() + i)
		}
		q.Extend(n)
		return tensor.Guard(func() error {
			gpu.Forward(&tensor.Pass{Tokens: tokens, Positions: positions, States: make([]float32, n*w.Dim),
				Attention: &decode.CacheAttention{Store: s, Rows: []kvcache.Rows{{Seq: q, N: n, First: q.Len() - n + 1, Step: 1}}}})
			return nil
		})
	}
	first := s.New()
	if err := pass(first, 100); err != nil {
		t.Fatal(err)
	}
	big := s.New()
	big.Extend(1 << 20)
	err = pass(big, 1)
	if err == nil {
		t.Fatal("a cache larger than the device")
	}
	if !OutOfMemory(err) {
		t.Errorf("%v is not told as want of memory", err)
	}
	big.Release()
	if err := pass(first, 1); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

// TestRealModels decodes with the models of the goldens on both backends.
func TestRealModels(t *testing.T) {
	device(t)
	dir := shared.Dir(t)
	for _, name := range []string{"models/tiny-llama-random", "models/smollm2-135m-instruct-q4_1.gguf"} {
		if testing.Short() && filepath.Ext(name) == ".gguf" {
			continue
		}
		var all [2][]float32
		for i, backend := range []string{"cpu", "cuda"} {
			m, err := decode.Load(filepath.Join(dir, name), decode.Options{Backend: backend, Threads: 1, NoTokens: true})
			if err != nil {
				t.Fatal(err)
			}
			b := m.Start()
			if err := m.Prefill(context.Background(), b, []int32{1, 7, 300, 42, 5, 9, 11, 200, 77, 3, 25}); err != nil {
				t.Fatal(err)
			}
			for _, id := range []int32{17, 4} {
				if err := m.Step([]*decode.Branch{b}, []int32{id}); err != nil {
					t.Fatal(err)
				}
			}
			all[i] = append([]float32(nil), b.Logits()...)
			b.Release()
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
		want := make([]float64, len(all[0]))
		for i, x := range all[0] {
			want[i] = float64(x)
		}
		within(t, name, all[1], want, 1e-2)
	}
}
