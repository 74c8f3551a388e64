package importance

import (
	"cmp"
	"math/bits"
	"slices"
)

// Representatives picks count of the candidates so that they stand for all of
// them: KVCrush. Every position has a bit vector that says in which heads it is
// among the upper half; candidates are sorted by the Hamming distance of
// theirs to an alternating anchor, and every n-th is taken. x is the
// importance, [heads][n].
func Representatives(candidates []int, x []float32, heads, n, count int) []int {
	if count <= 0 {
		return nil
	}
	if count >= len(candidates) {
		return candidates
	}
	median := make([]float32, heads)
	for h := range heads {
		row := slices.Clone(x[h*n : (h+1)*n])
		slices.Sort(row)
		median[h] = row[n/2]
	}
	vector := func(t int) uint64 {
		var v uint64
		for h := range min(heads, 64) {
			if x[h*n+t] > median[h] {
				v |= 1 << h
			}
		}
		return v
	}
	const anchor = 0x5555555555555555
	mask := ^uint64(0) >> (64 - min(heads, 64))
	order := slices.Clone(candidates)
	slices.Sort(order)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(bits.OnesCount64((vector(a)^anchor)&mask), bits.OnesCount64((vector(b)^anchor)&mask))
	})
	out := make([]int, count)
	for i := range out {
		out[i] = order[(2*i+1)*len(order)/(2*count)]
	}
	return out
}
