package exec

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// pairs finds candidates for a join: rows of the right side that may go with
// rows of the current left batch.
type pairs interface {
	// start begins with a new left batch.
	start(b *Batch) error
	// next appends candidates, at least one unless there are no more: the left
	// row of each, and the right columns.
	next(c *candidates) error
	rightVars() []string
	plan() *Plan
	close()
}

// candidates are pairs of a left row and a right row.
type candidates struct {
	left []int32
	cols [][]kg.ID // right columns
	mult []int64   // how often the right row counts
}

func (c *candidates) reset() {
	c.left, c.mult = c.left[:0], c.mult[:0]
	for i := range c.cols {
		c.cols[i] = c.cols[i][:0]
	}
}

// joinOp joins its left input with pairs. Shared variables that pairs did not
// compare, because one side may leave them unbound, are compared here.
type joinOp struct {
	base
	left  op
	right pairs
	mode  lookupMode
	minus bool // anti; only pairs that share a bound variable count

	keep   []int    // left columns handed on
	take   []int    // right columns that give new columns
	fill   [][2]int // output column, right column: bound by the right if the left left it open
	check  [][2]int // left column, right column: must agree where both are bound
	shared [][2]int // for minus: all shared variables
	cond   *condition
	merged Batch // columns for cond: left, then new right ones
	mcols  [][2]int

	b       *Batch
	matched []bool
	c       candidates
	ended   bool
	tail    int // next unmatched row to hand on
	out     out
	mult    []int64
}

// joined makes a join of left with pairs; known are the shared variables that
// the pairs agree on already.
func (b *builder) joined(name string, left op, right pairs, mode lookupMode, conds []algebra.Expr, known []string, est float64, need algebra.Set) (*joinOp, error) {
	j := &joinOp{base: base{env: b.env}, left: left, right: right, mode: mode}
	j.node = planOf(modeNames[mode]+name, "", est, left)
	if p := right.plan(); p != nil {
		j.node.Children = append(j.node.Children, p)
	}
	lv, rv := left.vars(), right.rightVars()
	for i, v := range lv {
		if need.Has(v) {
			j.names = append(j.names, v)
			j.keep = append(j.keep, i)
		}
	}
	var mnames []string
	for i, v := range lv {
		mnames = append(mnames, v)
		j.mcols = append(j.mcols, [2]int{i, column(rv, v)})
	}
	for i, v := range rv {
		l := column(lv, v)
		if l >= 0 {
			j.shared = append(j.shared, [2]int{l, i})
			if slices.Contains(known, v) {
				continue
			}
			j.check = append(j.check, [2]int{l, i})
			if at := column(j.names, v); at >= 0 && mode <= outer {
				j.fill = append(j.fill, [2]int{at, i})
			}
			continue
		}
		mnames = append(mnames, v)
		j.mcols = append(j.mcols, [2]int{-1, i})
		if need.Has(v) && mode <= outer {
			j.names = append(j.names, v)
			j.take = append(j.take, i)
		}
	}
	if len(conds) > 0 {
		var err error
		if j.cond, err = b.condition(conds, mnames); err != nil {
			return nil, err
		}
		j.merged.Cols = make([][]kg.ID, len(mnames))
	}
	for _, v := range left.sorted() {
		if !slices.Contains(j.names, v) || mode == outer || len(j.check) > 0 {
			break
		}
		j.order = append(j.order, v)
	}
	j.c.cols = make([][]kg.ID, len(rv))
	j.out = newOut(len(j.names))
	return j, nil
}

func (j *joinOp) close() {
	j.left.close()
	j.right.close()
	j.release()
}

func (j *joinOp) next() (*Batch, error) {
	j.out.reset()
	j.mult = j.mult[:0]
	for j.out.N < BatchRows {
		if j.b == nil {
			b, err := j.left.next()
			if err != nil {
				return nil, err
			}
			if b == nil {
				break
			}
			j.b = b
			j.matched = append(j.matched[:0], make([]bool, b.N)...)
			j.ended, j.tail = false, 0
			if err := j.right.start(b); err != nil {
				return nil, err
			}
		}
		if err := j.env.Check(j.node.Op); err != nil {
			return nil, err
		}
		if !j.ended {
			j.c.reset()
			if err := j.right.next(&j.c); err != nil {
				return nil, err
			}
			if len(j.c.left) == 0 {
				j.ended = true
				continue
			}
			if err := j.accept(); err != nil {
				return nil, err
			}
			continue
		}
		if j.mode != inner {
			for j.tail < j.b.N && j.out.N < BatchRows {
				i := j.tail
				j.tail++
				if j.matched[i] == (j.mode == semi) {
					j.alone(i)
				}
			}
			if j.tail < j.b.N {
				break
			}
		}
		j.b = nil
	}
	if j.out.N == 0 {
		return nil, nil
	}
	return &j.out.Batch, nil
}

