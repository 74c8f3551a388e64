// Package codec holds the number formats of the compressed cache: how a page of
// keys or values of one head, up to 64 positions of one vector each, becomes
// bytes and is read back.
//
// All scalar formats are one form: a group of numbers shares a scale s and,
// in some, a shift z; a number is stored as the code c of the nearest level,
// and read as z + s·level[c]. Formats differ in the levels, in how s and z
// are found, and in whether a group runs along a position's vector or along
// a channel of the page.
//
// Codes of four and eight bits lie in the order in which the assembly of this
// package reads them; each such kernel has a twin in plain Go.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// PageTokens is the largest number of positions that are encoded together.
const PageTokens = 64

// Side says what a page holds: keys are read by inner products with queries,
// values are summed with weights.
type Side int

// The two sides of a cache.
const (
	Keys Side = iota
	Values
)

// Size is what a page costs, in bytes.
type Size struct{ Codes, Scales, Extra int }

// Total is the sum of all parts.
func (s Size) Total() int { return s.Codes + s.Scales + s.Extra }

// Codec is one number format. Encode and Decode are deterministic and look at
// nothing but their arguments. x and dst are [n][dim], n at most PageTokens.
type Codec interface {
	// String is the format's name in a specification.
	String() string
	Size(n, dim int) Size
	// Encode fills dst, which has Size(n, dim).Total() bytes. It reports numbers
	// that the format cannot hold: not finite, or a scale above half precision.
	Encode(dst []byte, x []float32, n, dim int) error
	Decode(dst []float32, src []byte, n, dim int)
}

// fused is a codec that multiplies without decoding first.
type fused interface {
	// scores sets s[i*lds+t], for i < m, to the product of query i and vector
	// t; it may write PageTokens numbers of a row, and reports false for shapes
	// it does not do.
	scores(w *Scratch, s []float32, lds int, src []byte, q []float32, m, n, dim int) bool
	// accumulate adds to o[i*ldo+c] the sum over t of p[i*ldp+t] times vector t.
	accumulate(w *Scratch, o []float32, ldo int, src []byte, p []float32, ldp, m, n, dim int) bool
}

// Scratch is working memory of one goroutine.
type Scratch struct {
	page  []float32 // [PageTokens][dim]
	panel []float32 // [dim][PageTokens] or [PageTokens][wide]
	rows  []float32 // [m][PageTokens]

	init    []float32 // of the kernels: where sums begin
	weights []float32 // weights times scales
	scales  []float32
	pad     []float32 // rows that fill up to what a kernel does
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// Scores sets s[i*lds+t] to the inner product of query i, q [m][dim], and the
// key t of n encoded in src. Up to room numbers of a row may be written.
func Scores(c Codec, w *Scratch, s []float32, lds, room int, src []byte, q []float32, m, n, dim int) {
	if f, ok := c.(fused); ok && room == PageTokens && f.scores(w, s, lds, src, q, m, n, dim) {
		return
	}
	w.page = grow(w.page, PageTokens*dim)
	c.Decode(w.page[:n*dim], src, n, dim)
	PlainScores(w, s, lds, room, w.page, q, m, n, dim)
}

// PlainScores is Scores for keys that are decoded already, x [n][dim].
func PlainScores(w *Scratch, s []float32, lds, room int, x, q []float32, m, n, dim int) {
	w.panel = grow(w.panel, dim*PageTokens)
	panel := w.panel
	for ch := range dim {
		row := panel[ch*PageTokens : (ch+1)*PageTokens]
		for t := range n {
			row[t] = x[t*dim+ch]
		}
		clear(row[n:])
	}
	if room == PageTokens {
		cpu.MulPanel(m, PageTokens, dim, q, dim, panel, PageTokens, s, lds, false)
		return
	}
	// There is no room for whole panels: the slots behind belong to others.
	w.rows = grow(w.rows, m*PageTokens)
	cpu.MulPanel(m, PageTokens, dim, q, dim, panel, PageTokens, w.rows, PageTokens, false)
	for i := range m {
		copy(s[i*lds:i*lds+n], w.rows[i*PageTokens:])
	}
}

// Accumulate adds to o[i*ldo+c] the sum over t < n of p[i*ldp+t] times value t.
// ldo is at least dim rounded up to 32; the numbers beyond dim are not defined.
func Accumulate(c Codec, w *Scratch, o []float32, ldo int, src []byte, p []float32, ldp, m, n, dim int) {
	if f, ok := c.(fused); ok && f.accumulate(w, o, ldo, src, p, ldp, m, n, dim) {
		return
	}
	wide := (dim + cpu.PanelWidth - 1) / cpu.PanelWidth * cpu.PanelWidth
	w.panel = grow(w.panel, PageTokens*wide)
	panel := w.panel
	if wide == dim {
		c.Decode(panel[:n*dim], src, n, dim)
	} else {
		w.page = grow(w.page, PageTokens*dim)
		x := w.page
		c.Decode(x[:n*dim], src, n, dim)
		clear(panel)
		for t := range n {
			copy(panel[t*wide:], x[t*dim:(t+1)*dim])
		}
	}
	cpu.MulPanel(m, wide, n, p, ldp, panel, wide, o, ldo, true)
}

// Float stores numbers in 16 or 32 bits.
type Float struct{ Single bool }

func (f Float) String() string {
	if f.Single {
		return "f32"
	}
	return "f16"
}

// Size implements Codec.
func (f Float) Size(n, dim int) Size {
	if f.Single {
		return Size{Codes: 4 * n * dim}
	}
	return Size{Codes: 2 * n * dim}
}

// Encode implements Codec.
func (f Float) Encode(dst []byte, x []float32, n, dim int) error {
	for i, v := range x[:n*dim] {
		if f.Single {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
			continue
		}
		h := tensor.FloatToHalf(v)
		if h&0x7c00 == 0x7c00 {
			return fmt.Errorf("number %d of the page is %v: %w", i, v, ErrRange)
		}
		binary.LittleEndian.PutUint16(dst[2*i:], h)
	}
	return nil
}

// Decode implements Codec.
func (f Float) Decode(dst []float32, src []byte, n, dim int) {
	if !f.Single {
		cpu.Expand(tensor.F16, dst[:n*dim], src)
		return
	}
	cpu.Expand(tensor.F32, dst[:n*dim], src)
}

// ErrRange is wrapped by errors about numbers that a format cannot hold.
var ErrRange = errors.New("more than half precision holds")

// Prefetch asks for bytes that will be read soon. Pages lie far from each other,
// so the processor does not guess the next one.
func Prefetch(b []byte) {
	if level >= cpu.AVX2 && len(b) > 0 {
		prefetch((len(b)+63)/64, &b[0])
	}
}
