package opt

import (
	"math/bits"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// element is one input of a join block.
type element struct {
	node   algebra.Node  // planned; a Scan for a triple pattern
	triple *algebra.Scan // the pattern, or nil
	path   *algebra.Path // the closure path, or nil
	vars   []int         // variables of the block, numbered
	mask   uint64        // the same as bits
	maybe  uint64        // those it may leave unbound
	rows   float64       // rows if it is read by itself
	cost   float64       // of reading it so
	quads  float64       // of a triple pattern: quads behind the rows
	dom    []float64     // per variable of the block: size of the domain its values are drawn from; 0 if it has none
}

// pending is a condition that waits for its variables.
type pending struct {
	e    algebra.Expr
	mask uint64
}

type seedInput struct {
	seed *algebra.Seed
	rows float64
}

// block is a set of elements joined with each other, and the conditions on
// them.
type block struct {
	p     *planner
	vars  []string
	elems []*element
	conds []pending
	need  algebra.Set
	// keep are the variables that someone outside of the block needs.
	keep uint64
	pref []string
}

const maxBlockVars = 64

// flatten collects the elements and conditions of a block.
func (b *block) flatten(n algebra.Node, nodes *[]algebra.Node, conds *[]algebra.Expr) {
	switch n := n.(type) {
	case *algebra.Join:
		b.flatten(n.L, nodes, conds)
		b.flatten(n.R, nodes, conds)
		return
	case *algebra.BGP:
		for _, t := range n.Triples {
			*nodes = append(*nodes, &algebra.BGP{Graph: n.Graph, Triples: []algebra.Triple{t}})
		}
		return
	case *algebra.Filter:
		// A condition may wait until more is joined if its variables cannot
		// change by that.
		certain := algebra.Certain(n.Input)
		ok := true
		for _, c := range n.Conds {
			s := algebra.NewSet()
			algebra.ExprVars(c, s)
			ok = ok && certain.HasAll(s) && !algebra.Volatile(c) && !algebra.HasExists(c)
		}
		if ok {
			b.flatten(n.Input, nodes, conds)
			*conds = append(*conds, n.Conds...)
			return
		}
	case *algebra.Extend:
		if k, ok := n.Expr.(*algebra.Const); ok && !algebra.InScope(n.Input).Has(n.Var) && k.Term.Kind != kg.None {
			*nodes = append(*nodes, &algebra.Values{Vars: []string{n.Var}, Rows: [][]kg.Term{{k.Term}}})
			b.flatten(n.Input, nodes, conds)
			return
		}
	case *algebra.Unit:
		return
	}
	*nodes = append(*nodes, n)
}

// block plans a join block. A seed is an element that must come first.
func (p *planner) block(n algebra.Node, need algebra.Set, prefer []string, seed *seedInput) (algebra.Node, estimate) {
	b := &block{p: p, need: need, pref: prefer}
	var nodes []algebra.Node
	var conds, late []algebra.Expr
	// Conditions on top that cannot wait inside are applied to the whole.
	if f, ok := n.(*algebra.Filter); ok {
		certain := algebra.Certain(f.Input)
		for _, c := range f.Conds {
			s := algebra.NewSet()
			algebra.ExprVars(c, s)
			if certain.HasAll(s) && !algebra.HasExists(c) && !algebra.Volatile(c) {
				conds = append(conds, c)
			} else {
				late = append(late, c)
			}
		}
		n = f.Input
	}
	b.flatten(n, &nodes, &conds)
	inner := withExprs(withExprs(need, late...), conds...)
	if len(nodes) == 1 && seed == nil {
		switch nodes[0].(type) {
		case *algebra.BGP, *algebra.Path:
		default: // nothing to order
			out, e := p.plan(nodes[0], inner, prefer)
			if all := append(conds, late...); len(all) > 0 {
				for _, c := range all {
					e.rows *= selectivity(c)
				}
				out = &algebra.Filter{Conds: all, Input: out}
			}
			return out, e
		}
	}
	// A variable that several elements have is needed while they are joined.
	count := map[string]int{}
	for _, x := range nodes {
		for _, v := range algebra.InScope(x).List() {
			count[v]++
			if count[v] == 1 {
				b.vars = append(b.vars, v)
			}
		}
	}
	if seed != nil {
		for _, v := range seed.seed.Vars {
			count[v]++
			if !slices.Contains(b.vars, v) {
				b.vars = append(b.vars, v)
			}
		}
	}
	for _, v := range b.vars {
		if count[v] > 1 {
			inner.Add(v)
		}
	}
	if len(b.vars) > maxBlockVars || len(nodes) > maxBlockVars {
		return p.asWritten(nodes, append(conds, late...), inner, seed)
	}
	for i, v := range b.vars {
		if withExprs(need, late...).Has(v) {
			b.keep |= 1 << i
		}
	}
	for _, x := range nodes {
		b.elems = append(b.elems, b.element(x, inner))
	}
	for _, c := range conds {
		s := algebra.NewSet()
		algebra.ExprVars(c, s)
		b.conds = append(b.conds, pending{e: c, mask: b.mask(s.List())})
	}
	if seed == nil {
		b.cyclic(inner)
	}
	best := b.search(seed)
	// What no smaller part could decide is decided by the whole.
	for i, c := range b.conds {
		if best.conds>>i&1 == 0 {
			late = append(late, c.e)
		}
	}
	out, e := best.node, estimate{rows: best.rows, cost: best.cost}
	if best.sorted >= 0 {
		e.sorted = b.vars[best.sorted]
	}
	if len(late) > 0 {
		for _, c := range late {
			e.rows *= selectivity(c)
		}
		out = &algebra.Filter{Conds: late, Input: out}
	}
	return out, e
}

// asWritten joins in the order of the text: blocks too wide for bit sets.
func (p *planner) asWritten(nodes []algebra.Node, conds []algebra.Expr, need algebra.Set, seed *seedInput) (algebra.Node, estimate) {
	var out algebra.Node
	var e estimate
	if seed != nil {
		out, e = seed.seed, estimate{rows: seed.rows}
	}
	for _, n := range nodes {
		x, xe := p.plan(n, need, nil)
		if out == nil {
			out, e = x, xe
			continue
		}
		out = &algebra.Join{L: out, R: x}
		e = estimate{rows: max(e.rows, xe.rows), cost: e.cost + xe.cost}
	}
	if len(conds) > 0 {
		out = &algebra.Filter{Conds: conds, Input: out}
	}
	return out, e
}

func (b *block) mask(vars []string) (m uint64) {
	for _, v := range vars {
		if i := slices.Index(b.vars, v); i >= 0 {
			m |= 1 << i
		}
	}
	return m
}

func (b *block) element(n algebra.Node, need algebra.Set) *element {
	e := &element{dom: make([]float64, len(b.vars))}
	scope := algebra.InScope(n)
	e.mask = b.mask(scope.List())
	certain := algebra.Certain(n)
	for i, v := range b.vars {
		if e.mask>>i&1 == 1 {
			e.vars = append(e.vars, i)
			if !certain.Has(v) {
				e.maybe |= 1 << i
			}
		}
	}
	switch x := n.(type) {
	case *algebra.BGP:
		b.tripleElement(e, x, need)
		return e
	case *algebra.Path:
		e.path = x
		e.node = x
		size := b.p.stats.Size()
		e.rows = size
		open := 0
		for _, r := range []algebra.Ref{x.S, x.O} {
			if r.IsVar() {
				open++
			}
		}
		switch open {
		case 0:
			e.rows = 1
		case 1:
			e.rows = min(pathReach*10, size)
		default:
			e.rows = size * 2
		}
		e.cost = e.rows * 20
	default:
		node, est := b.p.plan(n, need, nil)
		e.node, e.rows, e.cost = node, max(est.rows, 0.1), est.cost
	}
	for _, v := range e.vars {
		e.dom[v] = e.rows
		if len(e.vars) > 1 {
			e.dom[v] = max(e.rows/2, 1)
		}
	}
	return e
}

// tripleElement estimates a triple pattern.
func (b *block) tripleElement(e *element, n *algebra.BGP, need algebra.Set) {
	t := n.Triples[0]
	s := &algebra.Scan{Graph: n.Graph, Triple: t}
	e.quads = b.p.stats.Estimate(n.Graph, t)
	s.Est = e.quads
	size := max(b.p.stats.Size(), 1)
	var ps kg.PredicateStats
	known := false
	if !t.P.IsVar() {
		ps, known = b.p.stats.Predicate(t.P.Term)
	}
	live := 1.0
	dead := false
	for i, r := range []algebra.Ref{t.S, t.P, t.O, n.Graph.Name} {
		if !r.IsVar() {
			continue
		}
		d := e.quads
		switch {
		case i == 1:
			d = min(d, 100)
		case i == 3:
			d = min(d, 100)
		case i == 0 && known && t.O.IsVar():
			d = min(d, float64(ps.Subjects))
		case i == 2 && known && t.S.IsVar():
			d = min(d, float64(ps.Objects))
		case !known && t.S.IsVar() && t.O.IsVar():
			d = min(d, size/4)
		}
		d = max(d, 1)
		v := slices.Index(b.vars, r.Var)
		// With its other end fixed a pattern holds a sample of the predicate's
		// values; two samples meet in few. Types split their subjects instead.
		dom := d
		switch {
		case i == 0 && known && !t.O.IsVar() && t.P.Term.Value != kg.RDFType:
			dom = float64(ps.Subjects)
		case i == 2 && known && !t.S.IsVar():
			dom = float64(ps.Objects)
		}
		if old := e.dom[v]; old == 0 || dom < old {
			e.dom[v] = dom
		}
		if need.Has(r.Var) {
			live *= d
		} else {
			dead = true
		}
	}
	e.rows = max(e.quads, 0.01)
	if dead {
		e.rows = max(min(e.rows, live), 0.01)
	}
	e.cost = e.quads*costRow + costSeek
	s.Order = b.order(s, nil, need)
	e.triple, e.node = s, s
}

// columns are the positions of the orders: 0 subject, 1 predicate, 2 object.
var columns = [kg.Orders][3]int{
	kg.SPO: {0, 1, 2}, kg.SOP: {0, 2, 1}, kg.PSO: {1, 0, 2}, kg.POS: {1, 2, 0}, kg.OSP: {2, 0, 1}, kg.OPS: {2, 1, 0}, kg.GSPO: {0, 1, 2},
}

// order chooses the order of a scan: constants, the variable to sort by, other
// needed ones, the rest.
func (b *block) order(s *algebra.Scan, first []string, need algebra.Set) kg.Order {
	refs := [3]algebra.Ref{s.Triple.S, s.Triple.P, s.Triple.O}
	if !s.Triple.S.IsVar() && !s.Triple.O.IsVar() && !s.Triple.P.IsVar() {
		return kg.SPO
	}
	if s.Graph.Kind == algebra.Named && !s.Graph.Name.IsVar() && s.Triple.S.IsVar() && s.Triple.P.IsVar() && s.Triple.O.IsVar() {
		return kg.GSPO // the others would read all graphs
	}
	score := func(r algebra.Ref) int {
		switch {
		case !r.IsVar():
			return 0
		case slices.Contains(first, r.Var):
			return 1 + slices.Index(first, r.Var)
		case need.Has(r.Var):
			return 100
		}
		return 200
	}
	best, bestScore := kg.SPO, -1
	for o := range kg.GSPO {
		n := 0
		for _, c := range columns[o] {
			n = n*1000 + score(refs[c])
		}
		if bestScore < 0 || n < bestScore {
			best, bestScore = o, n
		}
	}
	return best
}

// subplan is a way to join some of the elements.
type subplan struct {
	set    uint64 // elements
	mask   uint64 // variables
	maybe  uint64
	rows   float64
	cost   float64
	sorted int // variable that the rows are sorted by, or -1
	dom    []float64
	conds  uint64 // conditions that were applied
	node   algebra.Node
}

func (b *block) start(e *element, i, sortBy int) *subplan {
	s := &subplan{set: 1 << i, mask: e.mask, maybe: e.maybe, rows: e.rows, cost: e.cost, sorted: -1, dom: e.dom, node: e.node}
	if e.triple != nil {
		t := *e.triple
		var first []string
		if sortBy >= 0 {
			first = append(first, b.vars[sortBy])
		}
		first = append(first, b.pref...)
		t.Order = b.order(&t, first, b.liveNeed())
		s.node = &t
		for _, c := range columns[t.Order] {
			r := [3]algebra.Ref{t.Triple.S, t.Triple.P, t.Triple.O}[c]
			if r.IsVar() {
				s.sorted = slices.Index(b.vars, r.Var)
				break
			}
		}
	}
	return b.applyConds(s)
}

// liveNeed are the variables that matter to anyone.
func (b *block) liveNeed() algebra.Set {
	s := algebra.NewSet(b.need.List()...)
	for _, c := range b.conds {
		algebra.ExprVars(c.e, s)
	}
	count := map[int]int{}
	for _, e := range b.elems {
		for _, v := range e.vars {
			count[v]++
		}
	}
	for v, n := range count {
		if n > 1 {
			s.Add(b.vars[v])
		}
	}
	return s
}

// applyConds adds the conditions whose variables are all there.
func (b *block) applyConds(s *subplan) *subplan {
	var now []algebra.Expr
	for i, c := range b.conds {
		if s.conds>>i&1 == 0 && c.mask&^s.mask == 0 && c.mask&s.maybe == 0 {
			now = append(now, c.e)
			s.conds |= 1 << i
			s.rows = max(s.rows*selectivity(c.e), 0.01)
			s.cost += s.rows * 2
		}
	}
	if len(now) > 0 {
		s.node = &algebra.Filter{Conds: now, Input: s.node}
	}
	return s
}

// join makes the cheapest join of two subplans; re is the second one's element
// if it is a single one.
func (b *block) join(l, r *subplan, re *element) *subplan {
	common := l.mask & r.mask
	out := &subplan{set: l.set | r.set, mask: l.mask | r.mask, conds: l.conds | r.conds, sorted: -1}
	out.maybe = (l.maybe | r.maybe) &^ (l.mask &^ l.maybe) &^ (r.mask &^ r.maybe)
	sel, first := 1.0, true
	for m := common; m != 0; m &= m - 1 {
		v := bits.TrailingZeros64(m)
		d := max(l.dom[v], r.dom[v], 1)
		if !first {
			d = max(d/4, 1) // columns are not independent
		}
		sel /= d
		first = false
	}
	out.rows = max(l.rows*r.rows*sel, 0.01)
	exact := common&(l.maybe|r.maybe) == 0
	cost, method := -1.0, algebra.Hash
	consider := func(c float64, m algebra.Method) {
		if cost < 0 || c < cost {
			cost, method = c, m
		}
	}
	// Hash joins: a table of either side.
	build, probe := r.rows, l.rows
	consider(l.cost+r.cost+build*costBuild+probe*costProbe, algebra.Hash)
	if exact {
		consider(l.cost+r.cost+probe*costBuild+build*costProbe, algebra.HashLeft)
	}
	keys := -1
	if exact && common != 0 && re != nil {
		if re.triple != nil {
			for m := common; m != 0; m &= m - 1 {
				if v := bits.TrailingZeros64(m); v == l.sorted {
					keys = v
				}
			}
			consider(l.cost+b.p.lookupCost(l.rows, re.quads, keys >= 0), algebra.Lookup)
		} else if re.path != nil {
			reach := l.rows * pathReach * costSeek / 4
			if p := re.path; !p.S.IsVar() || !p.O.IsVar() {
				reach = l.rows*costProbe + pathReach*costSeek
			}
			consider(l.cost+reach, algebra.Lookup)
		}
	}
	out.cost = cost + out.rows*costRow
	switch method {
	case algebra.Lookup:
		if keys >= 0 {
			out.sorted = l.sorted
		}
	case algebra.Hash:
		out.sorted = l.sorted
	case algebra.HashLeft:
		out.sorted = r.sorted
	}
	rn := r.node
	if method == algebra.Lookup && re.triple != nil {
		// Conditions on the pattern alone come after the look-up.
		t := *re.triple
		var keys []string
		for m := common; m != 0; m &= m - 1 {
			keys = append(keys, b.vars[bits.TrailingZeros64(m)])
		}
		t.Order = b.order(&t, keys, b.need)
		rn = &t
		out.conds = l.conds
		out.rows = max(l.rows*re.rows*sel, 0.01)
	}
	out.node = &algebra.Join{L: l.node, R: rn, Method: method, Est: out.rows}
	out.dom = slices.Clone(l.dom)
	for v, d := range r.dom {
		if o := out.dom[v]; d != 0 && (o == 0 || d < o) {
			out.dom[v] = d
		}
	}
	return b.applyConds(out)
}

const (
	maxBushy = 8  // elements up to which all trees are tried
	maxDP    = 12 // elements up to which all left-deep trees are tried
)

// search finds a cheap plan: dynamic programming over sets of elements, with
// the best plan per sort variable kept, for small blocks; greedy beyond.
func (b *block) search(seed *seedInput) *subplan {
	n := len(b.elems)
	var first *subplan
	if seed != nil {
		first = &subplan{mask: b.mask(seed.seed.Vars), rows: max(seed.rows, 1), sorted: -1, dom: make([]float64, len(b.vars)), node: seed.seed}
		for m := first.mask; m != 0; m &= m - 1 {
			first.dom[bits.TrailingZeros64(m)] = first.rows
		}
	}
	if n == 0 {
		if first != nil {
			return first
		}
		return &subplan{rows: 1, sorted: -1, node: &algebra.Unit{}, dom: make([]float64, len(b.vars))}
	}
	if n == 1 && first == nil {
		return b.start(b.elems[0], 0, -1)
	}
	if first != nil || n > maxDP {
		return b.greedy(first)
	}
	best := make(map[uint64][]*subplan, 1<<min(n, 10))
	add := func(s *subplan) {
		list := best[s.set]
		for i, o := range list {
			if o.cost <= s.cost && (o.sorted == s.sorted || s.sorted < 0) {
				return
			}
			if s.cost <= o.cost && (o.sorted == s.sorted || o.sorted < 0) {
				list[i] = s
				return
			}
		}
		best[s.set] = append(list, s)
	}
	for i, e := range b.elems {
		add(b.start(e, i, -1))
		if e.triple == nil {
			continue
		}
		for _, v := range e.vars {
			if b.joinVar(i, v) {
				add(b.start(e, i, v))
			}
		}
	}
	full := uint64(1)<<n - 1
	for size := 2; size <= n; size++ {
		for set := uint64(1)<<size - 1; set <= full; set = nextSet(set) {
			b.combine(set, size, best, add, false)
			if len(best[set]) == 0 {
				b.combine(set, size, best, add, true)
			}
			if set == full {
				break
			}
		}
	}
	return cheapest(best[full])
}

// nextSet is the next larger number with as many bits (Gosper's hack).
func nextSet(x uint64) uint64 {
	c := x & -x
	r := x + c
	return (r^x)>>2/c | r
}

// combine joins every split of a set; cross products only if asked for.
func (b *block) combine(set uint64, size int, best map[uint64][]*subplan, add func(*subplan), cross bool) {
	for l := (set - 1) & set; l != 0; l = (l - 1) & set {
		r := set &^ l
		single := r&(r-1) == 0
		if !single && len(b.elems) > maxBushy {
			continue
		}
		var re *element
		if single {
			re = b.elems[bits.TrailingZeros64(r)]
		}
		for _, x := range best[l] {
			for i, y := range best[r] {
				if !cross && x.mask&y.mask == 0 {
					continue
				}
				e := re
				if i > 0 {
					e = nil // look-ups choose their own order
				}
				add(b.join(x, y, e))
			}
		}
	}
}

func cheapest(list []*subplan) (best *subplan) {
	for _, s := range list {
		if best == nil || s.cost < best.cost {
			best = s
		}
	}
	return best
}

// joinVar reports whether another element has the variable too.
func (b *block) joinVar(i, v int) bool {
	for j, e := range b.elems {
		if j != i && e.mask>>v&1 == 1 {
			return true
		}
	}
	return false
}

// greedy joins the cheapest next element, from the seed or the smallest.
func (b *block) greedy(cur *subplan) *subplan {
	left := map[int]bool{}
	for i := range b.elems {
		left[i] = true
	}
	for len(left) > 0 {
		var best *subplan
		at := -1
		for i := range b.elems {
			if !left[i] {
				continue
			}
			var s *subplan
			if cur == nil {
				s = b.start(b.elems[i], i, -1)
			} else {
				s = b.join(cur, b.start(b.elems[i], i, -1), b.elems[i])
				if cur.mask&b.elems[i].mask == 0 && b.elems[i].mask != 0 {
					s.cost = s.cost*1e6 + 1e12 // cross products last
				}
			}
			if best == nil || s.cost < best.cost || s.cost == best.cost && s.rows < best.rows {
				best, at = s, i
			}
		}
		cur = best
		delete(left, at)
	}
	return cur
}
