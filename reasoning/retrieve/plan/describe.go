package plan

import (
	"regexp"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// reDescribe finds descriptions of a company by its cover page; the value
// follows.
var reDescribe = regexp.MustCompile(`(?i)\b(?:which |that |who )?(?:(?:is |are |was |were |has its |have their )?(headquartered|headquarters|based|located|domiciled|principal executive offices?)(?: is| are)? (?:in|at)|(?:whose |with |its )(headquarters|principal executive offices?|head office)(?: is| are)? (?:located )?(?:in|at)|(?:(?:is |are |was |were )?(audited) by|whose (?:independent )?(auditor|auditing firm|audit firm|accountant)(?: is| was)?|with (?:the )?(auditor))|(?:(?:is |was |are )?(incorporated|organi[sz]ed|chartered) in))\s+`)

var reSubject = regexp.MustCompile(`(?i)\b(?:the |a |an |which |what )?(?:company|firm|issuer|registrant|filer|corporation|business|one)(?: that| which)?(?: is| was)?[\s,]*$`)

// describe finds companies that are described by city, state or auditor.
func (r *reader) describe() {
	text := r.q.Text
	hits := reDescribe.FindAllStringSubmatchIndex(text, -1)
	groups := r.based()
	for _, m := range hits {
		if !r.free(m[0], m[1]) {
			continue
		}
		end := valueEnd(text, m[1])
		if m[2] >= 0 || m[4] >= 0 {
			// "in Boston and Marcum LLP as its auditor"
			if i := strings.Index(text[m[1]:end], " and "); i > 0 && r.city(text[m[1]:m[1]+i]) && !r.city(text[m[1]:end]) {
				end = m[1] + i
			}
		}
		v := strings.Trim(text[m[1]:end], " ,")
		if v == "" {
			continue
		}
		var d library.Description
		place := func(v string) {
			city, state, ok := strings.Cut(v, ",")
			d.City = city
			if ok && strings.TrimSpace(state) != "" {
				d.State = strings.TrimSpace(state)
			}
		}
		switch {
		case m[2] >= 0 || m[4] >= 0:
			place(v)
		case m[6] >= 0 || m[8] >= 0 || m[10] >= 0:
			d.Auditor = v
		default:
			d.State = v
		}
		if n := len(groups); n > 0 && linked(text[groups[n-1].To:m[0]]) {
			g := &groups[n-1]
			g.To = end
			g.Text = text[g.From:end]
			if d.City != "" {
				g.Description.City = d.City
			}
			if d.State != "" {
				g.Description.State = d.State
			}
			if d.Auditor != "" {
				g.Description.Auditor = d.Auditor
			}
			continue
		}
		from := m[0]
		if s := reSubject.FindStringIndex(text[:m[0]]); s != nil {
			from = s[0]
		} else if len(groups) == 0 && !strings.Contains(strings.ToLower(text[:m[0]]), "compan") {
			continue // "which is based in": about something else
		}
		groups = append(groups, Company{From: from, To: end, Text: text[from:end], Description: &d})
	}
	for _, g := range groups {
		g.auditorAfter(text)
		g.Candidates = r.lib.Of(*g.Description)
		if len(g.Candidates) == 0 && g.Description.State != "" && g.Description.City != "" {
			// "Dallas, Texas": states are written in several ways.
			g.Candidates = r.lib.Of(library.Description{City: g.Description.City, Auditor: g.Description.Auditor})
		}
		r.q.Described = true
		r.spans = append(r.spans, cut{g.From, g.To, phCompany + rune(len(r.q.Companies))})
		r.q.Companies = append(r.q.Companies, g)
	}
}

var reBased = regexp.MustCompile(`(?i)-based (?:company|firm|issuer|corporation|business|registrant|filer)\b`)

// based finds "the Salt Lake City-based company".
func (r *reader) based() (list []Company) {
	text := r.q.Text
	for _, m := range reBased.FindAllStringIndex(text, -1) {
		ws := library.Words(text[:m[0]])
		for n := min(4, len(ws)); n > 0; n-- {
			from := ws[len(ws)-n].From
			if r.city(text[from:m[0]]) && r.free(from, m[1]) {
				list = append(list, Company{From: from, To: m[1], Text: text[from:m[1]], Description: &library.Description{City: text[from:m[0]]}})
				break
			}
		}
	}
	return list
}

var reAsAuditor = regexp.MustCompile(`(?i)(?:,| and| with)+ ((?:[A-Z][\w.&' ]*?)+) as (?:its|their|the) (?:independent |external |outside )?(?:auditor|accountant|audit firm)s?\b`)

// auditorAfter reads "and Marcum LLP as its auditor" after a description.
func (g *Company) auditorAfter(text string) {
	if m := reAsAuditor.FindStringSubmatchIndex(text[g.To:]); m != nil && m[0] == 0 && g.Description.Auditor == "" {
		g.Description.Auditor = text[g.To+m[2] : g.To+m[3]]
		g.To += m[1]
		g.Text = text[g.From:g.To]
	}
}

// city reports whether a company is headquartered in a city of that name.
func (r *reader) city(name string) bool { return len(r.lib.Of(library.Description{City: name})) > 0 }

// linked reports whether two descriptions are of one company.
func linked(gap string) bool {
	switch strings.Trim(strings.ToLower(gap), " ,") {
	case "", "and", "and is", "and was", "and whose", "and that is", "which is", "and which is":
		return true
	}
	return false
}

// stops end the value of a description.
var stops = set(`report reported reports record recorded disclose disclosed have has had show showed post posted earn earned spend spent generate generated
in for during did does was were is are as what how which whose that who audited headquartered based located incorporated organized and's`)

// valueEnd is where the value that begins at a byte ends: at a verb, a question
// mark, or an "and" that begins another description.
func valueEnd(text string, from int) int {
	end := from
	ws := library.Words(text[from:])
	for i, w := range ws {
		gap := text[end : from+w.From]
		if i > 0 && strings.ContainsAny(gap, "?;:()") {
			break
		}
		low := strings.ToLower(text[from+w.From : from+w.To])
		if stops[low] {
			break
		}
		if low == "and" || low == "with" {
			rest := strings.ToLower(text[from+w.To:])
			if i+1 < len(ws) && (stops[ws[i+1].Text] || strings.HasPrefix(rest, " its ") || !ws[i+1].Upper) {
				break
			}
		}
		if i > 0 && !w.Upper && low != "and" && low != "of" && low != "the" && low != "by" {
			break
		}
		end = from + w.To
		if w.Base != w.Text && (strings.HasSuffix(low, "'s") || strings.HasSuffix(low, "’s")) {
			return end
		}
	}
	// "LLP." keeps no full stop, "P.C." none either.
	return end
}
