package algebra

import (
	"fmt"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Query is a translated query.
type Query struct {
	Form syntax.Form
	Node Node
	// Vars are the columns of SELECT.
	Vars []string
	// Template is that of CONSTRUCT; blank nodes are made anew per solution.
	Template []Triple
	// Nested triple terms of the template, by hidden variable.
	Nested map[string][3]Ref
	// Describe are the resources of DESCRIBE.
	Describe []Ref
	// From and FromNamed are the dataset clauses; HasDataset tells whether
	// there were any.
	From, FromNamed []string
	HasDataset      bool
}

// Translate turns a query into algebra (SPARQL 1.1, section 18.2).
func Translate(q *syntax.Query) (*Query, error) {
	t := &translator{}
	out := &Query{Form: q.Form}
	for _, s := range q.Dataset {
		out.HasDataset = true
		if s.Named {
			out.FromNamed = append(out.FromNamed, s.IRI)
		} else {
			out.From = append(out.From, s.IRI)
		}
	}
	out.Node, out.Vars = t.query(q, GraphRef{})
	switch q.Form {
	case syntax.Construct:
		out.Template, out.Nested = t.template(q.Template)
	case syntax.Describe:
		if q.Star {
			for _, v := range out.Vars {
				out.Describe = append(out.Describe, V(v))
			}
		}
		for _, n := range q.Targets {
			out.Describe = append(out.Describe, t.ref(n, nil))
		}
	}
	return out, t.err
}

// Where translates the pattern of an update operation. It is matched in the
// graph of WITH if that is not empty.
func Where(g *syntax.Group, with string) (Node, error) {
	t := &translator{}
	n := t.group(g, withGraph(with))
	return n, t.err
}

func withGraph(with string) GraphRef {
	if with == "" {
		return GraphRef{}
	}
	return GraphRef{Kind: Named, Name: T(kg.NewIRI(with))}
}

// Template translates the triples of a template; parts of triple terms with
// variables go to the map under a hidden variable.
func Template(ts []*syntax.Triple) ([]Triple, map[string][3]Ref) {
	t := &translator{}
	return t.template(ts)
}

type translator struct {
	fresh int
	err   error
}

func (t *translator) newVar(kind string) string {
	t.fresh++
	return "#" + kind + strconv.Itoa(t.fresh)
}

// nested collects triple terms that hold variables.
type nested struct {
	vars  []string
	parts [][3]Ref
}

// ref translates a position of a pattern. Blank nodes become hidden variables,
// triple terms with variables a hidden variable noted in nest.
func (t *translator) ref(n syntax.TermNode, nest *nested) Ref {
	switch n := n.(type) {
	case *syntax.Var:
		return V(n.Name)
	case *syntax.Const:
		if n.Term.Kind == kg.Blank {
			return V("_:" + n.Term.Value)
		}
		return T(n.Term)
	case *syntax.TripleTerm:
		s, p, o := t.ref(n.S, nest), t.ref(n.P, nest), t.ref(n.O, nest)
		if !s.IsVar() && !p.IsVar() && !o.IsVar() {
			return T(kg.NewTriple(s.Term, p.Term, o.Term))
		}
		v := t.newVar("t")
		if nest != nil {
			nest.vars = append(nest.vars, v)
			nest.parts = append(nest.parts, [3]Ref{s, p, o})
		}
		return V(v)
	}
	panic(fmt.Sprintf("algebra: term node %T", n))
}

func (t *translator) template(ts []*syntax.Triple) ([]Triple, map[string][3]Ref) {
	var out []Triple
	var nest nested
	for _, x := range ts {
		p, ok := x.P.(syntax.TermNode)
		if !ok {
			continue // the parser refuses paths in templates
		}
		out = append(out, Triple{t.ref(x.S, &nest), t.ref(p, &nest), t.ref(x.O, &nest)})
	}
	m := map[string][3]Ref{}
	for i, v := range nest.vars {
		m[v] = nest.parts[i]
	}
	return out, m
}

// join is Join(a, b) without the join identity.
func join(a, b Node) Node {
	if _, ok := a.(*Unit); ok {
		return b
	}
	if _, ok := b.(*Unit); ok {
		return a
	}
	return &Join{L: a, R: b}
}

// group translates a group graph pattern (18.2.2.5 to 18.2.2.8).
func (t *translator) group(g *syntax.Group, graph GraphRef) Node {
	n, filters := t.parts(g, graph)
	if len(filters) > 0 {
		n = &Filter{Conds: filters, Input: n}
	}
	return n
}

// parts translates a group without applying its own filters.
func (t *translator) parts(g *syntax.Group, graph GraphRef) (n Node, filters []Expr) {
	n = &Unit{}
	var run []*syntax.Triple // of the basic graph pattern being collected
	flush := func() {
		if len(run) > 0 {
			n = join(n, t.triples(run, graph))
			run = nil
		}
	}
	for _, e := range g.Elems {
		switch e := e.(type) {
		case *syntax.Triples:
			run = append(run, e.Triples...)
			continue
		case *syntax.Filter:
			filters = append(filters, And(t.expr(e.Expr, graph))...)
			continue
		}
		flush()
		switch e := e.(type) {
		case *syntax.Optional:
			// Filters of the optional group itself see the left side; those of
			// groups inside it do not.
			r, cond := t.parts(e.Group, graph)
			n = &LeftJoin{L: n, R: r, Cond: cond}
		case *syntax.Minus:
			n = &Minus{L: n, R: t.group(e.Group, graph)}
		case *syntax.Bind:
			n = &Extend{Var: e.Var.Name, Expr: t.expr(e.Expr, graph), Input: n}
		default:
			n = join(n, t.pattern(e, graph))
		}
	}
	flush()
	return n, filters
}

func (t *translator) pattern(p syntax.Pattern, graph GraphRef) Node {
	switch p := p.(type) {
	case *syntax.Group:
		return t.group(p, graph)
	case *syntax.Union:
		u := &Union{}
		for _, g := range p.Groups {
			u.Args = append(u.Args, t.group(g, graph))
		}
		return u
	case *syntax.Graph:
		name := t.ref(p.Name, nil)
		if !name.IsVar() {
			g := GraphRef{Kind: Named, Name: name}
			n := t.group(p.Group, g)
			if !reads(n) {
				// A group that reads nothing still asks whether the graph exists.
				v := t.newVar("g")
				is := &Call{Fn: "SAMETERM", Args: []Expr{&Var{Name: v}, &Const{Term: name.Term}}}
				n = join(&Filter{Conds: []Expr{is}, Input: &Graph{Var: v, Input: &Unit{}}}, n)
			}
			return n
		}
		return &Graph{Var: name.Var, Input: t.group(p.Group, GraphRef{Kind: Current})}
	case *syntax.Service:
		vars := InScope(t.group(p.Group, graph))
		var visible []string
		for _, v := range vars.List() {
			if !Hidden(v) {
				visible = append(visible, v)
			}
		}
		return &Service{Name: t.ref(p.Name, nil), Silent: p.Silent, Text: p.Group.String(), Vars: visible}
	case *syntax.Values:
		return t.values(p)
	case *syntax.SubSelect:
		n, _ := t.query(p.Query, graph)
		return n
	}
	panic(fmt.Sprintf("algebra: pattern %T", p))
}

// reads reports whether some pattern of n reads a graph.
func reads(n Node) bool {
	switch n.(type) {
	case *BGP, *Path:
		return true
	}
	for _, c := range n.Children() {
		if reads(c) {
			return true
		}
	}
	return false
}

func (t *translator) values(v *syntax.Values) Node {
	out := &Values{Rows: v.Rows}
	for _, x := range v.Vars {
		out.Vars = append(out.Vars, x.Name)
	}
	return out
}

// triples translates a basic graph pattern; property paths split it (18.2.2.4).
func (t *translator) triples(ts []*syntax.Triple, graph GraphRef) Node {
	var bgp []Triple
	var nest nested
	var paths []Node
	for _, x := range ts {
		s, o := t.ref(x.S, &nest), t.ref(x.O, &nest)
		if p, ok := x.P.(syntax.TermNode); ok {
			bgp = append(bgp, Triple{s, t.ref(p, &nest), o})
			continue
		}
		triples, other := t.path(s, Normal(t.pathExpr(x.P)), o, graph)
		bgp = append(bgp, triples...)
		paths = append(paths, other...)
	}
	var n Node = &Unit{}
	if len(bgp) > 0 {
		n = &BGP{Graph: graph, Triples: bgp}
	}
	for _, p := range paths {
		n = join(n, p)
	}
	// Outer triple terms were noted after the terms inside them: unnest from
	// the outside in, so that every hidden variable is bound when it is met.
	for i := len(nest.vars) - 1; i >= 0; i-- {
		n = &Unnest{Var: nest.vars[i], Parts: nest.parts[i], Input: n}
	}
	return n
}

// path translates X path Y to triples and path patterns: sequences become
// joins over hidden variables, inverted links triples the other way round.
func (t *translator) path(s Ref, p PathExpr, o Ref, graph GraphRef) ([]Triple, []Node) {
	switch p := p.(type) {
	case *Link:
		return []Triple{{s, T(p.IRI), o}}, nil
	case *Inv:
		if l, ok := p.Path.(*Link); ok {
			return []Triple{{o, T(l.IRI), s}}, nil
		}
	case *Seq:
		mid := V(t.newVar("p"))
		ta, na := t.path(s, p.A, mid, graph)
		tb, nb := t.path(mid, p.B, o, graph)
		return append(ta, tb...), append(na, nb...)
	}
	return nil, []Node{&Path{Graph: graph, S: s, Path: p, O: o}}
}

func (t *translator) pathExpr(p syntax.Path) PathExpr {
	switch p := p.(type) {
	case *syntax.Const:
		return &Link{IRI: p.Term}
	case *syntax.PathInverse:
		return &Inv{Path: t.pathExpr(p.Path)}
	case *syntax.PathSeq:
		out := t.pathExpr(p.Paths[len(p.Paths)-1])
		for i := len(p.Paths) - 2; i >= 0; i-- {
			out = &Seq{A: t.pathExpr(p.Paths[i]), B: out}
		}
		return out
	case *syntax.PathAlt:
		out := t.pathExpr(p.Paths[0])
		for _, q := range p.Paths[1:] {
			out = &Alt{A: out, B: t.pathExpr(q)}
		}
		return out
	case *syntax.PathRepeat:
		return &Repeat{Path: t.pathExpr(p.Path), Zero: p.Op != '+', Many: p.Op != '?'}
	case *syntax.PathNot:
		var f, b PathExpr
		terms := func(cs []*syntax.Const) (out []kg.Term) {
			for _, c := range cs {
				out = append(out, c.Term)
			}
			return out
		}
		if len(p.Forward) > 0 || len(p.Inverse) == 0 {
			f = &Neg{Not: terms(p.Forward)}
		}
		if len(p.Inverse) > 0 {
			b = &Neg{Not: terms(p.Inverse), Inverse: true}
		}
		switch {
		case b == nil:
			return f
		case f == nil:
			return b
		}
		return &Alt{A: f, B: b}
	}
	panic(fmt.Sprintf("algebra: path %T", p))
}

// query translates a query or sub-query (18.2.4, 18.2.5).
func (t *translator) query(q *syntax.Query, graph GraphRef) (Node, []string) {
	var n Node = &Unit{}
	if q.Where != nil {
		n = t.group(q.Where, graph)
	}
	// Columns of "*" come before grouping changes the scope.
	var vars []string
	if q.Star {
		for _, v := range InScope(n).List() {
			if !Hidden(v) {
				vars = append(vars, v)
			}
		}
		if q.Values != nil {
			s := NewSet(vars...)
			for _, v := range q.Values.Vars {
				s.Add(v.Name)
			}
			vars = s.List()
		}
	}
	a := &aggregator{t: t, graph: graph, defined: NewSet()}
	if q.Aggregate {
		a.on = true
		n = a.keys(q.GroupBy, n)
	}
	var having []Expr
	for _, h := range q.Having {
		having = append(having, And(a.expr(h))...)
	}
	type column struct {
		v string
		e Expr
	}
	var cols []column
	for _, p := range q.Project {
		vars = append(vars, p.Var.Name)
		if p.Expr == nil {
			if a.on {
				a.plain(p.Var.Name)
			}
			continue
		}
		cols = append(cols, column{p.Var.Name, a.expr(p.Expr)})
		a.defined.Add(p.Var.Name)
	}
	var order []OrderKey
	for _, k := range q.OrderBy {
		order = append(order, OrderKey{Expr: a.expr(k.Expr), Desc: k.Desc})
	}
	if a.on {
		n = &Group{Keys: a.keyVars, Aggs: a.aggs, Input: n}
	}
	if len(having) > 0 {
		n = &Filter{Conds: having, Input: n}
	}
	if q.Values != nil {
		n = join(n, t.values(q.Values))
	}
	for _, c := range cols {
		n = &Extend{Var: c.v, Expr: c.e, Input: n}
	}
	if len(order) > 0 {
		n = &OrderBy{Keys: order, Input: n}
	}
	if q.Form == syntax.Select {
		n = &Project{Vars: vars, Input: n}
		if q.Distinct || q.Reduced {
			n = &Distinct{Reduced: q.Reduced && !q.Distinct, Input: n}
		}
	}
	if q.Offset > 0 || q.Limit >= 0 {
		n = &Slice{Offset: q.Offset, Limit: q.Limit, Input: n}
	}
	return n, vars
}

// aggregator replaces aggregates by hidden variables that a Group computes.
type aggregator struct {
	t       *translator
	graph   GraphRef
	on      bool
	keyVars []string
	keyText map[string]string // text of a key expression -> its variable
	aggs    []Agg
	seen    map[string]string // text of an aggregate -> its variable
	defined Set               // variables given by AS in the projection so far
}

func (a *aggregator) keys(keys []*syntax.GroupKey, n Node) Node {
	a.keyText, a.seen = map[string]string{}, map[string]string{}
	for _, k := range keys {
		if v, ok := k.Expr.(*syntax.Var); ok && k.As == nil {
			a.keyVars = append(a.keyVars, v.Name)
			continue
		}
		name := ""
		if k.As != nil {
			name = k.As.Name
		} else {
			name = a.t.newVar("k")
			a.keyText[k.Expr.String()] = name
		}
		n = &Extend{Var: name, Expr: a.t.expr(k.Expr, a.graph), Input: n}
		a.keyVars = append(a.keyVars, name)
	}
	return n
}

func (a *aggregator) isKey(v string) bool {
	for _, k := range a.keyVars {
		if k == v {
			return true
		}
	}
	return false
}

// plain handles a projected variable that is not a key: it stands for SAMPLE.
func (a *aggregator) plain(v string) {
	if a.isKey(v) || a.defined.Has(v) {
		return
	}
	for _, g := range a.aggs {
		if g.Var == v {
			return
		}
	}
	a.aggs = append(a.aggs, Agg{Var: v, Name: "SAMPLE", Arg: &Var{Name: v}})
}

func (a *aggregator) expr(e syntax.Expr) Expr {
	if !a.on {
		return a.t.expr(e, a.graph)
	}
	return a.t.exprWith(e, a.graph, a)
}

func (a *aggregator) aggregate(x *syntax.Aggregate) Expr {
	key := x.String()
	if v, ok := a.seen[key]; ok {
		return &Var{Name: v}
	}
	g := Agg{Var: a.t.newVar("a"), Name: x.Name, Distinct: x.Distinct, Separator: x.Separator}
	if x.Arg != nil {
		g.Arg = a.t.expr(x.Arg, a.graph)
	}
	a.seen[key] = g.Var
	a.aggs = append(a.aggs, g)
	return &Var{Name: g.Var}
}

// variable replaces a variable that is neither a key nor defined by AS.
func (a *aggregator) variable(v string) Expr {
	if a.isKey(v) || a.defined.Has(v) {
		return &Var{Name: v}
	}
	key := "SAMPLE " + v
	name, ok := a.seen[key]
	if !ok {
		name = a.t.newVar("a")
		a.seen[key] = name
		a.aggs = append(a.aggs, Agg{Var: name, Name: "SAMPLE", Arg: &Var{Name: v}})
	}
	return &Var{Name: name}
}

var binaryOps = [...]string{
	syntax.Eq: "=", syntax.Ne: "!=", syntax.Lt: "<", syntax.Gt: ">", syntax.Le: "<=", syntax.Ge: ">=",
	syntax.Add: "+", syntax.Sub: "-", syntax.Mul: "*", syntax.Div: "/",
}

func (t *translator) expr(e syntax.Expr, graph GraphRef) Expr { return t.exprWith(e, graph, nil) }

func (t *translator) exprWith(e syntax.Expr, graph GraphRef, a *aggregator) Expr {
	if a != nil {
		if v, ok := a.keyText[e.String()]; ok {
			return &Var{Name: v}
		}
	}
	list := func(in ...syntax.Expr) []Expr {
		out := make([]Expr, len(in))
		for i, x := range in {
			out[i] = t.exprWith(x, graph, a)
		}
		return out
	}
	switch e := e.(type) {
	case *syntax.Var:
		if a != nil {
			return a.variable(e.Name)
		}
		return &Var{Name: e.Name}
	case *syntax.Const:
		return &Const{Term: e.Term}
	case *syntax.TripleTerm:
		args := list(e.S, e.P, e.O)
		c := [3]kg.Term{}
		for i, x := range args {
			k, ok := x.(*Const)
			if !ok {
				return &Call{Fn: "TRIPLE", Args: args}
			}
			c[i] = k.Term
		}
		return &Const{Term: kg.NewTriple(c[0], c[1], c[2])}
	case *syntax.Logic:
		fn := "||"
		if e.And {
			fn = "&&"
		}
		return &Call{Fn: fn, Args: list(e.Args...)}
	case *syntax.Binary:
		return &Call{Fn: binaryOps[e.Op], Args: list(e.L, e.R)}
	case *syntax.Unary:
		fn := map[byte]string{'!': "!", '-': "neg", '+': "pos"}[e.Op]
		return &Call{Fn: fn, Args: list(e.X)}
	case *syntax.In:
		fn := "IN"
		if e.Not {
			fn = "NOT IN"
		}
		return &Call{Fn: fn, Args: append(list(e.X), list(e.List...)...)}
	case *syntax.Call:
		if e.Name == "BOUND" && a != nil {
			if v, ok := e.Args[0].(*syntax.Var); ok {
				return &Call{Fn: "BOUND", Args: []Expr{a.variable(v.Name)}}
			}
		}
		return &Call{Fn: e.Name, Args: list(e.Args...)}
	case *syntax.IRICall:
		return &Call{Fn: e.IRI, Args: list(e.Args...)}
	case *syntax.Exists:
		return &Exists{Not: e.Not, Node: t.group(e.Group, graph)}
	case *syntax.Aggregate:
		if a == nil {
			if t.err == nil {
				t.err = &syntax.Error{
					Line: e.Line, Col: e.Col, Offset: e.Offset,
					Msg: "aggregate " + e.Name + " is not allowed here; use it in SELECT, HAVING or ORDER BY",
				}
			}
			return &Const{}
		}
		return a.aggregate(e)
	}
	panic(fmt.Sprintf("algebra: expression %T", e))
}
