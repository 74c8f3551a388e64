package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

func scalar(t testing.TB, f Format, side Side) *Scalar {
	t.Helper()
	if (f.Kind == Table || f.Kind == Fixed) && f.Table == nil {
		for i := range 1 << f.Bits {
			f.Table = append(f.Table, -1+2*float32(i)/float32(int(1)<<f.Bits-1))
		}
	}
	s, err := NewScalar(f, side)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// through returns what a codec makes of x.
func through(t testing.TB, c Codec, x []float32, n, dim int) []float32 {
	t.Helper()
	b := make([]byte, c.Size(n, dim).Total())
	if err := c.Encode(b, x, n, dim); err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	out := make([]float32, n*dim)
	c.Decode(out, b, n, dim)
	return out
}

// The examples of the formulas, worked by hand.
func TestGoldenExamples(t *testing.T) {
	got := through(t, scalar(t, Format{Kind: MinMax, Bits: 2}, Keys), []float32{-1, 0, 0.5, 2}, 1, 4)
	if !slices.Equal(got, []float32{-1, 0, 1, 2}) { // 1.5 rounds to the even 2
		t.Errorf("two bits of -1, 0, 0.5, 2 read as %v", got)
	}
	x := make([]float32, 32)
	x[0], x[1], x[2] = -1, 0.5, 2
	got = through(t, scalar(t, Format{Kind: Symmetric, Bits: 4, Group: 32}, Keys), x, 1, 32)
	if !slices.Equal(got, x) { // d = -0.25, codes 12, 6, 0: exact
		t.Errorf("q4_0 of -1, 0.5, 2, 0... reads as %v", got)
	}
}

// Relative errors on normal numbers, computed by an independent program
// (kvcache.md 0.3), within 2 %.
func TestErrorsOnNormalNumbers(t *testing.T) {
	const dim, pages = 128, 60
	nested := func(group int) Codec {
		n, err := NewNested(Format{Bits: 4, Group: group}, Keys)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, x := range []struct {
		c    Codec
		dim  int
		want float64
		bits float64
	}{
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 16}, Keys), dim, 0.1067, 4},
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 32}, Keys), dim, 0.1548, 3},
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 64}, Keys), dim, 0.2025, 2.5},
		{scalar(t, Format{Kind: MinMax, Bits: 2}, Keys), dim, 0.2503, 2.25},
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 64, Clip: 0.8}, Keys), dim, 0.1339, 2.5},
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 64, Clip: 0.6}, Keys), dim, 0.1147, 2.5},
		{scalar(t, Format{Kind: MinMax, Bits: 3, Group: 32}, Keys), dim, 0.0282, 4},
		{scalar(t, Format{Kind: MinMax, Bits: 4, Group: 64}, Keys), dim, 0.00804, 4.5},
		{scalar(t, Format{Kind: MinMax, Bits: 2, Group: 32, Channel: true}, Keys), dim, 0.1548, 3},
		{scalar(t, Format{Kind: Symmetric, Bits: 4, Group: 32}, Keys), dim, 0.00737, 4.5},
		{scalar(t, Format{Kind: Symmetric, Bits: 5, Group: 32}, Values), dim, 0.00182, 5.5},
		{scalar(t, Format{Kind: Symmetric, Bits: 8, Group: 32}, Values), dim, 0.00003, 8.5},
		{scalar(t, Format{Kind: MidRise, Bits: 2, Group: 32}, Keys), dim, 0.1025, 3},
		{scalar(t, Format{Kind: MidRise, Bits: 2, Group: 64}, Values), dim, 0.1234, 2.5},
		{scalar(t, Format{Kind: MidRise, Bits: 2}, Keys), dim, 0.1463, 2.25},
		{scalar(t, Format{Kind: Lloyd, Bits: 1}, Keys), 64, 0.3581, 1.25},
		{scalar(t, Format{Kind: Lloyd, Bits: 2}, Keys), 64, 0.1146, 2.25},
		{scalar(t, Format{Kind: Lloyd, Bits: 3}, Keys), 64, 0.0334, 3.25},
		{scalar(t, Format{Kind: Lloyd, Bits: 4}, Values), 64, 0.00918, 4.25},
		{scalar(t, Format{Kind: RMS, Bits: 2}, Keys), 64, 0.1156, 2.25},
		{scalar(t, Format{Kind: RMS, Bits: 3}, Keys), 64, 0.0359, 3.25},
		{scalar(t, Format{Kind: RMS, Bits: 4}, Values), 64, 0.0110, 4.25},
	} {
		r := rand.New(rand.NewPCG(7, 8))
		var e, p float64
		for range pages {
			in := random(r, PageTokens*x.dim)
			for i, y := range through(t, x.c, in, PageTokens, x.dim) {
				e += float64(y-in[i]) * float64(y-in[i])
				p += float64(in[i]) * float64(in[i])
			}
		}
		tolerance := 0.02
		if x.want < 1e-4 {
			tolerance = 0.2 // the table has one digit
		}
		if got := e / p; math.Abs(got/x.want-1) > tolerance {
			t.Errorf("%v on %d: relative error %.5f, want %.5f", x.c, x.dim, got, x.want)
		}
		if bits := 8 * float64(x.c.Size(PageTokens, x.dim).Total()) / float64(PageTokens*x.dim); bits != x.bits {
			t.Errorf("%v on %d: %g bits, want %g", x.c, x.dim, bits, x.bits)
		}
	}
	// The upper half of nested codes, whose pages are cut short.
	for group, want := range map[int]float64{32: 0.1065, 64: 0.1337} {
		n := nested(group).(*Nested)
		r := rand.New(rand.NewPCG(7, 8))
		var e, p float64
		for range pages {
			in := random(r, PageTokens*dim)
			b := make([]byte, n.Size(PageTokens, dim).Total())
			if err := n.Encode(b, in, PageTokens, dim); err != nil {
				t.Fatal(err)
			}
			out := make([]float32, len(in))
			n.Half().Decode(out, b[:n.Half().Size(PageTokens, dim).Total()], PageTokens, dim)
			for i, y := range out {
				e += float64(y-in[i]) * float64(y-in[i])
				p += float64(in[i]) * float64(in[i])
			}
		}
		if got := e / p; math.Abs(got/want-1) > 0.02 {
			t.Errorf("half of nested codes in groups of %d: relative error %.4f, want %.4f", group, got, want)
		}
	}
}

