package extract

import (
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/ingest/markup"
)

func read(t *testing.T, page string, o Options) map[string]Finding {
	t.Helper()
	tree := markup.Read([]byte("<html><body>" + page + "</body></html>"))
	m := map[string]Finding{}
	for _, f := range Read(tree, o) {
		if f.To > len(tree.Text) || f.Confidence <= 0 || f.Confidence > 1 || f.Rule == "" {
			t.Errorf("%+v", f)
		}
		m[f.Relation+" "+f.Label] = f
	}
	return m
}

func expect(t *testing.T, got map[string]Finding, want ...string) {
	t.Helper()
	for _, w := range want {
		if _, ok := got[w]; !ok {
			t.Errorf("%q was not found in %v", w, keys(got))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d findings, want %d: %v", len(got), len(want), keys(got))
	}
}

func keys(m map[string]Finding) []string {
	var l []string
	for k := range m {
		l = append(l, k)
	}
	return l
}

func TestSubsidiaries(t *testing.T) {
	got := read(t, `<p>Subsidiaries of Quarry Co</p><table><tr><td><b>Name</b></td><td>Jurisdiction</td></tr><tr><td>Slate Works LLC (1)</td><td>Delaware</td></tr>
<tr><td>Granite Holdings B.V.</td><td>Netherlands</td></tr></table><p>Marble Ltd (England)</p><p>All are owned wholly.</p>`, Options{Exhibit: "EX-21.1", Company: "Quarry Co"})
	expect(t, got, "Has_Stake_In Slate Works LLC", "Has_Stake_In Granite Holdings B.V.", "Has_Stake_In Marble Ltd")
	if f := got["Has_Stake_In Slate Works LLC"]; f.Jurisdiction != "Delaware" || !f.Named {
		t.Errorf("%+v", f)
	}
}

func TestReport(t *testing.T) {
	got := read(t, `<p><b>Item 1. Business</b></p><p>We compete with other quarries, and our competitors include Basalt Inc., Chalk Corp. and Quarry Stone. Our suppliers include Drill Makers Ltd.
We depend on skilled stone cutters. We are regulated by the Mine Safety and Health Administration.</p>
<table><tr><td>Name</td><td>Age</td><td>Position</td></tr><tr><td>Ann B. Stone</td><td>51</td><td>Chief Executive Officer</td></tr></table>
<p><b>Item 1A. Risk Factors</b></p><p><b>Risks Related to Our Business</b></p><p><b>Demand for stone may fall, which would harm our results.</b></p><p>Text.</p>
<p><b>Report of Independent Registered Public Accounting Firm</b></p><p>We audited. /s/ Sum & Total LLP</p>
<p><b>SIGNATURES</b></p><table><tr><td>/s/ CARL DUST</td><td>Director</td></tr><tr><td>Carl Dust</td><td></td></tr></table>`, Options{Company: "Quarry Co"})
	expect(t, got, "Related_To Basalt Inc", "Related_To Chalk Corp", "Supplies Drill Makers Ltd", "Depends_On skilled stone cutters", "Regulates Mine Safety and Health Administration",
		"Member_Of Ann B. Stone", "Faces Demand for stone may fall, which would harm our results.", "Related_To Sum & Total LLP", "Member_Of Carl Dust")
	if f := got["Supplies Drill Makers Ltd"]; !f.Inverse || f.Type != "COMP" {
		t.Errorf("%+v", f)
	}
	if f := got["Depends_On skilled stone cutters"]; f.Named {
		t.Errorf("what has no name is named: %+v", f)
	}
	if f := got["Member_Of Carl Dust"]; f.Position != "Director" {
		t.Errorf("%+v", f)
	}
	if f := got["Related_To Sum & Total LLP"]; f.Position != "auditor" {
		t.Errorf("%+v", f)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("<p><b>SIGNATURES</b></p><p>/s/ A\nDirector</p>", "EX-21")
	f.Add("<p><b>Item 1A.</b></p><p><b>It may rain on us all day.</b></p><p>We rely on the a of</p>", "")
	f.Fuzz(func(t *testing.T, page, exhibit string) {
		tree := markup.Read([]byte(page))
		for _, x := range Read(tree, Options{Exhibit: exhibit, Company: "A"}) {
			if x.From < 0 || x.To > len(tree.Text) || x.From >= x.To || strings.TrimSpace(x.Label) == "" {
				t.Errorf("%+v", x)
			}
		}
	})
}
