package model

import (
	"fmt"
	"slices"
)

// Target asks a node for its next token.
type Target struct {
	Node  int32   // index into Tree.Tokens
	Token int32   // the token that should follow
	Among []int32 // the tokens that may follow, Token included; with fewer than two the choice is forced
}

// Tree is one example: tokens with parents, and what should follow some of
// them.
type Tree struct {
	Tokens  []int32
	Parent  []int32 // index of the parent, less than the node's own; -1 at the root
	Targets []Target
}

// NewTree builds the example of a prompt, the candidates that may follow it
// and the index of the right one. Candidates share their prefixes. Each should
// end in the end-of-sequence token, which is never an input: it is only asked
// for. Nodes no target depends on are left out: the loss of an example reads
// the branch of the right candidate alone, the others count as the tokens that
// compete at its nodes.
func NewTree(prompt []int32, candidates [][]int32, right int) (Tree, error) {
	if len(prompt) == 0 {
		return Tree{}, fmt.Errorf("model: empty prompt")
	}
	if right < 0 || right >= len(candidates) || len(candidates[right]) == 0 {
		return Tree{}, fmt.Errorf("model: no right candidate %d among %d", right, len(candidates))
	}
	var t Tree
	gold := candidates[right]
	for i, tok := range prompt {
		t.Tokens = append(t.Tokens, tok)
		t.Parent = append(t.Parent, int32(i)-1)
	}
	alive := slices.Clone(candidates)
	for i, tok := range gold {
		var among []int32
		next := alive[:0]
		for _, c := range alive {
			if len(c) <= i {
				continue
			}
			if !slices.Contains(among, c[i]) {
				among = append(among, c[i])
			}
			if c[i] == tok {
				next = append(next, c)
			}
		}
		alive = next
		node := int32(len(t.Tokens)) - 1
		t.Targets = append(t.Targets, Target{Node: node, Token: tok, Among: among})
		if i+1 < len(gold) {
			t.Tokens = append(t.Tokens, tok)
			t.Parent = append(t.Parent, node)
		}
	}
	return t, nil
}

// Trie is a prompt and all candidates merged, for scoring.
type Trie struct {
	Tokens, Parent []int32
	// Paths gives for each candidate the node that predicts each of its tokens.
	Paths [][]int32
	// Children lists the tokens that follow each node among the candidates.
	Children [][]int32
}

// NewTrie merges a prompt and candidates.
func NewTrie(prompt []int32, candidates [][]int32) (Trie, error) {
	if len(prompt) == 0 {
		return Trie{}, fmt.Errorf("model: empty prompt")
	}
	var t Trie
	type edge struct{ node, token int32 }
	child := map[edge]int32{}
	add := func(parent, tok int32) int32 {
		t.Tokens = append(t.Tokens, tok)
		t.Parent = append(t.Parent, parent)
		t.Children = append(t.Children, nil)
		return int32(len(t.Tokens)) - 1
	}
	last := int32(-1)
	for _, tok := range prompt {
		last = add(last, tok)
	}
	for _, c := range candidates {
		node := last
		path := make([]int32, len(c))
		for i, tok := range c {
			path[i] = node
			if !slices.Contains(t.Children[node], tok) {
				t.Children[node] = append(t.Children[node], tok)
			}
			if i+1 == len(c) {
				break
			}
			next, ok := child[edge{node, tok}]
			if !ok {
				next = add(node, tok)
				child[edge{node, tok}] = next
			}
			node = next
		}
		t.Paths = append(t.Paths, path)
	}
	return t, nil
}

// batch lays trees one after another.
type batch struct {
	tokens []int32
	depth  []int32
	anc    []int32 // ancestors of every node, itself last, nearest before it
	ancAt  []int32 // (tokens+1) offsets into anc
	want   []want
	trees  int
}

// want is a target with its node in the batch and the weights of its two
// losses.
type want struct {
	node, token int32
	among       []int32
	full, allow float64
	tree        int32
}

// layout checks and concatenates trees.
func (b *batch) layout(c Config, trees []Tree) error {
	b.tokens, b.depth, b.anc, b.want = b.tokens[:0], b.depth[:0], b.anc[:0], b.want[:0]
	b.ancAt = append(b.ancAt[:0], 0)
	b.trees = len(trees)
	for ti := range trees {
		t := &trees[ti]
		base := int32(len(b.tokens))
		for i, tok := range t.Tokens {
			p := t.Parent[i]
			if tok < 0 || int(tok) >= c.Vocab {
				return fmt.Errorf("model: tree %d, node %d: token %d outside the vocabulary of %d", ti, i, tok, c.Vocab)
			}
			if p >= int32(i) || p < -1 {
				return fmt.Errorf("model: tree %d, node %d: parent %d does not come before it", ti, i, p)
			}
			d := int32(0)
			if p >= 0 {
				from, to := b.ancAt[base+p], b.ancAt[base+p+1]
				b.anc = append(b.anc, b.anc[from:to]...)
				d = b.depth[base+p] + 1
			}
			if int(d) >= c.Context {
				return fmt.Errorf("model: tree %d, node %d: depth %d exceeds the context of %d tokens", ti, i, d, c.Context)
			}
			b.anc = append(b.anc, base+int32(i))
			b.ancAt = append(b.ancAt, int32(len(b.anc)))
			b.tokens = append(b.tokens, tok)
			b.depth = append(b.depth, d)
		}
		for k, g := range t.Targets {
			if g.Node < 0 || int(g.Node) >= len(t.Tokens) || g.Token < 0 || int(g.Token) >= c.Vocab {
				return fmt.Errorf("model: tree %d, target %d: node %d or token %d out of range", ti, k, g.Node, g.Token)
			}
			b.want = append(b.want, want{
				node: base + g.Node, token: g.Token, among: g.Among, tree: int32(ti),
				full: 1 / float64(len(t.Targets)), allow: 1,
			})
		}
	}
	return nil
}
