package store

import (
	"encoding/binary"
	"sort"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// segmentRef names a segment in the root.
type segmentRef struct {
	ID          uint64          `json:"id"`
	Quads       int64           `json:"quads"`
	Directories [kg.Orders]blob `json:"directories"`
	Predicates  []predicateStat `json:"predicates"`
}

type predicateStat struct {
	P        kg.ID `json:"p"`
	Count    int64 `json:"n"`
	Subjects int64 `json:"s"`
	Objects  int64 `json:"o"`
}

// segment is an immutable set of quads in all orders. Segments of one state
// are disjoint.
type segment struct {
	ref  segmentRef
	dirs [kg.Orders]directory
	refs atomic.Int64 // states that hold it
}

// directory finds the blocks of one order. Everything but the blocks
// themselves is in memory: 44 bytes for up to 1,024 quads.
type directory struct {
	firsts []index.Key // first key of each block
	sums   []uint64    // checksum of each block
	before []int64     // quads before each block; one more entry than blocks
}

const dirEntry = 32 + 8 + 2

func (d *directory) encode() []byte {
	b := make([]byte, 0, len(d.firsts)*dirEntry)
	for i, k := range d.firsts {
		for _, id := range k {
			b = binary.LittleEndian.AppendUint64(b, uint64(id))
		}
		b = binary.LittleEndian.AppendUint64(b, d.sums[i])
		b = binary.LittleEndian.AppendUint16(b, uint16(d.before[i+1]-d.before[i]))
	}
	return b
}

func decodeDirectory(b []byte) (directory, bool) {
	n := len(b) / dirEntry
	if len(b)%dirEntry != 0 {
		return directory{}, false
	}
	d := directory{make([]index.Key, n), make([]uint64, n), make([]int64, n+1)}
	for i := range n {
		e := b[i*dirEntry:]
		for c := range 4 {
			d.firsts[i][c] = kg.ID(binary.LittleEndian.Uint64(e[8*c:]))
		}
		d.sums[i] = binary.LittleEndian.Uint64(e[32:])
		d.before[i+1] = d.before[i] + int64(binary.LittleEndian.Uint16(e[40:]))
	}
	return d, true
}

// add appends a block.
func (d *directory) add(first index.Key, sum uint64, quads int) {
	if len(d.before) == 0 {
		d.before = []int64{0}
	}
	d.firsts = append(d.firsts, first)
	d.sums = append(d.sums, sum)
	d.before = append(d.before, d.before[len(d.before)-1]+int64(quads))
}

// find returns the block in which the first key >= k would be: the last one
// that starts at or before k, or block 0.
func (d *directory) find(k index.Key, from int) int {
	n := sort.Search(len(d.firsts)-from, func(i int) bool { return compare(d.firsts[from+i], k) > 0 })
	return max(from+n-1, from)
}

func compare(a, b index.Key) int {
	for i := range a {
		if a[i] != b[i] {
			if a[i] < b[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

func (s *Store) openSegment(txn *badger.Txn, ref segmentRef) (*segment, error) {
	g := &segment{ref: ref}
	for o := range g.dirs {
		b, err := getBlob(txn, kindSegs, ref.ID, o, ref.Directories[o])
		if err != nil {
			return nil, err
		}
		d, ok := decodeDirectory(b)
		if !ok || d.before[len(d.before)-1] != ref.Quads {
			return nil, corrupt("segment %d, order %s: directory does not hold %d quads", ref.ID, kg.Order(o), ref.Quads)
		}
		g.dirs[o] = d
	}
	return g, nil
}

// block returns a block of a segment, from the cache or from badger.
func (s *Store) block(g *segment, o kg.Order, i int) (*index.Block, error) {
	key := cacheKey{g.ref.ID, uint32(i), uint8(o)}
	if b := s.cache.get(key); b != nil {
		return b.(*index.Block), nil
	}
	var b *index.Block
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(blockKey(o, g.ref.ID, i))
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) (err error) {
			b, err = index.Open(v, index.Place{Order: o, Segment: g.ref.ID, Ordinal: uint32(i)}, g.dirs[o].sums[i])
			return err
		})
	})
	if err != nil {
		return nil, corrupt("block %d of segment %d, order %s: %v", i, g.ref.ID, o, err)
	}
	if d := &g.dirs[o]; int64(b.Len()) != d.before[i+1]-d.before[i] {
		return nil, corrupt("block %d of segment %d, order %s: %d quads, the directory says %d", i, g.ref.ID, o, b.Len(), d.before[i+1]-d.before[i])
	}
	s.cache.put(key, b, int64(b.Bytes()))
	return b, nil
}

// rank counts the quads of a segment whose key in order o is < k.
func (s *Store) rank(g *segment, o kg.Order, k index.Key) (int64, error) {
	d := &g.dirs[o]
	if len(d.firsts) == 0 || compare(k, d.firsts[0]) <= 0 {
		return 0, nil
	}
	i := d.find(k, 0)
	b, err := s.block(g, o, i)
	if err != nil {
		return 0, err
	}
	return d.before[i] + int64(b.Lower(k, 0)), nil
}

// segmentWriter builds a segment from keys that come sorted, one order at a
// time; the orders may be built by several goroutines.
type segmentWriter struct {
	w    writer
	id   uint64
	ref  segmentRef
	stat [2][]predicateStat // from PSO and POS
}

// order returns a writer for one order.
func (w *segmentWriter) order(o kg.Order) *orderWriter {
	return &orderWriter{seg: w, o: o, keys: make([]index.Key, 0, index.BlockQuads)}
}

type orderWriter struct {
	seg  *segmentWriter
	o    kg.Order
	enc  index.Encoder
	keys []index.Key
	buf  []byte
	dir  directory
	last index.Key
	stat []predicateStat
}

// add takes the next key, which is larger than all before.
func (w *orderWriter) add(k index.Key) error {
	w.count(k)
	w.keys = append(w.keys, k)
	if len(w.keys) == index.BlockQuads {
		return w.flush()
	}
	return nil
}

// count keeps the statistics that the order makes cheap: subjects per
// predicate from PSO, objects from POS.
func (w *orderWriter) count(k index.Key) {
	if w.o != kg.PSO && w.o != kg.POS {
		return
	}
	n := len(w.stat)
	if n == 0 || w.stat[n-1].P != k[0] {
		w.stat = append(w.stat, predicateStat{P: k[0]})
		n++
		w.last = index.Key{}
	}
	st := &w.stat[n-1]
	st.Count++
	if w.last[1] != k[1] || st.Count == 1 {
		st.Subjects++ // of POS these are the objects
	}
	w.last = k
}

func (w *orderWriter) flush() error {
	if len(w.keys) == 0 {
		return nil
	}
	i := len(w.dir.firsts)
	block, sum := index.Seal(w.enc.AppendBlock(nil, w.keys), index.Place{Order: w.o, Segment: w.seg.id, Ordinal: uint32(i)})
	w.dir.add(w.keys[0], sum, len(w.keys))
	w.keys = w.keys[:0]
	return w.seg.w.Set(blockKey(w.o, w.seg.id, i), block)
}

// finish writes the last block and the directory. Calls for different orders
// may run at once: each touches its own fields.
func (w *orderWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	ref, err := putBlob(w.seg.w, kindSegs, w.seg.id, int(w.o), w.dir.encode())
	if err != nil {
		return err
	}
	w.seg.ref.Directories[w.o] = ref
	switch w.o {
	case kg.SPO:
		if n := len(w.dir.before); n > 0 {
			w.seg.ref.Quads = w.dir.before[n-1]
		}
	case kg.PSO:
		w.seg.stat[0] = w.stat
	case kg.POS:
		w.seg.stat[1] = w.stat
	}
	return nil
}

// done returns the finished reference.
func (w *segmentWriter) done() segmentRef {
	w.ref.ID = w.id
	w.ref.Predicates = w.stat[0]
	for i := range w.ref.Predicates {
		w.ref.Predicates[i].Objects = w.stat[1][i].Subjects
	}
	return w.ref
}
