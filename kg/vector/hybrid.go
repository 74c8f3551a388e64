package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Options of a Hybrid. Zero values mean the defaults in brackets.
type Options struct {
	// MinLeaf is the least number of vectors of a partition [512]; cuts that
	// would leave fewer are not made.
	MinLeaf int
	// MaxLeaves bounds the partitions [256].
	MaxLeaves int
	Seed      uint64
}

// Hybrid is an index over vectors with attributes, partitioned for a workload.
type Hybrid struct {
	flat    *Flat
	columns [][]float64 // by attribute, then item
	leaves  []leaf
}

// leaf is a partition: the items for which its bounds hold, in posting lists
// around centroids.
type leaf struct {
	bounds    []bound // by attribute
	centroids *Flat
	lists     [][]int32 // items by centroid
	data      []Flat    // the vectors of each list, side by side
}

// bound is what the values of an attribute lie in, in a partition.
type bound struct{ low, high float64 }

// Build partitions vectors for a workload: predicates of past queries. Without
// one the index is an inverted file. columns are the attributes, each with a
// value for every vector; a value that is not a number meets no condition.
func Build(flat *Flat, columns [][]float64, workload []Predicate, o Options) (*Hybrid, error) {
	if flat.Len() == 0 {
		return nil, errNone
	}
	for i, c := range columns {
		if len(c) != flat.Len() {
			return nil, fmt.Errorf("attribute %d has %d values for %d vectors", i, len(c), flat.Len())
		}
	}
	for _, p := range workload {
		if err := p.check(len(columns)); err != nil {
			return nil, err
		}
	}
	if o.MinLeaf == 0 {
		o.MinLeaf = 512
	}
	if o.MaxLeaves == 0 {
		o.MaxLeaves = 256
	}
	h := &Hybrid{flat: flat, columns: columns}
	all := make([]int32, flat.Len())
	for i := range all {
		all[i] = int32(i)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6a09e667f3bcc909))
	for _, items := range h.partition(all, summarise(workload), o) {
		h.leaves = append(h.leaves, h.leaf(items, rng))
	}
	return h, nil
}

// weighted is a predicate and how often the workload has it.
type weighted struct {
	Predicate
	n int
}

func summarise(workload []Predicate) []weighted {
	at := map[string]int{}
	var out []weighted
	for _, p := range workload {
		p = p.normal()
		k := p.key()
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, weighted{p, 0})
		}
		out[i].n++
	}
	return out
}

// partition splits items by a query-aware tree: each step takes the cut, of
// those that the workload's conditions suggest, that lets queries skip the most
// rows.
func (h *Hybrid) partition(items []int32, workload []weighted, o Options) [][]int32 {
	type part struct {
		items []int32
		load  []weighted
	}
	todo, done := []part{{items, workload}}, [][]int32(nil)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if len(done)+len(todo)+2 > o.MaxLeaves || len(p.items) < 2*o.MinLeaf {
			done = append(done, p.items)
			continue
		}
		c, ok := h.bestCut(p.items, p.load, o.MinLeaf)
		if !ok {
			done = append(done, p.items)
			continue
		}
		var in, out []int32
		for _, i := range p.items {
			if c.left(h.columns[c.column][i]) {
				in = append(in, i)
			} else {
				out = append(out, i)
			}
		}
		var inLoad, outLoad []weighted
		for _, w := range p.load {
			l, r := c.sides(w.Predicate)
			if l {
				inLoad = append(inLoad, w)
			}
			if r {
				outLoad = append(outLoad, w)
			}
		}
		todo = append(todo, part{in, inLoad}, part{out, outLoad})
	}
	return done
}

// cut splits an attribute: values below the threshold go left. If inclusive,
// the threshold itself goes left, too. What is not a number goes right.
type cut struct {
	column    int
	at        float64
	inclusive bool
}

func (c cut) left(v float64) bool { return v < c.at || c.inclusive && v == c.at }

// sides reports on which sides of the cut answers of a predicate can lie.
func (c cut) sides(p Predicate) (left, right bool) {
	left, right = true, true
	for _, x := range p {
		if x.Column != c.column {
			continue
		}
		left = left && c.left(x.Low)
		right = right && !c.left(x.High)
	}
	return left, right
}

// bestCut tries the ends of the workload's conditions.
func (h *Hybrid) bestCut(items []int32, load []weighted, minLeaf int) (best cut, ok bool) {
	seen := map[cut]bool{}
	gain := 0
	for _, w := range load {
		for _, x := range w.Predicate {
			for _, c := range []cut{{x.Column, x.Low, false}, {x.Column, x.High, true}} {
				if seen[c] || math.IsInf(c.at, 0) {
					continue
				}
				seen[c] = true
				left := 0
				for _, i := range items {
					if c.left(h.columns[c.column][i]) {
						left++
					}
				}
				right := len(items) - left
				if left < minLeaf || right < minLeaf {
					continue
				}
				skipped := 0
				for _, q := range load {
					l, r := c.sides(q.Predicate)
					if !l {
						skipped += q.n * left
					}
					if !r {
						skipped += q.n * right
					}
				}
				if skipped > gain {
					best, gain, ok = c, skipped, true
				}
			}
		}
	}
	return best, ok
}

