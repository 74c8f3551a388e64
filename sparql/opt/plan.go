package opt

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// Stats is what the planner knows of the data.
type Stats interface {
	// Estimate is the number of quads that match the constants of a pattern.
	Estimate(g algebra.GraphRef, t algebra.Triple) float64
	// Predicate describes a predicate; false if no quad has it.
	Predicate(p kg.Term) (kg.PredicateStats, bool)
	// Size is the number of quads.
	Size() float64
}

// Plan orders the joins of a rewritten tree and chooses how they are run; need
// are the variables that the consumer asks for.
func Plan(n algebra.Node, s Stats, need []string) algebra.Node {
	p := &planner{stats: s}
	out, _ := p.plan(n, algebra.NewSet(need...), nil)
	return out
}

type planner struct{ stats Stats }

// Guesses where there are no statistics. They are what the literature uses
// since Selinger et al., SIGMOD 1979.
const (
	selEqual  = 0.1
	selRange  = 1.0 / 3
	selOther  = 0.5
	pathReach = 20 // nodes that a closure reaches from one
)

// Costs in units of one quad read in sequence, about 5 ns. They were fitted to
// the operators of package exec.
const (
	costRow   = 1.0
	costSeek  = 60.0 // a look-up far from the one before
	costNear  = 4.0  // a look-up close to the one before
	costSort  = 8.0  // to bring a row's key into order
	costBuild = 8.0  // to put a row into a hash table
	costProbe = 5.0
)

// estimate describes what a subtree gives.
type estimate struct {
	rows   float64 // rows handed on; equal rows are counted, not repeated
	cost   float64
	sorted string // variable that the rows are sorted by, or empty
}

