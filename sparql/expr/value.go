package expr

import (
	"math"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Kind tells what is in a Value.
type Kind uint8

// Kinds of value.
const (
	Err    Kind = iota // error or unbound
	Lazy               // an id whose term was not looked up yet
	Bool               // N is 0 or 1
	Int                // N
	Dec                // N / 10^Scale
	Dbl                // N holds the bits of a float64
	Flt                // the same, of single precision
	Big                // P is an xsd.Number that fits none of the above
	Str                // S, an xsd:string
	Lang               // S with tag and direction in T
	Time               // P is an xsd.DateTime
	Dur                // P is an xsd.Duration
	Other              // T: a literal of unknown datatype
	Ill                // T: a literal whose text does not fit its datatype
	IRI                // S
	Blank              // S
	Triple             // T
)

// Value is the value of an expression. ID is set if it is known; T if the
// value came from a term, whose lexical form then counts.
type Value struct {
	K     Kind
	Scale int16
	ID    kg.ID
	N     int64
	S     string
	T     *kg.Term
	P     any
}

// errValue is the error value.
var errValue = Value{}

func boolean(b bool) Value {
	v := Value{K: Bool, ID: kg.MakeID(kg.TagBool, 0)}
	if b {
		v.N, v.ID = 1, kg.MakeID(kg.TagBool, 1)
	}
	return v
}

// Integer returns an xsd:integer.
func Integer(n int64) Value { return integer(n) }

func integer(n int64) Value  { return Value{K: Int, N: n} }
func str(s string) Value     { return Value{K: Str, S: s} }
func double(f float64) Value { return Value{K: Dbl, N: int64(math.Float64bits(f))} }

// number makes a value of a number, in the most compact form.
func number(n xsd.Number) Value {
	switch n.Kind {
	case xsd.Double:
		return double(n.F)
	case xsd.Float:
		return Value{K: Flt, N: int64(math.Float64bits(n.F))}
	case xsd.Integer:
		if i, ok := n.Dec.Int64(); ok {
			return integer(i)
		}
	case xsd.DecimalKind:
		if i, scale, ok := n.Dec.Unscaled(); ok && scale < math.MaxInt16 {
			return Value{K: Dec, N: i, Scale: int16(scale)}
		}
	}
	return Value{K: Big, P: n}
}

// Number returns a numeric value; ok is false for other kinds.
func (v *Value) Number() (n xsd.Number, ok bool) {
	switch v.K {
	case Int:
		return xsd.Int(v.N), true
	case Dec:
		return xsd.Dec(xsd.NewDecimal(v.N, int32(v.Scale))), true
	case Dbl:
		return xsd.Number{Kind: xsd.Double, F: math.Float64frombits(uint64(v.N))}, true
	case Flt:
		return xsd.Number{Kind: xsd.Float, F: math.Float64frombits(uint64(v.N))}, true
	case Big:
		return v.P.(xsd.Number), true
	}
	return n, false
}

func (v *Value) numeric() bool { return v.K >= Int && v.K <= Big }

// literal reports whether the value is a literal; not for Lazy.
func (v *Value) literal() bool { return v.K >= Bool && v.K <= Ill }

// FromTerm returns the value of a term.
func FromTerm(t *kg.Term, id kg.ID) Value {
	v := Value{ID: id, T: t}
	switch t.Kind {
	case kg.IRI:
		v.K, v.S = IRI, t.Value
		return v
	case kg.Blank:
		v.K, v.S = Blank, t.Value
		return v
	case kg.Triple:
		v.K = Triple
		return v
	case kg.None:
		return errValue
	}
	switch {
	case t.Datatype == kg.XSDString:
		v.K, v.S = Str, t.Value
		return v
	case t.Lang != "":
		v.K, v.S = Lang, t.Value
		return v
	}
	w, ok := parse(t.Value, t.Datatype)
	w.ID, w.T = id, t
	if !ok {
		w.K = Other
	} else if w.K == Err {
		w.K = Ill
	}
	return w
}

// parse returns the value of a typed literal: kind Err if the text does not
// fit; known is false if the datatype has no value space here.
func parse(lexical, datatype string) (v Value, known bool) {
	if datatype == kg.XSD+"boolean" {
		b, err := xsd.ParseBool(lexical)
		if err != nil {
			return errValue, true
		}
		return boolean(b), true
	}
	if xsd.IsNumeric(datatype) {
		n, err := xsd.ParseNumber(lexical, datatype)
		if err != nil {
			return errValue, true
		}
		return number(n), true
	}
	if _, ok := xsd.TimeKindOf(datatype); ok {
		d, err := xsd.ParseDateTime(lexical, datatype)
		if err != nil {
			return errValue, true
		}
		return Value{K: Time, P: d}, true
	}
	if _, ok := xsd.DurationKindOf(datatype); ok {
		d, err := xsd.ParseDuration(lexical, datatype)
		if err != nil {
			return errValue, true
		}
		return Value{K: Dur, P: d}, true
	}
	return errValue, false
}

// FromID returns the value of an id; values inside the id need no look-up,
// others stay Lazy.
func FromID(id kg.ID) Value {
	switch id.Tag() {
	case kg.TagInteger:
		return Value{K: Int, ID: id, N: dict.Int(id)}
	case kg.TagBool:
		return Value{K: Bool, ID: id, N: int64(id.Payload())}
	case kg.TagDecimal:
		m, scale := dict.Decimal(id)
		return Value{K: Dec, ID: id, N: m, Scale: int16(scale)}
	case kg.TagDouble:
		return Value{K: Dbl, ID: id, N: int64(math.Float64bits(dict.Double(id)))}
	case kg.TagReserved:
		return errValue
	}
	return Value{K: Lazy, ID: id}
}

// Terms resolves ids and makes ids for terms that a query computes.
type Terms interface {
	// Term returns the term of an id. The term must not be changed.
	Term(id kg.ID) (*kg.Term, error)
	// Intern returns the id of a term: the store's if it has one, else one
	// that is good for this query. Equal terms get equal ids.
	Intern(t kg.Term) (kg.ID, error)
}

// Ctx is the row that an expression is evaluated on, and what it may ask for.
type Ctx struct {
	Cols [][]kg.ID // columns of the batch
	Row  int
	// Serial grows by one with every solution; BNODE(label) is the same node
	// within one.
	Serial int64

	Terms Terms
	Now   xsd.DateTime
	Base  string
	// Exists decides an EXISTS pattern for the current row.
	Exists func(c *Ctx, key any) (bool, error)

	// Fail is the first fault; the query must end with it.
	Fail error

	blank      map[string]Value
	blankAt    int64
	blankCount int64
	blankName  string
}

// resolve looks up a Lazy value in place.
func (c *Ctx) resolve(v *Value) {
	if v.K != Lazy {
		return
	}
	t, err := c.Terms.Term(v.ID)
	if err != nil {
		if c.Fail == nil {
			c.Fail = err
		}
		*v = errValue
		return
	}
	*v = FromTerm(t, v.ID)
}

// Resolve looks up the term of a value, so that copies of it need no look-up.
func (c *Ctx) Resolve(v *Value) { c.resolve(v) }

// Term returns the term of a value; None for an error.
func (c *Ctx) Term(v Value) kg.Term {
	c.resolve(&v)
	return v.term()
}

// term is Term for values that are not Lazy.
func (v *Value) term() kg.Term {
	if v.T != nil {
		return *v.T
	}
	switch v.K {
	case Bool:
		if v.N != 0 {
			return kg.NewTyped("true", kg.XSD+"boolean")
		}
		return kg.NewTyped("false", kg.XSD+"boolean")
	case Int, Dec, Dbl, Flt, Big:
		n, _ := v.Number()
		return n.Term()
	case Str:
		return kg.NewString(v.S)
	case Time:
		return v.P.(xsd.DateTime).Term()
	case Dur:
		return v.P.(xsd.Duration).Term()
	case IRI:
		return kg.NewIRI(v.S)
	case Blank:
		return kg.NewBlank(v.S)
	}
	return kg.Term{}
}

// ID returns the id of a value; Any for an error.
func (c *Ctx) ID(v Value) kg.ID {
	if v.ID != 0 || v.K == Err {
		return v.ID
	}
	if v.K == Int && v.T == nil {
		if id, ok := dict.FromInt(v.N); ok {
			return id
		}
	}
	id, err := c.Terms.Intern(v.term())
	if err != nil && c.Fail == nil {
		c.Fail = err
	}
	return id
}

// lang returns tag and direction of a string value.
func (v *Value) lang() (tag, dir string) {
	if v.T != nil {
		return v.T.Lang, v.T.Dir
	}
	return "", ""
}

// likeString makes a string with the tag and direction of v.
func (v *Value) likeString(s string) Value {
	if v.K == Str {
		return str(s)
	}
	tag, dir := v.lang()
	return langString(s, tag, dir)
}

func langString(s, tag, dir string) Value {
	t := kg.NewLang(s, tag)
	if dir != "" {
		t = kg.NewDirLang(s, tag, dir)
	}
	return Value{K: Lang, S: s, T: &t}
}

// truth is the effective boolean value (SPARQL 1.1, section 17.2.2).
func (c *Ctx) truth(v Value) (value, ok bool) {
	switch v.K {
	case Bool, Int, Dec:
		return v.N != 0, true
	case Dbl, Flt:
		f := math.Float64frombits(uint64(v.N))
		return f != 0 && f == f, true
	case Big:
		return !v.P.(xsd.Number).IsZero(), true
	case Str:
		return v.S != "", true
	case Lazy:
		if v.ID.Tag() == kg.TagShort {
			return v.ID.Payload() != 0, true
		}
		if t := v.ID.Tag(); t == kg.TagIRI || t == kg.TagBlank {
			return false, false
		}
		c.resolve(&v)
		return c.truth(v)
	}
	return false, false
}

// Truth evaluates a condition: an error counts as false.
func Truth(e Eval, c *Ctx) bool {
	b, ok := c.truth(e(c))
	return b && ok
}
