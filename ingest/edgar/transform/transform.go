// Package transform turns the text that an inline XBRL page shows into the
// value it stands for, by the formats of the five transformation rules
// registries of XBRL International (2010-04-20 to 2022-02-16) and the SEC's
// (2015-08-31).
//
// A format alone says which mark is the decimal mark and in which order a date
// is written: nothing is guessed from the text. Text that does not fit its
// format is an error.
package transform

import (
	"fmt"
	"strings"
)

// Namespaces of the registries.
const (
	Registry1 = "http://www.xbrl.org/inlineXBRL/transformation/2010-04-20"
	Registry2 = "http://www.xbrl.org/inlineXBRL/transformation/2011-07-31"
	Registry3 = "http://www.xbrl.org/inlineXBRL/transformation/2015-02-26"
	Registry4 = "http://www.xbrl.org/inlineXBRL/transformation/2020-02-12"
	Registry5 = "http://www.xbrl.org/inlineXBRL/transformation/2022-02-16"
	SEC       = "http://www.sec.gov/inlineXBRL/transformation/2015-08-31"
)

// Error says why a text has no value.
type Error struct {
	Format string // local name
	Text   string
	Why    string
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Text
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return fmt.Sprintf("%q is no %s: %s", text, e.Format, e.Why)
}

type rule func(text string) (string, error)

// Value applies the format of a registry, given by namespace and local name,
// to a text whose outer white space does not count. Numbers come back without
// scale and sign, as plain decimals.
func Value(namespace, format, text string) (string, error) {
	r := find(namespace, format)
	if r == nil {
		return "", &Error{format, text, "unknown format of " + namespace}
	}
	v, err := r(strings.TrimSpace(spaces.Replace(text)))
	if err != nil {
		return "", &Error{format, text, err.Error()}
	}
	return v, nil
}

// Known reports whether a registry has a format.
func Known(namespace, format string) bool { return find(namespace, format) != nil }

// spaces makes every kind of space a plain one.
var spaces = strings.NewReplacer("\u00a0", " ", "\u2007", " ", "\u2009", " ", "\u202f", " ", "\u2002", " ", "\u2003", " ", "\t", " ", "\n", " ", "\r", " ")

func find(namespace, format string) rule {
	switch namespace {
	case Registry1:
		return registry1[format]
	case Registry2, Registry3:
		return registry3[format]
	case Registry4, Registry5:
		return registry5(format)
	case SEC:
		return sec[format]
	}
	return nil
}

// registry1 is the registry of 2010.
var registry1 = map[string]rule{
	"datedoteu": dmy.rule, "datedotus": mdy.rule, "dateslasheu": dmy.rule, "dateslashus": mdy.rule,
	"datelonguk": english.dayMonthYear, "dateshortuk": english.dayMonthYear,
	"datelongus": english.monthDayYear, "dateshortus": english.monthDayYear,
	"datelongdaymonthuk": english.dayMonth, "dateshortdaymonthuk": english.dayMonth,
	"datelongmonthdayus": english.monthDay, "dateshortmonthdayus": english.monthDay,
	"dateslashdaymontheu": dm.rule, "dateslashmonthdayus": md.rule,
	"datelongmonthyear": english.monthYear, "dateshortmonthyear": english.monthYear,
	"datelongyearmonth": english.yearMonth, "dateshortyearmonth": english.yearMonth,
	"numcomma": comma.rule, "numcommadot": dot.rule, "numdash": dash, "numdotcomma": comma.rule,
	"numspacecomma": comma.rule, "numspacedot": dot.rule,
}

