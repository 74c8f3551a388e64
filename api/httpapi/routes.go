package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/api"
)

// maxJSON is the size of the largest JSON body.
const maxJSON = 256 << 10

// routes are the service's own routes by pattern.
func (s *Server) routes() map[string]http.Handler {
	f := func(h func(http.ResponseWriter, *http.Request)) http.Handler { return http.HandlerFunc(h) }
	return map[string]http.Handler{
		"GET /livez":                f(s.livez),
		"GET /readyz":               f(s.readyz),
		"GET /healthz":              f(s.readyz),
		"GET /metrics":              s.metrics.handler(),
		"GET /problems/{name}":      f(problemPage),
		"POST /api/ask":             f(s.ask),
		"GET /api/ask/{run}":        f(s.askRun),
		"GET /api/ask/{run}/events": f(s.askEvents),
		"DELETE /api/ask/{run}":     f(s.askCancel),

		"GET /api/ask/{run}/choices":   f(s.askChoices),
		"GET /api/ask/{run}/diff":      f(s.askDiff),
		"GET /api/ask/{run}/export":    f(s.askExport),
		"POST /api/ask/{run}/feedback": f(s.askFeedback),
		"GET /api/feedback":            f(s.feedback),

		"POST /api/parse":                    f(s.parse),
		"POST /api/format":                   f(s.parse),
		"POST /api/complete":                 f(s.complete),
		"POST /api/explain":                  f(s.explain),
		"GET /api/queries":                   f(s.queries),
		"DELETE /api/queries/{id}":           f(s.queryCancel),
		"GET /api/history":                   f(s.history),
		"GET /api/search":                    f(s.search),
		"GET /api/entity":                    f(s.entity),
		"GET /api/likely":                    f(s.likely),
		"GET /api/similar":                   f(s.similar),
		"POST /api/infer":                    f(s.infer),
		"GET /api/neighbours":                f(s.neighbours),
		"GET /api/documents":                 f(s.documents),
		"GET /api/documents/{doc}/blocks":    f(s.documentBlocks),
		"GET /api/documents/{doc}/facts":     f(s.documentFacts),
		"GET /api/documents/{doc}/file":      f(s.documentFile),
		"POST /api/documents/{doc}/deletion": f(s.deletionPreview),
		"DELETE /api/documents/{doc}":        f(s.deleteDocument),
		"GET /api/spans/{id}":                f(s.span),
		"GET /api/stats":                     f(s.stats),
		"GET /api/shape":                     f(s.shape),
		"GET /api/examples":                  f(s.examples),
		"GET /api/health":                    f(s.health),
		"/api/":                              f(s.unknownAPI),
	}
}

// unknownAPI answers what no other route under /api/ took, so that a program
// never gets the console's page.
func (s *Server) unknownAPI(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, api.NewProblem("not-found", fmt.Sprintf("no route for %s %s", r.Method, r.URL.Path)))
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	h := s.svc.Health(r.Context())
	if !s.ready.Load() || h.Status == "failing" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.URL.Query().Has("verbose") {
		for _, c := range h.Checks {
			fmt.Fprintf(w, "%s %s %s\n", c.Status, c.Name, c.Detail)
		}
		return
	}
	io.WriteString(w, h.Status+"\n")
}

// readJSON reads a body of at most maxJSON bytes. Unknown fields are allowed:
// the contract is additive.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "application/json") {
		return api.NewProblem("media-type", "send application/json")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON))
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return api.NewProblem("bad-encoding", "the body is not UTF-8")
	}
	if err := json.Unmarshal(b, v); err != nil {
		var syn *json.SyntaxError
		if errors.As(err, &syn) {
			return api.NewProblem("bad-encoding", fmt.Sprintf("JSON: %v at byte %d", err, syn.Offset))
		}
		return api.NewProblem("bad-parameter", err.Error())
	}
	return nil
}

// mutating requires the header that a page of another site cannot send.
func mutating(r *http.Request) error {
	if r.Header.Get("X-Quaestor") == "" {
		return api.NewProblem("bad-parameter", "send the header X-Quaestor: 1")
	}
	return nil
}

