package lex

import (
	"strings"
	"unicode/utf8"
)

const bom = "\ufeff"

// Lexer splits one text. Next returns its tokens one after the other and EOF
// for ever at the end.
type Lexer struct {
	// Comments makes Next return comments instead of skipping them.
	Comments bool

	text string
	pos  int // next byte to read
	at   Pos // a place at or before pos, to count lines from
	// badIRI explains why the "<" last returned did not start an IRI.
	badIRI string
}

// New returns a lexer for a text, skipping a byte order mark.
func New(text string) *Lexer {
	l := &Lexer{text: text, at: Pos{Line: 1, Col: 1}}
	if strings.HasPrefix(text, bom) {
		l.pos = len(bom)
	}
	return l
}

func (l *Lexer) fail(offset int, format string, args ...any) error {
	return Errorf(PosOf(l.text, offset), format, args...)
}

// WhyNoIRI explains why the last "<" did not start an IRI, or is empty.
func (l *Lexer) WhyNoIRI() string { return l.badIRI }

// Next returns the next token.
func (l *Lexer) Next() (Token, error) {
	if c, ok := l.skip(); ok {
		return c, nil
	}
	l.at = advance(l.text, l.at, l.pos)
	t := Token{Pos: l.at}
	err := l.scan(&t)
	t.End = l.pos
	return t, err
}

// skip passes blanks and comments.
func (l *Lexer) skip() (Token, bool) {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case ' ', '\t', '\n', '\r':
			l.pos++
		case '#':
			from := l.pos
			if n := strings.IndexAny(l.text[l.pos:], "\n\r"); n >= 0 {
				l.pos += n
			} else {
				l.pos = len(l.text)
			}
			if l.Comments {
				l.at = advance(l.text, l.at, from)
				return Token{Kind: Comment, Value: l.text[from:l.pos], Pos: l.at, End: l.pos}, true
			}
		default:
			return Token{}, false
		}
	}
	return Token{}, false
}

// puncts are the punctuation tokens by their first byte, longest first.
var puncts = [128][]string{
	'{': {"{|", "{"}, '}': {"}"}, '(': {"("}, ')': {")>>", ")"}, '[': {"["}, ']': {"]"},
	';': {";"}, ',': {","}, '.': {"."}, '=': {"="}, '!': {"!=", "!"}, '<': {"<<(", "<<", "<=", "<"},
	'>': {">>", ">=", ">"}, '|': {"||", "|}", "|"}, '&': {"&&"}, '+': {"+"}, '-': {"-"},
	'*': {"*"}, '/': {"/"}, '^': {"^^", "^"}, '?': {"?"}, '~': {"~"},
}

