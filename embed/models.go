package embed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/embed/complex"
	"github.com/quaestor-kg/quaestor/embed/nfe"
)

// Spec names a model and its settings; it is what a checkpoint records.
type Spec struct {
	Model  string  `json:"model"`
	Dim    int     `json:"dim"`              // length of each part of an entity's vector
	Gamma  float64 `json:"gamma,omitempty"`  // additive constant of distance models
	Base   string  `json:"base,omitempty"`   // nfe2: "normal" (default) or "uniform"
	Strict bool    `json:"strict,omitempty"` // nfe3: one affine map for mean and scale
}

// Models lists the names of all models.
func Models() []string {
	return []string{"complex", "distmult", "nfe1", "nfe2", "nfe3", "affine", "nfe1-sigma", "transe", "rotate"}
}

// maxDim bounds the vectors that a checkpoint or a flag may ask for.
const maxDim = 1 << 16

// NewModel returns the mathematics of a spec.
func NewModel[F Float](s Spec) (Model[F], error) {
	if s.Dim < 1 || s.Dim > maxDim {
		return nil, fmt.Errorf("dimension %d of model %s is not between 1 and %d", s.Dim, s.Model, maxDim)
	}
	g := F(s.Gamma)
	switch s.Model {
	case "complex":
		return complex.ComplEx[F]{Dim: s.Dim}, nil
	case "distmult":
		return complex.DistMult[F]{Dim: s.Dim}, nil
	case "nfe1":
		return nfe.NFE1[F]{Dim: s.Dim, Gamma: g}, nil
	case "nfe2":
		m := nfe.NFE2[F]{Dim: s.Dim, Gamma: g, C: nfe.NormalBase}
		switch s.Base {
		case "", "normal":
		case "uniform":
			m.C = nfe.UniformBase
		default:
			return nil, fmt.Errorf("base law %q of nfe2 is neither normal nor uniform", s.Base)
		}
		return m, nil
	case "nfe3":
		return nfe.NFE3[F]{Dim: s.Dim, Gamma: g, Strict: s.Strict}, nil
	case "affine":
		return nfe.Affine[F]{Dim: s.Dim, Gamma: g}, nil
	case "nfe1-sigma":
		return nfe.Scale[F]{Dim: s.Dim, Gamma: g}, nil
	case "transe", "nfe1-mu":
		return nfe.TransE[F]{Dim: s.Dim, Gamma: g}, nil
	case "rotate":
		return nfe.RotatE[F]{Dim: s.Dim, Gamma: g}, nil
	}
	names := slices.Sorted(slices.Values(Models()))
	return nil, fmt.Errorf("no model is called %q; there are %s", s.Model, strings.Join(names, ", "))
}
