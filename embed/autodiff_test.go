package embed_test

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/quaestor-kg/quaestor/embed"
)

// formula builds a score from its published form, for gorgonia to
// differentiate: a second oracle beside finite differences.
type formula struct {
	t *testing.T
	g *G.ExprGraph
}

func (f formula) must(n *G.Node, err error) *G.Node {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// parts makes vectors of length d of a parameter vector.
func (f formula) parts(name string, v []float64, d int) []*G.Node {
	var out []*G.Node
	for i := 0; i < len(v); i += d {
		out = append(out, G.NewVector(f.g, G.Float64, G.WithShape(d), G.WithName(name+string(rune('0'+i/d))),
			G.WithValue(tensor.New(tensor.WithBacking(append([]float64(nil), v[i:i+d]...))))))
	}
	return out
}

func (f formula) mul(a, b *G.Node) *G.Node { return f.must(G.HadamardProd(a, b)) }
func (f formula) add(a, b *G.Node) *G.Node { return f.must(G.Add(a, b)) }
func (f formula) sub(a, b *G.Node) *G.Node { return f.must(G.Sub(a, b)) }
func (f formula) abs(a *G.Node) *G.Node    { return f.must(G.Abs(a)) }
func (f formula) square(a *G.Node) *G.Node { return f.must(G.Square(a)) }
func (f formula) sum(a *G.Node) *G.Node    { return f.must(G.Sum(a)) }
func (f formula) neg(a *G.Node) *G.Node    { return f.must(G.Neg(a)) }
func (f formula) soft(a *G.Node) *G.Node   { return f.must(G.Log1p(f.must(G.Exp(a)))) }
func (f formula) times(c float64, a *G.Node) *G.Node {
	return f.must(G.Mul(G.NewConstant(c), a))
}

// score is the score without its constant γ.
func (f formula) score(s embed.Spec, h, r, t []*G.Node) *G.Node {
	switch s.Model {
	case "complex":
		re := f.sub(f.mul(h[0], r[0]), f.mul(h[1], r[1]))
		im := f.add(f.mul(h[0], r[1]), f.mul(h[1], r[0]))
		return f.sum(f.add(f.mul(re, t[0]), f.mul(im, t[1])))
	case "distmult":
		return f.sum(f.mul(f.mul(h[0], r[0]), t[0]))
	case "transe":
		return f.neg(f.sum(f.square(f.sub(f.add(h[0], r[0]), t[0]))))
	case "affine":
		return f.neg(f.sum(f.square(f.sub(f.add(f.mul(r[1], h[0]), r[0]), t[0]))))
	case "nfe1-sigma":
		return f.neg(f.sum(f.square(f.sub(f.abs(f.mul(r[0], h[0])), f.abs(t[0])))))
	case "rotate":
		c, s := f.must(G.Cos(r[0])), f.must(G.Sin(r[0]))
		re := f.sub(f.sub(f.mul(h[0], c), f.mul(h[1], s)), t[0])
		im := f.sub(f.add(f.mul(h[0], s), f.mul(h[1], c)), t[1])
		return f.neg(f.sum(f.add(f.square(re), f.square(im))))
	}
	mean := f.add(f.mul(r[1], h[0]), r[0])
	switch s.Model {
	case "nfe1":
		m := f.square(f.sub(mean, t[0]))
		v := f.square(f.sub(f.abs(f.mul(r[1], h[1])), f.abs(t[1])))
		return f.neg(f.sum(f.add(m, v)))
	case "nfe2":
		c := math.Sqrt(2 / math.Pi)
		if s.Base == "uniform" {
			c = math.Sqrt(0.75)
		}
		m := f.sub(mean, t[0])
		lo := f.sub(f.abs(f.mul(r[1], h[1])), f.abs(t[1]))
		hi := f.sub(f.abs(f.mul(r[1], h[2])), f.abs(t[2]))
		d := f.add(f.square(m), f.times(0.5, f.add(f.square(lo), f.square(hi))))
		return f.neg(f.sum(f.add(d, f.times(c, f.mul(m, f.sub(hi, lo))))))
	case "nfe3":
		if s.Strict {
			mean = f.add(f.mul(f.soft(r[1]), h[0]), r[0])
		}
		s1, s2 := f.mul(f.soft(r[1]), f.soft(h[1])), f.soft(t[1])
		spread := f.must(G.HadamardDiv(f.add(f.square(s1), f.square(f.sub(mean, t[0]))), f.times(2, f.square(s2))))
		return f.neg(f.sum(f.add(f.sub(f.must(G.Log(s2)), f.must(G.Log(s1))), spread)))
	}
	f.t.Fatalf("no formula for %s", s.Model)
	return nil
}

// run returns the value of a node and its gradients.
func (f formula) run(loss *G.Node, with ...*G.Node) (float64, [][]float64) {
	f.t.Helper()
	if _, err := G.Grad(loss, with...); err != nil {
		f.t.Fatal(err)
	}
	vm := G.NewTapeMachine(f.g, G.BindDualValues(with...))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		f.t.Fatal(err)
	}
	var out [][]float64
	for _, n := range with {
		v, err := n.Grad()
		if err != nil {
			f.t.Fatal(err)
		}
		out = append(out, v.Data().([]float64))
	}
	return loss.Value().Data().(float64), out
}

