package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning"
)

const films = `
<http://x/alien> <http://www.w3.org/2000/01/rdf-schema#label> "Alien" .
<http://x/alien> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://x/Film> .
<http://x/alien> <http://x/directedBy> <http://x/scott> .
<http://x/scott> <http://www.w3.org/2000/01/rdf-schema#label> "Ridley Scott" .
<http://x/blade> <http://www.w3.org/2000/01/rdf-schema#label> "Blade Runner" .
<http://x/blade> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://x/Film> .
<http://x/blade> <http://x/directedBy> <http://x/scott> .
`

func store(t *testing.T, nt string) kg.Store {
	t.Helper()
	st := mem.New()
	t.Cleanup(func() { st.Close() })
	if _, err := st.Load(t.Context(), rdf.Read(t.Context(), strings.NewReader(nt), rdf.ReadOptions{Format: rdf.NTriples})); err != nil {
		t.Fatal(err)
	}
	return st
}

// answererFunc answers as a test wants it.
type answererFunc func(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error)

func (f answererFunc) Answer(ctx context.Context, _ kg.Snapshot, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	if emit == nil {
		emit = func(reasoning.Event) {}
	}
	return f(ctx, q, emit)
}

func server(t *testing.T, a reasoning.Answerer) *httptest.Server {
	t.Helper()
	svc, err := api.New(api.Options{Store: store(t, films), Answerer: a, Logger: slog.New(slog.DiscardHandler), QueueWait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Options{Service: svc, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(srv.Close)
	return srv
}

func answered(_ context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	emit(reasoning.Event{Name: "open", Data: reasoning.Open{V: 1, Run: q.Run, Question: q.Text}})
	emit(reasoning.Event{Name: "end", Data: reasoning.End{Outcome: "answered"}})
	return &reasoning.Answer{Status: "answered"}, nil
}

func post(t *testing.T, url, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// events reads "id event" lines of a stream until it ends.
func events(t *testing.T, r io.Reader) []string {
	t.Helper()
	var list []string
	id := ""
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		if v, ok := strings.CutPrefix(sc.Text(), "id: "); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(sc.Text(), "event: "); ok {
			list = append(list, id+" "+v)
		}
	}
	return list
}

func TestAskStreams(t *testing.T) {
	srv := server(t, answererFunc(answered))
	res := post(t, srv.URL+"/api/ask", `{"question":"who directed Alien"}`, "Accept", "text/event-stream")
	if ct := res.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("content type %q", ct)
	}
	if got := strings.Join(events(t, res.Body), ", "); got != "1 open, 2 end" {
		t.Errorf("events %s", got)
	}
}

func TestAskJSON(t *testing.T) {
	srv := server(t, answererFunc(answered))
	res := post(t, srv.URL+"/api/ask", `{"question":"who"}`, "Accept", "application/json")
	var a reasoning.Answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.Status != "answered" {
		t.Errorf("answer %+v, %v", a, err)
	}
}

// TestAskResumes takes a run up again after its first event, and asks for the
// whole record.
func TestAskResumes(t *testing.T) {
	srv := server(t, answererFunc(answered))
	run := ""
	res := post(t, srv.URL+"/api/ask", `{"question":"who"}`)
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, after, ok := strings.Cut(string(b), `"run":"`); ok {
		run, _, _ = strings.Cut(after, `"`)
	}
	again, err := http.Get(srv.URL + "/api/ask/" + run + "/events?after=1")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if got := strings.Join(events(t, again.Body), ", "); got != "2 end" {
		t.Errorf("events after 1: %s", got)
	}
	record, err := http.Get(srv.URL + "/api/ask/" + run)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Body.Close()
	var rec struct{ Events []api.RunEvent }
	if err := json.NewDecoder(record.Body).Decode(&rec); err != nil || len(rec.Events) != 2 {
		t.Errorf("record %+v, %v", rec, err)
	}
}

// TestAskFailures: a broken or panicking answerer ends its run with a problem
// and leaves the service alive.
func TestAskFailures(t *testing.T) {
	for name, a := range map[string]answererFunc{
		"error": func(context.Context, reasoning.Question, func(reasoning.Event)) (*reasoning.Answer, error) {
			return nil, errors.New("broken")
		},
		"panic": func(context.Context, reasoning.Question, func(reasoning.Event)) (*reasoning.Answer, error) {
			panic("broken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := server(t, a)
			for range 2 {
				res := post(t, srv.URL+"/api/ask", `{"question":"who"}`)
				if got := strings.Join(events(t, res.Body), ", "); got != "1 problem, 2 end" {
					t.Errorf("events %s", got)
				}
			}
		})
	}
}

// TestAskCancelled: DELETE stops a run and returns once it has stopped.
func TestAskCancelled(t *testing.T) {
	started := make(chan string, 1)
	srv := server(t, answererFunc(func(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
		emit(reasoning.Event{Name: "open", Data: reasoning.Open{Run: q.Run}})
		started <- q.Run
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	res := post(t, srv.URL+"/api/ask", `{"question":"who"}`)
	run := <-started
	req, err := http.NewRequestWithContext(t.Context(), "DELETE", srv.URL+"/api/ask/"+run, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Quaestor", "1")
	del, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	del.Body.Close()
	if del.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: status %d", del.StatusCode)
	}
	if got := strings.Join(events(t, res.Body), ", "); got != "1 open, 2 end" {
		t.Errorf("events %s", got)
	}
}

// TestClientGone: a client that leaves frees the question and its goroutines.
func TestClientGone(t *testing.T) {
	before := runtime.NumGoroutine()
	stopped := make(chan struct{})
	srv := server(t, answererFunc(func(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
		emit(reasoning.Event{Name: "open", Data: reasoning.Open{Run: q.Run}})
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/api/ask", strings.NewReader(`{"question":"who"}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	res.Body.Close()
	<-stopped
	srv.Close()
	http.DefaultClient.CloseIdleConnections()
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 200 {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestBadQuestions(t *testing.T) {
	srv := server(t, answererFunc(answered))
	for name, c := range map[string]struct {
		body, header string
		status       int
		problem      string
	}{
		"empty":       {`{"question":"  "}`, "", 400, "bad-parameter"},
		"100 kB":      {`{"question":"` + strings.Repeat("who ", 25000) + `"}`, "", 413, "too-large"},
		"huge body":   {`{"question":"` + strings.Repeat("x", 1<<20) + `"}`, "", 413, "too-large"},
		"not JSON":    {`{"question":`, "", 400, "bad-encoding"},
		"not UTF-8":   {"{\"question\":\"\xff\"}", "", 400, "bad-encoding"},
		"wrong type":  {`{"question":5}`, "", 400, "bad-parameter"},
		"wrong media": {`question=who`, "application/x-www-form-urlencoded", 415, "media-type"},
	} {
		t.Run(name, func(t *testing.T) {
			h := []string{}
			if c.header != "" {
				h = []string{"Content-Type", c.header}
			}
			res := post(t, srv.URL+"/api/ask", c.body, h...)
			checkProblem(t, res, c.status, c.problem)
		})
	}
}

func checkProblem(t *testing.T, res *http.Response, status int, name string) {
	t.Helper()
	var p api.Problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatalf("status %d: body is no problem: %v", res.StatusCode, err)
	}
	if res.StatusCode != status || p.Type != "/problems/"+name || p.Instance == "" || p.Hint == "" {
		t.Errorf("status %d, problem %+v; want %d, %s", res.StatusCode, p, status, name)
	}
}

func get(t *testing.T, srv *httptest.Server, path string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestGuards(t *testing.T) {
	srv := server(t, answererFunc(answered))
	checkProblem(t, get(t, srv, "/api/stats", "Host", "evil.example"), 421, "wrong-host")
	checkProblem(t, get(t, srv, "/api/stats", "Sec-Fetch-Site", "cross-site"), 403, "cross-site")
	checkProblem(t, post(t, srv.URL+"/api/ask", `{"question":"who"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), 403, "cross-site")
	checkProblem(t, get(t, srv, "/api/nothing"), 404, "not-found")
	checkProblem(t, get(t, srv, "/api/entity?iri=http://x/none"), 404, "not-found")
	checkProblem(t, get(t, srv, "/api/search?k=zero"), 400, "bad-parameter")
	if _, err := Listen("0.0.0.0:0"); err == nil {
		t.Error("listened on all interfaces without keys")
	}
}

func TestGraphRoutes(t *testing.T) {
	srv := server(t, answererFunc(answered))
	for path, want := range map[string]string{
		"/livez":                         "ok",
		"/readyz?verbose":                "ok store",
		"/metrics":                       "quaestor_triples 7",
		"/api/search?q=ridley":           `"label":"Ridley Scott"`,
		"/api/search?q=film":             `"kind":"class"`,
		"/api/stats":                     `"triples":7`,
		"/api/shape":                     `"label":"directed by"`,
		"/api/health":                    `"status":"ok"`,
		"/api/examples":                  `"questions":[]`,
		"/api/entity?iri=http://x/scott": `"in":[{"p":{"type":"uri","value":"http://x/directedBy","label":"directed by"},"count":2`,
		"/problems/syntax":               "<h1>",
	} {
		res := get(t, srv, path)
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: status %d, %v, want %s in\n%s", path, res.StatusCode, err, want, b)
		}
	}
}

// TestNeighboursPage walks a hub in pages of one size and another, and finds
// every neighbour once.
func TestNeighboursPage(t *testing.T) {
	var nt strings.Builder
	for i := range 57 {
		fmt.Fprintf(&nt, "<http://x/f%d> <http://x/by> <http://x/hub> .\n<http://x/f%d> <http://x/zz> <http://x/hub> .\n", i, i)
	}
	svc, err := api.New(api.Options{Store: store(t, nt.String()), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 7, 57, 100} {
		seen := map[string]bool{}
		cursor := ""
		for pages := 0; ; pages++ {
			page, err := svc.Neighbours(t.Context(), "http://x/hub", "http://x/by", true, cursor, k)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				if v := string(it.Term.Value); seen[v] {
					t.Fatalf("k=%d: %s twice", k, v)
				} else {
					seen[v] = true
				}
			}
			if page.Count != 57 {
				t.Fatalf("count %d", page.Count)
			}
			if cursor = page.Next; cursor == "" || pages > 100 {
				break
			}
		}
		if len(seen) != 57 {
			t.Errorf("k=%d: %d neighbours, want 57", k, len(seen))
		}
	}
	e, err := svc.Entity(t.Context(), "http://x/hub")
	if err != nil || len(e.In) != 2 || e.In[0].Count != 57 || len(e.In[0].Values) != 5 || e.In[0].Next == "" || e.Counts.In != 114 {
		t.Errorf("hub page: %+v, %v", e, err)
	}
}

// TestDrain: a server told to stop finishes what runs and refuses what comes.
func TestDrain(t *testing.T) {
	running, finish := make(chan struct{}), make(chan struct{})
	svc, err := api.New(api.Options{Store: store(t, films), Logger: slog.New(slog.DiscardHandler), Answerer: answererFunc(
		func(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
			close(running)
			<-finish
			return &reasoning.Answer{Status: "answered"}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	srv := New(Options{Service: svc, Logger: slog.New(slog.DiscardHandler)})
	go func() { done <- srv.Serve(ctx, l) }()
	status := make(chan int, 1)
	go func() {
		req, _ := http.NewRequest("POST", "http://"+l.Addr().String()+"/api/ask", strings.NewReader(`{"question":"who"}`))
		req.Header.Set("Accept", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	<-running
	stop()
	for !svc.Draining() {
		time.Sleep(time.Millisecond)
	}
	if _, err := svc.Ask(t.Context(), reasoning.Question{Text: "who"}, nil); !errors.Is(err, api.ErrDraining) {
		t.Errorf("ask while draining: %v", err)
	}
	close(finish)
	if got := <-status; got != 200 {
		t.Errorf("running request got %d", got)
	}
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
}
