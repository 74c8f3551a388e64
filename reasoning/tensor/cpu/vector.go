package cpu

// Dot returns the inner product of x and y, which must be as long as x.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	n := 0
	var sum float32
	if level != Portable {
		if n = len(x) &^ 7; n > 0 {
			sum = dotAVX2(n, &x[0], &y[0])
		}
		for i := n; i < len(x); i++ {
			sum += x[i] * y[i]
		}
		return sum
	}
	return dotRef(x, y)
}

// Axpy adds alpha x to y, which must be as long as x.
func Axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	n := 0
	if level != Portable {
		if n = len(x) &^ 7; n > 0 {
			axpyAVX2(n, alpha, &x[0], &y[0])
		}
	}
	axpyRef(alpha, x[n:], y[n:])
}

// Scale multiplies x by alpha.
func Scale(alpha float32, x []float32) {
	n := 0
	if level != Portable {
		if n = len(x) &^ 7; n > 0 {
			scaleAVX2(n, alpha, &x[0])
		}
	}
	scaleRef(alpha, x[n:])
}
