package constrain

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/fold"
)

// nameEntry is one name of one node.
type nameEntry struct {
	key  string
	node Node
}

// nameIndex maps folded names and aliases to nodes.
type nameIndex struct {
	entries []nameEntry // only while loading
	keys    []string    // sorted, distinct
	start   []uint32    // len(keys)+1
	nodes   []Node      // of one key: most edges first
}

func (x *nameIndex) finish(g *Graph) {
	slices.SortFunc(x.entries, func(a, b nameEntry) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(g.Degree(b.node), g.Degree(a.node)), cmp.Compare(a.node, b.node))
	})
	for i, e := range x.entries {
		if i > 0 && e == x.entries[i-1] {
			continue
		}
		if k := len(x.keys); k == 0 || x.keys[k-1] != e.key {
			x.keys = append(x.keys, e.key)
			x.start = append(x.start, uint32(len(x.nodes)))
		}
		x.nodes = append(x.nodes, e.node)
	}
	x.start = append(x.start, uint32(len(x.nodes)))
	x.entries = nil
}

// Lookup returns the nodes of a folded name, those with most edges first.
func (g *Graph) Lookup(name string) []Node {
	if ns, ok := g.pins[name]; ok {
		return ns
	}
	i, ok := slices.BinarySearch(g.names.keys, name)
	if !ok {
		return nil
	}
	return g.names.nodes[g.names.start[i]:g.names.start[i+1]]
}

// NameCount is the number of distinct names.
func (g *Graph) NameCount() int { return len(g.names.keys) }

// NameAt returns the i-th name in ascending order, and its nodes.
func (g *Graph) NameAt(i int) (string, []Node) {
	return g.names.keys[i], g.names.nodes[g.names.start[i]:g.names.start[i+1]]
}

// NameRange returns the range of names that begin with prefix.
func (g *Graph) NameRange(prefix string) (lo, hi int) {
	lo, _ = slices.BinarySearch(g.names.keys, prefix)
	hi = lo + sort.Search(len(g.names.keys)-lo, func(i int) bool { return !strings.HasPrefix(g.names.keys[lo+i], prefix) })
	return lo, hi
}

// Name returns the name under which a pipeline writes a node, and false for
// what cannot be named: blank nodes, statements and texts over 200 bytes.
func (g *Graph) Name(n Node) (string, bool) {
	if k := g.ids[n].Tag(); k == kg.TagBlank || k == kg.TagTriple || len(g.labels[n]) > maxNameBytes {
		return "", false
	}
	f := Fold(g.labels[n])
	if f == "" {
		f = fold.Raw(g.labels[n])
	}
	return f, f != ""
}
