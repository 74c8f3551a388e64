package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

func lib() *library.Library {
	c := library.Catalogue{}
	for i, n := range []struct{ name, ticker, city, auditor string }{
		{"NORTHWIND FOODS INC", "NWF", "Fargo", "Marcum LLP"},
		{"Acme Corp", "ACM", "Boise", "ERNST & YOUNG LLP"},
		{"Zephyr Airlines, Inc.", "ZA", "Salt Lake City", "Deloitte & Touche LLP"},
	} {
		c.Companies = append(c.Companies, fact.Company{IRI: fact.CompanyIRI(string(rune('1' + i))), Name: n.name, Aliases: []string{n.name}, Tickers: []string{n.ticker}, City: n.city, Auditors: []string{n.auditor}})
	}
	return library.New(c, nil)
}

// show writes a question's reading in one line.
func show(q Question) string {
	var who, when []string
	for _, c := range q.Companies {
		var n []string
		for _, k := range c.Candidates {
			n = append(n, k.Short())
		}
		who = append(who, strings.Join(n, "|"))
	}
	for _, p := range q.Periods {
		s := fmt.Sprint(p.Year)
		switch p.Kind {
		case Quarter:
			s = fmt.Sprintf("%dQ%d", p.Year, p.Quarter)
		case Day:
			s = p.End.Format("2006-01-02") + fmt.Sprintf("/%d", p.Months)
		case Last:
			s = fmt.Sprintf("last-%d", p.Shift)
		}
		when = append(when, s)
	}
	what := "nothing"
	if len(q.Measures) > 0 {
		m := q.Measures[0]
		what = m.Expr.String()
		for i := len(m.Leaves) - 1; i >= 0; i-- {
			var rs []string
			for _, r := range m.Leaves[i].Runs {
				s := r.Text
				if r.Member {
					s = "@" + s
				}
				rs = append(rs, s)
			}
			what = strings.ReplaceAll(what, fmt.Sprintf("[%d]", i), "["+strings.Join(rs, " & ")+"]")
		}
	}
	return fmt.Sprintf("%s %s %s %s%s", q.Op, strings.Join(who, ","), strings.Join(when, ","), q.Basis, what)
}

func TestRead(t *testing.T) {
	l := lib()
	for _, c := range []struct{ text, want string }{
		{"What was Acme's revenue in fiscal 2023?", "value Acme 2023 [revenue]"},
		{"How much did Acme spend on research and development in FY23?", "value Acme 2023 [research and development]"},
		{"In fiscal 2023, Acme's inventory equalled what percentage of its total revenue?", "value Acme 2023 [inventory] / [total revenue]"},
		{"Express Acme's goodwill as a share of total assets for fiscal year 2022.", "value Acme 2022 [goodwill] / [total assets]"},
		{"What was the ratio of Acme's long-term debt to stockholders' equity at the end of fiscal 2023?", "value Acme 2023 [long-term debt] / [stockholders' equity]"},
		{"What share of Acme's 2023 revenue came from the Cloud Services segment?", "value Acme 2023 [@cloud services] / [revenue]"},
		{"By what percentage did Acme's goodwill change between fiscal 2021 and fiscal 2023?", "change Acme 2021,2023 [goodwill]"},
		{"How fast did Acme's net sales grow from 2022 to 2023, in percent?", "change Acme 2022,2023 [net sales]"},
		{"What was the year-over-year growth in Acme's operating income for fiscal 2023?", "change Acme 2022,2023 [operating income]"},
		{"By how much did Acme's cash increase from fiscal 2022 to fiscal 2023?", "diff Acme 2022,2023 [cash]"},
		{"How many percentage points did Acme's net income as a share of total revenue move from fiscal 2021 to fiscal 2024?", "points Acme 2021,2024 [net income] / [total revenue]"},
		{"Which company reported the higher goodwill for fiscal 2023, Acme or Northwind Foods, and by how much?", "compare Acme,Northwind Foods 2023 [goodwill]"},
		{"Among Acme, Northwind and Zephyr Airlines, which had the lowest operating margin in FY2023?", "lowest Acme,Northwind Foods,Zephyr Airlines 2023 [operating income] / [revenue]"},
		{"What was Acme's average revenue from fiscal 2021 through fiscal 2023?", "average Acme 2021,2022,2023 [revenue]"},
		{"What was the combined net income of Acme and Northwind in 2023?", "sum Acme,Northwind Foods 2023 [net income]"},
		{"What was Acme's compound annual growth rate of revenue between 2020 and 2023?", "cagr Acme 2020,2023 [revenue]"},
		{"What total assets did the company headquartered in Fargo and audited by Marcum LLP report for fiscal 2024?", "value Northwind Foods 2024 [total assets]"},
		{"What was the goodwill of the Salt Lake City-based firm?", "value Zephyr Airlines  [goodwill]"},
		{"What were the net sales of the firm whose auditor is Ernst & Young and whose headquarters are in Boise in fiscal 2022?", "value Acme 2022 [net sales]"},
		{`Acme reported "Other Assets, Noncurrent" for 2023-12-31 in two consecutive annual reports. What was the figure as first reported (fiscal 2023 report) and as shown a year later (fiscal 2024 report)?`, "pair Acme 2023-12-31/0 [Other Assets, Noncurrent]"},
		{"What did Acme originally report as net income for fiscal 2022?", "value Acme 2022 first[net income]"},
		{"What was Acme's revenue in the third quarter of fiscal 2024?", "value Acme 2024Q3 [revenue]"},
		{"What was Acme's net income for the three months ended March 31, 2023?", "value Acme 2023-03-31/3 [net income]"},
		{"What were Acme's capital expenditures (purchases of property, plant and equipment) in its latest fiscal year?", "value Acme last-0 [capital expenditures]"},
		{"What was Acme's free cash flow in 2023?", "value Acme 2023 [operating cash flow] - [capital expenditures]"},
	} {
		if got := show(Read(c.text, l)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	l := lib()
	for text, owner := range map[string]string{
		"What was Contoso's revenue in fiscal 2023?":                                       "Contoso",
		"Which company reported the higher goodwill for fiscal 2023, Acme or Contoso Ltd?": "Contoso Ltd",
		"What revenue did Fabrikam report for fiscal 2024?":                                "Fabrikam",
		"Among Acme, Contoso and Zephyr Airlines, which had the highest revenue in 2023?":  "Contoso",
	} {
		q := Read(text, l)
		if !slices.ContainsFunc(q.Unknown, func(n Name) bool { return n.Owner && n.Text == owner }) {
			t.Errorf("%s: names %+v, want the owner %s", text, q.Unknown, owner)
		}
	}
	if q := Read("What was Acme's Cloud Services revenue in fiscal 2023?", l); slices.ContainsFunc(q.Unknown, func(n Name) bool { return n.Owner }) {
		t.Errorf("a segment is taken for a company: %+v", q.Unknown)
	}
}

func FuzzRead(f *testing.F) {
	l := lib()
	for _, s := range []string{"What was Acme's \"x\" (y less z, over w) from 2021 to 2023?", "((((", "\"", "fy 99 q3 2q23 2023-02-31", "\ue000\ue200\ue500", "Acme’s", "headquartered in ", "company audited by and audited by"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := Read(s, l)
		for _, m := range q.Measures {
			for _, leaf := range m.Leaves {
				if len(leaf.Runs) == 0 {
					t.Fatalf("%q: a leaf without words", s)
				}
			}
		}
	})
}
