package syntax

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// printer writes nodes. With prefixes it shortens IRIs; with multiline it
// breaks lines and indents, else a blank stands for every break.
type printer struct {
	b         []byte
	prefixes  []Prefix // longest IRI first
	indent    int
	multiline bool
}

func print(n interface{ print(*printer) }) string {
	var p printer
	n.print(&p)
	return string(p.b)
}

func (p *printer) str(s string) { p.b = append(p.b, s...) }

func (p *printer) nl() {
	if !p.multiline {
		p.str(" ")
		return
	}
	p.str("\n")
	for range p.indent {
		p.str("  ")
	}
}

// block writes { body } with the body indented.
func (p *printer) block(empty bool, body func()) {
	if empty {
		p.str("{}")
		return
	}
	p.str("{")
	p.indent++
	body()
	p.indent--
	p.nl()
	p.str("}")
}

func (p *printer) prologue(pr *Prologue) {
	if pr.Version != "" {
		p.str("VERSION ")
		p.term(kg.NewString(pr.Version))
		p.nl()
	}
	p.prefixes = nil
	if pr.Base != "" {
		p.str("BASE ")
		p.iri(pr.Base)
		p.nl()
	}
	for _, x := range pr.Prefixes {
		p.str("PREFIX ")
		p.str(x.Name)
		p.str(": ")
		p.iri(x.IRI)
		p.nl()
	}
	p.prefixes = slices.Clone(pr.Prefixes)
	slices.SortStableFunc(p.prefixes, func(a, b Prefix) int { return cmp.Compare(len(b.IRI), len(a.IRI)) })
}

// plainLocal reports whether s needs no escape after a prefix. It is narrower
// than PN_LOCAL.
func plainLocal(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-' && i > 0:
		default:
			return false
		}
	}
	return true
}

func (p *printer) iri(iri string) {
	for _, x := range p.prefixes {
		if x.IRI != "" && strings.HasPrefix(iri, x.IRI) && plainLocal(iri[len(x.IRI):]) {
			p.str(x.Name)
			p.str(":")
			p.str(iri[len(x.IRI):])
			return
		}
	}
	p.b = kg.NewIRI(iri).AppendNT(p.b)
}

func (p *printer) term(t kg.Term) {
	switch t.Kind {
	case kg.None:
		p.str("UNDEF")
	case kg.IRI:
		p.iri(t.Value)
	case kg.Literal:
		if isNumberToken(t.Value, t.Datatype) || t.Datatype == kg.XSD+"boolean" && (t.Value == "true" || t.Value == "false") {
			p.str(t.Value)
			return
		}
		p.b = kg.NewString(t.Value).AppendNT(p.b)
		switch {
		case t.Lang != "":
			p.str("@")
			p.str(t.Lang)
			if t.Dir != "" {
				p.str("--")
				p.str(t.Dir)
			}
		case t.Datatype != kg.XSDString:
			p.str("^^")
			p.iri(t.Datatype)
		}
	case kg.Triple:
		p.str("<<(")
		for _, u := range t.Spo {
			p.str(" ")
			p.term(u)
		}
		p.str(" )>>")
	default:
		p.b = t.AppendNT(p.b)
	}
}

// isNumberToken reports whether the lexical form, written bare, is read back
// as a literal of the datatype.
func isNumberToken(s, datatype string) bool {
	var want lex.Kind
	switch datatype {
	case kg.XSD + "integer":
		want = lex.Integer
	case kg.XSD + "decimal":
		want = lex.Decimal
	case kg.XSD + "double":
		want = lex.Double
	default:
		return false
	}
	kind, n := lex.ScanNumber(s)
	return kind == want && n == len(s)
}

func (v *Var) print(p *printer) {
	p.str("?")
	p.str(v.Name)
}

func (c *Const) print(p *printer) { p.term(c.Term) }

func (t *TripleTerm) print(p *printer) {
	p.str("<<( ")
	p.node(t.S)
	p.str(" ")
	p.verb(t.P)
	p.str(" ")
	p.node(t.O)
	p.str(" )>>")
}

// node writes any node that has a print method: all of this package.
func (p *printer) node(n Node) { n.(interface{ print(*printer) }).print(p) }

