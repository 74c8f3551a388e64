package fact

import (
	"strings"
	"time"
)

// Period is the time a fact is about: a range of days, both included, or one
// day (its end) if Start is empty. Dates are ISO 8601. The zero Period is for
// ever.
type Period struct{ Start, End string }

// Instant reports whether the period is a point in time.
func (p Period) Instant() bool { return p.Start == "" }

// IRI is the IRI of the period.
func (p Period) IRI() string {
	if p.Instant() {
		return periodBase + p.End
	}
	return periodBase + p.Start + "/" + p.End
}

// String is the period as "2023-01-01/2023-12-31" or "2023-12-31".
func (p Period) String() string { return strings.TrimPrefix(p.IRI(), periodBase) }

// PeriodOf reads the IRI of a period.
func PeriodOf(iri string) (Period, bool) {
	rest, ok := strings.CutPrefix(iri, periodBase)
	if !ok {
		return Period{}, false
	}
	if start, end, ok := strings.Cut(rest, "/"); ok {
		return Period{start, end}, true
	}
	return Period{"", rest}, true
}

// Days is the length of the period: 1 for a point in time, 0 if a date is
// malformed.
func (p Period) Days() int {
	end, err := time.Parse(time.DateOnly, p.End)
	if err != nil {
		return 0
	}
	if p.Instant() {
		return 1
	}
	start, err := time.Parse(time.DateOnly, p.Start)
	if err != nil {
		return 0
	}
	return int(end.Sub(start).Hours()/24) + 1
}
