package store

import (
	"context"
	"iter"
	"math"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// state is one version of the store. It never changes.
type state struct {
	dictionary
	root     *root
	segments []*segment
	delta    *delta
	size     int64
	version  uint64
	refs     atomic.Int64 // the store's own, and one per open snapshot
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
func (s *snapshot) Size() int64 { return s.size }

// Close implements kg.Snapshot.
func (s *snapshot) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.s.release(s.state)
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

// Terms implements kg.TermBatcher. Equal neighbours are resolved once.
func (s *snapshot) Terms(ids []kg.ID, dst []kg.Term) error {
	if s.closed.Load() {
		return kg.ErrClosed
	}
	for i, id := range ids {
		if i > 0 && id == ids[i-1] {
			dst[i] = dst[i-1]
			continue
		}
		if id.Inlined() {
			if t, ok := dict.Value(id); ok {
				dst[i] = t
				continue
			}
		}
		t, err := s.term(id)
		if err != nil {
			return err
		}
		dst[i] = t
	}
	return nil
}

// PredicateStats implements kg.StatsProvider. Distinct numbers are sums over
// the segments, so they are upper bounds; the delta is left out of them.
func (s *snapshot) PredicateStats(p kg.ID) (kg.PredicateStats, bool) {
	var st kg.PredicateStats
	for _, g := range s.segments {
		for _, ps := range g.ref.Predicates {
			if ps.P == p {
				st.Subjects += ps.Subjects
				st.Objects += ps.Objects
			}
		}
	}
	st.Count = int64(s.Estimate(kg.Pattern{P: p}))
	if st.Count > 0 {
		st.Subjects, st.Objects = max(st.Subjects, 1), max(st.Objects, 1)
	}
	return st, st.Count > 0
}

// prefix returns the bound columns at the beginning of an order, and how many
// there are.
func prefix(p kg.Pattern, o kg.Order) (k index.Key, n int) {
	k = o.Key(kg.Quad(p))
	for n < 4 && k[n] != kg.Any {
		n++
	}
	for i := n; i < 4; i++ {
		k[i] = kg.Any
	}
	return k, n
}

// after returns the first key behind all keys with the prefix; ok is false if
// there is none.
func after(k index.Key, n int) (index.Key, bool) {
	for i := n - 1; i >= 0; i-- {
		if k[i] != math.MaxUint64 {
			k[i]++
			for j := i + 1; j < 4; j++ {
				k[j] = 0
			}
			return k, true
		}
	}
	return k, false
}

// Estimate implements kg.Snapshot. It is exact if an order has the bound
// positions as its prefix, else an upper bound.
func (s *snapshot) Estimate(p kg.Pattern) float64 {
	best := float64(s.size)
	orders := []kg.Order{kg.BestOrder(p)}
	if p.G != kg.Any {
		orders = append(orders, kg.GSPO)
	}
	for _, o := range orders {
		k, n := prefix(p, o)
		if c, err := s.count(o, k, n); err == nil {
			best = min(best, float64(c))
		}
	}
	return best
}

// count returns the number of quads whose key in order o has a prefix.
func (s *state) count(o kg.Order, k index.Key, n int) (int64, error) {
	if n == 0 {
		return s.size, nil
	}
	hi, bounded := after(k, n)
	var total int64
	for _, g := range s.segments {
		lo, err := s.s.rank(g, o, k)
		if err != nil {
			return 0, err
		}
		end := g.ref.Quads
		if bounded {
			if end, err = s.s.rank(g, o, hi); err != nil {
				return 0, err
			}
		}
		total += end - lo
	}
	part := func(set sortedSet) int64 {
		keys := set.keys(o)
		end := len(keys)
		if bounded {
			end = lower(keys, hi)
		}
		return int64(end - lower(keys, k))
	}
	return total + part(s.delta.added) - part(s.delta.removed), nil
}

// contains reports whether a quad is in the state.
func (s *state) contains(q kg.Quad) (bool, error) {
	if s.delta.added.has(q) {
		return true, nil
	}
	if s.delta.removed.has(q) {
		return false, nil
	}
	return s.stored(q)
}

// stored reports whether a quad is in a segment.
func (s *state) stored(q kg.Quad) (bool, error) {
	k := kg.SPO.Key(q)
	for _, g := range s.segments {
		d := &g.dirs[kg.SPO]
		if len(d.firsts) == 0 || compare(k, d.firsts[0]) < 0 {
			continue
		}
		b, err := s.s.block(g, kg.SPO, d.find(k, 0))
		if err != nil {
			return false, err
		}
		if i := b.Lower(k, 0); i < b.Len() && b.Key(i) == k {
			return true, nil
		}
	}
	return false, nil
}

// Distinct implements kg.DistinctScanner: after each value it seeks the next.
func (s *snapshot) Distinct(ctx context.Context, o kg.Order) iter.Seq2[kg.ID, int64] {
	return func(yield func(kg.ID, int64) bool) {
		c := s.Scan(ctx, kg.Pattern{}, o)
		defer c.Close()
		for more := c.Next(); more; {
			v := o.Key(c.Quad())[0]
			k := index.Key{v}
			n, err := s.count(o, k, 1)
			if err != nil || !yield(v, n) {
				return
			}
			hi, ok := after(k, 1)
			if !ok {
				return
			}
			more = c.Seek(o.Quad(hi))
		}
	}
}

// Scan implements kg.Snapshot.
func (s *snapshot) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.Cursor {
	if s.closed.Load() {
		return &cursor{err: kg.ErrClosed}
	}
	return newCursor(ctx, s.state, p, o)
}
