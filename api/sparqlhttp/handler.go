// Package sparqlhttp is the SPARQL 1.1 Protocol: queries and, where the service
// is writable, updates (https://www.w3.org/TR/sparql11-protocol/), with the
// service description for a bare GET.
package sparqlhttp

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

// Sizes of the largest texts, in bytes.
const (
	maxQuery  = 1 << 20
	maxUpdate = 16 << 20
)

// Handler serves /sparql and /update.
type Handler struct {
	svc *api.Service
	// fail writes an error as a problem; httpapi provides it.
	fail func(http.ResponseWriter, *http.Request, error)
}

// New returns a handler; fail writes errors that come before the first byte
// of an answer.
func New(svc *api.Service, fail func(http.ResponseWriter, *http.Request, error)) *Handler {
	return &Handler{svc, fail}
}

// request is a protocol request, whichever way it came.
type request struct {
	query, update string
	isUpdate      bool
	dataset       sparql.Dataset
	timeout       time.Duration
	limit         int64
	infer         *api.InferRequest // nil: stated answers only
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.serve(w, r); err != nil {
		h.fail(w, r, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if !r.URL.Query().Has("query") && !r.URL.Query().Has("update") {
			return h.describe(w, r)
		}
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return api.NewProblem("method", r.Method+" is not part of the protocol")
	}
	req, err := parse(w, r)
	if err != nil {
		return err
	}
	switch {
	case req.isUpdate:
		return h.update(w, r, req)
	case req.infer != nil:
		return h.infer(w, r, req)
	}
	return h.query(w, r, req)
}

// parse reads the request by section 2.1 and 2.2 of the protocol.
func parse(w http.ResponseWriter, r *http.Request) (*request, error) {
	onUpdate := strings.HasSuffix(r.URL.Path, "/update")
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, api.NewProblem("bad-encoding", "the address: "+err.Error())
	}
	req := &request{}
	if r.Method == http.MethodPost {
		ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			return nil, api.NewProblem("media-type", "name the body's Content-Type: application/x-www-form-urlencoded, application/sparql-query or application/sparql-update")
		}
		limit := int64(maxQuery)
		if onUpdate || ct == "application/sparql-update" {
			limit = maxUpdate
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(body) {
			return nil, api.NewProblem("bad-encoding", "the body is not UTF-8")
		}
		switch ct {
		case "application/x-www-form-urlencoded":
			form, err := url.ParseQuery(string(body))
			if err != nil {
				return nil, api.NewProblem("bad-encoding", "the form: "+err.Error())
			}
			for k, v := range form {
				params[k] = append(params[k], v...)
			}
		case "application/sparql-query":
			params["query"] = append(params["query"], string(body))
		case "application/sparql-update":
			params["update"] = append(params["update"], string(body))
		default:
			return nil, api.NewProblem("media-type", fmt.Sprintf("%s: send application/x-www-form-urlencoded, application/sparql-query or application/sparql-update", ct))
		}
	}
	return req, req.read(params, r.Method, onUpdate)
}

func (q *request) read(params url.Values, method string, onUpdate bool) error {
	bad := func(format string, args ...any) error {
		return api.NewProblem("bad-parameter", fmt.Sprintf(format, args...))
	}
	nq, nu := len(params["query"]), len(params["update"])
	switch {
	case nq+nu != 1:
		return bad("want exactly one query or one update, got %d and %d", nq, nu)
	case nu == 1 && method != http.MethodPost:
		return bad("an update has to come by POST")
	case nq == 1 && onUpdate:
		return bad("this address takes updates: send queries to /sparql")
	}
	q.isUpdate = nu == 1
	q.query, q.update = params.Get("query"), params.Get("update")
	if !utf8.ValidString(q.query) || !utf8.ValidString(q.update) {
		return api.NewProblem("bad-encoding", "the text is not UTF-8")
	}
	def, named := "default-graph-uri", "named-graph-uri"
	if q.isUpdate {
		def, named = "using-graph-uri", "using-named-graph-uri"
	}
	q.dataset = sparql.Dataset{Default: params[def], Named: params[named]}
	if t := params.Get("timeout"); t != "" {
		d, err := time.ParseDuration(t)
		if s, serr := strconv.ParseFloat(t, 64); err != nil && serr == nil {
			d, err = time.Duration(s*float64(time.Second)), nil
		}
		if err != nil || d <= 0 {
			return bad("timeout %q: want seconds, or a duration such as 30s", t)
		}
		q.timeout = d
	}
	if l := params.Get("limit"); l != "" {
		n, err := strconv.ParseInt(l, 10, 64)
		if err != nil || n < 1 {
			return bad("limit %q: want a number of rows", l)
		}
		q.limit = n
	}
	return q.readInferred(params)
}

