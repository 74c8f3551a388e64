package graphqlapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/parser"
	"github.com/graphql-go/graphql/language/source"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/sparql"
)

const (
	maxBody  = 256 << 10
	maxLimit = 1000 // of a root list
)

// Handler serves /graphql and /graphql/schema.
type Handler struct {
	svc  *api.Service
	fail func(http.ResponseWriter, *http.Request, error)

	mu     sync.Mutex
	schema *schema
}

// New returns a handler; fail writes errors of the transport as problems.
func New(svc *api.Service, fail func(http.ResponseWriter, *http.Request, error)) *Handler {
	return &Handler{svc: svc, fail: fail}
}

// request is a request of the GraphQL over HTTP draft.
type request struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/schema") {
		h.sdl(w, r)
		return
	}
	req, err := readRequest(w, r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	media, ok := answerType(r.Header.Get("Accept"))
	if !ok {
		h.fail(w, r, api.NewProblem("not-acceptable", "GraphQL answers are application/graphql-response+json or application/json"))
		return
	}
	status, res := h.run(r.Context(), req, r.Method == http.MethodGet)
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "POST")
	}
	if media == "application/json" && status < 500 && status != http.StatusMethodNotAllowed && res.Data != nil {
		status = http.StatusOK
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(res) // a failed write means that the client is gone
}

func (h *Handler) sdl(w http.ResponseWriter, r *http.Request) {
	s, err := h.current(r.Context())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, s.SDL())
}

// answerType negotiates the media type of the answer.
func answerType(accept string) (string, bool) {
	if accept == "" {
		return "application/json", true
	}
	for part := range strings.SplitSeq(accept, ",") {
		t, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		switch {
		case err != nil:
		case t == "application/graphql-response+json", t == "application/json":
			return t, true
		case t == "*/*" || t == "application/*":
			return "application/graphql-response+json", true
		}
	}
	return "", false
}

func readRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	req := &request{}
	switch r.Method {
	case http.MethodGet:
		q := r.URL.Query()
		req.Query, req.OperationName = q.Get("query"), q.Get("operationName")
		if v := q.Get("variables"); v != "" {
			if err := json.Unmarshal([]byte(v), &req.Variables); err != nil {
				return nil, api.NewProblem("bad-encoding", "variables: "+err.Error())
			}
		}
	case http.MethodPost:
		ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || ct != "application/json" {
			return nil, api.NewProblem("media-type", "send application/json")
		}
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(b) {
			return nil, api.NewProblem("bad-encoding", "the body is not UTF-8")
		}
		if err := json.Unmarshal(b, req); err != nil {
			return nil, api.NewProblem("bad-encoding", "the body: "+err.Error())
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, api.NewProblem("method", "GraphQL takes GET and POST")
	}
	if strings.TrimSpace(req.Query) == "" {
		return nil, api.NewProblem("bad-parameter", "query: give a GraphQL query")
	}
	return req, nil
}

// response is a GraphQL response with the SPARQL queries it took.
type response struct {
	Data       any                        `json:"data,omitempty"`
	Errors     []gqlerrors.FormattedError `json:"errors,omitempty"`
	Extensions map[string]any             `json:"extensions,omitempty"`
}

func refused(status int, errs ...gqlerrors.FormattedError) (int, *response) {
	return status, &response{Errors: errs}
}

