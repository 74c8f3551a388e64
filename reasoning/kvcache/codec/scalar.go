package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Kind says which levels a scalar format has and how a group gets its scale.
type Kind int

// The kinds, with the letters of specifications.
const (
	// MinMax ("a", Qa) spans the smallest and the largest number of a group,
	// both of which are levels: KIVI, GEAR, MiKV, ZipCache.
	MinMax Kind = iota
	// MidRise ("m", Qm) cuts the same span into equal intervals and reads the
	// middle of each. At two bits its error on normal numbers is a third less.
	MidRise
	// RMS ("g", Qg) is a uniform grid without zero whose width follows the root
	// mean square: QuEST.
	RMS
	// Lloyd ("l", Ql) has the best levels for normal numbers, scaled by the
	// norm: TurboQuant.
	Lloyd
	// Symmetric ("q4_0", Qs) is ggml's: the number of largest magnitude is a
	// level, and zero is one.
	Symmetric
	// Table ("n", Qn) has levels in [-1, 1] that were fitted to a model, and
	// spans the group's range: KVQuant.
	Table
	// Fixed ("t") has the levels of a table and neither scale nor shift: what
	// brings the numbers to [-1, 1] is done before.
	Fixed
)

const letters = "amgl?nt"

// Scalar stores each number as one code. Make it with NewScalar.
type Scalar struct {
	kind    Kind
	bits    int
	group   int     // numbers that share a scale; 0 = a whole vector
	channel bool    // groups run along a channel, over positions
	clip    float32 // share of the range that MinMax and MidRise keep, 1 = all
	side    Side
	level   []float32
	lookup  [16]float32 // level as the kernels look it up
	name    string
}

// Format are the choices of a scalar format.
type Format struct {
	Kind    Kind
	Bits    int  // 1 to 8
	Group   int  // numbers that share a scale; 0 = the whole vector, or the page's positions
	Channel bool // a group is one channel of neighbouring positions
	Clip    float32
	Table   []float32 // levels of Table and Fixed, ascending, 1<<Bits of them
}

// NewScalar returns the codec of a format for one side of the cache.
func NewScalar(f Format, side Side) (*Scalar, error) {
	switch {
	case f.Bits < 1 || f.Bits > 8:
		return nil, fmt.Errorf("%d bits: give 1 to 8", f.Bits)
	case f.Kind == Lloyd && f.Bits > 4:
		return nil, fmt.Errorf("l%d: optimal levels are known for 1 to 4 bits; use g%d", f.Bits, f.Bits)
	case f.Group < 0 || f.Group > 1024:
		return nil, fmt.Errorf("groups of %d: give 1 to 1024", f.Group)
	case f.Channel && f.Group > PageTokens:
		return nil, fmt.Errorf("groups of %d positions: a page has %d", f.Group, PageTokens)
	case f.Clip < 0 || f.Clip > 1:
		return nil, fmt.Errorf("clip of %g: give a share of the range, 0 to 1", f.Clip)
	}
	s := &Scalar{kind: f.Kind, bits: f.Bits, group: f.Group, channel: f.Channel, clip: f.Clip, side: side}
	if s.clip == 0 {
		s.clip = 1
	}
	switch f.Kind {
	case Table, Fixed:
		if len(f.Table) != 1<<f.Bits || !slices.IsSorted(f.Table) {
			return nil, fmt.Errorf("a table of %d bits has %d levels, want %d in order", f.Bits, len(f.Table), 1<<f.Bits)
		}
		s.level = slices.Clone(f.Table)
	case Symmetric:
		if f.Bits == 8 { // ggml's q8_0 is ±127 with zero in the middle
			s.level = make([]float32, 256)
			for c := range s.level {
				s.level[c] = float32(c - 128)
			}
			break
		}
		fallthrough
	default:
		s.level = levels(f.Kind, f.Bits)
	}
	s.lookup = lookup(s.level)
	s.name = s.spec()
	return s, nil
}