// leaf makes the posting lists of a partition.
func (h *Hybrid) leaf(items []int32, rng *rand.Rand) leaf {
	l := leaf{bounds: make([]bound, len(h.columns))}
	for c, col := range h.columns {
		b := bound{math.Inf(1), math.Inf(-1)}
		for _, i := range items {
			if v := col[i]; v == v {
				b.low, b.high = min(b.low, v), max(b.high, v)
			} else {
				b = bound{math.Inf(-1), math.Inf(1)} // says nothing
				break
			}
		}
		l.bounds[c] = b
	}
	l.centroids, l.lists = kmeans(h.flat, items, int(math.Sqrt(float64(len(items)))), rng)
	l.data = make([]Flat, len(l.lists))
	for i, list := range l.lists {
		d := Flat{Dim: h.flat.Dim, Data: make([]float32, 0, len(list)*h.flat.Dim)}
		for _, item := range list {
			d.Data = append(d.Data, h.flat.Row(item)...)
		}
		l.data[i] = d
	}
	return l
}

// relation of a predicate to a partition.
type relation uint8

const (
	apart relation = iota // no item of the partition meets it
	some
	all // every item does
)

func (l *leaf) relation(p Predicate) relation {
	r := all
	for _, c := range p {
		b := l.bounds[c.Column]
		switch {
		case b.low > c.High || b.high < c.Low:
			return apart
		case b.low < c.Low || b.high > c.High:
			r = some
		}
	}
	return r
}

// Leaves is the number of partitions.
func (h *Hybrid) Leaves() int { return len(h.leaves) }

// Query asks for the K vectors of greatest inner product with Vector among
// those that meet Where.
type Query struct {
	Vector []float32
	Where  Predicate
	K      int
}

// Search answers one query: it reads, of each partition that can hold answers,
// the share effort (0 to 1) of the posting lists nearest to the query, and tests
// the predicate item by item.
func (h *Hybrid) Search(q Query, effort float64) ([]Hit, error) {
	if err := h.check(q); err != nil {
		return nil, err
	}
	p := q.Where.normal()
	best := newHeap(q.K)
	for i := range h.leaves {
		l := &h.leaves[i]
		rel := l.relation(p)
		if rel == apart {
			continue
		}
		for _, c := range l.probes(q.Vector, effort) {
			for j, item := range l.lists[c] {
				if rel == all || p.holds(h.columns, item) {
					best.add(item, dot(q.Vector, l.data[c].Row(int32(j))))
				}
			}
		}
	}
	return best.sorted(), nil
}

func (h *Hybrid) check(q Query) error {
	if len(q.Vector) != h.flat.Dim {
		return fmt.Errorf("a query vector of %d numbers, the index has %d", len(q.Vector), h.flat.Dim)
	}
	return q.Where.check(len(h.columns))
}

// probes lists the posting lists to read, nearest first.
func (l *leaf) probes(q []float32, effort float64) []int32 {
	n := l.centroids.Len()
	k := min(n, max(1, int(math.Ceil(effort*float64(n)))))
	if k == n {
		out := make([]int32, n)
		for i := range out {
			out[i] = int32(i)
		}
		return out
	}
	var out []int32
	for _, x := range l.centroids.Search(q, k, nil) {
		out = append(out, x.Item)
	}
	return out
}

// SearchBatch answers queries together, with the same hits as Search for each.
// Queries of one predicate share its test, and queries that read the same
// posting list are multiplied with it as one matrix.
func (h *Hybrid) SearchBatch(queries []Query, effort float64) ([][]Hit, error) {
	heaps := make([]*heap, len(queries))
	groups := map[string][]int32{}
	var order []string
	for i, q := range queries {
		if err := h.check(q); err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
		heaps[i] = newHeap(q.K)
		k := q.Where.normal().key()
		if _, ok := groups[k]; !ok {
			order = append(order, k)
		}
		groups[k] = append(groups[k], int32(i))
	}
	w := &worker{h: h, queries: queries, heaps: heaps}
	for i := range h.leaves {
		w.leaf(&h.leaves[i], groups, order, effort)
	}
	out := make([][]Hit, len(queries))
	for i, x := range heaps {
		out[i] = x.sorted()
	}
	return out, nil
}

// worker holds the scratch of a batch.
type worker struct {
	h       *Hybrid
	queries []Query
	heaps   []*heap

	readers [][]int32 // by posting list: the queries that read it
	rows    []int32   // positions of items that meet a predicate
}