// plan returns the planned tree; prefer are variables that a sort or a group
// above would like the rows to be sorted by.
func (p *planner) plan(n algebra.Node, need algebra.Set, prefer []string) (algebra.Node, estimate) {
	switch n := n.(type) {
	case *algebra.BGP, *algebra.Join, *algebra.Path:
		return p.block(n, need, prefer, nil)
	case *algebra.Filter:
		return p.block(n, need, prefer, nil)
	case *algebra.LeftJoin:
		return p.leftJoin(n, need, prefer)
	case *algebra.SemiJoin:
		return p.semiJoin(n, need, prefer)
	case *algebra.Minus:
		all := shared(n.L, n.R)
		l, le := p.plan(n.L, with(need, all...), prefer)
		r, re := p.plan(n.R, algebra.NewSet(all...), nil)
		return &algebra.Minus{L: l, R: r}, estimate{le.rows * selOther, le.cost + re.cost + re.rows*costBuild + le.rows*costProbe, le.sorted}
	case *algebra.Union:
		out := &algebra.Union{}
		var e estimate
		for _, a := range n.Args {
			x, ae := p.plan(a, need, nil)
			out.Args = append(out.Args, x)
			e.rows += ae.rows
			e.cost += ae.cost
		}
		return out, e
	case *algebra.Extend:
		if k, ok := n.Expr.(*algebra.Const); ok && k != nil && !algebra.InScope(n.Input).Has(n.Var) {
			return p.block(n, need, prefer, nil)
		}
		cneed := need
		if need.Has(n.Var) {
			cneed = withExprs(need, n.Expr)
		}
		in, e := p.plan(n.Input, cneed, prefer)
		return &algebra.Extend{Var: n.Var, Expr: n.Expr, Input: in}, estimate{e.rows, e.cost + e.rows*10, e.sorted}
	case *algebra.Unnest:
		cneed := with(need, n.Var)
		for _, r := range n.Parts {
			cneed.Add(r.Var)
		}
		in, e := p.plan(n.Input, cneed, prefer)
		return &algebra.Unnest{Var: n.Var, Parts: n.Parts, Input: in}, estimate{e.rows * selOther, e.cost + e.rows*50, e.sorted}
	case *algebra.Graph:
		// The input is planned per graph when it is run.
		return n, estimate{rows: 1000, cost: 10000}
	case *algebra.Values:
		return n, estimate{rows: float64(len(n.Rows)), cost: float64(len(n.Rows))}
	case *algebra.Group:
		cneed := algebra.NewSet(n.Keys...)
		prefer := slices.Clone(n.Keys)
		for _, a := range n.Aggs {
			if a.Arg != nil {
				cneed = withExprs(cneed, a.Arg)
				if v, ok := a.Arg.(*algebra.Var); ok && a.Distinct {
					prefer = append(prefer, v.Name)
				}
			} else if a.Distinct {
				cneed.AddAll(algebra.InScope(n.Input).List())
			}
		}
		in, e := p.plan(n.Input, cneed, prefer)
		rows := 1.0
		if len(n.Keys) > 0 {
			rows = max(e.rows/10, 1)
		}
		return &algebra.Group{Keys: n.Keys, Aggs: n.Aggs, Input: in}, estimate{rows: rows, cost: e.cost + e.rows*costProbe}
	case *algebra.OrderBy:
		cneed := need
		for _, k := range n.Keys {
			cneed = withExprs(cneed, k.Expr)
		}
		in, e := p.plan(n.Input, cneed, nil)
		return &algebra.OrderBy{Keys: n.Keys, Input: in, Top: n.Top}, estimate{rows: e.rows, cost: e.cost + e.rows*20}
	case *algebra.Project:
		inner := algebra.NewSet()
		for _, v := range n.Vars {
			if need.Has(v) {
				inner.Add(v)
			}
		}
		in, e := p.plan(n.Input, inner, prefer)
		return &algebra.Project{Vars: n.Vars, Input: in}, e
	case *algebra.Distinct:
		in, e := p.plan(n.Input, algebra.InScope(n.Input), algebra.InScope(n.Input).List())
		return &algebra.Distinct{Reduced: n.Reduced, Input: in}, estimate{e.rows * selOther, e.cost + e.rows*costBuild, e.sorted}
	case *algebra.Slice:
		in, e := p.plan(n.Input, need, nil)
		if n.Limit >= 0 {
			e.rows = min(e.rows, float64(n.Limit))
		}
		return &algebra.Slice{Offset: n.Offset, Limit: n.Limit, Input: in}, e
	}
	return n, estimate{rows: 1, cost: 1}
}

func with(s algebra.Set, vars ...string) algebra.Set {
	out := algebra.NewSet(s.List()...)
	out.AddAll(vars)
	return out
}

func withExprs(s algebra.Set, es ...algebra.Expr) algebra.Set {
	out := algebra.NewSet(s.List()...)
	for _, e := range es {
		algebra.ExprVars(e, out)
	}
	return out
}

func shared(l, r algebra.Node) (out []string) {
	ls := algebra.InScope(l)
	for _, v := range algebra.InScope(r).List() {
		if ls.Has(v) {
			out = append(out, v)
		}
	}
	return out
}

// certainlyShared reports whether both sides always bind all shared variables.
func certainlyShared(l, r algebra.Node, vars []string) bool {
	lc, rc := algebra.Certain(l), algebra.Certain(r)
	for _, v := range vars {
		if !lc.Has(v) || !rc.Has(v) {
			return false
		}
	}
	return true
}

func (p *planner) leftJoin(n *algebra.LeftJoin, need algebra.Set, prefer []string) (algebra.Node, estimate) {
	all := shared(n.L, n.R)
	both := withExprs(with(need, all...), n.Cond...)
	if prefer == nil {
		prefer = all
	}
	l, le := p.plan(n.L, both, prefer)
	r, m, e := p.right(l, le, n.R, all, both, len(n.Cond) == 0)
	e.rows = max(e.rows, le.rows)
	return &algebra.LeftJoin{L: l, R: r, Cond: n.Cond, Method: m, Est: e.rows}, e
}

