package exec

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/rows"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

func (b *builder) context() *expr.Ctx {
	return &expr.Ctx{Terms: b.Env.Terms, Now: b.Env.Now, Base: b.Env.Base, Exists: b.exists}
}

func (b *builder) scope(names []string) expr.Scope {
	return expr.Scope{
		Column: func(v string) int { return slices.Index(names, v) },
		Lookup: b.Env.Terms.Intern,
		Exists: func(e *algebra.Exists) (any, error) { return newExists(e, names), nil },
	}
}

func (b *builder) condition(conds []algebra.Expr, names []string) (*rows.Condition, error) {
	c := &rows.Condition{Env: b.Env, Ctx: b.context(), Fetch: b.prefetch(conds, names)}
	for _, e := range conds {
		f, err := expr.Compile(e, b.scope(names))
		if err != nil {
			return nil, err
		}
		c.Tests = append(c.Tests, f)
	}
	return c, nil
}

// prefetch finds the columns whose terms the expressions will ask for.
func (b *builder) prefetch(exprs []algebra.Expr, names []string) *rows.Prefetch {
	vars := algebra.NewSet()
	for _, e := range exprs {
		contentVars(e, false, vars)
	}
	p := &rows.Prefetch{Terms: b.Env.Terms}
	for _, v := range vars.List() {
		if c := slices.Index(names, v); c >= 0 {
			p.Cols = append(p.Cols, c)
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
		t, err := b.Env.Terms.Term(id)
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
	inner := &builder{Env: b.Env, seeds: map[*algebra.Seed]*rows.Seed{}, opt: b.opt}
	o, err := inner.build(n, algebra.NewSet())
	if err != nil {
		return false, err
	}
	defer o.Close()
	found, err := o.Next()
	if err != nil {
		return false, err
	}
	if len(p.cache) >= maxExists {
		clear(p.cache)
	}
	p.cache[k.String()] = found != nil
	return found != nil, nil
}

// graphOp evaluates a pattern once per named graph.
type graphOp struct {
	run.Base
	b      *builder
	n      *algebra.Graph
	need   algebra.Set
	graphs []kg.ID
	in     run.Op
	col    int // of the graph name in the input, or -1
	id     kg.ID
	at     int
	out    run.Out
	mult   []int64
}

func (b *builder) graphNode(n *algebra.Graph, need algebra.Set) (run.Op, error) {
	g := &graphOp{Base: run.Base{Env: b.Env, Node: run.NewPlan("Graph", algebra.V(n.Var).String(), -1)}, b: b, n: n, need: need}
	var err error
	if g.graphs, err = b.Env.NamedGraphs(); err != nil {
		return nil, err
	}
	for _, v := range algebra.InScope(n).List() {
		if need.Has(v) {
			g.Names = append(g.Names, v)
		}
	}
	g.out = run.NewOut(len(g.Names))
	return b.done(g), nil
}

func (g *graphOp) Close() {
	if g.in != nil {
		g.in.Close()
	}
}

func (g *graphOp) Next() (*run.Batch, error) {
	for {
		if g.in == nil {
			if g.at == len(g.graphs) {
				return nil, nil
			}
			g.id = g.graphs[g.at]
			g.at++
			t, err := g.Env.Terms.Term(g.id)
			if err != nil {
				return nil, err
			}
			n := algebra.InGraph(g.n.Input, algebra.GraphRef{Kind: algebra.Named, Name: algebra.T(*t)})
			if g.b.opt != nil {
				n = g.b.opt(n)
			}
			inner := &builder{Env: g.Env, seeds: map[*algebra.Seed]*rows.Seed{}, opt: g.b.opt}
			if g.in, err = inner.build(n, with(g.need, g.n.Var)); err != nil {
				return nil, err
			}
			g.col = run.Column(g.in.Vars(), g.n.Var)
		}
		b, err := g.in.Next()
		if err != nil {
			return nil, err
		}
		if b == nil {
			g.in.Close()
			g.in = nil
			continue
		}
		g.out.Reset()
		g.mult = g.mult[:0]
		from := make([]int, len(g.Names))
		for c, v := range g.Names {
			from[c] = run.Column(g.in.Vars(), v)
		}
		for i := range b.N {
			if g.col >= 0 && b.Cols[g.col][i] != kg.Any && b.Cols[g.col][i] != g.id {
				continue
			}
			for c, v := range g.Names {
				id := kg.Any
				switch {
				case v == g.n.Var:
					id = g.id
				case from[c] >= 0:
					id = b.Cols[from[c]][i]
				}
				g.out.Cols[c] = append(g.out.Cols[c], id)
			}
			g.out.Weigh(&g.mult, b.Times(i))
			g.out.N++
		}
		if g.out.N > 0 {
			return &g.out.Batch, nil
		}
	}
}
