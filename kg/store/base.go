package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sync/errgroup"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// base is what a root names: directories in all orders, and statistics. It is
// immutable and shared by all states between two compactions.
type base struct {
	ref   baseRef
	dirs  [kg.Orders]*index.Directory
	stats []predicateStats // sorted by predicate
	users int              // states that hold it; guarded by Store.gc
}

type predicateStats struct {
	p  kg.ID
	st kg.PredicateStats
}

func emptyBase() *base {
	b := &base{ref: baseRef{Graph: kg.DefaultGraph}}
	for o := range kg.GSPO {
		b.dirs[o] = &index.Directory{Order: o}
	}
	return b
}

func (b *base) predicate(p kg.ID) (kg.PredicateStats, bool) {
	i, ok := slices.BinarySearchFunc(b.stats, p, func(s predicateStats, p kg.ID) int { return cmp.Compare(s.p, p) })
	if !ok {
		return kg.PredicateStats{}, false
	}
	return b.stats[i].st, true
}

func (s *Store) viewOf(b *base, d *index.Delta) index.View {
	return index.View{Source: source{s}, Dirs: b.dirs, Graph: b.ref.Graph, Delta: d}
}

// openBase reads the directories that a root names. Blocks that older bases
// know already are shared.
func (s *Store) openBase(txn *badger.Txn, ref baseRef, known map[index.Place]*index.Ref) (*base, error) {
	if ref.ID == 0 {
		return emptyBase(), nil
	}
	b := &base{ref: ref}
	for o := range b.dirs {
		if o := kg.Order(o); o == kg.GSPO && ref.Dirs[o].Bytes == 0 {
			continue
		}
		body, err := getBlob(txn, kindDir, ref.ID, o, ref.Dirs[o])
		if err != nil {
			return nil, err
		}
		d, ok := index.ParseDirectory(kg.Order(o), body)
		if !ok || d.Quads() != ref.Quads {
			return nil, corrupt("directory of segment %d, order %s, does not hold %d quads", ref.ID, kg.Order(o), ref.Quads)
		}
		for i, r := range d.Refs {
			at := r.Place(kg.Order(o))
			if k := known[at]; k != nil && k.Sum == r.Sum {
				d.Refs[i] = k
			} else if known != nil {
				known[at] = r
			}
		}
		b.dirs[o] = d
	}
	body, err := getBlob(txn, kindDir, ref.ID, statsPart, ref.Stats)
	if err != nil {
		return nil, err
	}
	if len(body)%32 != 0 {
		return nil, corrupt("statistics of segment %d: %d bytes", ref.ID, len(body))
	}
	for ; len(body) > 0; body = body[32:] {
		u := func(i int) uint64 { return binary.LittleEndian.Uint64(body[8*i:]) }
		b.stats = append(b.stats, predicateStats{kg.ID(u(0)), kg.PredicateStats{Count: int64(u(1)), Subjects: int64(u(2)), Objects: int64(u(3))}})
	}
	return b, nil
}

func (b *base) encodeStats() []byte {
	var out []byte
	for _, p := range b.stats {
		for _, v := range [4]uint64{uint64(p.p), uint64(p.st.Count), uint64(p.st.Subjects), uint64(p.st.Objects)} {
			out = binary.LittleEndian.AppendUint64(out, v)
		}
	}
	return out
}

// changes gives sorted changes in any order; index.Delta is one kind, a chunk
// of a load the other.
type changes interface {
	// Changes returns an iterator; those of several orders may run at once.
	Changes(o kg.Order) func() (k index.Key, deleted, ok bool)
	// Graphs returns the smallest and largest graph, ok = false if there are no
	// changes.
	Graphs() (lo, hi kg.ID, ok bool)
}

var _ changes = (*index.Delta)(nil)