func (l *Lexer) scan(t *Token) error {
	if l.pos >= len(l.text) {
		t.Kind = EOF
		return nil
	}
	rest := l.text[l.pos:]
	c := rest[0]
	switch {
	case c == '<':
		if ok, err := l.iri(t); ok || err != nil {
			return err
		}
	case c == '"' || c == '\'':
		return l.string(t)
	case c == '?' || c == '$':
		n := scanName(rest[1:], func(r rune) bool { return isNameStart(r) || r >= '0' && r <= '9' }, isVarChar)
		if n > 0 {
			t.Kind, t.Value = VarName, rest[1:1+n]
			l.pos += 1 + n
			return nil
		}
		if c == '$' {
			return l.fail(l.pos, "a variable needs a name after %q", "$")
		}
	case c >= '0' && c <= '9', c == '.', c == '+', c == '-':
		if kind, n := ScanNumber(rest); n > 0 {
			t.Kind, t.Value = kind, rest[:n]
			l.pos += n
			return nil
		}
	case c == '@':
		n := scanLangTag(rest[1:])
		if n == 0 {
			return l.fail(l.pos, "a language tag needs letters after %q", "@")
		}
		t.Kind, t.Value = LangTag, rest[1:1+n]
		l.pos += 1 + n
		return nil
	case c == '_' && len(rest) > 1 && rest[1] == ':':
		n := scanDotted(rest[2:], func(r rune) bool { return isNameStart(r) || r >= '0' && r <= '9' })
		if n == 0 {
			return l.fail(l.pos, "a blank node needs a label after %q", "_:")
		}
		t.Kind, t.Value = BlankLabel, rest[2:2+n]
		l.pos += 2 + n
		return nil
	case c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
		return l.name(t)
	}
	if c < 128 {
		for _, s := range puncts[c] {
			if strings.HasPrefix(rest, s) {
				t.Kind, t.Value = Punct, s
				l.pos += len(s)
				return nil
			}
		}
	}
	if c == '\\' {
		err := l.fail(l.pos, "unexpected %q", "\\").(*Error)
		err.Hint = "codepoint escapes are allowed in IRIs and strings only"
		return err
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return l.fail(l.pos, "unexpected character %q", r)
}

// scanName returns the length of the longest name at the start of s.
func scanName(s string, first, more func(rune) bool) int {
	for i, r := range s {
		if i == 0 && !first(r) || i > 0 && !more(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			return i
		}
	}
	return len(s)
}

// scanDotted is scanName for names of PN_CHARS with dots inside.
func scanDotted(s string, first func(rune) bool) int {
	n := scanName(s, first, func(r rune) bool { return r == '.' || isNameChar(r) })
	for n > 0 && s[n-1] == '.' {
		n--
	}
	return n
}

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// scanLangTag returns the length of a tag with, perhaps, a base direction.
func scanLangTag(s string) int {
	i := 0
	for i < len(s) && isAlpha(s[i]) {
		i++
	}
	if i == 0 {
		return 0
	}
	for i+1 < len(s) && s[i] == '-' && (isAlpha(s[i+1]) || isDigit(s[i+1])) {
		i++
		for i < len(s) && (isAlpha(s[i]) || isDigit(s[i])) {
			i++
		}
	}
	if i+2 < len(s) && s[i] == '-' && s[i+1] == '-' && isAlpha(s[i+2]) {
		i += 2
		for i < len(s) && isAlpha(s[i]) {
			i++
		}
	}
	return i
}

// name reads a prefixed name or a word.
func (l *Lexer) name(t *Token) error {
	rest := l.text[l.pos:]
	n := scanDotted(rest, isBase)
	if n < len(rest) && rest[n] == ':' {
		local, err := l.local(l.pos + n + 1)
		if err != nil {
			return err
		}
		t.Kind, t.Value = PName, rest[:n+1+local]
		l.pos += n + 1 + local
		return nil
	}
	n = 0
	for n < len(rest) && (isAlpha(rest[n]) || isDigit(rest[n]) || rest[n] == '_') {
		n++
	}
	if n == 0 {
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size <= 1 {
			return l.fail(l.pos, "the text is not valid UTF-8")
		}
		return l.fail(l.pos, "unexpected character %q", r)
	}
	t.Kind, t.Value = Word, rest[:n]
	l.pos += n
	return nil
}

// local returns the length of the PN_LOCAL at offset from; it may be 0.
func (l *Lexer) local(from int) (int, error) {
	i, end := from, from // end excludes trailing dots
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case isAlpha(c) || isDigit(c) || c == '_' || c == ':':
			i++
			end = i
		case c == '-' && i > from:
			i++
			end = i
		case c == '.' && i > from:
			i++
		case c == '%':
			if i+2 >= len(l.text) || !isHex(l.text[i+1]) || !isHex(l.text[i+2]) {
				return 0, l.fail(i, "%q in a name must be followed by two hexadecimal digits", "%")
			}
			i += 3
			end = i
		case c == '\\':
			if i+1 >= len(l.text) || !strings.Contains("_~.-!$&'()*+,;=/?#@%", l.text[i+1:i+2]) {
				err := l.fail(i, "bad escape in a name").(*Error)
				err.Hint = `only _~.-!$&'()*+,;=/?#@% may be escaped; write the full IRI in <...> for others`
				return 0, err
			}
			i += 2
			end = i
		case c >= 0x80:
			r, size := utf8.DecodeRuneInString(l.text[i:])
			if r == utf8.RuneError && size <= 1 || !isNameChar(r) || i == from && !isNameStart(r) {
				return end - from, nil
			}
			i += size
			end = i
		default:
			return end - from, nil
		}
	}
	return end - from, nil
}

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// Unescape removes the backslashes of a PN_LOCAL.
func Unescape(local string) string {
	if strings.IndexByte(local, '\\') < 0 {
		return local
	}
	b := make([]byte, 0, len(local))
	for i := 0; i < len(local); i++ {
		if local[i] == '\\' {
			i++
		}
		b = append(b, local[i])
	}
	return string(b)
}

// notInIRI tells the bytes that IRIREF excludes.
func notInIRI(c byte) bool {
	return c <= ' ' || c == '<' || c == '>' || c == '"' || c == '{' || c == '}' || c == '|' || c == '^' || c == '`' || c == '\\'
}

