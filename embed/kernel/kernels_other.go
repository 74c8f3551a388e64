//go:build !amd64

package kernel

func (t *tile) run32() { refTile(t, 32) }
func (t *tile) run16() { refTile(t, 16) }

func softmax(p []float32, ref, sum, top *[Lanes]float32) { refSoftmax(p, ref, sum, top) }
func logistic(p []float32, prod, pos *[Lanes]float32)    { refLogistic(p, prod, pos) }
func dots(rows, q, out []float32, k int)                 { refDots(rows, q, out, k) }
func count(p []float32, target *[Lanes]float32, above, equal *[Lanes]int32) {
	refCount(p, target, above, equal)
}

// Adagrad is one step of Adagrad on p, whose squared gradients so far are sum.
func Adagrad(p, sum, g []float32, rate, eps float32) {
	refAdagrad(p[:len(g)], sum[:len(g)], g, rate, eps)
}

// Adam is one step of Adam on p with the moments m and v.
func Adam(p, m, v, g []float32, s *AdamStep) {
	refAdam(p[:len(g)], m[:len(g)], v[:len(g)], g, s)
}
