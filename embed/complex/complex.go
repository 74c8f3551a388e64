// Package complex holds bilinear models: ComplEx (Trouillon et al., ICML 2016;
// trained with the nuclear 3-norm of Lacroix et al., ICML 2018) and DistMult
// (Yang et al., ICLR 2015), which is ComplEx with real vectors.
package complex

import "math"

// Float is float32 to run and float64 to check gradients.
type Float interface{ ~float32 | ~float64 }

// ComplEx scores Re Σ_k h_k r_k conj(t_k). A row is [re | im], each Dim long.
type ComplEx[F Float] struct{ Dim int }

// Name is the model's name in checkpoints.
func (m ComplEx[F]) Name() string { return "complex" }

// Width is 2 Dim.
func (m ComplEx[F]) Width() int { return 2 * m.Dim }

// RelationWidth is 2 Dim.
func (m ComplEx[F]) RelationWidth() int { return 2 * m.Dim }

// Rank is 2 Dim.
func (m ComplEx[F]) Rank() int { return 2 * m.Dim }

// Identity reports that rows are scored as they are stored.
func (m ComplEx[F]) Identity() bool { return true }

// Row copies.
func (m ComplEx[F]) Row(e, row []F) { copy(row, e) }

// RowGrad adds the gradient through Row.
func (m ComplEx[F]) RowGrad(_, drow, de []F) { add(de, drow) }

// Query writes h r, the complex product per coordinate.
func (m ComplEx[F]) Query(h, r, q []F) {
	d := m.Dim
	hr, hi, rr, ri, qr, qi := h[:d], h[d:2*d], r[:d], r[d:2*d], q[:d], q[d:2*d]
	for k := range hr {
		qr[k] = hr[k]*rr[k] - hi[k]*ri[k]
		qi[k] = hr[k]*ri[k] + hi[k]*rr[k]
	}
}

// QueryGrad adds the gradients of Query: dh = dq conj(r), dr = dq conj(h).
func (m ComplEx[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	hr, hi, rr, ri, gr, gi := h[:d], h[d:2*d], r[:d], r[d:2*d], dq[:d], dq[d:2*d]
	for k := range hr {
		dh[k] += gr[k]*rr[k] + gi[k]*ri[k]
		dh[d+k] += gi[k]*rr[k] - gr[k]*ri[k]
		dr[k] += gr[k]*hr[k] + gi[k]*hi[k]
		dr[d+k] += gi[k]*hr[k] - gr[k]*hi[k]
	}
}

// N3 returns Σ_k |v_k|³ of a row of complex numbers and adds scale times its
// gradient, 3 |v_k| v_k, to dv; dv may be nil.
func (m ComplEx[F]) N3(v []F, scale F, dv []F) F {
	var sum F
	d := m.Dim
	for k := range d {
		re, im := v[k], v[d+k]
		n := F(math.Sqrt(float64(re*re + im*im)))
		sum += n * n * n
		if dv != nil {
			dv[k] += 3 * scale * n * re
			dv[d+k] += 3 * scale * n * im
		}
	}
	return sum
}

// DistMult scores Σ_k h_k r_k t_k.
type DistMult[F Float] struct{ Dim int }

// Name is the model's name in checkpoints.
func (m DistMult[F]) Name() string { return "distmult" }

// Width is Dim.
func (m DistMult[F]) Width() int { return m.Dim }

// RelationWidth is Dim.
func (m DistMult[F]) RelationWidth() int { return m.Dim }

// Rank is Dim.
func (m DistMult[F]) Rank() int { return m.Dim }

// Identity reports that rows are scored as they are stored.
func (m DistMult[F]) Identity() bool { return true }

// Row copies.
func (m DistMult[F]) Row(e, row []F) { copy(row, e) }

// RowGrad adds the gradient through Row.
func (m DistMult[F]) RowGrad(_, drow, de []F) { add(de, drow) }

// Query writes the product per coordinate.
func (m DistMult[F]) Query(h, r, q []F) {
	for k := range m.Dim {
		q[k] = h[k] * r[k]
	}
}

// QueryGrad adds the gradients of Query.
func (m DistMult[F]) QueryGrad(h, r, dq, dh, dr []F) {
	for k := range m.Dim {
		dh[k] += dq[k] * r[k]
		dr[k] += dq[k] * h[k]
	}
}

// N3 is ComplEx's for real numbers: Σ_k |v_k|³.
func (m DistMult[F]) N3(v []F, scale F, dv []F) F {
	var sum F
	for k, x := range v[:m.Dim] {
		n := F(math.Abs(float64(x)))
		sum += n * n * n
		if dv != nil {
			dv[k] += 3 * scale * n * x
		}
	}
	return sum
}

func add[F Float](dst, src []F) {
	for i, x := range src[:len(dst)] {
		dst[i] += x
	}
}

// RelationQuery writes the vector whose inner product with a relation is the
// score of (h, relation, t): conj(h) t per coordinate.
func (m ComplEx[F]) RelationQuery(h, t, q []F) {
	d := m.Dim
	for k := range d {
		q[k] = h[k]*t[k] + h[d+k]*t[d+k]
		q[d+k] = h[k]*t[d+k] - h[d+k]*t[k]
	}
}

// RelationQueryGrad adds the gradients of RelationQuery.
func (m ComplEx[F]) RelationQueryGrad(h, t, dq, dh, dt []F) {
	d := m.Dim
	for k := range d {
		gr, gi := dq[k], dq[d+k]
		dh[k] += gr*t[k] + gi*t[d+k]
		dh[d+k] += gr*t[d+k] - gi*t[k]
		dt[k] += gr*h[k] - gi*h[d+k]
		dt[d+k] += gr*h[d+k] + gi*h[k]
	}
}

// RelationQuery writes the product of h and t.
func (m DistMult[F]) RelationQuery(h, t, q []F) { m.Query(h, t, q) }

// RelationQueryGrad adds the gradients of RelationQuery.
func (m DistMult[F]) RelationQueryGrad(h, t, dq, dh, dt []F) { m.QueryGrad(h, t, dq, dh, dt) }
