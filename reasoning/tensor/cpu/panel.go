package cpu

import "github.com/quaestor-kg/quaestor/reasoning/tensor"

// PanelWidth is the number of columns that Panel products come in: the number
// of positions on a page of cached keys.
const PanelWidth = 32

// Half is a 16-bit float as the key-value cache stores it.
type Half = uint16

// MulPanel computes C = A B, or C += A B with add, for a few rows m: A [m][k],
// B [k][n] in half or single precision, n a multiple of PanelWidth. Every
// element is summed in the order of k whatever m is, so a row's result does
// not depend on its company.
func MulPanel[T Half | float32](m, n, k int, a []float32, lda int, b []T, ldb int, c []float32, ldc int, add bool) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 || n%PanelWidth != 0 || lda < k || ldb < n || ldc < n ||
		len(a) < (m-1)*lda+k || len(b) < (k-1)*ldb+n || len(c) < (m-1)*ldc+n {
		panic("cpu.MulPanel: matrix too short, or columns not a multiple of 32")
	}
	if level == Portable {
		mulPanelRef(m, n, k, a, lda, b, ldb, c, ldc, add)
		return
	}
	// The type switch is outside the loops and the compiler knows its result.
	switch b := any(b).(type) {
	case []Half:
		for j := 0; j < n; j += PanelWidth {
			i := 0
			for ; level >= AVX512 && i+6 <= m; i += 6 {
				half6AVX512(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
			}
			for ; i+3 <= m; i += 3 {
				if level >= AVX512 {
					half3AVX512(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
				} else {
					half3AVX2(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
				}
			}
			for ; i < m; i++ {
				half1AVX2(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
			}
		}
	case []float32:
		for j := 0; j < n; j += PanelWidth {
			i := 0
			for ; level >= AVX512 && i+6 <= m; i += 6 {
				single6AVX512(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
			}
			for ; i+3 <= m; i += 3 {
				if level >= AVX512 {
					single3AVX512(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
				} else {
					single3AVX2(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
				}
			}
			for ; i < m; i++ {
				single1AVX2(k, &a[i*lda], lda, &b[j], ldb, &c[i*ldc+j], ldc, add)
			}
		}
	}
}

// mulPanelRef is MulPanel in its plainest form.
func mulPanelRef[T Half | float32](m, n, k int, a []float32, lda int, b []T, ldb int, c []float32, ldc int, add bool) {
	half, isHalf := any(b).([]Half)
	single, _ := any(b).([]float32)
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !add {
			clear(row)
		}
		for p := range k {
			x := a[i*lda+p]
			if isHalf {
				for j, h := range half[p*ldb : p*ldb+n] {
					row[j] += x * tensor.HalfToFloat(h)
				}
			} else {
				for j, v := range single[p*ldb : p*ldb+n] {
					row[j] += x * v
				}
			}
		}
	}
}
