package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// A GGUF file, all numbers little-endian (format notes of ggml, version 3):
//
//	"GGUF" | version u32 | tensors u64 | pairs u64
//	pairs:   key string | type u32 | value      string = length u64 | bytes
//	tensors: name string | dims u32 | dims x u64, fastest first | type u32 | offset u64
//	padding to general.alignment (32) | tensor data, offsets from here
const (
	ggufMagic     = "GGUF"
	alignmentKey  = "general.alignment"
	defaultAlign  = 32
	maxName       = 64 << 10
	maxString     = 64 << 20
	maxDims       = 4
	minPairBytes  = 8 + 4 + 1
	minInfoBytes  = 8 + 4 + 8 + 4 + 8
	maxTensorSide = 1 << 40
)

// The types of metadata values; part of the format.
const (
	ggufUint8 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

var scalarBytes = map[uint32]int{
	ggufUint8: 1, ggufInt8: 1, ggufUint16: 2, ggufInt16: 2, ggufUint32: 4, ggufInt32: 4,
	ggufFloat32: 4, ggufBool: 1, ggufUint64: 8, ggufInt64: 8, ggufFloat64: 8,
}

// reader walks the bytes of a file; after the first error it stays where it is.
type reader struct {
	file string
	b    []byte
	off  int
	err  error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{r.file, int64(at), fmt.Sprintf(format, args...)}
	}
}

// take returns the next n bytes, or nil after noting that they are missing.
func (r *reader) take(n int, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b)-r.off {
		r.fail(r.off, "%s needs %d bytes, the file has %d left; %s", what, n, len(r.b)-r.off, damaged)
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off]
}

func (r *reader) u32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if b := r.take(8, what); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a number of things of at least size bytes each and refuses one
// that the rest of the file cannot hold.
func (r *reader) count(what string, size int) int {
	at := r.off
	n := r.u64("the number of " + what)
	if left := uint64(len(r.b)-r.off) / uint64(size); r.err == nil && n > left {
		r.fail(at, "%d %s announced, but the rest of the file can hold only %d; %s", n, what, left, damaged)
		return 0
	}
	return int(n)
}

func (r *reader) text(what string, limit int) string {
	at := r.off
	n := r.u64("the length of " + what)
	if r.err == nil && n > uint64(limit) {
		r.fail(at, "%s of %d bytes is longer than the allowed %d; %s", what, n, limit, damaged)
	}
	return string(r.take(int(min(n, uint64(limit))), what))
}

func parseGGUF(name string, data []byte) (*File, error) {
	r := &reader{file: name, b: data}
	switch magic := string(r.take(4, "the magic word")); {
	case r.err != nil:
		return nil, r.err
	case magic == "FUGG":
		r.fail(0, "big-endian GGUF is not supported: convert it to little-endian")
		return nil, r.err
	case magic != ggufMagic:
		r.fail(0, "starts with %q, not %q: this is not a GGUF file; give a .gguf file or a folder with safetensors", magic, ggufMagic)
		return nil, r.err
	}
	if v := r.u32("the version"); r.err == nil && v != 2 && v != 3 {
		r.fail(4, "GGUF version %d is not supported, only 2 and 3: convert the file with a current tool", v)
	}
	tensors := r.count("tensors", minInfoBytes)
	pairs := r.count("metadata pairs", minPairBytes)
	f := &File{Name: name, Meta: Metadata{}, tensors: map[string]*tensor.Matrix{}, shapes: map[string][]int{}}
	for i := 0; i < pairs && r.err == nil; i++ {
		at := r.off
		key := r.text("a metadata key", maxName)
		kind := r.u32("the type of " + key)
		v := r.value(key, kind)
		if _, twice := f.Meta[key]; twice {
			r.fail(at, "metadata key %q appears twice; %s", key, damaged)
		}
		f.Meta[key] = v
	}
	if r.err != nil {
		return nil, r.err
	}
	align := defaultAlign
	if v, ok := f.Meta[alignmentKey]; ok {
		n, _ := f.Meta.Int(alignmentKey)
		if n < 8 || n > 1<<20 || n&(n-1) != 0 {
			r.fail(r.off, "%s is %v; it must be a power of two from 8 to 1 MiB; %s", alignmentKey, v, damaged)
			return nil, r.err
		}
		align = n
	}
	type info struct {
		name   string
		typ    tensor.Type
		shape  []int
		bytes  int
		offset uint64
		at     int
	}
	var infos []info
	for i := 0; i < tensors && r.err == nil; i++ {
		in := info{at: r.off}
		in.name = r.text("a tensor name", maxName)
		if strings.ContainsRune(in.name, 0) {
			r.fail(in.at, "the tensor name %q has a zero byte; %s", in.name, damaged)
		}
		dims := r.u32("the dimensions of " + in.name)
		if r.err == nil && (dims == 0 || dims > maxDims) {
			r.fail(in.at, "tensor %q has %d dimensions, allowed are 1 to %d; %s", in.name, dims, maxDims, damaged)
			break
		}
		in.shape = make([]int, dims)
		size := uint64(1)
		for d := range in.shape {
			n := r.u64("a dimension of " + in.name)
			if r.err == nil && n == 0 {
				r.fail(in.at, "tensor %q has a dimension of 0; %s", in.name, damaged)
			}
			if n > maxTensorSide || n > 0 && size > maxTensorSide/n {
				r.fail(in.at, "tensor %q has more than 2^40 values; %s", in.name, damaged)
			}
			size *= n
			in.shape[len(in.shape)-1-d] = int(n) // slowest first from here on
		}
		in.typ = tensor.Type(r.u32("the type of " + in.name))
		in.offset = r.u64("the offset of " + in.name)
		if r.err != nil {
			break
		}
		if !in.typ.Known() {
			r.fail(in.at, "tensor %q is stored as %v, which is not supported: re-quantise the model to Q4_0, Q4_1, Q4_K, Q5_K, Q6_K, Q8_0, F16 or F32", in.name, in.typ)
			break
		}
		if block, _ := in.typ.Block(); in.shape[dims-1]%block != 0 {
			r.fail(in.at, "tensor %q has rows of %d values, not a multiple of the %d of a %v block; %s", in.name, in.shape[dims-1], block, in.typ, damaged)
			break
		}
		in.bytes = in.typ.RowBytes(int(size))
		infos = append(infos, in)
	}
	if r.err != nil {
		return nil, r.err
	}
	base := (r.off + align - 1) / align * align
	if base > len(data) {
		if len(infos) > 0 {
			r.fail(r.off, "the tensor data is missing; %s", damaged)
			return nil, r.err
		}
		base = len(data)
	}
	body := data[base:]
	var extents []extent
	for _, in := range infos {
		switch {
		case in.offset%uint64(align) != 0:
			r.fail(in.at, "tensor %q starts at offset %d, not a multiple of %d; %s", in.name, in.offset, align, damaged)
		case in.offset > uint64(len(body)) || in.bytes > len(body)-int(in.offset):
			r.fail(in.at, "tensor %q takes %d bytes from offset %d of the data section, which has %d; %s", in.name, in.bytes, in.offset, len(body), damaged)
		case f.tensors[in.name] != nil:
			r.fail(in.at, "tensor %q appears twice; %s", in.name, damaged)
		}
		if r.err != nil {
			return nil, r.err
		}
		from := int(in.offset)
		f.add(in.name, in.typ, in.shape, body[from:from+in.bytes:from+in.bytes])
		extents = append(extents, extent{in.name, int64(from), int64(from + in.bytes)})
	}
	if err := overlap(name, int64(base), extents); err != nil {
		return nil, err
	}
	return f, nil
}

