package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Types of tokens in GGUF files.
const (
	typeNormal  = 1
	typeUnknown = 2 // stands for what no token covers
	typeControl = 3
	typeUser    = 4 // added, found in any text
	typeUnused  = 5
	typeByte    = 6 // a byte of a character that no token covers
)

// ErrTokenizer is wrapped by errors about a model's tokenizer.
var ErrTokenizer = errors.New("unusable tokenizer")

// definition is what both file formats say about a byte-level tokenizer.
type definition struct {
	tokens   []string // in visible characters; "" where an id is unused
	types    []int32
	merges   [][2]string
	split    Split
	unmerged bool
	nfc      bool
	pieces   *pieces   // of SentencePiece kinds, else nil
	scores   []float32 // of tokens, for these
	bos, eos int32
	ends     []int32 // others that end a text
	addBOS   bool
	template string
}

// FromFile makes the tokenizer of a decoder: from the metadata of a GGUF file
// or the tokenizer.json of a safetensors folder.
func FromFile(f *weights.File) (*Tokenizer, error) {
	if f.Tokenizer != nil {
		t, err := FromJSON(f.Tokenizer, f.TokenizerConfig)
		if err != nil {
			return nil, fmt.Errorf("%s: tokenizer.json: %w", f.Name, err)
		}
		return t, nil
	}
	t, err := FromMetadata(f.Meta)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return t, nil
}

// FromMetadata makes a tokenizer from the keys tokenizer.ggml.*.
func FromMetadata(m weights.Metadata) (*Tokenizer, error) {
	d := definition{
		tokens: m.Strings("tokenizer.ggml.tokens"), types: m.Ints("tokenizer.ggml.token_type"), bos: -1, eos: -1,
		addBOS: m.Bool("tokenizer.ggml.add_bos_token", false), template: m.String("tokenizer.chat_template"),
	}
	switch kind := m.String("tokenizer.ggml.model"); kind {
	case "":
		return nil, fmt.Errorf("the model has no tokenizer (tokenizer.ggml.model): use a complete GGUF file: %w", ErrTokenizer)
	case "gpt2":
		switch pre := m.String("tokenizer.ggml.pre"); pre {
		case "gpt-2", "gpt2", "default", "":
			d.split = GPT2
		case "smollm":
			d.split = SmolLM
		case "llama-bpe", "llama3", "llama-v3":
			d.split, d.unmerged = Llama3, true
			d.addBOS = m.Bool("tokenizer.ggml.add_bos_token", true)
		case "qwen2", "deepseek-r1-qwen":
			d.split = Qwen2
		default:
			return nil, fmt.Errorf("pre-tokenizer (tokenizer.ggml.pre) %q is not supported, only gpt-2, smollm, llama-bpe and qwen2: %w", pre, ErrTokenizer)
		}
		for _, line := range m.Strings("tokenizer.ggml.merges") {
			a, b, ok := strings.Cut(line, " ")
			if !ok {
				return nil, fmt.Errorf("merge %q is not two symbols with a space between: %w", line, ErrTokenizer)
			}
			d.merges = append(d.merges, [2]string{a, b})
		}
	case "llama", "t5":
		d.scores = m.Floats("tokenizer.ggml.scores")
		if len(d.scores) != len(d.tokens) {
			return nil, fmt.Errorf("%d tokens with %d scores: the file is incomplete: %w", len(d.tokens), len(d.scores), ErrTokenizer)
		}
		d.pieces = &pieces{unigram: kind == "t5", prefix: m.Bool("tokenizer.ggml.add_space_prefix", true), squeeze: m.Bool("tokenizer.ggml.remove_extra_whitespaces", false)}
		if kind == "t5" {
			d.pieces.squeeze = m.Bool("tokenizer.ggml.remove_extra_whitespaces", true)
		}
		d.addBOS = m.Bool("tokenizer.ggml.add_bos_token", kind == "llama")
		if b := m.Bytes("tokenizer.ggml.precompiled_charsmap"); len(b) > 0 {
			c, err := readCharsMap(b)
			if err != nil {
				return nil, err
			}
			d.pieces.normal = append(d.pieces.normal, c.replace)
		}
	default:
		return nil, fmt.Errorf("tokenizer model (tokenizer.ggml.model) %q is not supported, only gpt2, llama and t5: %w", kind, ErrTokenizer)
	}
	for key, to := range map[string]*int32{"bos": &d.bos, "eos": &d.eos} {
		if id, ok := m.Int("tokenizer.ggml." + key + "_token_id"); ok {
			*to = int32(id)
		}
	}
	for _, key := range []string{"eot", "eom"} {
		if id, ok := m.Int("tokenizer.ggml." + key + "_token_id"); ok {
			d.ends = append(d.ends, int32(id))
		}
	}
	if d.bos < 0 {
		d.addBOS = false
	}
	return d.build()
}

