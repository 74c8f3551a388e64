package update

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// termQuad is a quad of ids of a run, local ones included.
type termQuad [4]kg.ID

// quads is a template with a graph per triple.
type quads struct {
	triples []algebra.Triple
	nested  map[string][3]algebra.Ref
	graphs  []algebra.Ref // zero: the default graph
}

func newQuads(list []syntax.Quad, with string) *quads {
	q := &quads{}
	var ts []*syntax.Triple
	for _, x := range list {
		ts = append(ts, x.Triple)
		switch g := x.Graph.(type) {
		case nil:
			if with != "" {
				q.graphs = append(q.graphs, algebra.T(kg.NewIRI(with)))
			} else {
				q.graphs = append(q.graphs, algebra.Ref{})
			}
		case *syntax.Var:
			q.graphs = append(q.graphs, algebra.V(g.Name))
		case *syntax.Const:
			q.graphs = append(q.graphs, algebra.T(g.Term))
		}
	}
	q.triples, q.nested = algebra.Template(ts)
	return q
}

// vars are the variables that WHERE must bind.
func (q *quads) vars() []string {
	s := algebra.NewSet(algebra.TemplateVars(q.triples, q.nested)...)
	for _, g := range q.graphs {
		s.Add(g.Var)
	}
	return s.List()
}

// filler makes quads of rows.
type filler struct {
	t      *run.Template
	col    []int   // column of a graph variable, or -1
	graphs []kg.ID // constant graphs
	out    *[]termQuad
}

func (q *quads) filler(env *run.Env, vars []string, out *[]termQuad) (*filler, error) {
	t, err := run.NewTemplate(env, vars, q.triples, q.nested)
	if err != nil {
		return nil, err
	}
	f := &filler{t: t, out: out}
	for _, g := range q.graphs {
		id, col := kg.DefaultGraph, -1
		if g.IsVar() {
			id = kg.Any
			for i, v := range vars {
				if v == g.Var {
					col = i
				}
			}
		} else if g.Term.Kind != kg.None {
			if id, err = env.Terms.Intern(g.Term); err != nil {
				return nil, err
			}
		}
		f.graphs, f.col = append(f.graphs, id), append(f.col, col)
	}
	return f, nil
}

const quadBytes = 32

func (f *filler) fill(env *run.Env, b *run.Batch, row int) error {
	return f.t.Fill(b, row, func(q [3]kg.ID, i int) error {
		g := f.graphs[i]
		if c := f.col[i]; c >= 0 {
			g = b.Cols[c][row]
			t, err := env.Terms.Term(g)
			if err != nil || t.Kind != kg.IRI && t.Kind != kg.Blank {
				return err // not a graph name: the quad is left out
			}
		}
		if g == kg.Any {
			return nil
		}
		*f.out = append(*f.out, termQuad{q[0], q[1], q[2], g})
		return env.Grow(quadBytes, "update")
	})
}

// instantiate fills both templates with every solution.
func instantiate(env *run.Env, src run.Source, del, ins *quads, removed, added *[]termQuad) error {
	fd, err := del.filler(env, src.Vars(), removed)
	if err != nil {
		return err
	}
	fi, err := ins.filler(env, src.Vars(), added)
	if err != nil {
		return err
	}
	for {
		b, err := src.Next()
		if err != nil || b == nil {
			return err
		}
		for row := range b.N {
			if err := fd.fill(env, b, row); err != nil {
				return err
			}
			times := int64(1)
			if b.Mult != nil && fi.t.Fresh() {
				times = b.Mult[row]
			}
			for ; times > 0; times-- {
				if err := fi.fill(env, b, row); err != nil {
					return err
				}
			}
		}
		if err := env.Check("update"); err != nil {
			return err
		}
	}
}
