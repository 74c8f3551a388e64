package algebra

import (
	"github.com/quaestor-kg/quaestor/kg"
)

// Expr is an expression: *Var, *Const, *Call or *Exists.
type Expr interface{ expr() }

type (
	// Var is the value of a variable.
	Var struct{ Name string }

	// Const is a term.
	Const struct{ Term kg.Term }

	// Call applies a function. Fn is an operator ("||", "&&", "!", "=", "!=",
	// "<", ">", "<=", ">=", "+", "-", "*", "/", "neg", "pos", "IN", "NOT IN"),
	// a built-in in upper case, or the IRI of a cast or extension function.
	// "||" and "&&" take any number of arguments; IN has the tested value first.
	Call struct {
		Fn   string
		Args []Expr
	}

	// Exists tests whether the pattern has a solution once the variables of
	// the current solution have been put into it.
	Exists struct {
		Not  bool
		Node Node
	}
)

func (*Var) expr()    {}
func (*Const) expr()  {}
func (*Call) expr()   {}
func (*Exists) expr() {}

// And splits a conjunction into its parts, depth first.
func And(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Fn == "&&" {
		var out []Expr
		for _, a := range c.Args {
			out = append(out, And(a)...)
		}
		return out
	}
	return []Expr{e}
}

// ExprVars adds to dst the variables that an expression mentions, those inside
// EXISTS patterns included.
func ExprVars(e Expr, dst Set) {
	switch e := e.(type) {
	case *Var:
		dst.Add(e.Name)
	case *Call:
		for _, a := range e.Args {
			ExprVars(a, dst)
		}
	case *Exists:
		AllVars(e.Node, dst)
	}
}

// HasExists reports whether an expression contains EXISTS.
func HasExists(e Expr) bool {
	switch e := e.(type) {
	case *Call:
		for _, a := range e.Args {
			if HasExists(a) {
				return true
			}
		}
	case *Exists:
		return true
	}
	return false
}

// Volatile reports whether two evaluations of an expression on the same
// solution may differ.
func Volatile(e Expr) bool {
	c, ok := e.(*Call)
	if !ok {
		return false
	}
	switch c.Fn {
	case "RAND", "UUID", "STRUUID", "BNODE":
		return true
	}
	for _, a := range c.Args {
		if Volatile(a) {
			return true
		}
	}
	return false
}

// MapExpr rebuilds an expression bottom up: f sees every node after its
// arguments were replaced. Patterns inside EXISTS are passed through node.
func MapExpr(e Expr, f func(Expr) Expr, node func(Node) Node) Expr {
	switch x := e.(type) {
	case *Call:
		args := make([]Expr, len(x.Args))
		changed := false
		for i, a := range x.Args {
			args[i] = MapExpr(a, f, node)
			changed = changed || args[i] != a
		}
		if changed {
			e = &Call{Fn: x.Fn, Args: args}
		}
	case *Exists:
		if node != nil {
			if n := node(x.Node); n != x.Node {
				e = &Exists{Not: x.Not, Node: n}
			}
		}
	}
	return f(e)
}
