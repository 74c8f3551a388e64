package decode

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

func familyGolden(t *testing.T, dir string) (ids []int32, logits map[int][]float32) {
	b, err := os.ReadFile(filepath.Join("testdata", "families", dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		IDs    []int32
		Logits map[string][]float32
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	logits = map[int][]float32{}
	for p, x := range g.Logits {
		n, err := strconv.Atoi(p)
		if err != nil {
			t.Fatal(err)
		}
		logits[n] = x
	}
	return g.IDs, logits
}

// checkFamily compares the logits of a model with those of transformers, read
// in one go and token by token.
func checkFamily(t *testing.T, m *Model, golden string, tolerance float64) {
	t.Helper()
	ids, want := familyGolden(t, golden)
	got, err := m.Logits(context.Background(), ids)
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config.Vocab
	for p, x := range want {
		if e, top := worst(got[p*v:(p+1)*v], x); e > tolerance*top {
			t.Errorf("position %d: off by %g of %g", p, e, top)
		}
	}
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(context.Background(), b, ids[:5]); err != nil {
		t.Fatal(err)
	}
	for p := 5; p < len(ids); p++ {
		if err := m.Step([]*Branch{b}, ids[p:p+1]); err != nil {
			t.Fatal(err)
		}
		if x := want[p]; x != nil {
			if e, top := worst(b.Logits(), x); e > tolerance*top {
				t.Errorf("position %d, step by step: off by %g of %g", p, e, top)
			}
		}
	}
}

func TestFamiliesAgreeWithTransformers(t *testing.T) {
	for _, name := range []string{"llama-bias", "llama-linear", "llama-dynamic", "llama-yarn", "mistral", "qwen2", "qwen3"} {
		t.Run(name, func(t *testing.T) {
			o := Options{NoTokens: true, SingleKV: true}
			if name == "llama-dynamic" {
				o.Context = 40 // the length that the reference scaled for
			}
			m, err := Load(filepath.Join("testdata", "families", name), o)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			checkFamily(t, m, name, 1e-5)
		})
	}
}

// A trie after a prompt is scored in one pass as its paths are one by one, also
// where tokens see a window only.
func TestTreeWithWindow(t *testing.T) {
	for _, name := range []string{"mistral", "qwen2"} {
		m, err := Load(filepath.Join("testdata", "families", name), Options{NoTokens: true, SingleKV: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, n := range []int{3, 20} {
			prompt := someIDs(uint64(n), n, m.Config.Vocab)
			paths := [][]int32{someIDs(1, 11, 64), someIDs(2, 4, 64), append(someIDs(1, 6, 64), 9, 8, 7)}
			nodes, ends := Trie(paths)
			got, err := m.Tree(context.Background(), prompt, nodes, true)
			if err != nil {
				t.Fatal(err)
			}
			for i, path := range paths {
				all, err := m.Logits(context.Background(), append(slices.Clone(prompt), path...))
				if err != nil {
					t.Fatal(err)
				}
				var want float64
				for j, id := range path {
					row := all[(n-1+j)*m.Config.Vocab:][:m.Config.Vocab]
					want += float64(row[id]) - float64(cpu.LogSumExp(row))
				}
				if d := math.Abs(got.SumP[ends[i]] - want); d > 1e-4 {
					t.Errorf("%s, prompt of %d, path %d: %g, want %g", name, n, i, got.SumP[ends[i]], want)
				}
			}
		}
	}
}

func TestAdaptersAgreeWithPEFT(t *testing.T) {
	for _, merge := range []bool{false, true} {
		m, err := Load("testdata/families/llama-linear", Options{NoTokens: true, SingleKV: true, Adapters: []string{"testdata/families/adapter"}, Merge: merge})
		if err != nil {
			t.Fatal(err)
		}
		checkFamily(t, m, "adapter", 1e-5)
		m.Close()
	}
}

// A GGUF file made of a safetensors model of the Llama family has the rows of
// queries and keys in another order; an adapter must follow.
func TestAdapterOnGGUF(t *testing.T) {
	f, err := weights.Open("testdata/families/llama-linear")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := readConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	var w weights.Writer
	set := func(key string, v any) {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	set("general.architecture", "llama")
	for key, v := range map[string]int{
		"embedding_length": c.Dim, "block_count": c.Layers, "attention.head_count": c.Heads, "attention.head_count_kv": c.KVHeads,
		"feed_forward_length": c.Hidden, "context_length": c.Context,
	} {
		set("llama."+key, uint32(v))
	}
	set("llama.attention.layer_norm_rms_epsilon", c.Eps)
	set("llama.rope.scaling.type", "linear")
	set("llama.rope.scaling.factor", float32(2.5))
	add := func(to, from string, turned bool) {
		m := f.Tensor(from)
		x := m.Floats()
		if turned {
			x = reorder(x, m.Cols, c.HeadDim, true)
		}
		if err := w.Add(to, tensor.F32, x, f.Shape(from)...); err != nil {
			t.Fatal(err)
		}
	}
	h, g := huggingFaceNames, ggufNames
	add(g.embedding+".weight", h.embedding+".weight", false)
	add(g.output+".weight", h.output+".weight", false)
	add(g.norm+".weight", h.norm+".weight", false)
	for l := range c.Layers {
		for to, from := range map[string]string{g.attnNorm: h.attnNorm, g.q: h.q, g.k: h.k, g.v: h.v, g.o: h.o, g.ffnNorm: h.ffnNorm, g.gate: h.gate, g.up: h.up, g.down: h.down} {
			in := func(s string) string { return strings.ReplaceAll(s, "%d", strconv.Itoa(l)) + ".weight" }
			add(in(to), in(from), to == g.q || to == g.k)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	if err := w.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	m, err := Load(path, Options{NoTokens: true, SingleKV: true})
	if err != nil {
		t.Fatal(err)
	}
	checkFamily(t, m, "llama-linear", 1e-5)
	m.Close()
	if m, err = Load(path, Options{NoTokens: true, SingleKV: true, Adapters: []string{"testdata/families/adapter"}}); err != nil {
		t.Fatal(err)
	}
	checkFamily(t, m, "adapter", 1e-5)
	m.Close()

	// The same adapter in GGUF, with one alpha for all: ranks differ, so the
	// scale goes into B.
	a, err := openAdapter("testdata/families/adapter")
	if err != nil {
		t.Fatal(err)
	}
	defer a.f.Close()
	w = weights.Writer{}
	set("general.architecture", "llama")
	set("general.type", "adapter")
	set("adapter.type", "lora")
	for _, name := range a.f.Names() {
		target, isB, _ := a.pair(name)
		to := strings.NewReplacer("model.layers", "blk", "self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v", "mlp.down_proj", "ffn_down").Replace(target)
		x := a.f.Tensor(name).Floats()
		if to += ".weight.lora_a"; isB {
			rank := a.f.Tensor(name).Cols
			to = strings.TrimSuffix(to, "a") + "b"
			for i := range x {
				x[i] *= float32(a.scale(target, rank))
			}
			if strings.Contains(to, "attn_q") || strings.Contains(to, "attn_k") {
				x = reorder(x, rank, c.HeadDim, true)
			}
		}
		if err := w.Add(to, tensor.F32, x, a.f.Shape(name)...); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "a.gguf")
	if err := w.WriteFile(own); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{path, "testdata/families/llama-linear"} {
		if m, err = Load(base, Options{NoTokens: true, SingleKV: true, Adapters: []string{own}}); err != nil {
			t.Fatal(err)
		}
		checkFamily(t, m, "adapter", 1e-5)
		m.Close()
	}
}
