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
