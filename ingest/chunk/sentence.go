package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// abbreviations end with a point that ends no sentence.
var abbreviations = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`inc corp co ltd llc l.l.c lp l.p no nos mr mrs ms dr st jr sr vs v etc e.g i.e u.s u.k u.n
		jan feb mar apr jun jul aug sep sept oct nov dec approx est dept fig sec art vol ed al cf ca pp p n.a s.a s.p.a b.v a.g plc cos bros
		gen gov sen rep rev prof hon pres messrs ave blvd rd ph.d m.d d.c`) {
		abbreviations[w] = true
	}
}

// Sentences yields the sentences of a text as ranges, without the spaces
// between them. A sentence ends at a point, question or exclamation mark, with
// closing quotes and brackets, before a space and something that can begin
// one; not after an abbreviation or a single capital.
func Sentences(text string, yield func(from, to int) bool) {
	from := 0
	skip := func() {
		for from < len(text) {
			r, n := utf8.DecodeRuneInString(text[from:])
			if !unicode.IsSpace(r) {
				return
			}
			from += n
		}
	}
	skip()
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '.', '?', '!':
		default:
			continue
		}
		end := i + 1
	closing:
		for end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			switch r {
			case '"', '\'', ')', ']', '”', '’', '.', '?', '!':
				end += n
			default:
				break closing
			}
		}
		if end >= len(text) || !ends(text[from:i], text[end:], text[i]) {
			i = end - 1
			continue
		}
		if !yield(from, end) {
			return
		}
		from = end
		skip()
		i = max(i, from-1)
	}
	to := len(strings.TrimRightFunc(text, unicode.IsSpace))
	if from < to {
		yield(from, to)
	}
}

// ends reports whether a mark after the text before ends its sentence, given
// what follows.
func ends(before, after string, mark byte) bool {
	r, n := utf8.DecodeRuneInString(after)
	if !unicode.IsSpace(r) {
		return false
	}
	next := strings.TrimLeftFunc(after[n:], unicode.IsSpace)
	if next == "" {
		return true
	}
	r, _ = utf8.DecodeRuneInString(next)
	if unicode.IsLower(r) || r == ',' || r == ';' || r == ')' {
		return false
	}
	if mark != '.' {
		return true
	}
	word := before[strings.LastIndexFunc(before, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == '"' || r == '“' })+1:]
	if utf8.RuneCountInString(word) == 1 && unicode.IsUpper([]rune(word)[0]) {
		return false
	}
	lower := strings.ToLower(word)
	if !abbreviations[lower] {
		return true
	}
	// "Apple Inc. The company": an ending that may end a sentence does so before
	// a word that begins one.
	switch lower {
	case "inc", "corp", "co", "ltd", "llc", "l.p", "lp", "plc", "u.s", "u.k", "etc", "s.a", "b.v":
		first, _, _ := strings.Cut(next, " ")
		switch strings.ToLower(strings.Trim(first, `"“(,`)) {
		case "the", "we", "our", "in", "on", "this", "these", "it", "as", "if", "for", "a", "an", "such", "there", "although", "however", "at", "during", "under":
			return true
		}
	}
	return false
}
