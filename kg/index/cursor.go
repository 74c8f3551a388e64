package index

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg"
)

// Scan returns the quads that match p, sorted by o.
func (v *View) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.BatchCursor {
	c := &cursor{ctx: ctx, o: o, p: p}
	c.stored.init(v, p, o)
	if t := &v.Delta.trees[o]; t.root != nil {
		k, n := Prefix(p, o)
		if a, d := v.countDelta(o, k, n); a+d > 0 {
			c.left = a + d
			c.tree = t
			it := t.seek(k)
			c.it = &it
		}
	}
	return c
}

// Failed returns a cursor that has failed.
func Failed(err error) kg.BatchCursor { return &cursor{err: err} }

// cursor merges stored quads with the delta's.
//
// It hands quads out from out, which holds merged and matching quads. Without
// delta entries ahead, out is filled straight from blocks; else in holds
// stored quads that wait for their neighbours in the delta.
type cursor struct {
	ctx    context.Context
	o      kg.Order
	p      kg.Pattern
	stored stored

	tree *tree     // nil: no delta in the scan's range
	it   *treeIter // next delta entry
	left int       // delta entries in range from it on

	in     []kg.Quad // stored quads not yet merged
	out    []kg.Quad // quads not yet handed out: out[at:]
	at     int
	cur    kg.Quad
	live   bool // cur is defined
	closed bool
	err    error
	grow   int
	small  [8]kg.Quad // first buffer: most look-ups need no other
	bufOut []kg.Quad
	bufIn  []kg.Quad
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.live, c.out, c.at = false, nil, 0
}

// usable reports whether the cursor may go on.
func (c *cursor) usable() bool {
	if c.err != nil {
		return false
	}
	if c.closed {
		c.fail(kg.ErrClosed)
		return false
	}
	return true
}

// Next implements kg.Cursor.
func (c *cursor) Next() bool {
	if c.at < len(c.out) && c.err == nil && !c.closed {
		c.cur = c.out[c.at]
		c.at++
		c.live = true
		return true
	}
	return c.refill()
}

// refill gets more quads into out, more each time, and takes the first.
func (c *cursor) refill() bool {
	c.live = false
	if !c.usable() {
		return false
	}
	if c.stored.done && c.left == 0 && len(c.in) == 0 {
		// The end: no need of a larger buffer to find nothing.
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
		}
		c.out, c.at = nil, 0
		return false
	}
	if c.grow == 0 {
		c.bufOut = c.small[:]
		c.grow = len(c.small)
	} else if c.grow < BlockQuads {
		c.grow = min(c.grow*8, BlockQuads)
		c.bufOut = make([]kg.Quad, c.grow)
	}
	n := c.read(c.bufOut)
	c.out, c.at = c.bufOut[:n], 0
	if n == 0 {
		return false
	}
	c.cur, c.at, c.live = c.out[0], 1, true
	return true
}

// NextBatch implements kg.BatchCursor.
func (c *cursor) NextBatch(dst []kg.Quad) int {
	if !c.usable() || len(dst) == 0 {
		c.live = false
		return 0
	}
	n := copy(dst, c.out[c.at:])
	c.at += n
	for n < len(dst) {
		m := c.read(dst[n:])
		if m == 0 {
			break
		}
		n += m
	}
	if c.err != nil {
		return 0
	}
	if c.live = n > 0; c.live {
		c.cur = dst[n-1]
	}
	return n
}

