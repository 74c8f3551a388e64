package opt

import (
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// Pass is a named rewriting.
type Pass struct {
	Name string
	Run  func(algebra.Node) algebra.Node
}

// Passes returns the rewritings that need no statistics, in order.
func Passes() []Pass {
	return []Pass{
		{"fold-constants", FoldConstants},
		{"expand-paths", ExpandPaths},
		{"push-graph", PushGraph},
		{"simplify", Simplify},
		{"push-filters", PushFilters},
		{"optional-to-join", OptionalToJoin},
		{"push-filters", PushFilters},
		{"substitute-equalities", SubstituteEqualities},
		{"exists-to-semijoin", ExistsToSemiJoin},
		{"count-rows", CountRows},
		{"push-limits", PushLimits},
		{"simplify", Simplify},
	}
}

// Rewrite runs all passes.
func Rewrite(n algebra.Node) algebra.Node {
	for _, p := range Passes() {
		n = p.Run(n)
	}
	return n
}

// mapExprs applies f to every expression of a tree, bottom up, but not to
// patterns inside EXISTS: those are rewritten when they are run.
func mapExprs(n algebra.Node, f func(algebra.Expr) algebra.Expr) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		return algebra.MapExprs(n, func(e algebra.Expr) algebra.Expr { return algebra.MapExpr(e, f, nil) })
	})
}

// noTerms lets constants be evaluated without a store.
type noTerms struct{}

func (noTerms) Term(kg.ID) (*kg.Term, error)  { return nil, kg.ErrUnknownID }
func (noTerms) Intern(kg.Term) (kg.ID, error) { return 0, nil }

// FoldConstants evaluates expressions without variables once.
func FoldConstants(n algebra.Node) algebra.Node {
	return mapExprs(n, func(e algebra.Expr) algebra.Expr {
		c, ok := e.(*algebra.Call)
		if !ok || algebra.Volatile(e) || !expr.Known(c.Fn) {
			return e
		}
		switch c.Fn {
		case "NOW", "IRI", "TRIPLE", "SUBJECT", "PREDICATE", "OBJECT":
			return e // they depend on the run, or gain nothing
		}
		for _, a := range c.Args {
			if _, ok := a.(*algebra.Const); !ok {
				return simplifyLogic(c)
			}
		}
		f, err := expr.Compile(e, expr.Scope{
			Column: func(string) int { return -1 },
			Lookup: func(kg.Term) (kg.ID, error) { return 0, nil },
		})
		if err != nil {
			return e
		}
		ctx := &expr.Ctx{Terms: noTerms{}}
		v := f(ctx)
		if v.K == expr.Err || ctx.Fail != nil {
			return e // errors stay where they are
		}
		return &algebra.Const{Term: ctx.Term(v)}
	})
}

// simplifyLogic drops arguments of && and || that decide nothing. What is left
// alone keeps its effective boolean value only if it is a boolean anyway.
func simplifyLogic(c *algebra.Call) algebra.Expr {
	if c.Fn != "&&" && c.Fn != "||" {
		return c
	}
	neutral := strconv.FormatBool(c.Fn == "&&")
	var args []algebra.Expr
	for _, a := range c.Args {
		k, ok := a.(*algebra.Const)
		if !ok || k.Term.Datatype != kg.XSD+"boolean" {
			args = append(args, a)
			continue
		}
		if k.Term.Value != neutral {
			return k // decides, whatever the others are
		}
	}
	if len(args) < 2 {
		return c
	}
	return &algebra.Call{Fn: c.Fn, Args: args}
}

// ExpandPaths turns paths that are no closures into joins, unions and filters,
// so that their parts are ordered with the rest.
func ExpandPaths(n algebra.Node) algebra.Node {
	vars := algebra.NewSet()
	algebra.AllVars(n, vars)
	i := 0
	fresh := func() string {
		for {
			i++
			if v := "#o" + strconv.Itoa(i); !vars.Has(v) {
				return v
			}
		}
	}
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		p, ok := n.(*algebra.Path)
		if !ok {
			return n
		}
		if _, ok := p.Path.(*algebra.Repeat); ok {
			return n
		}
		return algebra.ExpandPath(p, fresh)
	})
}

// PushGraph turns GRAPH ?g around patterns into patterns that bind ?g
// themselves, where that is the same: only triple patterns, joins, unions and
// filters that do not look at ?g.
func PushGraph(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		g, ok := n.(*algebra.Graph)
		if !ok || !pushable(g.Input, g.Var) {
			return n
		}
		return algebra.InGraph(g.Input, algebra.GraphRef{Kind: algebra.Named, Name: algebra.V(g.Var)})
	})
}

