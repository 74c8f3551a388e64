package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

var small = Config{Vocab: 23, Dim: 12, Layers: 2, Heads: 3, FFN: 10, Context: 32, RopeBase: 10000, Eps: 1e-5}

// randomTrees draws examples whose candidates share prefixes.
func randomTrees(r *rand.Rand, c Config, n int) (trees []Tree, prompts [][]int32, cands [][][]int32) {
	seq := func(n int) []int32 {
		s := make([]int32, n)
		for i := range s {
			s[i] = int32(1 + r.IntN(c.Vocab-1))
		}
		return s
	}
	for range n {
		prompt := seq(1 + r.IntN(6))
		var cs [][]int32
		for range 1 + r.IntN(5) {
			s := seq(1 + r.IntN(5))
			if len(cs) > 0 {
				from := cs[r.IntN(len(cs))]
				k := r.IntN(len(from))
				s = append(append([]int32(nil), from[:k]...), s...)
			}
			cs = append(cs, append(s, 0))
		}
		t, err := NewTree(prompt, cs, r.IntN(len(cs)))
		if err != nil {
			panic(err)
		}
		trees, prompts, cands = append(trees, t), append(prompts, prompt), append(cands, cs)
	}
	return trees, prompts, cands
}

// branchy is a tree with targets on two branches, which NewTree never makes.
func branchy() Tree {
	return Tree{
		Tokens: []int32{3, 4, 5, 6, 7, 8}, Parent: []int32{-1, 0, 1, 1, 3, 0},
		Targets: []Target{{Node: 2, Token: 9, Among: []int32{9, 1}}, {Node: 4, Token: 2}, {Node: 5, Token: 11, Among: []int32{1, 11, 12}}},
	}
}

func TestGradientAgainstFiniteDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := NewWeights[float64](small)
	w.Init(5)
	for i := range w.Norm {
		w.Norm[i] = 1 + 0.3*r.NormFloat64()
		w.Blocks[0].AttnNorm[i] = 1 + 0.3*r.NormFloat64()
		w.Blocks[1].FFNNorm[i] = 1 + 0.3*r.NormFloat64()
	}
	for i := range w.Embed { // larger than at the start of training, so that curvature shows
		w.Embed[i] *= 20
	}
	trees, _, _ := randomTrees(r, small, 4)
	trees = append(trees, branchy())
	p := NewPass(w)
	g := NewWeights[float64](small)
	mix := Mix{Full: 0.5, Allow: 0.25}
	if _, err := p.Loss(trees, mix, g, 1); err != nil {
		t.Fatal(err)
	}
	loss := func() float64 {
		s, err := p.Loss(trees, mix, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s.Loss
	}
	const h = 1e-5
	worst := 0.0
	for i := range w.Flat {
		keep := w.Flat[i]
		w.Flat[i] = keep + h
		up := loss()
		w.Flat[i] = keep - h
		down := loss()
		w.Flat[i] = keep
		want := (up - down) / (2 * h)
		diff := math.Abs(want-g.Flat[i]) / (1e-4 + math.Abs(want) + math.Abs(g.Flat[i]))
		worst = max(worst, diff)
		if diff > 1e-4 {
			t.Fatalf("weight %d: gradient %.9g, finite difference %.9g", i, g.Flat[i], want)
		}
	}
	t.Logf("%d weights, greatest relative difference %.2g", len(w.Flat), worst)
}

