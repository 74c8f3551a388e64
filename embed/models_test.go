package embed_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/nfe"
)

// specs are all models with all their options.
func specs(dim int) []embed.Spec {
	var out []embed.Spec
	for _, m := range embed.Models() {
		out = append(out, embed.Spec{Model: m, Dim: dim, Gamma: 2})
	}
	return append(out, embed.Spec{Model: "nfe2", Dim: dim, Gamma: 1, Base: "uniform"}, embed.Spec{Model: "nfe3", Dim: dim, Gamma: 1, Strict: true})
}

func draw(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

func model(t *testing.T, s embed.Spec) embed.Model[float64] {
	t.Helper()
	m, err := embed.NewModel[float64](s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// score is the inner product that every model reduces to.
func score(m embed.Model[float64], h, r, t []float64) float64 {
	q, row := make([]float64, m.Rank()), make([]float64, m.Rank())
	m.Query(h, r, q)
	m.Row(t, row)
	var s float64
	for k := range q {
		s += q[k] * row[k]
	}
	return s
}

// gradients of the score by the model's own formulas.
func gradients(m embed.Model[float64], h, r, t []float64) (dh, dr, dt []float64) {
	q, row := make([]float64, m.Rank()), make([]float64, m.Rank())
	m.Query(h, r, q)
	m.Row(t, row)
	dh, dr, dt = make([]float64, len(h)), make([]float64, len(r)), make([]float64, len(t))
	m.QueryGrad(h, r, row, dh, dr)
	m.RowGrad(t, q, dt)
	return dh, dr, dt
}

func TestGradientsAgainstFiniteDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range specs(4) {
		m := model(t, s)
		for range 20 {
			h, r, tl := draw(rng, m.Width()), draw(rng, m.RelationWidth()), draw(rng, m.Width())
			dh, dr, dt := gradients(m, h, r, tl)
			for _, c := range []struct {
				what    string
				at, got []float64
			}{{"head", h, dh}, {"relation", r, dr}, {"tail", tl, dt}} {
				for i := range c.at {
					const eps = 1e-6
					x := c.at[i]
					c.at[i] = x + eps
					up := score(m, h, r, tl)
					c.at[i] = x - eps
					down := score(m, h, r, tl)
					c.at[i] = x
					want := (up - down) / (2 * eps)
					if math.Abs(c.got[i]-want) > 1e-6*(1+math.Abs(want)+math.Abs(up)) {
						t.Fatalf("%+v: derivative %d of the %s is %v, want %v", s, i, c.what, c.got[i], want)
					}
				}
			}
		}
	}
}

func TestNormsAndRelationQueries(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, s := range []embed.Spec{{Model: "complex", Dim: 5}, {Model: "distmult", Dim: 5}} {
		m := model(t, s)
		n3, rel := m.(embed.Regularised[float64]), m.(embed.RelationPredictor[float64])
		h, r, tl := draw(rng, m.Width()), draw(rng, m.Width()), draw(rng, m.Width())
		q := make([]float64, m.Width())
		rel.RelationQuery(h, tl, q)
		var byRelation float64
		for k := range q {
			byRelation += q[k] * r[k]
		}
		if want := score(m, h, r, tl); math.Abs(byRelation-want) > 1e-12 {
			t.Errorf("%s: score by the relation is %v, by the tail %v", s.Model, byRelation, want)
		}
		dh, dt, dv := make([]float64, len(h)), make([]float64, len(h)), make([]float64, len(h))
		rel.RelationQueryGrad(h, tl, r, dh, dt)
		n3.N3(h, 0.5, dv)
		wantH, _, wantT := gradients(m, h, r, tl)
		for i := range h {
			if math.Abs(dh[i]-wantH[i]) > 1e-12 || math.Abs(dt[i]-wantT[i]) > 1e-12 {
				t.Errorf("%s: gradients %d by the relation are %v and %v, by the tail %v and %v", s.Model, i, dh[i], dt[i], wantH[i], wantT[i])
			}
			const eps = 1e-6
			x := h[i]
			h[i] = x + eps
			up := n3.N3(h, 0, nil)
			h[i] = x - eps
			down := n3.N3(h, 0, nil)
			h[i] = x
			if want := 0.5 * (up - down) / (2 * eps); math.Abs(dv[i]-want) > 1e-7 {
				t.Errorf("%s: derivative %d of the norm is %v, want %v", s.Model, i, dv[i], want)
			}
		}
	}
}

// quantile is the inverse of the normal distribution function.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func TestScoresAgainstNumericalIntegration(t *testing.T) {
	const d, steps = 3, 200_000
	rng := rand.New(rand.NewPCG(3, 3))
	// mean integrates f over the base law, by the midpoints of equal shares.
	mean := func(f func(x float64) float64) float64 {
		var sum float64
		for i := range steps {
			sum += f(quantile((float64(i) + 0.5) / steps))
		}
		return sum / steps
	}
	for _, v := range nfe.Views() {
		s := embed.Spec{Model: v.Model, Dim: d, Gamma: 2}
		m := model(t, s)
		h, r, tl := draw(rng, m.Width()), draw(rng, m.RelationWidth()), draw(rng, m.Width())
		if v.Model == "nfe2" {
			for i := range h[d:] { // one monotone map of one x: no swapped sides
				h[d+i], tl[d+i] = math.Abs(h[d+i]), math.Abs(tl[d+i])
			}
			for i := range d {
				r[d+i] = math.Abs(r[d+i])
			}
		}
		if v.Model == "nfe3" {
			s.Strict = true // one affine map
			m = model(t, s)
		}
		want := 2.0
		for k := range d {
			f := func(x complex128) complex128 { return v.Relation(r, k, d, v.Entity(h, k, d, x)) }
			g := func(x complex128) complex128 { return v.Entity(tl, k, d, x) }
			at := func(f func(complex128) complex128, x float64) float64 { return real(f(complex(x, 0))) }
			switch {
			case v.Distance == "W2² of the laws of f(x)":
				// The optimal transport of two laws on the line is the increasing
				// one: a decreasing map counts from its other end.
				want -= mean(func(x float64) float64 {
					a, b := at(f, x), at(g, x)
					if at(f, 1) < at(f, 0) {
						a = at(f, -x)
					}
					if at(g, 1) < at(g, 0) {
						b = at(g, -x)
					}
					return (a - b) * (a - b)
				})
			case v.Distance == "E (f(x) - g(x))²":
				want -= mean(func(x float64) float64 { e := at(f, x) - at(g, x); return e * e })
			case v.Distance == "KL of the laws of f(x)":
				m1, s1 := at(f, 0), at(f, 1)-at(f, 0)
				m2, s2 := at(g, 0), at(g, 1)-at(g, 0)
				density := func(y, m, s float64) float64 { z := (y - m) / s; return -z*z/2 - math.Log(s) }
				want -= mean(func(x float64) float64 { y := m1 + s1*x; return density(y, m1, s1) - density(y, m2, s2) })
			case v.Base == "the point 0":
				e := cmplx.Abs(f(0) - g(0))
				want -= e * e
			case v.Base == "the point 1":
				want += real(f(1) * cmplx.Conj(g(1)))
			default:
				t.Fatalf("no integral for %+v", v)
			}
		}
		if v.Base == "the point 1" {
			want -= 2 // bilinear models have no constant
		}
		if got := score(m, h, r, tl); math.Abs(got-want) > 2e-3*(1+math.Abs(want)) {
			t.Errorf("%s scores %v, its group view %v", v.Model, got, want)
		}
	}
}

// apply returns the entity that a relation leads to from h, for models whose
// queries are points of the entities' own space.
func apply(m embed.Model[float64], s embed.Spec, h, r []float64) []float64 {
	q := make([]float64, m.Rank())
	m.Query(h, r, q)
	out := make([]float64, m.Width())
	switch s.Model {
	case "rotate", "transe", "affine", "complex", "distmult", "nfe1":
		copy(out, q[:m.Width()])
	default:
		panic(s.Model)
	}
	return out
}

// set fills relation parameters: a is what multiplies and b what is added, on
// every coordinate, as far as the model has them.
func set(s embed.Spec, a, b float64) []float64 {
	d := s.Dim
	switch s.Model {
	case "affine", "nfe1":
		r := make([]float64, 2*d)
		for k := range d {
			r[k], r[d+k] = b, a
		}
		return r
	case "transe":
		r := make([]float64, d)
		for k := range r {
			r[k] = b
		}
		return r
	}
	panic(s.Model)
}

func dist(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += math.Abs(a[i] - b[i])
	}
	return sum
}

