package lexicon

import (
	"fmt"
	"strings"
)

// Expr is an arithmetic expression over phrases.
type Expr struct {
	Op    byte   // 0: a phrase; '#': a constant; + - * /; 'a': mean over time
	Name  string // phrase or constant
	Terms []Expr
}

// String writes the expression as it is read.
func (e Expr) String() string {
	switch e.Op {
	case 0:
		return "[" + e.Name + "]"
	case '#':
		return e.Name
	case 'a':
		return "avg(" + e.Terms[0].String() + ")"
	}
	s := make([]string, len(e.Terms))
	for i, t := range e.Terms {
		s[i] = t.String()
		if prec(t.Op) < prec(e.Op) || i > 0 && (e.Op == '-' || e.Op == '/') && prec(t.Op) == prec(e.Op) {
			s[i] = "(" + s[i] + ")"
		}
	}
	return strings.Join(s, " "+string(e.Op)+" ")
}

func prec(op byte) int {
	switch op {
	case '+', '-':
		return 1
	case '*', '/':
		return 2
	}
	return 3
}

// Phrases returns the phrases of the expression, left to right.
func (e Expr) Phrases() []string {
	if e.Op == 0 {
		return []string{e.Name}
	}
	var list []string
	for _, t := range e.Terms {
		list = append(list, t.Phrases()...)
	}
	return list
}

// ParseExpr reads an expression: [phrase], numbers, + - * /, brackets and avg().
func ParseExpr(s string) (Expr, error) {
	p := &exprParser{s: s}
	e, err := p.sum()
	if err != nil {
		return Expr{}, err
	}
	if p.space(); p.i < len(s) {
		return Expr{}, fmt.Errorf("byte %d of %q: want an operator", p.i, s)
	}
	return e, nil
}

type exprParser struct {
	s     string
	i     int
	depth int
}

func (p *exprParser) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *exprParser) sum() (Expr, error)     { return p.chain("+-", p.product) }
func (p *exprParser) product() (Expr, error) { return p.chain("*/", p.atom) }

func (p *exprParser) chain(ops string, sub func() (Expr, error)) (Expr, error) {
	e, err := sub()
	for err == nil {
		p.space()
		if p.i >= len(p.s) || strings.IndexByte(ops, p.s[p.i]) < 0 {
			return e, nil
		}
		op := p.s[p.i]
		p.i++
		var r Expr
		r, err = sub()
		e = Expr{Op: op, Terms: []Expr{e, r}}
	}
	return Expr{}, err
}

func (p *exprParser) atom() (Expr, error) {
	p.space()
	rest := p.s[p.i:]
	switch {
	case rest == "":
		return Expr{}, fmt.Errorf("byte %d of %q: want a phrase in brackets", p.i, p.s)
	case rest[0] == '[':
		end := strings.IndexByte(rest, ']')
		if end < 2 {
			return Expr{}, fmt.Errorf("byte %d of %q: the bracket does not close, or is empty", p.i, p.s)
		}
		p.i += end + 1
		return Expr{Name: rest[1:end]}, nil
	case rest[0] == '(' || strings.HasPrefix(rest, "avg("):
		if p.depth++; p.depth > 32 {
			return Expr{}, fmt.Errorf("byte %d of %q: more than 32 brackets deep", p.i, p.s)
		}
		avg := rest[0] == 'a'
		p.i++
		if avg {
			p.i += 3
		}
		e, err := p.sum()
		p.depth--
		if err != nil {
			return Expr{}, err
		}
		if p.space(); p.i >= len(p.s) || p.s[p.i] != ')' {
			return Expr{}, fmt.Errorf("byte %d of %q: want )", p.i, p.s)
		}
		p.i++
		if avg {
			e = Expr{Op: 'a', Terms: []Expr{e}}
		}
		return e, nil
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n == 0 {
		return Expr{}, fmt.Errorf("byte %d of %q: want a phrase in brackets, a number or (", p.i, p.s)
	}
	p.i += n
	return Expr{Op: '#', Name: rest[:n]}, nil
}
