package store

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

type badgerTxn = badger.Txn

func bytesAsString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// termTable is a hash table from keys to term numbers, with open addressing.
type termTable struct {
	slots []termSlot
	used  int
}

type termSlot struct {
	hash uint32
	n    uint32 // number + 1; 0 is empty
}

func (t *termTable) init(size int) { *t = termTable{slots: make([]termSlot, size)} }

// find returns the number of a key; if there is none it reserves the next one,
// which the caller must append.
func (t *termTable) find(c *chunk, tag kg.Tag, key []byte) (uint32, bool) {
	if t.used >= len(t.slots)/2 {
		t.grow()
	}
	h64 := (xxhash.Sum64(key) + uint64(tag)) * 0x9e3779b97f4a7c15
	h := uint32(h64 >> 32)
	mask := uint32(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.n == 0 {
			n := uint32(len(c.terms))
			*s = termSlot{h, n + 1}
			t.used++
			return n, false
		}
		if s.hash != h {
			continue
		}
		x := &c.terms[s.n-1]
		if x.tag == tag && string(x.key) == string(key) {
			return s.n - 1, true
		}
	}
}

func (t *termTable) grow() {
	old := t.slots
	t.slots = make([]termSlot, 4*len(old))
	mask := uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.n == 0 {
			continue
		}
		i := s.hash & mask
		for t.slots[i].n != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}

// sort replaces the terms' numbers in the quads by ranks, which order as the
// ids and are dense, so that sorting them takes few passes, and returns the
// quads in all orders.
func (c *chunk) sort() changes {
	perm := make([]uint32, len(c.terms))
	for i := range perm {
		perm[i] = uint32(i)
	}
	slices.SortFunc(perm, func(a, b uint32) int {
		switch x, y := c.terms[a].id, c.terms[b].id; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	rank := make([]uint32, len(perm))
	c.ids = make([]kg.ID, len(perm))
	for r, n := range perm {
		rank[n], c.ids[r] = uint32(r), c.terms[n].id
	}
	for i := range c.quads {
		q := &c.quads[i]
		for j := range q {
			q[j] = rank[q[j]]
		}
	}
	bits := 1
	for 1<<bits < len(perm) {
		bits++
	}
	const s, p, o, g = 0, 1, 2, 3
	rows := c.quads
	spare := make([][4]uint32, len(rows))
	for _, column := range []int{g, o, p, s} {
		if radix(rows, spare, column, bits) {
			rows, spare = spare, rows
		}
	}
	rows = slices.Compact(rows)
	// Every other order is a stable sort of an earlier one by one column.
	from := func(parent kg.Order, column int) func() [][4]uint32 {
		return sync.OnceValue(func() [][4]uint32 {
			src := c.orders[parent]()
			out := make([][4]uint32, len(src))
			if !radixCopy(src, out, column, bits) {
				return src
			}
			return out
		})
	}
	c.orders[kg.SPO] = func() [][4]uint32 { return rows }
	c.orders[kg.PSO] = from(kg.SPO, p)
	c.orders[kg.OSP] = from(kg.SPO, o)
	c.orders[kg.POS] = from(kg.OSP, p)
	c.orders[kg.OPS] = from(kg.PSO, o)
	c.orders[kg.SOP] = from(kg.OPS, s)
	c.orders[kg.GSPO] = from(kg.SPO, g)
	return c
}

// columns of a row by significance in each order.
var columns = [kg.Orders][4]int{
	kg.SPO: {0, 1, 2, 3}, kg.SOP: {0, 2, 1, 3}, kg.PSO: {1, 0, 2, 3}, kg.POS: {1, 2, 0, 3},
	kg.OSP: {2, 0, 1, 3}, kg.OPS: {2, 1, 0, 3}, kg.GSPO: {3, 0, 1, 2},
}

// Changes implements changes: everything is added.
func (c *chunk) Changes(o kg.Order) func() (index.Key, bool, bool) {
	rows := c.orders[o]()
	ids, col := c.ids, columns[o]
	i := 0
	return func() (k index.Key, deleted, ok bool) {
		if i == len(rows) {
			return k, false, false
		}
		r := &rows[i]
		i++
		return index.Key{ids[r[col[0]]], ids[r[col[1]]], ids[r[col[2]]], ids[r[col[3]]]}, false, true
	}
}

// Graphs implements changes.
func (c *chunk) Graphs() (lo, hi kg.ID, ok bool) {
	rows := c.orders[kg.SPO]()
	if len(rows) == 0 {
		return 0, 0, false
	}
	least, most := rows[0][3], rows[0][3]
	for i := range rows {
		least, most = min(least, rows[i][3]), max(most, rows[i][3])
	}
	return c.ids[least], c.ids[most], true
}

// digitBits is the width of a digit of the radix sort: 2,048 counters stay in
// the first-level cache.
const digitBits = 11

// digits returns the shifts of the digits in which the rows differ.
func digits(rows [][4]uint32, column, bits int) (shifts []int, counts [][1 << digitBits]uint32) {
	for shift := 0; shift < bits; shift += digitBits {
		var count [1 << digitBits]uint32
		for i := range rows {
			count[rows[i][column]>>shift&(1<<digitBits-1)]++
		}
		if len(rows) > 0 && int(count[rows[0][column]>>shift&(1<<digitBits-1)]) < len(rows) {
			shifts, counts = append(shifts, shift), append(counts, count)
		}
	}
	return shifts, counts
}

func scatter(from, to [][4]uint32, column, shift int, count *[1 << digitBits]uint32) {
	sum := uint32(0)
	for d, n := range count {
		count[d] = sum
		sum += n
	}
	for i := range from {
		d := from[i][column] >> shift & (1<<digitBits - 1)
		to[count[d]] = from[i]
		count[d]++
	}
}

// radix sorts rows stably by a column of that many bits. The result is in
// spare if it returns true, else in rows.
func radix(rows, spare [][4]uint32, column, bits int) bool {
	shifts, counts := digits(rows, column, bits)
	for i, shift := range shifts {
		scatter(rows, spare, column, shift, &counts[i])
		rows, spare = spare, rows
	}
	return len(shifts)%2 == 1
}

// radixCopy is radix that leaves rows alone and puts the result in out. It
// returns false, with nothing in out, if rows are sorted because all are
// alike.
func radixCopy(rows, out [][4]uint32, column, bits int) bool {
	shifts, counts := digits(rows, column, bits)
	if len(shifts) == 0 {
		return false
	}
	var spare [][4]uint32
	if len(shifts) > 1 {
		spare = make([][4]uint32, len(rows))
	}
	// The last pass has to end in out.
	from := rows
	for i, shift := range shifts {
		to := out
		if (len(shifts)-1-i)%2 == 1 {
			to = spare
		}
		scatter(from, to, column, shift, &counts[i])
		from = to
	}
	return true
}
