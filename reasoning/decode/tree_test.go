package decode

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// stepByStep scores a trie the slow way: every path is read token by token.
func stepByStep(t *testing.T, m *Model, prompt []int32, nodes []TreeNode) (logP, logQ []float64) {
	logP, logQ = make([]float64, len(nodes)), make([]float64, len(nodes))
	for parent := -1; parent < len(nodes); parent++ {
		var kids []int
		for i, n := range nodes {
			if n.Parent == parent {
				kids = append(kids, i)
			}
		}
		if len(kids) == 0 {
			continue
		}
		var path []int32
		for p := parent; p >= 0; p = nodes[p].Parent {
			path = append(path, nodes[p].Token)
		}
		slices.Reverse(path)
		b := m.Start()
		if err := m.Prefill(context.Background(), b, prompt); err != nil {
			t.Fatal(err)
		}
		for _, id := range path {
			if err := m.Step([]*Branch{b}, []int32{id}); err != nil {
				t.Fatal(err)
			}
		}
		logits := b.Logits()
		var own []float32
		for _, k := range kids {
			own = append(own, logits[nodes[k].Token])
		}
		for j, k := range kids {
			logP[k] = float64(own[j]) - float64(cpu.LogSumExp(logits))
			logQ[k] = float64(own[j]) - float64(cpu.LogSumExp(own))
		}
		b.Release()
	}
	return logP, logQ
}

func TestTreeAgreesWithStepByStep(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, typ := range []tensor.Type{tensor.F32, tensor.Q8_0} {
		m := random(t, typ, Options{NoTokens: true, SingleKV: true, Threads: 2})
		for round := range 12 {
			prompt := someIDs(uint64(round), 1+r.IntN(300), m.Config.Vocab)
			var texts [][]int32
			for range 1 + r.IntN(20) {
				var c []int32
				for range r.IntN(8) {
					c = append(c, int32(r.IntN(4)))
				}
				texts = append(texts, c)
			}
			nodes, ends := Trie(texts)
			for i, c := range texts { // the path to an end spells its text
				var got []int32
				for p := ends[i]; p >= 0; p = nodes[p].Parent {
					got = append(got, nodes[p].Token)
				}
				slices.Reverse(got)
				if !slices.Equal(got, c) {
					t.Fatalf("text %v became %v", c, got)
				}
			}
			s, err := m.Tree(context.Background(), prompt, nodes, true)
			if err != nil {
				t.Fatal(err)
			}
			logP, logQ := stepByStep(t, m, prompt, nodes)
			for i, n := range nodes {
				sp, sq := logP[i], logQ[i]
				for p := n.Parent; p >= 0; p = nodes[p].Parent {
					sp, sq = sp+logP[p], sq+logQ[p]
				}
				d := max(math.Abs(s.LogP[i]-logP[i]), math.Abs(s.LogQ[i]-logQ[i]), math.Abs(s.SumP[i]-sp), math.Abs(s.SumQ[i]-sq))
				if d > 2e-4 {
					t.Fatalf("%v, round %d, node %d: off by %g", typ, round, i, d)
				}
			}
			// Without the whole softmax the rest is the same.
			q, err := m.Tree(context.Background(), prompt, nodes, false)
			if err != nil || q.LogP != nil || !slices.Equal(q.LogQ, s.LogQ) {
				t.Errorf("without log p: %v", err)
			}
		}
		m.Close()
	}
}

func TestTreeOnSmolLM2(t *testing.T) {
	m := smollm(t)
	prompt := m.Tokenizer.Encode("The capital city of the country France is")
	var texts [][]int32
	for _, s := range []string{" Paris.", " Paris, of course", " Lyon.", " Berlin.", " Parisian"} {
		texts = append(texts, m.Tokenizer.Encode(s))
	}
	nodes, ends := Trie(texts)
	s, err := m.Tree(context.Background(), prompt, nodes, true)
	if err != nil {
		t.Fatal(err)
	}
	logP, logQ := stepByStep(t, m, prompt, nodes)
	for i := range nodes {
		if d := max(math.Abs(s.LogP[i]-logP[i]), math.Abs(s.LogQ[i]-logQ[i])); d > 1e-3 {
			t.Errorf("node %d: off by %g", i, d)
		}
	}
	if !(s.SumP[ends[0]] > s.SumP[ends[2]] && s.SumP[ends[0]] > s.SumP[ends[3]]) {
		t.Errorf("Paris %.2f, Lyon %.2f, Berlin %.2f", s.SumP[ends[0]], s.SumP[ends[2]], s.SumP[ends[3]])
	}
}

