package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/encode/minilm"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/train/calibrate"
)

// calibrationSets are the questions that confidences are calibrated on: none is
// a test question. Different kinds of graph have about equal shares.
var calibrationSets = []struct {
	graph, questions string
	n                int
}{
	{"metaqa", "1hop.dev", 200}, {"metaqa", "2hop.dev", 200}, {"metaqa", "3hop.dev", 200},
	{"simplequestions-wikidata", "valid", 400}, {"worldcup2014", "conj", 90}, {"worldcup2014", "path2", 90},
	{"lcquad1", "train", 500}, {"geoquery", "train", 450},
}

func (a *app) trainCalibratorCommand() *cobra.Command {
	var from, out, model, samples string
	var without []string
	var limit int
	c := &cobra.Command{
		Use:   "calibrator",
		Short: "Fits the mix of scores and the confidence of a decoder",
		Long: `Asks questions of the data sets below --from (default $QUAESTOR_SHARED/data/kgqa), a fifth of them made
unanswerable by deleting what answers them, and counts how often answers that look alike are right.`,
		Example: examples(
			"quaestor train calibrator --out build/fitted.json",
			"quaestor train calibrator --decoder build/decoder/decoder.gguf --out build/fitted.json",
			"quaestor train calibrator --from /data/kgqa --out build/fitted.json --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.trainCalibrator(c.Context(), from, model, out, samples, without, limit)
		},
	}
	c.Flags().StringVar(&from, "from", "", "folder of the data sets")
	c.Flags().StringVar(&model, "decoder", "", "GGUF file of the decoder (default the embedded one)")
	c.Flags().StringVar(&out, "out", "fitted.json", "file to write")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many questions of a set (default: as many as the embedded numbers come from)")
	c.Flags().StringVar(&samples, "samples", "", "also write the signals of every question, JSON lines")
	c.Flags().StringSliceVar(&without, "without", nil, "leave out these graphs, to measure on them what a graph never seen would get")
	return c
}

func (a *app) trainCalibrator(ctx context.Context, from, model, out, samples string, without []string, limit int) error {
	begin := time.Now()
	if from == "" {
		dir, ok := shared.Find()
		if !ok {
			return inputError{fmt.Errorf("no data sets at %s: name them with --from", dir)}
		}
		from = filepath.Join(dir, "data", "kgqa")
	}
	enc, err := minilm.Open()
	if err != nil {
		return err
	}
	var m *decode.Model
	name := decoder.Name
	if model != "" {
		name = filepath.Base(model)
		m, err = decode.Load(model, decode.Options{Threads: a.cfg.num("threads")})
	} else {
		var b []byte
		if b, err = decoder.Bytes(); err == nil {
			m, err = decode.FromBytes(name, b, decode.Options{Threads: a.cfg.num("threads")})
		}
	}
	if err != nil {
		return inputError{fmt.Errorf("decoder: %w", err)}
	}
	defer m.Close()
	snaps := map[string]kg.Snapshot{}
	var sets []calibrate.Set
	for _, s := range calibrationSets {
		if slices.Contains(without, s.graph) {
			continue
		}
		if snaps[s.graph] == nil {
			snap, err := qa.LoadGraph(ctx, filepath.Join(from, s.graph, "kg.nt.gz"))
			if err != nil {
				return inputError{err}
			}
			defer snap.Close()
			snaps[s.graph] = snap
		}
		qs, err := qa.ReadQuestions(filepath.Join(from, s.graph, s.questions+".jsonl.gz"))
		if err != nil {
			return inputError{err}
		}
		// Sets without a split of their own mark test questions by a field.
		kept := qs[:0]
		for _, q := range qs {
			if q.Split != "test" {
				kept = append(kept, q)
			}
		}
		n := s.n
		if limit > 0 {
			n = min(n, limit)
		}
		sets = append(sets, calibrate.Set{Name: s.graph + "/" + s.questions, Snapshot: snaps[s.graph], Questions: qa.Sample(kept, n, 11)})
	}
	f, err := calibrate.Fit(ctx, reasoning.NewModel(name, m), enc, sets)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(b, '\n'), 0o644); err != nil {
		return err
	}
	if samples != "" {
		if err := writeLines(samples, f.Samples); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(map[string]any{"checkpoint": out, "seconds": time.Since(begin).Seconds(), "steps": f.Calibrator.N, "loss": 1 - f.F1, "f1": f.F1, "floor": f.Floor})
	}
	_, err = fmt.Fprintf(a.out, "%s: F1 %.3f of the best draft (floor %.3f), calibrated on %d questions\n", out, f.F1, f.Floor, f.Calibrator.N)
	return err
}

// writeLines writes values as JSON lines.
func writeLines[T any](path string, values []T) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
