package store

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// smallLoad is the number of quads up to which a load is an ordinary commit.
const smallLoad = 4096

// Load implements kg.Store. Terms get numbers as they come; a chunk of quads
// is sorted in every order by these numbers, and merged with what is stored
// into blocks that no root names. One root at the end makes all chunks
// visible.
func (s *Store) Load(ctx context.Context, quads iter.Seq2[kg.TermQuad, error]) (kg.LoadStats, error) {
	return s.LoadBatches(ctx, func(yield func([]kg.TermQuad, error) bool) {
		var one [1]kg.TermQuad
		for q, err := range quads {
			if err != nil {
				yield(nil, err)
				return
			}
			one[0] = q
			if !yield(one[:], nil) {
				return
			}
		}
	})
}

// LoadBatches is Load for readers that make many quads at a time. A batch is
// not kept after the next one has been asked for.
func (s *Store) LoadBatches(ctx context.Context, batches iter.Seq2[[]kg.TermQuad, error]) (kg.LoadStats, error) {
	if err := s.lockWriter(ctx); err != nil {
		return kg.LoadStats{}, err
	}
	defer s.unlockWriter()
	from, err := s.writable(ctx)
	if err != nil {
		return kg.LoadStats{}, err
	}
	if err := s.checkSpace(); err != nil {
		return kg.LoadStats{}, err
	}
	l := &loader{s: s, ctx: ctx, from: from}
	l.chunk.reset()
	stats, err := l.load(batches)
	if err != nil {
		l.giveUp()
		return kg.LoadStats{}, err
	}
	return stats, nil
}

// loader is one load.
type loader struct {
	s     *Store
	ctx   context.Context
	from  *state
	stats kg.LoadStats
	chunk chunk

	// Once a chunk has been staged:
	started bool
	first   uint64 // first number staged under
	root    root
	base    *base
	dict    dictionary
}

func (l *loader) load(batches iter.Seq2[[]kg.TermQuad, error]) (kg.LoadStats, error) {
	for batch, err := range batches {
		if err != nil {
			return l.stats, err
		}
		for i := range batch {
			l.stats.Read++
			if err := l.chunk.take(&batch[i]); err != nil {
				return l.stats, fmt.Errorf("quad %d of the input: %w", l.stats.Read, err)
			}
			if l.stats.Read&1023 == 0 {
				if err := l.ctx.Err(); err != nil {
					return l.stats, err
				}
			}
			if len(l.chunk.quads) >= l.s.opt.ChunkQuads || l.chunk.bytes >= l.s.opt.ChunkBytes {
				if err := l.stage(); err != nil {
					return l.stats, err
				}
			}
		}
	}
	if err := l.ctx.Err(); err != nil {
		return l.stats, err
	}
	if !l.started && len(l.chunk.quads) <= smallLoad {
		return l.asUpdate()
	}
	if len(l.chunk.quads) > 0 {
		if err := l.stage(); err != nil {
			return l.stats, err
		}
	}
	return l.finish()
}

// asUpdate makes a small load an ordinary commit.
func (l *loader) asUpdate() (kg.LoadStats, error) {
	x := begin(l.from)
	defer x.closed.Store(true)
	ids := make([]kg.ID, len(l.chunk.terms))
	for n := range l.chunk.terms {
		t := &l.chunk.terms[n]
		ids[n] = t.id
		if t.id != kg.Any {
			continue
		}
		key := t.key
		if t.tag == kg.TagTriple {
			key = dict.AppendTripleKey(nil, ids[t.spo[0]], ids[t.spo[1]], ids[t.spo[2]])
		}
		var err error
		if ids[n], err = x.internKey(t.tag, key); err != nil {
			return l.stats, err
		}
	}
	for _, q := range l.chunk.quads {
		added, err := x.Insert(kg.Quad{S: ids[q[0]], P: ids[q[1]], O: ids[q[2]], G: ids[q[3]]})
		if err != nil {
			return l.stats, err
		}
		if added {
			l.stats.Added++
		}
	}
	l.stats.Duplicates = l.stats.Read - l.stats.Added
	return l.stats, l.s.commit(x)
}

