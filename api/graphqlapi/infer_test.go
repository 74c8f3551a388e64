package graphqlapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	srv := httptest.NewServer(New(svc, func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), api.Classify(err).Status)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestInferredFields(t *testing.T) {
	srv := inferring(t)
	_, country := infertest.City("p8")
	code, r := post(t, srv, `query($id: ID!) { _likely(id: $id, minimum: 0.01) { link { subject property object label kind negated probability } meaning reasons { kind label subject } } }`,
		map[string]any{"id": infertest.NS + "p8"})
	var likely struct {
		Likely []struct {
			Link struct {
				Subject, Property, Object, Label, Kind string
				Negated                                bool
				Probability                            float64
			}
			Reasons []struct{ Kind, Label, Subject string }
		} `json:"_likely"`
	}
	if err := json.Unmarshal(r.Data, &likely); err != nil || code != 200 {
		t.Fatalf("%d %v %v", code, err, r.Errors)
	}
	found := false
	for _, x := range likely.Likely {
		l := x.Link
		if l.Kind != "inferred" || l.Probability <= 0 || l.Probability >= 1 || l.Label == "" {
			t.Errorf("link %+v", l)
		}
		for _, y := range x.Reasons {
			if y.Kind != "stated" {
				t.Errorf("reason %+v", y)
			}
		}
		found = found || l.Subject == infertest.NS+"p8" && l.Property == infertest.NS+"nationality" && l.Object == infertest.NS+country
	}
	if !found {
		t.Errorf("the missing nationality is not there: %+v", likely.Likely)
	}
	code, r = post(t, srv, `query($q: String!) { _inferred(sparql: $q, limit: 2, minimum: 0.001) { values { variable value label } probability links { kind object } } }`,
		map[string]any{"q": "PREFIX : <" + infertest.NS + "> SELECT ?l ?c { :p8 :nationality ?c . ?c :language ?l }"})
	var rows struct {
		Inferred []struct {
			Values      []struct{ Variable, Value, Label string }
			Probability float64
			Links       []struct{ Kind, Object string }
		} `json:"_inferred"`
	}
	if err := json.Unmarshal(r.Data, &rows); err != nil || code != 200 || len(rows.Inferred) == 0 || len(rows.Inferred) > 2 {
		t.Fatalf("%d %v %+v", code, r.Errors, rows)
	}
	first := rows.Inferred[0]
	if first.Values[0].Variable != "l" || first.Values[0].Value != infertest.NS+strings.Replace(country, "country", "language", 1) || first.Values[0].Label == "" || len(first.Links) != 2 {
		t.Errorf("first row %+v", first)
	}
	for query, want := range map[string]string{
		`{ _likely(id: "http://x/none") { meaning } }`:                     "does not mention",
		`{ _likely(id: "http://example.com/p8", minimum: 2) { meaning } }`: "probability between",
		`{ _inferred(sparql: "SELECT ?x { ?x ?p ?y }") { probability } }`:  "not bound",
		`{ _inferred(sparql: "SELECT", limit: 3) { probability } }`:        "syntax",
	} {
		if _, r := post(t, srv, query, nil); len(r.Errors) == 0 || !strings.Contains(r.Errors[0].Message, want) {
			t.Errorf("%s: %v, want %q", query, r.Errors, want)
		}
	}
	res, err := http.Get(srv.URL + "/graphql/schema")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if sdl, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(sdl), "_inferred(sparql: String!") {
		t.Errorf("schema %s %v", sdl, err)
	}
	// A service that infers nothing has no such fields.
	if code, _ := post(t, server(t), `{ _likely(id: "http://x/alien") { meaning } }`, nil); code != 422 {
		t.Errorf("without a predictor: %d", code)
	}
}
