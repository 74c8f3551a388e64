package library

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// legal are words at the end of a company's name that people leave out.
var legal = map[string]bool{
	"inc": true, "incorporated": true, "corp": true, "corporation": true, "co": true, "company": true, "companies": true,
	"ltd": true, "limited": true, "plc": true, "llc": true, "lp": true, "sa": true, "nv": true, "ag": true, "se": true, "ab": true,
	"holdings": true, "holding": true, "group": true, "the": true, "de": true, "new": true, "trust": true, "com": true,
	"international": true, "technologies": true, "laboratories": true, "enterprises": true, "industries": true, "worldwide": true,
	"communications": true, "platforms": true, "brands": true, "md": true, "nj": true, "pa": true, "ny": true, "oh": true,
}

// forms are the legal forms alone, which no one calls a company by.
var forms = map[string]bool{
	"inc": true, "incorporated": true, "corp": true, "corporation": true, "co": true, "company": true, "companies": true,
	"ltd": true, "limited": true, "plc": true, "llc": true, "lp": true, "sa": true, "nv": true, "ag": true, "se": true, "ab": true, "the": true,
	"de": true, "md": true, "nj": true, "pa": true, "ny": true, "oh": true, "new": true,
}

// short is a name without its legal form, in mixed case.
func short(name string) string {
	name, _, _ = strings.Cut(name, "/")
	words := strings.Fields(name)
	for len(words) > 1 {
		w := strings.ToLower(strings.Trim(words[len(words)-1], ".,&"))
		if !forms[strings.ReplaceAll(w, ".", "")] && w != "" {
			break
		}
		words = words[:len(words)-1]
	}
	if len(words) > 1 && strings.EqualFold(words[0], "the") {
		words = words[1:]
	}
	upper := strings.ToUpper(name) == name
	for i, w := range words {
		w = strings.TrimRight(w, ",")
		if rs := []rune(w); upper && len(rs) > 3 {
			w = string(rs[0]) + strings.ToLower(string(rs[1:]))
		}
		words[i] = w
	}
	return strings.Join(words, " ")
}

// Word is a word of a text in the form names are compared in.
type Word struct {
	From, To int    // bytes
	Text     string // lower case, apostrophes dropped
	Base     string // without a possessive ending
	Upper    bool   // begins with a capital letter or a digit
	All      bool   // has no lower-case letter
}

// Words splits a text into words of letters and digits. Apostrophes and dots
// within a word stay in it and are dropped from its text: "C3.ai's" is c3ais
// with the base c3ai.
func Words(s string) []Word {
	var list []Word
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			i += n
			continue
		}
		w := Word{From: i, Upper: unicode.IsUpper(r) || unicode.IsDigit(r), All: true}
		var b strings.Builder
		base := -1
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			next, _ := utf8.DecodeRuneInString(s[i+n:])
			if r == '\'' || r == '’' {
				if !unicode.IsLetter(next) {
					break
				}
				if rest := s[i+n:]; (rest[0] == 's' || rest[0] == 'S') && !letterAt(rest, 1) {
					base = b.Len()
				}
				i += n
				continue
			}
			if r == '.' && unicode.IsLetter(next) && b.Len() > 0 && b.Len() < 8 &&
				!(len(s) >= i+n+3 && strings.EqualFold(s[i+n:i+n+3], "com")) {
				i += n
				continue
			}
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			if unicode.IsLower(r) && base < 0 {
				w.All = false
			}
			b.WriteRune(unicode.ToLower(r))
			i += n
		}
		w.To = i
		w.Text = b.String()
		w.Base = w.Text
		if base > 0 {
			w.Base = w.Text[:base]
		}
		list = append(list, w)
	}
	return list
}

func letterAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(r)
}

// name is one way to call a company.
type name struct {
	words   []string
	company *Company
	ticker  bool // must be written in capitals
	short   bool // shortened: must begin with a capital letter
}

// nameIndex finds companies' names in texts.
type nameIndex struct{ first map[string][]name }

