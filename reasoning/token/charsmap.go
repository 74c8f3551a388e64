package token

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// charsMap is the table by which SentencePiece normalises text: bytes of a
// double-array trie (Darts) in 32-bit units, whose leaves are places in a list of
// texts that end with a zero byte.
//
//	bytes of the trie u32 | trie | texts
//
// A unit has, from the low bits: a label of 8 bits, whether a leaf follows (bit
// 8), whether the offset is multiplied by 256 (bit 9), the offset (from bit 10);
// a leaf has its value in 31 bits and bit 31 set.
type charsMap struct {
	trie  []uint32
	texts string
}

func readCharsMap(b []byte) (*charsMap, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("precompiled_charsmap of %d bytes is cut short: %w", len(b), ErrTokenizer)
	}
	n := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if uint64(n) > uint64(len(b)) || n%4 != 0 || n == 0 {
		return nil, fmt.Errorf("precompiled_charsmap says its trie has %d bytes, of %d: %w", n, len(b), ErrTokenizer)
	}
	c := &charsMap{trie: make([]uint32, n/4), texts: string(b[n:])}
	for i := range c.trie {
		c.trie[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return c, nil
}

// find returns the replacement of the longest prefix of s that has one, and the
// prefix's length.
func (c *charsMap) find(s string) (to string, n int) {
	offset := func(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
	at := offset(c.trie[0])
	for i := range len(s) {
		at ^= uint32(s[i])
		if int(at) >= len(c.trie) {
			break
		}
		unit := c.trie[at]
		if unit&(1<<31|0xff) != uint32(s[i]) {
			break
		}
		leaf := unit>>8&1 == 1
		at ^= offset(unit)
		if leaf && int(at) < len(c.trie) {
			if v := int(c.trie[at] & (1<<31 - 1)); v < len(c.texts) {
				to, _, _ = strings.Cut(c.texts[v:], "\x00")
				n = i + 1
			}
		}
	}
	return to, n
}

// replace normalises a text.
func (c *charsMap) replace(s string) string {
	var b strings.Builder
	for s != "" {
		if to, n := c.find(s); n > 0 {
			b.WriteString(to)
			s = s[n:]
			continue
		}
		_, n := utf8.DecodeRuneInString(s)
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}
