package syntax

// check applies the rules that the grammar does not express (SPARQL 1.1,
// sections 11.4, 18.2.1 and 19.8).
func (p *parser) check(q *Query) {
	if q.Form != Select {
		return
	}
	visible := map[string]bool{} // in scope at the SELECT clause
	if q.Where != nil {
		addVisible(q.Where, visible)
	}
	if q.Aggregate {
		visible = p.checkKeys(q, visible)
	}
	named := map[string]bool{}
	for _, x := range q.Project {
		switch {
		case x.Expr == nil:
			if q.Aggregate && !visible[x.Var.Name] && !named[x.Var.Name] {
				p.failHint(x.Var.Pos, "add it to GROUP BY, or aggregate it, as in (SAMPLE(?"+x.Var.Name+") AS ?x)", "?%s is neither grouped nor aggregated", x.Var.Name)
			}
		case visible[x.Var.Name]:
			p.failHint(x.Var.Pos, "choose another name", "AS ?%s: the variable is in use already", x.Var.Name)
		case named[x.Var.Name]:
			p.failHint(x.Var.Pos, "choose another name", "AS ?%s: the column exists already", x.Var.Name)
		case q.Aggregate:
			p.checkGrouped(x.Expr, func(name string) bool { return visible[name] || named[name] })
		}
		named[x.Var.Name] = true
	}
}

// checkKeys checks GROUP BY and returns the variables that it leaves in scope.
func (p *parser) checkKeys(q *Query, visible map[string]bool) map[string]bool {
	if q.Star {
		p.failHint(q.Pos, "name the columns", "SELECT * cannot be grouped")
	}
	keys := map[string]bool{}
	for _, k := range q.GroupBy {
		switch v, ok := k.Expr.(*Var); {
		case k.As != nil:
			if visible[k.As.Name] || keys[k.As.Name] {
				p.failHint(k.As.Pos, "choose another name", "GROUP BY ... AS ?%s: the variable is in use already", k.As.Name)
			}
			keys[k.As.Name] = true
		case ok:
			keys[v.Name] = true
		}
	}
	return keys
}

// checkGrouped fails at a variable that is neither a key nor inside an
// aggregate.
func (p *parser) checkGrouped(e Expr, keys func(string) bool) {
	switch e := e.(type) {
	case *Var:
		if !keys(e.Name) {
			p.failHint(e.Pos, "add it to GROUP BY, or aggregate it", "?%s is neither grouped nor aggregated", e.Name)
		}
	case *TripleTerm:
		for _, t := range []TermNode{e.S, e.P, e.O} {
			p.checkGrouped(t, keys)
		}
	case *Logic:
		p.checkAll(e.Args, keys)
	case *Binary:
		p.checkGrouped(e.L, keys)
		p.checkGrouped(e.R, keys)
	case *Unary:
		p.checkGrouped(e.X, keys)
	case *In:
		p.checkGrouped(e.X, keys)
		p.checkAll(e.List, keys)
	case *Call:
		p.checkAll(e.Args, keys)
	case *IRICall:
		p.checkAll(e.Args, keys)
	}
}

func (p *parser) checkAll(list []Expr, keys func(string) bool) {
	for _, e := range list {
		p.checkGrouped(e, keys)
	}
}

// mentioned lists the variables of a set in the order in which the group first
// mentions them.
func mentioned(g *Group, set map[string]bool) []string {
	var names []string
	seen := map[string]bool{}
	take := func(order ...string) {
		for _, v := range order {
			if set[v] && !seen[v] {
				seen[v] = true
				names = append(names, v)
			}
		}
	}
	var term func(TermNode)
	term = func(t TermNode) {
		switch t := t.(type) {
		case *Var:
			take(t.Name)
		case *TripleTerm:
			term(t.S)
			term(t.P)
			term(t.O)
		}
	}
	var walk func(Pattern)
	walk = func(e Pattern) {
		switch e := e.(type) {
		case *Triples:
			for _, t := range e.Triples {
				term(t.S)
				if v, ok := t.P.(*Var); ok {
					term(v)
				}
				term(t.O)
			}
		case *Group:
			for _, x := range e.Elems {
				walk(x)
			}
		case *Optional:
			walk(e.Group)
		case *Union:
			for _, x := range e.Groups {
				walk(x)
			}
		case *Graph:
			term(e.Name)
			walk(e.Group)
		case *Service:
			term(e.Name)
			walk(e.Group)
		case *Bind:
			term(e.Var)
		case *Values:
			for _, v := range e.Vars {
				term(v)
			}
		case *SubSelect:
			take(e.Query.Columns()...)
		}
	}
	walk(g)
	return names
}