// formats are one codec of every kind, for both sides.
func formats(t testing.TB, side Side) []Codec {
	t.Helper()
	cs := []Codec{Float{}, Float{Single: true}}
	for _, f := range []Format{
		{Kind: MinMax, Bits: 2, Group: 32}, {Kind: MinMax, Bits: 4, Group: 32}, {Kind: MinMax, Bits: 8}, {Kind: MinMax, Bits: 3, Group: 7},
		{Kind: MinMax, Bits: 2, Group: 32, Channel: true}, {Kind: MinMax, Bits: 4, Group: 64, Channel: true}, {Kind: MidRise, Bits: 2, Group: 64},
		{Kind: RMS, Bits: 2}, {Kind: RMS, Bits: 3}, {Kind: RMS, Bits: 4}, {Kind: RMS, Bits: 6}, {Kind: RMS, Bits: 8}, {Kind: RMS, Bits: 4, Group: 32},
		{Kind: Lloyd, Bits: 4}, {Kind: Lloyd, Bits: 2}, {Kind: Lloyd, Bits: 1},
		{Kind: Symmetric, Bits: 4, Group: 32}, {Kind: Symmetric, Bits: 5, Group: 32}, {Kind: Symmetric, Bits: 8, Group: 32},
		{Kind: Table, Bits: 3}, {Kind: Table, Bits: 4}, {Kind: Fixed, Bits: 4},
	} {
		cs = append(cs, scalar(t, f, side))
	}
	n, err := NewNested(Format{Bits: 4, Group: 32, Channel: side == Keys}, side)
	if err != nil {
		t.Fatal(err)
	}
	a := scalar(t, Format{Kind: MinMax, Bits: 2, Group: 64, Channel: side == Keys}, side)
	return append(cs, n, Outliers{2, a}, LowRank{2, a}, LowRank{1, Outliers{1, a}}, Separable{scalar(t, Format{Kind: MinMax, Bits: 4}, side)})
}

