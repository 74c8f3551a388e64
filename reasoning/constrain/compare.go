package constrain

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/nodeset"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/pipeline"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// Extreme keeps the members with the largest (or smallest) value of a relation.
func (g *Graph) Extreme(s Set, rel int, largest bool) Set {
	var out Set
	var best float64
	for _, n := range s {
		g.valuesOf(n, rel, func(v float64) {
			switch {
			case len(out) == 0 || largest && v > best || !largest && v < best:
				best = v
				out = append(out[:0], n)
			case v == best && out[len(out)-1] != n:
				out = append(out, n)
			}
		})
	}
	return out
}

// Ranked keeps the members that have one of the n largest (or smallest)
// different values of a relation; with nth only those that have the n-th.
func (g *Graph) Ranked(s Set, rel int, largest bool, n int, nth bool) Set {
	if n < 2 {
		return g.Extreme(s, rel, largest)
	}
	if !g.Rankable(rel) {
		return nil
	}
	var all []float64
	for _, x := range s {
		g.valuesOf(x, rel, func(v float64) { all = append(all, v) })
	}
	keep := nodeset.Within(all, largest, n, nth)
	var out Set
	for _, x := range s {
		ok := false
		g.valuesOf(x, rel, func(v float64) { ok = ok || keep(v) })
		if ok {
			out = append(out, x)
		}
	}
	return out
}

// Rankable reports whether different values of a relation are told apart by
// their text, which ranks beyond the first rest on: instants are not.
func (g *Graph) Rankable(rel int) bool {
	r := &g.rels[rel]
	return r.Kind == NumberValue || r.Kind == DateValue && r.Datatype != kg.XSD+"dateTime"
}

// Filter keeps the members that have a value of the relation which compares to
// the number or date. Against a date a number is a year; a day or a month
// compares with the dates in it.
func (g *Graph) Filter(s Set, rel int, cmp byte, number string) Set {
	holds := g.comparison(rel, cmp, number)
	if holds == nil {
		return nil
	}
	var out Set
	for _, n := range s {
		keep := false
		g.valuesOf(n, rel, func(v float64) { keep = keep || holds(v) })
		if keep {
			out = append(out, n)
		}
	}
	return out
}

// comparison returns the test of Filter; nil if nothing can pass it.
func (g *Graph) comparison(rel int, cmp byte, number string) func(float64) bool {
	if IsDate(number) {
		if !g.spans(rel) {
			return nil
		}
		from, to := literal.Span(number)
		a, _ := literal.Days(from)
		b, _ := literal.Days(to)
		return func(v float64) bool {
			switch cmp {
			case '>':
				return v >= b
			case '<':
				return v < a
			case AtLeast:
				return v >= a
			case AtMost:
				return v < b
			}
			return v >= a && v < b
		}
	}
	c, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return nil
	}
	if g.rels[rel].Kind == DateValue {
		return func(v float64) bool { return pipeline.Compares(float64(literal.YearOfDays(v)), cmp, c) }
	}
	return func(v float64) bool { return pipeline.Compares(v, cmp, c) }
}

// spans reports whether the values of a relation are days or instants.
func (g *Graph) spans(rel int) bool {
	t := g.rels[rel].Datatype
	return t == kg.XSD+"date" || t == kg.XSD+"dateTime"
}

// Compare keeps the members with a value of the relation that compares to a
// value which some node of another set has.
func (g *Graph) Compare(s Set, rel int, cmp byte, others Set) Set {
	var values []float64
	for _, o := range others {
		g.valuesOf(o, rel, func(v float64) { values = append(values, v) })
	}
	var out Set
	for _, n := range s {
		keep := false
		g.valuesOf(n, rel, func(v float64) {
			keep = keep || slices.ContainsFunc(values, func(c float64) bool { return pipeline.Compares(v, cmp, c) })
		})
		if keep {
			out = append(out, n)
		}
	}
	return out
}

// counts returns the step and class that Most, Fewest and Having count; the
// class is -1 if there is none.
func (g *Graph) counts(op Op) (RD, int, error) {
	rd, err := g.RDOf(op.Step)
	if err != nil || op.Class == "" {
		return rd, -1, err
	}
	c, ok := g.Class(op.Class)
	if !ok {
		return rd, -1, &UnknownError{"class", op.Class}
	}
	return rd, c, nil
}

// Ends is the number of nodes that a step leads to, of one class if it is not
// negative.
func (g *Graph) Ends(n Node, rd RD, class int) int {
	row := g.row(n, rd)
	if class < 0 {
		return len(row)
	}
	count := 0
	for _, e := range row {
		if slices.Contains(g.ClassesOf(Node(e)), uint32(class)) {
			count++
		}
	}
	return count
}

// MostEnds keeps the members from which a step leads to most (or fewest) nodes,
// at least one: the n largest different numbers, or the n-th alone.
func (g *Graph) MostEnds(s Set, rd RD, class int, most bool, n int, nth bool) Set {
	counts := make([]float64, len(s))
	var all []float64
	for i, x := range s {
		if counts[i] = float64(g.Ends(x, rd, class)); counts[i] > 0 {
			all = append(all, counts[i])
		}
	}
	keep := nodeset.Within(all, most, n, nth)
	var out Set
	for i, x := range s {
		if counts[i] > 0 && keep(counts[i]) {
			out = append(out, x)
		}
	}
	return out
}

// HavingCount keeps the members for which the number of nodes that a step leads
// to compares to a number.
func (g *Graph) HavingCount(s Set, rd RD, class int, cmp byte, number string) (Set, error) {
	c, err := strconv.Atoi(number)
	if err != nil {
		return nil, fmt.Errorf("%q is no whole number", number)
	}
	var out Set
	for _, x := range s {
		if pipeline.Compares(float64(g.Ends(x, rd, class)), cmp, float64(c)) {
			out = append(out, x)
		}
	}
	return out, nil
}

// Looping keeps the members to which two steps lead back.
func (g *Graph) Looping(s Set, a, b RD) Set {
	var out Set
	for _, x := range s {
		for _, e := range g.row(x, a) {
			back := g.row(Node(e), b)
			if _, ok := slices.BinarySearchFunc(back, x, func(e uint64, x Node) int { return int(Node(e)) - int(x) }); ok {
				out = append(out, x)
				break
			}
		}
	}
	return out
}

// Extent returns the smallest and the largest value that a set has; ok is false if
// it has none.
func (g *Graph) Extent(s Set, rel int) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, n := range s {
		g.valuesOf(n, rel, func(v float64) { lo, hi, ok = min(lo, v), max(hi, v), true })
	}
	return lo, hi, ok
}
