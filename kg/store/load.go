package store

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// smallLoad is the number of quads up to which a load is an ordinary commit.
const smallLoad = 10_000

// Load implements kg.Store. A load of more than a few quads becomes segments of
// its own: terms get numbers, each chunk is sorted seven ways on all cores and
// staged, and one root makes all of it visible.
func (s *Store) Load(ctx context.Context, quads iter.Seq2[kg.TermQuad, error]) (kg.LoadStats, error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	base, err := s.current(ctx)
	if err != nil {
		return kg.LoadStats{}, err
	}
	if err := s.checkSpace(); err != nil {
		return kg.LoadStats{}, err
	}
	l := &loader{s: s, ctx: ctx, base: base}
	l.reset()
	for q, err := range quads {
		if err != nil {
			return kg.LoadStats{}, err
		}
		l.stats.Read++
		if err := l.take(q); err != nil {
			return kg.LoadStats{}, fmt.Errorf("quad %d of the input: %w", l.stats.Read, err)
		}
		if l.stats.Read&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return kg.LoadStats{}, err
			}
		}
		if len(l.quads) == s.opt.ChunkQuads {
			if err := l.chunk(); err != nil {
				return kg.LoadStats{}, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return kg.LoadStats{}, err
	}
	return l.finish()
}

// loader is one load. Terms are numbered in the order of their first use
// within a chunk; a chunk's quads are four such numbers.
type loader struct {
	s     *Store
	ctx   context.Context
	base  *state
	stats kg.LoadStats

	// of the chunk at hand
	quads  [][4]uint32
	terms  []loadTerm
	index  [numTags]map[string]uint32 // dictionary terms by key
	inline map[kg.ID]uint32
	last   [4]struct {
		t kg.Term
		n uint32
	}
	buf []byte

	staged *state // base with the chunks staged so far; nil before the first
	root   root
}

// loadTerm is a term of a chunk: an id, or the key of one that is yet to get
// its id.
type loadTerm struct {
	id  kg.ID
	tag kg.Tag
	key string
	spo [3]uint32 // of a triple term, whose key needs ids
}

func (l *loader) reset() {
	l.quads = l.quads[:0]
	l.terms = append(l.terms[:0], loadTerm{id: kg.DefaultGraph})
	for i := range l.index {
		l.index[i] = map[string]uint32{}
	}
	l.inline = map[kg.ID]uint32{}
	for i := range l.last {
		l.last[i].t = kg.Term{}
		l.last[i].n = 0
	}
}

func (l *loader) take(q kg.TermQuad) error {
	var row [4]uint32
	for i, t := range [4]kg.Term{q.S, q.P, q.O, q.G} {
		if i == 3 && t.Kind == kg.None {
			break
		}
		if t.Kind != kg.Triple && t == l.last[i].t && t.Kind != kg.None {
			row[i] = l.last[i].n
			continue
		}
		if i == 3 && t.Kind != kg.IRI && t.Kind != kg.Blank {
			return fmt.Errorf("graph %s: a graph is named by an IRI or a blank node", t)
		}
		n, err := l.number(t)
		if err != nil {
			return err
		}
		row[i] = n
		l.last[i].t, l.last[i].n = t, n
	}
	l.quads = append(l.quads, row)
	return nil
}

// number returns the chunk's number of a term.
func (l *loader) number(t kg.Term) (uint32, error) {
	if id, ok := dict.Inline(t); ok {
		n, ok := l.inline[id]
		if !ok {
			n = uint32(len(l.terms))
			l.inline[id] = n
			l.terms = append(l.terms, loadTerm{id: id})
		}
		return n, nil
	}
	tag, err := dict.TagOf(t)
	if err != nil {
		return 0, err
	}
	var spo [3]uint32
	if tag == kg.TagTriple {
		l2 := make([]byte, 0, 12)
		for i, u := range t.Spo {
			if spo[i], err = l.number(u); err != nil {
				return 0, err
			}
			l2 = append(l2, byte(spo[i]), byte(spo[i]>>8), byte(spo[i]>>16), byte(spo[i]>>24))
		}
		l.buf = l2 // numbers are as good as ids to tell triple terms of a chunk apart
	} else if l.buf, err = dict.AppendKey(l.buf[:0], tag, t); err != nil {
		return 0, err
	}
	n, ok := l.index[tag][string(l.buf)]
	if !ok {
		n = uint32(len(l.terms))
		key := string(l.buf)
		l.index[tag][key] = n
		l.terms = append(l.terms, loadTerm{tag: tag, key: key, spo: spo})
	}
	return n, nil
}

