package exec

import (
	"slices"

	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/rows"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// builder turns algebra into operators.
type builder struct {
	Env     *run.Env
	measure bool
	seeds   map[*algebra.Seed]*rows.Seed
	opt     func(algebra.Node) algebra.Node
}

// Options of Build.
type Options struct {
	// Measure makes operators count rows and time for Analyze.
	Measure bool
	// Optimise rewrites patterns that come up while the query runs, such as
	// EXISTS with the values of a row put in. Nil leaves them as they are.
	Optimise func(algebra.Node) algebra.Node
}

// Built is a query ready to run.
type Built struct {
	env *run.Env
	top run.Op
}

var _ run.Source = (*Built)(nil)

// Build makes the operators of a tree; vars are the columns asked for.
func Build(env *run.Env, n algebra.Node, vars []string, o Options) (*Built, error) {
	b := &builder{Env: env, measure: o.Measure, seeds: map[*algebra.Seed]*rows.Seed{}, opt: o.Optimise}
	top, err := b.build(n, algebra.NewSet(vars...))
	if err != nil {
		return nil, err
	}
	return &Built{env: env, top: b.columns(top, vars)}, nil
}

// Vars names the columns.
func (b *Built) Vars() []string { return b.top.Vars() }

// Next returns the next batch.
func (b *Built) Next() (*run.Batch, error) {
	if err := b.env.Check("query"); err != nil {
		return nil, err
	}
	return b.top.Next()
}

// Close frees what the operators hold.
func (b *Built) Close() { b.top.Close() }

// Plan returns the operators, with counters if they were measured.
func (b *Built) Plan() *run.Plan {
	p := b.top.Plan()
	_, p.Memory = b.env.Memory()
	return p
}

// columns restricts and orders the columns of an operator.
func (b *builder) columns(in run.Op, vars []string) run.Op {
	if slices.Equal(in.Vars(), vars) {
		return in
	}
	return rows.Project(b.Env, in, vars)
}

// done finishes an operator: it is measured if that is asked for.
func (b *builder) done(o run.Op) run.Op {
	if !b.measure {
		return o
	}
	return run.Meter(o)
}
