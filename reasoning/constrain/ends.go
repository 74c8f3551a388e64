package constrain

import (
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/constrain/nodeset"
)

// Cell is one value of a table.
type Cell = nodeset.Cell

// Kinds of cell.
const NoCell, NodeCell, NumberCell = nodeset.NoCell, nodeset.NodeCell, nodeset.NumberCell

// maxTable bounds the rows of a table.
const maxTable = 100_000

// Finish evaluates the end of a pipeline.
func (g *Graph) Finish(w Walk, e End) (Result, error) {
	res := Result{Kind: e.Kind, Nodes: w.Set}
	rel := func(name string) (int, error) {
		r, ok := g.relIdx[name]
		if !ok {
			return 0, &UnknownError{"relation", name}
		}
		return r, nil
	}
	switch e.Kind {
	case Count:
		res.Number = float64(len(w.Set))
	case Ask:
		to, err := g.named(e.To)
		if err != nil {
			return res, err
		}
		res.Bool = len(Intersect(w.Set, to)) > 0
	case Sum, Avg:
		r, err := rel(e.Rel)
		if err != nil {
			return res, err
		}
		by := SumOf
		if e.Kind == Avg {
			by = AvgOf
		}
		res.Number, _ = g.aggregate(w.Set, r, by)
	case Diff:
		r, err := rel(e.Rel)
		if err != nil {
			return res, err
		}
		to, err := g.named(e.To)
		if err != nil {
			return res, err
		}
		_, a, ok1 := g.Extent(w.Set, r)
		_, b, ok2 := g.Extent(to, r)
		if res.Number = math.NaN(); ok1 && ok2 {
			res.Number = a - b
		}
	case Show:
		rds := make([]RD, len(e.Steps))
		for i, s := range e.Steps {
			var err error
			if rds[i], err = g.RDOf(s); err != nil {
				return res, err
			}
		}
		for _, x := range w.Set {
			res.Rows = g.show(res.Rows, []Cell{{Kind: NodeCell, Node: x}}, x, rds)
		}
	case Group:
		rd, err := g.RDOf(e.Steps[0])
		if err != nil {
			return res, err
		}
		r := -1
		if e.By != CountAll {
			if r, err = rel(e.Rel); err != nil {
				return res, err
			}
		}
		res.Nodes = g.Image(w.Set, rd)
		for _, key := range res.Nodes {
			members := Intersect(w.Set, g.Image(Set{key}, rd^1))
			v, ok := float64(len(members)), true
			if r >= 0 {
				v, ok = g.aggregate(members, r, e.By)
			}
			if ok {
				res.Rows = append(res.Rows, []Cell{{Kind: NodeCell, Node: key}, {Kind: NumberCell, Number: v}})
			}
		}
	case Calc:
		a, err := rel(e.Rel)
		if err != nil {
			return res, err
		}
		b, err := rel(e.Other)
		if err != nil {
			return res, err
		}
		for _, x := range w.Set {
			g.valuesOf(x, a, func(u float64) {
				g.valuesOf(x, b, func(v float64) {
					if n, ok := e.Calculate(u, v); ok {
						res.Rows = append(res.Rows, []Cell{{Kind: NodeCell, Node: x}, {Kind: NumberCell, Number: n}})
					}
				})
			})
		}
	}
	slices.SortFunc(res.Rows, nodeset.CompareRows)
	res.Rows = slices.CompactFunc(res.Rows, func(a, b []Cell) bool { return nodeset.CompareRows(a, b) == 0 })
	return res, nil
}

// show appends the rows of one member: every choice of one end for each step.
func (g *Graph) show(rows [][]Cell, row []Cell, x Node, rds []RD) [][]Cell {
	if len(rds) == 0 || len(rows) >= maxTable {
		return append(rows, row)
	}
	ends := g.row(x, rds[0])
	if len(ends) == 0 {
		return g.show(rows, append(slices.Clip(row), Cell{}), x, rds[1:])
	}
	for _, e := range ends {
		rows = g.show(rows, append(slices.Clip(row), Cell{Kind: NodeCell, Node: Node(e)}), x, rds[1:])
	}
	return rows
}

// aggregate sums up the values that the members of a set have; ok is false if
// they have none.
func (g *Graph) aggregate(s Set, rel int, by Aggregate) (out float64, ok bool) {
	n := 0
	lo, hi, ok := g.Extent(s, rel)
	for _, x := range s {
		g.valuesOf(x, rel, func(v float64) { out += v; n++ })
	}
	switch by {
	case AvgOf:
		out /= float64(max(n, 1))
	case MinOf:
		out = lo
	case MaxOf:
		out = hi
	}
	return out, ok
}

// Empty reports whether an answer has no row. Numbers and yes or no always say
// something.
func (r Result) Empty() bool {
	switch {
	case r.Kind == List:
		return len(r.Nodes) == 0
	case r.Kind.Table():
		return len(r.Rows) == 0
	}
	return false
}
