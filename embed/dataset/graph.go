// Package dataset reads graphs to learn from: the split folders that link
// prediction is published on, RDF files, and snapshots of a store.
package dataset

import (
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/embed"
)

// Triple is a statement by numbers. R is a stated relation, below the number of
// names; its inverse is R plus that number.
type Triple struct{ H, R, T int32 }

// Graph is a graph by numbers, with its splits.
type Graph struct {
	Name      string
	Entities  []string
	Relations []string
	Train     []Triple
	Valid     []Triple
	Test      []Triple
	// ValidNegatives and TestNegatives are verified false statements, where a
	// data set has them.
	ValidNegatives, TestNegatives []Triple
	// Notes lists what the reader left out or changed, for people.
	Notes []string
}

// Vocabulary is the graph's names.
func (g *Graph) Vocabulary() embed.Vocabulary {
	return embed.Vocabulary{Entities: g.Entities, Relations: g.Relations}
}

// R is the number of stated relations; directed ones are twice as many.
func (g *Graph) R() int { return len(g.Relations) }

// String describes the graph in one line.
func (g *Graph) String() string {
	return fmt.Sprintf("%s: %d entities, %d relations, %d/%d/%d triples", g.Name, len(g.Entities), len(g.Relations), len(g.Train), len(g.Valid), len(g.Test))
}

// Directed returns triples and their inverses: (h, r, t) at 2i and (t, r+R, h)
// at 2i+1.
func (g *Graph) Directed(ts []Triple) []Triple {
	out := make([]Triple, 0, 2*len(ts))
	r := int32(g.R())
	for _, t := range ts {
		out = append(out, t, Triple{t.T, t.R + r, t.H})
	}
	return out
}

// Index answers which tails a directed query (h, r) has.
type Index struct {
	relations int32
	starts    map[int64]span
	tails     []int32
}

type span struct{ lo, hi int32 }

// NewIndex indexes the statements of the given splits in both directions.
func (g *Graph) NewIndex(splits ...[]Triple) *Index {
	n := 0
	for _, s := range splits {
		n += 2 * len(s)
	}
	all := make([]Triple, 0, n)
	for _, s := range splits {
		all = append(all, g.Directed(s)...)
	}
	slices.SortFunc(all, compareTriples)
	all = slices.Compact(all)
	x := &Index{relations: int32(2 * g.R()), starts: map[int64]span{}, tails: make([]int32, len(all))}
	for i := 0; i < len(all); {
		j := i
		for ; j < len(all) && all[j].H == all[i].H && all[j].R == all[i].R; j++ {
			x.tails[j] = all[j].T
		}
		x.starts[x.key(all[i].H, all[i].R)] = span{int32(i), int32(j)}
		i = j
	}
	return x
}

func (x *Index) key(h, r int32) int64 { return int64(h)*int64(x.relations) + int64(r) }

// Tails returns the tails of (h, r), sorted; the caller must not change them.
func (x *Index) Tails(h, r int32) []int32 {
	s := x.starts[x.key(h, r)]
	return x.tails[s.lo:s.hi]
}

// Has reports whether (h, r, t) is in the index.
func (x *Index) Has(t Triple) bool {
	_, ok := slices.BinarySearch(x.Tails(t.H, t.R), t.T)
	return ok
}

func compareTriples(a, b Triple) int {
	switch {
	case a.H != b.H:
		return int(a.H) - int(b.H)
	case a.R != b.R:
		return int(a.R) - int(b.R)
	}
	return int(a.T) - int(b.T)
}