func (p *planner) semiJoin(n *algebra.SemiJoin, need algebra.Set, prefer []string) (algebra.Node, estimate) {
	all := shared(n.L, n.R)
	if prefer == nil {
		prefer = all
	}
	l, le := p.plan(n.L, withExprs(with(need, all...), n.Cond...), prefer)
	r, m, e := p.right(l, le, n.R, all, withExprs(algebra.NewSet(all...), n.Cond...), len(n.Cond) == 0)
	e.rows = le.rows * selOther
	return &algebra.SemiJoin{L: l, R: r, Cond: n.Cond, Not: n.Not, Method: m, Est: e.rows}, e
}

// right plans the right side of an OPTIONAL or a semi-join: by look-up if it
// is one pattern, run per batch of the left side if that reads less, else by a
// hash table.
func (p *planner) right(l algebra.Node, le estimate, n algebra.Node, all []string, need algebra.Set, plain bool) (algebra.Node, algebra.Method, estimate) {
	full, fe := p.plan(n, need, nil)
	hash := estimate{max(le.rows, 1), le.cost + fe.cost + fe.rows*costBuild + le.rows*costProbe, le.sorted}
	if len(all) == 0 || !certainlyShared(l, n, all) || !seedable(n) {
		return full, algebra.Hash, hash
	}
	seed := &algebra.Seed{Vars: all}
	seeded, se := p.block(n, need, nil, &seedInput{seed, le.rows})
	if s, ok := full.(*algebra.Scan); ok && plain {
		cost := le.cost + p.lookupCost(le.rows, s.Est, slices.Contains(all, le.sorted))
		if cost <= hash.cost {
			return full, algebra.Lookup, estimate{max(le.rows, se.rows), cost, le.sorted}
		}
		return full, algebra.Hash, hash
	}
	if cost := le.cost + se.cost + le.rows*costProbe; cost < hash.cost {
		return seeded, algebra.Seeded, estimate{max(le.rows, se.rows), cost, le.sorted}
	}
	return full, algebra.Hash, hash
}

// seedable reports whether a pattern gives the same when the rows it will be
// joined with are fed into it.
func seedable(n algebra.Node) bool {
	switch n := n.(type) {
	case *algebra.BGP, *algebra.Values:
		return true
	case *algebra.Path:
		return !algebra.Nullable(n.Path)
	case *algebra.Join:
		return seedable(n.L) && seedable(n.R)
	case *algebra.Filter:
		certain := algebra.Certain(n.Input)
		for _, c := range n.Conds {
			s := algebra.NewSet()
			algebra.ExprVars(c, s)
			if !certain.HasAll(s) || algebra.HasExists(c) {
				return false
			}
		}
		return seedable(n.Input)
	}
	return false
}

// lookupCost is the cost of looking up keys in a pattern of so many quads.
func (p *planner) lookupCost(keys, quads float64, sorted bool) float64 {
	if sorted {
		return min(keys*costSeek, quads*costRow+keys*costNear)
	}
	// The keys of a batch are sorted: a batch reads a small relation through.
	batches := max(keys/1024, 1)
	return keys*costSort + min(keys*costSeek, batches*quads*costRow+keys*costNear)
}

// selectivity guesses the share of rows that a condition keeps.
func selectivity(e algebra.Expr) float64 {
	c, ok := e.(*algebra.Call)
	if !ok {
		return selOther
	}
	switch c.Fn {
	case "=", "SAMETERM", "REGEX", "CONTAINS", "STRSTARTS", "STRENDS", "IN":
		return selEqual
	case "<", ">", "<=", ">=":
		return selRange
	case "&&":
		s := 1.0
		for _, a := range c.Args {
			s *= selectivity(a)
		}
		return s
	case "!=", "BOUND", "NOT IN":
		return 0.9
	}
	return selOther
}
