package algebra

import (
	"slices"
)

// Set is a set of variables that keeps the order of insertion. Sets are small.
type Set struct{ list *[]string }

// NewSet returns a set of the given variables.
func NewSet(vars ...string) Set {
	s := Set{list: new([]string)}
	for _, v := range vars {
		s.Add(v)
	}
	return s
}

// Add inserts a variable.
func (s Set) Add(v string) {
	if v != "" && !slices.Contains(*s.list, v) {
		*s.list = append(*s.list, v)
	}
}

// AddAll inserts many variables.
func (s Set) AddAll(vars []string) {
	for _, v := range vars {
		s.Add(v)
	}
}

// Has reports whether v is in the set.
func (s Set) Has(v string) bool { return slices.Contains(*s.list, v) }

// HasAll reports whether every variable of t is in the set.
func (s Set) HasAll(t Set) bool {
	for _, v := range *t.list {
		if !s.Has(v) {
			return false
		}
	}
	return true
}

// Meets reports whether the sets share a variable.
func (s Set) Meets(t Set) bool { return slices.ContainsFunc(*s.list, t.Has) }

// List returns the variables in order of insertion; do not change it.
func (s Set) List() []string { return *s.list }

// Len is the number of variables.
func (s Set) Len() int { return len(*s.list) }

// InScope returns the variables that a solution of n may bind, hidden ones
// included (SPARQL 1.1, section 18.2.1).
func InScope(n Node) Set {
	s := NewSet()
	inScope(n, s)
	return s
}

func inScope(n Node, s Set) {
	switch n := n.(type) {
	case *BGP:
		for _, t := range n.Triples {
			s.Add(t.S.Var)
			s.Add(t.P.Var)
			s.Add(t.O.Var)
		}
		s.Add(n.Graph.Name.Var)
	case *Scan:
		s.Add(n.Triple.S.Var)
		s.Add(n.Triple.P.Var)
		s.Add(n.Triple.O.Var)
		s.Add(n.Graph.Name.Var)
	case *Multiway:
		s.AddAll(n.Vars)
		s.Add(n.Graph.Name.Var)
	case *Seed:
		s.AddAll(n.Vars)
	case *Path:
		s.Add(n.S.Var)
		s.Add(n.O.Var)
		s.Add(n.Graph.Name.Var)
	case *Unnest:
		inScope(n.Input, s)
		for _, p := range n.Parts {
			s.Add(p.Var)
		}
	case *Minus:
		inScope(n.L, s)
	case *SemiJoin:
		inScope(n.L, s)
	case *Extend:
		inScope(n.Input, s)
		s.Add(n.Var)
	case *Graph:
		inScope(n.Input, s)
		s.Add(n.Var)
	case *Values:
		s.AddAll(n.Vars)
	case *Service:
		s.AddAll(n.Vars)
		s.Add(n.Name.Var)
	case *Group:
		s.AddAll(n.Keys)
		for _, a := range n.Aggs {
			s.Add(a.Var)
		}
	case *Project:
		s.AddAll(n.Vars)
	default:
		for _, c := range n.Children() {
			inScope(c, s)
		}
	}
}

// Certain returns the variables that every solution of n binds.
func Certain(n Node) Set {
	switch n := n.(type) {
	case *Empty, *Unit:
		return NewSet()
	case *Join:
		s := Certain(n.L)
		s.AddAll(Certain(n.R).List())
		return s
	case *LeftJoin:
		return Certain(n.L)
	case *SemiJoin:
		return Certain(n.L)
	case *Minus:
		return Certain(n.L)
	case *Union:
		s := Certain(n.Args[0])
		for _, a := range n.Args[1:] {
			t := Certain(a)
			u := NewSet()
			for _, v := range s.List() {
				if t.Has(v) {
					u.Add(v)
				}
			}
			s = u
		}
		return s
	case *Extend:
		s := Certain(n.Input)
		switch e := n.Expr.(type) {
		case *Const:
			s.Add(n.Var)
		case *Var:
			if s.Has(e.Name) {
				s.Add(n.Var)
			}
		}
		return s
	case *Graph:
		s := Certain(n.Input)
		s.Add(n.Var)
		return s
	case *Values:
		s := NewSet()
		for i, v := range n.Vars {
			bound := true
			for _, r := range n.Rows {
				bound = bound && r[i].Kind != 0
			}
			if bound {
				s.Add(v)
			}
		}
		return s
	case *Service:
		return NewSet()
	case *Group:
		s := NewSet()
		in := Certain(n.Input)
		for _, k := range n.Keys {
			if in.Has(k) {
				s.Add(k)
			}
		}
		for _, a := range n.Aggs {
			if a.Name == "COUNT" {
				s.Add(a.Var)
			}
		}
		return s
	case *Project:
		s := NewSet()
		in := Certain(n.Input)
		for _, v := range n.Vars {
			if in.Has(v) {
				s.Add(v)
			}
		}
		return s
	case *Unnest:
		s := Certain(n.Input)
		s.Add(n.Var)
		for _, p := range n.Parts {
			s.Add(p.Var)
		}
		return s
	case *Filter:
		return Certain(n.Input)
	case *OrderBy:
		return Certain(n.Input)
	case *Distinct:
		return Certain(n.Input)
	case *Slice:
		return Certain(n.Input)
	}
	return InScope(n) // BGP, Path, Scan, Multiway
}

