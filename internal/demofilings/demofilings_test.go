package demofilings

import (
	"testing"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// TestUnits: all three come in without a remark, with their companies and
// years, and figures that stand where they are said to stand.
func TestUnits(t *testing.T) {
	st := mem.New()
	rep, err := ingest.Run(t.Context(), st, Units(), ingest.Options{})
	if err != nil || rep.Documents != 3 || rep.Errors != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	docs, err := doc.List(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	years := map[string]bool{}
	for _, d := range docs {
		if d.Form != "10-K" || d.Company == "" || d.Pages < 50 {
			t.Errorf("%+v", d)
		}
		years[d.Company+d.PeriodEnd] = true
	}
	if len(years) != 3 || !years[fact.CompanyIRI("1045810")+"2025-01-26"] {
		t.Error(years)
	}
	rd, err := fact.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"2025-01-26": "130497000000", "2024-01-28": "60922000000", "2023-01-29": "26974000000"}
	for f, err := range rd.With(t.Context(), fact.PConcept, fact.ConceptIRI("us-gaap", "Revenues")) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Company != fact.CompanyIRI("1045810") || len(f.Dims) > 0 || f.Period.Days() < 300 || want[f.Period.End] == "" {
			continue
		}
		if v, err := f.Decimal(); err != nil || v.String() != want[f.Period.End] {
			t.Errorf("%s: %v, want %s", f.Period, v, want[f.Period.End])
		}
		c, err := doc.Open(t.Context(), s, f.Span.Doc)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := c.Quote(f.Span, 0); err != nil || q.State != doc.Unchanged || len(q.Text) < 4 {
			t.Errorf("%+v %v", q, err)
		}
		delete(want, f.Period.End)
	}
	if len(want) > 0 {
		t.Errorf("no revenue of %v", want)
	}
}
