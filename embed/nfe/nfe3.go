package nfe

import "math"

// NFE3 has x ~ N(0, 1), affine maps, and the Kullback-Leibler divergence of
// the query's law from the tail's,
//
//	D = KL( N(m, σ_1²) ‖ N(μ_t, σ_2²) )
//	  = Σ ln σ_2 - ln σ_1 + (σ_1² + (m-μ_t)²) / 2σ_2² - ½,
//
// with σ_1 = softplus(σ_r) softplus(σ_h) and σ_2 = softplus(σ_t). The released
// code takes the mean with the raw σ_r, which may be negative, so that mean and
// scale belong to two different affine maps; Strict uses softplus in both.
//
// Entities are [μ | σ], relations [μ_r | σ_r].
type NFE3[F Float] struct {
	Dim    int
	Gamma  F
	Strict bool
}

// Name is the model's name in checkpoints.
func (m NFE3[F]) Name() string { return "nfe3" }

// Width is 2 Dim.
func (m NFE3[F]) Width() int { return 2 * m.Dim }

// RelationWidth is 2 Dim.
func (m NFE3[F]) RelationWidth() int { return 2 * m.Dim }

// Rank is 2 Dim + 2.
func (m NFE3[F]) Rank() int { return 2*m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m NFE3[F]) Identity() bool { return false }

// Row writes [σ⁻² | μσ⁻² | -Σ ln σ - ½Σμ²σ⁻² | 1] with σ = softplus(σ_t).
func (m NFE3[F]) Row(e, row []F) {
	d := m.Dim
	var n float64
	for i := range d {
		s := softplus(e[d+i])
		v := 1 / (s * s)
		row[i], row[d+i] = v, e[i]*v
		n += math.Log(float64(s)) + float64(e[i]*e[i]*v)/2
	}
	row[2*d], row[2*d+1] = F(-n), 1
}

// RowGrad adds the gradient through Row.
func (m NFE3[F]) RowGrad(e, drow, de []F) {
	d := m.Dim
	b := drow[2*d]
	for i := range d {
		mu, s := e[i], softplus(e[d+i])
		v := 1 / (s * s)
		gv, gm := drow[i], drow[d+i]
		de[i] += v * (gm - b*mu)
		ds := -2*(gv+gm*mu)*v/s - b*(1-mu*mu*v)/s
		de[d+i] += ds * sigmoid(e[d+i])
	}
}

// Query writes [-½(σ_1²+m²) | m | 1 | γ + Σ ln σ_1 + d/2].
func (m NFE3[F]) Query(h, r, q []F) {
	d := m.Dim
	n := float64(m.Gamma) + float64(d)/2
	for i := range d {
		sr := softplus(r[d+i])
		s := sr * softplus(h[d+i])
		mean := m.slope(r[d+i], sr)*h[i] + r[i]
		q[i], q[d+i] = -(s*s+mean*mean)/2, mean
		n += math.Log(float64(s))
	}
	q[2*d], q[2*d+1] = 1, F(n)
}

// slope is the σ_r of the mean: raw as released, positive if strict.
func (m NFE3[F]) slope(raw, positive F) F {
	if m.Strict {
		return positive
	}
	return raw
}

// QueryGrad adds the gradients of Query.
func (m NFE3[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	c := dq[2*d+1]
	for i := range d {
		mh, raw := h[i], r[d+i]
		sr, sh := softplus(raw), softplus(h[d+i])
		s, k := sr*sh, m.slope(raw, sr)
		mean := k*mh + r[i]
		gm := dq[d+i] - dq[i]*mean
		gs := c/s - dq[i]*s
		dh[i] += gm * k
		dh[d+i] += gs * sr * sigmoid(h[d+i])
		dr[i] += gm
		dk := gm * mh
		if m.Strict {
			dk *= sigmoid(raw)
		}
		dr[d+i] += dk + gs*sh*sigmoid(raw)
	}
}