func TestBadTrees(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true, Context: 6})
	defer m.Close()
	ctx := context.Background()
	for name, nodes := range map[string][]TreeNode{
		"parent after child": {{1, 1}, {2, -1}},
		"own parent":         {{1, 0}},
		"token":              {{300, -1}},
		"too deep":           {{1, -1}, {1, 0}, {1, 1}},
	} {
		if _, err := m.Tree(ctx, []int32{1, 2, 3, 4}, nodes, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := m.Tree(ctx, nil, nil, false); err == nil {
		t.Error("no prompt: no error")
	}
	if s, err := m.Tree(ctx, []int32{1}, nil, true); err != nil || len(s.LogQ) != 0 {
		t.Errorf("no nodes: %v", err)
	}
}

// words is a constraint that admits a few texts, each ended by token 0.
type words [][]int32

func (w words) Start() string { return "." }

func (w words) Step(s string, id int32) string {
	depth := strings.Count(s, ".") - 1
	for _, c := range w {
		if depth < len(c) && c[depth] == id && path(c[:depth]) == s {
			return path(c[:depth+1])
		}
	}
	return ""
}

func path(ids []int32) string {
	s := "."
	for _, id := range ids {
		s += fmt.Sprint(id, ".")
	}
	return s
}

func (w words) Allow(s string, mask []uint64) {
	for id := range int32(300) {
		if w.Step(s, id) != "" {
			mask[id/64] |= 1 << (id % 64)
		}
	}
}

func (w words) Final(s string) bool {
	for _, c := range w {
		if path(c) == s {
			return true
		}
	}
	return false
}

// A beam as wide as the language finds every text, with the sums that the tree
// pass gives; a narrow one finds the best of what it keeps.
func TestBeamAgreesWithTree(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true, SingleKV: true, Threads: 2})
	defer m.Close()
	r := rand.New(rand.NewPCG(9, 9))
	ctx := context.Background()
	for round := range 15 {
		seen := map[string]bool{}
		var texts words
		for range 2 + r.IntN(12) {
			c := someIDs(r.Uint64(), 1+r.IntN(5), 5)
			for i := range c {
				c[i]++ // 0 is the end
			}
			c = append(c, 0)
			if !seen[path(c)] {
				seen[path(c)] = true
				texts = append(texts, c)
			}
		}
		prompt := someIDs(uint64(round), 20, 300)
		nodes, ends := Trie(texts)
		s, err := m.Tree(ctx, prompt, nodes, true)
		if err != nil {
			t.Fatal(err)
		}
		b := m.Start()
		if err := m.Prefill(ctx, b, prompt); err != nil {
			t.Fatal(err)
		}
		before := m.CacheBytes()
		for _, allowed := range []bool{false, true} {
			sum := s.SumP
			if allowed {
				sum = s.SumQ
			}
			for _, end := range []int32{0, -1} {
				got, err := Beam(ctx, m, b, texts, BeamOptions{Width: len(texts), End: end, Allowed: allowed})
				if err != nil || len(got) != len(texts) {
					t.Fatalf("round %d: %d texts of %d, %v", round, len(got), len(texts), err)
				}
				last := math.Inf(1)
				for _, h := range got {
					i := slices.IndexFunc(texts, func(c []int32) bool { return slices.Equal(c, h.Tokens) })
					if i < 0 {
						t.Fatalf("the beam wrote %v", h.Tokens)
					}
					score := h.LogP
					if allowed {
						score = h.LogQ
					}
					if math.Abs(score-sum[ends[i]]) > 2e-4 || math.Abs(h.LogQ-s.SumQ[ends[i]]) > 2e-4 || score > last {
						t.Fatalf("round %d: %v has %v, the tree says %v; before it %v", round, h.Tokens, score, sum[ends[i]], last)
					}
					last = score
				}
			}
		}
		if m.CacheBytes() != before {
			t.Errorf("beams leave %d bytes of cache behind", m.CacheBytes()-before)
		}
		b.Release()
	}
}

// With one text at a time and every token allowed, a beam is greedy search.
func TestNarrowBeamIsGreedy(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true})
	defer m.Close()
	ctx := context.Background()
	b := m.Start()
	if err := m.Prefill(ctx, b, someIDs(4, 12, 300)); err != nil {
		t.Fatal(err)
	}
	var want []int32
	c := b.Fork()
	err := m.Generate(ctx, c, 12, Greedy, func(id int32) bool {
		want = append(want, id)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	end := want[len(want)-1]
	want = want[:slices.Index(want, end)+1]
	got, err := Beam(ctx, m, b, Anything{}, BeamOptions{Width: 1, Max: 40, End: end})
	if err != nil || len(got) != 1 || !slices.Equal(got[0].Tokens, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	if _, err := Beam(ctx, m, b, Anything{}, BeamOptions{}); err == nil {
		t.Error("width 0: no error")
	}
}
