package rows

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// groupOp groups rows by ids and computes aggregates.
type groupOp struct {
	run.Base
	in     run.Op
	keys   []int // input columns
	aggs   []*Aggregate
	ctx    *expr.Ctx
	fetch  *Prefetch
	table  *idtable.Table
	groups []int32 // group of each row of the batch
	key    []kg.ID
	done   bool
	at     int
	out    run.Out
}

// Aggregate is one aggregate over all groups.
type Aggregate struct {
	Spec algebra.Agg
	Col  int       // column of a plain variable, or -1
	Eval expr.Eval // other arguments
	// Sorted: the values of a group that are equal follow each other.
	Sorted bool
	Cols   []int // COUNT(DISTINCT *): the columns that make a solution

	counts []int64            // COUNT
	sums   []expr.Summer      // SUM and AVG
	accs   []expr.Accumulator // the rest

	seen *idtable.Table // DISTINCT: group and value
	last [2]kg.ID
	any  bool
	key  []kg.ID
}

func (a *Aggregate) star() bool { return a.Spec.Arg == nil }

// Group groups rows by the given columns, whose variables come first in the
// output; aggregates follow.
func Group(env *run.Env, detail string, in run.Op, keys []string, aggs []*Aggregate, ctx *expr.Ctx, fetch *Prefetch) run.Op {
	g := &groupOp{Base: run.Base{Env: env, Node: run.NewPlan("Group", detail, -1, in)}, in: in, aggs: aggs, ctx: ctx, fetch: fetch}
	g.table, g.key = idtable.New(len(keys)), make([]kg.ID, len(keys))
	for _, k := range keys {
		g.Names = append(g.Names, k)
		g.keys = append(g.keys, run.Column(in.Vars(), k))
	}
	for _, a := range aggs {
		g.Names = append(g.Names, a.Spec.Var)
		if a.Spec.Distinct {
			a.seen = idtable.New(2)
			if a.star() {
				a.seen = idtable.New(1 + len(a.Cols))
			}
		}
	}
	g.out = run.NewOut(len(g.Names))
	return g
}

func (g *groupOp) Close() {
	g.in.Close()
	g.Release()
}

func (g *groupOp) Next() (*run.Batch, error) {
	if !g.done {
		if err := g.run(); err != nil {
			return nil, err
		}
		g.done = true
	}
	n := g.table.Len()
	if len(g.keys) == 0 {
		n = 1 // also over no rows
	}
	g.out.Reset()
	for ; g.at < n && g.out.N < run.BatchRows; g.at++ {
		if len(g.keys) > 0 {
			for c, id := range g.table.Key(g.at) {
				g.out.Cols[c] = append(g.out.Cols[c], id)
			}
		}
		for i, a := range g.aggs {
			c := len(g.keys) + i
			g.out.Cols[c] = append(g.out.Cols[c], g.ctx.ID(a.result(g.at, g.ctx)))
		}
		g.out.N++
	}
	if g.ctx.Fail != nil {
		return nil, g.ctx.Fail
	}
	if g.out.N == 0 {
		return nil, nil
	}
	return &g.out.Batch, nil
}

func (g *groupOp) run() error {
	for {
		b, err := g.in.Next()
		if err != nil {
			return err
		}
		if b == nil {
			return nil
		}
		if err := g.Env.Check("Group"); err != nil {
			return err
		}
		g.assign(b)
		if err := g.fetch.load(b); err != nil {
			return err
		}
		n := max(g.table.Len(), 1)
		held := g.table.Bytes()
		for _, a := range g.aggs {
			a.grow(n)
			if err := a.add(g, b); err != nil {
				return err
			}
			held += a.bytes()
		}
		if err := g.Hold(held); err != nil {
			return err
		}
	}
}

