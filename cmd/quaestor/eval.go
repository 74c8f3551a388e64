package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
)

func (a *app) evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measures how right the program is",
		Example: examples(
			"quaestor eval w3c ../shared/data/rdf-tests/sparql/sparql11",
			"quaestor eval ask --graph kg.nt.gz --questions 1hop.test.jsonl.gz --limit 500",
			"quaestor eval perplexity --model smollm2-135m-instruct-q4_1.gguf --text text.txt",
		),
	}
	c.AddCommand(a.evalW3CCommand(), a.evalAskCommand(), a.evalPerplexityCommand(), a.evalFactsCommand(), a.evalEvidenceCommand(), a.evalQueriesCommand(), a.evalLinkCommand())
	return c
}

func (a *app) evalW3CCommand() *cobra.Command {
	var failed bool
	c := &cobra.Command{
		Use:   "w3c MANIFEST_OR_DIR...",
		Short: "Runs W3C test suites of SPARQL and RDF",
		Long:  "A row per suite; the last line counts all. Skipped tests are listed with the reason. Exit code 1 if a test fails.",
		Example: examples(
			"quaestor eval w3c ../shared/data/rdf-tests/sparql/sparql10 ../shared/data/rdf-tests/sparql/sparql11",
			"quaestor eval w3c ../shared/data/rdf-tests/rdf/rdf11/rdf-turtle/manifest.ttl",
			"quaestor eval w3c --failed ../shared/data/rdf-tests/sparql/sparql11",
		),
		Args: minArgs(1, "at least one manifest or folder"),
		RunE: func(c *cobra.Command, args []string) error { return a.evalW3C(c.Context(), args, failed) },
	}
	c.Flags().BoolVar(&failed, "failed", false, "name the tests that fail, with the reason")
	return c
}