// TestLogicalPatterns: what relations can express (nfe.Views says why).
func TestLogicalPatterns(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, name := range []string{"affine", "nfe1"} {
		s := embed.Spec{Model: name, Dim: 4, Gamma: 3}
		m := model(t, s)
		h, e := draw(rng, m.Width()), draw(rng, m.Width())
		// A reflection is symmetric without being the identity.
		mirror := set(s, -1, 0.7)
		if back := apply(m, s, apply(m, s, h, mirror), mirror); dist(back[:s.Dim], h[:s.Dim]) > 1e-12 {
			t.Errorf("%s: a reflection twice moves %v to %v", name, h, back)
		}
		if a, b := score(m, h, mirror, e), score(m, e, mirror, h); math.Abs(a-b) > 1e-9 {
			t.Errorf("%s: a reflection scores %v one way and %v the other", name, a, b)
		}
		if moved := apply(m, s, h, mirror); dist(moved[:s.Dim], h[:s.Dim]) < 0.1 {
			t.Errorf("%s: the reflection is the identity", name)
		}
		// A scaling is antisymmetric.
		r := set(s, 2, 0.5)
		if a, b := score(m, h, r, apply(m, s, h, r)), score(m, apply(m, s, h, r), r, h); a < 3-1e-9 || b > a-0.1 {
			t.Errorf("%s: an antisymmetric relation scores %v and backwards %v", name, a, b)
		}
		// The inverse is (1/a, -b/a).
		inv := set(s, 0.5, -0.25)
		if a, b := score(m, h, r, e), score(m, e, inv, h); score(m, apply(m, s, h, r), inv, h) < 3-1e-9 || (a > 3-1e-9) != (b > 3-1e-9) {
			t.Errorf("%s: inversion does not hold", name)
		}
		// Compositions are affine maps, and their order matters.
		r1, r2 := set(s, 2, 1), set(s, 3, -1)
		both, other := set(s, 6, 2), set(s, 6, -1) // 3(2x+1)-1 and 2(3x-1)+1
		end := apply(m, s, apply(m, s, h, r1), r2)
		if score(m, h, both, end) < 3-1e-9 {
			t.Errorf("%s: r2∘r1 does not lead from h to r2(r1(h))", name)
		}
		if score(m, h, other, end) > 3-0.1 {
			t.Errorf("%s: the order of a composition makes no difference", name)
		}
		// Pure shifts and pure scales commute.
		for _, pair := range [][2][]float64{{set(s, 1, 2), set(s, 1, -3)}, {set(s, 2, 0), set(s, -3, 0)}} {
			x, y := apply(m, s, apply(m, s, h, pair[0]), pair[1]), apply(m, s, apply(m, s, h, pair[1]), pair[0])
			if dist(x, y) > 1e-9 {
				t.Errorf("%s: two shifts or two scales do not commute", name)
			}
		}
	}
	// TransE has no symmetric relation but the identity.
	s := embed.Spec{Model: "transe", Dim: 4}
	m := model(t, s)
	h := draw(rng, 4)
	if back := apply(m, s, apply(m, s, h, set(s, 1, 0.7)), set(s, 1, 0.7)); dist(back, h) < 0.1 {
		t.Error("transe: a shift is symmetric")
	}
	// A rotation by π is symmetric; any two commute.
	s = embed.Spec{Model: "rotate", Dim: 4}
	m = model(t, s)
	h = draw(rng, 8)
	half := []float64{math.Pi, math.Pi, -math.Pi, math.Pi}
	if back := apply(m, s, apply(m, s, h, half), half); dist(back, h) > 1e-12 {
		t.Error("rotate: half a turn is not symmetric")
	}
	// DistMult cannot tell directions apart, ComplEx can.
	for name, same := range map[string]bool{"distmult": true, "complex": false} {
		m := model(t, embed.Spec{Model: name, Dim: 4})
		h, r, e := draw(rng, m.Width()), draw(rng, m.Width()), draw(rng, m.Width())
		if d := math.Abs(score(m, h, r, e) - score(m, e, r, h)); (d < 1e-9) != same {
			t.Errorf("%s: both directions differ by %v", name, d)
		}
	}
}

