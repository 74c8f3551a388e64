package iso_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
)

var p = kg.NewIRI("http://ex.example/p")

// edges makes a graph of blank nodes.
func edges(pairs ...[2]int) []kg.TermQuad {
	var out []kg.TermQuad
	for _, e := range pairs {
		out = append(out, kg.TermQuad{S: node(e[0]), P: p, O: node(e[1])})
	}
	return out
}

func node(n int) kg.Term { return kg.NewBlank(fmt.Sprint("n", n)) }

func ring(from, n int) (out []kg.TermQuad) {
	for k := range n {
		out = append(out, edges([2]int{from + k, from + (k+1)%n})...)
	}
	return out
}

func TestRDF_F10_AlikeNodes(t *testing.T) {
	var full, other []kg.TermQuad
	for a := range 12 {
		for b := range 12 {
			if a != b {
				full = append(full, edges([2]int{a, b})...)
				other = append(other, edges([2]int{(a*5 + 3) % 12, (b*5 + 3) % 12})...)
			}
		}
	}
	if !iso.Equal(full, other) {
		t.Error("a complete graph differs from itself renamed")
	}
	if iso.Equal(ring(0, 6), append(ring(0, 3), ring(3, 3)...)) {
		t.Error("a ring of 6 equals two rings of 3")
	}
	// The wrong pair hides behind many alike components.
	var many []kg.TermQuad
	for k := range 200 {
		many = append(many, ring(100+k*10, 5)...)
	}
	if iso.Equal(append(ring(0, 6), many...), append(append(ring(0, 3), ring(3, 3)...), many...)) {
		t.Error("rings among rings are equal")
	}
}

// TestRegularGraphs compares the two strongly regular graphs with parameters
// (16, 6, 2, 2), which colours alone cannot tell apart: the rook's graph and
// the Shrikhande graph.
func TestRegularGraphs(t *testing.T) {
	var rook, shrikhande [][2]int
	steps := [][2]int{{0, 1}, {1, 0}, {1, 1}, {0, 3}, {3, 0}, {3, 3}}
	for a := range 16 {
		for b := range 16 {
			if a != b && (a/4 == b/4 || a%4 == b%4) {
				rook = append(rook, [2]int{a, b})
			}
		}
		for _, s := range steps {
			shrikhande = append(shrikhande, [2]int{a, (a/4+s[0])%4*4 + (a%4+s[1])%4})
		}
	}
	x, y := edges(rook...), edges(shrikhande...)
	if len(x) != len(y) {
		t.Fatalf("%d and %d edges", len(x), len(y))
	}
	if iso.Equal(x, y) {
		t.Error("rook's graph equals the Shrikhande graph")
	}
	if !iso.Equal(x, shuffled(rand.New(rand.NewPCG(1, 1)), x)) || !iso.Equal(y, shuffled(rand.New(rand.NewPCG(1, 2)), y)) {
		t.Error("a graph differs from itself renamed")
	}
}

// shuffled renames the blank nodes and reorders the statements.
func shuffled(r *rand.Rand, in []kg.TermQuad) []kg.TermQuad {
	names := map[string]string{}
	var rename func(t kg.Term) kg.Term
	rename = func(t kg.Term) kg.Term {
		switch t.Kind {
		case kg.Blank:
			if names[t.Value] == "" {
				names[t.Value] = fmt.Sprintf("r%d", r.Uint64())
			}
			t.Value = names[t.Value]
		case kg.Triple:
			t.Spo = &[3]kg.Term{rename(t.Spo[0]), rename(t.Spo[1]), rename(t.Spo[2])}
		}
		return t
	}
	out := make([]kg.TermQuad, len(in))
	for i, k := range r.Perm(len(in)) {
		q := in[k]
		out[i] = kg.TermQuad{S: rename(q.S), P: q.P, O: rename(q.O), G: rename(q.G)}
	}
	return out
}

