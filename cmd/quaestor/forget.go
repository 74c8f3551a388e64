package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

func (a *app) forgetCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "forget DOCUMENT",
		Short: "Deletes exactly what a document brought",
		Long: `DOCUMENT is an IRI, an accession number, a file name, a source path or the
beginning of a hash. Statements that another document states too stay. All
documents of a filing go together.`,
		Example: examples(
			"quaestor forget 0001045810-24-000029 --dry-run --store filings",
			"quaestor forget 0001045810-24-000029 --store filings",
			"quaestor forget nvda-10-k-2025-02-26 --json --store filings",
		),
		Args: exactArgs(1, "one document"),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := a.openStore(false)
			if err != nil {
				return err
			}
			defer st.Close()
			r, err := ingest.Forget(c.Context(), st, args[0], dry)
			if errors.Is(err, doc.ErrUnknown) || errors.Is(err, ingest.ErrAmbiguous) {
				return inputError{err}
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			verb := "forgot"
			if dry {
				verb = "would forget"
			}
			fmt.Fprintf(a.out, "%s %s (%s): %d statements (%d stated by no other document), %d spans, %d index entries, %d things left without statements\n",
				verb, r.Document, strings.Join(r.Documents, ", "), r.Statements, r.Only, r.Spans, r.Entries, r.Orphans)
			return nil
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "count, and change nothing")
	return c
}
