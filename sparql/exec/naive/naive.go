// Package naive evaluates algebra as the specification defines it: solutions
// are maps, joins are nested loops, nothing is reordered. It is the slow twin
// that the operators of package exec are compared with.
package naive

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// Solution binds variables to ids; unbound variables are absent.
type Solution map[string]kg.ID

// Eval returns all solutions of a tree.
func Eval(env *run.Env, n algebra.Node) ([]Solution, error) {
	e := &evaluator{env: env}
	out := e.eval(n)
	return out, e.err
}

// stop unwinds the evaluation; the error is in evaluator.err.
type evaluator struct {
	env    *run.Env
	err    error
	serial int64
	ctx    *expr.Ctx
}

func (e *evaluator) fail(err error) bool {
	if e.err == nil {
		e.err = err
	}
	return e.err != nil
}

func (e *evaluator) intern(t kg.Term) kg.ID {
	id, err := e.env.Terms.Intern(t)
	e.fail(err)
	return id
}

// grow charges a solution.
func (e *evaluator) grow(s Solution) bool {
	if e.env.Grow(int64(len(s))*48+64, "nested loops") != nil {
		e.fail(e.env.Grow(1, "nested loops"))
	}
	return !e.fail(e.env.Check("nested loops"))
}

func (e *evaluator) eval(n algebra.Node) (out []Solution) {
	if e.err != nil {
		return nil
	}
	emit := func(s Solution) bool {
		out = append(out, s)
		return e.grow(s)
	}
	switch n := n.(type) {
	case *algebra.Unit:
		return []Solution{{}}
	case *algebra.Empty:
		return nil
	case *algebra.BGP:
		out = []Solution{{}}
		for _, t := range n.Triples {
			out = e.triple(n.Graph, t, out)
		}
		return out
	case *algebra.Path:
		return e.path(n)
	case *algebra.Unnest:
		for _, s := range e.eval(n.Input) {
			if u, ok := e.unnest(s, n); ok && !emit(u) {
				return nil
			}
		}
	case *algebra.Join:
		l, r := e.eval(n.L), e.eval(n.R)
		for _, a := range l {
			for _, b := range r {
				if u, ok := merge(a, b); ok && !emit(u) {
					return nil
				}
			}
		}
	case *algebra.LeftJoin:
		l, r := e.eval(n.L), e.eval(n.R)
		for _, a := range l {
			found := false
			for _, b := range r {
				u, ok := merge(a, b)
				if ok && e.holds(n.Cond, u) {
					found = true
					if !emit(u) {
						return nil
					}
				}
			}
			if !found && !emit(a) {
				return nil
			}
		}
	case *algebra.SemiJoin:
		l, r := e.eval(n.L), e.eval(n.R)
		for _, a := range l {
			found := slices.ContainsFunc(r, func(b Solution) bool {
				u, ok := merge(a, b)
				return ok && e.holds(n.Cond, u)
			})
			if found != n.Not && !emit(a) {
				return nil
			}
		}
	case *algebra.Minus:
		l, r := e.eval(n.L), e.eval(n.R)
		for _, a := range l {
			found := slices.ContainsFunc(r, func(b Solution) bool {
				_, ok := merge(a, b)
				return ok && shares(a, b)
			})
			if !found && !emit(a) {
				return nil
			}
		}
	case *algebra.Union:
		for _, a := range n.Args {
			out = append(out, e.eval(a)...)
		}
	case *algebra.Filter:
		for _, s := range e.eval(n.Input) {
			if e.holds(n.Conds, s) && !emit(s) {
				return nil
			}
		}
	case *algebra.Extend:
		// A run of Extends is one solution to BNODE(label).
		chain := []*algebra.Extend{n}
		for {
			x, ok := chain[0].Input.(*algebra.Extend)
			if !ok {
				break
			}
			chain = append([]*algebra.Extend{x}, chain...)
		}
		for _, s := range e.eval(chain[0].Input) {
			e.serial++
			s = clone(s)
			for _, x := range chain {
				if id := e.value(x.Expr, s); id != kg.Any {
					s[x.Var] = id
				}
			}
			if !emit(s) {
				return nil
			}
		}
	case *algebra.Graph:
		graphs, err := e.env.NamedGraphs()
		e.fail(err)
		for _, g := range graphs {
			t, err := e.env.Terms.Term(g)
			if e.fail(err) {
				return nil
			}
			in := algebra.InGraph(n.Input, algebra.GraphRef{Kind: algebra.Named, Name: algebra.T(*t)})
			for _, s := range e.eval(in) {
				if u, ok := merge(s, Solution{n.Var: g}); ok && !emit(u) {
					return nil
				}
			}
		}
	case *algebra.Values:
		for _, r := range n.Rows {
			s := Solution{}
			for i, v := range n.Vars {
				if r[i].Kind != kg.None {
					s[v] = e.intern(r[i])
				}
			}
			if !emit(s) {
				return nil
			}
		}
	case *algebra.Service:
		if n.Silent {
			return []Solution{{}}
		}
		e.fail(run.ErrService)
	case *algebra.Group:
		return e.group(n)
	case *algebra.OrderBy:
		return e.order(n)
	case *algebra.Project:
		for _, s := range e.eval(n.Input) {
			u := Solution{}
			for _, v := range n.Vars {
				if id, ok := s[v]; ok {
					u[v] = id
				}
			}
			if !emit(u) {
				return nil
			}
		}
	case *algebra.Distinct:
		seen := map[string]bool{}
		for _, s := range e.eval(n.Input) {
			if k := key(s, nil); !seen[k] {
				seen[k] = true
				if !emit(s) {
					return nil
				}
			}
		}
	case *algebra.Slice:
		in := e.eval(n.Input)
		in = in[min(n.Offset, int64(len(in))):]
		if n.Limit >= 0 {
			in = in[:min(n.Limit, int64(len(in)))]
		}
		return in
	case *algebra.Scan:
		return e.triple(n.Graph, n.Triple, []Solution{{}})
	case *algebra.Multiway:
		return e.eval(&algebra.BGP{Graph: n.Graph, Triples: n.Triples})
	}
	return out
}

