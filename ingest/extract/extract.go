// Package extract reads relations in the text of filings by rules: the
// subsidiaries of exhibit 21, auditors, officers and directors, risk factors,
// competitors, suppliers and what a company depends on. Each finding has the
// words it stands in, the rule that found it, and the confidence of that rule,
// set by reading what it finds in annual reports; it is not calibrated.
package extract

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Finding is a relation of the filing company.
type Finding struct {
	Relation     string // of fact.RelationTypes
	Inverse      bool   // the company is the object
	Type         string // of fact.EntityTypes, of the other side
	Label        string
	Named        bool // it has a name; else it is the company's own
	Jurisdiction string
	Position     string
	From, To     int // text of the tree
	Rule         string
	Confidence   float64
}

// Options says what is read.
type Options struct {
	Exhibit string // type of the document: EX-21.1
	Name    string // file name
	Company string // name of the filer, not to be found in its own lists
}

// Read reads one document.
func Read(t *doc.Tree, o Options) []Finding {
	r := &reader{t: t, o: o, seen: map[string]bool{}}
	if r.exhibit21() {
		r.subsidiaries()
		return r.found
	}
	r.sections()
	return r.found
}

type reader struct {
	t     *doc.Tree
	o     Options
	found []Finding
	seen  map[string]bool
}

func (r *reader) add(f Finding) {
	f.Label = strings.TrimFunc(strings.Join(strings.Fields(f.Label), " "), func(c rune) bool {
		return c == ',' || c == ';' || c == ':' || c == '*' || c == '•' || unicode.IsSpace(c)
	})
	key := f.Relation + "\x00" + f.Type + "\x00" + strings.ToLower(f.Label)
	if f.Label == "" || r.seen[key] || f.To <= f.From {
		return
	}
	r.seen[key] = true
	r.found = append(r.found, f)
}

var subsidiariesTitle = regexp.MustCompile(`(?i)\b(list of )?(significant )?subsidiaries\b`)

// exhibit21 reports whether the document is a list of subsidiaries.
func (r *reader) exhibit21() bool {
	if strings.HasPrefix(strings.ToUpper(r.o.Exhibit), "EX-21") {
		return true
	}
	n := strings.ToLower(r.o.Name)
	for _, s := range []string{"ex21", "ex-21", "exhibit21", "ex_21"} {
		if i := strings.Index(n, s); i >= 0 {
			rest := n[i+len(s):]
			if rest == "" || rest[0] < '2' || rest[0] > '9' {
				return len(r.t.Text) < 1<<20
			}
		}
	}
	return len(r.t.Text) < 200_000 && subsidiariesTitle.MatchString(r.t.Text[:min(len(r.t.Text), 300)]) && !strings.Contains(r.t.Text[:min(len(r.t.Text), 3000)], "10-K")
}

var (
	listHead    = regexp.MustCompile(`(?i)^(name|company|entity|subsidiar|legal|jurisdiction|state|country|exhibit|the following|list of|percent|as of|incorporat|organi[sz]|place|where)`)
	inBrackets  = regexp.MustCompile(`^(.{3,120}?)\s*\(([A-Z][A-Za-z .,]+)\)$`)
	dotted      = regexp.MustCompile(`^(.{3,120}?)\s*(?:\.{3,}|\s{3,}|\t|\s[–—-]\s)\s*([A-Z][A-Za-z .,]+)$`)
	companyTail = regexp.MustCompile(`(?i)\b(inc|corp|corporation|company|co|llc|l\.l\.c|ltd|limited|lp|l\.p|plc|gmbh|ag|s\.?a\.?r?\.?l?|b\.?v|n\.?v|pty|pte|oy|ab|as|kk|s\.?p\.?a|holdings?|group|trust|partners|sdn|bhd|srl|sas|spa|kft|ulc|bank)\b`)
)

