package httpapi

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/quaestor-kg/quaestor/api"
)

// WriteProblem answers with an RFC 9457 body.
func WriteProblem(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	q := *p
	q.Instance = r.Header.Get("Quaestor-Request")
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Encoding")
	h.Del("Content-Disposition")
	if q.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(q.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(&q) // a failed write means that the client is gone
}

// WriteError answers with the problem of an error.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	WriteProblem(w, r, api.Classify(err))
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Write(append(b, '\n'))
}

// problemPage is the page behind a problem's type.
func problemPage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/problems/")
	for _, k := range api.ProblemKinds() {
		if k.Name != name {
			continue
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		fmt.Fprintf(w, "<!doctype html><html lang=en><title>%s</title><h1>%s</h1><p>Status %d.</p><p>What to do: %s.</p></html>\n",
			html.EscapeString(k.Name), html.EscapeString(k.Title), k.Status, html.EscapeString(k.Hint))
		return
	}
	WriteProblem(w, r, api.NewProblem("not-found", "no such kind of problem"))
}