func (x *nameIndex) build(cs []*Company) {
	x.first = map[string][]name{}
	heads := map[string]map[*Company]bool{} // first words and who has them
	variants := map[*Company][]name{}
	for _, c := range cs {
		seen := map[string]bool{}
		add := func(words []string, short bool) {
			key := strings.Join(words, " ")
			if len(words) == 0 || seen[key] || len(key) < 2 {
				return
			}
			seen[key] = true
			variants[c] = append(variants[c], name{words: slices.Clone(words), company: c, short: short})
		}
		for _, full := range append([]string{c.Name}, c.Aliases...) {
			full, _, _ = strings.Cut(full, "/")
			var ws []string
			for _, w := range Words(full) {
				if w.Text != "and" || len(ws) == 0 {
					ws = append(ws, w.Text)
				}
			}
			if len(ws) > 1 && ws[0] == "the" {
				ws = ws[1:]
			}
			add(ws, false)
			for len(ws) > 1 && legal[ws[len(ws)-1]] {
				ws = ws[:len(ws)-1]
				add(ws, true)
			}
			// A name may be called by its first words: "Walgreens" for Walgreens
			// Boots Alliance, if no other company begins so.
			for n := len(ws) - 1; n >= 1; n-- {
				k := strings.Join(ws[:n], " ")
				if heads[k] == nil {
					heads[k] = map[*Company]bool{}
				}
				heads[k][c] = true
			}
			// J&J, and initials of at least three words.
			if strings.Contains(full, "&") && len(ws) == 2 {
				variants[c] = append(variants[c], name{words: []string{ws[0][:1], ws[1][:1]}, company: c, ticker: true})
			}
			var initials []byte
			for _, w := range ws {
				initials = append(initials, w[0])
			}
			if len(initials) >= 3 {
				variants[c] = append(variants[c], name{words: []string{string(initials)}, company: c, ticker: true})
			}
		}
		for _, t := range c.Tickers {
			// Bonds have symbols too, such as "ABC/28".
			if ws := Words(t); len(ws) == 1 && len(t) <= 5 && strings.IndexFunc(t, func(r rune) bool { return !unicode.IsLetter(r) }) < 0 {
				variants[c] = append(variants[c], name{words: []string{ws[0].Text}, company: c, ticker: true})
			}
		}
		if cik := strings.TrimLeft(c.CIK, "0"); cik != "" {
			variants[c] = append(variants[c], name{words: []string{cik}, company: c}, name{words: []string{c.CIK}, company: c})
		}
	}
	for k, who := range heads {
		if len(who) != 1 || len(k) < 3 || common[k] {
			continue
		}
		for c := range who {
			variants[c] = append(variants[c], name{words: strings.Fields(k), company: c, short: true})
		}
	}
	for _, c := range cs {
		for _, n := range variants[c] {
			x.first[n.words[0]] = append(x.first[n.words[0]], n)
		}
	}
	for _, list := range x.first {
		slices.SortStableFunc(list, func(a, b name) int { return len(b.words) - len(a.words) })
	}
}

// common are first words of names that say nothing alone.
var common = map[string]bool{
	"general": true, "united": true, "american": true, "international": true, "first": true, "national": true, "new": true,
	"global": true, "us": true, "advanced": true, "applied": true, "capital": true, "digital": true, "north": true, "south": true,
	"western": true, "eastern": true, "pacific": true, "standard": true, "best": true, "home": true, "union": true, "public": true,
	"energy": true, "health": true, "bank": true, "financial": true, "life": true, "the": true, "one": true, "air": true, "old": true,
	"consolidated": true, "federal": true, "texas": true, "southern": true, "northern": true, "central": true, "great": true, "real": true,
	"total": true, "service": true, "services": true, "products": true, "research": true, "net": true, "operating": true, "cost": true,
	"revenue": true, "income": true, "fiscal": true, "which": true, "what": true, "how": true, "among": true, "did": true, "was": true,
}

// Mention is a company named in a text.
type Mention struct {
	From, To  int // bytes, a possessive ending included
	Companies []*Company
}

