package transform

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// order is the order of a date in digits: letters of y, m and d.
type order string

const (
	dmy order = "dmy"
	mdy order = "mdy"
	ymd order = "ymd"
	dm  order = "dm"
	md  order = "md"
	my  order = "my"
	ym  order = "ym"
)

func (o order) rule(s string) (string, error) {
	f := strings.FieldsFunc(wide(s), func(r rune) bool { return r < '0' || r > '9' })
	if len(f) != len(o) {
		return "", fmt.Errorf("want %d numbers, in the order %s", len(o), string(o))
	}
	var y, m, d string
	for i, c := range o {
		switch c {
		case 'y':
			y = f[i]
		case 'm':
			m = f[i]
		default:
			d = f[i]
		}
	}
	month, err := strconv.Atoi(m)
	if m == "" || err != nil {
		return "", errors.New("no month")
	}
	return date(y, month, d, strings.ContainsRune(string(o), 'y'), strings.ContainsRune(string(o), 'd'))
}

// wide makes full-width digits plain.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, s)
}

// date checks and joins the parts of a date.
func date(y string, m int, d string, hasYear, hasDay bool) (string, error) {
	year, day := 2000, 1
	var err error
	if hasYear {
		if year, err = strconv.Atoi(y); err != nil || len(y) > 4 {
			return "", fmt.Errorf("%q is no year", y)
		}
		if len(y) <= 2 {
			year += 2000
		}
	}
	if hasDay {
		if day, err = strconv.Atoi(d); err != nil {
			return "", fmt.Errorf("%q is no day", d)
		}
	}
	t := time.Date(year, time.Month(m), day, 0, 0, 0, 0, time.UTC)
	if m < 1 || m > 12 || t.Day() != day || int(t.Month()) != m {
		return "", errors.New("there is no such day")
	}
	switch {
	case hasYear && hasDay:
		return t.Format(time.DateOnly), nil
	case hasYear:
		return t.Format("2006-01"), nil
	}
	return t.Format("--01-02"), nil
}

// language knows the names of the months, by their beginnings.
type language [12][]string

func (l *language) month(w string) int {
	w = strings.ToLower(w)
	best, at := 0, 0
	for m, names := range l {
		for _, n := range names {
			if strings.HasPrefix(w, n) && len(n) > best {
				best, at = len(n), m+1
			}
		}
	}
	return at
}

// read finds a month's name and the numbers around it.
func (l *language) read(s string) (m int, numbers []string, err error) {
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	for _, w := range words {
		digits := strings.TrimRightFunc(w, unicode.IsLetter) // 1st, 23rd
		if digits != "" && digits[0] >= '0' && digits[0] <= '9' {
			numbers = append(numbers, strings.TrimRightFunc(digits, unicode.IsLetter))
			continue
		}
		if n := l.month(w); n > 0 && m == 0 {
			m = n
		}
	}
	if m == 0 {
		return 0, nil, errors.New("no name of a month")
	}
	return m, numbers, nil
}

func (l *language) rule(s string, parts order) (string, error) {
	m, n, err := l.read(s)
	if err != nil {
		return "", err
	}
	if len(n) != len(parts) {
		return "", fmt.Errorf("want %d numbers beside the month", len(parts))
	}
	var y, d string
	for i, c := range parts {
		if c == 'y' {
			y = n[i]
		} else {
			d = n[i]
		}
	}
	return date(y, m, d, strings.Contains(string(parts), "y"), strings.Contains(string(parts), "d"))
}

func (l *language) dayMonth(s string) (string, error)     { return l.rule(s, "d") }
func (l *language) monthDay(s string) (string, error)     { return l.rule(s, "d") }
func (l *language) dayMonthYear(s string) (string, error) { return l.rule(s, "dy") }
func (l *language) monthDayYear(s string) (string, error) { return l.rule(s, "dy") }
func (l *language) monthYear(s string) (string, error)    { return l.rule(s, "y") }
func (l *language) yearMonth(s string) (string, error)    { return l.rule(s, "y") }
func (l *language) yearMonthDay(s string) (string, error) { return l.rule(s, "yd") }
func (l *language) yearDayMonth(s string) (string, error) { return l.rule(s, "yd") }

func months(names ...string) *language {
	var l language
	for i, n := range names {
		l[i] = strings.Split(n, "|")
	}
	return &l
}

