package verify

import (
	"cmp"
	"math"
	"slices"
)

// thresholds that a promise chooses among.
const thresholds = 10

// promise finds the lowest confidence from which answers keep a bound on the
// share of wrong ones. Ten thresholds, at tenths of the questions, are tested at
// delta/10 each (Clopper-Pearson, Bonferroni), so the chance that any test is
// passed wrongly is at most delta (Learn then Test). ok is false if no threshold
// keeps the bound.
func promise(scored []counted, bound, delta float64) (p Promise, ok bool) {
	all := slices.Clone(scored)
	slices.SortStableFunc(all, func(a, b counted) int { return cmp.Compare(b.raw, a.raw) })
	wrong, tested := 0, 0
	for n := 1; n <= len(all); n++ {
		if !all[n-1].right {
			wrong++
		}
		// Equal confidences are given or refused together.
		if n*thresholds/len(all) == tested || n < len(all) && all[n].raw == all[n-1].raw {
			continue
		}
		tested = n * thresholds / len(all)
		if UpperBound(wrong, n, delta/thresholds) <= bound {
			p, ok = Promise{Error: bound, Delta: delta, From: all[n-1].raw, N: n, Wrong: wrong}, true
		}
	}
	return p, ok
}

// UpperBound is the exact upper bound (Clopper-Pearson) on a share of which
// wrong of n were seen: the share at which seeing so few has probability delta.
func UpperBound(wrong, n int, delta float64) float64 {
	if wrong >= n {
		return 1
	}
	lo, hi := 0.0, 1.0
	for range 60 {
		mid := (lo + hi) / 2
		if binomialAtMost(wrong, n, mid) > delta {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// binomialAtMost is the probability of at most k of n at share p.
func binomialAtMost(k, n int, p float64) float64 {
	if p <= 0 {
		return 1
	}
	if p >= 1 {
		return 0
	}
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	sum := 0.0
	for i := range k + 1 {
		sum += math.Exp(lg(n) - lg(i) - lg(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}