func (p *printer) verb(n Node) {
	if c, ok := n.(*Const); ok && c.Term.Kind == kg.IRI && c.Term.Value == kg.RDFType {
		p.str("a")
		return
	}
	p.node(n)
}

func (t *Triple) print(p *printer) {
	p.node(t.S)
	p.str(" ")
	p.verb(t.P)
	p.str(" ")
	p.node(t.O)
	p.str(" .")
}

// Path precedence: alternative, sequence, element, primary.
const (
	pathAlt = iota
	pathSeq
	pathElt
	pathPrimary
)

func pathPrec(x Path) int {
	switch x.(type) {
	case *PathAlt:
		return pathAlt
	case *PathSeq:
		return pathSeq
	case *PathInverse, *PathRepeat:
		return pathElt
	}
	return pathPrimary
}

func (p *printer) path(x Path, min int) {
	if pathPrec(x) < min {
		p.str("(")
		p.verb(x)
		p.str(")")
		return
	}
	p.verb(x)
}

func (x *PathInverse) print(p *printer) {
	p.str("^")
	if _, ok := x.Path.(*PathRepeat); ok {
		p.node(x.Path) // ^p* is ^(p*)
		return
	}
	p.path(x.Path, pathPrimary)
}

func (x *PathSeq) print(p *printer) {
	for i, e := range x.Paths {
		if i > 0 {
			p.str("/")
		}
		p.path(e, pathElt)
	}
}

func (x *PathAlt) print(p *printer) {
	for i, e := range x.Paths {
		if i > 0 {
			p.str("|")
		}
		p.path(e, pathSeq)
	}
}

func (x *PathRepeat) print(p *printer) {
	p.path(x.Path, pathPrimary)
	p.b = append(p.b, x.Op)
}

func (x *PathNot) print(p *printer) {
	p.str("!(")
	for i, c := range x.Forward {
		if i > 0 {
			p.str("|")
		}
		p.verb(c)
	}
	for i, c := range x.Inverse {
		if i > 0 || len(x.Forward) > 0 {
			p.str("|")
		}
		p.str("^")
		p.verb(c)
	}
	p.str(")")
}

// group writes { ... } around patterns.
func (g *Group) print(p *printer) {
	p.block(len(g.Elems) == 0, func() {
		for _, e := range g.Elems {
			p.nl()
			p.node(e)
		}
	})
}

func (t *Triples) print(p *printer) {
	for i, x := range t.Triples {
		if i > 0 {
			p.nl()
		}
		x.print(p)
	}
}

func (o *Optional) print(p *printer) {
	p.str("OPTIONAL ")
	o.Group.print(p)
}

func (u *Union) print(p *printer) {
	for i, g := range u.Groups {
		if i > 0 {
			p.str(" UNION ")
		}
		g.print(p)
	}
}

func (m *Minus) print(p *printer) {
	p.str("MINUS ")
	m.Group.print(p)
}

func (g *Graph) print(p *printer) {
	p.str("GRAPH ")
	p.node(g.Name)
	p.str(" ")
	g.Group.print(p)
}

func (s *Service) print(p *printer) {
	p.str("SERVICE ")
	if s.Silent {
		p.str("SILENT ")
	}
	p.node(s.Name)
	p.str(" ")
	s.Group.print(p)
}

func (f *Filter) print(p *printer) {
	p.str("FILTER")
	if e, ok := f.Expr.(*Exists); ok {
		p.str(" ")
		e.print(p)
		return
	}
	p.paren(f.Expr)
}

func (b *Bind) print(p *printer) {
	p.str("BIND(")
	p.node(b.Expr)
	p.str(" AS ")
	b.Var.print(p)
	p.str(")")
}

func (v *Values) print(p *printer) {
	p.str("VALUES (")
	for i, x := range v.Vars {
		if i > 0 {
			p.str(" ")
		}
		x.print(p)
	}
	p.str(") ")
	p.block(len(v.Rows) == 0, func() {
		for _, row := range v.Rows {
			p.nl()
			p.str("(")
			for i, t := range row {
				if i > 0 {
					p.str(" ")
				}
				p.term(t)
			}
			p.str(")")
		}
	})
}