// Names of months by their shortest certain beginnings, per language of
// registry 4.
var (
	english = months("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
	danish  = months("jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec")
	hindi   = months("जन", "फर|फ़र", "मार्च", "अप्र", "मई", "जून", "जुला", "अग", "सित", "अक्", "नव", "दिस")

	languages = map[string]*language{
		"en": english, "da": danish, "hi": hindi,
		"bg": months("ян|яну", "фев", "мар", "апр", "май|маи", "юни", "юли", "авг", "сеп", "окт", "ное", "дек"),
		"cs": months("led|leden", "úno|unor", "bře|brez", "dub", "kvě|kvet", "čer|cer", "červenc|cervenc|čvc", "srp", "zář|zar", "říj|rij", "lis", "pro"),
		"de": months("jan|jän", "feb", "mär|mar", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"),
		"el": months("ιαν|ιού", "φεβ", "μάρ|μαρ", "απρ", "μάι|μαΐ|μαι", "ιούν|ιουν", "ιούλ|ιουλ", "αύγ|αυγ", "σεπ", "οκτ", "νοέ|νοε", "δεκ"),
		"es": months("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep|set", "oct", "nov", "dic"),
		"et": months("jaan", "veeb", "märts|mär", "apr", "mai", "juun", "juul", "aug", "sept", "okt", "nov", "dets"),
		"fi": months("tam", "hel", "maa", "huh", "tou", "kes", "hei", "elo", "syy", "lok", "mar", "jou"),
		"fr": months("janv|jan", "févr|fevr|fév|fev", "mars|mar", "avr", "mai", "juin", "juil", "août|aout|aoû", "sep", "oct", "nov", "déc|dec"),
		"hr": months("sij", "velj", "ožu|ozu", "tra", "svi", "lip", "srp", "kol", "ruj", "lis", "stu", "pro"),
		"hu": months("jan", "feb", "már|mar", "ápr|apr", "máj|maj", "jún|jun", "júl|jul", "aug", "szep", "okt", "nov", "dec"),
		"it": months("gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"),
		"lt": months("sau", "vas", "kov", "bal", "geg", "bir", "lie", "rugp|rugpj", "rugs", "spa", "lap", "gru"),
		"lv": months("janv", "febr", "mart", "apr", "maij|mai", "jūn|jun", "jūl|jul", "aug", "sept", "okt", "nov", "dec"),
		"nl": months("jan", "feb", "maart|mrt|maa", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
		"no": months("jan", "feb", "mar", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "des"),
		"pl": months("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź|paz", "lis", "gru"),
		"pt": months("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"),
		"ro": months("ian", "feb", "mar", "apr", "mai", "iun", "iul", "aug", "sep", "oct", "noi|nov", "dec"),
		"sk": months("jan", "feb", "mar", "apr", "máj|maj", "jún|jun", "júl|jul", "aug", "sep", "okt", "nov", "dec"),
		"sl": months("jan", "feb", "mar", "apr", "maj", "jun", "jul", "avg", "sep", "okt", "nov", "dec"),
		"sv": months("jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
	}
)

var (
	cjkDay   = regexp.MustCompile(`^(\d{1,4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日$`)
	cjkMonth = regexp.MustCompile(`^(\d{1,4})\s*年\s*(\d{1,2})\s*月$`)
	eraDay   = regexp.MustCompile(`^(明治|大正|昭和|平成|令和|明|大|昭|平|令)\s*(\d{1,2}|元)\s*年\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*日)?$`)
)

func cjkYearMonthDay(s string) (string, error) {
	m := cjkDay.FindStringSubmatch(wide(s))
	if m == nil {
		return "", errors.New("want year 年 month 月 day 日")
	}
	n, _ := strconv.Atoi(m[2])
	return date(m[1], n, m[3], true, true)
}

func cjkYearMonth(s string) (string, error) {
	m := cjkMonth.FindStringSubmatch(wide(s))
	if m == nil {
		return "", errors.New("want year 年 month 月")
	}
	n, _ := strconv.Atoi(m[2])
	return date(m[1], n, "", true, false)
}

// eras are the first years of the Japanese eras, less one.
var eras = map[string]int{"明": 1867, "大": 1911, "昭": 1925, "平": 1988, "令": 2018}

func era(s string, day bool) (string, error) {
	m := eraDay.FindStringSubmatch(wide(s))
	if m == nil || (m[4] != "") != day {
		return "", errors.New("want era, year 年, month 月 and perhaps day 日")
	}
	n := 1
	if m[2] != "元" {
		n, _ = strconv.Atoi(m[2])
	}
	month, _ := strconv.Atoi(m[3])
	return date(strconv.Itoa(eras[string([]rune(m[1])[:1])]+n), month, m[4], true, day)
}

func eraYearMonthDay(s string) (string, error) { return era(s, true) }
func eraYearMonth(s string) (string, error)    { return era(s, false) }

// saka reads a day of the Indian national calendar: year 1 is 79 of the common
// era, Chaitra begins on March 22, or 21 in leap years.
func saka(s string) (string, error) {
	f := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '/' || r == '-' || r == '.' || r == ',' })
	if len(f) != 3 {
		return "", errors.New("want day, month and year of the Indian national calendar")
	}
	d, err1 := strconv.Atoi(devanagari(f[0]))
	m, err2 := strconv.Atoi(devanagari(f[1]))
	if err2 != nil {
		m = sakaMonths.month(f[1])
	}
	y, err3 := strconv.Atoi(devanagari(f[2]))
	if err1 != nil || err3 != nil || m < 1 || m > 12 || d < 1 || d > 31 {
		return "", errors.New("want day, month and year of the Indian national calendar")
	}
	if y < 100 {
		y += 1900
	}
	start := time.Date(y+78, time.March, 22, 0, 0, 0, 0, time.UTC)
	first := 30
	if time.Date(y+78, time.February, 29, 0, 0, 0, 0, time.UTC).Day() == 29 {
		start = start.AddDate(0, 0, -1)
		first = 31
	}
	lengths := [12]int{first, 31, 31, 31, 31, 31, 30, 30, 30, 30, 30, 30}
	if d > lengths[m-1] {
		return "", errors.New("there is no such day")
	}
	for i := range m - 1 {
		d += lengths[i]
	}
	return start.AddDate(0, 0, d-1).Format(time.DateOnly), nil
}

func devanagari(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '०' && r <= '९' {
			return r - '०' + '0'
		}
		return r
	}, s)
}

var sakaMonths = language{
	{"chai", "चैत"},
	{"vai", "vaish", "वैश"},
	{"jyai", "jyes", "ज्य"},
	{"asa", "āsā", "ash", "आषा"},
	{"sra", "śrā", "shra", "श्र"},
	{"bha", "भा"},
	{"asw", "asv", "āśv", "ashv", "आश"},
	{"kar", "kār", "का"},
	{"agr", "āgr", "marg", "mārg", "आग्र", "अग्र", "मार्ग"},
	{"pau", "paush", "पौ"},
	{"mag", "māg", "माघ"},
	{"pha", "phā", "फा"},
}
