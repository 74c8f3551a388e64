package tensor

import (
	"encoding/binary"
	"math"
)

// Dequantize expands the blocks of src into dst, whose length must be a
// multiple of the block. It is the definition of every format (after the
// format notes of GGUF); q are stored integers, d and m half-precision floats.
func Dequantize(t Type, dst []float32, src []byte) {
	le := binary.LittleEndian
	half := func(b []byte) float32 { return HalfToFloat(le.Uint16(b)) }
	block, size := t.Block()
	for ; len(dst) > 0; dst, src = dst[block:], src[size:] {
		switch t {
		case F32:
			dst[0] = math.Float32frombits(le.Uint32(src))
		case F16:
			dst[0] = half(src)
		case BF16:
			dst[0] = BFloatToFloat(le.Uint16(src))

		case Q4_0: // d | 32 x 4 bits: w = d (q - 8)
			d := half(src)
			for i, b := range src[2:18] {
				dst[i], dst[i+16] = d*float32(int(b&15)-8), d*float32(int(b>>4)-8)
			}
		case Q4_1: // d | m | 32 x 4 bits: w = d q + m
			d, m := half(src), half(src[2:])
			for i, b := range src[4:20] {
				dst[i], dst[i+16] = d*float32(b&15)+m, d*float32(b>>4)+m
			}
		case Q5_0: // d | 32 high bits | 32 x 4 bits: w = d (q - 16)
			d, high := half(src), le.Uint32(src[2:])
			for i, b := range src[6:22] {
				lo, hi := b&15|byte(high>>i&1)<<4, b>>4|byte(high>>(i+16)&1)<<4
				dst[i], dst[i+16] = d*float32(int(lo)-16), d*float32(int(hi)-16)
			}
		case Q5_1: // d | m | 32 high bits | 32 x 4 bits: w = d q + m
			d, m, high := half(src), half(src[2:]), le.Uint32(src[4:])
			for i, b := range src[8:24] {
				lo, hi := b&15|byte(high>>i&1)<<4, b>>4|byte(high>>(i+16)&1)<<4
				dst[i], dst[i+16] = d*float32(lo)+m, d*float32(hi)+m
			}
		case Q8_0: // d | 32 x int8: w = d q
			d := half(src)
			for i, b := range src[2:34] {
				dst[i] = d * float32(int8(b))
			}

		case IQ4_NL: // d | 32 x 4 bits: w = d v(q)
			d := half(src)
			for i, b := range src[2:18] {
				dst[i], dst[i+16] = d*float32(NonLinear[b&15]), d*float32(NonLinear[b>>4])
			}

		case Q2_K: // 16 x (scale, min) of 4 bits | 256 x 2 bits | d | dmin
			scales, qs, d, dmin := src[:16], src[16:80], half(src[80:]), half(src[82:])
			for i := range 256 { // 128 weights share 32 bytes, in four runs of 32
				q := qs[i/128*32+i%32] >> (2 * (i / 32 % 4)) & 3
				s := scales[i/16]
				dst[i] = d*float32(s&15)*float32(q) - dmin*float32(s>>4)
			}
		case Q3_K: // 32 bytes of high bits | 256 x 2 bits | 16 x 6 bits of scale | d
			high, qs, d := src[:32], src[32:96], half(src[108:])
			for i := range 256 { // as Q2_K; a high bit that is not set takes 4 away
				q := int(qs[i/128*32+i%32]>>(2*(i/32%4))&3) | int(high[i%32]>>(i/32)&1)<<2
				dst[i] = d * float32(ScaleQ3K(i/16, src[96:108])) * float32(q-4)
			}
		case Q4_K: // d | dmin | 8 x (scale, min) of 6 bits | 256 x 4 bits
			d, dmin := half(src), half(src[2:])
			for j := range 4 { // 64 weights: low nibbles, then high nibbles
				s0, m0 := ScaleMinK(2*j, src[4:16])
				s1, m1 := ScaleMinK(2*j+1, src[4:16])
				for i, b := range src[16+32*j : 48+32*j] {
					dst[64*j+i] = d*float32(s0)*float32(b&15) - dmin*float32(m0)
					dst[64*j+32+i] = d*float32(s1)*float32(b>>4) - dmin*float32(m1)
				}
			}
		case Q5_K: // as Q4_K, with 32 bytes of high bits before the nibbles
			d, dmin, high := half(src), half(src[2:]), src[16:48]
			for j := range 4 {
				s0, m0 := ScaleMinK(2*j, src[4:16])
				s1, m1 := ScaleMinK(2*j+1, src[4:16])
				for i, b := range src[48+32*j : 80+32*j] {
					lo, hi := b&15|high[i]>>(2*j)&1<<4, b>>4|high[i]>>(2*j+1)&1<<4
					dst[64*j+i] = d*float32(s0)*float32(lo) - dmin*float32(m0)
					dst[64*j+32+i] = d*float32(s1)*float32(hi) - dmin*float32(m1)
				}
			}
		case Q6_K: // 128 bytes low nibbles | 64 bytes high pairs | 16 x int8 scale | d
			low, high, scales, d := src[:128], src[128:192], src[192:208], half(src[208:])
			for h := range 2 { // 128 weights, in four runs of 32
				ql, qh, out := low[64*h:], high[32*h:], dst[128*h:]
				for i := range 32 {
					for run, q := range [4]byte{
						ql[i]&15 | qh[i]&3<<4, ql[i+32]&15 | qh[i]>>2&3<<4,
						ql[i]>>4 | qh[i]>>4&3<<4, ql[i+32]>>4 | qh[i]>>6<<4,
					} {
						s := int8(scales[8*h+2*run+i/16])
						out[32*run+i] = d * float32(s) * float32(int(q)-32)
					}
				}
			}
		default:
			panic("tensor: cannot expand " + t.String())
		}
	}
}

// ScaleMinK unpacks the six-bit scale and minimum of sub-block j of a Q4_K or
// Q5_K block from its 12 bytes: the first four of each are the low six bits of
// bytes 0..3 and 4..7; the others have their low four bits in bytes 8..11 and
// their high two bits in the tops of bytes 0..7.
func ScaleMinK(j int, b []byte) (scale, minimum byte) {
	if j < 4 {
		return b[j] & 63, b[j+4] & 63
	}
	return b[j+4]&15 | b[j-4]>>6<<4, b[j+4]>>4 | b[j]>>6<<4
}

// ScaleQ3K unpacks the scale of sub-block j of a Q3_K block, a signed number of
// six bits, from its 12 bytes: the low four bits of scales 0 to 7 are the low
// halves of bytes 0 to 7, those of the others the high halves; the high bits lie
// in bytes 8 to 11, two bits of every fourth scale in one byte.
func ScaleQ3K(j int, b []byte) int {
	return int(b[j%8]>>(j/8*4)&15|b[8+j%4]>>(j/4*2)&3<<4) - 32
}

// NonLinear are the values of the codes of IQ4_NL.
var NonLinear = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
