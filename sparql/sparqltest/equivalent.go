package sparqltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// ErrTooLarge: a random query has too many rows, or takes the slow engine too
// long, to be compared.
var ErrTooLarge = errors.New("sparqltest: result too large")

// Bounds of what Equivalent compares: rows of a result, and time.
const (
	maxCompared = 2000
	slowTime    = time.Second
	fastTime    = 30 * time.Second
)

// Difference reports that two engines disagree on a query.
type Difference struct {
	Query      string
	Fast, Slow string
}

func (d *Difference) Error() string {
	return fmt.Sprintf("engines disagree on\n%s\nfast: %s\nslow: %s", d.Query, d.Fast, d.Slow)
}

// Equivalent runs a query with the optimising engine on one store and with the
// plain one on another store of the same content. It returns the number of
// rows (or triples) and nil if the results agree, *Difference if they do not,
// and ErrTooLarge if there are too many rows to tell.
func Equivalent(ctx context.Context, query string, fast, slow kg.Store) (int, error) {
	// The slow engine may give up; the fast one may not where the slow one did
	// not.
	b, berr := bounded(ctx, sparql.New(sparql.Options{NoOptimise: true}), slow, query, slowTime)
	if errors.Is(berr, ErrTooLarge) {
		return 0, ErrTooLarge
	}
	a, aerr := bounded(ctx, sparql.New(sparql.Options{}), fast, query, fastTime)
	if aerr != nil || berr != nil {
		if aerr != nil && berr != nil && aerr.Error() == berr.Error() {
			return 0, fmt.Errorf("sparqltest: %w\n%s", aerr, query)
		}
		return 0, &Difference{query, outcomeText(a, aerr), outcomeText(b, berr)}
	}
	if !sameOutcome(a, b) {
		return 0, &Difference{query, outcomeText(a, nil), outcomeText(b, nil)}
	}
	rows := len(a.Table.Rows) + len(a.Graph)
	if a.Boolean {
		rows = 1
	}
	return rows, nil
}

// bounded runs a query; a result that is too large or late is ErrTooLarge.
func bounded(ctx context.Context, e *sparql.Engine, st kg.Store, query string, most time.Duration) (o *Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			o, err = nil, fmt.Errorf("panic: %v", p)
		}
		if err != nil && ctx.Err() != nil {
			err = ErrTooLarge
		}
	}()
	p, err := e.Prepare(query, "")
	if err != nil {
		return nil, err
	}
	snap, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	res, err := p.Run(ctx, snap, sparql.Limits{})
	if err != nil {
		return nil, err
	}
	defer res.Close()
	return drain(res, maxCompared)
}

func sameOutcome(a, b *Outcome) bool {
	if a.Form != b.Form {
		return false
	}
	switch a.Form {
	case sparql.Ask:
		return a.Boolean == b.Boolean
	case sparql.Select:
		return SameRows(a.Table, b.Table, false)
	}
	return iso.Equal(a.Graph, b.Graph)
}

func outcomeText(o *Outcome, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	switch o.Form {
	case sparql.Ask:
		return fmt.Sprint(o.Boolean)
	case sparql.Select:
		return o.Table.String()
	}
	return "\n" + quadsText(o.Graph)
}

// Shrink makes a query on which differs returns true smaller, as long as it
// stays so: it leaves out elements, clauses and columns one by one.
func Shrink(query string, differs func(string) bool) string {
	for again := true; again; {
		again = false
		q, err := syntax.ParseQuery(query, "")
		if err != nil {
			return query
		}
		for _, smaller := range smallerQueries(q) {
			s := smaller.String()
			if len(s) < len(query) && differs(s) {
				query, again = s, true
				break
			}
		}
	}
	return strings.TrimSpace(query)
}

// smallerQueries returns copies of a query with one thing less.
func smallerQueries(q *syntax.Query) []*syntax.Query {
	var out []*syntax.Query
	change := func(f func(*syntax.Query)) {
		c := *q
		f(&c)
		out = append(out, &c)
	}
	if q.Limit >= 0 || q.Offset > 0 {
		change(func(c *syntax.Query) { c.Limit, c.Offset = -1, 0 })
	}
	if len(q.OrderBy) > 0 {
		change(func(c *syntax.Query) { c.OrderBy, c.Limit, c.Offset = nil, -1, 0 })
	}
	if len(q.Having) > 0 {
		change(func(c *syntax.Query) { c.Having = nil })
	}
	if q.Distinct {
		change(func(c *syntax.Query) { c.Distinct = false })
	}
	if len(q.Dataset) > 0 {
		change(func(c *syntax.Query) { c.Dataset = nil })
	}
	for i := range q.Project {
		if len(q.Project) > 1 {
			change(func(c *syntax.Query) { c.Project = without(q.Project, i) })
		}
	}
	for i := range q.GroupBy {
		change(func(c *syntax.Query) { c.GroupBy = without(q.GroupBy, i) })
	}
	for i := range q.Template {
		if len(q.Template) > 1 {
			change(func(c *syntax.Query) { c.Template = without(q.Template, i) })
		}
	}
	if q.Where != nil {
		for _, g := range smallerGroups(q.Where) {
			change(func(c *syntax.Query) { c.Where = g })
		}
	}
	return out
}

