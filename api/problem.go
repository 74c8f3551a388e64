package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Problem is an error body by RFC 9457. Code switches on Type only; the rest
// is for people.
type Problem struct {
	Type      string    `json:"type"`
	Title     string    `json:"title"`
	Status    int       `json:"status"`
	Detail    string    `json:"detail,omitempty"`
	Instance  string    `json:"instance,omitempty"` // request id
	Stage     string    `json:"stage,omitempty"`
	Limit     *Limit    `json:"limit,omitempty"`
	Position  *Position `json:"position,omitempty"`
	Expected  []string  `json:"expected,omitempty"`
	Hint      string    `json:"hint,omitempty"`
	Retryable bool      `json:"retryable,omitempty"`
}

// Limit says which bound was reached.
type Limit struct {
	Name string `json:"name"`
	Max  string `json:"max"`
	Used string `json:"used"`
}

// Position is a place in a text: 1-based line and column, 0-based byte offset.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Offset int `json:"offset"`
}

func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Title + ": " + p.Detail
	}
	return p.Title
}

// ProblemKind is one kind of problem with its help page.
type ProblemKind struct {
	Name, Title, Hint string
	Status            int
}

// Kinds of problem (service.md, section 1). Each has a page at /problems/NAME.
var problemKinds = []ProblemKind{
	{"syntax", "The query or document has a syntax error", "correct the text at the position given", http.StatusBadRequest},
	{"bad-parameter", "A parameter is missing or wrong", "see the detail for what is expected", http.StatusBadRequest},
	{"bad-encoding", "The request is not valid UTF-8 or JSON", "send UTF-8, and JSON that parses", http.StatusBadRequest},
	{"cross-site", "Requests from other sites are refused", "use the console's own address", http.StatusForbidden},
	{"feature-off", "This service does not offer that", "start the service with the feature enabled", http.StatusForbidden},
	{"not-found", "There is no such thing here", "check the name or address", http.StatusNotFound},
	{"conflict", "The graph has changed in between", "look again, then repeat", http.StatusConflict},
	{"method", "The method is not allowed here", "see the Allow header", http.StatusMethodNotAllowed},
	{"not-acceptable", "None of the accepted media types can be produced", "see the detail for what can", http.StatusNotAcceptable},
	{"media-type", "The body's media type is not understood", "see the detail for what is", http.StatusUnsupportedMediaType},
	{"too-large", "The request is too large", "send less, or use the command line", http.StatusRequestEntityTooLarge},
	{"wrong-host", "The Host header names another host", "use the loopback address, or allow the name with --allowed-host", http.StatusMisdirectedRequest},
	{"memory-limit", "The query needs more memory than allowed", "make it more selective, or raise the limit", http.StatusUnprocessableEntity},
	{"row-limit", "The query gives more rows than allowed", "add LIMIT, or raise the limit", http.StatusUnprocessableEntity},
	{"complexity", "The request is too complex", "ask for less at once", http.StatusUnprocessableEntity},
	{"graphql-validation", "The GraphQL request is not valid for this schema", "see the errors", http.StatusUnprocessableEntity},
	{"not-inferable", "The query has no inferred answers", "ask for one thing by a tree of links from named things; see the detail", http.StatusUnprocessableEntity},
	{"unsupported-function", "The query uses something this engine does not offer", "see the detail", http.StatusUnprocessableEntity},
	{"time-limit", "The query took longer than allowed", "make it more selective, add LIMIT, or raise the timeout", http.StatusGatewayTimeout},
	{"queue-full", "Too many requests are waiting", "try again shortly", http.StatusServiceUnavailable},
	{"draining", "The service is shutting down", "try again shortly", http.StatusServiceUnavailable},
	{"not-ready", "The service is still starting", "try again shortly", http.StatusServiceUnavailable},
	{"read-only", "The store accepts no writes", "see the detail", http.StatusServiceUnavailable},
	{"disk-full", "There is too little free disk space to write safely", "free some space", http.StatusInsufficientStorage},
	{"corruption", "The store is damaged", "run quaestor verify, and restore from a backup", http.StatusInternalServerError},
	{"internal", "Something went wrong inside the service", "report the request id with the service's log", http.StatusInternalServerError},
	{"client-gone", "The client went away", "", 499},
}

// ProblemKinds lists every kind, for the help pages.
func ProblemKinds() []ProblemKind { return problemKinds }

// NewProblem returns a problem of a named kind; unknown names are internal.
func NewProblem(name, detail string) *Problem {
	for _, k := range problemKinds {
		if k.Name == name {
			return &Problem{Type: "/problems/" + name, Title: k.Title, Status: k.Status, Hint: k.Hint, Detail: detail,
				Retryable: k.Status == http.StatusServiceUnavailable}
		}
	}
	return NewProblem("internal", name+": "+detail)
}

// Classify maps an error of any use case to its problem. Errors it does not
// know are internal: their text stays in the log.
func Classify(err error) *Problem {
	var (
		p      *Problem
		syn    *syntax.Error
		rdfErr *rdf.SyntaxError
		limit  *sparql.LimitError
		big    *http.MaxBytesError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return p
	case errors.As(err, &syn):
		p = NewProblem("syntax", syn.Error())
		p.Position = &Position{syn.Line, syn.Col, syn.Offset}
		p.Expected, p.Stage = syn.Expected, "parse"
		return p
	case errors.As(err, &rdfErr):
		p = NewProblem("syntax", rdfErr.Error())
		p.Position = &Position{rdfErr.Line, rdfErr.Col, int(rdfErr.Offset)}
		p.Stage = "parse"
		return p
	case errors.As(err, &limit):
		name := map[string]string{"time": "time-limit", "memory": "memory-limit", "rows": "row-limit"}[limit.Name]
		p = NewProblem(name, limit.Error())
		p.Limit, p.Stage = &Limit{limit.Name, limit.Allowed, limit.Used}, limit.Stage
		return p
	case errors.As(err, &big):
		return NewProblem("too-large", fmt.Sprintf("the body may have %d bytes", big.Limit))
	case errors.Is(err, context.DeadlineExceeded):
		return NewProblem("time-limit", "")
	case errors.Is(err, context.Canceled):
		return NewProblem("client-gone", "")
	case errors.Is(err, ErrDraining):
		return NewProblem("draining", "")
	case errors.Is(err, ErrQueueFull):
		return NewProblem("queue-full", "")
	case errors.Is(err, sparql.ErrTooMany):
		return NewProblem("complexity", err.Error())
	case errors.Is(err, ErrFeatureOff), errors.Is(err, sparql.ErrService), errors.Is(err, sparql.ErrLoad):
		return NewProblem("feature-off", err.Error())
	case errors.Is(err, ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return NewProblem("not-found", err.Error())
	case errors.Is(err, kg.ErrReadOnly):
		return NewProblem("read-only", err.Error())
	case errors.Is(err, kg.ErrDiskFull):
		return NewProblem("disk-full", err.Error())
	case errors.Is(err, kg.ErrCorrupt):
		return NewProblem("corruption", err.Error())
	}
	return NewProblem("internal", "")
}