func (r *reader) subsidiaries() {
	line := func(name, place string, from, to int) {
		name = strings.TrimSpace(marks.ReplaceAllString(name, ""))
		if len(name) < 3 || len(name) > 120 || listHead.MatchString(name) || strings.EqualFold(name, r.o.Company) || !strings.ContainsFunc(name, unicode.IsUpper) {
			return
		}
		conf := 0.9
		if !companyTail.MatchString(name) {
			conf = 0.7
			if place == "" {
				return
			}
		}
		r.add(Finding{Relation: "Has_Stake_In", Type: "COMP", Label: name, Named: true, Jurisdiction: place, From: from, To: to, Rule: "exhibit 21", Confidence: conf})
	}
	for n := range r.t.Nodes {
		node := r.t.Nodes[n]
		switch node.Kind {
		case doc.Row:
			var cells []int
			for c := range r.t.Children(n) {
				if strings.TrimSpace(r.t.Str(c)) != "" {
					cells = append(cells, c)
				}
			}
			if len(cells) == 0 || len(cells) > 6 {
				continue
			}
			place := ""
			for _, c := range cells[1:] {
				if s := strings.TrimSpace(r.t.Str(c)); !strings.ContainsAny(s, "0123456789%") && len(s) > 1 && len(s) < 60 {
					place = s
					break
				}
			}
			c := r.t.Nodes[cells[0]]
			line(r.t.Str(cells[0]), place, int(c.From), int(c.To))
		case doc.Paragraph, doc.Heading:
			s := r.t.Str(n)
			place := ""
			if m := inBrackets.FindStringSubmatch(s); m != nil {
				s, place = m[1], m[2]
			} else if m := dotted.FindStringSubmatch(s); m != nil {
				s, place = m[1], m[2]
			}
			if len(s) < 100 {
				line(s, place, int(node.From), int(node.From)+len(s))
			}
		}
	}
}

var marks = regexp.MustCompile(`\s*(\([0-9a-z]{1,3}\)|\*+|†|‡)\s*$`)

var (
	riskItem = regexp.MustCompile(`(?i)^item\s*1A\b`)
	signed   = regexp.MustCompile(`(?i)^signatures?$`)
	auditing = regexp.MustCompile(`(?i)report of independent registered public accounting firm`)
)

// sections reads the sections that hold what the rules look for.
func (r *reader) sections() {
	risks := 0
	for n := 0; n < len(r.t.Nodes); n++ {
		node := r.t.Nodes[n]
		switch node.Kind {
		case doc.Section:
			h := r.t.Str(n + 1)
			switch {
			case riskItem.MatchString(h):
				risks = int(node.End)
			case auditing.MatchString(h):
				r.auditor(n)
			case signed.MatchString(strings.TrimSpace(h)):
				r.signatures(n)
			}
			if n < risks && !riskItem.MatchString(h) {
				r.risk(n)
			}
		case doc.Sentence:
			r.sentence(n)
		}
	}
	r.officers()
}

var (
	groupOfRisks = regexp.MustCompile(`(?i)^(summary of |other |general |certain )?risks?( factors?)?\b.{0,40}(relat|associat|specific|summary|regarding|$)`)
	verb         = regexp.MustCompile(`(?i)\b(may|could|can|might|will|would|must|should|depends?|is|are|has|have|had|faces?|rely|relies|expose|exposes?|affects?|impacts?|requires?|do|does|was|were|been|be)\b`)
)

// risk takes the heading of a section among the risk factors: those that are
// sentences name a risk, the others name groups.
func (r *reader) risk(n int) {
	h := r.t.Nodes[n+1]
	s := r.t.Str(n + 1)
	if len(strings.Fields(s)) < 5 || groupOfRisks.MatchString(s) || !verb.MatchString(s) {
		return
	}
	conf := 0.8
	if strings.HasSuffix(strings.TrimSpace(s), ".") {
		conf = 0.95
	}
	r.add(Finding{Relation: "Faces", Type: "RISK_FACTOR", Label: s, From: int(h.From), To: int(h.To), Rule: "heading of item 1A", Confidence: conf})
}

