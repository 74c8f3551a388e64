// Package iso tells whether two RDF datasets are the same up to the names of
// their blank nodes (RDF 1.1 Concepts, section 3.6; triple terms of RDF 1.2
// included).
//
// Blank nodes get colours from what is said about them, until no look at their
// neighbours tells more of them apart. Where nodes stay alike, one is singled out
// on both sides and colouring goes on; a wrong choice is taken back. Connected
// components are matched one by one, so that many alike components cost no
// more than their number. Colours only guide the search: the mapping it finds
// is checked statement by statement.
package iso

import (
	"hash/maphash"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
)

// Equal reports whether a and b, as sets of statements, are isomorphic.
func Equal(a, b []kg.TermQuad) bool {
	ga, gb := newGraph(a), newGraph(b)
	if len(ga.ground) != len(gb.ground) || len(ga.quads) != len(gb.quads) || len(ga.names) != len(gb.names) {
		return false
	}
	for k := range ga.ground {
		if _, ok := gb.ground[k]; !ok {
			return false
		}
	}
	if len(ga.quads) == 0 {
		return true
	}
	ga.refine(ga.all(), ga.all())
	gb.refine(gb.all(), gb.all())
	ca, cb := ga.components(), gb.components()
	if len(ca) != len(cb) {
		return false
	}
	// Isomorphism is an equivalence, so any partner in a group of components
	// of equal colours will do if it fits at all.
	groups := map[uint64][]*component{}
	for _, c := range cb {
		groups[c.colour] = append(groups[c.colour], c)
	}
	for _, c := range ca {
		group := groups[c.colour]
		i := slices.IndexFunc(group, func(d *component) bool { return match(ga, c, gb, d) })
		if i < 0 {
			return false
		}
		group[i] = group[len(group)-1]
		groups[c.colour] = group[:len(group)-1]
	}
	return true
}

var seed = maphash.MakeSeed()

// graph is a dataset prepared for comparison.
type graph struct {
	ground map[string]struct{} // statements without blank nodes, as text
	quads  []quad              // the others, without duplicates
	index  map[string]int      // blank node label to node
	names  []string            // node to label
	uses   [][]int             // node to quads
	colour []uint64            // of nodes
	sign   []uint64            // signatures of nodes, see refine
	dirty  []bool              // nodes that wait for a new signature
}

// quad is a statement with blank nodes.
type quad struct {
	terms kg.TermQuad
	expr  [4]expr
	nodes []int // without duplicates
}

// expr is a term: a hash, a node, or a triple of terms with nodes inside.
type expr struct {
	hash   uint64
	node   int // -1 if it is none
	triple *[3]expr
}

func newGraph(quads []kg.TermQuad) *graph {
	g := &graph{ground: map[string]struct{}{}, index: map[string]int{}}
	seen := map[string]struct{}{}
	var buf []byte
	for _, t := range quads {
		q := quad{terms: t}
		for i, u := range []kg.Term{t.S, t.P, t.O, t.G} {
			q.expr[i] = g.expr(u, &q.nodes)
		}
		buf = appendQuad(buf[:0], t, nil)
		if len(q.nodes) == 0 {
			g.ground[string(buf)] = struct{}{}
			continue
		}
		if _, ok := seen[string(buf)]; ok {
			continue
		}
		seen[string(buf)] = struct{}{}
		for _, n := range q.nodes {
			g.uses[n] = append(g.uses[n], len(g.quads))
		}
		g.quads = append(g.quads, q)
	}
	n := len(g.names)
	g.colour, g.sign, g.dirty = make([]uint64, n), make([]uint64, n), make([]bool, n)
	return g
}

func (g *graph) expr(t kg.Term, nodes *[]int) expr {
	switch t.Kind {
	case kg.Blank:
		n, ok := g.index[t.Value]
		if !ok {
			n = len(g.names)
			g.index[t.Value] = n
			g.names = append(g.names, t.Value)
			g.uses = append(g.uses, nil)
		}
		if !slices.Contains(*nodes, n) {
			*nodes = append(*nodes, n)
		}
		return expr{node: n}
	case kg.Triple:
		if !containsBlank(t) {
			break
		}
		e := expr{node: -1, triple: new([3]expr)}
		for i, u := range t.Spo {
			e.triple[i] = g.expr(u, nodes)
		}
		return e
	}
	return expr{node: -1, hash: maphash.String(seed, t.String())}
}

