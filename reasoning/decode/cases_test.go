package decode

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// reported returns a case of the collection of reported bugs.
func reported(t *testing.T, id string) (input, expect map[string]json.RawMessage) {
	f, err := os.Open(filepath.Join(shared.Dir(t), "cases", "app.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var c struct {
			ID            string
			Input, Expect map[string]json.RawMessage
		}
		if !strings.Contains(s.Text(), `"`+id+`"`) || json.Unmarshal(s.Bytes(), &c) != nil || c.ID != id {
			continue
		}
		return c.Input, c.Expect
	}
	t.Fatalf("no case %s", id)
	return nil, nil
}

func field[T any](t *testing.T, m map[string]json.RawMessage, key string) (v T) {
	t.Helper()
	if err := json.Unmarshal(m[key], &v); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return v
}

// Headers made to break readers: shapes that wrap around, offsets beyond the
// file, alignments of zero.
func TestReportedBrokenHeaders(t *testing.T) {
	for _, id := range []string{"app-ml-02", "app-ml-03"} {
		in, expect := reported(t, id)
		for name, text := range field[map[string]string](t, in, "files_hex") {
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			f, err := weights.FromBytes(name, b)
			if err == nil {
				if m := f.Tensor("token_embd.weight"); m != nil {
					m.Floats() // must not read outside the file
				}
			}
			want := string(expect[name])
			switch {
			case want == "": // "others": an error that names what is wrong
				if err == nil {
					t.Errorf("%s: %s opens", id, name)
				} else if id == "app-ml-02" && !strings.Contains(err.Error(), "token_embd.weight") && !strings.Contains(name, "nul") {
					t.Errorf("%s: %s: the tensor is not named: %v", id, name, err)
				} else if id == "app-ml-03" && !strings.Contains(err.Error(), "general.alignment") {
					t.Errorf("%s: %s: the key is not named: %v", id, name, err)
				}
			case strings.HasPrefix(want, `"opens`):
				if err != nil {
					t.Errorf("%s: %s: %v", id, name, err)
				}
			}
		}
	}
}

func TestReportedBlocks(t *testing.T) {
	in, expect := reported(t, "app-ml-05")
	blocks := field[[]struct{ Type, Hex string }](t, in, "blocks")
	values := field[[][]float32](t, expect, "values")
	for i, b := range blocks {
		ty := map[string]tensor.Type{"Q8_0": tensor.Q8_0, "Q4_0": tensor.Q4_0, "Q4_1": tensor.Q4_1}[b.Type]
		src, err := hex.DecodeString(b.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 32)
		tensor.Dequantize(ty, got, src)
		if !slices.Equal(got, values[i]) {
			t.Errorf("%s: %v, want %v", b.Type, got, values[i])
		}
	}
}

func reportedModel(t *testing.T, in map[string]json.RawMessage, key string) (*Model, error) {
	b, err := base64.StdEncoding.DecodeString(field[string](t, in, key))
	if err != nil {
		t.Fatal(err)
	}
	return FromBytes(key, b, Options{SingleKV: true})
}

// The order of rows, and rows that no token belongs to.
func TestReportedModels(t *testing.T) {
	in, expect := reported(t, "app-ml-07")
	prompt := field[[]int32](t, in, "prompt_ids")
	m, err := reportedModel(t, in, "model.gguf_b64")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	got, err := m.Logits(context.Background(), prompt)
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config.Vocab
	want := field[[]float32](t, expect, "last_logits")
	if e, _ := worst(got[len(got)-v:], want); e > 1e-4 || len(want) != v {
		t.Errorf("logits off by %g", e)
	}
	for p, best := range field[[]int32](t, expect, "argmax_per_position") {
		if g := Greedy(got[p*v : (p+1)*v]); g != best {
			t.Errorf("position %d: %d, want %d", p, g, best)
		}
	}

	in, expect = reported(t, "app-ml-16")
	if _, err := reportedModel(t, in, "a_more_tokens_than_rows_b64"); err == nil || !strings.Contains(err.Error(), "token_embd.weight") || !strings.Contains(err.Error(), "17 tokens") || !strings.Contains(err.Error(), "16 rows") {
		t.Errorf("17 tokens for 16 rows: %v", err)
	}
	m, err = reportedModel(t, in, "b_padded_rows_b64")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got, err = m.Logits(context.Background(), field[[]int32](t, in, "prompt_ids")); err != nil {
		t.Fatal(err)
	}
	want = field[[]float32](t, expect, "b_last_logits_0_15")
	if e, _ := worst(got[len(got)-m.Config.Vocab:], want); e > 1e-4 || m.Config.Vocab != 16 {
		t.Errorf("padded rows: logits of %d tokens, off by %g", m.Config.Vocab, e)
	}
}

