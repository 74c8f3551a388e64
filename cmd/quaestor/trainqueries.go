package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
	"github.com/quaestor-kg/quaestor/embed/cqd/queryset"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

type trainQueriesFlags struct {
	link, data, queries, graph, out string
	limit                           int
	held                            float64
	o                               companion.Options
}

func (a *app) trainQueriesCommand() *cobra.Command {
	var fl trainQueriesFlags
	c := &cobra.Command{
		Use:   "queries",
		Short: "Prepares a link predictor for complex queries and inferred answers",
		Long: `Trains the adapter that makes the scores of relations comparable (CQD^A), on conjunctions with and without
negation, and calibrates the probabilities of links on held-out statements. Both are written beside the checkpoint
(FILE.queries.json), where serve, ask and eval queries find them. Without --data it takes the graph of the store.`,
		Example: examples(
			"quaestor train queries --store films --link films/link.ckpt",
			"quaestor train queries --link codex-s.ckpt --data ../shared/data/kge/CoDEx-s",
			"quaestor train queries --link codex-s.ckpt --data ../shared/data/kge/CoDEx-S-betae --steps 800 --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.trainQueries(c.Context(), fl) },
	}
	f := c.Flags()
	f.StringVar(&fl.link, "link", "", "checkpoint of train link (default link.ckpt in the store)")
	f.StringVar(&fl.data, "data", "", "split folder, with or without training queries")
	f.StringVar(&fl.queries, "queries", "", "folder of the queries inside --data (default the only one)")
	f.StringVar(&fl.graph, "graph", "", "named graph of the store")
	f.StringVar(&fl.out, "out", "", "file to write (default beside the checkpoint)")
	f.IntVar(&fl.limit, "limit", 0, "training queries of each type that are read (default all)")
	f.IntVar(&fl.o.PerType, "draw", 2000, "training queries of each type that are drawn where there are none")
	f.Float64Var(&fl.held, "held-out", heldOut, "share of a store's statements in each of valid and test, as given to train link")
	f.IntVar(&fl.o.Adapt.Steps, "steps", 600, "steps")
	f.IntVar(&fl.o.Adapt.Batch, "batch", 128, "queries of a step")
	f.Float64Var(&fl.o.Adapt.Rate, "rate", 0.03, "learning rate of Adagrad")
	f.BoolVar(&fl.o.Adapt.LogLogits, "log-logits", false, "softmax over logs of truths: better for positive queries, worse for negation")
	f.Uint64Var(&fl.o.Adapt.Seed, "seed", 1, "seed of everything random")
	return c
}

// heldOut is the share of statements that train link holds out of a store for
// each of validation and test.
const heldOut = 0.05

func (a *app) trainQueries(ctx context.Context, fl trainQueriesFlags) error {
	begin := time.Now()
	var g *dataset.Graph
	if fl.data != "" {
		if fl.link == "" {
			return usageError{errors.New("name the link predictor with --link")}
		}
		if set, err := queryset.Open(fl.data, fl.queries); err == nil {
			g = set.Graph
			fl.o.Queries = map[string][]cqd.Case{}
			for _, typ := range companion.TrainedTypes {
				if !set.Has("train", typ) {
					continue
				}
				if fl.o.Queries[typ], err = set.Read("train", typ, fl.limit); err != nil {
					return inputError{err}
				}
			}
		} else if g, err = dataset.Open(fl.data, dataset.Options{}); err != nil {
			return inputError{err}
		}
	} else {
		if fl.link == "" {
			fl.link = a.linkFile()
		}
		snap, done, err := a.openSnapshot()
		if err != nil {
			return err
		}
		defer done()
		l, err := dataset.FromSnapshot(ctx, snap, dataset.SnapshotOptions{Graph: fl.graph, Valid: fl.held, Test: fl.held})
		if err != nil {
			return inputError{err}
		}
		g = l.Graph
	}
	own, err := embed.Open(fl.link)
	if err != nil {
		return inputError{err}
	}
	t, err := openPredictor(fl.link, g)
	if err != nil {
		return inputError{err}
	}
	if fl.out == "" {
		fl.out = companion.Path(fl.link)
	}
	bar := a.newProgress("adapter", "steps", int64(fl.o.Adapt.Steps))
	fl.o.Progress = func(_ string, done, _ int) { bar.Set(int64(done), "") }
	c, err := companion.Train(ctx, t, g, fl.o)
	bar.Finish()
	if err != nil {
		return err
	}
	if t != own && t.Hash != own.Hash {
		// The numbers of this graph are not the checkpoint's.
		if err := c.Renumber(own, g); err != nil {
			return err
		}
	}
	if err := c.Save(fl.out); err != nil {
		return err
	}
	res := map[string]any{"checkpoint": fl.out, "seconds": time.Since(begin).Seconds(), "steps": fl.o.Adapt.Steps, "loss": c.Loss, "calibration": c.Calibration, "ece": c.Held, "ece_n": c.HeldN, "reliability": c.Reliability}
	if a.json {
		return a.writeJSON(res)
	}
	if c.Adapter == nil {
		fmt.Fprintln(a.out, "no adapter: the graph has no queries to train it on")
	} else {
		fmt.Fprintf(a.out, "adapter: %d weights, loss %.4f after %d steps\n", c.Adapter.Parameters(), c.Loss, fl.o.Adapt.Steps)
	}
	if c.Calibration == nil {
		fmt.Fprintln(a.out, "not calibrated: too few held-out statements, so inferred answers will carry no probability")
	} else {
		fmt.Fprintf(a.out, "calibrated on %d links against %s\n", c.Calibration.N, c.Calibration.Against)
		fmt.Fprintf(a.out, "ece %.4f on %d held-out links\n", c.Held, c.HeldN)
		for _, b := range c.Reliability {
			if b.N > 0 {
				fmt.Fprintf(a.out, "  said %.3f, true %.3f (%d)\n", b.Probability, b.True, b.N)
			}
		}
	}
	fmt.Fprintln(a.out, fl.out)
	return nil
}
