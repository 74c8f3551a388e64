package rows

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// projectOp picks and orders columns; -1 is an unbound one.
type projectOp struct {
	run.Base
	in    run.Op
	from  []int
	out   run.Batch
	empty []kg.ID
}

// Project gives the columns of vars; those that in lacks are unbound.
func Project(env *run.Env, in run.Op, vars []string) run.Op {
	p := &projectOp{Base: run.Base{Env: env, Names: vars, Node: in.Plan()}, in: in}
	for _, v := range vars {
		p.from = append(p.from, run.Column(in.Vars(), v))
	}
	for _, v := range in.Sorted() {
		if !slices.Contains(vars, v) {
			break
		}
		p.Order = append(p.Order, v)
	}
	return p
}

func (p *projectOp) Close() { p.in.Close() }
func (p *projectOp) Next() (*run.Batch, error) {
	b, err := p.in.Next()
	if b == nil || err != nil {
		return nil, err
	}
	p.out.N, p.out.Mult, p.out.Cols = b.N, b.Mult, p.out.Cols[:0]
	for _, c := range p.from {
		if c < 0 {
			for len(p.empty) < b.N {
				p.empty = append(p.empty, kg.Any)
			}
			p.out.Cols = append(p.out.Cols, p.empty[:b.N])
			continue
		}
		p.out.Cols = append(p.out.Cols, b.Cols[c])
	}
	return &p.out, nil
}

// unitOp gives one row without columns.
type unitOp struct {
	run.Base
	done bool
}

// Unit gives one row without columns.
func Unit(env *run.Env) run.Op {
	return &unitOp{Base: run.Base{Env: env, Node: run.NewPlan("Unit", "", 1)}}
}

func (u *unitOp) Close() {}
func (u *unitOp) Next() (*run.Batch, error) {
	if u.done {
		return nil, nil
	}
	u.done = true
	return &run.Batch{N: 1}, nil
}

// emptyOp gives no row.
type emptyOp struct{ run.Base }

// Empty gives no row.
func Empty(env *run.Env) run.Op {
	return &emptyOp{run.Base{Env: env, Node: run.NewPlan("Empty", "", 0)}}
}

func (*emptyOp) Close()                    {}
func (*emptyOp) Next() (*run.Batch, error) { return nil, nil }

// valuesOp gives inline data.
type valuesOp struct {
	run.Base
	cols [][]kg.ID
	n    int
	at   int
	out  run.Batch
}

// Values gives n rows that are there already, by column.
func Values(env *run.Env, name, detail string, vars []string, cols [][]kg.ID, n int) run.Op {
	return &valuesOp{Base: run.Base{Env: env, Names: vars, Node: run.NewPlan(name, detail, float64(n))}, cols: cols, n: n}
}

func (v *valuesOp) Close() {}
func (v *valuesOp) Next() (*run.Batch, error) {
	n := min(v.n-v.at, run.BatchRows)
	if n <= 0 {
		return nil, nil
	}
	v.out = run.Batch{N: n, Cols: v.out.Cols[:0]}
	for _, c := range v.cols {
		v.out.Cols = append(v.out.Cols, c[v.at:v.at+n])
	}
	v.at += n
	return &v.out, nil
}

// unionOp runs its inputs one after the other.
type unionOp struct {
	run.Base
	in   []run.Op
	from [][]int // per input and output column: input column or -1
	at   int
	out  run.Batch
	none []kg.ID
}

// Union runs its inputs one after the other.
func Union(env *run.Env, in []run.Op) run.Op {
	u := &unionOp{Base: run.Base{Env: env, Node: run.NewPlan("Union", "", -1, in...)}, in: in}
	for _, x := range in {
		for _, v := range x.Vars() {
			if !slices.Contains(u.Names, v) {
				u.Names = append(u.Names, v)
			}
		}
	}
	for _, x := range in {
		var from []int
		for _, v := range u.Names {
			from = append(from, run.Column(x.Vars(), v))
		}
		u.from = append(u.from, from)
	}
	return u
}

