package codec

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Outliers keeps a fixed number of the numbers farthest from the mean of each
// vector exactly, in half precision with their places, and lets another format
// see the mean of the others instead: KVQuant and GEAR, with a fixed number so
// that addresses do not depend on the data. Vectors run as the inner format's
// groups do.
type Outliers struct {
	Count int // of each vector
	Inner Codec
}

func channelwise(c Codec) bool {
	switch c := c.(type) {
	case *Scalar:
		return c.channel
	case Outliers:
		return channelwise(c.Inner)
	case LowRank:
		return channelwise(c.Inner)
	}
	return false
}

func (o Outliers) String() string { return fmt.Sprintf("outliers%d+%v", o.Count, o.Inner) }

func (o Outliers) vectors(n, dim int) (vectors, length, count int) {
	vectors, length = n, dim
	if channelwise(o.Inner) {
		vectors, length = dim, n
	}
	return vectors, length, min(o.Count, length-1)
}

// Size implements Codec.
func (o Outliers) Size(n, dim int) Size {
	s := o.Inner.Size(n, dim)
	if n > 0 {
		vectors, _, count := o.vectors(n, dim)
		s.Extra += 4 * vectors * count
	}
	return s
}

// Encode implements Codec.
func (o Outliers) Encode(dst []byte, x []float32, n, dim int) error {
	if n == 0 {
		return nil
	}
	inner := o.Inner.Size(n, dim).Total()
	vectors, length, count := o.vectors(n, dim)
	stride, step := dim, 1
	if length == n && vectors == dim && channelwise(o.Inner) {
		stride, step = 1, dim
	}
	y := slices.Clone(x[:n*dim])
	out := dst[inner:]
	order := make([]int, length)
	for v := range vectors {
		at := func(i int) *float32 { return &y[v*stride+i*step] }
		var mean float64
		for i := range length {
			order[i] = i
			mean += float64(*at(i))
		}
		mean /= float64(length)
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(math.Abs(float64(*at(b))-mean), math.Abs(float64(*at(a))-mean))
		})
		var rest float64
		for _, i := range order[count:] {
			rest += float64(*at(i))
		}
		for _, i := range order[:count] {
			h := tensor.FloatToHalf(*at(i))
			if h&0x7c00 == 0x7c00 {
				return fmt.Errorf("outlier %d of vector %d: %w", i, v, ErrRange)
			}
			binary.LittleEndian.PutUint16(out, h)
			binary.LittleEndian.PutUint16(out[2:], uint16(i))
			out = out[4:]
			*at(i) = float32(rest / float64(length-count))
		}
	}
	return o.Inner.Encode(dst[:inner], y, n, dim)
}

// Decode implements Codec.
func (o Outliers) Decode(dst []float32, src []byte, n, dim int) {
	if n == 0 {
		return
	}
	inner := o.Inner.Size(n, dim).Total()
	o.Inner.Decode(dst, src[:inner], n, dim)
	vectors, _, count := o.vectors(n, dim)
	stride, step := dim, 1
	if channelwise(o.Inner) {
		stride, step = 1, dim
	}
	out := src[inner:]
	for v := range vectors {
		for range count {
			dst[v*stride+int(binary.LittleEndian.Uint16(out[2:]))*step] = tensor.HalfToFloat(binary.LittleEndian.Uint16(out))
			out = out[4:]
		}
	}
}

// LowRank adds to another format the best low-rank fit of its error, found by
// power iteration: GEAR. The factors, [n][Rank] and [dim][Rank], are in half
// precision.
type LowRank struct {
	Rank  int
	Inner Codec
}

func (l LowRank) String() string { return fmt.Sprintf("lowrank%d+%v", l.Rank, l.Inner) }

// Size implements Codec.
func (l LowRank) Size(n, dim int) Size {
	s := l.Inner.Size(n, dim)
	if n > 0 {
		s.Extra += 2 * l.Rank * (n + dim)
	}
	return s
}

// Encode implements Codec.
func (l LowRank) Encode(dst []byte, x []float32, n, dim int) error {
	if n == 0 {
		return nil
	}
	inner := l.Inner.Size(n, dim).Total()
	if err := l.Inner.Encode(dst[:inner], x, n, dim); err != nil {
		return err
	}
	e := make([]float32, n*dim)
	l.Inner.Decode(e, dst[:inner], n, dim)
	for i := range e {
		e[i] = x[i] - e[i]
	}
	a, b := powerIteration(e, n, dim, l.Rank)
	for i, v := range append(b, a...) {
		binary.LittleEndian.PutUint16(dst[inner+2*i:], tensor.FloatToHalf(v))
	}
	return nil
}

// powerIteration returns a [dim][rank] and b [n][rank] with e close to b aᵀ, b
// having orthonormal columns.
func powerIteration(e []float32, n, dim, rank int) (a, b []float32) {
	a, b = make([]float32, dim*rank), make([]float32, n*rank)
	state := uint32(0x9e3779b9)
	for i := range a { // any fixed start without symmetry
		state = state*1664525 + 1013904223
		a[i] = float32(int32(state)) / (1 << 31)
	}
	for range 3 {
		for t := range n {
			for r := range rank {
				var sum float32
				for c := range dim {
					sum += e[t*dim+c] * a[c*rank+r]
				}
				b[t*rank+r] = sum
			}
		}
		orthonormalise(b, n, rank)
		for c := range dim {
			for r := range rank {
				var sum float32
				for t := range n {
					sum += e[t*dim+c] * b[t*rank+r]
				}
				a[c*rank+r] = sum
			}
		}
	}
	return a, b
}

