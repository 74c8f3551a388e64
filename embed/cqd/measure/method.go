package measure

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
)

// Method is a way to answer complex queries, as eval queries takes it.
type Method struct {
	// Name is cqd (scores as they are), cqda (adapted), qto (calibrated by the
	// statements, exact projection) or co (continuous optimisation).
	Name      string
	Norm      cqd.Norm
	UnionNorm *cqd.Norm
	Scale     cqd.Scale // of cqd
	Hybrid    bool      // cqd and cqda take what the graph states as certain
	// Beam is the number of candidates of a hop by query type; the entry ""
	// is for all others; 0 is no limit.
	Beam     map[string]int
	Epsilon  float64 // of qto; 0 means cqd.DefaultEpsilon
	Negation float64 // of qto; 0 means 3
	Adapter  *cqd.Adapter
	Cache    int // bytes that qto may keep rows in
}

// Methods are the names of the methods.
var Methods = []string{"cqd", "cqda", "qto", "co"}

// ParseBeams reads "64" or "64,2p=128,ip=8".
func ParseBeams(text string) (map[string]int, error) {
	beams := map[string]int{}
	if text == "" {
		return beams, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		typ, number, ok := strings.Cut(part, "=")
		if !ok {
			typ, number = "", part
		} else if _, err := cqd.TypeByName(typ); err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("beam %q: want a number of candidates, or type=number", part)
		}
		beams[typ] = n
	}
	return beams, nil
}

// DefaultBeam is how many candidates a hop over dense rows goes on with.
const DefaultBeam = 64

func (m Method) beam(typ string) int {
	if b, ok := m.Beam[typ]; ok {
		return b
	}
	if b, ok := m.Beam[""]; ok {
		return b
	}
	if m.Name == "qto" {
		return 0
	}
	return DefaultBeam
}

// Answerer returns the method over a predictor for queries of one type. known
// are the statements that the predictor was trained on.
func (m Method) Answerer(t *embed.Table, known cqd.Stated) (func(typ string) Answerer, error) {
	o := cqd.Options{Norm: m.Norm, UnionNorm: m.UnionNorm}
	var atoms cqd.Atoms
	scored := &cqd.Scored{Predictor: t, Scale: m.Scale}
	if m.Hybrid {
		scored.Known = known
	}
	switch m.Name {
	case "cqd":
		atoms = scored
	case "cqda":
		if m.Adapter == nil {
			return nil, errors.New("method cqda needs an adapter: train one with train queries and name it with --adapter")
		}
		scored.Scale, scored.Adapter = cqd.Sigmoid, m.Adapter
		atoms = scored
	case "qto":
		eps, cache := m.Epsilon, m.Cache
		if eps == 0 {
			eps = cqd.DefaultEpsilon
		}
		if cache == 0 {
			cache = 512 << 20
		}
		if o.Negation = m.Negation; o.Negation == 0 {
			o.Negation = 3
		}
		atoms = cqd.NewSparse(t, known, eps, cache)
	case "co":
		return func(string) Answerer {
			c := &cqd.Continuous{Predictor: t, Norm: m.Norm, Regulariser: 0.05}
			return c.Eval
		}, nil
	default:
		return nil, fmt.Errorf("no method is called %q; there are %s", m.Name, strings.Join(Methods, ", "))
	}
	return func(typ string) Answerer {
		o := o
		o.Beam = m.beam(typ)
		e := &cqd.Evaluator{Atoms: atoms, Options: o}
		return func(ctx context.Context, q *cqd.Query) ([]float32, error) {
			r, err := e.Eval(ctx, q)
			if err != nil {
				return nil, err
			}
			return r.Truth, nil
		}
	}, nil
}
