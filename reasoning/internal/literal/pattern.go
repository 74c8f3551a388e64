package literal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Values writes an inline table of one column.
func Values(v string, ts []string) string {
	return "VALUES " + v + " { " + strings.Join(ts, " ") + " }"
}

// OneOf writes that a variable is (or is none) of some terms. Literals are
// compared as terms: = and != fail on literals of different types.
func OneOf(v string, ts []string, not bool) string {
	texts := slices.ContainsFunc(ts, func(t string) bool { return t[0] != '<' })
	if !texts {
		switch {
		case len(ts) == 1 && not:
			return v + " != " + ts[0]
		case len(ts) == 1:
			return v + " = " + ts[0]
		case not:
			return v + " NOT IN (" + strings.Join(ts, ", ") + ")"
		}
		return v + " IN (" + strings.Join(ts, ", ") + ")"
	}
	parts := make([]string, len(ts))
	for i, t := range ts {
		parts[i] = "sameTerm(" + v + ", " + t + ")"
	}
	s := strings.Join(parts, " || ")
	if not {
		return "!(" + s + ")"
	}
	return s
}

// Year is the year of any of the date types, as an integer.
func Year(v string) string {
	return `<` + kg.XSD + `integer>(REPLACE(STR(` + v + `), "^(-?[0-9]+).*$", "$1"))`
}

// Span returns the first day of a day or month, and the first one after it.
func Span(date string) (from, to string) {
	days := func(s string) string { return s + "-01"[:3*(10-len(s))/3] }
	from = days(date)
	y, _ := strconv.Atoi(date[:4])
	m, _ := strconv.Atoi(date[5:7])
	if len(date) == len("2014-03") {
		if m++; m > 12 {
			y, m = y+1, 1
		}
		return from, fmt.Sprintf("%04d-%02d-01", y, m)
	}
	d, _ := Days(date)
	return from, Day(d + 1)
}
