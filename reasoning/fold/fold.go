// Package fold brings names and questions into the form in which they are
// compared and written: lower case, without accents and punctuation.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Word is one folded word of a text and the bytes it came from.
type Word struct {
	Text     string
	From, To int // byte offsets in the original text
}

// letters that no Unicode decomposition takes apart.
var plain = map[rune]string{
	'ß': "ss", 'ø': "o", 'ł': "l", 'đ': "d", 'æ': "ae", 'œ': "oe", 'ı': "i",
	'þ': "th", 'ð': "d", 'ħ': "h", 'ŧ': "t", 'ŋ': "n",
}

// elided are the words of French and Italian that lose their vowel before
// another.
var elided = map[string]bool{"l": true, "d": true, "qu": true, "dell": true, "all": true, "nell": true, "dall": true, "sull": true}

// apostrophes is how many bytes of apostrophes a text begins with.
func apostrophes(s string) int { return len(s) - len(strings.TrimLeft(s, "'’‘ʼ")) }

// Words splits a text into folded words: lower case, accents removed,
// punctuation dropped except '%+$&, a possessive 's split off, thousands
// separators of numbers removed. Scripts that do not write spaces between words
// give one word per character, so that names are found inside a sentence.
func Words(s string) []Word {
	var out []Word
	var b strings.Builder
	from := 0
	flush := func(to int) {
		w := b.String()
		b.Reset()
		if w == "" {
			return
		}
		// Apostrophes at the edges are quotation marks.
		core := strings.Trim(w, "'")
		if core == "" {
			return
		}
		if w == "'s" {
			core = w
		}
		// l'eau, d'Arc, qu'il: an article or preposition without its vowel.
		if i := strings.IndexByte(core, '\''); i > 0 && elided[core[:i]] && i+1 < len(core) {
			from += apostrophes(s[from:to])
			at := from + strings.IndexAny(s[from:to], "'’‘ʼ")
			out = append(out, Word{core[:i], from, at})
			core, from = strings.TrimLeft(core[i+1:], "'"), at+apostrophes(s[at:to])
		}
		if n := len(core) - 2; n > 0 && core[n:] == "'s" {
			out = append(out, Word{core[:n], from, to - 2}, Word{"'s", to - 2, to})
			return
		}
		out = append(out, Word{core, from, to})
	}
	add := func(i int, t string) {
		if b.Len() == 0 {
			from = i
		}
		b.WriteString(t)
	}
	var base rune // the last letter, which decides whether a mark is an accent
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			add(i, s[i:i+1])
			base = r
		case r >= 'A' && r <= 'Z':
			add(i, string(r+'a'-'A'))
			base = r
		case r == '%' || r == '+' || r == '$' || r == '&':
			add(i, s[i:i+1])
		case r == '\'' || r == '’' || r == '‘' || r == 'ʼ':
			add(i, "'")
		case r == '.' && digitAt(s, i-1) && digitAt(s, i+1):
			add(i, ".")
		case r == ',' && digitAt(s, i-1) && digitAt(s, i+1) && digitAt(s, i+2) && digitAt(s, i+3) && !digitAt(s, i+4):
			// "62,202" is one number
		case r < utf8.RuneSelf || r == utf8.RuneError && n == 1:
			flush(i)
		default:
			for _, c := range norm.NFKD.String(string(r)) {
				c = unicode.ToLower(c)
				switch {
				case unicode.Is(unicode.Mn, c) && unicode.In(base, unicode.Latin, unicode.Greek, unicode.Cyrillic):
				case plain[c] != "":
					add(i, plain[c])
					base = 'a'
				case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
					flush(i)
					add(i, string(c))
					flush(i + n)
				case unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || unicode.IsNumber(c):
					add(i, string(c))
					base = c
				default:
					flush(i)
				}
			}
		}
		i += n
	}
	flush(len(s))
	return out
}

func digitAt(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }

// Fold returns the folded words of a text joined by single spaces: the form in
// which names are compared and written.
func Fold(s string) string {
	if foldedAlready(s) {
		return s
	}
	ws := Words(s)
	if len(ws) == 1 {
		return ws[0].Text
	}
	n := 0
	for _, w := range ws {
		n += len(w.Text) + 1
	}
	var b strings.Builder
	b.Grow(n)
	for i, w := range ws {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// foldedAlready saves the work for the common lower-case ASCII name.
func foldedAlready(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			space = false
		case c == ' ':
			if space {
				return false
			}
			space = true
		default:
			return false
		}
	}
	return !space
}

// reserved words open an operation. Inside a relation or class name they are
// tied to the word before them by an underscore ("page_count"), so that a
// canonical text can be read back without knowing the names.
var reserved = map[string]bool{"max": true, "min": true, "where": true, "count": true, "sum": true, "avg": true}

// SchemaName is the name under which a relation or class is written: the label
// or local name, camelCase and _-.#/ split, folded.
func SchemaName(label string) string {
	ws := Words(splitCamel(label))
	var b strings.Builder
	for i, w := range ws {
		if i > 0 {
			if reserved[w.Text] {
				b.WriteByte('_')
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// Reserved reports whether a word opens an operation of a pipeline.
func Reserved(w string) bool { return reserved[w] }

// PlainName undoes the ties of SchemaName for comparison with a question.
func PlainName(name string) string { return strings.ReplaceAll(name, "_", " ") }

func splitCamel(s string) string {
	if !strings.ContainsFunc(s, unicode.IsUpper) {
		return s
	}
	var b strings.Builder
	rs := []rune(s)
	for i, r := range rs {
		if i > 0 && unicode.IsUpper(r) {
			lower := unicode.IsLower(rs[i-1]) || unicode.IsDigit(rs[i-1])
			acronymEnd := unicode.IsUpper(rs[i-1]) && i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if lower || acronymEnd {
				b.WriteByte(' ')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// LocalName is the last segment of an IRI, percent-decoded, with underscores as
// spaces: what stands in for a missing label.
func LocalName(iri string) string {
	s := strings.TrimRight(iri, "/#")
	if i := strings.LastIndexAny(s, "/#"); i >= 0 {
		s = s[i+1:]
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		s = s[i+1:]
	}
	s = unescape(s)
	return strings.TrimSpace(strings.ReplaceAll(s, "_", " "))
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	if t := b.String(); utf8.ValidString(t) {
		return t
	}
	return s
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// Raw is the name of what folds to nothing: lower case without brackets and
// control characters.
func Raw(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("[]{}\u007f\ufffd", r)
	}), " ")
}

// legal are the forms of companies that people leave out of their names.
var legal = map[string]bool{
	"plc": true, "inc": true, "ltd": true, "llc": true, "corp": true, "corporation": true, "ag": true, "gmbh": true, "sa": true, "nv": true,
	"se": true, "lp": true, "llp": true, "limited": true, "incorporated": true,
}

// Shorter returns the shorter names that a label also goes by: "Heat (film)" is
// also "Heat", and "Brightwater plc" is also "Brightwater".
func Shorter(label string) []string {
	var out []string
	if strings.HasSuffix(label, ")") {
		if i := strings.LastIndexByte(label, '('); i > 0 {
			if cut := strings.TrimSpace(label[:i]); cut != "" {
				out = append(out, cut)
			}
		}
	}
	if i := strings.LastIndexByte(label, ' '); i > 0 && len(label)-i < 14 {
		last := strings.Trim(strings.ToLower(label[i+1:]), ".,")
		if legal[strings.ReplaceAll(last, ".", "")] {
			if cut := strings.TrimRight(label[:i], ", "); cut != "" {
				out = append(out, cut)
			}
		}
	}
	return out
}
