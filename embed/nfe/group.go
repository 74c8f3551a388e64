package nfe

import "math/cmplx"

// View is a model seen as a representation of elements of a group of
// permutations: an entity h and a relation r are maps of a set X, the plausibility of
// (h, r, t) is the similarity of f_r∘f_h and f_t. Maps act on every coordinate
// by itself; X is given as complex numbers, of which real models use the real
// part. The distance of two maps is taken over a base variable x of X.
type View struct {
	Model    string
	Group    string // what the relations generate
	Base     string // law of x
	Distance string
	// Entity and Relation return f(x) on coordinate k of d, of the parameters.
	Entity   func(e []float64, k, d int, x complex128) complex128
	Relation func(r []float64, k, d int, x complex128) complex128
}

// Views lists all models. It is the one place that says which element of which
// group each of them is.
//
// In all of them a relation is x -> ax + b per coordinate. So r∘r = id asks for
// a = 1, b = 0 or, where a may be negative, a = -1 with any b: symmetric
// relations that are not the identity exist in the affine models, but not in
// TransE. The inverse is (1/a, -b/a), the composition (a1 a2, a1 b2 + b1), which
// commutes for pure shifts, scales and rotations but not in general.
func Views() []View {
	real1 := func(f func(p []float64, k, d int, x float64) float64) func([]float64, int, int, complex128) complex128 {
		return func(p []float64, k, d int, x complex128) complex128 { return complex(f(p, k, d, real(x)), 0) }
	}
	affine := real1(func(p []float64, k, d int, x float64) float64 { return p[d+k]*x + p[k] })
	shift := real1(func(p []float64, k, _ int, x float64) float64 { return x + p[k] })
	scale := real1(func(p []float64, k, _ int, x float64) float64 { return p[k] * x })
	softAffine := real1(func(p []float64, k, d int, x float64) float64 { return softplus(p[d+k])*x + p[k] })
	kink := real1(func(p []float64, k, d int, x float64) float64 {
		if x > 0 {
			return p[2*d+k]*x + p[k]
		}
		return p[d+k]*x + p[k]
	})
	number := func(p []float64, k, d int, x complex128) complex128 { return complex(p[k], p[d+k]) * x }
	move := func(p []float64, k, d int, x complex128) complex128 { return x + complex(p[k], p[d+k]) }
	turn := func(p []float64, k, _ int, x complex128) complex128 { return cmplx.Rect(1, p[k]) * x }
	return []View{
		{"nfe1", "affine maps of R", "N(0, 1)", "W2² of the laws of f(x)", affine, affine},
		{"nfe2", "affine maps of R; entities are piecewise linear", "N(0, 1)", "E (f(x) - g(x))²", kink, affine},
		{"nfe3", "affine maps of R", "N(0, 1)", "KL of the laws of f(x)", softAffine, softAffine},
		{"affine", "affine maps of R", "the point 0", "(f(x) - g(x))²", shift, affine},
		{"nfe1-sigma", "scalings of R", "N(0, 1)", "W2² of the laws of f(x)", scale, scale},
		{"transe", "shifts of R", "the point 0", "(f(x) - g(x))²", shift, shift},
		{"rotate", "rotations of C; entities are shifts", "the point 0", "|f(x) - g(x)|²", move, turn},
		{"complex", "products of C", "the point 1", "-Re f(x) conj(g(x))", number, number},
		{"distmult", "products of R", "the point 1", "-f(x) g(x)", scale, scale},
	}
}