var firm = regexp.MustCompile(`(?i)/s/\s*([A-Z][\w&.,’' -]+?(?:LLP|L\.L\.P\.|P\.C\.|PLLC|LLC|& Co\.?|CPAs?))`)

// auditor takes the signature under an auditor's report.
func (r *reader) auditor(n int) {
	from, to := int(r.t.Nodes[n].From), int(r.t.Nodes[n].To)
	if m := firm.FindStringSubmatchIndex(r.t.Text[from:to]); m != nil {
		r.add(Finding{
			Relation: "Related_To", Type: "COMP", Label: r.t.Text[from+m[2] : from+m[3]], Named: true, Position: "auditor",
			From: from + m[2], To: from + m[3], Rule: "signature of the auditor's report", Confidence: 0.95,
		})
	}
}

var (
	signature = regexp.MustCompile(`/s/\s*([A-Z][\pL.’' -]{3,60})`)
	title     = regexp.MustCompile(`(?i)\b(director|officer|president|chair(man|woman|person)?|controller|treasurer|secretary|chief)\b`)
)

// signatures takes who signed a report, with the title that stands below or
// beside the name.
func (r *reader) signatures(n int) {
	end := int(r.t.Nodes[n].End)
	type line struct {
		text     string
		from, to int
	}
	var lines []line
	for i := n + 1; i < end; i++ {
		node := r.t.Nodes[i]
		switch node.Kind {
		case doc.Cell, doc.Paragraph, doc.Heading:
			if s := strings.TrimSpace(r.t.Str(i)); s != "" && len(s) < 300 {
				at := int(node.From)
				for _, part := range strings.SplitAfter(r.t.Str(i), "\n") {
					if p := strings.TrimSpace(part); p != "" {
						lines = append(lines, line{p, at, at + len(strings.TrimRight(part, " \n"))})
					}
					at += len(part)
				}
			}
		}
	}
	for i, l := range lines {
		m := signature.FindStringSubmatchIndex(l.text)
		if m == nil {
			continue
		}
		name := l.text[m[2]:m[3]]
		if j := title.FindStringIndex(name); j != nil {
			name = name[:j[0]]
		}
		position := ""
		for _, x := range lines[i+1 : min(len(lines), i+5)] {
			if signature.MatchString(x.text) {
				break
			}
			if title.MatchString(x.text) && position == "" {
				position = strings.TrimLeft(x.text, " ,")
				if k := strings.Index(strings.ToLower(position), strings.ToLower(strings.TrimSpace(name))); k == 0 {
					position = strings.TrimLeft(position[len(strings.TrimSpace(name)):], " ,")
				}
			} else if sameName(x.text, name) {
				name = x.text // as written, not in capitals
			}
		}
		if position == "" || !personal(name) {
			continue
		}
		r.add(Finding{Relation: "Member_Of", Inverse: true, Type: "PERSON", Label: strings.TrimSpace(name), Named: true, Position: clip(position), From: l.from, To: l.to, Rule: "signature", Confidence: 0.9})
	}
}

func clip(s string) string {
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "")
	}
	return strings.Join(strings.Fields(s), " ")
}

// sameName compares names without regard to case, initials and points.
func sameName(a, b string) bool {
	last := func(s string) string {
		f := strings.Fields(strings.ToLower(strings.Trim(s, " .,")))
		if len(f) == 0 {
			return ""
		}
		return f[len(f)-1]
	}
	return len(a) < 60 && last(a) != "" && last(a) == last(b) && strings.EqualFold(a[:1], strings.TrimSpace(b)[:1])
}

// personal reports whether a text can be the name of a person.
func personal(s string) bool {
	f := strings.Fields(s)
	if len(f) < 2 || len(f) > 6 {
		return false
	}
	for _, w := range f {
		c, _ := utf8.DecodeRuneInString(strings.TrimLeft(w, "\"“(‘’'"))
		if !unicode.IsUpper(c) && !slices.Contains([]string{"de", "van", "von", "der", "la", "du", "da", "bin", "al"}, w) {
			return false
		}
		if strings.ContainsAny(w, "0123456789:;@/") {
			return false
		}
	}
	return !companyTail.MatchString(s) && !title.MatchString(s)
}

