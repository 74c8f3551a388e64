package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/eval"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// Result is a finished training.
type Result struct {
	Table   *embed.Table `json:"-"` // the parameters of the best validation
	Loss    float64      `json:"loss"`
	Epochs  int          `json:"epochs"`
	Steps   int64        `json:"steps"`
	MRR     float64      `json:"mrr"`
	Best    int          `json:"best_epoch"`
	Stopped string       `json:"stopped"` // why: "epochs" or "patience"
	Seconds float64      `json:"seconds"` // of this run
	Path    string       `json:"checkpoint,omitempty"`
}

// ResumeError says why a training cannot go on from a checkpoint, or not begin
// over one.
type ResumeError struct{ error }

func (e *ResumeError) Unwrap() error { return e.error }

// state is what a checkpoint holds of a training beside numbers.
type state struct {
	Config Config  `json:"config"`
	Epoch  int     `json:"epoch"` // finished epochs
	Item   int     `json:"item"`  // queries done of the epoch that is running
	Loss   float64 `json:"loss"`  // sum of the epoch that is running
	Done   int64   `json:"done"`  // statements of that epoch
	Steps  int64   `json:"steps"`
	Rate   float64 `json:"rate"`
	MRR    float64 `json:"mrr"`
	Best   float64 `json:"best"`
	BestAt int     `json:"best_at"`
	Mean   float64 `json:"mean"` // loss of the last whole epoch
}

// trainer is a training in progress.
type trainer struct {
	cfg     Config
	g       *dataset.Graph
	t       *embed.Table
	best    *embed.Table // parameters of the best validation; t itself before one
	s       *stepper
	items   []query // every query of train, in groups
	known   *dataset.Index
	valid   []dataset.Triple
	st      state
	started time.Time
	written time.Time // last checkpoint
	worked  int64     // statements of this run
}

// Run trains a table on a graph. When ctx ends, the last checkpoint is written
// and ctx's error returned.
func Run(ctx context.Context, g *dataset.Graph, cfg Config) (*Result, error) {
	return run(ctx, g, cfg, nil)
}

// run is Run with an optimizer that a test may wrap.
func run(ctx context.Context, g *dataset.Graph, cfg Config, wrap func(optimizer) optimizer) (*Result, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(g.Train) == 0 {
		return nil, fmt.Errorf("%s has no statements to train on", g.Name)
	}
	tr := &trainer{cfg: cfg, g: g, started: time.Now(), written: time.Now()}
	tr.items = group(g, cfg.Group)
	tr.known = g.NewIndex(g.Train, g.Valid, g.Test)
	tr.valid = g.Directed(g.Valid)
	if err := tr.begin(); err != nil {
		return nil, err
	}
	if wrap != nil {
		tr.s.opt = wrap(tr.s.opt)
	}
	stopped, err := tr.run(ctx)
	if err != nil {
		if ctx.Err() != nil && cfg.Path != "" {
			if e := tr.save(false); e != nil {
				return nil, errors.Join(err, e)
			}
		}
		return nil, err
	}
	if cfg.Path != "" {
		if err := tr.save(true); err != nil {
			return nil, err
		}
	}
	return &Result{
		Table: tr.best, Loss: tr.st.Mean, Epochs: tr.st.Epoch, Steps: tr.st.Steps, MRR: tr.st.Best, Best: tr.st.BestAt,
		Stopped: stopped, Seconds: time.Since(tr.started).Seconds(), Path: cfg.Path,
	}, nil
}

// group collects the tails of every directed query, at most size a group, in
// the order of train.
func group(g *dataset.Graph, size int) []query {
	type key struct{ h, r int32 }
	open := map[key]int{}
	var items []query
	for _, t := range g.Directed(g.Train) {
		k := key{t.H, t.R}
		i, ok := open[k]
		if !ok || len(items[i].tails) >= size {
			i = len(items)
			open[k] = i
			items = append(items, query{h: t.H, r: t.R})
		}
		items[i].tails = append(items[i].tails, t.T)
	}
	return items
}