func clone(s Solution) Solution {
	u := make(Solution, len(s)+1)
	for k, v := range s {
		u[k] = v
	}
	return u
}

// merge joins two solutions if they are compatible.
func merge(a, b Solution) (Solution, bool) {
	for v, x := range b {
		if y, ok := a[v]; ok && x != y {
			return nil, false
		}
	}
	u := clone(a)
	for v, x := range b {
		u[v] = x
	}
	return u, true
}

func shares(a, b Solution) bool {
	for v := range a {
		if _, ok := b[v]; ok {
			return true
		}
	}
	return false
}

// key identifies a solution, or its part over vars.
func key(s Solution, vars []string) string {
	var b strings.Builder
	put := func(v string) {
		if id, ok := s[v]; ok {
			b.WriteString(v)
			for i := 0; i < 64; i += 8 {
				b.WriteByte(byte(id >> i))
			}
		}
		b.WriteByte('|')
	}
	if vars == nil {
		for v := range s {
			if !algebra.Hidden(v) {
				vars = append(vars, v)
			}
		}
		slices.Sort(vars)
	}
	for _, v := range vars {
		put(v)
	}
	return b.String()
}

// triple extends solutions by the matches of a pattern.
func (e *evaluator) triple(g algebra.GraphRef, t algebra.Triple, in []Solution) (out []Solution) {
	for _, s := range in {
		value := func(r algebra.Ref) kg.ID {
			if r.IsVar() {
				return s[r.Var]
			}
			return e.intern(r.Term)
		}
		p := kg.Pattern{S: value(t.S), P: value(t.P), O: value(t.O)}
		if g.Name.IsVar() {
			p.G = s[g.Name.Var]
		}
		err := e.env.Scan(g, p, kg.BestOrder(p), func(q kg.Quad) bool {
			u := clone(s)
			bind := func(r algebra.Ref, id kg.ID) bool {
				if !r.IsVar() {
					return true
				}
				if old, ok := u[r.Var]; ok {
					return old == id
				}
				u[r.Var] = id
				return true
			}
			if bind(t.S, q.S) && bind(t.P, q.P) && bind(t.O, q.O) && bind(g.Name, q.G) {
				out = append(out, u)
				return e.grow(u)
			}
			return true
		})
		if e.fail(err) {
			return nil
		}
	}
	return out
}

func (e *evaluator) unnest(s Solution, n *algebra.Unnest) (Solution, bool) {
	t, err := e.env.Terms.Term(s[n.Var])
	if e.fail(err) || t.Kind != kg.Triple {
		return nil, false
	}
	u := clone(s)
	for i, r := range n.Parts {
		id := e.intern(t.Spo[i])
		want, bound := u[r.Var]
		switch {
		case !r.IsVar():
			want, bound = e.intern(r.Term), true
		case !bound:
			u[r.Var] = id
		}
		if bound && want != id {
			return nil, false
		}
	}
	return u, true
}

