package fact_test

import (
	"testing"

	"github.com/quaestor-kg/quaestor/kg/fact"
)

func TestAgree(t *testing.T) {
	num := func(v, d string) *fact.Fact { return &fact.Fact{Numeric: true, Value: v, Decimals: d} }
	for _, c := range []struct {
		a, b *fact.Fact
		want fact.Agreement
	}{
		{num("80000000", "-6"), num("80000000.0", "-6"), fact.AgreeWhole},
		{num("80000000", "-6"), num("80000000", "-3"), fact.AgreeNear},
		{num("5200", "-2"), num("5249", "0"), fact.AgreeNear},
		{num("5200", "-2"), num("5250", "0"), fact.AgreeNear},
		{num("614000000", "-6"), num("615000000", "-6"), fact.AgreeNot},
		{num("5200", "-2"), num("5251", "0"), fact.AgreeNot},
		{num("0.05", "2"), num("0.054", "3"), fact.AgreeNear},
		{num("0.05", "2"), num("0.056", "3"), fact.AgreeNot},
		{num("5", "INF"), num("5.1", "INF"), fact.AgreeNot},
		{num("5", ""), num("6", ""), fact.AgreeNot},
		{num("1", "99999"), num("2", "-99999"), fact.AgreeNot},
		{&fact.Fact{Value: "a"}, &fact.Fact{Value: "a"}, fact.AgreeWhole},
		{&fact.Fact{Nil: true}, num("0", "0"), fact.AgreeNot},
	} {
		if got := fact.Agree(c.a, c.b); got != c.want || fact.Agree(c.b, c.a) != got {
			t.Errorf("%s (%s) and %s (%s): %v, want %v", c.a.Value, c.a.Decimals, c.b.Value, c.b.Decimals, got, c.want)
		}
	}
	if !fact.Better(num("1", "INF"), num("1", "2")) || !fact.Better(num("1", "-3"), num("1", "-6")) || fact.Better(num("1", ""), num("1", "-6")) {
		t.Error("accuracy is ranked wrongly")
	}
}
