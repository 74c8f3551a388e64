package automaton

import (
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Index holds what automata of one graph share: which names a node has, and
// which names lead anywhere. It is immutable and safe for concurrent use.
type Index struct {
	g     *constrain.Graph
	start []uint32 // node -> names, compressed sparse rows
	names []uint32
	// connected lists the names with an edge; nil if all have one.
	connected []uint32
	*lookups
}

// lookups are made when first needed.
type lookups struct {
	mu     sync.Mutex
	having [][]uint32 // by relation and direction
	extent map[int]extent
}

// extent holds the names with a value of one relation.
type extent struct {
	names  []uint32
	lo, hi []float64
}

// NewIndex indexes the names of a graph.
func NewIndex(g *constrain.Graph) *Index {
	x := &Index{g: g, start: make([]uint32, g.Nodes()+1), lookups: &lookups{extent: map[int]extent{}}}
	dead := false
	for i := range g.NameCount() {
		_, nodes := g.NameAt(i)
		for _, n := range nodes {
			x.start[n+1]++
		}
		dead = dead || !anyEdge(g, nodes)
	}
	for n := range g.Nodes() {
		x.start[n+1] += x.start[n]
	}
	x.names = make([]uint32, x.start[g.Nodes()])
	next := slices.Clone(x.start[:g.Nodes()])
	for i := range g.NameCount() {
		_, nodes := g.NameAt(i)
		for _, n := range nodes {
			x.names[next[n]] = uint32(i)
			next[n]++
		}
		if dead && anyEdge(g, nodes) {
			x.connected = append(x.connected, uint32(i))
		}
	}
	return x
}

// Over returns the index over another view of the same graph (see
// constrain.Graph.With).
func (x *Index) Over(g *constrain.Graph) *Index {
	v := *x
	v.g = g
	return &v
}

func anyEdge(g *constrain.Graph, nodes []constrain.Node) bool {
	// Nodes of one name stand in descending order of their edges.
	return len(nodes) > 0 && g.Degree(nodes[0]) > 0
}

// of returns the indices of a node's names.
func (x *Index) of(n constrain.Node) []uint32 { return x.names[x.start[n]:x.start[n+1]] }

// nameable reports whether a node has a name that a query can hold.
func (x *Index) nameable(n constrain.Node) bool { return x.start[n] < x.start[n+1] }

// namesOf returns the names of a set, ascending.
func (x *Index) namesOf(s constrain.Set) []uint32 {
	out := make([]uint32, 0, len(s))
	for _, n := range s {
		out = append(out, x.of(n)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// name returns the index of a name.
func (x *Index) name(s string) (uint32, bool) {
	lo, hi := x.g.NameRange(s)
	if lo == hi {
		return 0, false
	}
	k, _ := x.g.NameAt(lo)
	return uint32(lo), k == s
}

// leads reports whether any member of a set has a neighbour, over one step, that
// passes f.
func (x *Index) leads(s constrain.Set, rd constrain.RD, f func(constrain.Node) bool) bool {
	for _, n := range s {
		for m := range x.g.Neighbours(n, rd) {
			if f(m) {
				return true
			}
		}
	}
	return false
}

// hasPath reports whether steps lead from a node anywhere.
func (x *Index) hasPath(n constrain.Node, path []constrain.RD) bool {
	if _, ok := slices.BinarySearch(x.g.RDsOf(n), path[0]); !ok || len(path) == 1 {
		return ok
	}
	for m := range x.g.Neighbours(n, path[0]) {
		if x.hasPath(m, path[1:]) {
			return true
		}
	}
	return false
}

// canFollow reports whether a step leaves anything: from the second edge on the
// anchors are taken out of the set.
func (x *Index) canFollow(w constrain.Walk, rd constrain.RD) bool {
	if w.Edges == 0 || len(w.Anchors) == 0 {
		return true
	}
	return x.leads(w.Set, rd, func(n constrain.Node) bool { return !w.Anchors.Contains(n) })
}

// classesIn marks the classes that members of a set have.
func (x *Index) classesIn(s constrain.Set) []bool {
	out := make([]bool, len(x.g.Classes()))
	for _, n := range s {
		for _, c := range x.g.ClassesOf(n) {
			out[c] = true
		}
	}
	return out
}

// anyName reports whether a node with an edge of this kind has a name.
func (x *Index) anyName(rd constrain.RD) bool { return len(x.namesHaving(rd)) > 0 }

// namesHaving returns the names of the nodes that have an edge of this kind,
// ascending. They are looked up once.
func (x *Index) namesHaving(rd constrain.RD) []uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.having == nil {
		x.having = make([][]uint32, 2*len(x.g.Relations()))
		for n := range constrain.Node(x.g.Nodes()) {
			for _, r := range x.g.RDsOf(n) {
				x.having[r] = append(x.having[r], x.of(n)...)
			}
		}
		for r, names := range x.having {
			slices.Sort(names)
			x.having[r] = slices.Compact(names)
		}
	}
	return x.having[rd]
}

// valued returns the names with a value of a relation, ascending.
func (x *Index) valued(rel int) []uint32 {
	names, _, _ := x.extents(rel)
	return names
}

// extents returns the names with a value of a relation, and the smallest and the
// largest value of each. They are looked up once.
func (x *Index) extents(rel int) (names []uint32, lo, hi []float64) {
	list := x.namesHaving(constrain.RD(2 * rel))
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.extent[rel]
	if !ok {
		for _, k := range list {
			_, nodes := x.g.NameAt(int(k))
			l, h, any := x.g.Extent(nodes, rel)
			if any {
				e.names, e.lo, e.hi = append(e.names, k), append(e.lo, l), append(e.hi, h)
			}
		}
		x.extent[rel] = e
	}
	return e.names, e.lo, e.hi
}

// comparable returns the names to whose values some member of a set compares.
func (x *Index) comparable(s constrain.Set, rel int, cmp byte) []uint32 {
	least, most, ok := x.g.Extent(s, rel)
	if !ok {
		return nil
	}
	names, lo, hi := x.extents(rel)
	out := []uint32{}
	for i, k := range names {
		if cmp == '>' && most > lo[i] || cmp == '<' && least < hi[i] || cmp == constrain.AtLeast && most >= lo[i] || cmp == constrain.AtMost && least <= hi[i] {
			out = append(out, k)
		}
	}
	return out
}

// both reports whether some member has an edge and a value.
func (x *Index) both(s constrain.Set, rd constrain.RD, rel int) bool {
	return slices.ContainsFunc(s, func(n constrain.Node) bool {
		_, ok := slices.BinarySearch(x.g.RDsOf(n), rd)
		return ok && len(x.g.Extreme(constrain.Set{n}, rel, true)) > 0
	})
}

// calculable reports whether some member has values of two relations, the
// second of which is not zero.
func (x *Index) calculable(s constrain.Set, a, b int) bool {
	return slices.ContainsFunc(s, func(n constrain.Node) bool {
		if len(x.g.Extreme(constrain.Set{n}, a, true)) == 0 {
			return false
		}
		lo, hi, ok := x.g.Extent(constrain.Set{n}, b)
		return ok && (lo != 0 || hi != 0)
	})
}