// add registers a tensor: a matrix whose rows are the fastest dimension.
func (f *File) add(name string, t tensor.Type, shape []int, data []byte) {
	cols := shape[len(shape)-1]
	rows := 1
	for _, n := range shape[:len(shape)-1] {
		rows *= n
	}
	f.tensors[name] = &tensor.Matrix{Type: t, Rows: rows, Cols: cols, Data: data}
	f.shapes[name] = shape
}

// value reads one metadata value.
func (r *reader) value(key string, kind uint32) any {
	if kind == ggufString {
		return r.text("the value of "+key, maxString)
	}
	if size, ok := scalarBytes[kind]; ok {
		b := r.take(size, "the value of "+key)
		if b == nil {
			return nil
		}
		return scalar(kind, b)
	}
	if kind != ggufArray {
		r.fail(r.off, "metadata key %q has the unknown type %d; %s", key, kind, damaged)
		return nil
	}
	elem := r.u32("the element type of " + key)
	if elem == ggufString {
		n := r.count("strings in "+key, 8)
		out := make([]string, 0, n)
		for i := 0; i < n && r.err == nil; i++ {
			out = append(out, r.text("a string of "+key, maxString))
		}
		return out
	}
	size, ok := scalarBytes[elem]
	if !ok {
		r.fail(r.off, "metadata key %q is an array of type %d, which is not supported", key, elem)
		return nil
	}
	n := r.count("values in "+key, size)
	b := r.take(n*size, "the values of "+key)
	if r.err != nil {
		return nil
	}
	switch elem {
	case ggufInt32:
		return numbers[int32](elem, b, size)
	case ggufUint32:
		return numbers[uint32](elem, b, size)
	case ggufFloat32:
		return numbers[float32](elem, b, size)
	case ggufFloat64:
		return numbers[float64](elem, b, size)
	case ggufBool:
		return numbers[bool](elem, b, size)
	case ggufUint8:
		return numbers[uint8](elem, b, size)
	case ggufInt8:
		return numbers[int8](elem, b, size)
	case ggufUint16:
		return numbers[uint16](elem, b, size)
	case ggufInt16:
		return numbers[int16](elem, b, size)
	case ggufUint64:
		return numbers[uint64](elem, b, size)
	}
	return numbers[int64](elem, b, size)
}

func numbers[T any](kind uint32, b []byte, size int) []T {
	out := make([]T, len(b)/size)
	for i := range out {
		out[i] = scalar(kind, b[i*size:]).(T)
	}
	return out
}

func scalar(kind uint32, b []byte) any {
	le := binary.LittleEndian
	switch kind {
	case ggufUint8:
		return b[0]
	case ggufInt8:
		return int8(b[0])
	case ggufBool:
		return b[0] != 0
	case ggufUint16:
		return le.Uint16(b)
	case ggufInt16:
		return int16(le.Uint16(b))
	case ggufUint32:
		return le.Uint32(b)
	case ggufInt32:
		return int32(le.Uint32(b))
	case ggufFloat32:
		return math.Float32frombits(le.Uint32(b))
	case ggufUint64:
		return le.Uint64(b)
	case ggufInt64:
		return int64(le.Uint64(b))
	}
	return math.Float64frombits(le.Uint64(b))
}