// begin prepares for staging: what is loaded meets a base without a delta.
func (l *loader) begin() error {
	s := l.s
	s.stopBackground()
	if err := s.compactNow(l.ctx); err != nil {
		return err
	}
	l.from = s.cur
	l.started, l.first = true, s.numbers.Load()
	l.root, l.base, l.dict = *l.from.root, l.from.base, l.from.dictionary
	s.gc.Lock()
	s.holdBase(l.base)
	s.gc.Unlock()
	return nil
}

// stage merges the chunk with what is stored or staged so far.
func (l *loader) stage() error {
	if !l.started {
		if err := l.begin(); err != nil {
			return err
		}
	}
	if err := l.s.checkSpace(); err != nil {
		return err
	}
	if err := l.assign(); err != nil {
		return err
	}
	b, err := l.s.rebase(l.ctx, l.base, l.chunk.sort())
	if err != nil {
		return err
	}
	s := l.s
	s.gc.Lock()
	s.holdBase(b)
	s.dropBase(l.base)
	s.gc.Unlock()
	l.base = b
	l.chunk.reset()
	return nil
}

// assign gives ids to the chunk's terms: those of the dictionary, or new ones
// in sorted order, which become a run.
func (l *loader) assign() error {
	ref := runRef{ID: l.s.number(), Tags: map[kg.Tag]tagRef{}}
	err := l.s.stage(func(w writer) error {
		for _, tag := range dictTags {
			fresh, err := l.unknown(tag)
			if err != nil {
				return err
			}
			if len(fresh) == 0 {
				continue
			}
			first := l.dict.next[tag]
			if tag == kg.TagTriple {
				ref.Tags[tag], err = l.writeTriples(w, ref.ID, fresh, first)
			} else {
				ref.Tags[tag], err = l.writeTerms(w, ref.ID, tag, fresh, first)
			}
			if err != nil {
				return err
			}
			l.dict.next[tag] = first + uint64(len(fresh))
		}
		return nil
	})
	if err != nil || len(ref.Tags) == 0 {
		return err
	}
	l.root.Runs = append(slices.Clone(l.root.Runs), ref)
	var more []*run
	if err := l.s.view(func(txn *badgerTxn) (err error) {
		more, err = l.s.openRuns(txn, []runRef{ref}, nil)
		return err
	}); err != nil {
		return err
	}
	l.dict.runs = append(slices.Clone(l.dict.runs), more...)
	l.dict.over = newOverflow(l.dict.next)
	return nil
}

// unknown finds the chunk's terms of a tag that the dictionary lacks. Triple
// terms come in the order of their numbers, so inner ones have ids already.
func (l *loader) unknown(tag kg.Tag) ([]uint32, error) {
	c := &l.chunk
	known := false
	for _, r := range l.dict.runs {
		known = known || r.tags[tag] != nil
	}
	fresh := make([]uint32, 0, len(c.byTag[tag]))
	next := l.dict.next[tag]
	for _, n := range c.byTag[tag] {
		t := &c.terms[n]
		if tag == kg.TagTriple {
			t.key = dict.AppendTripleKey(nil, c.terms[t.spo[0]].id, c.terms[t.spo[1]].id, c.terms[t.spo[2]].id)
		}
		if known {
			id, ok, err := l.dict.lookup(tag, t.key)
			if err != nil {
				return nil, err
			}
			if ok {
				t.id = id
				continue
			}
		}
		if tag == kg.TagTriple {
			t.id = kg.MakeID(tag, next+uint64(len(fresh)))
		}
		fresh = append(fresh, n)
	}
	return fresh, nil
}

