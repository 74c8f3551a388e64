package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/ingest/csvmap"
	"github.com/quaestor-kg/quaestor/ingest/source"
)

type ingestFlags struct {
	together, replace bool
	maxBytes          string
	labels, mapping   string
}

func (a *app) ingestCommand() *cobra.Command {
	var fl ingestFlags
	c := &cobra.Command{
		Use:   "ingest FILE...",
		Short: "Brings filings and texts into the store, with every figure's place",
		Long: `Reads filings (inline XBRL, XBRL instances with linkbases, full submissions, old
text), HTML, Markdown, plain text, PDF and tables in CSV, plain or compressed,
single files, archives or folders. Facts, sections and what rules read in the text become
statements in one graph for each filing, with span, source, run and time; the
documents are kept beside them. A filing is stored whole or not at all; what
cannot be read is named, and the rest is kept. Exit code 3 if nothing could be
read.`,
		Example: examples(
			"quaestor ingest nvda-10-k-2025-02-26.html --store filings",
			"quaestor ingest 10-K/ 10-Q/ --store filings --json",
			"quaestor ingest report.htm report_lab.xml report_pre.xml --together --store filings",
		),
		Args: minArgs(1, "at least one file or folder"),
		RunE: func(c *cobra.Command, args []string) error { return a.ingest(c.Context(), args, fl) },
	}
	c.Flags().BoolVar(&fl.together, "together", false, "all files are one filing")
	c.Flags().BoolVar(&fl.replace, "replace", false, "replace filings that are there with other bytes")
	c.Flags().StringVar(&fl.maxBytes, "max-bytes", "256MiB", "refuse larger files")
	c.Flags().StringVar(&fl.mapping, "mapping", "", "what the rows of CSV tables state, in JSON (docs/format/facts.md)")
	c.Flags().StringVar(&fl.labels, "labels", "", "labels of standard concepts, lines of NAME, tab, LABEL")
	return c
}

func (a *app) ingest(ctx context.Context, paths []string, fl ingestFlags) error {
	limit, err := parseBytes(fl.maxBytes)
	if err != nil {
		return usageError{fmt.Errorf("--max-bytes: %w", err)}
	}
	o := ingest.Options{Replace: fl.replace, Workers: a.cfg.num("threads"), Program: "quaestor " + version()}
	if fl.labels != "" {
		f, err := os.Open(fl.labels)
		if err != nil {
			return inputError{err}
		}
		o.Labels, err = ingest.ReadLabels(f)
		f.Close()
		if err != nil {
			return inputError{err}
		}
	}
	if fl.mapping != "" {
		f, err := os.Open(fl.mapping)
		if err != nil {
			return inputError{err}
		}
		o.Mapping, err = csvmap.ReadMapping(f)
		f.Close()
		if err != nil {
			return inputError{fmt.Errorf("%s: %w", fl.mapping, err)}
		}
	}
	st, err := a.openStore(false)
	if err != nil {
		return err
	}
	defer st.Close()
	bar := a.newProgress("ingest", "bytes", 0)
	o.OnProgress = func(units int, bytes int64, name string) { bar.Set(bytes, fmt.Sprintf("%d documents", units)) }
	start, cpu := time.Now(), processCPU()
	rep, err := ingest.Run(ctx, st, source.Open(ctx, paths, source.Options{MaxBytes: limit, Together: fl.together, Stdin: a.in}), o)
	bar.Finish()
	if err != nil {
		return err
	}
	rep.Seconds = time.Since(start).Seconds()
	info, err := st.Stats()
	if err != nil {
		return err
	}
	if a.json {
		err := a.writeJSON(struct {
			*ingest.Report
			CPU        float64 `json:"cpu_seconds"`
			StoreBytes int64   `json:"store_bytes"`
		}{rep, (processCPU() - cpu).Seconds(), info.Bytes})
		if err != nil {
			return err
		}
	} else {
		for _, p := range rep.Problems {
			fmt.Fprintf(a.err, "quaestor: %s\n", p.Error())
		}
		fmt.Fprintf(a.out, "%d documents with %d facts and %d statements, %d there already, %d unreadable, %d remarks, %.1f s\n",
			rep.Documents, rep.Facts, rep.Statements, rep.Present, rep.Failed, rep.Errors, rep.Seconds)
	}
	if rep.Documents+rep.Present == 0 {
		return inputError{fmt.Errorf("nothing could be read: %s", firstProblem(rep))}
	}
	return nil
}

func firstProblem(r *ingest.Report) string {
	if len(r.Problems) == 0 {
		return "there are no documents"
	}
	return r.Problems[0].Error()
}
