package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/api/sources"
)

// documents lists source documents.
func (s *Server) documents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := sources.DocumentFilter{Filer: q.Get("filer"), Form: q.Get("form")}
	var err error
	if f.FiscalYear, err = number(r, "fy", 0, 9999); err != nil {
		WriteError(w, r, err)
		return
	}
	items, err := s.sources.Documents(r.Context(), f)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, map[string]any{"items": items})
}

// documentBlocks sends a page of a document as typed blocks. mark=FROM-TO, any
// number of times, marks cited bytes.
func (s *Server) documentBlocks(w http.ResponseWriter, r *http.Request) {
	page, err := number(r, "page", 0, 1<<20)
	var marks []sources.ByteRange
	for _, m := range r.URL.Query()["mark"] {
		if err == nil {
			var b sources.ByteRange
			b, err = byteRange(m)
			marks = append(marks, b)
		}
	}
	if err == nil && len(marks) > 64 {
		err = api.NewProblem("bad-parameter", "mark: at most 64")
	}
	if err != nil {
		WriteError(w, r, err)
		return
	}
	p, err := s.sources.DocumentPage(r.Context(), r.PathValue("doc"), page, marks)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, p)
}

func byteRange(v string) (b sources.ByteRange, err error) {
	from, to, ok := strings.Cut(v, "-")
	b.From, err = strconv.ParseInt(from, 10, 64)
	var err2 error
	b.To, err2 = strconv.ParseInt(to, 10, 64)
	if !ok || err != nil || err2 != nil || b.From < 0 || b.To < b.From {
		return b, api.NewProblem("bad-parameter", fmt.Sprintf("%q: want bytes as FROM-TO", v))
	}
	return b, nil
}

// documentFacts sends the fact table of a document.
func (s *Server) documentFacts(w http.ResponseWriter, r *http.Request) {
	k, err := number(r, "k", 100, 1000)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	q := r.URL.Query()
	p, err := s.sources.DocumentFacts(r.Context(), r.PathValue("doc"), sources.FactQuery{As: q.Get("as"), Concept: q.Get("concept"), Cursor: q.Get("cursor"), K: k})
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, p)
}

// documentFile sends a document as it was filed. It is foreign: it may draw
// itself and nothing else, in a frame of the console or alone.
func (s *Server) documentFile(w http.ResponseWriter, r *http.Request) {
	b, mediaType, err := s.sources.DocumentFile(r.Context(), r.PathValue("doc"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	switch {
	case strings.Contains(mediaType, "html"):
		h.Set("Content-Type", "text/html; charset=utf-8")
	case strings.HasPrefix(mediaType, "text/"):
		h.Set("Content-Type", "text/plain; charset=utf-8")
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", "attachment")
	}
	w.Write(b)
}

// span sends a cited range and whether it still reads as cited. Its id is
// DOCUMENT:FROM-TO or DOCUMENT:FROM-TO:HASH.
func (s *Server) span(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	hash := r.URL.Query().Get("h")
	colon := strings.LastIndexByte(id, ':')
	if colon > 0 && !strings.Contains(id[colon:], "-") {
		id, hash = id[:colon], id[colon+1:]
		colon = strings.LastIndexByte(id, ':')
	}
	if colon <= 0 {
		WriteProblem(w, r, api.NewProblem("bad-parameter", "the id of a span is DOCUMENT:FROM-TO"))
		return
	}
	b, err := byteRange(id[colon+1:])
	if err != nil {
		WriteError(w, r, err)
		return
	}
	q, err := s.sources.Span(r.Context(), id[:colon], b, hash)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, q)
}

// deletionPreview counts what goes with a document.
func (s *Server) deletionPreview(w http.ResponseWriter, r *http.Request) {
	if err := mutating(r); err != nil {
		WriteError(w, r, err)
		return
	}
	d, err := s.sources.PreviewDeletion(r.Context(), r.PathValue("doc"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, d)
}

// deleteDocument forgets a document.
func (s *Server) deleteDocument(w http.ResponseWriter, r *http.Request) {
	if err := mutating(r); err != nil {
		WriteError(w, r, err)
		return
	}
	d, err := s.sources.DeleteDocument(r.Context(), r.PathValue("doc"), r.URL.Query().Get("token"))
	if err != nil {
		WriteError(w, r, err)
		return
	}
	writeJSON(w, r, d)
}
