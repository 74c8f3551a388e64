package scan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escapeRemedy is what to do about a wrong backslash.
const escapeRemedy = `write a literal backslash as "\\"`

// UnescapeString replaces the escapes of a string literal: \t \b \n \r \f \"
// \' \\ \uXXXX \UXXXXXXXX. At a bad escape it returns its index in s, a
// message and a remedy; at < 0 means success.
func UnescapeString(s string) (out string, at int, msg, remedy string) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, -1, "", ""
	}
	b := make([]byte, 0, len(s))
	from := 0
	for i < len(s) {
		b = append(b, s[from:i]...)
		n := 2
		if i+1 == len(s) {
			return "", i, "backslash at the end of a string", escapeRemedy
		}
		switch s[i+1] {
		case 't':
			b = append(b, '\t')
		case 'b':
			b = append(b, '\b')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 'f':
			b = append(b, '\f')
		case '"', '\'', '\\':
			b = append(b, s[i+1])
		case 'u', 'U':
			r, m, why := CodePoint(s[i:])
			if why != "" {
				return "", i, why, codePointRemedy(why)
			}
			b = utf8.AppendRune(b, r)
			n = m
		default:
			return "", i, "unknown escape " + Shown(s[i:i+escapeLen(s[i:])]), escapeRemedy
		}
		from = i + n
		k := strings.IndexByte(s[from:], '\\')
		if k < 0 {
			break
		}
		i = from + k
	}
	return string(append(b, s[from:]...)), -1, "", ""
}

// escapeLen is the length of a backslash and the character after it.
func escapeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s[1:])
	return 1 + n
}

// UnescapeIRI replaces \uXXXX and \UXXXXXXXX. An escape for a character that
// an IRI may not hold is an error, as is any other escape.
func UnescapeIRI(s string) (out string, at int, msg, remedy string) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, -1, "", ""
	}
	b := make([]byte, 0, len(s))
	from := 0
	for i < len(s) {
		b = append(b, s[from:i]...)
		if i+1 == len(s) || s[i+1] != 'u' && s[i+1] != 'U' {
			return "", i, "an IRI may only hold \\u and \\U escapes", "percent-encode the character"
		}
		r, n, why := CodePoint(s[i:])
		if why != "" {
			return "", i, why, codePointRemedy(why)
		}
		if r < utf8.RuneSelf && Classes[r]&InIRI == 0 {
			return "", i, "an IRI may not hold the character " + s[i:i+n], "percent-encode it"
		}
		b = utf8.AppendRune(b, r)
		from = i + n
		k := strings.IndexByte(s[from:], '\\')
		if k < 0 {
			break
		}
		i = from + k
	}
	return string(append(b, s[from:]...)), -1, "", ""
}

// CodePoint decodes the \uXXXX or \UXXXXXXXX that s starts with and returns
// its length; why is a message if there is none.
func CodePoint(s string) (r rune, n int, why string) {
	n = 6
	if s[1] == 'U' {
		n = 10
	}
	if len(s) < n {
		return 0, 0, "escape " + Shown(s) + " is too short"
	}
	var v uint32
	for _, c := range []byte(s[2:n]) {
		if Classes[c]&Hex == 0 {
			return 0, 0, "escape " + Shown(s[:n]) + " holds a character that is no hexadecimal digit"
		}
		d := uint32(c)
		switch {
		case c <= '9':
			d -= '0'
		default:
			d = d | 0x20 - 'a' + 10
		}
		v = v<<4 | d
	}
	if v >= 0xD800 && v <= 0xDFFF {
		return 0, 0, "escape " + s[:n] + " is a surrogate, not a character"
	}
	if v > utf8.MaxRune {
		return 0, 0, "escape " + s[:n] + " is beyond the last character U+10FFFF"
	}
	return rune(v), n, ""
}

func codePointRemedy(why string) string {
	if strings.Contains(why, "surrogate") {
		return `write the character itself, or its code point as \U followed by eight digits`
	}
	return `write \u with four or \U with eight hexadecimal digits`
}

// AppendString appends a lexical form with the escapes of canonical N-Triples.
func AppendString(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7F && c != 0xEF {
			continue
		}
		n := 1
		if c == 0xEF {
			// U+FFFE and U+FFFF are no characters of XML.
			if i+2 >= len(s) || s[i+1] != 0xBF || s[i+2] < 0xBE {
				continue
			}
			n = 3
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		default:
			r, _ := utf8.DecodeRuneInString(s[i:])
			b = fmt.Appendf(b, `\u%04X`, r)
		}
		i += n - 1
		from = i + 1
	}
	return append(b, s[from:]...)
}

// AppendIRI appends an IRI with escapes for what IRIREF excludes. Readers
// refuse such escapes; they only show where a wrong IRI came from.
func AppendIRI(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		if Classes[s[i]]&InIRI == 0 {
			b = append(b, s[from:i]...)
			b = fmt.Appendf(b, `\u%04X`, s[i])
			from = i + 1
		}
	}
	return append(b, s[from:]...)
}
