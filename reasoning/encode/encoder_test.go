package encode

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

func minilmPath(t testing.TB) string {
	return filepath.Join(shared.Dir(t), "models", "minilm", "all-minilm-l6-v2-q8_0-emb-q5_1.gguf")
}

func minilm(t testing.TB, threads int) *Encoder {
	e, err := Open(minilmPath(t), threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

type golden struct {
	Text   string
	IDs    []int32
	Stored []float32
	Hidden [][]float32 `json:"hidden_cls_per_layer_stored"`
}

func goldens(t testing.TB) (all []golden) {
	b, err := os.ReadFile(filepath.Join(shared.Dir(t), "models", "goldens", "embeddings.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var g golden
		if err := json.Unmarshal(s.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

func TestEmbeddingGoldens(t *testing.T) {
	e := minilm(t, 2)
	gs := goldens(t)
	var texts []string
	for _, g := range gs {
		texts = append(texts, g.Text)
	}
	lowest := 1.0
	for i, v := range e.Embed(texts) {
		cos, length := float64(cpu.Dot(v, gs[i].Stored)), float64(cpu.Dot(v, v))
		lowest = min(lowest, cos)
		if !(cos >= 0.99999) || math.Abs(length-1) > 1e-5 {
			t.Errorf("%.40q: cosine %v, squared length %v", gs[i].Text, cos, length)
		}
	}
	t.Logf("lowest cosine of %d texts: %.8f", len(gs), lowest)

	data, err := os.ReadFile(minilmPath(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := FromBytes("embedded", data, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !slices.Equal(m.Embed(texts[3:4])[0], e.Embed(texts[3:4])[0]) {
		t.Error("from memory the vectors are others than from the file")
	}
}

func TestEveryLayer(t *testing.T) {
	e := minilm(t, 1)
	for _, g := range goldens(t) {
		if g.Hidden == nil {
			continue
		}
		r := newRun(e)
		seen := 0
		r.probe = func(layer int) {
			for c, want := range g.Hidden[layer+1] {
				if d := math.Abs(float64(r.x[c] - want)); d > 1e-4 {
					t.Fatalf("after layer %d channel %d is off by %g", layer, c, d)
				}
			}
			seen++
		}
		r.ids, r.ends = g.IDs, []int{len(g.IDs)}
		r.forward()
		if seen != 7 {
			t.Errorf("%d states seen", seen)
		}
	}
}

// A text's vector does not depend on its company or on the threads.
func TestCompanyDoesNotMatter(t *testing.T) {
	e := minilm(t, 2)
	texts := []string{"", "who directed this film", strings.Repeat("long text of many words ", 60), "a", "film director"}
	for range 40 {
		texts = append(texts, texts[:5]...)
		if len(texts) > 90 {
			break
		}
	}
	all := e.Embed(texts)
	var wg sync.WaitGroup
	for i, s := range texts[:5] {
		wg.Add(1)
		go func() {
			defer wg.Done()
			alone := e.Embed([]string{s})[0]
			for j := i; j < len(texts); j += 5 {
				if c := cpu.Dot(alone, all[j]); c < 0.999999 {
					t.Errorf("%.20q: cosine %v between the vector alone and in company", s, c)
				}
			}
		}()
	}
	wg.Wait()
	if got := e.Embed(nil); len(got) != 0 {
		t.Errorf("no texts: %d vectors", len(got))
	}
}

// small makes a complete little encoder through our own writer.
func small(t testing.TB, change func(w *weights.Writer)) []byte {
	var w weights.Writer
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for k, v := range map[string]any{
		"general.architecture": "bert", "bert.embedding_length": uint32(32), "bert.attention.head_count": uint32(1),
		"bert.feed_forward_length": uint32(64), "bert.block_count": uint32(1), "bert.context_length": uint32(16),
		"bert.attention.layer_norm_epsilon": float32(1e-12), "bert.pooling_type": uint32(1),
		"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": []string{"[CLS]", "[SEP]", "[UNK]", "\u2581a"},
		"tokenizer.ggml.token_type": []int32{3, 3, 3, 1}, "tokenizer.ggml.cls_token_id": uint32(0),
		"tokenizer.ggml.seperator_token_id": uint32(1), "tokenizer.ggml.unknown_token_id": uint32(2),
	} {
		must(w.Set(k, v))
	}
	add := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.Sin(float64(i*7 + len(name))))
		}
		must(w.Add(name, tensor.F32, x, shape...))
	}
	add("token_embd.weight", 4, 32)
	add("position_embd.weight", 16, 32)
	add("token_types.weight", 2, 32)
	for _, n := range []string{"token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"} {
		add(n+".weight", 32)
		add(n+".bias", 32)
	}
	for _, n := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		add("blk.0."+n+".weight", 32, 32)
		add("blk.0."+n+".bias", 32)
	}
	add("blk.0.ffn_up.weight", 64, 32)
	add("blk.0.ffn_up.bias", 64)
	add("blk.0.ffn_down.weight", 32, 64)
	add("blk.0.ffn_down.bias", 32)
	change(&w)
	var b bytes.Buffer
	_, err := w.WriteTo(&b)
	must(err)
	return b.Bytes()
}

func TestBadEncoders(t *testing.T) {
	e, err := FromBytes("small", small(t, func(*weights.Writer) {}), 1)
	if err != nil {
		t.Fatal(err)
	}
	if v := e.Embed([]string{"a a", strings.Repeat("a ", 100)}); len(v) != 2 || len(v[0]) != e.Dim() {
		t.Errorf("%d vectors", len(v))
	}
	e.Close()
	set := func(key string, v any) func(w *weights.Writer) {
		return func(w *weights.Writer) { w.Set(key, v) }
	}
	for name, change := range map[string]func(w *weights.Writer){
		"architecture": set("general.architecture", "llama"),
		"pooling":      set("bert.pooling_type", uint32(2)),
		"causal":       set("bert.attention.causal", true),
		"heads":        set("bert.attention.head_count", uint32(3)),
		"no width":     set("bert.embedding_length", uint32(0)),
		"layers":       set("bert.block_count", uint32(2)),
		"tokenizer":    set("tokenizer.ggml.model", "gpt2"),
		"shape":        set("bert.feed_forward_length", uint32(96)),
	} {
		if e, err := FromBytes("bad.gguf", small(t, change), 1); err == nil {
			e.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "bad.gguf") {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
}

func BenchmarkEmbed(b *testing.B) {
	relations := make([]string, 200)
	for i := range relations {
		relations[i] = []string{"directed by", "place of birth", "film release date", "starring actor", "spouse of the author", "number of employees"}[i%6]
	}
	for _, threads := range []int{1, 2} {
		e := minilm(b, threads)
		for _, n := range []int{1, 50, 200} {
			b.Run(fmt.Sprintf("threads=%d/texts=%d", threads, n), func(b *testing.B) {
				for b.Loop() {
					e.Embed(relations[:n])
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "texts/s")
			})
		}
	}
}