func flat(parts [][]float64) (v []float64) {
	for _, p := range parts {
		v = append(v, p...)
	}
	return v
}

func TestGradientsAgainstAutodiff(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, s := range specs(4) {
		s.Gamma = 0
		m := model(t, s)
		h, r, e := draw(rng, m.Width()), draw(rng, m.RelationWidth()), draw(rng, m.Width())
		f := formula{t, G.NewGraph()}
		hn, rn, tn := f.parts("h", h, s.Dim), f.parts("r", r, s.Dim), f.parts("t", e, s.Dim)
		node := f.score(s, hn, rn, tn)
		value, grads := f.run(node, append(append(append([]*G.Node{}, hn...), rn...), tn...)...)
		want := score(m, h, r, e)
		if s.Model == "nfe3" {
			value += float64(s.Dim) / 2
		}
		if math.Abs(value-want) > 1e-9*(1+math.Abs(want)) {
			t.Errorf("%+v scores %v, its formula %v", s, want, value)
		}
		dh, dr, dt := gradients(m, h, r, e)
		got, ours := flat(grads), flat([][]float64{dh, dr, dt})
		for i := range ours {
			if math.Abs(got[i]-ours[i]) > 1e-9*(1+math.Abs(ours[i])) {
				t.Errorf("%+v: derivative %d is %v, by autodiff %v", s, i, ours[i], got[i])
			}
		}
	}
}

// TestSoftmaxLossAgainstAutodiff: the gradient of the whole cross-entropy over
// all entities, of head, relation and every tail.
func TestSoftmaxLossAgainstAutodiff(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	s := embed.Spec{Model: "complex", Dim: 3}
	m := model(t, s)
	const n, right = 4, 2
	h, r := draw(rng, m.Width()), draw(rng, m.RelationWidth())
	f := formula{t, G.NewGraph()}
	hn, rn := f.parts("h", h, s.Dim), f.parts("r", r, s.Dim)
	with := append(append([]*G.Node{}, hn...), rn...)
	var es [][]float64
	var total, target *G.Node
	for e := range n {
		es = append(es, draw(rng, m.Width()))
		tn := f.parts("t"+string(rune('a'+e)), es[e], s.Dim)
		with = append(with, tn...)
		sc := f.score(s, hn, rn, tn)
		if e == right {
			target = sc
		}
		if x := f.must(G.Exp(sc)); total == nil {
			total = x
		} else {
			total = f.add(total, x)
		}
	}
	_, grads := f.run(f.sub(f.must(G.Log(total)), target), with...)
	var z float64
	p := make([]float64, n)
	for e := range p {
		p[e] = math.Exp(score(m, h, r, es[e]))
		z += p[e]
	}
	want := make([]float64, m.Width()+m.RelationWidth())
	for e := range p {
		g := p[e] / z
		if e == right {
			g--
		}
		dh, dr, dt := gradients(m, h, r, es[e])
		for i, x := range append(dh, dr...) {
			want[i] += g * x
		}
		for _, x := range dt {
			want = append(want, g*x)
		}
	}
	for i, x := range flat(grads) {
		if math.Abs(x-want[i]) > 1e-9 {
			t.Errorf("derivative %d is %v by autodiff, %v by ours", i, x, want[i])
		}
	}
}
