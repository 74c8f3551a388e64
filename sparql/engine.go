package sparql

import (
	"context"
	"io"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec"
	"github.com/quaestor-kg/quaestor/sparql/exec/naive"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/opt"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Limits bounds one query; the zero value sets no bound.
type Limits = run.Limits

// LimitError reports which limit stopped a query, where and at what figure.
type LimitError = run.LimitError

// Plan is a query plan; see Prepared.Explain.
type Plan = run.Plan

// ErrService is what a query with SERVICE ends with: federated queries are
// switched off.
var ErrService = run.ErrService

// ErrTooMany is what a query ends with that has more solutions than can be
// counted.
var ErrTooMany = run.ErrTooMany

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

func (d Dataset) empty() bool { return len(d.Default) == 0 && len(d.Named) == 0 }

// Prepared is a parsed query. It is safe for concurrent use.
type Prepared struct {
	eng  *Engine
	text *syntax.Query
	q    *algebra.Query
	node algebra.Node // after the passes that need no statistics
}

// Prepare parses and translates a query. Syntax errors are *syntax.Error.
func (e *Engine) Prepare(text, base string) (*Prepared, error) {
	ast, err := syntax.ParseQuery(text, base)
	if err != nil {
		return nil, err
	}
	q, err := algebra.Translate(ast)
	if err != nil {
		return nil, err
	}
	p := &Prepared{eng: e, text: ast, q: q, node: q.Node}
	if q.Form == syntax.Ask {
		// One solution decides.
		p.node = &algebra.Slice{Limit: 1, Input: &algebra.Project{Input: q.Node}}
	}
	if !e.opt.NoOptimise {
		p.node = opt.Rewrite(p.node)
	}
	return p, nil
}

// Form returns the form of the query.
func (p *Prepared) Form() Form { return Form(p.q.Form) }

// Vars returns the columns of a SELECT query, without "?".
func (p *Prepared) Vars() []string { return p.q.Vars }

// String returns the query in a form that parses to the same query.
func (p *Prepared) String() string { return p.text.String() }

// env starts a run on a snapshot.
func (p *Prepared) env(ctx context.Context, s kg.Snapshot, l Limits, ds []Dataset) (*run.Env, error) {
	env := run.NewEnv(ctx, s, l, p.eng.opt.Now(), p.text.Base)
	var err error
	switch {
	case len(ds) > 0 && !ds[0].empty():
		err = env.SetDataset(ds[0].Default, ds[0].Named)
	case p.q.HasDataset:
		err = env.SetDataset(p.q.From, p.q.FromNamed)
	case p.eng.opt.DefaultGraphUnion:
		env.SetUnion()
	}
	if err != nil {
		env.Close()
		return nil, err
	}
	return env, nil
}

// columns are the variables that the result needs.
func (p *Prepared) columns() []string {
	switch p.q.Form {
	case syntax.Select:
		return p.q.Vars
	case syntax.Ask:
		return nil
	case syntax.Describe:
		s := algebra.NewSet()
		for _, r := range p.q.Describe {
			s.Add(r.Var)
		}
		return s.List()
	}
	return algebra.TemplateVars(p.q.Template, p.q.Nested)
}

// Run starts the query on a snapshot, which must stay open until the result is
// closed. At most one Dataset may be given.
func (p *Prepared) Run(ctx context.Context, s kg.Snapshot, l Limits, ds ...Dataset) (*Result, error) {
	env, err := p.env(ctx, s, l, ds)
	if err != nil {
		return nil, err
	}
	r := &Result{Form: p.Form(), Vars: p.q.Vars, env: env, q: p.q, limit: l.MaxRows}
	if r.src, err = p.source(env); err != nil {
		r.Close()
		return nil, err
	}
	if r.Form == Ask {
		b, err := r.src.Next()
		if err != nil {
			r.Close()
			return nil, err
		}
		r.Boolean = b != nil
	}
	return r, nil
}

func (p *Prepared) source(env *run.Env) (run.Source, error) {
	if p.eng.opt.NoOptimise {
		return naive.Source(env, p.node, p.columns())
	}
	return asSource(build(env, p.node, p.columns(), false))
}

// source evaluates a tree that was not rewritten yet.
func (e *Engine) source(env *run.Env, n algebra.Node, vars []string) (run.Source, error) {
	if e.opt.NoOptimise {
		return naive.Source(env, n, vars)
	}
	return asSource(build(env, opt.Rewrite(n), vars, false))
}

// asSource keeps a nil *Built from becoming a source that is not nil.
func asSource(b *exec.Built, err error) (run.Source, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// build plans a rewritten tree and makes its operators.
func build(env *run.Env, n algebra.Node, vars []string, measure bool) (*exec.Built, error) {
	st := newStats(env)
	return exec.Build(env, opt.Plan(n, st, vars), vars, exec.Options{
		Measure: measure,
		Optimise: func(n algebra.Node) algebra.Node {
			return opt.Plan(opt.Rewrite(n), st, algebra.InScope(n).List())
		},
	})
}

// Explain returns the plan of the query on this snapshot. With analyze the
// query is run to its end and the plan holds measured counters.
func (p *Prepared) Explain(ctx context.Context, s kg.Snapshot, l Limits, analyze bool) (*Plan, error) {
	env, err := p.env(ctx, s, l, nil)
	if err != nil {
		return nil, err
	}
	defer env.Close()
	node := p.node
	if p.eng.opt.NoOptimise {
		node = opt.Rewrite(node)
	}
	b, err := build(env, node, p.columns(), analyze)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	for analyze {
		batch, err := b.Next()
		if err != nil {
			return nil, err
		}
		if batch == nil {
			break
		}
	}
	return b.Plan(), nil
}
