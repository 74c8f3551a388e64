package store

import (
	"context"
	"errors"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// cursor merges the segments and the delta of a state in one order.
type cursor struct {
	ctx     context.Context
	st      *state
	o       kg.Order
	p       kg.Pattern
	filter  bool      // columns behind the prefix are bound too
	lo, hi  index.Key // keys of the scan: lo <= key, and key < hi if bounded
	bounded bool
	segs    []segmentCursor
	added   []index.Key // rest of the delta's additions
	removed []index.Key // rest of its deletions
	cur     index.Key
	live    bool // cur is defined
	err     error
	closed  bool
	steps   int
}

// segmentCursor walks one segment.
type segmentCursor struct {
	g     *segment
	block *index.Block
	i     int // number of block
	row   int // next row in it
	key   index.Key
	done  bool
}

func newCursor(ctx context.Context, st *state, p kg.Pattern, o kg.Order) *cursor {
	c := &cursor{ctx: ctx, st: st, o: o, p: p}
	k, n := prefix(p, o)
	c.lo = k
	c.hi, c.bounded = after(k, n)
	full := o.Key(kg.Quad(p))
	for i := n; i < 4; i++ {
		c.filter = c.filter || full[i] != kg.Any
	}
	window := func(keys []index.Key) []index.Key {
		end := len(keys)
		if c.bounded {
			end = lower(keys, c.hi)
		}
		return keys[min(lower(keys, c.lo), end):end]
	}
	c.added = window(st.delta.added.keys(o))
	c.removed = window(st.delta.removed.keys(o))
	c.segs = make([]segmentCursor, 0, len(st.segments))
	for _, g := range st.segments {
		sc := segmentCursor{g: g, i: -1}
		if c.seekSegment(&sc, c.lo); c.err != nil {
			return c
		}
		if !sc.done {
			c.segs = append(c.segs, sc)
		}
	}
	return c
}

// past reports whether a key lies behind the scan.
func (c *cursor) past(k index.Key) bool { return c.bounded && compare(k, c.hi) >= 0 }

// seekSegment moves a segment's cursor to the first key >= k, never back.
func (c *cursor) seekSegment(sc *segmentCursor, k index.Key) {
	d := &sc.g.dirs[c.o]
	if len(d.firsts) == 0 {
		sc.done = true
		return
	}
	from := 0
	if sc.block != nil {
		if compare(sc.key, k) >= 0 {
			return
		}
		// Most seeks land in the block at hand.
		if row := sc.block.Lower(k, sc.row); row < sc.block.Len() {
			sc.row = row
			c.loadKey(sc)
			return
		}
		from = sc.i + 1
		if from >= len(d.firsts) {
			sc.done = true
			return
		}
	}
	i := d.find(k, from)
	if !c.openBlock(sc, i) {
		return
	}
	if sc.row = sc.block.Lower(k, 0); sc.row == sc.block.Len() {
		if i+1 >= len(d.firsts) {
			sc.done = true
			return
		}
		if !c.openBlock(sc, i+1) {
			return
		}
		sc.row = sc.block.Lower(k, 0)
	}
	c.loadKey(sc)
}

func (c *cursor) openBlock(sc *segmentCursor, i int) bool {
	b, err := c.st.s.block(sc.g, c.o, i)
	if err != nil {
		c.fail(err)
		sc.done = true
		return false
	}
	sc.block, sc.i, sc.row = b, i, 0
	return true
}

func (c *cursor) loadKey(sc *segmentCursor) {
	sc.key = sc.block.Key(sc.row)
	sc.done = c.past(sc.key)
}

func (c *cursor) nextSegment(sc *segmentCursor) {
	sc.row++
	if sc.row < sc.block.Len() {
		c.loadKey(sc)
		return
	}
	if sc.i+1 >= len(sc.g.dirs[c.o].firsts) {
		sc.done = true
		return
	}
	if c.openBlock(sc, sc.i+1) {
		c.loadKey(sc)
	}
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.live = false
}

// checkEvery is how many quads pass between looks at the context.
const checkEvery = 1024

func (c *cursor) ok() bool {
	if c.err != nil || c.closed {
		c.live = false
		return false
	}
	if c.steps--; c.steps < 0 {
		c.steps = checkEvery
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
			return false
		}
	}
	return true
}

