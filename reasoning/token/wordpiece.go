package token

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// WordPiece is the tokenizer of BERT models, uncased: text is cleaned, lower
// case and without accents, cut at white space and punctuation, and every word
// is covered by the longest known pieces from the left (Devlin et al. 2018).
type WordPiece struct {
	Vocabulary
	start, inner  map[string]int32 // pieces that begin a word, that go on
	longest       int              // bytes of the longest piece
	cls, sep, unk int32
	marks         marks
}

// maxWord is the length in characters from which a word counts as unknown.
const maxWord = 100

// WordPieceFromMetadata makes the tokenizer from the metadata of a GGUF file,
// where word starts are marked with U+2581.
func WordPieceFromMetadata(m weights.Metadata) (*WordPiece, error) {
	if kind := m.String("tokenizer.ggml.model"); kind != "bert" {
		return nil, fmt.Errorf("tokenizer model %q is not WordPiece (bert): give a sentence encoder: %w", kind, ErrTokenizer)
	}
	tokens, types := m.Strings("tokenizer.ggml.tokens"), m.Ints("tokenizer.ggml.token_type")
	if len(tokens) == 0 || len(types) != len(tokens) {
		return nil, fmt.Errorf("%d tokens with %d types: the file is incomplete: %w", len(tokens), len(types), ErrTokenizer)
	}
	t := &WordPiece{start: make(map[string]int32, len(tokens)), inner: map[string]int32{}}
	t.bytes, t.control = make([][]byte, len(tokens)), make([]bool, len(tokens))
	for i, s := range tokens {
		id := int32(i)
		t.bytes[i] = []byte(s)
		if types[i] == typeControl {
			t.control[i] = true
			t.marks.names, t.marks.ids = append(t.marks.names, s), append(t.marks.ids, id)
		}
		if w, ok := strings.CutPrefix(s, "\u2581"); ok {
			t.bytes[i] = []byte(w)
			t.start[w] = id
			t.longest = max(t.longest, len(w))
		} else if types[i] == typeNormal {
			t.inner[s] = id
			t.longest = max(t.longest, len(s))
		}
	}
	t.marks.ready()
	for _, k := range []struct {
		name string
		id   *int32
	}{{"cls", &t.cls}, {"seperator", &t.sep}, {"unknown", &t.unk}} {
		id, ok := m.Int("tokenizer.ggml." + k.name + "_token_id")
		if !ok || id < 0 || id >= len(tokens) {
			return nil, fmt.Errorf("tokenizer.ggml.%s_token_id is missing or not a token: %w", k.name, ErrTokenizer)
		}
		*k.id = int32(id)
	}
	return t, nil
}

// Encode returns [CLS], the tokens of text, [SEP], at most limit in all; 0
// means no limit. Names of control tokens in the text stand for them, as in
// the tokenizer that the published models were trained with.
func (t *WordPiece) Encode(text string, limit int) []int32 {
	ids := []int32{t.cls}
	for len(text) > 0 && (limit == 0 || len(ids) < limit) {
		at, n, id := t.marks.find(text)
		ids = t.plain(ids, text[:at])
		if n > 0 {
			ids = append(ids, id)
		}
		text = text[at+n:]
	}
	if limit > 0 && len(ids) >= limit {
		ids = ids[:limit-1]
	}
	return append(ids, t.sep)
}

func (t *WordPiece) plain(ids []int32, text string) []int32 {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == 0 || r == utf8.RuneError:
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
			b.WriteByte(' ')
		case !assigned(r) || unicode.In(r, unicode.C):
		case ideograph(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	word := make([]rune, 0, 32)
	flush := func() {
		ids = t.word(ids, string(word), len(word))
		word = word[:0]
	}
	for _, r := range norm.NFD.String(b.String()) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == ' ':
			flush()
		case punctuation(r):
			flush()
			word = append(word, r)
			flush()
		default:
			word = append(word, unicode.ToLower(r))
		}
	}
	flush()
	return ids
}

// word appends the pieces of one word of n characters.
func (t *WordPiece) word(ids []int32, w string, n int) []int32 {
	if n == 0 {
		return ids
	}
	if n > maxWord {
		return append(ids, t.unk)
	}
	from := len(ids)
	for at := 0; at < len(w); {
		pieces := t.inner
		if at == 0 {
			pieces = t.start
		}
		end := min(len(w), at+t.longest)
		for ; end > at; end-- {
			if id, ok := pieces[w[at:end]]; ok {
				ids = append(ids, id)
				break
			}
		}
		if end == at {
			return append(ids[:from], t.unk)
		}
		at = end
	}
	return ids
}

func assigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
}

func punctuation(r rune) bool {
	return r < 128 && r > ' ' && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == 127) || unicode.IsPunct(r)
}

func ideograph(r rune) bool {
	switch {
	case r >= 0x4E00 && r <= 0x9FFF, r >= 0x3400 && r <= 0x4DBF, r >= 0xF900 && r <= 0xFAFF,
		r >= 0x20000 && r <= 0x2A6DF, r >= 0x2A700 && r <= 0x2B73F, r >= 0x2B740 && r <= 0x2B81F,
		r >= 0x2B920 && r <= 0x2CEAF, r >= 0x2F800 && r <= 0x2FA1F:
		return true
	}
	return false
}
