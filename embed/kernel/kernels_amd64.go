package kernel

import "unsafe"

// expTable holds the constants of exp for the assembly: log2e, magic, ln2Hi,
// ln2Lo, the polynomial, 1, the bounds, and the sign bit.
//
//lint:ignore U1000 read by the assembly
var expTable = [...]float32{
	log2e, magic, ln2Hi, ln2Lo,
	expPoly[0], expPoly[1], expPoly[2], expPoly[3], expPoly[4], expPoly[5],
	1, expLow, expHigh, float32frombits(1 << 31),
}

// expVectors is expTable with every constant in eight lanes.
//
//lint:ignore U1000 read by the assembly
var expVectors = func() (v [len(expTable)][8]float32) {
	for i, c := range expTable {
		for l := range v[i] {
			v[i][l] = c
		}
	}
	return v
}()

//go:noescape
func tile32x512(t *tile)

//go:noescape
func tile16x512(t *tile)

//go:noescape
func tile256(t *tile)

//go:noescape
func softmax512(p *float32, n int, ref, sum, top *[Lanes]float32)

//go:noescape
func softmax256(p *float32, n int, ref, sum, top *[Lanes]float32)

//go:noescape
func logistic512(p *float32, n int, prod, pos *[Lanes]float32)

//go:noescape
func logistic256(p *float32, n int, prod, pos *[Lanes]float32)

//go:noescape
func count512(p *float32, n int, target *[Lanes]float32, above, equal *[Lanes]int32)

//go:noescape
func count256(p *float32, n int, target *[Lanes]float32, above, equal *[Lanes]int32)

//go:noescape
func dots512(rows, q, out *float32, k, n int)

//go:noescape
func dots256(rows, q, out *float32, k, n int)

//go:noescape
func adagrad512(p, sum, grad *float32, n int, rate, eps float32)

//go:noescape
func adagrad256(p, sum, grad *float32, n int, rate, eps float32)

//go:noescape
func adam512(p, m, v, grad *float32, n int, s *AdamStep)

//go:noescape
func adam256(p, m, v, grad *float32, n int, s *AdamStep)

// run32 and run16 compute a tile of 32 and of 16 lanes.
func (t *tile) run32() {
	switch level {
	case AVX512:
		tile32x512(t)
	case AVX2:
		lower := *t
		t.run16()
		lower.b, lower.c = unsafe.Add(lower.b, 64), unsafe.Add(lower.c, 64)
		lower.run16()
	default:
		refTile(t, 32)
	}
}

func (t *tile) run16() {
	switch level {
	case AVX512:
		tile16x512(t)
	case AVX2:
		tile256(t)
		lower := *t
		lower.a, lower.c = unsafe.Add(t.a, 6*t.aRow), unsafe.Add(t.c, 6*t.cRow)
		tile256(&lower)
	default:
		refTile(t, 16)
	}
}

func softmax(p []float32, ref, sum, top *[Lanes]float32) {
	switch n := len(p) / Lanes; {
	case n == 0:
	case level == AVX512:
		softmax512(&p[0], n, ref, sum, top)
	case level == AVX2:
		softmax256(&p[0], n, ref, sum, top)
	default:
		refSoftmax(p, ref, sum, top)
	}
}

func logistic(p []float32, prod, pos *[Lanes]float32) {
	switch n := len(p) / Lanes; {
	case n == 0:
	case level == AVX512:
		logistic512(&p[0], n, prod, pos)
	case level == AVX2:
		logistic256(&p[0], n, prod, pos)
	default:
		refLogistic(p, prod, pos)
	}
}

func count(p []float32, target *[Lanes]float32, above, equal *[Lanes]int32) {
	switch n := len(p) / Lanes; {
	case n == 0:
	case level == AVX512:
		count512(&p[0], n, target, above, equal)
	case level == AVX2:
		count256(&p[0], n, target, above, equal)
	default:
		refCount(p, target, above, equal)
	}
}

// dots needs a multiple of four results.
func dots(rows, q, out []float32, k int) {
	switch {
	case len(out) == 0:
	case level == AVX512:
		dots512(&rows[0], &q[0], &out[0], k, len(out))
	case level == AVX2:
		dots256(&rows[0], &q[0], &out[0], k, len(out))
	default:
		refDots(rows, q, out, k)
	}
}

// vector is how much of n numbers the assembly takes; the rest is left to Go.
func vector(n int) int {
	if level == Portable {
		return 0
	}
	return n &^ 15
}

// Adagrad is one step of Adagrad on p, whose squared gradients so far are sum.
func Adagrad(p, sum, g []float32, rate, eps float32) {
	p, sum = p[:len(g)], sum[:len(g)]
	n := vector(len(g))
	switch {
	case n == 0:
	case level == AVX512:
		adagrad512(&p[0], &sum[0], &g[0], n, rate, eps)
	default:
		adagrad256(&p[0], &sum[0], &g[0], n, rate, eps)
	}
	refAdagrad(p[n:], sum[n:], g[n:], rate, eps)
}

// Adam is one step of Adam on p with the moments m and v.
func Adam(p, m, v, g []float32, s *AdamStep) {
	p, m, v = p[:len(g)], m[:len(g)], v[:len(g)]
	n := vector(len(g))
	switch {
	case n == 0:
	case level == AVX512:
		adam512(&p[0], &m[0], &v[0], &g[0], n, s)
	default:
		adam256(&p[0], &m[0], &v[0], &g[0], n, s)
	}
	refAdam(p[n:], m[n:], v[n:], g[n:], s)
}
