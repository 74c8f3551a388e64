package keyphrase

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	texts := []string{
		"Our quarries use diamond saws. Diamond saws cut granite. Quarry Co buys diamond saws from two makers. The saws wear out.",
		"Operating leases are for quarries. Operating leases run ten years. Rent expense of operating leases is straight-line. Granite is not leased.",
		"Net operating losses (NOLs) expire. NOLs were large. A valuation allowance covers the NOLs.",
	}
	got := Extract(texts, 3, "Quarry Co")
	for i, want := range []string{"diamond saws", "operating leases", "operating losses"} {
		if len(got[i]) == 0 || !strings.Contains(strings.ToLower(got[i][0].Text), want) {
			t.Errorf("text %d: %v, want %s first", i, got[i], want)
		}
		for j := 1; j < len(got[i]); j++ {
			if got[i][j].Score > got[i][j-1].Score {
				t.Errorf("not sorted: %v", got[i])
			}
		}
	}
	if out := Extract(nil, 3); len(out) != 0 {
		t.Error(out)
	}
	if out := Extract([]string{"", "The and of."}, 3); len(out) != 2 || len(out[0])+len(out[1]) != 0 {
		t.Error(out)
	}
}

func TestExpand(t *testing.T) {
	if got := expand("Net operating losses (NOLs) expire; NOLs and NOLSTER."); got != "Net operating losses (NOLs) expire; Net operating losses and NOLSTER." {
		t.Error(got)
	}
}

// TestRetrieve compares neighbours found by the index with BM25 computed pair
// by pair.
func TestRetrieve(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var ts []*text
	for range 40 {
		x := &text{terms: map[string]int{}}
		for range r.IntN(30) {
			x.terms[fmt.Sprint("w", r.IntN(25))]++
			x.size++
		}
		ts = append(ts, x)
	}
	idf := inverse(ts)
	retrieve(ts, idf)
	mean := 0.0
	for _, x := range ts {
		mean += float64(x.size) / float64(len(ts))
	}
	for i, q := range ts {
		var want []near
		sum := 0.0
		for j, d := range ts {
			s := 0.0
			for f := range q.terms {
				tf := float64(d.terms[f])
				s += idf[f] * tf * (k1 + 1) / (tf + k1*(1-b+b*float64(d.size)/mean))
			}
			if i != j && s > 0 {
				want = append(want, near{j, s})
				sum += s
			}
		}
		slices.SortFunc(want, func(a, b near) int { return cmp.Compare(b.w, a.w) })
		if len(want) != len(q.neighbour) {
			t.Fatalf("text %d: %d neighbours, want %d", i, len(q.neighbour), len(want))
		}
		for k, n := range q.neighbour {
			if math.Abs(n.w-want[k].w/sum) > 1e-9 {
				t.Errorf("text %d, neighbour %d: %v, want %v", i, k, n.w, want[k].w/sum)
			}
		}
	}
}