// chunk stages the quads at hand as a segment and a run.
func (l *loader) chunk() error {
	if l.staged == nil {
		if err := l.start(); err != nil {
			return err
		}
	}
	if err := l.assign(); err != nil {
		return err
	}
	if err := l.segment(); err != nil {
		return err
	}
	l.reset()
	return l.reopen()
}

// start makes the state that chunks are added to. The delta of earlier commits
// goes into a segment first, so that what is loaded need not know it.
func (l *loader) start() error {
	if l.base.delta.size() > 0 || len(l.base.root.Log) > 0 {
		if err := l.s.compact(l.ctx); err != nil {
			return err
		}
		l.base = l.s.cur
	}
	l.root = *l.base.root
	l.staged = &state{dictionary: l.base.dictionary, segments: l.base.segments, delta: l.base.delta, size: l.base.size}
	return nil
}

// assign gives ids to the chunk's terms: those of the dictionary, or new ones
// in sorted order.
func (l *loader) assign() error {
	d := &l.staged.dictionary
	run := runRef{ID: l.root.Next, Tags: map[kg.Tag]tagRef{}}
	fresh := false
	return l.s.stage(func(w writer) error {
		for _, tag := range dictTags { // triple terms last: their keys need the other ids
			var todo []uint32
			for n := range l.terms {
				t := &l.terms[n]
				if t.id != kg.Any || t.tag != tag {
					continue
				}
				if tag == kg.TagTriple {
					// Inner triple terms have smaller numbers and are done.
					t.key = string(dict.AppendTripleKey(nil, l.terms[t.spo[0]].id, l.terms[t.spo[1]].id, l.terms[t.spo[2]].id))
				}
				if len(d.runs) > 0 {
					id, ok, err := d.lookup(tag, []byte(t.key))
					if err != nil {
						return err
					}
					if ok {
						t.id = id
						continue
					}
				}
				if tag == kg.TagTriple {
					t.id = kg.MakeID(tag, d.next[tag]+uint64(len(todo)))
				}
				todo = append(todo, uint32(n))
			}
			if len(todo) == 0 {
				continue
			}
			ref, err := l.encodeTag(w, run.ID, tag, todo)
			if err != nil {
				return err
			}
			run.Tags[tag] = ref
			fresh = true
		}
		if !fresh {
			return nil
		}
		l.root.Next++
		l.root.Runs = append(l.root.Runs[:len(l.root.Runs):len(l.root.Runs)], run)
		for tag, t := range run.Tags {
			d.next[tag] = t.Base + uint64(t.Count)
		}
		return nil
	})
}

// encodeTag writes the new keys of one tag. Triple terms have their ids
// already, in the order of their numbers; the others get them here, sorted.
func (l *loader) encodeTag(w writer, run uint64, tag kg.Tag, todo []uint32) (tagRef, error) {
	base := l.staged.next[tag]
	slices.SortFunc(todo, func(a, b uint32) int {
		ka, kb := l.terms[a].key, l.terms[b].key
		switch {
		case ka < kb:
			return -1
		case ka > kb:
			return 1
		}
		return 0
	})
	keys := make([][]byte, len(todo))
	var ordinals []uint64
	for i, n := range todo {
		keys[i] = []byte(l.terms[n].key)
		if tag == kg.TagTriple {
			ordinals = append(ordinals, l.terms[n].id.Payload())
		} else {
			l.terms[n].id = kg.MakeID(tag, base+uint64(i))
		}
	}
	return encodeRun(w, run, tag, base, keys, ordinals)
}

