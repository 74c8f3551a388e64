package embed

import (
	"cmp"
	"slices"
)

// Hit is one entity of a ranking.
type Hit struct {
	Entity int32
	Score  float32
}

// TopK returns the k entities of highest score, best first, without those that
// skip accepts; skip may be nil. Equal scores are ordered by entity, so the
// answer does not depend on how it was found. NaN ranks below everything.
func TopK(scores []float32, k int, skip func(int32) bool) []Hit {
	k = min(k, len(scores))
	if k <= 0 {
		return nil
	}
	heap := make([]Hit, 0, k) // worst first
	for e, s := range scores {
		if s != s || len(heap) == k && s <= heap[0].Score || skip != nil && skip(int32(e)) {
			continue
		}
		h := Hit{int32(e), s}
		if len(heap) < k {
			heap = append(heap, h)
			for i := len(heap) - 1; i > 0; {
				up := (i - 1) / 2
				if !below(heap[i], heap[up]) {
					break
				}
				heap[i], heap[up] = heap[up], heap[i]
				i = up
			}
			continue
		}
		heap[0] = h
		for i := 0; ; {
			c := 2*i + 1
			if c >= k {
				break
			}
			if c+1 < k && below(heap[c+1], heap[c]) {
				c++
			}
			if !below(heap[c], heap[i]) {
				break
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	slices.SortFunc(heap, func(a, b Hit) int {
		if c := cmp.Compare(b.Score, a.Score); c != 0 {
			return c
		}
		return cmp.Compare(a.Entity, b.Entity)
	})
	return heap
}

// below reports whether a ranks below b.
func below(a, b Hit) bool {
	return a.Score < b.Score || a.Score == b.Score && a.Entity > b.Entity
}