func (u *unionOp) Close() {
	for _, in := range u.in {
		in.Close()
	}
}

func (u *unionOp) Next() (*run.Batch, error) {
	for u.at < len(u.in) {
		b, err := u.in[u.at].Next()
		if err != nil {
			return nil, err
		}
		if b == nil {
			u.at++
			continue
		}
		u.out = run.Batch{N: b.N, Mult: b.Mult, Cols: u.out.Cols[:0]}
		for _, c := range u.from[u.at] {
			if c >= 0 {
				u.out.Cols = append(u.out.Cols, b.Cols[c])
				continue
			}
			for len(u.none) < b.N {
				u.none = append(u.none, kg.Any)
			}
			u.out.Cols = append(u.out.Cols, u.none[:b.N])
		}
		return &u.out, nil
	}
	u.at = 0 // a seeded union is asked again
	return nil, nil
}

// filterOp keeps the rows for which a condition holds.
type filterOp struct {
	run.Base
	in   run.Op
	cond *Condition
	out  run.Out
	mult []int64
}

// Filter keeps the rows for which the condition holds.
func Filter(env *run.Env, detail string, in run.Op, cond *Condition) run.Op {
	f := &filterOp{Base: run.Over(env, "Filter", detail, in), in: in, cond: cond}
	f.out = run.NewOut(len(f.Names))
	return f
}

func (f *filterOp) Close() { f.in.Close() }
func (f *filterOp) Next() (*run.Batch, error) {
	for {
		b, err := f.in.Next()
		if b == nil || err != nil {
			return nil, err
		}
		keep, err := f.cond.eval(b)
		if err != nil {
			return nil, err
		}
		if err := f.Env.Check("Filter"); err != nil {
			return nil, err
		}
		all := true
		for _, k := range keep {
			all = all && k
		}
		if all {
			return b, nil
		}
		f.out.Reset()
		f.mult = f.mult[:0]
		for c, col := range b.Cols {
			dst := f.out.Cols[c]
			for i, k := range keep {
				if k {
					dst = append(dst, col[i])
				}
			}
			f.out.Cols[c] = dst
		}
		for i, k := range keep {
			if !k {
				continue
			}
			f.out.N++
			if b.Mult != nil {
				f.mult = append(f.mult, b.Mult[i])
			}
		}
		if b.Mult != nil {
			f.out.Mult = f.mult
		}
		if f.out.N > 0 {
			return &f.out.Batch, nil
		}
	}
}

// extendOp binds variables to expressions, in order; a later one sees the
// earlier. Volatile expressions need every row by itself.
type extendOp struct {
	run.Base
	in       run.Op
	exprs    []expr.Eval
	ctx      *expr.Ctx
	fetch    *Prefetch
	expand   bool
	out      run.Batch
	cols     [][]kg.ID // computed columns
	repeated run.Out
	pending  *run.Batch // being repeated, at row and copies
	row      int
	copies   int64
}

// Extend binds variables to expressions; an expression sees the columns of in
// and the variables before its own. With expand, rows that count more than
// once are repeated first.
func Extend(env *run.Env, detail string, in run.Op, vars []string, exprs []expr.Eval, ctx *expr.Ctx, fetch *Prefetch, expand bool) run.Op {
	e := &extendOp{Base: run.Over(env, "Extend", detail, in), in: in, exprs: exprs, ctx: ctx, fetch: fetch, expand: expand}
	e.Names = append(slices.Clone(e.Names), vars...)
	e.cols = make([][]kg.ID, len(exprs))
	return e
}

