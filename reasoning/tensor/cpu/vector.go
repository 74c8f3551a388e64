package cpu

// whole returns how much of a vector the assembly takes: all but n mod 8.
func whole(n int) int {
	if level == Portable {
		return 0
	}
	return n &^ 7
}

// Dot returns the inner product of x and y, which must be as long as x.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	n := whole(len(x))
	if n == 0 {
		return dotRef(x, y)
	}
	sum := dotAVX2(n, &x[0], &y[0])
	for i := n; i < len(x); i++ {
		sum += x[i] * y[i]
	}
	return sum
}

// Axpy adds alpha x to y, which must be as long as x.
func Axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	n := whole(len(x))
	if n > 0 {
		axpyAVX2(n, alpha, &x[0], &y[0])
	}
	axpyRef(alpha, x[n:], y[n:])
}

// Scale multiplies x by alpha.
func Scale(alpha float32, x []float32) {
	n := whole(len(x))
	if n > 0 {
		scaleAVX2(n, alpha, &x[0])
	}
	scaleRef(alpha, x[n:])
}

// Mul sets dst to the elementwise product of x and w, times scale. All three
// have the length of dst, which may be x or w.
func Mul(dst, x, w []float32, scale float32) {
	x, w = x[:len(dst)], w[:len(dst)]
	n := whole(len(dst))
	if n > 0 {
		mulAVX2(n, &dst[0], &x[0], &w[0], scale)
	}
	mulRef(dst[n:], x[n:], w[n:], scale)
}

// Max returns the largest value of x, which must not be empty.
func Max(x []float32) float32 {
	n := whole(len(x))
	if n == 0 {
		return maxRef(x)
	}
	top := maxAVX2(n, &x[0])
	for _, v := range x[n:] {
		top = max(top, v)
	}
	return top
}

// ExpSum replaces every x by exp(x - shift) and returns their sum. Differences
// under -87 count as -87: such terms are 1e-38 and lost in any sum.
func ExpSum(x []float32, shift float32) float32 {
	n := whole(len(x))
	var sum float32
	if n > 0 {
		sum = expSumAVX2(n, &x[0], shift)
	}
	return sum + expSumRef(x[n:], shift)
}

// Softmax replaces x by exp(x) / sum exp(x), computed without overflow.
func Softmax(x []float32) {
	if len(x) > 0 {
		Scale(1/ExpSum(x, Max(x)), x)
	}
}

// LogSumExp returns log sum exp(x), computed in blocks without changing x.
func LogSumExp(x []float32) float32 {
	top := Max(x)
	var block [512]float32
	var sum float64
	for len(x) > 0 {
		n := copy(block[:], x)
		sum += float64(ExpSum(block[:n], top))
		x = x[n:]
	}
	return top + float32(log(sum))
}

// RMSNorm sets dst to x / sqrt(mean(x²) + eps) times the weights w (Zhang and
// Sennrich 2019). dst may be x.
func RMSNorm(dst, x, w []float32, eps float32) {
	mean := float64(Dot(x, x)) / float64(len(x))
	Mul(dst, x, w, float32(1/sqrt(mean+float64(eps))))
}

// LayerNorm sets dst to (x - mean) / sqrt(var + eps) times w plus b (Ba et al.
// 2016). dst may be x.
func LayerNorm(dst, x, w, b []float32, eps float32) {
	var sum, sq float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		sq += d * d
	}
	scale := float32(1 / sqrt(sq/float64(len(x))+float64(eps)))
	m := float32(mean)
	dst, w, b = dst[:len(x)], w[:len(x)], b[:len(x)]
	for i, v := range x {
		dst[i] = (v-m)*scale*w[i] + b[i]
	}
}

// SwiGLU sets dst to silu(gate) times up, where silu(g) = g / (1 + exp(-g))
// (Shazeer 2020). dst may be gate or up.
func SwiGLU(dst, gate, up []float32) {
	gate, up = gate[:len(dst)], up[:len(dst)]
	n := whole(len(dst))
	if n > 0 {
		swigluAVX2(n, &dst[0], &gate[0], &up[0])
	}
	swigluRef(dst[n:], gate[n:], up[n:])
}

// GELU replaces x by x/2 (1 + erf(x/√2)), the exact form (Hendrycks and Gimpel
// 2016), within 1e-6.
func GELU(x []float32) {
	n := whole(len(x))
	if n > 0 {
		geluAVX2(n, &x[0])
	}
	geluRef(x[n:])
}

// RopeAdjacent rotates the pairs (x[2i], x[2i+1]) by the angles whose cosines
// and sines are given: the order of GGUF files of Llama models.
func RopeAdjacent(x, cos, sin []float32) {
	cos, sin = cos[:len(x)/2], sin[:len(x)/2]
	for i, c := range cos {
		a, b, s := x[2*i], x[2*i+1], sin[i]
		x[2*i], x[2*i+1] = a*c-b*s, b*c+a*s
	}
}

// RopeHalves rotates the pairs (x[i], x[i+d/2]): the order of safetensors files
// of Llama models.
func RopeHalves(x, cos, sin []float32) {
	h := len(x) / 2
	lo, hi := x[:h], x[h:2*h]
	cos, sin = cos[:h], sin[:h]
	for i, c := range cos {
		a, b, s := lo[i], hi[i], sin[i]
		lo[i], hi[i] = a*c-b*s, b*c+a*s
	}
}
