package tensor

import "encoding/binary"

// halves are the places of half-precision numbers in a block of a quantised
// type: its scales and minima, the only parts that can be infinite or not a
// number.
var halves = map[Type][]int{
	Q4_0: {0}, Q4_1: {0, 2}, Q5_0: {0}, Q5_1: {0, 2}, Q8_0: {0}, IQ4_NL: {0},
	Q2_K: {80, 82}, Q3_K: {108}, Q4_K: {0, 2}, Q5_K: {0, 2}, Q6_K: {208},
}

// NotFinite finds the first weight, counted along the rows, that is infinite or
// not a number; for quantised types the first one of its block.
func (m *Matrix) NotFinite() (at int, found bool) {
	le := binary.LittleEndian
	block, size := m.Type.Block()
	switch m.Type {
	case F32:
		for i := 0; i+4 <= len(m.Data); i += 4 {
			if le.Uint32(m.Data[i:])&0x7f800000 == 0x7f800000 {
				return i / 4, true
			}
		}
	case F16, BF16:
		mask := uint16(0x7c00)
		if m.Type == BF16 {
			mask = 0x7f80
		}
		for i := 0; i+2 <= len(m.Data); i += 2 {
			if le.Uint16(m.Data[i:])&mask == mask {
				return i / 2, true
			}
		}
	default:
		for _, h := range halves[m.Type] {
			for i := 0; i+size <= len(m.Data); i += size {
				if le.Uint16(m.Data[i+h:])&0x7c00 == 0x7c00 {
					return i / size * block, true
				}
			}
		}
	}
	return 0, false
}
