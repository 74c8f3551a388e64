package token

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// space is how vocabularies of the SentencePiece kind write a space.
const space = "\u2581"

// pieces is the tokenizer of Llama 2, TinyLlama, Mistral and others that were
// made with SentencePiece (Kudo and Richardson 2018): spaces are characters
// like any other, written as U+2581; text is one run of characters, of which
// neighbours are merged as in BPE, or which is cut into the likeliest row of
// pieces (unigram, Kudo 2018). Characters that no piece covers become their
// bytes, or the unknown token.
type pieces struct {
	unigram bool
	prefix  bool // a space is put before the text
	once    bool // but not when it begins with one
	squeeze bool // runs of spaces count as one, and none ends a text
	words   bool // pieces never go over the beginning of a word
	normal  []func(string) string

	ids     map[string]int32
	byByte  [256]int32 // tokens of single bytes, -1 if there are none
	unk     int32      // -1 if there is none
	scores  []float32
	longest int     // bytes of the longest piece
	unkCost float32 // score of an unknown character
}

// isByteName says whether a token is called <0x00> to <0xFF>.
func isByteName(s string) bool {
	_, ok := byteOf(s)
	return ok
}

func byteOf(s string) (b byte, ok bool) {
	if len(s) != 6 || !strings.HasPrefix(s, "<0x") || s[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(s[3:5]) {
		switch {
		case c >= '0' && c <= '9':
			b = b<<4 | (c - '0')
		case c >= 'A' && c <= 'F':
			b = b<<4 | (c - 'A' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

// buildPieces makes a tokenizer of the SentencePiece kind.
func (d *definition) buildPieces() (*Tokenizer, error) {
	n, p := len(d.tokens), d.pieces
	t := &Tokenizer{
		Vocabulary: Vocabulary{bytes: make([][]byte, n), control: make([]bool, n)}, Bos: d.bos, Eos: d.eos,
		AddBOS: d.addBOS, Template: d.template, pieces: p, merges: map[uint64]merge{}, ids: make(map[string]int32, n),
	}
	p.ids, p.scores = make(map[string]int32, n), d.scores
	if !p.unigram && len(d.merges) == 0 {
		p.unk = -1
	}
	for i := range p.byByte {
		p.byByte[i], t.base[i] = -1, -1
	}
	lowest := float32(math.Inf(1))
	for i, s := range d.tokens {
		id, typ := int32(i), int32(typeNormal)
		if len(d.types) > 0 {
			typ = d.types[i]
		}
		t.bytes[i] = []byte(strings.ReplaceAll(s, space, " "))
		switch typ {
		case typeControl, typeUnknown:
			t.control[i] = true
			t.bytes[i] = []byte(s)
			if typ == typeUnknown {
				p.unk = id
			} else {
				t.marks.names, t.marks.ids = append(t.marks.names, s), append(t.marks.ids, id)
			}
			continue
		case typeUser:
			t.always.names, t.always.ids = append(t.always.names, string(t.bytes[i])), append(t.always.ids, id)
			continue
		case typeByte:
			b, ok := byteOf(s)
			if !ok {
				return nil, fmt.Errorf("token %d, %q, is of type byte but names none: %w", i, s, ErrTokenizer)
			}
			t.bytes[i], p.byByte[b], t.base[b] = []byte{b}, id, id
			continue
		case typeUnused:
			continue
		}
		if id == p.unk {
			t.control[i] = true
			continue
		}
		if _, twice := p.ids[s]; s == "" || twice {
			continue
		}
		p.ids[s], t.ids[string(t.bytes[i])] = id, id
		p.longest = max(p.longest, len(s))
		lowest = min(lowest, d.scores[i])
	}
	if len(p.ids) == 0 {
		return nil, fmt.Errorf("no token stands for any text: %w", ErrTokenizer)
	}
	p.unkCost = lowest - 10
	if !p.unigram {
		if err := t.pieceMerges(d); err != nil {
			return nil, err
		}
	}
	return t, t.finish(d)
}

// pieceMerges fills the table of merges: those of the file, or, when it has
// scores instead, every pair of pieces that makes a third, the best score first.
func (t *Tokenizer) pieceMerges(d *definition) error {
	p := t.pieces
	if len(d.merges) > 0 {
		for rank, m := range d.merges {
			a, ok1 := p.ids[m[0]]
			b, ok2 := p.ids[m[1]]
			c, ok3 := p.ids[m[0]+m[1]]
			if !ok1 || !ok2 || !ok3 {
				return fmt.Errorf("merge %d, %q + %q: a part or the result is not in the vocabulary: %w", rank, m[0], m[1], ErrTokenizer)
			}
			if _, twice := t.merges[pairKey(a, b)]; !twice {
				t.merges[pairKey(a, b)] = merge{int32(rank), c}
			}
		}
		return nil
	}
	order := make([]string, 0, len(p.ids))
	for s := range p.ids {
		order = append(order, s)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := p.ids[order[i]], p.ids[order[j]]
		if p.scores[a] != p.scores[b] {
			return p.scores[a] > p.scores[b]
		}
		return a < b
	})
	rank := int32(-1)
	last := float32(math.NaN())
	for _, s := range order {
		c := p.ids[s]
		if p.scores[c] != last { // pieces of one score come in the order of the text
			rank, last = rank+1, p.scores[c]
		}
		for i := range s {
			if i == 0 {
				continue
			}
			a, ok1 := p.ids[s[:i]]
			b, ok2 := p.ids[s[i:]]
			if ok1 && ok2 {
				t.merges[pairKey(a, b)] = merge{rank, c}
			}
		}
	}
	return nil
}

// encode adds the tokens of text, a stretch between marks.
func (p *pieces) encode(t *Tokenizer, dst []int32, text string) []int32 {
	for _, f := range p.normal {
		text = f(text)
	}
	if p.squeeze {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	}
	if text == "" {
		return dst
	}
	text = strings.ReplaceAll(text, " ", space)
	if p.prefix && !(p.once && strings.HasPrefix(text, space)) {
		text = space + text
	}
	for text != "" {
		n := len(text)
		if p.words {
			if i := strings.Index(text[len(firstRune(text)):], space); i >= 0 {
				n = i + len(firstRune(text))
			}
		}
		if p.unigram {
			dst = p.likeliest(dst, text[:n])
		} else {
			dst = p.merge(t, dst, text[:n])
		}
		text = text[n:]
	}
	return dst
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// unknown adds what stands for a character that no piece covers: its bytes, or
// the unknown token, once for several of them.
func (p *pieces) unknown(dst []int32, char string, again bool) []int32 {
	from := len(dst)
	for i := range len(char) {
		b := p.byByte[char[i]]
		if b < 0 {
			dst = dst[:from]
			if p.unk >= 0 && !again {
				dst = append(dst, p.unk)
			}
			return dst
		}
		dst = append(dst, b)
	}
	return dst
}

// merge is BPE over characters.
func (p *pieces) merge(t *Tokenizer, dst []int32, text string) []int32 {
	from := len(dst)
	again := false
	for i, r := range text {
		char := text[i : i+utf8.RuneLen(r)]
		if id, ok := p.ids[char]; ok {
			dst, again = append(dst, id), false
			continue
		}
		dst = p.unknown(dst, char, again)
		again = true
	}
	if len(dst)-from > longPiece {
		return append(dst[:from], t.mergeLong(dst[from:])...)
	}
	return dst[:from+len(t.mergeShort(dst[from:]))]
}

// likeliest cuts text into the pieces whose scores, logarithms of
// probabilities, have the largest sum (Viterbi's algorithm).
func (p *pieces) likeliest(dst []int32, text string) []int32 {
	type step struct {
		score float64
		from  int   // where the piece that ends here begins
		id    int32 // -1: an unknown character
	}
	best := make([]step, len(text)+1)
	for i := range best {
		best[i] = step{math.Inf(-1), -1, -1}
	}
	best[0].score = 0
	for i, r := range text {
		here := best[i].score
		try := func(n int, score float32, id int32) {
			if s := here + float64(score); s > best[i+n].score {
				best[i+n] = step{s, i, id}
			}
		}
		width := utf8.RuneLen(r)
		single := false
		for n := width; n <= p.longest && i+n <= len(text); {
			if id, ok := p.ids[text[i:i+n]]; ok {
				try(n, p.scores[id], id)
				single = single || n == width
			}
			if i+n == len(text) {
				break
			}
			_, m := utf8.DecodeRuneInString(text[i+n:])
			n += m
		}
		if !single {
			try(width, p.unkCost, -1)
		}
	}
	var cuts []int
	for at := len(text); at > 0; at = best[at].from {
		cuts = append(cuts, at)
	}
	slices.Reverse(cuts)
	again, from := false, 0
	for _, at := range cuts {
		if id := best[at].id; id >= 0 {
			dst, again = append(dst, id), false
		} else {
			dst = p.unknown(dst, text[from:at], again)
			again = true
		}
		from = at
	}
	return dst
}

// steps reads the normalizer and pre-tokenizer of tokenizer.json.
func (p *pieces) steps(in *jsonFile) error {
	unsupported := func(kind, what string) error {
		return fmt.Errorf("%s %q is not supported with a %s tokenizer: %w", kind, what, in.Model.Type, ErrTokenizer)
	}
	for _, s := range in.Normalizer.all() {
		switch s.Type {
		case "Prepend":
			if s.Prepend != space {
				return unsupported("normalizer Prepend of", s.Prepend)
			}
			p.prefix = true
		case "Replace":
			switch {
			case s.Pattern.String != nil && *s.Pattern.String == " " && s.Content == space:
			case s.Pattern.String != nil:
				from, to := *s.Pattern.String, s.Content
				if from == "" {
					return unsupported("normalizer Replace of", from)
				}
				p.normal = append(p.normal, func(x string) string { return strings.ReplaceAll(x, from, to) })
			case s.Pattern.Regex != nil && *s.Pattern.Regex == " {2,}" && (s.Content == " " || s.Content == space):
				p.normal = append(p.normal, squeezeSpaces)
			default:
				return unsupported("normalizer", "Replace by a pattern")
			}
		case "NFC":
			p.normal = append(p.normal, norm.NFC.String)
		case "NFKC":
			p.normal = append(p.normal, norm.NFKC.String)
		case "NFD":
			p.normal = append(p.normal, norm.NFD.String)
		case "NFKD":
			p.normal = append(p.normal, norm.NFKD.String)
		case "Lowercase":
			p.normal = append(p.normal, strings.ToLower)
		case "Strip":
			left, right := s.Left == nil || *s.Left, s.Right == nil || *s.Right
			p.normal = append(p.normal, func(x string) string {
				if left {
					x = strings.TrimLeft(x, " \t\r\n")
				}
				if right {
					x = strings.TrimRight(x, " \t\r\n")
				}
				return x
			})
		case "Precompiled":
			c, err := readCharsMap(s.CharsMap)
			if err != nil {
				return err
			}
			p.normal = append(p.normal, c.replace)
		default:
			return unsupported("normalizer", s.Type)
		}
	}
	for _, s := range in.Pre.all() {
		switch s.Type {
		case "Metaspace":
			if s.Replacement != nil && *s.Replacement != space {
				return unsupported("pre_tokenizer Metaspace with", *s.Replacement)
			}
			p.prefix = s.PrependScheme != "never" && (s.AddPrefix == nil || *s.AddPrefix)
			p.once, p.words = true, s.Split == nil || *s.Split
		case "WhitespaceSplit":
			p.normal = append(p.normal, func(x string) string { return strings.Join(strings.Fields(x), " ") })
		default:
			return unsupported("pre_tokenizer", s.Type)
		}
	}
	return nil
}

// squeezeSpaces makes runs of spaces one space.
func squeezeSpaces(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}
