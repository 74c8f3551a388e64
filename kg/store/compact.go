package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// job is a compaction in the background.
type job struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// tail collects the commits that a background compaction has to repeat on its
// result.
type tail struct{ changes []*change }

func (t *tail) add(c *change) { t.changes = append(t.changes, c) }

// number returns a segment or run number that was never used.
func (s *Store) number() uint64 { return s.numbers.Add(1) - 1 }

// Compact merges the delta of recent changes into the blocks they touch.
// Readers go on meanwhile; contents and commit number stay.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	if _, err := s.writable(ctx); err != nil {
		return err
	}
	s.stopBackground()
	if err := s.compactNow(ctx); err != nil {
		return err
	}
	return s.purge()
}

// compactNow is Compact for a holder of the writer's lock, without a
// background compaction.
func (s *Store) compactNow(ctx context.Context) error {
	st := s.cur
	if st.flat() {
		return nil
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	r, b, err := s.compacted(ctx, st)
	if err != nil {
		return err
	}
	return s.install(r, b, st, nil)
}

// flat reports whether a root alone describes the state.
func (st *state) flat() bool { return st.version == st.root.Seq }

// compacted stages a base and a dictionary that need no delta.
func (s *Store) compacted(ctx context.Context, st *state) (*root, *base, error) {
	r := *st.root
	r.Seq, r.Chain = st.version, st.chain
	first := s.numbers.Load()
	b, err := s.rebase(ctx, st.base, st.view.Delta)
	if err == nil {
		err = s.stage(func(w writer) error { return s.flushOverflow(w, st, &r) })
	}
	if err != nil {
		s.abandon(first)
		return nil, nil, err
	}
	r.Base = b.ref
	return &r, b, nil
}

// abandon gives up everything staged under numbers from first on. The caller
// is the only one who stages.
func (s *Store) abandon(first uint64) {
	s.gc.Lock()
	defer s.gc.Unlock()
	for n := first; n < s.numbers.Load(); n++ {
		s.abandoned = append(s.abandoned, n)
	}
}

// install makes a compacted root current; t holds the commits since st.
func (s *Store) install(r *root, b *base, st *state, t *tail) error {
	r.Named = s.cur.root.Named
	next := &state{root: r, base: b, version: st.version, chain: st.chain, dictionary: dictionary{s: s}}
	err := s.view(func(txn *badger.Txn) (err error) {
		next.runs, err = s.openRuns(txn, r.Runs, st.runs)
		return err
	})
	if err != nil {
		return err
	}
	next.next = st.next
	next.over = newOverflow(st.next)
	d := index.NewDelta()
	if t != nil {
		for _, c := range t.changes {
			c.apply(d)
			next.extend(c.terms)
		}
	}
	next.version, next.chain = s.cur.version, s.cur.chain
	next.view = s.viewOf(b, d.Freeze())
	if err := s.writeRoot(r); err != nil {
		return s.poison(err)
	}
	s.publish(next)
	return nil
}

// openRuns opens runs that are not among known ones.
func (s *Store) openRuns(txn *badger.Txn, refs []runRef, known []*run) ([]*run, error) {
	var runs []*run
next:
	for _, ref := range refs {
		for _, k := range known {
			if k.ref.ID == ref.ID {
				runs = append(runs, k)
				continue next
			}
		}
		r, err := s.openRun(txn, ref)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// compactIfLarge starts a compaction in the background when the delta has
// outgrown its bound. The caller holds the writer's lock.
func (s *Store) compactIfLarge(st *state) {
	if s.background != nil || s.excess(st) < 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{cancel: cancel, done: make(chan struct{})}
	s.background, s.tail = j, &tail{}
	st.refs.Add(1)
	go func() {
		defer close(j.done)
		defer st.release()
		if err := s.compactBehind(ctx, st, j); err != nil && !errors.Is(err, context.Canceled) {
			s.opt.Logger.Error("store: compaction in the background", "store", s.dir, "error", err)
		}
	}()
}

// excess is the size of a state's delta as a multiple of its bound.
func (s *Store) excess(st *state) float64 {
	a, d := st.view.Delta.Len()
	bound := max(s.opt.MaxDelta, min(int(st.base.ref.Quads/16), 8*s.opt.MaxDelta))
	return float64(a+d) / float64(bound)
}

func (s *Store) compactBehind(ctx context.Context, st *state, j *job) error {
	first := s.numbers.Load()
	r, b, err := s.compacted(ctx, st)
	// A stop cancels ctx and holds the writer's lock while it waits.
	if lerr := s.lockWriter(ctx); lerr != nil {
		s.abandon(first)
		return lerr
	}
	defer s.unlockWriter()
	if ctx.Err() != nil {
		s.abandon(first)
		return ctx.Err()
	}
	defer j.cancel()
	t := s.tail
	s.background, s.tail = nil, nil
	if err == nil {
		if _, err = s.writable(ctx); err == nil {
			err = s.install(r, b, st, t)
		}
	}
	if err != nil {
		return err
	}
	return s.purge()
}

// stopBackground ends a compaction in the background, in vain unless it was
// done. The caller holds the writer's lock.
func (s *Store) stopBackground() {
	if s.background == nil {
		return
	}
	s.background.cancel()
	<-s.background.done
	s.background, s.tail = nil, nil
}

// purge deletes what no state can read any more. The caller holds the writer's
// lock.
func (s *Store) purge() error {
	s.gc.Lock()
	dead, abandoned := s.dead, s.abandoned
	s.dead, s.abandoned = nil, nil
	s.gc.Unlock()
	for _, n := range abandoned {
		for _, prefix := range stagedPrefixes(n) {
			if err := s.eachKey(prefix, func(k []byte) bool {
				dead = append(dead, bytes.Clone(k))
				return true
			}); err != nil {
				return err
			}
		}
	}
	seq := s.cur.root.Seq
	if err := s.eachKey([]byte{kindLog}, func(k []byte) bool {
		if binary.BigEndian.Uint64(k[1:]) > seq {
			return false
		}
		dead = append(dead, bytes.Clone(k))
		return true
	}); err != nil {
		return err
	}
	return s.deleteKeys(dead)
}

// stagedPrefixes are the beginnings of all keys that one number owns.
func stagedPrefixes(n uint64) [][]byte {
	var out [][]byte
	for o := range kg.Order(kg.Orders) {
		k := blockKey(index.Place{Order: o, Segment: n})
		out = append(out, k[:10])
	}
	for _, kind := range []byte{kindDir, kindDict, kindHeads} {
		out = append(out, binary.BigEndian.AppendUint64([]byte{kind}, n))
	}
	return out
}

// eachKey calls f with every key that has a prefix, until it returns false.
func (s *Store) eachKey(prefix []byte, f func(k []byte) bool) error {
	return s.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if !f(it.Item().Key()) {
				return nil
			}
		}
		return nil
	})
}

