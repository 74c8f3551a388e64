package nfe

import "math"

// Base laws of NFE2: the constant c = 2 E[x; x > 0] of a variable with mean 0
// and variance 1. The released code of the paper uses the normal one and keeps
// the uniform one in a comment.
const (
	NormalBase  = 0.79788456080286535588 // √(2/π)
	UniformBase = 0.86602540378443864676 // √(3/4): uniform on [-√3, √3]
)

// NFE2 has piecewise linear entity maps with a kink at 0, σ⁻ below and σ⁺
// above it, affine relations, and D = E[(f_r(f_h(x)) - f_t(x))²], the squared
// 2-Wasserstein distance of increasing maps of one x. With a = |σ_r σ_h| and
// b = |σ_t| on either side,
//
//	D = Σ (m-μ_t)² + ½(a⁻-b⁻)² + ½(a⁺-b⁺)² + c (m-μ_t)((a⁺-a⁻)-(b⁺-b⁻)).
//
// As a quadratic form in (m-μ_t, a⁻-b⁻, a⁺-b⁺) its matrix
//
//	G = |  1   -c/2  c/2 |
//	    | -c/2   ½    0  |
//	    |  c/2   0    ½  |
//
// is positive definite, so with G = L Lᵀ and z = Lᵀ(μ, σ⁻, σ⁺) it is the plain
// squared distance of z's: one product of 3 Dim columns instead of five.
//
// As in the released code, a negative σ_r counts by its absolute value on both
// sides and does not swap them. Entities are [μ | σ⁻ | σ⁺], relations
// [μ_r | σ_r].
type NFE2[F Float] struct {
	Dim   int
	Gamma F
	C     F // NormalBase or UniformBase; 0 means NormalBase
}

// Name is the model's name in checkpoints.
func (m NFE2[F]) Name() string { return "nfe2" }

// Width is 3 Dim.
func (m NFE2[F]) Width() int { return 3 * m.Dim }

// RelationWidth is 2 Dim.
func (m NFE2[F]) RelationWidth() int { return 2 * m.Dim }

// Rank is 3 Dim + 2.
func (m NFE2[F]) Rank() int { return 3*m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m NFE2[F]) Identity() bool { return false }

// factor holds the entries of Lᵀ that are not trivial.
type factor[F Float] struct{ half, l22, l32, l33 F }

func (m NFE2[F]) factor() factor[F] {
	c := float64(m.C)
	if c == 0 {
		c = NormalBase
	}
	l22 := math.Sqrt(0.5 - c*c/4)
	l32 := c * c / 4 / l22
	return factor[F]{F(c / 2), F(l22), F(l32), F(math.Sqrt(0.5 - c*c/4 - l32*l32))}
}

// apply returns Lᵀ (x, y, z); its transpose is back.
func (f factor[F]) apply(x, y, z F) (F, F, F) {
	return x + f.half*(z-y), f.l22*y + f.l32*z, f.l33 * z
}

func (f factor[F]) back(x, y, z F) (F, F, F) {
	return x, f.l22*y - f.half*x, f.half*x + f.l32*y + f.l33*z
}

// Row writes [2z | -|z|² | 1].
func (m NFE2[F]) Row(e, row []F) {
	d, f := m.Dim, m.factor()
	var n F
	for i := range d {
		x, y, z := f.apply(e[i], abs(e[d+i]), abs(e[2*d+i]))
		row[i], row[d+i], row[2*d+i] = 2*x, 2*y, 2*z
		n += x*x + y*y + z*z
	}
	row[3*d], row[3*d+1] = -n, 1
}

// RowGrad adds the gradient through Row.
func (m NFE2[F]) RowGrad(e, drow, de []F) {
	d, f := m.Dim, m.factor()
	b := drow[3*d]
	for i := range d {
		x, y, z := f.apply(e[i], abs(e[d+i]), abs(e[2*d+i]))
		x, y, z = f.back(2*(drow[i]-b*x), 2*(drow[d+i]-b*y), 2*(drow[2*d+i]-b*z))
		de[i] += x
		de[d+i] += y * sign(e[d+i])
		de[2*d+i] += z * sign(e[2*d+i])
	}
}

// Query writes [z | 1 | γ - |z|²].
func (m NFE2[F]) Query(h, r, q []F) {
	d, f := m.Dim, m.factor()
	var n F
	for i := range d {
		sr := r[d+i]
		x, y, z := f.apply(sr*h[i]+r[i], abs(sr*h[d+i]), abs(sr*h[2*d+i]))
		q[i], q[d+i], q[2*d+i] = x, y, z
		n += x*x + y*y + z*z
	}
	q[3*d], q[3*d+1] = 1, m.Gamma-n
}

// QueryGrad adds the gradients of Query.
func (m NFE2[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d, f := m.Dim, m.factor()
	c := dq[3*d+1]
	for i := range d {
		mh, lo, hi, sr := h[i], h[d+i], h[2*d+i], r[d+i]
		x, y, z := f.apply(sr*mh+r[i], abs(sr*lo), abs(sr*hi))
		x, y, z = f.back(dq[i]-2*c*x, dq[d+i]-2*c*y, dq[2*d+i]-2*c*z)
		y *= sign(sr * lo)
		z *= sign(sr * hi)
		dh[i] += x * sr
		dh[d+i] += y * sr
		dh[2*d+i] += z * sr
		dr[i] += x
		dr[d+i] += x*mh + y*lo + z*hi
	}
}