// assign finds the group of every row.
func (g *groupOp) assign(b *run.Batch) {
	g.groups = g.groups[:0]
	switch len(g.keys) {
	case 0:
		for range b.N {
			g.groups = append(g.groups, 0)
		}
	case 1:
		var last kg.ID
		at := -1
		for _, id := range b.Cols[g.keys[0]][:b.N] {
			if id != last || at < 0 {
				at, _ = g.table.Insert1(id)
				last = id
			}
			g.groups = append(g.groups, int32(at))
		}
	default:
		for i := range b.N {
			for c, col := range g.keys {
				g.key[c] = b.Cols[col][i]
			}
			at, _ := g.table.Insert(g.key)
			g.groups = append(g.groups, int32(at))
		}
	}
}

func (a *Aggregate) grow(n int) {
	switch a.Spec.Name {
	case "COUNT":
		for len(a.counts) < n {
			a.counts = append(a.counts, 0)
		}
	case "SUM", "AVG":
		for len(a.sums) < n {
			a.sums = append(a.sums, expr.Summer{Avg: a.Spec.Name == "AVG"})
		}
	default:
		for len(a.accs) < n {
			a.accs = append(a.accs, expr.NewAccumulator(a.Spec.Name, a.Spec.Separator))
		}
	}
}

func (a *Aggregate) bytes() int64 {
	n := int64(cap(a.counts))*8 + int64(cap(a.sums))*96
	if a.seen != nil {
		n += a.seen.Bytes()
	}
	for i := range a.accs {
		if len(a.accs) > 1024 && i > 0 {
			return n + int64(len(a.accs))*a.accs[0].Bytes()
		}
		n += a.accs[i].Bytes()
	}
	return n
}

func (a *Aggregate) add(g *groupOp, b *run.Batch) error {
	if a.Spec.Name == "COUNT" && !a.Spec.Distinct && (a.star() || a.Col >= 0) {
		for i, at := range g.groups {
			if a.star() || b.Cols[a.Col][i] != kg.Any {
				if a.counts[at] += b.Times(i); run.TooMany(a.counts[at]) {
					return run.ErrTooMany
				}
			}
		}
		return nil
	}
	g.ctx.Cols = b.Cols
	for i, at := range g.groups {
		if i&63 == 63 {
			if err := g.Env.Check("Group"); err != nil {
				return err
			}
		}
		g.ctx.Row = i
		m := b.Times(i)
		if run.TooMany(m) {
			return run.ErrTooMany
		}
		if a.star() { // COUNT(DISTINCT *)
			a.key = append(a.key[:0], kg.ID(at))
			for _, c := range a.Cols {
				a.key = append(a.key, b.Cols[c][i])
			}
			if _, added := a.seen.Insert(a.key); added {
				a.counts[at]++
			}
			continue
		}
		var v expr.Value
		if a.Col >= 0 {
			v = expr.FromID(b.Cols[a.Col][i])
		} else {
			v = a.Eval(g.ctx)
		}
		if a.Spec.Distinct {
			if !a.fresh(kg.ID(at), g.ctx.ID(v)) {
				continue
			}
			m = 1
		}
		switch a.Spec.Name {
		case "COUNT":
			if v.K != expr.Err {
				a.counts[at] += m
			}
		case "SUM", "AVG":
			a.sums[at].Add(g.ctx, v, m)
		default:
			a.accs[at].Add(g.ctx, v, m)
		}
	}
	return g.ctx.Fail
}

// fresh reports whether a group meets a value for the first time.
func (a *Aggregate) fresh(group, id kg.ID) bool {
	if a.Sorted {
		same := a.any && a.last == [2]kg.ID{group, id}
		a.any, a.last = true, [2]kg.ID{group, id}
		return !same
	}
	a.key = append(a.key[:0], group, id)
	_, added := a.seen.Insert(a.key)
	return added
}

func (a *Aggregate) result(group int, c *expr.Ctx) expr.Value {
	a.grow(group + 1)
	switch a.Spec.Name {
	case "COUNT":
		return expr.Integer(a.counts[group])
	case "SUM", "AVG":
		return a.sums[group].Result(c)
	}
	return a.accs[group].Result(c)
}
