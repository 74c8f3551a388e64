package nfe

// Affine is NFE1 without uncertainty: the base variable is the constant 0, so
// only the means are compared, D = Σ (σ_r μ_h + μ_r - μ_t)². Entities are μ,
// relations [μ_r | σ_r].
type Affine[F Float] struct {
	Dim   int
	Gamma F
}

// Name is the model's name in checkpoints.
func (m Affine[F]) Name() string { return "affine" }

// Width is Dim.
func (m Affine[F]) Width() int { return m.Dim }

// RelationWidth is 2 Dim.
func (m Affine[F]) RelationWidth() int { return 2 * m.Dim }

// Rank is Dim + 2.
func (m Affine[F]) Rank() int { return m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m Affine[F]) Identity() bool { return false }

// Row writes [2μ | -Σμ² | 1].
func (m Affine[F]) Row(e, row []F) { pointRow(e[:m.Dim], row) }

// RowGrad adds the gradient through Row.
func (m Affine[F]) RowGrad(e, drow, de []F) { pointRowGrad(e[:m.Dim], drow, de) }

// Query writes [m | 1 | γ - Σm²].
func (m Affine[F]) Query(h, r, q []F) {
	d := m.Dim
	for i := range d {
		q[i] = r[d+i]*h[i] + r[i]
	}
	pointQuery(m.Gamma, q[:d+2])
}

