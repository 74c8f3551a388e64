//go:build browser

package browsertest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/web"
)

// fixture is a server that plays recorded runs, so that the console's states
// are tested without the backend. A transcript in testdata is the body of
// /api/ask with three kinds of comment that direct the player: "pause N"
// (milliseconds), "cut" (drop the connection), "hold" (wait for a stop).
type fixture struct {
	*httptest.Server
	mu      sync.Mutex
	runs    map[string][]step        // by run id
	stopped map[string]chan struct{} // closed by DELETE
	asked   []map[string]any         // bodies of POST /api/ask
	parsed  int                      // POST /api/parse
	gone    chan struct{}            // a held SPARQL query was cancelled by its client
}

// step is an event or, when it has no name, a direction.
type step struct {
	id             int
	name, data     string
	direction, arg string
}

// questions of the transcripts.
const (
	awsQuestion = "How much did Amazon’s AWS net sales grow from fiscal 2021 to 2024?"
)

func transcript(t *testing.T, name string) []step {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".sse"))
	if err != nil {
		t.Fatal(err)
	}
	var out []step
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		var s step
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ": ")
			switch field {
			case "id":
				s.id, err = strconv.Atoi(value)
			case "event":
				s.name = value
			case "data":
				s.data = value
			case "":
				s.direction, s.arg, _ = strings.Cut(value, " ")
			}
			if err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
		}
		out = append(out, s)
	}
	return out
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{runs: map[string][]step{}, stopped: map[string]chan struct{}{}, gone: make(chan struct{}, 8)}
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	play := map[string][]step{}
	for _, name := range []string{"answered", "uncalibrated", "loose-digit", "tampered", "cut", "held", "refused", "problem", "hostile"} {
		play[name] = transcript(t, name)
	}
	mux.HandleFunc("POST /api/ask", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("X-Quaestor") != "1" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		f.asked = append(f.asked, body)
		f.mu.Unlock()
		question, _ := body["question"].(string)
		name, _, _ := strings.Cut(question, ":") // "cut: …" plays the transcript of that name
		steps, ok := play[name]
		if !ok {
			steps = play["answered"]
		}
		f.stream(w, r, steps, 0)
	})
	mux.HandleFunc("GET /api/ask/{run}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		steps, ok := f.runs[r.PathValue("run")]
		f.mu.Unlock()
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(404)
			io.WriteString(w, `{"type":"urn:quaestor:problem:not-found","title":"There is no such run here","status":404,"hint":"ask again"}`)
			return
		}
		var events []string
		for _, s := range steps {
			if s.name != "" {
				events = append(events, fmt.Sprintf(`{"id":%d,"event":%q,"data":%s}`, s.id, s.name, s.data))
			}
		}
		reply(w, fmt.Sprintf(`{"run":%q,"events":[%s]}`, r.PathValue("run"), strings.Join(events, ",")))
	})
	mux.HandleFunc("GET /api/ask/{run}/events", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.Atoi(r.FormValue("after"))
		f.mu.Lock()
		steps := f.runs[r.PathValue("run")]
		f.mu.Unlock()
		if err != nil || steps == nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		f.stream(w, r, steps, after)
	})
	mux.HandleFunc("DELETE /api/ask/{run}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		if c, ok := f.stopped[r.PathValue("run")]; ok {
			close(c)
			delete(f.stopped, r.PathValue("run"))
		}
		f.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	})
	for path, body := range canned {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { reply(w, body) })
	}
	mux.HandleFunc("GET /api/neighbours", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("dir") != "in" || r.FormValue("cursor") != "c1" || r.FormValue("p") == "" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		reply(w, `{"items":[{"term":{"type":"uri","value":"http://e/last","label":"The last one"}}],"count":3}`)
	})
	mux.HandleFunc("POST /api/parse", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Text   string
			Format bool
		}
		json.NewDecoder(r.Body).Decode(&body)
		f.mu.Lock()
		f.parsed++
		f.mu.Unlock()
		if at := strings.Index(body.Text, "SELEC "); at >= 0 {
			units := len([]rune(body.Text[:at])) + strings.Count(body.Text[:at], "🎬") // UTF-16: the clapper takes two
			reply(w, fmt.Sprintf(`{"ok":false,"errors":[{"from":%d,"to":%d,"line":1,"col":1,"message":"unexpected SELEC, expected SELECT","fixes":[{"title":"write SELECT","edits":[{"from":%d,"to":%d,"insert":"SELECT"}]}]}]}`, units, units+5, units, units+5))
			return
		}
		reply(w, `{"ok":true,"errors":[],"formatted":"SELECT ?formatted\nWHERE {\n  ?formatted ?p ?o .\n}\n"}`)
	})
	mux.HandleFunc("POST /api/complete", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Text string
			Pos  int
		}
		json.NewDecoder(r.Body).Decode(&body)
		reply(w, fmt.Sprintf(`{"from":%d,"to":%d,"level":"pattern","items":[{"insert":"film:director","label":"director","curie":"film:director","kind":"property","count":1234,"exact":true,"prefix":{"name":"film","iri":"http://film/"}}]}`, body.Pos, body.Pos))
	})
	mux.HandleFunc("POST /api/explain", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"root":{"id":1,"op":"HashJoin","detail":"on ?s","estimate":10,"actual":3400,"ms":12,"children":[{"id":2,"op":"Scan","detail":"POS","estimate":20,"actual":21,"ms":1}]}}`)
	})
	mux.HandleFunc("POST /sparql", f.sparql)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// stream plays steps after an event, as the server would.
func (f *fixture) stream(w http.ResponseWriter, r *http.Request, steps []step, after int) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Quaestor-Snapshot", "s48121")
	rc := http.NewResponseController(w)
	out := bufio.NewWriter(w)
	defer out.Flush()
	stop := make(chan struct{})
	run := ""
	for _, s := range steps {
		switch {
		case s.direction == "pause":
			ms, _ := strconv.Atoi(s.arg)
			out.Flush()
			rc.Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(time.Duration(ms) * time.Millisecond):
			}
		case s.direction == "cut":
			// The next connection starts behind this point, so it must not cut here again.
			if last := lastBefore(steps, s); last > after {
				out.Flush()
				rc.Flush()
				panic(http.ErrAbortHandler)
			}
		case s.direction == "hold":
			out.Flush()
			rc.Flush()
			select {
			case <-r.Context().Done():
				return
			case <-stop:
				fmt.Fprintf(out, "id: 999\nevent: end\ndata: {\"outcome\":\"cancelled\",\"ms\":90}\n\n")
				return
			}
		case s.name != "":
			if s.name == "open" {
				var open struct{ Run string }
				json.Unmarshal([]byte(s.data), &open)
				run = open.Run
				f.mu.Lock()
				f.runs[run] = steps
				f.stopped[run] = stop
				f.mu.Unlock()
			}
			if s.id > after {
				fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", s.id, s.name, s.data)
			}
		}
	}
}

// lastBefore is the id of the event before a direction.
func lastBefore(steps []step, at step) int {
	last, n := 0, 0
	for _, s := range steps {
		if s.direction == at.direction && s.arg == at.arg && n == last && last > 0 {
			return last
		}
		if s.name != "" {
			last, n = s.id, s.id
		}
	}
	return last
}

func (f *fixture) sparql(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	w.Header().Set("Quaestor-Snapshot", "s48121")
	switch {
	case strings.Contains(query, "#hold"):
		w.Header().Set("Content-Type", "application/sparql-results+json")
		io.WriteString(w, `{"head":{"vars":["x"]},`)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		f.gone <- struct{}{}
	case strings.Contains(query, "ASK"):
		w.Header().Set("Content-Type", "application/sparql-results+json")
		io.WriteString(w, `{"head":{},"boolean":true}`)
	case strings.Contains(query, "CONSTRUCT"):
		w.Header().Set("Content-Type", "application/n-triples")
		io.WriteString(w, "<http://e/s> <http://e/p> \"<b>bold</b>\" .\n")
	case strings.Contains(query, "SELEC "):
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(400)
		io.WriteString(w, `{"type":"urn:quaestor:problem:syntax","title":"The query is not SPARQL","status":400,"detail":"unexpected SELEC","at":{"line":1,"col":1,"from":0,"to":5},"hint":"expected SELECT"}`)
	default:
		n := 2
		if strings.Contains(query, "#many") {
			n = 100000
		}
		if limit > 0 {
			n = min(n, limit)
		}
		w.Header().Set("Content-Type", "application/sparql-results+json")
		out := bufio.NewWriter(w)
		defer out.Flush()
		out.WriteString(`{"head":{"vars":["thing","n"]},"results":{"bindings":[`)
		for i := range n {
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(out, `{"thing":{"type":"uri","value":"http://film/T%d","label":"Thing %d"},"n":{"type":"literal","value":"%d","datatype":"http://www.w3.org/2001/XMLSchema#integer"}}`, i, i, i)
		}
		out.WriteString(`]}}`)
	}
}

func reply(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, body)
}

var canned = map[string]string{
	"/api/health":   `{"status":"degraded","version":"v0.3.0","snapshot":"s48121","uptimeMs":81234,"model":{"name":"quaestor-decoder"},"graph":{"name":"Filings","triples":134741},"checks":[{"name":"store","status":"ok","detail":"a snapshot opens"},{"name":"memory","status":"warn","detail":"81 % of the limit"}],"limits":{"timeoutMs":30000,"memory":268435456}}`,
	"/api/examples": `{"questions":[{"question":"` + awsQuestion + `","rows":2},{"question":"Which filings state a loss?","rows":14}],"queries":[{"title":"All filings","sparql":"SELECT ?thing ?n WHERE { ?thing ?p ?n }","rows":2}]}`,
	"/api/stats":    `{"snapshot":"s48121","triples":134741,"graphs":0,"predicates":[{"iri":"http://e/p","label":"filed","count":1000,"subjects":10,"objects":900}],"classes":[{"iri":"http://e/C","label":"Company","count":20}],"bytes":1234567}`,
	"/api/shape":    `{"classes":[{"iri":"http://e/C","label":"Company","count":20,"properties":[{"iri":"http://e/p","label":"filed","count":20,"share":1}]}]}`,
	"/api/search":   `{"items":[{"kind":"entity","iri":"http://e/amzn","label":"Amazon.com","class":"Company","degree":8312},{"kind":"property","iri":"http://e/p","label":"filed"}]}`,
	"/api/entity": `{"iri":"http://e/amzn","label":"Amazon.com","curie":"company:AMZN","description":"A company.","types":[{"type":"uri","value":"http://e/C","label":"Company"}],"labels":[{"value":"Amazon.com"},{"value":"Amazon","lang":"de"}],"counts":{"out":1,"in":3},
"out":[{"p":{"type":"uri","value":"http://e/filed","label":"filed"},"count":1,"values":[{"o":{"type":"literal","value":"<img src=x onerror=alert(1)>","xml:lang":"en"}}]}],
"in":[{"p":{"type":"uri","value":"http://e/of","label":"filing of"},"count":3,"values":[{"s":{"type":"uri","value":"http://e/f1","label":"10-K 2023"}},{"s":{"type":"bnode","value":"b12"}}],"next":"c1"}],
"absent":[{"p":{"type":"uri","value":"http://e/hq","label":"headquarters"},"share":0.98}],"rare":[{"p":{"type":"uri","value":"http://e/odd","label":"odd property"},"share":0.004}],"questions":["Who leads Amazon.com?"]}`,
}
