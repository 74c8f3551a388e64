package cpu

import (
	"encoding/binary"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Expand is tensor.Dequantize with vector instructions where there are some:
// it expands whole blocks of src into dst.
func Expand(t tensor.Type, dst []float32, src []byte) {
	n := len(dst)
	if n == 0 {
		return
	}
	block, size := t.Block()
	src = src[:n/block*size]
	if level == Portable || n%block != 0 {
		tensor.Dequantize(t, dst, src)
		return
	}
	if level >= AVX512 && block == 32 {
		switch t {
		case tensor.Q4_1:
			expandQ41x512(n/32, &dst[0], &src[0])
			return
		case tensor.Q4_0:
			expandQ40x512(n/32, &dst[0], &src[0])
			return
		case tensor.Q8_0:
			expandQ80x512(n/32, &dst[0], &src[0])
			return
		}
	}
	switch t {
	case tensor.Q4_1:
		expandQ41(n/32, &dst[0], &src[0])
	case tensor.Q4_0:
		expandQ40(n/32, &dst[0], &src[0])
	case tensor.Q8_0:
		expandQ80(n/32, &dst[0], &src[0])
	case tensor.Q5_1:
		expandQ51(n/32, &dst[0], &src[0])
	case tensor.Q5_0:
		expandQ50(n/32, &dst[0], &src[0])
	case tensor.F16, tensor.BF16:
		n &^= 7
		if n > 0 && t == tensor.F16 {
			expandF16(n, &dst[0], &src[0])
		} else if n > 0 {
			expandBF16(n, &dst[0], &src[0])
		}
		tensor.Dequantize(t, dst[n:], src[2*n:])
	case tensor.Q4_K, tensor.Q5_K:
		var s [16]float32
		for ; len(dst) > 0; dst, src = dst[256:], src[size:] {
			d := tensor.HalfToFloat(binary.LittleEndian.Uint16(src))
			dmin := tensor.HalfToFloat(binary.LittleEndian.Uint16(src[2:]))
			for j := range 8 {
				scale, minimum := tensor.ScaleMinK(j, src[4:16])
				s[2*j], s[2*j+1] = d*float32(scale), -dmin*float32(minimum)
			}
			if t == tensor.Q4_K {
				expandQ4K(&dst[0], &src[16], &s[0])
			} else {
				expandQ5K(&dst[0], &src[48], &src[16], &s[0])
			}
		}
	case tensor.Q6_K:
		var s [16]float32
		for ; len(dst) > 0; dst, src = dst[256:], src[210:] {
			d := tensor.HalfToFloat(binary.LittleEndian.Uint16(src[208:]))
			for j := range s {
				s[j] = d * float32(int8(src[192+j]))
			}
			expandQ6K(&dst[0], &src[0], &src[128], &s[0])
			expandQ6K(&dst[128], &src[64], &src[160], &s[8])
		}
	default:
		tensor.Dequantize(t, dst, src)
	}
}

// ToHalf rounds src to half precision; dst must be as long.
func ToHalf(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	n := whole(len(src))
	if n > 0 {
		narrowF16(n, &dst[0], &src[0])
	}
	for i, v := range src[n:] {
		dst[n+i] = tensor.FloatToHalf(v)
	}
}
