package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/train"
)

// linkData says where the statements of link prediction come from.
type linkData struct {
	dir        string
	graphs     []string
	named      string
	columns    string
	dropUnseen bool
	valid      float64
	test       float64
}

func (d *linkData) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.dir, "data", "", "folder with train, valid and test")
	f.StringSliceVar(&d.graphs, "graph", nil, "RDF files to learn from")
	f.StringVar(&d.named, "named-graph", "", "learn from this graph of the store or files alone")
	f.StringVar(&d.columns, "columns", "", "columns of text files: hrt, rht or htr (default: found out)")
	f.BoolVar(&d.dropUnseen, "drop-unseen", false, "leave out valid and test statements about names that train does not have")
	f.Float64Var(&d.valid, "valid", heldOut, "share of the statements of a store or RDF file that is held out to validate")
	f.Float64Var(&d.test, "test", heldOut, "share that is held out to test")
}

// open reads the graph: a split folder, RDF files, or the store.
func (d *linkData) open(ctx context.Context, a *app, c *cobra.Command) (*dataset.Graph, error) {
	var g *dataset.Graph
	o := dataset.SnapshotOptions{Graph: d.named, Valid: d.valid, Test: d.test}
	switch {
	case d.valid < 0 || d.test < 0 || d.valid+d.test >= 1:
		return nil, usageError{fmt.Errorf("--valid %v and --test %v leave nothing to train on", d.valid, d.test)}
	case d.dir != "" && len(d.graphs) > 0:
		return nil, usageError{errors.New("--data and --graph exclude each other")}
	case d.dir != "":
		var err error
		if g, err = dataset.Open(d.dir, dataset.Options{Columns: d.columns, DropUnseen: d.dropUnseen}); err != nil {
			return nil, inputError{err}
		}
	case len(d.graphs) > 0:
		l, err := dataset.FromRDF(ctx, d.graphs, o)
		if err != nil {
			return nil, inputError{err}
		}
		g = l.Graph
	case c.Flags().Changed("store"):
		snap, done, err := a.openSnapshot()
		if err != nil {
			return nil, err
		}
		defer done()
		l, err := dataset.FromSnapshot(ctx, snap, o)
		if err != nil {
			return nil, inputError{err}
		}
		g = l.Graph
	default:
		return nil, usageError{errors.New("name the graph: --data FOLDER, --graph FILE or --store DIR")}
	}
	a.log.Info("graph read", "graph", g.String())
	for _, n := range g.Notes {
		a.log.Warn(n)
	}
	return g, nil
}

// modelFlags are the settings of a training.
type modelFlags struct {
	cfg    train.Config
	memory string
}

func (m *modelFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&m.cfg.Spec.Dim, "dim", 0, "length of each part of an entity's vector; the rank of complex (default by the model)")
	f.Float64Var(&m.cfg.Spec.Gamma, "gamma", 0, "additive constant of distance models (default by the model)")
	f.StringVar(&m.cfg.Spec.Base, "base", "", "base law of nfe2: normal or uniform")
	f.BoolVar(&m.cfg.Spec.Strict, "strict-affine", false, "nfe3: the same affine map for mean and scale")
	f.StringVar(&m.cfg.Loss, "loss", "", "softmax, or logistic (bce) (default by the model)")
	f.StringVar(&m.cfg.Optimizer, "optimizer", "", "adagrad or adam (default by the model)")
	f.Float64Var(&m.cfg.Rate, "rate", 0, "learning rate (default 0.1 for adagrad, 0.005 for adam)")
	f.Float64Var(&m.cfg.Decay, "decay", 0, "factor on the rate after every epoch")
	f.IntVar(&m.cfg.Batch, "batch", 0, "directed statements of a step")
	f.IntVar(&m.cfg.Group, "group", 0, "tails of one query that share its scores in a batch; 1 is the textbook's way")
	f.IntVar(&m.cfg.Epochs, "epochs", 0, "passes over the statements")
	f.Float64Var(&m.cfg.N3, "n3", -1, "weight of the nuclear 3-norm of bilinear models (default by the graph)")
	f.Float64Var(&m.cfg.RelationWeight, "relation-weight", 0, "weight of relation prediction beside tail prediction")
	f.Float64Var(&m.cfg.Init, "init", 0, "scale of the first parameters")
	f.IntVar(&m.cfg.Patience, "patience", 0, "stop after so many epochs without a better validation; -1 never (default 10)")
	f.IntVar(&m.cfg.ValidEvery, "valid-every", 0, "epochs between validations")
	f.Uint64Var(&m.cfg.Seed, "seed", 0, "seed of everything random")
	f.StringVar(&m.memory, "memory", "1GiB", "bound on the memory of scores, in training and evaluation")
}

