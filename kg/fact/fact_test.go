package fact_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

type quader interface {
	Quads(yield func(kg.TermQuad) bool)
}

func load(t *testing.T, things ...quader) kg.Snapshot {
	t.Helper()
	st := mem.New()
	_, err := st.Load(context.Background(), func(yield func(kg.TermQuad, error) bool) {
		for _, x := range things {
			x.Quads(func(q kg.TermQuad) bool { return yield(q, nil) })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func randomFact(r *rand.Rand, graph string, n int) fact.Fact {
	f := fact.Fact{
		ID: fmt.Sprintf("%s#f-%d", graph, n), Graph: graph, Company: fact.CompanyIRI(pick(r, "0000000007", "42")), Concept: fact.ConceptIRI(pick(r, "us-gaap", "www.quarry.example"), pick(r, "Revenues", "Assets")),
		Period: fact.Period{End: "2024-12-31"}, Row: pick(r, "", "Net sales"), Column: pick(r, "", "Year | 2024"), Footnote: pick(r, "", "Restated."),
		Span: doc.Span{Doc: graph, Start: int64(n), End: int64(n + 5), Page: r.IntN(4) - 1, Hash: doc.Hash([]byte{byte(n)})},
	}
	if r.IntN(2) == 0 {
		f.Period.Start = "2024-01-01"
	}
	for _, axis := range []string{"A", "B", "C"}[:r.IntN(4)] {
		d := fact.Dim{Axis: fact.ConceptIRI("srt", axis+"Axis"), Member: fact.ConceptIRI("x", "M"), Typed: r.IntN(3) == 0}
		if d.Typed {
			d.Member = "a value of some length"
		}
		f.Dims = append(f.Dims, d)
	}
	switch r.IntN(3) {
	case 0:
		f.Value = pick(r, "a text", "short")
		for i := range r.IntN(12) {
			f.More = append(f.More, doc.Span{Doc: pick(r, graph, graph+"/ex.htm"), Start: int64(100 - i), End: int64(200 - i), Hash: doc.Hash(nil)})
		}
	default:
		f.Numeric, f.Unit, f.Decimals, f.Scale = true, pick(r, "iso4217:USD", "iso4217:USD/xbrli:shares"), pick(r, "", "-6", "2", "INF"), r.IntN(3)*3
		if f.Nil = r.IntN(4) == 0; !f.Nil {
			f.Value = pick(r, "0", "-12.5", "123456789012345678901234567890.5", "614000000")
		}
	}
	if r.IntN(4) == 0 {
		f.Span.Doc = graph + "/ex.htm"
	}
	return f
}

// TestRoundTrip: facts come back from the graph as they were written.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var things []quader
	want := map[string]fact.Fact{}
	for g := range 3 {
		graph := fmt.Sprintf("%s%d", doc.Base, g)
		things = append(things, &doc.Document{ID: graph, Graph: graph, SHA256: strings.Repeat("0", 64), Name: "n"})
		for n := range 200 {
			f := randomFact(r, graph, n)
			want[f.ID] = f
			things = append(things, &f)
		}
	}
	s := load(t, things...)
	rd, err := fact.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	check := func(f fact.Fact) {
		t.Helper()
		// A short integral decimal may be written in another way; values are equal.
		w := want[f.ID]
		if f.Numeric && !f.Nil {
			a, err := f.Decimal()
			b, err2 := w.Decimal()
			if err != nil || err2 != nil || a.Cmp(b) != 0 {
				t.Errorf("%s: value %q, want %q", f.ID, f.Value, w.Value)
			}
			w.Value = f.Value
		}
		if !reflect.DeepEqual(f, w) {
			t.Errorf("got  %+v\nwant %+v", f, w)
		}
	}
	seen := 0
	for f, err := range rd.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		check(f)
	}
	if seen != len(want) || rd.Count() != len(want) {
		t.Errorf("%d facts, counted %d, want %d", seen, rd.Count(), len(want))
	}
	for _, id := range []string{doc.Base + "1#f-7", doc.Base + "2#f-199"} {
		f, err := rd.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		check(f)
	}
	if _, err := rd.Get(t.Context(), doc.Base+"1"); err == nil {
		t.Error("a document is read as a fact")
	}
	n, m := 0, 0
	for f, err := range rd.With(t.Context(), fact.PCompany, fact.CompanyIRI("42")) {
		if err != nil || f.Company != fact.CompanyIRI("42") {
			t.Fatal(err, f)
		}
		n++
	}
	for f := range rd.InGraph(t.Context(), doc.Base+"0") {
		if f.Graph == doc.Base+"0" {
			m++
		}
	}
	w := 0
	for _, f := range want {
		if f.Company == fact.CompanyIRI("42") {
			w++
		}
	}
	if n != w || m != 200 {
		t.Errorf("%d of the company, want %d; %d in a graph, want 200", n, w, m)
	}
}

func TestEntities(t *testing.T) {
	a, b := doc.Base+"a", doc.Base+"b"
	c1 := fact.Company{IRI: fact.CompanyIRI("7"), Graph: a, CIK: "0000000007", Name: "Quarry Co", Tickers: []string{"QRY"}, City: "Slate", Auditors: []string{"Sum LLP"}}
	c2 := fact.Company{IRI: fact.CompanyIRI("7"), Graph: b, CIK: "0000000007", Name: "Quarry Holdings", Auditors: []string{"Total LLP"}}
	con := fact.Concept{IRI: fact.ConceptIRI("us-gaap", "Revenues"), Graph: a, Name: "us-gaap:Revenues", Label: "Revenues", Labels: []string{"Net sales"}, Totals: []string{fact.ConceptIRI("us-gaap", "T")}}
	fp := fact.FiscalPeriod{IRI: fact.FiscalIRI(c1.IRI, 2024, "FY"), Graph: a, Company: c1.IRI, Year: 2024, Part: "FY", Period: fact.Period{Start: "2023-01-30", End: "2024-01-28"}}
	st := fact.Statement{IRI: a + "#st1", Graph: a, Subject: c1.IRI, Relation: fact.NS + "Has_Stake_In", Object: a + "#m1", Confidence: 0.9, Rule: "exhibit-21", Span: doc.Span{Doc: a, Start: 1, End: 2, Hash: doc.Hash(nil)}}
	s := load(t, &c1, &c2, &con, &fp, &st)
	cs, err := fact.Companies(t.Context(), s)
	if err != nil || len(cs) != 1 || cs[0].CIK != c1.CIK || cs[0].City != "Slate" || !slices.Equal(cs[0].Tickers, c1.Tickers) || len(cs[0].Aliases) != 2 || len(cs[0].Auditors) != 2 {
		t.Errorf("%v %+v", err, cs)
	}
	ks, err := fact.Concepts(t.Context(), s)
	if err != nil || len(ks) != 1 || ks[0].Label != "Revenues" || !slices.Contains(ks[0].Labels, "Net sales") || !slices.Equal(ks[0].Totals, con.Totals) {
		t.Errorf("%v %+v", err, ks)
	}
	fs, err := fact.FiscalPeriods(t.Context(), s)
	if err != nil || len(fs) != 1 || fs[0] != fp {
		t.Errorf("%v %+v", err, fs)
	}
	ss, err := fact.Statements(t.Context(), s)
	if err != nil || len(ss) != 1 || ss[0] != st {
		t.Errorf("%v %+v", err, ss)
	}
}

func TestLabelOf(t *testing.T) {
	for local, want := range map[string]string{
		"AmortizationOfIntangibleAssets": "Amortization of intangible assets", "EBITDAMargin": "EBITDA margin", "IncomeTaxesPaid1": "Income taxes paid 1",
		"ProductOrServiceAxis": "Product or service", "BoeingDefenseSpaceSecuritySegmentMember": "Boeing defense space security segment", "Member": "Member", "": "",
	} {
		if got := fact.LabelOf(local); got != want {
			t.Errorf("%s: %q, want %q", local, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	if space, local, ok := fact.Name(fact.ConceptIRI("www.quarry.example/x", "A")); space != "www.quarry.example/x" || local != "A" || !ok {
		t.Error(space, local, ok)
	}
	if p, ok := fact.PeriodOf(fact.Period{Start: "2024-01-01", End: "2024-12-31"}.IRI()); !ok || p.Days() != 366 || p.Instant() {
		t.Error(p, ok)
	}
	if u, ok := fact.Unit(fact.UnitIRI("iso4217:USD/xbrli:shares")); !ok || u != "iso4217:USD/xbrli:shares" {
		t.Error(u, ok)
	}
	if a, b := fact.CompanyIRI("0000000007"), fact.CompanyIRI(" 7"); a != b {
		t.Error(a, b)
	}
}
