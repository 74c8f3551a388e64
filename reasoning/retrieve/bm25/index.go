// Package bm25 ranks texts by the words they share with a query (Robertson and
// Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009).
package bm25

import (
	"cmp"
	"math"
	"slices"
)

// Default parameters.
const (
	K1 = 1.2
	B  = 0.75
)

// Index holds texts as bags of words. Add first, then Search.
type Index struct {
	K1, B    float64
	postings map[string][]posting
	lengths  []int32
	total    int64
}

type posting struct{ doc, count int32 }

// New returns an empty index with the default parameters.
func New() *Index { return &Index{K1: K1, B: B, postings: map[string][]posting{}} }

// Add adds a text and returns its number, from 0.
func (x *Index) Add(words []string) int {
	doc := int32(len(x.lengths))
	for _, w := range words {
		p := x.postings[w]
		if n := len(p); n > 0 && p[n-1].doc == doc {
			p[n-1].count++
		} else {
			x.postings[w] = append(p, posting{doc, 1})
		}
	}
	x.lengths = append(x.lengths, int32(len(words)))
	x.total += int64(len(words))
	return int(doc)
}

// Len is the number of texts.
func (x *Index) Len() int { return len(x.lengths) }

// Hit is a text with its score. Part is the index it is in.
type Hit struct {
	Part, Doc int
	Score     float64
}

// Term is a word of a query and its weight.
type Term struct {
	Word   string
	Weight float64
}

// Search returns the k best texts that keep accepts (nil: all), the best
// first, earlier texts first among equals. Repeated words count as often.
func (x *Index) Search(query []Term, k int, keep func(doc int) bool) []Hit {
	hits := SearchAll([]*Index{x}, query, 1<<31-1)
	if keep != nil {
		hits = slices.DeleteFunc(hits, func(h Hit) bool { return !keep(h.Doc) })
	}
	return hits[:min(max(k, 0), len(hits))]
}

// SearchAll searches several indexes as if their texts were in one: only the
// postings of the query's words are touched.
func SearchAll(parts []*Index, query []Term, k int) []Hit {
	n, total := 0, int64(0)
	for _, x := range parts {
		n += len(x.lengths)
		total += x.total
	}
	if n == 0 || total == 0 || k <= 0 {
		return nil
	}
	mean := float64(total) / float64(n)
	idf := make([]float64, len(query))
	for i, q := range query {
		df := 0
		for _, x := range parts {
			df += len(x.postings[q.Word])
		}
		idf[i] = q.Weight * math.Log(1+(float64(n)-float64(df)+0.5)/(float64(df)+0.5))
	}
	var hits []Hit
	for part, x := range parts {
		scores := map[int32]float64{}
		for i, q := range query {
			for _, p := range x.postings[q.Word] {
				f := float64(p.count)
				norm := x.K1 * (1 - x.B + x.B*float64(x.lengths[p.doc])/mean)
				scores[p.doc] += idf[i] * f * (x.K1 + 1) / (f + norm)
			}
		}
		for d, s := range scores {
			if s > 0 {
				hits = append(hits, Hit{part, int(d), s})
			}
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), a.Part-b.Part, a.Doc-b.Doc) })
	return hits[:min(k, len(hits))]
}

// Terms makes a query of words, all of weight 1.
func Terms(words []string) []Term {
	list := make([]Term, len(words))
	for i, w := range words {
		list[i] = Term{w, 1}
	}
	return list
}
