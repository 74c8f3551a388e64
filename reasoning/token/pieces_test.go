package token

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

type pieceSample struct {
	Text    string
	IDs     []int32
	Decoded *string
}

func readPieces(t testing.TB, name string, v any) {
	b, err := os.ReadFile(filepath.Join("testdata", "pieces", name))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func checkSamples(t *testing.T, tk *Tokenizer, samples []pieceSample) {
	t.Helper()
	for _, s := range samples {
		ids := tk.Encode(s.Text)
		if !slices.Equal(ids, s.IDs) {
			t.Errorf("%q: %v, want %v", s.Text, ids, s.IDs)
		}
		if s.Decoded != nil && !strings.Contains(s.Text, "\u2581") {
			// The other program writes an unknown piece as U+2047 between spaces.
			want := strings.ReplaceAll(*s.Decoded, " \u2047 ", "<unk>")
			if got := tk.Decode(ids); got != want {
				t.Errorf("%q came back as %q, want %q", s.Text, got, want)
			}
		}
	}
}

// ggufPieces makes the metadata that a GGUF file has for a model of the
// SentencePiece kind.
func ggufPieces(t testing.TB, name string) (weights.Metadata, []pieceSample) {
	var in struct {
		Tokens  []string
		Types   []int32
		Scores  []float32
		Squeeze bool
		Samples []pieceSample
	}
	readPieces(t, name+".json", &in)
	m := weights.Metadata{
		"tokenizer.ggml.model": name, "tokenizer.ggml.tokens": in.Tokens, "tokenizer.ggml.token_type": in.Types, "tokenizer.ggml.scores": in.Scores,
		"tokenizer.ggml.bos_token_id": uint32(1), "tokenizer.ggml.eos_token_id": uint32(2), "tokenizer.ggml.remove_extra_whitespaces": in.Squeeze,
	}
	if name == "t5" {
		var u struct {
			Tokenizer struct {
				Normalizer struct {
					Normalizers []struct {
						CharsMap string `json:"precompiled_charsmap"`
					} `json:"normalizers"`
				} `json:"normalizer"`
			} `json:"tokenizer"`
		}
		readPieces(t, "unigram.tokenizer.json", &u)
		b, err := base64.StdEncoding.DecodeString(u.Tokenizer.Normalizer.Normalizers[0].CharsMap)
		if err != nil {
			t.Fatal(err)
		}
		m["tokenizer.ggml.precompiled_charsmap"] = b
	}
	return m, in.Samples
}

func TestPiecesFromMetadata(t *testing.T) {
	for _, name := range []string{"llama", "t5"} {
		t.Run(name, func(t *testing.T) {
			m, samples := ggufPieces(t, name)
			tk, err := FromMetadata(m)
			if err != nil {
				t.Fatal(err)
			}
			checkSamples(t, tk, samples)
			if tk.AddBOS != (name == "llama") || tk.Bos != 1 || !slices.Equal(tk.Ends(), []int32{2}) {
				t.Errorf("begin mark %d, added %v, ends %v", tk.Bos, tk.AddBOS, tk.Ends())
			}
		})
	}
}

func TestPiecesFromJSON(t *testing.T) {
	for _, name := range []string{"bpe", "unigram"} {
		t.Run(name, func(t *testing.T) {
			var in struct {
				Tokenizer json.RawMessage
				Samples   []pieceSample
			}
			readPieces(t, name+".tokenizer.json", &in)
			tk, err := FromJSON(in.Tokenizer, []byte(`{"eos_token":{"content":"</s>"},"chat_template":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			checkSamples(t, tk, in.Samples)
			if tk.Eos != 2 || tk.Template != "x" || tk.AddBOS != (name == "bpe") {
				t.Errorf("end mark %d, template %q, begin mark added %v", tk.Eos, tk.Template, tk.AddBOS)
			}
		})
	}
}

// The begin mark comes once, and text that spells it is text.
func TestOneBeginMark(t *testing.T) {
	m, _ := ggufPieces(t, "llama")
	tk, err := FromMetadata(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"ab", "<s>ab", ""} {
		ids := tk.Prompt(s)
		n := 0
		for _, id := range ids {
			if id == tk.Bos {
				n++
			}
		}
		if n != 1 || ids[0] != tk.Bos {
			t.Errorf("%q: %v", s, ids)
		}
	}
	if ids := tk.EncodeSpecial("a</s>b"); !slices.Contains(ids, 2) {
		t.Errorf("control token not seen in %v", ids)
	}
}

func TestReadCharsMapRefuses(t *testing.T) {
	for _, b := range []string{"", "\x01", "\xff\xff\xff\xff", "\x08\x00\x00\x00abcd", "\x00\x00\x00\x00"} {
		if _, err := readCharsMap([]byte(b)); err == nil {
			t.Errorf("%q: no error", b)
		}
	}
}

// With a token for every byte nothing is lost, whatever the text.
func FuzzPieces(f *testing.F) {
	m, samples := ggufPieces(f, "llama")
	tk, err := FromMetadata(m)
	if err != nil {
		f.Fatal(err)
	}
	u, _ := ggufPieces(f, "t5")
	uni, err := FromMetadata(u)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range samples {
		f.Add(s.Text)
	}
	f.Add("\xff\xfe \u2581")
	f.Fuzz(func(t *testing.T, s string) {
		want := s
		if !utf8.ValidString(s) {
			want = replaceInvalid(s)
		}
		want = strings.ReplaceAll(want, "\u2581", " ") // that is what a space is written as
		if got := tk.Decode(tk.Encode(s)); got != want {
			t.Fatalf("%q became %q", s, got)
		}
		for _, id := range uni.Encode(s) {
			if id < 0 || int(id) >= uni.Size() {
				t.Fatalf("%q: token %d", s, id)
			}
		}
	})
}

func FuzzCharsMap(f *testing.F) {
	f.Add([]byte("\x08\x00\x00\x00\x00\x04\x00\x00\x61\x05\x00\x00b\x00"), "abc")
	f.Fuzz(func(_ *testing.T, b []byte, s string) {
		if c, err := readCharsMap(b); err == nil {
			c.replace(s)
		}
	})
}
