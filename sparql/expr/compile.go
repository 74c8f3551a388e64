package expr

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// Eval computes an expression on the row that the context stands at.
type Eval func(*Ctx) Value

// Scope tells the compiler where variables are.
type Scope struct {
	// Column returns the column of a variable, or -1 if it is never bound.
	Column func(name string) int
	// Lookup returns the id of a constant, if the store has one.
	Lookup func(t kg.Term) (kg.ID, error)
	// Exists prepares an EXISTS pattern and returns the key that Ctx.Exists
	// gets. Nil refuses EXISTS.
	Exists func(e *algebra.Exists) (key any, err error)
}

// Compile turns an expression into a function. Functions that are not known
// give an error value, as an unknown function does when it is called.
func Compile(e algebra.Expr, s Scope) (Eval, error) {
	switch e := e.(type) {
	case *algebra.Var:
		col := s.Column(e.Name)
		if col < 0 {
			return constant(errValue), nil
		}
		return func(c *Ctx) Value { return FromID(c.Cols[col][c.Row]) }, nil
	case *algebra.Const:
		id, err := s.Lookup(e.Term)
		if err != nil {
			return nil, err
		}
		t := e.Term
		return constant(FromTerm(&t, id)), nil
	case *algebra.Exists:
		if s.Exists == nil {
			return nil, fmt.Errorf("sparql: EXISTS is not allowed here")
		}
		key, err := s.Exists(e)
		if err != nil {
			return nil, err
		}
		return func(c *Ctx) Value {
			found, err := c.Exists(c, key)
			if err != nil {
				if c.Fail == nil {
					c.Fail = err
				}
				return errValue
			}
			return boolean(found != e.Not)
		}, nil
	case *algebra.Call:
		return compileCall(e, s)
	}
	return nil, fmt.Errorf("sparql: cannot compile %T", e)
}

func constant(v Value) Eval { return func(*Ctx) Value { return v } }

func compileCall(e *algebra.Call, s Scope) (Eval, error) {
	if f, ok, err := compileFast(e, s); ok || err != nil {
		return f, err
	}
	args := make([]Eval, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = Compile(a, s); err != nil {
			return nil, err
		}
	}
	switch e.Fn {
	case "||", "&&":
		return logic(e.Fn == "&&", args), nil
	case "IN", "NOT IN":
		return compileIn(e, args), nil
	case "COALESCE":
		return func(c *Ctx) Value {
			for _, a := range args {
				v := a(c)
				c.resolve(&v)
				if v.K != Err {
					return v
				}
			}
			return errValue
		}, nil
	case "IF":
		return func(c *Ctx) Value {
			t, ok := c.truth(args[0](c))
			if !ok {
				return errValue
			}
			if t {
				return args[1](c)
			}
			return args[2](c)
		}, nil
	case "BOUND":
		if v, ok := e.Args[0].(*algebra.Var); ok {
			col := s.Column(v.Name)
			return func(c *Ctx) Value { return boolean(col >= 0 && c.Cols[col][c.Row] != kg.Any) }, nil
		}
		// A constant that was put in for an outer variable.
		return func(c *Ctx) Value { return boolean(args[0](c).K != Err) }, nil
	case "!":
		return func(c *Ctx) Value {
			t, ok := c.truth(args[0](c))
			if !ok {
				return errValue
			}
			return boolean(!t)
		}, nil
	case "ISIRI", "ISBLANK", "ISLITERAL":
		return kindTest(e.Fn, args[0]), nil
	case "REGEX":
		return compileRegex(args), nil
	case "REPLACE":
		return compileReplace(args), nil
	}
	if f, ok := functions[e.Fn]; ok {
		return apply(f, args), nil
	}
	if f := cast(e.Fn); f != nil && len(args) == 1 {
		return func(c *Ctx) Value {
			v := args[0](c)
			c.resolve(&v)
			if v.K == Err {
				return v
			}
			return f(c, v)
		}, nil
	}
	return constant(errValue), nil
}