func (s *SubSelect) print(p *printer) { s.Query.print(p) }

// Expression precedence.
const (
	precOr = iota
	precAnd
	precCompare
	precAdd
	precMul
	precUnary
	precPrimary
)

func prec(e Expr) int {
	switch e := e.(type) {
	case *Logic:
		if e.And {
			return precAnd
		}
		return precOr
	case *Binary:
		switch {
		case e.Op <= Ge:
			return precCompare
		case e.Op <= Sub:
			return precAdd
		}
		return precMul
	case *In:
		return precCompare
	case *Unary:
		return precUnary
	}
	return precPrimary
}

func (p *printer) paren(e Expr) {
	p.str("(")
	p.node(e)
	p.str(")")
}

func (p *printer) operand(e Expr, min int) {
	if prec(e) < min {
		p.paren(e)
		return
	}
	p.node(e)
}

func (e *Logic) print(p *printer) {
	op, own := " || ", precOr
	if e.And {
		op, own = " && ", precAnd
	}
	for i, a := range e.Args {
		if i > 0 {
			p.str(op)
		}
		p.operand(a, own+1)
	}
}

var binaryOps = [...]string{Eq: " = ", Ne: " != ", Lt: " < ", Gt: " > ", Le: " <= ", Ge: " >= ", Add: " + ", Sub: " - ", Mul: " * ", Div: " / "}

// String returns the operator's sign.
func (op BinaryOp) String() string { return strings.TrimSpace(binaryOps[op]) }

func (e *Binary) print(p *printer) {
	own := prec(e)
	left := own
	if own == precCompare {
		left++ // comparisons do not chain
	}
	p.operand(e.L, left)
	p.str(binaryOps[e.Op])
	p.operand(e.R, own+1)
}

func (e *Unary) print(p *printer) {
	p.b = append(p.b, e.Op)
	// A sign before a number would become part of the number.
	if c, ok := e.X.(*Const); ok && e.Op != '!' && c.Term.Kind == kg.Literal {
		p.paren(e.X)
		return
	}
	p.operand(e.X, precPrimary)
}

func (e *In) print(p *printer) {
	p.operand(e.X, precAdd)
	if e.Not {
		p.str(" NOT")
	}
	p.str(" IN ")
	p.args(e.List)
}

func (p *printer) args(list []Expr) {
	p.str("(")
	for i, a := range list {
		if i > 0 {
			p.str(", ")
		}
		p.node(a)
	}
	p.str(")")
}

func (e *Call) print(p *printer) {
	p.str(e.Name)
	p.args(e.Args)
}

func (e *IRICall) print(p *printer) {
	p.iri(e.IRI)
	if e.Distinct {
		p.str("(DISTINCT ")
		for i, a := range e.Args {
			if i > 0 {
				p.str(", ")
			}
			p.node(a)
		}
		p.str(")")
		return
	}
	p.args(e.Args)
}

func (e *Exists) print(p *printer) {
	if e.Not {
		p.str("NOT ")
	}
	p.str("EXISTS ")
	e.Group.print(p)
}

func (e *Aggregate) print(p *printer) {
	p.str(e.Name)
	p.str("(")
	if e.Distinct {
		p.str("DISTINCT ")
	}
	if e.Arg == nil {
		p.str("*")
	} else {
		p.node(e.Arg)
	}
	if e.Name == "GROUP_CONCAT" && e.Separator != " " {
		p.str(" ; SEPARATOR = ")
		p.term(kg.NewString(e.Separator))
	}
	p.str(")")
}

func (p *printer) sources(list []*Source, word string) {
	for _, s := range list {
		p.nl()
		p.str(word)
		if s.Named {
			p.str("NAMED ")
		}
		p.iri(s.IRI)
	}
}

