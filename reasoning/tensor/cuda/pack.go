package cuda

import (
	"encoding/binary"
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// packed is a matrix in one of the three forms that the kernels of linear.cu
// read. Rows are padded with zero weights to a multiple of 32.
type packed struct {
	bits       int // of a weight: 4, 8 or 16
	rows, cols int
	data       []byte   // [rows][groups] of 16, 32 or 64 bytes
	scales     []uint32 // [rows][groups] scale and minimum as f16; nil for 16 bits
}

func (p *packed) groups() int { return (p.cols + 31) / 32 }

// form returns the bits that a format is packed with: Q4_0, Q4_1 and Q8_0 keep
// their codes exactly, all others become f16.
func form(t tensor.Type) int {
	switch t {
	case tensor.Q4_0, tensor.Q4_1:
		return 4
	case tensor.Q8_0:
		return 8
	}
	return 16
}

// pack stacks matrices of equal columns into one. Those of different forms all
// become 16 bits.
func pack(ms ...*tensor.Matrix) (*packed, error) {
	p := &packed{bits: form(ms[0].Type), cols: ms[0].Cols}
	for _, m := range ms {
		if m.Cols != p.cols {
			return nil, fmt.Errorf("cuda: matrices of %d and %d columns cannot be stacked", p.cols, m.Cols)
		}
		if m.Cols%4 != 0 {
			return nil, fmt.Errorf("cuda: rows of %d weights are not supported: they must be a multiple of 4", m.Cols)
		}
		if form(m.Type) != p.bits {
			p.bits = 16
		}
		p.rows += m.Rows
	}
	p.data = make([]byte, p.rows*p.groups()*4*p.bits)
	if p.bits < 16 {
		p.scales = make([]uint32, p.rows*p.groups())
	}
	row := make([]float32, p.cols)
	at := 0
	for _, m := range ms {
		for r := range m.Rows {
			p.packRow(at, m, r, row)
			at++
		}
	}
	return p, nil
}

func (p *packed) packRow(at int, m *tensor.Matrix, r int, floats []float32) {
	le := binary.LittleEndian
	groups := p.groups()
	out := p.data[at*groups*4*p.bits:]
	src := m.Row(r)
	if p.bits == 16 {
		tensor.Dequantize(m.Type, floats, src)
		for i, x := range floats {
			le.PutUint16(out[2*i:], tensor.FloatToHalf(max(-65504, min(65504, x))))
		}
		return
	}
	_, size := m.Type.Block()
	for g := range groups {
		b := src[g*size : (g+1)*size]
		scale, minimum := le.Uint16(b), uint16(0)
		dst := out[g*4*p.bits:]
		if m.Type == tensor.Q8_0 {
			copy(dst[:32], b[2:])
		} else {
			codes := b[2:]
			if m.Type == tensor.Q4_1 {
				minimum, codes = le.Uint16(b[2:]), b[4:]
			} else {
				minimum = tensor.FloatToHalf(-8 * tensor.HalfToFloat(scale))
			}
			for i := range 16 { // the file has weight i beside weight i+16
				lo, hi := codes[i]&15, codes[i]>>4
				dst[i/2] |= lo << (4 * (i % 2))
				dst[8+i/2] |= hi << (4 * (i % 2))
			}
		}
		p.scales[at*groups+g] = uint32(scale) | uint32(minimum)<<16
	}
}

// floats expands a packed matrix: what the kernels compute with.
func (p *packed) floats() []float32 {
	le := binary.LittleEndian
	out := make([]float32, 0, p.rows*p.cols)
	for r := range p.rows {
		for c := range p.cols {
			g := r*p.groups() + c/32
			b := p.data[g*4*p.bits:]
			if p.bits == 16 {
				out = append(out, tensor.HalfToFloat(le.Uint16(b[2*(c%32):])))
				continue
			}
			s := p.scales[g]
			scale, minimum := tensor.HalfToFloat(uint16(s)), tensor.HalfToFloat(uint16(s>>16))
			var code float32
			if p.bits == 4 {
				code = float32(b[c%32/2] >> (4 * (c % 2)) & 15)
			} else {
				code = float32(int8(b[c%32]))
			}
			out = append(out, scale*code+minimum)
		}
	}
	return out
}
