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
	"github.com/quaestor-kg/quaestor/reasoning/train"
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
	c := &cobra.Command{
		Use:   "decoder",
		Short: "Trains the small decoder",
		Long: `Trains on rows made by "train data" and writes a GGUF file that --model takes.
Ctrl-C stops at a checkpoint; --resume goes on and ends with the same bytes as
a run that was not interrupted.`,
		Example: examples(
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder",
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder --resume",
			"quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder --passes 2 --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(cfg.Data) == 0 {
				return usageError{errors.New("name the rows with --data")}
			}
			return a.trainDecoder(c.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.Data, "data", nil, "files of rows")
	f.StringVar(&cfg.Dir, "dir", "build/decoder", "folder of checkpoints and of the finished model")
	f.BoolVar(&cfg.Resume, "resume", false, "go on from the last checkpoint")
	f.Float64Var(&cfg.Passes, "passes", 0, "passes over the rows (default 3)")
	f.IntVar(&cfg.MaxSteps, "steps", 0, "steps instead of passes")
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of everything random")
	return c
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