func (h *Handler) update(w http.ResponseWriter, r *http.Request, req *request) error {
	stats, err := h.svc.Update(r.Context(), req.update, "", req.dataset)
	if err != nil {
		return err
	}
	w.Header().Set("Quaestor-Added", strconv.FormatInt(stats.Added, 10))
	w.Header().Set("Quaestor-Removed", strconv.FormatInt(stats.Removed, 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Media types that a query may give, best first.
var (
	tableTypes = []mediaType{
		{"application/sparql-results+json", int(results.JSON)}, {"application/json", int(results.JSON)},
		{"application/sparql-results+xml", int(results.XML)}, {"application/xml", int(results.XML)}, {"text/xml", int(results.XML)},
		{"text/csv", int(results.CSV)}, {"text/tab-separated-values", int(results.TSV)},
	}
	graphTypes = []mediaType{
		{"text/turtle", int(rdf.Turtle)}, {"application/n-triples", int(rdf.NTriples)}, {"application/n-quads", int(rdf.NQuads)},
		{"application/trig", int(rdf.TriG)}, {"application/rdf+xml", int(rdf.RDFXML)}, {"text/plain", int(rdf.NTriples)},
	}
)

func (h *Handler) query(w http.ResponseWriter, r *http.Request, req *request) error {
	q := api.QueryRequest{ID: r.Header.Get("Quaestor-Request"), Text: req.query, Dataset: req.dataset, Timeout: req.timeout}
	out := &heldWriter{w: w}
	err := h.svc.Query(r.Context(), q, func(res *sparql.Result, version uint64) error {
		types := tableTypes
		if res.Form == sparql.Construct || res.Form == sparql.Describe {
			types = graphTypes
		}
		t, ok := negotiate(r.Header.Values("Accept"), types)
		if !ok {
			return api.NewProblem("not-acceptable", "this query can be answered as "+offer(types))
		}
		hd := w.Header()
		hd.Set("Content-Type", contentType(t.name))
		hd.Set("Vary", "Accept")
		hd.Set("Cache-Control", "no-store")
		hd.Set("Quaestor-Version", strconv.FormatUint(version, 10))
		hd.Set("Quaestor-Snapshot", api.SnapshotID(version))
		if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
			hd.Set("Content-Disposition", `attachment; filename="result"`)
		}
		if err := write(out, res, t, req.limit); err != nil {
			return err
		}
		return out.flush()
	})
	if err != nil && out.started {
		// Half an answer must not look like a whole one: cut the connection.
		panic(http.ErrAbortHandler)
	}
	return err
}

func write(w io.Writer, res *sparql.Result, t mediaType, limit int64) error {
	switch res.Form {
	case sparql.Ask:
		return results.WriteBoolean(w, results.Format(t.format), res.Boolean)
	case sparql.Select:
		return results.WriteRows(w, results.Format(t.format), res.Vars, firstRows(res.Rows(), limit))
	}
	rw := rdf.NewWriter(w, rdf.Format(t.format), nil)
	n := int64(0)
	for q, err := range res.Quads() {
		if err != nil {
			return err
		}
		if n++; limit > 0 && n > limit {
			break
		}
		if err := rw.Write(q); err != nil {
			return err
		}
	}
	return rw.Flush()
}

func contentType(name string) string {
	if strings.HasPrefix(name, "text/") {
		return name + "; charset=utf-8"
	}
	return name
}

func offer(types []mediaType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

// describe answers a bare GET with the SPARQL 1.1 Service Description.
func (h *Handler) describe(w http.ResponseWriter, r *http.Request) error {
	if _, ok := negotiate(r.Header.Values("Accept"), graphTypes[:1]); !ok {
		return api.NewProblem("bad-parameter", "query: give a SPARQL query; or accept text/turtle for the service description")
	}
	w.Header().Set("Content-Type", "text/turtle; charset=utf-8")
	update := ""
	if h.svc.Options().Writable {
		update = ", sd:SPARQL11Update"
	}
	_, err := fmt.Fprintf(w, `@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .
@prefix formats: <http://www.w3.org/ns/formats/> .

[] a sd:Service ;
  sd:endpoint <> ;
  sd:supportedLanguage sd:SPARQL11Query%s ;
  sd:resultFormat formats:SPARQL_Results_JSON, formats:SPARQL_Results_XML, formats:SPARQL_Results_CSV,
    formats:SPARQL_Results_TSV, formats:Turtle, formats:N-Triples, formats:N-Quads, formats:TriG ;
  sd:defaultDataset [ a sd:Dataset ; sd:defaultGraph [ a sd:Graph ] ] .
`, update)
	return err
}

// heldWriter keeps the first 64 KiB back, so that an early failure still gets
// its own status code.
type heldWriter struct {
	w       http.ResponseWriter
	buf     []byte
	started bool
}

const held = 64 << 10

func (b *heldWriter) Write(p []byte) (int, error) {
	if b.started {
		return b.w.Write(p)
	}
	b.buf = append(b.buf, p...)
	if len(b.buf) >= held {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (b *heldWriter) flush() error {
	if b.started {
		return nil
	}
	b.started = true
	_, err := b.w.Write(b.buf)
	b.buf = nil
	if err != nil {
		return errors.Join(err, http.ErrAbortHandler)
	}
	return nil
}