func (d *definition) build() (*Tokenizer, error) {
	n := len(d.tokens)
	if n == 0 || len(d.types) != n && len(d.types) != 0 {
		return nil, fmt.Errorf("%d tokens with %d types: the file is incomplete: %w", n, len(d.types), ErrTokenizer)
	}
	if d.pieces != nil {
		return d.buildPieces()
	}
	t := &Tokenizer{
		Vocabulary: Vocabulary{bytes: make([][]byte, n), control: make([]bool, n)}, Split: d.split, Bos: d.bos, Eos: d.eos,
		AddBOS: d.addBOS, Template: d.template, unmerged: d.unmerged, nfc: d.nfc, merges: make(map[uint64]merge, len(d.merges)), ids: make(map[string]int32, n), whole: make([]bool, n),
	}
	for i := range t.base {
		t.base[i] = -1
	}
	names := make(map[string]int32, n)
	for i, s := range d.tokens {
		id := int32(i)
		typ := int32(typeNormal)
		if len(d.types) > 0 {
			typ = d.types[i]
		}
		names[s] = id
		b, ok := raw(s)
		switch {
		case typ == typeControl:
			t.control[i] = true
			t.marks.names, t.marks.ids = append(t.marks.names, s), append(t.marks.ids, id)
			b = []byte(s)
		case typ == typeUser:
			t.always.names, t.always.ids = append(t.always.names, s), append(t.always.ids, id)
			b = []byte(s)
		case !ok:
			b = []byte(s)
		default:
			t.ids[string(b)] = id
			if len(b) == 1 {
				t.base[b[0]] = id
			}
		}
		t.bytes[i] = b
	}
	if len(t.ids) == 0 {
		return nil, fmt.Errorf("no token stands for any bytes: %w", ErrTokenizer)
	}
	for rank, m := range d.merges {
		a, ok1 := names[m[0]]
		b, ok2 := names[m[1]]
		c, ok3 := names[m[0]+m[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("merge %d, %q + %q: a part or the result is not in the vocabulary: %w", rank, m[0], m[1], ErrTokenizer)
		}
		t.pairs = append(t.pairs, [2]int32{a, b})
		if _, twice := t.merges[pairKey(a, b)]; !twice {
			t.merges[pairKey(a, b)] = merge{int32(rank), c}
		}
	}
	if err := t.finish(d); err != nil {
		return nil, err
	}
	t.findWhole()
	return t, nil
}

// finish checks and completes what all kinds of tokenizers have.
func (t *Tokenizer) finish(d *definition) error {
	n := int32(t.Size())
	for _, id := range d.ends {
		if id != t.Eos {
			t.ends = append(t.ends, id)
		}
	}
	for _, id := range append([]int32{max(0, t.Bos)}, t.Ends()...) {
		if id < 0 || id >= n {
			return fmt.Errorf("begin mark %d or end mark %d is not one of the %d tokens: %w", t.Bos, id, n, ErrTokenizer)
		}
	}
	if t.AddBOS && t.Bos < 0 {
		return fmt.Errorf("texts shall have a begin mark, but none is named: %w", ErrTokenizer)
	}
	t.marks.ready()
	t.always.ready()
	return nil
}

// findWhole marks the tokens that merging their own bytes reaches: then a piece
// of text that is such a token needs no merging. A token made by the pair (a,b)
// is reached unless merging its bytes crosses the border between a and b, so
// the merging is simply done.
func (t *Tokenizer) findWhole() {
	var ids []int32
	for s, id := range t.ids {
		if len(s) > longPiece {
			continue
		}
		ids = ids[:0]
		for i := range len(s) {
			if b := t.base[s[i]]; b >= 0 {
				ids = append(ids, b)
			}
		}
		m := t.mergeShort(ids)
		t.whole[id] = len(m) == 1 && m[0] == id
	}
}

func (m *marks) ready() {
	order := make([]int, len(m.names))
	for i := range order {
		order[i] = i
		if len(m.names[i]) > 0 {
			m.first[m.names[i][0]] = true
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(m.names[b]) - len(m.names[a]) })
	sorted := marks{first: m.first}
	for _, i := range order {
		if m.names[i] != "" {
			sorted.names, sorted.ids = append(sorted.names, m.names[i]), append(sorted.ids, m.ids[i])
		}
	}
	*m = sorted
}

// Save stores a byte-level tokenizer in the metadata of a GGUF file, from which
// FromMetadata makes it again.
func (t *Tokenizer) Save(w *weights.Writer) error {
	if t.pieces != nil {
		return fmt.Errorf("only byte-level tokenizers are written: %w", ErrTokenizer)
	}
	tokens, types := make([]string, t.Size()), make([]int32, t.Size())
	for i, b := range t.bytes {
		tokens[i], types[i] = visible(b), typeNormal
		if t.control[i] {
			tokens[i], types[i] = string(b), typeControl
		} else if slices.Contains(t.always.ids, int32(i)) {
			tokens[i], types[i] = string(b), typeUser
		}
	}
	merges := make([]string, len(t.pairs))
	for i, p := range t.pairs {
		merges[i] = visible(t.bytes[p[0]]) + " " + visible(t.bytes[p[1]])
	}
	var err error
	set := func(key string, v any) {
		if err == nil {
			err = w.Set("tokenizer.ggml."+key, v)
		}
	}
	set("model", "gpt2")
	set("pre", string(t.Split))
	set("tokens", tokens)
	set("token_type", types)
	set("merges", merges)
	if t.Bos >= 0 {
		set("bos_token_id", uint32(t.Bos))
	}
	if t.Eos >= 0 {
		set("eos_token_id", uint32(t.Eos))
	}
	set("add_bos_token", t.AddBOS)
	if t.Template != "" && err == nil {
		err = w.Set("tokenizer.chat_template", t.Template)
	}
	return err
}
