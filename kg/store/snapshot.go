package store

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// state is one version of the store. It never changes.
type state struct {
	dictionary
	view    index.View
	base    *base
	root    *root // the newest root at or before it
	version uint64
	chain   uint64
	refs    atomic.Int64 // the store's own, and one per open snapshot
}

// acquire takes a hold on a state unless the last one is gone.
func (st *state) acquire() bool {
	for {
		n := st.refs.Load()
		if n == 0 {
			return false
		}
		if st.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (st *state) release() {
	if st.refs.Add(-1) == 0 {
		st.s.drop(st)
	}
}

// snapshot is a kg.Snapshot of a state.
type snapshot struct {
	*state
	closed atomic.Bool
}

var (
	_ kg.Snapshot        = (*snapshot)(nil)
	_ kg.TermBatcher     = (*snapshot)(nil)
	_ kg.StatsProvider   = (*snapshot)(nil)
	_ kg.DistinctScanner = (*snapshot)(nil)
)

// Version implements kg.Snapshot.
func (s *snapshot) Version() uint64 { return s.version }

// Size implements kg.Snapshot.
func (s *snapshot) Size() int64 { return s.view.Size() }

// Close implements kg.Snapshot.
func (s *snapshot) Close() error {
	if !s.closed.Swap(true) {
		s.release()
	}
	return nil
}

// Lookup implements kg.Snapshot.
func (s *snapshot) Lookup(t kg.Term) (kg.ID, bool, error) {
	if s.closed.Load() {
		return 0, false, kg.ErrClosed
	}
	return s.id(t)
}

// Term implements kg.Snapshot.
func (s *snapshot) Term(id kg.ID) (kg.Term, error) {
	if s.closed.Load() {
		return kg.Term{}, kg.ErrClosed
	}
	return s.term(id)
}

// Terms implements kg.TermBatcher.
func (s *snapshot) Terms(ids []kg.ID, dst []kg.Term) error {
	if s.closed.Load() {
		return kg.ErrClosed
	}
	return s.terms(ids, dst)
}

// Scan implements kg.Snapshot.
func (s *snapshot) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.Cursor {
	if s.closed.Load() {
		return index.Failed(kg.ErrClosed)
	}
	return s.view.Scan(ctx, p, o)
}

// Estimate implements kg.Snapshot. It is exact if an order has the bound
// positions as its prefix, else an upper bound.
func (s *snapshot) Estimate(p kg.Pattern) float64 {
	if s.closed.Load() {
		return 0
	}
	n, err := s.view.Estimate(p)
	if err != nil {
		// The scan that follows meets the same damage and reports it.
		return float64(s.view.Size())
	}
	return n
}

// PredicateStats implements kg.StatsProvider. The count is exact; the distinct
// numbers are those of the last compaction, plus what was added since.
func (s *snapshot) PredicateStats(p kg.ID) (kg.PredicateStats, bool) {
	if s.closed.Load() {
		return kg.PredicateStats{}, false
	}
	st, _ := s.base.predicate(p)
	stored := st.Count
	n, err := s.view.Count(kg.PSO, index.Key{p}, 1)
	if err != nil || n == 0 || p == kg.Any {
		return kg.PredicateStats{}, false
	}
	st.Count = n
	more := max(n-stored, 0)
	st.Subjects = max(min(st.Subjects+more, n), 1)
	st.Objects = max(min(st.Objects+more, n), 1)
	return st, true
}

// Distinct implements kg.DistinctScanner.
func (s *snapshot) Distinct(ctx context.Context, o kg.Order) iter.Seq2[kg.ID, int64] {
	if s.closed.Load() {
		return func(func(kg.ID, int64) bool) {}
	}
	return s.view.Distinct(ctx, o)
}

// known reports whether an id stands for a term of the state.
func (s *state) known(id kg.ID) bool {
	if id.Inlined() {
		return dict.Valid(id)
	}
	return inDictionary(id.Tag()) && id.Payload() < s.next[id.Tag()]
}
