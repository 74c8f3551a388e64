package retrieve_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/filingtest"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

func open(t *testing.T) (*retrieve.Retriever, *library.Library) {
	t.Helper()
	snap, err := filingtest.Open(t, "").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	var k library.Keeper
	l, err := k.Library(context.Background(), snap)
	if err != nil {
		t.Fatal(err)
	}
	return retrieve.New(l, retrieve.Options{}), l
}

func answer(t *testing.T, r *retrieve.Retriever, text string) *retrieve.Result {
	t.Helper()
	x, err := r.Answer(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestAgainstScan compares look-ups with a plain scan over all facts, for
// every whole figure of every annual report.
func TestAgainstScan(t *testing.T) {
	r, l := open(t)
	asked := map[string]string{
		"Revenues": "revenue", "RevenueFromContractWithCustomerExcludingAssessedTax": "revenue", "OperatingIncomeLoss": "operating income", "InventoryNet": "inventory", "Goodwill": "goodwill",
		"NetCashProvidedByUsedInOperatingActivities": "operating cash flow", "PaymentsToAcquirePropertyPlantAndEquipment": "capex", "ResearchAndDevelopmentExpense": "R&D",
	}
	n := 0
	for _, f := range l.Filings {
		facts, err := l.Facts(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range facts.All {
			x := &facts.All[i]
			_, local, _ := fact.Name(x.Concept)
			if !x.Numeric || len(x.Dims) > 0 || asked[local] == "" {
				continue
			}
			year := x.Period.End[:4]
			// What a year's own report says counts; else what the first says.
			want := x
			for _, g := range l.Filings {
				other, err := l.Facts(context.Background(), g)
				if err != nil {
					t.Fatal(err)
				}
				for j := range other.All {
					if o := &other.All[j]; o.Key() == x.Key() && (g.PeriodEnd[:4] == year || want == x && g.PeriodEnd < f.PeriodEnd) {
						want = o
					}
				}
			}
			res := answer(t, r, "What was "+f.Company.Short()+"'s "+asked[local]+" in fiscal "+year+"?")
			if res.Refusal != nil || len(res.Evidence()) != 1 || res.Evidence()[0].Fact.Value != want.Value {
				t.Errorf("%s of %s for %s: %v %v, want %s", local, f.Company.Short(), year, res.Refusal, res.Value, want.Value)
			}
			n++
		}
	}
	if n < 20 {
		t.Fatalf("only %d figures were compared", n)
	}
}

func TestPagesAndWithin(t *testing.T) {
	r, l := open(t)
	x := answer(t, r, "What goodwill did the company headquartered in Fargo and audited by Marcum LLP report for fiscal 2023?")
	if len(x.Pages) < 2 || x.Pages[0].Page != 0 || x.Pages[1].Page != 1 || x.Pages[0].Filing.Accession != "101-2023" {
		t.Errorf("the cover page comes first, then the figure's: %v", x.Pages)
	}
	// A reader who was given only the evidence comes to the same answer.
	for _, q := range []string{
		"In fiscal 2023, Northwind's inventory equalled what percentage of its net sales?", "By what percentage did Northwind's Frozen Meals revenue change between fiscal 2021 and fiscal 2023?",
		"Which company reported the higher goodwill for fiscal 2023, Acme Robotics or Northwind, and by how much?",
	} {
		whole := answer(t, r, q)
		ids := map[string]bool{}
		for _, c := range whole.Evidence() {
			ids[c.Fact.ID] = true
		}
		part := answer(t, r.Within(func(_ *library.Filing, f *fact.Fact) bool { return ids[f.ID] }), q)
		if whole.Refusal != nil || part.Refusal != nil || whole.Value.Cmp(part.Value) != 0 {
			t.Errorf("%s: %v with all, %v (%v) with the evidence alone", q, whole.Value, part.Value, part.Refusal)
		}
		for drop := range ids {
			less := answer(t, r.Within(func(_ *library.Filing, f *fact.Fact) bool { return ids[f.ID] && f.ID != drop }), q)
			if less.Refusal == nil {
				t.Errorf("%s: answered without %s, so it was not needed", q, drop)
			}
		}
	}
	_ = l
}

func TestVersions(t *testing.T) {
	r, l := open(t)
	facts, err := l.Facts(context.Background(), l.Filing("urn:quaestor:doc:101-2022"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range facts.All {
		f := &facts.All[i]
		if f.Value != "1000000000" {
			continue
		}
		first, last, ok, err := r.Versions(context.Background(), l.Company("urn:quaestor:cik:101"), f)
		if err != nil || !ok || first.Fact.Value != "1000000000" || last.Fact.Value != "990000000" {
			t.Errorf("%v %v %v %v", first.Fact, last.Fact, ok, err)
		}
		return
	}
	t.Fatal("the figure is missing")
}

func TestSearch(t *testing.T) {
	r, _ := open(t)
	pages, err := r.Search(context.Background(), "Why does a fire in the cold storage warehouse matter to Northwind?", 5)
	if err != nil || len(pages) == 0 || pages[0].Filing.Accession != "101-2022" || pages[0].Page != 2 {
		t.Errorf("%v %v", pages, err)
	}
	pages, err = r.Search(context.Background(), "Northwind in fiscal 2023: warehouse fire", 5)
	if err != nil || slices.ContainsFunc(pages, func(p retrieve.Page) bool { return p.Filing.Accession != "101-2023" }) {
		t.Errorf("company and year are filters: %v %v", pages, err)
	}
}

// TestHostile: no question breaks the reader or makes up an answer.
func TestHostile(t *testing.T) {
	r, _ := open(t)
	words := strings.Fields(`Northwind Acme's revenue what percentage of as a share of 2023 fiscal ( ) " " , ? less over plus ratio to which higher among or and FY22 Q3 -- 0 $ % net of segment
		headquartered in audited by change from average restated first reported twice ''s ` + "\ue000 \xff")
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var q []string
		for range rnd.IntN(14) {
			q = append(q, words[rnd.IntN(len(words))])
		}
		x, err := r.Answer(context.Background(), strings.Join(q, " "))
		if err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		if x.Refusal == nil && !x.Question.Sentences && len(x.Evidence()) == 0 {
			t.Fatalf("%q: an answer without evidence", q)
		}
	}
}

func TestNothing(t *testing.T) {
	l := library.New(library.Catalogue{}, nil)
	x := answer(t, retrieve.New(l, retrieve.Options{}), "What was Northwind's revenue in 2023?")
	if x.Refusal == nil {
		t.Error("a library without filings answers nothing")
	}
}
