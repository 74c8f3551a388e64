// Package nodeset holds sets of numbered nodes as ascending slices.
package nodeset

import "slices"

// Set is a set of nodes in ascending order.
type Set []uint32

// Contains reports whether n is a member.
func (s Set) Contains(n uint32) bool {
	_, ok := slices.BinarySearch(s, n)
	return ok
}

// Intersect returns the common members of two sets.
func Intersect(a, b Set) Set {
	if len(a) > len(b) {
		a, b = b, a
	}
	var out Set
	if len(a)*16 < len(b) {
		for _, n := range a {
			i, ok := slices.BinarySearch(b, n)
			b = b[i:]
			if ok {
				out = append(out, n)
			}
		}
		return out
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			out = append(out, a[i])
			i++
			j++
		}
	}
	return out
}

// Minus returns the members of a that are not in b.
func Minus(a, b Set) Set {
	if len(b) == 0 || len(a) == 0 {
		return a
	}
	out := make(Set, 0, len(a))
	for _, n := range a {
		i, ok := slices.BinarySearch(b, n)
		b = b[i:]
		if !ok {
			out = append(out, n)
		}
	}
	return out
}

// Union returns the members of two sets.
func Union(a, b Set) Set {
	if len(b) == 0 {
		return a
	}
	out := make(Set, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
