package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// Stats is the size of a store and of its parts.
type Stats struct {
	Version    uint64 `json:"version"`
	Quads      int64  `json:"quads"`
	Bytes      int64  `json:"bytes"` // on disk, everything
	Segments   int    `json:"segments"`
	Delta      int    `json:"delta"` // recent changes not yet in a segment
	Terms      uint64 `json:"terms"` // in the dictionary; small values are not
	Runs       int    `json:"runs"`
	CacheBytes int64  `json:"cacheBytes"`
	CacheHits  int64  `json:"cacheHits"`
	CacheMiss  int64  `json:"cacheMisses"`
}

// String writes the figures on lines.
func (s Stats) String() string {
	per := 0.0
	if s.Quads > 0 {
		per = float64(s.Bytes) / float64(s.Quads)
	}
	return fmt.Sprintf("version %d\n%d statements in %d segments and %d recent changes\n%d terms in %d runs\n%d bytes on disk, %.1f a statement",
		s.Version, s.Quads, s.Segments, s.Delta, s.Terms, s.Runs, s.Bytes, per)
}

// Stats measures the newest state.
func (s *Store) Stats() (Stats, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return Stats{}, err
	}
	defer snap.Close()
	st := snap.(*snapshot).state
	out := Stats{Version: st.version, Quads: st.size, Segments: len(st.segments), Delta: st.delta.size(), Runs: len(st.runs)}
	for _, n := range st.next {
		out.Terms += n
	}
	out.CacheBytes, out.CacheHits, out.CacheMiss = s.cache.stats()
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
				return nil // compaction removes files meanwhile
			}
			return err
		}
		if info.Mode().IsRegular() {
			n += allocated(info)
		}
		return nil
	})
	return n, err
}

// Verify reads everything the newest state names: every block against its
// checksum, the keys' order, the seven orders against each other, and the
// dictionary both ways. progress, which may be nil, gets blocks done and in
// all. Damage is kg.ErrCorrupt with its place.
func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) error {
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	st := snap.(*snapshot).state
	v := &verifier{s: s, ctx: ctx, st: st, progress: progress}
	for _, g := range st.segments {
		for o := range g.dirs {
			v.total += int64(len(g.dirs[o].firsts))
		}
	}
	for _, r := range st.runs {
		for _, t := range r.tags {
			if t != nil {
				v.total += int64(len(t.heads))
			}
		}
	}
	for _, g := range st.segments {
		if err := v.segment(g); err != nil {
			return err
		}
	}
	for _, r := range st.runs {
		if err := v.run(r); err != nil {
			return err
		}
	}
	if err := s.db.VerifyChecksum(); err != nil {
		return corrupt("badger: %v", err)
	}
	return nil
}

type verifier struct {
	s           *Store
	ctx         context.Context
	st          *state
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

// segment compares an order-free hash of the quads over all orders.
func (v *verifier) segment(g *segment) error {
	var want uint64
	quads := make([]kg.Quad, 0, 1024)
	for o := kg.SPO; o < kg.Orders; o++ {
		var sum uint64
		d := &g.dirs[o]
		last, first := [4]kg.ID{}, true
		for i := range d.firsts {
			b, err := v.s.block(g, o, i)
			if err != nil {
				return err
			}
			quads = quads[:b.Len()]
			b.Decode(o, 0, quads)
			for row, q := range quads {
				k := o.Key(q)
				if row == 0 && k != d.firsts[i] {
					return corrupt("block %d of segment %d, order %s: it begins with another key than the directory says", i, g.ref.ID, o)
				}
				if !first && compare(last, k) >= 0 {
					return corrupt("block %d of segment %d, order %s: row %d is not in order", i, g.ref.ID, o, row)
				}
				last, first = k, false
				sum += quadHash(q)
			}
			if err := v.tick(); err != nil {
				return err
			}
		}
		if o == kg.SPO {
			want = sum
		} else if sum != want {
			return corrupt("segment %d: order %s holds other quads than %s", g.ref.ID, o, kg.SPO)
		}
	}
	return nil
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
		for i := range t.heads {
			b, err := v.s.dictBlock(r, kg.Tag(tag), i)
			if err != nil {
				return err
			}
			f := frontCoded{rest: b}
			for n := i * runKeys; n < min((i+1)*runKeys, t.Count); n++ {
				if !f.next() {
					return corrupt("block %d of dictionary run %d, tag %d: too few keys", i, r.ref.ID, tag)
				}
				o := n
				if t.order != nil {
					o = int(t.order[n])
				}
				got, ok, err := v.s.find(r, kg.Tag(tag), f.key)
				if err != nil {
					return err
				}
				if !ok || got != t.Base+uint64(o) {
					return corrupt("dictionary run %d, tag %d: key %d is not found again", r.ref.ID, tag, n)
				}
				if kg.Tag(tag) != kg.TagTriple {
					if _, ok := dict.ParseKey(kg.Tag(tag), f.key); !ok {
						return corrupt("dictionary run %d, tag %d: key %d is no term", r.ref.ID, tag, n)
					}
				}
			}
			if err := v.tick(); err != nil {
				return err
			}
		}
	}
	return nil
}
