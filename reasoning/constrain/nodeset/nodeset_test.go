package nodeset

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAgainstMaps compares the operations with maps.
func TestAgainstMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) Set {
		var s Set
		for range n {
			s = append(s, uint32(r.IntN(200)))
		}
		slices.Sort(s)
		return slices.Compact(s)
	}
	for range 2000 {
		a, b := draw(r.IntN(120)), draw(r.IntN(1+r.IntN(120)))
		var both, minus, either Set
		for n := range uint32(200) {
			x, y := slices.Contains(a, n), slices.Contains(b, n)
			if a.Contains(n) != x {
				t.Fatalf("Contains(%d) of %v", n, a)
			}
			if x && y {
				both = append(both, n)
			}
			if x && !y {
				minus = append(minus, n)
			}
			if x || y {
				either = append(either, n)
			}
		}
		if !slices.Equal(Intersect(a, b), both) || !slices.Equal(Minus(a, b), minus) || !slices.Equal(Union(a, b), either) {
			t.Fatalf("%v and %v", a, b)
		}
	}
}
