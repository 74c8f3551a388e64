// Package train trains the small decoder that is shipped with the program.
//
// Decoder is the whole of it: it reads rows (train/corpus, written by
// train/datagen), learns a tokenizer from them, trains a model (train/model)
// with AdamW (train/optim), saves checkpoints from which a run goes on bit for
// bit, and writes the result as a GGUF file of the Llama architecture that
// reasoning/decode loads like any other.
package train

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/train/model"
	"github.com/quaestor-kg/quaestor/reasoning/train/optim"
)

// Config says what to train, on what, and for how long.
type Config struct {
	Data []string `json:"data"` // files of rows
	// Start is a finished model to go on from, with its tokenizer and sizes;
	// empty begins with random weights.
	Start string `json:"start,omitempty"`
	Dir   string `json:"dir"` // checkpoints and the finished model

	Pieces int          `json:"pieces"` // of the tokenizer
	Model  model.Config `json:"model"`  // Vocab is set from the tokenizer
	Optim  optim.Config `json:"optim"`  // Steps is set from Passes or MaxSteps
	Mix    model.Mix    `json:"mix"`

	Batch    int     `json:"batch"`     // rows a step
	Shards   int     `json:"shards"`    // parts of a batch, each with its own gradient; fixes the order of sums
	Passes   float64 `json:"passes"`    // over all rows
	MaxSteps int     `json:"max_steps"` // instead of Passes, if not zero
	Held     float64 `json:"held"`      // share of prompts kept for early stopping
	HeldRows int     `json:"held_rows"` // at most so many of them are looked at
	Every    int     `json:"every"`     // steps between checkpoints
	Seed     uint64  `json:"seed"`
	Resume   bool    `json:"-"`

	// Note is stored in the finished file (general.description).
	Note string `json:"note"`
}