// segment sorts the chunk's quads in every order and stages those that are new.
func (l *loader) segment() error {
	// Ranks order as ids do and are dense: sorting them takes fewer passes.
	order := make([]uint32, len(l.terms))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if l.terms[a].id < l.terms[b].id {
			return -1
		}
		return 1
	})
	rank := make([]uint32, len(order))
	ids := make([]kg.ID, len(order))
	for r, n := range order {
		rank[n], ids[r] = uint32(r), l.terms[n].id
	}
	for i, q := range l.quads {
		l.quads[i] = [4]uint32{rank[q[0]], rank[q[1]], rank[q[2]], rank[q[3]]}
	}
	sorter := newRadix(len(ids), len(l.quads))
	spo := sorter.sort(l.quads, orderColumns[kg.SPO])
	spo = slices.Compact(spo)
	spo, err := l.unknown(spo, ids)
	if err != nil || len(spo) == 0 {
		return err
	}
	seg := &segmentWriter{id: l.root.Next}
	l.root.Next++
	err = l.s.stage(func(w writer) error {
		seg.w = w
		var g errgroup.Group
		g.SetLimit(max(1, l.s.opt.Threads))
		for o := kg.SPO; o < kg.Orders; o++ {
			g.Go(func() error { return l.write(seg, o, spo, ids) })
		}
		return g.Wait()
	})
	if err != nil {
		return err
	}
	ref := seg.done()
	l.stats.Added += ref.Quads
	l.root.Segments = append(l.root.Segments[:len(l.root.Segments):len(l.root.Segments)], ref)
	return nil
}

// reopen reads back what has been staged, so that the next chunk is compared
// with it, and the root's promise is checked before it is made.
func (l *loader) reopen() error {
	st, err := l.s.build(&l.root)
	if err != nil {
		return err
	}
	l.staged = st
	return nil
}

// orderColumns are the columns of SPOG by significance in each order.
var orderColumns = [kg.Orders][4]int{
	kg.SPO: {0, 1, 2, 3}, kg.SOP: {0, 2, 1, 3}, kg.PSO: {1, 0, 2, 3}, kg.POS: {1, 2, 0, 3},
	kg.OSP: {2, 0, 1, 3}, kg.OPS: {2, 1, 0, 3}, kg.GSPO: {3, 0, 1, 2},
}

func (l *loader) write(seg *segmentWriter, o kg.Order, spo [][4]uint32, ids []kg.ID) error {
	rows := spo
	cols := orderColumns[o]
	if o != kg.SPO {
		rows = newRadix(len(ids), len(spo)).sort(slices.Clone(spo), cols)
	}
	w := seg.order(o)
	for i, r := range rows {
		if i&0xffff == 0 {
			if err := l.ctx.Err(); err != nil {
				return err
			}
		}
		if err := w.add(index.Key{ids[r[cols[0]]], ids[r[cols[1]]], ids[r[cols[2]]], ids[r[cols[3]]]}); err != nil {
			return err
		}
	}
	return w.finish()
}

