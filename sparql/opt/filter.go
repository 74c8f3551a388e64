package opt

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// PushFilters moves every condition as far down as it may go: where all of its
// variables have the value there that they have above.
func PushFilters(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		f, ok := n.(*algebra.Filter)
		if !ok {
			return n
		}
		var stay []algebra.Expr
		in := f.Input
		for _, c := range f.Conds {
			if d, ok := pushInto(in, c); ok {
				in = d
			} else {
				stay = append(stay, c)
			}
		}
		if len(stay) == 0 {
			return in
		}
		return &algebra.Filter{Conds: stay, Input: in}
	})
}

// settled reports whether every variable of a condition has its final value in
// n, given that the other side of a join may bind more.
func settled(vars algebra.Set, n, other algebra.Node) bool {
	certain, os := algebra.Certain(n), algebra.InScope(other)
	own := false
	for _, v := range vars.List() {
		if certain.Has(v) {
			own = true
		} else if os.Has(v) {
			return false
		}
	}
	return own
}

func addFilter(n algebra.Node, c algebra.Expr) algebra.Node {
	if d, ok := pushInto(n, c); ok {
		return d
	}
	if f, ok := n.(*algebra.Filter); ok {
		return &algebra.Filter{Conds: append(slices.Clone(f.Conds), c), Input: f.Input}
	}
	return &algebra.Filter{Conds: []algebra.Expr{c}, Input: n}
}

// pushInto puts a condition below n, if it may go there.
func pushInto(n algebra.Node, c algebra.Expr) (algebra.Node, bool) {
	if algebra.Volatile(c) {
		return nil, false
	}
	vars := algebra.NewSet()
	algebra.ExprVars(c, vars)
	switch n := n.(type) {
	case *algebra.Join:
		l, r := settled(vars, n.L, n.R), settled(vars, n.R, n.L)
		if !l && !r {
			return nil, false
		}
		out := &algebra.Join{L: n.L, R: n.R}
		if l {
			out.L = addFilter(n.L, c)
		}
		if r {
			out.R = addFilter(n.R, c)
		}
		return out, true
	case *algebra.LeftJoin:
		if settled(vars, n.L, n.R) {
			return &algebra.LeftJoin{L: addFilter(n.L, c), R: n.R, Cond: n.Cond}, true
		}
	case *algebra.SemiJoin:
		if settled(vars, n.L, &algebra.Unit{}) {
			return &algebra.SemiJoin{L: addFilter(n.L, c), R: n.R, Cond: n.Cond, Not: n.Not}, true
		}
	case *algebra.Minus:
		if settled(vars, n.L, &algebra.Unit{}) {
			return &algebra.Minus{L: addFilter(n.L, c), R: n.R}, true
		}
	case *algebra.Union:
		out := &algebra.Union{}
		for _, a := range n.Args {
			out.Args = append(out.Args, addFilter(a, c))
		}
		return out, true
	case *algebra.Extend:
		if !vars.Has(n.Var) {
			return &algebra.Extend{Var: n.Var, Expr: n.Expr, Input: addFilter(n.Input, c)}, true
		}
	case *algebra.Filter:
		if d, ok := pushInto(n.Input, c); ok {
			return &algebra.Filter{Conds: n.Conds, Input: d}, true
		}
	case *algebra.Distinct:
		return &algebra.Distinct{Reduced: n.Reduced, Input: addFilter(n.Input, c)}, true
	case *algebra.Project:
		// Variables that are not projected are others inside.
		if algebra.NewSet(n.Vars...).HasAll(vars) && !algebra.HasExists(c) {
			return &algebra.Project{Vars: n.Vars, Input: addFilter(n.Input, c)}, true
		}
	case *algebra.OrderBy:
		if n.Top == 0 {
			return &algebra.OrderBy{Keys: n.Keys, Input: addFilter(n.Input, c)}, true
		}
	case *algebra.Group:
		// A condition on keys holds for whole groups.
		if len(n.Keys) > 0 && vars.Len() > 0 && algebra.NewSet(n.Keys...).HasAll(vars) && !algebra.HasExists(c) {
			return &algebra.Group{Keys: n.Keys, Aggs: n.Aggs, Input: addFilter(n.Input, c)}, true
		}
	}
	return nil, false
}

// OptionalToJoin makes a join of an OPTIONAL whose unbound rows a filter above
// rejects.
func OptionalToJoin(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		f, ok := n.(*algebra.Filter)
		if !ok {
			return n
		}
		in := f.Input
		for _, c := range f.Conds {
			in = rejectOptional(in, c, algebra.NewSet())
		}
		return &algebra.Filter{Conds: f.Conds, Input: in}
	})
}

