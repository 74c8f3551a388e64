package algebra

import "github.com/quaestor-kg/quaestor/kg"

// PathExpr is a property path expression: *Link, *Inv, *Seq, *Alt, *Repeat or
// *Neg.
type PathExpr interface{ path() }

type (
	// Link is a predicate.
	Link struct{ IRI kg.Term }
	// Inv is ^p.
	Inv struct{ Path PathExpr }
	// Seq is a / b.
	Seq struct{ A, B PathExpr }
	// Alt is a | b.
	Alt struct{ A, B PathExpr }
	// Repeat is p*, p+ or p?.
	Repeat struct {
		Path PathExpr
		// Zero admits the path of length zero, Many more than one step.
		Zero, Many bool
	}
	// Neg is !(p|...) or, with Inverse, !(^p|...).
	Neg struct {
		Not     []kg.Term
		Inverse bool
	}
)

func (*Link) path()   {}
func (*Inv) path()    {}
func (*Seq) path()    {}
func (*Alt) path()    {}
func (*Repeat) path() {}
func (*Neg) path()    {}

// Invert returns the path walked from its end to its start, with inversions
// only at links.
func Invert(p PathExpr) PathExpr {
	switch p := p.(type) {
	case *Link:
		return &Inv{Path: p}
	case *Inv:
		return Normal(p.Path)
	case *Seq:
		return &Seq{A: Invert(p.B), B: Invert(p.A)}
	case *Alt:
		return &Alt{A: Invert(p.A), B: Invert(p.B)}
	case *Repeat:
		return &Repeat{Path: Invert(p.Path), Zero: p.Zero, Many: p.Many}
	case *Neg:
		return &Neg{Not: p.Not, Inverse: !p.Inverse}
	}
	panic("algebra: unknown path")
}

// Normal pushes inversions down to links.
func Normal(p PathExpr) PathExpr {
	switch p := p.(type) {
	case *Inv:
		return Invert(p.Path)
	case *Seq:
		return &Seq{A: Normal(p.A), B: Normal(p.B)}
	case *Alt:
		return &Alt{A: Normal(p.A), B: Normal(p.B)}
	case *Repeat:
		return &Repeat{Path: Normal(p.Path), Zero: p.Zero, Many: p.Many}
	}
	return p
}

// Nullable reports whether a path can have length zero.
func Nullable(p PathExpr) bool {
	switch p := p.(type) {
	case *Inv:
		return Nullable(p.Path)
	case *Seq:
		return Nullable(p.A) && Nullable(p.B)
	case *Alt:
		return Nullable(p.A) || Nullable(p.B)
	case *Repeat:
		return p.Zero || Nullable(p.Path)
	}
	return false
}

// ExpandPath rewrites a path pattern whose path is no closure into patterns
// that are: sequences to joins, alternatives to unions, negated sets to
// filters (SPARQL 1.1, section 18.2.2.4 and 18.5). fresh makes variables that
// the query does not have.
func ExpandPath(n *Path, fresh func() string) Node {
	x := &expander{graph: n.Graph, fresh: fresh}
	return x.expand(n.S, Normal(n.Path), n.O)
}

type expander struct {
	graph GraphRef
	fresh func() string
}

func (x *expander) expand(s Ref, p PathExpr, o Ref) Node {
	switch p := p.(type) {
	case *Link:
		return &BGP{Graph: x.graph, Triples: []Triple{{s, T(p.IRI), o}}}
	case *Inv:
		if l, ok := p.Path.(*Link); ok {
			return &BGP{Graph: x.graph, Triples: []Triple{{o, T(l.IRI), s}}}
		}
		return x.expand(s, Invert(p.Path), o)
	case *Seq:
		mid := V(x.fresh())
		return &Join{L: x.expand(s, p.A, mid), R: x.expand(mid, p.B, o)}
	case *Alt:
		return &Union{Args: []Node{x.expand(s, p.A, o), x.expand(s, p.B, o)}}
	case *Neg:
		v := V(x.fresh())
		t := Triple{s, v, o}
		if p.Inverse {
			t.S, t.O = o, s
		}
		in := &Call{Fn: "NOT IN", Args: []Expr{&Var{Name: v.Var}}}
		for _, iri := range p.Not {
			in.Args = append(in.Args, &Const{Term: iri})
		}
		return &Filter{Conds: []Expr{in}, Input: &BGP{Graph: x.graph, Triples: []Triple{t}}}
	}
	return &Path{Graph: x.graph, S: s, Path: p, O: o}
}
