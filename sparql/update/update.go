// Package update runs the operations of SPARQL 1.1 Update inside one
// transaction.
package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Options is what operations may ask for.
type Options struct {
	Limits run.Limits
	Now    func() time.Time
	// DefaultGraphUnion as in the engine: only WHERE clauses see the union.
	DefaultGraphUnion bool
	// LoadFile opens the document of a LOAD; nil refuses.
	LoadFile func(iri string) (io.ReadCloser, error)
	// Source evaluates a WHERE clause.
	Source func(env *run.Env, n algebra.Node, vars []string) (run.Source, error)
	// Using and UsingNamed come from the protocol; they stand for USING.
	Using, UsingNamed []string
	HasUsing          bool
}

// Stats counts the quads that were added and removed.
type Stats struct{ Added, Removed int64 }

// ErrLoad: LOAD is switched off.
var ErrLoad = errors.New("sparql: LOAD is not allowed: no source of documents is configured")

// ErrGraph: an operation of graph management met a missing or existing graph.
var ErrGraph = errors.New("sparql: graph")

// Run executes all operations on a transaction. After an error the
// transaction must be given up.
func Run(ctx context.Context, tx kg.Tx, u *syntax.Update, o Options) (Stats, error) {
	r := &runner{ctx: ctx, tx: tx, o: o, deadline: time.Now().Add(o.Limits.Timeout)}
	for i, op := range u.Operations {
		var pro syntax.Prologue
		if i < len(u.Prologues) {
			pro = u.Prologues[i]
		}
		if err := r.operation(op, pro); err != nil {
			if len(u.Operations) > 1 {
				return Stats{}, fmt.Errorf("operation %d of %d (line %d): %w", i+1, len(u.Operations), op.Position().Line, err)
			}
			return Stats{}, err
		}
	}
	return r.stats, nil
}

type runner struct {
	ctx      context.Context
	tx       kg.Tx
	o        Options
	stats    Stats
	deadline time.Time
}

func (r *runner) insert(q kg.Quad) error {
	ok, err := r.tx.Insert(q)
	if ok {
		r.stats.Added++
	}
	return err
}

func (r *runner) remove(q kg.Quad) error {
	ok, err := r.tx.Delete(q)
	if ok {
		r.stats.Removed++
	}
	return err
}

func (r *runner) operation(op syntax.Operation, pro syntax.Prologue) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	switch op := op.(type) {
	case *syntax.InsertData:
		return r.insertData(op.Quads)
	case *syntax.DeleteData:
		return r.deleteData(op.Quads)
	case *syntax.DeleteWhere:
		return r.modify(&syntax.Modify{Delete: op.Quads, HasDelete: true, Where: quadGroup(op.Quads)}, pro)
	case *syntax.Modify:
		return r.modify(op, pro)
	case *syntax.Load:
		return silent(op.Silent, func() error { return r.load(op, pro) }, r)
	case *syntax.Clear:
		return silent(op.Silent, func() error { return r.clear(op) }, r)
	case *syntax.Create:
		return silent(op.Silent, func() error { return r.create(op) }, r)
	case *syntax.Transfer:
		return silent(op.Silent, func() error { return r.transfer(op) }, r)
	}
	return fmt.Errorf("sparql: unknown operation %T", op)
}

// silent drops the errors of graph management that SILENT is meant for; those
// of the store still end the request.
func silent(on bool, f func() error, r *runner) error {
	err := f()
	if err == nil || !on || r.ctx.Err() != nil {
		return err
	}
	var le *run.LimitError
	var se *storeError
	if errors.As(err, &le) || errors.As(err, &se) {
		return err
	}
	return nil
}

// storeError marks faults of the transaction, which SILENT must not hide.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func fault(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// labels makes the blank nodes of one operation new: its prefix is unlike any
// other.
type labels struct{ prefix string }