// TestNFE2AgainstItsFiveTerms: the product of 3d columns is the sum of the
// distance as published.
func TestNFE2AgainstItsFiveTerms(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, base := range []struct {
		name string
		c    float64
	}{{"normal", nfe.NormalBase}, {"uniform", nfe.UniformBase}} {
		s := embed.Spec{Model: "nfe2", Dim: 6, Gamma: 2, Base: base.name}
		m, d := model(t, s), s.Dim
		h, r, e := draw(rng, m.Width()), draw(rng, m.RelationWidth()), draw(rng, m.Width())
		want := 2.0
		for k := range d {
			mean := r[d+k]*h[k] + r[k] - e[k]
			lo := math.Abs(r[d+k]*h[d+k]) - math.Abs(e[d+k])
			hi := math.Abs(r[d+k]*h[2*d+k]) - math.Abs(e[2*d+k])
			want -= mean*mean + lo*lo/2 + hi*hi/2 + base.c*mean*(hi-lo)
		}
		if got := score(m, h, r, e); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s base: %v, want %v", base.name, got, want)
		}
	}
}

func TestNewModelNamesWhatIsWrong(t *testing.T) {
	for _, s := range []embed.Spec{{Model: "conve", Dim: 3}, {Model: "nfe1"}, {Model: "complex", Dim: 1 << 30}, {Model: "nfe2", Dim: 2, Base: "cauchy"}} {
		if _, err := embed.NewModel[float32](s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}
