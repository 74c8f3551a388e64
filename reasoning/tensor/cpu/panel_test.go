package cpu

import (
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

func TestMulPanelAgreesWithReference(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		for range 200 {
			m, n, k, add := 1+r.IntN(10), 32*(1+r.IntN(3)), 1+r.IntN(70), r.IntN(2) == 1
			lda, ldb, ldc := k+r.IntN(3), n+r.IntN(3), n+r.IntN(3)
			a, b, c := random(r, m*lda), random(r, k*ldb), random(r, m*ldc)
			h := make([]Half, len(b))
			for i, v := range b {
				h[i] = tensor.FloatToHalf(v)
				b[i] = tensor.HalfToFloat(h[i])
			}
			want := append([]float32(nil), c...)
			beta := float32(0)
			if add {
				beta = 1
			}
			GemmRef(false, false, m, n, k, 1, a, lda, b, ldb, beta, want, ldc)
			one, two := append([]float32(nil), c...), append([]float32(nil), c...)
			MulPanel(m, n, k, a, lda, h, ldb, one, ldc, add)
			MulPanel(m, n, k, a, lda, b, ldb, two, ldc, add)
			if d := max(difference(one, want), difference(two, want)); d > 2e-6 {
				t.Fatalf("%d x %d x %d: difference %g", m, n, k, d)
			}
			// A row alone gives the same bits as among others.
			i := r.IntN(m)
			alone := append([]float32(nil), c[i*ldc:i*ldc+n]...)
			MulPanel(1, n, k, a[i*lda:], lda, h, ldb, alone, n, add)
			for j, v := range alone {
				if v != one[i*ldc+j] {
					t.Fatalf("row %d of %d alone: column %d is %v, not %v", i, m, j, v, one[i*ldc+j])
				}
			}
		}
	})
}