// orthonormalise makes the columns of b [n][rank] orthonormal, in place
// (Gram-Schmidt); a column without length becomes zero.
func orthonormalise(b []float32, n, rank int) {
	for r := range rank {
		for p := range r {
			var dot float64
			for t := range n {
				dot += float64(b[t*rank+r]) * float64(b[t*rank+p])
			}
			for t := range n {
				b[t*rank+r] -= float32(dot) * b[t*rank+p]
			}
		}
		var sq float64
		for t := range n {
			sq += float64(b[t*rank+r]) * float64(b[t*rank+r])
		}
		inv := 0.0
		if sq > 1e-30 {
			inv = 1 / math.Sqrt(sq)
		}
		for t := range n {
			b[t*rank+r] *= float32(inv)
		}
	}
}

// Decode implements Codec.
func (l LowRank) Decode(dst []float32, src []byte, n, dim int) {
	if n == 0 {
		return
	}
	inner := l.Inner.Size(n, dim).Total()
	l.Inner.Decode(dst, src[:inner], n, dim)
	at := func(i int) float32 { return tensor.HalfToFloat(binary.LittleEndian.Uint16(src[inner+2*i:])) }
	for t := range n {
		for r := range l.Rank {
			b := at(t*l.Rank + r)
			for c := range dim {
				dst[t*dim+c] += b * at((n+c)*l.Rank+r)
			}
		}
	}
}

// Separable divides every channel by the root of its largest magnitude on the
// page before another format quantises along positions, and multiplies
// afterwards: ZipCache's channel-separable values.
type Separable struct{ Inner Codec }

func (s Separable) String() string { return fmt.Sprintf("separable+%v", s.Inner) }

// Size implements Codec.
func (s Separable) Size(n, dim int) Size {
	z := s.Inner.Size(n, dim)
	if n > 0 {
		z.Scales += 2 * dim
	}
	return z
}

// Encode implements Codec.
func (s Separable) Encode(dst []byte, x []float32, n, dim int) error {
	if n == 0 {
		return nil
	}
	inner := s.Inner.Size(n, dim).Total()
	y := slices.Clone(x[:n*dim])
	for c := range dim {
		var top float32
		for t := range n {
			top = max(top, x[t*dim+c], -x[t*dim+c])
		}
		h := tensor.FloatToHalf(float32(math.Sqrt(float64(top))))
		if h&0x7c00 == 0x7c00 {
			return fmt.Errorf("channel %d: %w", c, ErrRange)
		}
		binary.LittleEndian.PutUint16(dst[inner+2*c:], h)
		if scale := tensor.HalfToFloat(h); scale > 0 {
			for t := range n {
				y[t*dim+c] /= scale
			}
		}
	}
	return s.Inner.Encode(dst[:inner], y, n, dim)
}

// Decode implements Codec.
func (s Separable) Decode(dst []float32, src []byte, n, dim int) {
	if n == 0 {
		return
	}
	inner := s.Inner.Size(n, dim).Total()
	s.Inner.Decode(dst, src[:inner], n, dim)
	for c := range dim {
		scale := tensor.HalfToFloat(binary.LittleEndian.Uint16(src[inner+2*c:]))
		for t := range n {
			dst[t*dim+c] *= scale
		}
	}
}

// Nested is a MinMax format of 2k bits whose upper k bits can be read alone:
// SAQ with truncation in the place of requantisation. The upper codes and the
// parameters come first; dropping the rest of the bytes leaves a page of
// Half().
type Nested struct {
	full, half *Scalar
}

// NewNested returns the nested format of a MinMax format with an even number
// of bits.
func NewNested(f Format, side Side) (*Nested, error) {
	if f.Bits%2 != 0 {
		return nil, fmt.Errorf("nested codes of %d bits: give 2, 4 or 8", f.Bits)
	}
	f.Kind = MinMax
	full, err := NewScalar(f, side)
	if err != nil {
		return nil, err
	}
	f.Bits /= 2
	half, err := NewScalar(f, side)
	if err != nil {
		return nil, err
	}
	k := 1 << f.Bits
	for c := range half.level { // the middle of the full levels it stands for
		half.level[c] = float32(k*c) + float32(k-1)/2
	}
	half.lookup = lookup(half.level)
	half.name = "half of nested+" + full.name
	return &Nested{full, half}, nil
}

func (d *Nested) String() string { return "nested+" + d.full.name }

// Half reads what is left of a page when its lower bits are gone.
func (d *Nested) Half() Codec { return d.half }

// Size implements Codec.
func (d *Nested) Size(n, dim int) Size {
	s := d.half.Size(n, dim)
	s.Codes *= 2
	return s
}

// Encode implements Codec.
func (d *Nested) Encode(dst []byte, x []float32, n, dim int) error {
	if n == 0 {
		return nil
	}
	upper := d.half.Size(n, dim)
	codes, low := make([]uint8, n*dim), make([]uint8, n*dim)
	if err := d.full.encode(codes, dst[upper.Codes:], x, n, dim); err != nil {
		return err
	}
	k := d.half.bits
	for i, c := range codes {
		codes[i], low[i] = c>>k, c&(1<<k-1)
	}
	d.half.pack(dst[:upper.Codes], codes, n, dim)
	d.half.pack(dst[upper.Total():], low, n, dim)
	return nil
}

// Decode implements Codec.
func (d *Nested) Decode(dst []float32, src []byte, n, dim int) {
	if n == 0 {
		return
	}
	upper := d.half.Size(n, dim)
	codes, low := make([]uint8, n*dim), make([]uint8, n*dim)
	d.half.unpack(codes, src, n, dim)
	d.half.unpack(low, src[upper.Total():], n, dim)
	for i, c := range low {
		codes[i] = codes[i]<<d.half.bits | c
	}
	d.full.decode(dst, codes, src[upper.Codes:], n, dim)
}
