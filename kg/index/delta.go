package index

import (
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
)

// Delta is the changes to a set of directories: quads that they lack (added)
// and quads that they hold but that are gone (deleted), in all orders. A Delta
// is written by one goroutine; Freeze gives immutable views at the cost of a
// few nodes copied by later writes.
type Delta struct{ trees [kg.Orders]tree }

// NewDelta returns an empty delta.
func NewDelta() *Delta {
	d := &Delta{}
	for o := range d.trees {
		d.trees[o].owner = new(owner)
	}
	return d
}

// Freeze returns an unchanging view of the delta as it is now.
func (d *Delta) Freeze() *Delta {
	f := &Delta{}
	for o := range d.trees {
		f.trees[o].root = d.trees[o].root
		d.trees[o].owner = new(owner)
	}
	return f
}

// Fork returns a writable copy that shares all nodes with a frozen delta.
func (d *Delta) Fork() *Delta {
	f := NewDelta()
	for o := range d.trees {
		f.trees[o].root = d.trees[o].root
	}
	return f
}

// Get tells whether the delta adds or deletes a quad.
func (d *Delta) Get(q kg.Quad) (added, deleted bool) {
	del, ok := d.trees[kg.SPO].get(kg.SPO.Key(q))
	return ok && !del, ok && del
}

// Put records a quad as added or deleted.
func (d *Delta) Put(q kg.Quad, deleted bool) {
	for o := range d.trees {
		d.trees[o].put(kg.Order(o).Key(q), deleted)
	}
}

// Drop forgets what the delta says about a quad.
func (d *Delta) Drop(q kg.Quad) {
	for o := range d.trees {
		d.trees[o].drop(kg.Order(o).Key(q))
	}
}

// Len returns the numbers of added and deleted quads.
func (d *Delta) Len() (added, deleted int) {
	r := d.trees[kg.SPO].root
	if r == nil {
		return 0, 0
	}
	return r.adds, r.dels
}

// Changes returns the entries in an order, for Merge.
func (d *Delta) Changes(o kg.Order) func() (k Key, deleted, ok bool) {
	it := d.trees[o].seek(Key{})
	return func() (Key, bool, bool) {
		k, del, ok := it.entry()
		it.next()
		return k, del, ok
	}
}

// Graphs returns the smallest and the largest graph of all entries; ok is
// false if there are none.
func (d *Delta) Graphs() (lo, hi kg.ID, ok bool) {
	n := d.trees[kg.GSPO].root
	if n == nil {
		return 0, 0, false
	}
	first, last := n, n
	for !first.leaf() {
		first = first.kids[0]
	}
	for !last.leaf() {
		last = last.kids[len(last.kids)-1]
	}
	return first.keys[0][0], last.keys[len(last.keys)-1][0], true
}

// tree is a B+ tree of keys with a deletion mark each. Nodes are changed in
// place if they belong to the tree's owner and copied otherwise.
type tree struct {
	root  *node
	owner *owner
}

type owner struct{ _ byte } // not of size zero: addresses must differ

const (
	leafMax  = 64
	innerMax = 32
)

type node struct {
	owner      *owner
	adds, dels int     // entries of each kind below
	keys       []Key   // leaf: entries; inner: the first key of each child
	del        []bool  // leaf
	kids       []*node // inner
}

func (n *node) leaf() bool { return n.kids == nil }

