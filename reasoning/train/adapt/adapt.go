// Package adapt goes on with the training of a decoder on one graph: with
// questions made from the graph itself, and with pairs of questions and queries
// if there are some. What was gained is measured on questions that were kept
// apart, and an adapted decoder that gains nothing, or forgets what it could do
// on other graphs, is not kept.
package adapt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/train"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
	"github.com/quaestor-kg/quaestor/reasoning/train/datagen"
	"github.com/quaestor-kg/quaestor/sparql"
)

// Config says how to adapt. Zero values are the defaults.
type Config struct {
	Base  []byte        // GGUF file of the decoder to go on from
	Dir   string        // rows, checkpoints and the finished decoder
	Pairs []qa.Question // questions with queries or answers
	Rows  int           // questions made from the graph; default 6000
	Steps int           // of training, 32 rows each; default one pass over all rows
	Rate  float64       // learning rate; default 5e-4
	Seed  uint64
	Log   io.Writer
}

// Figures of one set of questions.
type Figures struct {
	Rows   int     `json:"rows"`
	Loss   float64 `json:"loss"`
	Chosen float64 `json:"chosen"` // share of questions whose right query wins at every point
}

// Gain compares the decoder before and after.
type Gain struct {
	Before Figures `json:"before"`
	After  Figures `json:"after"`
}

// Report says what adapting brought.
type Report struct {
	Rows    int     `json:"rows"`    // made from the graph
	Pairs   int     `json:"pairs"`   // given ones that were used
	Skipped int     `json:"skipped"` // given ones whose query or answers no draft gives
	Own     Gain    `json:"own"`     // on questions about the graph that were kept apart
	General Gain    `json:"general"` // on questions about other graphs
	Kept    bool    `json:"kept"`
	Reason  string  `json:"reason,omitempty"` // why it was not kept
	Model   string  `json:"model,omitempty"`
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
}

// forgetting is the share of questions about other graphs that may get lost.
const forgetting = 0.02

