package rows

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// Pairs finds candidates for a join: rows of the right side that may go with
// rows of the current left batch.
type Pairs interface {
	// start begins with a new left batch.
	start(b *run.Batch) error
	// next appends candidates, at least one unless there are no more: the left
	// row of each, and the right columns.
	next(c *candidates) error
	rightVars() []string
	Plan() *run.Plan
	Close()
}

// candidates are pairs of a left row and a right row.
type candidates struct {
	left []int32
	cols [][]kg.ID // right columns
	mult []int64   // how often the right row counts
}

func (c *candidates) Reset() {
	c.left, c.mult = c.left[:0], c.mult[:0]
	for i := range c.cols {
		c.cols[i] = c.cols[i][:0]
	}
}

// joinOp joins its left input with pairs. Shared variables that pairs did not
// compare, because one side may leave them unbound, are compared here.
type joinOp struct {
	run.Base
	left  run.Op
	right Pairs
	mode  run.Mode
	minus bool // anti; only pairs that share a bound variable count

	keep   []int    // left columns handed on
	take   []int    // right columns that give new columns
	fill   [][2]int // output column, right column: bound by the right if the left left it open
	check  [][2]int // left column, right column: must agree where both are bound
	shared [][2]int // for minus: all shared variables
	cond   *Condition
	merged run.Batch // columns for cond: left, then new right ones
	mcols  [][2]int

	b       *run.Batch
	matched []bool
	c       candidates
	ended   bool
	tail    int // next unmatched row to hand on
	out     run.Out
	mult    []int64
}

// JoinSpec describes a join of a left input with pairs.
type JoinSpec struct {
	Name, Detail string
	Mode         run.Mode
	Minus        bool // Anti; only pairs that share a bound variable count
	// Known are the shared variables that the pairs agree on already.
	Known []string
	// Compile makes the condition for the merged columns; nil if there is none.
	Compile func(names []string) (*Condition, error)
	Est     float64
	Need    algebra.Set // variables that get columns
}

// Join joins left with pairs.
func Join(env *run.Env, left run.Op, right Pairs, spec JoinSpec) (run.Op, error) {
	j := &joinOp{Base: run.Base{Env: env}, left: left, right: right, mode: spec.Mode, minus: spec.Minus}
	name := spec.Mode.Prefix() + spec.Name
	if spec.Name == "Minus" {
		name = spec.Name
	}
	j.Node = run.NewPlan(name, spec.Detail, spec.Est, left)
	if p := right.Plan(); p != nil {
		j.Node.Children = append(j.Node.Children, p)
	}
	need, known, mode := spec.Need, spec.Known, spec.Mode
	lv, rv := left.Vars(), right.rightVars()
	for i, v := range lv {
		if need.Has(v) {
			j.Names = append(j.Names, v)
			j.keep = append(j.keep, i)
		}
	}
	var mnames []string
	for i, v := range lv {
		mnames = append(mnames, v)
		j.mcols = append(j.mcols, [2]int{i, run.Column(rv, v)})
	}
	for i, v := range rv {
		l := run.Column(lv, v)
		if l >= 0 {
			j.shared = append(j.shared, [2]int{l, i})
			if slices.Contains(known, v) {
				continue
			}
			j.check = append(j.check, [2]int{l, i})
			if at := run.Column(j.Names, v); at >= 0 && mode <= run.Outer {
				j.fill = append(j.fill, [2]int{at, i})
			}
			continue
		}
		mnames = append(mnames, v)
		j.mcols = append(j.mcols, [2]int{-1, i})
		if need.Has(v) && mode <= run.Outer {
			j.Names = append(j.Names, v)
			j.take = append(j.take, i)
		}
	}
	if spec.Compile != nil {
		var err error
		if j.cond, err = spec.Compile(mnames); err != nil {
			return nil, err
		}
		j.merged.Cols = make([][]kg.ID, len(mnames))
	}
	for _, v := range left.Sorted() {
		if !slices.Contains(j.Names, v) || mode == run.Outer || len(j.check) > 0 {
			break
		}
		j.Order = append(j.Order, v)
	}
	j.c.cols = make([][]kg.ID, len(rv))
	j.out = run.NewOut(len(j.Names))
	return j, nil
}

func (j *joinOp) Close() {
	j.left.Close()
	j.right.Close()
	j.Release()
}

