package library

import (
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Calendar says when a company's fiscal years and quarters end, as its own
// filings name them. Years that no filing names are reckoned from those that
// are.
type Calendar struct {
	named []named
}

type named struct {
	year, part int // part 4: the year
	end        time.Time
}

var parts = map[string]int{"Q1": 1, "Q2": 2, "Q3": 3, "Q4": 4, "FY": 4}

func (c *Calendar) add(p fact.FiscalPeriod) {
	end, err := time.Parse(time.DateOnly, p.Period.End)
	part := parts[p.Part]
	if err != nil || part == 0 || p.Year == 0 {
		return
	}
	n := named{p.Year, part, end}
	if !slices.Contains(c.named, n) {
		c.named = append(c.named, n)
	}
}

// With is the calendar with one more period that a filing names.
func (c Calendar) With(year int, part, end string) Calendar {
	c.named = slices.Clone(c.named)
	if part == "" {
		part = "FY"
	}
	c.add(fact.FiscalPeriod{Year: year, Part: part, Period: fact.Period{End: end}})
	return c
}

// Known reports whether any filing names a fiscal period.
func (c *Calendar) Known() bool { return len(c.named) > 0 }

// End is when a part of a fiscal year ends: part 1 to 3 for a quarter, 4 for
// the year. near is how many days the true end may be off: 0 if a filing names
// it, more if it is reckoned.
func (c *Calendar) End(year, part int) (end time.Time, near int) {
	best := 1 << 30
	for _, n := range c.named {
		months := (year-n.year)*12 + (part-n.part)*3
		far := max(months, -months)
		if far >= best {
			continue
		}
		best = far
		if months == 0 {
			end, near = n.end, 0
			continue
		}
		end, near = addMonths(n.end, months), 12
	}
	if best == 1<<30 { // calendar years
		end = time.Date(year, time.Month(part*3)+1, 0, 0, 0, 0, 0, time.UTC)
		near = 12
	}
	return end, near
}

// addMonths moves a date by months and stays at the end of a month.
func addMonths(t time.Time, months int) time.Time {
	last := t.AddDate(0, 0, 1).Day() == 1
	y, m, d := t.Date()
	first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	end := first.AddDate(0, 1, -1).Day()
	if last || d > end {
		d = end
	}
	return first.AddDate(0, 0, d-1)
}
