package kvcache

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Paged is the store: pages with owners, exact at first, sealed when they leave
// the recent window if the policy says so.
type Paged struct {
	shape  Shape
	policy Policy
	pool   *cpu.Pool
	slabs  slabs
	scale  float32
	pageAt []int // where each layer begins in a page stored whole, and the end

	scratch  sync.Pool // *attention
	sealings sync.Pool // *sealing
	encoders *sync.Pool

	mu          sync.Mutex // guards what follows
	idle        []*sequence
	sparePages  []*sealed
	sealedBytes Bytes
	sealErr     error // the last page that could not be sealed
	stats       counters
	prefixes    prefixes
}

// counters are statistics of a store; attention adds to them from all threads.
type counters struct {
	pagesRead    atomic.Int64
	pagesSkipped atomic.Int64
	selections   atomic.Int64
	reused       atomic.Int64
}

var (
	_ Store      = (*Paged)(nil)
	_ Sequence   = (*sequence)(nil)
	_ Compressed = (*sequence)(nil)
)

// New returns an empty store.
func New(shape Shape, policy Policy, pool *cpu.Pool) (*Paged, error) {
	if err := policy.check(shape); err != nil {
		return nil, err
	}
	p := &Paged{shape: shape, policy: policy, pool: pool, scale: inverseSqrt(shape.Dim), encoders: newEncoders()}
	p.layOut()
	p.slabs = slabs{shape: shape, single: policy.Single, wide: panels(shape.Dim)}
	p.scratch.New = func() any { return newAttention(p) }
	p.sealings.New = func() any { return newSealing(p) }
	return p, nil
}

// NewPaged returns an empty store that keeps everything exactly: with single in
// 32 bits, else in 16, which is exact enough for any use but comparisons.
func NewPaged(shape Shape, single bool, pool *cpu.Pool) *Paged {
	p, err := New(shape, Policy{ID: "exact", Single: single}, pool)
	if err != nil {
		panic(err)
	}
	return p
}

// panels rounds up to whole panels of the products of attention.
func panels(n int) int { return (n + cpu.PanelWidth - 1) / cpu.PanelWidth * cpu.PanelWidth }

func itoa(n int) string { return strconv.Itoa(n) }

// Bytes implements Store.
func (p *Paged) Bytes() int64 { return p.Usage().Total() }

// Usage returns where the memory goes, every page counted once.
func (p *Paged) Usage() Bytes {
	exact := p.slabs.total()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.sealedBytes
	b.Exact = exact
	return b
}

// Policy returns what the store was made with.
func (p *Paged) Policy() *Policy { return &p.policy }

// Shape returns what the store was made for.
func (p *Paged) Shape() Shape { return p.shape }

// Err returns the last page that could not be sealed because a number did not
// fit the format, or nil. Such pages stay exact, so results do not suffer.
func (p *Paged) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealErr
}

// Stats counts what attention has read.
type Stats struct {
	PagesRead, PagesSkipped int64 // by retrieval: sealed pages of a row and head
	Selections, Reused      int64 // choices of pages, and how many were kept from the query before
}

// Stats returns counts since the store was made.
func (p *Paged) Stats() Stats {
	return Stats{p.stats.pagesRead.Load(), p.stats.pagesSkipped.Load(), p.stats.selections.Load(), p.stats.reused.Load()}
}

// entry is a run of positions of a sequence: a page, exact or sealed, or the
// sink.
type entry struct {
	start, n int
	// One slab of PageTokens, or blocks; all nil when the page is sealed.
	slabs  [pageBlocks]*slab
	sealed *sealed
}

// room is how many positions an entry may have.
func (p *Paged) room(e *entry) int {
	if e.start == 0 && p.policy.Sink > 0 {
		return p.policy.Sink
	}
	return PageTokens
}

// blocks is the number of slabs of an entry.
func (e *entry) blocks() int {
	n := 0
	for n < len(e.slabs) && e.slabs[n] != nil {
		n++
	}
	return n
}

// family are a sequence and its forks: the branches of one request.
type family struct{ live atomic.Int32 }

type sequence struct {
	store   *Paged
	family  *family
	entries []entry
	n       int
	fresh   int // positions that Put fills: the last fresh ones
	row     []cpu.Half
	probes  *probes // queries seen, when the policy wants them
	picks   *picks  // pages chosen last, when the policy retrieves
}

// New implements Store.
func (p *Paged) New() Sequence {
	s := p.blank()
	s.family = new(family)
	s.family.live.Store(1)
	return s
}

func (p *Paged) blank() *sequence {
	p.mu.Lock()
	var s *sequence
	if n := len(p.idle); n > 0 {
		s = p.idle[n-1]
		p.idle = p.idle[:n-1]
	}
	p.mu.Unlock()
	if s == nil {
		s = &sequence{store: p, row: make([]cpu.Half, p.shape.Dim)}
	}
	s.n, s.fresh = 0, 0
	p.watch(s)
	return s
}

// Len implements Sequence.
func (s *sequence) Len() int { return s.n }