// What every codec owes: whole and partial pages, products equal to those with
// decoded vectors, bytes that depend on nothing but the page.
func TestCodecs(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for side := range 2 {
			for _, c := range formats(t, Side(side)) {
				for _, dim := range []int{64, 96, 20} {
					for _, n := range []int{64, 1, 17, 63} {
						x := random(r, n*dim)
						if r.IntN(3) == 0 {
							x[r.IntN(len(x))] = 100 // one huge outlier
						}
						b := make([]byte, c.Size(n, dim).Total())
						if err := c.Encode(b, x, n, dim); err != nil {
							t.Fatalf("%v, %d x %d: %v", c, n, dim, err)
						}
						// Another place in memory, another time: the same bytes.
						shifted := append([]float32{1}, x...)[1:]
						again := make([]byte, len(b)+1)[1:]
						if err := c.Encode(again, shifted, n, dim); err != nil || !bytes.Equal(b, again) {
							t.Fatalf("%v, %d x %d: encoding twice gives other bytes", c, n, dim)
						}
						y := make([]float32, n*dim)
						c.Decode(y, b, n, dim)
						checkProducts(t, r, c, b, y, n, dim)
					}
				}
			}
		}
	})
}

// errorOf is the largest difference, relative to what the products of x with the
// largest numbers of y could be.
func errorOf(got, want, x, y []float32) float64 {
	var top, sq, scale float64
	for i := range got {
		top = max(top, math.Abs(float64(got[i]-want[i])))
	}
	for _, v := range x {
		sq += float64(v) * float64(v)
	}
	for _, v := range y {
		scale = max(scale, math.Abs(float64(v)))
	}
	return top / max(math.Sqrt(sq)*scale, 1e-30)
}

func checkProducts(t *testing.T, r *rand.Rand, c Codec, b []byte, y []float32, n, dim int) {
	t.Helper()
	var w Scratch
	m := 1 + r.IntN(7)
	q := random(r, m*dim)
	lds := PageTokens + 16*r.IntN(2)
	want, s := make([]float32, m*lds), make([]float32, m*lds)
	for i := range m {
		for tok := range n {
			want[i*lds+tok] = cpu.Dot(q[i*dim:(i+1)*dim], y[tok*dim:(tok+1)*dim])
		}
	}
	Scores(c, &w, s, lds, PageTokens, b, q, m, n, dim)
	for i := range m {
		if d := errorOf(s[i*lds:i*lds+n], want[i*lds:i*lds+n], q[i*dim:(i+1)*dim], y); d > 1e-5 {
			t.Fatalf("%v, %d x %d: scores of query %d of %d off by %g", c, n, dim, i, m, d)
		}
	}
	alone := make([]float32, PageTokens)
	i := r.IntN(m)
	Scores(c, &w, alone, PageTokens, PageTokens, b, q[i*dim:], 1, n, dim)
	if !slices.Equal(alone[:n], s[i*lds:i*lds+n]) {
		t.Fatalf("%v, %d x %d: query %d alone gets other bits", c, n, dim, i)
	}
	// Less room than a page: what lies behind must not be touched.
	tight := make([]float32, (m-1)*lds+n)
	Scores(c, &w, tight, lds, n, b, q, m, n, dim)
	if n < PageTokens && m > 1 && tight[n] != 0 {
		t.Fatalf("%v, %d x %d: scores are written behind their room", c, n, dim)
	}

	ldo := (dim+31)/32*32 + 32*r.IntN(2)
	p := random(r, m*lds)
	o, wantO := random(r, m*ldo), make([]float32, m*ldo)
	copy(wantO, o)
	for i := range m {
		for tok := range n {
			cpu.Axpy(p[i*lds+tok], y[tok*dim:(tok+1)*dim], wantO[i*ldo:i*ldo+dim])
		}
	}
	before := slices.Clone(o)
	Accumulate(c, &w, o, ldo, b, p, lds, m, n, dim)
	for i := range m {
		if d := errorOf(o[i*ldo:i*ldo+dim], wantO[i*ldo:i*ldo+dim], p[i*lds:i*lds+n], y); d > 1e-5 {
			t.Fatalf("%v, %d x %d: sums of row %d of %d off by %g", c, n, dim, i, m, d)
		}
	}
	one := slices.Clone(before[i*ldo : (i+1)*ldo])
	Accumulate(c, &w, one, ldo, b, p[i*lds:], lds, 1, n, dim)
	if !slices.Equal(one[:dim], o[i*ldo:i*ldo+dim]) {
		t.Fatalf("%v, %d x %d: row %d alone gets other bits", c, n, dim, i)
	}
}

