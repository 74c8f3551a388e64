// Package train fits the tables of package embed: every entity is a candidate
// for every query (1-vs-all), scored by the fused kernels of embed/kernel.
//
// A training is a function of its configuration and graph: the same seed gives
// the same bytes, whatever the number of threads, and a training that was
// interrupted and resumed ends as one that was not.
package train

import (
	"fmt"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
)

// Config describes a training. EnsureDefaults fills what is zero by the model.
type Config struct {
	Spec embed.Spec `json:"spec"`
	// Loss is "softmax" (cross-entropy of the tail among all entities) or
	// "logistic" (binary cross-entropy, the tail being the only positive).
	Loss      string  `json:"loss"`
	Optimizer string  `json:"optimizer"` // "adagrad" or "adam"
	Rate      float64 `json:"rate"`
	Decay     float64 `json:"decay"` // factor on the rate after every epoch
	Batch     int     `json:"batch"` // directed statements of one step
	Epochs    int     `json:"epochs"`
	// Group is how many tails of one query (h, r) may stand in one batch, where
	// they share its scores. The loss stays the sum over statements; a
	// statement alone (1) is what the literature does, and slower.
	Group int `json:"group"`
	// N3 is the weight of the nuclear 3-norm, RelationWeight that of relation
	// prediction; bilinear models only.
	N3             float64 `json:"n3"`
	RelationWeight float64 `json:"relation_weight"`
	Init           float64 `json:"init"` // scale of the first parameters
	Seed           uint64  `json:"seed"`
	// Patience ends the training when the validation MRR has not risen for that
	// many epochs; negative means never. ValidEvery is in epochs.
	Patience   int `json:"patience"`
	ValidEvery int `json:"valid_every"`

	// What follows may change between a training and its resumption.

	Threads int    `json:"-"` // 0: all cores
	Memory  int64  `json:"-"` // bytes for scores, in training and validation; default 1 GiB
	Path    string `json:"-"` // checkpoint; empty: none is written
	Resume  bool   `json:"-"`
	// Quantise writes the finished checkpoint in a quarter of the size.
	Quantise bool `json:"-"`
	// Every is the time between checkpoints within an epoch.
	Every time.Duration `json:"-"`
	// OnProgress is told now and then, on the training's goroutine.
	OnProgress func(Progress) `json:"-"`
}

// Progress is how far a training is.
type Progress struct {
	Epoch, Epochs int
	Done, Total   int64   // directed statements of all epochs
	Loss          float64 // mean per statement, of the epoch so far
	MRR, Best     float64 // filtered, on valid; 0 before the first validation
	BestEpoch     int
	PerSecond     float64 // directed statements
	ETA           time.Duration
	Validated     bool // MRR is new
}

// EnsureDefaults fills in the settings that the model is usually trained with.
func (c *Config) EnsureDefaults() {
	bilinear := c.Spec.Model == "complex" || c.Spec.Model == "distmult"
	set := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	if c.Loss == "" {
		c.Loss = "logistic"
		if bilinear {
			c.Loss = "softmax"
		}
	}
	if c.Loss == "bce" {
		c.Loss = "logistic"
	}
	if c.Optimizer == "" {
		c.Optimizer = "adam"
		if bilinear {
			c.Optimizer = "adagrad"
		}
	}
	if c.Optimizer == "adagrad" {
		set(&c.Rate, 0.1)
	}
	set(&c.Rate, 0.005)
	set(&c.Decay, 1)
	if bilinear {
		set(&c.Init, 1e-3)
	}
	set(&c.Init, 0.1)
	if c.Spec.Dim == 0 {
		c.Spec.Dim = 100
	}
	if c.Batch == 0 {
		c.Batch = 500
	}
	if c.Epochs == 0 {
		c.Epochs = 50
	}
	if c.Group == 0 {
		c.Group = 16
	}
	if c.Patience == 0 {
		c.Patience = 10
	}
	if c.ValidEvery == 0 {
		c.ValidEvery = 1
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	if c.Every == 0 {
		c.Every = 5 * time.Minute
	}
}

// Validate names the first setting that cannot be.
func (c *Config) Validate() error {
	switch {
	case c.Loss != "softmax" && c.Loss != "logistic":
		return fmt.Errorf("loss %q is neither softmax nor logistic", c.Loss)
	case c.Optimizer != "adagrad" && c.Optimizer != "adam":
		return fmt.Errorf("optimizer %q is neither adagrad nor adam", c.Optimizer)
	case !(c.Rate > 0) || c.Rate > 100:
		return fmt.Errorf("learning rate %v is not between 0 and 100", c.Rate)
	case !(c.Decay > 0) || c.Decay > 1:
		return fmt.Errorf("decay %v is not between 0 and 1", c.Decay)
	case c.Batch < 1 || c.Batch > 1<<20:
		return fmt.Errorf("batch of %d is not between 1 and %d", c.Batch, 1<<20)
	case c.Epochs < 1:
		return fmt.Errorf("%d epochs are too few", c.Epochs)
	case c.Group < 1:
		return fmt.Errorf("groups of %d are too small", c.Group)
	case c.N3 < 0 || c.RelationWeight < 0 || c.Init < 0:
		return fmt.Errorf("weights and scales must not be negative")
	case c.ValidEvery < 1:
		return fmt.Errorf("validation every %d epochs makes no sense", c.ValidEvery)
	case c.Memory < 1:
		return fmt.Errorf("%d bytes of memory are too few", c.Memory)
	}
	m, err := embed.NewModel[float32](c.Spec)
	if err != nil {
		return err
	}
	if _, ok := m.(embed.Regularised[float32]); !ok && c.N3 > 0 {
		return fmt.Errorf("model %s has no nuclear norm: leave out --n3", c.Spec.Model)
	}
	if _, ok := m.(embed.RelationPredictor[float32]); !ok && c.RelationWeight > 0 {
		return fmt.Errorf("model %s cannot predict relations: leave out --relation-weight", c.Spec.Model)
	}
	return nil
}
