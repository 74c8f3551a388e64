package exec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/idtable"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

var errPath = errors.New("sparql: path is not a closure")

// build makes the operators of a node. Its columns hold at least the needed
// variables that the node can bind.
func (b *builder) build(n algebra.Node, need algebra.Set) (op, error) {
	switch n := n.(type) {
	case *algebra.Unit:
		return b.done(&unitOp{base: base{env: b.env, node: planOf("Unit", "", 1)}}), nil
	case *algebra.Empty:
		return b.done(&emptyOp{base{env: b.env, node: planOf("Empty", "", 0)}}), nil
	case *algebra.Seed:
		s, ok := b.seeds[n]
		if !ok {
			return nil, errors.New("sparql: seed outside of its join")
		}
		return b.done(s), nil
	case *algebra.BGP:
		return b.bgp(n, need)
	case *algebra.Scan:
		return b.scanNode(n, need)
	case *algebra.Multiway:
		return b.multiway(n, need)
	case *algebra.Path:
		return b.pathNode(nil, n, need)
	case *algebra.Unnest:
		return b.unnest(n, need)
	case *algebra.Join:
		return b.join(n, need)
	case *algebra.LeftJoin:
		return b.leftLike(n.L, n.R, n.Cond, n.Method, outer, n.Est, need)
	case *algebra.SemiJoin:
		mode := semi
		if n.Not {
			mode = anti
		}
		return b.leftLike(n.L, n.R, n.Cond, n.Method, mode, n.Est, need)
	case *algebra.Minus:
		return b.minus(n, need)
	case *algebra.Union:
		return b.union(n, need)
	case *algebra.Filter:
		return b.filter(n, need)
	case *algebra.Extend:
		return b.extend(n, need)
	case *algebra.Graph:
		return b.graphNode(n, need)
	case *algebra.Values:
		return b.values(n)
	case *algebra.Service:
		if !n.Silent {
			return nil, ErrService
		}
		return b.build(&algebra.Unit{}, need)
	case *algebra.Group:
		return b.group(n)
	case *algebra.OrderBy:
		return b.orderBy(n, need)
	case *algebra.Project:
		return b.project(n, need)
	case *algebra.Distinct:
		return b.distinct(n)
	case *algebra.Slice:
		in, err := b.build(n.Input, need)
		if err != nil {
			return nil, err
		}
		s := &sliceOp{base: b.over("Slice", strings.TrimPrefix(algebra.Label(n), "slice "), in), in: in, skip: n.Offset, limit: n.Limit}
		s.out = newOut(len(s.names))
		return b.done(s), nil
	}
	return nil, fmt.Errorf("sparql: no operator for %T", n)
}

// over is the base of an operator with the columns and order of its input.
func (b *builder) over(name, detail string, in op) base {
	return base{env: b.env, names: in.vars(), order: in.sorted(), node: planOf(name, detail, -1, in)}
}

func with(need algebra.Set, vars ...string) algebra.Set {
	s := algebra.NewSet(need.List()...)
	s.AddAll(vars)
	return s
}

func withExprs(need algebra.Set, es ...algebra.Expr) algebra.Set {
	s := algebra.NewSet(need.List()...)
	for _, e := range es {
		if e != nil {
			algebra.ExprVars(e, s)
		}
	}
	return s
}

// scanNode reads one pattern by itself.
func (b *builder) scanNode(n *algebra.Scan, need algebra.Set) (op, error) {
	o := n.Order
	if sel, err := b.env.graph(n.Graph); err != nil {
		return nil, err
	} else if sel.dedup && o == kg.GSPO {
		o = kg.SPO // copies of a triple must follow each other
	}
	return b.scan(n.Graph, n.Triple, o, n.Est, need)
}

func tripleVars(g algebra.GraphRef, t algebra.Triple) algebra.Set {
	return algebra.NewSet(t.S.Var, t.P.Var, t.O.Var, g.Name.Var)
}

// bgp joins the patterns in their order.
func (b *builder) bgp(n *algebra.BGP, need algebra.Set) (op, error) {
	var node algebra.Node
	for _, t := range n.Triples {
		s := &algebra.Scan{Graph: n.Graph, Triple: t, Order: BestOrder(t), Est: -1}
		if node == nil {
			node = s
		} else {
			node = &algebra.Join{L: node, R: s, Est: -1}
		}
	}
	return b.build(node, need)
}

