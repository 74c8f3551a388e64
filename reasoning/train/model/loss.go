package model

import (
	"fmt"
	"math"
)

// Mix weighs the two losses of an example:
//
//	Full  * (-log p(right))/tokens  over the whole vocabulary
//	Allow * (-log q(right))         renormalised, at each node, over the
//	                                tokens the candidates allow there
//
// Full teaches to write, Allow to choose among what the graph supports.
type Mix struct{ Full, Allow float64 }

// DefaultMix is the weighting the shipped decoder was trained with.
var DefaultMix = Mix{Full: 0.5, Allow: 0.25}

// Stats sums over examples; divide by Trees.
type Stats struct {
	Trees   int
	Tokens  int     // input tokens
	Loss    float64 // weighted loss
	Full    float64 // -log p per token
	Allow   float64 // -log q
	Chosen  int     // trees whose right token was the best allowed one at every node
	Targets int
}

// Add accumulates.
func (s *Stats) Add(o Stats) {
	s.Trees += o.Trees
	s.Tokens += o.Tokens
	s.Loss += o.Loss
	s.Full += o.Full
	s.Allow += o.Allow
	s.Chosen += o.Chosen
	s.Targets += o.Targets
}

// Loss runs the trees forward and, when grad is not nil, adds the gradient of
// the summed loss times scale to it.
func (p *Pass[F]) Loss(trees []Tree, mix Mix, grad *Weights[F], scale float64) (Stats, error) {
	var st Stats
	if err := p.b.layout(p.w.Config, trees); err != nil {
		return st, err
	}
	if grad != nil && grad.Config != p.w.Config {
		return st, fmt.Errorf("model: gradient of %d weights for a model of %d", len(grad.Flat), len(p.w.Flat))
	}
	st.Trees, st.Tokens, st.Targets = len(trees), len(p.b.tokens), len(p.b.want)
	if st.Targets == 0 {
		return st, nil
	}
	p.body()
	m, v := len(p.b.want), p.w.Vocab
	p.head(func(i int) int32 { return p.b.want[i].node }, m)

	missed := make([]bool, len(trees))
	for i, w := range p.b.want {
		row := p.logits[i*v : (i+1)*v]
		right := float64(row[w.token])
		p.scores = grow(p.scores, len(w.among))
		for k, t := range w.among {
			p.scores[k] = row[t]
			if t != w.token && float64(row[t]) >= right {
				missed[w.tree] = true
			}
		}
		lse := p.k.softmax(row) // row becomes p
		full := lse - right
		st.Full += w.full * full
		st.Loss += mix.Full * w.full * full
		g := F(scale * mix.Full * w.full)
		if grad != nil {
			for j := range row {
				row[j] *= g
			}
			row[w.token] -= g
		}
		if len(w.among) > 1 {
			alse := p.k.softmax(p.scores) // scores become q
			st.Allow += w.allow * (alse - right)
			st.Loss += mix.Allow * w.allow * (alse - right)
			if grad != nil {
				a := F(scale * mix.Allow * w.allow)
				for k, t := range w.among {
					row[t] += a * p.scores[k]
				}
				row[w.token] -= a
			}
		}
	}
	for _, miss := range missed {
		if !miss {
			st.Chosen++
		}
	}
	if math.IsNaN(st.Loss) || math.IsInf(st.Loss, 0) {
		return st, fmt.Errorf("model: the loss is %g: lower the learning rate or clip harder", st.Loss)
	}
	if grad != nil {
		p.backward(grad)
	}
	return st, nil
}

// Score is what a decoder thinks of one candidate.
type Score struct {
	LogP   float64 // log p over the whole vocabulary, summed over tokens
	LogQ   float64 // log q over the candidates of the same question, summed
	Tokens int
}

// Scores reads all candidates after a prompt in one pass.
func (p *Pass[F]) Scores(prompt []int32, candidates [][]int32) ([]Score, error) {
	trie, err := NewTrie(prompt, candidates)
	if err != nil {
		return nil, err
	}
	if err := p.b.layout(p.w.Config, []Tree{{Tokens: trie.Tokens, Parent: trie.Parent}}); err != nil {
		return nil, err
	}
	p.body()
	var nodes []int32
	at := make([]int32, len(trie.Tokens))
	for i, c := range trie.Children {
		if len(c) > 0 {
			at[i] = int32(len(nodes))
			nodes = append(nodes, int32(i))
		}
	}
	p.head(func(i int) int32 { return nodes[i] }, len(nodes))
	v := p.w.Vocab
	logp, logq := make([]float64, len(nodes)), make([]float64, len(nodes))
	raw := append([]F(nil), p.logits...)
	for i, n := range nodes {
		row := p.logits[i*v : (i+1)*v]
		p.scores = grow(p.scores, len(trie.Children[n]))
		for k, t := range trie.Children[n] {
			p.scores[k] = row[t]
		}
		logp[i], logq[i] = p.k.softmax(row), p.k.softmax(p.scores)
	}
	out := make([]Score, len(candidates))
	for c, path := range trie.Paths {
		out[c].Tokens = len(path)
		for i, n := range path {
			k := int(at[n])
			x := float64(raw[k*v+int(candidates[c][i])])
			out[c].LogP += x - logp[k]
			out[c].LogQ += x - logq[k]
		}
	}
	return out, nil
}
