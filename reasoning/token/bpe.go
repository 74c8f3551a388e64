package token

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Tokenizer is the tokenizer of a decoder: byte-level BPE, or, when it is of the
// SentencePiece kind, merging or a search over pieces of characters. It is safe
// for concurrent use.
type Tokenizer struct {
	Vocabulary
	Split Split // of byte-level BPE
	// Bos, Eos are the ids of the begin and end marks, -1 if there are none.
	// AddBOS says whether a prompt must begin with Bos; many models that name
	// a begin mark do not want one.
	Bos, Eos int32
	AddBOS   bool
	ends     []int32 // tokens beside Eos that end a text or a turn
	Template string  // chat template, as stored

	pieces *pieces // nil for byte-level BPE
	nfc    bool    // text is composed first

	base     [256]int32 // token of a byte, -1 if there is none
	merges   map[uint64]merge
	pairs    [][2]int32 // merges in order of rank
	ids      map[string]int32
	unmerged bool   // a piece that is a token is that token, whatever merging gives
	whole    []bool // merging the bytes of the token ends in this one token
	marks    marks  // control tokens: only EncodeSpecial sees them
	always   marks  // added tokens that are found in any text
}

// BPE is the name that callers knew Tokenizer by when it had only one kind.
type BPE = Tokenizer

type merge struct{ rank, id int32 }

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// Ends returns all tokens that end a text or a turn, as far as the tokenizer's
// file names them.
func (t *Tokenizer) Ends() []int32 {
	if t.Eos < 0 {
		return t.ends
	}
	return append([]int32{t.Eos}, t.ends...)
}

// Encode returns the tokens of text. Names of control tokens in it are text
// like any other, so a user cannot forge the end of a turn. Bytes that are not
// UTF-8 count as U+FFFD; bytes for which the vocabulary has no token are left
// out.
func (t *Tokenizer) Encode(text string) []int32 { return t.Append(nil, text, false) }

// Prompt is Encode for the beginning of a text: with the begin mark first, if
// the model wants one.
func (t *Tokenizer) Prompt(text string) []int32 {
	var ids []int32
	if t.AddBOS {
		ids = append(ids, t.Bos)
	}
	return t.Append(ids, text, false)
}

// EncodeSpecial is Encode, but names of control tokens stand for them. Use it
// for templates, never for text from outside.
func (t *Tokenizer) EncodeSpecial(text string) []int32 { return t.Append(nil, text, true) }

// Append adds the tokens of text to dst.
func (t *Tokenizer) Append(dst []int32, text string, special bool) []int32 {
	if !utf8.ValidString(text) {
		text = replaceInvalid(text)
	}
	if t.nfc {
		text = norm.NFC.String(text)
	}
	for len(text) > 0 {
		at, n, id := t.always.find(text)
		if special {
			if a, m, i := t.marks.find(text); a < at || a == at && m > n {
				at, n, id = a, m, i
			}
		}
		dst = t.plain(dst, text[:at])
		if n > 0 {
			dst = append(dst, id)
		}
		text = text[at+n:]
	}
	return dst
}

// plain adds the tokens of text without marks.
func (t *Tokenizer) plain(dst []int32, text string) []int32 {
	if t.pieces != nil {
		return t.pieces.encode(t, dst, text)
	}
	for len(text) > 0 {
		k := t.Split.next(text)
		dst = t.piece(dst, text[:k])
		text = text[k:]
	}
	return dst
}

// Decode returns the text of tokens. Control tokens appear by name. The space
// that encoding put before the text is taken away again.
func (t *Tokenizer) Decode(ids []int32) string {
	s := t.Vocabulary.Decode(ids)
	if t.pieces != nil && t.pieces.prefix {
		s = strings.TrimPrefix(s, " ")
	}
	return s
}

// replaceInvalid puts one U+FFFD for every byte that is not part of a
// character.
func replaceInvalid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

// Find returns the token that is exactly these bytes.
func (t *Tokenizer) Find(piece string) (int32, bool) {
	id, ok := t.ids[piece]
	return id, ok
}

// longPiece is where the quadratic search for the best pair ends.
const longPiece = 48

