package naive

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// path evaluates a path pattern (SPARQL 1.1, section 18.4 and 18.5).
func (e *evaluator) path(n *algebra.Path) (out []Solution) {
	if n.Graph.Name.IsVar() {
		// Each graph alone, as GRAPH does.
		return e.eval(&algebra.Graph{Var: n.Graph.Name.Var, Input: &algebra.Path{
			Graph: algebra.GraphRef{Kind: algebra.Current}, S: n.S, Path: n.Path, O: n.O,
		}})
	}
	p := &pathEval{e: e, g: n.Graph}
	var starts []kg.ID
	if n.S.IsVar() {
		if !n.O.IsVar() && n.O.Var == "" {
			// Walk backwards from the constant end.
			for _, x := range p.from(e.intern(n.O.Term), algebra.Invert(n.Path)) {
				out = append(out, Solution{n.S.Var: x})
			}
			return out
		}
		starts = p.nodes()
	} else {
		starts = []kg.ID{e.intern(n.S.Term)}
	}
	for _, s := range starts {
		for _, o := range p.from(s, n.Path) {
			u := Solution{}
			if n.S.IsVar() {
				u[n.S.Var] = s
			}
			switch {
			case !n.O.IsVar():
				if o != e.intern(n.O.Term) {
					continue
				}
			case n.O.Var == n.S.Var:
				if o != s {
					continue
				}
			default:
				u[n.O.Var] = o
			}
			out = append(out, u)
			if !e.grow(u) {
				return nil
			}
		}
	}
	return out
}

type pathEval struct {
	e *evaluator
	g algebra.GraphRef
}

// nodes are all subjects and objects of the graph.
func (p *pathEval) nodes() (out []kg.ID) {
	err := p.e.env.Scan(p.g, kg.Pattern{}, kg.SPO, func(q kg.Quad) bool {
		out = append(out, q.S, q.O)
		return true
	})
	p.e.fail(err)
	slices.Sort(out)
	return slices.Compact(out)
}

// from returns the ends of a path, with duplicates where the path keeps them.
func (p *pathEval) from(x kg.ID, path algebra.PathExpr) (out []kg.ID) {
	if p.e.err != nil || p.e.fail(p.e.env.Check("path")) {
		return nil
	}
	switch path := path.(type) {
	case *algebra.Link:
		return p.step(x, false, func(q kg.ID) bool { return q == p.e.intern(path.IRI) })
	case *algebra.Inv:
		if l, ok := path.Path.(*algebra.Link); ok {
			return p.step(x, true, func(q kg.ID) bool { return q == p.e.intern(l.IRI) })
		}
		return p.from(x, algebra.Invert(path.Path))
	case *algebra.Neg:
		return p.step(x, path.Inverse, func(q kg.ID) bool {
			return !slices.ContainsFunc(path.Not, func(t kg.Term) bool { return p.e.intern(t) == q })
		})
	case *algebra.Seq:
		for _, y := range p.from(x, path.A) {
			out = append(out, p.from(y, path.B)...)
		}
	case *algebra.Alt:
		return append(p.from(x, path.A), p.from(x, path.B)...)
	case *algebra.Repeat:
		seen := map[kg.ID]bool{}
		if path.Zero {
			seen[x] = true
			out = append(out, x)
		}
		todo := []kg.ID{x}
		for len(todo) > 0 {
			y := todo[0]
			todo = todo[1:]
			for _, z := range p.from(y, path.Path) {
				if !seen[z] {
					seen[z] = true
					out = append(out, z)
					if path.Many {
						todo = append(todo, z)
					}
				}
			}
		}
	}
	return out
}

func (p *pathEval) step(x kg.ID, back bool, ok func(kg.ID) bool) (out []kg.ID) {
	pat := kg.Pattern{S: x}
	if back {
		pat = kg.Pattern{O: x}
	}
	p.e.fail(p.e.env.Scan(p.g, pat, kg.BestOrder(pat), func(q kg.Quad) bool {
		if ok(q.P) {
			if back {
				out = append(out, q.S)
			} else {
				out = append(out, q.O)
			}
		}
		return true
	}))
	return out
}