// Room implements Compressed.
func (s *sequence) Room() int {
	if s.store.policy.exact() {
		return 1 << 30
	}
	if i := len(s.entries) - 1; i >= 0 {
		e := &s.entries[i]
		if left := s.store.room(e) - e.n; left > 0 && e.sealed == nil {
			return left
		}
	}
	if s.n == 0 && s.store.policy.Sink > 0 {
		return s.store.policy.Sink
	}
	return PageTokens
}

// Extend implements Sequence.
func (s *sequence) Extend(n int) {
	p := s.store
	s.fresh = n
	if n <= 0 {
		return
	}
	s.n += n
	for n > 0 {
		last := len(s.entries) - 1
		if last < 0 || s.entries[last].sealed != nil || s.entries[last].n == p.room(&s.entries[last]) {
			if last >= 0 {
				s.turn()
			}
			s.entries = append(s.entries, entry{start: s.n - n})
			last = len(s.entries) - 1
		}
		e := &s.entries[last]
		k := min(n, p.room(e)-e.n)
		s.grow(e, k)
		n -= k
	}
}

// grow makes room for k more positions of an entry, which has it.
func (s *sequence) grow(e *entry, k int) {
	p := s.store
	if e.n == 0 && k == PageTokens {
		e.slabs[0], e.n = p.slabs.take(PageTokens), PageTokens
		return
	}
	if e.slabs[0] != nil && e.slabs[0].tokens == PageTokens {
		// A page that was cut by Truncate: its slab is written again.
		s.own(e, 0)
	} else if i := e.n / tailTokens; e.n%tailTokens != 0 {
		s.own(e, i)
	}
	e.n += k
	if e.slabs[0] != nil && e.slabs[0].tokens == PageTokens {
		return
	}
	for i := e.blocks(); i*tailTokens < e.n; i++ {
		e.slabs[i] = p.slabs.take(tailTokens)
	}
}

// own makes slab i of an entry ours alone, for writing.
func (s *sequence) own(e *entry, i int) {
	p := s.store
	g := e.slabs[i]
	if g.owners.Load() > 1 {
		c := p.slabs.take(g.tokens)
		copy(c.half, g.half)
		copy(c.single, g.single)
		p.slabs.drop(g, p.releaseSealed)
		e.slabs[i] = c
		return
	}
	if g.form != nil {
		p.releaseSealed(g.form)
		g.form = nil
	}
}

// turn is called when a page is full and the next begins: blocks that are ours
// alone become one slab, and pages that left the window are sealed.
func (s *sequence) turn() {
	p := s.store
	last := &s.entries[len(s.entries)-1]
	if last.n == PageTokens && last.blocks() == pageBlocks {
		alone := true
		for _, g := range last.slabs {
			alone = alone && g.owners.Load() == 1
		}
		if alone {
			page := p.slabs.take(PageTokens)
			p.slabs.join(page, last.slabs[:])
			for i, g := range last.slabs {
				p.slabs.drop(g, p.releaseSealed)
				last.slabs[i] = nil
			}
			last.slabs[0] = page
		}
	}
	if p.policy.exact() {
		return
	}
	now := last.start + last.n
	old := len(s.entries) - p.policy.windowPages()
	for i := range s.entries[:max(0, old)] {
		e := &s.entries[i]
		switch {
		case e.start == 0 && p.policy.Sink > 0: // the sink stays
		case e.sealed == nil && e.n == PageTokens && s.ripe(e):
			s.sealEntry(e)
		case e.sealed != nil && !e.sealed.demoted && p.policy.Demote > 0 && now-e.start-e.n >= p.policy.Demote:
			g := p.demote(e.sealed)
			p.releaseSealed(e.sealed)
			e.sealed = g
		}
	}
}

// ripe says whether a page belongs to all branches of the request: those of
// one branch stay exact, because they are short and the branches are many.
func (s *sequence) ripe(e *entry) bool {
	live := s.family.live.Load()
	if live == 1 || s.store.formOf(e) != nil {
		return true
	}
	for _, g := range e.slabs[:e.blocks()] {
		if g.owners.Load()-g.held.Load() < live {
			return false
		}
	}
	return true
}

// formOf returns the sealed form of an exact page if a branch has made it.
func (p *Paged) formOf(e *entry) *sealed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.slabs[e.blocks()-1].form
}

