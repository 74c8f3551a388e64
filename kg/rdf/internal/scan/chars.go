package scan

import "unicode/utf8"

// Class is a set of character classes of the Turtle family of grammars, for
// the ASCII characters; the functions below cover the rest of Unicode.
type Class uint8

// Classes. The names are those of the grammars (RDF 1.2 Turtle, section 6.5).
const (
	InIRI    Class = 1 << iota // may stand unescaped in IRIREF; all bytes >= 0x80 may
	InString                   // may stand unescaped in a one-line "string"
	NameBase                   // PN_CHARS_BASE
	NameChar                   // PN_CHARS
	Digit
	Hex
	Letter // [A-Za-z]
	Space  // space, tab, CR, LF
)

// Classes maps every byte to its classes. Bytes of multi-byte characters are
// InIRI and InString only.
var Classes = func() (t [256]Class) {
	for c := range 256 {
		var k Class
		b := byte(c)
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		digit := b >= '0' && b <= '9'
		if b > 0x20 && !containsByte("<>\"{}|^`\\", b) {
			k |= InIRI
		}
		if b != '"' && b != '\\' && b != '\n' && b != '\r' {
			k |= InString
		}
		if letter {
			k |= NameBase | NameChar | Letter
		}
		if digit {
			k |= NameChar | Digit | Hex
		}
		if b|0x20 >= 'a' && b|0x20 <= 'f' {
			k |= Hex
		}
		if b == '_' || b == '-' {
			k |= NameChar
		}
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			k |= Space
		}
		t[c] = k
	}
	return t
}()

func containsByte(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// IsNameBase reports whether r is in PN_CHARS_BASE.
func IsNameBase(r rune) bool {
	if r < utf8.RuneSelf {
		return Classes[r]&NameBase != 0
	}
	return r >= 0xC0 && r <= 0x2FF && r != 0xD7 && r != 0xF7 ||
		r >= 0x370 && r <= 0x1FFF && r != 0x37E ||
		r >= 0x200C && r <= 0x200D || r >= 0x2070 && r <= 0x218F ||
		r >= 0x2C00 && r <= 0x2FEF || r >= 0x3001 && r <= 0xD7FF ||
		r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0xEFFFF
}

// IsNameChar reports whether r is in PN_CHARS.
func IsNameChar(r rune) bool {
	if r < utf8.RuneSelf {
		return Classes[r]&NameChar != 0
	}
	return IsNameBase(r) || r == 0xB7 || r >= 0x300 && r <= 0x36F || r >= 0x203F && r <= 0x2040
}

// LabelLen returns the length of the blank node label (after "_:") that s
// starts with, 0 if there is none. A final dot does not belong to it.
func LabelLen(s string) int {
	i, end := 0, 0
	for i < len(s) {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case Classes[c]&(NameBase|Digit) != 0 || c == '_':
			case i > 0 && Classes[c]&NameChar != 0:
			case i > 0 && c == '.':
				i++
				continue
			default:
				return end
			}
			i++
			end = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if i == 0 && !IsNameBase(r) || !IsNameChar(r) {
			return end
		}
		i += n
		end = i
	}
	return end
}

// SchemeLen returns the length of the scheme of s with its colon, 0 if s is a
// relative reference (RFC 3986, section 3.1).
func SchemeLen(s string) int {
	if s == "" || Classes[s[0]]&Letter == 0 {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case Classes[c]&(Letter|Digit) != 0, c == '+', c == '-', c == '.':
		case c == ':':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// LangLen returns the lengths of the language tag that s starts with (after
// "@"), and of the tag with its base direction ("--ltr"), if there is one.
// Zero means no well-formed tag; a direction that is neither ltr nor rtl gives
// the tag's length as both.
func LangLen(s string) (tag, all int) {
	i := 0
	for i < len(s) && Classes[s[i]]&Letter != 0 {
		i++
	}
	if i == 0 || i > 8 {
		return 0, 0
	}
	for i+1 < len(s) && s[i] == '-' && Classes[s[i+1]]&(Letter|Digit) != 0 {
		j := i + 1
		for j < len(s) && Classes[s[j]]&(Letter|Digit) != 0 {
			j++
		}
		if j-i-1 > 8 {
			return 0, 0
		}
		i = j
	}
	if len(s) >= i+5 && s[i] == '-' && s[i+1] == '-' && (s[i+2:i+5] == "ltr" || s[i+2:i+5] == "rtl") &&
		(len(s) == i+5 || Classes[s[i+5]]&(Letter|Digit) == 0 && s[i+5] != '-') {
		return i, i + 5
	}
	return i, i
}
