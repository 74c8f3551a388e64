package tensor

import (
	"fmt"
	"unsafe"
)

// Type is a storage format of weights. The values are those of GGUF files and
// must never change.
type Type uint32

// The supported formats.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	// IQ4_NL has four-bit codes for unevenly spaced values.
	IQ4_NL Type = 20
	BF16   Type = 30
)

type typeInfo struct {
	name  string
	block int // weights in one block
	bytes int // bytes of one block
}

var types = map[Type]typeInfo{
	F32:  {"F32", 1, 4},
	F16:  {"F16", 1, 2},
	BF16: {"BF16", 1, 2},
	Q4_0: {"Q4_0", 32, 18},
	Q4_1: {"Q4_1", 32, 20},
	Q5_0: {"Q5_0", 32, 22},
	Q5_1: {"Q5_1", 32, 24},
	Q8_0: {"Q8_0", 32, 34},
	Q2_K: {"Q2_K", 256, 84},
	Q3_K: {"Q3_K", 256, 110},
	Q4_K: {"Q4_K", 256, 144},
	Q5_K: {"Q5_K", 256, 176},
	Q6_K: {"Q6_K", 256, 210},

	IQ4_NL: {"IQ4_NL", 32, 18},
}

// Known says whether this program can read the format.
func (t Type) Known() bool { _, ok := types[t]; return ok }

func (t Type) String() string {
	if i, ok := types[t]; ok {
		return i.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Block returns how many weights form the smallest unit and its bytes.
func (t Type) Block() (weights, bytes int) {
	i := types[t]
	return i.block, i.bytes
}

// RowBytes returns the bytes of a row of n weights; n must be a multiple of
// the block.
func (t Type) RowBytes(n int) int {
	i := types[t]
	return n / i.block * i.bytes
}

// Matrix is a row-major matrix of weights as stored: row r is the bytes
// r*Type.RowBytes(Cols) and on. A vector has one row. Data may be mapped from
// a file: read only.
type Matrix struct {
	Type       Type
	Rows, Cols int
	Data       []byte
}

// Row returns the bytes of one row.
func (m *Matrix) Row(r int) []byte {
	n := m.Type.RowBytes(m.Cols)
	return m.Data[r*n : (r+1)*n]
}

// Check reports a matrix whose shape and bytes do not belong together.
func (m *Matrix) Check() error {
	i, ok := types[m.Type]
	switch {
	case !ok:
		return fmt.Errorf("unknown weight format %v", m.Type)
	case m.Rows < 0 || m.Cols < 0 || m.Cols%i.block != 0:
		return fmt.Errorf("%v matrix of %d x %d: rows must be multiples of %d", m.Type, m.Rows, m.Cols, i.block)
	case len(m.Data) != m.Rows*m.Type.RowBytes(m.Cols):
		return fmt.Errorf("%v matrix of %d x %d has %d bytes, needs %d", m.Type, m.Rows, m.Cols, len(m.Data), m.Rows*m.Type.RowBytes(m.Cols))
	}
	return nil
}

// Floats expands the whole matrix to float32.
func (m *Matrix) Floats() []float32 {
	out := make([]float32, m.Rows*m.Cols)
	Dequantize(m.Type, out, m.Data)
	return out
}

// F32 returns the values of an F32 matrix without copying them. The data must
// be aligned to four bytes, as package weights sees to.
func (m *Matrix) F32() []float32 {
	if m.Type != F32 {
		panic("tensor: " + m.Type.String() + " matrix used as F32")
	}
	if len(m.Data) == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(m.Data))), len(m.Data)/4)
}

// FromF32 wraps row-major floats as a matrix, without copying.
func FromF32(x []float32, rows, cols int) *Matrix {
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*rows*cols)
	return &Matrix{Type: F32, Rows: rows, Cols: cols, Data: data}
}