func without[T any](list []T, i int) []T {
	return append(append([]T(nil), list[:i]...), list[i+1:]...)
}

func smallerGroups(g *syntax.Group) []*syntax.Group {
	var out []*syntax.Group
	replace := func(i int, by ...syntax.Pattern) {
		elems := append(append(append([]syntax.Pattern(nil), g.Elems[:i]...), by...), g.Elems[i+1:]...)
		out = append(out, &syntax.Group{Elems: elems})
	}
	for i, e := range g.Elems {
		replace(i)
		inner := func(sub *syntax.Group, wrap func(*syntax.Group) syntax.Pattern) {
			replace(i, sub)
			for _, s := range smallerGroups(sub) {
				replace(i, wrap(s))
			}
		}
		switch e := e.(type) {
		case *syntax.Triples:
			for j := range e.Triples {
				if len(e.Triples) > 1 {
					replace(i, &syntax.Triples{Triples: without(e.Triples, j)})
				}
			}
		case *syntax.Group:
			replace(i, e.Elems...)
			for _, s := range smallerGroups(e) {
				replace(i, s)
			}
		case *syntax.Optional:
			inner(e.Group, func(s *syntax.Group) syntax.Pattern { return &syntax.Optional{Group: s} })
		case *syntax.Minus:
			inner(e.Group, func(s *syntax.Group) syntax.Pattern { return &syntax.Minus{Group: s} })
		case *syntax.Graph:
			inner(e.Group, func(s *syntax.Group) syntax.Pattern { return &syntax.Graph{Name: e.Name, Group: s} })
		case *syntax.Union:
			for j, sub := range e.Groups {
				replace(i, sub)
				for _, s := range smallerGroups(sub) {
					groups := append([]*syntax.Group(nil), e.Groups...)
					groups[j] = s
					replace(i, &syntax.Union{Groups: groups})
				}
			}
		case *syntax.SubSelect:
			replace(i, e.Query.Where)
			for _, q := range smallerQueries(e.Query) {
				replace(i, &syntax.SubSelect{Query: q})
			}
		case *syntax.Values:
			for j := range e.Rows {
				replace(i, &syntax.Values{Vars: e.Vars, Rows: without(e.Rows, j)})
			}
		case *syntax.Filter:
			for _, x := range smallerExprs(e.Expr) {
				replace(i, &syntax.Filter{Expr: x})
			}
		case *syntax.Bind:
			for _, x := range smallerExprs(e.Expr) {
				replace(i, &syntax.Bind{Expr: x, Var: e.Var})
			}
		}
	}
	return out
}

// smallerExprs returns the operands of an expression, and EXISTS with less in
// it.
func smallerExprs(e syntax.Expr) []syntax.Expr {
	switch e := e.(type) {
	case *syntax.Logic:
		out := append([]syntax.Expr(nil), e.Args...)
		for i, a := range e.Args {
			for _, x := range smallerExprs(a) {
				args := append([]syntax.Expr(nil), e.Args...)
				args[i] = x
				out = append(out, &syntax.Logic{And: e.And, Args: args})
			}
		}
		return out
	case *syntax.Unary:
		out := []syntax.Expr{e.X}
		for _, x := range smallerExprs(e.X) {
			out = append(out, &syntax.Unary{Op: e.Op, X: x})
		}
		return out
	case *syntax.Binary:
		out := []syntax.Expr{e.L, e.R}
		for _, x := range smallerExprs(e.L) {
			out = append(out, &syntax.Binary{Op: e.Op, L: x, R: e.R})
		}
		for _, x := range smallerExprs(e.R) {
			out = append(out, &syntax.Binary{Op: e.Op, L: e.L, R: x})
		}
		return out
	case *syntax.Call:
		if e.Name == "BOUND" {
			return nil
		}
		return e.Args
	case *syntax.Exists:
		var out []syntax.Expr
		for _, g := range smallerGroups(e.Group) {
			out = append(out, &syntax.Exists{Not: e.Not, Group: g})
		}
		return out
	}
	return nil
}
