package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/ingest/factseval"
)

func (a *app) evalFactsCommand() *cobra.Command {
	var filings, gold string
	var diff bool
	c := &cobra.Command{
		Use:   "facts",
		Short: "Compares the facts that are read with an answer key",
		Long: `The key of DIR/NAME.html is GOLD/facts/NAME.jsonl.gz. A fact is equal if id,
concept, period, dimensions, unit and value are; pages are counted apart. Facts
that the key leaves out are extra. Exit code 1 if less than 99.9 % are equal or
less than 99 % of the pages.`,
		Example: examples(
			"quaestor eval facts --filings filings --gold gold",
			"quaestor eval facts --filings filings --gold gold --diff",
			"quaestor eval facts --filings filings --gold gold --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.evalFacts(c.Context(), filings, gold, diff) },
	}
	c.Flags().StringVar(&filings, "filings", "", "folder of filings")
	c.Flags().StringVar(&gold, "gold", "", "folder of the answer key")
	c.Flags().BoolVar(&diff, "diff", false, "print each difference")
	c.MarkFlagRequired("filings")
	c.MarkFlagRequired("gold")
	return c
}

func (a *app) evalFacts(ctx context.Context, filings, gold string, diff bool) error {
	bar := a.newProgress("eval facts", "filings", 0)
	var each factseval.Diff
	if diff {
		each = func(filing, id, what string) { fmt.Fprintf(a.err, "%s\t%s\t%s\n", filing, id, what) }
	}
	r, err := factseval.Run(ctx, filings, gold, each, func(done, total int) {
		bar.total = int64(total)
		bar.Set(int64(done), "")
	})
	bar.Finish()
	if err != nil {
		return inputError{err}
	}
	if a.json {
		if err := a.writeJSON(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "%d filings, %.1f MB, %.1f s (%.1f filings/s)\n", r.Filings, float64(r.Bytes)/1e6, r.Seconds, float64(r.Filings)/r.Seconds)
		fmt.Fprintf(a.out, "facts %d equal %d missing %d extra %d wrong %d: %.4f %% equal, %.4f %% of them on the right page, %d remarks\n",
			r.Facts, r.Equal, r.Missing, r.Extra, r.Wrong, 100*r.Rate, 100*r.PageRate, r.Problems)
	}
	if r.Rate < 0.999 || r.PageRate < 0.99 {
		return errNo
	}
	return nil
}
