package xsd

import (
	"math"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// NumberKind is the type of a number after promotion (XPath 2.0, B.1).
type NumberKind uint8

// Kinds of number, in order of promotion.
const (
	Integer NumberKind = iota
	DecimalKind
	Float
	Double
)

// Number is a numeric value. Dec holds integers and decimals, F the others.
type Number struct {
	Kind NumberKind
	Dec  Decimal
	F    float64
}

// Int returns an xsd:integer.
func Int(i int64) Number { return Number{Dec: NewDecimal(i, 0)} }

// Dec returns an xsd:decimal.
func Dec(d Decimal) Number { return Number{Kind: DecimalKind, Dec: d} }

// Dbl returns an xsd:double.
func Dbl(f float64) Number { return Number{Kind: Double, F: f} }

// Flt returns an xsd:float; f is rounded to single precision.
func Flt(f float64) Number { return Number{Kind: Float, F: float64(float32(f))} }

// Datatype returns the IRI of the kind.
func (k NumberKind) Datatype() string {
	return [...]string{kg.XSD + "integer", kg.XSD + "decimal", kg.XSD + "float", kg.XSD + "double"}[k]
}

// Float returns the nearest float64.
func (n Number) Float() float64 {
	if n.Kind >= Float {
		return n.F
	}
	return n.Dec.Float()
}

// String is the canonical lexical form.
func (n Number) String() string {
	switch n.Kind {
	case Float:
		return FormatFloat(n.F, 32)
	case Double:
		return FormatFloat(n.F, 64)
	}
	return n.Dec.String()
}

// Term returns the literal with the canonical lexical form.
func (n Number) Term() kg.Term { return kg.NewTyped(n.String(), n.Kind.Datatype()) }

// IsNaN reports whether the number is not a number.
func (n Number) IsNaN() bool { return n.Kind >= Float && math.IsNaN(n.F) }

// IsZero reports whether the number is zero.
func (n Number) IsZero() bool {
	if n.Kind >= Float {
		return n.F == 0
	}
	return n.Dec.Sign() == 0
}

// promote brings two numbers to the larger kind.
func promote(a, b Number) (Number, Number) {
	k := max(a.Kind, b.Kind)
	return a.to(k), b.to(k)
}

func (n Number) to(k NumberKind) Number {
	if n.Kind == k {
		return n
	}
	switch k {
	case Float:
		return Flt(n.Float())
	case Double:
		return Dbl(n.Float())
	}
	n.Kind = k
	return n
}

// Compare orders two numbers; ok is false if one of them is NaN.
func (n Number) Compare(m Number) (c int, ok bool) {
	a, b := promote(n, m)
	if a.Kind < Float {
		return a.Dec.Cmp(b.Dec), true
	}
	switch {
	case a.F < b.F:
		return -1, true
	case a.F > b.F:
		return 1, true
	case a.F == b.F:
		return 0, true
	}
	return 0, false
}

func arith(n, m Number, dec func(a, b Decimal) (Decimal, error), f func(a, b float64) float64) (Number, error) {
	a, b := promote(n, m)
	switch a.Kind {
	case Float:
		return Flt(f(a.F, b.F)), nil
	case Double:
		return Dbl(f(a.F, b.F)), nil
	}
	d, err := dec(a.Dec, b.Dec)
	return Number{Kind: a.Kind, Dec: d}, err
}

// Add returns n + m.
func (n Number) Add(m Number) (Number, error) {
	return arith(n, m, Decimal.Add, func(a, b float64) float64 { return a + b })
}

// Sub returns n - m.
func (n Number) Sub(m Number) (Number, error) {
	return arith(n, m, Decimal.Sub, func(a, b float64) float64 { return a - b })
}

// Mul returns n * m.
func (n Number) Mul(m Number) (Number, error) {
	return arith(n, m, Decimal.Mul, func(a, b float64) float64 { return a * b })
}

// Div returns n / m; two integers give a decimal. Division of decimals by zero
// is an error, of floats an infinity or NaN.
func (n Number) Div(m Number) (Number, error) {
	r, err := arith(n, m, Decimal.Div, func(a, b float64) float64 { return a / b })
	if r.Kind == Integer {
		r.Kind = DecimalKind
	}
	return r, err
}

func (n Number) unary(dec func(Decimal) Decimal, f func(float64) float64) Number {
	switch n.Kind {
	case Float:
		return Flt(f(n.F))
	case Double:
		return Dbl(f(n.F))
	}
	n.Dec = dec(n.Dec)
	return n
}

// Neg returns -n.
func (n Number) Neg() Number {
	return n.unary(Decimal.Neg, func(f float64) float64 { return -f })
}

// Abs returns the absolute value.
func (n Number) Abs() Number { return n.unary(Decimal.Abs, math.Abs) }

// Ceil rounds up.
func (n Number) Ceil() Number { return n.unary(Decimal.Ceil, math.Ceil) }

// Floor rounds down.
func (n Number) Floor() Number { return n.unary(Decimal.Floor, math.Floor) }

// Round rounds to the nearest integer, halves up (F&O fn:round).
func (n Number) Round() Number {
	return n.unary(Decimal.Round, func(f float64) float64 {
		if r := math.Floor(f + 0.5); r != 0 && math.Abs(f) < 1<<52 {
			return r
		}
		if math.Abs(f) >= 1<<52 || math.IsNaN(f) {
			return f
		}
		return math.Copysign(0, f)
	})
}

// ParseFloat reads an xsd:float (bits 32) or xsd:double (bits 64). Unlike
// strconv it knows no hexadecimal, no underscores, no "Infinity".
func ParseFloat(s string, bits int) (float64, error) {
	switch s {
	case "INF", "+INF":
		return math.Inf(1), nil
	case "-INF":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c == '.', c == '+', c == '-', c == 'e', c == 'E':
		default:
			return 0, ErrLexical
		}
	}
	if !digits {
		return 0, ErrLexical
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) { // out of range rounds to an infinity
		return 0, ErrLexical
	}
	return f, nil
}

