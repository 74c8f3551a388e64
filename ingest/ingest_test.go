package ingest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/store"
)

// filing is an annual report of a company.
func filing(name, cik string, year int, revenue string) string {
	p := fmt.Sprintf(`<xbrli:startDate>%d-01-01</xbrli:startDate><xbrli:endDate>%d-12-31</xbrli:endDate>`, year, year)
	q := fmt.Sprintf(`<xbrli:startDate>%d-01-01</xbrli:startDate><xbrli:endDate>%d-12-31</xbrli:endDate>`, year-1, year-1)
	entity := `<xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">` + cik + `</xbrli:identifier></xbrli:entity>`
	dei := func(id, concept, text string) string {
		return fmt.Sprintf(`<ix:nonNumeric id="%s" name="dei:%s" contextRef="y">%s</ix:nonNumeric>`, id, concept, text)
	}
	num := func(id, ctx, text string) string {
		return fmt.Sprintf(`<ix:nonFraction id="%s" name="us-gaap:Revenues" contextRef="%s" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">%s</ix:nonFraction>`, id, ctx, text)
	}
	return fmt.Sprintf(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" xmlns:xbrli="http://www.xbrl.org/2003/instance"
xmlns:iso4217="http://www.xbrl.org/2003/iso4217" xmlns:us-gaap="http://fasb.org/us-gaap/%d" xmlns:dei="http://xbrl.sec.gov/dei/%d" xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12"><body>
<div style="display:none"><ix:header><ix:hidden>%s%s</ix:hidden><ix:resources><xbrli:context id="y">%s<xbrli:period>%s</xbrli:period></xbrli:context><xbrli:context id="p">%s<xbrli:period>%s</xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit></ix:resources></ix:header></div>
<p>%s</p><p>%s of %s, %s</p><p><b>Item 8. Financial Statements</b></p><table><tr><td>(in millions)</td><td>%d</td><td>%d</td></tr><tr><td>Total net revenue</td><td>%s</td><td>%s</td></tr></table></body></html>`,
		year, year, dei("d1", "DocumentFiscalYearFocus", fmt.Sprint(year)), dei("d2", "DocumentFiscalPeriodFocus", "FY"), entity, p, entity, q,
		dei("d3", "EntityRegistrantName", name), dei("d4", "DocumentType", "10-K"), dei("d5", "DocumentPeriodEndDate", fmt.Sprintf("%d-12-31", year)), dei("d6", "EntityCentralIndexKey", cik),
		year, year-1, num("f1", "y", revenue), num("f2", "p", "900"))
}

func write(t *testing.T, dir, name, body string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, st kg.Store, o ingest.Options, paths ...string) *ingest.Report {
	t.Helper()
	ctx := context.Background()
	rep, err := ingest.Run(ctx, st, source.Open(ctx, paths, source.Options{MaxBytes: 1 << 20}), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func snapshot(t *testing.T, st kg.Store) kg.Snapshot {
	t.Helper()
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func stores(t *testing.T) map[string]kg.Store {
	disk, err := store.Open(t.TempDir(), store.Options{MinFree: 1 << 20, MemTableSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	return map[string]kg.Store{"mem": mem.New(), "disk": disk}
}

func dump(t *testing.T, s kg.Snapshot) []string {
	var list []string
	c := s.Scan(t.Context(), kg.Pattern{}, kg.SPO)
	defer c.Close()
	for c.Next() {
		var ts [4]kg.Term
		q := c.Quad()
		if err := kg.Terms(s, []kg.ID{q.S, q.P, q.O, q.G}, ts[:]); err != nil {
			t.Fatal(err)
		}
		list = append(list, ts[0].String()+" "+ts[1].String()+" "+ts[2].String()+" "+ts[3].String())
	}
	slices.Sort(list)
	return list
}

// TestRun: filings come in, their facts read back with text and span, and
// forgetting one leaves the store as if it had never come.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	a := write(t, dir, "a/0000000007-24-000001.html", filing("Quarry Co", "0000000007", 2023, "1,000"))
	b := write(t, dir, "b/0000000007-25-000001.html", filing("Quarry Co", "0000000007", 2024, "1,100"))
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	for name, st := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			first := run(t, st, ingest.Options{Now: now}, a)
			if first.Documents != 1 || first.Facts != 8 || first.Errors != 0 || first.Statements == 0 {
				t.Fatalf("%+v", first)
			}
			before := dump(t, snapshot(t, st))
			second := run(t, st, ingest.Options{Now: func() time.Time { return now().Add(time.Hour) }}, a, b)
			if second.Documents != 1 || second.Present != 1 || second.Errors != 0 {
				t.Fatalf("%+v", second)
			}
			s := snapshot(t, st)
			rd, err := fact.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			f, err := rd.Get(ctx, doc.Base+"0000000007-25-000001#f1")
			if err != nil {
				t.Fatal(err)
			}
			if f.Value != "1100000000" && f.Value != "1100000000.0" || f.Company != fact.CompanyIRI("7") || f.Row != "Total net revenue" || f.Column != "2024" || f.Scale != 6 || f.Decimals != "-6" {
				t.Errorf("%+v", f)
			}
			c, err := doc.Open(ctx, s, f.Span.Doc)
			if err != nil {
				t.Fatal(err)
			}
			if q, err := c.Quote(f.Span, 20); err != nil || q.Text != "1,100" || q.State != doc.Unchanged || c.Form != "10-K" || c.FiscalYear != 2024 || c.PeriodEnd != "2024-12-31" {
				t.Errorf("%v %+v %+v", err, q, c.Document)
			}
			fps, err := fact.FiscalPeriods(ctx, s)
			if err != nil || len(fps) != 4 || fps[0].Year != 2022 || fps[3].Year != 2024 || fps[3].Period.Start != "2024-01-01" {
				t.Errorf("%v %+v", err, fps)
			}
			cs, err := fact.Concepts(ctx, s)
			if i := slices.IndexFunc(cs, func(c fact.Concept) bool { return c.Name == "us-gaap:Revenues" }); err != nil || i < 0 || cs[i].Label != "Revenues" || !slices.Contains(cs[i].Labels, "Total net revenue") {
				t.Errorf("%v %+v", err, cs)
			}
			dry, err := ingest.Forget(ctx, st, "0000000007-25-000001", true)
			if err != nil || dry.Only+dry.Shared != dry.Statements || dry.Statements == 0 || dry.Spans < 8 || dry.Shared == 0 || dry.Only == 0 || dry.Entries == 0 {
				t.Errorf("%v %+v", err, dry)
			}
			gone, err := ingest.Forget(ctx, st, "0000000007-25-000001", false)
			if dry.DryRun = false; err != nil || fmt.Sprint(gone) != fmt.Sprint(dry) {
				t.Errorf("%v %+v, the dry run said %+v", err, gone, dry)
			}
			after := snapshot(t, st)
			if got := dump(t, after); !slices.Equal(got, before) {
				t.Errorf("%d statements are left, %d were there before", len(got), len(before))
			}
			if _, err := after.(kg.BlobReader).Blob(doc.BytesName(c.SHA256)); err == nil {
				t.Error("the bytes are still there")
			}
			if _, err := ingest.Forget(ctx, st, "nothing", true); err == nil {
				t.Error("forgot what is not there")
			}
		})
	}
}

// TestBad: what cannot be read is named, and the rest is kept.
func TestBad(t *testing.T) {
	dir := t.TempDir()
	good := filing("Quarry Co", "0000000007", 2024, "1,100")
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte("<p>a</p>"), 4<<20))
	z.Close()
	var archive bytes.Buffer
	zw := zip.NewWriter(&archive)
	w, _ := zw.Create("big.html")
	w.Write(bytes.Repeat([]byte("<p>a</p>"), 1<<20))
	zw.Close()
	for _, c := range []struct {
		name, body string
		kept       bool
		says       string
	}{
		{"cut.html", good[:len(good)-60], true, "cut off"},
		{"latin.html", strings.Replace(good, "Quarry Co", "Qu\x92rry", 1), true, "no UTF-8"},
		{"utf16.html", "\xff\xfe<\x00h\x00", false, "UTF-16"},
		{"scripts.html", "<html><head><script>go()</script></head><body><div id=app></div></body></html>", false, "scripts"},
		{"login.html", "<html><body><p>Sign in</p><input type='password'></body></html>", false, "password"},
		{"empty.html", "", false, "empty"},
		{"large.html", strings.Repeat("<p>x</p>", 1<<18), false, "too large"},
		{"bomb.html.gz", bomb.String(), false, "bomb.html.gz"},
		{"bomb.zip", archive.String(), false, "more of it than"},
		{"taxonomy.html", strings.Replace(good, "us-gaap/2024", "us-gaap/2009", 1), true, "2009"},
		{"context.html", strings.Replace(good, `contextRef="p"`, `contextRef="none"`, 1), true, `no context "none"`},
		{"picture.zip", "PK\x03\x04 nonsense", false, "damaged archive"},
		{"binary.html", "\x00\x01\x02\x03", false, "no document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := mem.New()
			rep := run(t, st, ingest.Options{}, write(t, dir, c.name, c.body), write(t, dir, "other.txt", "A text of its own."))
			if kept := rep.Documents == 2; kept != c.kept || rep.Documents+rep.Failed != 2 {
				t.Errorf("%+v", rep)
			}
			if !slices.ContainsFunc(rep.Problems, func(p ingest.Problem) bool {
				return strings.Contains(p.Error(), c.says) && strings.Contains(p.Error(), c.name[:4])
			}) {
				t.Errorf("no remark says %q: %+v", c.says, rep.Problems)
			}
		})
	}
}

func TestTwice(t *testing.T) {
	dir := t.TempDir()
	st := mem.New()
	body := filing("Quarry Co", "0000000007", 2024, "1,100")
	a := write(t, dir, "a/0000000007-25-000001.html", body)
	b := write(t, dir, "b/0000000007-25-000001.html", strings.Replace(body, "1,100", "1,200", 1))
	c := write(t, dir, "c/copy.html", body)
	rep := run(t, st, ingest.Options{}, a, a, b, c)
	if rep.Documents != 1 || rep.Present != 2 || rep.Failed != 1 || rep.Errors != 2 || !strings.Contains(rep.Problems[0].What, "other bytes") || !strings.Contains(rep.Problems[1].What, "there already as") {
		t.Errorf("%+v", rep)
	}
	value := func() string {
		rd, err := fact.Open(snapshot(t, st))
		if err != nil {
			t.Fatal(err)
		}
		f, err := rd.Get(t.Context(), doc.Base+"0000000007-25-000001#f1")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(f.Value, ".0")
	}
	if v := value(); v != "1100000000" {
		t.Error(v)
	}
	if rep := run(t, st, ingest.Options{Replace: true}, b); rep.Replaced != 1 || rep.Documents != 1 {
		t.Errorf("%+v", rep)
	}
	if v := value(); v != "1200000000" {
		t.Error(v)
	}
}

// TestCancel: a cancelled run leaves whole filings or none.
func TestCancel(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 6 {
		paths = append(paths, write(t, dir, fmt.Sprintf("%d/000000000%d-25-000001.html", i, i+1), filing("Q", fmt.Sprint(i+1), 2024, "1")))
	}
	st := mem.New()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := ingest.Run(ctx, st, source.Open(ctx, paths, source.Options{}), ingest.Options{BatchUnits: 1, OnProgress: func(n int, _ int64, _ string) {
		if n == 3 {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("no error")
	}
	docs, err := doc.List(t.Context(), snapshot(t, st))
	if err != nil || len(docs) == 0 || len(docs) == 6 {
		t.Errorf("%v, %d documents", err, len(docs))
	}
	rd, _ := fact.Open(snapshot(t, st))
	if n := rd.Count(); n != 8*len(docs) {
		t.Errorf("%d facts of %d documents", n, len(docs))
	}
}