// iri reads <...> if it is an IRI reference; ok is false where "<" is an
// operator.
func (l *Lexer) iri(t *Token) (ok bool, err error) {
	l.badIRI = ""
	var b []byte // set once there is an escape
	from := l.pos + 1
	i := from
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case c == '>':
			t.Kind = IRIRef
			if b == nil {
				t.Value = l.text[from:i]
			} else {
				t.Value = string(append(b, l.text[from:i]...))
			}
			if !utf8.ValidString(t.Value) {
				return false, l.fail(l.pos, "the text is not valid UTF-8")
			}
			l.pos = i + 1
			return true, nil
		case c == '\\':
			r, n, why := codepoint(l.text[i:])
			if n == 0 {
				l.badIRI = "bad escape in an IRI: " + why
				return false, nil
			}
			if why != "" {
				return false, l.fail(i, "%s", why)
			}
			if r < 0x80 && notInIRI(byte(r)) {
				return false, l.fail(i, "an IRI may not contain the character %q, not even escaped", r)
			}
			b = append(b, l.text[from:i]...)
			b = utf8.AppendRune(b, r)
			i += n
			from = i
		case notInIRI(c):
			if c != '=' && i > l.pos+1 {
				l.badIRI = "an IRI may not contain " + describe(c)
			}
			return false, nil
		default:
			i++
		}
	}
	l.badIRI = `the IRI is not closed by ">"`
	return false, nil
}

func describe(c byte) string {
	switch c {
	case ' ':
		return "a blank"
	case '\n', '\r':
		return "a line break"
	case '\t':
		return "a tab"
	}
	return `"` + string(rune(c)) + `"`
}

// codepoint reads \uXXXX or \UXXXXXXXX at the start of s. Without one it
// returns 0 bytes; with a forbidden one, why.
func codepoint(s string) (r rune, n int, why string) {
	digits := 0
	if len(s) > 1 && s[1] == 'u' {
		digits = 4
	} else if len(s) > 1 && s[1] == 'U' {
		digits = 8
	} else {
		return 0, 0, `"\" must start \uXXXX or \UXXXXXXXX`
	}
	if len(s) < 2+digits {
		return 0, 0, "too few hexadecimal digits"
	}
	var v uint32
	for _, c := range []byte(s[2 : 2+digits]) {
		switch {
		case isDigit(c):
			v = v<<4 | uint32(c-'0')
		case isHex(c):
			v = v<<4 | uint32(c|0x20-'a'+10)
		default:
			return 0, 0, "too few hexadecimal digits"
		}
	}
	switch {
	case v >= 0xD800 && v <= 0xDFFF:
		return 0, 2 + digits, "the escape " + s[:2+digits] + " is a surrogate, not a character"
	case v > utf8.MaxRune:
		return 0, 2 + digits, "the escape " + s[:2+digits] + " is above U+10FFFF"
	}
	return rune(v), 2 + digits, ""
}

// string reads the four kinds of string.
func (l *Lexer) string(t *Token) error {
	q := l.text[l.pos]
	start := l.pos
	i := l.pos + 1
	if strings.HasPrefix(l.text[i:], string([]byte{q, q})) {
		t.Long = true
		i += 2
	}
	var b []byte
	from := i
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case c == q && (!t.Long || strings.HasPrefix(l.text[i:], string([]byte{q, q, q}))):
			t.Kind = String
			if b == nil {
				t.Value = l.text[from:i]
			} else {
				t.Value = string(append(b, l.text[from:i]...))
			}
			if !utf8.ValidString(t.Value) {
				return l.fail(start, "the text is not valid UTF-8")
			}
			l.pos = i + 1
			if t.Long {
				l.pos += 2
			}
			return nil
		case c == '\\':
			b = append(b, l.text[from:i]...)
			if i+1 >= len(l.text) {
				return l.fail(start, "the string is not closed")
			}
			if n := strings.IndexByte(`tbnrf"'\`, l.text[i+1]); n >= 0 {
				b = append(b, "\t\b\n\r\f\"'\\"[n])
				i += 2
			} else {
				r, n, why := codepoint(l.text[i:])
				if n == 0 || why != "" {
					err := l.fail(i, "bad escape in a string: %s", why).(*Error)
					err.Hint = `a backslash itself is written \\`
					return err
				}
				b = utf8.AppendRune(b, r)
				i += n
			}
			from = i
		case !t.Long && (c == '\n' || c == '\r'):
			err := l.fail(start, "the string is not closed before the end of the line").(*Error)
			err.Hint = `strings with line breaks are written """..."""`
			return err
		default:
			i++
		}
	}
	return l.fail(start, "the string is not closed")
}
