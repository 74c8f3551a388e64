package tensor

import "encoding/binary"

// Codes takes a row of a quantised matrix apart: a code for every weight, and a
// scale and a minimum for every sixteen, so that
//
//	weight i = scales[i/16] * (codes[i] + offset) + mins[i/16]
//
// where the offset belongs to the type: -8 for Q4_0, -16 for Q5_0, -128 for
// Q8_0, -4 for Q3_K, -32 for Q6_K, else 0; codes of IQ4_NL are places in
// NonLinear. Integer kernels are packed from it.
func Codes(t Type, codes []byte, scales, mins []float32, row []byte) {
	le := binary.LittleEndian
	half := func(b []byte) float32 { return HalfToFloat(le.Uint16(b)) }
	both := func(scale, minimum float32) {
		scales[0], scales[1], mins[0], mins[1] = scale, scale, minimum, minimum
	}
	block, size := t.Block()
	for ; len(codes) > 0; codes, row = codes[block:], row[size:] {
		switch t {
		case Q4_0, IQ4_NL:
			both(half(row), 0)
			nibbles(codes, row[2:18])
		case Q4_1:
			both(half(row), half(row[2:]))
			nibbles(codes, row[4:20])
		case Q5_0:
			both(half(row), 0)
			nibbles(codes, row[6:22])
			fifth(codes, le.Uint32(row[2:]))
		case Q5_1:
			both(half(row), half(row[2:]))
			nibbles(codes, row[8:24])
			fifth(codes, le.Uint32(row[4:]))
		case Q8_0:
			both(half(row), 0)
			for i, b := range row[2:34] {
				codes[i] = b ^ 0x80
			}
		case Q2_K:
			d, dmin := half(row[80:]), half(row[82:])
			for i := range 256 {
				codes[i] = row[16+i/128*32+i%32] >> (2 * (i / 32 % 4)) & 3
			}
			for j, s := range row[:16] {
				scales[j], mins[j] = d*float32(s&15), -dmin*float32(s>>4)
			}
		case Q3_K:
			d := half(row[108:])
			for i := range 256 {
				codes[i] = row[32+i/128*32+i%32]>>(2*(i/32%4))&3 | row[i%32]>>(i/32)&1<<2
			}
			for j := range 16 {
				scales[j], mins[j] = d*float32(ScaleQ3K(j, row[96:108])), 0
			}
		case Q4_K, Q5_K:
			d, dmin, qs := half(row), half(row[2:]), row[size-128:]
			for i := range 256 {
				codes[i] = qs[i/64*32+i%32] >> (i / 32 % 2 * 4) & 15
				if t == Q5_K {
					codes[i] |= row[16+i%32] >> (i / 32) & 1 << 4
				}
			}
			for j := range 16 {
				s, m := ScaleMinK(j/2, row[4:16])
				scales[j], mins[j] = d*float32(s), -dmin*float32(m)
			}
		case Q6_K:
			d := half(row[208:])
			for i := range 256 {
				low := row[i/128*64+i%64] >> (i / 64 % 2 * 4) & 15
				codes[i] = low | row[128+i/128*32+i%32]>>(i/32%4*2)&3<<4
			}
			for j := range 16 {
				scales[j], mins[j] = d*float32(int8(row[192+j])), 0
			}
		default:
			panic("tensor: no codes in " + t.String())
		}
		scales, mins = scales[block/16:], mins[block/16:]
	}
}

// nibbles spreads 16 bytes: low halves first.
func nibbles(codes, b []byte) {
	for i, x := range b {
		codes[i], codes[i+16] = x&15, x>>4
	}
}

// fifth adds the high bits of five-bit codes.
func fifth(codes []byte, high uint32) {
	for i := range 32 {
		codes[i] |= byte(high>>i&1) << 4
	}
}