// context puts a solution into the columns of an expression context.
func (e *evaluator) context(s Solution) (*expr.Ctx, expr.Scope) {
	if e.ctx == nil {
		e.ctx = &expr.Ctx{Terms: e.env.Terms, Now: e.env.Now, Base: e.env.Base}
	}
	c := e.ctx
	c.Serial = e.serial
	var names []string
	c.Cols, c.Row = nil, 0
	for v, id := range s {
		names = append(names, v)
		c.Cols = append(c.Cols, []kg.ID{id})
	}
	c.Exists = func(_ *expr.Ctx, k any) (bool, error) {
		b := algebra.Bindings{}
		for v, id := range s {
			t, err := e.env.Terms.Term(id)
			if err != nil {
				return false, err
			}
			b[v] = *t
		}
		saved := *c
		rows := e.eval(algebra.Substitute(k.(*algebra.Exists).Node, b))
		*c = saved
		return len(rows) > 0, e.err
	}
	return c, expr.Scope{
		Column: func(v string) int { return slices.Index(names, v) },
		Lookup: e.env.Terms.Intern,
		Exists: func(x *algebra.Exists) (any, error) { return x, nil },
	}
}

// value evaluates an expression to an id; Any is an error.
func (e *evaluator) value(x algebra.Expr, s Solution) kg.ID {
	c, scope := e.context(s)
	f, err := expr.Compile(x, scope)
	if e.fail(err) {
		return kg.Any
	}
	id := c.ID(f(c))
	e.fail(c.Fail)
	return id
}

func (e *evaluator) holds(conds []algebra.Expr, s Solution) bool {
	for _, x := range conds {
		c, scope := e.context(s)
		f, err := expr.Compile(x, scope)
		if e.fail(err) || !expr.Truth(f, c) || e.fail(c.Fail) {
			return false
		}
	}
	return true
}

func (e *evaluator) order(n *algebra.OrderBy) []Solution {
	in := e.eval(n.Input)
	type row struct {
		s    Solution
		keys []kg.ID
	}
	rows := make([]row, len(in))
	for i, s := range in {
		rows[i].s = s
		for _, k := range n.Keys {
			rows[i].keys = append(rows[i].keys, e.value(k.Expr, s))
		}
	}
	c, _ := e.context(Solution{})
	slices.SortStableFunc(rows, func(a, b row) int {
		for i, k := range n.Keys {
			if o := c.Order(expr.FromID(a.keys[i]), expr.FromID(b.keys[i])); o != 0 {
				if k.Desc {
					return -o
				}
				return o
			}
		}
		return 0
	})
	for i := range rows {
		in[i] = rows[i].s
	}
	e.fail(c.Fail)
	return in
}

func (e *evaluator) group(n *algebra.Group) (out []Solution) {
	type group struct {
		first Solution
		rows  []Solution
	}
	groups := map[string]*group{}
	var list []*group
	for _, s := range e.eval(n.Input) {
		k := key(s, append([]string{}, n.Keys...))
		g := groups[k]
		if g == nil {
			g = &group{first: s}
			groups[k] = g
			list = append(list, g)
		}
		g.rows = append(g.rows, s)
	}
	if len(n.Keys) == 0 && len(list) == 0 {
		list = append(list, &group{})
	}
	for _, g := range list {
		s := Solution{}
		for _, v := range n.Keys {
			if id, ok := g.first[v]; ok {
				s[v] = id
			}
		}
		for _, a := range n.Aggs {
			if id := e.aggregate(a, g.rows); id != kg.Any {
				s[a.Var] = id
			}
		}
		out = append(out, s)
	}
	return out
}

func (e *evaluator) aggregate(a algebra.Agg, rows []Solution) kg.ID {
	acc := expr.NewAccumulator(a.Name, a.Separator)
	seen := map[any]bool{}
	one := expr.FromID(e.intern(kg.NewTyped("1", kg.XSD+"integer")))
	for _, s := range rows {
		v, k := one, any(nil)
		if a.Arg == nil {
			k = key(s, nil)
		} else {
			id := e.value(a.Arg, s)
			v, k = expr.FromID(id), id
		}
		if a.Distinct && seen[k] {
			continue
		}
		seen[k] = true
		c, _ := e.context(s)
		acc.Add(c, v, 1)
	}
	c, _ := e.context(Solution{})
	id := c.ID(acc.Result(c))
	e.fail(c.Fail)
	return id
}

// Source evaluates a tree and hands out the columns asked for.
func Source(env *run.Env, n algebra.Node, vars []string) (run.Source, error) {
	sols, err := Eval(env, n)
	if err != nil {
		return nil, err
	}
	rows := make([][]kg.ID, len(sols))
	for i, s := range sols {
		rows[i] = make([]kg.ID, len(vars))
		for c, v := range vars {
			rows[i][c] = s[v]
		}
	}
	return run.Rows(vars, rows), nil
}
