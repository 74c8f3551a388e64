package transform

import (
	"testing"
)

func TestValue(t *testing.T) {
	for _, c := range []struct{ ns, format, text, want string }{
		{Registry4, "num-dot-decimal", "1,234,567.50", "1234567.5"},
		{Registry4, "num-dot-decimal", " 1 234 567.50 ", "1234567.5"},
		{Registry4, "num-dot-decimal", ".5", "0.5"},
		{Registry4, "num-dot-decimal", "0.00002", "0.00002"},
		{Registry4, "num-dot-decimal", "0,012", "12"},
		{Registry4, "num-dot-decimal", "1,234\u00a0", "1234"},
		{Registry4, "num-dot-decimal", "(500)", "error"},
		{Registry4, "num-dot-decimal", "N/A", "error"},
		{Registry4, "num-dot-decimal", "", "error"},
		{Registry4, "num-dot-decimal", "1.2.3", "error"},
		{Registry4, "num-dot-decimal", "1,", "error"},
		{Registry4, "num-comma-decimal", "1.234,56", "1234.56"},
		{Registry4, "num-comma-decimal", "1 234 567,8", "1234567.8"},
		{Registry3, "numcommadecimal", "12.345,6", "12345.6"},
		{Registry5, "num-comma-decimal-apos", "1'234'567,25", "1234567.25"},
		{Registry5, "num-dot-decimal-apos", "1’234.56", "1234.56"},
		{Registry4, "num-unit-decimal", "12 dollars and 5 cents", "12.05"},
		{Registry4, "num-dot-decimal-in", "12,34,567.8", "1234567.8"},
		{Registry1, "numdash", "-", "0"},
		{Registry2, "zerodash", "—", "0"},
		{Registry3, "zerodash", "–", "0"},
		{Registry3, "zerodash", "0", "error"},
		{Registry4, "fixed-zero", "None", "0"},
		{Registry4, "fixed-true", "Yes", "true"},
		{Registry4, "fixed-empty", "anything", ""},
		{Registry4, "date-monthname-day-year-en", "January 28, 2024", "2024-01-28"},
		{Registry4, "date-monthname-day-year-en", "Sept. 5th, 2024", "2024-09-05"},
		{Registry4, "date-monthname-day-en", "December 31", "--12-31"},
		{Registry4, "date-monthname-year-en", "March 2024", "2024-03"},
		{Registry4, "date-day-monthname-year-de", "31. Dezember 2023", "2023-12-31"},
		{Registry4, "date-day-monthname-year-cs", "1. července 2023", "2023-07-01"},
		{Registry4, "date-day-monthname-year-cs", "1. června 2023", "2023-06-01"},
		{Registry4, "date-year-monthname-day-hu", "2023. december 31.", "2023-12-31"},
		{Registry4, "date-month-day-year", "12/31/23", "2023-12-31"},
		{Registry4, "date-day-month-year", "31.12.2023", "2023-12-31"},
		{Registry4, "date-day-month-year", "12/31/2023", "error"},
		{Registry4, "date-month-day", "12-31", "--12-31"},
		{Registry3, "datemonthdayyearen", "June 30, 2023", "2023-06-30"},
		{Registry3, "dateyearmonthdaycjk", "2023年12月31日", "2023-12-31"},
		{Registry3, "dateerayearmonthdayjp", "令和5年12月31日", "2023-12-31"},
		{Registry3, "calindaymonthyear", "11 Pausa 1945", "2024-01-01"},
		{Registry1, "dateslashus", "12/31/2009", "2009-12-31"},
		{Registry1, "datelonguk", "31 December 2009", "2009-12-31"},
		{SEC, "duryear", "5", "P5Y"},
		{SEC, "duryear", "5.67", "P5Y8M1D"},
		{SEC, "durmonth", "18", "P18M"},
		{SEC, "durday", "30", "P30D"},
		{SEC, "durweek", "2", "P14D"},
		{SEC, "numwordsen", "one hundred and forty-two", "142"},
		{SEC, "numwordsen", "two million three hundred thousand", "2300000"},
		{SEC, "numwordsen", "no", "0"},
		{SEC, "numwordsen", "None", "0"},
		{SEC, "numwordsen", "a hundred", "100"},
		{SEC, "numwordsen", "a something", "error"},
		{SEC, "numwordsen", "and", "error"},
		{SEC, "numwordsen", "five five", "error"},
		{SEC, "durwordsen", "5 years", "P5Y"},
		{SEC, "durwordsen", "five years and two months", "P5Y2M"},
		{SEC, "durwordsen", "twenty-four months", "P24M"},
		{SEC, "durwordsen", "soon", "error"},
		{SEC, "datequarterend", "third quarter of 2024", "2024-09-30"},
		{SEC, "boolballotbox", "☒", "true"},
		{SEC, "boolballotbox", "☐", "false"},
		{SEC, "yesnoballotbox", "☐", "No"},
		{SEC, "stateprovnameen", "New York", "NY"},
		{SEC, "countrynameen", "United Kingdom", "GB"},
		{SEC, "edgarprovcountryen", "Ireland", "L2"},
		{SEC, "edgarprovcountryen", "Delaware", "DE"},
		{SEC, "exchnameen", "The Nasdaq Stock Market LLC", "NASDAQ"},
		{SEC, "exchnameen", "New York Stock Exchange", "NYSE"},
		{SEC, "entityfilercategoryen", "Large accelerated filer", "Large Accelerated Filer"},
		{"http://example.com/none", "num-dot-decimal", "1", "error"},
	} {
		got, err := Value(c.ns, c.format, c.text)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s of %q: %s (%v), want %s", c.format, c.text, got, err, c.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{"1234.5": "1234.5", "-0": "0", "+7.0": "7", ".25": "0.25", "1,234": "error", "": "error", "1e3": "error", "007": "7"} {
		got, err := Plain(text)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// FuzzValue: no text makes a format panic, and what a number format accepts is
// a number that reads as itself.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"1,234.5", "12 dollars and 5 cents", "令和元年12月31日", "five years", "11 Pausa 1945", "—", "\u00a0", "١٢"} {
		f.Add(s)
	}
	formats := map[string][]string{SEC: nil, Registry1: nil, Registry3: nil, Registry4: nil}
	for n := range sec {
		formats[SEC] = append(formats[SEC], n)
	}
	for n := range registry1 {
		formats[Registry1] = append(formats[Registry1], n)
	}
	for n := range registry3 {
		formats[Registry3] = append(formats[Registry3], n)
	}
	for n := range fixed5 {
		formats[Registry4] = append(formats[Registry4], n)
	}
	formats[Registry4] = append(formats[Registry4], "date-day-monthname-year-cs", "date-monthname-day-year-en")
	f.Fuzz(func(t *testing.T, s string) {
		for ns, names := range formats {
			for _, n := range names {
				v, err := Value(ns, n, s)
				if err == nil && len(n) > 4 && n[:4] == "num-" {
					if again, err := Plain(v); err != nil || again != v {
						t.Errorf("%s of %q: %q, which is read as %q, %v", n, s, v, again, err)
					}
				}
			}
		}
	})
}