// EnsureDefaults fills zero fields with what the shipped decoder was trained
// with.
func (c *Config) EnsureDefaults() {
	if c.Dir == "" {
		c.Dir = filepath.Join("build", "decoder")
	}
	if c.Pieces == 0 {
		c.Pieces = 3000
	}
	d := &c.Model
	def := model.Config{Dim: 192, Layers: 5, Heads: 4, FFN: 512, Context: 256, RopeBase: 10000, Eps: 1e-5}
	if d.Dim == 0 {
		d.Dim, d.FFN, d.Heads = def.Dim, def.FFN, def.Heads
	}
	if d.Layers == 0 {
		d.Layers = def.Layers
	}
	if d.Heads == 0 {
		d.Heads = def.Heads
	}
	if d.FFN == 0 {
		d.FFN = (d.Dim*8/3 + 31) / 32 * 32
	}
	if d.Context == 0 {
		d.Context = def.Context
	}
	d.RopeBase, d.Eps = def.RopeBase, def.Eps
	if c.Mix == (model.Mix{}) {
		c.Mix = model.DefaultMix
	}
	setInt := func(x *int, v int) {
		if *x == 0 {
			*x = v
		}
	}
	setInt(&c.Batch, 32)
	setInt(&c.Shards, 2)
	setInt(&c.HeldRows, 2000)
	setInt(&c.Every, 500)
	if c.Passes == 0 {
		c.Passes = 2
	}
	if c.Held == 0 {
		c.Held = 0.05
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
}

// Progress is told after every tenth step and after every look at the held
// rows.
type Progress struct {
	Step, Steps   int
	Loss          float64 // mean over the rows since the last report
	Held          float64 // loss on the held rows; NaN until the first look
	Chosen        float64 // share of held rows whose right query wins at every point
	RowsPerSecond float64
	ETA           time.Duration
	Rate          float64 // learning rate
}

// Result is what a run ends with.
type Result struct {
	Loss       float64 `json:"loss"` // on held rows, of the weights that were kept
	Chosen     float64 `json:"chosen"`
	Rows       int     `json:"rows"`
	Seconds    float64 `json:"seconds"` // of all runs since the first start
	Steps      int     `json:"steps"`
	Params     int     `json:"params"`
	Checkpoint string  `json:"checkpoint"`
	Model      string  `json:"model"` // the GGUF file
}

// Decoder trains a decoder. progress may be nil. When ctx ends the run saves a
// checkpoint and returns the context's error; calling again with Resume goes on.
func Decoder(ctx context.Context, c Config, progress func(Progress)) (Result, error) {
	c.EnsureDefaults()
	if len(c.Data) == 0 {
		return Result{}, errors.New("train: no files of rows: generate some first")
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	t := &trainer{Config: c, progress: progress, start: time.Now()}
	if t.progress == nil {
		t.progress = func(Progress) {}
	}
	if err := t.prepare(); err != nil {
		return Result{}, err
	}
	if err := t.run(ctx); err != nil {
		return Result{}, err
	}
	return t.finish()
}

// Snapshot writes the model of a run that has not ended: the best weights of
// the checkpoint in c.Dir. The settings must be those of the run.
func Snapshot(c Config) (Result, error) {
	c.EnsureDefaults()
	c.Resume = true
	t := &trainer{Config: c, start: time.Now()}
	if err := t.prepare(); err != nil {
		return Result{}, err
	}
	if math.IsInf(t.bestLoss, 1) {
		return Result{}, fmt.Errorf("train: no checkpoint in %s yet", c.Dir)
	}
	return t.finish()
}

// Measure computes the loss of a finished model on all rows of some files, and
// the share of those whose right query wins at every point.
func Measure(start string, data ...string) (Result, error) {
	c := Config{Data: data, Start: start, Held: 2, HeldRows: 1 << 30}
	c.EnsureDefaults()
	t := &trainer{Config: c, start: time.Now(), measuring: true}
	if err := t.prepare(); err != nil {
		return Result{}, err
	}
	st, err := t.look()
	n := float64(max(1, st.Trees))
	return Result{Loss: st.Loss / n, Chosen: float64(st.Chosen) / n, Rows: len(t.held), Seconds: t.seconds(), Params: len(t.w.Flat), Model: start}, err
}

type trainer struct {
	Config
	measuring bool // all rows are held
	progress  func(Progress)
	start     time.Time
	before    float64 // seconds of earlier runs

	rows []row // shuffled per pass
	held []row
	tok  encoder
	from *model.Weights[float32] // of Config.Start
	w    *model.Weights[float32]
	best *model.Weights[float32] // lowest loss on held rows
	opt  *optim.AdamW
	par  []*shard

	bestLoss, bestChosen float64
}

// shard computes the gradient of one part of every batch.
type shard struct {
	pass  *model.Pass[float32]
	grad  *model.Weights[float32]
	trees []model.Tree
	stats model.Stats
	err   error
}

func (t *trainer) checkpointPath() string { return filepath.Join(t.Dir, "checkpoint.bin") }

func (t *trainer) prepare() error {
	if err := t.load(); err != nil {
		return err
	}
	if t.from != nil {
		context := t.Model.Context
		t.Model = t.from.Config
		t.Model.Context = context
	}
	t.Model.Vocab = t.tok.Size()
	if err := t.Model.Validate(); err != nil {
		return err
	}
	t.Optim.Steps = t.MaxSteps
	if t.MaxSteps == 0 {
		t.Optim.Steps = max(1, int(t.Passes*float64(len(t.rows))/float64(t.Batch)))
	}
	t.w = model.NewWeights[float32](t.Model)
	t.w.Init(t.Seed)
	if t.from != nil {
		copy(t.w.Flat, t.from.Flat)
		t.from = nil
	}
	var err error
	if t.opt, err = optim.New(t.Optim, len(t.w.Flat)); err != nil {
		return err
	}
	t.best = model.NewWeights[float32](t.Model)
	t.bestLoss = math.Inf(1)
	for range t.Shards {
		t.par = append(t.par, &shard{pass: model.NewPass(t.w), grad: model.NewWeights[float32](t.Model)})
	}
	if t.Resume {
		return t.restore()
	}
	return nil
}

// order returns the rows of a pass in its own random order. It depends on the
// seed and the pass alone, so a resumed run finds its place again.
func (t *trainer) order(pass int) []int {
	return rand.New(rand.NewPCG(t.Seed, 1000+uint64(pass))).Perm(len(t.rows))
}

func (t *trainer) run(ctx context.Context) error {
	pass, order := -1, []int(nil)
	var since model.Stats
	mark, markStep := time.Now(), t.opt.Step
	held, chosen := math.NaN(), math.NaN()
	if !math.IsInf(t.bestLoss, 1) {
		held, chosen = t.bestLoss, t.bestChosen
	}
	for t.opt.Step < t.opt.Steps {
		if err := ctx.Err(); err != nil {
			return errors.Join(fmt.Errorf("train: stopped after step %d of %d; resume to go on: %w", t.opt.Step, t.opt.Steps, err), t.save())
		}
		// The rows of this step.
		for _, s := range t.par {
			s.trees = s.trees[:0]
		}
		for i := range t.Batch {
			n := t.opt.Step*t.Batch + i
			if p := n / len(t.rows); p != pass {
				pass, order = p, t.order(p)
			}
			s := t.par[i%len(t.par)]
			s.trees = append(s.trees, t.rows[order[n%len(t.rows)]].tree())
		}
		var wg sync.WaitGroup
		for _, s := range t.par {
			wg.Go(func() { s.stats, s.err = s.pass.Loss(s.trees, t.Mix, s.grad, 1/float64(t.Batch)) })
		}
		wg.Wait()
		total := t.par[0].grad
		for k, s := range t.par {
			if s.err != nil {
				return fmt.Errorf("train: step %d: %w", t.opt.Step, s.err)
			}
			since.Add(s.stats)
			if k > 0 {
				for i, v := range s.grad.Flat {
					total.Flat[i] += v
				}
				clear(s.grad.Flat)
			}
		}
		t.opt.Update(t.w.Flat, total.Flat, t.w.Decay)

		last := t.opt.Step == t.opt.Steps
		if t.opt.Step%t.Every == 0 || last {
			st, err := t.look()
			if err != nil {
				return err
			}
			held, chosen = st.Loss/float64(max(1, st.Trees)), float64(st.Chosen)/float64(max(1, st.Trees))
			if held < t.bestLoss || len(t.held) == 0 {
				t.bestLoss, t.bestChosen = held, chosen
				copy(t.best.Flat, t.w.Flat)
			}
			if err := t.save(); err != nil {
				return err
			}
		}
		if t.opt.Step%10 == 0 || last {
			sec := time.Since(mark).Seconds()
			perStep := sec / float64(max(1, t.opt.Step-markStep))
			t.progress(Progress{
				Step: t.opt.Step, Steps: t.opt.Steps, Loss: since.Loss / float64(max(1, since.Trees)), Held: held, Chosen: chosen,
				RowsPerSecond: float64(t.Batch) / perStep, Rate: t.opt.Rate(t.opt.Step),
				ETA: time.Duration(perStep * float64(t.opt.Steps-t.opt.Step) * float64(time.Second)),
			})
			since, mark, markStep = model.Stats{}, time.Now(), t.opt.Step
		}
	}
	return nil
}

// look computes the loss of the held rows.
func (t *trainer) look() (model.Stats, error) {
	var sum model.Stats
	for from := 0; from < len(t.held); from += 64 {
		var trees []model.Tree
		for _, r := range t.held[from:min(from+64, len(t.held))] {
			trees = append(trees, r.tree())
		}
		st, err := t.par[0].pass.Loss(trees, t.Mix, nil, 1)
		if err != nil {
			return sum, err
		}
		sum.Add(st)
	}
	return sum, nil
}

func (t *trainer) finish() (Result, error) {
	path := filepath.Join(t.Dir, "decoder.gguf")
	if err := t.export(t.best, path); err != nil {
		return Result{}, err
	}
	return Result{
		Loss: t.bestLoss, Chosen: t.bestChosen, Rows: len(t.rows), Seconds: t.seconds(), Steps: t.opt.Step,
		Params: len(t.w.Flat), Checkpoint: t.checkpointPath(), Model: path,
	}, nil
}

func (t *trainer) seconds() float64 { return t.before + time.Since(t.start).Seconds() }

// fraction maps a text to [0, 1), the same on every machine.
func fraction(s string) float64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	x := h.Sum64()
	x ^= x >> 31 // FNV leaves the high bits of short texts alike
	x *= 0x9e3779b97f4a7c15
	return float64(x>>11) / (1 << 53)
}