// Compare orders two keys.
func Compare(a, b *Key) int {
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

// lowerKey returns the position of the first key >= k.
func lowerKey(keys []Key, k *Key) int {
	lo, hi := 0, len(keys)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if Compare(&keys[m], k) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// child returns the position of the child that k belongs to.
func (n *node) child(k *Key) int {
	i := lowerKey(n.keys, k)
	if i == len(n.keys) || n.keys[i] != *k {
		i--
	}
	return max(i, 0)
}

func (t *tree) get(k Key) (del, ok bool) {
	n := t.root
	if n == nil {
		return false, false
	}
	for !n.leaf() {
		n = n.kids[n.child(&k)]
	}
	i := lowerKey(n.keys, &k)
	if i == len(n.keys) || n.keys[i] != k {
		return false, false
	}
	return n.del[i], true
}

// own returns a node that this tree may change.
func (t *tree) own(n *node) *node {
	if n.owner == t.owner {
		return n
	}
	c := &node{owner: t.owner, adds: n.adds, dels: n.dels}
	if n.leaf() {
		c.keys = append(make([]Key, 0, leafMax), n.keys...)
		c.del = append(make([]bool, 0, leafMax), n.del...)
	} else {
		c.keys = append(make([]Key, 0, innerMax), n.keys...)
		c.kids = append(make([]*node, 0, innerMax), n.kids...)
	}
	return c
}

func (t *tree) put(k Key, del bool) {
	if t.root == nil {
		t.root = &node{owner: t.owner, keys: make([]Key, 0, leafMax), del: make([]bool, 0, leafMax)}
	}
	root, right := t.insert(t.root, &k, del)
	t.root = root
	if right != nil {
		t.root = &node{
			owner: t.owner, adds: root.adds + right.adds, dels: root.dels + right.dels,
			keys: append(make([]Key, 0, innerMax), root.keys[0], right.keys[0]),
			kids: append(make([]*node, 0, innerMax), root, right),
		}
	}
}

// insert returns the changed node and, if it was full, a new right neighbour.
func (t *tree) insert(n *node, k *Key, del bool) (left, right *node) {
	n = t.own(n)
	if n.leaf() {
		i := lowerKey(n.keys, k)
		if i < len(n.keys) && n.keys[i] == *k {
			n.count(n.del[i], -1)
			n.del[i] = del
		} else {
			n.keys = slices.Insert(n.keys, i, *k)
			n.del = slices.Insert(n.del, i, del)
		}
		n.count(del, 1)
		if len(n.keys) >= leafMax {
			h := len(n.keys) / 2
			if i == len(n.keys)-1 {
				h = len(n.keys) - 1 // ascending input fills leaves
			}
			right = &node{
				owner: t.owner,
				keys:  append(make([]Key, 0, leafMax), n.keys[h:]...),
				del:   append(make([]bool, 0, leafMax), n.del[h:]...),
			}
			n.keys, n.del = n.keys[:h], n.del[:h]
			right.sum()
			n.sum()
		}
		return n, right
	}
	i := n.child(k)
	n.adds -= n.kids[i].adds
	n.dels -= n.kids[i].dels
	kid, extra := t.insert(n.kids[i], k, del)
	n.kids[i], n.keys[i] = kid, kid.keys[0]
	n.adds += kid.adds
	n.dels += kid.dels
	if extra != nil {
		n.adds += extra.adds
		n.dels += extra.dels
		n.kids = slices.Insert(n.kids, i+1, extra)
		n.keys = slices.Insert(n.keys, i+1, extra.keys[0])
	}
	if len(n.kids) >= innerMax {
		h := len(n.kids) / 2
		right = &node{
			owner: t.owner,
			keys:  append(make([]Key, 0, innerMax), n.keys[h:]...),
			kids:  append(make([]*node, 0, innerMax), n.kids[h:]...),
		}
		clear(n.kids[h:])
		n.keys, n.kids = n.keys[:h], n.kids[:h]
		right.sum()
		n.sum()
	}
	return n, right
}

// count adds by to the leaf's total of one kind.
func (n *node) count(del bool, by int) {
	if del {
		n.dels += by
	} else {
		n.adds += by
	}
}

func (n *node) sum() {
	n.adds, n.dels = 0, 0
	if n.leaf() {
		for _, d := range n.del {
			if d {
				n.dels++
			}
		}
		n.adds = len(n.keys) - n.dels
		return
	}
	for _, k := range n.kids {
		n.adds += k.adds
		n.dels += k.dels
	}
}

func (t *tree) drop(k Key) {
	if _, ok := t.get(k); !ok {
		return
	}
	t.root = t.remove(t.root, &k)
	for t.root != nil && !t.root.leaf() && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
}

// remove returns the changed node, or nil if it became empty. Nodes may get
// small: a delta lives until the next compaction only.
func (t *tree) remove(n *node, k *Key) *node {
	n = t.own(n)
	if n.leaf() {
		i := lowerKey(n.keys, k)
		n.count(n.del[i], -1)
		n.keys = slices.Delete(n.keys, i, i+1)
		n.del = slices.Delete(n.del, i, i+1)
	} else {
		i := n.child(k)
		n.adds -= n.kids[i].adds
		n.dels -= n.kids[i].dels
		if kid := t.remove(n.kids[i], k); kid != nil {
			n.kids[i], n.keys[i] = kid, kid.keys[0]
			n.adds += kid.adds
			n.dels += kid.dels
		} else {
			n.kids = slices.Delete(n.kids, i, i+1)
			n.keys = slices.Delete(n.keys, i, i+1)
		}
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// rank returns how many added and deleted entries have keys < k.
func (t *tree) rank(k *Key) (adds, dels int) {
	n := t.root
	if n == nil {
		return 0, 0
	}
	for !n.leaf() {
		c := n.child(k)
		for _, kid := range n.kids[:c] {
			adds += kid.adds
			dels += kid.dels
		}
		n = n.kids[c]
	}
	for _, d := range n.del[:lowerKey(n.keys, k)] {
		if d {
			dels++
		} else {
			adds++
		}
	}
	return adds, dels
}

// treeIter walks the entries of a tree that does not change meanwhile.
type treeIter struct {
	depth int
	path  [12]struct {
		n *node
		i int
	}
}

// seek returns an iterator at the first entry >= k.
func (t *tree) seek(k Key) treeIter {
	var it treeIter
	n := t.root
	if n == nil {
		return it
	}
	for {
		p := &it.path[it.depth]
		it.depth++
		p.n = n
		if n.leaf() {
			p.i = lowerKey(n.keys, &k)
			if p.i == len(n.keys) {
				p.i--
				it.next()
			}
			return it
		}
		p.i = n.child(&k)
		n = n.kids[p.i]
	}
}

// entry returns the entry at hand; ok is false at the end.
func (it *treeIter) entry() (k Key, del, ok bool) {
	if it.depth == 0 {
		return k, false, false
	}
	p := &it.path[it.depth-1]
	return p.n.keys[p.i], p.n.del[p.i], true
}

func (it *treeIter) next() {
	for it.depth > 0 {
		p := &it.path[it.depth-1]
		p.i++
		if p.i < len(p.n.keys) {
			break
		}
		it.depth--
	}
	for it.depth > 0 {
		p := &it.path[it.depth-1]
		if p.n.leaf() {
			return
		}
		it.path[it.depth].n, it.path[it.depth].i = p.n.kids[p.i], 0
		it.depth++
	}
}