// kindTest decides by the tag of the id where that suffices.
func kindTest(fn string, arg Eval) Eval {
	slow := functions[fn]
	return func(c *Ctx) Value {
		v := arg(c)
		switch t := v.ID.Tag(); {
		case v.K == Err:
			return errValue
		case t == kg.TagIRI:
			return boolean(fn == "ISIRI")
		case t == kg.TagBlank:
			return boolean(fn == "ISBLANK")
		case v.ID.IsLiteral():
			return boolean(fn == "ISLITERAL")
		}
		c.resolve(&v)
		if v.K == Err {
			return errValue
		}
		return slow(c, []Value{v})
	}
}

// Known reports whether a function is a built-in or a cast.
func Known(fn string) bool {
	switch fn {
	case "||", "&&", "=", "!=", "<", ">", "<=", ">=", "IN", "NOT IN", "COALESCE", "IF", "BOUND", "REGEX", "REPLACE":
		return true
	}
	return functions[fn] != nil || cast(fn) != nil
}

// function is a function whose arguments must all have a value. They are
// resolved before the call.
type function func(c *Ctx, args []Value) Value

func apply(f function, args []Eval) Eval {
	switch len(args) {
	case 1:
		return func(c *Ctx) Value {
			v := [1]Value{args[0](c)}
			c.resolve(&v[0])
			if v[0].K == Err {
				return errValue
			}
			return f(c, v[:])
		}
	case 2:
		return func(c *Ctx) Value {
			v := [2]Value{args[0](c), args[1](c)}
			c.resolve(&v[0])
			c.resolve(&v[1])
			if v[0].K == Err || v[1].K == Err {
				return errValue
			}
			return f(c, v[:])
		}
	}
	return func(c *Ctx) Value {
		v := make([]Value, len(args))
		for i, a := range args {
			v[i] = a(c)
			c.resolve(&v[i])
			if v[i].K == Err {
				return errValue
			}
		}
		return f(c, v)
	}
}

// logic is "&&" or "||": a deciding argument wins over errors (section 17.2).
func logic(and bool, args []Eval) Eval {
	return func(c *Ctx) Value {
		failed := false
		for _, a := range args {
			t, ok := c.truth(a(c))
			switch {
			case !ok:
				failed = true
			case t != and:
				return boolean(!and)
			}
		}
		if failed {
			return errValue
		}
		return boolean(and)
	}
}

// compileIn tests membership. Long lists of IRIs and strings go through a set
// of ids, which decide equality for those kinds.
func compileIn(e *algebra.Call, args []Eval) Eval {
	slow := compileInList(e, args)
	if len(args) <= 4 {
		return slow
	}
	not := e.Fn == "NOT IN"
	set := map[kg.ID]bool{}
	for i, a := range e.Args[1:] {
		k, ok := a.(*algebra.Const)
		if !ok || k.Term.Kind != kg.IRI && k.Term.Datatype != kg.XSDString {
			return slow
		}
		set[args[i+1](nil).ID] = true // constants need no context
	}
	return func(c *Ctx) Value {
		v := args[0](c)
		if v.K == Err {
			return errValue
		}
		id := c.ID(v)
		if set[id] {
			return boolean(!not)
		}
		switch id.Tag() {
		case kg.TagTyped, kg.TagTriple, kg.TagLocal:
			return slow(c)
		}
		return boolean(not)
	}
}

func compileInList(e *algebra.Call, args []Eval) Eval {
	not := e.Fn == "NOT IN"
	return func(c *Ctx) Value {
		v := args[0](c)
		if v.K == Err {
			return errValue
		}
		c.resolve(&v)
		failed := false
		for _, a := range args[1:] {
			switch c.equal(v, a(c)) {
			case yes:
				return boolean(!not)
			case unknown:
				failed = true
			}
		}
		if failed {
			return errValue
		}
		return boolean(not)
	}
}

