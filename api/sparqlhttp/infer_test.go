package sparqlhttp

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/reasoning/infer/infertest"
	"github.com/quaestor-kg/quaestor/sparql"
)

func inferring(t *testing.T, o api.Options) *httptest.Server {
	t.Helper()
	m, st := infertest.Open(t)
	o.Store, o.Inference, o.Logger = st, m, slog.New(slog.DiscardHandler)
	svc, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := New(svc, func(w http.ResponseWriter, _ *http.Request, err error) {
		p := api.Classify(err)
		http.Error(w, p.Type+" "+p.Error(), p.Status)
	})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

type table struct {
	Head    struct{ Vars []string }
	Results struct {
		Bindings []map[string]struct{ Type, Value, Datatype string }
	}
}

func ask(t *testing.T, srv *httptest.Server, params url.Values) (int, table, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/sparql?"+params.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/sparql-results+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out table
	if res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode, out, res.Header, string(body)
}

const prologue = "PREFIX : <" + infertest.NS + "> "

func TestInferredRowsAreMarked(t *testing.T) {
	srv := inferring(t, api.Options{})
	_, country := infertest.City("p0")
	query := prologue + "SELECT ?p ?c { VALUES ?p { :p0 } ?p :nationality ?c }"
	// Off by default.
	code, plain, _, body := ask(t, srv, url.Values{"query": {query}})
	if code != 200 || len(plain.Results.Bindings) != 0 || len(plain.Head.Vars) != 2 {
		t.Fatalf("without the parameter: %d %s", code, body)
	}
	code, got, hd, body := ask(t, srv, url.Values{"query": {prologue + "SELECT ?c { :p0 :nationality ?c }"}, "inferred": {"true"}, "inferred-min": {"0.01"}})
	if code != 200 || len(got.Results.Bindings) == 0 {
		t.Fatalf("%d %s", code, body)
	}
	if strings.Join(got.Head.Vars, " ") != "c _inferred _probability _witness" {
		t.Errorf("columns %v", got.Head.Vars)
	}
	if hd.Get("Quaestor-Inferred") != strconv.Itoa(len(got.Results.Bindings)) {
		t.Errorf("%s of %d rows are inferred", hd.Get("Quaestor-Inferred"), len(got.Results.Bindings))
	}
	first := got.Results.Bindings[0]
	if first["c"].Value != infertest.NS+country || first["_inferred"].Value != "true" || !strings.Contains(first["_witness"].Value, "# inferred, 0.") {
		t.Errorf("first row %v", first)
	}
	if p, err := strconv.ParseFloat(first["_probability"].Value, 64); err != nil || p <= 0 || p >= 1 {
		t.Errorf("probability %v", first["_probability"])
	}
	// Stated rows come first and say that they are.
	_, got, _, _ = ask(t, srv, url.Values{"query": {prologue + "SELECT ?c { :p1 :nationality ?c }"}, "inferred": {"1"}, "inferred-limit": {"2"}, "inferred-min": {"0.000001"}})
	if rows := got.Results.Bindings; len(rows) < 1 || rows[0]["_inferred"].Value != "false" || rows[0]["_probability"].Value != "" || len(rows) > 3 {
		t.Errorf("rows %v", rows)
	}
	// A yes-or-no question gets a table that says which it is.
	_, got, _, body = ask(t, srv, url.Values{"query": {prologue + "ASK { :p0 :nationality :" + country + " }"}, "inferred": {"true"}, "inferred-min": {"0.01"}})
	if rows := got.Results.Bindings; len(rows) != 1 || rows[0]["_inferred"].Value != "true" {
		t.Errorf("ASK: %s", body)
	}
}

func TestDeletedStatementOverHTTP(t *testing.T) {
	srv := inferring(t, api.Options{Writable: true})
	_, country := infertest.City("p0")
	language := strings.Replace(country, "country", "language", 1)
	params := url.Values{"query": {prologue + "SELECT ?l { :p0 :nationality ?c . ?c :language ?l }"}, "inferred": {"true"}, "inferred-min": {"0.000001"}, "inferred-limit": {"100"}}
	supported := func() bool {
		_, got, _, _ := ask(t, srv, params)
		for _, row := range got.Results.Bindings {
			if strings.Contains(row["_witness"].Value, "<"+infertest.NS+country+"> <"+infertest.NS+"language> <"+infertest.NS+language+">") {
				return true
			}
		}
		return false
	}
	if !supported() {
		t.Fatal("the statement does not support an answer to begin with")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/update", strings.NewReader(prologue+"DELETE DATA { :"+country+" :language :"+language+" }"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sparql-update")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("update: %s", res.Status)
	}
	if supported() {
		t.Error("the deleted statement still supports an answer")
	}
}

func TestInferredRefusals(t *testing.T) {
	srv := inferring(t, api.Options{})
	good := prologue + "SELECT ?c { :p0 :nationality ?c }"
	for name, c := range map[string]struct {
		params url.Values
		code   int
		want   string
	}{
		"not a boolean": {url.Values{"query": {good}, "inferred": {"perhaps"}}, 400, "want true or false"},
		"limit":         {url.Values{"query": {good}, "inferred": {"true"}, "inferred-limit": {"0"}}, 400, "inferred-limit"},
		"limit alone":   {url.Values{"query": {good}, "inferred-limit": {"5"}}, 400, "inferred"},
		"min":           {url.Values{"query": {good}, "inferred": {"true"}, "inferred-min": {"1.5"}}, 400, "inferred-min"},
		"dataset":       {url.Values{"query": {good}, "inferred": {"true"}, "default-graph-uri": {"http://x/"}}, 400, "dataset"},
		"cycle":         {url.Values{"query": {prologue + "SELECT ?x { ?x :livesIn ?y . ?x :in ?y . ?y :in :country1 }"}, "inferred": {"true"}}, 422, "cycle"},
		"predicate":     {url.Values{"query": {prologue + "SELECT ?x { :p0 ?p ?x }"}, "inferred": {"true"}}, 422, "not bound"},
		"unseen entity": {url.Values{"query": {prologue + "SELECT ?x { :nobody :in ?x }"}, "inferred": {"true"}}, 422, "does not mention"},
		"syntax":        {url.Values{"query": {"SELECT"}, "inferred": {"true"}}, 400, "syntax"},
	} {
		code, _, _, body := ask(t, srv, c.params)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s, want %d and %q", name, code, body, c.code, c.want)
		}
	}
	off := server(t, 1, api.Options{Limits: sparql.Limits{}})
	if code, _, _, body := ask(t, off, url.Values{"query": {good}, "inferred": {"true"}}); code != 403 || !strings.Contains(body, "train link") {
		t.Errorf("without a model: %d %s", code, body)
	}
}
