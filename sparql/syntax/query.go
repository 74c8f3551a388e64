package syntax

import (
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// query reads a whole query with its prologue.
func (p *parser) query() *Query {
	p.prologue()
	q := &Query{Pos: p.tok.Pos, Limit: -1}
	switch {
	case p.isWord("SELECT"):
		p.selectClause(q)
		p.sources(q, "FROM")
		p.where(q)
	case p.takeWord("ASK"):
		q.Form = Ask
		p.sources(q, "FROM")
		p.where(q)
	case p.takeWord("CONSTRUCT"):
		q.Form = Construct
		p.construct(q)
	case p.takeWord("DESCRIBE"):
		q.Form = Describe
		if p.take("*") {
			q.Star = true
		} else {
			for p.tok.Kind == lex.VarName || p.isIRI() {
				q.Targets = append(q.Targets, p.varOrIRI())
			}
			if len(q.Targets) == 0 {
				p.unexpected("a variable", "an IRI", `"*"`)
			}
		}
		p.sources(q, "FROM")
		if p.isWord("WHERE") || p.is("{") {
			p.where(q)
		}
	default:
		p.unexpected("SELECT", "ASK", "CONSTRUCT", "DESCRIBE", "PREFIX")
	}
	p.modifiers(q)
	p.trailingValues(q)
	p.check(q)
	q.Prologue = p.pro
	return q
}

// subSelect reads a SELECT inside a group.
func (p *parser) subSelect() *Query {
	agg, in, seen := p.aggOK, p.inAgg, p.aggSeen
	p.aggOK, p.inAgg, p.aggSeen = false, false, false
	q := &Query{Pos: p.tok.Pos, Limit: -1}
	p.selectClause(q)
	p.where(q)
	p.modifiers(q)
	p.trailingValues(q)
	p.check(q)
	p.aggOK, p.inAgg, p.aggSeen = agg, in, seen
	return q
}

func (p *parser) selectClause(q *Query) {
	p.wantWord("SELECT")
	switch {
	case p.takeWord("DISTINCT"):
		q.Distinct = true
	case p.takeWord("REDUCED"):
		q.Reduced = true
	}
	if p.take("*") {
		q.Star = true
		return
	}
	p.aggOK, p.aggSeen = true, false
	defer func() { p.aggOK = false }()
	for {
		switch {
		case p.tok.Kind == lex.VarName:
			q.Project = append(q.Project, Project{Var: p.variable()})
		case p.take("("):
			e := p.expr()
			p.wantWord("AS")
			q.Project = append(q.Project, Project{Var: p.variable(), Expr: e})
			p.want(")")
		default:
			if len(q.Project) == 0 {
				p.unexpected("a variable", `"("`, `"*"`)
			}
			q.Aggregate = p.aggSeen
			return
		}
	}
}

// sources reads FROM or USING clauses.
func (p *parser) sources(q *Query, word string) { q.Dataset = p.sourceList(word) }

func (p *parser) sourceList(word string) []*Source {
	var list []*Source
	for p.isWord(word) {
		s := &Source{Pos: p.tok.Pos}
		p.next()
		s.Named = p.takeWord("NAMED")
		s.IRI = p.iri()
		list = append(list, s)
	}
	return list
}

func (p *parser) where(q *Query) {
	p.takeWord("WHERE")
	if !p.is("{") {
		p.unexpected("WHERE", `"{"`)
	}
	q.Where = p.group()
}

func (p *parser) construct(q *Query) {
	if p.is("{") {
		p.next()
		p.newScope()
		q.Template = p.triplesBlock(false)
		p.want("}")
		p.newScope()
		// Labels of the template are another scope than those of the pattern,
		// and may be the same.
		clear(p.written)
		p.sources(q, "FROM")
		if !p.isWord("WHERE") && !p.is("{") {
			p.unexpected("WHERE")
		}
		p.where(q)
		return
	}
	p.sources(q, "FROM")
	p.wantWord("WHERE")
	at := p.tok.Pos
	p.want("{")
	p.newScope()
	first := p.tok.Pos
	q.Template = p.triplesBlock(false)
	p.want("}")
	q.Where = &Group{Pos: at}
	if len(q.Template) > 0 {
		q.Where.Elems = []Pattern{&Triples{first, q.Template}}
	}
}

func (p *parser) modifiers(q *Query) {
	if p.takeWord("GROUP") {
		p.wantWord("BY")
		q.Aggregate = true
		for {
			k := p.groupKey()
			if k == nil {
				break
			}
			q.GroupBy = append(q.GroupBy, k)
		}
		if len(q.GroupBy) == 0 {
			p.unexpected("a variable", `"("`, "a function")
		}
	}
	p.aggOK = q.Form == Select || q.Aggregate
	outerSeen := p.aggSeen
	if p.takeWord("HAVING") {
		p.aggOK = true
		q.Aggregate = true
		for p.is("(") || p.isIRI() || p.startsCall() {
			q.Having = append(q.Having, p.constraint())
		}
		if len(q.Having) == 0 {
			p.unexpected(`"("`, "a function")
		}
	}
	if p.takeWord("ORDER") {
		p.wantWord("BY")
		p.aggOK, p.aggSeen = true, false
		for {
			k := p.orderKey()
			if k == nil {
				break
			}
			q.OrderBy = append(q.OrderBy, k)
		}
		if len(q.OrderBy) == 0 {
			p.unexpected("a variable", "ASC", "DESC", `"("`)
		}
		q.Aggregate = q.Aggregate || p.aggSeen
	}
	p.aggOK, p.aggSeen = false, outerSeen
	for range 2 {
		switch {
		case q.Limit < 0 && p.takeWord("LIMIT"):
			q.Limit = p.integer()
		case q.Offset == 0 && p.takeWord("OFFSET"):
			q.Offset = p.integer()
		}
	}
}

// startsCall reports whether a built-in call, EXISTS or an aggregate begins
// here.
func (p *parser) startsCall() bool {
	if p.tok.Kind != lex.Word || p.isWord("ORDER", "LIMIT", "OFFSET", "VALUES", "GROUP", "HAVING", "ASC", "DESC") {
		return false
	}
	return p.isWord("NOT", "EXISTS") || p.peek().Is("(")
}

func (p *parser) groupKey() *GroupKey {
	at := p.tok.Pos
	switch {
	case p.tok.Kind == lex.VarName:
		return &GroupKey{Pos: at, Expr: p.variable()}
	case p.take("("):
		k := &GroupKey{Pos: at, Expr: p.expr()}
		if p.takeWord("AS") {
			k.As = p.variable()
		}
		p.want(")")
		return k
	case p.isIRI(), p.startsCall():
		if e, ok := p.call(); ok {
			return &GroupKey{Pos: at, Expr: e}
		}
	}
	return nil
}

func (p *parser) orderKey() *OrderKey {
	at := p.tok.Pos
	switch {
	case p.takeWord("ASC"):
		p.want("(")
		e := p.expr()
		p.want(")")
		return &OrderKey{at, e, false}
	case p.takeWord("DESC"):
		p.want("(")
		e := p.expr()
		p.want(")")
		return &OrderKey{at, e, true}
	case p.tok.Kind == lex.VarName:
		return &OrderKey{at, p.variable(), false}
	case p.is("("), p.isIRI(), p.startsCall():
		return &OrderKey{at, p.constraint(), false}
	}
	return nil
}

func (p *parser) trailingValues(q *Query) {
	at := p.tok.Pos
	if p.takeWord("VALUES") {
		q.Values = p.values(at)
	}
}

// Columns are the variables that a SELECT query yields, in order. With * they
// are the visible variables of the pattern in the order of their first mention.
func (q *Query) Columns() []string {
	if !q.Star {
		names := make([]string, len(q.Project))
		for i, x := range q.Project {
			names[i] = x.Var.Name
		}
		return names
	}
	set := map[string]bool{}
	var all Group
	if q.Where != nil {
		all.Elems = q.Where.Elems
	}
	if q.Values != nil {
		all.Elems = append(all.Elems[:len(all.Elems):len(all.Elems)], q.Values)
	}
	for _, e := range all.Elems {
		addVisible(e, set)
	}
	return mentioned(&all, set)
}
