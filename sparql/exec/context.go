package exec

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

func (b *builder) context() *expr.Ctx {
	return &expr.Ctx{Terms: b.env.Terms, Now: b.env.Now, Base: b.env.Base}
}

func (b *builder) scope(names []string) expr.Scope {
	return expr.Scope{
		Column: func(v string) int { return slices.Index(names, v) },
		Lookup: b.env.Terms.Intern,
		Exists: func(e *algebra.Exists) (any, error) { return newExists(e, names), nil },
	}
}

func (b *builder) condition(conds []algebra.Expr, names []string) (*condition, error) {
	c := &condition{env: b.env, ctx: b.context(), fetch: b.prefetch(conds, names)}
	c.ctx.Exists = b.exists
	for _, e := range conds {
		f, err := expr.Compile(e, b.scope(names))
		if err != nil {
			return nil, err
		}
		c.tests = append(c.tests, f)
	}
	return c, nil
}

// prefetch finds the columns whose terms the expressions will ask for.
func (b *builder) prefetch(exprs []algebra.Expr, names []string) *prefetch {
	vars := algebra.NewSet()
	for _, e := range exprs {
		contentVars(e, false, vars)
	}
	p := &prefetch{terms: b.env.Terms}
	for _, v := range vars.List() {
		if c := slices.Index(names, v); c >= 0 {
			p.cols = append(p.cols, c)
		}
	}
	return p
}

// contentVars adds the variables whose text matters, as under string
// functions; comparisons mostly get by with the id.
func contentVars(e algebra.Expr, content bool, dst algebra.Set) {
	switch e := e.(type) {
	case *algebra.Var:
		if content {
			dst.Add(e.Name)
		}
	case *algebra.Call:
		switch e.Fn {
		case "||", "&&", "!", "=", "!=", "<", ">", "<=", ">=", "IN", "NOT IN", "BOUND", "SAMETERM", "IF", "COALESCE",
			"+", "-", "*", "/", "neg", "pos", "ISIRI", "ISBLANK", "ISLITERAL", "ISNUMERIC", "ISTRIPLE":
			content = false
		default:
			content = true
		}
		for _, a := range e.Args {
			contentVars(a, content, dst)
		}
	}
}

// existsPlan is an EXISTS pattern whose variables are put in row by row.
type existsPlan struct {
	node  algebra.Node
	vars  []string // variables of the row that the pattern mentions
	cols  []int
	cache map[string]bool
}

// maxExists bounds the answers that an EXISTS remembers.
const maxExists = 1 << 14

func newExists(e *algebra.Exists, names []string) *existsPlan {
	p := &existsPlan{node: e.Node, cache: map[string]bool{}}
	s := algebra.NewSet()
	algebra.AllVars(e.Node, s)
	for i, v := range names {
		if s.Has(v) {
			p.vars, p.cols = append(p.vars, v), append(p.cols, i)
		}
	}
	return p
}

// exists decides an EXISTS for the row of the context.
func (b *builder) exists(c *expr.Ctx, key any) (bool, error) {
	p := key.(*existsPlan)
	var k strings.Builder
	bind := algebra.Bindings{}
	for i, col := range p.cols {
		id := c.Cols[col][c.Row]
		for s := 0; s < 64; s += 8 {
			k.WriteByte(byte(id >> s))
		}
		if id == kg.Any {
			continue
		}
		t, err := b.env.Terms.Term(id)
		if err != nil {
			return false, err
		}
		bind[p.vars[i]] = *t
	}
	if found, ok := p.cache[k.String()]; ok {
		return found, nil
	}
	n := algebra.Substitute(p.node, bind)
	if b.opt != nil {
		n = b.opt(n)
	}
	inner := &builder{env: b.env, seeds: map[*algebra.Seed]*seedOp{}, opt: b.opt}
	o, err := inner.build(n, algebra.NewSet())
	if err != nil {
		return false, err
	}
	defer o.close()
	rows, err := o.next()
	if err != nil {
		return false, err
	}
	if len(p.cache) >= maxExists {
		clear(p.cache)
	}
	p.cache[k.String()] = rows != nil
	return rows != nil, nil
}

// graphOp evaluates a pattern once per named graph.
type graphOp struct {
	base
	b      *builder
	n      *algebra.Graph
	need   algebra.Set
	graphs []kg.ID
	in     op
	col    int // of the graph name in the input, or -1
	id     kg.ID
	at     int
	out    out
	mult   []int64
}

func (b *builder) graphNode(n *algebra.Graph, need algebra.Set) (op, error) {
	g := &graphOp{base: base{env: b.env, node: planOf("Graph", algebra.V(n.Var).String(), -1)}, b: b, n: n, need: need}
	var err error
	if g.graphs, err = b.env.NamedGraphs(); err != nil {
		return nil, err
	}
	for _, v := range algebra.InScope(n).List() {
		if need.Has(v) {
			g.names = append(g.names, v)
		}
	}
	g.out = newOut(len(g.names))
	return b.done(g), nil
}

func (g *graphOp) close() {
	if g.in != nil {
		g.in.close()
	}
}

func (g *graphOp) next() (*Batch, error) {
	for {
		if g.in == nil {
			if g.at == len(g.graphs) {
				return nil, nil
			}
			g.id = g.graphs[g.at]
			g.at++
			t, err := g.env.Terms.Term(g.id)
			if err != nil {
				return nil, err
			}
			n := algebra.InGraph(g.n.Input, algebra.GraphRef{Kind: algebra.Named, Name: algebra.T(*t)})
			if g.b.opt != nil {
				n = g.b.opt(n)
			}
			inner := &builder{env: g.env, seeds: map[*algebra.Seed]*seedOp{}, opt: g.b.opt}
			if g.in, err = inner.build(n, with(g.need, g.n.Var)); err != nil {
				return nil, err
			}
			g.col = column(g.in.vars(), g.n.Var)
		}
		b, err := g.in.next()
		if err != nil {
			return nil, err
		}
		if b == nil {
			g.in.close()
			g.in = nil
			continue
		}
		g.out.reset()
		g.mult = g.mult[:0]
		from := make([]int, len(g.names))
		for c, v := range g.names {
			from[c] = column(g.in.vars(), v)
		}
		for i := range b.N {
			if g.col >= 0 && b.Cols[g.col][i] != kg.Any && b.Cols[g.col][i] != g.id {
				continue
			}
			for c, v := range g.names {
				id := kg.Any
				switch {
				case v == g.n.Var:
					id = g.id
				case from[c] >= 0:
					id = b.Cols[from[c]][i]
				}
				g.out.Cols[c] = append(g.out.Cols[c], id)
			}
			g.out.weigh(&g.mult, b.mult(i))
			g.out.N++
		}
		if g.out.N > 0 {
			return &g.out.Batch, nil
		}
	}
}