func (q *Query) print(p *printer) {
	switch q.Form {
	case Select:
		p.str("SELECT")
		switch {
		case q.Distinct:
			p.str(" DISTINCT")
		case q.Reduced:
			p.str(" REDUCED")
		}
		for i := range q.Project {
			p.str(" ")
			q.Project[i].print(p)
		}
	case Ask:
		p.str("ASK")
	case Construct:
		p.str("CONSTRUCT ")
		p.block(len(q.Template) == 0, func() {
			for _, t := range q.Template {
				p.nl()
				t.print(p)
			}
		})
	case Describe:
		p.str("DESCRIBE")
		for _, t := range q.Targets {
			p.str(" ")
			p.node(t)
		}
	}
	if q.Star {
		p.str(" *")
	}
	p.sources(q.Dataset, "FROM ")
	if q.Where != nil {
		p.nl()
		p.str("WHERE ")
		q.Where.print(p)
	}
	p.modifiers(q)
}

func (x *Project) print(p *printer) {
	if x.Expr == nil {
		x.Var.print(p)
		return
	}
	p.str("(")
	p.node(x.Expr)
	p.str(" AS ")
	x.Var.print(p)
	p.str(")")
}

func (p *printer) modifiers(q *Query) {
	if len(q.GroupBy) > 0 {
		p.nl()
		p.str("GROUP BY")
		for _, k := range q.GroupBy {
			p.str(" ")
			k.print(p)
		}
	}
	if len(q.Having) > 0 {
		p.nl()
		p.str("HAVING")
		for _, h := range q.Having {
			p.str(" ")
			p.paren(h)
		}
	}
	if len(q.OrderBy) > 0 {
		p.nl()
		p.str("ORDER BY")
		for _, k := range q.OrderBy {
			p.str(" ")
			k.print(p)
		}
	}
	if q.Limit >= 0 {
		p.nl()
		p.str("LIMIT ")
		p.b = strconv.AppendInt(p.b, q.Limit, 10)
	}
	if q.Offset > 0 {
		p.nl()
		p.str("OFFSET ")
		p.b = strconv.AppendInt(p.b, q.Offset, 10)
	}
	if q.Values != nil {
		p.nl()
		q.Values.print(p)
	}
}

func (k *GroupKey) print(p *printer) {
	if v, ok := k.Expr.(*Var); ok && k.As == nil {
		v.print(p)
		return
	}
	p.str("(")
	p.node(k.Expr)
	if k.As != nil {
		p.str(" AS ")
		k.As.print(p)
	}
	p.str(")")
}

func (k *OrderKey) print(p *printer) {
	if k.Desc {
		p.str("DESC")
	} else if v, ok := k.Expr.(*Var); ok {
		v.print(p)
		return
	}
	p.paren(k.Expr)
}

// quads writes quads, those of one graph that follow each other in one GRAPH
// block.
func (p *printer) quads(quads []Quad) {
	p.block(len(quads) == 0, func() {
		for i := 0; i < len(quads); {
			g := quads[i].Graph
			n := i + 1
			for n < len(quads) && sameNode(quads[n].Graph, g) {
				n++
			}
			triples := func() {
				for _, q := range quads[i:n] {
					p.nl()
					q.Triple.print(p)
				}
			}
			if g == nil {
				triples()
			} else {
				p.nl()
				p.str("GRAPH ")
				p.node(g)
				p.str(" ")
				p.block(false, triples)
			}
			i = n
		}
	})
}

func sameNode(a, b TermNode) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.String() == b.String()
}

func (o *InsertData) print(p *printer) {
	p.str("INSERT DATA ")
	p.quads(o.Quads)
}

func (o *DeleteData) print(p *printer) {
	p.str("DELETE DATA ")
	p.quads(o.Quads)
}

func (o *DeleteWhere) print(p *printer) {
	p.str("DELETE WHERE ")
	p.quads(o.Quads)
}

func (o *Modify) print(p *printer) {
	if o.With != "" {
		p.str("WITH ")
		p.iri(o.With)
		p.nl()
	}
	if o.HasDelete {
		p.str("DELETE ")
		p.quads(o.Delete)
		if o.HasInsert {
			p.nl()
		}
	}
	if o.HasInsert {
		p.str("INSERT ")
		p.quads(o.Insert)
	}
	p.sources(o.Using, "USING ")
	p.nl()
	p.str("WHERE ")
	o.Where.print(p)
}

func (p *printer) silent(s bool) {
	if s {
		p.str("SILENT ")
	}
}

