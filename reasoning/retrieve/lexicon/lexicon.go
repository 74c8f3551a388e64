// Package lexicon is the English of financial statements: which wordings mean
// the same figure, how analysts define theirs (free cash flow, current ratio),
// and how words are folded so that plural and singular meet. It knows no company
// and no filing.
package lexicon

import (
	_ "embed" // the tables
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

//go:embed terms.txt
var termsFile string

//go:embed formulas.txt
var formulasFile string

// Lexicon holds the tables.
type Lexicon struct {
	groups   []Group
	byName   map[string]int // folded wording -> group
	formulas []Formula
	formula  map[string]int
	longest  int // words of the longest formula name
}

// Group is a set of wordings of one figure.
type Group struct {
	Instant bool // measured at a point in time
	Names   []string
}

// Formula is a figure that is computed. Alternatives are tried in order: the
// first whose figures are all reported is used.
type Formula struct {
	Names        []string
	Kind         Kind
	Alternatives []Expr
}

// Kind is the kind of number that a formula gives.
type Kind string

// Kinds of number.
const (
	Percent Kind = "%"
	Times   Kind = "x"
	Money   Kind = "money" // the unit of its operands
	Days    Kind = "days"
)

// Default returns the lexicon of the program.
var Default = sync.OnceValue(func() *Lexicon {
	l, err := parse(termsFile, formulasFile)
	if err != nil {
		panic(err) // the tables are part of the program, and a test reads them
	}
	return l
})

func parse(terms, formulas string) (*Lexicon, error) {
	l := &Lexicon{byName: map[string]int{}, formula: map[string]int{}}
	for n, line := range strings.Split(terms, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		mark, rest, ok := strings.Cut(line, " ")
		if !ok || mark != "i" && mark != "d" {
			return nil, fmt.Errorf("terms, line %d: want a mark i or d, a space and wordings", n+1)
		}
		g := Group{Instant: mark == "i"}
		for _, w := range strings.Split(rest, "|") {
			w = strings.TrimSpace(w)
			g.Names = append(g.Names, w)
			if _, dup := l.byName[Fold(w)]; !dup {
				l.byName[Fold(w)] = len(l.groups)
			}
		}
		l.groups = append(l.groups, g)
	}
	for n, line := range strings.Split(formulas, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		head, body, ok := strings.Cut(line, "=")
		names, kind, ok2 := strings.Cut(head, ":")
		if !ok || !ok2 {
			return nil, fmt.Errorf("formulas, line %d: want NAMES : KIND = DEFINITION", n+1)
		}
		f := Formula{Kind: Kind(strings.TrimSpace(kind))}
		for _, w := range strings.Split(names, "|") {
			w = strings.TrimSpace(w)
			f.Names = append(f.Names, w)
			key := Fold(w)
			l.formula[key] = len(l.formulas)
			l.longest = max(l.longest, len(strings.Fields(key)))
		}
		for _, b := range strings.Split(body, ";") {
			e, err := ParseExpr(b)
			if err != nil {
				return nil, fmt.Errorf("formulas, line %d: %w", n+1, err)
			}
			f.Alternatives = append(f.Alternatives, e)
		}
		l.formulas = append(l.formulas, f)
	}
	return l, nil
}

// Formula returns the formula that a phrase names.
func (l *Lexicon) Formula(phrase string) (Formula, bool) {
	key := Fold(phrase)
	for _, k := range []string{key, strings.TrimSuffix(key, " ratio"), strings.TrimPrefix(key, "total ")} {
		if i, ok := l.formula[k]; ok {
			return l.formulas[i], true
		}
	}
	return Formula{}, false
}

// qualifiers are words before a figure's name that do not change what it is.
var qualifiers = map[string]bool{"total": true, "overall": true, "report": true, "annual": true, "consolidate": true, "amount": true, "level": true, "balance": true, "company": true, "full": true, "year": true, "quarterly": true, "its": true, "aggregate": true, "yearly": true, "own": true}

// Wordings returns other wordings of a phrase, itself first: those of its
// group, or with one known part of it exchanged. known reports whether the
// lexicon has the whole phrase.
func (l *Lexicon) Wordings(phrase string) (list []Wording, known bool) {
	list = []Wording{{Text: phrase, Weight: 1}}
	add := func(text string, w float64, g *Group) {
		for i := range list {
			if Fold(list[i].Text) == Fold(text) {
				return
			}
		}
		list = append(list, Wording{Text: text, Weight: w, Group: g})
	}
	key := Fold(phrase)
	words := strings.Fields(key)
	strip := words
	for len(strip) > 1 && (qualifiers[strip[0]] || strip[0] == "of") {
		strip = strip[1:]
	}
	for _, k := range []string{key, strings.Join(strip, " ")} {
		i, ok := l.byName[k]
		if !ok {
			continue
		}
		g := &l.groups[i]
		list[0].Group = g
		for n, w := range g.Names {
			// The plain names of a group are nearer than its far ends.
			add(w, 0.98-0.004*float64(min(n, 10)), g)
		}
		return list, true
	}
	// Exchange the longest known part.
	for n := len(words) - 1; n >= 1; n-- {
		for at := 0; at+n <= len(words); at++ {
			part := strings.Join(words[at:at+n], " ")
			i, ok := l.byName[part]
			if !ok || n == 1 && len(part) < 4 {
				continue
			}
			for _, w := range l.groups[i].Names {
				add(strings.TrimSpace(strings.Join(words[:at], " ")+" "+w+" "+strings.Join(words[at+n:], " ")), 0.9, nil)
			}
			return list, false
		}
	}
	return list, false
}

// Wording is one way to say a phrase. Group is set if the lexicon knows it
// whole.
type Wording struct {
	Text   string
	Weight float64
	Group  *Group
}

// Fold brings a phrase into the form in which phrases are compared: folded
// words with single spaces between.
func Fold(s string) string { return strings.Join(Stems(s), " ") }

// Stems returns the folded words of a text: lower case, without the endings of
// plurals and common verb forms. "and", "the" and "of" stay: phrases differ by
// order, not by them.
func Stems(s string) []string {
	var list []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			list = append(list, Stem(b.String()))
			b.Reset()
		}
	}
	for _, r := range s {
		switch {
		case r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		default:
			flush()
		}
	}
	flush()
	return slices.DeleteFunc(list, func(w string) bool { return w == "and" || w == "the" || w == "a" || w == "an" })
}

