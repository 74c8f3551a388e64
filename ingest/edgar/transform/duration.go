package transform

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// duration reads a number of years and the like as an xsd:duration. A part
// of a unit is given in the next smaller ones, as the SEC's rules have it:
// 5.67 years are five years, eight months and a day.
func duration(unit byte) rule {
	return func(s string) (string, error) {
		neg := strings.HasPrefix(s, "-") || strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")")
		v, err := dot.rule(strings.Trim(s, "-() "))
		if err != nil {
			return "", err
		}
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return "", err
		}
		out := "P" + parts(x, unit)
		if neg && out != "P0"+string(unit) {
			out = "-" + out
		}
		return out, nil
	}
}

func parts(x float64, unit byte) string {
	whole := float64(int64(x))
	rest := x - whole
	w := strconv.FormatInt(int64(whole), 10)
	if rest < 1e-9 {
		switch unit {
		case 'W':
			return strconv.FormatInt(int64(whole)*7, 10) + "D"
		case 'H':
			return "T" + w + "H"
		}
		return w + string(unit)
	}
	lead := ""
	if whole > 0 {
		lead = w + string(unit)
	}
	switch unit {
	case 'Y':
		months := rest * 12
		m := int64(months + 1e-9)
		d := int64((months-float64(m))*30.4375 + 0.5)
		if m > 0 {
			lead += strconv.FormatInt(m, 10) + "M"
		}
		if d > 0 {
			lead += strconv.FormatInt(d, 10) + "D"
		}
	case 'M':
		if d := int64(rest*30.4375 + 0.5); d > 0 {
			lead += strconv.FormatInt(d, 10) + "D"
		}
	case 'W':
		return parts(x*7, 'D')
	case 'D':
		if h := int64(rest*24 + 0.5); h > 0 {
			lead += "T" + strconv.FormatInt(h, 10) + "H"
		}
	case 'H':
		lead = "T" + lead
		if m := int64(rest*60 + 0.5); m > 0 {
			lead += strconv.FormatInt(m, 10) + "M"
		}
	}
	if lead == "" || lead == "T" {
		return "0" + string(unit)
	}
	return lead
}

var durationUnits = map[string]byte{
	"year": 'Y', "years": 'Y', "yr": 'Y', "yrs": 'Y', "month": 'M', "months": 'M', "mo": 'M', "mos": 'M',
	"week": 'W', "weeks": 'W', "day": 'D', "days": 'D', "hour": 'H', "hours": 'H',
}

var errDuration = errors.New("want numbers of years, months, weeks or days in words")

// durationWords reads "five years and two months" or "18 months".
func durationWords(s string) (string, error) {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == ',' || r == '-' || r == '\u2010' || r == '\u2011' })
	var date, clock string
	var number []string
	found := false
	for _, w := range words {
		u, ok := durationUnits[strings.TrimRight(w, ".")]
		if !ok {
			if w != "and" || len(number) > 0 {
				number = append(number, w)
			}
			continue
		}
		text := strings.TrimSuffix(strings.Join(number, " "), " and")
		number = nil
		var v string
		var err error
		switch text {
		case "a", "an":
			v = "1"
		case "no":
			v = "0"
		default:
			v, err = numberWords(text)
		}
		if err != nil {
			return "", errDuration
		}
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return "", errDuration
		}
		found = true
		if p := parts(x, u); strings.HasPrefix(p, "T") {
			clock += p[1:]
		} else {
			date += p
		}
	}
	if len(number) > 0 && !found {
		if v, err := numberWords(strings.Join(number, " ")); err == nil && v == "0" {
			return "P0D", nil // "none"
		}
	}
	if !found || len(number) > 0 {
		return "", errDuration
	}
	if clock != "" {
		date += "T" + clock
	}
	return "P" + date, nil
}

var quarters = map[string]time.Month{"first": 3, "1st": 3, "second": 6, "2nd": 6, "third": 9, "3rd": 9, "fourth": 12, "4th": 12, "q1": 3, "q2": 6, "q3": 9, "q4": 12}

// quarterEnd reads "third quarter of 2024" as the last day of it.
func quarterEnd(s string) (string, error) {
	var month time.Month
	year := 0
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == ',' || r == '’' || r == '\'' }) {
		if m, ok := quarters[w]; ok {
			month = m
		} else if n, err := strconv.Atoi(w); err == nil && n > 1900 && n < 2200 {
			year = n
		}
	}
	if month == 0 || year == 0 {
		return "", errors.New("want a quarter and a year")
	}
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), nil
}

// ballotBox reads a ballot box: ticked is true.
func ballotBox(s string) (string, error) {
	switch s {
	case "☐", "o", "¨", "\uf0a8", "\uf06f", "□", "⬜", "[ ]", "[]":
		return "false", nil
	case "☑", "☒", "x", "X", "þ", "ý", "\uf0fe", "\uf0fd", "✓", "✔", "[x]", "[X]":
		return "true", nil
	}
	return "", errors.New("want a ballot box")
}

func yesNoBallotBox(s string) (string, error) {
	v, err := ballotBox(s)
	return map[string]string{"true": "Yes", "false": "No"}[v], err
}