// random makes a small dataset that is rich in alike nodes.
func random(r *rand.Rand) []kg.TermQuad {
	n := 1 + r.IntN(5)
	var term func(depth int) kg.Term
	term = func(depth int) kg.Term {
		switch k := r.IntN(8); {
		case k < 5:
			return node(r.IntN(n))
		case k == 5:
			return kg.NewString("x")
		case k == 6 && depth < 2:
			return kg.NewTriple(node(r.IntN(n)), p, term(depth+1))
		}
		return kg.NewIRI("http://ex.example/o")
	}
	var out []kg.TermQuad
	for range r.IntN(8) {
		q := kg.TermQuad{S: node(r.IntN(n)), P: p, O: term(0)}
		if r.IntN(3) == 0 {
			q.G = node(r.IntN(n))
		}
		out = append(out, q)
	}
	return out
}

// TestLongChains: a long list of equal items has only its ends to tell the
// cells apart by, a long ring not even that.
func TestLongChains(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const n = 20_000
	list := func(odd int) []kg.TermQuad {
		var out []kg.TermQuad
		for k := range n {
			item := kg.NewString("x")
			if k == odd {
				item = kg.NewString("y")
			}
			out = append(out, kg.TermQuad{S: node(k), P: kg.NewIRI(kg.RDF + "first"), O: item})
		}
		return append(out, ring(0, n)[:n-1]...)
	}
	if a := list(-1); !iso.Equal(a, shuffled(r, a)) {
		t.Error("a list differs from itself renamed")
	}
	if iso.Equal(list(100), shuffled(r, list(101))) {
		t.Error("lists with different items are equal")
	}
	if a := ring(0, n); !iso.Equal(a, shuffled(r, a)) {
		t.Error("a ring differs from itself renamed")
	}
}

// byPermutation is the slow twin: it tries every mapping of blank nodes.
func byPermutation(a, b []kg.TermQuad) bool {
	la, lb := labels(a), labels(b)
	if len(la) != len(lb) {
		return false
	}
	want := set(b, nil)
	used := make([]bool, len(lb))
	m := map[string]string{}
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(la) {
			got := set(a, m)
			if len(got) != len(want) {
				return false
			}
			for k := range got {
				if !want[k] {
					return false
				}
			}
			return true
		}
		for j := range lb {
			if !used[j] {
				used[j], m[la[i]] = true, lb[j]
				if try(i + 1) {
					return true
				}
				used[j] = false
			}
		}
		return false
	}
	return try(0)
}

func labels(in []kg.TermQuad) (out []string) {
	seen := map[string]bool{}
	var walk func(t kg.Term)
	walk = func(t kg.Term) {
		if t.Kind == kg.Triple {
			for _, u := range t.Spo {
				walk(u)
			}
		}
		if t.Kind == kg.Blank && !seen[t.Value] {
			seen[t.Value] = true
			out = append(out, t.Value)
		}
	}
	for _, q := range in {
		walk(q.S)
		walk(q.O)
		walk(q.G)
	}
	return out
}

func set(in []kg.TermQuad, m map[string]string) map[string]bool {
	var text func(t kg.Term) string
	text = func(t kg.Term) string {
		switch {
		case t.Kind == kg.Triple:
			return "(" + text(t.Spo[0]) + text(t.Spo[1]) + text(t.Spo[2]) + ")"
		case t.Kind == kg.Blank && m != nil:
			return "_:" + m[t.Value]
		}
		return t.String()
	}
	out := map[string]bool{}
	for _, q := range in {
		out[text(q.S)+" "+text(q.O)+" "+text(q.G)] = true
	}
	return out
}

func TestAgainstPermutations(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	equal := 0
	for i := range 20000 {
		a := random(r)
		b := random(r)
		if i%2 == 0 {
			b = shuffled(r, a)
			if len(b) > 0 && i%4 == 0 {
				b[r.IntN(len(b))].O = node(0)
			}
		}
		want := byPermutation(a, b)
		if want {
			equal++
		}
		if got := iso.Equal(a, b); got != want {
			t.Fatalf("case %d: %v, want %v\n%v\n%v", i, got, want, a, b)
		}
		if iso.Equal(b, a) != want {
			t.Fatalf("case %d: not symmetric", i)
		}
	}
	if equal < 1000 || equal > 19000 {
		t.Errorf("%d of 20000 cases are equal: the test says little", equal)
	}
}
