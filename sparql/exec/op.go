package exec

import (
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// op is an operator. next returns a batch that is good until the following
// call, or nil at the end. An operator above a seed may be asked again after
// the end, once the seed was refilled.
type op interface {
	vars() []string
	next() (*Batch, error)
	close()
	// sorted names the variables that the rows are sorted by, most significant
	// first; ids order.
	sorted() []string
	plan() *Plan
}

// base is what every operator has.
type base struct {
	env   *Env
	names []string
	order []string
	node  *Plan
	held  int64 // bytes charged to the run
}

func (b *base) vars() []string   { return b.names }
func (b *base) sorted() []string { return b.order }
func (b *base) plan() *Plan      { return b.node }

// grow charges memory that release gives back.
func (b *base) grow(n int64) error {
	b.held += n
	return b.env.Grow(n, b.node.Op)
}

// hold sets the bytes charged to n.
func (b *base) hold(n int64) error { return b.grow(n - b.held) }

func (b *base) release() {
	_ = b.env.Grow(-b.held, b.node.Op) // giving back cannot fail
	b.held = 0
}

func column(vars []string, v string) int { return slices.Index(vars, v) }

// builder turns algebra into operators.
type builder struct {
	env     *Env
	measure bool
	seeds   map[*algebra.Seed]*seedOp
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
	env *Env
	top op
}

var _ Source = (*Built)(nil)

// Build makes the operators of a tree; vars are the columns asked for.
func Build(env *Env, n algebra.Node, vars []string, o Options) (*Built, error) {
	b := &builder{env: env, measure: o.Measure, seeds: map[*algebra.Seed]*seedOp{}, opt: o.Optimise}
	top, err := b.build(n, algebra.NewSet(vars...))
	if err != nil {
		return nil, err
	}
	top = b.columns(top, vars)
	return &Built{env: env, top: top}, nil
}

// Vars names the columns.
func (b *Built) Vars() []string { return b.top.vars() }

// Next returns the next batch.
func (b *Built) Next() (*Batch, error) {
	if err := b.env.Check("query"); err != nil {
		return nil, err
	}
	return b.top.next()
}

// Close frees what the operators hold.
func (b *Built) Close() { b.top.close() }

// Plan returns the operators, with counters if they were measured.
func (b *Built) Plan() *Plan {
	p := b.top.plan()
	_, p.Memory = b.env.Memory()
	return p
}

// columns restricts and orders the columns of an operator.
func (b *builder) columns(in op, vars []string) op {
	if slices.Equal(in.vars(), vars) {
		return in
	}
	p := &projectOp{base: base{env: b.env, names: vars, node: in.plan()}, in: in}
	for _, v := range vars {
		p.from = append(p.from, column(in.vars(), v))
	}
	for _, v := range in.sorted() {
		if !slices.Contains(vars, v) {
			break
		}
		p.order = append(p.order, v)
	}
	return p
}

// done finishes an operator: it is measured if that is asked for.
func (b *builder) done(o op) op {
	if !b.measure {
		return o
	}
	o.plan().Analyzed = true
	return &meter{op: o}
}

// meter counts rows and time of an operator.
type meter struct{ op }

func (m *meter) next() (*Batch, error) {
	t := time.Now()
	b, err := m.op.next()
	p := m.op.plan()
	p.Millis += float64(time.Since(t).Nanoseconds()) / 1e6
	if b != nil {
		p.Batches++
		for i := range b.N {
			p.Rows += b.mult(i)
		}
	}
	return b, err
}

func planOf(name, detail string, est float64, inputs ...op) *Plan {
	p := &Plan{Op: name, Detail: detail, Estimate: est}
	for _, in := range inputs {
		p.Children = append(p.Children, in.plan())
	}
	return p
}

// out is a batch that an operator fills row by row.
type out struct {
	Batch
	weighted bool // Mult is in use
}

func newOut(cols int) out { return out{Batch: Batch{Cols: make([][]kg.ID, cols)}} }

func (o *out) reset() {
	o.N = 0
	for i := range o.Cols {
		o.Cols[i] = o.Cols[i][:0]
	}
	o.Mult = nil
	o.weighted = false
}

// weigh notes how often the row that is being added counts; call it before
// N grows.
func (o *out) weigh(buf *[]int64, m int64) {
	if m == 1 && !o.weighted {
		return
	}
	if !o.weighted {
		o.weighted = true
		*buf = (*buf)[:0]
		for range o.N {
			*buf = append(*buf, 1)
		}
	}
	*buf = append(*buf, m)
	o.Mult = *buf
}