// rejectOptional rewrites optionals along the left sides of n. Variables of
// others may be bound beside n, even where n leaves them unbound.
func rejectOptional(n algebra.Node, c algebra.Expr, others algebra.Set) algebra.Node {
	and := func(side algebra.Node) algebra.Set {
		s := algebra.InScope(side)
		s.AddAll(others.List())
		return s
	}
	switch n := n.(type) {
	case *algebra.LeftJoin:
		ls, certain := and(n.L), algebra.Certain(n.R)
		for _, v := range certain.List() {
			if !ls.Has(v) && rejects(c, v) {
				j := algebra.Node(&algebra.Join{L: n.L, R: n.R})
				if len(n.Cond) > 0 {
					j = &algebra.Filter{Conds: n.Cond, Input: j}
				}
				return j
			}
		}
		return &algebra.LeftJoin{L: rejectOptional(n.L, c, and(n.R)), R: n.R, Cond: n.Cond}
	case *algebra.Filter:
		return &algebra.Filter{Conds: n.Conds, Input: rejectOptional(n.Input, c, others)}
	case *algebra.Join:
		return &algebra.Join{L: rejectOptional(n.L, c, and(n.R)), R: rejectOptional(n.R, c, and(n.L))}
	}
	return n
}

// rejects reports whether a condition is never true while v is unbound.
func rejects(e algebra.Expr, v string) bool {
	if fails(e, v) {
		return true
	}
	c, ok := e.(*algebra.Call)
	if !ok {
		return false
	}
	switch c.Fn {
	case "&&":
		return slices.ContainsFunc(c.Args, func(a algebra.Expr) bool { return rejects(a, v) })
	case "||":
		return !slices.ContainsFunc(c.Args, func(a algebra.Expr) bool { return !rejects(a, v) })
	case "BOUND":
		x, ok := c.Args[0].(*algebra.Var)
		return ok && x.Name == v
	}
	return false
}

// fails reports whether an expression is an error while v is unbound.
func fails(e algebra.Expr, v string) bool {
	switch e := e.(type) {
	case *algebra.Var:
		return e.Name == v
	case *algebra.Call:
		switch e.Fn {
		case "BOUND", "COALESCE", "IF":
			return false
		case "IN", "NOT IN":
			return fails(e.Args[0], v)
		case "||", "&&":
			return !slices.ContainsFunc(e.Args, func(a algebra.Expr) bool { return !fails(a, v) })
		}
		return slices.ContainsFunc(e.Args, func(a algebra.Expr) bool { return fails(a, v) })
	}
	return false
}

// exact reports whether "=" with this constant holds for the same term only.
func exact(t kg.Term) bool {
	return t.Kind == kg.IRI || t.Kind == kg.Literal && t.Datatype == kg.XSDString
}

// SubstituteEqualities turns ?v = <iri> into the constant itself, and
// ?v IN (<iri>, ...) into inline data, where ?v is always bound.
func SubstituteEqualities(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		f, ok := n.(*algebra.Filter)
		if !ok {
			return n
		}
		in := f.Input
		var stay []algebra.Expr
		for _, c := range f.Conds {
			if d, ok := substitute(in, c); ok {
				in = d
			} else {
				stay = append(stay, c)
			}
		}
		if len(stay) == 0 {
			return in
		}
		return &algebra.Filter{Conds: stay, Input: in}
	})
}

func substitute(n algebra.Node, e algebra.Expr) (algebra.Node, bool) {
	c, ok := e.(*algebra.Call)
	if !ok {
		return nil, false
	}
	switch c.Fn {
	case "=", "SAMETERM":
		v, ok1 := c.Args[0].(*algebra.Var)
		k, ok2 := c.Args[1].(*algebra.Const)
		if !ok1 {
			v, ok1 = c.Args[1].(*algebra.Var)
			k, ok2 = c.Args[0].(*algebra.Const)
		}
		if !ok1 || !ok2 || c.Fn == "=" && !exact(k.Term) || k.Term.Kind == kg.Triple || k.Term.Kind == kg.None {
			return nil, false
		}
		bgp, ok := n.(*algebra.BGP)
		if !ok || !algebra.InScope(n).Has(v.Name) {
			return nil, false
		}
		return algebra.Substitute(bgp, algebra.Bindings{v.Name: k.Term}), true
	case "IN":
		v, ok := c.Args[0].(*algebra.Var)
		if !ok || !algebra.Certain(n).Has(v.Name) {
			return nil, false
		}
		vals := &algebra.Values{Vars: []string{v.Name}}
		seen := map[kg.Term]bool{}
		for _, a := range c.Args[1:] {
			k, ok := a.(*algebra.Const)
			if !ok || !exact(k.Term) {
				return nil, false
			}
			if !seen[k.Term] {
				seen[k.Term] = true
				vals.Rows = append(vals.Rows, []kg.Term{k.Term})
			}
		}
		if len(vals.Rows) == 0 {
			return &algebra.Empty{}, true
		}
		return &algebra.Join{L: vals, R: n}, true
	}
	return nil, false
}

