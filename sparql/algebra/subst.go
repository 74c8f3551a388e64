package algebra

import "github.com/quaestor-kg/quaestor/kg"

// Bindings are values of variables of an outer solution.
type Bindings map[string]kg.Term

// Substitute puts the values of an outer solution into a pattern (SPARQL 1.1,
// section 18.6, substitute). Variables keep being bound by the patterns that
// used them, so that joins, MINUS and VALUES inside see them too.
func Substitute(n Node, b Bindings) Node {
	if len(b) == 0 {
		return n
	}
	sub := func(e Expr) Expr { return substExpr(e, b) }
	ref := func(r Ref, bound Set) Ref {
		if t, ok := b[r.Var]; ok && r.Var != "" {
			bound.Add(r.Var)
			return T(t)
		}
		return r
	}
	rebind := func(n Node, bound Set) Node {
		for _, v := range bound.List() {
			n = &Extend{Var: v, Expr: &Const{Term: b[v]}, Input: n}
		}
		return n
	}
	graph := func(g GraphRef, bound Set) GraphRef {
		g.Name = ref(g.Name, bound)
		return g
	}
	switch x := n.(type) {
	case *BGP:
		bound := NewSet()
		out := &BGP{Graph: graph(x.Graph, bound)}
		for _, t := range x.Triples {
			out.Triples = append(out.Triples, Triple{ref(t.S, bound), ref(t.P, bound), ref(t.O, bound)})
		}
		return rebind(out, bound)
	case *Path:
		bound := NewSet()
		return rebind(&Path{Graph: graph(x.Graph, bound), S: ref(x.S, bound), Path: x.Path, O: ref(x.O, bound)}, bound)
	case *Scan:
		bound := NewSet()
		t := x.Triple
		return rebind(&BGP{Graph: graph(x.Graph, bound), Triples: []Triple{{ref(t.S, bound), ref(t.P, bound), ref(t.O, bound)}}}, bound)
	case *Multiway:
		return Substitute(&BGP{Graph: x.Graph, Triples: x.Triples}, b)
	case *Values:
		out := &Values{Vars: x.Vars}
	rows:
		for _, r := range x.Rows {
			for i, v := range x.Vars {
				if t, ok := b[v]; ok && r[i].Kind != kg.None && !r[i].Equal(t) {
					continue rows
				}
			}
			out.Rows = append(out.Rows, r)
		}
		return out
	case *Extend:
		in := Substitute(x.Input, b)
		t, ok := b[x.Var]
		if !ok {
			return &Extend{Var: x.Var, Expr: sub(x.Expr), Input: in}
		}
		// The target has a value outside: the pattern holds only if they agree.
		v := x.Var + "#in"
		if !Hidden(v) {
			v = "#" + v
		}
		eq := &Call{Fn: "SAMETERM", Args: []Expr{&Var{Name: v}, &Const{Term: t}}}
		return &Filter{Conds: []Expr{eq}, Input: &Extend{Var: v, Expr: sub(x.Expr), Input: in}}
	case *Project:
		// Variables that a sub-query does not project are its own.
		inner := Bindings{}
		for _, v := range x.Vars {
			if t, ok := b[v]; ok {
				inner[v] = t
			}
		}
		return &Project{Vars: x.Vars, Input: Substitute(x.Input, inner)}
	case *Group:
		inner := Bindings{}
		for _, v := range x.Keys {
			if t, ok := b[v]; ok {
				inner[v] = t
			}
		}
		aggs := MapExprs(x, func(e Expr) Expr { return substExpr(e, inner) }).(*Group).Aggs
		return &Group{Keys: x.Keys, Aggs: aggs, Input: Substitute(x.Input, inner)}
	case *Graph:
		bound := NewSet()
		if r := ref(V(x.Var), bound); !r.IsVar() {
			in := Substitute(x.Input, b)
			is := &Call{Fn: "SAMETERM", Args: []Expr{&Var{Name: x.Var}, &Const{Term: r.Term}}}
			return &Filter{Conds: []Expr{is}, Input: &Graph{Var: x.Var, Input: in}}
		}
		return &Graph{Var: x.Var, Input: Substitute(x.Input, b)}
	case *Unnest:
		return &Unnest{Var: x.Var, Parts: x.Parts, Input: &Join{L: Substitute(x.Input, b), R: bindingValues(b, InScope(x))}}
	}
	cs := n.Children()
	out := make([]Node, len(cs))
	for i, c := range cs {
		out[i] = Substitute(c, b)
	}
	if len(out) > 0 {
		n = n.With(out)
	}
	return MapExprs(n, sub)
}

// bindingValues returns the bindings of some variables as inline data.
func bindingValues(b Bindings, vars Set) Node {
	v := &Values{Rows: [][]kg.Term{nil}}
	for _, name := range vars.List() {
		if t, ok := b[name]; ok {
			v.Vars = append(v.Vars, name)
			v.Rows[0] = append(v.Rows[0], t)
		}
	}
	return v
}

func substExpr(e Expr, b Bindings) Expr {
	return MapExpr(e, func(e Expr) Expr {
		if v, ok := e.(*Var); ok {
			if t, ok := b[v.Name]; ok {
				return &Const{Term: t}
			}
		}
		return e
	}, func(n Node) Node { return Substitute(n, b) })
}

// InGraph replaces Current by a graph in a pattern; nested Graph nodes keep
// their own.
func InGraph(n Node, g GraphRef) Node {
	switch x := n.(type) {
	case *BGP:
		if x.Graph.Kind == Current {
			return &BGP{Graph: g, Triples: x.Triples}
		}
		return n
	case *Path:
		if x.Graph.Kind == Current {
			return &Path{Graph: g, S: x.S, Path: x.Path, O: x.O}
		}
		return n
	case *Graph:
		return n
	}
	cs := n.Children()
	if len(cs) > 0 {
		out := make([]Node, len(cs))
		for i, c := range cs {
			out[i] = InGraph(c, g)
		}
		n = n.With(out)
	}
	return MapExprs(n, func(e Expr) Expr {
		return MapExpr(e, func(e Expr) Expr { return e }, func(n Node) Node { return InGraph(n, g) })
	})
}
