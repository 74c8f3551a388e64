package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Period is a time the question states.
type Period struct {
	From, To int // bytes of the question; -1 if it is implied
	Text     string
	Kind     Kind
	Year     int
	Quarter  int       // 1 to 4
	Months   int       // of a period that ends at a day: 3, 6, 9, 12; 0 not said
	End      time.Time // of Day
	Range    bool      // it ends a range that the period before it began
	Shift    int       // Last: how many years back
}

// Kind is how a period is stated.
type Kind uint8

// Kinds of period.
const (
	Fiscal  Kind = iota // a fiscal year
	Quarter             // of a fiscal year
	Day                 // a date, or a period that ends at it
	Last                // the newest year there is
	LastQuarter
)

var months = map[string]time.Month{
	"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}

const (
	reMonth = `(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?`
	reYear  = `((?:19|20)\d\d)`
	reShort = `((?:19|20)\d\d|'?\d\d)`
	reSpan  = `(?:(?:the )?(?:(three|six|nine|twelve|3|6|9|12)[- ]months?|(?:fiscal )?(year|quarter)|(13|26|39|52|53)[- ]weeks?)[- ](?:period )?(?:ended|ending|to) (?:on )?)?`
)

var periodPatterns = []struct {
	re *regexp.Regexp
	f  func(m []string) (Period, bool)
}{
	{regexp.MustCompile(`(?i)` + reSpan + `((?:19|20)\d\d)-(\d\d)-(\d\d)\b`), func(m []string) (Period, bool) {
		mo, _ := strconv.Atoi(m[5])
		return day(m[1], m[2], m[3], m[4], time.Month(mo), m[6])
	}},
	{regexp.MustCompile(`(?i)` + reSpan + `\b` + reMonth + ` (\d\d?)(?:st|nd|rd|th)?,? ` + reYear + `\b`), func(m []string) (Period, bool) {
		return day(m[1], m[2], m[3], m[6], months[strings.ToLower(m[4])], m[5])
	}},
	{regexp.MustCompile(`(?i)` + reSpan + `\b(\d\d?)(?:st|nd|rd|th)? ` + reMonth + `,? ` + reYear + `\b`), func(m []string) (Period, bool) {
		return day(m[1], m[2], m[3], m[6], months[strings.ToLower(m[5])], m[4])
	}},
	{regexp.MustCompile(`(?i)\b(?:fiscal )?q([1-4])(?: of|,)?(?: the)?(?: fiscal)?(?: year)?(?: fy)? ?` + reShort + `\b`), func(m []string) (Period, bool) { return quarter(m[1], m[2]) }},
	{regexp.MustCompile(`(?i)\b([1-4])q ?` + reShort + `\b`), func(m []string) (Period, bool) { return quarter(m[1], m[2]) }},
	{regexp.MustCompile(`(?i)\b(?:fy ?)?` + reYear + `[ -]?q([1-4])\b`), func(m []string) (Period, bool) { return quarter(m[2], m[1]) }},
	{regexp.MustCompile(`(?i)\b(?:the )?(first|second|third|fourth|last|1st|2nd|3rd|4th) (?:fiscal )?quarter(?: of|,)?(?: the)?(?: fiscal)?(?: year)? ?(?:fy ?)?` + reShort + `\b`), func(m []string) (Period, bool) {
		return quarter(map[string]string{"first": "1", "second": "2", "third": "3", "fourth": "4", "last": "4", "1st": "1", "2nd": "2", "3rd": "3", "4th": "4"}[strings.ToLower(m[1])], m[2])
	}},
	{regexp.MustCompile(`(?i)\b(?:in |for |during )?(?:the )?(?:fiscal(?: years?)?|fys?|full[- ]years?|years?) ?'?` + reShort + `\b`), func(m []string) (Period, bool) { return fiscal(m[1]) }},
	{regexp.MustCompile(`(?i)\bfye? ?'?(\d\d(?:\d\d)?)\b`), func(m []string) (Period, bool) { return fiscal(m[1]) }},
	{regexp.MustCompile(`\b` + reYear + `\b`), func(m []string) (Period, bool) { return fiscal(m[1]) }},
	{regexp.MustCompile(`(?i)\b(?:the )?(?:latest|most recent(?:ly reported)?|last(?: reported| completed)?|newest) (?:fiscal |full |reported )*(year|quarter|annual report|10-k|10-q)\b`), func(m []string) (Period, bool) {
		switch strings.ToLower(m[1]) {
		case "quarter", "10-q":
			return Period{Kind: LastQuarter}, true
		}
		return Period{Kind: Last}, true
	}},
}

func fiscal(y string) (Period, bool) {
	n, ok := year(y)
	return Period{Kind: Fiscal, Year: n}, ok
}

func quarter(q, y string) (Period, bool) {
	n, ok := year(y)
	k, _ := strconv.Atoi(q)
	return Period{Kind: Quarter, Year: n, Quarter: k}, ok && k > 0
}

func year(s string) (int, bool) {
	s = strings.TrimPrefix(s, "'")
	n, err := strconv.Atoi(s)
	if len(s) == 2 {
		n += 2000
		if n > 2060 {
			n -= 100
		}
	}
	return n, err == nil && n >= 1990 && n <= 2100
}

// day makes a period that ends at a day, of so many months if the question
// says so.
func day(span, word, weeks, y string, m time.Month, d string) (Period, bool) {
	yy, err := strconv.Atoi(y)
	dd, err2 := strconv.Atoi(d)
	t := time.Date(yy, m, dd, 0, 0, 0, 0, time.UTC)
	if err != nil || err2 != nil || t.Day() != dd || t.Month() != m {
		return Period{}, false
	}
	p := Period{Kind: Day, Year: yy, End: t}
	switch strings.ToLower(span + word + weeks) {
	case "three", "3", "quarter", "13":
		p.Months = 3
	case "six", "6", "26":
		p.Months = 6
	case "nine", "9", "39":
		p.Months = 9
	case "twelve", "12", "year", "52", "53":
		p.Months = 12
	}
	return p, true
}

var (
	reReport   = regexp.MustCompile(`(?i)^(?:'s)? ?(?:annual |quarterly )?(?:report|10-?[kq]|form 10-?[kq]|filing)\b`)
	reReportIn = regexp.MustCompile(`(?i)(?:reported|shown|stated|presented|restated|given|disclosed|filed|found) in (?:its |the |their )?(?:\w+ )?$|(?:report|10-?[kq]|filing) (?:for|of|on) $`)
	reRange    = regexp.MustCompile(`(?i)^[\s,]*(?:to|through|thru|until|-|–|—)\s*(?:the )?$`)
	rePast     = regexp.MustCompile(`(?i)\b(?:over|in|during|for|across) the (?:last|past|previous|latest|most recent) (two|three|four|five|2|3|4|5) (?:fiscal |full )?years\b`)
	rePrior    = regexp.MustCompile(`(?i)\b(?:from|versus|vs\.?|compared (?:to|with)|over|against|than|relative to) (?:in )?(?:the |its )?(?:prior|previous|preceding|last)(?:[- ]fiscal)?[- ]year\b|\byear[- ]over[- ]year\b|\byoy\b|\by/y\b|\byear[- ]on[- ]year\b`)
)

// periods finds the times that the question states.
func (r *reader) periods() {
	text := r.q.Text
	type hit struct {
		p        Period
		from, to int
	}
	var hits []hit
	for _, pt := range periodPatterns {
		for _, m := range pt.re.FindAllStringSubmatchIndex(text, -1) {
			from, to := m[0], m[1]
			groups := make([]string, len(m)/2)
			for i := range groups {
				if m[2*i] >= 0 {
					groups[i] = text[m[2*i]:m[2*i+1]]
				}
			}
			p, ok := pt.f(groups)
			if !ok || !r.free(from, to) || slices.ContainsFunc(hits, func(h hit) bool { return from < h.to && h.from < to }) {
				continue
			}
			p.From, p.To, p.Text = from, to, text[from:to]
			hits = append(hits, hit{p, from, to})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return a.from - b.from })
	// "fiscal 2021 and 24", "2021-24": a short year after a long one.
	for i, h := range hits {
		if i >= phQuote-phPeriod {
			break
		}
		p := h.p
		p.Range = i > 0 && (reRange.MatchString(text[hits[i-1].to:h.from]) ||
			strings.TrimSpace(text[hits[i-1].to:h.from]) == "and" && strings.HasSuffix(strings.TrimRight(text[:hits[i-1].from], " "), "between"))
		report := reReport.MatchString(text[h.to:]) || reReportIn.MatchString(text[:h.from])
		if report {
			r.q.Reports = append(r.q.Reports, p)
		} else if j := slices.IndexFunc(r.q.Periods, p.same); j < 0 {
			r.q.Periods = append(r.q.Periods, p)
		} else {
			r.q.Periods[j].Range = r.q.Periods[j].Range || p.Range
		}
		r.spans = append(r.spans, cut{h.from, h.to, phPeriod + rune(i)})
	}
	if m := rePast.FindStringSubmatchIndex(text); m != nil && r.free(m[0], m[1]) {
		n := map[string]int{"two": 2, "three": 3, "four": 4, "five": 5, "2": 2, "3": 3, "4": 4, "5": 5}[strings.ToLower(text[m[2]:m[3]])]
		for k := n - 1; k >= 0; k-- {
			r.q.Periods = append(r.q.Periods, Period{Kind: Last, Shift: k, From: m[0], To: m[1], Text: text[m[0]:m[1]]})
		}
		r.spans = append(r.spans, cut{m[0], m[1], phPeriod + rune(min(len(hits), phQuote-phPeriod-1))})
	}
}

// same reports whether two statements mean one time.
func (p Period) same(o Period) bool {
	return p.Kind == o.Kind && p.Year == o.Year && p.Quarter == o.Quarter && p.Months == o.Months && p.End.Equal(o.End) && p.Shift == o.Shift
}

// Before is the period of the same kind a year earlier.
func (p Period) Before() Period {
	b := p
	b.From, b.To, b.Text, b.Range = -1, -1, "", false
	switch p.Kind {
	case Day:
		b.End = p.End.AddDate(-1, 0, 0)
		b.Year--
	case Last, LastQuarter:
		b.Shift++
	default:
		b.Year--
	}
	return b
}
