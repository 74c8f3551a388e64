// Package plan reads a question about filings: which companies, periods and
// figures it speaks of, and what is to be done with them. It is a reader of
// English with rules, not a matcher of templates: what is recognised is cut out,
// and the words that remain name the figures.
package plan

import (
	"slices"
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// Op is what is done with the figures of the companies and periods.
type Op string

// Operations.
const (
	Value   Op = "value"   // of each company and period
	Change  Op = "change"  // in percent, from the first period to the last
	Diff    Op = "diff"    // last period less first, or first company less second
	Points  Op = "points"  // difference of two percentages
	CAGR    Op = "cagr"    // compound annual growth
	Compare Op = "compare" // which of two, and by how much
	Highest Op = "highest" // which of several
	Lowest  Op = "lowest"
	Rank    Op = "rank"    // all of them in order
	Sum     Op = "sum"     // over periods or companies
	Average Op = "average" //
	Pair    Op = "pair"    // as first reported and as reported later
)

// Basis says which of several reported values counts.
type Basis string

// Bases.
const (
	Own    Basis = ""       // the report on that very period, else the latest
	First  Basis = "first"  // as first reported
	Latest Basis = "latest" // as restated
)

// Question is a question that has been read.
type Question struct {
	Text      string
	Op        Op
	Lowest    bool // Compare: the lower one is asked for
	Companies []Company
	Periods   []Period
	Reports   []Period // the question names the reports to look in
	Basis     Basis
	Percent   bool      // a percentage is asked for
	Measures  []Measure // ways to read the figure, the likeliest first
	Unknown   []Name    // capitalised names that are no company here
	Described bool      // a company is described, not named
	Sentences bool      // it asks for text: why, describe, which risks
}

// Company is a company the question speaks of. Candidates is empty if nothing
// fits, and has several entries if the name or description fits several.
type Company struct {
	From, To    int // bytes of the question
	Text        string
	Candidates  []*library.Company
	Description *library.Description // set if it is described by its cover page
}

// Name is a capitalised name in the question. Owner is set if it stands where
// companies stand.
type Name struct {
	From, To int
	Text     string
	Owner    bool
}

// Measure is a figure: an expression over leaves. Phrases in Expr are numbers
// of Leaves.
type Measure struct {
	Kind   lexicon.Kind // empty: that of the only leaf
	Named  string       // name of the formula, if it has one
	Expr   lexicon.Expr
	Leaves []Leaf
}

// Leaf is a figure as reported. Runs are the pieces of the question that name
// it: one of them names the concept, others a segment, product or region.
type Leaf struct {
	Runs   []Run
	Gloss  string // explanation in brackets
	Unit   string // shares, if a number of shares is asked for
	Flow   bool   // what is asked was spent, paid or earned: no balance
	Quoted bool   // the wording is given exactly
}

// Run is a piece of the question. Member is set if the question itself says it
// is a segment, region or product.
type Run struct {
	Text   string
	Member bool
}

// Text is the leaf as asked, for messages.
func (l Leaf) Text() string {
	var s []string
	for _, r := range l.Runs {
		s = append(s, r.Text)
	}
	return strings.Join(s, " / ")
}

// Placeholders in the working text.
const (
	phCompany = 0xE000
	phPeriod  = 0xE200
	phQuote   = 0xE400
	phGloss   = 0xE500
	phLimit   = 0xE600
)

func placeholder(r rune) bool { return r >= phCompany && r < phLimit }

// reader holds a question while it is read.
type reader struct {
	q      Question
	lib    *library.Library
	lex    *lexicon.Lexicon
	work   string // with placeholders, lower case
	quotes []string
	gloss  []string
	spans  []cut
	signs
}

// cut is a range of the question and the placeholder that replaces it.
type cut struct {
	from, to int
	r        rune
}

// Read reads a question. It never fails: what is not understood is left out,
// and whether the rest suffices is for the caller to see.
func Read(text string, lib *library.Library) Question {
	// Private characters are ours.
	text = strings.Map(func(c rune) rune {
		if placeholder(c) {
			return ' '
		}
		return c
	}, text)
	r := &reader{q: Question{Text: text}, lib: lib, lex: lexicon.Default()}
	r.cutQuotes()
	r.describe()
	r.companies()
	r.periods()
	r.names()
	r.replace()
	r.brackets()
	r.operation()
	r.measures()
	if reShares.MatchString(r.q.Text) && len(r.q.Measures) > 0 && r.q.Measures[0].Expr.Op == 0 {
		for i := range r.q.Measures[0].Leaves {
			r.q.Measures[0].Leaves[i].Unit = "shares"
		}
	}
	if reFlow.MatchString(r.q.Text) && len(r.q.Measures) > 0 && r.q.Measures[0].Expr.Op == 0 {
		for i := range r.q.Measures[0].Leaves {
			r.q.Measures[0].Leaves[i].Flow = !r.q.Measures[0].Leaves[i].Quoted
		}
	}
	if m := r.q.Measures; r.q.Sentences && len(m) > 0 && len(r.q.Periods) > 0 && !strings.HasPrefix(r.work, "why ") {
		// "What is the revenue of 2023" asks for a figure after all.
		known := m[0].Named != "" || m[0].Expr.Op != 0
		for _, l := range m[0].Leaves {
			_, ok := r.lex.Wordings(l.Runs[0].Text)
			known = known || ok && len(l.Runs) == 1
		}
		r.q.Sentences = !known
	}
	return r.q
}

func (r *reader) free(from, to int) bool {
	return !slices.ContainsFunc(r.spans, func(c cut) bool { return from < c.to && c.from < to })
}

// cutQuotes takes out what stands in quotation marks: exact wordings.
func (r *reader) cutQuotes() {
	for _, pair := range [][2]string{{`"`, `"`}, {"“", "”"}, {"‘", "’"}} {
		for at := 0; at < len(r.q.Text); {
			i := strings.Index(r.q.Text[at:], pair[0])
			if i < 0 {
				break
			}
			i += at
			j := strings.Index(r.q.Text[i+len(pair[0]):], pair[1])
			if j < 0 {
				break
			}
			j += i + len(pair[0])
			at = j + len(pair[1])
			inner := strings.Trim(r.q.Text[i+len(pair[0]):j], " .,?")
			if inner == "" || len(r.quotes) >= phGloss-phQuote || !r.free(i, at) {
				continue
			}
			r.spans = append(r.spans, cut{i, at, phQuote + rune(len(r.quotes))})
			r.quotes = append(r.quotes, inner)
		}
	}
}

func (r *reader) companies() {
	found := r.lib.Find(r.q.Text)
	for _, m := range found {
		if !r.free(m.From, m.To) || len(r.q.Companies) >= phPeriod-phCompany {
			continue
		}
		// A name that stands in its ticker's brackets after the name is the same.
		c := Company{From: m.From, To: m.To, Text: r.q.Text[m.From:m.To], Candidates: m.Companies}
		if n := len(r.spans); n > 0 && r.again(c, r.spans[n-1]) || r.partOfName(m, found) {
			continue
		}
		same := slices.IndexFunc(r.q.Companies, func(o Company) bool {
			return len(o.Candidates) == 1 && slices.Contains(c.Candidates, o.Candidates[0])
		})
		if same < 0 {
			same = len(r.q.Companies)
			r.q.Companies = append(r.q.Companies, c)
		}
		r.spans = append(r.spans, cut{m.From, m.To, phCompany + rune(same)})
	}
}

// partOfName reports whether a mention begins the name of a segment of a
// company that is mentioned elsewhere too: "the Walmart International segment of
// Walmart".
func (r *reader) partOfName(m library.Mention, all []library.Mention) bool {
	rest := r.q.Text[m.To:]
	if len(rest) < 2 || rest[0] != ' ' || !unicode.IsUpper(rune(rest[1])) {
		return false
	}
	w := library.Words(rest)
	last := library.Words(r.q.Text[m.From:m.To])
	if end := last[len(last)-1]; end.Base != end.Text || strings.HasSuffix(r.q.Text[m.From:m.To], "'") || strings.HasSuffix(r.q.Text[m.From:m.To], "’") || capitalWords[w[0].Base] && !w[0].All {
		return false
	}
	return slices.ContainsFunc(all, func(o library.Mention) bool {
		return o.From != m.From && len(o.Companies) == 1 && slices.Contains(m.Companies, o.Companies[0])
	})
}

// again reports whether a name follows right after the possessive of the same
// company: in "Walmart's Walmart U.S. segment" it belongs to the segment.
func (r *reader) again(c Company, last cut) bool {
	if last.r < phCompany || last.r >= phPeriod {
		return false
	}
	o := r.q.Companies[last.r-phCompany]
	return len(o.Candidates) == 1 && slices.Contains(c.Candidates, o.Candidates[0]) && last.to <= c.From &&
		strings.TrimSpace(r.q.Text[last.to:c.From]) == "" && len(library.Words(r.q.Text[last.from:last.to])) > 0
}

// replace writes the working text: what was recognised becomes a placeholder,
// the rest is lower case.
func (r *reader) replace() {
	slices.SortFunc(r.spans, func(a, b cut) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for _, c := range r.spans {
		if c.from < at {
			continue
		}
		b.WriteString(strings.ToLower(r.q.Text[at:c.from]))
		b.WriteString(" " + string(c.r) + " ")
		at = c.to
	}
	b.WriteString(strings.ToLower(r.q.Text[at:]))
	s := strings.NewReplacer("’", "'", "–", "-", "—", " - ", "&", " and ", "u.s.", "us", "top line", "revenue", "top-line", "revenue", "bottom line", "net income", "bottom-line", "net income",
		// An average or change that is part of a name asks for nothing.
		"weighted average", "weighted_average", "weighted-average", "weighted_average", "net change in", "net_change in", "net increase in", "net_increase in", "net decrease in", "net_decrease in",
		"increase (decrease)", "increase_decrease").Replace(b.String())
	r.work = strings.Join(strings.Fields(s), " ")
}

// names finds capitalised names that are no company of the library.
func (r *reader) names() {
	ws := library.Words(r.q.Text)
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		if !w.Upper || unicode.IsDigit(rune(r.q.Text[w.From])) || !r.free(w.From, w.To) || capitalWords[w.Base] || r.known(w, i == 0) {
			continue
		}
		j := i
		for j+1 < len(ws) && ws[j].Base == ws[j].Text && nameGap(r.q.Text[ws[j].To:ws[j+1].From]) &&
			(ws[j+1].Upper || joins[ws[j+1].Text] && j+2 < len(ws) && ws[j+2].Upper) && r.free(ws[j+1].From, ws[j+1].To) &&
			!capitalWords[ws[j+1].Base] {
			j++
		}
		last := ws[j]
		n := Name{From: w.From, To: last.To, Text: r.q.Text[w.From:last.To]}
		n.Owner = last.Base != last.Text || r.listed(w.From, last.To)
		if last.Base != last.Text {
			n.Text = strings.TrimSuffix(strings.TrimSuffix(n.Text, "'s"), "’s")
		} else if rest := r.q.Text[last.To:]; strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, "’") {
			n.Owner = true
		}
		r.q.Unknown = append(r.q.Unknown, n)
		i = j
	}
}