// run parses, measures, validates and executes a request.
func (h *Handler) run(ctx context.Context, req *request, safe bool) (int, *response) {
	doc, err := parser.Parse(parser.ParseParams{Source: source.NewSource(&source.Source{Body: []byte(req.Query), Name: "query"})})
	if err != nil {
		return refused(http.StatusBadRequest, gqlerrors.FormatError(err))
	}
	if err := check(doc); err != nil {
		return refused(http.StatusUnprocessableEntity, gqlerrors.NewFormattedError(err.Error()))
	}
	if safe && mutates(doc) {
		return refused(http.StatusMethodNotAllowed, gqlerrors.NewFormattedError("only queries may come by GET"))
	}
	s, err := h.current(ctx)
	if err != nil {
		p := api.Classify(err)
		return refused(p.Status, gqlerrors.NewFormattedError(p.Error()))
	}
	if v := graphql.ValidateDocument(&s.gql, doc, nil); !v.IsValid {
		return refused(http.StatusUnprocessableEntity, v.Errors...)
	}
	tr := &trace{schema: s}
	res := graphql.Execute(graphql.ExecuteParams{
		Schema: s.gql, AST: doc, OperationName: req.OperationName, Args: req.Variables,
		Context: context.WithValue(ctx, traceKey{}, tr),
	})
	out := &response{Data: res.Data, Errors: res.Errors}
	if len(tr.queries) > 0 {
		out.Extensions = map[string]any{"sparql": tr.queries, "snapshot": tr.snapshot}
	}
	switch {
	case res.Data == nil && len(res.Errors) > 0:
		return http.StatusUnprocessableEntity, out
	case len(res.Errors) > 0:
		return 294, out // partial success, as the draft recommends
	}
	return http.StatusOK, out
}

func mutates(doc *ast.Document) bool {
	for _, d := range doc.Definitions {
		if o, ok := d.(*ast.OperationDefinition); ok && o.Operation != ast.OperationTypeQuery {
			return true
		}
	}
	return false
}

// current returns the schema of the newest version.
func (h *Handler) current(ctx context.Context) (*schema, error) {
	snap, err := h.svc.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.schema != nil && h.schema.version == snap.Version() {
		return h.schema, nil
	}
	view, err := h.svc.View(ctx, snap)
	if err != nil {
		return nil, err
	}
	var more graphql.Fields
	if h.svc.Options().Inference != nil {
		more = inferenceFields(h)
	}
	s, err := generate(view.Shape, h.resolve, more)
	if err != nil {
		return nil, fmt.Errorf("graphql schema: %w", err)
	}
	h.schema = s
	return s, nil
}

type traceKey struct{}

// trace collects what a request ran.
type trace struct {
	schema   *schema
	queries  []string
	snapshot string
}

// resolve answers a root field with one SPARQL query.
func (h *Handler) resolve(p graphql.ResolveParams) (any, error) {
	tr := p.Context.Value(traceKey{}).(*trace)
	c := &compiler{s: tr.schema, info: p.Info}
	r, err := rootOf(tr.schema, p)
	if err != nil {
		return nil, err
	}
	var sels []*selection
	for _, f := range p.Info.FieldASTs {
		more, err := c.selections(f.SelectionSet, r.typ)
		if err != nil {
			return nil, err
		}
		sels = append(sels, more...)
	}
	text, err := c.querySPARQL(r, sels)
	if err != nil {
		return nil, err
	}
	tr.queries = append(tr.queries, text)
	var list []any
	err = h.svc.Query(p.Context, api.QueryRequest{Text: text}, func(res *sparql.Result, version uint64) error {
		tr.snapshot = api.SnapshotID(version)
		list, err = c.assemble(p.Context, res, sels, r.typ.name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w", api.Classify(err))
	}
	if r.id == "" {
		return list, nil
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

func rootOf(s *schema, p graphql.ResolveParams) (root, error) {
	r := root{}
	if p.Info.FieldName == "entity" {
		r.typ, r.id = s.types[entityType], fmt.Sprint(p.Args["id"])
		return r, nil
	}
	for _, t := range s.types {
		if t.list == p.Info.FieldName {
			r.typ = t
		}
	}
	r.limit, _ = p.Args["limit"].(int)
	r.offset, _ = p.Args["offset"].(int)
	r.where, _ = p.Args["where"].(map[string]any)
	r.orderBy, _ = p.Args["orderBy"].(string)
	if r.limit < 0 || r.limit > maxLimit || r.offset < 0 {
		return r, api.NewProblem("bad-parameter", fmt.Sprintf("limit: want 0 to %d; offset: at least 0", maxLimit))
	}
	return r, nil
}
