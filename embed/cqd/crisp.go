package cqd

import "math/bits"

// Set is a crisp set of entities.
type Set []uint64

// NewSet returns the empty set over n entities.
func NewSet(n int) Set { return make(Set, (n+63)/64) }

// Add puts an entity in.
func (s Set) Add(e int32) { s[e>>6] |= 1 << (e & 63) }

// Has reports whether an entity is in.
func (s Set) Has(e int32) bool { return s[e>>6]>>(e&63)&1 != 0 }

// Len counts the entities.
func (s Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Entities lists the set in order.
func (s Set) Entities() []int32 {
	out := make([]int32, 0, s.Len())
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			out = append(out, int32(i*64+bits.TrailingZeros64(w)))
		}
	}
	return out
}

// Minus returns the entities of s that are not in t, in order.
func (s Set) Minus(t Set) []int32 {
	d := make(Set, len(s))
	for i := range s {
		d[i] = s[i] &^ t[i]
	}
	return d.Entities()
}

// Answers returns what the statements alone answer to a query over n entities.
// Complements are over all entities.
func Answers(known Stated, q *Query, n int) Set {
	out := NewSet(n)
	switch q.Op {
	case Among:
		for _, m := range q.Members {
			out.Add(m)
		}
	case Project:
		for i, w := range Answers(known, q.Args[0], n) {
			for ; w != 0; w &= w - 1 {
				for _, t := range known.Tails(int32(i*64+bits.TrailingZeros64(w)), q.Relation) {
					out.Add(t)
				}
			}
		}
	case Intersect, Union:
		copy(out, Answers(known, q.Args[0], n))
		for _, a := range q.Args[1:] {
			for i, w := range Answers(known, a, n) {
				if q.Op == Intersect {
					out[i] &= w
				} else {
					out[i] |= w
				}
			}
		}
	case Not:
		for i, w := range Answers(known, q.Args[0], n) {
			out[i] = ^w
		}
		if rest := n % 64; rest != 0 {
			out[len(out)-1] &= 1<<rest - 1
		}
	}
	return out
}
