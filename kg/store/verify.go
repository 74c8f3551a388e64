package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
	"github.com/quaestor-kg/quaestor/kg/store/internal/guard"
)

// Stats is the size of a store and of its parts.
type Stats struct {
	Version   uint64 `json:"version"`
	Quads     int64  `json:"quads"`
	Bytes     int64  `json:"bytes"`    // on disk, everything, as allocated
	Blocks    int    `json:"blocks"`   // of quads, in all orders
	Segments  int    `json:"segments"` // generations of blocks in use
	Orders    int    `json:"orders"`   // stored: 6 if all quads are in one graph, else 7
	Delta     int    `json:"delta"`    // recent changes not yet in blocks
	Terms     uint64 `json:"terms"`    // in the dictionary; small values are not
	Runs      int    `json:"runs"`     // of the dictionary
	Snapshots int    `json:"snapshots"`
	// BlockBytes and TermBytes are the packed sizes, if Measure was asked.
	BlockBytes int64 `json:"blockBytes,omitempty"`
	TermBytes  int64 `json:"termBytes,omitempty"`
	CacheBytes int64 `json:"cacheBytes"`
	CacheReads int64 `json:"cacheReads"` // blocks that were not in the cache
}

// String writes the figures on lines.
func (s Stats) String() string {
	per := 0.0
	if s.Quads > 0 {
		per = float64(s.Bytes) / float64(s.Quads)
	}
	return fmt.Sprintf("version %d\n%d statements: %d blocks in %d orders, %d recent changes\n%d terms in %d runs\n%d bytes on disk, %.1f a statement",
		s.Version, s.Quads, s.Blocks, s.Orders, s.Delta, s.Terms, s.Runs, s.Bytes, per)
}

// Stats measures the newest state.
func (s *Store) Stats() (Stats, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return Stats{}, err
	}
	defer snap.Close()
	st := snap.(*snapshot).state
	a, d := st.view.Delta.Len()
	out := Stats{Version: st.version, Quads: st.view.Size(), Delta: a + d, Runs: len(st.runs)}
	for _, n := range st.next {
		out.Terms += n
	}
	segments := map[uint64]bool{}
	for _, d := range st.base.dirs {
		if d == nil {
			continue
		}
		out.Orders++
		out.Blocks += len(d.Refs)
		for _, r := range d.Refs {
			segments[r.Segment] = true
		}
	}
	out.Segments = len(segments)
	for _, r := range st.runs {
		for _, t := range r.tags {
			if t != nil {
				for i := range t.blocks {
					out.TermBytes += int64(t.blocks[i].bytes)
				}
			}
		}
	}
	s.mu.Lock()
	out.Snapshots = len(s.named)
	s.mu.Unlock()
	out.CacheBytes, out.CacheReads = s.cache.held(), s.cache.reads.Load()
	out.Bytes, err = s.DiskBytes()
	return out, err
}

// DiskBytes is the space the store takes: allocated, not apparent, since
// badger's logs are sparse.
func (s *Store) DiskBytes() (int64, error) {
	var n int64
	err := filepath.Walk(s.dir, func(_ string, info os.FileInfo, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // badger removes files meanwhile
			}
			return err
		}
		if info.Mode().IsRegular() {
			n += guard.Allocated(info)
		}
		return nil
	})
	return n, err
}