// config completes the settings for one model on one graph.
func (m *modelFlags) config(a *app, model string, g *dataset.Graph) (train.Config, error) {
	cfg := m.cfg
	cfg.Spec.Model = model
	cfg.Threads = a.cfg.num("threads")
	n, err := parseBytes(m.memory)
	if err != nil {
		return cfg, usageError{fmt.Errorf("--memory: %w", err)}
	}
	cfg.Memory = n
	train.Suggest(&cfg, g)
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

func (a *app) trainLinkCommand() *cobra.Command {
	var data linkData
	var settings modelFlags
	var model, out string
	var resume bool
	c := &cobra.Command{
		Use:   "link",
		Short: "Trains a model that predicts links the graph does not state",
		Long: `Learns vectors of entities and relations from a split folder (--data), RDF files (--graph) or a store (--store),
every entity being a candidate for every query. The file --out always holds the best model so far: Ctrl-C stops at a
checkpoint, and --resume goes on and ends with the same bytes as a training that was not interrupted.

Models: complex, distmult, nfe1, nfe2, nfe3 (normalising flows), affine (without uncertainty), transe (mean alone),
nfe1-sigma (variance alone), rotate.`,
		Example: examples(
			"quaestor train link --data ../shared/data/kge/umls --model complex --out build/link/umls-complex.ckpt",
			"quaestor train link --store films --model complex --dim 50 --out build/link/films.ckpt",
			"quaestor train link --graph films.nt.gz --model nfe1 --dim 64 --epochs 5 --out build/link/films-nfe1.ckpt",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			g, err := data.open(c.Context(), a, c)
			if err != nil {
				return err
			}
			cfg, err := settings.config(a, model, g)
			if err != nil {
				return err
			}
			cfg.Path, cfg.Resume = out, resume
			if out == "" && c.Flags().Changed("store") {
				cfg.Path = a.linkFile()
			} else if out == "" {
				cfg.Path = filepath.Join("build", "link", filepath.Base(g.Name)+"-"+model+".ckpt")
			}
			r, err := a.trainLink(c.Context(), g, cfg)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			_, err = fmt.Fprintf(a.out, "loss %.4f, MRR %.4f on valid at epoch %d, %d epochs (%s), %.0f s: %s\n", r.Loss, r.MRR, r.Best, r.Epochs, r.Stopped, r.Seconds, r.Path)
			return err
		},
	}
	data.flags(c)
	settings.flags(c)
	c.Flags().StringVar(&model, "model", "complex", "model to train")
	c.Flags().StringVar(&out, "out", "", "checkpoint to write (default link.ckpt in the store, else build/link/GRAPH-MODEL.ckpt)")
	c.Flags().BoolVar(&settings.cfg.Quantise, "quantise", false, "write the finished checkpoint in a quarter of the size, with eight bits a number")
	c.Flags().BoolVar(&resume, "resume", false, "go on from the checkpoint")
	return c
}

// trainLink trains with progress.
func (a *app) trainLink(ctx context.Context, g *dataset.Graph, cfg train.Config) (*train.Result, error) {
	bar := a.newProgress("train "+cfg.Spec.Model, "statements", int64(2*len(g.Train)*cfg.Epochs))
	cfg.OnProgress = func(p train.Progress) {
		note := fmt.Sprintf("epoch %d, loss %.3f", p.Epoch, p.Loss)
		if p.BestEpoch > 0 {
			note += fmt.Sprintf(", MRR %.4f (best %.4f at %d)", p.MRR, p.Best, p.BestEpoch)
		}
		bar.Set(p.Done, fmt.Sprintf("%s, %.0f/s, %s left", note, p.PerSecond, p.ETA.Round(time.Second)))
	}
	r, err := train.Run(ctx, g, cfg)
	bar.Finish()
	return r, linkError(err)
}
