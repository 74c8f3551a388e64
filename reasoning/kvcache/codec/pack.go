package codec

import "encoding/binary"

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
		s.eachWord(n, dim, func(word, at, step, skip int) {
			var w uint32
			for f, shift := 0, 0; shift < 32; f, shift = f+1, shift+s.bits {
				w |= uint32(codes[at+f/4*skip+f%4*step]) << shift
			}
			binary.LittleEndian.PutUint32(dst[4*word:], w)
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
		mask := uint32(1<<s.bits - 1)
		s.eachWord(n, dim, func(word, at, step, skip int) {
			w := binary.LittleEndian.Uint32(src[4*word:])
			for f, shift := 0, 0; shift < 32; f, shift = f+1, shift+s.bits {
				codes[at+f/4*skip+f%4*step] = uint8(w >> shift & mask)
			}
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

// eachWord calls f for every word of a page in lines: field 4u+j is the code at
// u*skip + j*step from at, a place in [n][dim].
func (s *Scalar) eachWord(n, dim int, f func(word, at, step, skip int)) {
	per := 32 / s.bits / 4 // channels, or positions, of a line
	if s.side == Keys {
		for line := range dim / per {
			for l := range 16 {
				f(16*line+l, l*dim+per*line, 16*dim, 1)
			}
		}
		return
	}
	for chunk := range dim / 64 {
		for line := range n / per {
			for l := range 16 {
				f((chunk*n/per+line)*16+l, per*line*dim+64*chunk+l, 16, dim)
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
