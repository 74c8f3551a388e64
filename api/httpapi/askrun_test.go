package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
)

// engineServer serves a real engine over the films, with a file of feedback.
func engineServer(t *testing.T, nt, feedback string) (*httptest.Server, kg.Store) {
	t.Helper()
	st := store(t, nt)
	svc, err := api.New(api.Options{Store: st, Answerer: reasoning.New(reasoning.Options{}), Logger: slog.New(slog.DiscardHandler), FeedbackFile: feedback})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Options{Service: svc, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(srv.Close)
	return srv, st
}

func askJSON(t *testing.T, srv *httptest.Server, body string) *reasoning.Answer {
	t.Helper()
	res := post(t, srv.URL+"/api/ask", body, "Accept", "application/json")
	b, _ := io.ReadAll(res.Body)
	var a reasoning.Answer
	if err := json.Unmarshal(b, &a); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %s: %v", res.StatusCode, b, err)
	}
	return &a
}

// got reads a reply with an expected status.
func got(t *testing.T, address string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
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
	if res.StatusCode != status {
		t.Errorf("%s: %d, want %d: %s", address, res.StatusCode, status, b)
	}
	return string(b)
}

func TestFollowUpOverHTTP(t *testing.T) {
	srv, _ := engineServer(t, films+`<http://x/heat> <http://www.w3.org/2000/01/rdf-schema#label> "Heat" .
<http://x/heat> <http://x/directedBy> <http://x/mann> .
<http://x/mann> <http://www.w3.org/2000/01/rdf-schema#label> "Michael Mann" .
`, "")
	a := askJSON(t, srv, `{"question":"who is Alien directed by?"}`)
	if a.Run == "" || a.Status != "answered" {
		t.Fatalf("%+v", a)
	}
	b := askJSON(t, srv, `{"question":"and Heat?","after":"`+a.Run+`"}`)
	if b.Status != "answered" || b.Answers[0].Label != "Michael Mann" || !strings.Contains(b.ReadAs, "Heat directed by") {
		t.Errorf("%+v", b)
	}
	res := post(t, srv.URL+"/api/ask", `{"question":"and Heat?","after":"nothing"}`)
	if res.StatusCode != 404 {
		t.Errorf("unknown run: %d", res.StatusCode)
	}
}

func TestChoices(t *testing.T) {
	srv, _ := engineServer(t, films, "")
	a := askJSON(t, srv, `{"question":"who is Alien directed by?"}`)
	at := strings.Index(a.SPARQL, "<http://x/directedBy>")
	if at < 0 {
		t.Fatal(a.SPARQL)
	}
	var c reasoning.Choices
	if err := json.Unmarshal([]byte(got(t, fmt.Sprintf("%s/api/ask/%s/choices?from=%d&k=3", srv.URL, a.Run, at+2), 200)), &c); err != nil {
		t.Fatal(err)
	}
	if c.Allowed < 1 || c.Grammar < c.Allowed || len(c.Items) == 0 || c.Items[0].IRI != "http://x/directedBy" {
		t.Errorf("%+v", c)
	}
	sum := 0.0
	for _, x := range c.Items {
		sum += x.Share
	}
	if sum > 1.001 {
		t.Errorf("shares sum to %g", sum)
	}
	got(t, srv.URL+"/api/ask/"+a.Run+"/choices?from=0", 404) // a forced word
	got(t, srv.URL+"/api/ask/"+a.Run+"/choices?from=x", 400)
	got(t, srv.URL+"/api/ask/nothing/choices?from=1", 404)
}

