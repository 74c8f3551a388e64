package access

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// lookupOp joins its input with a pattern through an index. The keys of a
// batch are looked up in ascending order, each distinct key once, so that a
// sorted input turns it into a merge join that skips.
type lookupOp struct {
	run.Base
	in   run.Op
	mode run.Mode
	p    *pattern
	f    *quads
	keep []int      // input columns that are handed on
	key  []int      // input column of every key position
	new  []position // positions that give new columns
	seek seeker

	b      *run.Batch
	perm   []int32
	at     int     // next group of equal keys in perm
	lo, hi int     // the current group
	row    int     // next row of the group to be joined with the chunk
	chunk  run.Out // matches of the current key
	weight []int64
	more   bool // the key has further matches
	cur    [4]kg.ID
	graph  int // input column that the graph must equal, or -1
	out    run.Out
	mult   []int64
}

// Lookup joins in with a pattern. At least one variable of the pattern is
// bound in every row of in.
func Lookup(env *run.Env, in run.Op, g algebra.GraphRef, t algebra.Triple, mode run.Mode, est float64, bound, need algebra.Set) (run.Op, error) {
	p, err := newPattern(env, g, t)
	if err != nil {
		return nil, err
	}
	l := &lookupOp{Base: run.Base{Env: env}, in: in, mode: mode, p: p, f: newQuads(p)}
	for i, v := range in.Vars() {
		if need.Has(v) {
			l.Names = append(l.Names, v)
			l.keep = append(l.keep, i)
		}
	}
	var first []position
	fixed := kg.Quad(p.fixed)
	for pos := posS; pos <= posO; pos++ {
		if pos.of(&fixed) != kg.Any {
			first = append(first, pos)
		}
	}
	// A graph variable that is bound is compared, no index starts with it.
	l.graph = -1
	if v := p.vars[posG]; v != "" {
		l.graph = run.Column(in.Vars(), v)
	}
	for pos := posS; pos <= posO; pos++ {
		v := p.vars[pos]
		if v != "" && bound.Has(v) && run.Column(in.Vars(), v) >= 0 {
			first = append(first, pos)
			l.seek.keys = append(l.seek.keys, pos)
			l.key = append(l.key, run.Column(in.Vars(), v))
		}
	}
	for pos := posS; pos <= posG; pos++ {
		v := p.vars[pos]
		if v == "" || slices.Contains(in.Vars(), v) || !need.Has(v) || slices.Contains(l.Names, v) {
			continue
		}
		if mode == run.Inner || mode == run.Outer {
			l.Names = append(l.Names, v)
			l.new = append(l.new, pos)
		}
	}
	l.seek.env, l.seek.p, l.seek.o = env, p.fixed, orderFor(first)
	l.Node = run.NewPlan(mode.Prefix()+"LookupJoin", l.seek.o.String()+g.String()+" "+t.String(), est, in)
	for _, v := range in.Sorted() {
		// Rows keep their order as long as the keys do.
		if len(l.key) == 0 || in.Vars()[l.key[0]] != in.Sorted()[0] || !slices.Contains(l.Names, v) {
			break
		}
		l.Order = append(l.Order, v)
	}
	if len(l.Order) > 1 {
		l.Order = l.Order[:1] // equal first keys may be reordered by the others
	}
	l.out, l.chunk = run.NewOut(len(l.Names)), run.NewOut(len(l.new))
	return l, nil
}

func (l *lookupOp) Close() {
	l.seek.Close()
	l.in.Close()
}

// sortKeys orders the rows of the batch by key.
func (l *lookupOp) sortKeys() {
	n := l.b.N
	l.perm = l.perm[:0]
	for i := range n {
		l.perm = append(l.perm, int32(i))
	}
	cols := l.key
	if l.graph >= 0 {
		cols = append(cols[:len(cols):len(cols)], l.graph)
	}
	if len(cols) == 0 {
		return
	}
	first := l.b.Cols[cols[0]]
	cmp := func(a, b int32) int {
		if x, y := first[a], first[b]; x != y {
			if x < y {
				return -1
			}
			return 1
		}
		for _, k := range cols[1:] {
			if x, y := l.b.Cols[k][a], l.b.Cols[k][b]; x != y {
				if x < y {
					return -1
				}
				return 1
			}
		}
		return int(a - b)
	}
	for i := 1; i < n; i++ {
		if cmp(int32(i-1), int32(i)) > 0 {
			slices.SortFunc(l.perm, cmp)
			return
		}
	}
}

func (l *lookupOp) keyOf(row int32) (k [4]kg.ID) {
	for c, col := range l.key {
		k[c] = l.b.Cols[col][row]
	}
	if l.graph >= 0 {
		k[3] = l.b.Cols[l.graph][row]
	}
	return k
}

