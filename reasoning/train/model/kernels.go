package model

import "math"

// kernels are the operations whose speed decides how long training takes.
type kernels[F Float] struct {
	// gemm computes C = op(A)*op(B) + beta*C with op(A) of (m, k), op(B) of
	// (k, n) and C of (m, n), row-major; ta and tb say that the operand is
	// stored transposed. beta is 0 or 1.
	gemm func(ta, tb bool, m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int)
	dot  func(x, y []F) F
	axpy func(a F, x, y []F) // y += a*x
	// swiglu sets act = silu(gate)*up.
	swiglu func(act, gate, up []F)
	// swigluGrad turns the gradient of act into those of gate and up.
	swigluGrad func(dgate, dup, dact, gate, up []F)
	// softmax turns logits into probabilities and returns log sum exp of them.
	softmax func(x []F) float64
}

// plain are the kernels in plain Go, for any float type.
func plain[F Float]() kernels[F] {
	return kernels[F]{
		gemm: plainGemm[F], dot: plainDot[F], axpy: plainAxpy[F],
		swiglu: plainSwiGLU[F], swigluGrad: plainSwiGLUGrad[F], softmax: plainSoftmax[F],
	}
}

func plainGemm[F Float](ta, tb bool, m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
		}
		for l := range k {
			var x F
			if ta {
				x = a[l*lda+i]
			} else {
				x = a[i*lda+l]
			}
			if tb {
				for j := range row {
					row[j] += x * b[j*ldb+l]
				}
				continue
			}
			for j, y := range b[l*ldb : l*ldb+n] {
				row[j] += x * y
			}
		}
	}
}

func plainDot[F Float](x, y []F) F {
	var s F
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func plainAxpy[F Float](a F, x, y []F) {
	for i, v := range x {
		y[i] += a * v
	}
}

func sigmoid[F Float](x F) F { return F(1 / (1 + math.Exp(-float64(x)))) }

func plainSwiGLU[F Float](act, gate, up []F) {
	for i, g := range gate {
		act[i] = g * sigmoid(g) * up[i]
	}
}

func plainSwiGLUGrad[F Float](dgate, dup, dact, gate, up []F) {
	for i, g := range gate {
		s := sigmoid(g)
		dup[i] = dact[i] * g * s
		dgate[i] = dact[i] * up[i] * s * (1 + g*(1-s))
	}
}

func plainSoftmax[F Float](x []F) float64 {
	peak := x[0]
	for _, v := range x {
		peak = max(peak, v)
	}
	var sum F
	for i, v := range x {
		e := F(math.Exp(float64(v - peak)))
		x[i] = e
		sum += e
	}
	for i := range x {
		x[i] /= sum
	}
	return float64(peak) + math.Log(float64(sum))
}