// BestOrder is the order in which the constants of a pattern come first.
func BestOrder(t algebra.Triple) kg.Order {
	bit := func(r algebra.Ref) kg.ID {
		if r.IsVar() {
			return kg.Any
		}
		return 1
	}
	return kg.BestOrder(kg.Pattern{S: bit(t.S), P: bit(t.P), O: bit(t.O)})
}

// sharedVars returns the variables that both sides may bind, and those of
// them that both always bind.
func sharedVars(l, r algebra.Node) (all, certain []string) {
	ls, rs := algebra.InScope(l), algebra.InScope(r)
	lc, rc := algebra.Certain(l), algebra.Certain(r)
	for _, v := range rs.List() {
		if ls.Has(v) {
			all = append(all, v)
			if lc.Has(v) && rc.Has(v) {
				certain = append(certain, v)
			}
		}
	}
	return all, certain
}

func (b *builder) join(n *algebra.Join, need algebra.Set) (op, error) {
	all, certain := sharedVars(n.L, n.R)
	exact := len(all) == len(certain)
	switch r := n.R.(type) {
	case *algebra.Scan:
		if exact && (n.Method == algebra.Lookup || n.Method == algebra.Auto && len(all) > 0) {
			in, err := b.build(n.L, with(need, all...))
			if err != nil {
				return nil, err
			}
			return b.lookup(in, r.Graph, r.Triple, inner, n.Est, algebra.NewSet(all...), need)
		}
	case *algebra.Path:
		if _, ok := r.Path.(*algebra.Repeat); ok && exact && n.Method != algebra.Hash && n.Method != algebra.HashLeft && !r.Graph.Name.IsVar() && r.Graph.Kind != algebra.Current {
			if slices.Contains(all, r.S.Var) || slices.Contains(all, r.O.Var) {
				in, err := b.build(n.L, with(need, all...))
				if err != nil {
					return nil, err
				}
				return b.path(in, r, n.Est, algebra.NewSet(all...), need)
			}
		}
	}
	l, r := n.L, n.R
	if n.Method == algebra.HashLeft {
		l, r = r, l
	}
	j, err := b.hash("HashJoin", l, r, nil, inner, n.Est, need)
	if err != nil {
		return nil, err
	}
	return b.done(j), nil
}

// hash joins by a table of the right side.
func (b *builder) hash(name string, l, r algebra.Node, conds []algebra.Expr, mode lookupMode, est float64, need algebra.Set) (*joinOp, error) {
	all, certain := sharedVars(l, r)
	both := withExprs(with(need, all...), conds...)
	left, err := b.build(l, both)
	if err != nil {
		return nil, err
	}
	rneed := both
	if mode >= semi {
		rneed = withExprs(algebra.NewSet(all...), conds...)
	}
	right, err := b.build(r, rneed)
	if err != nil {
		return nil, err
	}
	h := &hashPairs{base: base{env: b.env, node: planOf(name, "", -1)}, in: right}
	for _, v := range certain {
		h.lkeys = append(h.lkeys, column(left.vars(), v))
		h.keys = append(h.keys, column(right.vars(), v))
	}
	if len(all) == 0 {
		name = "CrossJoin"
	}
	j, err := b.joined(name, left, h, mode, conds, certain, est, need)
	if err == nil && len(all) > 0 {
		j.node.Detail = "on " + strings.Join(marked(all), " ")
	}
	return j, err
}

func marked(vars []string) []string {
	out := make([]string, len(vars))
	for i, v := range vars {
		out[i] = algebra.V(v).String()
	}
	return out
}

// leftLike builds OPTIONAL, semi-joins and anti-joins.
func (b *builder) leftLike(l, r algebra.Node, conds []algebra.Expr, m algebra.Method, mode lookupMode, est float64, need algebra.Set) (op, error) {
	all, certain := sharedVars(l, r)
	if s, ok := r.(*algebra.Scan); ok && len(conds) == 0 && len(all) == len(certain) && m != algebra.Hash {
		if len(all) > 0 || mode == outer {
			in, err := b.build(l, with(need, all...))
			if err != nil {
				return nil, err
			}
			return b.lookup(in, s.Graph, s.Triple, mode, est, algebra.NewSet(all...), need)
		}
	}
	if m == algebra.Seeded {
		return b.seeded(l, r, conds, mode, est, need)
	}
	j, err := b.hash("HashJoin", l, r, conds, mode, est, need)
	if err != nil {
		return nil, err
	}
	return b.done(j), nil
}

