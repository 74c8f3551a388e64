package fact_test

import (
	"testing"

	"github.com/quaestor-kg/quaestor/kg/fact"
)

func TestConsistent(t *testing.T) {
	for _, c := range []struct {
		a, da, b, db string
		want         bool
	}{
		{"614000000", "-6", "614123456", "0", true},
		{"614000000", "-6", "615000000", "-6", false},
		{"614000000", "-6", "614999999", "-6", true},
		{"1.25", "2", "1.254", "3", true},
		{"1.25", "2", "1.26", "2", false},
		{"5", "INF", "6", "INF", false},
		{"5", "INF", "5.0", "1", true},
		{"5000", "-3", "5400", "INF", true},
		{"5", "", "6", "", false},
		{"none", "", "none", "", true},
	} {
		a, b := fact.Fact{Value: c.a, Decimals: c.da, Numeric: true}, fact.Fact{Value: c.b, Decimals: c.db, Numeric: true}
		if got := fact.Consistent(&a, &b); got != c.want {
			t.Errorf("%s (%s) and %s (%s): %v", c.a, c.da, c.b, c.db, got)
		}
		if got := fact.Consistent(&b, &a); got != c.want {
			t.Errorf("%s (%s) and %s (%s): %v", c.b, c.db, c.a, c.da, got)
		}
	}
}
