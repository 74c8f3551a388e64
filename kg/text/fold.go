package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold maps a string to the form in which names are compared: compatibility
// decomposition, combining marks dropped, case folded, every run of spaces one
// space, ends trimmed. "Grégoire  COLIN" folds to "gregoire colin".
func Fold(s string) string {
	if ascii(s) {
		return squeeze(strings.ToLower(s))
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, "\uFFFD")) {
		r = unicode.ToLower(r)
		switch {
		case r == 'ß':
			b.WriteString("ss")
		case r == 'ı':
			b.WriteByte('i')
		case unicode.Is(unicode.Mn, r) && latin(r):
			// A combining mark of the scripts that spell with and without them.
			// Marks of other scripts (Devanagari vowel signs) carry the word.
		default:
			b.WriteRune(r)
		}
	}
	return squeeze(norm.NFC.String(b.String()))
}

// latin reports whether a non-spacing mark belongs to the general combining
// blocks, which Latin, Greek and Cyrillic share.
func latin(r rune) bool {
	return r >= 0x0300 && r <= 0x036F || r >= 0x1AB0 && r <= 0x1AFF || r >= 0x1DC0 && r <= 0x1DFF
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func squeeze(s string) string {
	return strings.Join(strings.Fields(s), " ")
}

// Tokens splits a string into folded words: maximal runs of letters, marks and
// digits. In scripts written without spaces each character is a word.
func Tokens(s string) []string {
	var words []string
	s = Fold(s)
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, s[start:end])
			start = -1
		}
	}
	for i, r := range s {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			flush(i)
			words = append(words, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if start < 0 {
				start = i
			}
		default:
			flush(i)
		}
	}
	flush(len(s))
	return words
}