// findSeed returns the seed of the right side of a seeded join.
func findSeed(n algebra.Node) *algebra.Seed {
	if s, ok := n.(*algebra.Seed); ok {
		return s
	}
	for _, c := range n.Children() {
		if s := findSeed(c); s != nil {
			return s
		}
	}
	return nil
}

func (b *builder) seeded(l, r algebra.Node, conds []algebra.Expr, mode lookupMode, est float64, need algebra.Set) (op, error) {
	seed := findSeed(r)
	if seed == nil {
		return nil, errors.New("sparql: seeded join without a seed")
	}
	lneed := withExprs(with(need, seed.Vars...), conds...)
	left, err := b.build(l, lneed)
	if err != nil {
		return nil, err
	}
	s := &seedOp{base: base{env: b.env, node: planOf("Seed", strings.Join(marked(seed.Vars), " "), -1)}}
	for _, v := range seed.Vars {
		c := column(left.vars(), v)
		if c < 0 {
			return nil, fmt.Errorf("sparql: seed variable ?%s is not bound", v)
		}
		s.cols = append(s.cols, c)
		s.names = append(s.names, v)
	}
	s.names = append(s.names, rowVar)
	b.seeds[seed] = s
	rneed := algebra.NewSet(rowVar)
	if mode <= outer {
		rneed.AddAll(need.List())
	}
	rneed = withExprs(rneed, conds...)
	right, err := b.build(r, rneed)
	delete(b.seeds, seed)
	if err != nil {
		return nil, err
	}
	p := &seededPairs{seed: s, in: right, row: column(right.vars(), rowVar)}
	for i, v := range right.vars() {
		// Seeded variables are the left row's own.
		if v != rowVar && !slices.Contains(seed.Vars, v) {
			p.vars = append(p.vars, v)
			p.cols = append(p.cols, i)
		}
	}
	j, err := b.joined("SeededJoin", left, p, mode, conds, nil, est, need)
	if err != nil {
		return nil, err
	}
	return b.done(j), nil
}

func (b *builder) minus(n *algebra.Minus, need algebra.Set) (op, error) {
	all, certain := sharedVars(n.L, n.R)
	if len(all) == 0 {
		return b.build(n.L, need)
	}
	j, err := b.hash("Minus", n.L, n.R, nil, anti, -1, need)
	if err != nil {
		return nil, err
	}
	j.node.Op = "Minus"
	j.minus = len(certain) == 0
	return b.done(j), nil
}

func (b *builder) pathNode(in op, n *algebra.Path, need algebra.Set) (op, error) {
	if _, ok := n.Path.(*algebra.Repeat); !ok {
		return b.build(algebra.ExpandPath(n, b.env.freshVar), need)
	}
	if n.Graph.Name.IsVar() {
		g := n.Graph.Name.Var
		return b.build(&algebra.Graph{Var: g, Input: &algebra.Path{
			Graph: algebra.GraphRef{Kind: algebra.Current}, S: n.S, Path: n.Path, O: n.O,
		}}, need)
	}
	if in == nil {
		in = &unitOp{base: base{env: b.env, node: planOf("Unit", "", 1)}}
	}
	return b.path(in, n, -1, algebra.NewSet(), need)
}

func (b *builder) unnest(n *algebra.Unnest, need algebra.Set) (op, error) {
	cneed := with(need, n.Var)
	for _, p := range n.Parts {
		cneed.Add(p.Var)
	}
	in, err := b.build(n.Input, cneed)
	if err != nil {
		return nil, err
	}
	u := &unnestOp{base: b.over("Unnest", strings.TrimPrefix(algebra.Label(n), "unnest "), in), in: in, col: column(in.vars(), n.Var)}
	u.names = slices.Clone(u.names)
	for i, p := range n.Parts {
		u.parts[i], u.bind[i] = -1, -1
		switch {
		case !p.IsVar():
			if u.fixed[i], err = b.env.Terms.Intern(p.Term); err != nil {
				return nil, err
			}
		case column(in.vars(), p.Var) >= 0:
			u.parts[i] = column(in.vars(), p.Var)
		default:
			if u.bind[i] = column(u.names, p.Var); u.bind[i] < 0 {
				u.bind[i] = len(u.names)
				u.names = append(u.names, p.Var)
			}
		}
	}
	u.out = newOut(len(u.names))
	return b.done(u), nil
}

