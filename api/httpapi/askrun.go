package httpapi

import (
	"mime"
	"net/http"
	"strconv"

	"github.com/quaestor-kg/quaestor/api"
)

// askChoices shows what else could stand at a place of a run's query.
func (s *Server) askChoices(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 {
		WriteProblem(w, r, api.NewProblem("bad-parameter", "from: want an offset in the query's text, in UTF-16 units"))
		return
	}
	k, err := number(r, "k", 8, 100)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	c, err := s.svc.Choices(r.Context(), r.PathValue("run"), from, k)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, c)
}

// askDiff compares an answer with the rows on another state.
func (s *Server) askDiff(w http.ResponseWriter, r *http.Request) {
	d, err := s.svc.Diff(r.Context(), r.PathValue("run"), r.URL.Query().Get("to"), r.URL.Query().Get("mode"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, d)
}

// askExport sends an answer as a file.
func (s *Server) askExport(w http.ResponseWriter, r *http.Request) {
	f, err := s.svc.Export(r.Context(), r.PathValue("run"), r.URL.Query().Get("format"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Length", strconv.Itoa(len(f.Body)))
	w.Write(f.Body)
}

// askFeedback records what somebody says about an answer.
func (s *Server) askFeedback(w http.ResponseWriter, r *http.Request) {
	if err := mutating(r); err != nil {
		WriteError(w, r, err)
		return
	}
	var f api.Feedback
	if err := readJSON(w, r, &f); err != nil {
		WriteError(w, r, err)
		return
	}
	if err := s.svc.GiveFeedback(r.PathValue("run"), api.Feedback{Verdict: f.Verdict, Kind: f.Kind, Note: f.Note}); err != nil {
		WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// feedback lists what was said about answers, the newest first.
func (s *Server) feedback(w http.ResponseWriter, r *http.Request) {
	items := s.svc.Feedback()
	k, err := number(r, "k", 100, 1000)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, map[string]any{"items": items[:min(len(items), k)], "count": len(items)})
}
