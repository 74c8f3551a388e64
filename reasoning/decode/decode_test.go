package decode

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

var smol = sync.OnceValues(func() (*Model, error) {
	dir, _ := shared.Find()
	// The goldens were made with keys and values in 32 bits.
	return Load(filepath.Join(dir, "models", "smollm2-135m-instruct-q4_1.gguf"), Options{SingleKV: true})
})

func smollm(t testing.TB) *Model {
	shared.Dir(t)
	m, err := smol()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func golden(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join(shared.Dir(t), "models", "goldens", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lines[T any](t testing.TB, name string) (all []T) {
	s := bufio.NewScanner(bytes.NewReader(golden(t, name)))
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func goldenFloats(t testing.TB, name string) []float32 {
	b := golden(t, name)
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

type prompt struct {
	Name string
	Text string
	IDs  []int32
}

func prompts(t testing.TB) map[string]prompt {
	all := map[string]prompt{}
	for _, p := range lines[prompt](t, "prompts.jsonl") {
		all[p.Name] = p
	}
	return all
}

// worst returns the largest difference and the largest entry of want.
func worst(got, want []float32) (d, top float64) {
	for i, w := range want {
		e := math.Abs(float64(got[i]) - float64(w))
		if !(e <= d) {
			d = e
		}
		top = max(top, math.Abs(float64(w)))
	}
	return d, top
}

func TestLogitsGoldens(t *testing.T) {
	m := smollm(t)
	ps := prompts(t)
	type want struct {
		Name      string
		LSE, Mean float64
		Top       [][2]float64
	}
	for _, w := range lines[want](t, "logits.jsonl") {
		if w.Name == "p4000" && testing.Short() {
			continue
		}
		p := ps[w.Name]
		if ids := m.Tokenizer.EncodeSpecial(p.Text); !slices.Equal(ids, p.IDs) {
			t.Errorf("%s: the tokenizer gives other ids", w.Name)
		}
		b := m.Start()
		if err := m.Prefill(context.Background(), b, p.IDs); err != nil {
			t.Fatal(err)
		}
		logits := b.Logits()
		diff, sum := 0.0, 0.0
		for _, x := range w.Top {
			diff = max(diff, math.Abs(float64(logits[int(x[0])])-x[1]))
		}
		for _, x := range logits {
			sum += float64(x)
		}
		lse := math.Abs(float64(cpu.LogSumExp(logits)) - w.LSE)
		mean := math.Abs(sum/float64(len(logits)) - w.Mean)
		if diff > 2e-3 || lse > 2e-3 || mean > 2e-3 || float64(Greedy(logits)) != w.Top[0][0] {
			t.Errorf("%s: logits off by %g, log-sum-exp by %g, mean by %g, best %d", w.Name, diff, lse, mean, Greedy(logits))
		}
		t.Logf("%s: largest logit difference %.2g, log-sum-exp %.2g", w.Name, diff, lse)
		b.Release()
	}
}

// The 16-bit cache that is the default costs next to nothing.
func TestHalfCacheOnSmolLM2(t *testing.T) {
	m, err := Load(filepath.Join(shared.Dir(t), "models", "smollm2-135m-instruct-q4_1.gguf"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ps := prompts(t)
	type want struct {
		Name string
		Top  [][2]float64
	}
	for _, w := range lines[want](t, "logits.jsonl") {
		if w.Name == "p4000" {
			continue
		}
		b := m.Start()
		if err := m.Prefill(context.Background(), b, ps[w.Name].IDs); err != nil {
			t.Fatal(err)
		}
		diff := 0.0
		for _, x := range w.Top {
			diff = max(diff, math.Abs(float64(b.Logits()[int(x[0])])-x[1]))
		}
		if diff > 0.05 || float64(Greedy(b.Logits())) != w.Top[0][0] {
			t.Errorf("%s: logits off by %g, best %d", w.Name, diff, Greedy(b.Logits()))
		}
		t.Logf("%s: largest logit difference %.2g", w.Name, diff)
		b.Release()
	}
}

// attend is a function as an attention.
type attend func(layer int, q, k, v, out []float32)

func (f attend) Attend(layer int, q, k, v, out []float32) { f(layer, q, k, v, out) }

func TestEveryLayerOfP8(t *testing.T) {
	m := smollm(t)
	ids := prompts(t)["p8"].IDs
	d := m.Config.Dim
	last, all := goldenFloats(t, "p8_hidden_last.f32"), goldenFloats(t, "p8_hidden_all.f32")
	layer0 := goldenFloats(t, "p8_layer0.f32")
	r := &run{}
	r.resize(m, len(ids))
	for i := range ids {
		r.positions[i] = int32(i)
	}
	b := m.Start()
	defer b.Release()
	b.seq.Extend(len(ids))
	probe := func(l int, x []float32) {
		row := x[7*d : 8*d]
		if e, top := worst(row, last[(l+1)*d:(l+2)*d]); e > 1e-3*top {
			t.Errorf("after layer %d: off by %g of %g", l, e, top)
		}
		if l < 2 {
			if e, top := worst(x, all[(l+1)*8*d:(l+2)*8*d]); e > 1e-4*top {
				t.Errorf("after layer %d, all positions: off by %g of %g", l, e, top)
			}
		}
	}
	see := func(name string, got []float32, at int) {
		if e, top := worst(got, layer0[at:at+len(got)]); e > 1e-4*top {
			t.Errorf("%s of layer 0: off by %g of %g", name, e, top)
		}
	}
	cache := &CacheAttention{Store: m.store, Rows: []kvcache.Rows{{Seq: b.seq, N: len(ids), First: 1, Step: 1}}}
	m.decoder.Forward(&tensor.Pass{Tokens: ids, Positions: r.positions, States: r.x, Probe: probe, Attention: attend(func(l int, q, k, v, out []float32) {
		cache.Attend(l, q, k, v, out)
		if l == 0 { // queries and keys after rotation, values, mix
			see("queries", q, 10752)
			see("keys", k, 15360)
			see("values", v, 16896)
			see("attention", out, 18432)
		}
	})})
	got, err := m.Logits(context.Background(), ids)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := worst(got, goldenFloats(t, "p8_logits.f32"))
	if e > 2e-3 {
		t.Errorf("logits of all positions: off by %g", e)
	}
	t.Logf("all logits of p8: largest difference %.2g", e)
}

func TestGreedyGoldens(t *testing.T) {
	m := smollm(t)
	ps := prompts(t)
	type want struct {
		Name     string
		IDs      []int32
		Text     string
		NearTies []int `json:"near_ties"`
	}
	for _, w := range lines[want](t, "greedy.jsonl") {
		b := m.Start()
		if err := m.Prefill(context.Background(), b, ps[w.Name].IDs); err != nil {
			t.Fatal(err)
		}
		var got []int32
		err := m.Generate(context.Background(), b, len(w.IDs), Greedy, func(id int32) bool {
			got = append(got, id)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.IDs {
			if got[i] != w.IDs[i] {
				if !slices.Contains(w.NearTies, i) {
					t.Errorf("%s: token %d is %d, want %d", w.Name, i, got[i], w.IDs[i])
				}
				break
			}
		}
		if slices.Equal(got, w.IDs) && m.Tokenizer.Decode(got) != w.Text {
			t.Errorf("%s: text %q, want %q", w.Name, m.Tokenizer.Decode(got), w.Text)
		}
		b.Release()
	}
}

func TestPerplexityGolden(t *testing.T) {
	m := smollm(t)
	var want struct {
		Window  int
		Tokens  int
		Windows []float64 `json:"nll_per_window"`
		NLL     float64
	}
	if err := json.Unmarshal(golden(t, "ppl.json"), &want); err != nil {
		t.Fatal(err)
	}
	ids := m.Tokenizer.Encode(string(golden(t, "ppl.txt")))
	if len(ids) != want.Tokens {
		t.Fatalf("%d tokens, want %d", len(ids), want.Tokens)
	}
	// A window takes some seconds; with QUAESTOR_LONG set all ten are read.
	n := 1
	if os.Getenv("QUAESTOR_LONG") != "" {
		n = len(want.Windows)
	}
	p, err := m.Perplexity(context.Background(), ids[:n*want.Window], want.Window, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range p.Windows {
		if math.Abs(x-want.Windows[i]) > 1e-4 {
			t.Errorf("window %d: %v nats, want %v", i, x, want.Windows[i])
		}
	}
	if n == len(want.Windows) && math.Abs(p.NLL-want.NLL) > 1e-4 {
		t.Errorf("%v nats, want %v", p.NLL, want.NLL)
	}
	t.Logf("%d windows: %.6f nats, perplexity %.4f", n, p.NLL, p.PPL)
}

func TestTinyLlamaGoldens(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "models", "tiny-llama-random")
	var want struct {
		IDs       []int32
		Positions []int
		Logits    [][]float32
	}
	var rope struct {
		Inv []float32 `json:"inv_freq"`
	}
	read := func(name string, v any) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read("golden_logits.json", &want)
	read("golden_rope.json", &rope)
	old, err := os.ReadFile(filepath.Join(dir, "config.v4-style.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, Options{}); err == nil {
		t.Error("no tokenizer, and no error")
	}
	for _, oldStyle := range []bool{false, true} {
		f, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if oldStyle {
			f.Config = old
		}
		m, err := fromFile(f, Options{NoTokens: true, SingleKV: true})
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := worst(m.spec.Rope.Freq, rope.Inv); e > 1e-7 {
			t.Errorf("frequencies %v, want %v", m.spec.Rope.Freq, rope.Inv)
		}
		got, err := m.Logits(context.Background(), want.IDs)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range want.Positions {
			if e, top := worst(got[p*m.Config.Vocab:(p+1)*m.Config.Vocab], want.Logits[i]); e > 1e-4*top {
				t.Errorf("old style %v, position %d: off by %g of %g", oldStyle, p, e, top)
			}
		}
		m.Close()
	}
}

// random makes a small model through our own GGUF writer.
func random(t testing.TB, typ tensor.Type, o Options) *Model {
	m, err := FromBytes("random", randomGGUF(t, typ, 2, 64, 4, 2, 96, 300), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func randomGGUF(t testing.TB, typ tensor.Type, layers, dim, heads, kv, hidden, vocab int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	var w weights.Writer
	set := func(key string, v any) {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	set("general.architecture", "llama")
	set("llama.block_count", uint32(layers))
	set("llama.embedding_length", uint32(dim))
	set("llama.feed_forward_length", uint32(hidden))
	set("llama.attention.head_count", uint32(heads))
	set("llama.attention.head_count_kv", uint32(kv))
	set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	set("llama.context_length", uint32(700))
	add := func(name string, typ tensor.Type, rows, cols int, scale float64) {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(r.NormFloat64() * scale)
			if rows == 1 {
				x[i]++
			}
		}
		shape := []int{rows, cols}
		if rows == 1 {
			shape = shape[1:]
		}
		if err := w.Add(name, typ, x, shape...); err != nil {
			t.Fatal(err)
		}
	}
	hd := dim / heads
	add("token_embd.weight", typ, vocab, dim, 0.5)
	add("output_norm.weight", tensor.F32, 1, dim, 0.2)
	for l := range layers {
		n := func(s string) string { return "blk." + string(rune('0'+l)) + "." + s + ".weight" }
		add(n("attn_norm"), tensor.F32, 1, dim, 0.2)
		add(n("ffn_norm"), tensor.F32, 1, dim, 0.2)
		add(n("attn_q"), typ, dim, dim, 0.3)
		add(n("attn_k"), typ, kv*hd, dim, 0.3)
		add(n("attn_v"), typ, kv*hd, dim, 0.3)
		add(n("attn_output"), typ, dim, dim, 0.2)
		add(n("ffn_gate"), typ, hidden, dim, 0.2)
		add(n("ffn_up"), typ, hidden, dim, 0.2)
		add(n("ffn_down"), typ, dim, hidden, 0.2)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func someIDs(seed uint64, n, vocab int) []int32 {
	r := rand.New(rand.NewPCG(seed, 2))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(vocab))
	}
	return ids
}

// However a text is cut into prefill chunks and steps, alone or beside other
// branches, the prediction is the same.
func TestWaysOfReadingAgree(t *testing.T) {
	for _, typ := range []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0} {
		m := random(t, typ, Options{NoTokens: true, SingleKV: true, Threads: 2})
		ids := someIDs(1, 600, m.Config.Vocab)
		want, err := m.Logits(context.Background(), ids)
		if err != nil {
			t.Fatal(err)
		}
		v := m.Config.Vocab
		at := func(p int) []float32 { return want[p*v : (p+1)*v] }
		near := func(what string, b *Branch) {
			t.Helper()
			if e, top := worst(b.Logits(), at(b.Len()-1)); e > 2e-5*top {
				t.Errorf("%v, %s: off by %g of %g at position %d", typ, what, e, top, b.Len()-1)
			}
		}
		ctx := context.Background()
		b := m.Start()
		for _, n := range []int{1, 2, 7, 30, 260, 1} {
			if err := m.Prefill(ctx, b, ids[b.Len():b.Len()+n]); err != nil {
				t.Fatal(err)
			}
			near("prefill", b)
		}
		c, d := b.Fork(), b.Fork()
		d.Truncate(100)
		if err := m.Prefill(ctx, d, ids[100:101]); err != nil {
			t.Fatal(err)
		}
		near("truncated", d)
		for range 40 {
			if err := m.Step([]*Branch{b, d, c}, []int32{ids[b.Len()], ids[d.Len()], ids[c.Len()]}); err != nil {
				t.Fatal(err)
			}
		}
		near("step", b)
		near("step of the truncated", d)
		near("step of the fork", c)
		for range 20 {
			if err := m.Step([]*Branch{c}, []int32{ids[c.Len()]}); err != nil {
				t.Fatal(err)
			}
		}
		near("single step", c)
		for _, x := range []*Branch{b, c, d} {
			x.Release()
		}
		if m.CacheBytes() != 0 {
			t.Errorf("%d bytes of cache are left", m.CacheBytes())
		}
		m.Close()
	}
}

func TestHalfPrecisionCache(t *testing.T) {
	a := random(t, tensor.F32, Options{NoTokens: true, SingleKV: true})
	b := random(t, tensor.F32, Options{NoTokens: true})
	defer a.Close()
	defer b.Close()
	ids := someIDs(5, 200, a.Config.Vocab)
	x, err1 := a.Logits(context.Background(), ids)
	y, err2 := b.Logits(context.Background(), ids)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if e, top := worst(y, x); e > 2e-2*top || e == 0 {
		t.Errorf("16-bit cache: off by %g of %g", e, top)
	}
}

func TestBadTexts(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true, Context: 10})
	defer m.Close()
	b := m.Start()
	ctx := context.Background()
	if m.Prefill(ctx, b, []int32{300}) == nil || m.Prefill(ctx, b, []int32{-1}) == nil {
		t.Error("ids outside the vocabulary: no error")
	}
	if m.Prefill(ctx, b, make([]int32, 11)) == nil {
		t.Error("11 tokens in a context of 10: no error")
	}
	if err := m.Prefill(ctx, b, make([]int32, 10)); err != nil {
		t.Fatal(err)
	}
	if m.Step([]*Branch{b}, []int32{1}) == nil || m.Step([]*Branch{b}, nil) == nil {
		t.Error("beyond the context, or without a token: no error")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	c := m.Start()
	if err := m.Prefill(stopped, c, []int32{1}); !errors.Is(err, context.Canceled) || c.Len() != 0 {
		t.Errorf("cancelled: %v, %d tokens read", err, c.Len())
	}
}

func TestBadModels(t *testing.T) {
	good := randomGGUF(t, tensor.F32, 1, 64, 4, 2, 96, 300)
	edit := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, b := range map[string][]byte{
		"architecture":   edit("llama", "mamba"),
		"missing key":    edit("llama.block_count", "llama.clock_count"),
		"missing tensor": edit("blk.0.ffn_up.weight", "blk.0.ffn_pu.weight"),
		"bias":           edit("blk.0.ffn_up.weight", "blk.0.ffn_upp.bias"),
		"wrong shape":    randomWithHeads(t, 3),
		"no heads":       randomWithHeads(t, 0),
		"truncated":      good[:len(good)-4096],
	} {
		if m, err := FromBytes("bad.gguf", b, Options{NoTokens: true}); err == nil {
			m.Close()
			t.Errorf("%s: no error", name)
		} else if !bytes.Contains([]byte(err.Error()), []byte("bad.gguf")) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
	for name, config := range map[string]string{
		"syntax":     `{`,
		"model type": `{"model_type":"gpt2"}`,
		"activation": `{"model_type":"llama","hidden_act":"gelu"}`,
		"bias":       `{"model_type":"llama","attention_bias":true}`,
		"yarn":       `{"model_type":"llama","rope_scaling":{"rope_type":"yarn"}}`,
		"llama3":     `{"model_type":"llama","rope_scaling":{"rope_type":"llama3"}}`,
		"nothing":    `{"model_type":"llama"}`,
		"negative":   `{"model_type":"llama","hidden_size":-4}`,
	} {
		if _, err := readConfig(&weights.File{Name: "folder", Config: []byte(config)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func randomWithHeads(t testing.TB, n uint32) []byte {
	b := randomGGUF(t, tensor.F32, 1, 64, 4, 2, 96, 300)
	key := []byte("llama.attention.head_count")
	at := bytes.Index(b, key) + len(key) + 4
	binary.LittleEndian.PutUint32(b[at:], n)
	return b
}

func TestStepDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	m := random(t, tensor.Q8_0, Options{NoTokens: true, Threads: 2})
	defer m.Close()
	b := m.Start()
	if err := m.Prefill(context.Background(), b, someIDs(3, 40, 300)); err != nil {
		t.Fatal(err)
	}
	branches, tokens := []*Branch{b}, []int32{7}
	step := func() {
		if err := m.Step(branches, tokens); err != nil {
			t.Fatal(err)
		}
		tokens[0] = Greedy(b.Logits())
	}
	step()
	if n := testing.AllocsPerRun(200, step); n >= 1 {
		t.Errorf("%v allocations per token", n)
	}
}

func TestSampler(t *testing.T) {
	logits := []float32{1, 3, 2, -1, 3}
	if (&Sampler{}).Pick(logits) != 1 {
		t.Error("greedy does not take the first of the best")
	}
	draw := func(s Sampler) map[int32]float64 {
		s.Rand = rand.New(rand.NewPCG(1, 2))
		got := map[int32]float64{}
		for range 20000 {
			got[s.Pick(logits)] += 1.0 / 20000
		}
		return got
	}
	want := func(name string, got map[int32]float64, p map[int32]float64) {
		t.Helper()
		for id := range int32(len(logits)) {
			if math.Abs(got[id]-p[id]) > 0.015 {
				t.Errorf("%s: token %d has frequency %.3f, want %.3f", name, id, got[id], p[id])
			}
		}
	}
	e := math.Exp
	z := e(1) + 2*e(3) + e(2) + e(-1)
	want("all", draw(Sampler{Temperature: 1}), map[int32]float64{0: e(1) / z, 1: e(3) / z, 2: e(2) / z, 3: e(-1) / z, 4: e(3) / z})
	z = 2*e(6) + e(4)
	want("top 3, cold", draw(Sampler{Temperature: 0.5, TopK: 3}), map[int32]float64{1: e(6) / z, 4: e(6) / z, 2: e(4) / z})
	want("top 0.3 of top 3", draw(Sampler{Temperature: 1, TopK: 3, TopP: 0.3}), map[int32]float64{1: 1})
	want("top 0.7", draw(Sampler{Temperature: 1, TopP: 0.7}), map[int32]float64{1: 0.5, 4: 0.5})
}

// FuzzModel feeds changed model files to the loader and lets what loads read a
// text: whatever a file says, nothing may panic or run away.
func FuzzModel(f *testing.F) {
	for _, typ := range []tensor.Type{tensor.F32, tensor.Q8_0} {
		f.Add(randomGGUF(f, typ, 1, 32, 2, 1, 32, 8))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := FromBytes("fuzz", b, Options{NoTokens: true, Threads: 1})
		if err != nil {
			return
		}
		defer m.Close()
		if _, err := m.Logits(context.Background(), make([]int32, min(5, m.Config.Context))); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"llama","hidden_size":48,"num_hidden_layers":3,"num_attention_heads":6,"num_key_value_heads":2,"head_dim":16,"intermediate_size":112,"vocab_size":320,"max_position_embeddings":512,"rms_norm_eps":1e-5,"rope_parameters":{"factor":8.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":64,"rope_theta":500000.0,"rope_type":"llama3"}}`))
	f.Add([]byte(`{"model_type":"llama","rope_theta":10000,"rope_scaling":{"type":"linear","factor":2}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readConfig(&weights.File{Name: "fuzz", Config: b})
		if err == nil && c.HeadDim < 1<<12 {
			c.Frequencies()
		}
	})
}

// Several goroutines may use one model, each with its own branches.
func TestConcurrentTexts(t *testing.T) {
	m := random(t, tensor.Q8_0, Options{NoTokens: true, Threads: 2})
	defer m.Close()
	write := func(seed uint64) (ids []int32, err error) {
		b := m.Start()
		defer b.Release()
		if err = m.Prefill(context.Background(), b, someIDs(seed, 70, 300)); err != nil {
			return nil, err
		}
		err = m.Generate(context.Background(), b, 40, Greedy, func(id int32) bool {
			ids = append(ids, id)
			return true
		})
		return ids, err
	}
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		want, err := write(seed)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 3 {
					if got, err := write(seed); err != nil || !slices.Equal(got, want) {
						t.Errorf("text %d: %v %v, want %v", seed, got, err, want)
					}
				}
			}()
		}
	}
	wg.Wait()
}

func TestRanking(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	var k ranking
	for range 50 {
		x := make([]float32, 1+r.IntN(300))
		for i := range x {
			x[i] = float32(r.IntN(40))
		}
		want := make([]int, len(x))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(a, b int) int { return int(x[b] - x[a]) })
		k.reset(x)
		for i, w := range want {
			if got := k.pop(); got != w {
				t.Fatalf("place %d: %d, want %d", i, got, w)
			}
		}
	}
}
