package tensor

import "math"

// HalfToFloat expands an IEEE 754 binary16.
func HalfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 0: // zero and subnormal: frac * 2^-24
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// FloatToHalf rounds to the nearest binary16, ties to even; values above 65504
// become infinite.
func FloatToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 // NaN
	case b >= 0x47800000:
		return sign | 0x7c00 // 65536 and more
	case b < 0x38800000: // below 2^-14: subnormal, in steps of 2^-24
		// Adding 0.5 aligns the unit of the sum's last place with 2^-24.
		m := math.Float32bits(math.Float32frombits(b) + 0.5)
		return sign | uint16(m-0x3f000000)
	}
	odd := b >> 13 & 1
	return sign | uint16((b+0xfff+odd-0x38000000)>>13)
}

// BFloatToFloat expands a bfloat16: the upper half of a float32.
func BFloatToFloat(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// FloatToBFloat rounds to the nearest bfloat16, ties to even.
func FloatToBFloat(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
