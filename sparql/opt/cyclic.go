package opt

import (
	"slices"

	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// maxMultiway bounds the quads that a multiway join may read into memory.
const maxMultiway = 20e6

// cyclic replaces the triple patterns that form cycles by one multiway join:
// no order of two-way joins is safe for them (Atserias, Grohe and Marx, FOCS
// 2008).
func (b *block) cyclic(need algebra.Set) {
	var core []int
	for i, e := range b.elems {
		if e.triple != nil && len(e.vars) > 1 && plainTriple(e.triple) {
			core = append(core, i)
		}
	}
	core = b.reduce(core)
	if len(core) < 3 {
		return
	}
	m := &algebra.Multiway{Graph: b.elems[core[0]].triple.Graph}
	quads, mask := 0.0, uint64(0)
	for _, i := range core {
		t := b.elems[i].triple
		if t.Graph != m.Graph && !(t.Graph.Kind == m.Graph.Kind && t.Graph.Name.Equal(m.Graph.Name)) {
			return
		}
		m.Triples = append(m.Triples, t.Triple)
		quads += b.elems[i].quads
		mask |= b.elems[i].mask
	}
	if quads > maxMultiway {
		return
	}
	// If something small joins the cycle, look-ups from there read less.
	for i, e := range b.elems {
		if !slices.Contains(core, i) && e.mask&mask != 0 && e.rows*costSeek*20 < quads {
			return
		}
	}
	var elem element
	elem.dom = make([]float64, len(b.vars))
	elem.mask = mask
	elem.rows = 1
	for v := range b.vars {
		if mask>>v&1 == 0 {
			continue
		}
		elem.vars = append(elem.vars, v)
	}
	for _, i := range core {
		for v, d := range b.elems[i].dom {
			if o := elem.dom[v]; d != 0 && (o == 0 || d < o) {
				elem.dom[v] = d
			}
		}
		elem.rows = max(elem.rows, b.elems[i].rows)
	}
	// Variables in many patterns first: they cut the most.
	order := slices.Clone(elem.vars)
	uses := func(v int) (n int) {
		for _, i := range core {
			if b.elems[i].mask>>v&1 == 1 {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(order, func(x, y int) int { return uses(y) - uses(x) })
	// Each next variable should share a pattern with those before it.
	var seq []int
	for len(order) > 0 {
		at := 0
		for k, v := range order {
			if len(seq) == 0 {
				break
			}
			if b.adjacent(core, v, seq) {
				at = k
				break
			}
		}
		seq = append(seq, order[at])
		order = slices.Delete(order, at, at+1)
	}
	for _, v := range seq {
		m.Vars = append(m.Vars, b.vars[v])
	}
	m.Est = elem.rows
	elem.node = m
	elem.cost = quads * 6
	var rest []*element
	for i, e := range b.elems {
		if !slices.Contains(core, i) {
			rest = append(rest, e)
		}
	}
	b.elems = append(rest, &elem)
}

func (b *block) adjacent(core []int, v int, seq []int) bool {
	for _, i := range core {
		m := b.elems[i].mask
		if m>>v&1 == 0 {
			continue
		}
		for _, u := range seq {
			if m>>u&1 == 1 {
				return true
			}
		}
	}
	return false
}

// plainTriple reports whether a pattern may be part of a multiway join.
func plainTriple(s *algebra.Scan) bool {
	t := s.Triple
	if s.Graph.Name.IsVar() || s.Graph.Kind == algebra.Current {
		return false
	}
	return !(t.S.IsVar() && (t.S.Equal(t.P) || t.S.Equal(t.O)) || t.P.IsVar() && t.P.Equal(t.O))
}

// reduce removes ears until none is left (Graham 1979; Yu and Özsoyoğlu 1979):
// what stays is the cyclic core.
func (b *block) reduce(core []int) []int {
	for changed := true; changed; {
		changed = false
		for k, i := range core {
			// The variables that others of the core have too.
			var common uint64
			for _, j := range core {
				if j != i {
					common |= b.elems[i].mask & b.elems[j].mask
				}
			}
			ear := common == 0
			for _, j := range core {
				ear = ear || j != i && common&^b.elems[j].mask == 0
			}
			if ear {
				core = slices.Delete(slices.Clone(core), k, k+1)
				changed = true
				break
			}
		}
	}
	return core
}