func (l *lookupOp) Next() (*run.Batch, error) {
	l.out.Reset()
	l.mult = l.mult[:0]
	for {
		if l.b == nil {
			var err error
			if l.b, err = l.in.Next(); err != nil {
				return nil, err
			}
			if l.b == nil {
				break
			}
			l.sortKeys()
			l.at, l.lo, l.hi, l.more = 0, 0, 0, false
		}
		for l.out.N < run.BatchRows {
			ok, err := l.step()
			if err != nil {
				return nil, err
			}
			if !ok {
				l.b = nil
				break
			}
		}
		if l.out.N >= run.BatchRows {
			break
		}
		if err := l.Env.Check(l.Node.Op); err != nil {
			return nil, err
		}
	}
	if l.out.N == 0 {
		return nil, nil
	}
	return &l.out.Batch, nil
}

// step joins one row with the chunk, or reads the next chunk or key; false at
// the end of the batch.
func (l *lookupOp) step() (bool, error) {
	if l.row < l.hi {
		l.emit(int(l.perm[l.row]))
		l.row++
		return true, nil
	}
	if l.more {
		if err := l.fill(); err != nil {
			return false, err
		}
		l.row = l.lo
		if l.chunk.N == 0 {
			l.row = l.hi
		}
		return true, nil
	}
	if l.at == len(l.perm) {
		return false, nil
	}
	l.lo = l.at
	l.cur = l.keyOf(l.perm[l.at])
	for l.at++; l.at < len(l.perm) && l.keyOf(l.perm[l.at]) == l.cur; l.at++ {
	}
	l.hi, l.row = l.at, l.at
	l.chunk.N = 0
	missing := l.p.none
	for c := range l.key {
		missing = missing || run.Missing(l.cur[c])
	}
	if !missing {
		if err := l.seek.seek(l.cur[:len(l.key)]); err != nil {
			return false, err
		}
		l.f.last = kg.Quad{}
		if err := l.fill(); err != nil {
			return false, err
		}
	}
	switch l.mode {
	case run.Inner:
		if l.chunk.N > 0 {
			l.row = l.lo
		}
	case run.Outer:
		l.row = l.lo // an empty chunk gives the row alone
	case run.Semi, run.Anti:
		if (l.chunk.N > 0) == (l.mode == run.Semi) {
			l.row = l.lo
		}
		l.chunk.N, l.more = 0, false
	}
	return true, nil
}

// fill reads matches of the current key into the chunk.
func (l *lookupOp) fill() error {
	l.chunk.Reset()
	l.weight = l.weight[:0]
	l.more = false
	plain := l.f.plain()
	for steps := 0; ; steps++ {
		if l.chunk.N == run.BatchRows {
			l.more = true
			return nil
		}
		if steps&4095 == 4095 {
			if err := l.Env.Check(l.Node.Op); err != nil {
				return err
			}
		}
		q, err := l.seek.head(l.cur[:len(l.key)])
		if err != nil || q == nil {
			return err
		}
		l.seek.i++
		if !plain && !l.f.accept(q) {
			continue
		}
		if l.graph >= 0 && q.G != l.cur[3] {
			continue
		}
		if n := l.chunk.N; n > 0 {
			same := true
			for c, pos := range l.new {
				if l.chunk.Cols[c][n-1] != pos.of(q) {
					same = false
					break
				}
			}
			if same {
				l.weight[n-1]++
				continue
			}
		}
		for c, pos := range l.new {
			l.chunk.Cols[c] = append(l.chunk.Cols[c], pos.of(q))
		}
		l.weight = append(l.weight, 1)
		l.chunk.N++
		if l.mode == run.Semi || l.mode == run.Anti {
			return nil
		}
	}
}

// emit joins a row with the chunk.
func (l *lookupOp) emit(row int) {
	n := l.chunk.N
	m := l.b.Times(row)
	if n == 0 { // outer, semi or anti
		for c, col := range l.keep {
			l.out.Cols[c] = append(l.out.Cols[c], l.b.Cols[col][row])
		}
		for c := len(l.keep); c < len(l.Names); c++ {
			l.out.Cols[c] = append(l.out.Cols[c], kg.Any)
		}
		l.out.Weigh(&l.mult, m)
		l.out.N++
		return
	}
	for c, col := range l.keep {
		id, dst := l.b.Cols[col][row], l.out.Cols[c]
		for range n {
			dst = append(dst, id)
		}
		l.out.Cols[c] = dst
	}
	for c := range l.new {
		at := len(l.keep) + c
		l.out.Cols[at] = append(l.out.Cols[at], l.chunk.Cols[c][:n]...)
	}
	for i := range n {
		if w := run.Product(m, l.weight[i]); w != 1 || l.out.Weighted {
			l.out.Weigh(&l.mult, w)
		}
		l.out.N++
	}
}