// Constant and zero groups, very small and very large numbers, and numbers that
// are none.
func TestExtremes(t *testing.T) {
	const n, dim = 64, 64
	r := rand.New(rand.NewPCG(5, 6))
	for side := range 2 {
		for _, c := range formats(t, Side(side)) {
			for _, v := range []float32{0, 3, -0.5} {
				x := make([]float32, n*dim)
				for i := range x {
					x[i] = v
				}
				y := through(t, c, x, n, dim)
				for _, z := range y {
					// A grid without zero at its middle misses a constant by up
					// to its step; nothing may be NaN or far away.
					if z-z != 0 || math.Abs(float64(z-v)) > math.Abs(float64(v))+1e-6 {
						if s, ok := c.(*Scalar); ok && s.kind == Fixed {
							continue
						}
						t.Fatalf("%v: %v reads as %v", c, v, z)
					}
				}
			}
			for _, scale := range []float32{1e-6, 1e-9, 1e4} {
				x := random(r, n*dim)
				cpu.Scale(scale, x)
				b := make([]byte, c.Size(n, dim).Total())
				if err := c.Encode(b, x, n, dim); err != nil {
					if scale < 1 || !errors.Is(err, ErrRange) {
						t.Errorf("%v at %g: %v", c, scale, err)
					}
					continue
				}
				y := make([]float32, n*dim)
				c.Decode(y, b, n, dim)
				for i, z := range y {
					if z-z != 0 || scale < 1 && fmt.Sprint(c) != "t4" && math.Abs(float64(z-x[i])) > 20*float64(scale) {
						t.Fatalf("%v at %g: %v reads as %v", c, scale, x[i], z)
					}
				}
			}
			for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
				x := random(r, n*dim)
				x[77] = v
				b := make([]byte, c.Size(n, dim).Total())
				if f, ok := c.(Float); ok && f.Single {
					continue // holds anything
				}
				if err := c.Encode(b, x, n, dim); !errors.Is(err, ErrRange) {
					t.Errorf("%v: %v is encoded, error %v", c, v, err)
				}
			}
		}
	}
	// A scale above 65504 is refused, not made infinite.
	x := random(r, n*dim)
	cpu.Scale(1e6, x)
	if err := (scalar(t, Format{Kind: Symmetric, Bits: 4, Group: 32}, Keys)).Encode(make([]byte, 4096), x, n, dim); !errors.Is(err, ErrRange) {
		t.Errorf("numbers of a million are encoded, error %v", err)
	}
}

func TestBadFormats(t *testing.T) {
	for _, f := range []Format{
		{Kind: RMS, Bits: 0}, {Kind: RMS, Bits: 9}, {Kind: Lloyd, Bits: 5}, {Kind: MinMax, Bits: 2, Group: -1},
		{Kind: MinMax, Bits: 2, Group: 65, Channel: true}, {Kind: MinMax, Bits: 2, Clip: 1.5}, {Kind: Table, Bits: 2, Table: []float32{0, 1}},
		{Kind: Table, Bits: 1, Table: []float32{1, 0}},
	} {
		if _, err := NewScalar(f, Keys); err == nil {
			t.Errorf("%+v makes a codec", f)
		}
	}
	if _, err := NewNested(Format{Bits: 3}, Keys); err == nil {
		t.Error("nested codes of three bits")
	}
}

// A page in lines holds every code once, at the place that the format's text
// says.
func TestLines(t *testing.T) {
	for _, bits := range []int{2, 4} {
		for side := range 2 {
			s := scalar(t, Format{Kind: RMS, Bits: bits}, Side(side))
			const n, dim = 64, 128
			codes := make([]uint8, n*dim)
			r := rand.New(rand.NewPCG(1, uint64(bits)))
			for i := range codes {
				codes[i] = uint8(r.IntN(1 << bits))
			}
			b := make([]byte, n*dim*bits/8)
			s.pack(b, codes, n, dim)
			back := make([]uint8, len(codes))
			s.unpack(back, b, n, dim)
			if !slices.Equal(back, codes) {
				t.Errorf("%d bits, side %d: codes come back changed", bits, side)
			}
		}
	}
}