// AllVars adds to dst every variable mentioned anywhere in n.
func AllVars(n Node, dst Set) {
	inScope(n, dst)
	switch n := n.(type) {
	case *Filter:
		for _, e := range n.Conds {
			ExprVars(e, dst)
		}
	case *LeftJoin:
		for _, e := range n.Cond {
			ExprVars(e, dst)
		}
	case *SemiJoin:
		for _, e := range n.Cond {
			ExprVars(e, dst)
		}
	case *Extend:
		ExprVars(n.Expr, dst)
	case *OrderBy:
		for _, k := range n.Keys {
			ExprVars(k.Expr, dst)
		}
	case *Group:
		for _, a := range n.Aggs {
			if a.Arg != nil {
				ExprVars(a.Arg, dst)
			}
		}
	}
	for _, c := range n.Children() {
		AllVars(c, dst)
	}
}

// Map rebuilds a tree bottom up: f sees every node after its inputs were
// replaced.
func Map(n Node, f func(Node) Node) Node {
	cs := n.Children()
	if len(cs) > 0 {
		out := make([]Node, len(cs))
		changed := false
		for i, c := range cs {
			out[i] = Map(c, f)
			changed = changed || out[i] != c
		}
		if changed {
			n = n.With(out)
		}
	}
	return f(n)
}

// MapExprs rebuilds a node with every expression directly in it replaced.
func MapExprs(n Node, f func(Expr) Expr) Node {
	list := func(in []Expr) []Expr {
		out := make([]Expr, len(in))
		for i, e := range in {
			out[i] = f(e)
		}
		return out
	}
	switch n := n.(type) {
	case *Filter:
		return &Filter{Conds: list(n.Conds), Input: n.Input}
	case *LeftJoin:
		m := *n
		m.Cond = list(n.Cond)
		return &m
	case *SemiJoin:
		m := *n
		m.Cond = list(n.Cond)
		return &m
	case *Extend:
		return &Extend{Var: n.Var, Expr: f(n.Expr), Input: n.Input}
	case *OrderBy:
		keys := slices.Clone(n.Keys)
		for i := range keys {
			keys[i].Expr = f(keys[i].Expr)
		}
		return &OrderBy{Keys: keys, Input: n.Input, Top: n.Top}
	case *Group:
		aggs := slices.Clone(n.Aggs)
		for i := range aggs {
			if aggs[i].Arg != nil {
				aggs[i].Arg = f(aggs[i].Arg)
			}
		}
		return &Group{Keys: n.Keys, Aggs: aggs, Input: n.Input}
	}
	return n
}

// TemplateVars are the variables of a template that the pattern must bind.
func TemplateVars(ts []Triple, nested map[string][3]Ref) []string {
	s := NewSet()
	var add func(r Ref)
	add = func(r Ref) {
		if parts, ok := nested[r.Var]; ok && r.IsVar() {
			for _, q := range parts {
				add(q)
			}
		} else if r.IsVar() && !Hidden(r.Var) {
			s.Add(r.Var)
		}
	}
	for _, t := range ts {
		add(t.S)
		add(t.P)
		add(t.O)
	}
	return s.List()
}