// read fills part of dst with the next quads; 0 is the end or an error. Every
// call looks at the context once.
func (c *cursor) read(dst []kg.Quad) int {
	if err := c.ctx.Err(); err != nil {
		c.fail(err)
		return 0
	}
	if c.left == 0 && len(c.in) == 0 {
		return c.fill(dst)
	}
	n := 0
	for n < len(dst) {
		if len(c.in) == 0 && !c.stored.done {
			if c.bufIn == nil {
				c.bufIn = make([]kg.Quad, BlockQuads/4)
			}
			c.in = c.bufIn[:c.fill(c.bufIn)]
			if c.err != nil {
				return 0
			}
		}
		if c.left == 0 {
			m := copy(dst[n:], c.in)
			c.in = c.in[m:]
			n += m
			if len(c.in) == 0 {
				break // the next call reads blocks directly
			}
			continue
		}
		k, del, _ := c.it.entry()
		// Everything stored before the entry goes out as it is.
		m := copy(dst[n:], c.in[:c.lower(c.in, c.o.Quad(k))])
		c.in = c.in[m:]
		n += m
		switch {
		case n == len(dst):
			return n
		case len(c.in) == 0 && !c.stored.done:
			continue // there may be more before the entry
		}
		q := c.o.Quad(k)
		if len(c.in) > 0 && c.in[0] == q {
			c.in = c.in[1:]
		}
		if !del && c.p.Matches(q) {
			dst[n] = q
			n++
		}
		c.it.next()
		c.left--
	}
	if n == 0 && !c.stored.done && c.err == nil {
		return c.read(dst)
	}
	return n
}

func (c *cursor) fill(dst []kg.Quad) int {
	n, err := c.stored.fill(dst)
	if err != nil {
		c.fail(err)
		return 0
	}
	return n
}

