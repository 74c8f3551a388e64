package sparql

import (
	"errors"
	"iter"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// Result is a running query. Close it. It is not safe for concurrent use.
type Result struct {
	Form    Form
	Vars    []string // of SELECT, without "?"
	Boolean bool     // of ASK

	env   *run.Env
	src   run.Source
	q     *algebra.Query
	limit int64
	done  bool
}

// Close stops the query and frees what it holds. It may be called twice.
func (r *Result) Close() error {
	if r.done {
		return nil
	}
	r.done = true
	if r.src != nil {
		r.src.Close()
	}
	r.env.Close()
	return nil
}

var errClosed = errors.New("sparql: the result is closed or was read before")

// more reports the limit error if n rows are too many.
func (r *Result) more(n int64) error {
	if r.limit > 0 && n > r.limit {
		return &LimitError{
			Name: "rows", Used: "more than " + strconv.FormatInt(r.limit, 10),
			Allowed: strconv.FormatInt(r.limit, 10), Stage: "result",
		}
	}
	return nil
}

// Rows yields the solutions of a SELECT query once. The slice is reused
// between rows; an unbound variable is the zero Term. After an error the
// sequence ends.
func (r *Result) Rows() iter.Seq2[[]kg.Term, error] {
	return func(yield func([]kg.Term, error) bool) {
		if r.Form != Select {
			return
		}
		if r.done {
			yield(nil, errClosed)
			return
		}
		var n int64
		row := make([]kg.Term, len(r.Vars))
		out := newColumns(r.env)
		for {
			b, err := r.src.Next()
			if err != nil {
				yield(nil, err)
				return
			}
			if b == nil {
				return
			}
			if err := out.resolve(b); err != nil {
				yield(nil, err)
				return
			}
			for i := range b.N {
				for c := range row {
					row[c] = out.term(c, i)
				}
				times := int64(1)
				if b.Mult != nil {
					times = b.Mult[i]
				}
				for ; times > 0; times-- {
					n++
					if err := r.more(n); err != nil {
						yield(nil, err)
						return
					}
					if n&4095 == 0 {
						if err := r.env.Check("result"); err != nil {
							yield(nil, err)
							return
						}
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		}
	}
}

// columns resolves a batch, each distinct id of a column once.
type columns struct {
	env   *run.Env
	terms []kg.Term
	ids   []kg.ID
	at    [][]int32 // per column and row: index into terms
	slot  map[kg.ID]int32
}

func newColumns(env *run.Env) *columns { return &columns{env: env, slot: map[kg.ID]int32{}} }

func (o *columns) term(c, i int) kg.Term { return o.terms[o.at[c][i]] }

func (o *columns) resolve(b *run.Batch) error {
	clear(o.slot)
	o.ids = o.ids[:0]
	for len(o.at) < len(b.Cols) {
		o.at = append(o.at, nil)
	}
	for c, col := range b.Cols {
		o.at[c] = o.at[c][:0]
		var last kg.ID
		lastAt := int32(-1)
		for _, id := range col[:b.N] {
			if id != last || lastAt < 0 {
				at, ok := o.slot[id]
				if !ok {
					at = int32(len(o.ids))
					o.slot[id] = at
					o.ids = append(o.ids, id)
				}
				last, lastAt = id, at
			}
			o.at[c] = append(o.at[c], lastAt)
		}
	}
	if cap(o.terms) < len(o.ids) {
		o.terms = make([]kg.Term, len(o.ids)+len(o.ids)/2)
	}
	o.terms = o.terms[:len(o.ids)]
	return o.env.Terms.Resolve(o.ids, o.terms)
}

// Quads yields the triples of a CONSTRUCT or DESCRIBE query once, without
// duplicates. After an error the sequence ends.
func (r *Result) Quads() iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		if r.Form != Construct && r.Form != Describe {
			return
		}
		if r.done {
			yield(kg.TermQuad{}, errClosed)
			return
		}
		seen := map[[3]kg.ID]struct{}{}
		var n int64
		stopped := false
		emit := func(t [3]kg.ID) error {
			if _, ok := seen[t]; ok {
				return nil
			}
			seen[t] = struct{}{}
			if err := r.env.Grow(48, "distinct triples"); err != nil {
				return err
			}
			n++
			if err := r.more(n); err != nil {
				return err
			}
			var terms [3]kg.Term
			if err := r.env.Terms.Resolve(t[:], terms[:]); err != nil {
				return err
			}
			if !yield(kg.TermQuad{S: terms[0], P: terms[1], O: terms[2]}, nil) {
				stopped = true
				return errClosed
			}
			return nil
		}
		var err error
		if r.Form == Construct {
			err = r.construct(emit)
		} else {
			err = r.describe(emit)
		}
		if err != nil && !stopped {
			yield(kg.TermQuad{}, err)
		}
	}
}

func (r *Result) construct(emit func([3]kg.ID) error) error {
	t, err := run.NewTemplate(r.env, r.src.Vars(), r.q.Template, r.q.Nested)
	if err != nil {
		return err
	}
	for {
		b, err := r.src.Next()
		if err != nil || b == nil {
			return err
		}
		for i := range b.N {
			// Equal rows give equal triples, but fresh blank nodes each time.
			times := int64(1)
			if b.Mult != nil && t.Fresh() {
				times = b.Mult[i]
			}
			for ; times > 0; times-- {
				if err := r.env.Check("construct"); err != nil {
					return err
				}
				err := t.Fill(b, i, func(q [3]kg.ID, _ int) error { return emit(q) })
				if err != nil {
					return err
				}
			}
		}
		if err := r.env.Check("construct"); err != nil {
			return err
		}
	}
}

// describe emits the concise bounded description of every resource: its
// statements, and those of the blank nodes they lead to.
func (r *Result) describe(emit func([3]kg.ID) error) error {
	done := map[kg.ID]bool{}
	visit := func(id kg.ID) error {
		todo := []kg.ID{id}
		for len(todo) > 0 {
			x := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if done[x] || x == kg.Any || run.Missing(x) {
				continue
			}
			done[x] = true
			if err := r.env.Grow(32, "describe"); err != nil {
				return err
			}
			var fault error
			err := r.env.Scan(algebra.GraphRef{}, kg.Pattern{S: x}, kg.SPO, func(q kg.Quad) bool {
				if q.O.Tag() == kg.TagBlank {
					todo = append(todo, q.O)
				}
				fault = emit([3]kg.ID{q.S, q.P, q.O})
				return fault == nil
			})
			if err = errors.Join(fault, err); fault != nil {
				return fault
			} else if err != nil {
				return err
			}
		}
		return nil
	}
	for _, ref := range r.q.Describe {
		if !ref.IsVar() {
			id, err := r.env.Terms.Intern(ref.Term)
			if err != nil {
				return err
			}
			if err := visit(id); err != nil {
				return err
			}
		}
	}
	for {
		b, err := r.src.Next()
		if err != nil || b == nil {
			return err
		}
		for _, col := range b.Cols {
			for _, id := range col[:b.N] {
				if err := visit(id); err != nil {
					return err
				}
			}
		}
	}
}