// ExistsToSemiJoin runs EXISTS for all rows at once where putting the values
// of a row into the pattern is the same as joining with it.
func ExistsToSemiJoin(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		f, ok := n.(*algebra.Filter)
		if !ok {
			return n
		}
		in := f.Input
		var stay, exists []algebra.Expr
		for _, c := range f.Conds {
			if x, _ := existsOf(c); x != nil {
				exists = append(exists, c)
			} else {
				stay = append(stay, c)
			}
		}
		if len(stay) > 0 {
			in = &algebra.Filter{Conds: stay, Input: in}
		}
		var rest []algebra.Expr
		for _, c := range exists {
			x, not := existsOf(c)
			p := Rewrite(x.Node)
			var conds []algebra.Expr
			for {
				g, ok := p.(*algebra.Filter)
				if !ok {
					break
				}
				conds = append(conds, g.Conds...)
				p = g.Input
			}
			if !joinable(p, algebra.InScope(in)) || slices.ContainsFunc(conds, algebra.HasExists) {
				rest = append(rest, c)
				continue
			}
			in = semiJoin(in, p, conds, not)
		}
		if len(rest) > 0 {
			return &algebra.Filter{Conds: rest, Input: in}
		}
		return in
	})
}

// semiJoin puts a semi-join as far down as its variables allow.
func semiJoin(l, r algebra.Node, conds []algebra.Expr, not bool) algebra.Node {
	if j, ok := l.(*algebra.Join); ok {
		vars := algebra.NewSet()
		ls, rs := algebra.InScope(l), algebra.InScope(r)
		for _, v := range rs.List() {
			if ls.Has(v) {
				vars.Add(v)
			}
		}
		for _, c := range conds {
			s := algebra.NewSet()
			algebra.ExprVars(c, s)
			for _, v := range s.List() {
				if ls.Has(v) || !rs.Has(v) {
					vars.Add(v)
				}
			}
		}
		if settled(vars, j.L, j.R) {
			return &algebra.Join{L: semiJoin(j.L, r, conds, not), R: j.R}
		}
		if settled(vars, j.R, j.L) {
			return &algebra.Join{L: j.L, R: semiJoin(j.R, r, conds, not)}
		}
	}
	return &algebra.SemiJoin{L: l, R: r, Cond: conds, Not: not}
}

func existsOf(e algebra.Expr) (x *algebra.Exists, not bool) {
	for {
		if c, ok := e.(*algebra.Call); ok && c.Fn == "!" {
			e, not = c.Args[0], !not
			continue
		}
		x, ok := e.(*algebra.Exists)
		if !ok {
			return nil, false
		}
		return x, x.Not != not
	}
}

// joinable reports whether a pattern may be evaluated without the values of
// the outer row and joined with it afterwards.
func joinable(n algebra.Node, outer algebra.Set) bool {
	switch n := n.(type) {
	case *algebra.BGP, *algebra.Values, *algebra.Unit, *algebra.Empty:
		return true
	case *algebra.Path:
		// Between two variables a path of length zero needs a node of the
		// graph, between a value and a variable it does not.
		return !algebra.Nullable(n.Path) || !n.S.IsVar() || !n.O.IsVar()
	case *algebra.Join:
		return joinable(n.L, outer) && joinable(n.R, outer)
	case *algebra.Union:
		for _, a := range n.Args {
			if !joinable(a, outer) {
				return false
			}
		}
		return true
	case *algebra.Filter:
		certain := algebra.Certain(n.Input)
		for _, c := range n.Conds {
			s := algebra.NewSet()
			algebra.ExprVars(c, s)
			for _, v := range s.List() {
				if outer.Has(v) && !certain.Has(v) || algebra.HasExists(c) {
					return false
				}
			}
		}
		return joinable(n.Input, outer)
	case *algebra.Extend:
		// Made by substitution of a constant: the value does not depend on the
		// outer row.
		if _, ok := n.Expr.(*algebra.Const); ok {
			return joinable(n.Input, outer)
		}
	}
	return false
}
