package train

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

func allCores() int { return runtime.GOMAXPROCS(0) }

// optimizer applies gradients to the rows of a table. entity may be called for
// different entities at once.
type optimizer interface {
	begin() // of a step
	entity(e int, g []float32)
	// relation updates a relation; without a fresh gradient g is zero.
	relation(r int, g []float32, fresh bool)
	setRate(rate float64)
	// state lists what must be saved to go on, by name.
	state() map[string][]float32
	steps() int64
	setSteps(int64)
}

func newOptimizer(c Config, t *embed.Table) optimizer {
	moments := func() moments {
		return moments{kernel.NewRows(t.Entities(), t.Params.K), kernel.NewRows(t.Relations(), t.RelParams.K)}
	}
	if c.Optimizer == "adam" {
		return &adam{t: t, m: moments(), v: moments()}
	}
	return &adagrad{t: t, sum: moments()}
}

// moments is one number for every parameter.
type moments struct{ ent, rel kernel.Rows }

// adagrad is Adagrad with an epsilon of 1e-10.
type adagrad struct {
	t    *embed.Table
	sum  moments
	rate float32
	n    int64
}

const adagradEps = 1e-10

func (a *adagrad) begin()               { a.n++ }
func (a *adagrad) setRate(rate float64) { a.rate = float32(rate) }
func (a *adagrad) steps() int64         { return a.n }
func (a *adagrad) setSteps(n int64)     { a.n = n }

func (a *adagrad) entity(e int, g []float32) {
	kernel.Adagrad(a.t.Params.Full(e), a.sum.ent.Full(e), g, a.rate, adagradEps)
}

func (a *adagrad) relation(r int, g []float32, fresh bool) {
	if fresh { // a zero gradient changes nothing
		kernel.Adagrad(a.t.RelParams.Full(r), a.sum.rel.Full(r), g, a.rate, adagradEps)
	}
}

func (a *adagrad) state() map[string][]float32 {
	return map[string][]float32{"adagrad.entities": a.sum.ent.Data, "adagrad.relations": a.sum.rel.Data}
}

// adam is Adam with the usual constants. Without a gradient a row still moves
// by its momentum, so every row is updated in every step.
type adam struct {
	t    *embed.Table
	m, v moments
	rate float64
	n    int64
	now  kernel.AdamStep
}

const (
	beta1   = 0.9
	beta2   = 0.999
	adamEps = 1e-8
)

func (a *adam) begin() {
	a.n++
	t := float64(a.n)
	a.now = kernel.AdamStep{
		Beta1: beta1, Beta2: beta2, Rest1: 1 - beta1, Rest2: 1 - beta2, Eps: adamEps,
		Rate: float32(a.rate / (1 - math.Pow(beta1, t))),
		Root: float32(1 / math.Sqrt(1-math.Pow(beta2, t))),
	}
}

func (a *adam) setRate(rate float64) { a.rate = rate }
func (a *adam) steps() int64         { return a.n }
func (a *adam) setSteps(n int64)     { a.n = n }

func (a *adam) entity(e int, g []float32) {
	kernel.Adam(a.t.Params.Full(e), a.m.ent.Full(e), a.v.ent.Full(e), g, &a.now)
}

func (a *adam) relation(r int, g []float32, _ bool) {
	kernel.Adam(a.t.RelParams.Full(r), a.m.rel.Full(r), a.v.rel.Full(r), g, &a.now)
}

func (a *adam) state() map[string][]float32 {
	return map[string][]float32{
		"adam.m.entities": a.m.ent.Data, "adam.m.relations": a.m.rel.Data,
		"adam.v.entities": a.v.ent.Data, "adam.v.relations": a.v.rel.Data,
	}
}

// pack and unpack turn numbers into bytes and back.
func pack(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func unpack(name string, b []byte, v []float32) error {
	if len(b) != 4*len(v) {
		return fmt.Errorf("section %q has %d bytes, not %d", name, len(b), 4*len(v))
	}
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}
