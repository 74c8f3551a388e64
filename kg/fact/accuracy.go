package fact

import (
	"strconv"

	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Agreement tells how two facts of one key stand to each other (XBRL
// International, Handling Duplicate Facts in XBRL, 1.0).
type Agreement uint8

// Agreements.
const (
	AgreeWhole Agreement = iota // same value, same accuracy ("complete")
	AgreeNear                   // one value can be meant, within what both say of their accuracy ("consistent")
	AgreeNot                    // it cannot ("inconsistent")
)

// String returns the agreement in words.
func (a Agreement) String() string {
	return [...]string{"complete", "consistent", "inconsistent"}[a]
}

// maxDecimals bounds the accuracy that is taken as said.
const maxDecimals = 40

// Interval is the range that the true value of a numeric fact lies in,
// rounded as it says: 5,200 with decimals -2 is 5,150 to 5,250. A fact that
// says nothing of its accuracy, or INF, is exact.
func (f *Fact) Interval() (lo, hi xsd.Decimal, err error) {
	v, err := f.Decimal()
	if err != nil {
		return lo, hi, err
	}
	n, err := strconv.Atoi(f.Decimals)
	if err != nil || n > maxDecimals || n < -maxDecimals {
		return v, v, nil
	}
	half := xsd.NewDecimal(5, int32(n+1))
	if n < 0 {
		if half, err = xsd.ParseDecimal("5" + zeros(-n-1)); err != nil {
			return v, v, err
		}
	}
	if lo, err = v.Sub(half); err != nil {
		return v, v, err
	}
	hi, err = v.Add(half)
	return lo, hi, err
}

func zeros(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0'
	}
	return string(b)
}

// Agree compares two facts of one key. Texts agree if they are the same.
func Agree(a, b *Fact) Agreement {
	switch {
	case a.Nil || b.Nil:
		if a.Nil == b.Nil {
			return AgreeWhole
		}
		return AgreeNot
	}
	x, err := a.Decimal()
	y, err2 := b.Decimal()
	if err != nil || err2 != nil {
		if a.Value == b.Value {
			return AgreeWhole
		}
		return AgreeNot
	}
	if x.Cmp(y) == 0 {
		if a.Decimals == b.Decimals {
			return AgreeWhole
		}
		return AgreeNear
	}
	la, ha, err := a.Interval()
	lb, hb, err2 := b.Interval()
	if err != nil || err2 != nil || ha.Cmp(lb) <= 0 || hb.Cmp(la) <= 0 {
		return AgreeNot
	}
	return AgreeNear
}

// Consistent reports whether two facts can state one value: a later one that
// cannot is a restatement, not a rounding.
func Consistent(a, b *Fact) bool { return Agree(a, b) != AgreeNot }

// Better reports whether a says its value more accurately than b.
func Better(a, b *Fact) bool {
	rank := func(f *Fact) int {
		if f.Decimals == "INF" {
			return maxDecimals + 1
		}
		n, err := strconv.Atoi(f.Decimals)
		if err != nil {
			return -maxDecimals - 1
		}
		return n
	}
	return rank(a) > rank(b)
}