// number reads an integer parameter within bounds.
func number(r *http.Request, name string, def, limit int) (int, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > limit {
		return 0, api.NewProblem("bad-parameter", fmt.Sprintf("%s: want a number from 1 to %d", name, limit))
	}
	return n, nil
}

func (s *Server) parse(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text   string `json:"text"`
		Format bool   `json:"format"`
	}
	if err := readJSON(w, r, &in); err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, s.svc.Parse(in.Text, in.Format || strings.HasSuffix(r.URL.Path, "/format")))
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Text string `json:"text"`
		Pos  int    `json:"pos"`
		K    int    `json:"k"`
	}{K: 20}
	if err := readJSON(w, r, &in); err != nil {
		WriteError(w, r, err)
		return
	}
	c, err := s.svc.Complete(r.Context(), in.Text, in.Pos, min(max(in.K, 1), 100))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, c)
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
		Run  bool   `json:"run"`
	}
	if err := readJSON(w, r, &in); err != nil {
		WriteError(w, r, err)
		return
	}
	plan, err := s.svc.Explain(r.Context(), in.Text, in.Run)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, plan)
}

func (s *Server) queries(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, map[string]any{"items": s.svc.Running()})
}

func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, map[string]any{"items": s.svc.History()})
}

func (s *Server) queryCancel(w http.ResponseWriter, r *http.Request) {
	s.cancel(w, r, func() error { return s.svc.Cancel(r.Context(), r.PathValue("id")) })
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request, stop func() error) {
	err := mutating(r)
	if err == nil {
		err = stop()
	}
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	k, err := number(r, "k", 8, 100)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	var kinds []string
	if v := r.URL.Query().Get("kinds"); v != "" {
		kinds = strings.Split(v, ",")
	}
	items, err := s.svc.Search(r.Context(), r.URL.Query().Get("q"), kinds, k)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, map[string]any{"items": items})
}

func (s *Server) entity(w http.ResponseWriter, r *http.Request) {
	iri := r.URL.Query().Get("iri")
	if iri == "" {
		WriteProblem(w, r, api.NewProblem("bad-parameter", "iri: name the entity"))
		return
	}
	e, err := s.svc.Entity(r.Context(), iri)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Quaestor-Snapshot", api.SnapshotID(e.Version))
	writeJSON(w, r, e)
}

func (s *Server) neighbours(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	k, err := number(r, "k", 50, 1000)
	dir := q.Get("dir")
	switch {
	case err != nil:
	case q.Get("iri") == "" || q.Get("p") == "":
		err = api.NewProblem("bad-parameter", "iri and p: name the entity and the predicate")
	case dir != "" && dir != "out" && dir != "in":
		err = api.NewProblem("bad-parameter", "dir: want out or in")
	}
	if err != nil {
		WriteError(w, r, err)
		return
	}
	page, err := s.svc.Neighbours(r.Context(), q.Get("iri"), q.Get("p"), dir == "in", q.Get("cursor"), k)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, page)
}

func (s *Server) stats(w http.ResponseWriter, r *http.Request) {
	st, err := s.svc.Stats(r.Context())
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Quaestor-Snapshot", st.Snapshot)
	writeJSON(w, r, st)
}

func (s *Server) shape(w http.ResponseWriter, r *http.Request) {
	classes, err := s.svc.Shape(r.Context())
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, map[string]any{"classes": classes})
}

func (s *Server) examples(w http.ResponseWriter, r *http.Request) {
	type question struct {
		Question string `json:"question"`
	}
	type query struct {
		Title  string `json:"title"`
		SPARQL string `json:"sparql"`
	}
	questions, queries := []question{}, []query{}
	for _, e := range s.svc.Options().Examples {
		if e.Question != "" {
			questions = append(questions, question{e.Question})
		}
		if e.Query != "" {
			queries = append(queries, query{e.Title, e.Query})
		}
	}
	writeJSON(w, r, map[string]any{"questions": questions, "queries": queries})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, s.svc.Health(r.Context()))
}

// heartbeat keeps proxies from closing a quiet stream.
const heartbeat = 15 * time.Second