// rebase applies changes to a base and stages the new blocks and directories
// under a segment number that no root names yet.
func (s *Store) rebase(ctx context.Context, from *base, ch changes) (*base, error) {
	lo, hi, ok := ch.Graphs()
	if !ok {
		return from, nil
	}
	seg := s.number()
	to := &base{ref: baseRef{ID: seg, Graph: from.ref.Graph}}
	// One graph needs no order of its own: GSPO is SPO then.
	build := false
	if from.dirs[kg.GSPO] == nil {
		if from.ref.Quads == 0 {
			to.ref.Graph = lo
		}
		build = lo != to.ref.Graph || hi != to.ref.Graph
	}
	var g errgroup.Group
	g.SetLimit(s.opt.Threads)
	for o := range kg.Order(kg.Orders) {
		if from.dirs[o] == nil && !build {
			continue
		}
		g.Go(func() error { return s.rebaseOrder(ctx, from, to, o, ch) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	to.ref.Quads = to.dirs[kg.SPO].Quads()
	if err := s.measure(ctx, from, to, ch); err != nil {
		return nil, err
	}
	err := s.stage(func(w writer) (err error) {
		for o, d := range to.dirs {
			if d == nil {
				continue
			}
			if to.ref.Dirs[o], err = putBlob(w, kindDir, seg, o, d.Append(nil)); err != nil {
				return err
			}
			// Verified before the root makes the promise.
			if d.Quads() != to.ref.Quads {
				return corrupt("merge: order %s has %d quads, %s has %d", kg.Order(o), d.Quads(), kg.SPO, to.ref.Quads)
			}
		}
		to.ref.Stats, err = putBlob(w, kindDir, seg, statsPart, to.encodeStats())
		return err
	})
	return to, err
}

// rebaseOrder merges one order. The order GSPO is built from scratch when a
// second graph arrives.
func (s *Store) rebaseOrder(ctx context.Context, from, to *base, o kg.Order, ch changes) error {
	return s.stage(func(w writer) error {
		var enc index.Encoder
		ordinal := uint32(0)
		m := index.Merger{Source: source{s}, Emit: func(keys []index.Key) (*index.Ref, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ref := &index.Ref{Segment: to.ref.ID, Ordinal: ordinal, Count: uint32(len(keys))}
			ordinal++
			at := ref.Place(o)
			block, sum := index.Seal(enc.AppendBlock(make([]byte, 0, 6<<10), keys), at)
			ref.Sum = sum
			return ref, w.Set(blockKey(at), block)
		}}
		next := ch.Changes(o)
		dir := from.dirs[o]
		if dir == nil {
			v := s.viewOf(from, index.NewDelta().Freeze())
			c := v.Scan(ctx, kg.Pattern{}, o)
			defer c.Close()
			next = union(c, o, next)
			dir = &index.Directory{Order: o}
			d, err := m.Merge(dir, next)
			if err == nil {
				err = c.Err()
			}
			to.dirs[o] = d
			return err
		}
		var err error
		to.dirs[o], err = m.Merge(dir, next)
		return err
	})
}

// union merges stored quads, as additions, with changes that replace them.
func union(c kg.BatchCursor, o kg.Order, ch func() (index.Key, bool, bool)) func() (index.Key, bool, bool) {
	have := c.Next()
	k, del, ok := ch()
	return func() (index.Key, bool, bool) {
		if have {
			q := o.Key(c.Quad())
			cmp := -1
			if ok {
				cmp = index.Compare(&q, &k)
			}
			if cmp < 0 {
				have = c.Next()
				return q, false, true
			}
			if cmp == 0 {
				have = c.Next()
			}
		}
		k0, del0, ok0 := k, del, ok
		if ok {
			k, del, ok = ch()
		}
		return k0, del0, ok0
	}
}

// measure updates the statistics of the predicates that changes touch, by
// reading what is stored of them now.
func (s *Store) measure(ctx context.Context, from, to *base, ch changes) error {
	touched := map[kg.ID]*kg.PredicateStats{}
	var order []kg.ID
	next := ch.Changes(kg.PSO)
	for k, _, ok := next(); ok; k, _, ok = next() {
		if n := len(order); n == 0 || order[n-1] != k[0] {
			order = append(order, k[0])
			touched[k[0]] = &kg.PredicateStats{}
		}
	}
	v := s.viewOf(to, index.NewDelta().Freeze())
	distinct := func(o kg.Order, set func(st *kg.PredicateStats, quads, values int64)) error {
		buf := make([]kg.Quad, index.BlockQuads)
		for _, p := range order {
			c := v.Scan(ctx, kg.Pattern{P: p}, o)
			var quads, values int64
			last := kg.Any
			for n := c.NextBatch(buf); n > 0; n = c.NextBatch(buf) {
				quads += int64(n)
				for i := range buf[:n] {
					id := buf[i].S
					if o == kg.POS {
						id = buf[i].O
					}
					if id != last {
						values++
						last = id
					}
				}
			}
			c.Close()
			if err := c.Err(); err != nil {
				return err
			}
			set(touched[p], quads, values)
		}
		return nil
	}
	var g errgroup.Group
	g.SetLimit(s.opt.Threads)
	g.Go(func() error {
		return distinct(kg.PSO, func(st *kg.PredicateStats, quads, values int64) { st.Count, st.Subjects = quads, values })
	})
	g.Go(func() error {
		return distinct(kg.POS, func(st *kg.PredicateStats, _, values int64) { st.Objects = values })
	})
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range from.stats {
		if touched[p.p] == nil {
			to.stats = append(to.stats, p)
		}
	}
	for _, p := range order {
		if st := *touched[p]; st.Count > 0 {
			to.stats = append(to.stats, predicateStats{p, st})
		}
	}
	slices.SortFunc(to.stats, func(a, b predicateStats) int { return cmp.Compare(a.p, b.p) })
	return nil
}

// The functions below count who holds what, so that blocks and runs are
// deleted when no state can read them any more. Callers hold s.gc.

func (s *Store) holdBase(b *base) {
	b.users++
	if b.users > 1 {
		return
	}
	for _, d := range b.dirs {
		if d != nil {
			for _, r := range d.Refs {
				r.Pins++
			}
		}
	}
}

func (s *Store) dropBase(b *base) {
	b.users--
	if b.users > 0 {
		return
	}
	for o, d := range b.dirs {
		if d == nil {
			continue
		}
		for _, r := range d.Refs {
			if r.Pins--; r.Pins == 0 {
				s.dead = append(s.dead, blockKey(r.Place(kg.Order(o))))
			}
		}
		for part := range b.ref.Dirs[o].Parts {
			s.dead = append(s.dead, partKey(kindDir, b.ref.ID, o, part))
		}
	}
	for part := range b.ref.Stats.Parts {
		s.dead = append(s.dead, partKey(kindDir, b.ref.ID, statsPart, part))
	}
}

func (s *Store) dropRun(r *run) {
	if r.pins--; r.pins > 0 {
		return
	}
	for tag, t := range r.tags {
		if t == nil {
			continue
		}
		for i := range t.blocks {
			for part := 0; part == 0 || part*partBytes < t.blocks[i].bytes; part++ {
				s.dead = append(s.dead, dictKey(r.ref.ID, kg.Tag(tag), i, part))
			}
		}
		for part := range t.Heads.Parts {
			s.dead = append(s.dead, partKey(kindHeads, r.ref.ID, tag, part))
		}
	}
}

// hold registers a new state.
func (s *Store) hold(st *state) {
	s.states.Add(1)
	s.gc.Lock()
	defer s.gc.Unlock()
	s.holdBase(st.base)
	for _, r := range st.runs {
		r.pins++
	}
}

// drop forgets a state that nobody refers to.
func (s *Store) drop(st *state) {
	s.states.Add(-1)
	s.gc.Lock()
	defer s.gc.Unlock()
	s.dropBase(st.base)
	for _, r := range st.runs {
		s.dropRun(r)
	}
}
