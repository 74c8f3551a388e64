package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
// a test question, and all may be shared.
var calibrationSets = []struct {
	graph, questions string
	n                int
}{
	{"metaqa", "1hop.dev", 200}, {"metaqa", "2hop.dev", 200}, {"metaqa", "3hop.dev", 200},
	{"simplequestions-wikidata", "valid", 250}, {"worldcup2014", "conj", 90}, {"worldcup2014", "path2", 90},
}

func (a *app) trainCalibratorCommand() *cobra.Command {
	var from, out, model string
	c := &cobra.Command{
		Use:   "calibrator",
		Short: "Fits the mix of scores and the confidence of a decoder",
		Long: `Asks questions of the data sets below --from (default $QUAESTOR_SHARED/data/kgqa), an eighth of them after
the statements that answer them were deleted, and counts how often answers that look alike are right.`,
		Example: examples(
			"quaestor train calibrator --out build/fitted.json",
			"quaestor train calibrator --decoder build/decoder/decoder.gguf --out build/fitted.json",
			"quaestor train calibrator --from /data/kgqa --out build/fitted.json --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.trainCalibrator(c.Context(), from, model, out)
		},
	}
	c.Flags().StringVar(&from, "from", "", "folder of the data sets")
	c.Flags().StringVar(&model, "decoder", "", "GGUF file of the decoder (default the embedded one)")
	c.Flags().StringVar(&out, "out", "fitted.json", "file to write")
	return c
}

func (a *app) trainCalibrator(ctx context.Context, from, model, out string) error {
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
		sets = append(sets, calibrate.Set{Name: s.graph + "/" + s.questions, Snapshot: snaps[s.graph], Questions: qa.Sample(kept, s.n, 11)})
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
	if a.json {
		return a.writeJSON(map[string]any{"checkpoint": out, "seconds": time.Since(begin).Seconds(), "steps": f.Calibrator.N, "loss": 1 - f.F1, "f1": f.F1, "floor": f.Floor})
	}
	_, err = fmt.Fprintf(a.out, "%s: F1 %.3f of the best draft (floor %.3f), calibrated on %d questions\n", out, f.F1, f.Floor, f.Calibrator.N)
	return err
}
