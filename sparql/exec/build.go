package exec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/access"
	"github.com/quaestor-kg/quaestor/sparql/exec/rows"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// build makes the operators of a node. Its columns hold at least the needed
// variables that the node can bind.
func (b *builder) build(n algebra.Node, need algebra.Set) (run.Op, error) {
	switch n := n.(type) {
	case *algebra.Unit:
		return b.done(rows.Unit(b.Env)), nil
	case *algebra.Empty:
		return b.done(rows.Empty(b.Env)), nil
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
		return b.op(access.Multiway(b.Env, n, need))
	case *algebra.Path:
		return b.pathNode(n, need)
	case *algebra.Unnest:
		return b.unnest(n, need)
	case *algebra.Join:
		return b.join(n, need)
	case *algebra.LeftJoin:
		return b.leftLike(n.L, n.R, n.Cond, n.Method, run.Outer, n.Est, need)
	case *algebra.SemiJoin:
		mode := run.Semi
		if n.Not {
			mode = run.Anti
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
			return nil, run.ErrService
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
		return b.done(rows.Slice(b.Env, strings.TrimPrefix(algebra.Label(n), "slice "), in, n.Offset, n.Limit)), nil
	}
	return nil, fmt.Errorf("sparql: no operator for %T", n)
}

// op finishes an operator that was just made.
func (b *builder) op(o run.Op, err error) (run.Op, error) {
	if err != nil {
		return nil, err
	}
	return b.done(o), nil
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
func (b *builder) scanNode(n *algebra.Scan, need algebra.Set) (run.Op, error) {
	o := n.Order
	if sel, err := b.Env.Select(n.Graph); err != nil {
		return nil, err
	} else if sel.Dedup && o == kg.GSPO {
		o = kg.SPO // copies of a triple must follow each other
	}
	return b.op(access.Scan(b.Env, n.Graph, n.Triple, o, n.Est, need))
}

func tripleVars(g algebra.GraphRef, t algebra.Triple) algebra.Set {
	return algebra.NewSet(t.S.Var, t.P.Var, t.O.Var, g.Name.Var)
}

// bgp joins the patterns in their order.
func (b *builder) bgp(n *algebra.BGP, need algebra.Set) (run.Op, error) {
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

func (b *builder) join(n *algebra.Join, need algebra.Set) (run.Op, error) {
	all, certain := sharedVars(n.L, n.R)
	exact := len(all) == len(certain)
	switch r := n.R.(type) {
	case *algebra.Scan:
		if exact && (n.Method == algebra.Lookup || n.Method == algebra.Auto && len(all) > 0) {
			in, err := b.build(n.L, with(need, all...))
			if err != nil {
				return nil, err
			}
			return b.op(access.Lookup(b.Env, in, r.Graph, r.Triple, run.Inner, n.Est, algebra.NewSet(all...), need))
		}
	case *algebra.Path:
		if _, ok := r.Path.(*algebra.Repeat); ok && exact && n.Method != algebra.Hash && n.Method != algebra.HashLeft && !r.Graph.Name.IsVar() && r.Graph.Kind != algebra.Current {
			if slices.Contains(all, r.S.Var) || slices.Contains(all, r.O.Var) {
				in, err := b.build(n.L, with(need, all...))
				if err != nil {
					return nil, err
				}
				return b.op(access.Path(b.Env, in, r, n.Est, algebra.NewSet(all...), need))
			}
		}
	}
	l, r := n.L, n.R
	if n.Method == algebra.HashLeft {
		l, r = r, l
	}
	return b.hash("HashJoin", l, r, nil, run.Inner, n.Est, need)
}

// compile returns how a join makes its condition, or nil.
func (b *builder) compile(conds []algebra.Expr) func(names []string) (*rows.Condition, error) {
	if len(conds) == 0 {
		return nil
	}
	return func(names []string) (*rows.Condition, error) { return b.condition(conds, names) }
}

// hash joins by a table of the right side.
func (b *builder) hash(name string, l, r algebra.Node, conds []algebra.Expr, mode run.Mode, est float64, need algebra.Set) (run.Op, error) {
	all, certain := sharedVars(l, r)
	both := withExprs(with(need, all...), conds...)
	left, err := b.build(l, both)
	if err != nil {
		return nil, err
	}
	rneed := both
	if mode >= run.Semi {
		rneed = withExprs(algebra.NewSet(all...), conds...)
	}
	right, err := b.build(r, rneed)
	if err != nil {
		return nil, err
	}
	var keys, leftKeys []int
	for _, v := range certain {
		leftKeys = append(leftKeys, run.Column(left.Vars(), v))
		keys = append(keys, run.Column(right.Vars(), v))
	}
	spec := rows.JoinSpec{
		Name: name, Detail: "on " + strings.Join(marked(all), " "), Mode: mode, Known: certain,
		Compile: b.compile(conds), Est: est, Need: need,
	}
	if name == "Minus" {
		// Solutions that surely share a variable need no check for it.
		spec.Minus = len(certain) == 0
	}
	if len(all) == 0 {
		spec.Name, spec.Detail = "CrossJoin", ""
	}
	return b.op(rows.Join(b.Env, left, rows.Hash(b.Env, name, right, keys, leftKeys), spec))
}

func marked(vars []string) []string {
	out := make([]string, len(vars))
	for i, v := range vars {
		out[i] = algebra.V(v).String()
	}
	return out
}

// leftLike builds OPTIONAL, semi-joins and anti-joins.
func (b *builder) leftLike(l, r algebra.Node, conds []algebra.Expr, m algebra.Method, mode run.Mode, est float64, need algebra.Set) (run.Op, error) {
	all, certain := sharedVars(l, r)
	if s, ok := r.(*algebra.Scan); ok && len(conds) == 0 && len(all) == len(certain) && m != algebra.Hash {
		if len(all) > 0 || mode == run.Outer {
			in, err := b.build(l, with(need, all...))
			if err != nil {
				return nil, err
			}
			return b.op(access.Lookup(b.Env, in, s.Graph, s.Triple, mode, est, algebra.NewSet(all...), need))
		}
	}
	if m == algebra.Seeded {
		return b.seeded(l, r, conds, mode, est, need)
	}
	return b.hash("HashJoin", l, r, conds, mode, est, need)
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

func (b *builder) seeded(l, r algebra.Node, conds []algebra.Expr, mode run.Mode, est float64, need algebra.Set) (run.Op, error) {
	seed := findSeed(r)
	if seed == nil {
		return nil, errors.New("sparql: seeded join without a seed")
	}
	lneed := withExprs(with(need, seed.Vars...), conds...)
	left, err := b.build(l, lneed)
	if err != nil {
		return nil, err
	}
	var cols []int
	for _, v := range seed.Vars {
		c := run.Column(left.Vars(), v)
		if c < 0 {
			return nil, fmt.Errorf("sparql: seed variable ?%s is not bound", v)
		}
		cols = append(cols, c)
	}
	s := rows.NewSeed(b.Env, strings.Join(marked(seed.Vars), " "), seed.Vars, cols)
	b.seeds[seed] = s
	rneed := algebra.NewSet(rows.RowVar)
	if mode <= run.Outer {
		rneed.AddAll(need.List())
	}
	rneed = withExprs(rneed, conds...)
	right, err := b.build(r, rneed)
	delete(b.seeds, seed)
	if err != nil {
		return nil, err
	}
	return b.op(rows.Join(b.Env, left, rows.Seeded(s, right), rows.JoinSpec{
		Name: "SeededJoin", Mode: mode, Compile: b.compile(conds), Est: est, Need: need,
	}))
}

func (b *builder) minus(n *algebra.Minus, need algebra.Set) (run.Op, error) {
	if all, _ := sharedVars(n.L, n.R); len(all) == 0 {
		return b.build(n.L, need)
	}
	return b.hash("Minus", n.L, n.R, nil, run.Anti, -1, need)
}

func (b *builder) pathNode(n *algebra.Path, need algebra.Set) (run.Op, error) {
	if _, ok := n.Path.(*algebra.Repeat); !ok {
		return b.build(algebra.ExpandPath(n, b.Env.FreshVar), need)
	}
	if n.Graph.Name.IsVar() {
		g := n.Graph.Name.Var
		return b.build(&algebra.Graph{Var: g, Input: &algebra.Path{
			Graph: algebra.GraphRef{Kind: algebra.Current}, S: n.S, Path: n.Path, O: n.O,
		}}, need)
	}
	return b.op(access.Path(b.Env, rows.Unit(b.Env), n, -1, algebra.NewSet(), need))
}

func (b *builder) unnest(n *algebra.Unnest, need algebra.Set) (run.Op, error) {
	cneed := with(need, n.Var)
	for _, p := range n.Parts {
		cneed.Add(p.Var)
	}
	in, err := b.build(n.Input, cneed)
	if err != nil {
		return nil, err
	}
	return b.op(rows.Unnest(b.Env, strings.TrimPrefix(algebra.Label(n), "unnest "), in, n.Var, n.Parts))
}

func (b *builder) union(n *algebra.Union, need algebra.Set) (run.Op, error) {
	var in []run.Op
	for _, a := range n.Args {
		o, err := b.build(a, need)
		if err != nil {
			return nil, err
		}
		in = append(in, o)
	}
	return b.done(rows.Union(b.Env, in)), nil
}

func (b *builder) filter(n *algebra.Filter, need algebra.Set) (run.Op, error) {
	in, err := b.build(n.Input, withExprs(need, n.Conds...))
	if err != nil {
		return nil, err
	}
	cond, err := b.condition(n.Conds, in.Vars())
	if err != nil {
		return nil, err
	}
	return b.done(rows.Filter(b.Env, strings.TrimPrefix(algebra.Label(n), "filter "), in, cond)), nil
}

func (b *builder) extend(n *algebra.Extend, need algebra.Set) (run.Op, error) {
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
	var parts, vars []string
	var exprs []algebra.Expr
	var evals []expr.Eval
	names := slices.Clone(in.Vars())
	expand := false
	for _, x := range live {
		// An expression sees the variables before it.
		f, err := expr.Compile(x.Expr, b.scope(names))
		if err != nil {
			return nil, err
		}
		evals, exprs = append(evals, f), append(exprs, x.Expr)
		names, vars = append(names[:len(names):len(names)], x.Var), append(vars, x.Var)
		parts = append(parts, algebra.V(x.Var).String()+" = "+algebra.ExprString(x.Expr))
		expand = expand || algebra.Volatile(x.Expr)
	}
	return b.done(rows.Extend(b.Env, strings.Join(parts, ", "), in, vars, evals, b.context(), b.prefetch(exprs, in.Vars()), expand)), nil
}

func (b *builder) values(n *algebra.Values) (run.Op, error) {
	cols := make([][]kg.ID, len(n.Vars))
	for _, r := range n.Rows {
		for c, t := range r {
			id, err := b.Env.Terms.Intern(t)
			if err != nil {
				return nil, err
			}
			cols[c] = append(cols[c], id)
		}
	}
	return b.done(rows.Values(b.Env, "Values", strings.TrimPrefix(algebra.Label(n), "values "), n.Vars, cols, len(n.Rows))), nil
}

func (b *builder) group(n *algebra.Group) (run.Op, error) {
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
	in = b.complete(in, n.Keys)
	var aggs []*rows.Aggregate
	for _, spec := range n.Aggs {
		a := &rows.Aggregate{Spec: spec, Col: -1}
		switch x := spec.Arg.(type) {
		case nil:
			for i, v := range in.Vars() {
				if !algebra.Hidden(v) {
					a.Cols = append(a.Cols, i)
				}
			}
		case *algebra.Var:
			a.Col = run.Column(in.Vars(), x.Name)
		}
		if a.Col < 0 && spec.Arg != nil {
			if a.Eval, err = expr.Compile(spec.Arg, b.scope(in.Vars())); err != nil {
				return nil, err
			}
		}
		a.Sorted = spec.Distinct && a.Col >= 0 && runsOf(in.Sorted(), n.Keys, in.Vars()[a.Col])
		aggs = append(aggs, a)
	}
	return b.done(rows.Group(b.Env, strings.TrimPrefix(algebra.Label(n), "group "), in, n.Keys, aggs, b.context(), b.prefetch(exprs, in.Vars()))), nil
}

// runsOf reports whether rows sorted so have equal values of v in each group
// side by side.
func runsOf(sorted, keys []string, v string) bool {
	if len(sorted) <= len(keys) || sorted[len(keys)] != v {
		return false
	}
	for _, k := range sorted[:len(keys)] {
		if !slices.Contains(keys, k) {
			return false
		}
	}
	return true
}

// complete adds unbound columns for variables that the input cannot bind.
func (b *builder) complete(in run.Op, vars []string) run.Op {
	names := slices.Clone(in.Vars())
	for _, v := range vars {
		if !slices.Contains(names, v) {
			names = append(names, v)
		}
	}
	return b.columns(in, names)
}

func (b *builder) orderBy(n *algebra.OrderBy, need algebra.Set) (run.Op, error) {
	var exprs []algebra.Expr
	for _, k := range n.Keys {
		exprs = append(exprs, k.Expr)
	}
	in, err := b.build(n.Input, withExprs(need, exprs...))
	if err != nil {
		return nil, err
	}
	var keys []rows.SortKey
	for _, k := range n.Keys {
		key := rows.SortKey{Col: -1, Desc: k.Desc}
		if v, ok := k.Expr.(*algebra.Var); ok {
			key.Col = run.Column(in.Vars(), v.Name)
		}
		if key.Col < 0 {
			if key.Eval, err = expr.Compile(k.Expr, b.scope(in.Vars())); err != nil {
				return nil, err
			}
		}
		keys = append(keys, key)
	}
	return b.done(rows.Sort(b.Env, strings.TrimPrefix(algebra.Label(n), "order "), in, keys, n.Top, b.context(), b.prefetch(exprs, in.Vars()))), nil
}

func (b *builder) project(n *algebra.Project, need algebra.Set) (run.Op, error) {
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
		if run.Column(in.Vars(), v) >= 0 {
			keep = append(keep, v)
		}
	}
	return b.columns(in, keep), nil
}

func (b *builder) distinct(n *algebra.Distinct) (run.Op, error) {
	vars := algebra.InScope(n.Input)
	in, err := b.build(n.Input, vars)
	if err != nil {
		return nil, err
	}
	var keep []string
	for _, v := range vars.List() {
		if run.Column(in.Vars(), v) >= 0 {
			keep = append(keep, v)
		}
	}
	return b.done(rows.Distinct(b.Env, b.columns(in, keep))), nil
}
