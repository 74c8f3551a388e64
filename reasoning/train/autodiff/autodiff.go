// Package autodiff computes the loss of the training model and its gradient
// with gorgonia's automatic differentiation: a second opinion, written as an
// expression and differentiated by somebody else's code, on the backward pass
// that reasoning/train/model spells out by hand.
//
// Everything is matrix products and element-wise functions with constant
// selection matrices, so nothing depends on slicing or broadcasting. Sums of
// exponentials are written out as well: LogSumExp of gorgonia v0.9.18 fails on
// a plain matrix, which TestGorgoniaGap shows.
package autodiff

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/quaestor-kg/quaestor/reasoning/train/model"
)

// builder collects nodes of one expression graph and the first error.
type builder struct {
	g   *gorgonia.ExprGraph
	n   int
	err error
}

func (b *builder) leaf(data []float64, rows, cols int) *gorgonia.Node {
	b.n++
	return gorgonia.NewMatrix(b.g, gorgonia.Float64, gorgonia.WithShape(rows, cols), gorgonia.WithName(fmt.Sprintf("leaf%d", b.n)),
		gorgonia.WithValue(tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))))
}

// constant fills a matrix from a function.
func (b *builder) constant(rows, cols int, f func(i, j int) float64) *gorgonia.Node {
	data := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			data[i*cols+j] = f(i, j)
		}
	}
	return b.leaf(data, rows, cols)
}

func (b *builder) ones(rows, cols int) *gorgonia.Node {
	return b.constant(rows, cols, func(int, int) float64 { return 1 })
}

// take notes an error; what follows works on any node and is thrown away.
func (b *builder) take(n *gorgonia.Node, err error) *gorgonia.Node {
	if err != nil && b.err == nil {
		b.err = err
	}
	if n == nil {
		n = b.ones(1, 1)
	}
	return n
}

func (b *builder) mul(x, y *gorgonia.Node) *gorgonia.Node { return b.take(gorgonia.Mul(x, y)) }
func (b *builder) times(x, y *gorgonia.Node) *gorgonia.Node {
	return b.take(gorgonia.HadamardProd(x, y))
}
func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node { return b.take(gorgonia.Add(x, y)) }
func (b *builder) sub(x, y *gorgonia.Node) *gorgonia.Node { return b.take(gorgonia.Sub(x, y)) }
func (b *builder) exp(x *gorgonia.Node) *gorgonia.Node    { return b.take(gorgonia.Exp(x)) }
func (b *builder) log(x *gorgonia.Node) *gorgonia.Node    { return b.take(gorgonia.Log(x)) }
func (b *builder) inverse(x *gorgonia.Node) *gorgonia.Node {
	return b.take(gorgonia.Inverse(x))
}

func (b *builder) turned(x *gorgonia.Node) *gorgonia.Node { return b.take(gorgonia.Transpose(x, 1, 0)) }

// logSumExp is log sum_j mask_ij exp(x_ij) of every row, as a column.
func (b *builder) logSumExp(x, mask *gorgonia.Node) *gorgonia.Node {
	e := b.exp(x)
	if mask != nil {
		e = b.times(e, mask)
	}
	return b.log(b.mul(e, b.ones(x.Shape()[1], 1)))
}

// norm is RMSNorm of rows with a gain of (1, d).
func (b *builder) norm(x, gain *gorgonia.Node, n, d int, eps float64) *gorgonia.Node {
	mean := b.mul(b.times(x, x), b.constant(d, 1, func(int, int) float64 { return 1 / float64(d) }))
	r := b.inverse(b.take(gorgonia.Sqrt(b.add(mean, b.constant(n, 1, func(int, int) float64 { return eps })))))
	return b.times(b.times(x, b.mul(r, b.ones(1, d))), b.mul(b.ones(n, 1), gain))
}