func (o *Load) print(p *printer) {
	p.str("LOAD ")
	p.silent(o.Silent)
	p.iri(o.Source)
	if o.Into != "" {
		p.str(" INTO GRAPH ")
		p.iri(o.Into)
	}
}

func (p *printer) target(t Target) {
	switch t.Kind {
	case TargetDefault:
		p.str("DEFAULT")
	case TargetNamed:
		p.str("NAMED")
	case TargetAll:
		p.str("ALL")
	default:
		p.str("GRAPH ")
		p.iri(t.IRI)
	}
}

func (o *Clear) print(p *printer) {
	if o.Drop {
		p.str("DROP ")
	} else {
		p.str("CLEAR ")
	}
	p.silent(o.Silent)
	p.target(o.Target)
}

func (o *Create) print(p *printer) {
	p.str("CREATE ")
	p.silent(o.Silent)
	p.str("GRAPH ")
	p.iri(o.IRI)
}

func (o *Transfer) print(p *printer) {
	p.str([...]string{AddGraph: "ADD ", MoveGraph: "MOVE ", CopyGraph: "COPY "}[o.Kind])
	p.silent(o.Silent)
	p.target(o.From)
	p.str(" TO ")
	p.target(o.To)
}

// String writes the query with its prologue, one clause and one triple a line.
func (q *Query) String() string {
	p := printer{multiline: true}
	p.prologue(&q.Prologue)
	q.print(&p)
	return string(p.b)
}

// String writes the operations, with declarations where they change.
func (u *Update) String() string {
	p := printer{multiline: true}
	var last Prologue
	for i, o := range u.Operations {
		if i > 0 {
			p.str(" ;")
			p.nl()
		}
		if i < len(u.Prologues) && !u.Prologues[i].equal(&last) {
			last = u.Prologues[i]
			p.prologue(&last)
		}
		p.node(o)
	}
	return string(p.b)
}

func (pr *Prologue) equal(o *Prologue) bool {
	return pr.Base == o.Base && pr.Version == o.Version && slices.Equal(pr.Prefixes, o.Prefixes)
}

// String of the other nodes writes one line with full IRIs.

func (v *Var) String() string         { return print(v) }
func (c *Const) String() string       { return print(c) }
func (t *TripleTerm) String() string  { return print(t) }
func (t *Triple) String() string      { return print(t) }
func (x *PathInverse) String() string { return print(x) }
func (x *PathSeq) String() string     { return print(x) }
func (x *PathAlt) String() string     { return print(x) }
func (x *PathRepeat) String() string  { return print(x) }
func (x *PathNot) String() string     { return print(x) }
func (g *Group) String() string       { return print(g) }
func (t *Triples) String() string     { return print(t) }
func (o *Optional) String() string    { return print(o) }
func (u *Union) String() string       { return print(u) }
func (m *Minus) String() string       { return print(m) }
func (g *Graph) String() string       { return print(g) }
func (s *Service) String() string     { return print(s) }
func (f *Filter) String() string      { return print(f) }
func (b *Bind) String() string        { return print(b) }
func (v *Values) String() string      { return print(v) }
func (s *SubSelect) String() string   { return print(s) }
func (e *Logic) String() string       { return print(e) }
func (e *Binary) String() string      { return print(e) }
func (e *Unary) String() string       { return print(e) }
func (e *In) String() string          { return print(e) }
func (e *Call) String() string        { return print(e) }
func (e *IRICall) String() string     { return print(e) }
func (e *Exists) String() string      { return print(e) }
func (e *Aggregate) String() string   { return print(e) }
func (k *GroupKey) String() string    { return print(k) }
func (k *OrderKey) String() string    { return print(k) }
func (o *InsertData) String() string  { return print(o) }
func (o *DeleteData) String() string  { return print(o) }
func (o *DeleteWhere) String() string { return print(o) }
func (o *Modify) String() string      { return print(o) }
func (o *Load) String() string        { return print(o) }
func (o *Clear) String() string       { return print(o) }
func (o *Create) String() string      { return print(o) }
func (o *Transfer) String() string    { return print(o) }

// String writes the clause as in FROM.
func (s *Source) String() string {
	if s.Named {
		return "NAMED " + kg.NewIRI(s.IRI).String()
	}
	return kg.NewIRI(s.IRI).String()
}
