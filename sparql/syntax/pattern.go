package syntax

import (
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// group reads { ... }.
func (p *parser) group() *Group {
	defer p.deeper()()
	g := &Group{Pos: p.tok.Pos}
	p.want("{")
	if p.isWord("SELECT") {
		at := p.tok.Pos
		outer := p.newScope()
		g.Elems = []Pattern{&SubSelect{at, p.subSelect()}}
		p.scope = outer
		p.want("}")
		return g
	}
	p.newScope()
	scope := groupScope{group: g}
	for !p.is("}") {
		p.chain(len(g.Elems))
		e := p.element(&scope)
		if e == nil {
			p.unexpected("a pattern", `"}"`)
		}
		g.Elems = append(g.Elems, e)
		switch e.(type) {
		case *Triples:
			if p.startsTriples() {
				p.unexpected(`"."`, `";"`, `"}"`)
			}
		case *Filter:
			p.take(".")
		default:
			p.take(".")
			p.newScope() // what follows is another basic graph pattern
		}
	}
	p.next()
	p.newScope()
	return g
}

// groupScope knows the variables in scope after the elements of a group so
// far, each of which it visits once.
type groupScope struct {
	group *Group
	seen  map[string]bool
	done  int
}

func (s *groupScope) has(name string) bool {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	for _, e := range s.group.Elems[s.done:] {
		addVisible(e, s.seen)
	}
	s.done = len(s.group.Elems)
	return s.seen[name]
}

// newScope begins another scope of blank node labels and returns the old one.
func (p *parser) newScope() int {
	old := p.scope
	p.scopes++
	p.scope = p.scopes
	return old
}

// element reads one element of a group, or nil.
func (p *parser) element(g *groupScope) Pattern {
	at := p.tok.Pos
	switch {
	case p.startsTriples():
		return &Triples{at, p.triplesBlock(true)}
	case p.is("{"):
		first := p.group()
		if !p.isWord("UNION") {
			return first
		}
		u := &Union{at, []*Group{first}}
		for p.takeWord("UNION") {
			p.chain(len(u.Groups))
			u.Groups = append(u.Groups, p.group())
		}
		return u
	case p.takeWord("OPTIONAL"):
		return &Optional{at, p.group()}
	case p.takeWord("MINUS"):
		return &Minus{at, p.group()}
	case p.takeWord("GRAPH"):
		name := p.varOrIRI()
		return &Graph{at, name, p.group()}
	case p.takeWord("SERVICE"):
		silent := p.takeWord("SILENT")
		name := p.varOrIRI()
		return &Service{at, silent, name, p.group()}
	case p.takeWord("FILTER"):
		if p.tok.Kind == lex.VarName || p.isLiteral() || p.is("!") {
			p.failHint(p.tok.Pos, "put the condition in parentheses", "unexpected %q", p.text[p.tok.Pos.Offset:p.tok.End])
		}
		return &Filter{at, p.constraint()}
	case p.takeWord("BIND"):
		p.want("(")
		e := p.expr()
		p.wantWord("AS")
		v := p.variable()
		p.want(")")
		if g.has(v.Name) {
			p.failHint(v.Pos, "choose another name", "BIND assigns ?%s, which the group uses before", v.Name)
		}
		return &Bind{at, e, v}
	case p.takeWord("VALUES"):
		return p.values(at)
	}
	return nil
}

func (p *parser) varOrIRI() TermNode {
	if p.tok.Kind == lex.VarName {
		return p.variable()
	}
	if !p.isIRI() {
		p.unexpected("a variable", "an IRI")
	}
	return p.iriConst()
}

// values reads the data block after VALUES.
func (p *parser) values(at Pos) *Values {
	v := &Values{Pos: at}
	if p.tok.Kind == lex.VarName {
		v.Vars = []*Var{p.variable()}
		p.want("{")
		for !p.take("}") {
			v.Rows = append(v.Rows, []kg.Term{p.dataValue()})
		}
		return v
	}
	p.want("(")
	seen := map[string]bool{}
	for !p.take(")") {
		x := p.variable()
		if seen[x.Name] {
			p.fail(x.Pos, "VALUES names ?%s twice", x.Name)
		}
		seen[x.Name] = true
		v.Vars = append(v.Vars, x)
	}
	p.want("{")
	for !p.take("}") {
		start := p.tok.Pos
		p.want("(")
		row := make([]kg.Term, 0, len(v.Vars))
		for !p.take(")") {
			row = append(row, p.dataValue())
		}
		if len(row) != len(v.Vars) {
			p.fail(start, "a row of VALUES has %s for %s", count(len(row), "value"), count(len(v.Vars), "variable"))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (p *parser) dataValue() kg.Term {
	switch {
	case p.takeWord("UNDEF"):
		return kg.Term{}
	case p.isIRI():
		return p.iriConst().Term
	case p.isLiteral():
		return p.literal().Term
	case p.is("<<("):
		return p.dataTriple()
	}
	p.unexpected("an IRI", "a literal", "UNDEF")
	return kg.Term{}
}

// dataTriple reads a triple term without variables and blank nodes.
func (p *parser) dataTriple() kg.Term {
	defer p.deeper()()
	p.want("<<(")
	s := p.iriConst().Term
	var pr kg.Term
	if p.tok.Kind == lex.Word && p.tok.Value == "a" {
		pr = kg.NewIRI(kg.RDFType)
		p.next()
	} else {
		pr = p.iriConst().Term
	}
	o := p.dataValue()
	if o.Kind == kg.None {
		p.fail(p.tok.Pos, "UNDEF cannot stand in a triple term")
	}
	p.want(")>>")
	return kg.NewTriple(s, pr, o)
}

// addVisible adds the variables in scope after an element (SPARQL 1.1, section
// 18.2.1).
func addVisible(e Pattern, set map[string]bool) {
	switch e := e.(type) {
	case *Triples:
		for _, t := range e.Triples {
			addTermVars(t.S, set)
			if v, ok := t.P.(*Var); ok {
				set[v.Name] = true
			}
			addTermVars(t.O, set)
		}
	case *Group:
		for _, x := range e.Elems {
			addVisible(x, set)
		}
	case *Optional:
		addVisible(e.Group, set)
	case *Union:
		for _, g := range e.Groups {
			addVisible(g, set)
		}
	case *Graph:
		addTermVars(e.Name, set)
		addVisible(e.Group, set)
	case *Service:
		addTermVars(e.Name, set)
		addVisible(e.Group, set)
	case *Bind:
		set[e.Var.Name] = true
	case *Values:
		for _, v := range e.Vars {
			set[v.Name] = true
		}
	case *SubSelect:
		for _, v := range e.Query.Columns() {
			set[v] = true
		}
	}
}

func addTermVars(t TermNode, set map[string]bool) {
	switch t := t.(type) {
	case *Var:
		set[t.Name] = true
	case *TripleTerm:
		addTermVars(t.S, set)
		addTermVars(t.P, set)
		addTermVars(t.O, set)
	}
}
