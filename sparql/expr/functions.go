package expr

import (
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// functions are the built-ins whose arguments must all have a value.
var functions map[string]function

func init() {
	functions = map[string]function{
		"+": arithmetic(xsd.Number.Add, func(a, b int64) (int64, bool) {
			s := a + b
			return s, (s > a) == (b > 0)
		}, addTimes),
		"-": arithmetic(xsd.Number.Sub, func(a, b int64) (int64, bool) {
			s := a - b
			return s, (s < a) == (b > 0)
		}, subTimes),
		"*": arithmetic(xsd.Number.Mul, func(a, b int64) (int64, bool) {
			const half = 1 << 31
			return a * b, a < half && a > -half && b < half && b > -half
		}, nil),
		"/":   arithmetic(xsd.Number.Div, nil, nil),
		"neg": negate,
		"pos": unary(func(n xsd.Number) xsd.Number { return n }),
		"!": func(c *Ctx, v []Value) Value {
			b, ok := c.truth(v[0])
			if !ok {
				return errValue
			}
			return boolean(!b)
		},
		"ABS":   unary(xsd.Number.Abs),
		"CEIL":  unary(xsd.Number.Ceil),
		"FLOOR": unary(xsd.Number.Floor),
		"ROUND": unary(xsd.Number.Round),
		"RAND":  func(*Ctx, []Value) Value { return double(mrand.Float64()) },

		"SAMETERM": func(c *Ctx, v []Value) Value {
			if v[0].ID != 0 && v[1].ID != 0 {
				return boolean(v[0].ID == v[1].ID)
			}
			return boolean(v[0].term().Equal(v[1].term()))
		},
		"ISIRI":      is(func(v *Value) bool { return v.K == IRI }),
		"ISBLANK":    is(func(v *Value) bool { return v.K == Blank }),
		"ISLITERAL":  is((*Value).literal),
		"ISNUMERIC":  is((*Value).numeric),
		"ISTRIPLE":   is(func(v *Value) bool { return v.K == Triple }),
		"HASLANG":    is(func(v *Value) bool { return v.K == Lang }),
		"HASLANGDIR": is(func(v *Value) bool { _, d := v.lang(); return v.K == Lang && d != "" }),
		"STR":        fnStr,
		"LANG": func(_ *Ctx, v []Value) Value {
			if !v[0].literal() {
				return errValue
			}
			tag, _ := v[0].lang()
			return str(tag)
		},
		"LANGDIR": func(_ *Ctx, v []Value) Value {
			if !v[0].literal() {
				return errValue
			}
			_, dir := v[0].lang()
			return str(dir)
		},
		"LANGMATCHES": fnLangMatches,
		"DATATYPE":    fnDatatype,
		"IRI":         fnIRI,
		"BNODE":       fnBnode,
		"UUID":        func(*Ctx, []Value) Value { return Value{K: IRI, S: "urn:uuid:" + uuid()} },
		"STRUUID":     func(*Ctx, []Value) Value { return str(uuid()) },
		"STRDT":       fnStrDT,
		"STRLANG":     fnStrLang,
		"STRLANGDIR":  fnStrLangDir,
		"TRIPLE":      fnTriple,
		"SUBJECT":     part(0),
		"PREDICATE":   part(1),
		"OBJECT":      part(2),
	}
	for name, f := range stringFunctions {
		functions[name] = f
	}
	for name, f := range timeFunctions {
		functions[name] = f
	}
}

func is(f func(*Value) bool) function {
	return func(_ *Ctx, v []Value) Value { return boolean(f(&v[0])) }
}

func negate(_ *Ctx, v []Value) Value {
	if n, ok := v[0].Number(); ok {
		return number(n.Neg())
	}
	if d, ok := v[0].P.(xsd.Duration); ok {
		return Value{K: Dur, P: d.Neg()}
	}
	return errValue
}

func fnStr(_ *Ctx, v []Value) Value {
	switch v[0].K {
	case Str:
		return v[0]
	case IRI, Lang:
		return str(v[0].S)
	case Blank, Triple:
		return errValue
	}
	return str(v[0].term().Value)
}

func fnDatatype(_ *Ctx, v []Value) Value {
	if !v[0].literal() {
		return errValue
	}
	return Value{K: IRI, S: v[0].term().Datatype}
}

// fnLangMatches is basic filtering of RFC 4647, section 3.3.1.
func fnLangMatches(_ *Ctx, v []Value) Value {
	if v[0].K != Str || v[1].K != Str {
		return errValue
	}
	tag, rng := strings.ToLower(v[0].S), strings.ToLower(v[1].S)
	if rng == "*" {
		return boolean(tag != "")
	}
	return boolean(tag == rng || strings.HasPrefix(tag, rng) && tag[len(rng)] == '-')
}

func fnIRI(c *Ctx, v []Value) Value {
	if v[0].K == IRI {
		return v[0]
	}
	if v[0].K != Str {
		return errValue
	}
	if strings.ContainsAny(v[0].S, "<>\"{}|^`\\ \n\r\t") {
		return errValue
	}
	if c.Base == "" {
		return Value{K: IRI, S: v[0].S}
	}
	return Value{K: IRI, S: iri.Resolve(c.Base, v[0].S)}
}

// newBlank makes a node whose label is unlike those of other queries and files.
func (c *Ctx) newBlank() Value {
	if c.blankName == "" {
		c.blankName = "q" + strings.ReplaceAll(uuid(), "-", "")[:16] + "n"
	}
	c.blankCount++
	return Value{K: Blank, S: c.blankName + strconv.FormatInt(c.blankCount, 10)}
}

func fnBnode(c *Ctx, v []Value) Value {
	if len(v) == 0 {
		return c.newBlank()
	}
	if v[0].K != Str {
		return errValue
	}
	if c.blank == nil || c.blankAt != c.Serial {
		c.blank, c.blankAt = map[string]Value{}, c.Serial
	}
	b, ok := c.blank[v[0].S]
	if !ok {
		b = c.newBlank()
		c.blank[v[0].S] = b
	}
	return b
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func fnStrDT(_ *Ctx, v []Value) Value {
	if v[0].K != Str || v[1].K != IRI {
		return errValue
	}
	if v[1].S == kg.RDFLangString || v[1].S == kg.RDFDirLangStr {
		return errValue // they need a language tag
	}
	t := kg.NewTyped(v[0].S, v[1].S)
	return FromTerm(&t, 0)
}

func fnStrLang(_ *Ctx, v []Value) Value {
	if v[0].K != Str || v[1].K != Str || !validTag(v[1].S) {
		return errValue
	}
	return langString(v[0].S, v[1].S, "")
}

func fnStrLangDir(_ *Ctx, v []Value) Value {
	if v[0].K != Str || v[1].K != Str || v[2].K != Str || !validTag(v[1].S) {
		return errValue
	}
	if d := v[2].S; d != "ltr" && d != "rtl" {
		return errValue
	}
	return langString(v[0].S, v[1].S, v[2].S)
}

// validTag checks the grammar of LANGTAG.
func validTag(s string) bool {
	for i, p := range strings.Split(s, "-") {
		if p == "" {
			return false
		}
		for _, r := range []byte(p) {
			letter := r|0x20 >= 'a' && r|0x20 <= 'z'
			if !letter && (i == 0 || r < '0' || r > '9') {
				return false
			}
		}
	}
	return true
}

func fnTriple(_ *Ctx, v []Value) Value {
	if v[0].K != IRI && v[0].K != Blank || v[1].K != IRI {
		return errValue
	}
	t := kg.NewTriple(v[0].term(), v[1].term(), v[2].term())
	return FromTerm(&t, 0)
}

func part(i int) function {
	return func(_ *Ctx, v []Value) Value {
		if v[0].K != Triple {
			return errValue
		}
		return FromTerm(&v[0].T.Spo[i], 0)
	}
}
