package access

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// position is a place in a quad.
type position uint8

const (
	posS position = iota
	posP
	posO
	posG
)

func (p position) of(q *kg.Quad) kg.ID {
	switch p {
	case posS:
		return q.S
	case posP:
		return q.P
	case posO:
		return q.O
	}
	return q.G
}

func (p position) set(q *kg.Quad, id kg.ID) {
	switch p {
	case posS:
		q.S = id
	case posP:
		q.P = id
	case posO:
		q.O = id
	case posG:
		q.G = id
	}
}

// orderPositions lists the columns of every order.
var orderPositions = [kg.Orders][4]position{
	kg.SPO: {posS, posP, posO, posG}, kg.SOP: {posS, posO, posP, posG},
	kg.PSO: {posP, posS, posO, posG}, kg.POS: {posP, posO, posS, posG},
	kg.OSP: {posO, posS, posP, posG}, kg.OPS: {posO, posP, posS, posG},
	kg.GSPO: {posG, posS, posP, posO},
}

// orderFor returns the triple order whose columns begin with the given ones.
func orderFor(first []position) kg.Order {
	for o := range kg.GSPO {
		if slices.Equal(orderPositions[o][:len(first)], first) {
			return o
		}
	}
	return kg.SPO
}

// pattern is a triple pattern resolved to ids.
type pattern struct {
	sel   run.Graph
	fixed kg.Pattern // constants; Any elsewhere
	none  bool       // a constant is not in the store: no match
	vars  [4]string  // variable of each position, or ""
}

func newPattern(env *run.Env, g algebra.GraphRef, t algebra.Triple) (*pattern, error) {
	p := &pattern{}
	var err error
	if p.sel, err = env.Select(g); err != nil {
		return nil, err
	}
	p.none = p.sel.None
	for i, r := range []algebra.Ref{t.S, t.P, t.O} {
		if r.IsVar() {
			p.vars[i] = r.Var
			continue
		}
		id, err := env.Terms.Intern(r.Term)
		if err != nil {
			return nil, err
		}
		p.none = p.none || run.Missing(id)
		position(i).set((*kg.Quad)(&p.fixed), id)
	}
	if g.Name.IsVar() {
		p.vars[posG] = g.Name.Var
	}
	p.fixed.G = p.sel.ID
	p.none = p.none || run.Missing(p.sel.ID)
	return p, nil
}

// quads reads the quads of a scan: the graph is checked, copies of a triple in
// several graphs are dropped, repeated variables are compared.
type quads struct {
	sel  *run.Graph
	same [][2]position // positions that must be equal
	last kg.Quad
}

func newQuads(p *pattern) *quads {
	q := &quads{sel: &p.sel}
	for i, v := range p.vars {
		if j := slices.Index(p.vars[:i], v); v != "" && j >= 0 {
			q.same = append(q.same, [2]position{position(j), position(i)})
		}
	}
	return q
}

// plain reports whether every quad is accepted.
func (f *quads) plain() bool { return len(f.same) == 0 && !f.sel.Filters() && !f.sel.Dedup }

func (f *quads) accept(q *kg.Quad) bool {
	if !f.sel.Accepts(q.G) {
		return false
	}
	for _, s := range f.same {
		if s[0].of(q) != s[1].of(q) {
			return false
		}
	}
	if f.sel.Dedup {
		if q.S == f.last.S && q.P == f.last.P && q.O == f.last.O {
			return false
		}
		f.last = *q
	}
	return true
}

// scanOp reads one pattern. Variables that nobody needs have no column; rows
// that become equal and follow each other are counted instead of repeated.
type scanOp struct {
	run.Base
	p        *pattern
	o        kg.Order
	f        *quads
	cols     []position
	collapse bool
	cur      kg.Cursor
	buf      []kg.Quad
	out      run.Out
	weights  []int64
	finished bool
}

// Scan reads a pattern in an index order; need are the variables that get
// columns.
func Scan(env *run.Env, g algebra.GraphRef, t algebra.Triple, o kg.Order, est float64, need algebra.Set) (run.Op, error) {
	p, err := newPattern(env, g, t)
	if err != nil {
		return nil, err
	}
	s := &scanOp{Base: run.Base{Env: env}, p: p, o: o, f: newQuads(p)}
	s.Node = run.NewPlan("Scan", o.String()+g.String()+" "+t.String(), est)
	sorted := true
	fixed := kg.Quad(p.fixed)
	for _, pos := range orderPositions[o] {
		v := p.vars[pos]
		if v == "" || slices.Contains(s.Names, v) {
			if v == "" && pos != posG && pos.of(&fixed) == kg.Any {
				sorted = false
			}
			continue
		}
		if !need.Has(v) {
			s.collapse = true
			sorted = false
			continue
		}
		s.Names = append(s.Names, v)
		s.cols = append(s.cols, pos)
		if sorted {
			s.Order = append(s.Order, v)
		}
	}
	s.out = run.NewOut(len(s.Names))
	return s, nil
}

func (s *scanOp) Close() {
	if s.cur != nil {
		s.cur.Close()
		s.cur = nil
	}
	s.finished = true
}

