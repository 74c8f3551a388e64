package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// jsonFile is tokenizer.json, as far as it matters here.
type jsonFile struct {
	Added []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer *jsonStep       `json:"normalizer"`
	Pre        *jsonStep       `json:"pre_tokenizer"`
	Post       json.RawMessage `json:"post_processor"`
	Model      struct {
		Type         string            `json:"type"`
		Vocab        json.RawMessage   `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
		Unknown      *string           `json:"unk_token"`
		UnknownID    *int32            `json:"unk_id"`
		Fallback     bool              `json:"byte_fallback"`
		IgnoreMerges bool              `json:"ignore_merges"`
		Prefix       string            `json:"continuing_subword_prefix"`
		Suffix       string            `json:"end_of_word_suffix"`
	} `json:"model"`
}

// jsonStep is a normalizer or a pre-tokenizer; steps of steps come in a
// Sequence.
type jsonStep struct {
	Type        string      `json:"type"`
	Normalizers []*jsonStep `json:"normalizers"`
	Pres        []*jsonStep `json:"pretokenizers"`
	Pattern     struct {
		String *string
		Regex  *string
	} `json:"pattern"`
	Content       string  `json:"content"`
	Prepend       string  `json:"prepend"`
	CharsMap      []byte  `json:"precompiled_charsmap"`
	Individual    bool    `json:"individual_digits"`
	AddPrefix     *bool   `json:"add_prefix_space"`
	PrependScheme string  `json:"prepend_scheme"`
	Split         *bool   `json:"split"`
	UseRegex      *bool   `json:"use_regex"`
	Behavior      string  `json:"behavior"`
	Left          *bool   `json:"strip_left"`
	Right         *bool   `json:"strip_right"`
	Replacement   *string `json:"replacement"`
}

// all returns the steps of a step in order.
func (s *jsonStep) all() []*jsonStep {
	switch {
	case s == nil:
		return nil
	case s.Type != "Sequence":
		return []*jsonStep{s}
	}
	var out []*jsonStep
	for _, list := range [][]*jsonStep{s.Normalizers, s.Pres} {
		for _, x := range list {
			out = append(out, x.all()...)
		}
	}
	return out
}

// The patterns of byte-level tokenizers, as tokenizer.json writes them.
var patterns = map[string]Split{
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: Llama3,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:      Qwen2,
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                          GPT2,
}

// FromJSON makes a tokenizer from tokenizer.json and, unless it is nil,
// tokenizer_config.json, which names the end mark and the chat template.
func FromJSON(b, config []byte) (*Tokenizer, error) {
	var in jsonFile
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrTokenizer)
	}
	d := definition{bos: -1, eos: -1}
	var vocab map[string]int32
	var err error
	switch in.Model.Type {
	case "BPE":
		if err := json.Unmarshal(in.Model.Vocab, &vocab); err != nil {
			return nil, fmt.Errorf("model.vocab: %v: %w", err, ErrTokenizer)
		}
		if in.Model.Prefix != "" || in.Model.Suffix != "" {
			return nil, fmt.Errorf("affixes %q and %q of pieces of words are not supported: %w", in.Model.Prefix, in.Model.Suffix, ErrTokenizer)
		}
		d.unmerged = in.Model.IgnoreMerges
		if err = d.byteLevel(&in); err != nil && d.pieces == nil {
			return nil, err
		}
	case "Unigram":
		d.pieces = &pieces{unigram: true, unk: -1}
		var list [][2]json.RawMessage
		if err := json.Unmarshal(in.Model.Vocab, &list); err != nil {
			return nil, fmt.Errorf("model.vocab: %v: %w", err, ErrTokenizer)
		}
		vocab = make(map[string]int32, len(list))
		d.scores = make([]float32, len(list))
		for i, pair := range list {
			var s string
			if json.Unmarshal(pair[0], &s) != nil || json.Unmarshal(pair[1], &d.scores[i]) != nil {
				return nil, fmt.Errorf("model.vocab: entry %d is not a piece with a score: %w", i, ErrTokenizer)
			}
			if _, twice := vocab[s]; twice {
				s = fmt.Sprintf("%s\x00%d", s, i) // only the first one can be found
			}
			vocab[s] = int32(i)
		}
	default:
		return nil, fmt.Errorf("tokenizer type %q is not supported, only BPE and Unigram: %w", in.Model.Type, ErrTokenizer)
	}
	if d.pieces != nil {
		if err := d.pieces.steps(&in); err != nil {
			return nil, err
		}
	}
	if err := d.number(&in, vocab); err != nil {
		return nil, err
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
	d.beginMark(in.Post)
	d.config(config)
	return d.build()
}

// byteLevel finds the way a byte-level tokenizer cuts text; one of the
// SentencePiece kind gets d.pieces instead.
func (d *definition) byteLevel(in *jsonFile) error {
	level, digits := false, false
	for _, s := range in.Pre.all() {
		switch s.Type {
		case "ByteLevel":
			level = true
			if d.split == "" {
				d.split = GPT2
			}
		case "Digits":
			digits = s.Individual
		case "Split":
			if s.Pattern.Regex == nil {
				return fmt.Errorf("pre_tokenizer Split without a pattern: %w", ErrTokenizer)
			}
			split, ok := patterns[*s.Pattern.Regex]
			if !ok {
				return fmt.Errorf("pre_tokenizer pattern %q is not supported: %w", *s.Pattern.Regex, ErrTokenizer)
			}
			d.split = split
		}
	}
	if digits && d.split == GPT2 {
		d.split = SmolLM
	}
	if level {
		for _, s := range in.Normalizer.all() {
			if s.Type != "NFC" {
				return fmt.Errorf("normalizer %q of a byte-level tokenizer is not supported: %w", s.Type, ErrTokenizer)
			}
			d.nfc = true
		}
		return nil
	}
	if !in.Model.Fallback && in.Model.Unknown == nil {
		return fmt.Errorf("a pre_tokenizer that is neither byte-level nor of the SentencePiece kind is not supported: %w", ErrTokenizer)
	}
	d.pieces = &pieces{unk: -1}
	return nil
}

// number fills tokens and types from the vocabulary and the added tokens.
func (d *definition) number(in *jsonFile, vocab map[string]int32) error {
	size, limit := int32(0), int32(len(vocab)+len(in.Added))
	check := func(s string, id int32) error {
		if id < 0 || id >= limit {
			return fmt.Errorf("token %q has id %d, but there are only %d tokens: %w", s, id, limit, ErrTokenizer)
		}
		size = max(size, id+1)
		return nil
	}
	for s, id := range vocab {
		if err := check(s, id); err != nil {
			return err
		}
	}
	for _, a := range in.Added {
		if err := check(a.Content, a.ID); err != nil {
			return err
		}
	}
	d.tokens, d.types = make([]string, size), make([]int32, size)
	for s, id := range vocab {
		d.tokens[id], d.types[id] = s, typeNormal
		if d.pieces != nil && in.Model.Fallback && isByteName(s) {
			d.types[id] = typeByte
		}
	}
	for _, a := range in.Added {
		d.tokens[a.ID], d.types[a.ID] = a.Content, typeUser
		if a.Special {
			d.types[a.ID] = typeControl
		}
	}
	if p := d.pieces; p != nil {
		if in.Model.UnknownID != nil {
			p.unk = *in.Model.UnknownID
		} else if in.Model.Unknown != nil {
			if id, ok := vocab[*in.Model.Unknown]; ok {
				p.unk = id
			}
		}
		if p.unk >= size {
			return fmt.Errorf("unk_id %d is not one of the %d tokens: %w", p.unk, size, ErrTokenizer)
		}
		d.scores = slices.Grow(d.scores, int(size))[:size]
	}
	return nil
}

// beginMark takes the begin mark from the post-processor, if it puts one.
func (d *definition) beginMark(raw json.RawMessage) {
	var post struct {
		Type   string `json:"type"`
		Single []struct {
			Special *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
		} `json:"single"`
		Processors []json.RawMessage `json:"processors"`
	}
	json.Unmarshal(raw, &post) // absent or of another shape: no begin mark
	for _, p := range post.Processors {
		if bytes.Contains(p, []byte(`"TemplateProcessing"`)) {
			json.Unmarshal(p, &post)
		}
	}
	if len(post.Single) > 0 && post.Single[0].Special != nil {
		if i := slices.Index(d.tokens, post.Single[0].Special.ID); i >= 0 {
			d.bos, d.addBOS = int32(i), true
		}
	}
}

// config takes marks and the chat template from tokenizer_config.json.
func (d *definition) config(b []byte) {
	var in struct {
		BOS      json.RawMessage `json:"bos_token"`
		EOS      json.RawMessage `json:"eos_token"`
		AddBOS   *bool           `json:"add_bos_token"`
		Template json.RawMessage `json:"chat_template"`
	}
	if json.Unmarshal(b, &in) != nil {
		return
	}
	find := func(raw json.RawMessage) int32 {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			var o struct {
				Content string `json:"content"`
			}
			json.Unmarshal(raw, &o)
			s = o.Content
		}
		if s == "" {
			return -1
		}
		return int32(slices.Index(d.tokens, s))
	}
	if id := find(in.BOS); id >= 0 {
		d.bos = id
		if in.AddBOS != nil {
			d.addBOS = *in.AddBOS
		}
	}
	if id := find(in.EOS); id >= 0 {
		d.eos = id
	}
	if json.Unmarshal(in.Template, &d.template) != nil {
		var named []struct{ Name, Template string }
		json.Unmarshal(in.Template, &named)
		for _, t := range named {
			if t.Name == "default" {
				d.template = t.Template
			}
		}
	}
}
