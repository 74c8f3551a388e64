package syntax

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// update reads operations separated by ";".
func (p *parser) update() *Update {
	u := &Update{Pos: p.tok.Pos}
	// A label may stand in one INSERT DATA and in one WHERE clause of a request
	// (SPARQL 1.1 Query, section 19.6); those of templates are their own.
	inserted, matched := map[string]bool{}, map[string]bool{}
	for {
		p.prologue()
		if p.tok.Kind == lex.EOF {
			return u
		}
		clear(p.written)
		at := p.tok.Pos
		op := p.operation()
		u.Operations = append(u.Operations, op)
		p.pro.Prefixes = slices.Clip(p.pro.Prefixes)
		u.Prologues = append(u.Prologues, p.pro)
		p.shared = true
		var used map[string]bool
		switch op.(type) {
		case *InsertData:
			used = inserted
		case *Modify:
			used = matched
		default:
			clear(p.written)
		}
		for label := range p.written {
			if used[label] {
				p.failHint(at, "choose another label", "blank node _:%s is used in an earlier operation too", label)
			}
			used[label] = true
		}
		if !p.take(";") {
			p.end()
			return u
		}
	}
}

func (p *parser) operation() Operation {
	at := p.tok.Pos
	switch {
	case p.isWord("INSERT") && p.peekWord("DATA"):
		p.next()
		p.next()
		p.newScope()
		return &InsertData{at, p.quadBlock("", "INSERT DATA has no variables")}
	case p.isWord("DELETE") && p.peekWord("DATA"):
		p.next()
		p.next()
		return &DeleteData{at, p.quadBlock("DELETE DATA has no blank nodes", "DELETE DATA has no variables")}
	case p.isWord("DELETE") && p.peekWord("WHERE"):
		p.next()
		p.next()
		return &DeleteWhere{at, p.quadBlock("DELETE WHERE has no blank nodes", "")}
	case p.isWord("WITH", "DELETE", "INSERT"):
		return p.modify(at)
	case p.takeWord("LOAD"):
		l := &Load{Pos: at, Silent: p.takeWord("SILENT")}
		l.Source = p.iri()
		if p.takeWord("INTO") {
			p.wantWord("GRAPH")
			l.Into = p.iri()
		}
		return l
	case p.isWord("CLEAR", "DROP"):
		c := &Clear{Pos: at, Drop: p.isWord("DROP")}
		p.next()
		c.Silent = p.takeWord("SILENT")
		switch {
		case p.takeWord("DEFAULT"):
			c.Target.Kind = TargetDefault
		case p.takeWord("NAMED"):
			c.Target.Kind = TargetNamed
		case p.takeWord("ALL"):
			c.Target.Kind = TargetAll
		default:
			p.wantWord("GRAPH")
			c.Target.IRI = p.iri()
		}
		return c
	case p.takeWord("CREATE"):
		c := &Create{Pos: at, Silent: p.takeWord("SILENT")}
		p.wantWord("GRAPH")
		c.IRI = p.iri()
		return c
	}
	for i, w := range []string{"ADD", "MOVE", "COPY"} {
		if p.takeWord(w) {
			t := &Transfer{Pos: at, Kind: TransferKind(i), Silent: p.takeWord("SILENT")}
			t.From = p.graphOrDefault()
			p.wantWord("TO")
			t.To = p.graphOrDefault()
			return t
		}
	}
	p.unexpected("INSERT", "DELETE", "WITH", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY")
	return nil
}

func (p *parser) graphOrDefault() Target {
	if p.takeWord("DEFAULT") {
		return Target{Kind: TargetDefault}
	}
	p.takeWord("GRAPH")
	return Target{IRI: p.iri()}
}

func (p *parser) modify(at Pos) *Modify {
	m := &Modify{Pos: at}
	if p.takeWord("WITH") {
		m.With = p.iri()
	}
	if p.takeWord("DELETE") {
		m.HasDelete = true
		m.Delete = p.quadBlock("a DELETE template has no blank nodes", "")
	}
	if p.takeWord("INSERT") {
		m.HasInsert = true
		m.Insert = p.quadBlock("", "")
		// The labels of the template are apart from those of the pattern.
		clear(p.written)
	}
	if !m.HasDelete && !m.HasInsert {
		p.unexpected("DELETE", "INSERT")
	}
	m.Using = p.sourceList("USING")
	p.wantWord("WHERE")
	m.Where = p.group()
	return m
}

// quadBlock reads { triples, GRAPH g { triples } ... }. The reasons say why
// blank nodes or variables are not allowed; empty allows them.
func (p *parser) quadBlock(noBlanks, noVars string) []Quad {
	p.noBlanks, p.noVars = noBlanks, noVars
	defer func() { p.noBlanks, p.noVars = "", "" }()
	p.newScope()
	quads := []Quad{}
	p.want("{")
	take := func(g TermNode, ts []*Triple) {
		for _, t := range ts {
			quads = append(quads, Quad{g, t})
		}
	}
	for !p.take("}") {
		switch {
		case p.startsTriples():
			take(nil, p.triplesBlock(false))
			if !p.is("}") && !p.isWord("GRAPH") {
				p.unexpected(`"."`, `"}"`)
			}
		case p.takeWord("GRAPH"):
			g := p.varOrIRI()
			if c, ok := g.(*Const); ok && c.Term.Kind != kg.IRI {
				p.fail(c.Pos, "a graph is named by an IRI")
			}
			p.want("{")
			take(g, p.triplesBlock(false))
			p.want("}")
			p.take(".")
		default:
			p.unexpected("a triple", "GRAPH", `"}"`)
		}
	}
	return quads
}