func (j *joinOp) Next() (*run.Batch, error) {
	j.out.Reset()
	j.mult = j.mult[:0]
	for j.out.N < run.BatchRows {
		if j.b == nil {
			b, err := j.left.Next()
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
		if err := j.Env.Check(j.Node.Op); err != nil {
			return nil, err
		}
		if !j.ended {
			j.c.Reset()
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
		if j.mode != run.Inner {
			for j.tail < j.b.N && j.out.N < run.BatchRows {
				i := j.tail
				j.tail++
				if j.matched[i] == (j.mode == run.Semi) {
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
	if j.mode != run.Inner {
		for _, l := range j.c.left {
			j.matched[l] = true
		}
	}
	if j.mode <= run.Outer {
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
	if j.b.Mult == nil && len(j.c.mult) == 0 && !j.out.Weighted {
		j.out.N += len(j.c.left)
		return
	}
	for i, l := range j.c.left {
		m := j.b.Times(int(l))
		if len(j.c.mult) > 0 {
			m = run.Product(m, j.c.mult[i])
		}
		j.out.Weigh(&j.mult, m)
		j.out.N++
	}
}

// alone hands on a left row without a right one.
func (j *joinOp) alone(i int) {
	for c, col := range j.keep {
		j.out.Cols[c] = append(j.out.Cols[c], j.b.Cols[col][i])
	}
	for c := len(j.keep); c < len(j.Names); c++ {
		j.out.Cols[c] = append(j.out.Cols[c], kg.Any)
	}
	j.out.Weigh(&j.mult, j.b.Times(i))
	j.out.N++
}

// hashPairs holds the right side in a table.
type hashPairs struct {
	run.Base
	in    run.Op
	keys  []int // right columns
	lkeys []int // left columns
	built bool
	table *idtable.Table
	head  []int32 // per key: first row, -1 for none
	link  []int32 // per row: next row with the key
	rows  run.Batch
	n     int
	key   []kg.ID

	b   *run.Batch
	row int
	at  int32
}

// Hash returns pairs from a table of in; keys are the columns of in that must
// equal the left columns in leftKeys.
func Hash(env *run.Env, name string, in run.Op, keys, leftKeys []int) Pairs {
	return &hashPairs{Base: run.Base{Env: env, Node: run.NewPlan(name, "", -1)}, in: in, keys: keys, lkeys: leftKeys}
}

func (h *hashPairs) rightVars() []string { return h.in.Vars() }
func (h *hashPairs) Close() {
	h.in.Close()
	h.Release()
}

func (h *hashPairs) Plan() *run.Plan { return h.in.Plan() }

func (h *hashPairs) build() error {
	h.built = true
	h.table = idtable.New(len(h.keys))
	h.rows.Cols = make([][]kg.ID, len(h.in.Vars()))
	h.key = make([]kg.ID, len(h.keys))
	for {
		b, err := h.in.Next()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := h.Env.Check(h.Node.Op); err != nil {
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
				h.rows.Mult = append(h.rows.Mult, b.Times(i))
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
		if err := h.Hold(held); err != nil {
			return err
		}
	}
	return nil
}

func (h *hashPairs) start(b *run.Batch) error {
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
	for len(c.left) < run.BatchRows {
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
			if err := h.Env.Check(h.Node.Op); err != nil {
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

// Seed hands the current left batch of a seeded join to the right side.
type Seed struct {
	run.Base
	cols []int // columns of the left batch
	b    *run.Batch
	out  run.Batch
	rows []kg.ID
}

// RowVar is the hidden column that tells which left row a seeded row is from.
const RowVar = "#row"

// NewSeed returns the seed for some columns of the left input.
func NewSeed(env *run.Env, detail string, vars []string, cols []int) *Seed {
	s := &Seed{cols: cols}
	s.Env, s.Node = env, run.NewPlan("Seed", detail, -1)
	s.Names = append(append(s.Names, vars...), RowVar)
	return s
}

// Close is part of run.Op.
func (s *Seed) Close() {}

// Next is part of run.Op.
func (s *Seed) Next() (*run.Batch, error) {
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
	seed *Seed
	in   run.Op
	row  int // column of the row number
	vars []string
	cols []int
}

// Seeded returns pairs made by running in, which begins with the seed, on every
// left batch.
func Seeded(seed *Seed, in run.Op) Pairs {
	p := &seededPairs{seed: seed, in: in, row: run.Column(in.Vars(), RowVar)}
	for i, v := range in.Vars() {
		// Seeded variables are the left row's own.
		if v != RowVar && !slices.Contains(seed.Names, v) {
			p.vars = append(p.vars, v)
			p.cols = append(p.cols, i)
		}
	}
	return p
}

func (s *seededPairs) rightVars() []string { return s.vars }
func (s *seededPairs) Close()              { s.in.Close() }
func (s *seededPairs) Plan() *run.Plan     { return s.in.Plan() }
func (s *seededPairs) start(b *run.Batch) error {
	s.seed.b = b
	return nil
}

func (s *seededPairs) next(c *candidates) error {
	b, err := s.in.Next()
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

// Condition is a conjunction compiled for the columns of a batch.
type Condition struct {
	Env   *run.Env
	Tests []expr.Eval
	Ctx   *expr.Ctx
	Fetch *Prefetch
	keep  []bool
}

func (c *Condition) eval(b *run.Batch) ([]bool, error) {
	c.keep = c.keep[:0]
	if err := c.Fetch.load(b); err != nil {
		return nil, err
	}
	c.Ctx.Cols = b.Cols
	for i := range b.N {
		if i&63 == 63 { // a pattern or a hash may take long
			if err := c.Env.Check("Filter"); err != nil {
				return nil, err
			}
		}
		c.Ctx.Row = i
		ok := true
		for _, t := range c.Tests {
			if ok = expr.Truth(t, c.Ctx); !ok {
				break
			}
		}
		c.keep = append(c.keep, ok)
	}
	return c.keep, c.Ctx.Fail
}
