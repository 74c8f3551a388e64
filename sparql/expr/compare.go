package expr

import (
	"cmp"
	"math"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// tri is a truth value: no, yes or error.
type tri int8

const (
	no tri = iota
	yes
	unknown
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) value() Value {
	if t == unknown {
		return errValue
	}
	return boolean(t == yes)
}

// equal is the operator "=" (SPARQL 1.1, section 17.3 and 17.4.1.7).
func (c *Ctx) equal(a, b Value) tri {
	if a.K == Err || b.K == Err {
		return unknown
	}
	if a.ID != 0 && b.ID != 0 {
		if t, ok := equalIDs(a.ID, b.ID); ok {
			return t
		}
	}
	c.resolve(&a)
	c.resolve(&b)
	if a.K == Err || b.K == Err {
		return unknown
	}
	if a.numeric() && b.numeric() {
		if a.K == Int && b.K == Int {
			return triOf(a.N == b.N)
		}
		x, _ := a.Number()
		y, _ := b.Number()
		o, ok := x.Compare(y)
		return triOf(ok && o == 0)
	}
	if a.K == b.K {
		switch a.K {
		case Bool:
			return triOf(a.N == b.N)
		case Str, IRI, Blank:
			return triOf(a.S == b.S)
		case Time:
			x, y := a.P.(xsd.DateTime), b.P.(xsd.DateTime)
			if x.Kind != y.Kind {
				return no
			}
			o, err := x.Compare(y)
			if err != nil {
				return unknown
			}
			return triOf(o == 0)
		case Dur:
			return triOf(a.P.(xsd.Duration).Equal(b.P.(xsd.Duration)))
		case Triple:
			return c.equalTriples(a.T, b.T)
		case Lang:
			return triOf(*a.T == *b.T)
		}
	}
	if !a.literal() || !b.literal() {
		return no
	}
	if a.T != nil && b.T != nil && a.T.Equal(*b.T) {
		return yes
	}
	// Literals whose value is not known may mean the same; those of known but
	// different value spaces do not.
	// A language-tagged string has no other spelling.
	if a.K == Lang || b.K == Lang {
		return no
	}
	if a.K == Other || b.K == Other || a.K == Ill || b.K == Ill {
		return unknown
	}
	return no
}

// equalIDs decides equality where the ids suffice.
func equalIDs(a, b kg.ID) (tri, bool) {
	ta, tb := a.Tag(), b.Tag()
	if a == b {
		return yes, ta != kg.TagTyped && ta != kg.TagLocal && ta != kg.TagTriple // NaN is not equal to itself
	}
	switch ta {
	case kg.TagIRI, kg.TagBlank, kg.TagString, kg.TagShort, kg.TagLang:
		switch tb {
		case kg.TagIRI, kg.TagBlank, kg.TagString, kg.TagShort, kg.TagLang,
			kg.TagBool, kg.TagInteger, kg.TagDecimal, kg.TagDouble, kg.TagDate, kg.TagDateTime, kg.TagTriple:
			return no, true
		}
	case kg.TagInteger, kg.TagDecimal, kg.TagBool:
		if ta == tb {
			return no, true
		}
	}
	return no, false
}

func (c *Ctx) equalTriples(a, b *kg.Term) tri {
	result := yes
	for i := range a.Spo {
		switch c.equal(FromTerm(&a.Spo[i], 0), FromTerm(&b.Spo[i], 0)) {
		case no:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

// less compares for "<" and its kin; ok is false if the values have no order.
func (c *Ctx) less(a, b Value) (o int, ok bool) {
	if a.ID.Tag() == kg.TagDate && b.ID.Tag() == kg.TagDate {
		return cmp.Compare(a.ID, b.ID), true
	}
	c.resolve(&a)
	c.resolve(&b)
	switch {
	case a.numeric() && b.numeric():
		if a.K == Int && b.K == Int {
			return cmp.Compare(a.N, b.N), true
		}
		if a.K == Dbl && b.K == Dbl {
			x, y := math.Float64frombits(uint64(a.N)), math.Float64frombits(uint64(b.N))
			return cmp.Compare(x, y), x == x && y == y
		}
		x, _ := a.Number()
		y, _ := b.Number()
		return x.Compare(y)
	case a.K != b.K:
		return 0, false
	}
	switch a.K {
	case Str:
		return cmp.Compare(a.S, b.S), true
	case Bool:
		return cmp.Compare(a.N, b.N), true
	case Time:
		o, err := a.P.(xsd.DateTime).Compare(b.P.(xsd.DateTime))
		return o, err == nil
	case Dur:
		o, err := a.P.(xsd.Duration).Compare(b.P.(xsd.Duration))
		return o, err == nil
	case Lang:
		// Not in the operator table; the order of the texts with equal tags is
		// what ORDER BY and MIN need, and what "<" refuses.
		return 0, false
	}
	return 0, false
}

// class orders values of different kinds for ORDER BY: unbound, blank nodes,
// IRIs, literals, triple terms; literals by value space.
func (v *Value) class() int {
	switch v.K {
	case Err:
		return 0
	case Blank:
		return 1
	case IRI:
		return 2
	case Int, Dec, Dbl, Flt, Big:
		return 3
	case Bool:
		return 4
	case Time:
		return 5
	case Dur:
		return 6
	case Str:
		return 7
	case Lang:
		return 8
	case Other, Ill:
		return 9
	}
	return 10
}

// Order is the total order of ORDER BY (SPARQL 1.1, section 15.1). Where the
// specification leaves the order open it is fixed by value space, datatype and
// text, so that results do not depend on the plan.
func (c *Ctx) Order(a, b Value) int {
	if a.ID == b.ID && a.ID != 0 {
		return 0
	}
	if a.ID != 0 && b.ID != 0 && a.ID.Tag() == b.ID.Tag() {
		switch a.ID.Tag() {
		case kg.TagInteger, kg.TagDecimal, kg.TagDate, kg.TagBool:
			return cmp.Compare(a.ID, b.ID)
		}
	}
	c.resolve(&a)
	c.resolve(&b)
	if o := cmp.Compare(a.class(), b.class()); o != 0 {
		return o
	}
	if a.K == Err {
		return 0
	}
	if a.K == Triple && b.K == Triple {
		for i := range a.T.Spo {
			if o := c.Order(FromTerm(&a.T.Spo[i], 0), FromTerm(&b.T.Spo[i], 0)); o != 0 {
				return o
			}
		}
		return 0
	}
	if a.numeric() {
		return orderNumbers(&a, &b)
	}
	switch a.K {
	case Time:
		x, y := a.P.(xsd.DateTime), b.P.(xsd.DateTime)
		if o := cmp.Compare(x.Kind, y.Kind); o != 0 {
			return o
		}
		// Zoneless values are put on the time line as if they were UTC: a
		// total order has no room for "indeterminate".
		x.HasTZ, y.HasTZ = true, true
		if o, err := x.Compare(y); err == nil && o != 0 {
			return o
		}
	case Blank, IRI, Str:
		return cmp.Compare(a.S, b.S)
	default:
		if o, ok := c.less(a, b); ok && o != 0 {
			return o
		}
	}
	return orderTerms(a.term(), b.term())
}

// orderNumbers orders NaN before all other numbers, and equal values of
// different types or spelling by their terms.
func orderNumbers(a, b *Value) int {
	x, _ := a.Number()
	y, _ := b.Number()
	if o, ok := x.Compare(y); ok {
		if o != 0 {
			return o
		}
	} else if o := cmp.Compare(orderNaN(x), orderNaN(y)); o != 0 {
		return o
	}
	return orderTerms(a.term(), b.term())
}

func orderNaN(n xsd.Number) int {
	if n.IsNaN() {
		return 0
	}
	return 1
}

func orderTerms(a, b kg.Term) int {
	if o := strings.Compare(a.Value, b.Value); o != 0 {
		return o
	}
	if o := strings.Compare(a.Datatype, b.Datatype); o != 0 {
		return o
	}
	if o := strings.Compare(a.Lang, b.Lang); o != 0 {
		return o
	}
	return strings.Compare(a.Dir, b.Dir)
}