// begin makes the first parameters, or takes those of a checkpoint.
func (tr *trainer) begin() error {
	if tr.cfg.Group > tr.cfg.Batch {
		tr.cfg.Group = tr.cfg.Batch
		tr.items = group(tr.g, tr.cfg.Group)
	}
	t, err := embed.NewTable(tr.cfg.Spec, tr.g.Vocabulary())
	if err != nil {
		return err
	}
	t.Info.Dataset, t.Info.Seed = tr.g.Name, tr.cfg.Seed
	tr.t, tr.best = t, t
	if tr.s, err = newStepper(tr.cfg, t); err != nil {
		return err
	}
	tr.st = state{Config: tr.cfg, Rate: tr.cfg.Rate}
	if tr.cfg.Resume {
		if err := tr.resume(); err != nil {
			return &ResumeError{err}
		}
		return nil
	}
	if tr.cfg.Path != "" {
		if _, err := os.Stat(tr.cfg.Path); err == nil {
			if c, err := embed.OpenCheckpoint(tr.cfg.Path); err == nil && c.State != nil {
				return &ResumeError{fmt.Errorf("%s holds an unfinished training: go on with --resume, or remove it", tr.cfg.Path)}
			}
		}
	}
	tr.initialise()
	return nil
}

// initialise draws the parameters: normal for bilinear models, else uniform.
func (tr *trainer) initialise() {
	rng := rand.New(rand.NewPCG(tr.cfg.Seed, 0x6c696e6b))
	bilinear := tr.cfg.Spec.Model == "complex" || tr.cfg.Spec.Model == "distmult"
	for _, m := range []kernel.Rows{tr.t.Params, tr.t.RelParams} {
		for i := range m.N {
			for k := range m.Row(i) {
				x := 2*rng.Float64() - 1
				if bilinear {
					x = rng.NormFloat64()
				}
				m.Row(i)[k] = float32(tr.cfg.Init * x)
			}
		}
	}
	tr.t.Refresh()
}

// run trains until there is a reason to stop.
func (tr *trainer) run(ctx context.Context) (string, error) {
	for tr.st.Epoch < tr.cfg.Epochs {
		if tr.cfg.Patience > 0 && tr.st.BestAt > 0 && tr.st.Epoch-tr.st.BestAt >= tr.cfg.Patience {
			return "patience", nil
		}
		if err := tr.epoch(ctx); err != nil {
			return "", err
		}
		// The epoch ends once it is validated: a checkpoint in between is
		// resumed with the validation.
		n := tr.st.Epoch + 1
		validated := len(tr.valid) > 0 && (n%tr.cfg.ValidEvery == 0 || n == tr.cfg.Epochs)
		if validated {
			if err := tr.validate(ctx, n); err != nil {
				return "", err
			}
		}
		tr.st.Epoch = n
		tr.st.Mean = tr.st.Loss / float64(max(tr.st.Done, 1))
		tr.st.Item, tr.st.Loss, tr.st.Done = 0, 0, 0
		tr.st.Rate *= tr.cfg.Decay
		tr.report(validated)
		if err := tr.maybeSave(); err != nil {
			return "", err
		}
	}
	return "epochs", nil
}

// epoch runs over all queries once, in an order that the seed and the number
// of the epoch decide.
func (tr *trainer) epoch(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(tr.cfg.Seed, uint64(tr.st.Epoch)+1))
	order := rng.Perm(len(tr.items))
	tr.s.opt.setRate(tr.st.Rate)
	last := time.Now()
	for tr.st.Item < len(order) {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, n := tr.take(order[tr.st.Item:])
		loss, err := tr.s.step(batch)
		if err != nil {
			return err
		}
		tr.st.Item += len(batch)
		tr.st.Steps++
		tr.st.Loss += loss
		tr.st.Done += int64(n)
		tr.worked += int64(n)
		if time.Since(last) > time.Second/2 {
			last = time.Now()
			tr.report(false)
			if err := tr.maybeSave(); err != nil {
				return err
			}
		}
	}
	return nil
}

// take returns the queries of the next batch and the number of their
// statements.
func (tr *trainer) take(order []int) (batch []query, n int) {
	for _, i := range order {
		q := tr.items[i]
		if n+len(q.tails) > tr.cfg.Batch {
			break
		}
		n += len(q.tails)
		batch = append(batch, q)
	}
	return batch, n
}

// validate measures the table after an epoch and keeps it if it is the best so
// far.
func (tr *trainer) validate(ctx context.Context, epoch int) error {
	ranks, err := eval.DirectedRanks(ctx, tr.t, tr.known, tr.valid, eval.Options{Memory: tr.cfg.Memory, Threads: tr.cfg.Threads})
	if err != nil {
		return err
	}
	tr.st.MRR = eval.MRR(ranks)
	if tr.st.MRR > tr.st.Best || tr.st.BestAt == 0 {
		tr.st.Best, tr.st.BestAt = tr.st.MRR, epoch
		if tr.best == tr.t {
			if tr.best, err = embed.NewTable(tr.cfg.Spec, tr.g.Vocabulary()); err != nil {
				return err
			}
		}
		copy(tr.best.Params.Data, tr.t.Params.Data)
		copy(tr.best.RelParams.Data, tr.t.RelParams.Data)
		tr.best.Info = embed.Info{Dataset: tr.g.Name, Seed: tr.cfg.Seed, Epochs: epoch, MRR: tr.st.MRR}
		tr.best.Refresh()
	}
	return nil
}

