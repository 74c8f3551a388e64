package plan

import (
	"regexp"
	"slices"
	"strings"
)

const (
	cC     = `[\x{E000}-\x{E1FF}]`
	cP     = `[\x{E200}-\x{E3FF}]`
	cG     = `[\x{E500}-\x{E5FF}]`
	pct    = `(?:percentage|percent|per cent|share|proportion|fraction|%|part)`
	most   = `(?:highest|largest|greatest|biggest|most|best|strongest|top|maximum)`
	fewest = `(?:lowest|smallest|least|fewest|worst|weakest|minimum)`
	more   = `(?:higher|larger|greater|bigger|more|better|stronger)`
	less   = `(?:lower|smaller|less|fewer|worse|weaker)`
	move   = `(?:change|changed|move|moved|grow|grew|grown|increase|increased|rise|rose|risen|decrease|decreased|decline|declined|fall|fell|fallen|drop|dropped|shrink|shrank|expand|expanded|contract|contracted|improve|improved|widen|widened|narrow|narrowed|differ|differed|go up|went up|go down|went down|climb|climbed|evolve|evolved|shift|shifted|vary|varied|deteriorate|deteriorated)`
)

// cue is a phrase that tells an operation. What it matches is cut out.
type cue struct {
	re *regexp.Regexp
	f  func(r *reader, m string)
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// cues are tried in order; each cuts all it matches.
var cues = []cue{
	{re(`^(?:please )?(?:calculate|compute|determine|find|give|tell|show|provide|state|report|express|how fast)(?: me| us)?\b`), func(*reader, string) {}},
	// Closing clauses ask for the number behind the answer.
	{re(`^how (?:large|big|high|great|small)(?: was| were| is| are)?\b`), func(*reader, string) {}},
	{re(`[,;]? ?(?:and|,) (?:what|how much|how large|how high|how big|how wide|how great|by what|which|by how much)(?: was| is| were)?(?: that| the| this| its)? ?(?:share|percentage|ratio|figure|value|amount|number|margin|difference|gap|it|rate|growth|change|result|level|total|proportion)?(?: in percent)?(?: (?:in|for) ` + cP + `)?(?: for (?:it|each|both))? ?\?`), func(r *reader, m string) {
		if strings.Contains(m, "by how much") || strings.Contains(m, "difference") || strings.Contains(m, "gap") {
			r.by = true
		}
	}},
	{re(`[,;]? ?(?:and )?by how (?:much|many)\b`), func(r *reader, _ string) { r.by = true }},
	{re(`(?:first|originally|initially)[ -](?:as )?(?:reported|stated|shown|published|presented|filed|report|state|disclose|disclosed|publish)|(?:report|state|disclose|reported|stated|disclosed)(?:ed)? (?:originally|initially|first|at first)|(?:as )?(?:original|initial)(?:ly)? (?:figure|value|amount|number|filing|report)|before (?:any |the |its )?(?:restatement|revision|recast)|in (?:its|the) (?:original|first) (?:report|filing|10-k|annual report)`), func(r *reader, _ string) { r.first = true }},
	{re(`(?:as )?(?:later )?(?:restated|revised|recast|re-stated|reclassified|retrospectively adjusted|adjusted retrospectively)(?: (?:figure|value|amount|number|to))?|(?:as )?(?:shown|reported|stated|presented|given|published)?(?: in the| the)? ?(?:a|one) year later|(?:a year|one year) afterwards?|(?:as )?(?:later|subsequently|most recently) (?:reported|stated|shown|presented|revised|restated)|in the (?:following|next|subsequent|later) (?:year|annual report|10-k|report)(?:'s (?:report|10-k|filing|annual report))?|after (?:the |its )?(?:restatement|revision|recast)|as (?:latest|last) reported|latest reported`), func(r *reader, _ string) { r.later = true }},
	{re(`in (?:two|both|each of two|successive|2) (?:consecutive |successive )?(?:annual reports|10-ks|reports|filings)`), func(r *reader, _ string) { r.later = true }},
	{re(`\b(?:compound(?:ed)? annual(?: growth)?(?: rate)?|cagr|annuali[sz]ed growth(?: rate)?)(?: \(cagr\))?(?: of)?\b`), func(r *reader, _ string) { r.op(CAGR); r.q.Percent = true }},
	{re(`(?:by |how )?(?:how many|what number of)? ?\b(?:percentage|basis|pct)[ -]points?(?: change| shift| move| difference)?(?: in\b)?`), func(r *reader, _ string) { r.points = true }},
	{re(`\b(?:by )?(?:what|which) (?:percentage|percent|per cent|%)(?: amount)?(?: rate)? (?:change|growth|increase|decrease|decline|drop|rise|difference)`), func(r *reader, _ string) { r.moved = true; r.q.Percent = true }},
	{re(`\b(?:percentage|percent|per cent|%) (?:change|growth|increase|decrease|decline|drop|rise|difference)(?: rate)?(?: in| of)?\b`), func(r *reader, _ string) { r.moved = true; r.q.Percent = true }},
	{re(`\b(?:growth rate|rate of growth|rate of change|growth|rate of increase)(?: in| of)?\b`), func(r *reader, _ string) { r.moved = true; r.q.Percent = true }},
	{re(`,? ?(?:in|as a|in terms of|expressed as a|expressed in|by a|measured in) (?:percent|percentage|per cent|% terms|percentage terms|relative terms|%)(?: terms)?\b`), func(r *reader, _ string) { r.q.Percent = true }},
	{re(`\bby what (?:percentage|percent|per cent|%|rate|factor)\b`), func(r *reader, _ string) { r.q.Percent = true; r.moved = true }},
	{re(`\b(?:what|which) percent(?:age)? did\b`), func(r *reader, _ string) { r.q.Percent = true }},
	{re(`\b(?:year[- ]over[- ]year|yoy|y/y|year[- ]on[- ]year)\b`), func(r *reader, _ string) { r.prior = true; r.moved = true; r.q.Percent = true }},
	{re(`\b(?:from|versus|vs\.?|compared (?:to|with)|over|against|than|relative to) (?:in )?(?:the |its )?(?:prior|previous|preceding)(?:[- ]fiscal)?[- ]year(?:'s)?(?: level| figure)?\b`), func(r *reader, _ string) { r.prior = true }},
	{re(`\b(?:did|does|do|has|have|had|was|were) (?:the |its )?` + move + `\b`), func(r *reader, _ string) { r.moved = true }},
	{re(`\b` + move + `(?: (?:between|from|over|since|in|to|by|at|for|or)\b| ` + cC + `| ?[,.?|]|$| ` + cP + `)`), func(r *reader, _ string) { r.moved = true }},
	{re(`\b(?:rank|order|sort|list)\b (?:the (?:companies|firms) )?`), func(r *reader, _ string) { r.op(Rank) }},
	{re(`\b(?:which|what|who)(?: (?:company|firm|one|business|of (?:them|these|the (?:two|three|four|companies)|` + cC + `[^?]*?)))?(?: (?:companies|firms))?,? (?:had|has|have|reported|recorded|posted|generated|spent|earned|held|paid|showed|recognized|recognised|incurred|carried|disclosed|did|was|is|with|achieved|delivered|invested|owed|owned|booked|ended|made|returned|employed)(?: (?:the|a|an))? (` + more + `|` + less + `|` + most + `|` + fewest + `)\b(?: of)?`), func(r *reader, m string) { r.pick(m) }},
	{re(`\b(?:report|post|have|record|show|generate|earn|spend|hold|carry|recogni[sz]e|disclose|incur|pay)(?:s|ed)? (?:a |an |the )?(` + more + `|` + less + `)\b`), func(r *reader, m string) {
		if len(r.q.Companies) > 1 {
			r.pick(m)
		}
	}},
	{re(`\b(?:the )?(` + most + `|` + fewest + `)\b`), func(r *reader, m string) { r.pick(m) }},
	{re(`\bhow much (` + more + `|` + less + `)\b`), func(r *reader, m string) { r.difference = true; r.lower = re(`\b` + less + `\b`).MatchString(m) }},
	{re(`\b(` + more + `|` + less + `) (?:in |for |during )?(?:the )?` + cP + ` than\b`), func(r *reader, m string) { r.difference = true; r.lower = re2less.MatchString(m) }},
	{re(`\b(?:was|were|is) (` + more + `|` + less + `) than\b`), func(r *reader, m string) { r.difference = true; r.lower = re(`\b` + less + `\b`).MatchString(m) }},
	{re(`\b(` + more + `|` + less + `) than\b`), func(r *reader, m string) { r.difference = true; r.lower = re(`\b` + less + `\b`).MatchString(m) }},
	{re(`\b(?:the |what (?:is|was) the )?(?:difference|gap|spread) (?:between|in)\b`), func(r *reader, _ string) { r.difference = true }},
	{re(`\b(?:the )?(?:average|mean)(?: annual)?(?: of| value of)?\b`), func(r *reader, _ string) { r.op(Average) }},
	{re(`\b(?:the )?(?:combined|cumulative|aggregate|sum(?: total)? of|total of|in total|altogether|taken together|together|in aggregate|in sum|summed)\b`), func(r *reader, _ string) { r.op(Sum) }},
}

// read state of operations, in reader.
type signs struct {
	by, first, later, points, moved, prior, difference, lower, picked bool
	pickedHigh, comparative                                           bool
	ops                                                               []Op
}

func (r *reader) op(o Op) { r.ops = append(r.ops, o) }

// pick notes a comparison of several.
func (r *reader) pick(m string) {
	r.picked = true
	low := re2less.MatchString(m)
	r.pickedHigh = !low
	r.comparative = re2comparative.MatchString(m)
}

var (
	re2less        = re(`\b` + less + `\b|\b` + fewest + `\b`)
	re2comparative = re(`\b` + more + `\b|\b` + less + `\b`)
	reWhose        = re(`\b(?:whose|which(?: of (?:the two|these|them))?(?: company's| companies'| of ` + cC + `[^?]*?'s?)) (.*?) (?:was|were|is) (?:the )?(` + more + `|` + less + `|` + most + `|` + fewest + `)\b`)
	rePercentOf    = re(`(?:in|as a|as|expressed as a) (?:percent|percentage|per cent|%) of\b`)
	reText         = re(`^(?:why|describe|explain|summari[sz]e|discuss|who|where|list the|what (?:are|were|is) the (?:main|key|primary|major|principal|drivers|risks?|factors|reasons?|nature|purpose)|does|do|is|are|has|have|did .* (?:enter|acquire a|face|have any)|what (?:risk|factor|driver|reason)|what (?:does|do|did) .* (?:say|state|disclose|mention|explain|note|write|tell) (?:about|on|regarding|of)|how (?:does|do|did) .* (?:recogni[sz]e|account|define|manage|describe|plan))\b`)
	reFlow         = re(`(?i)\b(?:spend|spent|spending)\b`)
	reShares       = re(`(?i)\b(?:how many|(?:what )?number of)(?: \w+)? shares\b`)
	reAbout        = re(`^(?:what|which) (?:are|were|is|was)\b.*\b(?:risk factors?|risks?|reasons?|drivers?|strategy|competitors?|lawsuits?|litigation|legal proceedings|policy|policies|customers|suppliers)\b`)
	reFigure       = re(`\b(?:how much|how many|what (?:percentage|percent|share|was the (?:value|amount)))\b`)
)

// operation finds out what is asked to be done and cuts the words that say so.
func (r *reader) operation() {
	if rePrior.MatchString(r.q.Text) {
		r.prior = true
	}
	// "as a percentage of" joins two figures and must not be cut.
	keep := rePercentOf.ReplaceAllString(r.work, " as a share of ")
	r.work = keep
	r.q.Sentences = (reText.MatchString(r.work) || reAbout.MatchString(r.work)) && !reFigure.MatchString(r.work)
	why := strings.HasPrefix(r.work, "why ")
	if m := reWhose.FindStringSubmatchIndex(r.work); m != nil {
		r.pick(r.work[m[4]:m[5]])
		r.work = r.work[:m[0]] + " | " + r.work[m[2]:m[3]] + " | " + r.work[m[1]:]
	}
	for _, c := range cues {
		r.work = c.re.ReplaceAllStringFunc(r.work, func(m string) string {
			c.f(r, m)
			// Placeholders inside the cue stay for what follows.
			var keep strings.Builder
			keep.WriteString(" | ")
			for _, p := range m {
				if placeholder(p) {
					keep.WriteString(string(p) + " ")
				}
			}
			return keep.String()
		})
		r.work = strings.Join(strings.Fields(r.work), " ")
	}
	companies, periods := len(r.q.Companies), len(r.q.Periods)
	has := func(o Op) bool { return slices.Contains(r.ops, o) }
	switch {
	case r.first && r.later, (r.later || r.first || len(r.quotes) > 0) && len(r.q.Reports) >= 2:
		r.q.Op = Pair
	case has(CAGR):
		r.q.Op = CAGR
	case has(Rank) && companies+periods > 2:
		r.q.Op = Rank
	case r.picked && r.comparative && (companies == 2 || companies < 2 && periods == 2):
		r.q.Op, r.q.Lowest = Compare, !r.pickedHigh
	case r.picked && (companies > 1 || companies == 1 && periods > 1 || companies == 0):
		r.q.Op = Highest
		if !r.pickedHigh {
			r.q.Op = Lowest
		}
	case r.points:
		r.q.Op = Points
	case r.moved && (periods > 1 || r.prior || periods == 1):
		r.q.Op = Change
		if !r.q.Percent {
			r.q.Op = Diff
		}
	case r.difference && (companies > 1 || periods > 1 || r.prior):
		r.q.Op = Diff
		if r.q.Percent {
			r.q.Op = Change
		}
	case has(Average):
		r.q.Op = Average
	case has(Sum) && (companies > 1 || periods > 1):
		r.q.Op = Sum
	default:
		r.q.Op = Value
	}
	switch {
	case r.q.Op == Pair:
	case r.first:
		r.q.Basis = First
	case r.later:
		r.q.Basis = Latest
	}
	if r.q.Op != Value && !why {
		r.q.Sentences = false
	}
	r.expand()
}

// expand makes the periods that are meant but not written.
func (r *reader) expand() {
	q := &r.q
	if len(q.Periods) == 0 && len(q.Reports) > 0 {
		q.Periods = append(q.Periods, q.Reports[0])
	}
	switch q.Op {
	case Change, Diff, Points, CAGR:
		if len(q.Periods) == 1 && (r.prior || len(q.Companies) < 2) {
			q.Periods = append([]Period{q.Periods[0].Before()}, q.Periods...)
		}
		slices.SortStableFunc(q.Periods, func(a, b Period) int { return a.order() - b.order() })
	case Sum, Average, Rank, Highest, Lowest, Value:
		var all []Period
		for i, p := range q.Periods {
			if p.Range && i > 0 && p.Kind == Fiscal && q.Periods[i-1].Kind == Fiscal {
				for y := q.Periods[i-1].Year + 1; y < p.Year && y < q.Periods[i-1].Year+12; y++ {
					all = append(all, Period{Kind: Fiscal, Year: y, From: -1, To: -1})
				}
			}
			all = append(all, p)
		}
		q.Periods = all
	}
}

// order sorts periods in time.
func (p Period) order() int {
	switch p.Kind {
	case Day:
		return p.End.Year()*400 + p.End.YearDay()
	case Last, LastQuarter:
		return 3000*400 - p.Shift
	case Quarter:
		return p.Year*400 + p.Quarter*90
	}
	return p.Year*400 + 399
}