func (r *runner) data(n syntax.TermNode, l *labels) (kg.ID, error) {
	t, err := ground(n, l)
	if err != nil {
		return 0, err
	}
	return r.tx.Intern(t)
}

// ground returns the term of data; blank nodes get fresh labels.
func ground(n syntax.TermNode, l *labels) (kg.Term, error) {
	switch n := n.(type) {
	case *syntax.Const:
		if n.Term.Kind == kg.Blank {
			return kg.NewBlank(l.prefix + n.Term.Value), nil
		}
		return n.Term, nil
	case *syntax.TripleTerm:
		var t [3]kg.Term
		for i, p := range []syntax.TermNode{n.S, n.P, n.O} {
			var err error
			if t[i], err = ground(p, l); err != nil {
				return kg.Term{}, err
			}
		}
		return kg.NewTriple(t[0], t[1], t[2]), nil
	}
	return kg.Term{}, fmt.Errorf("sparql: variable %s in data", n)
}

func (r *runner) insertData(quads []syntax.Quad) error {
	l := &labels{prefix: run.BlankPrefix()}
	for _, q := range quads {
		x, err := r.quad(q, l)
		if err == nil {
			err = r.insert(x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) quad(q syntax.Quad, l *labels) (kg.Quad, error) {
	x := kg.Quad{G: kg.DefaultGraph}
	var err error
	p, ok := q.Triple.P.(syntax.TermNode)
	if !ok {
		return x, fmt.Errorf("sparql: path %s in data", q.Triple.P)
	}
	if x.S, err = r.data(q.Triple.S, l); err != nil {
		return x, err
	}
	if x.P, err = r.data(p, l); err != nil {
		return x, err
	}
	if x.O, err = r.data(q.Triple.O, l); err != nil {
		return x, err
	}
	if q.Graph != nil {
		x.G, err = r.data(q.Graph, l)
	}
	return x, err
}

func (r *runner) deleteData(quads []syntax.Quad) error {
	for _, q := range quads {
		x := kg.Quad{G: kg.DefaultGraph}
		known := true
		find := func(n syntax.TermNode) (kg.ID, error) {
			t, err := ground(n, &labels{})
			if err != nil {
				return 0, err
			}
			id, ok, err := r.tx.Lookup(t)
			known = known && ok
			return id, err
		}
		p, ok := q.Triple.P.(syntax.TermNode)
		if !ok {
			return fmt.Errorf("sparql: path %s in data", q.Triple.P)
		}
		var err error
		if x.S, err = find(q.Triple.S); err != nil {
			return err
		}
		if x.P, err = find(p); err != nil {
			return err
		}
		if x.O, err = find(q.Triple.O); err != nil {
			return err
		}
		if q.Graph != nil {
			if x.G, err = find(q.Graph); err != nil {
				return err
			}
		}
		if known {
			if err := r.remove(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// quadGroup turns the quads of DELETE WHERE into a pattern.
func quadGroup(quads []syntax.Quad) *syntax.Group {
	g := &syntax.Group{}
	for _, q := range quads {
		ts := &syntax.Triples{Triples: []*syntax.Triple{q.Triple}}
		if q.Graph == nil {
			g.Elems = append(g.Elems, ts)
		} else {
			g.Elems = append(g.Elems, &syntax.Graph{Name: q.Graph, Group: &syntax.Group{Elems: []syntax.Pattern{ts}}})
		}
	}
	return g
}

// modify evaluates WHERE once, then deletes, then inserts (SPARQL 1.1 Update,
// section 3.1.3).
func (r *runner) modify(op *syntax.Modify, pro syntax.Prologue) error {
	if r.o.HasUsing && (op.With != "" || len(op.Using) > 0) {
		return errors.New("sparql: the request names graphs both in its parameters (using-graph-uri) and in its text (WITH or USING); use one of them")
	}
	// USING replaces WITH for the WHERE clause.
	with := op.With
	using, usingNamed, hasUsing := r.o.Using, r.o.UsingNamed, r.o.HasUsing
	for _, u := range op.Using {
		hasUsing = true
		if u.Named {
			usingNamed = append(usingNamed, u.IRI)
		} else {
			using = append(using, u.IRI)
		}
	}
	if hasUsing {
		with = ""
	}
	node, err := algebra.Where(op.Where, with)
	if err != nil {
		return err
	}
	l := r.o.Limits
	if l.Timeout > 0 {
		l.Timeout = max(time.Until(r.deadline), time.Nanosecond)
	}
	env := run.NewEnv(r.ctx, r.tx, l, r.o.Now(), pro.Base)
	defer env.Close()
	switch {
	case hasUsing:
		err = env.SetDataset(using, usingNamed)
	case r.o.DefaultGraphUnion && with == "":
		env.SetUnion()
	}
	if err != nil {
		return err
	}
	del, ins := newQuads(op.Delete, op.With), newQuads(op.Insert, op.With)
	vars := algebra.NewSet(del.vars()...)
	vars.AddAll(ins.vars())
	src, err := r.o.Source(env, node, vars.List())
	if err != nil {
		return err
	}
	defer src.Close()
	// All quads are made before the first write: WHERE must not see them.
	var removed, added []termQuad
	if err := instantiate(env, src, del, ins, &removed, &added); err != nil {
		return err
	}
	for _, q := range removed {
		x, ok, err := r.known(env, q)
		if err == nil && ok {
			err = r.remove(x)
		}
		if err != nil {
			return err
		}
	}
	for _, q := range added {
		x, err := r.intern(env, q)
		if err == nil {
			err = r.insert(x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// known finds a quad made of ids of the run; false if a term is not stored.
func (r *runner) known(env *run.Env, q termQuad) (x kg.Quad, ok bool, err error) {
	for _, id := range q {
		if run.Missing(id) {
			return x, false, nil
		}
	}
	return kg.Quad{S: q[0], P: q[1], O: q[2], G: q[3]}, true, nil
}

func (r *runner) intern(env *run.Env, q termQuad) (kg.Quad, error) {
	for i, id := range q {
		if run.Missing(id) {
			t, err := env.Terms.Term(id)
			if err != nil {
				return kg.Quad{}, err
			}
			if q[i], err = r.tx.Intern(*t); err != nil {
				return kg.Quad{}, err
			}
		}
	}
	return kg.Quad{S: q[0], P: q[1], O: q[2], G: q[3]}, nil
}

// load reads a document into a graph.
func (r *runner) load(op *syntax.Load, pro syntax.Prologue) error {
	if r.o.LoadFile == nil {
		return ErrLoad
	}
	f, err := r.o.LoadFile(op.Source)
	if err != nil {
		return fmt.Errorf("sparql: LOAD <%s>: %w", op.Source, err)
	}
	defer f.Close()
	format, ok := rdf.FormatByExtension(op.Source)
	if !ok {
		format = rdf.Turtle
	}
	g := kg.DefaultGraph
	if op.Into != "" {
		if g, err = r.tx.Intern(kg.NewIRI(op.Into)); err != nil {
			return fault(err)
		}
	}
	for q, err := range rdf.Read(r.ctx, f, rdf.ReadOptions{Format: format, Base: op.Source}) {
		if err != nil {
			return fmt.Errorf("sparql: LOAD <%s>: %w", op.Source, err)
		}
		x := kg.Quad{G: g}
		for i, t := range []kg.Term{q.S, q.P, q.O, q.G} {
			if t.Kind == kg.None || i == 3 && op.Into != "" {
				continue
			}
			id, err := r.tx.Intern(t)
			if err != nil {
				return fault(err)
			}
			switch i {
			case 0:
				x.S = id
			case 1:
				x.P = id
			case 2:
				x.O = id
			case 3:
				x.G = id
			}
		}
		if err := r.insert(x); err != nil {
			return fault(err)
		}
	}
	return nil
}