// unknown drops the rows whose quads the staged state has, walking both in
// SPO order.
func (l *loader) unknown(rows [][4]uint32, ids []kg.ID) ([][4]uint32, error) {
	if l.staged.size == 0 && len(l.staged.segments) == 0 {
		return rows, nil
	}
	c := newCursor(l.ctx, l.staged, kg.Pattern{}, kg.SPO)
	defer c.Close()
	out := rows[:0]
	for _, r := range rows {
		q := kg.Quad{S: ids[r[0]], P: ids[r[1]], O: ids[r[2]], G: ids[r[3]]}
		if c.Seek(q) && c.Quad() == q {
			continue
		}
		if err := c.Err(); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, c.Err()
}

// finish makes the load visible. A small one becomes an ordinary commit.
func (l *loader) finish() (kg.LoadStats, error) {
	if l.staged == nil && len(l.quads) <= smallLoad {
		return l.asUpdate()
	}
	if len(l.quads) > 0 {
		if err := l.chunk(); err != nil {
			return kg.LoadStats{}, err
		}
	}
	l.stats.Duplicates = l.stats.Read - l.stats.Added
	if l.stats.Added == 0 {
		return l.stats, nil
	}
	if err := l.ctx.Err(); err != nil {
		return kg.LoadStats{}, err
	}
	r := l.root
	r.Seq++
	r.Chain = chain(r.Chain, segmentsHash(r.Segments))
	st := l.staged
	st.root, st.version = &r, r.Seq
	if err := l.s.flip(&r, st, nil); err != nil {
		return kg.LoadStats{}, err
	}
	if len(r.Segments) > maxSegments {
		if err := l.s.compact(l.ctx); err != nil {
			return kg.LoadStats{}, err
		}
	}
	return l.stats, nil
}

// segmentsHash is what a load adds to the chain of commits.
func segmentsHash(refs []segmentRef) uint64 {
	h := uint64(0)
	for _, r := range refs {
		for _, d := range r.Directories {
			h = chain(h, d.Hash)
		}
	}
	return h
}

func (l *loader) asUpdate() (kg.LoadStats, error) {
	x := l.s.begin(l.base)
	ids := make([]kg.ID, len(l.terms))
	for n, t := range l.terms {
		id := t.id
		if id == kg.Any {
			key := []byte(t.key)
			if t.tag == kg.TagTriple {
				key = dict.AppendTripleKey(nil, ids[t.spo[0]], ids[t.spo[1]], ids[t.spo[2]])
			}
			var err error
			if id, err = x.internKey(t.tag, key); err != nil {
				return kg.LoadStats{}, err
			}
		}
		ids[n] = id
	}
	for _, q := range l.quads {
		added, err := x.Insert(kg.Quad{S: ids[q[0]], P: ids[q[1]], O: ids[q[2]], G: ids[q[3]]})
		if err != nil {
			return kg.LoadStats{}, err
		}
		if added {
			l.stats.Added++
		}
	}
	if err := l.s.commit(x); err != nil {
		return kg.LoadStats{}, err
	}
	l.stats.Duplicates = l.stats.Read - l.stats.Added
	if l.s.cur.delta.size() > l.s.opt.MaxDelta {
		if err := l.s.compact(l.ctx); err != nil {
			return kg.LoadStats{}, err
		}
	}
	return l.stats, nil
}

// radix sorts rows of ranks, least significant column first, in digits of 11
// bits. Digits that no rank reaches are skipped.
type radix struct {
	bits  int
	spare [][4]uint32
}

const digitBits = 11

func newRadix(values, rows int) *radix {
	bits := 0
	for 1<<bits < values {
		bits++
	}
	return &radix{bits: bits, spare: make([][4]uint32, rows)}
}

func (x *radix) sort(rows [][4]uint32, cols [4]int) [][4]uint32 {
	from, to := rows, x.spare[:len(rows)]
	for i := 3; i >= 0; i-- {
		c := cols[i]
		for shift := 0; shift < x.bits; shift += digitBits {
			var count [1 << digitBits]uint32
			for r := range from {
				count[from[r][c]>>shift&(1<<digitBits-1)]++
			}
			if int(count[from[0][c]>>shift&(1<<digitBits-1)]) == len(from) {
				continue // all alike, as the graph usually is
			}
			sum := uint32(0)
			for d := range count {
				n := count[d]
				count[d] = sum
				sum += n
			}
			for r := range from {
				d := from[r][c] >> shift & (1<<digitBits - 1)
				to[count[d]] = from[r]
				count[d]++
			}
			from, to = to, from
		}
	}
	return from
}
