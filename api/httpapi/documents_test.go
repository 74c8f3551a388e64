package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/api/sources"
	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// report is an annual report with one table; prior is what it states for the
// year before.
func report(year int, revenue, prior string) string {
	context := func(id string, y int) string {
		return fmt.Sprintf(`<xbrli:context id="%s"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000042</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>%d-01-01</xbrli:startDate><xbrli:endDate>%d-12-31</xbrli:endDate></xbrli:period></xbrli:context>`, id, y, y)
	}
	dei := func(concept, text string) string {
		return fmt.Sprintf(`<ix:nonNumeric name="dei:%s" contextRef="y">%s</ix:nonNumeric>`, concept, text)
	}
	num := func(id, ctx, v string) string {
		return fmt.Sprintf(`<ix:nonFraction id="%s" name="us-gaap:Revenues" contextRef="%s" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">%s</ix:nonFraction>`, id, ctx, v)
	}
	return fmt.Sprintf(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" xmlns:xbrli="http://www.xbrl.org/2003/instance"
xmlns:iso4217="http://www.xbrl.org/2003/iso4217" xmlns:us-gaap="http://fasb.org/us-gaap/%d" xmlns:dei="http://xbrl.sec.gov/dei/%d" xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12"><body>
<div style="display:none"><ix:header><ix:hidden>%s%s</ix:hidden><ix:resources>%s%s<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit></ix:resources></ix:header></div>
<p>%s of %s, %s</p><p><b>Item 8. Statements</b></p><p>Caf&#233; sales grew.</p><table><tr><td>(in millions)</td><td>%d</td><td>%d</td></tr><tr><td>Total revenue</td><td>%s</td><td>%s</td></tr></table></body></html>`,
		year, year, dei("DocumentFiscalYearFocus", fmt.Sprint(year)), dei("DocumentFiscalPeriodFocus", "FY"), context("y", year), context("p", year-1),
		dei("DocumentType", "10-K"), dei("EntityRegistrantName", "Example Mills"), dei("DocumentPeriodEndDate", fmt.Sprintf("%d-12-31", year)),
		year, year-1, num("f1", "y", revenue), num("f2", "p", prior))
}

