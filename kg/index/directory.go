package index

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/quaestor-kg/quaestor/kg"
)

// Ref names one block: where it is kept, and what it must be. Directories of
// several versions share Refs, and with them the cached block.
type Ref struct {
	Segment uint64
	Ordinal uint32
	Count   uint32 // quads
	Sum     uint64 // checksum of the block in its place

	block atomic.Pointer[Block]
	// Used is set by readers and cleared by the owner of the cache, which
	// drops blocks that stay unused.
	used atomic.Bool
	// Pins counts the directories that hold the ref; for the store's use.
	Pins int32
}

// Cached returns the block if it is in memory.
func (r *Ref) Cached() *Block {
	b := r.block.Load()
	if b != nil && !r.used.Load() {
		r.used.Store(true)
	}
	return b
}

// Keep puts a block into memory and reports whether it was absent.
func (r *Ref) Keep(b *Block) bool { return r.block.CompareAndSwap(nil, b) }

// Forget drops the block from memory unless it was used since the last call.
// It returns the bytes freed.
func (r *Ref) Forget() (bytes int, ok bool) {
	if r.used.Swap(false) {
		return 0, false
	}
	if b := r.block.Swap(nil); b != nil {
		return b.Bytes(), true
	}
	return 0, true
}

// Place is where the block is kept.
func (r *Ref) Place(o kg.Order) Place { return Place{o, r.Segment, r.Ordinal} }

// Directory finds the blocks of one order. It is immutable and in memory:
// about 100 bytes for up to 1,024 quads.
type Directory struct {
	Order  kg.Order
	Firsts []Key   // first key of each block
	Refs   []*Ref  // the blocks
	Before []int64 // quads before each block; one more entry than blocks
}

// Quads returns the number of quads.
func (d *Directory) Quads() int64 {
	if len(d.Before) == 0 {
		return 0
	}
	return d.Before[len(d.Before)-1]
}

// Add appends a block.
func (d *Directory) Add(first Key, r *Ref) {
	if len(d.Before) == 0 {
		d.Before = append(d.Before, 0)
	}
	d.Firsts = append(d.Firsts, first)
	d.Refs = append(d.Refs, r)
	d.Before = append(d.Before, d.Before[len(d.Before)-1]+int64(r.Count))
}

// Find returns the block at or after from in which the first key >= k would
// be: the last that starts at or before k, or from. It gallops, so that a seek
// to a near block is cheap.
func (d *Directory) Find(k *Key, from int) int {
	step, lo, hi := 1, from, from+1
	for hi < len(d.Firsts) && Compare(&d.Firsts[hi], k) <= 0 {
		lo = hi
		hi += step
		step *= 2
	}
	hi = min(hi, len(d.Firsts))
	return lo + max(upperKey(d.Firsts[lo:hi], k)-1, 0)
}

// upperKey returns the position of the first key > k.
func upperKey(keys []Key, k *Key) int {
	lo, hi := 0, len(keys)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if Compare(&keys[m], k) <= 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// Source hands out blocks, from memory or from where they are kept.
type Source interface {
	Block(o kg.Order, r *Ref) (*Block, error)
}

// rank counts the quads whose key is < k.
func (d *Directory) rank(src Source, k *Key) (int64, error) {
	if len(d.Firsts) == 0 || Compare(k, &d.Firsts[0]) <= 0 {
		return 0, nil
	}
	i := d.Find(k, 0)
	b, err := src.Block(d.Order, d.Refs[i])
	if err != nil {
		return 0, err
	}
	return d.Before[i] + int64(b.Lower(*k, 0)), nil
}

const entryBytes = 4*8 + 8 + 4 + 2 + 8

// Append appends the directory's bytes.
func (d *Directory) Append(b []byte) []byte {
	for i, k := range d.Firsts {
		for _, id := range k {
			b = binary.LittleEndian.AppendUint64(b, uint64(id))
		}
		r := d.Refs[i]
		b = binary.LittleEndian.AppendUint64(b, r.Segment)
		b = binary.LittleEndian.AppendUint32(b, r.Ordinal)
		b = binary.LittleEndian.AppendUint16(b, uint16(r.Count))
		b = binary.LittleEndian.AppendUint64(b, r.Sum)
	}
	return b
}

// ParseDirectory is the inverse of Append. It returns false for malformed
// bytes and for keys that do not increase.
func ParseDirectory(o kg.Order, b []byte) (*Directory, bool) {
	d := &Directory{Order: o}
	if len(b)%entryBytes != 0 {
		return nil, false
	}
	n := len(b) / entryBytes
	d.Firsts, d.Refs, d.Before = make([]Key, 0, n), make([]*Ref, 0, n), make([]int64, 0, n+1)
	refs := make([]Ref, n)
	for i := range refs {
		e := b[i*entryBytes:]
		var k Key
		for c := range k {
			k[c] = kg.ID(binary.LittleEndian.Uint64(e[8*c:]))
		}
		r := &refs[i]
		r.Segment = binary.LittleEndian.Uint64(e[32:])
		r.Ordinal = binary.LittleEndian.Uint32(e[40:])
		r.Count = uint32(binary.LittleEndian.Uint16(e[44:]))
		r.Sum = binary.LittleEndian.Uint64(e[46:])
		if r.Count == 0 || r.Count > BlockQuads || i > 0 && Compare(&d.Firsts[i-1], &k) >= 0 {
			return nil, false
		}
		d.Add(k, r)
	}
	return d, true
}
