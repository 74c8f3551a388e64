package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/calibrate"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/eval"
	"github.com/quaestor-kg/quaestor/embed/train"
)

type evalLinkFlags struct {
	data        linkData
	settings    modelFlags
	models      []string
	checkpoints []string
	split       string
	pessimistic bool
	relations   bool
}

// linkRow is the result of one model.
type linkRow struct {
	Model      string  `json:"model"`
	Checkpoint string  `json:"checkpoint,omitempty"`
	Seconds    float64 `json:"seconds"`       // of the evaluation
	Train      float64 `json:"train_seconds"` // of the training, if it was part of the run
	eval.Report
	Calibration *linkCalibration `json:"calibration,omitempty"`
}

// linkCalibration is how far the probabilities of a model can be trusted.
type linkCalibration struct {
	Raw         float64         `json:"ece_raw"` // of the sigmoid of the score
	ECE         float64         `json:"ece"`     // of the calibration that valid gives, on test
	N           int             `json:"n"`
	Reliability []calibrate.Bin `json:"reliability"`
}

func (a *app) evalLinkCommand() *cobra.Command {
	var fl evalLinkFlags
	c := &cobra.Command{
		Use:   "link",
		Short: "Measures how well links are predicted that the graph does not state",
		Long: `Ranks the right entity of each test statement among all entities, from both ends, without the other known answers
(filtered). Ties count by their mean rank. Checkpoints are measured as they are; models without one are trained first, with
the settings of "train link". The first row is the baseline: entities by how often the relation has them. Where the data
has verified negatives, the calibration is measured as well.`,
		Example: examples(
			"quaestor eval link --data ../shared/data/kge/umls --model complex,nfe1",
			"quaestor eval link --data ../shared/data/kge/CoDEx-s --checkpoint build/link/CoDEx-s-complex.ckpt --relations",
			"quaestor eval link --data ../shared/data/kge/kinship --model nfe1 --dim 256 --epochs 60 --pessimistic --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.evalLink(c, fl) },
	}
	fl.data.flags(c)
	fl.settings.flags(c)
	f := c.Flags()
	f.StringSliceVar(&fl.models, "model", nil, "models to train and measure")
	f.StringSliceVar(&fl.checkpoints, "checkpoint", nil, "files of train link to measure")
	f.StringVar(&fl.split, "split", "test", "valid or test")
	f.BoolVar(&fl.pessimistic, "pessimistic", false, "put the right entity after all that score the same")
	f.BoolVar(&fl.relations, "relations", false, "print relations and their categories")
	return c
}

func (a *app) evalLink(c *cobra.Command, fl evalLinkFlags) error {
	ctx := c.Context()
	if fl.split != "valid" && fl.split != "test" {
		return usageError{fmt.Errorf("--split %q: it is valid or test", fl.split)}
	}
	if len(fl.models) == 0 && len(fl.checkpoints) == 0 {
		fl.models = []string{"complex"}
	}
	g, err := fl.data.open(ctx, a, c)
	if err != nil {
		return err
	}
	ts := g.Test
	if fl.split == "valid" || len(ts) == 0 && len(g.Valid) > 0 {
		ts = g.Valid
	}
	memory, err := parseBytes(fl.settings.memory)
	if err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	o := eval.Options{Pessimistic: fl.pessimistic, Memory: memory, Threads: a.cfg.num("threads")}
	base, err := a.baseline(ctx, g, ts, o)
	if err != nil {
		return err
	}
	rows := []linkRow{base}
	for _, path := range fl.checkpoints {
		t, err := openPredictor(path, g)
		if err != nil {
			return inputError{err}
		}
		row, err := a.rankLinks(ctx, g, ts, t, o)
		if err != nil {
			return linkError(err)
		}
		row.Checkpoint = path
		rows = append(rows, row)
	}
	for _, model := range fl.models {
		cfg, err := fl.settings.config(a, model, g)
		if err != nil {
			return err
		}
		r, err := a.trainLink(ctx, g, cfg)
		if err != nil {
			return err
		}
		row, err := a.rankLinks(ctx, g, ts, r.Table, o)
		if err != nil {
			return err
		}
		row.Train = r.Seconds
		rows = append(rows, row)
	}
	if a.json {
		last := rows[len(rows)-1]
		return a.writeJSON(struct {
			Graph string    `json:"graph"`
			Notes []string  `json:"notes,omitempty"`
			Split string    `json:"split"`
			Rows  []linkRow `json:"rows"`
			eval.Metrics
			Calibration *linkCalibration `json:"calibration,omitempty"`
		}{g.String(), g.Notes, fl.split, rows, last.Metrics, last.Calibration})
	}
	return a.printLinks(g, rows, fl.relations)
}

// baseline ranks by popularity.
func (a *app) baseline(ctx context.Context, g *dataset.Graph, ts []dataset.Triple, o eval.Options) (linkRow, error) {
	begin := time.Now()
	directed := g.Directed(ts)
	ranks, err := eval.RanksBy(ctx, eval.Popularity(g), len(g.Entities), g.NewIndex(g.Train, g.Valid, g.Test), directed)
	if err != nil {
		return linkRow{}, err
	}
	return linkRow{Model: "popularity", Report: *eval.Summarise(g, directed, ranks, o.Pessimistic), Seconds: time.Since(begin).Seconds()}, nil
}

func (a *app) rankLinks(ctx context.Context, g *dataset.Graph, ts []dataset.Triple, t *embed.Table, o eval.Options) (linkRow, error) {
	begin := time.Now()
	bar := a.newProgress("eval "+t.Spec.Model, "queries", int64(2*len(ts)))
	o.OnProgress = func(done, _ int) { bar.Set(int64(done), "") }
	rep, err := eval.Ranks(ctx, t, g, ts, o)
	bar.Finish()
	if err != nil {
		return linkRow{}, err
	}
	row := linkRow{Model: fmt.Sprintf("%s/%d", t.Spec.Model, t.Spec.Dim), Report: *rep, Seconds: time.Since(begin).Seconds()}
	if len(g.ValidNegatives) > 0 && len(g.TestNegatives) > 0 {
		row.Calibration, err = calibrateLinks(ctx, t, g)
	}
	return row, err
}

// calibrateLinks fits probabilities on valid and measures them on test.
func calibrateLinks(ctx context.Context, t *embed.Table, g *dataset.Graph) (*linkCalibration, error) {
	valid, err := calibrate.Links(ctx, t, g.Valid, g.ValidNegatives)
	if err != nil {
		return nil, err
	}
	fitted, err := calibrate.Fit(valid, "verified negatives of "+g.Name)
	if err != nil {
		return nil, err
	}
	test, err := calibrate.Links(ctx, t, g.Test, g.TestNegatives)
	if err != nil {
		return nil, err
	}
	raw, truths := calibrate.Probabilities(embed.Calibration{Score: 1}, test)
	probs, _ := calibrate.Probabilities(fitted, test)
	curve := calibrate.Reliability(probs, truths)
	return &linkCalibration{Raw: calibrate.ECE(raw, truths), ECE: calibrate.ECE(probs, truths), N: len(test), Reliability: curve[:]}, nil
}

func (a *app) printLinks(g *dataset.Graph, rows []linkRow, relations bool) error {
	var err error
	print := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(a.out, format, args...)
		}
	}
	metrics := func(name string, m eval.Metrics) {
		print("%-36s %6.4f %6.4f %6.4f %6.4f %9.1f %6d %7d", name, m.MRR, m.Hits1, m.Hits3, m.Hits10, m.MeanRank, m.Ties, m.N)
	}
	print("%s\n%-36s %6s %6s %6s %6s %9s %6s %7s\n", g, "model", "mrr", "hits1", "hits3", "hits10", "rank", "ties", "n")
	for _, r := range rows {
		metrics(r.Model, r.Metrics)
		if r.Train > 0 {
			print("  trained in %.0f s", r.Train)
		}
		print("\n")
		if relations {
			metrics("  tails", r.Tails)
			print("\n")
			metrics("  heads", r.Heads)
			print("\n")
			for _, p := range slices.Concat(r.Categories, r.Relations) {
				metrics("  "+p.Name, p.Metrics)
				print("\n")
			}
		}
		if k := r.Calibration; k != nil {
			print("  calibration error %.4f on %d statements, %.4f before\n", k.ECE, k.N, k.Raw)
			for _, b := range k.Reliability {
				if b.N > 0 {
					print("    said %.2f true %.2f n %d\n", b.Probability, b.True, b.N)
				}
			}
		}
	}
	return err
}

// linkError gives the errors of checkpoints their exit code.
func linkError(err error) error {
	var other *embed.GraphError
	var resume *train.ResumeError
	if errors.As(err, &other) || errors.As(err, &resume) || errors.Is(err, embed.ErrCheckpoint) {
		return inputError{err}
	}
	return err
}
