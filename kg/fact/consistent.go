package fact

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Consistent reports whether two numeric facts agree within the accuracy of the
// less accurate one: a later value beyond it is a restatement, not a rounding.
func Consistent(a, b *Fact) bool {
	x, errX := a.Decimal()
	y, errY := b.Decimal()
	if errX != nil || errY != nil {
		return a.Value == b.Value
	}
	if x.Cmp(y) == 0 {
		return true
	}
	place, stated := lastPlace(a)
	if p, ok := lastPlace(b); ok && (!stated || p < place) {
		place, stated = p, true
	}
	if !stated {
		return false
	}
	diff, err := x.Sub(y)
	if err != nil {
		return false
	}
	var unit xsd.Decimal
	if place >= 0 {
		unit = xsd.NewDecimal(1, int32(place))
	} else if unit, err = xsd.ParseDecimal("1" + strings.Repeat("0", -place)); err != nil {
		return false
	}
	return diff.Abs().Cmp(unit) < 0
}

// lastPlace is the last accurate decimal place of a fact; none for exact ones
// and for those that do not say.
func lastPlace(f *Fact) (place int, stated bool) {
	place, err := strconv.Atoi(f.Decimals)
	return place, err == nil && place > -99 && place < 99
}