// officers takes tables of executive officers: name, age, position.
func (r *reader) officers() {
	for n := range r.t.Nodes {
		if r.t.Nodes[n].Kind != doc.Table {
			continue
		}
		head := strings.ToLower(r.t.Text[r.t.Nodes[n].From:min(int(r.t.Nodes[n].To), int(r.t.Nodes[n].From)+120)])
		if !strings.Contains(head, "name") || !strings.Contains(head, "age") || !strings.Contains(head, "position") && !strings.Contains(head, "title") && !strings.Contains(head, "office") {
			continue
		}
		for row := range r.t.Children(n) {
			var cells []int
			for c := range r.t.Children(row) {
				if strings.TrimSpace(r.t.Str(c)) != "" {
					cells = append(cells, c)
				}
			}
			if len(cells) < 3 || !personal(strings.TrimSpace(r.t.Str(cells[0]))) {
				continue
			}
			position := ""
			for _, c := range cells[1:] {
				if title.MatchString(r.t.Str(c)) {
					position = r.t.Str(c)
				}
			}
			if position != "" {
				c := r.t.Nodes[cells[0]]
				r.add(Finding{Relation: "Member_Of", Inverse: true, Type: "PERSON", Label: r.t.Str(cells[0]), Named: true, Position: clip(position), From: int(c.From), To: int(c.To), Rule: "table of officers", Confidence: 0.95})
			}
		}
	}
}

const names = `((?:[A-Z][\w&.’'-]*|of|and|the|&)(?:[ ,]+(?:[A-Z][\w&.’'-]*|of|and|the|&))*)`

// pattern is a rule on a sentence; its first group is a list of names, or a
// noun phrase where nouns is set.
type pattern struct {
	re         *regexp.Regexp
	relation   string
	inverse    bool
	typ        string
	nouns      bool
	name       string
	confidence float64
	words      []string // one of them stands in every sentence that fits
}

var patterns = []pattern{
	{regexp.MustCompile(`\b(?:competitors|competition|compete with|rivals)\b[^.;:]{0,120}?(?:such as|includ(?:e|es|ing)|like)\s+` + names), "Related_To", false, "COMP", false, "competitors such as", 0.8, []string{"compet", "rivals"}},
	{regexp.MustCompile(`\b(?:suppliers|foundries|manufacturers|contract manufacturers|vendors)\b[^.;:]{0,80}?(?:such as|includ(?:e|es|ing))\s+` + names), "Supplies", true, "COMP", false, "suppliers such as", 0.8, []string{"suppliers", "foundries", "manufacturers", "vendors"}},
	{regexp.MustCompile(`\b(?:partners|partnerships?|collaborat\w+|alliances?)\s+with\s+` + names), "Partners_With", false, "COMP", false, "partnership with", 0.7, []string{"partner", "collaborat", "alliance"}},
	{regexp.MustCompile(`\b(?:[Ww]e|[Tt]he Company)\s+(?:completed (?:the|our) acquisition of|acquired)\s+(?:all [^.;,]{0,40}? of |the remaining [^.;,]{0,40}? of )?` + names), "Invests_In", false, "COMP", false, "acquired", 0.8, []string{"acqui"}},
	{regexp.MustCompile(`\b(?:[Ww]e|[Oo]ur (?:business|operations|success)|[Tt]he Company)\s+(?:are |is )?(?:substantially |highly |heavily |significantly )?(?:depends?|dependent|rely|relies)\s+(?:substantially |heavily |significantly |primarily )?(?:up)?on\s+((?:[a-z][\w-]*|third-party)(?:\s+[a-z][\w-]*){0,5})`), "Depends_On", false, "CONCEPT", true, "depends on", 0.5, []string{"depend", "rely ", "relies "}},
	{regexp.MustCompile(`\b(?:subject to|regulated by|regulation by|oversight (?:of|by))\s+(?:the\s+)?((?:[A-Z][\w&.’'-]*)(?:[ ]+(?:[A-Z][\w&.’'-]*|of|and|the|on|for))*\s*(?:Commission|Agency|Administration|Board|Authority|Department|Bureau|Office|Reserve))`), "Regulates", true, "ORG_REG", false, "regulated by", 0.8, []string{"subject to", "regulat", "oversight"}},
	{regexp.MustCompile(`\b(?:comply|compliance|complied)\s+with\s+(?:the\s+)?((?:[A-Z][\w&.’'-]*)(?:[ ]+(?:[A-Z][\w&.’'-]*|of|and|the|on|for|to))*\s*(?:Act|Regulation|Directive|Rule))`), "Complies_With", false, "REGULATORY_REQUIREMENT", false, "compliance with", 0.8, []string{"compl"}},
}