// compileFast recognises the shapes that filters mostly have: a variable
// against a constant, decided on the id.
func compileFast(e *algebra.Call, s Scope) (Eval, bool, error) {
	switch e.Fn {
	case "=", "!=", "<", ">", "<=", ">=":
	default:
		return nil, false, nil
	}
	op := e.Fn
	l, r := e.Args[0], e.Args[1]
	if _, ok := l.(*algebra.Const); ok {
		l, r = r, l
		if m, ok := map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}[op]; ok {
			op = m
		}
	}
	v, ok1 := l.(*algebra.Var)
	k, ok2 := r.(*algebra.Const)
	if !ok1 || !ok2 {
		f := comparison(e.Fn)
		x, err := Compile(e.Args[0], s)
		if err != nil {
			return nil, false, err
		}
		y, err := Compile(e.Args[1], s)
		if err != nil {
			return nil, false, err
		}
		return func(c *Ctx) Value { return f(c, x(c), y(c)) }, true, nil
	}
	col := s.Column(v.Name)
	if col < 0 {
		return constant(errValue), true, nil
	}
	id, err := s.Lookup(k.Term)
	if err != nil {
		return nil, false, err
	}
	t := k.Term
	want := FromTerm(&t, id)
	slow := comparison(op)
	if want.K == Int {
		n := want.N
		test := intTest(op)
		return func(c *Ctx) Value {
			id := c.Cols[col][c.Row]
			if id.Tag() == kg.TagInteger {
				m := dict.Int(id)
				switch {
				case m < n:
					return boolean(test[0])
				case m == n:
					return boolean(test[1])
				}
				return boolean(test[2])
			}
			return slow(c, FromID(id), want)
		}, true, nil
	}
	return func(c *Ctx) Value { return slow(c, FromID(c.Cols[col][c.Row]), want) }, true, nil
}

// intTest tells for "less", "equal" and "greater" whether the operator holds.
func intTest(op string) [3]bool {
	switch op {
	case "=":
		return [3]bool{false, true, false}
	case "!=":
		return [3]bool{true, false, true}
	case "<":
		return [3]bool{true, false, false}
	case "<=":
		return [3]bool{true, true, false}
	case ">":
		return [3]bool{false, false, true}
	}
	return [3]bool{false, true, true}
}

func comparison(op string) func(c *Ctx, a, b Value) Value {
	switch op {
	case "=":
		return func(c *Ctx, a, b Value) Value { return c.equal(a, b).value() }
	case "!=":
		return func(c *Ctx, a, b Value) Value {
			switch c.equal(a, b) {
			case yes:
				return boolean(false)
			case no:
				return boolean(true)
			}
			return errValue
		}
	}
	test := intTest(op)
	return func(c *Ctx, a, b Value) Value {
		o, ok := c.less(a, b)
		if !ok {
			// NaN has no order but "<" on it is false, not an error.
			c.resolve(&a)
			c.resolve(&b)
			if a.numeric() && b.numeric() {
				return boolean(false)
			}
			return errValue
		}
		return boolean(test[o+1])
	}
}

func arithmetic(num func(a, b xsd.Number) (xsd.Number, error), small func(a, b int64) (int64, bool), temporal func(a, b Value) (Value, error)) function {
	return func(_ *Ctx, v []Value) Value {
		a, b := &v[0], &v[1]
		if a.K == Int && b.K == Int && small != nil {
			if n, ok := small(a.N, b.N); ok {
				return integer(n)
			}
		}
		if a.numeric() && b.numeric() {
			x, _ := a.Number()
			y, _ := b.Number()
			r, err := num(x, y)
			if err != nil {
				return errValue
			}
			return number(r)
		}
		if temporal != nil {
			if r, err := temporal(*a, *b); err == nil {
				return r
			}
		}
		return errValue
	}
}

func unary(f func(xsd.Number) xsd.Number) function {
	return func(_ *Ctx, v []Value) Value {
		n, ok := v[0].Number()
		if !ok {
			return errValue
		}
		return number(f(n))
	}
}
