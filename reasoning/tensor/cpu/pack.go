package cpu

import (
	"encoding/binary"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Packed is a quantised matrix laid out for the integer kernels: the same
// numbers, so that a product is that of the dequantised weights, in the order
// in which the kernels read them.
//
// Sixteen rows form a panel, 32 columns a block. The codes of a block come in
// lines of 64 bytes, four columns of each of the sixteen rows; in four-bit form
// a line's low halves are columns 4i to 4i+3 and its high halves 16+4i to 19+4i.
// Scales and minima stand apart, [panel][block][scales, minima][16 rows].
// Missing rows of the last panel are zero.
type Packed struct {
	Rows, Cols int
	form       form
	codes      []byte
	scales     []byte
}

// form is how a storage type is packed.
type form struct {
	bits   int // of a code: 4 or 8
	flags  int
	offset float32    // is added to every code: the minimum in units of the scale
	table  *[16]uint8 // what codes stand for, when flagTable is set
}

// The flags of the kernels in assembly.
const (
	flagWide  = 1 // scales and minima in 32 bits, not 16
	flagMins  = 2 // there are minima: w = scale code + minimum
	flagTwo   = 4 // a scale for each half of a block
	flagTable = 8 // codes are places in a table
)

var forms = map[tensor.Type]form{
	tensor.Q4_0: {bits: 4, offset: -8},
	tensor.Q4_1: {bits: 4, flags: flagMins},
	tensor.Q5_0: {bits: 8, offset: -16},
	tensor.Q5_1: {bits: 8, flags: flagMins},
	tensor.Q8_0: {bits: 8, offset: -128},
	tensor.Q2_K: {bits: 4, flags: flagWide | flagTwo | flagMins},
	tensor.Q3_K: {bits: 4, flags: flagWide | flagTwo, offset: -4},
	tensor.Q4_K: {bits: 4, flags: flagWide | flagMins},
	tensor.Q5_K: {bits: 8, flags: flagWide | flagMins},
	tensor.Q6_K: {bits: 8, flags: flagWide | flagTwo, offset: -32},

	tensor.IQ4_NL: {bits: 4, flags: flagTable, offset: -128, table: &nonLinear},
}

// nonLinear are the values of IQ4_NL as unsigned codes.
var nonLinear = func() (t [16]uint8) {
	for i, v := range tensor.NonLinear {
		t[i] = uint8(int(v) + 128)
	}
	return
}()

// formOf returns how this machine's kernels want a type; false for types that
// are multiplied as they are.
func formOf(t tensor.Type) (form, bool) {
	f, ok := forms[t]
	if f.flags&flagTable != 0 && level != VNNI { // the AVX2 kernels have no table
		f.bits, f.flags = 8, f.flags&^flagTable
	}
	return f, ok && level != Portable
}

// noTable is for kernels that are given none.
var noTable [16]uint8

// scaleBytes returns the bytes of a block's scales and minima.
func (f *form) scaleBytes() int {
	n := 32
	if f.flags&flagWide != 0 {
		n *= 2
	}
	if f.flags&flagMins != 0 {
		n *= 2
	}
	if f.flags&flagTwo != 0 {
		n *= 2
	}
	return n
}

func (f *form) codeBytes() int { return 64 * f.bits }

// Bytes returns the memory of the packed form.
func (p *Packed) Bytes() int64 { return int64(len(p.codes) + len(p.scales)) }

// PackedBytes returns the memory that Pack will take from an arena, 0 for a
// matrix that it leaves as it is.
func PackedBytes(m *tensor.Matrix) int64 {
	f, ok := formOf(m.Type)
	if !ok {
		return 0
	}
	n := (m.Rows + 15) / 16 * (m.Cols / 32)
	return int64(roundUp(n*f.codeBytes(), cacheLine) + roundUp(n*f.scaleBytes(), cacheLine))
}

// Pack lays a quantised matrix out for the kernels of this machine. It returns
// nil for matrices that are multiplied as they are: floats, and all where there
// are only portable kernels.
func (p *Pool) Pack(m *tensor.Matrix, arena *Arena) *Packed {
	f, ok := formOf(m.Type)
	if !ok || m.Rows == 0 {
		return nil
	}
	blocks, panels := m.Cols/32, (m.Rows+15)/16
	out := &Packed{Rows: m.Rows, Cols: m.Cols, form: f}
	out.codes, out.scales = arena.take(panels*blocks*f.codeBytes()), arena.take(panels*blocks*f.scaleBytes())
	const together = 8
	p.Run(NewJob(func(part int) {
		w := packer{m: m, p: out}
		for panel := part * together; panel < min(panels, (part+1)*together); panel++ {
			w.panel(panel)
		}
	}), (panels+together-1)/together)
	return out
}

// Row expands one row to dst, [Cols].
func (p *Packed) Row(dst []float32, r int) {
	f, blocks := &p.form, p.Cols/32
	cb, sb := f.codeBytes(), f.scaleBytes()
	panel, lane := r/16, r%16
	for b := range blocks {
		codes, scales := p.codes[(panel*blocks+b)*cb:], p.scales[(panel*blocks+b)*sb:]
		next := func() (x float32) {
			if f.flags&flagWide == 0 {
				x = tensor.HalfToFloat(binary.LittleEndian.Uint16(scales[2*lane:]))
				scales = scales[32:]
				return x
			}
			x = math.Float32frombits(binary.LittleEndian.Uint32(scales[4*lane:]))
			scales = scales[64:]
			return x
		}
		var scale, low [2]float32
		scale[0] = next()
		if scale[1] = scale[0]; f.flags&flagTwo != 0 {
			scale[1] = next()
		}
		if low[0], low[1] = scale[0]*f.offset, scale[1]*f.offset; f.flags&flagMins != 0 {
			low[0] = next()
			if low[1] = low[0]; f.flags&flagTwo != 0 {
				low[1] = next()
			}
		}
		for i := range 32 {
			var c byte
			if f.bits == 4 {
				c = codes[64*(i%16/4)+4*lane+i%4] >> (i / 16 * 4) & 15
			} else {
				c = codes[64*(i/4)+4*lane+i%4]
			}
			if f.flags&flagTable != 0 {
				c = f.table[c]
			}
			dst[32*b+i] = scale[i/16]*float32(c) + low[i/16]
		}
	}
}

// packer packs panels of one matrix.
type packer struct {
	m      *tensor.Matrix
	p      *Packed
	codes  []byte // of one row
	scales []float32
	mins   []float32
}

func (w *packer) panel(panel int) {
	f, blocks := &w.p.form, w.p.Cols/32
	cb, sb := f.codeBytes(), f.scaleBytes()
	codes := w.p.codes[panel*blocks*cb : (panel+1)*blocks*cb]
	scales := w.p.scales[panel*blocks*sb : (panel+1)*blocks*sb]
	for lane := range min(16, w.p.Rows-16*panel) {
		row := w.m.Row(16*panel + lane)
		switch w.m.Type {
		case tensor.Q4_0:
			packNibbles(codes, scales, row, lane, 2, sb)
		case tensor.Q4_1:
			packNibbles(codes, scales, row, lane, 4, sb)
		case tensor.Q8_0:
			for b := range blocks {
				from, to := row[34*b:34*b+34], codes[512*b+4*lane:]
				copy(scales[sb*b+2*lane:], from[:2])
				for i := range 8 {
					binary.LittleEndian.PutUint32(to[64*i:], binary.LittleEndian.Uint32(from[2+4*i:])^0x80808080)
				}
			}
		default:
			w.general(codes, scales, row, lane)
		}
	}
}

// packNibbles packs a row whose blocks are a head of one or two halves and 16
// bytes of codes in the order that a panel wants.
func packNibbles(codes, scales, row []byte, lane, head, sb int) {
	for b := 0; len(row) > 0; b++ {
		to := codes[256*b+4*lane:]
		for i := 0; i < head; i += 2 {
			copy(scales[sb*b+16*i+2*lane:], row[i:i+2])
		}
		for i := range 4 {
			copy(to[64*i:64*i+4], row[head+4*i:])
		}
		row = row[head+16:]
	}
}

// general packs a row by way of its codes.
func (w *packer) general(codes, scales, row []byte, lane int) {
	f, cols := &w.p.form, w.p.Cols
	if w.codes == nil {
		w.codes, w.scales, w.mins = make([]byte, cols), make([]float32, cols/16), make([]float32, cols/16)
	}
	tensor.Codes(w.m.Type, w.codes, w.scales, w.mins, row)
	if f.table != nil && f.flags&flagTable == 0 {
		for i, c := range w.codes {
			w.codes[i] = f.table[c]
		}
	}
	sb := f.scaleBytes()
	for b := range cols / 32 {
		c := w.codes[32*b : 32*b+32]
		if f.bits == 4 {
			to := codes[256*b+4*lane:]
			for i := range 16 {
				to[64*(i/4)+i%4] = c[i] | c[16+i]<<4
			}
		} else {
			to := codes[512*b+4*lane:]
			for i, x := range c {
				to[64*(i/4)+i%4] = x
			}
		}
		to := scales[sb*b:]
		put := func(x float32) {
			if f.flags&flagWide == 0 {
				binary.LittleEndian.PutUint16(to[2*lane:], tensor.FloatToHalf(x))
				to = to[32:]
				return
			}
			binary.LittleEndian.PutUint32(to[4*lane:], floatBits(x))
			to = to[64:]
		}
		put(w.scales[2*b])
		if f.flags&flagTwo != 0 {
			put(w.scales[2*b+1])
		}
		if f.flags&flagMins != 0 {
			put(w.mins[2*b])
			if f.flags&flagTwo != 0 {
				put(w.mins[2*b+1])
			}
		}
	}
}