func (b *builder) union(n *algebra.Union, need algebra.Set) (op, error) {
	u := &unionOp{base: base{env: b.env}}
	for _, a := range n.Args {
		in, err := b.build(a, need)
		if err != nil {
			return nil, err
		}
		u.in = append(u.in, in)
		for _, v := range in.vars() {
			if !slices.Contains(u.names, v) {
				u.names = append(u.names, v)
			}
		}
	}
	for _, in := range u.in {
		var from []int
		for _, v := range u.names {
			from = append(from, column(in.vars(), v))
		}
		u.from = append(u.from, from)
	}
	u.node = planOf("Union", "", -1, u.in...)
	return b.done(u), nil
}

func (b *builder) filter(n *algebra.Filter, need algebra.Set) (op, error) {
	in, err := b.build(n.Input, withExprs(need, n.Conds...))
	if err != nil {
		return nil, err
	}
	f := &filterOp{base: b.over("Filter", strings.TrimPrefix(algebra.Label(n), "filter "), in), in: in}
	if f.cond, err = b.condition(n.Conds, in.vars()); err != nil {
		return nil, err
	}
	f.out = newOut(len(f.names))
	return b.done(f), nil
}

func (b *builder) extend(n *algebra.Extend, need algebra.Set) (op, error) {
	// A run of Extends is one solution to BNODE(label).
	var chain []*algebra.Extend
	var input algebra.Node = n
	for {
		x, ok := input.(*algebra.Extend)
		if !ok {
			break
		}
		chain = append(chain, x)
		input = x.Input
	}
	cneed := algebra.NewSet(need.List()...)
	var live []*algebra.Extend
	for _, x := range chain { // the last one first
		if cneed.Has(x.Var) {
			algebra.ExprVars(x.Expr, cneed)
			live = append(live, x)
		}
	}
	in, err := b.build(input, cneed)
	if err != nil || len(live) == 0 {
		return in, err
	}
	slices.Reverse(live)
	e := &extendOp{base: b.over("Extend", "", in), in: in, ctx: b.context()}
	e.names = slices.Clone(e.names)
	var parts []string
	var exprs []algebra.Expr
	for _, x := range live {
		parts = append(parts, algebra.V(x.Var).String()+" = "+algebra.ExprString(x.Expr))
		e.expand = e.expand || algebra.Volatile(x.Expr)
		exprs = append(exprs, x.Expr)
		e.names = append(e.names, x.Var)
	}
	for i, x := range exprs {
		// An expression sees the columns before it.
		f, err := expr.Compile(x, b.scope(e.names[:len(in.vars())+i]))
		if err != nil {
			return nil, err
		}
		e.exprs = append(e.exprs, f)
	}
	e.fetch = b.prefetch(exprs, in.vars())
	e.ctx.Exists = b.exists
	e.cols = make([][]kg.ID, len(exprs))
	e.node.Detail = strings.Join(parts, ", ")
	return b.done(e), nil
}

func (b *builder) values(n *algebra.Values) (op, error) {
	v := &valuesOp{base: base{env: b.env, names: n.Vars}, n: len(n.Rows)}
	v.node = planOf("Values", strings.TrimPrefix(algebra.Label(n), "values "), float64(len(n.Rows)))
	v.cols = make([][]kg.ID, len(n.Vars))
	for _, r := range n.Rows {
		for c, t := range r {
			id, err := b.env.Terms.Intern(t)
			if err != nil {
				return nil, err
			}
			v.cols[c] = append(v.cols[c], id)
		}
	}
	return b.done(v), nil
}

