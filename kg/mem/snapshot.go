package mem

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

type snapshot struct {
	st    *state
	blobs *blobs
	done  atomic.Bool
}

var (
	_ kg.Snapshot        = (*snapshot)(nil)
	_ kg.StatsProvider   = (*snapshot)(nil)
	_ kg.DistinctScanner = (*snapshot)(nil)
	_ kg.TermBatcher     = (*snapshot)(nil)
	_ kg.Tx              = (*tx)(nil)
)

func (s *snapshot) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.Cursor {
	if s.done.Load() {
		return &cursor{err: kg.ErrClosed}
	}
	return &cursor{ctx: ctx, p: p, o: o, qs: s.st.match(p, o), i: -1}
}

func (s *snapshot) Estimate(p kg.Pattern) float64 {
	n := 0
	for _, q := range s.st.match(p, kg.BestOrder(p)) {
		if p.Matches(q) {
			n++
		}
	}
	return float64(n)
}

func (s *snapshot) Lookup(t kg.Term) (kg.ID, bool, error) {
	if s.done.Load() {
		return 0, false, kg.ErrClosed
	}
	if id, ok := dict.Inline(t); ok {
		return id, true, nil
	}
	id, ok := s.st.ids[t.String()]
	return id, ok && t.Kind != kg.None, nil
}

func (s *snapshot) Term(id kg.ID) (kg.Term, error) {
	if s.done.Load() {
		return kg.Term{}, kg.ErrClosed
	}
	if id == kg.Any || id == kg.DefaultGraph {
		return kg.Term{}, nil
	}
	if t, ok := dict.Value(id); ok {
		return t, nil
	}
	if t, ok := s.st.terms[id]; ok {
		return t, nil
	}
	return kg.Term{}, fmt.Errorf("%w: %#x", kg.ErrUnknownID, uint64(id))
}

func (s *snapshot) Terms(ids []kg.ID, dst []kg.Term) error {
	for i, id := range ids {
		t, err := s.Term(id)
		if err != nil {
			return err
		}
		dst[i] = t
	}
	return nil
}

func (s *snapshot) PredicateStats(p kg.ID) (kg.PredicateStats, bool) {
	subjects, objects := map[kg.ID]bool{}, map[kg.ID]bool{}
	qs := s.st.match(kg.Pattern{P: p}, kg.PSO)
	if p == kg.Any || len(qs) == 0 {
		return kg.PredicateStats{}, false
	}
	for _, q := range qs {
		subjects[q.S], objects[q.O] = true, true
	}
	return kg.PredicateStats{Count: int64(len(qs)), Subjects: int64(len(subjects)), Objects: int64(len(objects))}, true
}

func (s *snapshot) Distinct(ctx context.Context, o kg.Order) iter.Seq2[kg.ID, int64] {
	return func(yield func(kg.ID, int64) bool) {
		qs := s.st.inOrder(o)
		for i := 0; i < len(qs) && ctx.Err() == nil; {
			first := o.Key(qs[i])[0]
			j := i
			for j < len(qs) && o.Key(qs[j])[0] == first {
				j++
			}
			if !yield(first, int64(j-i)) {
				return
			}
			i = j
		}
	}
}

func (s *snapshot) Version() uint64 { return s.st.version }
func (s *snapshot) Size() int64     { return int64(len(s.st.quads)) }

func (s *snapshot) Close() error {
	s.done.Store(true)
	return nil
}

// cursor walks sorted quads and skips those that do not match.
type cursor struct {
	ctx context.Context
	p   kg.Pattern
	o   kg.Order
	qs  []kg.Quad
	i   int
	err error

	closed bool
}

func (c *cursor) Next() bool { return c.from(c.i + 1) }

// from moves to the first match at or after i.
func (c *cursor) from(i int) bool {
	if c.closed && c.err == nil {
		c.err = kg.ErrClosed
	}
	if c.err != nil {
		return false
	}
	if c.err = c.ctx.Err(); c.err != nil {
		return false
	}
	for i < len(c.qs) && !c.p.Matches(c.qs[i]) {
		i++
	}
	c.i = min(i, len(c.qs))
	return i < len(c.qs)
}

func (c *cursor) Seek(q kg.Quad) bool {
	if c.err != nil {
		return false
	}
	i := max(c.i, 0)
	i += sort.Search(len(c.qs)-i, func(j int) bool { return c.o.Compare(c.qs[i+j], q) >= 0 })
	return c.from(i)
}

func (c *cursor) Quad() kg.Quad { return c.qs[c.i] }
func (c *cursor) Err() error    { return c.err }

func (c *cursor) Close() error {
	c.closed = true
	return nil
}

// tx works on a private copy of the state.
type tx struct {
	snapshot
	closed  bool
	changed map[kg.Quad]struct{} // quads whose presence differs from the base
}

func (x *tx) Close() error { return nil }

// Scan sorts a copy, so that a later write does not disturb the cursor.
func (x *tx) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.Cursor {
	if x.closed {
		return &cursor{err: kg.ErrClosed}
	}
	return x.snapshot.Scan(ctx, p, o)
}

func (x *tx) Intern(t kg.Term) (kg.ID, error) {
	if x.closed {
		return 0, kg.ErrClosed
	}
	if id, ok := dict.Inline(t); ok {
		return id, nil
	}
	tag, err := dict.TagOf(t)
	if err != nil {
		return 0, err
	}
	if tag == kg.TagTriple {
		for _, u := range t.Spo {
			if _, err := x.Intern(u); err != nil {
				return 0, err
			}
		}
	} else if _, err := dict.AppendKey(nil, tag, t); err != nil {
		return 0, err
	}
	key := t.String()
	if id, ok := x.st.ids[key]; ok {
		return id, nil
	}
	id := kg.MakeID(tag, uint64(len(x.st.terms)))
	x.st.ids[key], x.st.terms[id] = id, t
	return id, nil
}

func (x *tx) Insert(q kg.Quad) (bool, error) {
	if err := x.check(q); err != nil {
		return false, err
	}
	if _, ok := x.st.quads[q]; ok {
		return false, nil
	}
	x.st.quads[q] = struct{}{}
	x.flip(q)
	return true, nil
}

func (x *tx) Delete(q kg.Quad) (bool, error) {
	if x.closed {
		return false, kg.ErrClosed
	}
	if _, ok := x.st.quads[q]; !ok {
		return false, nil
	}
	delete(x.st.quads, q)
	x.flip(q)
	return true, nil
}

func (x *tx) flip(q kg.Quad) {
	x.st.touch()
	if _, ok := x.changed[q]; ok {
		delete(x.changed, q)
	} else {
		x.changed[q] = struct{}{}
	}
}

func (x *tx) check(q kg.Quad) error {
	if x.closed {
		return kg.ErrClosed
	}
	for _, id := range []kg.ID{q.S, q.P, q.O} {
		if id == kg.Any || id == kg.DefaultGraph {
			return fmt.Errorf("mem: insert %v: subject, predicate and object must be terms", q)
		}
		if _, err := x.Term(id); err != nil {
			return fmt.Errorf("mem: insert %v: %w", q, err)
		}
	}
	if !slices.Contains([]kg.Tag{kg.TagReserved, kg.TagIRI, kg.TagBlank}, q.G.Tag()) || q.G == kg.Any {
		return fmt.Errorf("mem: insert %v: the graph must be the default graph, an IRI or a blank node", q)
	}
	if _, err := x.Term(q.G); err != nil {
		return fmt.Errorf("mem: insert %v: %w", q, err)
	}
	return nil
}