func TestFloat32KernelsAgreeWithFloat64(t *testing.T) {
	c := Config{Vocab: 301, Dim: 48, Layers: 3, Heads: 4, FFN: 70, Context: 64, RopeBase: 10000, Eps: 1e-5}
	r := rand.New(rand.NewPCG(3, 4))
	w := NewWeights[float64](c)
	w.Init(7)
	w32 := Convert[float32](w)
	trees, prompts, cands := randomTrees(r, c, 40)
	g, g32 := NewWeights[float64](c), NewWeights[float32](c)
	p, p32 := NewPass(w), NewPass(w32)
	s, err := p.Loss(trees, DefaultMix, g, 1./40)
	if err != nil {
		t.Fatal(err)
	}
	s32, err := p32.Loss(trees, DefaultMix, g32, 1./40)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(s.Loss-s32.Loss) > 1e-4*s.Loss {
		t.Errorf("loss %.7g in float32, %.7g in float64", s32.Loss, s.Loss)
	}
	var diff, norm float64
	for i, v := range g.Flat {
		diff += (v - float64(g32.Flat[i])) * (v - float64(g32.Flat[i]))
		norm += v * v
	}
	if rel := math.Sqrt(diff / norm); rel > 1e-5 {
		t.Errorf("gradients differ by %.2g of their length", rel)
	}
	for i := range prompts {
		a, err := p.Scores(prompts[i], cands[i])
		if err != nil {
			t.Fatal(err)
		}
		b, err := p32.Scores(prompts[i], cands[i])
		if err != nil {
			t.Fatal(err)
		}
		for k := range a {
			if math.Abs(a[k].LogP-b[k].LogP) > 1e-3 || math.Abs(a[k].LogQ-b[k].LogQ) > 1e-3 {
				t.Errorf("question %d, candidate %d: %+v in float32, %+v in float64", i, k, b[k], a[k])
			}
		}
	}
}

// naive predicts the token after every prefix of one sequence: a loop over
// positions with no tree, no batch and no shared code but the weights.
func naive(w *Weights[float64], seq []int32) [][]float64 {
	d, hd := w.Dim, w.Dim/w.Heads
	mul := func(x, m []float64, out int) []float64 {
		y := make([]float64, out)
		for i, v := range x {
			for j := range y {
				y[j] += v * m[i*out+j]
			}
		}
		return y
	}
	norm := func(x, g []float64) []float64 {
		var s float64
		for _, v := range x {
			s += v * v
		}
		s = 1 / math.Sqrt(s/float64(len(x))+w.Eps)
		y := make([]float64, len(x))
		for i := range x {
			y[i] = x[i] * s * g[i]
		}
		return y
	}
	keys, vals := make([][][]float64, w.Layers), make([][][]float64, w.Layers)
	var out [][]float64
	for pos, tok := range seq {
		x := append([]float64(nil), w.Embed[int(tok)*d:int(tok+1)*d]...)
		for l, b := range w.Blocks {
			qkv := mul(norm(x, b.AttnNorm), b.QKV, 3*d)
			q, k, v := qkv[:d], qkv[d:2*d], qkv[2*d:]
			for _, s := range [][]float64{q, k} {
				for h := range w.Heads {
					for i := range hd / 2 {
						a := float64(pos) / math.Pow(w.RopeBase, float64(2*i)/float64(hd))
						x0, x1 := s[h*hd+2*i], s[h*hd+2*i+1]
						s[h*hd+2*i], s[h*hd+2*i+1] = x0*math.Cos(a)-x1*math.Sin(a), x0*math.Sin(a)+x1*math.Cos(a)
					}
				}
			}
			keys[l], vals[l] = append(keys[l], k), append(vals[l], v)
			ctx := make([]float64, d)
			for h := range w.Heads {
				e, z := make([]float64, pos+1), 0.0
				for j := range e {
					for i := range hd {
						e[j] += q[h*hd+i] * keys[l][j][h*hd+i]
					}
					e[j] = math.Exp(e[j] / math.Sqrt(float64(hd)))
					z += e[j]
				}
				for j := range e {
					for i := range hd {
						ctx[h*hd+i] += e[j] / z * vals[l][j][h*hd+i]
					}
				}
			}
			for i, v := range mul(ctx, b.Out, d) {
				x[i] += v
			}
			gu := mul(norm(x, b.FFNNorm), b.GateUp, 2*w.FFN)
			act := make([]float64, w.FFN)
			for i := range act {
				act[i] = gu[i] / (1 + math.Exp(-gu[i])) * gu[w.FFN+i]
			}
			for i, v := range mul(act, b.Down, d) {
				x[i] += v
			}
		}
		n := norm(x, w.Norm)
		logits := make([]float64, w.Vocab)
		for t := range logits {
			for i := range d {
				logits[t] += n[i] * w.Embed[t*d+i]
			}
		}
		out = append(out, logits)
	}
	return out
}