var listSeparator = regexp.MustCompile(`,\s+(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+|;\s*`)

// sentence applies the patterns to a sentence.
func (r *reader) sentence(n int) {
	s := r.t.Str(n)
	if len(s) > 1500 {
		return
	}
	for _, p := range patterns {
		if !slices.ContainsFunc(p.words, func(w string) bool { return strings.Contains(s, w) }) {
			continue
		}
		m := p.re.FindStringSubmatchIndex(s)
		if m == nil {
			continue
		}
		list := s[m[2]:m[3]]
		from, to := int(r.t.Nodes[n].From), int(r.t.Nodes[n].To)
		if p.nouns {
			words := strings.Fields(list)
			for len(words) > 0 && slices.Contains(stop, words[len(words)-1]) {
				words = words[:len(words)-1]
			}
			for len(words) > 0 && slices.Contains(stop, words[0]) {
				words = words[1:]
			}
			if len(words) > 1 && !slices.Contains(vague, words[0]) {
				r.add(Finding{Relation: p.relation, Inverse: p.inverse, Type: p.typ, Label: strings.Join(words, " "), From: from, To: to, Rule: p.name, Confidence: p.confidence})
			}
			continue
		}
		parts := []string{list}
		if p.typ == "COMP" {
			parts = listSeparator.Split(list, -1)
		}
		for _, name := range parts {
			name = strings.Trim(name, " ,.&’'")
			for _, w := range []string{" and", " of", " the", "’s", "'s"} {
				name = strings.TrimSuffix(name, w)
			}
			for _, w := range []string{"the ", "The ", "of ", "and "} {
				name = strings.TrimPrefix(name, w)
			}
			first, _ := utf8.DecodeRuneInString(name)
			if len(name) < 3 || !unicode.IsUpper(first) || slices.Contains(notNames, name) || r.own(name) {
				continue
			}
			r.add(Finding{Relation: p.relation, Inverse: p.inverse, Type: p.typ, Label: name, Named: true, From: from, To: to, Rule: p.name, Confidence: p.confidence})
		}
	}
}

// own reports whether a name is that of the filer or of a part of it.
func (r *reader) own(name string) bool {
	first := func(s string) string {
		f := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		if len(f) > 1 && f[0] == "the" {
			f = f[1:]
		}
		if len(f) == 0 {
			return ""
		}
		return f[0]
	}
	return first(r.o.Company) != "" && first(name) == first(r.o.Company)
}

var (
	vague    = []string{"following", "distribute", "ability", "combination", "deliver", "be", "extent", "whether", "how"}
	stop     = []string{"the", "a", "an", "our", "its", "their", "to", "of", "in", "on", "for", "and", "or", "by", "with", "that", "which", "as", "at", "from", "this", "these", "such", "certain", "certain", "many", "several", "number", "various"}
	notNames = []string{"Inc", "Ltd", "Corp", "LLC", "Company", "Note", "Notes", "Part", "Item", "Section", "We", "Our", "This", "These", "China", "Europe", "India", "Asia", "United States", "U.S", "Internet", "Africa", "North America", "Latin America"}
)