// known reports whether a capitalised word is a word of figures rather than a
// name: "Revenue", "R&D", or any word that begins a sentence and is in a
// formula or wording.
func (r *reader) known(w library.Word, first bool) bool {
	if _, ok := r.lex.Formula(w.Text); ok {
		return true
	}
	if _, ok := r.lex.Wordings(w.Text); ok {
		return true
	}
	return first && len(r.lib.Find(w.Text)) == 0 && startWords[w.Text]
}

func nameGap(s string) bool {
	return strings.Trim(s, " ") == "" || s == " & " || s == "-" || s == "."
}

// joins are small words inside names: "Bank of America".
var joins = map[string]bool{"of": true, "and": true, "the": true, "de": true}

// listed reports whether a name stands in a list with companies: "Among X, Y
// and Z", "X or Y".
func (r *reader) listed(from, to int) bool {
	before := strings.ToLower(strings.TrimRight(r.q.Text[:from], " ,"))
	after := strings.ToLower(strings.TrimLeft(r.q.Text[to:], " "))
	for _, c := range r.spans {
		if c.r < phCompany || c.r >= phPeriod {
			continue
		}
		if c.to <= from && listGap(r.q.Text[c.to:from]) || to <= c.from && listGap(r.q.Text[to:c.from]) {
			return true
		}
	}
	for _, w := range []string{"among", "did", "does", "has", "between", "company", "than", "by", "at"} {
		if strings.HasSuffix(before, " "+w) || before == w {
			for _, v := range []string{"report", "have", "record", "spend", "generate", "earn", "pay", "post", "incur", "hold", "or ", ",", "disclose", "and ", "'s", "in fiscal", "for fiscal", "in fy", "show", "state"} {
				if strings.HasPrefix(after, v) {
					return true
				}
			}
		}
	}
	for _, w := range []string{"of", "for"} {
		if (strings.HasSuffix(before, " "+w)) && (after == "" || strings.HasPrefix(after, "?") || strings.HasPrefix(after, "in ") || strings.HasPrefix(after, "for ") || strings.HasPrefix(after, "at ")) {
			return true
		}
	}
	return false
}