// Find returns the companies named in a text, left to right, longest names
// first. A mention with several companies is ambiguous.
func (l *shelves) Find(text string) []Mention {
	words := Words(text)
	var list []Mention
	for i := 0; i < len(words); {
		m, n := l.names.at(words, i, text)
		if n == 0 {
			i++
			continue
		}
		// "Acme, Inc.'s": the full stop and the ending belong to the name.
		for _, end := range []string{".'s", ".’s", ".'", ".’", "'s", "’s", "'", "’"} {
			if rest := text[m.To:]; strings.HasPrefix(rest, end) && !letterAt(rest, len(end)) {
				m.To += len(end)
				break
			}
		}
		list = append(list, m)
		i += n
	}
	return list
}

// at returns the longest name that begins at word i, and how many words it has.
func (x *nameIndex) at(words []Word, i int, text string) (m Mention, n int) {
	w := words[i]
	for _, key := range []string{w.Text, w.Base} {
		for _, c := range x.first[key] {
			if len(c.words) < n {
				break
			}
			used, ok := c.matches(words, i)
			if !ok || used < n {
				continue
			}
			last := words[i+used-1]
			if used > n {
				m, n = Mention{From: w.From, To: last.To}, used
			}
			if !slices.Contains(m.Companies, c.company) {
				m.Companies = append(m.Companies, c.company)
			}
		}
		if w.Base == w.Text {
			break
		}
	}
	if n == 0 {
		return m, 0
	}
	// A following legal form or ticker in brackets belongs to the name.
	for i+n < len(words) {
		next := words[i+n]
		gap := text[m.To:next.From]
		if forms[next.Base] && strings.Trim(gap, " ,.") == "" && next.Text != "the" && next.Upper {
			m.To = next.To
			n++
			continue
		}
		break
	}
	return m, n
}

// matches reports whether a name stands at word i, and how many words it takes:
// "and" and "&" between its words do not count.
func (c name) matches(words []Word, i int) (used int, ok bool) {
	j := i
	for k, want := range c.words {
		if k > 0 && j < len(words) && words[j].Text == "and" {
			j++
		}
		if j >= len(words) {
			return 0, false
		}
		w := words[j]
		if w.Text != want && w.Base != want {
			return 0, false
		}
		if k < len(c.words)-1 && w.Base != w.Text && w.Base == want && w.Text != want {
			return 0, false // a possessive ends a name
		}
		if c.ticker && !w.All || c.short && k == 0 && !w.Upper {
			return 0, false
		}
		j++
	}
	return j - i, true
}

// Of returns the companies to which a description applies: every value given
// must fit one the company states about itself.
func (l *shelves) Of(d Description) []*Company {
	var list []*Company
	for _, c := range l.Companies {
		if d.City != "" && !samePlace(d.City, c.City) ||
			d.State != "" && !samePlace(d.State, c.State) && !samePlace(d.State, c.Incorporated) ||
			d.Auditor != "" && !slices.ContainsFunc(c.Auditors, func(a string) bool { return sameFirm(d.Auditor, a) }) {
			continue
		}
		list = append(list, c)
	}
	return list
}

// Description names a company by what it states on the cover of its reports.
type Description struct{ City, State, Auditor string }

func samePlace(a, b string) bool { return b != "" && key(a, nil) == key(b, nil) }

// firmForms are words of auditors' names that are left out at will.
var firmForms = map[string]bool{"llp": true, "llc": true, "lp": true, "pc": true, "p": true, "c": true, "and": true, "the": true, "firm": true, "cpas": true, "pllc": true}

// sameFirm compares auditors' names without legal forms; offices that follow a
// comma do not count.
func sameFirm(a, b string) bool {
	x, y := key(a, firmForms), key(b, firmForms)
	return x != "" && (x == y || len(x) >= 4 && strings.HasPrefix(y, x+" "))
}

func key(s string, drop map[string]bool) string {
	var ws []string
	for _, w := range Words(s) {
		if !drop[w.Text] {
			ws = append(ws, w.Text)
		}
	}
	return strings.Join(ws, " ")
}
