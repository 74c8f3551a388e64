// Package optim turns gradients into steps: AdamW with a warm-up, a linear
// decay and a bound on the length of the gradient.
package optim

import (
	"fmt"
	"math"
)

// Config are the hyperparameters. Zero fields take the value in brackets.
type Config struct {
	LR          float64 `json:"lr"`           // peak learning rate [2e-3]
	Beta1       float64 `json:"beta1"`        // [0.9]
	Beta2       float64 `json:"beta2"`        // [0.98]
	Eps         float64 `json:"eps"`          // [1e-8]
	WeightDecay float64 `json:"weight_decay"` // of matrices, per unit of learning rate [0.05]
	Clip        float64 `json:"clip"`         // greatest length of the gradient [1]
	Warmup      int     `json:"warmup"`       // steps until the peak [2 % of all]
	Steps       int     `json:"steps"`        // all steps; the rate falls linearly to zero
}

// EnsureDefaults fills zero fields.
func (c *Config) EnsureDefaults() {
	set := func(x *float64, v float64) {
		if *x == 0 {
			*x = v
		}
	}
	set(&c.LR, 2e-3)
	set(&c.Beta1, 0.9)
	set(&c.Beta2, 0.98)
	set(&c.Eps, 1e-8)
	set(&c.WeightDecay, 0.05)
	set(&c.Clip, 1)
	if c.Warmup == 0 {
		c.Warmup = max(10, c.Steps/50)
	}
}

// Validate reports the first impossible value.
func (c Config) Validate() error {
	switch {
	case c.Steps < 1:
		return fmt.Errorf("optim: %d steps", c.Steps)
	case c.LR <= 0 || c.Clip <= 0 || c.Eps <= 0 || c.WeightDecay < 0:
		return fmt.Errorf("optim: lr %g, clip %g and eps %g must be positive, weight decay %g not negative", c.LR, c.Clip, c.Eps, c.WeightDecay)
	case c.Beta1 < 0 || c.Beta1 >= 1 || c.Beta2 < 0 || c.Beta2 >= 1:
		return fmt.Errorf("optim: betas %g and %g must lie in [0, 1)", c.Beta1, c.Beta2)
	}
	return nil
}

// Rate is the learning rate of a step, counted from 0.
func (c Config) Rate(step int) float64 {
	if step < c.Warmup {
		return c.LR * float64(step+1) / float64(c.Warmup)
	}
	left := float64(c.Steps-step) / float64(max(1, c.Steps-c.Warmup))
	return c.LR * max(0, min(1, left))
}

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter 2019). Its
// state is M, V and Step: saving them and the weights is enough to go on bit
// for bit.
type AdamW struct {
	Config
	Step int
	M, V []float32
}

// New returns an optimiser for n weights.
func New(c Config, n int) (*AdamW, error) {
	c.EnsureDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &AdamW{Config: c, M: make([]float32, n), V: make([]float32, n)}, nil
}

// Update takes one step: it scales the gradient down to length Clip if it is
// longer, moves the weights, and clears the gradient. decay lists the ranges of
// weights that decay. It returns the length the gradient had.
func (o *AdamW) Update(w, g []float32, decay [][2]int) float64 {
	var sum float64
	for _, v := range g {
		sum += float64(v) * float64(v)
	}
	norm := math.Sqrt(sum)
	scale := float32(1)
	if norm > o.Clip {
		scale = float32(o.Clip / norm)
	}
	rate := o.Rate(o.Step)
	o.Step++
	if o.WeightDecay > 0 {
		keep := float32(1 - rate*o.WeightDecay)
		for _, r := range decay {
			x := w[r[0]:r[1]]
			for i := range x {
				x[i] *= keep
			}
		}
	}
	c1 := 1 - math.Pow(o.Beta1, float64(o.Step))
	c2 := 1 - math.Pow(o.Beta2, float64(o.Step))
	// rate * (m/c1) / (sqrt(v/c2)+eps), rearranged so that the loop divides once.
	a := float32(rate / c1 * math.Sqrt(c2))
	eps := float32(o.Eps * math.Sqrt(c2))
	b1, b2 := float32(o.Beta1), float32(o.Beta2)
	m, v := o.M[:len(g)], o.V[:len(g)]
	w = w[:len(g)]
	for i, x := range g {
		x *= scale
		mi := b1*m[i] + (1-b1)*x
		vi := b2*v[i] + (1-b2)*x*x
		m[i], v[i] = mi, vi
		w[i] -= a * mi / (float32(math.Sqrt(float64(vi))) + eps)
		g[i] = 0
	}
	return norm
}
