package cpu

//go:noescape
func gemm8x32(k int, a, b *float32, ldb int, c *float32, ldc int)

//go:noescape
func gemm4x24(k int, a, b *float32, ldb int, c *float32, ldc int)

//go:noescape
func transpose4(n int, src *float32, lds int, dst *float32, ldd int)

//go:noescape
func pause(n int)

// kernel computes one tile of C; the slices start at the tile and are long
// enough, which Gemm has checked.
func kernel(k int, a, b []float32, ldb int, c []float32, ldc int) {
	switch level {
	case AVX512, VNNI:
		gemm8x32(k, &a[0], &b[0], ldb, &c[0], ldc)
	case AVX2:
		gemm4x24(k, &a[0], &b[0], ldb, &c[0], ldc)
	default:
		gemm4x4(k, a, b, ldb, c, ldc)
	}
}

//go:noescape
func dotAVX2(n int, x, y *float32) float32

//go:noescape
func axpyAVX2(n int, alpha float32, x, y *float32)

//go:noescape
func scaleAVX2(n int, alpha float32, x *float32)

//go:noescape
func mulAVX2(n int, dst, x, w *float32, scale float32)

//go:noescape
func maxAVX2(n int, x *float32) float32

//go:noescape
func expSumAVX2(n int, x *float32, shift float32) float32

//go:noescape
func swigluAVX2(n int, dst, gate, up *float32)

//go:noescape
func geluAVX2(n int, x *float32)

//go:noescape
func gemvQ41(rows, blocks int, w *byte, x, sums, y *float32)

//go:noescape
func gemvQ40(rows, blocks int, w *byte, x, sums, y *float32)

//go:noescape
func gemvQ80(rows, blocks int, w *byte, x, y *float32)

//go:noescape
func gemvF16(rows, n int, w *byte, x, y *float32)

//go:noescape
func gemvBF16(rows, n int, w *byte, x, y *float32)

//go:noescape
func gemv4F32(n int, w *float32, ldw int, x, y *float32)

//go:noescape
func expandQ41(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ40(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ80(blocks int, dst *float32, src *byte)

//go:noescape
func expandF16(n int, dst *float32, src *byte)

//go:noescape
func narrowF16(n int, dst *uint16, src *float32)

//go:noescape
func expandBF16(n int, dst *float32, src *byte)

//go:noescape
func expandQ4K(dst *float32, qs *byte, scales *float32)

//go:noescape
func expandQ6K(dst *float32, ql, qh *byte, scales *float32)

//go:noescape
func half3AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)

//go:noescape
func half1AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)

//go:noescape
func half3AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)

//go:noescape
func single3AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)

//go:noescape
func single1AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)

//go:noescape
func single3AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)

//go:noescape
func half6AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)

//go:noescape
func single6AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)

//go:noescape
func expandQ51(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ50(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ5K(dst *float32, qs, qh *byte, scales *float32)

//go:noescape
func gemv4x2F32(n int, w *float32, ldw int, x *float32, ldx int, y *float32, ldy int)

//go:noescape
func gemvQ41x512(rows, blocks int, w *byte, x, sums, y *float32)

//go:noescape
func gemvQ40x512(rows, blocks int, w *byte, x, y *float32)

//go:noescape
func gemvQ80x512(rows, blocks int, w *byte, x, y *float32)

//go:noescape
func expandQ41x512(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ40x512(blocks int, dst *float32, src *byte)

//go:noescape
func expandQ80x512(blocks int, dst *float32, src *byte)

//go:noescape
func digitsAVX2(blocks int, x *float32, dst *byte, bits int, top float32)

//go:noescape
func packed4x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte)

//go:noescape
func packed8x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte)

//go:noescape
func packed4x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int)

//go:noescape
func packed8x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int)

//go:noescape
func packed4x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32)

//go:noescape
func packed8x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32)
