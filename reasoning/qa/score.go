package qa

import (
	"math"
	"strconv"
	"strings"
)

// Score compares a set of answers with the gold set.
type Score struct {
	F1    float64
	Exact bool
	// Hits1 is the chance that a member drawn from the answers is right.
	Hits1 float64
}

// Compare scores answers against gold. Numbers compare by value: "5" equals
// "5.0". Two empty sets are equal.
func Compare(got []string, gold map[string]bool) Score {
	want := map[string]bool{}
	for a := range gold {
		want[canonical(a)] = true
	}
	seen := map[string]bool{}
	right := 0
	for _, a := range got {
		a = canonical(a)
		if seen[a] {
			continue
		}
		seen[a] = true
		if want[a] {
			right++
		}
	}
	if len(seen) == 0 && len(want) == 0 {
		return Score{F1: 1, Exact: true, Hits1: 1}
	}
	if right == 0 {
		return Score{}
	}
	p, r := float64(right)/float64(len(seen)), float64(right)/float64(len(want))
	return Score{F1: 2 * p * r / (p + r), Exact: right == len(seen) && right == len(want), Hits1: p}
}

func canonical(s string) string {
	if s == "" || strings.IndexByte("0123456789+-.", s[0]) < 0 {
		return s
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || v > 1<<53 || v < -(1<<53) {
		return s
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
