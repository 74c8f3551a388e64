package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/reasoning"
)

// askBody is the body of POST /api/ask.
type askBody struct {
	Question string           `json:"question"`
	Reading  int              `json:"reading"`
	Links    []reasoning.Link `json:"links"`
	Lang     string           `json:"lang"`
	Beams    int              `json:"k"`
	// Inferred allows what is likely where nothing is stated.
	Inferred bool   `json:"inferred"`
	At       string `json:"at"` // snapshot
	// A follow-up names the run before it, or holds what it inherits itself.
	After    string              `json:"after"`
	Previous *reasoning.Previous `json:"previous"`
}

// ask answers a question: as a stream of events, or as one JSON object if the
// client asks for that. A client that goes away before the end of its stream
// cancels the question.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	var in askBody
	if err := readJSON(w, r, &in); err != nil {
		WriteError(w, r, err)
		return
	}
	q := reasoning.Question{Text: in.Question, Reading: in.Reading, Links: in.Links, Lang: in.Lang, Inferred: in.Inferred, Beams: min(max(in.Beams, 0), 64), At: in.At, After: in.After, Previous: in.Previous}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream") {
		a, err := s.svc.Ask(r.Context(), q, nil)
		if err != nil {
			WriteError(w, r, err)
			return
		}
		s.metrics.answers.WithLabelValues(a.Status).Inc()
		writeJSON(w, r, a)
		return
	}
	// The run outlives a lost connection for a moment, so that the client can
	// come back to it; it does not outlive a client that never does.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	run, err := s.svc.StartAsk(ctx, q)
	if err != nil {
		cancel()
		WriteError(w, r, err)
		return
	}
	go s.cancelAbandoned(cancel, run, r.Context())
	s.stream(w, r, run, 0)
}

// comeBack is how long a run goes on without its client.
const comeBack = 5 * time.Second

// cancelAbandoned ends a run when its client is gone and stays away.
func (s *Server) cancelAbandoned(cancel context.CancelFunc, run *api.Run, client context.Context) {
	defer cancel()
	gone := client.Done()
	var deadline <-chan time.Time
	for {
		_, ended, changed := run.Events(1 << 30)
		if ended {
			return
		}
		select {
		case <-changed:
		case <-gone:
			gone = nil
			deadline = time.After(comeBack)
		case <-deadline:
			return
		}
	}
}

func (s *Server) askRun(w http.ResponseWriter, r *http.Request) {
	run, err := s.svc.Run(r.PathValue("run"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	events, _, _ := run.Events(0)
	writeJSON(w, r, map[string]any{"run": run.ID, "question": run.Question, "events": events})
}

func (s *Server) askEvents(w http.ResponseWriter, r *http.Request) {
	run, err := s.svc.Run(r.PathValue("run"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil && r.URL.Query().Has("after") {
		WriteProblem(w, r, api.NewProblem("bad-parameter", "after: want the id of an event"))
		return
	}
	s.stream(w, r, run, after)
}

func (s *Server) askCancel(w http.ResponseWriter, r *http.Request) {
	s.cancel(w, r, func() error { return s.svc.CancelRun(r.Context(), r.PathValue("run")) })
}

// stream writes the events of a run after an id, then follows it to its end.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, run *api.Run, after int) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	rc := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		events, ended, changed := run.Events(after)
		for _, e := range events {
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Event, e.Data); err != nil {
				return
			}
			after = e.ID
			if e.Event == "end" {
				s.metrics.answers.WithLabelValues(outcome(e.Data)).Inc()
			}
		}
		if err := rc.Flush(); err != nil {
			return
		}
		if ended {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
			if _, err := fmt.Fprint(w, ": hb\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// outcome picks the outcome out of an end event; labels come from a closed set.
func outcome(data []byte) string {
	for _, o := range []string{"answered", "refused", "cancelled", "failed"} {
		if strings.Contains(string(data), `"outcome":"`+o+`"`) {
			return o
		}
	}
	return "failed"
}
