package sparql

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/exec"
)

// Limits bounds one query; the zero value sets no bound.
type Limits = exec.Limits

// LimitError reports which limit stopped a query, where and at what figure.
type LimitError = exec.LimitError

// Plan is a query plan; see Prepared.Explain.
type Plan = exec.Plan

// Options configures an Engine. The zero value is useful.
type Options struct {
	// Now is the clock of NOW(); nil means time.Now.
	Now func() time.Time
	// DefaultGraphUnion makes the default graph the union of all graphs when a
	// query names no dataset.
	DefaultGraphUnion bool
	// NoOptimise runs the algebra as translated, with nested loops: the slow
	// twin that the fast engine is compared with.
	NoOptimise bool
	// LoadFile opens the document of a LOAD operation. Nil refuses LOAD.
	LoadFile func(iri string) (io.ReadCloser, error)
}

// Engine prepares queries and runs updates. It is safe for concurrent use.
type Engine struct{ opt Options }

// New returns an engine.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{opt: o}
}

// Form is the form of a query.
type Form uint8

// Query forms.
const (
	Select Form = iota
	Ask
	Construct
	Describe
)

// String returns the keyword of the form.
func (f Form) String() string { return [...]string{"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}[f] }

// Dataset is the dataset given by the protocol. It replaces FROM and FROM
// NAMED of the query. The zero value leaves the query's own dataset, or the
// store's, in force.
type Dataset struct{ Default, Named []string }

// Prepared is a parsed query. It is safe for concurrent use.
type Prepared struct{}

var errUnbuilt = errors.New("sparql: engine is not built yet")

// Prepare parses and translates a query. Syntax errors are *syntax.Error.
func (e *Engine) Prepare(text, base string) (*Prepared, error) { return nil, errUnbuilt }

// Form returns the form of the query.
func (p *Prepared) Form() Form { return Select }

// String returns the query in a form that parses to the same query.
func (p *Prepared) String() string { return "" }

// Run starts the query on a snapshot, which must stay open until the result is
// closed. At most one Dataset may be given.
func (p *Prepared) Run(ctx context.Context, s kg.Snapshot, l Limits, ds ...Dataset) (*Result, error) {
	return nil, errUnbuilt
}

// Explain returns the plan of the query on this snapshot. With analyze the
// query is run to its end and the plan holds measured counters.
func (p *Prepared) Explain(ctx context.Context, s kg.Snapshot, l Limits, analyze bool) (*Plan, error) {
	return nil, errUnbuilt
}

// Result is a running query. Close it. It is not safe for concurrent use.
type Result struct {
	Form    Form
	Vars    []string // of SELECT, without "?"
	Boolean bool     // of ASK
}

// Rows yields the solutions of a SELECT query once. The slice is reused
// between rows; an unbound variable is the zero Term. After an error the
// sequence ends.
func (r *Result) Rows() iter.Seq2[[]kg.Term, error] { return func(func([]kg.Term, error) bool) {} }

// Quads yields the triples of a CONSTRUCT or DESCRIBE query once, without
// duplicates. After an error the sequence ends.
func (r *Result) Quads() iter.Seq2[kg.TermQuad, error] {
	return func(func(kg.TermQuad, error) bool) {}
}

// Close stops the query and frees what it holds. It may be called twice.
func (r *Result) Close() error { return nil }

// UpdateStats is what an update did.
type UpdateStats struct{ Added, Removed int64 }

// Update runs all operations of an update request in one transaction: they
// all take effect, or none. At most one Dataset may be given; it stands for
// USING and USING NAMED, which the text must then not contain.
func (e *Engine) Update(ctx context.Context, st kg.Store, text, base string, l Limits, ds ...Dataset) (UpdateStats, error) {
	return UpdateStats{}, errUnbuilt
}
