package httpapi

import (
	"net/http"
	"strconv"

	"github.com/quaestor-kg/quaestor/api"
)

// share reads a parameter between 0 and 1.
func share(r *http.Request, name string, def float64) (float64, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	x, err := strconv.ParseFloat(v, 64)
	if err != nil || !(x > 0 && x < 1) {
		return 0, api.NewProblem("bad-parameter", name+": want a probability between 0 and 1")
	}
	return x, nil
}

// likely lists what is likely and not stated about an entity.
func (s *Server) likely(w http.ResponseWriter, r *http.Request) {
	k, err := number(r, "k", 10, 100)
	least, err2 := share(r, "min", 0.1)
	iri := r.URL.Query().Get("iri")
	switch {
	case err != nil:
	case err2 != nil:
		err = err2
	case iri == "":
		err = api.NewProblem("bad-parameter", "iri: name the entity")
	}
	if err != nil {
		WriteError(w, r, err)
		return
	}
	l, err := s.svc.Likely(r.Context(), iri, k, least)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Quaestor-Snapshot", api.SnapshotID(l.Version))
	writeJSON(w, r, l)
}

// similar lists entities like one, where a pattern about ?x holds.
func (s *Server) similar(w http.ResponseWriter, r *http.Request) {
	k, err := number(r, "k", 10, 1000)
	iri := r.URL.Query().Get("iri")
	if err == nil && iri == "" {
		err = api.NewProblem("bad-parameter", "iri: name the entity")
	}
	if err != nil {
		WriteError(w, r, err)
		return
	}
	items, err := s.svc.Similar(r.Context(), iri, r.URL.Query().Get("where"), k)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, map[string]any{"items": items})
}

// infer answers a query by what is likely, apart from what is stated.
func (s *Server) infer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Query string  `json:"query"`
		K     int     `json:"k"`
		Min   float64 `json:"min"`
	}
	if err := readJSON(w, r, &in); err != nil {
		WriteError(w, r, err)
		return
	}
	if in.K < 0 || in.K > api.MaxInferred || in.Min < 0 || in.Min >= 1 {
		WriteProblem(w, r, api.NewProblem("bad-parameter", "k: want 1 to 1000; min: a probability below 1"))
		return
	}
	rows, stated, version, err := s.svc.InferredRows(r.Context(), api.InferRequest{Text: in.Query, Limit: in.K, Min: in.Min})
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Quaestor-Snapshot", api.SnapshotID(version))
	writeJSON(w, r, map[string]any{"rows": rows, "stated": stated, "model": s.svc.Options().Inference.Info()})
}
