package token

import "strings"

// Vocabulary is the set of tokens of a model.
type Vocabulary struct {
	bytes   [][]byte
	control []bool
}

// Size returns the number of tokens; ids run from 0 to Size()-1.
func (v *Vocabulary) Size() int { return len(v.bytes) }

// Bytes returns the text of a token, which need not be valid UTF-8 by itself.
// It is nil for ids outside the vocabulary and must not be changed.
func (v *Vocabulary) Bytes(id int32) []byte {
	if id < 0 || int(id) >= len(v.bytes) {
		return nil
	}
	return v.bytes[id]
}

// Control says whether a token is a mark such as the end of a turn, which text
// cannot contain.
func (v *Vocabulary) Control(id int32) bool {
	return id >= 0 && int(id) < len(v.control) && v.control[id]
}

// Decode returns the text of tokens. Control tokens appear by name.
func (v *Vocabulary) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.Write(v.Bytes(id))
	}
	return b.String()
}

// Byte-level vocabularies are written with one visible character for each
// byte: printable Latin-1 characters for themselves, U+0100 and on for the
// others in order.
var (
	byteRune [256]rune
	runeByte = map[rune]byte{}
)

func init() {
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(r >= '!' && r <= '~' || r >= '¡' && r <= '¬' || r >= '®' && r <= 'ÿ') {
			r = next
			next++
		}
		byteRune[b] = r
		runeByte[r] = byte(b)
	}
}

// visible writes bytes in the characters of byte-level vocabularies.
func visible(b []byte) string {
	var s strings.Builder
	for _, x := range b {
		s.WriteRune(byteRune[x])
	}
	return s.String()
}

// raw undoes visible; false if s has other characters.
func raw(s string) ([]byte, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		x, ok := runeByte[r]
		if !ok {
			return nil, false
		}
		b = append(b, x)
	}
	return b, true
}
