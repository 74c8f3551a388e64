package nodeset

import (
	"cmp"
	"slices"
)

// Cell is one value of a table: a node, a number, or nothing.
type Cell struct {
	Kind   CellKind
	Node   uint32
	Number float64
}

// CellKind says what a cell holds.
type CellKind uint8

// Kinds of cell.
const (
	NoCell CellKind = iota
	NodeCell
	NumberCell
)

// CompareRows orders rows by their cells, from the left.
func CompareRows(a, b []Cell) int {
	return slices.CompareFunc(a, b, func(x, y Cell) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Node, y.Node), cmp.Compare(x.Number, y.Number))
	})
}