func (e *extendOp) Close() { e.in.Close() }
func (e *extendOp) Next() (*run.Batch, error) {
	b, err := e.input()
	if b == nil || err != nil {
		return nil, err
	}
	if err := e.fetch.load(b); err != nil {
		return nil, err
	}
	e.out = run.Batch{N: b.N, Mult: b.Mult, Cols: append(e.out.Cols[:0], b.Cols...)}
	for i := range e.cols {
		e.cols[i] = slices.Grow(e.cols[i][:0], b.N)[:b.N]
		e.out.Cols = append(e.out.Cols, e.cols[i])
	}
	e.ctx.Cols = e.out.Cols
	for row := range b.N {
		e.ctx.Row = row
		e.ctx.Serial++
		for i, f := range e.exprs {
			e.cols[i][row] = kg.Any // not bound while it is computed
			e.cols[i][row] = e.ctx.ID(f(e.ctx))
		}
		if row&63 == 0 {
			if err := e.Env.Check("Extend"); err != nil {
				return nil, err
			}
		}
	}
	return &e.out, e.ctx.Fail
}

// input returns the next rows, each as often as it counts if that is asked for.
func (e *extendOp) input() (*run.Batch, error) {
	if e.pending == nil {
		b, err := e.in.Next()
		if b == nil || err != nil || !e.expand || b.Mult == nil {
			return b, err
		}
		e.pending, e.row, e.copies = b, 0, 0
		if e.repeated.Cols == nil {
			e.repeated = run.NewOut(len(b.Cols))
		}
	}
	e.repeated.Reset()
	for b := e.pending; e.repeated.N < run.BatchRows; {
		if e.copies == b.Mult[e.row] {
			e.row, e.copies = e.row+1, 0
			if e.row == b.N {
				e.pending = nil
				break
			}
			continue
		}
		for c, col := range b.Cols {
			e.repeated.Cols[c] = append(e.repeated.Cols[c], col[e.row])
		}
		e.repeated.N++
		e.copies++
	}
	return &e.repeated.Batch, nil
}

// distinctOp drops rows that were seen before.
type distinctOp struct {
	run.Base
	in   run.Op
	seen *idtable.Table
	key  []kg.ID
	out  run.Out
}

// Distinct drops rows that were seen before.
func Distinct(env *run.Env, in run.Op) run.Op {
	n := len(in.Vars())
	d := &distinctOp{Base: run.Over(env, "Distinct", "", in), in: in, seen: idtable.New(n), key: make([]kg.ID, n)}
	d.out = run.NewOut(n)
	return d
}

func (d *distinctOp) Close() {
	d.in.Close()
	d.Release()
}

func (d *distinctOp) Next() (*run.Batch, error) {
	for {
		b, err := d.in.Next()
		if b == nil || err != nil {
			return nil, err
		}
		if err := d.Env.Check("Distinct"); err != nil {
			return nil, err
		}
		d.out.Reset()
		for i := range b.N {
			for c, col := range b.Cols {
				d.key[c] = col[i]
			}
			if _, added := d.seen.Insert(d.key); !added {
				continue
			}
			for c, id := range d.key {
				d.out.Cols[c] = append(d.out.Cols[c], id)
			}
			d.out.N++
		}
		if err := d.Hold(d.seen.Bytes()); err != nil {
			return nil, err
		}
		if d.out.N > 0 {
			return &d.out.Batch, nil
		}
	}
}

// sliceOp skips and takes rows.
type sliceOp struct {
	run.Base
	in    run.Op
	skip  int64
	limit int64 // -1: all
	out   run.Out
	mult  []int64
}

// Slice skips rows and takes at most limit, all if that is -1.
func Slice(env *run.Env, detail string, in run.Op, skip, limit int64) run.Op {
	s := &sliceOp{Base: run.Over(env, "Slice", detail, in), in: in, skip: skip, limit: limit}
	s.out = run.NewOut(len(s.Names))
	return s
}