func TestDiffOfAnswers(t *testing.T) {
	srv, st := engineServer(t, films, "")
	a := askJSON(t, srv, `{"question":"which films are directed by Ridley Scott?"}`)
	if len(a.Answers) != 2 {
		t.Fatalf("%+v", a)
	}
	err := st.Update(context.Background(), func(tx kg.Tx) error {
		for _, change := range []struct {
			film string
			add  bool
		}{{"http://x/blade", false}, {"http://x/gladiator", true}} {
			var q kg.Quad
			q.G = kg.DefaultGraph
			for _, p := range []struct {
				iri string
				d   *kg.ID
			}{{change.film, &q.S}, {"http://x/directedBy", &q.P}, {"http://x/scott", &q.O}} {
				id, err := tx.Intern(kg.NewIRI(p.iri))
				if err != nil {
					return err
				}
				*p.d = id
			}
			var err error
			if change.add {
				_, err = tx.Insert(q)
			} else {
				_, err = tx.Delete(q)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var d api.AnswerDiff
	if err := json.Unmarshal([]byte(got(t, srv.URL+"/api/ask/"+a.Run+"/diff?to=live", 200)), &d); err != nil {
		t.Fatal(err)
	}
	if d.Same != 1 || len(d.Added) != 1 || len(d.Removed) != 1 || !strings.Contains(string(d.Added[0][d.Vars[0]].Value), "gladiator") || d.From == d.To {
		t.Errorf("%+v", d)
	}
	if err := json.Unmarshal([]byte(got(t, srv.URL+"/api/ask/"+a.Run+"/diff?mode=ask", 200)), &d); err != nil {
		t.Fatal(err)
	}
	if d.Mode != "ask" || d.Status != "answered" || d.Same != 1 {
		t.Errorf("%+v", d)
	}
	if b := askJSON(t, srv, `{"question":"who is Alien directed by?","at":"`+d.To+`"}`); b.Status != "answered" {
		t.Errorf("%+v", b)
	}
	if res := post(t, srv.URL+"/api/ask", `{"question":"who is Alien directed by?","at":"s999999"}`, "Accept", "application/json"); res.StatusCode != 404 {
		t.Errorf("a state that is gone: %s", res.Status)
	}
	got(t, srv.URL+"/api/ask/"+a.Run+"/diff?mode=other", 400)
	got(t, srv.URL+"/api/ask/"+a.Run+"/diff?to=s999999", 404)
}

func TestExports(t *testing.T) {
	srv, _ := engineServer(t, films+`<http://x/evil> <http://www.w3.org/2000/01/rdf-schema#label> "=cmd()|<img onerror=x>" .
<http://x/alien> <http://x/producer> <http://x/evil> .
`, "")
	a := askJSON(t, srv, `{"question":"who is the producer of Alien?"}`)
	if a.Status != "answered" {
		t.Fatalf("%+v", a)
	}
	base := srv.URL + "/api/ask/" + a.Run + "/export?format="
	for format, want := range map[string]string{
		"csv": "'=cmd()", "md": `\=cmd`, "json": `"status": "answered"`, "rq": "SELECT", "nt": "<http://x/alien> <http://x/producer> <http://x/evil> .",
	} {
		b := got(t, base+format, 200)
		if format == "md" {
			want = `=cmd\(\)\|\<img` // no cell, no tag
		}
		if !strings.Contains(b, want) {
			t.Errorf("%s: %s", format, b)
		}
	}
	got(t, base+url.QueryEscape("exe"), 400)
}

func TestFeedback(t *testing.T) {
	file := filepath.Join(t.TempDir(), "feedback.jsonl")
	const two = `
<http://x/a1> <http://www.w3.org/2000/01/rdf-schema#label> "Avery" .
<http://x/a1> <http://x/office> "treasurer" .
<http://x/a1> <http://x/knows> <http://x/a2> .
<http://x/a2> <http://www.w3.org/2000/01/rdf-schema#label> "Avery" .
<http://x/a2> <http://x/office> "chair" .
`
	srv, _ := engineServer(t, two, file)
	first := func(srv *httptest.Server, run string) string {
		var r struct{ Events []api.RunEvent }
		if err := json.Unmarshal([]byte(got(t, srv.URL+"/api/ask/"+run, 200)), &r); err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Events {
			var m reasoning.Mention
			if e.Event == "mention" && json.Unmarshal(e.Data, &m) == nil && len(m.Candidates) > 1 {
				return m.Candidates[0].IRI
			}
		}
		return ""
	}
	before := first(srv, askJSON(t, srv, `{"question":"what is the office of Avery?"}`).Run)
	other := map[string]string{"http://x/a1": "http://x/a2", "http://x/a2": "http://x/a1"}[before]
	for range 3 {
		a := askJSON(t, srv, `{"question":"what is the office of Avery?","links":[{"from":22,"to":27,"iri":"`+other+`"}]}`)
		if len(a.Named) != 1 || a.Named[0].IRI != other {
			t.Fatalf("%+v", a.Named)
		}
		if res := post(t, srv.URL+"/api/ask/"+a.Run+"/feedback", `{"verdict":"right"}`, "X-Quaestor", "1"); res.StatusCode != 204 {
			t.Fatal(res.Status)
		}
	}
	if after := first(srv, askJSON(t, srv, `{"question":"what is the office of Avery?"}`).Run); after != other {
		t.Errorf("the confirmed thing is not proposed first: %s", after)
	}
	// The file brings it back.
	again, _ := engineServer(t, two, file)
	a := askJSON(t, again, `{"question":"what is the office of Avery?"}`)
	if after := first(again, a.Run); after != other {
		t.Errorf("after a restart: %s", after)
	}
	for body, status := range map[string]int{`{"verdict":"maybe"}`: 400, `{"verdict":"wrong","kind":"other"}`: 400, `{"verdict":"wrong","kind":"wrong thing","note":"the chair"}`: 204} {
		if res := post(t, again.URL+"/api/ask/"+a.Run+"/feedback", body, "X-Quaestor", "1"); res.StatusCode != status {
			t.Errorf("%s: %s", body, res.Status)
		}
	}
	if res := post(t, again.URL+"/api/ask/"+a.Run+"/feedback", `{"verdict":"right"}`); res.StatusCode != 400 {
		t.Errorf("without the header: %s", res.Status)
	}
	if list := got(t, again.URL+"/api/feedback", 200); !strings.Contains(list, "the chair") || !strings.Contains(list, `"count":4`) {
		t.Errorf("%s", list)
	}
}
