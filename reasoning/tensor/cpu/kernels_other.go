//go:build !amd64

package cpu

import "runtime"

func kernel(k int, a, b []float32, ldb int, c []float32, ldc int) {
	gemm4x4(k, a, b, ldb, c, ldc)
}

func transpose4(n int, src *float32, lds int, dst *float32, ldd int) { panic("unreachable") }

func pause(n int) { runtime.Gosched() }

func dotAVX2(n int, x, y *float32) float32         { panic("unreachable") }
func axpyAVX2(n int, alpha float32, x, y *float32) { panic("unreachable") }
func scaleAVX2(n int, alpha float32, x *float32)   { panic("unreachable") }

func mulAVX2(n int, dst, x, w *float32, scale float32)    { panic("unreachable") }
func maxAVX2(n int, x *float32) float32                   { panic("unreachable") }
func expSumAVX2(n int, x *float32, shift float32) float32 { panic("unreachable") }
func swigluAVX2(n int, dst, gate, up *float32)            { panic("unreachable") }
func geluAVX2(n int, x *float32)                          { panic("unreachable") }

func gemvQ41(rows, blocks int, w *byte, x, sums, y *float32) { panic("unreachable") }
func gemvQ40(rows, blocks int, w *byte, x, sums, y *float32) { panic("unreachable") }
func gemvQ80(rows, blocks int, w *byte, x, y *float32)       { panic("unreachable") }
func gemvF16(rows, n int, w *byte, x, y *float32)            { panic("unreachable") }
func gemvBF16(rows, n int, w *byte, x, y *float32)           { panic("unreachable") }
func gemv4F32(n int, w *float32, ldw int, x, y *float32)     { panic("unreachable") }
func expandQ41(blocks int, dst *float32, src *byte)          { panic("unreachable") }
func expandQ40(blocks int, dst *float32, src *byte)          { panic("unreachable") }
func expandQ80(blocks int, dst *float32, src *byte)          { panic("unreachable") }
func expandF16(n int, dst *float32, src *byte)               { panic("unreachable") }
func narrowF16(n int, dst *uint16, src *float32)             { panic("unreachable") }
func expandBF16(n int, dst *float32, src *byte)              { panic("unreachable") }
func expandQ4K(dst *float32, qs *byte, scales *float32)      { panic("unreachable") }
func expandQ6K(dst *float32, ql, qh *byte, scales *float32)  { panic("unreachable") }

func half3AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func half1AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func half3AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func single3AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func single1AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func single3AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func half6AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func single6AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool) {
	panic("unreachable")
}

func expandQ51(blocks int, dst *float32, src *byte)         { panic("unreachable") }
func expandQ50(blocks int, dst *float32, src *byte)         { panic("unreachable") }
func expandQ5K(dst *float32, qs, qh *byte, scales *float32) { panic("unreachable") }

func gemv4x2F32(n int, w *float32, ldw int, x *float32, ldx int, y *float32, ldy int) {
	panic("unreachable")
}

func gemvQ41x512(rows, blocks int, w *byte, x, sums, y *float32) { panic("unreachable") }

func gemvQ40x512(rows, blocks int, w *byte, x, y *float32) { panic("unreachable") }

func gemvQ80x512(rows, blocks int, w *byte, x, y *float32) { panic("unreachable") }

func expandQ41x512(blocks int, dst *float32, src *byte) { panic("unreachable") }

func expandQ40x512(blocks int, dst *float32, src *byte) { panic("unreachable") }

func expandQ80x512(blocks int, dst *float32, src *byte) { panic("unreachable") }

func digitsAVX2(blocks int, x *float32, dst *byte, bits int, top float32) { panic("unreachable") }

func packed4x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte) {
	panic("unreachable")
}

func packed8x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte) {
	panic("unreachable")
}

func packed4x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int) {
	panic("unreachable")
}

func packed8x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int) {
	panic("unreachable")
}

func packed4x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32) {
	panic("unreachable")
}

func packed8x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32) {
	panic("unreachable")
}
