package library

import (
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg/fact"
)

func companies() *Library {
	c := Catalogue{}
	for i, n := range []struct{ name, ticker, city, auditor string }{
		{"NORTHWIND FOODS INC /DE/", "NWF", "Fargo", "Marcum LLP"},
		{"Blue & Green, Inc.", "BG", "Boise", "ERNST & YOUNG LLP"},
		{"Johnston & Johnston", "JJX", "Boise", "PricewaterhouseCoopers LLP"},
		{"General Widgets Company", "GW", "Dayton", "Deloitte & Touche LLP"},
		{"General Gadgets Corporation", "F", "Dayton", "KPMG LLP"},
		{"D7.ai, Inc.", "DD", "Reno", "KPMG LLP"},
		{"SHOPSTER.COM, INC.", "SHPS", "Reno", "KPMG LLP"},
		{"MACDOUGALS CORP", "MACD", "Chicago", "KPMG LLP"},
	} {
		c.Companies = append(c.Companies, fact.Company{IRI: fact.CompanyIRI(string(rune('1' + i))), Name: n.name, Aliases: []string{n.name}, Tickers: []string{n.ticker}, City: n.city, Auditors: []string{n.auditor}})
	}
	return New(c, nil)
}

func TestFind(t *testing.T) {
	l := companies()
	for _, c := range []struct {
		text string
		want []string // names of the companies; "a|b": ambiguous
	}{
		{"What did Northwind report?", []string{"Northwind Foods"}},
		{"Northwind Foods's inventory", []string{"Northwind Foods"}},
		{"northwind winds", nil},
		{"Was Blue and Green, Inc. larger than Johnston & Johnston?", []string{"Blue & Green", "Johnston & Johnston"}},
		{"J&J's revenue", []string{"Johnston & Johnston"}},
		{"General Widgets or General Gadgets", []string{"General Widgets", "General Gadgets"}},
		{"General remarks", nil},
		{"F's debt, if any", []string{"General Gadgets"}},
		{"if any", nil},
		{"D7.ai's and Shopster's sales", []string{"D7.ai", "Shopster.com"}},
		{"MacDougal's dividends; MacDougal's's", []string{"Macdougals", "Macdougals"}},
	} {
		got := l.Find(c.text)
		if len(got) != len(c.want) {
			t.Errorf("%q: found %d companies, want %v", c.text, len(got), c.want)
			continue
		}
		for i, m := range got {
			if len(m.Companies) != 1 || m.Companies[0].Short() != c.want[i] {
				t.Errorf("%q: mention %d is %q, want %s", c.text, i, m.Companies[0].Short(), c.want[i])
			}
		}
	}
}

func TestDescription(t *testing.T) {
	l := companies()
	for _, c := range []struct {
		d    Description
		want int
	}{
		{Description{City: "boise"}, 2},
		{Description{City: "Boise", Auditor: "Ernst & Young"}, 1},
		{Description{City: "Dayton", Auditor: "Deloitte & Touche"}, 1},
		{Description{City: "Boise", Auditor: "KPMG"}, 0},
		{Description{Auditor: "KPMG LLP"}, 4},
	} {
		if got := l.Of(c.d); len(got) != c.want {
			t.Errorf("%+v fits %d companies, want %d", c.d, len(got), c.want)
		}
	}
}

func TestCalendar(t *testing.T) {
	var c Calendar
	c.add(fact.FiscalPeriod{Year: 2024, Part: "FY", Period: fact.Period{End: "2024-01-28"}})
	c.add(fact.FiscalPeriod{Year: 2025, Part: "Q2", Period: fact.Period{End: "2024-07-28"}})
	for _, x := range []struct {
		year, part int
		want       string
		near       int
	}{
		{2024, 4, "2024-01-28", 0},
		{2025, 2, "2024-07-28", 0},
		{2022, 4, "2022-01-28", 12},
		{2025, 4, "2025-01-28", 12},
		{2024, 1, "2023-04-28", 12},
	} {
		got, near := c.End(x.year, x.part)
		if got.Format(time.DateOnly) != x.want || near != x.near {
			t.Errorf("%d part %d ends %s within %d, want %s within %d", x.year, x.part, got.Format(time.DateOnly), near, x.want, x.near)
		}
	}
	feb := Calendar{}.With(2023, "FY", "2023-02-28")
	if got, _ := feb.End(2024, 4); got.Format(time.DateOnly) != "2024-02-29" {
		t.Errorf("the end of February moves to %s", got.Format(time.DateOnly))
	}
}

func FuzzFind(f *testing.F) {
	l := companies()
	for _, s := range []string{"Northwind Foods's", "J&J’s", "C3.ai's'", "’s", "D7.", "\xff\xfe", "É's"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, m := range l.Find(s) {
			if m.From < last || m.To <= m.From || m.To > len(s) || len(m.Companies) == 0 {
				t.Fatalf("%q: mention %d-%d after %d", s, m.From, m.To, last)
			}
			last = m.To
		}
	})
}
