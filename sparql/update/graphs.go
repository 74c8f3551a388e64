package update

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// A graph exists here as long as it holds a quad: the store keeps no empty
// graphs (SPARQL 1.1 Update, section 3.2 allows that). CREATE therefore only
// checks, and operations on graphs that do not exist are no error for
// CLEAR and DROP DEFAULT, NAMED and ALL.

// target returns the graphs that an operation means; ok is false if a graph
// that was named does not exist.
func (r *runner) target(t syntax.Target) (graphs []kg.ID, ok bool, err error) {
	switch t.Kind {
	case syntax.TargetDefault:
		return []kg.ID{kg.DefaultGraph}, true, nil
	case syntax.TargetIRI:
		id, found, err := r.tx.Lookup(kg.NewIRI(t.IRI))
		if err != nil || !found {
			return nil, false, fault(err)
		}
		found, err = r.exists(id)
		return []kg.ID{id}, found, err
	}
	graphs, err = run.StoreGraphs(r.ctx, r.tx)
	if t.Kind == syntax.TargetAll {
		graphs = append(graphs, kg.DefaultGraph)
	}
	return graphs, true, fault(err)
}

func (r *runner) exists(g kg.ID) (bool, error) {
	c := r.tx.Scan(r.ctx, kg.Pattern{G: g}, kg.GSPO)
	defer c.Close()
	return c.Next(), fault(c.Err())
}

func (r *runner) quads(g kg.ID) (out []kg.Quad, err error) {
	c := r.tx.Scan(r.ctx, kg.Pattern{G: g}, kg.GSPO)
	defer c.Close()
	var buf [512]kg.Quad
	for {
		n := kg.NextBatch(c, buf[:])
		if n == 0 {
			return out, fault(c.Err())
		}
		out = append(out, buf[:n]...)
	}
}

func (r *runner) clearGraph(g kg.ID) error {
	qs, err := r.quads(g)
	if err != nil {
		return err
	}
	for _, q := range qs {
		if err := r.remove(q); err != nil {
			return fault(err)
		}
	}
	return nil
}

func missing(iri string) error {
	return fmt.Errorf("%w <%s> does not exist; use SILENT to go on", ErrGraph, iri)
}

func (r *runner) clear(op *syntax.Clear) error {
	graphs, ok, err := r.target(op.Target)
	if err != nil {
		return err
	}
	if !ok {
		return missing(op.Target.IRI)
	}
	for _, g := range graphs {
		if err := r.clearGraph(g); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) create(op *syntax.Create) error {
	_, ok, err := r.target(syntax.Target{IRI: op.IRI})
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("%w <%s> exists already; use SILENT to go on", ErrGraph, op.IRI)
	}
	return nil
}

// transfer is ADD, MOVE or COPY (SPARQL 1.1 Update, section 3.2.3 to 3.2.5).
func (r *runner) transfer(op *syntax.Transfer) error {
	if op.From == op.To {
		return nil
	}
	from, ok, err := r.target(op.From)
	if err != nil {
		return err
	}
	if !ok {
		return missing(op.From.IRI)
	}
	to := kg.DefaultGraph
	if op.To.Kind == syntax.TargetIRI {
		if to, err = r.tx.Intern(kg.NewIRI(op.To.IRI)); err != nil {
			return fault(err)
		}
	}
	qs, err := r.quads(from[0])
	if err != nil {
		return err
	}
	if op.Kind != syntax.AddGraph {
		if err := r.clearGraph(to); err != nil {
			return err
		}
	}
	for _, q := range qs {
		q.G = to
		if err := r.insert(q); err != nil {
			return fault(err)
		}
	}
	if op.Kind == syntax.MoveGraph {
		return r.clearGraph(from[0])
	}
	return nil
}