func (s *Store) deleteKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	for _, k := range keys {
		if err := wb.Delete(k); err != nil {
			return s.poison(err)
		}
	}
	if err := wb.Flush(); err != nil {
		return s.poison(err)
	}
	return nil
}

// sweep deletes, after an unclean stop, every record that no root names: those
// of loads and compactions that did not end, and of merged segments.
func (s *Store) sweep() error {
	refs := map[index.Place]bool{}
	numbers := map[string]bool{}
	name := func(st *state) {
		for o, d := range st.base.dirs {
			if d != nil {
				for _, r := range d.Refs {
					refs[r.Place(kg.Order(o))] = true
				}
			}
		}
		numbers[string(partKey(kindDir, st.base.ref.ID, -1, 0)[:9])] = true
		for _, r := range st.runs {
			numbers[string(partKey(kindDict, r.ref.ID, -1, 0)[:9])] = true
			numbers[string(partKey(kindHeads, r.ref.ID, -1, 0)[:9])] = true
		}
	}
	name(s.cur)
	for _, st := range s.named {
		name(st)
	}
	var dead [][]byte
	err := s.eachKey(nil, func(k []byte) bool {
		kept := true
		switch {
		case k[0] == kindBlock && len(k) == 14:
			kept = refs[index.Place{Order: kg.Order(k[1]), Segment: binary.BigEndian.Uint64(k[2:]), Ordinal: binary.BigEndian.Uint32(k[10:])}]
		case (k[0] == kindDir || k[0] == kindDict || k[0] == kindHeads) && len(k) > 9:
			kept = numbers[string(k[:9])]
		case k[0] == kindLog && len(k) == 13:
			n := binary.BigEndian.Uint64(k[1:])
			kept = n > s.cur.root.Seq && n <= s.cur.version
		}
		if !kept {
			dead = append(dead, bytes.Clone(k))
		}
		return true
	})
	if err != nil {
		return err
	}
	loose, err := s.headless()
	if err != nil {
		return err
	}
	return s.deleteKeys(append(dead, loose...))
}
