package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/train"
	"github.com/quaestor-kg/quaestor/reasoning/train/adapt"
	"github.com/quaestor-kg/quaestor/reasoning/train/datagen"
)

func (a *app) trainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "train",
		Short: "Trains the models that answer questions",
		Example: examples(
			"quaestor train data --out build/rows.jsonl.gz",
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder",
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder --resume",
		),
	}
	c.AddCommand(a.trainDataCommand(), a.trainDecoderCommand(), a.trainCalibratorCommand(), a.trainLinkCommand(), a.trainQueriesCommand())
	return c
}

func (a *app) trainDataCommand() *cobra.Command {
	var out, from string
	var seed uint64
	c := &cobra.Command{
		Use:   "data",
		Short: "Makes the questions that the decoder is trained on",
		Long: `Writes rows of question, right query and wrong queries: from the data sets below
--from (default $QUAESTOR_SHARED/data/kgqa) whose licence allows it, and over invented graphs. The same seed
gives the same rows.`,
		Example: examples(
			"quaestor train data --out build/rows.jsonl.gz",
			"quaestor train data --out build/rows.jsonl.gz --seed 7",
			"quaestor train data --from /data/kgqa --out build/rows.jsonl.gz",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" {
				dir, ok := shared.Find()
				if !ok {
					return inputError{fmt.Errorf("no data sets at %s: name them with --from", dir)}
				}
				from = filepath.Join(dir, "data", "kgqa")
			}
			if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
				return err
			}
			cfg := datagen.DefaultConfig(from, out)
			cfg.Seed = seed
			if !a.quiet {
				cfg.Log = a.err
			}
			r, err := datagen.Generate(c.Context(), cfg)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			_, err = fmt.Fprintln(a.out, r)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "build/rows.jsonl.gz", "file to write")
	c.Flags().StringVar(&from, "from", "", "folder of the data sets")
	c.Flags().Uint64Var(&seed, "seed", 1, "seed of everything random")
	return c
}

func (a *app) trainDecoderCommand() *cobra.Command {
	var cfg train.Config
	var base, pairs string
	var rows int
	c := &cobra.Command{
		Use:   "decoder",
		Short: "Trains the small decoder, or adapts it to the graph of a store",
		Long: `With --data: trains on rows made by "train data" and writes a GGUF file that --model takes. --start goes on
from a finished decoder. Ctrl-C stops at a checkpoint; --resume goes on and ends with the same bytes as a run
that was not interrupted.

Without --data: adapts the embedded decoder (or --base) to the graph of --store, with questions made from the graph
itself and, with --pairs, with given ones (JSON lines with "question" and "sparql" or "answers"). What it gained is
measured on questions kept apart, and it is kept only if it gained something and forgot nothing.`,
		Example: examples(
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder",
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder --resume",
			"quaestor train decoder --store ./hr --dir ./hr-decoder --pairs questions.jsonl",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(cfg.Data) == 0 {
				return a.adaptDecoder(c.Context(), adapt.Config{Dir: cfg.Dir, Rows: rows, Steps: cfg.MaxSteps, Rate: cfg.Optim.LR, Seed: cfg.Seed}, base, pairs)
			}
			if base != "" || pairs != "" {
				return usageError{errors.New("--base and --pairs adapt a decoder to --store; leave --data out")}
			}
			return a.trainDecoder(c.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.Data, "data", nil, "files of rows (default: questions made from the graph of --store)")
	f.StringVar(&cfg.Start, "start", "", "with --data: finished decoder to go on from")
	f.StringVar(&base, "base", "", "decoder to adapt (default the embedded one)")
	f.StringVar(&pairs, "pairs", "", "file of questions about the graph of --store with their queries or answers")
	f.IntVar(&rows, "rows", 0, "questions to make from the graph (default 6000)")
	f.Float64Var(&cfg.Optim.LR, "rate", 0, "learning rate")
	f.StringVar(&cfg.Dir, "dir", "build/decoder", "folder of checkpoints and of the finished model")
	f.BoolVar(&cfg.Resume, "resume", false, "go on from the last checkpoint")
	f.Float64Var(&cfg.Passes, "passes", 0, "passes over the rows (default 3)")
	f.IntVar(&cfg.MaxSteps, "steps", 0, "steps instead of passes")
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of everything random")
	return c
}

// adaptDecoder adapts a decoder to the graph of the store.
func (a *app) adaptDecoder(ctx context.Context, cfg adapt.Config, base, pairs string) error {
	var err error
	if base != "" {
		cfg.Base, err = os.ReadFile(base)
	} else {
		cfg.Base, err = decoder.Bytes()
	}
	if err != nil {
		return inputError{err}
	}
	if pairs != "" {
		if cfg.Pairs, err = qa.ReadQuestions(pairs); err != nil {
			return inputError{err}
		}
	}
	snap, closeStore, err := a.openSnapshot()
	if err != nil {
		return err
	}
	defer closeStore()
	var bar *progress
	rep, err := adapt.Decoder(ctx, snap, cfg, func(p train.Progress) {
		if bar == nil {
			bar = a.newProgress("adapt", "steps", int64(p.Steps))
		}
		bar.Set(int64(p.Step), fmt.Sprintf("loss %.3f, %s left", p.Loss, p.ETA.Round(time.Second)))
	})
	if bar != nil {
		bar.Finish()
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(rep)
	}
	verdict := "kept: " + rep.Model
	if !rep.Kept {
		verdict = "not kept: " + rep.Reason
	}
	_, err = fmt.Fprintf(a.out, "questions about this graph that it reads right at every point: %.1f %% before, %.1f %% after (%d kept apart)\nabout other graphs: %.1f %% before, %.1f %% after\n%s\n",
		100*rep.Own.Before.Chosen, 100*rep.Own.After.Chosen, rep.Own.After.Rows, 100*rep.General.Before.Chosen, 100*rep.General.After.Chosen, verdict)
	return err
}

func (a *app) trainDecoder(ctx context.Context, cfg train.Config) error {
	cfg.EnsureDefaults()
	var bar *progress
	res, err := train.Decoder(ctx, cfg, func(p train.Progress) {
		if bar == nil {
			bar = a.newProgress("train", "steps", int64(p.Steps))
		}
		bar.Set(int64(p.Step), fmt.Sprintf("loss %.3f, held %.3f, %.0f rows/s, %s left", p.Loss, p.Held, p.RowsPerSecond, p.ETA.Round(time.Second)))
	})
	if bar != nil {
		bar.Finish()
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(res)
	}
	_, err = fmt.Fprintf(a.out, "loss %.4f on held rows, %d rows, %d steps, %.0f s: %s\n", res.Loss, res.Rows, res.Steps, res.Seconds, res.Model)
	return err
}
