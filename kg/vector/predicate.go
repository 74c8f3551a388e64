package vector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Cond is a condition on one attribute: its value lies in [Low, High]. A value
// is one number; a category is its number, with Low = High.
type Cond struct {
	Column    int
	Low, High float64
}

// Predicate is a conjunction of conditions; the empty one holds for all.
type Predicate []Cond

// holds reports whether an item meets the predicate.
func (p Predicate) holds(columns [][]float64, item int32) bool {
	for _, c := range p {
		if v := columns[c.Column][item]; !(v >= c.Low && v <= c.High) {
			return false
		}
	}
	return true
}

// check fails on a column that does not exist.
func (p Predicate) check(columns int) error {
	for _, c := range p {
		if c.Column < 0 || c.Column >= columns {
			return fmt.Errorf("a condition on attribute %d of %d", c.Column, columns)
		}
	}
	return nil
}

// normal merges the conditions of each column and orders them, so that equal
// predicates have equal keys.
func (p Predicate) normal() Predicate {
	out := slices.Clone(p)
	slices.SortStableFunc(out, func(a, b Cond) int { return cmp.Compare(a.Column, b.Column) })
	n := 0
	for _, c := range out {
		if n > 0 && out[n-1].Column == c.Column {
			out[n-1].Low, out[n-1].High = max(out[n-1].Low, c.Low), min(out[n-1].High, c.High)
			continue
		}
		out[n] = c
		n++
	}
	return out[:n]
}

// key identifies a predicate.
func (p Predicate) key() string {
	var b strings.Builder
	for _, c := range p {
		fmt.Fprintf(&b, "%d:%v:%v;", c.Column, c.Low, c.High)
	}
	return b.String()
}
