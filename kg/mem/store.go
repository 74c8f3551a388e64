// Package mem keeps quads in plain maps and sorts them when they are scanned.
// It is the slow, obvious twin of kg/store: every other store is compared with
// it, and it serves small graphs in tests.
//
// A committed state never changes. An update works on a copy of everything
// and replaces the state at the end, so snapshots, isolation and rollback are
// plain to see.
package mem

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/quaestor-kg/quaestor/kg"
)

// Store is a kg.Store in memory. Create one with New.
type Store struct {
	writer sync.Mutex // held by Update and Load

	blobs *blobs

	mu     sync.Mutex // guards the rest
	state  *state
	closed bool
}

var _ kg.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{blobs: &blobs{byName: map[string][]byte{}}, state: &state{
		quads: map[kg.Quad]struct{}{},
		ids:   map[string]kg.ID{},
		terms: map[kg.ID]kg.Term{},
	}}
}

// state is one version of the store. Only sorted changes after the state has
// been committed, and only from nil to its final value.
type state struct {
	version uint64
	quads   map[kg.Quad]struct{}
	ids     map[string]kg.ID // by Term.String
	terms   map[kg.ID]kg.Term

	mu     sync.Mutex
	sorted [kg.Orders][]kg.Quad
}

func (st *state) clone() *state {
	return &state{version: st.version, quads: maps.Clone(st.quads), ids: maps.Clone(st.ids), terms: maps.Clone(st.terms)}
}

// inOrder returns all quads sorted by o. Callers must not change them.
func (st *state) inOrder(o kg.Order) []kg.Quad {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sorted[o] == nil {
		qs := slices.AppendSeq(make([]kg.Quad, 0, len(st.quads)), maps.Keys(st.quads))
		slices.SortFunc(qs, o.Compare)
		st.sorted[o] = qs
	}
	return st.sorted[o]
}

// touch forgets the sorted copies after a write. Cursors keep theirs.
func (st *state) touch() { st.sorted = [kg.Orders][]kg.Quad{} }

// match returns the part of the quads sorted by o that can match p: those that
// share the bound prefix.
func (st *state) match(p kg.Pattern, o kg.Order) []kg.Quad {
	qs := st.inOrder(o)
	want := o.Key(kg.Quad(p))
	n := 0
	for n < len(want) && want[n] != kg.Any {
		n++
	}
	cmp := func(q kg.Quad) int {
		k := o.Key(q)
		return slices.Compare(k[:n], want[:n])
	}
	lo := sort.Search(len(qs), func(i int) bool { return cmp(qs[i]) >= 0 })
	hi := sort.Search(len(qs), func(i int) bool { return cmp(qs[i]) > 0 })
	return qs[lo:hi]
}

// Snapshot implements kg.Store.
func (s *Store) Snapshot() (kg.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, kg.ErrClosed
	}
	return &snapshot{st: s.state, blobs: s.blobs}, nil
}

// Update implements kg.Store.
func (s *Store) Update(ctx context.Context, fn func(kg.Tx) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	old, err := s.current(ctx)
	if err != nil {
		return err
	}
	x := &tx{snapshot: snapshot{st: old.clone(), blobs: s.blobs}, changed: map[kg.Quad]struct{}{}}
	defer func() { x.closed = true }()
	if err := fn(x); err != nil {
		return err
	}
	return s.commit(ctx, x)
}

func (s *Store) current(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, kg.ErrClosed
	}
	return s.state, nil
}

func (s *Store) commit(ctx context.Context, x *tx) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return kg.ErrClosed
	}
	if len(x.changed) == 0 {
		return nil
	}
	x.st.version++
	s.state = x.st
	return nil
}

// Load implements kg.Store.
func (s *Store) Load(ctx context.Context, quads iter.Seq2[kg.TermQuad, error]) (kg.LoadStats, error) {
	var stats kg.LoadStats
	err := s.Update(ctx, func(t kg.Tx) error {
		for tq, err := range quads {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			stats.Read++
			q, err := Intern(t, tq)
			if err != nil {
				return fmt.Errorf("quad %d of the input: %w", stats.Read, err)
			}
			added, err := t.Insert(q)
			if err != nil {
				return fmt.Errorf("quad %d of the input: %w", stats.Read, err)
			}
			if added {
				stats.Added++
			}
		}
		return nil
	})
	if err != nil {
		return kg.LoadStats{}, err
	}
	stats.Duplicates = stats.Read - stats.Added
	return stats, nil
}

// Intern interns the four terms of a quad.
func Intern(t kg.Tx, tq kg.TermQuad) (q kg.Quad, err error) {
	if q.S, err = t.Intern(tq.S); err != nil {
		return q, fmt.Errorf("subject: %w", err)
	}
	if q.P, err = t.Intern(tq.P); err != nil {
		return q, fmt.Errorf("predicate: %w", err)
	}
	if q.O, err = t.Intern(tq.O); err != nil {
		return q, fmt.Errorf("object: %w", err)
	}
	q.G = kg.DefaultGraph
	if tq.G.Kind != kg.None {
		if q.G, err = t.Intern(tq.G); err != nil {
			return q, fmt.Errorf("graph: %w", err)
		}
	}
	return q, nil
}

// Close implements kg.Store. Open snapshots stay valid.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