// FormatFloat is the canonical form of an xsd:float or xsd:double: one digit
// other than zero before the point, at least one after it, an exponent.
func FormatFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "INF"
	case math.IsInf(f, -1):
		return "-INF"
	}
	s := strconv.FormatFloat(f, 'E', -1, bits)
	mant, exp, _ := strings.Cut(s, "E")
	if strings.IndexByte(mant, '.') < 0 {
		mant += ".0"
	}
	neg := exp[0] == '-'
	exp = strings.TrimLeft(exp[1:], "0")
	switch {
	case exp == "":
		exp = "0"
	case neg:
		exp = "-" + exp
	}
	return mant + "E" + exp
}

// integerBounds are the derived integer types with their least and greatest
// values; an empty bound is open (XSD 1.1 section 3.4.13 to 3.4.25).
var integerBounds = map[string][2]string{
	"integer":            {"", ""},
	"nonPositiveInteger": {"", "0"},
	"negativeInteger":    {"", "-1"},
	"nonNegativeInteger": {"0", ""},
	"positiveInteger":    {"1", ""},
	"long":               {"-9223372036854775808", "9223372036854775807"},
	"int":                {"-2147483648", "2147483647"},
	"short":              {"-32768", "32767"},
	"byte":               {"-128", "127"},
	"unsignedLong":       {"0", "18446744073709551615"},
	"unsignedInt":        {"0", "4294967295"},
	"unsignedShort":      {"0", "65535"},
	"unsignedByte":       {"0", "255"},
}

type bounds struct {
	lo, hi       Decimal
	hasLo, hasHi bool
}

var integerTypes = func() map[string]bounds {
	m := map[string]bounds{}
	for name, b := range integerBounds {
		var x bounds
		if b[0] != "" {
			x.lo, _ = ParseInteger(b[0])
			x.hasLo = true
		}
		if b[1] != "" {
			x.hi, _ = ParseInteger(b[1])
			x.hasHi = true
		}
		m[kg.XSD+name] = x
	}
	return m
}()

// IsInteger reports whether the datatype is xsd:integer or derived from it.
func IsInteger(datatype string) bool { _, ok := integerTypes[datatype]; return ok }

// IsNumeric reports whether the datatype is numeric.
func IsNumeric(datatype string) bool {
	switch datatype {
	case kg.XSD + "integer", kg.XSD + "decimal", kg.XSD + "double", kg.XSD + "float":
		return true
	}
	return IsInteger(datatype)
}

// ParseNumber reads a numeric literal. Derived integer types are checked
// against their range and become Integer.
func ParseNumber(lexical, datatype string) (Number, error) {
	switch datatype {
	case kg.XSD + "integer":
		d, err := ParseInteger(lexical)
		return Number{Dec: d}, err
	case kg.XSD + "decimal":
		d, err := ParseDecimal(lexical)
		return Number{Kind: DecimalKind, Dec: d}, err
	case kg.XSD + "double":
		f, err := ParseFloat(lexical, 64)
		return Number{Kind: Double, F: f}, err
	case kg.XSD + "float":
		f, err := ParseFloat(lexical, 32)
		return Number{Kind: Float, F: f}, err
	}
	b, ok := integerTypes[datatype]
	if !ok {
		return Number{}, ErrType
	}
	d, err := ParseInteger(lexical)
	if err != nil {
		return Number{}, err
	}
	if b.hasLo && d.Cmp(b.lo) < 0 || b.hasHi && d.Cmp(b.hi) > 0 {
		return Number{}, ErrLexical
	}
	return Number{Dec: d}, nil
}

// ParseBool reads an xsd:boolean.
func ParseBool(s string) (bool, error) {
	switch s {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, ErrLexical
}