// Gradient returns the summed loss of trees and its gradient. It is meant for
// models of a few hundred weights.
func Gradient(w *model.Weights[float64], trees []model.Tree, mix model.Mix) (float64, *model.Weights[float64], error) {
	b := &builder{g: gorgonia.NewGraph()}
	c := w.Config
	type parameter struct {
		node *gorgonia.Node
		grad []float64
	}
	out := model.NewWeights[float64](c)
	var params []parameter
	weight := func(data, grad []float64, rows, cols int) *gorgonia.Node {
		n := b.leaf(append([]float64(nil), data...), rows, cols)
		params = append(params, parameter{n, grad})
		return n
	}
	embed := weight(w.Embed, out.Embed, c.Vocab, c.Dim)
	gain := weight(w.Norm, out.Norm, 1, c.Dim)
	type block struct{ n1, qkv, out, n2, gu, down *gorgonia.Node }
	var blocks []block
	for i := range w.Blocks {
		s, g := &w.Blocks[i], &out.Blocks[i]
		blocks = append(blocks, block{
			weight(s.AttnNorm, g.AttnNorm, 1, c.Dim), weight(s.QKV, g.QKV, c.Dim, 3*c.Dim), weight(s.Out, g.Out, c.Dim, c.Dim),
			weight(s.FFNNorm, g.FFNNorm, 1, c.Dim), weight(s.GateUp, g.GateUp, c.Dim, 2*c.FFN), weight(s.Down, g.Down, c.FFN, c.Dim),
		})
	}
	hd := c.Dim / c.Heads
	choose := func(rows, cols, at int) *gorgonia.Node { // columns at..at+cols
		return b.constant(rows, cols, func(i, j int) float64 { return bit(i == at+j) })
	}
	var total *gorgonia.Node
	for _, t := range trees {
		n := len(t.Tokens)
		depth, ancestor := make([]int, n), make([][]bool, n)
		for i, p := range t.Parent {
			ancestor[i] = make([]bool, n)
			if p >= 0 {
				depth[i] = depth[p] + 1
				copy(ancestor[i], ancestor[p])
			}
			ancestor[i][i] = true
		}
		mask := b.constant(n, n, func(i, j int) float64 { return bit(ancestor[i][j]) })
		angle := func(i, j int) float64 {
			return float64(depth[i]) * math.Pow(c.RopeBase, -float64(j/2*2)/float64(hd))
		}
		cos := b.constant(n, hd, func(i, j int) float64 { return math.Cos(angle(i, j)) })
		sin := b.constant(n, hd, func(i, j int) float64 { return math.Sin(angle(i, j)) })
		swap := b.constant(hd, hd, func(i, j int) float64 { // (a, b) -> (-b, a)
			return bit(i == j-1 && j%2 == 1) - bit(i == j+1 && j%2 == 0)
		})
		rotate := func(x *gorgonia.Node) *gorgonia.Node {
			return b.add(b.times(x, cos), b.times(b.mul(x, swap), sin))
		}
		x := b.mul(b.constant(n, c.Vocab, func(i, j int) float64 { return bit(int(t.Tokens[i]) == j) }), embed)
		for _, blk := range blocks {
			qkv := b.mul(b.norm(x, blk.n1, n, c.Dim, c.Eps), blk.qkv)
			for h := range c.Heads {
				part := func(k int) *gorgonia.Node { return b.mul(qkv, choose(3*c.Dim, hd, k*c.Dim+h*hd)) }
				q, k, v := rotate(part(0)), rotate(part(1)), part(2)
				scale := b.constant(n, n, func(int, int) float64 { return 1 / math.Sqrt(float64(hd)) })
				e := b.times(b.exp(b.times(b.mul(q, b.turned(k)), scale)), mask)
				prob := b.times(e, b.mul(b.inverse(b.mul(e, b.ones(n, 1))), b.ones(1, n)))
				rows := b.constant(hd, c.Dim, func(i, j int) float64 { return bit(j == h*hd+i) })
				x = b.add(x, b.mul(b.mul(prob, v), b.mul(rows, blk.out)))
			}
			gu := b.mul(b.norm(x, blk.n2, n, c.Dim, c.Eps), blk.gu)
			gate, up := b.mul(gu, choose(2*c.FFN, c.FFN, 0)), b.mul(gu, choose(2*c.FFN, c.FFN, c.FFN))
			act := b.times(b.times(gate, b.take(gorgonia.Sigmoid(gate))), up)
			x = b.add(x, b.mul(act, blk.down))
		}
		m := len(t.Targets)
		if m == 0 {
			continue
		}
		logits := b.mul(b.norm(x, gain, n, c.Dim, c.Eps), b.turned(embed))
		rows := b.mul(b.constant(m, n, func(i, j int) float64 { return bit(int(t.Targets[i].Node) == j) }), logits)
		right := b.mul(b.times(rows, b.constant(m, c.Vocab, func(i, j int) float64 { return bit(int(t.Targets[i].Token) == j) })), b.ones(c.Vocab, 1))
		allowed := b.constant(m, c.Vocab, func(i, j int) float64 {
			g := t.Targets[i]
			if len(g.Among) < 2 {
				return bit(int(g.Token) == j)
			}
			for _, a := range g.Among {
				if int(a) == j {
					return 1
				}
			}
			return 0
		})
		full := b.mul(b.constant(1, m, func(int, int) float64 { return mix.Full / float64(m) }), b.sub(b.logSumExp(rows, nil), right))
		allow := b.mul(b.constant(1, m, func(int, int) float64 { return mix.Allow }), b.sub(b.logSumExp(rows, allowed), right))
		loss := b.add(full, allow)
		if total == nil {
			total = loss
		} else {
			total = b.add(total, loss)
		}
	}
	if total == nil {
		return 0, out, nil
	}
	cost := b.take(gorgonia.Sum(total))
	if b.err != nil {
		return 0, nil, fmt.Errorf("autodiff: %w", b.err)
	}
	nodes := make([]*gorgonia.Node, len(params))
	for i, p := range params {
		nodes[i] = p.node
	}
	if _, err := gorgonia.Grad(cost, nodes...); err != nil {
		return 0, nil, fmt.Errorf("autodiff: %w", err)
	}
	vm := gorgonia.NewTapeMachine(b.g, gorgonia.BindDualValues(nodes...))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		return 0, nil, fmt.Errorf("autodiff: %w", err)
	}
	for _, p := range params {
		v, err := p.node.Grad()
		if err != nil {
			return 0, nil, fmt.Errorf("autodiff: %w", err)
		}
		copy(p.grad, v.Data().([]float64))
	}
	switch v := cost.Value().Data().(type) {
	case float64:
		return v, out, nil
	case []float64:
		return v[0], out, nil
	default:
		return 0, nil, fmt.Errorf("autodiff: the loss is a %T", v)
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
