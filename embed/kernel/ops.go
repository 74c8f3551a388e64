package kernel

import "unsafe"

// Lanes is the number of queries that a panel holds side by side.
const Lanes = 32

// tile is a product of 12 rows: C[i][l] = Σ_p A(i,p) B[p][l], where A(i,p) lies
// aRow*i + aStep*p bytes after a, row p of B lies bStep*p bytes after b, and
// row i of C cRow*i bytes after c. The sum runs over n values of p, outer times;
// each time a and b start aOuter and bOuter bytes later. If add is not 0, C is
// added to.
//
// All three products of training have this form, with no copying: only the
// steps differ. The assembly reads the fields by offset.
type tile struct {
	a      unsafe.Pointer // 0
	aRow   uintptr        // 8
	aStep  uintptr        // 16
	b      unsafe.Pointer // 24
	bStep  uintptr        // 32
	c      unsafe.Pointer // 40
	cRow   uintptr        // 48
	n      int            // 56
	outer  int            // 64
	aOuter uintptr        // 72
	bOuter uintptr        // 80
	add    int            // 88
}

func at(p unsafe.Pointer, off uintptr) *float32 { return (*float32)(unsafe.Add(p, off)) }

// refTile is the tile in plain Go for any number of lanes.
func refTile(t *tile, lanes int) {
	for i := range uintptr(rowStep) {
		for l := range uintptr(lanes) {
			c := at(t.c, i*t.cRow+4*l)
			var sum float32
			if t.add != 0 {
				sum = *c
			}
			for o := range uintptr(t.outer) {
				for p := range uintptr(t.n) {
					sum = fma(*at(t.a, o*t.aOuter+i*t.aRow+p*t.aStep), *at(t.b, o*t.bOuter+p*t.bStep+4*l), sum)
				}
			}
			*c = sum
		}
	}
}

// fma is a*b+c, rounded as a fused multiply-add but for rare double rounding.
func fma(a, b, c float32) float32 { return float32(float64(a)*float64(b) + float64(c)) }

// Constants of exp: the bounds of its argument, and e^x = 2^n e^r with the
// polynomial of Cephes expf (Moshier) for e^r.
const (
	expLow  = -86
	expHigh = 75 // e^75 times a million entities is still a float32
	log2e   = 1.44269504088896341
	ln2Hi   = 0.693359375
	ln2Lo   = -2.12194440e-4
	magic   = 3 << 22 // adding it leaves the rounded integer in the low bits
)

var expPoly = [...]float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}

// refExp is e^x for x between expLow and expHigh.
func refExp(x float32) float32 {
	t := fma(x, log2e, magic)
	n := t - magic
	r := fma(n, -ln2Hi, x)
	r = fma(n, -ln2Lo, r)
	p := expPoly[0]
	for _, c := range expPoly[1:] {
		p = fma(p, r, c)
	}
	p = fma(p, r*r, r) + 1
	return float32frombits(float32bits(p) + float32bits(t)<<23)
}

// refSoftmax turns rows of scores into exp(score - ref), and adds to sum and
// raises top, lane by lane. p holds n rows of Lanes.
func refSoftmax(p []float32, ref, sum, top *[Lanes]float32) {
	for i, s := range p {
		l := i % Lanes
		top[l] = max(top[l], s)
		p[i] = refExp(max(min(s-ref[l], expHigh), expLow))
		sum[l] += p[i]
	}
}

// refLogistic turns rows of scores into their sigmoids. The sum of ln(1+e^s)
// over a lane is ln(prod) + pos: prod is multiplied by 1+e^-|s|, so it must be
// taken out every hundred rows, and pos grows by max(s, 0).
func refLogistic(p []float32, prod, pos *[Lanes]float32) {
	for i, s := range p {
		l := i % Lanes
		pos[l] += max(s, 0)
		t := refExp(max(-abs(s), expLow))
		u := 1 + t
		prod[l] *= u
		num := float32(1)
		if s < 0 {
			num = t
		}
		p[i] = num / u
	}
}

// refCount counts, lane by lane, the scores above and equal to a target.
func refCount(p []float32, target *[Lanes]float32, above, equal *[Lanes]int32) {
	for i, s := range p {
		l := i % Lanes
		if s > target[l] {
			above[l]++
		} else if s == target[l] {
			equal[l]++
		}
	}
}

// refDots writes the inner products of q with rows of k numbers, k a multiple
// of 16, that follow each other. Sixteen sums run side by side and are folded
// in halves.
func refDots(rows, q, out []float32, k int) {
	for i := range out {
		var acc [16]float32
		row := rows[i*k : (i+1)*k]
		for x := range row {
			acc[x%16] = fma(row[x], q[x], acc[x%16])
		}
		for half := 8; half > 0; half /= 2 {
			for x := range half {
				acc[x] += acc[x+half]
			}
		}
		out[i] = acc[0]
	}
}

// refAdagrad is one step of Adagrad (Duchi et al., JMLR 2011) on n numbers:
// sum += g², p -= rate g / (√sum + eps).
func refAdagrad(p, sum, g []float32, rate, eps float32) {
	for i, x := range g {
		sum[i] = fma(x, x, sum[i])
		p[i] -= rate * (x / (sqrt(sum[i]) + eps))
	}
}

// AdamStep holds the constants of one step of Adam (Kingma and Ba, ICLR 2015),
// with the corrections of bias folded in.
type AdamStep struct {
	Beta1, Beta2 float32 // 0, 4
	Rest1, Rest2 float32 // 8, 12: 1 - beta
	Rate         float32 // 16: rate / (1 - beta1^t)
	Root         float32 // 20: 1 / √(1 - beta2^t)
	Eps          float32 // 24
	_            float32
}

// refAdam is one step of Adam on n numbers.
func refAdam(p, m, v, g []float32, s *AdamStep) {
	for i, x := range g {
		m[i] = fma(s.Beta1, m[i], s.Rest1*x)
		v[i] = fma(s.Beta2, v[i], s.Rest2*(x*x))
		p[i] -= s.Rate * (m[i] / fma(sqrt(v[i]), s.Root, s.Eps))
	}
}