func (s *Scalar) spec() string {
	name := ""
	if s.channel {
		name = "channel+"
	}
	if s.kind == Symmetric && s.group == 32 {
		return fmt.Sprintf("%sq%d_0", name, s.bits)
	}
	if s.kind == Symmetric {
		name += "q"
	} else {
		name += letters[s.kind : s.kind+1]
	}
	name += strconv.Itoa(s.bits)
	if s.group > 0 {
		name += ":" + strconv.Itoa(s.group)
	}
	if s.clip != 1 {
		name += "~" + strconv.FormatFloat(float64(s.clip), 'g', -1, 32)
	}
	return name
}

// String implements Codec.
func (s *Scalar) String() string { return s.name }

// WithBits returns the same format with another number of bits. Fitted tables
// have only one.
func (s *Scalar) WithBits(bits int) (*Scalar, error) {
	if s.kind == Table || s.kind == Fixed {
		return nil, fmt.Errorf("%s: a fitted table has its own number of bits", s.name)
	}
	return NewScalar(Format{Kind: s.kind, Bits: bits, Group: s.group, Channel: s.channel, Clip: s.clip}, s.side)
}

// groups returns how a page falls into groups: vectors of length numbers, each
// cut into groups of size.
func (s *Scalar) groups(n, dim int) (vectors, length, size int) {
	vectors, length = n, dim
	if s.channel {
		vectors, length = dim, n
	}
	if size = s.group; size == 0 || size > length {
		size = length
	}
	return vectors, length, size
}

// shifted says whether groups have a shift besides the scale.
func (s *Scalar) shifted() bool { return s.kind == MinMax || s.kind == MidRise || s.kind == Table }

func (s *Scalar) params() int {
	switch {
	case s.kind == Fixed:
		return 0
	case s.shifted():
		return 2
	}
	return 1
}

// Size implements Codec.
func (s *Scalar) Size(n, dim int) Size {
	if n == 0 {
		return Size{}
	}
	vectors, length, size := s.groups(n, dim)
	per := (length + size - 1) / size
	return Size{Codes: (n*dim*s.bits + 7) / 8, Scales: 2 * s.params() * vectors * per}
}

// Encode implements Codec.
func (s *Scalar) Encode(dst []byte, x []float32, n, dim int) error {
	if n == 0 {
		return nil
	}
	var codeBuf [PageTokens * 128]uint8
	codes := codeBuf[:]
	if n*dim > len(codes) {
		codes = make([]uint8, n*dim)
	}
	codes = codes[:n*dim]
	if err := s.encode(codes, dst[(n*dim*s.bits+7)/8:], x, n, dim); err != nil {
		return err
	}
	s.pack(dst, codes, n, dim)
	return nil
}

// encode fills codes [n][dim] and the scales and shifts.
func (s *Scalar) encode(codes []uint8, params []byte, x []float32, n, dim int) error {
	vectors, length, size := s.groups(n, dim)
	per := (length + size - 1) / size
	shifts := params[2*vectors*per*min(1, s.params()):]
	stride, step := dim, 1
	if s.channel {
		stride, step = 1, dim
	}
	var group [1024]float32
	var out [1024]uint8
	for v := range vectors {
		for g := range per {
			from, to := g*size, min(length, (g+1)*size)
			at := v*stride + from*step
			in := group[:to-from]
			if step == 1 {
				in = x[at : at+to-from]
			} else {
				for i := range in {
					in[i] = x[at+i*step]
				}
			}
			scale, shift, ok := s.quantise(out[:to-from], in)
			if !ok {
				return fmt.Errorf("group %d of vector %d: %w", g, v, ErrRange)
			}
			if step == 1 {
				copy(codes[at:], out[:to-from])
			} else {
				for i, c := range out[:to-from] {
					codes[at+i*step] = c
				}
			}
			// Parameters lie group by group, so that those of one group of all
			// vectors are neighbours.
			if s.kind != Fixed {
				binary.LittleEndian.PutUint16(params[2*(g*vectors+v):], scale)
			}
			if s.shifted() {
				binary.LittleEndian.PutUint16(shifts[2*(g*vectors+v):], shift)
			}
		}
	}
	return nil
}