// A user who writes marks writes text.
func TestReportedForgedMarks(t *testing.T) {
	in, expect := reported(t, "app-ml-10")
	m := smollm(t)
	var messages []token.Message
	for _, x := range field[[]struct{ Role, Content string }](t, in, "messages") {
		messages = append(messages, token.Message{Role: x.Role, Content: x.Content})
	}
	_, ids, err := m.Tokenizer.Chat(messages, true)
	if err != nil {
		t.Fatal(err)
	}
	for id, key := range map[int32]string{1: "count_of_id_1", 2: "count_of_id_2"} {
		n := 0
		for _, x := range ids {
			if x == id {
				n++
			}
		}
		if want := field[int](t, expect, key); n != want {
			t.Errorf("token %d occurs %d times, want %d", id, n, want)
		}
	}
	content := field[[]int32](t, expect, "ids_of_user_content")
	if got := m.Tokenizer.Encode(messages[1].Content); !slices.Equal(got, content) {
		t.Errorf("content %v, want %v", got, content)
	}
}

// All end marks that any part of a model names count.
func TestReportedEnds(t *testing.T) {
	in, _ := reported(t, "app-ml-17")
	declared := field[map[string]json.RawMessage](t, in, "declared")
	b := randomGGUF(t, tensor.F32, 1, 32, 2, 2, 32, 16)
	f, err := weights.FromBytes("m", b)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, 16)
	for i := range tokens {
		tokens[i] = string(rune('a' + i))
	}
	f.Meta["tokenizer.ggml.model"], f.Meta["tokenizer.ggml.tokens"] = "gpt2", tokens
	f.Meta["tokenizer.ggml.eos_token_id"] = uint32(field[int](t, declared, "tokenizer.ggml.eos_token_id"))
	f.Meta["tokenizer.ggml.eot_token_id"] = uint32(field[int](t, declared, "tokenizer.ggml.eot_token_id"))
	f.Generation = declared["generation_config.json"]
	m, err := fromFile(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ends := slices.Clone(m.Ends())
	if slices.Sort(ends); !slices.Equal(ends, []int32{2, 7, 9}) {
		t.Errorf("end marks %v, want 2, 7 and 9", ends)
	}
}

// Numbers that are none are found before they spoil an answer, with the name of
// the tensor.
func TestNaNInWeights(t *testing.T) {
	for _, typ := range []tensor.Type{tensor.F32, tensor.F16, tensor.BF16, tensor.Q8_0} {
		b := randomGGUF(t, typ, 2, 64, 4, 2, 96, 300)
		f, err := weights.FromBytes("m", b)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"blk.1.ffn_down.weight", "token_embd.weight", "output_norm.weight"} {
			w := f.Tensor(name)
			_, size := w.Type.Block()
			at := len(w.Data) / size / 2 * size
			old := slices.Clone(w.Data[at : at+size])
			for i := range min(size, 4) {
				w.Data[at+i] = 0xff
			}
			_, err := FromBytes("m", b, Options{NoTokens: true})
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v: NaN in %s: %v", typ, name, err)
			}
			copy(w.Data[at:], old)
		}
	}
}
