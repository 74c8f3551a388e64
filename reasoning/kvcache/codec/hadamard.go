package codec

import (
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// WalshHadamard replaces x, whose length is a power of two, by its normalised
// Walsh-Hadamard transform, which is its own inverse.
func WalshHadamard(x []float32) {
	if n := len(x); level >= cpu.AVX2 && n >= 8 && n&(n-1) == 0 {
		hadamardAVX2(n, &x[0], float32(1/math.Sqrt(float64(n))))
		return
	}
	walshHadamardRef(x)
}

// walshHadamardRef is WalshHadamard in its plainest form.
func walshHadamardRef(x []float32) {
	n := len(x)
	scale := float32(1 / math.Sqrt(float64(n)))
	for i := range x {
		x[i] *= scale
	}
	for h := 1; h < n; h *= 2 {
		for i := 0; i < n; i += 2 * h {
			for j := i; j < i+h; j++ {
				x[j], x[j+h] = x[j]+x[j+h], x[j]-x[j+h]
			}
		}
	}
}
