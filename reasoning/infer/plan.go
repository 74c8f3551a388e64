package infer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// ShapeError reports a query that cannot be answered by inference, and where.
type ShapeError struct {
	Pos syntax.Pos
	Msg string
}

func (e *ShapeError) Error() string {
	if e.Pos.Line == 0 {
		return "inferred answers: " + e.Msg
	}
	return fmt.Sprintf("inferred answers: line %d, column %d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
}

func shapeError(at syntax.Pos, format string, args ...any) error {
	return &ShapeError{at, fmt.Sprintf(format, args...)}
}

// node is an end of a link: a variable (blank nodes are variables too) or a
// constant.
type node struct {
	name string // of a variable
	term kg.Term
}

func (n node) String() string {
	if n.name != "" {
		return "?" + n.name
	}
	return n.term.String()
}

// edge is a link that may be inferred.
type edge struct {
	s, o node
	r    int32
	at   syntax.Pos
	used bool
}

// crisp is a pattern or filter that only the statements decide.
type crisp struct {
	text   string
	vars   []string
	triple bool
	used   bool
}

// branch is a union of patterns, a negated pattern or a required one, about one
// variable.
type branch struct {
	groups  []*pattern
	negated bool
	at      syntax.Pos
	used    bool
}

// pattern is a group of a query, taken apart.
type pattern struct {
	edges    []*edge
	crisp    []*crisp
	branches []*branch
	optional []*crisp
}

// plan is a query ready for evaluation.
type plan struct {
	query *cqd.Query
	root  node
	vars  []string // projected
	nodes map[string]*cqd.Query
	extra []*crisp // patterns that only fetch projected values
	on    []string // the variable each extra pattern hangs on
	limit int64
	// literal are projected variables that extra patterns bind.
	literal map[string]bool
	ask     bool
}

// planner builds a plan over a session.
type planner struct {
	*session
	plan  *plan
	fresh int
	steps int
}

// maxPattern bounds the size of a query: its links.
const maxPattern = 64

// prepare parses a query and decomposes it.
func (x *session) prepare(text, base string) (*plan, error) {
	q, err := syntax.ParseQuery(text, base)
	if err != nil {
		return nil, err
	}
	p := &planner{session: x, plan: &plan{nodes: map[string]*cqd.Query{}, literal: map[string]bool{}, limit: q.Limit, ask: q.Form == syntax.Ask}}
	switch {
	case q.Form != syntax.Select && q.Form != syntax.Ask:
		return nil, shapeError(q.Pos, "only SELECT and ASK queries have them")
	case q.Aggregate:
		return nil, shapeError(q.Pos, "what is only likely cannot be counted or grouped; ask for the things themselves")
	case len(q.OrderBy) > 0:
		return nil, shapeError(q.OrderBy[0].Pos, "they are ordered by their probability; leave ORDER BY out")
	case len(q.Dataset) > 0:
		return nil, shapeError(q.Dataset[0].Pos, "the predictor knows the whole graph; leave FROM out")
	case q.Offset > 0:
		return nil, shapeError(q.Pos, "leave OFFSET out and ask for more of them")
	}
	for _, pr := range q.Project {
		if pr.Expr != nil {
			return nil, shapeError(q.Pos, "columns are plain variables; leave expressions out")
		}
		p.plan.vars = append(p.plan.vars, pr.Var.Name)
	}
	pat, err := p.collect(q.Where)
	if err != nil {
		return nil, err
	}
	if q.Values != nil {
		p.addCrisp(pat, q.Values, false)
	}
	if q.Star {
		p.plan.vars = pat.order()
	}
	if err := p.chooseRoot(pat); err != nil {
		return nil, err
	}
	p.splitExtras(pat)
	p.plan.query, err = p.tree(pat, p.plan.root, true)
	if err != nil {
		return nil, err
	}
	if !inferable(p.plan.query) {
		return nil, shapeError(q.Pos, "the query has no link that could be inferred, or all of them are under a negation")
	}
	return p.plan, nil
}

// inferable reports whether a query has a link outside of negations.
func inferable(q *cqd.Query) bool {
	switch q.Op {
	case cqd.Project:
		return true
	case cqd.Not:
		return false
	}
	return slices.ContainsFunc(q.Args, inferable)
}

// collect takes a group apart.
func (p *planner) collect(g *syntax.Group) (*pattern, error) {
	out := &pattern{}
	return out, p.into(out, g)
}

func (p *planner) into(out *pattern, g *syntax.Group) error {
	for _, e := range g.Elems {
		switch e := e.(type) {
		case *syntax.Triples:
			for _, t := range e.Triples {
				if err := p.triple(out, t.S, t.P, t.O, t.Pos); err != nil {
					return err
				}
			}
		case *syntax.Group:
			if err := p.into(out, e); err != nil {
				return err
			}
		case *syntax.Filter:
			if err := p.filter(out, e.Expr); err != nil {
				return err
			}
		case *syntax.Union:
			b := &branch{at: e.Pos}
			for _, g := range e.Groups {
				sub, err := p.collect(g)
				if err != nil {
					return err
				}
				b.groups = append(b.groups, sub)
			}
			out.branches = append(out.branches, b)
		case *syntax.Minus:
			if err := p.negate(out, e.Group, true, e.Pos); err != nil {
				return err
			}
		case *syntax.Values:
			p.addCrisp(out, e, false)
		case *syntax.Optional:
			sub, err := p.collect(e.Group)
			if err != nil {
				return err
			}
			if len(sub.edges)+len(sub.branches) > 0 || len(sub.crisp) == 0 {
				return shapeError(e.Pos, "OPTIONAL may only fetch labels and other values")
			}
			out.optional = append(out.optional, &crisp{text: "OPTIONAL " + e.Group.String(), vars: sub.variables(), triple: true})
		default:
			return shapeError(e.Position(), "%s is not supported; links, FILTER, UNION, MINUS and VALUES are", keyword(e))
		}
	}
	return nil
}

func keyword(e syntax.Pattern) string {
	switch e.(type) {
	case *syntax.Graph:
		return "GRAPH"
	case *syntax.Service:
		return "SERVICE"
	case *syntax.Bind:
		return "BIND"
	case *syntax.SubSelect:
		return "a sub-query"
	}
	return "this pattern"
}

// negate adds a group that must not hold, or must.
func (p *planner) negate(out *pattern, g *syntax.Group, not bool, at syntax.Pos) error {
	sub, err := p.collect(g)
	if err != nil {
		return err
	}
	out.branches = append(out.branches, &branch{groups: []*pattern{sub}, negated: not, at: at})
	return nil
}

// madeUp begins the names of variables that stand between the steps of a path.
const madeUp = "quaestor_path_"

// variable makes up a variable.
func (p *planner) variable() *syntax.Var {
	p.fresh++
	return &syntax.Var{Name: fmt.Sprintf("%s%d", madeUp, p.fresh)}
}

func (p *planner) triple(out *pattern, s syntax.TermNode, path syntax.Path, o syntax.TermNode, at syntax.Pos) error {
	if p.steps++; p.steps > maxPattern {
		return shapeError(at, "the query has more than %d links", maxPattern)
	}
	switch path := path.(type) {
	case *syntax.PathInverse:
		return p.triple(out, o, path.Path, s, at)
	case *syntax.PathSeq:
		from := s
		for i, step := range path.Paths {
			to := o
			if i < len(path.Paths)-1 {
				to = p.variable()
			}
			if err := p.triple(out, from, step, to, at); err != nil {
				return err
			}
			from = to
		}
		return nil
	case *syntax.PathAlt:
		b := &branch{at: at}
		for _, alt := range path.Paths {
			sub := &pattern{}
			if err := p.triple(sub, s, alt, o, at); err != nil {
				return err
			}
			b.groups = append(b.groups, sub)
		}
		out.branches = append(out.branches, b)
		return nil
	case *syntax.Var:
		return shapeError(path.Pos, "the predicate ?%s is not bound; name the relation that may be inferred", path.Name)
	case *syntax.Const:
		subject, err := nodeOf(s)
		if err != nil {
			return err
		}
		object, err := nodeOf(o)
		if err != nil {
			return err
		}
		id, ok, err := p.snap.Lookup(path.Term)
		if err != nil {
			return err
		}
		if r, known := p.relOf[id]; ok && known && !object.term.IsLiteral() && !subject.term.IsLiteral() {
			out.edges = append(out.edges, &edge{s: subject, o: object, r: r, at: at})
			return nil
		}
		if st, has := p.snap.(kg.StatsProvider); !ok || has && !used(st, id) {
			return shapeError(at, "the graph has no relation %s", path.Term)
		}
		p.addCrisp(out, &syntax.Triples{Pos: at, Triples: []*syntax.Triple{{Pos: at, S: s, P: path, O: o}}}, true)
		return nil
	}
	return shapeError(at, "a path with *, +, ? or ! is not a fixed number of links; write the links out")
}

func used(st kg.StatsProvider, p kg.ID) bool {
	_, ok := st.PredicateStats(p)
	return ok
}

func nodeOf(t syntax.TermNode) (node, error) {
	switch t := t.(type) {
	case *syntax.Var:
		return node{name: t.Name}, nil
	case *syntax.Const:
		if t.Term.Kind == kg.Blank {
			return node{name: "_:" + t.Term.Value}, nil
		}
		return node{term: t.Term}, nil
	}
	return node{}, shapeError(t.Position(), "triple terms are not supported")
}

func (p *planner) filter(out *pattern, x syntax.Expr) error {
	switch x := x.(type) {
	case *syntax.Logic:
		if x.And {
			for _, a := range x.Args {
				if err := p.filter(out, a); err != nil {
					return err
				}
			}
			return nil
		}
	case *syntax.Exists:
		return p.negate(out, x.Group, x.Not, x.Pos)
	}
	vars, err := exprVars(x, nil)
	if err != nil {
		return err
	}
	out.crisp = append(out.crisp, &crisp{text: "FILTER(" + x.String() + ")", vars: vars})
	return nil
}

// exprVars lists the variables of an expression.
func exprVars(x syntax.Expr, vars []string) ([]string, error) {
	each := func(list ...syntax.Expr) (err error) {
		for _, a := range list {
			if vars, err = exprVars(a, vars); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	switch x := x.(type) {
	case nil:
	case *syntax.Var:
		if !slices.Contains(vars, x.Name) {
			vars = append(vars, x.Name)
		}
	case *syntax.Const:
	case *syntax.Logic:
		err = each(x.Args...)
	case *syntax.Binary:
		err = each(x.L, x.R)
	case *syntax.Unary:
		err = each(x.X)
	case *syntax.In:
		err = each(append([]syntax.Expr{x.X}, x.List...)...)
	case *syntax.Call:
		err = each(x.Args...)
	case *syntax.IRICall:
		err = each(x.Args...)
	default:
		err = shapeError(x.Position(), "EXISTS inside of an expression, and triple terms, are not supported")
	}
	return vars, err
}

func (p *planner) addCrisp(out *pattern, e syntax.Pattern, triple bool) {
	c := &crisp{text: e.String(), triple: triple}
	add := func(t syntax.TermNode) {
		if n, err := nodeOf(t); err == nil && n.name != "" && !slices.Contains(c.vars, n.name) {
			c.vars = append(c.vars, n.name)
		}
	}
	switch e := e.(type) {
	case *syntax.Triples:
		for _, t := range e.Triples {
			add(t.S)
			add(t.O)
		}
	case *syntax.Values:
		for _, v := range e.Vars {
			add(v)
		}
	}
	out.crisp = append(out.crisp, c)
}

// order lists the written variables in the order of their first mention.
func (pt *pattern) order() []string {
	var out []string
	for _, v := range pt.variables() {
		if !strings.HasPrefix(v, "_:") && !strings.HasPrefix(v, madeUp) {
			out = append(out, v)
		}
	}
	return out
}

// variables lists all variables.
func (pt *pattern) variables() []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if n != "" && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, e := range pt.edges {
		add(e.s.name, e.o.name)
	}
	for _, b := range pt.branches {
		for _, g := range b.groups {
			add(g.variables()...)
		}
	}
	for _, c := range append(slices.Clone(pt.crisp), pt.optional...) {
		add(c.vars...)
	}
	return out
}

// without returns the pattern without a branch.
func (pt *pattern) without(b *branch) *pattern {
	rest := *pt
	rest.branches = slices.DeleteFunc(slices.Clone(pt.branches), func(x *branch) bool { return x == b })
	return &rest
}

// links lists the variables that links connect.
func (pt *pattern) links() []string {
	var out []string
	for _, e := range pt.edges {
		for _, n := range []node{e.s, e.o} {
			if n.name != "" && !slices.Contains(out, n.name) {
				out = append(out, n.name)
			}
		}
	}
	for _, b := range pt.branches {
		if b.negated {
			continue
		}
		for _, g := range b.groups {
			for _, v := range g.links() {
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// chooseRoot picks what the answers are: the first projected variable that a
// link binds; in ASK, a variable or else the object of a link.
func (p *planner) chooseRoot(pt *pattern) error {
	links := pt.links()
	for _, v := range p.plan.vars {
		if slices.Contains(links, v) {
			p.plan.root = node{name: v}
			return nil
		}
	}
	switch {
	case p.plan.ask && len(links) > 0:
		p.plan.root = node{name: links[0]}
		return nil
	case p.plan.ask && len(pt.edges) > 0:
		p.plan.root = pt.edges[0].o
		return nil
	}
	return shapeError(syntax.Pos{}, "no projected variable is an end of a link that could be inferred")
}

// splitExtras sets patterns aside that only fetch projected values of things
// that links bind, such as labels.
func (p *planner) splitExtras(pt *pattern) {
	links := pt.links()
	p.plan.extra = append(p.plan.extra, pt.optional...)
	rest := pt.crisp[:0:0]
	for i, c := range pt.crisp {
		fetches := c.triple
		for j, d := range pt.crisp {
			// A value that a filter looks at decides, too.
			if i != j && slices.ContainsFunc(c.vars, func(v string) bool { return !slices.Contains(links, v) && slices.Contains(d.vars, v) }) {
				fetches = false
			}
		}
		if fetches && slices.ContainsFunc(c.vars, func(v string) bool { return slices.Contains(p.plan.vars, v) && !slices.Contains(links, v) }) {
			p.plan.extra = append(p.plan.extra, c)
		} else {
			rest = append(rest, c)
		}
	}
	pt.crisp = rest
	for _, c := range p.plan.extra {
		on := ""
		for _, v := range c.vars {
			if slices.Contains(links, v) {
				on = v
			} else {
				p.plan.literal[v] = true
			}
		}
		p.plan.on = append(p.plan.on, on)
	}
}

// tree builds the query of what root can be in a pattern.
func (p *planner) tree(pt *pattern, root node, top bool) (*cqd.Query, error) {
	q, err := p.grow(pt, root, map[string]bool{}, top)
	if err != nil {
		return nil, err
	}
	for _, e := range pt.edges {
		if !e.used {
			return nil, shapeError(e.at, "the link between %s and %s is not connected with %s", e.s, e.o, root)
		}
	}
	for _, b := range pt.branches {
		if !b.used {
			return nil, shapeError(b.at, "this part shares no variable with the rest")
		}
	}
	for _, c := range pt.crisp {
		if !c.used {
			return nil, shapeError(syntax.Pos{}, "%s looks at no variable, or at several, that links bind; a filter may look at one", c.text)
		}
	}
	return q, nil
}

// grow builds the query of what a node can be, from the links and branches that
// are not used yet.
func (p *planner) grow(pt *pattern, n node, seen map[string]bool, top bool) (*cqd.Query, error) {
	seen[n.name] = n.name != ""
	var args []*cqd.Query
	for _, e := range pt.edges {
		if e.used || e.s != n && e.o != n {
			continue
		}
		e.used = true
		half := int32(len(p.rels))
		other, r := e.s, e.r
		if e.s == n {
			other, r = e.o, e.r+half
		}
		if other == n {
			return nil, shapeError(e.at, "a link of %s to itself makes a cycle; inferred answers need a tree", n)
		}
		if other.name == "" {
			a, err := p.anchor(other.term, e.at)
			if err != nil {
				return nil, err
			}
			args = append(args, cqd.Hop(r, a))
			continue
		}
		if seen[other.name] {
			return nil, shapeError(e.at, "the link between %s and %s closes a cycle; inferred answers need a tree", e.s, e.o)
		}
		sub, err := p.grow(pt, other, seen, top)
		if err != nil {
			return nil, err
		}
		args = append(args, cqd.Hop(r, sub))
	}
	more, err := p.branchesOf(pt, n)
	if err != nil {
		return nil, err
	}
	args = append(args, more...)
	set, err := p.crispOf(pt, n)
	if err != nil {
		return nil, err
	}
	if set != nil {
		args = append(args, set)
	}
	if n.name == "" {
		a, err := p.anchor(n.term, syntax.Pos{})
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	if !slices.ContainsFunc(args, func(a *cqd.Query) bool { return a.Op != cqd.Not }) {
		return nil, shapeError(syntax.Pos{}, "%s can be anything: name a thing at the end of each branch, or restrict the variable", n)
	}
	q := cqd.And(args...)
	if len(args) == 1 {
		q = args[0]
	}
	if top && n.name != "" {
		p.plan.nodes[n.name] = q
	}
	return q, nil
}

// anchor returns the query of a named thing.
func (p *planner) anchor(t kg.Term, at syntax.Pos) (*cqd.Query, error) {
	id, ok, err := p.snap.Lookup(t)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, shapeError(at, "the graph does not mention %s", t)
	}
	n, ok := p.number(id)
	if !ok {
		return nil, shapeError(at, "the predictor does not know %s, and nothing that it could be known by is stated about it", t)
	}
	return cqd.Anchor(n), nil
}

// branchesOf builds the branches about a variable.
func (p *planner) branchesOf(pt *pattern, n node) ([]*cqd.Query, error) {
	var out []*cqd.Query
	for _, b := range pt.branches {
		if b.used {
			continue
		}
		// The variable that the branch shares with the rest of its group.
		shared := n.name == ""
		for _, g := range b.groups {
			shared = shared || slices.Contains(g.variables(), n.name)
		}
		if !shared {
			continue
		}
		b.used = true
		outside := pt.without(b).variables()
		var alts []*cqd.Query
		for _, g := range b.groups {
			for _, v := range g.variables() {
				if v != n.name && slices.Contains(outside, v) {
					return nil, shapeError(b.at, "this part shares ?%s and ?%s with the rest; it may share one variable", n.name, v)
				}
			}
			if n.name != "" && !slices.Contains(g.variables(), n.name) {
				return nil, shapeError(b.at, "every part of a UNION has to say something about %s", n)
			}
			q, err := p.tree(g, n, false)
			if err != nil {
				return nil, err
			}
			alts = append(alts, q)
		}
		q := cqd.Or(alts...)
		if len(alts) == 1 {
			q = alts[0]
		}
		if b.negated {
			q = cqd.Complement(q)
		}
		out = append(out, q)
	}
	return out, nil
}

// crispOf returns the set of entities that the statements allow for a variable,
// or nil if they allow all.
func (p *planner) crispOf(pt *pattern, n node) (*cqd.Query, error) {
	if n.name == "" {
		return nil, nil
	}
	links := pt.links()
	// Patterns that hang on the variable, directly or by values of its own.
	mine := map[string]bool{n.name: true}
	var parts []*crisp
	for changed := true; changed; {
		changed = false
		for _, c := range pt.crisp {
			if c.used || !slices.ContainsFunc(c.vars, func(v string) bool { return mine[v] }) {
				continue
			}
			if slices.ContainsFunc(c.vars, func(v string) bool { return v != n.name && slices.Contains(links, v) }) {
				continue // reported as unused in the end
			}
			c.used, changed = true, true
			parts = append(parts, c)
			for _, v := range c.vars {
				mine[v] = true
			}
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	members, err := p.members(n.name, parts)
	if err != nil {
		return nil, err
	}
	return cqd.In(members), nil
}

// maxUniverse bounds the entities that a bare filter is tried on.
const maxUniverse = 200_000

// members runs the crisp patterns of a variable.
func (p *planner) members(name string, parts []*crisp) ([]int32, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT DISTINCT ?%s WHERE {\n", name)
	bound := false
	for _, c := range parts {
		bound = bound || c.triple && slices.Contains(c.vars, name)
	}
	if !bound {
		// A filter alone binds nothing: try it on everything.
		if len(p.ids)+len(p.session.fresh) > maxUniverse {
			return nil, shapeError(syntax.Pos{}, "a filter on ?%s alone would be tried on more than %d things; add a pattern that binds it", name, maxUniverse)
		}
		fmt.Fprintf(&b, "VALUES ?%s {", name)
		for n := range int32(len(p.ids) + len(p.session.fresh)) {
			if id := p.id(n); id != kg.Any && id.Tag() == kg.TagIRI {
				t, err := p.snap.Term(id)
				if err != nil {
					return nil, err
				}
				b.WriteByte(' ')
				b.WriteString(t.String())
			}
		}
		b.WriteString(" }\n")
	}
	for _, c := range parts {
		b.WriteString(c.text + "\n")
	}
	b.WriteString("}")
	rows, err := p.run(b.String())
	if err != nil {
		return nil, err
	}
	var out []int32
	for _, row := range rows {
		id, ok, err := p.snap.Lookup(row[0])
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if n, ok := p.lookup(id); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

// run runs a query that was put together here and returns its rows.
func (x *session) run(text string) ([][]kg.Term, error) {
	q, err := x.m.engine.Prepare(text, "")
	if err != nil {
		return nil, err
	}
	return x.rows(q)
}

// errTooMany: a step would have more rows than inference can use.
var errTooMany = errors.New("more than 1000000 things satisfy a filter")
