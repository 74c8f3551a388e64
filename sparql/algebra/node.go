package algebra

import (
	"github.com/quaestor-kg/quaestor/kg"
)

// Ref is a position of a pattern: a variable, or a term if Var is empty.
//
// Variables that the text cannot name are hidden and never projected by "*":
// "_:x" for blank node labels, "#n" for made-up ones.
type Ref struct {
	Var  string
	Term kg.Term
}

// V returns a variable.
func V(name string) Ref { return Ref{Var: name} }

// T returns a constant.
func T(t kg.Term) Ref { return Ref{Term: t} }

// IsVar reports whether the position is a variable.
func (r Ref) IsVar() bool { return r.Var != "" }

// Equal reports whether two positions hold the same variable or term.
func (r Ref) Equal(q Ref) bool { return r.Var == q.Var && r.Term.Equal(q.Term) }

// Hidden reports whether a variable cannot be named in a query.
func Hidden(name string) bool {
	return name[0] == '#' || name[0] == '_' && len(name) > 1 && name[1] == ':'
}

// GraphKind says which graph a pattern is matched in.
type GraphKind uint8

// Graph kinds.
const (
	// Default is the default graph of the dataset.
	Default GraphKind = iota
	// Named is one named graph, or any named graph if Name is a variable,
	// which is then bound.
	Named
	// Current stands for the graph of the enclosing Graph node.
	Current
)

// GraphRef is the graph of a pattern.
type GraphRef struct {
	Kind GraphKind
	Name Ref // Named only
}

// Triple is a triple pattern.
type Triple struct{ S, P, O Ref }

// Node is an operator of the algebra: one of the types in this file.
type Node interface {
	node()
	// Children returns the inputs, in order.
	Children() []Node
	// With returns a copy with other inputs, as many as Children returned.
	With([]Node) Node
}

type (
	// Unit is the multiset of one empty solution.
	Unit struct{}

	// Empty has no solution.
	Empty struct{}

	// BGP is a basic graph pattern; never without triples.
	BGP struct {
		Graph   GraphRef
		Triples []Triple
	}

	// Path matches a property path that is not a plain link.
	Path struct {
		Graph GraphRef
		S     Ref
		Path  PathExpr
		O     Ref
	}

	// Unnest keeps the solutions in which Var is a triple term that matches
	// Parts, and binds the unbound variables of Parts.
	Unnest struct {
		Var   string
		Parts [3]Ref
		Input Node
	}

	// Join is the join of compatible solutions.
	Join struct {
		L, R   Node
		Method Method
		Est    float64 // rows expected; 0 if not estimated
	}

	// LeftJoin is OPTIONAL: L, extended by R where Cond holds.
	LeftJoin struct {
		L, R   Node
		Cond   []Expr // conjunction; may be empty
		Method Method
		Est    float64
	}

	// SemiJoin keeps (or, with Not, drops) the solutions of L for which R has
	// a compatible one such that Cond holds. Only the optimiser makes it.
	SemiJoin struct {
		L, R   Node
		Cond   []Expr
		Not    bool
		Method Method
		Est    float64
	}

	// Minus drops the solutions of L that share a variable with a compatible
	// solution of R.
	Minus struct{ L, R Node }

	// Union is the bag union.
	Union struct{ Args []Node }

	// Filter keeps the solutions for which every condition is true.
	Filter struct {
		Conds []Expr
		Input Node
	}

	// Extend binds Var to the value of Expr, or leaves it unbound on an error.
	Extend struct {
		Var   string
		Expr  Expr
		Input Node
	}

	// Graph evaluates Input once per named graph and binds Var to its name.
	// Patterns of Input in graph Current mean that graph.
	Graph struct {
		Var   string
		Input Node
	}

	// Values is inline data. A None term is UNDEF.
	Values struct {
		Vars []string
		Rows [][]kg.Term
	}

	// Service is a federated pattern.
	Service struct {
		Name   Ref
		Silent bool
		Text   string // the group in SPARQL syntax
		Vars   []string
	}

	// Group forms groups by Keys and computes Aggs. Without Keys there is
	// exactly one group.
	Group struct {
		Keys  []string
		Aggs  []Agg
		Input Node
	}

	// OrderBy sorts.
	OrderBy struct {
		Keys  []OrderKey
		Input Node
		// Top is how many rows the consumer takes at most; 0 means all.
		Top int64
	}

	// Project restricts solutions to Vars.
	Project struct {
		Vars  []string
		Input Node
	}

	// Distinct removes duplicates. With Reduced it is free not to.
	Distinct struct {
		Reduced bool
		Input   Node
	}

	// Slice skips Offset solutions and takes Limit; -1 means all.
	Slice struct {
		Offset, Limit int64
		Input         Node
	}

	// Scan is one triple pattern read in an index order. Only the optimiser
	// makes it.
	Scan struct {
		Graph  GraphRef
		Triple Triple
		Order  kg.Order
		Est    float64
	}

	// Seed stands for the solutions that an enclosing join feeds in, a batch at
	// a time. Only the optimiser makes it.
	Seed struct{ Vars []string }

	// Multiway joins triple patterns variable by variable (leapfrog triejoin).
	// Only the optimiser makes it.
	Multiway struct {
		Graph   GraphRef
		Triples []Triple
		Vars    []string // in elimination order: all variables of Triples
		Est     float64
	}
)

