package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
)

type evalAskFlags struct {
	graphs    []string
	questions string
	out       string
	limit     int
	seed      uint64

	constraint string
	ceiling    bool
	infeasible float64
	cost       float64
	fitted     string
	open       bool
}

func (a *app) evalAskCommand() *cobra.Command {
	var fl evalAskFlags
	c := &cobra.Command{
		Use:   "ask",
		Short: "Measures how many questions of a set are answered right",
		Long: `Asks every question of a file of JSON lines (question, sparql, answers or rows) over a graph
and compares the answers with the file's. A sample is drawn by --limit and --seed.`,
		Example: examples(
			"quaestor eval ask --graph kg.nt.gz --questions 1hop.test.jsonl.gz --limit 500",
			"quaestor eval ask --graph kg.nt.gz --questions 1hop.test.jsonl.gz --limit 100 --model none",
			"quaestor eval ask --graph kg.nt.gz --questions 2hop.test.jsonl.gz --limit 500 --out rows.jsonl --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.evalAsk(c.Context(), fl) },
	}
	c.Flags().StringSliceVar(&fl.graphs, "graph", nil, "files of the graph")
	c.Flags().StringVar(&fl.questions, "questions", "", "file of questions, JSON lines, may be compressed")
	c.Flags().StringVar(&fl.out, "out", "", "write one JSON line per question")
	c.Flags().IntVar(&fl.limit, "limit", 0, "number of questions (default all)")
	c.Flags().Uint64Var(&fl.seed, "seed", 7, "seed of the sample")
	c.Flags().String("model", "", "decoder: embedded, none, or a GGUF file or safetensors folder (default embedded)")
	c.Flags().String("kv", "", kvFlagHelp)
	c.Flags().StringVar(&fl.constraint, "constraint", "", "let the decoder write queries by beam search under full (grammar, names, graph), names (grammar, names) or none; several, separated by commas, are measured one after another (default: it judges enumerated queries)")
	c.Flags().String("beams", "", "width of the search (default 8)")
	c.Flags().BoolVar(&fl.ceiling, "ceiling", false, "say how far questions got (linked, enumerated, kept, chosen) and where wrong ones were lost")
	c.Flags().Float64Var(&fl.infeasible, "infeasible", 0, "share of the questions that is made unanswerable: facts, relations and things deleted, relations that were never there, other topics")
	c.Flags().Float64Var(&fl.cost, "cost", wrongCost, "price of a wrong answer in right ones; negative: nothing is refused for low confidence")
	c.Flags().StringVar(&fl.fitted, "fitted", "", "mix and calibration of the embedded decoder from a file of train calibrator instead of the embedded ones")
	c.Flags().BoolVar(&fl.open, "open", false, "choose thing, relation and direction of one-step questions over the whole vocabulary, whatever the graph states of the thing")
	return c
}

func (a *app) evalAsk(ctx context.Context, fl evalAskFlags) (err error) {
	if len(fl.graphs) == 0 || fl.questions == "" {
		return usageError{fmt.Errorf("name the graph with --graph and the questions with --questions")}
	}
	snap, err := qa.LoadGraph(ctx, fl.graphs...)
	if err != nil {
		return inputError{err}
	}
	defer snap.Close()
	qs, err := qa.ReadQuestions(fl.questions)
	if err != nil {
		return inputError{err}
	}
	if fl.limit > 0 {
		qs = qa.Sample(qs, fl.limit, fl.seed)
	}
	if fl.open {
		return a.evalOpen(ctx, fl, snap, qs)
	}
	var out io.Writer
	if fl.out != "" {
		f, err := os.Create(fl.out)
		if err != nil {
			return err
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		out = f
	}
	constraints := []string{""}
	if fl.constraint != "" {
		constraints = strings.Split(fl.constraint, ",")
	}
	parts := []qa.Part{{Snapshot: snap, Questions: qs}}
	if fl.infeasible > 0 {
		if parts, err = qa.Twins(ctx, snap, qs, fl.infeasible, fl.seed); err != nil {
			return err
		}
		for i := range parts {
			defer parts[i].Close()
		}
	}
	for _, c := range constraints {
		if err := a.evalAskUnder(ctx, reasoning.Constraint(strings.TrimSpace(c)), parts, fl, out); err != nil {
			return err
		}
	}
	return nil
}

// evalOpen measures one-step questions with open relations.
func (a *app) evalOpen(ctx context.Context, fl evalAskFlags, snap kg.Snapshot, qs []qa.Question) error {
	e, err := a.answererUnder(ctx, reasoning.Enumerated, fl.cost, fl.fitted)
	if err != nil {
		return err
	}
	v, err := e.View(ctx, snap)
	if err != nil {
		return err
	}
	d, w := e.Ranking()
	r, err := qa.Open(ctx, v, d, w, qs)
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(r)
	}
	_, err = fmt.Fprintf(a.out, "questions     %d\nexact         %.4f (thing, relation and direction; among the judged %.4f)\nany direction %.4f\nthing         %.4f\n", r.N, r.Exact, r.Kept, r.Alike, r.Thing)
	return err
}

// evalAskUnder measures one way of writing queries.
func (a *app) evalAskUnder(ctx context.Context, c reasoning.Constraint, parts []qa.Part, fl evalAskFlags, out io.Writer) error {
	switch c {
	case reasoning.Enumerated, reasoning.Full, reasoning.Names, reasoning.Free:
	default:
		return usageError{fmt.Errorf("--constraint %q: it is one of full, names and none", c)}
	}
	answerer, err := a.answererUnder(ctx, c, fl.cost, fl.fitted)
	if err != nil {
		return err
	}
	n := 0
	for _, p := range parts {
		n += len(p.Questions)
	}
	bar := a.newProgress("ask", "questions", int64(n))
	opt := qa.Options{Out: out, Progress: func(done int) { bar.Set(int64(done), "") }}
	if fl.ceiling {
		opt.Diagnose = answerer.Engine
	}
	r, err := qa.EvaluateParts(ctx, answerer, parts, opt)
	bar.Finish()
	if err != nil {
		return err
	}
	r.Constraint = string(c)
	if a.json {
		return a.writeJSON(r)
	}
	if c != reasoning.Enumerated {
		fmt.Fprintf(a.out, "constraint    %s\n", c)
	}
	ece := "not calibrated"
	if r.ECE != nil {
		ece = fmt.Sprintf("%.3f", *r.ECE)
	}
	lines := []string{
		fmt.Sprintf("questions     %d (%d without a gold answer left out)", r.N, r.Skipped),
		fmt.Sprintf("answered      %d, refused %d, inexecutable %d, empty %d", r.Answered, r.Refused, r.Inexecutable, r.Empty),
		fmt.Sprintf("f1            %.4f", r.F1),
		fmt.Sprintf("exact         %.4f", r.Exact),
		fmt.Sprintf("hits@1        %.4f", r.Hits1),
		fmt.Sprintf("rs0 / rs10    %.1f / %.1f", r.RS0, r.RS10),
		fmt.Sprintf("ece           %s", ece),
		fmt.Sprintf("per question  %.3f s (p50 %.3f, p95 %.3f), %.0f tokens", r.SecondsPerQuestion, r.P50, r.P95, r.TokensPerQuestion),
	}
	if r.Infeasible > 0 {
		lines = append(lines, fmt.Sprintf("infeasible    %d, refused %d", r.Infeasible, r.RefusedRightly))
	}
	for _, p := range r.Curve {
		lines = append(lines, fmt.Sprintf("coverage      %.2f: risk %.3f, confidence from %.2f", p.Coverage, p.Risk, p.From))
	}
	if c := r.Ceiling; c != nil {
		lines = append(lines,
			fmt.Sprintf("ceiling       of %d: linked %d, enumerated %d, kept %d, chosen %d; recall@10 of linking %.3f", c.N, c.Linked, c.Enumerated, c.Kept, c.Chosen, c.Recall10))
		for _, cause := range slices.SortedFunc(maps.Keys(c.Causes), func(x, y qa.Cause) int { return cmp.Or(c.Causes[y]-c.Causes[x], strings.Compare(string(x), string(y))) }) {
			lines = append(lines, fmt.Sprintf("lost by       %s %d", cause, c.Causes[cause]))
		}
	}
	_, err = fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	return err
}