// Next implements kg.Cursor.
func (c *cursor) Next() bool {
	for c.ok() {
		if !c.step() {
			c.live = false
			return false
		}
		if !c.filter || c.p.Matches(c.o.Quad(c.cur)) {
			c.live = true
			return true
		}
	}
	return false
}

// step takes the smallest key of all parts that is not deleted.
func (c *cursor) step() bool {
	for {
		best := -1
		for i := range c.segs {
			if !c.segs[i].done && (best < 0 || compare(c.segs[i].key, c.segs[best].key) < 0) {
				best = i
			}
		}
		if c.err != nil {
			return false
		}
		if len(c.added) > 0 && (best < 0 || compare(c.added[0], c.segs[best].key) < 0) {
			c.cur = c.added[0]
			c.added = c.added[1:]
			return true
		}
		if best < 0 {
			return false
		}
		sc := &c.segs[best]
		c.cur = sc.key
		c.nextSegment(sc)
		for len(c.removed) > 0 && compare(c.removed[0], c.cur) < 0 {
			c.removed = c.removed[1:]
		}
		if len(c.removed) > 0 && c.removed[0] == c.cur {
			c.removed = c.removed[1:]
			continue
		}
		return true
	}
}

// Seek implements kg.Cursor.
func (c *cursor) Seek(q kg.Quad) bool {
	k := c.o.Key(q)
	if c.live && compare(k, c.cur) <= 0 {
		return true
	}
	if !c.ok() {
		return false
	}
	for i := range c.segs {
		if !c.segs[i].done {
			c.seekSegment(&c.segs[i], k)
		}
	}
	c.added = c.added[lower(c.added, k):]
	c.removed = c.removed[lower(c.removed, k):]
	return c.Next()
}

// NextBatch implements kg.BatchCursor. With one segment and no delta ahead it
// unpacks blocks straight into dst.
func (c *cursor) NextBatch(dst []kg.Quad) int {
	if len(c.segs) != 1 || len(c.added) > 0 || len(c.removed) > 0 {
		n := 0
		for n < len(dst) && c.Next() {
			dst[n] = c.o.Quad(c.cur)
			n++
		}
		return n
	}
	sc := &c.segs[0]
	n := 0
	for n < len(dst) && !sc.done {
		c.steps = 0 // look at the context once per block
		if !c.ok() {
			return 0
		}
		end := sc.block.Len()
		if c.bounded {
			// The last block of the scan ends before its own end.
			if d := &sc.g.dirs[c.o]; sc.i+1 >= len(d.firsts) || compare(d.firsts[sc.i+1], c.hi) > 0 {
				end = sc.block.Lower(c.hi, sc.row)
			}
		}
		m := min(end-sc.row, len(dst)-n)
		sc.block.Decode(c.o, sc.row, dst[n:n+m])
		sc.row += m
		if c.filter {
			kept := n
			for _, q := range dst[n : n+m] {
				if c.p.Matches(q) {
					dst[kept] = q
					kept++
				}
			}
			n = kept
		} else {
			n += m
		}
		switch {
		case sc.row < end:
			c.loadKey(sc)
		case end < sc.block.Len():
			sc.done = true
		default:
			sc.row--
			c.nextSegment(sc)
		}
		if c.err != nil {
			return 0
		}
	}
	if c.live = n > 0; c.live {
		c.cur = c.o.Key(dst[n-1])
	}
	return n
}

// Quad implements kg.Cursor.
func (c *cursor) Quad() kg.Quad { return c.o.Quad(c.cur) }

// Err implements kg.Cursor.
func (c *cursor) Err() error {
	if errors.Is(c.err, kg.ErrClosed) && c.closed {
		return nil
	}
	return c.err
}

// Close implements kg.Cursor.
func (c *cursor) Close() error {
	c.closed, c.live = true, false
	return nil
}