// Method is how a join is run. Only the optimiser sets it.
type Method uint8

// Join methods.
const (
	Auto Method = iota
	// Lookup drives R, a Scan or Path, with the keys of L.
	Lookup
	// Hash builds a table of R and probes it with L.
	Hash
	// HashLeft builds a table of L and probes it with R.
	HashLeft
	// Seeded runs R once per batch of L; R holds a Seed of the batch.
	Seeded
)

// String names the method in plans.
func (m Method) String() string {
	return [...]string{"auto", "lookup", "hash", "hash-left", "seeded"}[m]
}

// Agg is one aggregate of a Group.
type Agg struct {
	Var       string
	Name      string // COUNT, SUM, MIN, MAX, AVG, SAMPLE, GROUP_CONCAT
	Distinct  bool
	Arg       Expr // nil for COUNT(*)
	Separator string
}

// OrderKey is a sort key.
type OrderKey struct {
	Expr Expr
	Desc bool
}

func (*Unit) node()     {}
func (*Empty) node()    {}
func (*BGP) node()      {}
func (*Path) node()     {}
func (*Unnest) node()   {}
func (*Join) node()     {}
func (*LeftJoin) node() {}
func (*SemiJoin) node() {}
func (*Minus) node()    {}
func (*Union) node()    {}
func (*Filter) node()   {}
func (*Extend) node()   {}
func (*Graph) node()    {}
func (*Values) node()   {}
func (*Service) node()  {}
func (*Group) node()    {}
func (*OrderBy) node()  {}
func (*Project) node()  {}
func (*Distinct) node() {}
func (*Slice) node()    {}
func (*Scan) node()     {}
func (*Seed) node()     {}
func (*Multiway) node() {}

func (*Unit) Children() []Node       { return nil }
func (*Empty) Children() []Node      { return nil }
func (*BGP) Children() []Node        { return nil }
func (*Path) Children() []Node       { return nil }
func (n *Unnest) Children() []Node   { return []Node{n.Input} }
func (n *Join) Children() []Node     { return []Node{n.L, n.R} }
func (n *LeftJoin) Children() []Node { return []Node{n.L, n.R} }
func (n *SemiJoin) Children() []Node { return []Node{n.L, n.R} }
func (n *Minus) Children() []Node    { return []Node{n.L, n.R} }
func (n *Union) Children() []Node    { return n.Args }
func (n *Filter) Children() []Node   { return []Node{n.Input} }
func (n *Extend) Children() []Node   { return []Node{n.Input} }
func (n *Graph) Children() []Node    { return []Node{n.Input} }
func (*Values) Children() []Node     { return nil }
func (*Service) Children() []Node    { return nil }
func (n *Group) Children() []Node    { return []Node{n.Input} }
func (n *OrderBy) Children() []Node  { return []Node{n.Input} }
func (n *Project) Children() []Node  { return []Node{n.Input} }
func (n *Distinct) Children() []Node { return []Node{n.Input} }
func (n *Slice) Children() []Node    { return []Node{n.Input} }
func (*Scan) Children() []Node       { return nil }
func (*Seed) Children() []Node       { return nil }
func (*Multiway) Children() []Node   { return nil }

func (n *Unit) With([]Node) Node     { return n }
func (n *Empty) With([]Node) Node    { return n }
func (n *BGP) With([]Node) Node      { return n }
func (n *Path) With([]Node) Node     { return n }
func (n *Values) With([]Node) Node   { return n }
func (n *Service) With([]Node) Node  { return n }
func (n *Scan) With([]Node) Node     { return n }
func (n *Seed) With([]Node) Node     { return n }
func (n *Multiway) With([]Node) Node { return n }
func (n *Unnest) With(c []Node) Node {
	m := *n
	m.Input = c[0]
	return &m
}

func (n *Join) With(c []Node) Node {
	m := *n
	m.L, m.R = c[0], c[1]
	return &m
}

func (n *LeftJoin) With(c []Node) Node {
	m := *n
	m.L, m.R = c[0], c[1]
	return &m
}

func (n *SemiJoin) With(c []Node) Node {
	m := *n
	m.L, m.R = c[0], c[1]
	return &m
}

func (n *Minus) With(c []Node) Node { return &Minus{L: c[0], R: c[1]} }
func (n *Union) With(c []Node) Node { return &Union{Args: c} }
func (n *Filter) With(c []Node) Node {
	return &Filter{Conds: n.Conds, Input: c[0]}
}

func (n *Extend) With(c []Node) Node {
	return &Extend{Var: n.Var, Expr: n.Expr, Input: c[0]}
}

func (n *Graph) With(c []Node) Node { return &Graph{Var: n.Var, Input: c[0]} }
func (n *Group) With(c []Node) Node {
	return &Group{Keys: n.Keys, Aggs: n.Aggs, Input: c[0]}
}

func (n *OrderBy) With(c []Node) Node {
	return &OrderBy{Keys: n.Keys, Input: c[0], Top: n.Top}
}

func (n *Project) With(c []Node) Node  { return &Project{Vars: n.Vars, Input: c[0]} }
func (n *Distinct) With(c []Node) Node { return &Distinct{Reduced: n.Reduced, Input: c[0]} }
func (n *Slice) With(c []Node) Node {
	return &Slice{Offset: n.Offset, Limit: n.Limit, Input: c[0]}
}