func pushable(n algebra.Node, g string) bool {
	switch n := n.(type) {
	case *algebra.BGP:
		return n.Graph.Kind == algebra.Current && !algebra.InScope(n).Has(g)
	case *algebra.Join:
		return pushable(n.L, g) && pushable(n.R, g)
	case *algebra.LeftJoin:
		for _, e := range n.Cond {
			if mentions(e, g) {
				return false
			}
		}
		return pushable(n.L, g) && pushable(n.R, g)
	case *algebra.Union:
		for _, a := range n.Args {
			if !pushable(a, g) {
				return false
			}
		}
		return true
	case *algebra.Filter:
		for _, e := range n.Conds {
			if mentions(e, g) {
				return false
			}
		}
		return pushable(n.Input, g)
	}
	return false
}

// mentions reports whether an expression depends on a variable or, by EXISTS,
// on the graph.
func mentions(e algebra.Expr, v string) bool {
	s := algebra.NewSet()
	algebra.ExprVars(e, s)
	return s.Has(v) || algebra.HasExists(e)
}

// Simplify removes what adds nothing: joins with one empty solution or with
// none, filters that are true or false, unions of one.
func Simplify(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		switch n := n.(type) {
		case *algebra.Join:
			switch {
			case isEmpty(n.L), isEmpty(n.R):
				return &algebra.Empty{}
			case isUnit(n.L):
				return n.R
			case isUnit(n.R):
				return n.L
			}
		case *algebra.LeftJoin:
			if isEmpty(n.L) || isEmpty(n.R) {
				return n.L
			}
		case *algebra.Minus:
			if isEmpty(n.L) || isEmpty(n.R) {
				return n.L
			}
		case *algebra.Union:
			var args []algebra.Node
			for _, a := range n.Args {
				switch a := a.(type) {
				case *algebra.Empty:
				case *algebra.Union:
					args = append(args, a.Args...)
				default:
					args = append(args, a)
				}
			}
			switch len(args) {
			case 0:
				return &algebra.Empty{}
			case 1:
				return args[0]
			}
			return &algebra.Union{Args: args}
		case *algebra.Filter:
			var conds []algebra.Expr
			for _, c := range n.Conds {
				for _, e := range algebra.And(c) {
					k, ok := e.(*algebra.Const)
					if !ok {
						conds = append(conds, e)
						continue
					}
					ctx := &expr.Ctx{Terms: noTerms{}}
					if !expr.Truth(func(*expr.Ctx) expr.Value { return expr.FromTerm(&k.Term, 0) }, ctx) {
						return &algebra.Empty{}
					}
				}
			}
			if isEmpty(n.Input) {
				return n.Input
			}
			if len(conds) == 0 {
				return n.Input
			}
			if f, ok := n.Input.(*algebra.Filter); ok {
				return &algebra.Filter{Conds: append(append([]algebra.Expr{}, f.Conds...), conds...), Input: f.Input}
			}
			return &algebra.Filter{Conds: conds, Input: n.Input}
		case *algebra.Values:
			if len(n.Rows) == 0 {
				return &algebra.Empty{}
			}
		}
		return n
	})
}

func isEmpty(n algebra.Node) bool { _, ok := n.(*algebra.Empty); return ok }
func isUnit(n algebra.Node) bool  { _, ok := n.(*algebra.Unit); return ok }

// CountRows turns COUNT(?v) of a variable that is always bound into COUNT(*),
// which needs no column.
func CountRows(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		g, ok := n.(*algebra.Group)
		if !ok {
			return n
		}
		certain := algebra.Certain(g.Input)
		out := &algebra.Group{Keys: g.Keys, Input: g.Input}
		for _, a := range g.Aggs {
			if v, ok := a.Arg.(*algebra.Var); ok && a.Name == "COUNT" && !a.Distinct && certain.Has(v.Name) {
				a.Arg = nil
			}
			out.Aggs = append(out.Aggs, a)
		}
		return out
	})
}

// PushLimits tells a sort how many rows are wanted, and limits the parts of a
// union.
func PushLimits(n algebra.Node) algebra.Node {
	return algebra.Map(n, func(n algebra.Node) algebra.Node {
		s, ok := n.(*algebra.Slice)
		if !ok || s.Limit < 0 {
			return n
		}
		return &algebra.Slice{Offset: s.Offset, Limit: s.Limit, Input: limit(s.Input, s.Offset+s.Limit)}
	})
}

func limit(n algebra.Node, rows int64) algebra.Node {
	switch n := n.(type) {
	case *algebra.Project:
		return &algebra.Project{Vars: n.Vars, Input: limit(n.Input, rows)}
	case *algebra.Extend:
		return &algebra.Extend{Var: n.Var, Expr: n.Expr, Input: limit(n.Input, rows)}
	case *algebra.OrderBy:
		// A limit of zero asks for nothing; the slice sees to that.
		return &algebra.OrderBy{Keys: n.Keys, Input: n.Input, Top: max(rows, 1)}
	case *algebra.Union:
		out := &algebra.Union{}
		for _, a := range n.Args {
			if s, ok := a.(*algebra.Slice); ok && s.Limit >= 0 && s.Limit <= rows {
				out.Args = append(out.Args, a)
				continue
			}
			out.Args = append(out.Args, &algebra.Slice{Limit: rows, Input: limit(a, rows)})
		}
		return out
	}
	return n
}
