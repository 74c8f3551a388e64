// Package vector finds nearest vectors, alone or together with conditions on
// attributes (hybrid queries).
//
// Flat compares with every vector and is the truth that others are measured
// against. Hybrid answers batches of queries the way of HQI (Mohoney et al.,
// SIGMOD 2023): vectors are partitioned by the predicates of a past workload,
// a query visits only partitions that can hold its answers, and queries that
// read the same vectors read them together. Hubs corrects for vectors that are
// near to everything (Wang et al., "Balance Act", EMNLP 2023).
package vector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
)

// Hit is a vector by number and its score, an inner product.
type Hit struct {
	Item  int32
	Score float32
}

// Flat holds vectors of one length, row after row.
type Flat struct {
	Dim  int
	Data []float32
}

// NewFlat copies rows; normalise scales them to length one, which makes inner
// products cosines. A row with a number that is not finite is an error.
func NewFlat(rows [][]float32, normalise bool) (*Flat, error) {
	f := &Flat{}
	if len(rows) == 0 {
		return f, nil
	}
	f.Dim = len(rows[0])
	f.Data = make([]float32, 0, len(rows)*f.Dim)
	for i, r := range rows {
		if len(r) != f.Dim {
			return nil, fmt.Errorf("vector %d has %d numbers, the first has %d", i, len(r), f.Dim)
		}
		sum := 0.0
		for _, x := range r {
			sum += float64(x) * float64(x)
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, fmt.Errorf("vector %d holds a number that is not finite", i)
		}
		by := float32(1)
		if normalise && sum > 0 {
			by = float32(1 / math.Sqrt(sum))
		}
		for _, x := range r {
			f.Data = append(f.Data, x*by)
		}
	}
	return f, nil
}

// Len is the number of vectors.
func (f *Flat) Len() int {
	if f.Dim == 0 {
		return 0
	}
	return len(f.Data) / f.Dim
}

// Row returns a vector, which the caller must not change.
func (f *Flat) Row(i int32) []float32 { return f.Data[int(i)*f.Dim : (int(i)+1)*f.Dim] }

// Search returns the k vectors of greatest inner product with q among those
// that keep accepts, best first; keep may be nil. Equal scores are ordered by
// number.
func (f *Flat) Search(q []float32, k int, keep func(int32) bool) []Hit {
	h := newHeap(k)
	for i := range int32(f.Len()) {
		if keep == nil || keep(i) {
			h.add(i, dot(q, f.Row(i)))
		}
	}
	return h.sorted()
}

// Entities is a Flat whose vectors belong to terms of a store; it is the
// store's kg.VectorSearcher.
type Entities struct {
	*Flat
	IDs []kg.ID // by number
}

var _ kg.VectorSearcher = (*Entities)(nil)

// SearchVector returns the entities nearest to v.
func (e *Entities) SearchVector(ctx context.Context, v []float32, k int) ([]kg.Hit, error) {
	return e.Where(ctx, v, k, nil)
}

// Where is SearchVector among the entities that keep accepts; keep may be nil.
func (e *Entities) Where(ctx context.Context, v []float32, k int, keep func(kg.ID) bool) ([]kg.Hit, error) {
	if len(v) != e.Dim {
		return nil, fmt.Errorf("a vector of %d numbers, the index has %d", len(v), e.Dim)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []kg.Hit
	for _, h := range e.Search(v, k, func(i int32) bool { return e.IDs[i] != kg.Any && (keep == nil || keep(e.IDs[i])) }) {
		out = append(out, kg.Hit{ID: e.IDs[h.Item], Score: float64(h.Score)})
	}
	return out, nil
}

// errNone: nothing to index.
var errNone = errors.New("no vectors to index")

// heap keeps the k best hits, worst first.
type heap struct {
	k    int
	hits []Hit
}

func newHeap(k int) *heap { return &heap{k: max(0, k), hits: make([]Hit, 0, max(0, k))} }

// below orders hits: lower scores, then higher numbers.
func below(a, b Hit) bool { return a.Score < b.Score || a.Score == b.Score && a.Item > b.Item }

func (h *heap) add(item int32, score float32) {
	x := Hit{item, score}
	if len(h.hits) < h.k {
		h.hits = append(h.hits, x)
		for i := len(h.hits) - 1; i > 0; {
			up := (i - 1) / 2
			if !below(h.hits[i], h.hits[up]) {
				break
			}
			h.hits[i], h.hits[up] = h.hits[up], h.hits[i]
			i = up
		}
		return
	}
	if h.k == 0 || !below(h.hits[0], x) {
		return
	}
	h.hits[0] = x
	for i := 0; ; {
		c := 2*i + 1
		if c >= h.k {
			return
		}
		if c+1 < h.k && below(h.hits[c+1], h.hits[c]) {
			c++
		}
		if !below(h.hits[c], h.hits[i]) {
			return
		}
		h.hits[i], h.hits[c] = h.hits[c], h.hits[i]
		i = c
	}
}

// sorted empties the heap, best first.
func (h *heap) sorted() []Hit {
	slices.SortFunc(h.hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Item, b.Item))
	})
	return h.hits
}

// dot is the inner product of two vectors of one length.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// dot24 is the inner products of two vectors with four: every number loaded is
// used two or four times.
func dot24(v0, v1, q0, q1, q2, q3 []float32) (s [8]float32) {
	n := len(v0)
	v1, q0, q1, q2, q3 = v1[:n], q0[:n], q1[:n], q2[:n], q3[:n]
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	for i, x := range v0 {
		y := v1[i]
		p := q0[i]
		a0 += x * p
		b0 += y * p
		p = q1[i]
		a1 += x * p
		b1 += y * p
		p = q2[i]
		a2 += x * p
		b2 += y * p
		p = q3[i]
		a3 += x * p
		b3 += y * p
	}
	return [8]float32{a0, a1, a2, a3, b0, b1, b2, b3}
}
