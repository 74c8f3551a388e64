// Package nfe holds models whose entities are random variables: normalising
// flow embeddings (Xiao and Cao, AAAI 2023, arXiv 2409.19977), their ablations,
// and the distance models that are their special cases.
//
// An entity h is an invertible map f_h that turns a base variable x into
// f_h(x); a relation r is an affine map x -> σx + μ. A statement (h, r, t) is
// plausible when f_r(f_h(x)) and f_t(x) have nearly the same law:
//
//	s(h, r, t) = γ - D( f_r(f_h(x)), f_t(x) ).
//
// Coordinates are independent, so D is a sum over them, and with
// m = σ_r μ_h + μ_r each D below is an inner product of a query vector that
// knows h and r with a row that knows t. Two columns are reserved in both: one
// holds the row's own term (query 1), the other the query's own term (row 1).
//
// group.go lists for every model which group its maps form.
package nfe

import "math"

// Float is float32 to run and float64 to check gradients.
type Float interface{ ~float32 | ~float64 }

// NFE1 has x ~ N(0, 1), affine maps, and D = the squared 2-Wasserstein
// distance of two normal laws:
//
//	D = Σ (m - μ_t)² + Σ (|σ_r σ_h| - |σ_t|)².
//
// Entities are [μ | σ], relations [μ_r | σ_r], each part Dim long.
type NFE1[F Float] struct {
	Dim   int
	Gamma F
}

// Name is the model's name in checkpoints.
func (m NFE1[F]) Name() string { return "nfe1" }

// Width is 2 Dim.
func (m NFE1[F]) Width() int { return 2 * m.Dim }

// RelationWidth is 2 Dim.
func (m NFE1[F]) RelationWidth() int { return 2 * m.Dim }

// Rank is 2 Dim + 2.
func (m NFE1[F]) Rank() int { return 2*m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m NFE1[F]) Identity() bool { return false }

// Row writes [2μ | 2|σ| | -Σμ²-Σσ² | 1].
func (m NFE1[F]) Row(e, row []F) {
	d := m.Dim
	var n F
	for i := range d {
		mu, s := e[i], abs(e[d+i])
		row[i], row[d+i] = 2*mu, 2*s
		n += mu*mu + s*s
	}
	row[2*d], row[2*d+1] = -n, 1
}

// RowGrad adds the gradient through Row.
func (m NFE1[F]) RowGrad(e, drow, de []F) {
	d := m.Dim
	b := drow[2*d]
	for i := range d {
		de[i] += 2 * (drow[i] - b*e[i])
		s := e[d+i]
		de[d+i] += 2 * sign(s) * (drow[d+i] - b*abs(s))
	}
}

// Query writes [m | |σ_r σ_h| | 1 | γ - Σm² - Σσ²].
func (m NFE1[F]) Query(h, r, q []F) {
	d := m.Dim
	var n F
	for i := range d {
		mean, s := r[d+i]*h[i]+r[i], abs(r[d+i]*h[d+i])
		q[i], q[d+i] = mean, s
		n += mean*mean + s*s
	}
	q[2*d], q[2*d+1] = 1, m.Gamma-n
}

// QueryGrad adds the gradients of Query.
func (m NFE1[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	c := dq[2*d+1]
	for i := range d {
		mh, sh, mr, sr := h[i], h[d+i], r[i], r[d+i]
		p := sr * sh
		gm := dq[i] - 2*c*(sr*mh+mr)
		gs := sign(p) * (dq[d+i] - 2*c*abs(p))
		dh[i] += gm * sr
		dh[d+i] += gs * sr
		dr[i] += gm
		dr[d+i] += gm*mh + gs*sh
	}
}

func abs[F Float](x F) F {
	if x < 0 {
		return -x
	}
	return x
}

func sign[F Float](x F) F {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// softplus is ln(1 + e^x) without overflow.
func softplus[F Float](x F) F {
	return max(x, 0) + F(math.Log1p(math.Exp(-math.Abs(float64(x)))))
}

// sigmoid is the derivative of softplus.
func sigmoid[F Float](x F) F { return F(1 / (1 + math.Exp(-float64(x)))) }

func sincos[F Float](x F) (sin, cos F) {
	s, c := math.Sincos(float64(x))
	return F(s), F(c)
}
