// Package budget divides memory among layers and heads: PrefixKV's threshold,
// shares in proportion to a signal (UNComp, CompressKV), and the choice of bits
// by dynamic programming (kvcache.md 2.6).
package budget

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Threshold returns how many positions each layer keeps so that all keep the
// same share of their importance and total together as many as wanted:
// PrefixKV. importance is [layer][positions], not negative.
func Threshold(importance [][]float32, total int) []int {
	sums := make([][]float64, len(importance)) // cumulated, descending, to 1
	for l, x := range importance {
		s := slices.Clone(x)
		slices.SortFunc(s, func(a, b float32) int { return cmp.Compare(b, a) })
		sums[l] = make([]float64, len(s))
		var sum float64
		for i, v := range s {
			sum += float64(v)
			sums[l][i] = sum
		}
		if sum > 0 {
			for i := range sums[l] {
				sums[l][i] /= sum
			}
		}
	}
	count := func(p float64) (kept []int, all int) {
		kept = make([]int, len(sums))
		for l, s := range sums {
			k, _ := slices.BinarySearch(s, p)
			kept[l] = min(len(s), k+1)
			all += kept[l]
		}
		return kept, all
	}
	lo, hi := 0.0, 1.0
	for range 60 {
		mid := (lo + hi) / 2
		if _, n := count(mid); n > total {
			hi = mid
		} else {
			lo = mid
		}
	}
	kept, all := count(lo)
	// Layers of equal importance jump together; the rest goes round.
	for l := 0; all < total && len(kept) > 0; l = (l + 1) % len(kept) {
		if kept[l] < len(sums[l]) {
			kept[l]++
			all++
		} else if full(kept, sums) {
			break
		}
	}
	return kept
}

func full(kept []int, sums [][]float64) bool {
	for l, k := range kept {
		if k < len(sums[l]) {
			return false
		}
	}
	return true
}

// Scale turns weights into counts with the given mean, none above limit; what
// the limit cuts off goes to the others.
func Scale(weights []float64, mean, limit float64) []float64 {
	out := make([]float64, len(weights))
	capped := make([]bool, len(weights))
	for range weights {
		left, sum := mean*float64(len(weights)), 0.0
		for i, w := range weights {
			if capped[i] {
				left -= limit
			} else {
				sum += w
			}
		}
		again := false
		for i, w := range weights {
			if capped[i] {
				out[i] = limit
				continue
			}
			if sum > 0 {
				out[i] = left * w / sum
			} else {
				out[i] = mean
			}
			if out[i] > limit {
				capped[i], again = true, true
			}
		}
		if !again {
			break
		}
	}
	return out
}

// Choice is one way to store a layer: what it costs and how much it hurts.
type Choice struct{ Cost, Damage float64 }

// Choose picks one choice for each layer so that the sum of damages is least
// and the sum of costs is within the budget: a knapsack over costs in units of
// a 1/64 of the budget a layer. It fails when even the cheapest choices cost
// too much.
func Choose(layers [][]Choice, budget float64) ([]int, error) {
	units := 64 * len(layers)
	unit := budget / float64(units)
	inf := math.Inf(1)
	best := make([]float64, units+1) // least damage with at most this cost
	picks := make([][]int16, len(layers))
	for l, choices := range layers {
		next := make([]float64, units+1)
		picks[l] = make([]int16, units+1)
		for u := range next {
			next[u], picks[l][u] = inf, -1
			for c, x := range choices {
				// Costs round up, so that the budget holds.
				cost := int(math.Ceil(x.Cost/unit - 1e-9))
				if cost > u {
					continue
				}
				if d := best[u-cost] + x.Damage; d < next[u] {
					next[u], picks[l][u] = d, int16(c)
				}
			}
		}
		best = next
	}
	if math.IsInf(best[units], 1) {
		return nil, fmt.Errorf("the cheapest forms of %d layers cost more than the budget of %g", len(layers), budget)
	}
	out := make([]int, len(layers))
	u := units
	for l := len(layers) - 1; l >= 0; l-- {
		out[l] = int(picks[l][u])
		u -= int(math.Ceil(layers[l][out[l]].Cost/unit - 1e-9))
	}
	return out, nil
}

// Entropy is the entropy of the eigenvalues of a covariance after scaling them
// to sum 1, in units of log dim: UNComp's measure of how much a head uses.
// Only the largest keep eigenvalues count.
func Entropy(eigenvalues []float64, keep int) float64 {
	s := slices.Clone(eigenvalues)
	slices.SortFunc(s, func(a, b float64) int { return cmp.Compare(b, a) })
	var sum, h float64
	for _, v := range s {
		sum += max(0, v)
	}
	if sum == 0 {
		return 0
	}
	for _, v := range s[:min(keep, len(s))] {
		if p := max(0, v) / sum; p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h / math.Log(float64(len(s)))
}
