package autodiff

import (
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/quaestor-kg/quaestor/reasoning/train/model"
)

func TestHandWrittenGradientAgrees(t *testing.T) {
	c := model.Config{Vocab: 9, Dim: 8, Layers: 2, Heads: 2, FFN: 6, Context: 16, RopeBase: 10000, Eps: 1e-5}
	w := model.NewWeights[float64](c)
	w.Init(3)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range w.Embed {
		w.Embed[i] *= 20
	}
	for i := range w.Norm {
		w.Norm[i] += 0.3 * r.NormFloat64()
	}
	a, err := model.NewTree([]int32{3, 4, 5}, [][]int32{{1, 2, 0}, {1, 3, 0}, {6, 0}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	branches := model.Tree{
		Tokens: []int32{3, 4, 5, 6, 7}, Parent: []int32{-1, 0, 1, 1, 0},
		Targets: []model.Target{{Node: 2, Token: 8, Among: []int32{8, 1}}, {Node: 3, Token: 2}, {Node: 4, Token: 1, Among: []int32{1, 7, 2}}},
	}
	trees := []model.Tree{a, branches}
	mix := model.Mix{Full: 0.5, Allow: 0.25}
	got := model.NewWeights[float64](c)
	st, err := model.NewPass(w).Loss(trees, mix, got, 1)
	if err != nil {
		t.Fatal(err)
	}
	loss, want, err := Gradient(w, trees, mix)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(loss-st.Loss) > 1e-9 {
		t.Errorf("loss %.12f, autodiff %.12f", st.Loss, loss)
	}
	zero := true
	for i := range want.Flat {
		zero = zero && want.Flat[i] == 0
		if math.Abs(got.Flat[i]-want.Flat[i]) > 1e-9*(1+math.Abs(want.Flat[i])) {
			t.Fatalf("weight %d: gradient %.12g, autodiff %.12g", i, got.Flat[i], want.Flat[i])
		}
	}
	if zero {
		t.Error("autodiff returned no gradient")
	}
}

// run evaluates one expression of a matrix leaf and the gradient of the sum of
// its weighted elements.
func run(t *testing.T, x []float64, rows, cols int, f func(b *builder, x *gorgonia.Node) *gorgonia.Node) (value, grad []float64, err error) {
	t.Helper()
	b := &builder{g: gorgonia.NewGraph()}
	leaf := b.leaf(append([]float64(nil), x...), rows, cols)
	y := f(b, leaf)
	if b.err != nil {
		return nil, nil, b.err
	}
	weights := make([]float64, y.Shape().TotalSize())
	for i := range weights {
		weights[i] = float64(i + 1)
	}
	wn := gorgonia.NewTensor(b.g, gorgonia.Float64, y.Dims(), gorgonia.WithShape(y.Shape()...), gorgonia.WithName("weights"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(y.Shape()...), tensor.WithBacking(weights))))
	cost := b.take(gorgonia.Sum(b.take(gorgonia.HadamardProd(y, wn))))
	if b.err != nil {
		return nil, nil, b.err
	}
	var read gorgonia.Value
	gorgonia.Read(y, &read)
	if _, err := gorgonia.Grad(cost, leaf); err != nil {
		return nil, nil, err
	}
	vm := gorgonia.NewTapeMachine(b.g, gorgonia.BindDualValues(leaf))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		return nil, nil, err
	}
	g, err := leaf.Grad()
	if err != nil {
		return nil, nil, err
	}
	return read.Data().([]float64), g.Data().([]float64), nil
}

// TestGorgoniaGap shows why sums of exponentials are written out here: the
// operations that gorgonia offers for them are wrong or fail on a two-row
// matrix, the replacement is right. If this test fails because gorgonia became
// right, the replacement can go.
func TestGorgoniaGap(t *testing.T) {
	x := []float64{1, 2, 3, 1, 2, 4}
	const rows, cols = 2, 3
	lse := make([]float64, rows)
	for i := range rows {
		var s float64
		for j := range cols {
			s += math.Exp(x[i*cols+j])
		}
		lse[i] = math.Log(s)
	}
	// d/dx of 1*lse0 + 2*lse1.
	grad := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			grad[i*cols+j] = float64(i+1) * math.Exp(x[i*cols+j]-lse[i])
		}
	}
	equal := func(a, b []float64) bool {
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-9 {
				return false
			}
		}
		return true
	}
	v, g, err := run(t, x, rows, cols, func(b *builder, n *gorgonia.Node) *gorgonia.Node { return b.logSumExp(n, nil) })
	if err != nil || !equal(v, lse) || !equal(g, grad) {
		t.Errorf("the replacement: %v with gradient %v (%v), want %v and %v", v, g, err, lse, grad)
	}
	v, g, err = run(t, x, rows, cols, func(b *builder, n *gorgonia.Node) *gorgonia.Node { return b.take(gorgonia.LogSumExp(n, 1)) })
	t.Logf("gorgonia.LogSumExp: %v with gradient %v (%v), want %v and %v", v, g, err, lse, grad)
	if err == nil && equal(v, lse) && equal(g, grad) {
		t.Error("gorgonia.LogSumExp is right now: use it")
	}
}
