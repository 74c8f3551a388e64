package sparqlhttp

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

func server(t *testing.T, n int, o api.Options) *httptest.Server {
	t.Helper()
	st := mem.New()
	var nq strings.Builder
	for i := range n {
		fmt.Fprintf(&nq, "<http://x/s%d> <http://x/p> \"value %d\" .\n", i, i)
	}
	nq.WriteString("<http://x/a> <http://x/p> \"in g\" <http://x/g> .\n")
	if _, err := st.Load(t.Context(), rdf.Read(t.Context(), strings.NewReader(nq.String()), rdf.ReadOptions{Format: rdf.NQuads})); err != nil {
		t.Fatal(err)
	}
	o.Store, o.Logger = st, slog.New(slog.DiscardHandler)
	svc, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := New(svc, func(w http.ResponseWriter, _ *http.Request, err error) {
		p := api.Classify(err)
		http.Error(w, p.Type+" "+p.Error(), p.Status)
	})
	mux := http.NewServeMux()
	mux.Handle("/sparql", h)
	mux.Handle("/update", h)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

type exchange struct {
	method, path, contentType, accept, body string
	code                                    int
	media, say                              string
}

func do(t *testing.T, srv *httptest.Server, x exchange) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), x.method, srv.URL+x.path, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	if x.contentType != "" {
		req.Header.Set("Content-Type", x.contentType)
	}
	if x.accept != "" {
		req.Header.Set("Accept", x.accept)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != x.code || !strings.HasPrefix(res.Header.Get("Content-Type"), x.media) || !strings.Contains(string(b), x.say) {
		t.Errorf("%s %s: status %d, %s\n%s\nwant %d, %s, %q", x.method, x.path, res.StatusCode, res.Header.Get("Content-Type"), b, x.code, x.media, x.say)
	}
	return string(b)
}

const form = "application/x-www-form-urlencoded"

func TestProtocol(t *testing.T) {
	srv := server(t, 3, api.Options{Writable: true})
	q := url.QueryEscape("SELECT ?o { <http://x/s1> ?p ?o }")
	graph := url.QueryEscape("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }")
	for name, x := range map[string]exchange{
		"GET":                 {"GET", "/sparql?query=" + q, "", "", "", 200, "application/sparql-results+json", "value 1"},
		"POST form":           {"POST", "/sparql", form, "text/csv", "query=" + q, 200, "text/csv", "value 1"},
		"POST direct":         {"POST", "/sparql", "application/sparql-query", "application/sparql-results+xml", "ASK { ?s ?p ?o }", 200, "application/sparql-results+xml", "true"},
		"quality":             {"GET", "/sparql?query=" + q, "", "text/csv;q=0.2, text/tab-separated-values;q=0.9, */*;q=0.1", "", 200, "text/tab-separated-values", "value 1"},
		"wildcard":            {"GET", "/sparql?query=" + q, "", "text/html, */*", "", 200, "application/sparql-results+json", "value 1"},
		"graph":               {"GET", "/sparql?query=" + graph, "", "", "", 200, "text/turtle", "value 1"},
		"graph as N-Triples":  {"GET", "/sparql?query=" + graph, "", "application/n-triples", "", 200, "application/n-triples", "<http://x/s1> <http://x/p> \"value 1\" ."},
		"default-graph-uri":   {"GET", "/sparql?default-graph-uri=http%3A%2F%2Fx%2Fg&query=" + url.QueryEscape("SELECT ?o { ?s ?p ?o }"), "", "text/csv", "", 200, "text/csv", "in g"},
		"service description": {"GET", "/sparql", "", "text/turtle", "", 200, "text/turtle", "sd:SPARQL11Update"},
		"no query":            {"POST", "/sparql", form, "", "", 400, "", "exactly one query"},
		"two queries":         {"GET", "/sparql?query=" + q + "&query=" + q, "", "", "", 400, "", "exactly one query"},
		"query and update":    {"POST", "/sparql", form, "", "query=" + q + "&update=x", 400, "", "exactly one query"},
		"update by GET":       {"GET", "/sparql?update=x", "", "", "", 400, "", "POST"},
		"query at /update":    {"POST", "/update", form, "", "query=" + q, 400, "", "/sparql"},
		"wrong media type":    {"POST", "/sparql", "text/plain", "", "SELECT", 415, "", "sparql-query"},
		"no media type":       {"POST", "/sparql", "", "", "SELECT", 415, "", "Content-Type"},
		"nothing acceptable":  {"GET", "/sparql?query=" + q, "", "image/png", "", 406, "", "text/csv"},
		"syntax":              {"GET", "/sparql?query=" + url.QueryEscape("SELECT * { ?s }"), "", "", "", 400, "", "/problems/syntax"},
		"not UTF-8":           {"POST", "/sparql", "application/sparql-query", "", "SELECT \xff", 400, "", "UTF-8"},
		"bad timeout":         {"GET", "/sparql?timeout=soon&query=" + q, "", "", "", 400, "", "timeout"},
		"DELETE":              {"DELETE", "/sparql", "", "", "", 405, "", "DELETE"},
		"SERVICE is off":      {"GET", "/sparql?query=" + url.QueryEscape("SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"), "", "", "", 403, "", ""},
	} {
		t.Run(name, func(t *testing.T) { do(t, srv, x) })
	}
}