// quantise chooses scale, shift and codes of one group. Scale and shift are
// rounded to half precision before the codes are taken. ok is false when they
// are out of range or a number is not finite.
func (s *Scalar) quantise(codes []uint8, x []float32) (scale, shift uint16, ok bool) {
	lo, hi, sq := x[0], x[0], float64(0)
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
		sq += float64(v) * float64(v)
	}
	if sq-sq != 0 {
		return 0, 0, false
	}
	n := 1 << s.bits
	var sc, z float32
	switch s.kind {
	case MinMax, MidRise:
		l, h := lo*s.clip, hi*s.clip
		z = l
		if s.kind == MinMax {
			sc = (h - l) / float32(n-1)
		} else {
			sc = (h - l) / float32(n)
		}
	case RMS:
		sc = float32(rmsClip[s.bits] * math.Sqrt(sq/float64(len(x))) / float64(n-1))
	case Lloyd:
		sc = float32(math.Sqrt(sq / float64(len(x))))
	case Symmetric:
		if s.bits == 8 {
			sc = max(-lo, hi) / 127
		} else if -lo > hi {
			sc = lo / float32(-n/2)
		} else {
			sc = hi / float32(-n/2)
		}
	case Table:
		z, sc = (lo+hi)/2, (hi-lo)/2
	case Fixed:
		for i, v := range x {
			codes[i] = s.nearest(v)
		}
		return 0, 0, true
	}
	scale, shift = tensor.FloatToHalf(sc), tensor.FloatToHalf(z)
	if scale&0x7c00 == 0x7c00 || shift&0x7c00 == 0x7c00 {
		return 0, 0, false
	}
	sc, z = tensor.HalfToFloat(scale), tensor.HalfToFloat(shift)
	if sc == 0 {
		clear(codes)
		return scale, shift, true
	}
	inv, top := 1/sc, float32(n-1)
	if inv-inv != 0 { // a subnormal scale: as good as none
		clear(codes)
		return 0, shift, true
	}
	switch s.kind {
	case MinMax:
		for i, v := range x {
			codes[i] = uint8(max(0, min(top, roundEven((v-z)*inv))))
		}
	case MidRise:
		for i, v := range x {
			codes[i] = uint8(max(0, min(top, (v-z)*inv)))
		}
	case RMS: // level 2c-(n-1): c = floor((v/s + n) / 2)
		half := float32(n) / 2
		inv /= 2
		for i, v := range x {
			codes[i] = uint8(max(0, min(top, v*inv+half)))
		}
	case Symmetric:
		half := float32(n/2) + 0.5
		for i, v := range x {
			codes[i] = uint8(max(0, min(top, v*inv+half)))
		}
	default:
		for i, v := range x {
			codes[i] = s.nearest((v - z) * inv)
		}
	}
	return scale, shift, true
}

// nearest returns the code of the level next to x.
func (s *Scalar) nearest(x float32) uint8 {
	lo, hi := 0, len(s.level)-1
	for lo < hi {
		mid := (lo + hi) / 2
		if x < (s.level[mid]+s.level[mid+1])/2 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return uint8(lo)
}

// Decode implements Codec.
func (s *Scalar) Decode(dst []float32, src []byte, n, dim int) {
	if n == 0 {
		return
	}
	var codeBuf [PageTokens * 128]uint8
	codes := codeBuf[:]
	if n*dim > len(codes) {
		codes = make([]uint8, n*dim)
	}
	codes = codes[:n*dim]
	s.unpack(codes, src, n, dim)
	s.decode(dst, codes, src[(n*dim*s.bits+7)/8:], n, dim)
}

func (s *Scalar) decode(dst []float32, codes []uint8, params []byte, n, dim int) {
	vectors, length, size := s.groups(n, dim)
	per := (length + size - 1) / size
	stride, step := dim, 1
	if s.channel {
		stride, step = 1, dim
	}
	for v := range vectors {
		for g := range per {
			scale, shift := s.param(params, vectors*per, g*vectors+v)
			for i := g * size; i < min(length, (g+1)*size); i++ {
				at := v*stride + i*step
				dst[at] = shift + scale*s.level[codes[at]]
			}
		}
	}
}

// param reads scale and shift of a group.
func (s *Scalar) param(params []byte, groups, i int) (scale, shift float32) {
	if s.kind == Fixed {
		return 1, 0
	}
	scale = tensor.HalfToFloat(binary.LittleEndian.Uint16(params[2*i:]))
	if s.shifted() {
		shift = tensor.HalfToFloat(binary.LittleEndian.Uint16(params[2*(groups+i):]))
	}
	return scale, shift
}