// writeTerms sorts new terms, numbers them and writes them.
func (l *loader) writeTerms(w writer, run uint64, tag kg.Tag, fresh []uint32, first uint64) (tagRef, error) {
	c := &l.chunk
	c.sortKeys(fresh, l.s.opt.Threads)
	rw := runWriter{w: w, id: run, tag: tag}
	for i, n := range fresh {
		t := &c.terms[n]
		t.id = kg.MakeID(tag, first+uint64(i))
		if err := rw.add(t.key); err != nil {
			return tagRef{}, err
		}
	}
	return rw.finish(first, len(fresh), nil)
}

// writeTriples writes new triple terms, which have their ids already.
func (l *loader) writeTriples(w writer, run uint64, fresh []uint32, first uint64) (tagRef, error) {
	c := &l.chunk
	sorted := slices.Clone(fresh)
	c.sortKeys(sorted, 1)
	rw := runWriter{w: w, id: run, tag: kg.TagTriple}
	order := make([]uint32, len(sorted))
	for i, n := range sorted {
		order[i] = uint32(c.terms[n].id.Payload() - first)
		if err := rw.add(c.terms[n].key); err != nil {
			return tagRef{}, err
		}
	}
	return rw.finish(first, len(sorted), order)
}

// finish makes the load visible.
func (l *loader) finish() (kg.LoadStats, error) {
	s := l.s
	l.stats.Added = l.base.ref.Quads - l.from.base.ref.Quads
	l.stats.Duplicates = l.stats.Read - l.stats.Added
	if l.stats.Added == 0 {
		l.giveUp()
		return l.stats, nil
	}
	if err := l.ctx.Err(); err != nil {
		return l.stats, err
	}
	r := l.root
	r.Base = l.base.ref
	r.Seq = l.from.version + 1
	r.Chain = l.from.chain
	for _, d := range r.Base.Dirs {
		r.Chain = chainHash(r.Chain, d.Hash)
	}
	if err := s.writeRoot(&r); err != nil {
		return l.stats, s.poison(err)
	}
	if err := s.acknowledge(r.Seq, r.Chain); err != nil {
		return l.stats, s.poison(err)
	}
	next := &state{dictionary: l.dict, view: s.viewOf(l.base, index.NewDelta().Freeze()), base: l.base, root: &r, version: r.Seq, chain: r.Chain}
	s.publish(next)
	s.gc.Lock()
	s.dropBase(l.base) // the state has its own hold
	s.gc.Unlock()
	l.started = false
	if err := s.purge(); err != nil {
		s.opt.Logger.Warn("store: clean up after a load", "error", err)
	}
	return l.stats, nil
}

// giveUp releases what has been staged in vain.
func (l *loader) giveUp() {
	if !l.started {
		return
	}
	l.started = false
	s := l.s
	s.gc.Lock()
	s.dropBase(l.base)
	s.gc.Unlock()
	s.abandon(l.first)
	if _, err := s.writable(context.Background()); err != nil {
		return // the next Open sweeps
	}
	if err := s.purge(); err != nil {
		s.opt.Logger.Warn("store: clean up after a failed load", "error", err)
	}
}

// chunk is the part of a load that is sorted at a time. Its quads are numbers
// of its terms.
type chunk struct {
	quads  [][4]uint32
	terms  []loadTerm
	byTag  [numTags][]uint32
	table  termTable
	bytes  int64
	last   [4]lastTerm
	buf    []byte
	arena  []byte
	inline map[kg.ID]uint32

	ids    []kg.ID // by rank, after sort
	orders [kg.Orders]func() [][4]uint32
}

// loadTerm is a term of a chunk: an id, or the key of one that is yet to get
// its id.
type loadTerm struct {
	id  kg.ID
	tag kg.Tag
	spo [3]uint32 // numbers of a triple term's parts, whose ids make its key
	key []byte
}

// lastTerm remembers the term of the last quad in each position: neighbours
// often share it.
type lastTerm struct {
	t  kg.Term
	n  uint32
	ok bool
}

func (c *chunk) reset() {
	*c = chunk{quads: c.quads[:0], buf: c.buf, terms: append(c.terms[:0], loadTerm{id: kg.DefaultGraph}), inline: map[kg.ID]uint32{}}
	c.table.init(1 << 12)
}

