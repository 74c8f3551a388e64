package store

import (
	"slices"
	"sort"
	"sync"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// delta is the changes since the last compaction: quads that are in no segment
// (added) and quads of segments that are gone (removed). It is immutable; the
// orders other than SPO are sorted when they are first asked for.
type delta struct {
	added, removed sortedSet
}

// sortedSet is an immutable set of quads in every order.
type sortedSet struct {
	spo  []index.Key
	lazy *[kg.Orders]lazyOrder
}

type lazyOrder struct {
	once sync.Once
	keys []index.Key
}

// newSortedSet takes keys sorted by SPO.
func newSortedSet(spo []index.Key) sortedSet {
	return sortedSet{spo, &[kg.Orders]lazyOrder{}}
}

func (s sortedSet) len() int { return len(s.spo) }

// keys returns the set in an order.
func (s sortedSet) keys(o kg.Order) []index.Key {
	if o == kg.SPO || len(s.spo) == 0 {
		return s.spo
	}
	l := &s.lazy[o]
	l.once.Do(func() {
		keys := make([]index.Key, len(s.spo))
		for i, k := range s.spo {
			keys[i] = o.Key(kg.SPO.Quad(k))
		}
		slices.SortFunc(keys, compare)
		l.keys = keys
	})
	return l.keys
}

// lower returns the position of the first key >= k.
func lower(keys []index.Key, k index.Key) int {
	return sort.Search(len(keys), func(i int) bool { return compare(keys[i], k) >= 0 })
}

func (s sortedSet) has(q kg.Quad) bool {
	k := kg.SPO.Key(q)
	i := lower(s.spo, k)
	return i < len(s.spo) && s.spo[i] == k
}

// with returns the set with some quads added and some taken out.
func (s sortedSet) with(add, remove []kg.Quad) sortedSet {
	if len(add) == 0 && len(remove) == 0 {
		return s
	}
	plus := make([]index.Key, len(add))
	for i, q := range add {
		plus[i] = kg.SPO.Key(q)
	}
	slices.SortFunc(plus, compare)
	gone := make(map[index.Key]bool, len(remove))
	for _, q := range remove {
		gone[kg.SPO.Key(q)] = true
	}
	out := make([]index.Key, 0, len(s.spo)+len(plus))
	i := 0
	for _, k := range plus {
		for i < len(s.spo) && compare(s.spo[i], k) < 0 {
			if !gone[s.spo[i]] {
				out = append(out, s.spo[i])
			}
			i++
		}
		out = append(out, k)
	}
	for ; i < len(s.spo); i++ {
		if !gone[s.spo[i]] {
			out = append(out, s.spo[i])
		}
	}
	return newSortedSet(out)
}

func (d *delta) size() int { return d.added.len() + d.removed.len() }