func (b *builder) group(n *algebra.Group) (op, error) {
	if o, ok, err := b.counted(n); ok || err != nil {
		return o, err
	}
	need := algebra.NewSet(n.Keys...)
	var exprs []algebra.Expr
	for _, a := range n.Aggs {
		if a.Arg != nil {
			exprs = append(exprs, a.Arg)
		} else if a.Distinct {
			need.AddAll(algebra.InScope(n.Input).List())
		}
	}
	need = withExprs(need, exprs...)
	in, err := b.build(n.Input, need)
	if err != nil {
		return nil, err
	}
	g := &groupOp{base: base{env: b.env, names: slices.Clone(n.Keys)}, in: in, ctx: b.context(), table: idtable.New(len(n.Keys))}
	g.node = planOf("Group", strings.TrimPrefix(algebra.Label(n), "group "), -1, in)
	g.key = make([]kg.ID, len(n.Keys))
	if in, err = b.complete(in, n.Keys); err != nil {
		return nil, err
	}
	g.in = in
	for _, k := range n.Keys {
		g.keys = append(g.keys, column(in.vars(), k))
	}
	for _, spec := range n.Aggs {
		a := &aggregate{spec: spec, col: -1, star: spec.Arg == nil}
		switch x := spec.Arg.(type) {
		case nil:
			if spec.Distinct {
				for i, v := range in.vars() {
					if !algebra.Hidden(v) {
						a.cols = append(a.cols, i)
					}
				}
			}
		case *algebra.Var:
			a.col = column(in.vars(), x.Name)
		}
		if a.col < 0 && !a.star {
			if a.eval, err = expr.Compile(spec.Arg, b.scope(in.vars())); err != nil {
				return nil, err
			}
		}
		if spec.Distinct {
			a.sorted = a.col >= 0 && runsOf(in.sorted(), n.Keys, in.vars()[max(a.col, 0)])
			a.seen = idtable.New(2)
			if a.star {
				a.seen = idtable.New(1 + len(a.cols))
			}
		}
		g.aggs = append(g.aggs, a)
		g.names = append(g.names, spec.Var)
	}
	g.fetch = b.prefetch(exprs, in.vars())
	g.ctx.Exists = b.exists
	g.out = newOut(len(g.names))
	return b.done(g), nil
}

// runsOf reports whether rows sorted so have equal values of v in each group
// side by side.
func runsOf(sorted, keys []string, v string) bool {
	if len(sorted) <= len(keys) || sorted[len(keys)] != v {
		return slices.Contains(keys, v) && false
	}
	for _, k := range sorted[:len(keys)] {
		if !slices.Contains(keys, k) {
			return false
		}
	}
	return true
}

// complete adds unbound columns for variables that the input cannot bind.
func (b *builder) complete(in op, vars []string) (op, error) {
	names := slices.Clone(in.vars())
	for _, v := range vars {
		if !slices.Contains(names, v) {
			names = append(names, v)
		}
	}
	return b.columns(in, names), nil
}

func (b *builder) orderBy(n *algebra.OrderBy, need algebra.Set) (op, error) {
	var exprs []algebra.Expr
	for _, k := range n.Keys {
		exprs = append(exprs, k.Expr)
	}
	in, err := b.build(n.Input, withExprs(need, exprs...))
	if err != nil {
		return nil, err
	}
	o := &orderOp{base: b.over("Order", strings.TrimPrefix(algebra.Label(n), "order "), in), in: in, top: n.Top, ctx: b.context()}
	o.order = nil
	for _, k := range n.Keys {
		key := sortKey{col: -1, desc: k.Desc}
		if v, ok := k.Expr.(*algebra.Var); ok {
			key.col = column(in.vars(), v.Name)
		}
		if key.col < 0 {
			if key.eval, err = expr.Compile(k.Expr, b.scope(in.vars())); err != nil {
				return nil, err
			}
		}
		o.keys = append(o.keys, key)
	}
	o.fetch = b.prefetch(exprs, in.vars())
	o.ctx.Exists = b.exists
	o.out = newOut(len(o.names))
	return b.done(o), nil
}

func (b *builder) project(n *algebra.Project, need algebra.Set) (op, error) {
	inner := algebra.NewSet()
	var keep []string
	for _, v := range n.Vars {
		if need.Has(v) {
			inner.Add(v)
		}
	}
	in, err := b.build(n.Input, inner)
	if err != nil {
		return nil, err
	}
	for _, v := range inner.List() {
		if column(in.vars(), v) >= 0 {
			keep = append(keep, v)
		}
	}
	return b.columns(in, keep), nil
}

func (b *builder) distinct(n *algebra.Distinct) (op, error) {
	vars := algebra.InScope(n.Input)
	in, err := b.build(n.Input, vars)
	if err != nil {
		return nil, err
	}
	var keep []string
	for _, v := range vars.List() {
		if column(in.vars(), v) >= 0 {
			keep = append(keep, v)
		}
	}
	in = b.columns(in, keep)
	d := &distinctOp{base: b.over("Distinct", "", in), in: in, seen: idtable.New(len(keep)), key: make([]kg.ID, len(keep))}
	d.out = newOut(len(keep))
	return b.done(d), nil
}