// lower returns the position of the first quad >= q.
func (c *cursor) lower(quads []kg.Quad, q kg.Quad) int {
	// Gallop: in a merge the answer is usually near or behind the end.
	if n := len(quads); n > 0 && c.o.Compare(quads[n-1], q) < 0 {
		return n
	}
	hi := 1
	for hi < len(quads) && c.o.Compare(quads[hi-1], q) < 0 {
		hi *= 2
	}
	lo := hi / 2
	hi = min(hi, len(quads))
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.o.Compare(quads[m], q) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// Seek implements kg.Cursor.
func (c *cursor) Seek(q kg.Quad) bool {
	if !c.usable() {
		c.live = false
		return false
	}
	if c.live && c.o.Compare(c.cur, q) >= 0 {
		return true
	}
	rest := c.out[c.at:]
	if i := c.lower(rest, q); i < len(rest) {
		c.at += i
		return c.Next()
	}
	c.out, c.at = nil, 0
	if c.in = c.in[c.lower(c.in, q):]; len(c.in) == 0 {
		if err := c.stored.seek(q); err != nil {
			c.fail(err)
			return false
		}
	}
	if c.left > 0 {
		c.seekDelta(q)
	}
	// A seek starts over with small reads: the next seek is likely.
	if c.grow > 0 {
		c.grow = len(c.small)
		c.bufOut = c.small[:]
		n := c.read(c.bufOut)
		c.out = c.bufOut[:n]
		if c.live = n > 0; c.live {
			c.cur, c.at = c.out[0], 1
		}
		return c.live
	}
	return c.refill()
}

func (c *cursor) seekDelta(q kg.Quad) {
	k := c.o.Key(q)
	if e, _, _ := c.it.entry(); Compare(&e, &k) >= 0 {
		return
	}
	e, _, _ := c.it.entry()
	a0, d0 := c.tree.rank(&e)
	a1, d1 := c.tree.rank(&k)
	c.left = max(c.left-(a1+d1-a0-d0), 0)
	*c.it = c.tree.seek(k)
}

// Quad implements kg.Cursor.
func (c *cursor) Quad() kg.Quad { return c.cur }

// Err implements kg.Cursor.
func (c *cursor) Err() error { return c.err }

// Close implements kg.Cursor.
func (c *cursor) Close() error {
	c.closed, c.live = true, false
	return nil
}

// stored walks the blocks of one directory.
type stored struct {
	src    Source
	dir    *Directory
	o      kg.Order   // of the scan; differs from the directory's for GSPO of one graph
	graph  kg.ID      // that graph
	p      kg.Pattern // what is left to check
	filter bool
	pre    Key // bound prefix in the directory's order
	n      int

	block *Block
	i     int // number of the block
	row   int // next row
	end   int // behind the last row of the prefix
	last  bool
	done  bool
}

func (s *stored) init(v *View, p kg.Pattern, o kg.Order) {
	s.src, s.o, s.dir = v.Source, o, v.Dirs[o]
	if s.dir == nil {
		s.dir, s.graph = v.Dirs[kg.SPO], v.Graph
		if p.G != kg.Any && p.G != v.Graph {
			s.done = true
		}
		p.G = kg.Any
	}
	s.p = p
	s.pre, s.n = Prefix(p, s.dir.Order)
	full := s.dir.Order.Key(kg.Quad(p))
	for _, id := range full[s.n:] {
		s.filter = s.filter || id != kg.Any
	}
	if len(s.dir.Firsts) == 0 {
		s.done = true
	}
}

// inPrefix reports whether a key has the bound prefix.
func (s *stored) inPrefix(k *Key) bool {
	for i := range s.n {
		if k[i] != s.pre[i] {
			return false
		}
	}
	return true
}

func (s *stored) open(i int) (err error) {
	s.i = i
	s.block, err = s.src.Block(s.dir.Order, s.dir.Refs[i])
	return err
}

// bound finds the end of the prefix in the block at hand, from row on.
func (s *stored) bound() {
	s.end = s.block.Len()
	next := s.i + 1
	s.last = next >= len(s.dir.Firsts)
	if s.n == 0 || !s.last && s.inPrefix(&s.dir.Firsts[next]) {
		return
	}
	s.last = true
	if s.row < s.end {
		_, s.end = s.block.Prefix(s.pre, s.n, s.row)
	}
}

// position goes to the first key >= k, searching from block from on.
func (s *stored) position(k *Key, from int) error {
	if err := s.open(s.dir.Find(k, from)); err != nil {
		return err
	}
	s.row = s.block.Lower(*k, 0)
	if s.row == s.block.Len() && s.i+1 < len(s.dir.Firsts) {
		if !s.inPrefix(&s.dir.Firsts[s.i+1]) {
			s.done = true
			return nil
		}
		if err := s.open(s.i + 1); err != nil {
			return err
		}
		s.row = 0
	}
	s.bound()
	s.done = s.row >= s.end && s.last
	return nil
}

// fill decodes matching quads into dst, at most one block's; 0 is the end.
func (s *stored) fill(dst []kg.Quad) (int, error) {
	if s.block == nil && !s.done {
		if err := s.position(&s.pre, 0); err != nil {
			return 0, err
		}
	}
	for !s.done {
		m := min(s.end-s.row, len(dst))
		part := dst[:m]
		s.block.Decode(s.dir.Order, s.row, part)
		s.row += m
		if s.row >= s.end {
			if s.last {
				s.done = true
			} else {
				if err := s.open(s.i + 1); err != nil {
					return 0, err
				}
				s.row = 0
				s.bound()
			}
		}
		if s.filter {
			n := 0
			for _, q := range part {
				if s.p.Matches(q) {
					part[n] = q
					n++
				}
			}
			m = n
		}
		if m > 0 {
			return m, nil
		}
	}
	return 0, nil
}

// seek moves to the first quad >= q, never back.
func (s *stored) seek(q kg.Quad) error {
	if s.done {
		return nil
	}
	k := s.dir.Order.Key(q)
	if s.o != s.dir.Order { // GSPO of one graph
		switch {
		case q.G < s.graph:
			return nil
		case q.G > s.graph:
			s.done = true
			return nil
		}
		k[3] = kg.Any // all stored quads are in that graph
	}
	if s.block == nil {
		if Compare(&k, &s.pre) < 0 {
			k = s.pre
		}
		return s.position(&k, 0)
	}
	if next := s.i + 1; !s.last && Compare(&s.dir.Firsts[next], &k) <= 0 {
		return s.position(&k, next)
	}
	// The answer is in this block, or it is the first of the next.
	if s.row = s.block.Lower(k, s.row); s.row >= s.end {
		if s.last {
			s.done = true
			return nil
		}
		if err := s.open(s.i + 1); err != nil {
			return err
		}
		s.row = 0
		s.bound()
	}
	return nil
}
