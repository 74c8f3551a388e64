package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/ingest/source"
)

func (a *app) factsCommand() *cobra.Command {
	var together bool
	c := &cobra.Command{
		Use:   "facts FILE...",
		Short: "Prints every tagged fact of a filing, a JSON object a line",
		Long: `Fields: id, concept, context, period, dims, unit, decimals, scale, value (exact;
null if there is none), text (as shown), offset (byte of the tag), page (index
from 0, -1 hidden), row; and kind (number, text, nil, error), start and end (bytes
of the shown value), heading, column, entity, file, footnotes. Remarks go to
standard error. Exit code 3 if a file cannot be read.`,
		Example: examples(
			"quaestor facts nvda-10-k-2025-02-26.html",
			"quaestor facts nvda-10-k-2025-02-26.html --quiet > facts.jsonl",
			"quaestor facts old-10k.htm old-10k_d2.htm --together",
		),
		Args: minArgs(1, "a file"),
		RunE: func(c *cobra.Command, args []string) error { return a.facts(c.Context(), args, together) },
	}
	c.Flags().BoolVar(&together, "together", false, "all files are one filing")
	return c
}

func (a *app) facts(ctx context.Context, paths []string, together bool) error {
	var failed error
	for u, err := range source.Open(ctx, paths, source.Options{Together: together, Stdin: a.in}) {
		if err != nil {
			var file *source.Error
			if !errors.As(err, &file) {
				return err
			}
			failed = inputError{err}
			fmt.Fprintf(a.err, "quaestor: %v\n", err)
			continue
		}
		f, err := edgar.Read(ctx, u.Files)
		if err != nil {
			return err
		}
		for i := range f.Facts {
			if err := a.writeJSON(f.Line(&f.Facts[i])); err != nil {
				return err
			}
		}
		for _, p := range f.Problems {
			fmt.Fprintf(a.err, "quaestor: %s\n", p)
		}
		if len(f.Facts) == 0 {
			fmt.Fprintf(a.err, "quaestor: %s: no tagged facts\n", u.Path)
		}
	}
	if failed != nil {
		return inputError{errors.New("not all files could be read")}
	}
	return nil
}