type suiteCount struct {
	Suite   string `json:"suite"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
}

// w3cRun collects the results of several suites.
type w3cRun struct {
	suites  []suiteCount
	bySuite map[string]int
	skips   map[string]int // by reason
	fails   []string
}

func (r *w3cRun) add(suite, name string, pass, skip bool, why string) {
	i, ok := r.bySuite[suite]
	if !ok {
		i = len(r.suites)
		r.bySuite[suite] = i
		r.suites = append(r.suites, suiteCount{Suite: suite})
	}
	s := &r.suites[i]
	switch {
	case skip:
		s.Skipped++
		r.skips[why]++
	case pass:
		s.Passed++
	default:
		s.Failed++
		r.fails = append(r.fails, name+": "+why)
	}
}

func (a *app) evalW3C(ctx context.Context, paths []string, failed bool) error {
	run := &w3cRun{bySuite: map[string]int{}, skips: map[string]int{}}
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return inputError{err}
		}
		var err error
		if isRDFSuite(p) {
			err = run.rdf(ctx, p)
		} else {
			err = run.sparql(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	total := suiteCount{}
	for _, s := range run.suites {
		total.Passed += s.Passed
		total.Failed += s.Failed
		total.Skipped += s.Skipped
	}
	if a.json {
		if err := a.writeJSON(map[string]any{"suites": run.suites, "passed": total.Passed, "failed": total.Failed, "skipped": total.Skipped, "failures": run.fails, "skips": run.skips}); err != nil {
			return err
		}
	} else {
		for _, s := range run.suites {
			fmt.Fprintf(a.out, "%-44s %4d passed %4d failed %4d skipped\n", s.Suite, s.Passed, s.Failed, s.Skipped)
		}
		for why, n := range run.skips {
			fmt.Fprintf(a.out, "skipped %d: %s\n", n, why)
		}
		if failed {
			for _, f := range run.fails {
				fmt.Fprintf(a.out, "failed %s\n", f)
			}
		}
		fmt.Fprintf(a.out, "%d passed, %d failed, %d skipped\n", total.Passed, total.Failed, total.Skipped)
	}
	if total.Failed > 0 {
		return errNo
	}
	return nil
}

// isRDFSuite tells the suites of RDF syntaxes from those of SPARQL by the
// folders they lie in.
func isRDFSuite(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	parts := strings.Split(filepath.ToSlash(abs), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		switch {
		case strings.HasPrefix(parts[i], "sparql"):
			return false
		case strings.HasPrefix(parts[i], "rdf1"), parts[i] == "rdf" && i > 0 && parts[i-1] == "rdf-tests":
			return true
		}
	}
	return false
}

// rdf runs the manifests of RDF syntaxes below a path.
func (r *w3cRun) rdf(ctx context.Context, path string) error {
	manifests := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		manifests = nil
		err := filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
			if err == nil && d.Name() == "manifest.ttl" {
				manifests = append(manifests, name)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, m := range manifests {
		tests, err := rdftest.Load(m)
		if err != nil {
			return inputError{err}
		}
		for _, t := range tests {
			if seen[t.ID] {
				continue
			}
			seen[t.ID] = true
			if err := ctx.Err(); err != nil {
				return err
			}
			suite := filepath.Base(filepath.Dir(filepath.Dir(t.Suite))) + "/" + filepath.Base(filepath.Dir(t.Suite))
			err := rdftest.Run(t)
			if errors.Is(err, rdftest.ErrUnsupported) {
				r.add(suite, t.Name, false, true, "type "+t.Type+" is not one of RDF syntax")
				continue
			}
			why := ""
			if err != nil {
				why = firstLine(err.Error())
			}
			r.add(suite, suite+" "+t.Name, err == nil, false, why)
		}
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// sparql runs the manifests of SPARQL below a path, each test on a new store.
func (r *w3cRun) sparql(ctx context.Context, path string) error {
	tests, err := sparqltest.Load(path)
	if err != nil {
		return inputError{err}
	}
	for _, t := range tests {
		if err := ctx.Err(); err != nil {
			return err
		}
		res := sparqltest.Run(ctx, t, func() (kg.Store, error) { return mem.New(), nil })
		why := res.Reason
		if !res.Pass && !res.Skip && res.Detail != "" {
			why += ": " + firstLine(res.Detail)
		}
		r.add(t.Suite, t.ShortName(), res.Pass, res.Skip, why)
	}
	return nil
}

func (a *app) evalPerplexityCommand() *cobra.Command {
	var text, kv string
	var window, windows int
	c := &cobra.Command{
		Use:   "perplexity",
		Short: "Measures how well a decoder predicts a text",
		Example: examples(
			"quaestor eval perplexity --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt",
			"quaestor eval perplexity --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt --window 512",
			"quaestor eval perplexity --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt --kv cbh4 --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := os.ReadFile(text)
			if err != nil {
				return inputError{err}
			}
			m, err := decode.Load(a.cfg.str("model"), decode.Options{Threads: a.cfg.num("threads")})
			if err != nil {
				return inputError{err}
			}
			defer m.Close()
			ids := m.Tokenizer.Encode(string(b))
			if kv != "" {
				return a.evalKV(c.Context(), m, kv, ids, window, windows)
			}
			bar := a.newProgress("perplexity", "windows", int64(len(ids)/window))
			p, err := m.Perplexity(c.Context(), ids, window, func(done, all int) { bar.Set(int64(done), "") })
			bar.Finish()
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(map[string]any{"ppl": p.PPL, "nll": p.NLL, "tokens": p.Tokens, "windows": len(p.Windows)})
			}
			_, err = fmt.Fprintf(a.out, "perplexity %.4f, %.6f nats a token (%d windows of %d)\n", p.PPL, p.NLL, len(p.Windows), window)
			return err
		},
	}
	c.Flags().String("model", "", "GGUF file or safetensors folder")
	c.Flags().StringVar(&text, "text", "", "text file")
	c.Flags().IntVar(&window, "window", 1024, "tokens a window; each starts anew")
	c.Flags().IntVar(&window, "context", 1024, "the same as --window")
	c.Flags().IntVar(&windows, "windows", 0, "windows at most, with --kv; 0 = all")
	c.Flags().StringVar(&kv, "kv", "", kvFlagHelp)
	return c
}