// sealEntry replaces the slabs of a full page by its sealed form.
func (s *sequence) sealEntry(e *entry) {
	p := s.store
	last := e.slabs[e.blocks()-1]
	form := p.formOf(e)
	if form == nil {
		var err error
		form, err = p.seal(e.start, e.n, func(layer, head int, k, v []float32, stride int) {
			p.readExact(e, layer, head, k, v, stride)
		}, nil)
		p.mu.Lock()
		switch {
		case err != nil:
			p.sealErr = err
		case last.form != nil: // another branch was faster
			defer p.releaseSealed(form)
			form = last.form
		default:
			last.form = form
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
	form.owners.Add(1)
	s.dropSlabs(e)
	e.sealed = form
}

// readExact copies one head of an exact entry: k and v [n][stride].
func (p *Paged) readExact(e *entry, layer, head int, k, v []float32, stride int) {
	for i, g := range e.slabs[:e.blocks()] {
		from := i * tailTokens
		n := min(g.tokens, e.n-from)
		var ks, vs []float32
		if k != nil {
			ks = k[from*stride:]
		}
		if v != nil {
			vs = v[from*stride:]
		}
		p.slabs.read(g, layer, head, n, ks, vs, stride)
	}
}

// readEntry copies what an entry holds of one head; the mask says which
// positions.
func (p *Paged) readEntry(e *entry, layer, head int, k, v []float32, stride int) uint64 {
	if e.sealed != nil {
		return p.readSealed(e.sealed, layer, head, e.start, e.n, k, v, stride)
	}
	p.readExact(e, layer, head, k, v, stride)
	return all(e.n)
}

func (s *sequence) dropSlabs(e *entry) {
	for i, g := range e.slabs {
		if g != nil {
			s.store.slabs.drop(g, s.store.releaseSealed)
			e.slabs[i] = nil
		}
	}
}

// Put implements Sequence.
func (s *sequence) Put(layer int, k, v []float32) {
	p := s.store
	wide := p.shape.Heads * p.shape.Dim
	if len(k) != s.fresh*wide || len(v) != len(k) {
		panic(fmt.Sprintf("kvcache: Put of %d keys and %d values for %d positions of %d numbers", len(k), len(v), s.fresh, wide))
	}
	at := s.n - s.fresh
	i := len(s.entries) - 1
	for i > 0 && s.entries[i].start > at {
		i--
	}
	for ; i < len(s.entries) && len(k) > 0; i++ {
		e := &s.entries[i]
		for ; at < e.start+e.n; at++ {
			slot := at - e.start
			g := e.slabs[0]
			if g.tokens != PageTokens {
				g, slot = e.slabs[slot/tailTokens], slot%tailTokens
			}
			p.slabs.put(g, layer, slot, k[:wide], v[:wide], s.row)
			k, v = k[wide:], v[wide:]
		}
	}
}

// Fork implements Sequence.
func (s *sequence) Fork() Sequence {
	f := s.store.blank()
	f.family = s.family
	f.family.live.Add(1)
	f.entries = append(f.entries[:0], s.entries...)
	f.n = s.n
	for i := range f.entries {
		f.entries[i].retain()
	}
	f.probes.copyFrom(s.probes)
	f.picks.copyFrom(s.picks)
	return f
}

func (e *entry) retain() {
	for _, g := range e.slabs {
		if g == nil {
			break
		}
		g.owners.Add(1)
	}
	if e.sealed != nil {
		e.sealed.owners.Add(1)
	}
}

func (s *sequence) release(e *entry) {
	s.dropSlabs(e)
	if e.sealed != nil {
		s.store.releaseSealed(e.sealed)
		e.sealed = nil
	}
}

// Truncate implements Sequence.
func (s *sequence) Truncate(n int) {
	if n < 0 || n > s.n {
		panic(fmt.Sprintf("kvcache: Truncate to %d of %d positions", n, s.n))
	}
	keep := len(s.entries)
	for keep > 0 && s.entries[keep-1].start >= n {
		keep--
		s.release(&s.entries[keep])
	}
	s.entries = s.entries[:keep]
	if keep > 0 {
		e := &s.entries[keep-1]
		e.n = n - e.start
		if e.sealed == nil && e.slabs[0].tokens != PageTokens {
			for i := e.blocks() - 1; i*tailTokens >= e.n; i-- {
				s.store.slabs.drop(e.slabs[i], s.store.releaseSealed)
				e.slabs[i] = nil
			}
		}
	}
	s.n, s.fresh = n, 0
}

// Release implements Sequence.
func (s *sequence) Release() {
	s.Truncate(0)
	s.family.live.Add(-1)
	s.family = nil
	p := s.store
	p.mu.Lock()
	p.idle = append(p.idle, s)
	p.mu.Unlock()
}

// Bytes implements Sequence.
func (s *sequence) Bytes() (exclusive, shared int64) {
	for i := range s.entries {
		e := &s.entries[i]
		for _, g := range e.slabs[:e.blocks()] {
			if b := s.store.slabs.bytes(g.tokens); g.owners.Load() > 1 {
				shared += b
			} else {
				exclusive += b
			}
		}
		if g := e.sealed; g != nil {
			if b := g.size.Total(); g.owners.Load() > 1 {
				shared += b
			} else {
				exclusive += b
			}
		}
	}
	return exclusive, shared
}

// Usage implements Compressed.
func (s *sequence) Usage() Bytes {
	var b Bytes
	for i := range s.entries {
		e := &s.entries[i]
		for _, g := range e.slabs[:e.blocks()] {
			b.Exact += s.store.slabs.bytes(g.tokens)
		}
		if e.sealed != nil {
			b.add(e.sealed.size)
		}
	}
	return b
}
