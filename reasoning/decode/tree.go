package decode

import (
	"context"
	"fmt"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// TreeNode is a token of a trie of continuations. Parent is the index of the
// node before it, -1 for a continuation's first token; parents come before
// their children.
type TreeNode struct {
	Token  int32
	Parent int
}

// Trie merges continuations into nodes; ends[i] is the node of the last token
// of continuation i, -1 if it is empty.
func Trie(continuations [][]int32) (nodes []TreeNode, ends []int) {
	known := map[TreeNode]int{}
	for _, c := range continuations {
		at := -1
		for _, t := range c {
			n := TreeNode{t, at}
			next, ok := known[n]
			if !ok {
				next = len(nodes)
				known[n] = next
				nodes = append(nodes, n)
			}
			at = next
		}
		ends = append(ends, at)
	}
	return nodes, ends
}

// TreeScores are log-probabilities of nodes given the prompt and the nodes
// above them.
type TreeScores struct {
	// LogP is under the whole vocabulary; nil unless it was asked for.
	LogP []float64
	// LogQ is renormalised over the node and its siblings: the probability in
	// a decoder that can write nothing but the trie.
	LogQ []float64
	// SumP and SumQ are LogP and LogQ summed from the root.
	SumP, SumQ []float64
}

// Tree scores a trie of continuations of a prompt in one forward pass. Each
// node sees the prompt and its ancestors only, and its position is its depth,
// so the result is that of reading every path by itself. Only nodes with
// children are computed at all, and with full unset only the rows of the
// output matrix that the trie has tokens for.
func (m *Model) Tree(ctx context.Context, prompt []int32, nodes []TreeNode, full bool) (*TreeScores, error) {
	if len(prompt) == 0 {
		return nil, fmt.Errorf("a trie needs a prompt of at least one token")
	}
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(ctx, b, prompt); err != nil {
		return nil, err
	}
	return m.TreeAfter(ctx, b, nodes, full)
}

// TreeAfter is Tree after a prompt that a branch has read already. The branch
// does not change.
func (m *Model) TreeAfter(ctx context.Context, b *Branch, nodes []TreeNode, full bool) (*TreeScores, error) {
	if len(b.hidden) == 0 {
		return nil, fmt.Errorf("the branch has read no prompt")
	}
	t, err := newTree(nodes)
	if err != nil {
		return nil, err
	}
	// A trie may hold more tokens than the context: its depth counts.
	if err := m.knows(0, t.tokens); err != nil {
		return nil, err
	}
	if n := b.Len() + t.depth + 1; n > m.Config.Context {
		return nil, fmt.Errorf("prompt and trie of %d tokens are more than the model's context of %d: shorten the prompt", n, m.Config.Context)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := m.Config.Dim
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	// States from which children are predicted: the prompt's, then those of
	// the inner nodes.
	states := append(make([]float32, 0, (len(t.inner)+1)*d), b.hidden...)
	if len(t.inner) > 0 {
		r.resize(m, len(t.inner))
		for i, n := range t.inner {
			r.positions[i] = int32(b.Len() + t.depths[n])
		}
		t.begin(m, b)
		m.forward(r, t.rowTokens, t)
		states = append(states, r.x[:len(t.inner)*d]...)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m.scoreTree(t, states, full), nil
}

// tree is the pass over the inner nodes of a trie: those that have children.
type tree struct {
	nodes     []TreeNode
	tokens    []int32 // of all nodes
	depths    []int   // 0 for the first token after the prompt
	depth     int     // the greatest
	inner     []int   // nodes that are rows
	row       []int   // row of a node, -1 for leaves
	rowTokens []int32
	paths     [][]int32 // rows that a row sees, itself last
	children  [][]int   // nodes below the prompt [0] and below row i [i+1]

	m        *Model
	rows     []kvcache.Rows
	window   int            // of this layer, 0 = none
	windowed []kvcache.Rows // of layers with a window
	k, v     []float32      // of this layer, [rows][KVHeads][HeadDim]
	q        []float32      // [rows][Heads][HeadDim]
	lse      []float32      // [rows][Heads]
	ownOut   []float32
	ownLSE   []float32
	job      *cpu.Job
	perPart  int
	rowCount int
}

func newTree(nodes []TreeNode) (*tree, error) {
	t := &tree{nodes: nodes, depths: make([]int, len(nodes)), row: make([]int, len(nodes)), tokens: make([]int32, len(nodes))}
	kids := make([]int, len(nodes))
	for i, n := range nodes {
		if n.Parent < -1 || n.Parent >= i {
			return nil, fmt.Errorf("node %d of the trie has parent %d: parents come before their children", i, n.Parent)
		}
		t.tokens[i] = n.Token
		if n.Parent >= 0 {
			kids[n.Parent]++
			t.depths[i] = t.depths[n.Parent] + 1
			t.depth = max(t.depth, t.depths[i])
		}
	}
	t.children = append(t.children, nil)
	for i, n := range nodes {
		t.row[i] = -1
		if kids[i] > 0 {
			t.row[i] = len(t.inner)
			t.inner = append(t.inner, i)
			t.rowTokens = append(t.rowTokens, n.Token)
			var path []int32
			if n.Parent >= 0 {
				path = t.paths[t.row[n.Parent]]
			}
			t.paths = append(t.paths, append(path[:len(path):len(path)], int32(t.row[i])))
			t.children = append(t.children, nil)
		}
		at := 0
		if n.Parent >= 0 {
			at = t.row[n.Parent] + 1
		}
		t.children[at] = append(t.children[at], i)
	}
	return t, nil
}

func (t *tree) begin(m *Model, b *Branch) {
	c := &m.Config
	n := len(t.inner)
	t.m, t.rowCount = m, n
	t.rows = []kvcache.Rows{{Seq: b.seq, N: n, First: b.Len()}}
	t.lse, t.ownLSE = make([]float32, n*c.Heads), make([]float32, n*c.Heads)
	t.ownOut = make([]float32, n*c.Heads*c.HeadDim)
	t.perPart = max(1, (n+4*m.pool.Threads()-1)/(4*m.pool.Threads()))
	t.job = cpu.NewJob(t.ancestors)
}

// Attend lets every row look at the prompt, through the cache, and at its
// ancestors, and merges the two.
func (t *tree) Attend(layer int, q, k, v, out []float32) {
	t.k, t.v, t.q = k, v, q
	rows := t.rows
	if t.window = t.m.spec.Layers[layer].Window; t.window > 0 {
		rows = t.near()
	}
	t.m.store.Attend(layer, rows, q, out, t.lse)
	t.m.pool.Run(t.job, (t.rowCount+t.perPart-1)/t.perPart)
	kvcache.Merge(t.m.Config.HeadDim, out, t.lse, t.ownOut, t.ownLSE)
}

// near returns what every row sees of the prompt in a layer with a window: the
// deeper a node, the more of its window its ancestors take.
func (t *tree) near() []kvcache.Rows {
	prompt := t.rows[0]
	t.windowed = t.windowed[:0]
	for _, path := range t.paths {
		r := kvcache.Rows{Seq: prompt.Seq, N: 1, First: prompt.First, Window: t.window - len(path)}
		if r.Window <= 0 {
			r.First = 0
		}
		t.windowed = append(t.windowed, r)
	}
	return t.windowed
}

// ancestors computes the attention of some rows to the nodes on their paths.
func (t *tree) ancestors(part int) {
	c := &t.m.Config
	hd, group := c.HeadDim, c.Heads/c.KVHeads
	scale := float32(1 / math.Sqrt(float64(hd)))
	scores := make([]float32, t.depth+1)
	for i := part * t.perPart; i < min(t.rowCount, (part+1)*t.perPart); i++ {
		path := t.paths[i]
		if t.window > 0 && len(path) > t.window {
			path = path[len(path)-t.window:]
		}
		s := scores[:len(path)]
		for h := range c.Heads {
			q := t.q[(i*c.Heads+h)*hd:][:hd]
			at := func(x []float32, row int32) []float32 { return x[(int(row)*c.KVHeads+h/group)*hd:][:hd] }
			for j, p := range path {
				s[j] = scale * cpu.Dot(q, at(t.k, p))
			}
			top := cpu.Max(s)
			sum := cpu.ExpSum(s, top)
			out := t.ownOut[(i*c.Heads+h)*hd:][:hd]
			clear(out)
			for j, p := range path {
				cpu.Axpy(s[j]/sum, at(t.v, p), out)
			}
			t.ownLSE[i*c.Heads+h] = top + float32(math.Log(float64(sum)))
		}
	}
}

// scoreTree turns final states [1+inner][Dim] into log-probabilities.
func (m *Model) scoreTree(t *tree, states []float32, full bool) *TreeScores {
	d, n := m.Config.Dim, len(t.nodes)
	s := &TreeScores{LogQ: make([]float64, n), SumQ: make([]float64, n)}
	logits := make([]float64, n)
	for at, kids := range t.children {
		ids := make([]int32, len(kids))
		for j, k := range kids {
			ids[j] = t.tokens[k]
		}
		out := m.score(states[at*d:(at+1)*d], ids, nil)
		for j, k := range kids {
			logits[k] = float64(out[j])
		}
		if len(kids) > 0 {
			lse := float64(cpu.LogSumExp(out))
			for _, k := range kids {
				s.LogQ[k] = logits[k] - lse
			}
		}
	}
	if full {
		s.LogP, s.SumP = make([]float64, n), make([]float64, n)
		lse := m.logSumExps(states)
		for at, kids := range t.children {
			for _, k := range kids {
				s.LogP[k] = logits[k] - lse[at]
			}
		}
	}
	for i, node := range t.nodes {
		s.SumQ[i] = s.LogQ[i]
		if node.Parent >= 0 {
			s.SumQ[i] += s.SumQ[node.Parent]
		}
		if full {
			s.SumP[i] = s.LogP[i]
			if node.Parent >= 0 {
				s.SumP[i] += s.SumP[node.Parent]
			}
		}
	}
	return s
}

// score returns the logits of some tokens after a final state.
func (m *Model) score(state []float32, ids []int32, dst []float32) []float32 {
	w := m.spec.Output
	var row [4096]float32
	buf := row[:min(len(row), w.Cols)]
	if w.Cols > len(row) {
		buf = make([]float32, w.Cols)
	}
	for _, id := range ids {
		cpu.Expand(w.Type, buf, w.Row(int(id)))
		dst = append(dst, cpu.Dot(buf, state))
	}
	return dst
}

// logSumExps returns log sum exp(logits) over the vocabulary for many final
// states, some rows of logits at a time.
func (m *Model) logSumExps(states []float32) []float64 {
	d, v := m.Config.Dim, m.Config.Vocab
	n := len(states) / d
	const together = 64
	logits := make([]float32, min(n, together)*v)
	out := make([]float64, n)
	for from := 0; from < n; from += together {
		k := min(together, n-from)
		m.decoder.Logits(states[from*d:(from+k)*d], k, logits[:k*v])
		m.pool.Run(cpu.NewJob(func(i int) {
			out[from+i] = float64(cpu.LogSumExp(logits[i*v : (i+1)*v]))
		}), k)
	}
	return out
}
