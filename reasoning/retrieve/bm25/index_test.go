package bm25

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plain scores one text by the formula, word by word.
func plain(docs [][]string, doc int, query []Term) float64 {
	total := 0
	for _, d := range docs {
		total += len(d)
	}
	mean := float64(total) / float64(len(docs))
	var s float64
	for _, q := range query {
		n, f := 0.0, 0.0
		for i, d := range docs {
			if slices.Contains(d, q.Word) {
				n++
			}
			if i == doc {
				for _, w := range d {
					if w == q.Word {
						f++
					}
				}
			}
		}
		idf := math.Log(1 + (float64(len(docs))-n+0.5)/(n+0.5))
		s += q.Weight * idf * f * (K1 + 1) / (f + K1*(1-B+B*float64(len(docs[doc]))/mean))
	}
	return s
}

func TestAgainstFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		docs := make([][]string, 1+r.IntN(12))
		x := New()
		for i := range docs {
			for range r.IntN(15) {
				docs[i] = append(docs[i], fmt.Sprint("w", r.IntN(9)))
			}
			if x.Add(docs[i]) != i {
				t.Fatal("texts are numbered in order")
			}
		}
		var q []Term
		for range r.IntN(5) {
			q = append(q, Term{fmt.Sprint("w", r.IntN(11)), 0.5 + r.Float64()})
		}
		hits := x.Search(q, len(docs), nil)
		found := map[int]bool{}
		for i, h := range hits {
			found[h.Doc] = true
			if want := plain(docs, h.Doc, q); math.Abs(h.Score-want) > 1e-9 {
				t.Fatalf("text %d scores %g, the formula says %g", h.Doc, h.Score, want)
			}
			if i > 0 && hits[i-1].Score < h.Score {
				t.Fatal("not in order")
			}
		}
		for d := range docs {
			if !found[d] && plain(docs, d, q) > 1e-9 {
				t.Fatalf("text %d was not found", d)
			}
		}
		// The same texts in several parts.
		parts := []*Index{New(), New(), New()}
		at := map[[2]int]int{}
		for i, d := range docs {
			p := r.IntN(len(parts))
			at[[2]int{p, parts[p].Add(d)}] = i
		}
		split := SearchAll(parts, q, len(docs))
		if len(split) != len(hits) {
			t.Fatalf("%d hits in parts, %d in one", len(split), len(hits))
		}
		for _, h := range split {
			if want := plain(docs, at[[2]int{h.Part, h.Doc}], q); math.Abs(h.Score-want) > 1e-9 {
				t.Fatalf("in parts a text scores %g, the formula says %g", h.Score, want)
			}
		}
		even := x.Search(q, 3, func(d int) bool { return d%2 == 0 })
		want := slices.DeleteFunc(slices.Clone(hits), func(h Hit) bool { return h.Doc%2 != 0 })
		if !slices.Equal(even, want[:min(3, len(want))]) {
			t.Fatalf("with a filter %v, want the first of %v", even, want)
		}
	}
}
