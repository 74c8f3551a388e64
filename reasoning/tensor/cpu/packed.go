package cpu

import (
	"math"
	"sync"
	"unsafe"
)

func floatBits(x float32) uint32 { return math.Float32bits(x) }

// Activations go into the integer kernels as three digits, so that nothing is
// lost that single precision would keep: of each block of 32 the largest
// magnitude becomes (almost) the largest number of three digits, and the others are
// rounded on that scale. Digits have eight bits with the instructions of VNNI
// (a step of 1.2e-7 of the largest), seven with those of AVX2 (9.6e-7).
//
// A block takes 128 bytes: high, middle and low digits of 32 inputs each; then,
// as floats, the values of a unit of each digit, the sum of all inputs, of the
// first and of the last sixteen; then nothing.
const digitBytes = 128

// digitBits returns the width of a digit and the number that the largest input
// becomes: with a little room, since the product that takes it there is rounded.
func digitBits() (bits int, top float32) {
	if level == VNNI {
		return 8, 127 << 16
	}
	return 7, 63 << 14
}

// digits writes x, whole blocks of 32, to dst.
func digits(dst []byte, x []float32) {
	bits, top := digitBits()
	n := len(x) / 32
	if n > 0 {
		_ = dst[n*digitBytes-1]
		digitsAVX2(n, &x[0], &dst[0], bits, top)
	}
}

// digitsRef is digits in plain Go.
func digitsRef(dst []byte, x []float32, bits int, top float32) {
	put := func(at int, f float32) {
		for i := range 4 {
			dst[at+i] = byte(floatBits(f) >> (8 * i))
		}
	}
	for ; len(x) > 0; x, dst = x[32:], dst[digitBytes:] {
		var largest float32
		var sums [2]float64
		for i, v := range x[:32] {
			largest = max(largest, float32(math.Abs(float64(v))))
			sums[i/16] += float64(v)
		}
		scale, inverse := largest/top, top/largest
		if largest <= 1e-30 {
			scale, inverse = 0, 0
		}
		unit := float32(int(1) << bits)
		put(104, scale)
		put(100, scale*unit)
		put(96, scale*unit*unit)
		put(108, float32(sums[0]+sums[1]))
		put(112, float32(sums[0]))
		put(116, float32(sums[1]))
		for i, v := range x[:32] {
			n := int32(math.RoundToEven(float64(v * inverse)))
			for digit := 2; digit >= 0; digit-- {
				low := n << (32 - bits) >> (32 - bits)
				n = (n - low) >> bits
				dst[32*digit+i] = byte(int8(low))
			}
		}
	}
}

// packedJob multiplies rows of activations with packed matrices: parts are
// ranges of panels.
type packedJob struct {
	job      *Job
	x        []byte // [t][Cols/32*digitBytes]
	t        int
	products []Product
	band     int // panels of one part
}

func newPackedJob() *packedJob {
	j := &packedJob{}
	j.job = NewJob(func(part int) {
		lo, hi := part*j.band, (part+1)*j.band
		for i := range j.products {
			n := (j.products[i].P.Rows + 15) / 16
			if a, b := max(lo, 0), min(hi, n); a < b {
				j.panels(&j.products[i], a, b)
			}
			lo, hi = lo-n, hi-n
		}
	})
	return j
}

var soloPacked = sync.Pool{New: func() any { return newPackedJob() }}

// packed computes products of packed matrices with t rows of x.
func (p *Pool) packed(x []float32, t int, products []Product) {
	total, work := 0, 0
	for _, q := range products {
		total += (q.P.Rows + 15) / 16
		work += q.P.Rows * q.P.Cols * t
	}
	if p.workers == 0 || work < 1<<17 || !p.mu.TryLock() {
		j := soloPacked.Get().(*packedJob)
		j.set(x, t, products)
		j.band = total
		j.job.f(0)
		j.products = nil
		soloPacked.Put(j)
		return
	}
	j := p.packs
	j.set(x, t, products)
	parts := p.Threads()
	if work > 1<<20 {
		parts *= 4
	}
	j.band = (total + parts - 1) / parts
	p.run(j.job, (total+j.band-1)/j.band)
	j.products = nil
	p.mu.Unlock()
}

func (j *packedJob) set(x []float32, t int, products []Product) {
	n := len(x) / 32 * digitBytes
	if cap(j.x) < n {
		j.x = lined(n)
	}
	j.x, j.t, j.products = j.x[:n], t, products
	digits(j.x, x)
}

// rowsTogether is how many rows of activations pass a panel before the next
// one is taken: their digits stay in the second-level cache.
const rowsTogether = 64

// panels computes panels lo..hi of one product.
func (j *packedJob) panels(q *Product, lo, hi int) {
	p := q.P
	f, blocks := &p.form, p.Cols/32
	cb, sb, ldx := blocks*f.codeBytes(), blocks*f.scaleBytes(), blocks*digitBytes
	table := f.table
	if table == nil {
		table = &noTable
	}
	if blocks == 0 {
		for i := range j.t {
			clear(q.Y[i*p.Rows+16*lo : i*p.Rows+min(p.Rows, 16*hi)])
		}
		return
	}
	var edge [4 * 16]float32
	for from := 0; from < j.t; from += rowsTogether {
		to := min(j.t, from+rowsTogether)
		for panel := lo; panel < hi; panel++ {
			codes, scales := &p.codes[panel*cb], &p.scales[panel*sb]
			whole := 16*panel+16 <= p.Rows
			for i := from; i < to; {
				n := 1
				if level == VNNI && i+4 <= to {
					n = 4
				}
				x, y, ldy := &j.x[i*ldx], &edge[0], 16
				if whole {
					at := i*p.Rows + 16*panel
					_ = q.Y[at+(n-1)*p.Rows+15]
					y, ldy = &q.Y[at], p.Rows
				}
				switch {
				case level != VNNI:
					for half := range 2 {
						c, s, y := after(codes, 32*half), after(scales, 16*half), after(y, 8*half)
						if f.flags&flagWide != 0 {
							s = after(s, 16*half)
						}
						if f.bits == 4 {
							packed4x1AVX2(blocks, c, s, x, y, f.flags, f.offset)
						} else {
							packed8x1AVX2(blocks, c, s, x, y, f.flags, f.offset)
						}
					}
				case f.bits == 4 && n == 4:
					packed4x4(blocks, codes, scales, x, y, f.flags, f.offset, &table[0], ldx, 4*ldy)
				case f.bits == 4:
					packed4x1(blocks, codes, scales, x, y, f.flags, f.offset, &table[0])
				case n == 4:
					packed8x4(blocks, codes, scales, x, y, f.flags, f.offset, &table[0], ldx, 4*ldy)
				default:
					packed8x1(blocks, codes, scales, x, y, f.flags, f.offset, &table[0])
				}
				if !whole {
					for r := range n {
						copy(q.Y[(i+r)*p.Rows+16*panel:(i+r+1)*p.Rows], edge[16*r:16*r+16])
					}
				}
				i += n
			}
		}
	}
}

// after returns a pointer n values further on.
func after[T any](p *T, n int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(p), n*int(unsafe.Sizeof(*p))))
}

// address returns where b is in memory.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
