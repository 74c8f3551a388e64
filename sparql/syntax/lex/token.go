package lex

import "strings"

// Kind is the kind of a token.
type Kind uint8

// Token kinds.
const (
	EOF        Kind = iota
	Word            // keyword, function name or "a"
	IRIRef          // <...>; Value is the reference with its escapes read
	PName           // prefix:local; Value is as written
	BlankLabel      // _:label; Value is the label
	VarName         // ?name or $name; Value is the name
	Integer         // a number with its sign, if one is written right before it
	Decimal         //
	Double          //
	String          // Value is the string with its escapes read
	LangTag         // @tag or @tag--dir; Value is without "@"
	Punct           // Value is the punctuation, such as "{" or "<<("
	Comment         // # to the end of the line; only with Lexer.Comments
)

// Token is one token. Its text is source[Pos.Offset:End].
type Token struct {
	Kind  Kind
	Long  bool // of a String: written with three quotes
	Value string
	Pos   Pos
	End   int
}

// Is reports whether the token is the given punctuation.
func (t *Token) Is(punct string) bool { return t.Kind == Punct && t.Value == punct }

// IsWord reports whether the token is a keyword, in any case.
func (t *Token) IsWord(word string) bool {
	return t.Kind == Word && len(t.Value) == len(word) && strings.EqualFold(t.Value, word)
}

// ScanNumber returns the longest number at the start of s, with its sign, and
// its kind; 0 bytes if there is none. A dot that no digit or exponent follows
// is left: "1." is an integer and the end of a triple.
func ScanNumber(s string) (Kind, int) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := func() int {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - from
	}
	kind := Integer
	whole := digits()
	end := i
	if i < len(s) && s[i] == '.' {
		i++
		if frac := digits(); frac > 0 {
			kind, end = Decimal, i
		} else if whole == 0 {
			return EOF, 0
		}
	} else if whole == 0 {
		return EOF, 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if digits() > 0 {
			return Double, i
		}
	}
	return kind, end
}

// isNameStart is PN_CHARS_U of the grammar: PN_CHARS_BASE and "_".
func isNameStart(r rune) bool { return r == '_' || isBase(r) }

// isBase is PN_CHARS_BASE.
func isBase(r rune) bool {
	switch {
	case r < 0x80:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	case r < 0x300:
		return r >= 0xC0 && r != 0xD7 && r != 0xF7
	case r < 0x2000:
		return r >= 0x370 && r != 0x37E
	case r < 0x3001:
		return r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF
	}
	return r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD || r >= 0x10000 && r <= 0xEFFFF
}

// isVarChar tells the characters of a variable name after the first.
func isVarChar(r rune) bool {
	return isNameStart(r) || r >= '0' && r <= '9' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// isNameChar is PN_CHARS.
func isNameChar(r rune) bool { return r == '-' || isVarChar(r) }
