package access

import (
	"errors"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

var errPath = errors.New("sparql: path is not a closure")

// pathOp extends its input by a closure path (p*, p+ or p?): from a bound end
// by a breadth-first search over sorted frontiers, each distinct end searched
// once; from no bound end, from every node that can start.
type pathOp struct {
	run.Base
	in   run.Op
	keep []int
	path *algebra.Repeat
	g    algebra.GraphRef
	sel  run.Graph

	sCol, oCol int   // input columns of bound ends, or -1
	sID, oID   kg.ID // constant ends, or Any
	newS, newO bool  // the end gives a new column
	same       bool  // both ends are one new variable

	forward, backward *searcher
	starts            []kg.ID // both ends open: nodes to start from
	started           bool

	b    *run.Batch
	row  int
	ends []kg.ID // of the row, or of the current start
	at   int
	s    int // next start
	from kg.ID
	out  run.Out
	mult []int64
}

// Path extends in by a closure path. Variables in bound have a value in every
// row of in.
func Path(env *run.Env, in run.Op, n *algebra.Path, est float64, bound, need algebra.Set) (run.Op, error) {
	rep, ok := n.Path.(*algebra.Repeat)
	if !ok {
		return nil, errPath
	}
	p := &pathOp{Base: run.Base{Env: env}, in: in, path: rep, g: n.Graph, sCol: -1, oCol: -1}
	p.Node = run.NewPlan("Path", algebra.Label(n)[len("path"):], est, in)
	var err error
	if p.sel, err = env.Select(n.Graph); err != nil {
		return nil, err
	}
	for i, v := range in.Vars() {
		if need.Has(v) {
			p.Names = append(p.Names, v)
			p.keep = append(p.keep, i)
		}
	}
	end := func(r algebra.Ref) (col int, id kg.ID, fresh bool, err error) {
		if !r.IsVar() {
			id, err = env.Terms.Intern(r.Term)
			return -1, id, false, err
		}
		if c := run.Column(in.Vars(), r.Var); c >= 0 && bound.Has(r.Var) {
			return c, kg.Any, false, nil
		}
		return -1, kg.Any, true, nil
	}
	if p.sCol, p.sID, p.newS, err = end(n.S); err != nil {
		return nil, err
	}
	if p.oCol, p.oID, p.newO, err = end(n.O); err != nil {
		return nil, err
	}
	if p.same = p.newS && p.newO && n.S.Var == n.O.Var; p.same {
		p.newO = false
	}
	// New ends have columns even if nobody needs them: their number counts.
	if p.newS {
		p.Names = append(p.Names, n.S.Var)
	}
	if p.newO {
		p.Names = append(p.Names, n.O.Var)
	}
	if p.forward, err = newSearcher(p, rep); err != nil {
		return nil, err
	}
	inv := algebra.Invert(rep).(*algebra.Repeat)
	if p.backward, err = newSearcher(p, inv); err != nil {
		return nil, err
	}
	p.out = run.NewOut(len(p.Names))
	return p, nil
}

func (p *pathOp) Close() {
	p.in.Close()
	p.forward.Close()
	p.backward.Close()
	p.Release()
}

func (p *pathOp) Next() (*run.Batch, error) {
	p.out.Reset()
	p.mult = p.mult[:0]
	for p.out.N < run.BatchRows {
		if p.at < len(p.ends) {
			p.emit(p.from, p.ends[p.at])
			p.at++
			continue
		}
		if p.b != nil && p.started && p.s < len(p.starts) {
			if err := p.open(p.starts[p.s]); err != nil {
				return nil, err
			}
			p.s++
			continue
		}
		if p.b != nil && p.row < p.b.N-1 {
			p.row++
			if err := p.begin(); err != nil {
				return nil, err
			}
			continue
		}
		b, err := p.in.Next()
		if err != nil {
			return nil, err
		}
		if p.b = b; b == nil {
			break
		}
		p.row = -1
	}
	if p.out.N == 0 {
		return nil, nil
	}
	return &p.out.Batch, nil
}

// begin starts with a row of the input.
func (p *pathOp) begin() error {
	if err := p.Env.Check("Path"); err != nil {
		return err
	}
	s, o := p.sID, p.oID
	if p.sCol >= 0 {
		s = p.b.Cols[p.sCol][p.row]
	}
	if p.oCol >= 0 {
		o = p.b.Cols[p.oCol][p.row]
	}
	p.ends, p.at = p.ends[:0], 0
	if algebra.Nullable(p.path) {
		// Between two variables only nodes of the graph are at distance zero.
		x := kg.Any
		if p.sCol >= 0 && p.oID == kg.Any {
			x = s
		} else if p.oCol >= 0 && p.sID == kg.Any {
			x = o
		}
		if x != kg.Any {
			if ok, err := p.isNode(x); err != nil || !ok {
				return err
			}
		}
	}
	switch {
	case s != kg.Any && o != kg.Any:
		search, start, end := p.forward, s, o
		if p.oID != kg.Any {
			search, start, end = p.backward, o, s
		}
		r, err := search.reach(start)
		if err != nil {
			return err
		}
		if r.set(end) {
			p.from, p.ends = s, append(p.ends, o)
		}
	case s != kg.Any:
		r, err := p.forward.reach(s)
		if err != nil {
			return err
		}
		p.from, p.ends = s, append(p.ends, r.list...)
	case o != kg.Any:
		r, err := p.backward.reach(o)
		if err != nil {
			return err
		}
		// The ends are subjects here; emit writes them to the subject column.
		p.from, p.ends = o, append(p.ends, r.list...)
	default:
		if !p.started {
			if err := p.findStarts(); err != nil {
				return err
			}
			p.started = true
		}
		p.s = 0
	}
	return nil
}

// isNode reports whether an id is a subject or an object of the graph.
func (p *pathOp) isNode(id kg.ID) (found bool, err error) {
	if run.Missing(id) {
		return false, nil
	}
	for _, pat := range []kg.Pattern{{S: id}, {O: id}} {
		err := p.Env.Scan(p.g, pat, kg.BestOrder(pat), func(kg.Quad) bool {
			found = true
			return false
		})
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// open searches from a node when both ends are open.
func (p *pathOp) open(s kg.ID) error {
	if err := p.Env.Check("Path"); err != nil {
		return err
	}
	r, err := p.forward.reach(s)
	if err != nil {
		return err
	}
	p.from, p.at, p.ends = s, 0, p.ends[:0]
	if p.same {
		if r.set(s) {
			p.ends = append(p.ends, s)
		}
		return nil
	}
	p.ends = append(p.ends, r.list...)
	return nil
}

func (p *pathOp) emit(from, end kg.ID) {
	for c, col := range p.keep {
		p.out.Cols[c] = append(p.out.Cols[c], p.b.Cols[col][p.row])
	}
	c := len(p.keep)
	if p.newS {
		s := from
		if !p.newO && !p.same {
			s = end // searched backwards
		}
		p.out.Cols[c] = append(p.out.Cols[c], s)
		c++
	}
	if p.newO {
		p.out.Cols[c] = append(p.out.Cols[c], end)
	}
	p.out.Weigh(&p.mult, p.b.Times(p.row))
	p.out.N++
}

// findStarts lists the nodes that can begin a path: all nodes of the graph if
// the path may be empty, else the subjects of its first link.
func (p *pathOp) findStarts() error {
	seen := idtable.New(1)
	pat, takeS, takeO := kg.Pattern{}, true, true
	o := kg.SPO
	if !algebra.Nullable(p.path) {
		switch l := p.path.Path.(type) {
		case *algebra.Link:
			id, err := p.Env.Terms.Intern(l.IRI)
			if err != nil {
				return err
			}
			pat.P, takeO, o = id, false, kg.PSO
		case *algebra.Inv:
			if l, ok := l.Path.(*algebra.Link); ok {
				id, err := p.Env.Terms.Intern(l.IRI)
				if err != nil {
					return err
				}
				pat.P, takeS, o = id, false, kg.POS
			}
		}
	}
	if run.Missing(pat.P) {
		return nil
	}
	var fault error
	err := p.Env.Scan(p.g, pat, o, func(q kg.Quad) bool {
		if takeS {
			if _, added := seen.Insert1(q.S); added {
				p.starts = append(p.starts, q.S)
			}
		}
		if takeO {
			if _, added := seen.Insert1(q.O); added {
				p.starts = append(p.starts, q.O)
			}
		}
		if len(p.starts)&4095 == 0 {
			fault = p.Hold(seen.Bytes() + int64(len(p.starts))*8)
		}
		return fault == nil
	})
	if fault != nil {
		return fault
	}
	slices.Sort(p.starts)
	return err
}

// reached is what a search found.
type reached struct {
	list []kg.ID
	tab  *idtable.Table
}

func (r *reached) set(id kg.ID) bool { return r.tab.Find1(id) >= 0 }

// searcher runs breadth-first searches and keeps recent results.
type searcher struct {
	op    *pathOp
	path  *algebra.Repeat
	step  stepper
	cache map[kg.ID]*reached
	held  int64
}

// maxReached bounds the results a searcher keeps, in bytes.
const maxReached = 8 << 20

func newSearcher(p *pathOp, r *algebra.Repeat) (*searcher, error) {
	s, err := newStepper(p, r.Path)
	return &searcher{op: p, path: r, step: s, cache: map[kg.ID]*reached{}}, err
}

func (s *searcher) Close() {
	s.step.Close()
	s.cache = nil
}

func (s *searcher) reach(start kg.ID) (*reached, error) {
	if r, ok := s.cache[start]; ok {
		return r, nil
	}
	r := &reached{tab: idtable.New(1)}
	if err := closure(s.op, s.step, s.path, []kg.ID{start}, r.tab); err != nil {
		return nil, err
	}
	for i := range r.tab.Len() {
		r.list = append(r.list, r.tab.Key(i)[0])
	}
	n := r.tab.Bytes() + int64(len(r.list))*8
	if s.held+n > maxReached {
		clear(s.cache)
		if err := s.op.Charge(-s.held); err != nil {
			return nil, err
		}
		s.held = 0
	}
	s.held += n
	if err := s.op.Charge(n); err != nil {
		return nil, err
	}
	s.cache[start] = r
	return r, nil
}

// closure adds to seen what a repeated path reaches from a sorted frontier.
func closure(p *pathOp, step stepper, r *algebra.Repeat, frontier []kg.ID, seen *idtable.Table) error {
	if r.Zero {
		for _, id := range frontier {
			seen.Insert1(id)
		}
	}
	var charged int64
	defer func() { _ = p.Charge(-charged) }() // giving back cannot fail
	for len(frontier) > 0 {
		if err := p.Env.Check("Path"); err != nil {
			return err
		}
		var fresh []kg.ID
		err := step.step(frontier, func(id kg.ID) {
			if _, added := seen.Insert1(id); added {
				fresh = append(fresh, id)
			}
		})
		if err != nil || !r.Many {
			return err
		}
		if n := seen.Bytes() - charged; n > 0 {
			charged += n
			if err := p.Charge(n); err != nil {
				return err
			}
		}
		slices.Sort(fresh)
		frontier = fresh
	}
	return nil
}

// stepper walks one path from every node of a sorted frontier. Ends may come
// more than once.
type stepper interface {
	step(frontier []kg.ID, end func(kg.ID)) error
	Close()
}

// linkStep follows quads from their subject or, backwards, from their object.
type linkStep struct {
	p    *pathOp
	seek seeker
	back bool
	not  []kg.ID // predicates of a negated set
	none bool
}

func (l *linkStep) Close() { l.seek.Close() }
func (l *linkStep) step(frontier []kg.ID, end func(kg.ID)) error {
	if l.none {
		return nil
	}
	steps := 0
	key := make([]kg.ID, 1)
	for _, x := range frontier {
		if run.Missing(x) {
			continue
		}
		key[0] = x
		if err := l.seek.seek(key); err != nil {
			return err
		}
		for {
			if steps++; steps&4095 == 0 {
				if err := l.p.Env.Check("Path"); err != nil {
					return err
				}
			}
			q, err := l.seek.head(key)
			if err != nil {
				return err
			}
			if q == nil {
				break
			}
			l.seek.i++
			if !l.p.sel.Accepts(q.G) || slices.Contains(l.not, q.P) {
				continue
			}
			if l.back {
				end(q.S)
			} else {
				end(q.O)
			}
		}
	}
	return nil
}

type altStep struct{ a, b stepper }

func (s *altStep) Close() { s.a.Close(); s.b.Close() }
func (s *altStep) step(f []kg.ID, end func(kg.ID)) error {
	if err := s.a.step(f, end); err != nil {
		return err
	}
	return s.b.step(f, end)
}

type seqStep struct{ a, b stepper }

func (s *seqStep) Close() { s.a.Close(); s.b.Close() }
func (s *seqStep) step(f []kg.ID, end func(kg.ID)) error {
	var mid []kg.ID
	if err := s.a.step(f, func(id kg.ID) { mid = append(mid, id) }); err != nil {
		return err
	}
	slices.Sort(mid)
	return s.b.step(slices.Compact(mid), end)
}

type repeatStep struct {
	p *pathOp
	s stepper
	r *algebra.Repeat
}

func (s *repeatStep) Close() { s.s.Close() }
func (s *repeatStep) step(f []kg.ID, end func(kg.ID)) error {
	seen := idtable.New(1)
	if err := closure(s.p, s.s, s.r, f, seen); err != nil {
		return err
	}
	for i := range seen.Len() {
		end(seen.Key(i)[0])
	}
	return nil
}

func newStepper(p *pathOp, e algebra.PathExpr) (stepper, error) {
	two := func(x, y algebra.PathExpr) (stepper, stepper, error) {
		s, err := newStepper(p, x)
		if err != nil {
			return nil, nil, err
		}
		t, err := newStepper(p, y)
		return s, t, err
	}
	link := func(iri kg.Term, back bool) (stepper, error) {
		id, err := p.Env.Terms.Intern(iri)
		l := &linkStep{p: p, back: back, none: run.Missing(id) || p.sel.None || run.Missing(p.sel.ID)}
		l.seek = seeker{env: p.Env, p: kg.Pattern{P: id, G: p.sel.ID}, o: kg.PSO, keys: []position{posS}}
		if back {
			l.seek.o, l.seek.keys = kg.POS, []position{posO}
		}
		return l, err
	}
	switch e := e.(type) {
	case *algebra.Link:
		return link(e.IRI, false)
	case *algebra.Inv:
		if l, ok := e.Path.(*algebra.Link); ok {
			return link(l.IRI, true)
		}
		return newStepper(p, algebra.Invert(e.Path))
	case *algebra.Neg:
		l := &linkStep{p: p, back: e.Inverse, none: p.sel.None || run.Missing(p.sel.ID)}
		for _, t := range e.Not {
			id, err := p.Env.Terms.Intern(t)
			if err != nil {
				return nil, err
			}
			l.not = append(l.not, id)
		}
		l.seek = seeker{env: p.Env, p: kg.Pattern{G: p.sel.ID}, o: kg.SPO, keys: []position{posS}}
		if e.Inverse {
			l.seek.o, l.seek.keys = kg.OSP, []position{posO}
		}
		return l, nil
	case *algebra.Seq:
		x, y, err := two(e.A, e.B)
		return &seqStep{x, y}, err
	case *algebra.Alt:
		x, y, err := two(e.A, e.B)
		return &altStep{x, y}, err
	case *algebra.Repeat:
		s, err := newStepper(p, e.Path)
		return &repeatStep{p: p, s: s, r: e}, err
	}
	return nil, errPath
}