// leaf answers the queries that can have answers in a partition.
func (w *worker) leaf(l *leaf, groups map[string][]int32, order []string, effort float64) {
	for len(w.readers) < len(l.lists) {
		w.readers = append(w.readers, nil)
	}
	var whole []int32 // queries for which the predicate says nothing here
	for _, k := range order {
		members := groups[k]
		p := w.queries[members[0]].Where.normal()
		switch l.relation(p) {
		case apart:
		case all:
			whole = append(whole, members...)
		case some:
			w.read(l, members, p, effort)
		}
	}
	if len(whole) > 0 {
		w.read(l, whole, nil, effort)
	}
}

// read lets queries of one predicate read a partition; a nil predicate tests
// nothing.
func (w *worker) read(l *leaf, members []int32, p Predicate, effort float64) {
	for _, q := range members {
		for _, c := range l.probes(w.queries[q].Vector, effort) {
			w.readers[c] = append(w.readers[c], q)
		}
	}
	for c := range l.lists {
		if len(w.readers[c]) == 0 {
			continue
		}
		list := l.lists[c]
		w.rows = w.rows[:0]
		for j, item := range list {
			if p == nil || p.holds(w.h.columns, item) {
				w.rows = append(w.rows, int32(j))
			}
		}
		w.multiply(&l.data[c], list, w.rows, w.readers[c])
		w.readers[c] = w.readers[c][:0]
	}
}

// multiply scores rows of a posting list against queries, four queries and two
// rows at a time.
func (w *worker) multiply(data *Flat, list, rows, readers []int32) {
	for ; len(readers) >= 4; readers = readers[4:] {
		var q [4][]float32
		var h [4]*heap
		for i := range q {
			q[i], h[i] = w.queries[readers[i]].Vector, w.heaps[readers[i]]
		}
		r := rows
		for ; len(r) >= 2; r = r[2:] {
			s := dot24(data.Row(r[0]), data.Row(r[1]), q[0], q[1], q[2], q[3])
			for i := range 4 {
				h[i].offer(list[r[0]], s[i])
				h[i].offer(list[r[1]], s[4+i])
			}
		}
		for _, j := range r {
			for i := range 4 {
				h[i].offer(list[j], dot(q[i], data.Row(j)))
			}
		}
	}
	for _, x := range readers {
		for _, j := range rows {
			w.heaps[x].offer(list[j], dot(w.queries[x].Vector, data.Row(j)))
		}
	}
}

// offer is add for the common case that a full heap refuses.
func (h *heap) offer(item int32, score float32) {
	if len(h.hits) == h.k && (h.k == 0 || score < h.hits[0].Score) {
		return
	}
	h.add(item, score)
}

// kmeansRounds of Lloyd's algorithm are enough for posting lists.
const kmeansRounds = 8

// kmeans clusters items into about k lists by the direction of their vectors.
func kmeans(flat *Flat, items []int32, k int, rng *rand.Rand) (*Flat, [][]int32) {
	k = max(1, min(k, len(items)))
	centroids := &Flat{Dim: flat.Dim}
	for _, i := range rng.Perm(len(items))[:k] {
		centroids.Data = append(centroids.Data, flat.Row(items[i])...)
	}
	assign := make([]int32, len(items))
	for round := range kmeansRounds {
		changed := false
		for i, item := range items {
			best, score := int32(0), float32(math.Inf(-1))
			for c := range int32(k) {
				if s := dot(flat.Row(item), centroids.Row(c)); s > score {
					best, score = c, s
				}
			}
			changed = changed || assign[i] != best
			assign[i] = best
		}
		if !changed && round > 0 {
			break
		}
		if round == kmeansRounds-1 {
			break
		}
		sums := make([]float64, k*flat.Dim)
		for i, item := range items {
			for d, x := range flat.Row(item) {
				sums[int(assign[i])*flat.Dim+d] += float64(x)
			}
		}
		for c := range k {
			row, norm := sums[c*flat.Dim:(c+1)*flat.Dim], 0.0
			for _, x := range row {
				norm += x * x
			}
			if norm == 0 {
				continue // an empty list keeps its place
			}
			for d, x := range row {
				centroids.Data[c*flat.Dim+d] = float32(x / math.Sqrt(norm))
			}
		}
	}
	lists := make([][]int32, k)
	for i, item := range items {
		lists[assign[i]] = append(lists[assign[i]], item)
	}
	// Empty lists cost a comparison each: drop them.
	kept := &Flat{Dim: flat.Dim}
	n := 0
	for c := range lists {
		if len(lists[c]) > 0 {
			kept.Data = append(kept.Data, centroids.Row(int32(c))...)
			lists[n] = lists[c]
			n++
		}
	}
	return kept, slices.Clip(lists[:n])
}