// QueryGrad adds the gradients of Query.
func (m Affine[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	c := dq[d+1]
	for i := range d {
		g := dq[i] - 2*c*(r[d+i]*h[i]+r[i])
		dh[i] += g * r[d+i]
		dr[i] += g
		dr[d+i] += g * h[i]
	}
}

// Scale is NFE1 with the variance alone: D = Σ (|σ_r σ_h| - |σ_t|)². Entities
// and relations are σ.
type Scale[F Float] struct {
	Dim   int
	Gamma F
}

// Name is the model's name in checkpoints.
func (m Scale[F]) Name() string { return "nfe1-sigma" }

// Width is Dim.
func (m Scale[F]) Width() int { return m.Dim }

// RelationWidth is Dim.
func (m Scale[F]) RelationWidth() int { return m.Dim }

// Rank is Dim + 2.
func (m Scale[F]) Rank() int { return m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m Scale[F]) Identity() bool { return false }

// Row writes [2|σ| | -Σσ² | 1].
func (m Scale[F]) Row(e, row []F) {
	var n F
	for i, s := range e[:m.Dim] {
		row[i] = 2 * abs(s)
		n += s * s
	}
	row[m.Dim], row[m.Dim+1] = -n, 1
}

// RowGrad adds the gradient through Row.
func (m Scale[F]) RowGrad(e, drow, de []F) {
	b := drow[m.Dim]
	for i, s := range e[:m.Dim] {
		de[i] += 2 * (sign(s)*drow[i] - b*s)
	}
}

// Query writes [|σ_r σ_h| | 1 | γ - Σσ²].
func (m Scale[F]) Query(h, r, q []F) {
	d := m.Dim
	for i := range d {
		q[i] = abs(r[i] * h[i])
	}
	pointQuery(m.Gamma, q[:d+2])
}

// QueryGrad adds the gradients of Query.
func (m Scale[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	c := dq[d+1]
	for i := range d {
		p := r[i] * h[i]
		g := sign(p) * (dq[i] - 2*c*abs(p))
		dh[i] += g * r[i]
		dr[i] += g * h[i]
	}
}

// TransE (Bordes et al., NIPS 2013) with the squared distance is NFE1 with the
// mean alone and σ_r = 1: D = Σ (μ_h + μ_r - μ_t)². Entities and relations are
// μ.
type TransE[F Float] struct {
	Dim   int
	Gamma F
}

// Name is the model's name in checkpoints.
func (m TransE[F]) Name() string { return "transe" }

// Width is Dim.
func (m TransE[F]) Width() int { return m.Dim }

// RelationWidth is Dim.
func (m TransE[F]) RelationWidth() int { return m.Dim }

// Rank is Dim + 2.
func (m TransE[F]) Rank() int { return m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m TransE[F]) Identity() bool { return false }

// Row writes [2μ | -Σμ² | 1].
func (m TransE[F]) Row(e, row []F) { pointRow(e[:m.Dim], row) }

// RowGrad adds the gradient through Row.
func (m TransE[F]) RowGrad(e, drow, de []F) { pointRowGrad(e[:m.Dim], drow, de) }

// Query writes [μ_h+μ_r | 1 | γ - Σ(μ_h+μ_r)²].
func (m TransE[F]) Query(h, r, q []F) {
	for i := range m.Dim {
		q[i] = h[i] + r[i]
	}
	pointQuery(m.Gamma, q[:m.Dim+2])
}

// QueryGrad adds the gradients of Query.
func (m TransE[F]) QueryGrad(h, r, dq, dh, dr []F) {
	c := dq[m.Dim+1]
	for i := range m.Dim {
		g := dq[i] - 2*c*(h[i]+r[i])
		dh[i] += g
		dr[i] += g
	}
}

// RotatE (Sun et al., ICLR 2019) with the squared distance: relations rotate
// complex numbers, D = Σ |h e^{iθ} - t|². Entities are [re | im], relations
// angles θ in radians.
type RotatE[F Float] struct {
	Dim   int
	Gamma F
}

// Name is the model's name in checkpoints.
func (m RotatE[F]) Name() string { return "rotate" }

// Width is 2 Dim.
func (m RotatE[F]) Width() int { return 2 * m.Dim }

// RelationWidth is Dim.
func (m RotatE[F]) RelationWidth() int { return m.Dim }

// Rank is 2 Dim + 2.
func (m RotatE[F]) Rank() int { return 2*m.Dim + 2 }

// Identity reports that score rows are not the parameters.
func (m RotatE[F]) Identity() bool { return false }

// Row writes [2 re | 2 im | -Σ|t|² | 1].
func (m RotatE[F]) Row(e, row []F) { pointRow(e[:2*m.Dim], row) }

// RowGrad adds the gradient through Row.
func (m RotatE[F]) RowGrad(e, drow, de []F) { pointRowGrad(e[:2*m.Dim], drow, de) }

// Query writes the rotated head, [re | im | 1 | γ - Σ|h|²].
func (m RotatE[F]) Query(h, r, q []F) {
	d := m.Dim
	for i := range d {
		sin, cos := sincos(r[i])
		q[i], q[d+i] = h[i]*cos-h[d+i]*sin, h[i]*sin+h[d+i]*cos
	}
	pointQuery(m.Gamma, q[:2*d+2])
}

// QueryGrad adds the gradients of Query.
func (m RotatE[F]) QueryGrad(h, r, dq, dh, dr []F) {
	d := m.Dim
	c := dq[2*d+1]
	for i := range d {
		sin, cos := sincos(r[i])
		re, im := h[i]*cos-h[d+i]*sin, h[i]*sin+h[d+i]*cos
		gr, gi := dq[i]-2*c*re, dq[d+i]-2*c*im
		dh[i] += gr*cos + gi*sin
		dh[d+i] += gi*cos - gr*sin
		dr[i] += gi*re - gr*im
	}
}

// pointRow writes the row of a point u: [2u | -|u|² | 1].
func pointRow[F Float](u, row []F) {
	d := len(u)
	var n F
	for i, x := range u {
		row[i] = 2 * x
		n += x * x
	}
	row[d], row[d+1] = -n, 1
}

func pointRowGrad[F Float](u, drow, du []F) {
	b := drow[len(u)]
	for i, x := range u {
		du[i] += 2 * (drow[i] - b*x)
	}
}

// pointQuery completes the query of a point: q holds [w | . | .] and gets
// [w | 1 | γ - |w|²].
func pointQuery[F Float](gamma F, q []F) {
	d := len(q) - 2
	var n F
	for _, x := range q[:d] {
		n += x * x
	}
	q[d], q[d+1] = 1, gamma-n
}
