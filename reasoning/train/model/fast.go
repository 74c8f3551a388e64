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
		swiglu: swiglu32, swigluGrad: swigluGrad32, softmax: softmax32,
	}
}

// exp32 is e^x with a relative error below 2e-7: the argument is reduced to
// [-ln2/2, ln2/2] and a polynomial of degree six finishes (the coefficients of
// Cephes' expf). Results below the normal range are 0.
func exp32(x float32) float32 {
	const (
		log2e = 1.44269504088896341
		hi    = 0.693359375
		lo    = -2.12194440e-4
	)
	if x > 88.3 {
		return float32(math.Inf(1))
	}
	if !(x > -87.3) {
		if x != x {
			return x
		}
		return 0
	}
	t := x * log2e
	var n int32
	if t >= 0 {
		n = int32(t + 0.5)
	} else {
		n = int32(t - 0.5)
	}
	f := float32(n)
	r := x - f*hi - f*lo
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 5.0000001201e-1
	p = p*r*r + r + 1
	return p * math.Float32frombits(uint32(n+127)<<23)
}

func swiglu32(act, gate, up []float32) {
	act, up = act[:len(gate)], up[:len(gate)]
	for i, g := range gate {
		act[i] = g / (1 + exp32(-g)) * up[i]
	}
}

func swigluGrad32(dgate, dup, dact, gate, up []float32) {
	n := len(gate)
	dgate, dup, dact, up = dgate[:n], dup[:n], dact[:n], up[:n]
	for i, g := range gate {
		s := 1 / (1 + exp32(-g))
		da := dact[i]
		dup[i] = da * g * s
		dgate[i] = da * up[i] * s * (1 + g*(1-s))
	}
}

func softmax32(x []float32) float64 {
	peak := x[0]
	for _, v := range x {
		peak = max(peak, v)
	}
	var sum float32
	for i, v := range x {
		e := exp32(v - peak)
		x[i] = e
		sum += e
	}
	inv := 1 / sum
	for i := range x {
		x[i] *= inv
	}
	return float64(peak) + math.Log(float64(sum))
}
