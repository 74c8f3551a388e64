package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// cast returns the constructor function of a datatype (SPARQL 1.1, section
// 17.5; F&O chapter 19), or nil. Its argument is resolved and not an error.
func cast(datatype string) func(c *Ctx, v Value) Value {
	name, ok := strings.CutPrefix(datatype, kg.XSD)
	if !ok {
		return nil
	}
	switch name {
	case "string":
		return func(c *Ctx, v Value) Value {
			switch v.K {
			case Lang, Triple, Blank:
				return errValue
			case Bool, Int, Dec, Dbl, Flt, Big:
				return str(castToString(v))
			}
			return fnStr(c, []Value{v})
		}
	case "boolean":
		return func(_ *Ctx, v Value) Value {
			switch {
			case v.K == Bool:
				return boolean(v.N != 0)
			case v.numeric():
				n, _ := v.Number()
				return boolean(!n.IsZero() && !n.IsNaN())
			case v.K == Str:
				return reparse(v.S, datatype)
			}
			return errValue
		}
	case "double", "float", "decimal":
		return func(_ *Ctx, v Value) Value { return castNumber(v, name) }
	}
	if xsd.IsInteger(datatype) {
		return func(_ *Ctx, v Value) Value { return castInteger(v, datatype) }
	}
	if k, ok := xsd.TimeKindOf(datatype); ok {
		return func(_ *Ctx, v Value) Value {
			if v.K == Str {
				return reparse(v.S, datatype)
			}
			d, ok := v.P.(xsd.DateTime)
			if !ok {
				return errValue
			}
			d, err := d.As(k)
			if err != nil {
				return errValue
			}
			return Value{K: Time, P: d}
		}
	}
	if k, ok := xsd.DurationKindOf(datatype); ok {
		return func(_ *Ctx, v Value) Value {
			if v.K == Str {
				return reparse(v.S, datatype)
			}
			d, ok := v.P.(xsd.Duration)
			if !ok {
				return errValue
			}
			switch d.Kind = k; k {
			case xsd.YearMonth:
				d.Secs, d.Frac = 0, 0
			case xsd.DayTime:
				d.Months = 0
			}
			return Value{K: Dur, P: d}
		}
	}
	return nil
}

// reparse reads a string as a literal of a datatype; surrounding white space
// is dropped (F&O 19.2), the text is otherwise kept.
func reparse(s, datatype string) Value {
	s = strings.Trim(s, " \t\r\n")
	v, _ := parse(s, datatype)
	if v.K == Err {
		return v
	}
	// The value counts, not its spelling: casts give canonical forms.
	v.T = nil
	return v
}

// castToString writes numbers as F&O 19.1.1 says: floats between 1e-6 and 1e6
// without exponent.
func castToString(v Value) string {
	if v.K == Dbl || v.K == Flt {
		f := math.Float64frombits(uint64(v.N))
		if a := math.Abs(f); f == 0 || a >= 1e-6 && a < 1e6 {
			if f == 0 && math.Signbit(f) {
				return "-0"
			}
			if d, err := xsd.ParseDecimal(formatPlain(f, v.K)); err == nil {
				return d.String()
			}
		}
		n, _ := v.Number()
		return n.String()
	}
	if v.K == Bool {
		return strconv.FormatBool(v.N != 0)
	}
	n, _ := v.Number()
	return n.String()
}

func formatPlain(f float64, k Kind) string {
	if k == Flt {
		return strconv.FormatFloat(f, 'f', -1, 32)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func castNumber(v Value, to string) Value {
	switch {
	case v.K == Str:
		return reparse(v.S, kg.XSD+to)
	case v.K == Bool:
		v = integer(v.N)
	}
	n, ok := v.Number()
	if !ok {
		return errValue
	}
	switch to {
	case "double":
		return double(n.Float())
	case "float":
		return number(xsd.Flt(n.Float()))
	}
	if n.Kind >= xsd.Float {
		d, err := xsd.FromFloat(n.F)
		if err != nil {
			return errValue
		}
		return number(xsd.Dec(d))
	}
	return number(xsd.Dec(n.Dec))
}

func castInteger(v Value, datatype string) Value {
	if v.K == Str {
		return typedInteger(reparse(v.S, datatype), datatype)
	}
	v = castNumber(v, "decimal")
	n, ok := v.Number()
	if !ok {
		return errValue
	}
	whole := number(xsd.Number{Dec: n.Dec.Trunc()})
	if datatype != kg.XSD+"integer" {
		w, _ := parse(whole.term().Value, datatype) // checks the range
		if w.K == Err {
			return w
		}
	}
	return typedInteger(whole, datatype)
}

// typedInteger keeps the derived type of a cast.
func typedInteger(v Value, datatype string) Value {
	if v.K == Err || datatype == kg.XSD+"integer" {
		return v
	}
	t := kg.NewTyped(v.term().Value, datatype)
	v.T = &t
	v.ID = 0
	return v
}