// accept filters the candidates and emits or marks them.
func (j *joinOp) accept() error {
	if len(j.check) > 0 || j.minus {
		n := 0
	candidates:
		for i, l := range j.c.left {
			for _, k := range j.check {
				x, y := j.b.Cols[k[0]][l], j.c.cols[k[1]][i]
				if x != y && x != kg.Any && y != kg.Any {
					continue candidates
				}
			}
			if j.minus {
				shares := false
				for _, k := range j.shared {
					shares = shares || j.b.Cols[k[0]][l] != kg.Any && j.c.cols[k[1]][i] != kg.Any
				}
				if !shares {
					continue
				}
			}
			j.move(n, i)
			n++
		}
		j.cut(n)
	}
	if j.cond != nil && len(j.c.left) > 0 {
		m := &j.merged
		m.N = len(j.c.left)
		for c, from := range j.mcols {
			col := m.Cols[c][:0]
			for i, l := range j.c.left {
				id := kg.Any
				if from[0] >= 0 {
					id = j.b.Cols[from[0]][l]
				}
				if id == kg.Any && from[1] >= 0 {
					id = j.c.cols[from[1]][i]
				}
				col = append(col, id)
			}
			m.Cols[c] = col
		}
		keep, err := j.cond.eval(m)
		if err != nil {
			return err
		}
		n := 0
		for i, ok := range keep {
			if ok {
				j.move(n, i)
				n++
			}
		}
		j.cut(n)
	}
	if j.mode != inner {
		for _, l := range j.c.left {
			j.matched[l] = true
		}
	}
	if j.mode <= outer {
		j.emit()
	}
	return nil
}

func (j *joinOp) move(to, from int) {
	if to == from {
		return
	}
	j.c.left[to] = j.c.left[from]
	if len(j.c.mult) > 0 {
		j.c.mult[to] = j.c.mult[from]
	}
	for _, col := range j.c.cols {
		col[to] = col[from]
	}
}

func (j *joinOp) cut(n int) {
	j.c.left = j.c.left[:n]
	if len(j.c.mult) > 0 {
		j.c.mult = j.c.mult[:n]
	}
	for c := range j.c.cols {
		j.c.cols[c] = j.c.cols[c][:n]
	}
}

func (j *joinOp) emit() {
	start := j.out.N
	for c, col := range j.keep {
		src, dst := j.b.Cols[col], j.out.Cols[c]
		for _, l := range j.c.left {
			dst = append(dst, src[l])
		}
		j.out.Cols[c] = dst
	}
	for c, col := range j.take {
		at := len(j.keep) + c
		j.out.Cols[at] = append(j.out.Cols[at], j.c.cols[col]...)
	}
	for _, f := range j.fill {
		dst := j.out.Cols[f[0]][start:]
		for i, id := range j.c.cols[f[1]] {
			if dst[i] == kg.Any {
				dst[i] = id
			}
		}
	}
	if j.b.Mult == nil && len(j.c.mult) == 0 && !j.out.weighted {
		j.out.N += len(j.c.left)
		return
	}
	for i, l := range j.c.left {
		m := j.b.mult(int(l))
		if len(j.c.mult) > 0 {
			m *= j.c.mult[i]
		}
		j.out.weigh(&j.mult, m)
		j.out.N++
	}
}

// alone hands on a left row without a right one.
func (j *joinOp) alone(i int) {
	for c, col := range j.keep {
		j.out.Cols[c] = append(j.out.Cols[c], j.b.Cols[col][i])
	}
	for c := len(j.keep); c < len(j.names); c++ {
		j.out.Cols[c] = append(j.out.Cols[c], kg.Any)
	}
	j.out.weigh(&j.mult, j.b.mult(i))
	j.out.N++
}

// hashPairs holds the right side in a table.
type hashPairs struct {
	base
	in    op
	keys  []int // right columns
	lkeys []int // left columns
	built bool
	table *idtable.Table
	head  []int32 // per key: first row, -1 for none
	link  []int32 // per row: next row with the key
	rows  Batch
	n     int
	key   []kg.ID

	b   *Batch
	row int
	at  int32
}

func (h *hashPairs) rightVars() []string { return h.in.vars() }
func (h *hashPairs) close() {
	h.in.close()
	h.release()
}

func (h *hashPairs) plan() *Plan { return h.in.plan() }

