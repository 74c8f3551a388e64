package dataset

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// SnapshotOptions steer FromSnapshot.
type SnapshotOptions struct {
	// Graph restricts the statements to one named graph, an IRI.
	Graph string
	// Valid and Test are the shares of statements that are held out. A
	// statement is held out by a hash of its names, so it stays in its split
	// when the graph grows, and never if train would lose its last statement
	// about one of its names.
	Valid, Test float64
	Seed        uint64
	// Keep, if not nil, says which predicates to learn from.
	Keep func(predicate kg.Term) bool
}

// Linked is a graph that was read from a snapshot, with the ids of its names.
type Linked struct {
	*Graph
	EntityIDs   []kg.ID // by number
	RelationIDs []kg.ID
}

// FromSnapshot reads the statements of a snapshot whose object is an IRI or a
// blank node; literals are values, not entities. Names are terms in N-Triples
// syntax, numbered in their sorted order: the same graph gives the same numbers
// in every store.
func FromSnapshot(ctx context.Context, s kg.Snapshot, o SnapshotOptions) (*Linked, error) {
	pattern := kg.Pattern{}
	name := "store"
	if o.Graph != "" {
		id, ok, err := s.Lookup(kg.NewIRI(o.Graph))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the store has no graph <%s>", o.Graph)
		}
		pattern.G, name = id, o.Graph
	}
	ents, rels := map[kg.ID]int32{}, map[kg.ID]int32{}
	refused := map[kg.ID]bool{}
	type raw struct{ s, p, o kg.ID }
	var all []raw
	cur := s.Scan(ctx, pattern, kg.PSO)
	defer cur.Close()
	buf := make([]kg.Quad, 1024)
	var last raw
	for {
		n := kg.NextBatch(cur, buf)
		if n == 0 {
			break
		}
		for _, q := range buf[:n] {
			switch q.O.Tag() {
			case kg.TagIRI, kg.TagBlank:
			default:
				continue
			}
			if q.S.Tag() == kg.TagTriple {
				continue
			}
			r := raw{q.S, q.P, q.O}
			if r == last || refused[q.P] { // the same statement in another graph
				continue
			}
			if _, known := rels[q.P]; !known && o.Keep != nil {
				t, err := s.Term(q.P)
				if err != nil {
					return nil, err
				}
				if !o.Keep(t) {
					refused[q.P] = true
					continue
				}
			}
			last = r
			ents[q.S], ents[q.O], rels[q.P] = 0, 0, 0
			all = append(all, r)
		}
	}
	if err := cur.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no statement between entities: literals alone give nothing to learn links from", name)
	}
	if len(ents) > math.MaxInt32 {
		return nil, fmt.Errorf("%s has %d entities, more than a model can number", name, len(ents))
	}
	l := &Linked{Graph: &Graph{Name: name}}
	var err error
	if l.Entities, l.EntityIDs, err = sortNames(s, ents); err != nil {
		return nil, err
	}
	if l.Relations, l.RelationIDs, err = sortNames(s, rels); err != nil {
		return nil, err
	}
	ts := make([]Triple, len(all))
	for i, r := range all {
		ts[i] = Triple{ents[r.s], rels[r.p], ents[r.o]}
	}
	slices.SortFunc(ts, compareTriples)
	l.split(slices.Compact(ts), o)
	_, err = l.finish(false)
	return l, err
}

// sortNames numbers ids by their terms and writes the numbers into the map.
func sortNames(s kg.Snapshot, numbers map[kg.ID]int32) ([]string, []kg.ID, error) {
	ids := make([]kg.ID, 0, len(numbers))
	for id := range numbers {
		ids = append(ids, id)
	}
	terms := make([]kg.Term, len(ids))
	if err := kg.Terms(s, ids, terms); err != nil {
		return nil, nil, err
	}
	type named struct {
		name string
		id   kg.ID
	}
	list := make([]named, len(ids))
	for i, id := range ids {
		list[i] = named{terms[i].String(), id}
	}
	slices.SortFunc(list, func(a, b named) int { return cmp.Compare(a.name, b.name) })
	names := make([]string, len(list))
	for i, n := range list {
		names[i], ids[i] = n.name, n.id
		numbers[n.id] = int32(i)
	}
	return names, ids, nil
}

// split deals the statements out to train, valid and test.
func (g *Graph) split(ts []Triple, o SnapshotOptions) {
	ents, rels := make([]int32, len(g.Entities)), make([]int32, len(g.Relations))
	for _, t := range ts {
		ents[t.H]++
		ents[t.T]++
		rels[t.R]++
	}
	for _, t := range ts {
		u := g.lot(t, o.Seed)
		need := int32(1)
		if t.H == t.T {
			need = 2
		}
		if u >= o.Valid+o.Test || ents[t.H] <= need || ents[t.T] <= need || rels[t.R] <= 1 {
			g.Train = append(g.Train, t)
			continue
		}
		ents[t.H]--
		ents[t.T]--
		rels[t.R]--
		if u < o.Valid {
			g.Valid = append(g.Valid, t)
		} else {
			g.Test = append(g.Test, t)
		}
	}
}

// lot draws a number in [0, 1) for a statement from its names.
func (g *Graph) lot(t Triple, seed uint64) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s", seed, g.Entities[t.H], g.Relations[t.R], g.Entities[t.T])
	x := h.Sum64()
	x ^= x >> 33 // FNV leaves the high bits of like strings alike
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// FromRDF is FromSnapshot for RDF files.
func FromRDF(ctx context.Context, paths []string, o SnapshotOptions) (*Linked, error) {
	st := mem.New()
	for _, path := range paths {
		r, f, err := rdf.Open(path)
		if err != nil {
			return nil, err
		}
		_, err = st.Load(ctx, rdf.Read(ctx, r, rdf.ReadOptions{Format: f}))
		r.Close()
		if err != nil {
			return nil, err
		}
	}
	s, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	l, err := FromSnapshot(ctx, s, o)
	if err != nil {
		return nil, err
	}
	if o.Graph == "" {
		l.Name = strings.Join(paths, ",")
	}
	return l, nil
}
