// Package literal compares the values of literals as numbers and dates, and
// writes terms as SPARQL does.
package literal

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

// Value returns the number of a numeric literal with type 0, or the days
// since 1970 of a date with its index in DateTypes + 1. NaN: neither.
func Value(t kg.Term) (float64, uint8) {
	if Numeric(t.Datatype) {
		if v, err := strconv.ParseFloat(strings.TrimSpace(t.Value), 64); err == nil && !math.IsInf(v, 0) {
			return v, 0
		}
		return math.NaN(), 0
	}
	for i, d := range DateTypes {
		if t.Datatype != d {
			continue
		}
		if v, ok := Days(t.Value); ok {
			return v, uint8(i + 1)
		}
	}
	return math.NaN(), 0
}

// Days reads the lexical form of a date, dateTime, gYear or gYearMonth as days
// since 1970-01-01. A missing month or day is the first; a missing time zone
// is UTC.
func Days(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	y, rest := yearOf(s)
	if rest == s {
		return 0, false
	}
	month, day := 1, 1
	var seconds float64
	two := func(sep byte) (int, bool) {
		if len(rest) >= 3 && rest[0] == sep && isDigit(rest, 1) && isDigit(rest, 2) {
			n := int(rest[1]-'0')*10 + int(rest[2]-'0')
			rest = rest[3:]
			return n, true
		}
		return 0, false
	}
	if m, ok := two('-'); ok {
		month = m
		if d, ok := two('-'); ok {
			day = d
		}
	}
	if h, ok := two('T'); ok {
		m, _ := two(':')
		sec, _ := two(':')
		seconds = float64(h*3600 + m*60 + sec)
		if strings.HasPrefix(rest, ".") {
			n := 1
			for isDigit(rest, n) {
				n++
			}
			if f, err := strconv.ParseFloat("0"+rest[:n], 64); err == nil {
				seconds += f
			}
			rest = rest[n:]
		}
	}
	if len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') {
		sign := 1.0
		if rest[0] == '+' {
			sign = -1
		}
		rest = " " + rest[1:]
		h, ok1 := two(' ')
		m, ok2 := two(':')
		if !ok1 || !ok2 {
			return 0, false
		}
		seconds += sign * float64(h*3600+m*60)
	} else if rest != "" && rest != "Z" {
		return 0, false
	}
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	t := time.Date(y, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return float64(t.Unix())/86400 + seconds/86400, true
}

// Day is the inverse of Days for whole days: the date of a number of days since
// 1970-01-01.
func Day(d float64) string {
	return time.Unix(int64(math.Floor(d))*86400, 0).UTC().Format("2006-01-02")
}

// yearOf reads the year at the start of a date and returns the rest.
func yearOf(s string) (int, string) {
	i := 0
	if strings.HasPrefix(s, "-") {
		i = 1
	}
	start := i
	for isDigit(s, i) {
		i++
	}
	if i-start < 4 || i-start > 9 {
		return 0, s
	}
	y, _ := strconv.Atoi(s[:i])
	return y, s[i:]
}

// YearOfDays is the year of a number of days since 1970.
func YearOfDays(d float64) int {
	return time.Unix(int64(math.Floor(d*86400)), 0).UTC().Year()
}

func isDigit(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }

var numeric = map[string]bool{}

func init() {
	for t := range strings.FieldsSeq("integer decimal double float int long short byte nonNegativeInteger positiveInteger negativeInteger nonPositiveInteger unsignedInt unsignedLong unsignedShort unsignedByte") {
		numeric[kg.XSD+t] = true
	}
}

// Numeric reports whether values of a datatype compare as numbers.
func Numeric(datatype string) bool { return numeric[datatype] }

// DateTypes are the datatypes whose values compare as dates.
var DateTypes = []string{kg.XSD + "date", kg.XSD + "dateTime", kg.XSD + "gYear", kg.XSD + "gYearMonth"}