// filings serves two annual reports of one company; the second restates the
// first.
func filings(t *testing.T, writable bool) *httptest.Server {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for name, body := range map[string]string{"mills-2023.htm": report(2023, "1,000", "900"), "mills-2024.htm": report(2024, "1,200", "1,050")} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	st := mem.New()
	t.Cleanup(func() { st.Close() })
	if _, err := ingest.Run(t.Context(), st, source.Open(t.Context(), paths, source.Options{MaxBytes: 1 << 20}), ingest.Options{}); err != nil {
		t.Fatal(err)
	}
	svc, err := api.New(api.Options{Store: st, Writable: writable, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Options{Service: svc, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(srv.Close)
	return srv
}

func fetch[T any](t *testing.T, url string, status int) (v T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return roundTrip[T](t, req, status)
}

func roundTrip[T any](t *testing.T, req *http.Request, status int) (v T) {
	t.Helper()
	req.Header.Set("X-Quaestor", "1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", req.Method, req.URL, res.StatusCode, status, b)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v: %.200s", req.URL, err, b)
	}
	return v
}

type documentList struct{ Items []sources.DocumentItem }

func TestDocuments(t *testing.T) {
	srv := filings(t, false)
	list := fetch[documentList](t, srv.URL+"/api/documents", 200)
	if len(list.Items) != 2 || list.Items[0].FiscalYear != 2024 || list.Items[0].Filer != "Example Mills" || list.Items[0].Form != "10-K" {
		t.Fatalf("%+v", list)
	}
	if got := fetch[documentList](t, srv.URL+"/api/documents?fy=2023&filer=mills&form=10-k", 200); len(got.Items) != 1 || got.Items[0].FiscalYear != 2023 {
		t.Errorf("filtered: %+v", got)
	}
	newer, older := list.Items[0], list.Items[1]
	base := srv.URL + "/api/documents/"

	facts := fetch[sources.FactPage](t, base+url.PathEscape(newer.ID)+"/facts?concept=revenues", 200)
	if facts.Total != 2 {
		t.Fatalf("%+v", facts)
	}
	now, restated := facts.Items[0], facts.Items[1]
	if now.Value != "1200000000" && now.Value != "1200000000.0" || now.Row != "Total revenue" || len(now.Versions) != 0 || now.Unit != "iso4217:USD" {
		t.Errorf("this year: %+v", now)
	}
	if len(restated.Versions) != 1 || !restated.Versions[0].Differs || restated.Versions[0].Doc != older.ID {
		t.Fatalf("the year before: %+v", restated)
	}
	first := fetch[sources.FactPage](t, base+url.PathEscape(newer.ID)+"/facts?concept=revenues&as=first", 200).Items[1]
	if first.Value != restated.Versions[0].Value || first.Span.Doc != older.ID {
		t.Errorf("as first reported: %+v", first)
	}
	paged := fetch[sources.FactPage](t, base+url.PathEscape(newer.ID)+"/facts?k=1", 200)
	if len(paged.Items) != 1 || paged.Next == "" {
		t.Errorf("a page of one: %+v", paged)
	}

	page := fetch[sources.DocumentBlocks](t, fmt.Sprintf("%s%s/blocks?mark=%d-%d", base, url.PathEscape(newer.ID), now.Span.Start, now.Span.End), 200)
	var texts []string
	marked := ""
	for _, b := range page.Blocks {
		for _, r := range b.Runs {
			texts = append(texts, r.Text)
		}
		for _, row := range b.Rows {
			for _, c := range row.Cells {
				for _, r := range c.Runs {
					texts = append(texts, r.Text)
					if r.Mark == 1 {
						marked += r.Text
					}
				}
			}
		}
	}
	if marked != "1,200" {
		t.Errorf("marked %q in %q", marked, texts)
	}
	if !strings.Contains(strings.Join(texts, " "), "Café sales grew.") {
		t.Errorf("texts %q", texts)
	}

	id := url.PathEscape(fmt.Sprintf("%s:%d-%d", newer.ID, now.Span.Start, now.Span.End))
	for hash, state := range map[string]string{now.Span.SHA256: "unchanged", "0000": "changed", "": "unchecked"} {
		if q := fetch[sources.SpanQuote](t, srv.URL+"/api/spans/"+id+"?h="+hash, 200); q.State != state || q.Text != "1,200" || q.Title == "" {
			t.Errorf("hash %q: %+v", hash, q)
		}
	}
	if q := fetch[sources.SpanQuote](t, srv.URL+"/api/spans/nothing:1-2:ab", 200); q.State != "missing" {
		t.Errorf("a span of no document: %+v", q)
	}
	fetch[api.Problem](t, srv.URL+"/api/spans/"+url.PathEscape(newer.ID+":1-99999999"), 400)
	fetch[api.Problem](t, srv.URL+"/api/spans/nonsense", 400)
	fetch[api.Problem](t, base+"nothing/blocks", 404)
	fetch[api.Problem](t, base+"nothing/facts", 404)
	fetch[api.Problem](t, base+url.PathEscape(newer.ID)+"/blocks?page=99", 404)
	fetch[api.Problem](t, base+url.PathEscape(newer.ID)+"/facts?as=wished", 400)
	fetch[api.Problem](t, base+url.PathEscape(newer.ID)+"/blocks?mark=2-1", 400)

	res, err := http.Get(base + url.PathEscape(newer.ID) + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(b), "Caf&#233;") {
		t.Errorf("the file: %v, %.100s", err, b)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox;") {
		t.Errorf("a foreign document may run: %q", csp)
	}
}

func TestDeleteDocument(t *testing.T) {
	for _, writable := range []bool{false, true} {
		srv := filings(t, writable)
		id := fetch[documentList](t, srv.URL+"/api/documents?fy=2023", 200).Items[0].ID
		address := srv.URL + "/api/documents/" + url.PathEscape(id)
		request := func(method, u string) *http.Request {
			req, err := http.NewRequestWithContext(t.Context(), method, u, nil)
			if err != nil {
				t.Fatal(err)
			}
			return req
		}
		preview := roundTrip[sources.Deletion](t, request("POST", address+"/deletion"), 200)
		if preview.Statements == 0 || preview.Token == "" {
			t.Fatalf("%+v", preview)
		}
		if !writable {
			roundTrip[api.Problem](t, request("DELETE", address+"?token="+preview.Token), 403)
			continue
		}
		roundTrip[api.Problem](t, request("DELETE", address+"?token=s0"), 409)
		done := roundTrip[sources.Deletion](t, request("DELETE", address+"?token="+preview.Token), 200)
		if done.Statements != preview.Statements || done.Only != preview.Only {
			t.Errorf("preview %+v, receipt %+v", preview, done)
		}
		if left := fetch[documentList](t, srv.URL+"/api/documents", 200); len(left.Items) != 1 || left.Items[0].FiscalYear != 2024 {
			t.Errorf("left: %+v", left)
		}
		roundTrip[api.Problem](t, request("POST", address+"/deletion"), 404)
	}
}