func (h *hashPairs) build() error {
	h.built = true
	h.table = idtable.New(len(h.keys))
	h.rows.Cols = make([][]kg.ID, len(h.in.vars()))
	h.key = make([]kg.ID, len(h.keys))
	for {
		b, err := h.in.next()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := h.env.Check(h.node.Op); err != nil {
			return err
		}
		if b.Mult != nil && h.rows.Mult == nil {
			h.rows.Mult = make([]int64, h.n)
			for i := range h.rows.Mult {
				h.rows.Mult[i] = 1
			}
		}
		for c := range h.rows.Cols {
			h.rows.Cols[c] = append(h.rows.Cols[c], b.Cols[c][:b.N]...)
		}
		for i := range b.N {
			if h.rows.Mult != nil {
				h.rows.Mult = append(h.rows.Mult, b.mult(i))
			}
			var k int
			if len(h.keys) == 1 {
				k, _ = h.table.Insert1(b.Cols[h.keys[0]][i])
			} else {
				for c, col := range h.keys {
					h.key[c] = b.Cols[col][i]
				}
				k, _ = h.table.Insert(h.key)
			}
			if k == len(h.head) {
				h.head = append(h.head, -1)
			}
			h.link = append(h.link, h.head[k])
			h.head[k] = int32(h.n)
			h.n++
		}
		held := h.table.Bytes() + int64(cap(h.head)+cap(h.link))*4 + int64(h.n)*int64(len(h.rows.Cols))*8 + int64(len(h.rows.Mult))*8
		if err := h.hold(held); err != nil {
			return err
		}
	}
	return nil
}

func (h *hashPairs) start(b *Batch) error {
	if !h.built {
		if err := h.build(); err != nil {
			return err
		}
	}
	h.b, h.row, h.at = b, -1, -1
	return nil
}

func (h *hashPairs) next(c *candidates) error {
	steps := 0
	for len(c.left) < BatchRows {
		if h.at < 0 {
			h.row++
			if h.row >= h.b.N {
				return nil
			}
			h.at = h.find(h.row)
			continue
		}
		i := h.at
		h.at = h.link[i]
		c.left = append(c.left, int32(h.row))
		for k, col := range h.rows.Cols {
			c.cols[k] = append(c.cols[k], col[i])
		}
		if h.rows.Mult != nil {
			c.mult = append(c.mult, h.rows.Mult[i])
		}
		if steps++; steps&4095 == 0 {
			if err := h.env.Check(h.node.Op); err != nil {
				return err
			}
		}
	}
	return nil
}

// find returns the first right row with the key of a left row, or -1.
func (h *hashPairs) find(row int) int32 {
	if h.n == 0 {
		return -1
	}
	k := -1
	if len(h.lkeys) == 1 {
		k = h.table.Find1(h.b.Cols[h.lkeys[0]][row])
	} else {
		for c, col := range h.lkeys {
			h.key[c] = h.b.Cols[col][row]
		}
		k = h.table.Find(h.key)
	}
	if k < 0 {
		return -1
	}
	return h.head[k]
}

// seedOp hands the current left batch of a seeded join to the right side.
type seedOp struct {
	base
	cols []int // columns of the left batch
	b    *Batch
	out  Batch
	rows []kg.ID
}

// rowVar is the hidden column that tells which left row a seeded row is from.
const rowVar = "#row"

func (s *seedOp) close() {}
func (s *seedOp) next() (*Batch, error) {
	b := s.b
	s.b = nil
	if b == nil || b.N == 0 {
		return nil, nil
	}
	s.out.N = b.N
	s.out.Cols = s.out.Cols[:0]
	for _, c := range s.cols {
		s.out.Cols = append(s.out.Cols, b.Cols[c][:b.N])
	}
	s.rows = s.rows[:0]
	for i := range b.N {
		s.rows = append(s.rows, kg.ID(i+1))
	}
	s.out.Cols = append(s.out.Cols, s.rows)
	return &s.out, nil
}

// seededPairs runs the right side on every left batch.
type seededPairs struct {
	seed *seedOp
	in   op
	row  int // column of the row number
	vars []string
	cols []int
}

func (s *seededPairs) rightVars() []string { return s.vars }
func (s *seededPairs) close()              { s.in.close() }
func (s *seededPairs) plan() *Plan         { return s.in.plan() }
func (s *seededPairs) start(b *Batch) error {
	s.seed.b = b
	return nil
}

func (s *seededPairs) next(c *candidates) error {
	b, err := s.in.next()
	if err != nil || b == nil {
		return err
	}
	for i := range b.N {
		c.left = append(c.left, int32(b.Cols[s.row][i])-1)
		if b.Mult != nil {
			c.mult = append(c.mult, b.Mult[i])
		}
	}
	for k, col := range s.cols {
		c.cols[k] = append(c.cols[k], b.Cols[col][:b.N]...)
	}
	return nil
}

// condition is a conjunction compiled for the columns of a batch.
type condition struct {
	env   *Env
	tests []expr.Eval
	ctx   *expr.Ctx
	keep  []bool
	fetch *prefetch
}

func (c *condition) eval(b *Batch) ([]bool, error) {
	c.keep = c.keep[:0]
	if err := c.fetch.load(b); err != nil {
		return nil, err
	}
	c.ctx.Cols = b.Cols
	for i := range b.N {
		c.ctx.Row = i
		ok := true
		for _, t := range c.tests {
			if ok = expr.Truth(t, c.ctx); !ok {
				break
			}
		}
		c.keep = append(c.keep, ok)
	}
	if c.ctx.Fail != nil {
		return nil, c.ctx.Fail
	}
	return c.keep, nil
}