func containsBlank(t kg.Term) bool {
	return t.Kind == kg.Blank || t.Kind == kg.Triple && (containsBlank(t.Spo[0]) || containsBlank(t.Spo[1]) || containsBlank(t.Spo[2]))
}

// mix combines hashes; order matters.
func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0x9E3779B97F4A7C15
	return h ^ h>>29
}

// hash evaluates a term as node self sees it.
func (g *graph) hash(e *expr, self int) uint64 {
	switch {
	case e.triple != nil:
		h := uint64(3)
		for i := range e.triple {
			h = mix(h, g.hash(&e.triple[i], self))
		}
		return h
	case e.node < 0:
		return e.hash
	case e.node == self:
		return 1
	}
	return mix(2, g.colour[e.node])
}

// signature is what node n sees of its statements, whatever their order.
func (g *graph) signature(n int) uint64 {
	var sum uint64
	for _, k := range g.uses[n] {
		q := &g.quads[k]
		h := uint64(4)
		for j := range q.expr {
			h = mix(h, g.hash(&q.expr[j], n))
		}
		sum += h
	}
	return mix(5, sum)
}

// all returns the nodes.
func (g *graph) all() []int {
	nodes := make([]int, len(g.names))
	for n := range nodes {
		nodes[n] = n
	}
	return nodes
}

// class is a set of nodes of one colour; all have the same signature.
type class struct {
	size    int
	sign    uint64
	members []int // may hold nodes that have left
}

// refine splits the classes of nodes by signature until no class splits.
// Dirty are the nodes whose signature may be out of date. As in Hopcroft's
// minimisation of automata the largest part of a class keeps its colour, so
// that a node is looked at again only when it has new neighbours: long chains
// cost little more than their length. All choices depend on colours and sizes
// alone, never on names or order, so isomorphic graphs get equal colours.
func (g *graph) refine(nodes, dirty []int) {
	byColour := map[uint64]*class{}
	for _, n := range nodes {
		c := byColour[g.colour[n]]
		if c == nil {
			c = &class{sign: g.sign[n]}
			byColour[g.colour[n]] = c
		}
		c.size++
		c.members = append(c.members, n)
	}
	for len(dirty) > 0 {
		// Signatures first, colours after: all nodes see the same round.
		touched := map[uint64]map[uint64][]int{}
		for _, n := range dirty {
			g.dirty[n] = false
			s := g.signature(n)
			if s == g.sign[n] {
				continue
			}
			g.sign[n] = s
			parts := touched[g.colour[n]]
			if parts == nil {
				parts = map[uint64][]int{}
				touched[g.colour[n]] = parts
			}
			parts[s] = append(parts[s], n)
		}
		dirty = dirty[:0]
		for colour, parts := range touched {
			c := byColour[colour]
			rest := c.size
			for _, nodes := range parts {
				rest -= len(nodes)
			}
			keep, size := c.sign, rest
			for s, nodes := range parts {
				if len(nodes) > size || len(nodes) == size && s < keep {
					keep, size = s, len(nodes)
				}
			}
			if keep != c.sign {
				if rest > 0 {
					// Smaller than what was looked at anyway.
					for _, n := range c.members {
						if g.colour[n] == colour && g.sign[n] == c.sign {
							parts[c.sign] = append(parts[c.sign], n)
						}
					}
				}
				c.members = parts[keep]
			}
			c.sign, c.size = keep, size
			for s, nodes := range parts {
				if s == keep {
					continue
				}
				fresh := mix(mix(6, colour), s)
				byColour[fresh] = &class{size: len(nodes), sign: s, members: nodes}
				for _, n := range nodes {
					g.colour[n] = fresh
					dirty = g.neighbours(n, dirty)
				}
			}
		}
	}
}

// neighbours appends the nodes that share a statement with n to dirty.
func (g *graph) neighbours(n int, dirty []int) []int {
	for _, k := range g.uses[n] {
		for _, m := range g.quads[k].nodes {
			if m != n && !g.dirty[m] {
				g.dirty[m] = true
				dirty = append(dirty, m)
			}
		}
	}
	return dirty
}

// component is a connected part: nodes that share statements.
type component struct {
	nodes  []int
	quads  []int
	colour uint64
}

