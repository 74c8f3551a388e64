package syntax

import (
	"strings"

	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// arity is the least and greatest number of arguments; -1: no bound.
type arity struct{ min, max int }

// Builtins are the built-in functions with their numbers of arguments.
var Builtins = map[string]arity{
	"STR": {1, 1}, "LANG": {1, 1}, "LANGMATCHES": {2, 2}, "LANGDIR": {1, 1}, "DATATYPE": {1, 1}, "BOUND": {1, 1},
	"IRI": {1, 1}, "BNODE": {0, 1}, "RAND": {0, 0}, "ABS": {1, 1}, "CEIL": {1, 1}, "FLOOR": {1, 1}, "ROUND": {1, 1},
	"CONCAT": {0, -1}, "STRLEN": {1, 1}, "UCASE": {1, 1}, "LCASE": {1, 1}, "ENCODE_FOR_URI": {1, 1}, "CONTAINS": {2, 2},
	"STRSTARTS": {2, 2}, "STRENDS": {2, 2}, "STRBEFORE": {2, 2}, "STRAFTER": {2, 2}, "YEAR": {1, 1}, "MONTH": {1, 1},
	"DAY": {1, 1}, "HOURS": {1, 1}, "MINUTES": {1, 1}, "SECONDS": {1, 1}, "TIMEZONE": {1, 1}, "TZ": {1, 1}, "NOW": {0, 0},
	"UUID": {0, 0}, "STRUUID": {0, 0}, "MD5": {1, 1}, "SHA1": {1, 1}, "SHA256": {1, 1}, "SHA384": {1, 1}, "SHA512": {1, 1},
	"COALESCE": {0, -1}, "IF": {3, 3}, "STRLANG": {2, 2}, "STRLANGDIR": {3, 3}, "STRDT": {2, 2}, "SAMETERM": {2, 2},
	"ISIRI": {1, 1}, "ISBLANK": {1, 1}, "ISLITERAL": {1, 1}, "ISNUMERIC": {1, 1}, "HASLANG": {1, 1}, "HASLANGDIR": {1, 1},
	"REGEX": {2, 3}, "SUBSTR": {2, 3}, "REPLACE": {3, 4},
	"TRIPLE": {3, 3}, "SUBJECT": {1, 1}, "PREDICATE": {1, 1}, "OBJECT": {1, 1}, "ISTRIPLE": {1, 1},
}

var aggregates = map[string]bool{
	"COUNT": true, "SUM": true, "MIN": true, "MAX": true, "AVG": true, "SAMPLE": true, "GROUP_CONCAT": true,
}

// constraint reads what may follow FILTER, HAVING and ORDER BY: ( expression )
// or a call.
func (p *parser) constraint() Expr {
	if p.take("(") {
		e := p.expr()
		p.want(")")
		return e
	}
	if p.isIRI() || p.tok.Kind == lex.Word {
		if e, ok := p.call(); ok {
			return e
		}
	}
	p.unexpected(`"("`, "a function")
	return nil
}

func (p *parser) expr() Expr {
	defer p.deeper()()
	return p.logic(false)
}

// logic reads a || b || ... and, one level down, a && b && ...
func (p *parser) logic(and bool) Expr {
	at := p.tok.Pos
	op, operand := "||", func() Expr { return p.logic(true) }
	if and {
		op, operand = "&&", p.relation
	}
	first := operand()
	if !p.is(op) {
		return first
	}
	l := &Logic{at, and, []Expr{first}}
	for p.take(op) {
		l.Args = append(l.Args, operand())
	}
	return l
}

var comparisons = map[string]BinaryOp{"=": Eq, "!=": Ne, "<": Lt, ">": Gt, "<=": Le, ">=": Ge}

func (p *parser) relation() Expr {
	at := p.tok.Pos
	l := p.sum()
	if p.tok.Kind == lex.IRIRef {
		// In "?a<?b&&?c>?d" the longest token is an IRI.
		p.failHint(p.tok.Pos, "if < is an operator, write a blank after it", "unexpected IRI %s", p.text[p.tok.Pos.Offset:p.tok.End])
	}
	if p.tok.Kind == lex.Punct {
		if op, ok := comparisons[p.tok.Value]; ok {
			p.next()
			return &Binary{at, op, l, p.sum()}
		}
	}
	switch {
	case p.takeWord("IN"):
		return &In{at, l, false, p.exprList()}
	case p.isWord("NOT") && p.peekWord("IN"):
		p.next()
		p.next()
		return &In{at, l, true, p.exprList()}
	}
	return l
}

func (p *parser) peekWord(w string) bool {
	t := p.peek()
	return t.IsWord(w)
}

// exprList reads ( a, b, ... ) or ().
func (p *parser) exprList() []Expr {
	p.want("(")
	list := []Expr{}
	if p.take(")") {
		return list
	}
	for {
		list = append(list, p.expr())
		if p.take(")") {
			return list
		}
		p.want(",")
	}
}

func (p *parser) sum() Expr {
	at := p.tok.Pos
	l := p.product(p.unary())
	for n := 0; ; n++ {
		p.chain(n)
		switch {
		case p.take("+"):
			l = &Binary{at, Add, l, p.product(p.unary())}
		case p.take("-"):
			l = &Binary{at, Sub, l, p.product(p.unary())}
		case p.isNumber() && (p.tok.Value[0] == '+' || p.tok.Value[0] == '-'):
			// "?a-1": the sign belongs to the number's token but is an operator.
			op := Add
			if p.tok.Value[0] == '-' {
				op = Sub
			}
			n := &Const{p.tok.Pos, numberTerm(p.tok.Kind, p.tok.Value[1:])}
			p.next()
			l = &Binary{at, op, l, p.product(n)}
		default:
			return l
		}
	}
}

func (p *parser) product(l Expr) Expr {
	at := l.Position()
	for n := 0; ; n++ {
		p.chain(n)
		switch {
		case p.take("*"):
			l = &Binary{at, Mul, l, p.unary()}
		case p.take("/"):
			l = &Binary{at, Div, l, p.unary()}
		default:
			return l
		}
	}
}

func (p *parser) unary() Expr {
	defer p.deeper()()
	at := p.tok.Pos
	if p.is("!") || p.is("+") || p.is("-") {
		op := p.tok.Value[0]
		p.next()
		return &Unary{at, op, p.unary()}
	}
	return p.primary()
}

func (p *parser) primary() Expr {
	switch {
	case p.take("("):
		e := p.expr()
		p.want(")")
		return e
	case p.tok.Kind == lex.VarName:
		return p.variable()
	case p.isLiteral():
		return p.literal()
	case p.is("<<("):
		return p.exprTriple()
	case p.isIRI(), p.tok.Kind == lex.Word:
		if e, ok := p.call(); ok {
			return e
		}
		if p.isIRI() {
			return p.iriConst()
		}
	}
	p.unexpected("an expression")
	return nil
}

// call reads a function call, EXISTS or an aggregate; false if the current
// token starts none.
func (p *parser) call() (Expr, bool) {
	at := p.tok.Pos
	if p.isIRI() {
		if !p.peek().Is("(") {
			return nil, false
		}
		c := &IRICall{Pos: at, IRI: p.iri()}
		if p.peekWord("DISTINCT") {
			p.want("(")
			p.next()
			c.Distinct = true
			for {
				c.Args = append(c.Args, p.expr())
				if p.take(")") {
					return c, true
				}
				p.want(",")
			}
		}
		c.Args = p.exprList()
		return c, true
	}
	name := strings.ToUpper(p.tok.Value)
	switch {
	case name == "EXISTS":
		p.next()
		return &Exists{at, false, p.filterGroup()}, true
	case name == "NOT" && p.peekWord("EXISTS"):
		p.next()
		p.next()
		return &Exists{at, true, p.filterGroup()}, true
	case aggregates[name]:
		return p.aggregate(at, name), true
	}
	switch name {
	case "URI":
		name = "IRI"
	case "ISURI":
		name = "ISIRI"
	}
	want, ok := Builtins[name]
	if !ok {
		if p.peek().Is("(") {
			p.failHint(at, "functions of your own are named by an IRI", "there is no function %s", p.tok.Value)
		}
		return nil, false
	}
	p.next()
	c := &Call{at, name, p.exprList()}
	if n := len(c.Args); n < want.min || want.max >= 0 && n > want.max {
		p.fail(at, "%s takes %s, not %d", name, want, n)
	}
	if name == "BOUND" {
		if _, ok := c.Args[0].(*Var); !ok {
			p.fail(c.Args[0].Position(), "BOUND takes a variable")
		}
	}
	return c, true
}

func (a arity) String() string {
	num := func(n int) string { return []string{"no", "one", "two", "three", "four"}[n] }
	switch {
	case a.max < 0:
		return "any number of arguments"
	case a.min == a.max && a.min == 1:
		return "one argument"
	case a.min == a.max:
		return num(a.min) + " arguments"
	}
	return num(a.min) + " to " + num(a.max) + " arguments"
}

// filterGroup reads the group of EXISTS, which cannot hold aggregates of the
// query around it.
func (p *parser) filterGroup() *Group {
	agg, in, seen := p.aggOK, p.inAgg, p.aggSeen
	p.aggOK, p.inAgg = false, false
	outer := p.scope
	g := p.group()
	p.scope = outer
	p.aggOK, p.inAgg, p.aggSeen = agg, in, seen
	return g
}

func (p *parser) aggregate(at Pos, name string) Expr {
	switch {
	case !p.aggOK:
		p.failHint(at, "use a sub-select", "%s is not allowed here", name)
	case p.inAgg:
		p.fail(at, "%s stands inside another aggregate", name)
	}
	p.aggSeen = true
	p.inAgg = true
	defer func() { p.inAgg = false }()
	p.next()
	p.want("(")
	a := &Aggregate{Pos: at, Name: name, Distinct: p.takeWord("DISTINCT")}
	if name == "COUNT" && p.take("*") {
		p.want(")")
		return a
	}
	a.Arg = p.expr()
	if name == "GROUP_CONCAT" {
		a.Separator = " "
		if p.take(";") {
			p.wantWord("SEPARATOR")
			p.want("=")
			if p.tok.Kind != lex.String {
				p.unexpected("a string")
			}
			a.Separator = p.tok.Value
			p.next()
		}
	}
	p.want(")")
	return a
}
