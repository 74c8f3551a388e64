package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Types of tokens in GGUF files.
const (
	typeNormal  = 1
	typeControl = 3
	typeUser    = 4 // added, found in any text
)

// ErrTokenizer is wrapped by errors about a model's tokenizer.
var ErrTokenizer = errors.New("unusable tokenizer")

// definition is what both file formats say about a byte-level tokenizer.
type definition struct {
	tokens   []string // in visible characters; "" where an id is unused
	types    []int32
	merges   [][2]string
	split    Split
	bos, eos int32
	addBOS   bool
	template string
}

// FromFile makes the tokenizer of a decoder: from the metadata of a GGUF file
// or the tokenizer.json of a safetensors folder.
func FromFile(f *weights.File) (*BPE, error) {
	if f.Tokenizer != nil {
		t, err := FromJSON(f.Tokenizer)
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
func FromMetadata(m weights.Metadata) (*BPE, error) {
	if kind := m.String("tokenizer.ggml.model"); kind != "gpt2" {
		if kind == "" {
			return nil, fmt.Errorf("the model has no tokenizer (tokenizer.ggml.model): use a complete GGUF file: %w", ErrTokenizer)
		}
		return nil, fmt.Errorf("tokenizer model %q is not supported, only byte-level BPE (gpt2): use a model of the Llama 3 or SmolLM family: %w", kind, ErrTokenizer)
	}
	d := definition{
		tokens: m.Strings("tokenizer.ggml.tokens"), types: m.Ints("tokenizer.ggml.token_type"), bos: -1, eos: -1,
		addBOS: m.Bool("tokenizer.ggml.add_bos_token", false), template: m.String("tokenizer.chat_template"),
	}
	switch pre := m.String("tokenizer.ggml.pre"); pre {
	case "gpt-2", "gpt2", "default", "":
		d.split = GPT2
	case "smollm":
		d.split = SmolLM
	case "llama-bpe", "llama3", "llama-v3":
		d.split = Llama3
		d.addBOS = m.Bool("tokenizer.ggml.add_bos_token", true)
	default:
		return nil, fmt.Errorf("pre-tokenizer %q is not supported, only gpt-2, smollm and llama-bpe: %w", pre, ErrTokenizer)
	}
	for _, line := range m.Strings("tokenizer.ggml.merges") {
		a, b, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("merge %q is not two symbols with a space between: %w", line, ErrTokenizer)
		}
		d.merges = append(d.merges, [2]string{a, b})
	}
	if id, ok := m.Int("tokenizer.ggml.bos_token_id"); ok {
		d.bos = int32(id)
	}
	if id, ok := m.Int("tokenizer.ggml.eos_token_id"); ok {
		d.eos = int32(id)
	}
	return d.build()
}

// FromJSON makes a tokenizer from tokenizer.json.
func FromJSON(b []byte) (*BPE, error) {
	var in struct {
		Added []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
		Pre   json.RawMessage `json:"pre_tokenizer"`
		Post  json.RawMessage `json:"post_processor"`
		Model struct {
			Type   string            `json:"type"`
			Vocab  map[string]int32  `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrTokenizer)
	}
	if in.Model.Type != "BPE" {
		return nil, fmt.Errorf("tokenizer type %q is not supported, only BPE: %w", in.Model.Type, ErrTokenizer)
	}
	pre := string(in.Pre)
	d := definition{bos: -1, eos: -1}
	switch {
	case strings.Contains(pre, `\\p{N}{1,3}`):
		d.split = Llama3
	case strings.Contains(pre, `"Digits"`) && strings.Contains(pre, `"ByteLevel"`):
		d.split = SmolLM
	case strings.Contains(pre, `"ByteLevel"`):
		d.split = GPT2
	default:
		return nil, fmt.Errorf("pre-tokenizer %.80s is not supported, only byte-level ones: %w", pre, ErrTokenizer)
	}
	size := int32(0)
	limit := int32(len(in.Model.Vocab) + len(in.Added))
	for s, id := range in.Model.Vocab {
		if id < 0 || id >= limit {
			return nil, fmt.Errorf("token %q has id %d, but there are only %d tokens: %w", s, id, limit, ErrTokenizer)
		}
		size = max(size, id+1)
	}
	for _, a := range in.Added {
		if a.ID < 0 || a.ID >= limit {
			return nil, fmt.Errorf("token %q has id %d, but there are only %d tokens: %w", a.Content, a.ID, limit, ErrTokenizer)
		}
		size = max(size, a.ID+1)
	}
	d.tokens, d.types = make([]string, size), make([]int32, size)
	for s, id := range in.Model.Vocab {
		d.tokens[id], d.types[id] = s, typeNormal
	}
	for _, a := range in.Added {
		d.tokens[a.ID], d.types[a.ID] = a.Content, typeUser
		if a.Special {
			d.types[a.ID] = typeControl
		}
	}
	for i, m := range in.Model.Merges {
		var pair [2]string
		var line string
		if json.Unmarshal(m, &pair) != nil {
			json.Unmarshal(m, &line) // stays empty if it is not text either
			var ok bool
			if pair[0], pair[1], ok = strings.Cut(line, " "); !ok {
				return nil, fmt.Errorf("merge %d (%.80s) is not a pair of symbols: %w", i, m, ErrTokenizer)
			}
		}
		d.merges = append(d.merges, pair)
	}
	var post struct {
		Type   string `json:"type"`
		Single []struct {
			Special *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
		} `json:"single"`
		Processors []json.RawMessage `json:"processors"`
	}
	json.Unmarshal(in.Post, &post) // absent or of another shape: no begin mark
	for _, p := range post.Processors {
		if strings.Contains(string(p), `"TemplateProcessing"`) {
			json.Unmarshal(p, &post)
		}
	}
	if len(post.Single) > 0 && post.Single[0].Special != nil {
		if i := slices.Index(d.tokens, post.Single[0].Special.ID); i >= 0 {
			d.bos, d.addBOS = int32(i), true
		}
	}
	return d.build()
}

func (d *definition) build() (*BPE, error) {
	n := len(d.tokens)
	if n == 0 || len(d.types) != n && len(d.types) != 0 {
		return nil, fmt.Errorf("%d tokens with %d types: the file is incomplete: %w", n, len(d.types), ErrTokenizer)
	}
	t := &BPE{
		Vocabulary: Vocabulary{bytes: make([][]byte, n), control: make([]bool, n)}, Split: d.split, Bos: d.bos, Eos: d.eos,
		AddBOS: d.addBOS, Template: d.template, merges: make(map[uint64]merge, len(d.merges)), ids: make(map[string]int32, n), whole: make([]bool, n),
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
	if t.Bos >= int32(n) || t.Eos >= int32(n) || t.AddBOS && t.Bos < 0 {
		return nil, fmt.Errorf("begin mark %d or end mark %d is not one of the %d tokens: %w", t.Bos, t.Eos, n, ErrTokenizer)
	}
	t.marks.ready()
	t.always.ready()
	t.findWhole()
	return t, nil
}

// findWhole marks the tokens that merging their own bytes reaches: then a piece
// of text that is such a token needs no merging. A token made by the pair (a,b)
// is reached unless merging its bytes crosses the border between a and b, so
// the merging is simply done.
func (t *BPE) findWhole() {
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

// Save stores the tokenizer in the metadata of a GGUF file, from which
// FromMetadata makes it again.
func (t *BPE) Save(w *weights.Writer) error {
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
