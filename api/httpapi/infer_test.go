package httpapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/reasoning/infer/infertest"
)

func inferring(t *testing.T) *httptest.Server {
	t.Helper()
	m, st := infertest.Open(t)
	svc, err := api.New(api.Options{Store: st, Inference: m, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Options{Service: svc, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(srv.Close)
	return srv
}

func fetchJSON(t *testing.T, srv *httptest.Server, path string, params url.Values, into any) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path+"?"+params.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil && res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	return res.StatusCode, string(body)
}

func TestLikelyRoute(t *testing.T) {
	srv := inferring(t)
	_, country := infertest.City("p8")
	type term struct{ Type, Value, Label string }
	var body struct {
		IRI   string
		Items []struct {
			S, P, O     term
			Kind        string
			Probability *float64
			Reasons     []struct {
				Kind  string
				Links []struct{ Kind string }
			}
		}
		Model struct {
			Name       string
			Calibrated bool
			N          int
		}
	}
	code, text := fetchJSON(t, srv, "/api/likely", url.Values{"iri": {infertest.NS + "p8"}, "min": {"0.01"}}, &body)
	if code != 200 || !body.Model.Calibrated || body.Model.N == 0 || body.Model.Name != "test.ckpt" {
		t.Fatalf("%d %s", code, text)
	}
	found := false
	for _, x := range body.Items {
		if x.Kind != "inferred" || x.Probability == nil {
			t.Errorf("item %+v", x)
		}
		if x.S.Value == infertest.NS+"p8" && x.P.Value == infertest.NS+"nationality" && x.O.Value == infertest.NS+country {
			found = true
			if x.S.Label != infertest.Name(8) || len(x.Reasons) == 0 || x.Reasons[0].Links[0].Kind != "stated" {
				t.Errorf("item %+v", x)
			}
		}
	}
	if !found {
		t.Errorf("the missing nationality is not likely: %s", text)
	}
	var similar struct {
		Items []struct {
			Term term
			Like float64
		}
	}
	home, _ := infertest.City("p8")
	code, text = fetchJSON(t, srv, "/api/similar", url.Values{"iri": {infertest.NS + "p8"}, "k": {"3"}, "where": {"?x <" + infertest.NS + "livesIn> <" + infertest.NS + home + ">"}}, &similar)
	if code != 200 || len(similar.Items) == 0 {
		t.Fatalf("%d %s", code, text)
	}
	for _, x := range similar.Items {
		if c, _ := infertest.City(strings.TrimPrefix(x.Term.Value, infertest.NS)); c != home {
			t.Errorf("%s lives in %s, not in %s", x.Term.Value, c, home)
		}
	}
	for _, c := range []struct {
		path   string
		params url.Values
		code   int
	}{
		{"/api/likely", url.Values{}, 400},
		{"/api/likely", url.Values{"iri": {infertest.NS + "p8"}, "min": {"7"}}, 400},
		{"/api/likely", url.Values{"iri": {infertest.NS + "p8"}, "k": {"0"}}, 400},
		{"/api/likely", url.Values{"iri": {"http://x/none"}}, 422},
		{"/api/similar", url.Values{"iri": {infertest.NS + "p8"}, "where": {"?x"}}, 400},
		{"/api/similar", url.Values{}, 400},
	} {
		if code, text := fetchJSON(t, srv, c.path, c.params, nil); code != c.code {
			t.Errorf("%s %v: %d %s, want %d", c.path, c.params, code, text, c.code)
		}
	}
	// A service without a predictor says how to get one.
	plain := server(t, answererFunc(answered))
	if code, text := fetchJSON(t, plain, "/api/likely", url.Values{"iri": {"http://x/blade"}}, nil); code != 403 || !strings.Contains(text, "train link") {
		t.Errorf("%d %s", code, text)
	}
}

func TestInferRoute(t *testing.T) {
	srv := inferring(t)
	res := post(t, srv.URL+"/api/infer", `{"query": "PREFIX : <`+infertest.NS+`> SELECT ?c { :p8 :nationality ?c }", "k": 2, "min": 0.01}`)
	var body struct {
		Rows []struct {
			Kind        string
			Probability float64
			Terms       map[string]struct{ Value string }
			Links       []struct{ Kind string }
		}
		Stated int
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s %v", res.Status, err)
	}
	_, country := infertest.City("p8")
	if len(body.Rows) == 0 || len(body.Rows) > 2 || body.Stated != 0 || body.Rows[0].Terms["c"].Value != infertest.NS+country || body.Rows[0].Kind != "inferred" {
		t.Errorf("%+v", body)
	}
	if res := post(t, srv.URL+"/api/infer", `{"query": "SELECT ?x { ?x ?p ?y }"}`); res.StatusCode != 422 {
		t.Errorf("unbound predicate: %s", res.Status)
	}
	if res := post(t, srv.URL+"/api/infer", `{"query": "x", "min": 3}`); res.StatusCode != 400 {
		t.Errorf("bad minimum: %s", res.Status)
	}
}