func (s *scanOp) Next() (*run.Batch, error) {
	if s.finished || s.p.none {
		return nil, nil
	}
	if s.cur == nil {
		s.cur = s.Env.Snap.Scan(s.Env.Context(), s.p.fixed, s.o)
		s.buf = make([]kg.Quad, run.BatchRows)
	}
	s.out.Reset()
	s.weights = s.weights[:0]
	plain := s.f.plain()
	for s.out.N == 0 || s.collapse && s.out.N < run.BatchRows/2 {
		if err := s.Env.Check("Scan"); err != nil {
			return nil, err
		}
		n := kg.NextBatch(s.cur, s.buf)
		if n == 0 {
			if err := s.cur.Err(); err != nil {
				return nil, s.Env.Fault("Scan", err)
			}
			s.Close()
			break
		}
		qs := s.buf[:n]
		if !plain {
			kept := qs[:0]
			for i := range qs {
				if s.f.accept(&qs[i]) {
					kept = append(kept, qs[i])
				}
			}
			qs = kept
		}
		if s.collapse {
			s.count(qs)
		} else {
			s.copy(qs)
		}
	}
	if s.out.N == 0 {
		return nil, nil
	}
	return &s.out.Batch, nil
}

func (s *scanOp) copy(qs []kg.Quad) {
	for c, pos := range s.cols {
		col := s.out.Cols[c]
		switch pos {
		case posS:
			for i := range qs {
				col = append(col, qs[i].S)
			}
		case posP:
			for i := range qs {
				col = append(col, qs[i].P)
			}
		case posO:
			for i := range qs {
				col = append(col, qs[i].O)
			}
		default:
			for i := range qs {
				col = append(col, qs[i].G)
			}
		}
		s.out.Cols[c] = col
	}
	s.out.N += len(qs)
}

// count adds quads, folding runs of equal rows.
func (s *scanOp) count(qs []kg.Quad) {
	for i := range qs {
		if n := s.out.N; n > 0 {
			same := true
			for c, pos := range s.cols {
				if s.out.Cols[c][n-1] != pos.of(&qs[i]) {
					same = false
					break
				}
			}
			if same {
				s.weights[n-1]++
				continue
			}
		}
		for c, pos := range s.cols {
			s.out.Cols[c] = append(s.out.Cols[c], pos.of(&qs[i]))
		}
		s.weights = append(s.weights, 1)
		s.out.N++
	}
	s.out.Mult = s.weights
}

// seeker finds quads by key in one order, keys mostly ascending.
type seeker struct {
	env  *run.Env
	p    kg.Pattern
	o    kg.Order
	keys []position // the columns after the constants
	cur  kg.Cursor
	buf  []kg.Quad
	i, n int
	size int // how much to read ahead
	hits int // seeks answered by the buffer
	last [3]kg.ID
	any  bool
	eof  bool
}

const (
	minAhead = 4
	maxAhead = 1024
)

func (s *seeker) Close() {
	if s.cur != nil {
		s.cur.Close()
		s.cur = nil
	}
	s.i, s.n, s.any, s.eof = 0, 0, false, false
}

func (s *seeker) compare(q *kg.Quad, key []kg.ID) int {
	for c, k := range key {
		if id := s.keys[c].of(q); id < k {
			return -1
		} else if id > k {
			return 1
		}
	}
	return 0
}

// seek moves to the first quad at or after the key. The key has as many
// columns as the seeker; nothing between two seeks moves back.
func (s *seeker) seek(key []kg.ID) error {
	if s.any {
		back := len(key) == 0
		for c, k := range key {
			if k != s.last[c] {
				back = k < s.last[c]
				break
			}
			back = c == len(key)-1 // the same key again: its quads are consumed
		}
		if back {
			s.Close()
		}
	}
	copy(s.last[:], key)
	s.any = true
	if s.cur == nil {
		s.cur = s.env.Snap.Scan(s.env.Context(), s.p, s.o)
		if s.buf == nil {
			s.buf = make([]kg.Quad, maxAhead)
			s.size = minAhead
		}
	}
	if s.n > 0 && s.compare(&s.buf[s.n-1], key) >= 0 {
		// Gallop inside the buffer.
		lo, step := s.i, 1
		for lo+step < s.n && s.compare(&s.buf[lo+step], key) < 0 {
			lo += step
			step *= 2
		}
		hi := min(lo+step, s.n-1)
		for lo < hi {
			m := (lo + hi) / 2
			if s.compare(&s.buf[m], key) < 0 {
				lo = m + 1
			} else {
				hi = m
			}
		}
		s.i = lo
		s.hits++
		return nil
	}
	if s.eof {
		s.i = s.n
		return nil
	}
	switch {
	case s.hits >= 2:
		s.size = min(s.size*2, maxAhead)
	case s.size > minAhead:
		s.size /= 2
	}
	s.hits = 0
	q := kg.Quad(s.p)
	for c, k := range key {
		s.keys[c].set(&q, k)
	}
	if s.p.G == kg.Any {
		q.G = 0
	}
	s.i, s.n = 0, 0
	if !s.cur.Seek(q) {
		s.eof = true
		return s.env.Fault("look-up", s.cur.Err())
	}
	s.buf[0] = s.cur.Quad()
	s.n = 1
	if s.size > 1 {
		s.n += kg.NextBatch(s.cur, s.buf[1:s.size])
	}
	return nil
}

// head returns the current quad if it has the key, else nil. advance moves on.
func (s *seeker) head(key []kg.ID) (*kg.Quad, error) {
	if s.i == s.n {
		if s.eof {
			return nil, nil
		}
		s.i, s.n = 0, kg.NextBatch(s.cur, s.buf)
		s.hits = 2
		if s.n == 0 {
			s.eof = true
			return nil, s.env.Fault("look-up", s.cur.Err())
		}
	}
	if q := &s.buf[s.i]; s.compare(q, key) == 0 {
		return q, nil
	}
	return nil, nil
}