func (tr *trainer) report(validated bool) {
	if tr.cfg.OnProgress == nil {
		return
	}
	per := int64(2 * len(tr.g.Train))
	p := Progress{
		Epoch: tr.st.Epoch, Epochs: tr.cfg.Epochs,
		Done: per*int64(tr.st.Epoch) + tr.st.Done, Total: per * int64(tr.cfg.Epochs),
		Loss: tr.st.Mean, MRR: tr.st.MRR, Best: tr.st.Best, BestEpoch: tr.st.BestAt, Validated: validated,
	}
	if tr.st.Done > 0 {
		p.Loss = tr.st.Loss / float64(tr.st.Done)
	}
	if s := time.Since(tr.started).Seconds(); s > 0 {
		p.PerSecond = float64(tr.worked) / s
	}
	if p.PerSecond > 0 {
		p.ETA = time.Duration(float64(p.Total-p.Done) / p.PerSecond * float64(time.Second))
	}
	tr.cfg.OnProgress(p)
}

func (tr *trainer) maybeSave() error {
	if tr.cfg.Path == "" || time.Since(tr.written) < tr.cfg.Every {
		return nil
	}
	return tr.save(false)
}

// save writes a checkpoint: the best parameters for prediction, and, unless the
// training is over, what is needed to go on.
func (tr *trainer) save(over bool) error {
	tr.written = time.Now()
	if over {
		if tr.best == tr.t {
			tr.t.Info.Epochs = tr.st.Epoch
		}
		return embed.Save(tr.cfg.Path, tr.best, embed.SaveOptions{Quantise: tr.cfg.Quantise})
	}
	tr.st.Steps = tr.s.opt.steps()
	st, err := json.Marshal(tr.st)
	if err != nil {
		return err
	}
	extra := map[string][]byte{"current.entities": pack(tr.t.Params.Data), "current.relations": pack(tr.t.RelParams.Data)}
	for name, v := range tr.s.opt.state() {
		extra[name] = pack(v)
	}
	return embed.Save(tr.cfg.Path, tr.best, embed.SaveOptions{State: st, Extra: extra})
}

// resume takes up a training where its checkpoint left it.
func (tr *trainer) resume() error {
	if tr.cfg.Path == "" {
		return errors.New("name the checkpoint to resume")
	}
	c, err := embed.OpenCheckpoint(tr.cfg.Path)
	if err != nil {
		return err
	}
	if err := c.Table.Bind(tr.g.Vocabulary()); err != nil {
		var g *embed.GraphError
		if errors.As(err, &g) {
			g.Checkpoint = tr.cfg.Path
		}
		return err
	}
	if c.State == nil {
		return fmt.Errorf("%s is a finished training: there is nothing to resume", tr.cfg.Path)
	}
	var st state
	if err := json.Unmarshal(c.State, &st); err != nil {
		return fmt.Errorf("%s: its training state is not valid: %w", tr.cfg.Path, err)
	}
	// The training goes on as it was begun; only its length may change.
	want, have := tr.st.Config, st.Config
	have.Epochs, have.Patience = want.Epochs, want.Patience
	a, errA := json.Marshal(have)
	b, errB := json.Marshal(want)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("%s was trained with the settings %s, not %s", tr.cfg.Path, a, b)
	}
	if st.Epoch < 0 || st.Item < 0 || st.Item > len(tr.items) {
		return fmt.Errorf("%s: its training state stands at query %d of %d", tr.cfg.Path, st.Item, len(tr.items))
	}
	parts := tr.s.opt.state()
	parts["current.entities"], parts["current.relations"] = tr.t.Params.Data, tr.t.RelParams.Data
	for name, v := range parts {
		if err := unpack(name, c.Extra[name], v); err != nil {
			return fmt.Errorf("%s: %w", tr.cfg.Path, err)
		}
	}
	tr.t.Refresh()
	if st.BestAt > 0 {
		tr.best = c.Table
	}
	st.Config = tr.st.Config
	tr.st = st
	tr.s.opt.setSteps(st.Steps)
	return nil
}
