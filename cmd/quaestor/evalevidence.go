package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/store"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/measure"
)

type evalEvidenceFlags struct {
	filings, gold, questions, labels, out string
	kept                                  bool
	limit, impossible                     int
	seed                                  uint64
	baselines, scenarios                  bool
	financebench, tatqa, convfinqa        string
}

func (a *app) evalEvidenceCommand() *cobra.Command {
	var fl evalEvidenceFlags
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Measures evidence and answers from filings",
		Long: `Asks every question of a file of JSON lines (question, answer, evidence_groups)
over a folder of filings and measures the ranks of the pages that hold the
evidence, the answers (within half a percent), the citations against the key,
refusals of questions that cannot be answered, and tokens of context. BM25 over
pages and over facts runs on the same questions. With --kept the filings are
those of --store. --financebench, --tatqa and --convfinqa measure those sets.`,
		Example: examples(
			"quaestor eval evidence --filings filings --gold gold --questions gold/finmh_ix_dev.jsonl",
			"quaestor eval evidence --kept --store filings.store --questions questions.jsonl --scenarios",
			"quaestor eval evidence --financebench financebench --tatqa tatqa_dataset_dev.json.gz --convfinqa convfinqa_dev.json.gz --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.evalEvidence(c.Context(), fl) },
	}
	c.Flags().StringVar(&fl.filings, "filings", "", "folder of filings")
	c.Flags().StringVar(&fl.gold, "gold", "", "folder of the answer key; its finmh_ix_*.jsonl is asked if no --questions are named")
	c.Flags().StringVar(&fl.questions, "questions", "", "file of questions, JSON lines")
	c.Flags().StringVar(&fl.labels, "labels", "", "labels of standard concepts, lines of NAME, tab, LABEL")
	c.Flags().StringVar(&fl.out, "out", "", "write one JSON line per question")
	c.Flags().BoolVar(&fl.kept, "kept", false, "use the filings of --store")
	c.Flags().IntVar(&fl.limit, "limit", 0, "number of questions (default all)")
	c.Flags().IntVar(&fl.impossible, "impossible", 100, "questions without an answer that are made of those with one")
	c.Flags().Uint64Var(&fl.seed, "seed", 7, "seed of samples")
	c.Flags().BoolVar(&fl.baselines, "baselines", true, "run BM25 on the same questions")
	c.Flags().BoolVar(&fl.scenarios, "scenarios", true, "read contexts of three kinds: evidence, windows, windows among other pages")
	c.Flags().StringVar(&fl.financebench, "financebench", "", "folder of FinanceBench: questions, document_information and pages.tar.gz")
	c.Flags().StringVar(&fl.tatqa, "tatqa", "", "file of TAT-QA")
	c.Flags().StringVar(&fl.convfinqa, "convfinqa", "", "file of ConvFinQA")
	return c
}

// evalTables measures the sets that bring their own texts.
func (a *app) evalTables(ctx context.Context, fl evalEvidenceFlags) (list []*measure.Bench, err error) {
	for _, set := range []struct {
		path string
		run  func() (*measure.Bench, error)
	}{
		{fl.financebench, func() (*measure.Bench, error) { return measure.FinanceBench(ctx, fl.financebench) }},
		{fl.tatqa, func() (*measure.Bench, error) { return measure.TATQA(ctx, fl.tatqa) }},
		{fl.convfinqa, func() (*measure.Bench, error) { return measure.ConvFinQA(ctx, fl.convfinqa) }},
	} {
		if set.path == "" {
			continue
		}
		b, err := set.run()
		if err != nil {
			return nil, inputError{err}
		}
		list = append(list, b)
	}
	return list, nil
}

func (a *app) evalEvidence(ctx context.Context, fl evalEvidenceFlags) (err error) {
	benches, err := a.evalTables(ctx, fl)
	if err != nil {
		return err
	}
	if len(benches) > 0 && fl.filings == "" && !fl.kept {
		if a.json {
			return a.writeJSON(measure.Report{Benches: benches})
		}
		return printBenches(a.out, benches)
	}
	if fl.questions == "" && fl.gold != "" {
		fl.questions, err = measure.QuestionsOf(fl.gold)
		if err != nil {
			return inputError{err}
		}
	}
	if fl.questions == "" || fl.filings == "" && !fl.kept {
		return usageError{fmt.Errorf("name the filings with --filings (or --kept) and the questions with --questions")}
	}
	f, err := os.Open(fl.questions)
	if err != nil {
		return inputError{err}
	}
	qs, err := measure.ReadQuestions(f)
	f.Close()
	if err != nil {
		return inputError{fmt.Errorf("%s: %w", fl.questions, err)}
	}
	if fl.limit > 0 && fl.limit < len(qs) {
		qs = qs[:fl.limit]
	}
	var st kg.Store
	if fl.kept {
		st, err = a.openStore(true)
	} else {
		var done func()
		st, done, err = a.filingsStore(ctx, fl.filings, fl.labels)
		if done != nil {
			defer done()
		}
	}
	if err != nil {
		return err
	}
	defer st.Close()
	snap, err := st.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	var keeper library.Keeper
	lib, err := keeper.Library(ctx, snap)
	if err != nil {
		return err
	}
	opt := measure.Options{Seed: fl.seed, Impossible: fl.impossible, Baselines: fl.baselines, Scenarios: fl.scenarios}
	bar := a.newProgress("eval evidence", "questions", int64(len(qs)))
	opt.Progress = func(done, _ int) { bar.Set(int64(done), "") }
	if fl.out != "" {
		out, err := os.Create(fl.out)
		if err != nil {
			return err
		}
		defer out.Close()
		enc := json.NewEncoder(out)
		opt.Each = func(q *measure.Question, x *retrieve.Result, r measure.Ranks, right bool) {
			enc.Encode(measure.Line(q, x, r, right))
		}
	}
	rep, err := measure.Evidence(ctx, retrieve.New(lib, retrieve.Options{}), qs, opt)
	bar.Finish()
	if err != nil {
		return err
	}
	rep.Benches = benches
	if a.json {
		return a.writeJSON(rep)
	}
	if err := printEvidence(a.out, rep); err != nil {
		return err
	}
	return printBenches(a.out, benches)
}