func TestUpdate(t *testing.T) {
	srv := server(t, 1, api.Options{Writable: true})
	do(t, srv, exchange{"POST", "/update", "application/sparql-update", "", "INSERT DATA { <http://x/new> <http://x/p> 1 }", 204, "", ""})
	do(t, srv, exchange{"POST", "/sparql", form, "", "update=" + url.QueryEscape("DELETE WHERE { <http://x/s0> ?p ?o }"), 204, "", ""})
	all := do(t, srv, exchange{"GET", "/sparql?query=" + url.QueryEscape("SELECT ?s { ?s ?p ?o }"), "", "text/csv", "", 200, "text/csv", "http://x/new"})
	if strings.Contains(all, "http://x/s0") {
		t.Errorf("deleted statement is there:\n%s", all)
	}
	do(t, srv, exchange{"POST", "/update", "application/sparql-update", "", "INSERT DATA { ?x <p> 1 }", 400, "", "/problems/syntax"})
	do(t, srv, exchange{"POST", "/update", "application/sparql-update", "", "LOAD <file:/etc/passwd>", 403, "", ""})
	readOnly := server(t, 1, api.Options{})
	do(t, readOnly, exchange{"POST", "/update", "application/sparql-update", "", "INSERT DATA { <a:b> <a:c> 1 }", 403, "", "feature-off"})
}

// TestLimits: a limit that is met early has its own status; one that is met
// after the answer has begun cuts the connection, never the answer quietly.
func TestLimits(t *testing.T) {
	srv := server(t, 5000, api.Options{Limits: sparql.Limits{MaxRows: 4000}})
	do(t, srv, exchange{"GET", "/sparql?query=" + url.QueryEscape("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?a = ?g && ?c != ?i) }") + "&timeout=30ms", "", "", "", 504, "", "time-limit"})
	res, err := http.Get(srv.URL + "/sparql?query=" + url.QueryEscape("SELECT * { ?s ?p ?o }"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil {
		if _, err = results.Read(bytes.NewReader(b), results.JSON); err == nil {
			t.Error("a result that was cut looks complete")
		}
	}
	body := do(t, srv, exchange{"GET", "/sparql?limit=7&query=" + url.QueryEscape("SELECT * { ?s ?p ?o }"), "", "", "", 200, "", ""})
	d, err := results.Read(strings.NewReader(body), results.JSON)
	if err != nil || len(d.Rows) != 7 {
		t.Errorf("limit=7 gives %v, %v", d, err)
	}
	for _, row := range d.Rows {
		if row[0].Kind != kg.IRI {
			t.Errorf("row %v", row)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/csv;q=0.5, */*;q=0.1")
	f.Add("a/b;q=2, ;;,text/*")
	f.Fuzz(func(t *testing.T, accept string) {
		m, ok := negotiate([]string{accept}, tableTypes)
		if ok && quality(accept, m.name) <= 0 && strings.TrimSpace(accept) != "" {
			t.Errorf("%q gives %s, which it does not accept", accept, m.name)
		}
	})
}
