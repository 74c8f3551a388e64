package syntax

// check applies the rules that the grammar does not express (SPARQL 1.1,
// sections 11.4, 18.2.1 and 19.8).
func (p *parser) check(q *Query) {
	if q.Form != Select {
		return
	}
	inPattern := map[string]bool{}
	if q.Where != nil {
		inPattern = visible(q.Where.Elems)
	}
	named := map[string]bool{}
	for _, x := range q.Project {
		if x.Expr == nil {
			named[x.Var.Name] = true
			continue
		}
		if inPattern[x.Var.Name] {
			p.failHint(x.Var.Pos, "choose another name", "AS ?%s: the pattern uses this variable already", x.Var.Name)
		}
		if named[x.Var.Name] {
			p.failHint(x.Var.Pos, "choose another name", "AS ?%s: the column exists already", x.Var.Name)
		}
		named[x.Var.Name] = true
	}
	if !q.Aggregate {
		return
	}
	if q.Star {
		p.failHint(q.Pos, "name the columns", "SELECT * cannot be grouped")
	}
	keys := map[string]bool{}
	for _, k := range q.GroupBy {
		if k.As != nil {
			keys[k.As.Name] = true
		} else if v, ok := k.Expr.(*Var); ok {
			keys[v.Name] = true
		}
	}
	for _, x := range q.Project {
		if x.Expr == nil {
			if !keys[x.Var.Name] {
				p.failHint(x.Var.Pos, "add it to GROUP BY, or aggregate it, as in (SAMPLE(?"+x.Var.Name+") AS ?x)", "?%s is neither grouped nor aggregated", x.Var.Name)
			}
			continue
		}
		p.checkGrouped(x.Expr, keys)
		keys[x.Var.Name] = true
	}
}

// checkGrouped fails at a variable that is neither a key nor inside an
// aggregate.
func (p *parser) checkGrouped(e Expr, keys map[string]bool) {
	switch e := e.(type) {
	case *Var:
		if !keys[e.Name] {
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

func (p *parser) checkAll(list []Expr, keys map[string]bool) {
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