// piece merges one piece of text.
func (t *Tokenizer) piece(dst []int32, s string) []int32 {
	if id, ok := t.ids[s]; ok && (t.whole[id] || t.unmerged) {
		return append(dst, id)
	}
	from := len(dst)
	for i := range len(s) {
		if id := t.base[s[i]]; id >= 0 {
			dst = append(dst, id)
		}
	}
	if len(dst)-from > longPiece {
		return append(dst[:from], t.mergeLong(dst[from:])...)
	}
	return dst[:from+len(t.mergeShort(dst[from:]))]
}

// mergeShort merges in place, taking the lowest rank, leftmost first, each
// time: the definition.
func (t *Tokenizer) mergeShort(ids []int32) []int32 {
	for len(ids) > 1 {
		best, at := merge{rank: 1<<31 - 1}, -1
		for i := 1; i < len(ids); i++ {
			if m, ok := t.merges[pairKey(ids[i-1], ids[i])]; ok && m.rank < best.rank {
				best, at = m, i-1
			}
		}
		if at < 0 {
			break
		}
		ids[at] = best.id
		ids = append(ids[:at+1], ids[at+2:]...)
	}
	return ids
}

// mergeLong does the same in n log n: a heap of candidate pairs over a linked
// list of tokens.
func (t *Tokenizer) mergeLong(ids []int32) []int32 {
	prev, next := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		prev[i], next[i] = int32(i-1), int32(i+1)
	}
	var h pairHeap
	push := func(i int32) {
		if i < 0 || int(next[i]) >= len(ids) {
			return
		}
		if m, ok := t.merges[pairKey(ids[i], ids[next[i]])]; ok {
			h.push(candidate{m.rank, i, m.id, ids[i], ids[next[i]]})
		}
	}
	for i := range ids {
		push(int32(i))
	}
	const gone = -1
	for len(h) > 0 {
		c := h.pop()
		j := next[c.at]
		if ids[c.at] != c.left || int(j) >= len(ids) || ids[j] != c.right {
			continue // one of the two has been merged since
		}
		ids[c.at], ids[j] = c.id, gone
		next[c.at] = next[j]
		if k := next[j]; int(k) < len(ids) {
			prev[k] = c.at
		}
		push(prev[c.at])
		push(c.at)
	}
	out := ids[:0]
	for i := int32(0); int(i) < len(ids); i = next[i] {
		out = append(out, ids[i])
	}
	return out
}

type candidate struct{ rank, at, id, left, right int32 }

// pairHeap is a binary heap of candidates, lowest rank and leftmost first.
type pairHeap []candidate

func (h pairHeap) less(i, j int) bool {
	return h[i].rank < h[j].rank || h[i].rank == h[j].rank && h[i].at < h[j].at
}

func (h *pairHeap) push(c candidate) {
	*h = append(*h, c)
	for i := len(*h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		(*h)[i], (*h)[up] = (*h)[up], (*h)[i]
		i = up
	}
}

func (h *pairHeap) pop() candidate {
	top, last := (*h)[0], len(*h)-1
	(*h)[0] = (*h)[last]
	*h = (*h)[:last]
	for i := 0; ; {
		k := 2*i + 1
		if k >= last {
			return top
		}
		if k+1 < last && h.less(k+1, k) {
			k++
		}
		if !h.less(k, i) {
			return top
		}
		(*h)[i], (*h)[k] = (*h)[k], (*h)[i]
		i = k
	}
}

// marks finds the first occurrence of any of some strings.
type marks struct {
	first [256]bool
	names []string // longest first
	ids   []int32
}

// find returns where in s the first mark begins, its length and its token;
// len(s), 0 if there is none.
func (m *marks) find(s string) (at, n int, id int32) {
	if len(m.names) == 0 {
		return len(s), 0, 0
	}
	for i := range len(s) {
		if !m.first[s[i]] {
			continue
		}
		for k, name := range m.names {
			if strings.HasPrefix(s[i:], name) {
				return i, len(name), m.ids[k]
			}
		}
	}
	return len(s), 0, 0
}
