package transform

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// number is a way to write numbers: the decimal mark, and what may group
// digits.
type number struct {
	mark   byte
	groups string
}

var (
	dot       = number{'.', ", "}
	comma     = number{',', ". "}
	indian    = number{'.', ", "}
	dotApos   = number{'.', ", '’`´′"}
	commaApos = number{',', ". '’`´′"}
)

var errNumber = errors.New("want digits, with groups and decimal mark of this format alone")

// rule reads a number. Groups may stand between digits only.
func (f number) rule(s string) (string, error) {
	var b strings.Builder
	whole, point := 0, false
	last := rune(0)
	for _, c := range s {
		switch {
		case '0' <= c && c <= '9':
			b.WriteRune(c)
			whole++
		case c == rune(f.mark) && !point && (whole == 0 || last != 'g'):
			point = true
			if whole == 0 {
				b.WriteByte('0')
			}
			b.WriteByte('.')
		case !point && whole > 0 && strings.ContainsRune(f.groups, c) && (last != 'g' || c == ' '):
			last = 'g'
			continue
		default:
			return "", errNumber
		}
		last = c
	}
	if whole == 0 || last == 'g' {
		return "", errNumber
	}
	return plain(b.String()), nil
}

// Plain reads the number of a fact without a format: a decimal as XML Schema
// writes it.
func Plain(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !plainNumber.MatchString(s) {
		return "", &Error{"decimal", s, "it has no format, so it must be digits with a point at most"}
	}
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	s = plain(s)
	if neg && s != "0" {
		s = "-" + s
	}
	return s, nil
}

var plainNumber = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// plain drops zeros that do not count.
func plain(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	return s
}

// dash reads a dash, which stands for zero.
func dash(s string) (string, error) {
	if s == "" || strings.Trim(s, "-‐‑‒–—―−﹘﹣－ ") != "" {
		return "", errors.New("want a dash")
	}
	return "0", nil
}

var unitNumber = regexp.MustCompile(`^([0-9][0-9,. '’]*)[^0-9]+([0-9]{1,2})[^0-9]*$`)

// unitDecimal reads "12 dollars and 5 cents": whole units, then hundredths.
func unitDecimal(s string) (string, error) {
	m := unitNumber.FindStringSubmatch(s)
	if m == nil {
		return "", errors.New("want a number of units and one of hundredths")
	}
	whole := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, m[1])
	cents := m[2]
	if len(cents) == 1 {
		cents = "0" + cents
	}
	return plain(whole + "." + cents), nil
}

var ones = map[string]int64{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
	"twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}

var scales = map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}

var errWords = errors.New("want a number in English words")

// Words reads a number in English words: "one hundred and forty-two". An
// article is no number, except before hundred and the like.
func Words(s string) (int64, error) {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '-' || r == ',' || r == '\u2010' || r == '\u2011' || r == '\u2013'
	})
	var total, group int64
	seen, last := false, ""
	for i, w := range words {
		v, one := ones[w]
		sc, scale := scales[w]
		switch {
		case one:
			// "twenty five" adds; "five five" is none.
			if p, ok := ones[last]; ok && !(p >= 20 && v < 10 && v > 0) {
				return 0, errWords
			}
			group += v
			seen = true
		case w == "hundred" && (seen && group%100 > 0 || last == "a"):
			if last == "a" {
				group = 1
			}
			if group > 99 {
				return 0, errWords
			}
			group *= 100
			seen = true
		case scale && (seen && group > 0 || last == "a"):
			if last == "a" {
				group = 1
			}
			if total != 0 && total%(sc*1000) != 0 {
				return 0, errWords
			}
			total += group * sc
			group, seen = 0, true
		case w == "and" && seen && i+1 < len(words):
		case w == "a" && i+1 < len(words) && (words[i+1] == "hundred" || scales[words[i+1]] > 0) && !seen:
		default:
			return 0, errWords
		}
		last = w
	}
	if !seen || last == "and" {
		return 0, errWords
	}
	return total + group, nil
}

// numberWords reads a number in words or digits; "no" and "none" are zero.
func numberWords(s string) (string, error) {
	switch strings.ToLower(strings.TrimRight(s, ".")) {
	case "no", "none", "nil", "-", "–", "—":
		return "0", nil
	case "once":
		return "1", nil
	case "twice":
		return "2", nil
	}
	if v, err := dot.rule(s); err == nil {
		return v, nil
	}
	n, err := Words(s)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
}