// irregular words and those whose ending is none.
var irregular = map[string]string{
	"taxes": "tax", "losses": "loss", "loss": "loss", "paid": "pay", "payments": "pay", "payment": "pay", "pays": "pay", "gross": "gross",
	"less": "less", "business": "business", "businesses": "business", "process": "process", "assets": "asset", "expenses": "expense",
	"leases": "lease", "leasing": "lease", "leased": "lease", "purchases": "purchase", "purchasing": "purchase", "purchased": "purchase",
	"acquire": "acquire", "acquired": "acquire", "acquisition": "acquire", "acquisitions": "acquire", "acquiring": "acquire", "sales": "sale", "series": "series",
	"analysis": "analysis", "basis": "basis", "access": "access", "goods": "good", "earnings": "earning", "operating": "operating", "operations": "operation",
	"financing": "financing", "investing": "investing", "outstanding": "outstanding", "amortisation": "amortization", "interest": "interest",
	"stockholders": "holder", "shareholders": "holder", "shareowners": "holder", "stockholder": "holder", "shareholder": "holder", "shareowner": "holder",
	"owners": "holder", "stock": "share", "stocks": "share", "shares": "share", "used": "use", "equivalents": "equivalent", "status": "status",
	"receivables": "receivable", "cash": "cash", "non": "non", "noncurrent": "noncurrent", "indebtedness": "debt", "repurchases": "repurchase", "repurchased": "repurchase", "repurchasing": "repurchase",
	"consolidated": "consolidate", "reported": "report", "marketing": "marketing", "advertising": "advertising", "rent": "rent", "rental": "rent", "software": "software",
	"proceeds": "proceed", "provided": "provide", "providing": "provide", "comprehensive": "comprehensive", "services": "service", "liabilities": "liability",
	"depreciation": "depreciation", "accrued": "accrue", "deferred": "defer", "issued": "issue", "issuance": "issue", "restructuring": "restructuring", "building": "building", "buildings": "building",
	"manufacturing": "manufacturing", "trading": "trading", "controlling": "controlling", "noncontrolling": "noncontrolling", "borrowings": "borrowing", "savings": "saving", "holdings": "holding",
}

// Stem folds one lower-case word.
func Stem(w string) string {
	if s, ok := irregular[w]; ok {
		return s
	}
	n := len(w)
	switch {
	case n > 4 && strings.HasSuffix(w, "ies"):
		return w[:n-3] + "y"
	case n > 4 && (strings.HasSuffix(w, "sses") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes")):
		return w[:n-2]
	case n > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:n-1]
	case n > 6 && strings.HasSuffix(w, "ised"):
		return w[:n-4] + "ize"
	case n > 5 && strings.HasSuffix(w, "ized"):
		return w[:n-1]
	case n > 5 && strings.HasSuffix(w, "ed"):
		return w[:n-2]
	}
	return w
}
