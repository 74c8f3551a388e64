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