// printBenches writes a line for each set.
func printBenches(w io.Writer, list []*measure.Bench) error {
	for _, b := range list {
		fmt.Fprintf(w, "%-14s n %d in %d documents", b.Name, b.N, b.Documents)
		if b.MRR > 0 {
			fmt.Fprintf(w, ": R@1 %.3f R@5 %.3f R@10 %.3f MRR %.3f; BM25 R@1 %.3f R@5 %.3f R@10 %.3f", b.R1, b.R5, b.R10, b.MRR, b.BM25R1, b.BM25R5, b.BM25R10)
		}
		if b.Numbers > 0 {
			fmt.Fprintf(w, "; of %d numbers asked for %d answered, %d right", b.Numbers, b.Answered, b.Right)
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

// filingsStore ingests a folder into a store of its own; done removes it.
func (a *app) filingsStore(ctx context.Context, dir, labels string) (kg.Store, func(), error) {
	o := ingest.Options{Workers: a.cfg.num("threads"), Program: "quaestor " + version()}
	if labels != "" {
		f, err := os.Open(labels)
		if err != nil {
			return nil, nil, inputError{err}
		}
		o.Labels, err = ingest.ReadLabels(f)
		f.Close()
		if err != nil {
			return nil, nil, inputError{err}
		}
	}
	tmp, err := os.MkdirTemp("", "quaestor-evidence-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { os.RemoveAll(tmp) }
	st, err := store.Open(tmp, store.Options{})
	if err != nil {
		return nil, remove, err
	}
	bar := a.newProgress("ingest", "bytes", 0)
	o.OnProgress = func(units int, bytes int64, _ string) { bar.Set(bytes, fmt.Sprintf("%d documents", units)) }
	rep, err := ingest.Run(ctx, st, source.Open(ctx, []string{dir}, source.Options{}), o)
	bar.Finish()
	if err == nil && rep.Documents == 0 {
		err = inputError{fmt.Errorf("%s: nothing could be read: %s", dir, firstProblem(rep))}
	}
	if err != nil {
		st.Close()
		return nil, remove, err
	}
	return st, remove, nil
}

// printEvidence writes the tables.
func printEvidence(w io.Writer, r *measure.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(x measure.Row, answers bool) {
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f/%.3f", x.Name, x.N, x.MRR, x.GR1, x.GR5, x.GR10, x.GR20, x.All5, x.All10, x.All20, x.LenientGR10, x.LenientAll10)
		if answers {
			fmt.Fprintf(t, "\t%.3f\t%.3f\t%.3f\t%.3f\t%.0f", x.Right, x.Prec, x.Recall, x.Refuse, x.Tokens)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, strings.ReplaceAll("|n|mrr|gr1|gr5|gr10|gr20|all5|all10|all20|lenient gr10/all10|right|precision|recall|refused|tokens", "|", "\t"))
	line(r.Row, true)
	for _, g := range r.Groups {
		line(g, true)
	}
	for _, b := range r.Baselines {
		line(b, false)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range []string{"mrr", "gr10", "all10", "answer_accuracy"} {
		i := r.Intervals[name]
		fmt.Fprintf(w, "%-16s %.3f (95 %%: %.3f to %.3f)\n", name, i.Mean, i.Low, i.High)
	}
	if m := r.Impossible; m != nil {
		fmt.Fprintf(w, "impossible       %d of %d refused (%.3f)\n", m.Refused, m.N, m.Rate)
	}
	fmt.Fprintf(w, "rs10             %.1f\n", r.RS10)
	if x := r.Restated; x != nil {
		fmt.Fprintf(w, "restated keys    %d of %d shared changed; both values right for %d\n", x.Changed, x.Shared, x.Right)
	}
	for _, s := range r.Scenarios {
		fmt.Fprintf(w, "%-26s %8.0f tokens (%+.1f %% against S2), correct %.3f\n", s.Name, s.Tokens, 100*s.Saving, s.Correct)
	}
	_, err := fmt.Fprintf(w, "per question     %.3f s mean, %.3f s at the 95th percentile\n", r.Seconds, cmp.Or(r.P95, r.Seconds))
	return err
}
