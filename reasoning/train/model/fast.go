package model

import (
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// fastest returns the best kernels there are for F.
func fastest[F Float]() kernels[F] {
	if k, ok := any(float32Kernels()).(kernels[F]); ok {
		return k
	}
	return plain[F]()
}

// float32Kernels use the vector unit on the calling goroutine alone: training
// runs several passes at once instead of splitting small products.
func float32Kernels() kernels[float32] {
	pool := cpu.NewPool(1)
	return kernels[float32]{
		gemm: func(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
			pool.Gemm(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc)
		},
		dot: cpu.Dot, axpy: cpu.Axpy,
		swiglu: cpu.SwiGLU, swigluGrad: swigluGrad32, softmax: softmax32,
	}
}

// swigluGrad32 uses dgate for e^-gate, cut off where the gradients vanish.
func swigluGrad32(dgate, dup, dact, gate, up []float32) {
	n := len(gate)
	dgate, dup, dact, up = dgate[:n], dup[:n], dact[:n], up[:n]
	for i, g := range gate {
		dgate[i] = min(-g, 80)
	}
	cpu.ExpSum(dgate, 0)
	for i, g := range gate {
		s := 1 / (1 + dgate[i])
		da := dact[i] * s
		dup[i] = da * g
		dgate[i] = da * up[i] * (1 + g*(1-s))
	}
}

func softmax32(x []float32) float64 {
	peak := cpu.Max(x)
	sum := cpu.ExpSum(x, peak)
	cpu.Scale(1/sum, x)
	return float64(peak) + math.Log(float64(sum))
}