func (c *chunk) take(q *kg.TermQuad) error {
	var row [4]uint32
	for i, t := range [4]*kg.Term{&q.S, &q.P, &q.O, &q.G} {
		if i == 3 && t.Kind == kg.None {
			break // term 0 is the default graph
		}
		l := &c.last[i]
		if l.ok && *t == l.t {
			row[i] = l.n
			continue
		}
		if i == 3 && t.Kind != kg.IRI && t.Kind != kg.Blank {
			return fmt.Errorf("graph %s: a graph is named by an IRI or a blank node", t)
		}
		n, err := c.number(t)
		if err != nil {
			return fmt.Errorf("%s: %w", [4]string{"subject", "predicate", "object", "graph"}[i], err)
		}
		row[i] = n
		// The reader may reuse the memory of its strings for the next batch, so
		// only the copy in the chunk may be compared with: that of an IRI.
		l.ok = t.Kind == kg.IRI
		if l.ok {
			l.n = n
			l.t = kg.Term{Kind: kg.IRI, Value: bytesAsString(c.terms[n].key)}
		}
	}
	c.quads = append(c.quads, row)
	return nil
}

// number returns the chunk's number of a term.
func (c *chunk) number(t *kg.Term) (uint32, error) {
	if id, ok := dict.Inline(*t); ok {
		n, ok := c.inline[id]
		if !ok {
			n = uint32(len(c.terms))
			c.inline[id] = n
			c.terms = append(c.terms, loadTerm{id: id})
		}
		return n, nil
	}
	tag, err := dict.TagOf(*t)
	if err != nil {
		return 0, err
	}
	var spo [3]uint32
	if tag == kg.TagTriple {
		for i := range t.Spo {
			if spo[i], err = c.number(&t.Spo[i]); err != nil {
				return 0, err
			}
		}
		// Within a chunk numbers tell triple terms apart as ids would.
		c.buf = dict.AppendTripleKey(c.buf[:0], kg.ID(spo[0]), kg.ID(spo[1]), kg.ID(spo[2]))
	} else if c.buf, err = dict.AppendKey(c.buf[:0], tag, *t); err != nil {
		return 0, err
	}
	n, ok := c.table.find(c, tag, c.buf)
	if !ok {
		if len(c.terms) >= 1<<32-2 {
			return 0, fmt.Errorf("store: too many terms in one chunk; lower ChunkQuads")
		}
		c.terms = append(c.terms, loadTerm{tag: tag, key: c.keep(c.buf), spo: spo})
		c.byTag[tag] = append(c.byTag[tag], n)
	}
	return n, nil
}

// keep copies bytes into the chunk's arena.
func (c *chunk) keep(b []byte) []byte {
	if len(b) > cap(c.arena)-len(c.arena) {
		c.arena = make([]byte, 0, max(1<<20, len(b)))
	}
	at := len(c.arena)
	c.arena = append(c.arena, b...)
	c.bytes += int64(len(b)) + 80
	return c.arena[at:len(c.arena):len(c.arena)]
}

// sortKeys sorts term numbers by key, on several cores if there are many.
func (c *chunk) sortKeys(nums []uint32, threads int) {
	compare := func(a, b uint32) int { return bytes.Compare(c.terms[a].key, c.terms[b].key) }
	if threads < 2 || len(nums) < 1<<14 {
		slices.SortFunc(nums, compare)
		return
	}
	half := len(nums) / 2
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		c.sortKeys(nums[:half], threads/2)
	}()
	c.sortKeys(nums[half:], threads-threads/2)
	wg.Wait()
	a, b := slices.Clone(nums[:half]), nums[half:]
	for i := range nums {
		if len(a) == 0 {
			break // the rest of b is in its place
		}
		if len(b) == 0 || compare(a[0], b[0]) <= 0 {
			nums[i], a = a[0], a[1:]
		} else {
			nums[i], b = b[0], b[1:]
		}
	}
}