func (g *graph) components() []*component {
	parent := make([]int, len(g.names))
	for i := range parent {
		parent[i] = i
	}
	find := func(n int) int {
		for parent[n] != n {
			parent[n] = parent[parent[n]]
			n = parent[n]
		}
		return n
	}
	for i := range g.quads {
		for _, n := range g.quads[i].nodes[1:] {
			parent[find(n)] = find(g.quads[i].nodes[0])
		}
	}
	byRoot := map[int]*component{}
	var all []*component
	for n := range parent {
		r := find(n)
		c := byRoot[r]
		if c == nil {
			c = &component{}
			byRoot[r] = c
			all = append(all, c)
		}
		c.nodes = append(c.nodes, n)
		c.colour += mix(8, g.colour[n])
	}
	for i := range g.quads {
		c := byRoot[find(g.quads[i].nodes[0])]
		c.quads = append(c.quads, i)
	}
	return all
}

// match searches a mapping of component c of a onto d of b. It leaves the
// colours as they were.
func match(a *graph, c *component, b *graph, d *component) bool {
	if len(c.nodes) != len(d.nodes) || len(c.quads) != len(d.quads) {
		return false
	}
	ca, cb := classes(a, c.nodes), classes(b, d.nodes)
	if len(ca) != len(cb) {
		return false
	}
	var pick uint64
	best := 0
	for colour, nodes := range ca {
		if len(nodes) != len(cb[colour]) {
			return false
		}
		if len(nodes) > 1 && (best == 0 || len(nodes) < best || len(nodes) == best && colour < pick) {
			pick, best = colour, len(nodes)
		}
	}
	if best == 0 {
		return verify(a, c, b, d, ca, cb)
	}
	saveA, saveB := a.save(c.nodes), b.save(d.nodes)
	defer a.restore(c.nodes, saveA)
	x := ca[pick][0]
	a.single(x, c.nodes)
	for _, y := range cb[pick] {
		b.single(y, d.nodes)
		ok := match(a, c, b, d)
		b.restore(d.nodes, saveB)
		if ok {
			return true
		}
	}
	return false
}

func classes(g *graph, nodes []int) map[uint64][]int {
	m := make(map[uint64][]int, len(nodes))
	for _, n := range nodes {
		m[g.colour[n]] = append(m[g.colour[n]], n)
	}
	return m
}

// single gives node n a colour of its own and refines.
func (g *graph) single(n int, nodes []int) {
	g.colour[n] = mix(7, g.colour[n])
	g.refine(nodes, g.neighbours(n, nil))
}

func (g *graph) save(nodes []int) []uint64 {
	s := make([]uint64, 0, 2*len(nodes))
	for _, n := range nodes {
		s = append(s, g.colour[n], g.sign[n])
	}
	return s
}

func (g *graph) restore(nodes []int, s []uint64) {
	for i, n := range nodes {
		g.colour[n], g.sign[n] = s[2*i], s[2*i+1]
	}
}

// verify checks the mapping that single-node classes define.
func verify(a *graph, c *component, b *graph, d *component, ca, cb map[uint64][]int) bool {
	rename := make(map[string]string, len(ca))
	for colour, nodes := range ca {
		rename[a.names[nodes[0]]] = b.names[cb[colour][0]]
	}
	want := make(map[string]struct{}, len(d.quads))
	var buf []byte
	for _, i := range d.quads {
		buf = appendQuad(buf[:0], b.quads[i].terms, nil)
		want[string(buf)] = struct{}{}
	}
	for _, i := range c.quads {
		buf = appendQuad(buf[:0], a.quads[i].terms, rename)
		if _, ok := want[string(buf)]; !ok {
			return false
		}
	}
	return true
}

// appendQuad appends a statement as text, with blank nodes renamed.
func appendQuad(b []byte, q kg.TermQuad, rename map[string]string) []byte {
	for _, t := range [4]kg.Term{q.S, q.P, q.O, q.G} {
		b = append(renamed(t, rename).AppendNT(b), ' ')
	}
	return b
}

func renamed(t kg.Term, rename map[string]string) kg.Term {
	if rename == nil {
		return t
	}
	switch t.Kind {
	case kg.Blank:
		t.Value = rename[t.Value]
	case kg.Triple:
		t.Spo = &[3]kg.Term{renamed(t.Spo[0], rename), renamed(t.Spo[1], rename), renamed(t.Spo[2], rename)}
	}
	return t
}
