package codec

// The order of codes. Whole pages of two, four and eight bits lie as the
// kernels read them; everything else is a plain stream of bits, position by
// position.
//
// A line is 16 words of 32 bits, one word a vector lane. A word holds 32/bits
// fields. For keys, field 4u+j of lane l of a line is the code of channel
// (fields/4)*line+u and position 16j+l; one line thus covers some channels of
// all 64 positions, and products with a query run down the lines without sums
// across lanes. For values the parts are exchanged: field 4u+j of lane l is
// position (fields/4)*line+u and channel 16j+l of a chunk of 64 channels.
//
// Codes of eight bits are signed bytes, 128 less than the code, channel by
// channel for keys and position by position for values.

// lanes says whether a page lies in lines.
func (s *Scalar) lanes(n, dim int) bool {
	if n != PageTokens || s.bits != 2 && s.bits != 4 {
		return false
	}
	if s.side == Keys {
		return dim%4 == 0
	}
	return dim%64 == 0
}

func (s *Scalar) pack(dst []byte, codes []uint8, n, dim int) {
	switch {
	case s.lanes(n, dim):
		clear(dst[:n*dim*s.bits/8])
		s.eachField(n, dim, func(at, word int, shift uint) {
			// The field lies within one byte: bits divides 8.
			dst[4*word+int(shift/8)] |= codes[at] << (shift % 8)
		})
	case s.bits == 8 && s.side == Keys && n == PageTokens:
		for t := range n {
			for c := range dim {
				dst[c*n+t] = codes[t*dim+c] ^ 0x80
			}
		}
	case s.bits == 8:
		for i, c := range codes {
			dst[i] = c ^ 0x80
		}
	default:
		packBits(dst[:(n*dim*s.bits+7)/8], codes, s.bits)
	}
}

func (s *Scalar) unpack(codes []uint8, src []byte, n, dim int) {
	switch {
	case s.lanes(n, dim):
		mask := uint8(1<<s.bits - 1)
		s.eachField(n, dim, func(at, word int, shift uint) {
			codes[at] = src[4*word+int(shift/8)] >> (shift % 8) & mask
		})
	case s.bits == 8 && s.side == Keys && n == PageTokens:
		for t := range n {
			for c := range dim {
				codes[t*dim+c] = src[c*n+t] ^ 0x80
			}
		}
	case s.bits == 8:
		for i := range codes {
			codes[i] = src[i] ^ 0x80
		}
	default:
		unpackBits(codes, src, s.bits)
	}
}

// eachField calls f for every code of a page in lines: at is its place in
// [n][dim], word and shift its place in the lines.
func (s *Scalar) eachField(n, dim int, f func(at, word int, shift uint)) {
	per := 32 / s.bits / 4 // channels, or positions, of a line
	chunks := 1
	if s.side == Values {
		chunks = dim / 64
	}
	lines := n * dim / 64 / per / chunks
	for k := range chunks {
		for line := range lines {
			for u := range per {
				for j := range 4 {
					shift := uint((4*u + j) * s.bits)
					for l := range 16 {
						word := (k*lines+line)*16 + l
						if s.side == Keys {
							f((16*j+l)*dim+per*line+u, word, shift)
						} else {
							f((per*line+u)*dim+64*k+16*j+l, word, shift)
						}
					}
				}
			}
		}
	}
}

// packBits writes codes one after the other, the first in the lowest bits.
func packBits(dst []byte, codes []uint8, bits int) {
	var acc uint32
	have, at := 0, 0
	for _, c := range codes {
		acc |= uint32(c) << have
		have += bits
		for have >= 8 {
			dst[at] = byte(acc)
			acc >>= 8
			have -= 8
			at++
		}
	}
	if have > 0 {
		dst[at] = byte(acc)
	}
}

func unpackBits(codes []uint8, src []byte, bits int) {
	var acc uint32
	have, at := 0, 0
	mask := uint32(1<<bits - 1)
	for i := range codes {
		for have < bits {
			acc |= uint32(src[at]) << have
			have += 8
			at++
		}
		codes[i] = uint8(acc & mask)
		acc >>= bits
		have -= bits
	}
}
