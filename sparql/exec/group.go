package exec

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// groupOp groups rows by ids and computes aggregates.
type groupOp struct {
	base
	in     op
	keys   []int // input columns
	aggs   []*aggregate
	ctx    *expr.Ctx
	fetch  *prefetch
	table  *idtable.Table
	groups []int32 // group of each row of the batch
	key    []kg.ID
	done   bool
	at     int
	out    out
}

// aggregate is one aggregate over all groups.
type aggregate struct {
	spec algebra.Agg
	col  int       // column of a plain variable, or -1
	eval expr.Eval // other arguments
	star bool

	counts []int64            // COUNT
	sums   []expr.Summer      // SUM and AVG
	accs   []expr.Accumulator // the rest

	seen   *idtable.Table // DISTINCT: group and value
	sorted bool           // DISTINCT: equal values of a group follow each other
	last   [2]kg.ID
	any    bool
	cols   []int // COUNT(DISTINCT *): all columns
	key    []kg.ID
}

func (g *groupOp) close() {
	g.in.close()
	g.release()
}

func (g *groupOp) next() (*Batch, error) {
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
	g.out.reset()
	for ; g.at < n && g.out.N < BatchRows; g.at++ {
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
		b, err := g.in.next()
		if err != nil {
			return err
		}
		if b == nil {
			return nil
		}
		if err := g.env.Check("Group"); err != nil {
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
		if err := g.hold(held); err != nil {
			return err
		}
	}
}

// assign finds the group of every row.
func (g *groupOp) assign(b *Batch) {
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

func (a *aggregate) grow(n int) {
	switch a.spec.Name {
	case "COUNT":
		for len(a.counts) < n {
			a.counts = append(a.counts, 0)
		}
	case "SUM", "AVG":
		for len(a.sums) < n {
			a.sums = append(a.sums, expr.Summer{Avg: a.spec.Name == "AVG"})
		}
	default:
		for len(a.accs) < n {
			a.accs = append(a.accs, expr.NewAccumulator(a.spec.Name, a.spec.Separator))
		}
	}
}

func (a *aggregate) bytes() int64 {
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

func (a *aggregate) add(g *groupOp, b *Batch) error {
	if a.spec.Name == "COUNT" && !a.spec.Distinct && (a.star || a.col >= 0) {
		for i, at := range g.groups {
			if a.star || b.Cols[a.col][i] != kg.Any {
				a.counts[at] += b.mult(i)
			}
		}
		return nil
	}
	g.ctx.Cols = b.Cols
	for i, at := range g.groups {
		g.ctx.Row = i
		m := b.mult(i)
		if a.star { // COUNT(DISTINCT *)
			a.key = append(a.key[:0], kg.ID(at))
			for _, c := range a.cols {
				a.key = append(a.key, b.Cols[c][i])
			}
			if _, added := a.seen.Insert(a.key); added {
				a.counts[at]++
			}
			continue
		}
		var v expr.Value
		if a.col >= 0 {
			v = expr.FromID(b.Cols[a.col][i])
		} else {
			v = a.eval(g.ctx)
		}
		if a.spec.Distinct {
			if !a.fresh(kg.ID(at), g.ctx.ID(v)) {
				continue
			}
			m = 1
		}
		switch a.spec.Name {
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
func (a *aggregate) fresh(group, id kg.ID) bool {
	if a.sorted {
		same := a.any && a.last == [2]kg.ID{group, id}
		a.any, a.last = true, [2]kg.ID{group, id}
		return !same
	}
	a.key = append(a.key[:0], group, id)
	_, added := a.seen.Insert(a.key)
	return added
}

func (a *aggregate) result(group int, c *expr.Ctx) expr.Value {
	a.grow(group + 1)
	switch a.spec.Name {
	case "COUNT":
		return expr.Integer(a.counts[group])
	case "SUM", "AVG":
		return a.sums[group].Result(c)
	}
	return a.accs[group].Result(c)
}
