package access

import (
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// multiwayOp joins triple patterns one variable at a time: the values of a
// variable are the intersection of what every pattern that has it allows,
// given the variables before it (leapfrog triejoin, Veldhuizen, ICDT 2014; the
// smallest list drives and the others are probed, as in Ngo, Ré and Rudra,
// SIGMOD Record 2013). Its work is within the largest possible result, which no
// plan of two-way joins guarantees for cycles.
type multiwayOp struct {
	run.Base
	graph algebra.GraphRef
	tries []*trie
	parts [][]part // per variable
	cols  []int    // depth of every output column
	need  []bool   // per depth
	ready bool
	ended bool
	depth int
	iters []iter
	value []kg.ID
	steps int
	out   run.Out
	mult  []int64
}

// trie is a pattern as nested sorted lists: the keys of a level and, for each,
// the range of its children in the next.
type trie struct {
	*lists
	p      *pattern
	o      kg.Order
	pos    []position // of the levels
	at     []int32    // current key per level
	probed bool       // level 0 is met at a later depth
}

// lists are the quads of a trie. Patterns that differ only in the names of
// their variables share them.
type lists struct {
	keys  [][]kg.ID
	off   [][]int32
	index *idtable.Table // keys of level 0, if they are probed
}

// listKey is what decides the lists of a trie.
type listKey struct {
	p kg.Pattern
	o kg.Order
	n int
}

// part is a pattern that has the variable of a depth, at some level.
type part struct {
	t     *trie
	level int
}

// iter is the state of one depth.
type iter struct {
	drive  int // index of the part whose keys are walked
	lo, hi int32
	pos    []int32 // per part: where to go on searching
	end    []int32
}

// Multiway joins the patterns of n.
func Multiway(env *run.Env, n *algebra.Multiway, need algebra.Set) (run.Op, error) {
	m := &multiwayOp{Base: run.Base{Env: env}, graph: n.Graph}
	m.Node = run.NewPlan("Multiway", algebra.Label(n)[len("multiway"):], n.Est)
	m.parts = make([][]part, len(n.Vars))
	m.value = make([]kg.ID, len(n.Vars))
	m.iters = make([]iter, len(n.Vars))
	for _, t := range n.Triples {
		p, err := newPattern(env, n.Graph, t)
		if err != nil {
			return nil, err
		}
		tr := &trie{p: p}
		var first []position
		fixed := kg.Quad(p.fixed)
		for pos := posS; pos <= posO; pos++ {
			if pos.of(&fixed) != kg.Any {
				first = append(first, pos)
			}
		}
		for d, v := range n.Vars {
			pos := slices.Index(p.vars[:3], v)
			if pos < 0 {
				continue
			}
			if slices.Index(p.vars[pos+1:], v) >= 0 {
				return nil, fmt.Errorf("sparql: pattern %s repeats a variable in a multiway join", t)
			}
			first = append(first, position(pos))
			m.parts[d] = append(m.parts[d], part{tr, len(tr.pos)})
			tr.probed = tr.probed || len(tr.pos) == 0 && d > 0
			tr.pos = append(tr.pos, position(pos))
		}
		tr.o = orderFor(first)
		tr.at = make([]int32, len(tr.pos))
		m.tries = append(m.tries, tr)
	}
	for d, v := range n.Vars {
		m.need = append(m.need, need.Has(v))
		if need.Has(v) {
			m.Names = append(m.Names, v)
			m.cols = append(m.cols, d)
		}
	}
	for d, v := range n.Vars {
		if !m.need[d] {
			break
		}
		m.Order = append(m.Order, v)
	}
	m.out = run.NewOut(len(m.Names))
	return m, nil
}

func (m *multiwayOp) Close() {
	m.tries, m.ended = nil, true
	m.Release()
}

// load reads a pattern into its trie.
func (m *multiwayOp) load(t *trie) error {
	k := len(t.pos)
	t.keys, t.off = make([][]kg.ID, k), make([][]int32, k)
	if t.p.none {
		return nil
	}
	var last [3]kg.ID
	var fault error
	n := 0
	f := newQuads(t.p)
	cur := m.Env.Snap.Scan(m.Env.Context(), t.p.fixed, t.o)
	defer cur.Close()
	buf := make([]kg.Quad, run.BatchRows)
	for {
		c := kg.NextBatch(cur, buf)
		if c == 0 {
			break
		}
		if fault = m.Env.Check("Multiway"); fault != nil {
			return fault
		}
		for i := range buf[:c] {
			q := &buf[i]
			if !f.plain() && !f.accept(q) {
				continue
			}
			same := n > 0
			for l, pos := range t.pos {
				id := pos.of(q)
				if same && id == last[l] {
					continue
				}
				same = false
				last[l] = id
				if l+1 < k {
					t.off[l] = append(t.off[l], int32(len(t.keys[l+1])))
				}
				t.keys[l] = append(t.keys[l], id)
			}
			n++
		}
		if err := m.Charge(int64(c) * int64(k) * 10); err != nil {
			return err
		}
	}
	for l := range k - 1 {
		t.off[l] = append(t.off[l], int32(len(t.keys[l+1])))
	}
	return m.Env.Fault("Multiway", cur.Err())
}

func (m *multiwayOp) Next() (*run.Batch, error) {
	if m.ended {
		return nil, nil
	}
	if !m.ready {
		seen := map[listKey]*lists{}
		for _, t := range m.tries {
			key := listKey{t.p.fixed, t.o, len(t.pos)}
			if t.lists = seen[key]; t.lists == nil {
				t.lists = &lists{}
				seen[key] = t.lists
				if err := m.load(t); err != nil {
					return nil, err
				}
			}
			if t.probed && t.index == nil {
				t.index = idtable.New(1)
				for _, id := range t.keys[0] {
					t.index.Insert1(id)
				}
				if err := m.Charge(t.index.Bytes()); err != nil {
					return nil, err
				}
			}
		}
		m.ready = true
		m.enter(0)
	}
	m.out.Reset()
	m.mult = m.mult[:0]
	last := len(m.parts) - 1
	for m.out.N < run.BatchRows {
		if m.steps++; m.steps&4095 == 0 {
			if err := m.Env.Check("Multiway"); err != nil {
				return nil, err
			}
		}
		if m.depth == last && !m.need[last] {
			if n := m.countLast(); n > 0 {
				m.emit(n)
			}
			if m.depth--; m.depth < 0 {
				m.ended = true
				break
			}
			continue
		}
		if !m.advance() {
			if m.depth--; m.depth < 0 {
				m.ended = true
				break
			}
			continue
		}
		if m.depth == last {
			m.emit(1)
			continue
		}
		m.depth++
		m.enter(m.depth)
	}
	if m.out.N == 0 {
		return nil, nil
	}
	return &m.out.Batch, nil
}

// rangeOf returns the keys of a part that are open at its depth.
func (p part) rangeOf() (lo, hi int32) {
	if p.level == 0 {
		return 0, int32(len(p.t.keys[0]))
	}
	at := p.t.at[p.level-1]
	off := p.t.off[p.level-1]
	return off[at], off[at+1]
}

func (m *multiwayOp) enter(d int) {
	it := &m.iters[d]
	it.pos, it.end = it.pos[:0], it.end[:0]
	it.drive = 0
	best := int32(-1)
	for i, p := range m.parts[d] {
		lo, hi := p.rangeOf()
		it.pos, it.end = append(it.pos, lo), append(it.end, hi)
		if n := hi - lo; best < 0 || n < best {
			best, it.drive = n, i
		}
	}
	it.lo, it.hi = it.pos[it.drive], it.end[it.drive]
}

// advance moves the current depth to its next value.
func (m *multiwayOp) advance() bool {
	d := m.depth
	it := &m.iters[d]
	parts := m.parts[d]
	drive := parts[it.drive]
	keys := drive.t.keys[drive.level]
next:
	for it.lo < it.hi {
		at := it.lo
		it.lo++
		id := keys[at]
		for i, p := range parts {
			if i == it.drive {
				continue
			}
			if p.level == 0 && p.t.probed {
				j := p.t.index.Find1(id)
				if j < 0 {
					continue next
				}
				p.t.at[0] = int32(j)
				continue
			}
			j := gallop(p.t.keys[p.level], it.pos[i], it.end[i], id)
			it.pos[i] = j
			if j == it.end[i] {
				it.lo = it.hi // nothing further can match
				return false
			}
			if p.t.keys[p.level][j] != id {
				continue next
			}
			p.t.at[p.level] = j
		}
		drive.t.at[drive.level] = at
		m.value[d] = id
		return true
	}
	return false
}

// gallop returns the first position in [lo,hi) whose key is at least id.
func gallop(keys []kg.ID, lo, hi int32, id kg.ID) int32 {
	if lo >= hi || keys[lo] >= id {
		return lo
	}
	step := int32(1)
	for lo+step < hi && keys[lo+step] < id {
		lo += step
		step *= 2
	}
	end := min(lo+step, hi)
	for lo++; lo < end; {
		mid := (lo + end) / 2
		if keys[mid] < id {
			lo = mid + 1
		} else {
			end = mid
		}
	}
	return lo
}

// countLast counts the values of the last depth, which nobody needs.
func (m *multiwayOp) countLast() (n int64) {
	it := &m.iters[m.depth]
	parts := m.parts[m.depth]
	switch {
	case len(parts) == 1:
		return int64(it.hi - it.lo)
	case len(parts) == 2 && parts[0].level > 0 && parts[1].level > 0:
		x := parts[0].t.keys[parts[0].level][it.pos[0]:it.end[0]]
		y := parts[1].t.keys[parts[1].level][it.pos[1]:it.end[1]]
		m.steps += (len(x) + len(y)) / 16
		return intersect(x, y)
	}
	for m.advance() {
		n++
	}
	return n
}

// intersect counts the common ids of two sorted lists.
func intersect(x, y []kg.ID) (n int64) {
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y) > 32*len(x) {
		at := int32(0)
		for _, id := range x {
			at = gallop(y, at, int32(len(y)), id)
			if int(at) == len(y) {
				break
			}
			if y[at] == id {
				n++
			}
		}
		return n
	}
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		a, b := x[i], y[j]
		if a == b {
			n++
		}
		if a <= b {
			i++
		}
		if b <= a {
			j++
		}
	}
	return n
}

// emit hands on the current values; a row equal to the one before only counts.
func (m *multiwayOp) emit(times int64) {
	if n := m.out.N; n > 0 {
		same := true
		for c, d := range m.cols {
			if m.out.Cols[c][n-1] != m.value[d] {
				same = false
				break
			}
		}
		if same {
			m.mult[n-1] += times
			return
		}
	}
	for c, d := range m.cols {
		m.out.Cols[c] = append(m.out.Cols[c], m.value[d])
	}
	m.mult = append(m.mult, times)
	m.out.N++
	m.out.Mult = m.mult
}