func listGap(s string) bool {
	s = strings.TrimPrefix(s, "'s")
	switch strings.Trim(s, " ,") {
	case "", "and", "or", "vs", "vs.", "versus", "with", "to", "than":
		return strings.Trim(s, " ") != ""
	}
	return false
}

// capitalWords are capitalised words that are no names in questions.
var capitalWords = set(`what which how did does do is are was were the a an in on for by among between of at from to and or as compare comparing
calculate compute give show tell find list name rank why when where who whose has have had can could would should if using based during over
fiscal fy year years quarter quarters q1 q2 q3 q4 h1 h2 1h 2h january february march april may june july august september october november december
jan feb mar apr jun jul aug sep sept oct nov dec us usd gaap non sec 10 k 10k 10q 10-k 10-q form annual report item i it its their yoy ceo cfo
eur gbp jpy million billion inc corp company companies ebitda ebit eps fcf roe roa capex opex r d r&d sg a sga cogs pp e ppe dso dpo dio rd
cagr vs million billions usa percent please answer both all each according assume relative excluding including total net gross`)

// startWords may begin a sentence with a capital.
var startWords = set(`what which how did among in for by at during over as compare calculate compute give show tell find list name rank is was were are do does has
have had why when where who if using from between the a an looking considering taking report state`)

func set(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// brackets takes explanations out of the working text.
func (r *reader) brackets() {
	for {
		i := strings.IndexByte(r.work, '(')
		if i < 0 {
			return
		}
		j := strings.IndexByte(r.work[i:], ')')
		if j < 0 {
			j = len(r.work) - i
		}
		inner := strings.TrimSpace(strings.Trim(r.work[i:i+j], "()"))
		r.gloss = append(r.gloss, inner)
		end := min(len(r.work), i+j+1)
		ph := " "
		if len(r.gloss) <= phLimit-phGloss {
			ph = " " + string(rune(phGloss+len(r.gloss)-1)) + " "
		}
		r.work = r.work[:i] + ph + r.work[end:]
	}
}

// hasPlaceholder reports whether s holds a placeholder of a kind.
func hasPlaceholder(s string, from, to rune) bool {
	for _, c := range s {
		if c >= from && c < to {
			return true
		}
	}
	return false
}