// Verify reads everything that the newest state and the named snapshots need:
// every block against its checksum, the keys' order, the orders against each
// other, the statistics, and the dictionary both ways. progress, which may be
// nil, gets blocks done and in all. Damage is kg.ErrCorrupt with its place.
func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return kg.ErrClosed
	}
	states := []*state{s.cur}
	s.cur.refs.Add(1)
	for _, st := range s.named {
		st.refs.Add(1)
		states = append(states, st)
	}
	s.mu.Unlock()
	v := &verifier{s: s, ctx: ctx, progress: progress}
	bases, runs := map[*base]*state{}, map[*run]bool{}
	for _, st := range states {
		defer st.release()
		bases[st.base] = st
		for _, r := range st.runs {
			runs[r] = true
		}
	}
	for b := range bases {
		for _, d := range b.dirs {
			if d != nil {
				v.total += int64(len(d.Refs))
			}
		}
	}
	for r := range runs {
		for _, t := range r.tags {
			if t != nil {
				v.total += int64(len(t.blocks))
			}
		}
	}
	for b, st := range bases {
		if err := v.base(b, st); err != nil {
			return err
		}
	}
	for r := range runs {
		if err := v.run(r); err != nil {
			return err
		}
	}
	for name, err := range s.Blobs(ctx) {
		if err == nil {
			_, err = s.bytes(name)
		}
		if err != nil && !errors.Is(err, kg.ErrNoBlob) { // deleted meanwhile
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db == nil {
		return kg.ErrClosed
	}
	if err := s.db.VerifyChecksum(); err != nil {
		return corrupt("%s: badger: %v", s.dir, err)
	}
	return nil
}

type verifier struct {
	s           *Store
	ctx         context.Context
	progress    func(done, total int64)
	done, total int64
}

func (v *verifier) tick() error {
	v.done++
	if v.progress != nil {
		v.progress(v.done, v.total)
	}
	return v.ctx.Err()
}

// base compares an order-free hash of the quads over all orders, and checks
// that each id stands for a term. It reads the disk, not the cache.
func (v *verifier) base(b *base, st *state) error {
	var want uint64
	stats := map[kg.ID]*kg.PredicateStats{}
	quads := make([]kg.Quad, index.BlockQuads)
	for o := range kg.Order(kg.Orders) {
		d := b.dirs[o]
		if d == nil {
			continue
		}
		var sum uint64
		var last index.Key
		for i, r := range d.Refs {
			blk, err := v.s.readBlock(o, r)
			if err != nil {
				return err
			}
			quads := quads[:blk.Len()]
			blk.Decode(o, 0, quads)
			at := func() string {
				return fmt.Sprintf("%s: block %d of segment %d, order %s", v.s.dir, r.Ordinal, r.Segment, o)
			}
			for row, q := range quads {
				k := o.Key(q)
				switch {
				case row == 0 && k != d.Firsts[i]:
					return corrupt("%s: it begins with another key than the directory says", at())
				case (i > 0 || row > 0) && index.Compare(&last, &k) >= 0:
					return corrupt("%s: row %d is not in order", at(), row)
				case o == kg.SPO && !(st.known(q.S) && st.known(q.P) && st.known(q.O) && (q.G == kg.DefaultGraph || st.known(q.G))):
					return corrupt("%s: row %d has an id that stands for no term", at(), row)
				case b.dirs[kg.GSPO] == nil && q.G != b.ref.Graph:
					return corrupt("%s: row %d is in another graph than the root says", at(), row)
				}
				if o == kg.PSO || o == kg.POS {
					tally(stats, o, k, last, i == 0 && row == 0)
				}
				last = k
				sum += quadHash(q)
			}
			if err := v.tick(); err != nil {
				return err
			}
		}
		if o == kg.SPO {
			want = sum
		} else if sum != want {
			return corrupt("%s: order %s holds other quads than %s", v.s.dir, o, kg.SPO)
		}
	}
	if len(stats) != len(b.stats) {
		return corrupt("%s: statistics of %d predicates, there are %d", v.s.dir, len(b.stats), len(stats))
	}
	for _, p := range b.stats {
		if got := stats[p.p]; got == nil || *got != p.st {
			return corrupt("%s: statistics of predicate %#x are %+v, the quads say %+v", v.s.dir, uint64(p.p), p.st, got)
		}
	}
	return nil
}

func tally(stats map[kg.ID]*kg.PredicateStats, o kg.Order, k, last index.Key, first bool) {
	st := stats[k[0]]
	if st == nil {
		st = &kg.PredicateStats{}
		stats[k[0]] = st
	}
	fresh := first || k[0] != last[0] || k[1] != last[1]
	switch {
	case o == kg.PSO:
		st.Count++
		if fresh {
			st.Subjects++
		}
	case fresh:
		st.Objects++
	}
}

func quadHash(q kg.Quad) uint64 {
	h := uint64(14695981039346656037)
	for _, id := range [4]kg.ID{q.S, q.P, q.O, q.G} {
		h = (h ^ uint64(id)) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h
}

// run looks every key up by its ordinal and every ordinal by its key.
func (v *verifier) run(r *run) error {
	for tag, t := range r.tags {
		if t == nil {
			continue
		}
		tag := kg.Tag(tag)
		var last []byte
		n := 0
		for i := range t.blocks {
			t.blocks[i].data.Store(nil) // read the disk, not the cache
			b, err := v.s.keys(r, tag, i)
			if err != nil {
				return err
			}
			at := fmt.Sprintf("%s: block %d of dictionary run %d, tag %d", v.s.dir, i, r.ref.ID, tag)
			err = b.Walk(func(j int, key []byte) error {
				if n > 0 && bytes.Compare(last, key) >= 0 {
					return corrupt("%s: key %d is not in order", at, j)
				}
				last = append(last[:0], key...)
				o := n
				if t.order != nil {
					o = int(t.order[n])
				}
				n++
				got, ok, err := v.s.find(r, tag, key)
				if err != nil {
					return err
				}
				if !ok || got != t.Base+uint64(o) {
					return corrupt("%s: key %d is not found again", at, j)
				}
				back, err := v.s.keyOf(r, tag, got, nil)
				if err != nil {
					return err
				}
				if !bytes.Equal(back, key) {
					return corrupt("%s: the ordinal of key %d has another key", at, j)
				}
				if tag != kg.TagTriple {
					if _, ok := dict.ParseKey(tag, key); !ok {
						return corrupt("%s: key %d is no term", at, j)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if err := v.tick(); err != nil {
				return err
			}
		}
		if n != t.Count {
			return corrupt("%s: dictionary run %d, tag %d: %d keys, the root says %d", v.s.dir, r.ref.ID, tag, n, t.Count)
		}
	}
	return nil
}