// registry3 is that of 2015, which contains that of 2011.
var registry3 = map[string]rule{
	"booleanfalse": fixed("false"), "booleantrue": fixed("true"), "nocontent": fixed(""), "zerodash": dash,
	"numcommadecimal": comma.rule, "numdotdecimal": dot.rule, "numunitdecimal": unitDecimal,
	"numdotdecimalin": indian.rule, "numunitdecimalin": unitDecimal,
	"datedaymonth": dm.rule, "datemonthday": md.rule, "datedaymonthyear": dmy.rule, "datemonthdayyear": mdy.rule,
	"datemonthyear": my.rule, "calindaymonthyear": saka,
	"datedaymonthen": english.dayMonth, "datemonthdayen": english.monthDay,
	"datedaymonthyearen": english.dayMonthYear, "datemonthdayyearen": english.monthDayYear,
	"datemonthyearen": english.monthYear, "dateyearmonthen": english.yearMonth,
	"datedaymonthdk": danish.dayMonth, "datedaymonthyeardk": danish.dayMonthYear, "datemonthyeardk": danish.monthYear,
	"datedaymonthyearin": hindi.dayMonthYear, "datemonthyearin": hindi.monthYear,
	"dateyearmonthcjk": cjkYearMonth, "dateyearmonthdaycjk": cjkYearMonthDay,
	"dateerayearmonthjp": eraYearMonth, "dateerayearmonthdayjp": eraYearMonthDay,
}

// fixed5 are the formats of 2020 and 2022 that name no language.
var fixed5 = map[string]rule{
	"fixed-empty": fixed(""), "fixed-false": fixed("false"), "fixed-true": fixed("true"), "fixed-zero": fixed("0"),
	"num-comma-decimal": comma.rule, "num-dot-decimal": dot.rule, "num-dot-decimal-in": indian.rule,
	"num-unit-decimal": unitDecimal, "num-unit-decimal-in": unitDecimal,
	"num-comma-decimal-apos": commaApos.rule, "num-dot-decimal-apos": dotApos.rule,
	"date-day-month": dm.rule, "date-month-day": md.rule, "date-month-year": my.rule, "date-year-month": ym.rule,
	"date-day-month-year": dmy.rule, "date-month-day-year": mdy.rule, "date-year-month-day": ymd.rule,
	"date-ind-day-monthname-year-hi": saka, "date-jpn-era-year-month": eraYearMonth, "date-jpn-era-year-month-day": eraYearMonthDay,
	"date-year-month-cjk": cjkYearMonth, "date-year-month-day-cjk": cjkYearMonthDay,
}

// registry5 finds a format of 2020 or 2022: those with names of months end
// with their language, in two letters.
func registry5(format string) rule {
	if r := fixed5[format]; r != nil {
		return r
	}
	i := strings.LastIndexByte(format, '-')
	if i < 0 {
		return nil
	}
	l := languages[format[i+1:]]
	if l == nil {
		return nil
	}
	switch format[:i] {
	case "date-day-monthname":
		return l.dayMonth
	case "date-day-monthname-year":
		return l.dayMonthYear
	case "date-monthname-day":
		return l.monthDay
	case "date-monthname-day-year":
		return l.monthDayYear
	case "date-monthname-year":
		return l.monthYear
	case "date-year-monthname":
		return l.yearMonth
	case "date-year-monthname-day":
		return l.yearMonthDay
	case "date-year-day-monthname":
		return l.yearDayMonth
	}
	return nil
}

func fixed(v string) rule { return func(string) (string, error) { return v, nil } }

// sec is the registry of the SEC.
var sec = map[string]rule{
	"duryear": duration('Y'), "durmonth": duration('M'), "durweek": duration('W'), "durday": duration('D'), "durhour": duration('H'),
	"numinf": fixed("INF"), "numneginf": fixed("-INF"), "numnan": fixed("NaN"),
	"numwordsen": numberWords, "durwordsen": durationWords,
	"datequarterend": quarterEnd,
	"boolballotbox":  ballotBox, "yesnoballotbox": yesNoBallotBox,
	"countrynameen": country, "stateprovnameen": stateOrProvince, "edgarprovcountryen": edgarPlace,
	"exchnameen": exchange, "entityfilercategoryen": filerCategory,
}