// Decoder adapts a decoder to the graph of a snapshot.
func Decoder(ctx context.Context, s kg.Snapshot, c Config, progress func(train.Progress)) (*Report, error) {
	if c.Rows == 0 {
		c.Rows = 6000
	}
	if c.Rate == 0 {
		c.Rate = 5e-4
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	if len(c.Base) == 0 {
		return nil, errors.New("adapt: no decoder to go on from")
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("adapt: %w", err)
	}
	file := func(name string) string { return filepath.Join(c.Dir, name) }
	base := file("base.gguf")
	if err := os.WriteFile(base, c.Base, 0o644); err != nil {
		return nil, fmt.Errorf("adapt: %w", err)
	}
	view, err := reasoning.NewView(ctx, s, constrain.Options{}, nil)
	if err != nil {
		return nil, err
	}
	rep := &Report{}
	// Questions about the graph, to learn from and to measure with.
	own, err := datagen.Own(ctx, view.Graph, datagen.OwnConfig{Rows: c.Rows, Seed: c.Seed, Out: file("own.jsonl.gz"), Rename: 0.1, None: 0.1, Log: c.Log})
	if err != nil {
		return nil, err
	}
	rep.Rows = own.Rows
	held := min(1500, max(50, c.Rows/4))
	if _, err := datagen.Own(ctx, view.Graph, datagen.OwnConfig{Rows: held, Seed: c.Seed + 1, Out: file("held.jsonl.gz"), None: 0.1, Log: c.Log}); err != nil {
		return nil, err
	}
	if err := without(file("held.jsonl.gz"), file("own.jsonl.gz")); err != nil {
		return nil, err
	}
	// Questions about other graphs, so that the rest is not forgotten.
	for name, n := range map[string]int{"general.jsonl.gz": c.Rows / 2, "other.jsonl.gz": held} {
		seed := c.Seed + 1000
		if name == "other.jsonl.gz" {
			seed++
		}
		if _, err := datagen.Generate(ctx, datagen.Config{Out: file(name), Seed: seed, Invented: n, Rename: 0.4, None: 0.1, Log: c.Log}); err != nil {
			return nil, err
		}
	}
	data := []string{file("own.jsonl.gz"), file("general.jsonl.gz")}
	if len(c.Pairs) > 0 {
		if rep.Pairs, rep.Skipped, err = pairs(ctx, view, s, c.Pairs, file("pairs.jsonl.gz")); err != nil {
			return nil, err
		}
		if rep.Pairs > 0 {
			data = append(data, file("pairs.jsonl.gz"))
		}
	}
	measure := func(model string) (own, general Figures, err error) {
		for _, x := range []struct {
			data string
			to   *Figures
		}{{file("held.jsonl.gz"), &own}, {file("other.jsonl.gz"), &general}} {
			r, err := train.Measure(model, x.data)
			if err != nil {
				return own, general, err
			}
			*x.to = Figures{r.Rows, r.Loss, r.Chosen}
		}
		return own, general, nil
	}
	if rep.Own.Before, rep.General.Before, err = measure(base); err != nil {
		return nil, err
	}
	t := train.Config{Data: data, Start: base, Dir: c.Dir, MaxSteps: c.Steps, Passes: 1, Seed: c.Seed, Every: 200, HeldRows: 500}
	t.Optim.LR = c.Rate
	res, err := train.Decoder(ctx, t, progress)
	if err != nil {
		return nil, err
	}
	rep.Steps, rep.Seconds = res.Steps, res.Seconds
	if rep.Own.After, rep.General.After, err = measure(res.Model); err != nil {
		return nil, err
	}
	switch {
	case rep.Own.After.Chosen <= rep.Own.Before.Chosen:
		rep.Reason = "it is not better on questions about this graph"
	case rep.General.After.Chosen < rep.General.Before.Chosen-forgetting:
		rep.Reason = "it has become worse on questions about other graphs"
	default:
		rep.Kept, rep.Model = true, res.Model
		return rep, nil
	}
	return rep, os.Remove(res.Model)
}

// without takes out of a file the rows that another one holds.
func without(path, other string) error {
	seen := map[string]bool{}
	for r, err := range corpus.Read(other) {
		if err != nil {
			return err
		}
		seen[r.Prompt+"\n"+r.Gold] = true
	}
	var kept []corpus.Row
	for r, err := range corpus.Read(path) {
		if err != nil {
			return err
		}
		if !seen[r.Prompt+"\n"+r.Gold] {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return errors.New("adapt: the graph gives too few different questions to measure with")
	}
	return write(path, kept)
}

func write(path string, rows []corpus.Row) error {
	w, err := corpus.Create(path)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Close()
}

// Wrong queries of a pair, and how often a pair counts against made questions.
const (
	pairWrong  = 30
	pairRepeat = 4
)

// pairs turns given questions into rows: the right query is the best draft that
// gives the answers of the given query.
func pairs(ctx context.Context, v *reasoning.View, s kg.Snapshot, qs []qa.Question, path string) (used, skipped int, err error) {
	var rows []corpus.Row
	for i := range qs {
		q := &qs[i]
		gold := q.Gold()
		if len(gold) == 0 && q.SPARQL != "" {
			if gold, err = answers(ctx, s, q); err != nil {
				return used, skipped, err
			}
		}
		lq, err := v.Link.Link(q.Text)
		if err != nil || len(gold) == 0 {
			skipped++
			continue
		}
		ds, err := v.Drafts.Drafts(ctx, lq, draft.Options{Keep: 200})
		if err != nil {
			return used, skipped, err
		}
		row := corpus.Row{Prompt: lq.Prompt, Source: "pairs", Shape: "pairs"}
		for j := range ds {
			got, err := qa.Answers(ctx, v.Graph, ds[j].Pipeline)
			if err != nil {
				return used, skipped, err
			}
			switch right := qa.Compare(got, gold).Exact; {
			case right && row.Gold == "":
				row.Gold = ds[j].Text
			case !right && len(row.Wrong) < pairWrong:
				row.Wrong = append(row.Wrong, ds[j].Text)
			}
		}
		if row.Gold == "" {
			skipped++
			continue
		}
		used++
		rows = append(rows, slices.Repeat([]corpus.Row{row}, pairRepeat)...)
	}
	if used == 0 {
		return 0, skipped, nil
	}
	return used, skipped, write(path, rows)
}

// answers runs the query of a pair.
func answers(ctx context.Context, s kg.Snapshot, q *qa.Question) (map[string]bool, error) {
	p, err := sparql.New(sparql.Options{DefaultGraphUnion: true}).Prepare(q.SPARQL, "")
	if err != nil {
		return nil, fmt.Errorf("adapt: the query of %q: %w", q.Text, err)
	}
	res, err := p.Run(ctx, s, sparql.Limits{})
	if err != nil {
		return nil, fmt.Errorf("adapt: the query of %q: %w", q.Text, err)
	}
	defer res.Close()
	out := map[string]bool{}
	if res.Form == sparql.Ask {
		out[fmt.Sprint(res.Boolean)] = true
		return out, nil
	}
	for row, err := range res.Rows() {
		if err != nil {
			return nil, fmt.Errorf("adapt: the query of %q: %w", q.Text, err)
		}
		if len(row) > 0 && row[0].Kind != kg.None {
			out[row[0].Value] = true
		}
	}
	return out, nil
}
