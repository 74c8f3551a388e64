package nodeset

import "slices"

// Within returns the test for the n largest (or smallest) different values, or
// for the n-th alone.
func Within(all []float64, largest bool, n int, nth bool) func(float64) bool {
	slices.Sort(all)
	all = slices.Compact(all)
	if largest {
		slices.Reverse(all)
	}
	n = max(n, 1)
	if nth && len(all) < n || len(all) == 0 {
		return func(float64) bool { return false }
	}
	last := all[min(n, len(all))-1]
	return func(v float64) bool {
		return v == last || !nth && (largest && v > last || !largest && v < last)
	}
}