func (s *sliceOp) Close() { s.in.Close() }
func (s *sliceOp) Next() (*run.Batch, error) {
	for s.limit != 0 {
		b, err := s.in.Next()
		if b == nil || err != nil {
			return nil, err
		}
		s.out.Reset()
		s.mult = s.mult[:0]
		for i := 0; i < b.N && s.limit != 0; i++ {
			m := b.Times(i)
			d := min(m, s.skip)
			s.skip -= d
			m -= d
			if s.limit > 0 {
				m = min(m, s.limit)
				s.limit -= m
			}
			if m == 0 {
				continue
			}
			for c, col := range b.Cols {
				s.out.Cols[c] = append(s.out.Cols[c], col[i])
			}
			s.out.Weigh(&s.mult, m)
			s.out.N++
		}
		if s.out.N > 0 {
			return &s.out.Batch, nil
		}
	}
	return nil, nil
}

// unnestOp takes triple terms apart.
type unnestOp struct {
	run.Base
	in    run.Op
	col   int
	parts [3]int   // column that must agree, or -1
	fixed [3]kg.ID // constant that must agree, or Any
	bind  [3]int   // new column, or -1
	out   run.Out
	mult  []int64
}

// Unnest matches the triple terms of a column with parts.
func Unnest(env *run.Env, detail string, in run.Op, v string, parts [3]algebra.Ref) (run.Op, error) {
	u := &unnestOp{Base: run.Over(env, "Unnest", detail, in), in: in, col: run.Column(in.Vars(), v)}
	u.Names = slices.Clone(u.Names)
	for i, p := range parts {
		u.parts[i], u.bind[i] = -1, -1
		switch c := run.Column(in.Vars(), p.Var); {
		case !p.IsVar():
			var err error
			if u.fixed[i], err = env.Terms.Intern(p.Term); err != nil {
				return nil, err
			}
		case c >= 0:
			u.parts[i] = c
		default:
			if u.bind[i] = run.Column(u.Names, p.Var); u.bind[i] < 0 {
				u.bind[i] = len(u.Names)
				u.Names = append(u.Names, p.Var)
			}
		}
	}
	u.out = run.NewOut(len(u.Names))
	return u, nil
}

func (u *unnestOp) Close() { u.in.Close() }
func (u *unnestOp) Next() (*run.Batch, error) {
	for {
		b, err := u.in.Next()
		if b == nil || err != nil {
			return nil, err
		}
		u.out.Reset()
		u.mult = u.mult[:0]
	rows:
		for i := range b.N {
			t, err := u.Env.Terms.Term(b.Cols[u.col][i])
			if err != nil {
				return nil, err
			}
			if t.Kind != kg.Triple {
				continue
			}
			var ids [3]kg.ID
			for k := range ids {
				if ids[k], err = u.Env.Terms.Intern(t.Spo[k]); err != nil {
					return nil, err
				}
				if u.fixed[k] != kg.Any && u.fixed[k] != ids[k] {
					continue rows
				}
				if c := u.parts[k]; c >= 0 && b.Cols[c][i] != ids[k] {
					continue rows
				}
				for j := range k {
					if u.bind[k] >= 0 && u.bind[j] == u.bind[k] && ids[j] != ids[k] {
						continue rows
					}
				}
			}
			n := len(b.Cols)
			for c, col := range b.Cols {
				u.out.Cols[c] = append(u.out.Cols[c], col[i])
			}
			for c := n; c < len(u.out.Cols); c++ {
				for k, at := range u.bind {
					if at == c {
						u.out.Cols[c] = append(u.out.Cols[c], ids[k])
						break
					}
				}
			}
			u.out.Weigh(&u.mult, b.Times(i))
			u.out.N++
		}
		if u.out.N > 0 {
			return &u.out.Batch, nil
		}
	}
}

// Prefetch looks up the terms of some columns, a batch in one go.
type Prefetch struct {
	Terms *run.Terms
	Cols  []int
	ids   []kg.ID
}

func (p *Prefetch) load(b *run.Batch) error {
	if p == nil || len(p.Cols) == 0 {
		return nil
	}
	p.ids = p.ids[:0]
	for _, c := range p.Cols {
		if c < len(b.Cols) {
			p.ids = append(p.ids, b.Cols[c][:b.N]...)
		}
	}
	return p.Terms.Prefetch(p.ids)
}
