package cpu

// GemmRef is Gemm in its plainest form, with sums in float64.
func GemmRef(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := range m {
		for j := range n {
			var sum float64
			for p := range k {
				x, y := i*lda+p, p*ldb+j
				if transA {
					x = p*lda + i
				}
				if transB {
					y = j*ldb + p
				}
				sum += float64(a[x]) * float64(b[y])
			}
			old := float32(0) // beta 0 means that c may hold anything, NaN too
			if beta != 0 {
				old = beta * c[i*ldc+j]
			}
			c[i*ldc+j] = old + alpha*float32(sum)
		}
	}
}

// gemm4x4 is the portable micro-kernel: c[4][4] += a[k][4] transposed times
// b[k][ldb].
func gemm4x4(k int, a, b []float32, ldb int, c []float32, ldc int) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	var c20, c21, c22, c23, c30, c31, c32, c33 float32
	for p := range k {
		x, y := a[4*p:4*p+4:4*p+4], b[ldb*p:ldb*p+4:ldb*p+4]
		y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
		c00, c01, c02, c03 = c00+x[0]*y0, c01+x[0]*y1, c02+x[0]*y2, c03+x[0]*y3
		c10, c11, c12, c13 = c10+x[1]*y0, c11+x[1]*y1, c12+x[1]*y2, c13+x[1]*y3
		c20, c21, c22, c23 = c20+x[2]*y0, c21+x[2]*y1, c22+x[2]*y2, c23+x[2]*y3
		c30, c31, c32, c33 = c30+x[3]*y0, c31+x[3]*y1, c32+x[3]*y2, c33+x[3]*y3
	}
	for i, r := range [4][4]float32{{c00, c01, c02, c03}, {c10, c11, c12, c13}, {c20, c21, c22, c23}, {c30, c31, c32, c33}} {
		for j, v := range r {
			c[i*ldc+j] += v
		}
	}
}
