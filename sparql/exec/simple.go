package exec

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// projectOp picks and orders columns; -1 is an unbound one.
type projectOp struct {
	base
	in    op
	from  []int
	out   Batch
	empty []kg.ID
}

func (p *projectOp) close() { p.in.close() }
func (p *projectOp) next() (*Batch, error) {
	b, err := p.in.next()
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
	base
	done bool
}

func (u *unitOp) close() {}
func (u *unitOp) next() (*Batch, error) {
	if u.done {
		return nil, nil
	}
	u.done = true
	return &Batch{N: 1}, nil
}

// emptyOp gives no row.
type emptyOp struct{ base }

func (*emptyOp) close()                {}
func (*emptyOp) next() (*Batch, error) { return nil, nil }

// valuesOp gives inline data.
type valuesOp struct {
	base
	cols [][]kg.ID
	n    int
	at   int
	out  Batch
}

func (v *valuesOp) close() {}
func (v *valuesOp) next() (*Batch, error) {
	n := min(v.n-v.at, BatchRows)
	if n <= 0 {
		return nil, nil
	}
	v.out = Batch{N: n, Cols: v.out.Cols[:0]}
	for _, c := range v.cols {
		v.out.Cols = append(v.out.Cols, c[v.at:v.at+n])
	}
	v.at += n
	return &v.out, nil
}

// unionOp runs its inputs one after the other.
type unionOp struct {
	base
	in   []op
	from [][]int // per input and output column: input column or -1
	at   int
	out  Batch
	none []kg.ID
}

func (u *unionOp) close() {
	for _, in := range u.in {
		in.close()
	}
}

func (u *unionOp) next() (*Batch, error) {
	for u.at < len(u.in) {
		b, err := u.in[u.at].next()
		if err != nil {
			return nil, err
		}
		if b == nil {
			u.at++
			continue
		}
		u.out = Batch{N: b.N, Mult: b.Mult, Cols: u.out.Cols[:0]}
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
	base
	in   op
	cond *condition
	out  out
	mult []int64
}

func (f *filterOp) close() { f.in.close() }
func (f *filterOp) next() (*Batch, error) {
	for {
		b, err := f.in.next()
		if b == nil || err != nil {
			return nil, err
		}
		keep, err := f.cond.eval(b)
		if err != nil {
			return nil, err
		}
		if err := f.env.Check("Filter"); err != nil {
			return nil, err
		}
		all := true
		for _, k := range keep {
			all = all && k
		}
		if all {
			return b, nil
		}
		f.out.reset()
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
	base
	in       op
	exprs    []expr.Eval
	ctx      *expr.Ctx
	fetch    *prefetch
	expand   bool
	out      Batch
	cols     [][]kg.ID // computed columns
	repeated out
}

func (e *extendOp) close() { e.in.close() }
func (e *extendOp) next() (*Batch, error) {
	b, err := e.in.next()
	if b == nil || err != nil {
		return nil, err
	}
	if e.expand && b.Mult != nil {
		b = e.repeat(b)
	}
	if err := e.fetch.load(b); err != nil {
		return nil, err
	}
	e.out = Batch{N: b.N, Mult: b.Mult, Cols: append(e.out.Cols[:0], b.Cols...)}
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
		if row&255 == 0 {
			if err := e.env.Check("Extend"); err != nil {
				return nil, err
			}
		}
	}
	return &e.out, e.ctx.Fail
}

// repeat writes every row as often as it counts.
func (e *extendOp) repeat(b *Batch) *Batch {
	if e.repeated.Cols == nil {
		e.repeated = newOut(len(b.Cols))
	}
	e.repeated.reset()
	for i := range b.N {
		for range b.Mult[i] {
			for c, col := range b.Cols {
				e.repeated.Cols[c] = append(e.repeated.Cols[c], col[i])
			}
			e.repeated.N++
		}
	}
	return &e.repeated.Batch
}

// distinctOp drops rows that were seen before.
type distinctOp struct {
	base
	in   op
	seen *idtable.Table
	key  []kg.ID
	out  out
}

func (d *distinctOp) close() {
	d.in.close()
	d.release()
}

func (d *distinctOp) next() (*Batch, error) {
	for {
		b, err := d.in.next()
		if b == nil || err != nil {
			return nil, err
		}
		if err := d.env.Check("Distinct"); err != nil {
			return nil, err
		}
		d.out.reset()
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
		if err := d.hold(d.seen.Bytes()); err != nil {
			return nil, err
		}
		if d.out.N > 0 {
			return &d.out.Batch, nil
		}
	}
}

// sliceOp skips and takes rows.
type sliceOp struct {
	base
	in    op
	skip  int64
	limit int64 // -1: all
	out   out
	mult  []int64
}

func (s *sliceOp) close() { s.in.close() }
func (s *sliceOp) next() (*Batch, error) {
	for s.limit != 0 {
		b, err := s.in.next()
		if b == nil || err != nil {
			return nil, err
		}
		s.out.reset()
		s.mult = s.mult[:0]
		for i := 0; i < b.N && s.limit != 0; i++ {
			m := b.mult(i)
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
			s.out.weigh(&s.mult, m)
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
	base
	in    op
	col   int
	parts [3]int   // column that must agree, or -1
	fixed [3]kg.ID // constant that must agree, or Any
	bind  [3]int   // new column, or -1
	cols  [][]kg.ID
	out   out
	mult  []int64
}

func (u *unnestOp) close() { u.in.close() }
func (u *unnestOp) next() (*Batch, error) {
	for {
		b, err := u.in.next()
		if b == nil || err != nil {
			return nil, err
		}
		u.out.reset()
		u.mult = u.mult[:0]
	rows:
		for i := range b.N {
			t, err := u.env.Terms.Term(b.Cols[u.col][i])
			if err != nil {
				return nil, err
			}
			if t.Kind != kg.Triple {
				continue
			}
			var ids [3]kg.ID
			for k := range ids {
				if ids[k], err = u.env.Terms.Intern(t.Spo[k]); err != nil {
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
			u.out.weigh(&u.mult, b.mult(i))
			u.out.N++
		}
		if u.out.N > 0 {
			return &u.out.Batch, nil
		}
	}
}

// prefetch looks up the terms of some columns, a batch in one go.
type prefetch struct {
	terms *Terms
	cols  []int
	ids   []kg.ID
}

func (p *prefetch) load(b *Batch) error {
	if len(p.cols) == 0 {
		return nil
	}
	p.ids = p.ids[:0]
	for _, c := range p.cols {
		if c < len(b.Cols) {
			p.ids = append(p.ids, b.Cols[c][:b.N]...)
		}
	}
	return p.terms.Prefetch(p.ids)
}
