// Package idtable holds open-addressing hash tables from tuples of ids to
// dense indexes: what joins, groups and distinct sets are made of.
package idtable

import "github.com/quaestor-kg/quaestor/kg"

// Table numbers the distinct tuples of K ids it has seen, from 0.
type Table struct {
	k     int
	keys  []kg.ID // K per tuple
	slots []int32 // index + 1; 0 is free
	mask  uint64
	n     int
}

// New returns a table for tuples of k ids; k may be 0.
func New(k int) *Table {
	return &Table{k: k, slots: make([]int32, 64), mask: 63}
}

// Len is the number of tuples.
func (t *Table) Len() int { return t.n }

// Bytes is the memory held.
func (t *Table) Bytes() int64 { return int64(cap(t.keys))*8 + int64(len(t.slots))*4 }

// Key returns tuple i.
func (t *Table) Key(i int) []kg.ID { return t.keys[i*t.k : (i+1)*t.k] }

// hash1 spreads an id; ordinals differ in low bits, tags in high ones.
func hash1(id kg.ID) uint64 {
	h := uint64(id) * 0x9E3779B97F4A7C15
	return h ^ h>>29
}

func hashKey(key []kg.ID) uint64 {
	h := uint64(0x2545F4914F6CDD1D)
	for _, id := range key {
		h = (h ^ uint64(id)) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	return h
}

// Insert1 is Insert for K = 1.
func (t *Table) Insert1(id kg.ID) (i int, added bool) {
	for s := hash1(id) & t.mask; ; s = (s + 1) & t.mask {
		j := t.slots[s]
		if j == 0 {
			t.slots[s] = int32(t.n + 1)
			t.keys = append(t.keys, id)
			t.n++
			if t.n*2 > len(t.slots) {
				t.grow()
			}
			return t.n - 1, true
		}
		if t.keys[j-1] == id {
			return int(j - 1), false
		}
	}
}

// Find1 is Find for K = 1.
func (t *Table) Find1(id kg.ID) int {
	for s := hash1(id) & t.mask; ; s = (s + 1) & t.mask {
		j := t.slots[s]
		if j == 0 {
			return -1
		}
		if t.keys[j-1] == id {
			return int(j - 1)
		}
	}
}

// Insert returns the index of a tuple and whether it is new.
func (t *Table) Insert(key []kg.ID) (i int, added bool) {
	if t.k == 1 {
		return t.Insert1(key[0])
	}
	for s := hashKey(key) & t.mask; ; s = (s + 1) & t.mask {
		j := t.slots[s]
		if j == 0 {
			t.slots[s] = int32(t.n + 1)
			t.keys = append(t.keys, key...)
			t.n++
			if t.n*2 > len(t.slots) {
				t.grow()
			}
			return t.n - 1, true
		}
		if t.equal(int(j-1), key) {
			return int(j - 1), false
		}
	}
}

// Find returns the index of a tuple, or -1.
func (t *Table) Find(key []kg.ID) int {
	if t.k == 1 {
		return t.Find1(key[0])
	}
	for s := hashKey(key) & t.mask; ; s = (s + 1) & t.mask {
		j := t.slots[s]
		if j == 0 {
			return -1
		}
		if t.equal(int(j-1), key) {
			return int(j - 1)
		}
	}
}

func (t *Table) equal(i int, key []kg.ID) bool {
	for c, id := range t.keys[i*t.k : (i+1)*t.k] {
		if id != key[c] {
			return false
		}
	}
	return true
}

func (t *Table) grow() {
	t.slots = make([]int32, len(t.slots)*2)
	t.mask = uint64(len(t.slots) - 1)
	for i := range t.n {
		h := uint64(0)
		if t.k == 1 {
			h = hash1(t.keys[i])
		} else {
			h = hashKey(t.keys[i*t.k : (i+1)*t.k])
		}
		s := h & t.mask
		for t.slots[s] != 0 {
			s = (s + 1) & t.mask
		}
		t.slots[s] = int32(i + 1)
	}
}
