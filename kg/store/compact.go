package store

import (
	"context"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sync/errgroup"

	"github.com/quaestor-kg/quaestor/kg"
)

// maxSegments is the number of segments above which they are merged: each one
// costs every scan a comparison.
const maxSegments = 8

// Compact merges the segments and the delta of recent changes into one
// segment. Readers go on meanwhile; the commit number stays.
func (s *Store) Compact(ctx context.Context) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if _, err := s.current(ctx); err != nil {
		return err
	}
	return s.compact(ctx)
}

// compact is Compact for a caller that holds s.writer.
func (s *Store) compact(ctx context.Context) error {
	st := s.cur
	if len(st.segments) <= 1 && st.delta.size() == 0 && len(st.root.Log) == 0 {
		return nil
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	r := *st.root
	r.Log = nil
	if err := s.runFromOverflow(st, &r); err != nil {
		return err
	}
	r.Segments = nil
	if st.size > 0 {
		seg := &segmentWriter{id: r.Next}
		r.Next++
		err := s.stage(func(w writer) error {
			seg.w = w
			var g errgroup.Group
			g.SetLimit(max(1, s.opt.Threads))
			for o := kg.SPO; o < kg.Orders; o++ {
				g.Go(func() error { return rewrite(ctx, st, seg.order(o)) })
			}
			return g.Wait()
		})
		if err != nil {
			return err
		}
		r.Segments = []segmentRef{seg.done()}
	}
	next, err := s.build(&r)
	if err != nil {
		return err
	}
	if err := s.flip(&r, next, nil); err != nil {
		return err
	}
	return s.sweep()
}

// rewrite streams a state into a segment's order.
func rewrite(ctx context.Context, st *state, w *orderWriter) error {
	c := newCursor(ctx, st, kg.Pattern{}, w.o)
	defer c.Close()
	quads := make([]kg.Quad, 1024)
	for {
		n := c.NextBatch(quads)
		if n == 0 {
			break
		}
		for _, q := range quads[:n] {
			if err := w.add(w.o.Key(q)); err != nil {
				return err
			}
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	return w.finish()
}

// runFromOverflow writes the dictionary's additions of small commits as a run.
func (s *Store) runFromOverflow(st *state, r *root) error {
	run := runRef{ID: r.Next, Tags: map[kg.Tag]tagRef{}}
	err := s.stage(func(w writer) error {
		for _, tag := range dictTags {
			base := st.over.base[tag]
			n := int(st.next[tag] - base)
			if n == 0 {
				continue
			}
			ordinals := make([]uint64, n)
			for i := range ordinals {
				ordinals[i] = base + uint64(i)
			}
			key := func(o uint64) string { k, _ := st.over.key(tag, o); return k }
			slices.SortFunc(ordinals, func(a, b uint64) int {
				if ka, kb := key(a), key(b); ka < kb {
					return -1
				} else if ka > kb {
					return 1
				}
				return 0
			})
			keys := make([][]byte, n)
			for i, o := range ordinals {
				keys[i] = []byte(key(o))
			}
			ref, err := encodeRun(w, run.ID, tag, base, keys, ordinals)
			if err != nil {
				return err
			}
			run.Tags[tag] = ref
		}
		return nil
	})
	if err != nil || len(run.Tags) == 0 {
		return err
	}
	r.Next++
	r.Runs = append(r.Runs[:len(r.Runs):len(r.Runs)], run)
	return nil
}

// sweep deletes the records that neither a root nor a living state names: those
// of merged segments, and of loads that did not end.
func (s *Store) sweep() error {
	segs, runs, logs := map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
	name := func(r *root) {
		for _, g := range r.Segments {
			segs[g.ID] = true
		}
		for _, x := range r.Runs {
			runs[x.ID] = true
		}
		for _, x := range r.Log {
			logs[x.Seq] = true
		}
	}
	s.mu.Lock()
	for st := range s.alive {
		name(st.root)
	}
	for _, r := range s.cur.root.Named {
		name(r)
	}
	s.mu.Unlock()
	var dead [][]byte
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: false})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k := it.Item().Key()
			kept := true
			switch k[0] {
			case kindBlock:
				kept = segs[number(k[2:])]
			case kindSegs:
				kept = segs[number(k[1:])]
			case kindDict, kindHeads:
				kept = runs[number(k[1:])]
			case kindLog:
				kept = logs[number(k[1:])]
			}
			if !kept {
				dead = append(dead, slices.Clone(k))
			}
		}
		return nil
	})
	if err != nil || len(dead) == 0 {
		return err
	}
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	for _, k := range dead {
		if err := wb.Delete(k); err != nil {
			return err
		}
	}
	return wb.Flush()
}

// number reads the eight bytes of a segment, run or commit in a key.
func number(k []byte) uint64 {
	var n uint64
	for _, c := range k[:min(8, len(k))] {
		n = n<<8 | uint64(c)
	}
	return n
}