func TestTreePassEqualsOneSequenceAtATime(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	w := NewWeights[float64](small)
	w.Init(11)
	for i := range w.Embed {
		w.Embed[i] *= 30
	}
	p := NewPass(w)
	lse := func(x []float64) float64 {
		var s float64
		for _, v := range x {
			s += math.Exp(v)
		}
		return math.Log(s)
	}
	trees, prompts, cands := randomTrees(r, small, 30)
	for q := range prompts {
		got, err := p.Scores(prompts[q], cands[q])
		if err != nil {
			t.Fatal(err)
		}
		want := make([]Score, len(cands[q]))
		for c, cand := range cands[q] {
			logits := naive(w, append(append([]int32(nil), prompts[q]...), cand...))
			want[c].Tokens = len(cand)
			for i, tok := range cand {
				at := logits[len(prompts[q])+i-1]
				seen := map[int32]bool{}
				var allowed []float64
				for _, o := range cands[q] {
					if len(o) > i && string(bytes32(o[:i])) == string(bytes32(cand[:i])) && !seen[o[i]] {
						seen[o[i]] = true
						allowed = append(allowed, at[o[i]])
					}
				}
				want[c].LogP += at[tok] - lse(at)
				want[c].LogQ += at[tok] - lse(allowed)
			}
			if math.Abs(got[c].LogP-want[c].LogP) > 1e-9 || math.Abs(got[c].LogQ-want[c].LogQ) > 1e-9 || got[c].Tokens != want[c].Tokens {
				t.Fatalf("question %d, candidate %d: %+v, one at a time %+v", q, c, got[c], want[c])
			}
		}
		// The loss of the example is the same two numbers.
		st, err := p.Loss(trees[q:q+1], Mix{Full: 1, Allow: 1}, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range want {
			found = found || math.Abs(-s.LogP/float64(s.Tokens)-st.Full) < 1e-9 && math.Abs(-s.LogQ-st.Allow) < 1e-9
		}
		if !found {
			t.Fatalf("question %d: loss %+v is that of none of the candidates %+v", q, st, want)
		}
	}
}

func bytes32(x []int32) []byte {
	var b []byte
	for _, v := range x {
		b = append(b, byte(v))
	}
	return b
}

func TestErrors(t *testing.T) {
	w := NewWeights[float32](small)
	w.Init(1)
	p := NewPass(w)
	deep := Tree{}
	for i := range 40 {
		deep.Tokens, deep.Parent = append(deep.Tokens, 1), append(deep.Parent, int32(i)-1)
	}
	for name, tr := range map[string]Tree{
		"token":  {Tokens: []int32{99}, Parent: []int32{-1}},
		"parent": {Tokens: []int32{1}, Parent: []int32{0}},
		"target": {Tokens: []int32{1}, Parent: []int32{-1}, Targets: []Target{{Node: 1}}},
		"depth":  deep,
	} {
		if _, err := p.Loss([]Tree{tr}, DefaultMix, nil, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewTree(nil, [][]int32{{1}}, 0); err == nil {
		t.Error("empty prompt: no error")
	}
	if _, err := NewTree([]int32{1}, nil, 0); err == nil {
		t.Error("no candidates: no error")
	}
	if err := (Config{Vocab: 10, Dim: 10, Layers: 1, Heads: 3, FFN: 4, Context: 8, RopeBase: 1e4, Eps: 1e-5}).Validate(); err == nil {
		t.Error("dim 10 with 3 heads: no error")
	}
}

func BenchmarkLoss(b *testing.B) {
	c := Config{Vocab: 3000, Dim: 192, Layers: 5, Heads: 4, FFN: 510, Context: 256, RopeBase: 10000, Eps: 1e-5}
	w := NewWeights[float32](c)
	w.Init(1)
	r := rand.New(rand.NewPCG(1, 1))
	var trees []Tree
	for range 32 {
		prompt, gold, other := make([]int32, 14), make([]int32, 9), make([]int32, 5)
		for _, s := range [][]int32{prompt, gold, other} {
			for i := range s {
				s[i] = int32(r.IntN(3000))
			}
		}
		t, _ := NewTree(prompt, [][]int32{gold, other}, 0)
		trees = append(trees, t)
	}
	p := NewPass(w)
	g := NewWeights[float32](c)
	b.ResetTimer()
	for range b.N {
		if _, err := p.Loss(trees, DefaultMix, g, 1./32); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*32)/b.Elapsed().Seconds(), "rows/s")
}
