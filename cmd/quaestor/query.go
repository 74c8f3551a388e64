package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

func (a *app) limits() sparql.Limits {
	return sparql.Limits{Timeout: a.cfg.duration("timeout"), MaxMemory: a.cfg.bytes("max-memory")}
}

func addLimitFlags(c *cobra.Command) {
	c.Flags().String("timeout", "", "stop after this long (default 30s)")
	c.Flags().String("max-memory", "", "stop above this much memory (default 256MiB)")
}

func (a *app) queryCommand() *cobra.Command {
	var file, format, base string
	c := &cobra.Command{
		Use:   "query TEXT",
		Short: "Runs a SPARQL query",
		Long: `Prints a table on a terminal's width, or a standard format: json, xml, csv, tsv for
SELECT and ASK; ntriples, nquads, turtle, trig for CONSTRUCT and DESCRIBE.
An ASK that is false ends with exit code 1.`,
		Example: examples(
			"quaestor query 'SELECT * { ?s ?p ?o } LIMIT 10' --store films",
			"quaestor query -f top.rq --format csv --timeout 5s --store films",
			"quaestor query 'CONSTRUCT WHERE { ?s ?p ?o }' --format turtle --store films",
		),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args, file, "query")
			if err != nil {
				return err
			}
			return a.query(c.Context(), text, base, format)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the query from a file")
	c.Flags().StringVar(&format, "format", "", "table, json, xml, csv, tsv, ntriples, nquads, turtle or trig")
	c.Flags().StringVar(&base, "base", "", "base IRI of the query")
	addLimitFlags(c)
	return c
}

func (a *app) query(ctx context.Context, text, base, format string) error {
	q, err := sparql.New(sparql.Options{}).Prepare(text, base)
	if err != nil {
		return err
	}
	graph := q.Form() == sparql.Construct || q.Form() == sparql.Describe
	if format == "" {
		switch {
		case a.json && !graph:
			format = "json"
		case graph:
			format = "turtle"
		default:
			format = "table"
		}
	}
	rdfFormat, isRDF := rdf.FormatByExtension(format)
	resFormat, isRes := results.ParseFormat(format)
	switch {
	case graph && !isRDF:
		return usageError{fmt.Errorf("format %q: a %s query gives triples: ntriples, nquads, turtle or trig", format, q.Form())}
	case !graph && !isRes && format != "table":
		return usageError{fmt.Errorf("format %q: a %s query gives table, json, xml, csv or tsv", format, q.Form())}
	}
	snap, closeStore, err := a.openSnapshot()
	if err != nil {
		return err
	}
	defer closeStore()
	res, err := q.Run(ctx, snap, a.limits())
	if err != nil {
		return err
	}
	defer res.Close()
	w := bufio.NewWriterSize(a.out, 64<<10)
	switch {
	case graph:
		err = writeQuads(w, rdfFormat, res.Quads())
	case q.Form() == sparql.Ask:
		if format == "table" {
			fmt.Fprintln(w, map[bool]string{true: "yes", false: "no"}[res.Boolean])
		} else {
			err = results.WriteBoolean(w, resFormat, res.Boolean)
		}
	case format == "table":
		err = writeTable(w, res.Vars, res.Rows())
	default:
		err = results.WriteRows(w, resFormat, res.Vars, res.Rows())
	}
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if q.Form() == sparql.Ask && !res.Boolean {
		return errNo
	}
	return nil
}

func writeQuads(w io.Writer, f rdf.Format, quads iter.Seq2[kg.TermQuad, error]) error {
	rw := rdf.NewWriter(w, f, nil)
	for q, err := range quads {
		if err != nil {
			return err
		}
		if err := rw.Write(q); err != nil {
			return err
		}
	}
	return rw.Flush()
}

// writeTable prints rows for people: terms in N-Triples form, one tab-aligned
// line each, the count at the end.
func writeTable(w io.Writer, vars []string, rows iter.Seq2[[]kg.Term, error]) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i, v := range vars {
		if i > 0 {
			fmt.Fprint(tw, "\t")
		}
		fmt.Fprint(tw, "?"+v)
	}
	fmt.Fprintln(tw)
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		for i, t := range row {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, strings.ReplaceAll(t.String(), "\t", `\t`))
		}
		fmt.Fprintln(tw)
		n++
		if n%10_000 == 0 {
			tw.Flush() // align in chunks: a table of any length streams
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d row(s)\n", n)
	return err
}

func (a *app) updateCommand() *cobra.Command {
	var file, base string
	var allowLoad bool
	c := &cobra.Command{
		Use:   "update TEXT",
		Short: "Runs a SPARQL update, all or nothing",
		Example: examples(
			"quaestor update 'INSERT DATA { <http://a> <http://b> 1 }' --store films",
			"quaestor update -f fix.ru --store films",
			"quaestor update 'LOAD <file:people.ttl>' --allow-load --store films",
		),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args, file, "update")
			if err != nil {
				return err
			}
			o := sparql.Options{}
			if allowLoad {
				o.LoadFile = openLocal
			}
			st, err := a.openStore(false)
			if err != nil {
				return err
			}
			defer st.Close()
			start := time.Now()
			stats, err := sparql.New(o).Update(c.Context(), st, text, base, a.limits())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(map[string]any{"added": stats.Added, "removed": stats.Removed, "seconds": time.Since(start).Seconds()})
			}
			_, err = fmt.Fprintf(a.out, "%d added, %d removed\n", stats.Added, stats.Removed)
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the update from a file")
	c.Flags().StringVar(&base, "base", "", "base IRI of the update")
	c.Flags().BoolVar(&allowLoad, "allow-load", false, "let LOAD read local files (file: IRIs)")
	addLimitFlags(c)
	return c
}

// openLocal opens the document of a LOAD operation on this machine.
func openLocal(iri string) (io.ReadCloser, error) {
	name, ok := strings.CutPrefix(iri, "file:")
	if !ok {
		return nil, fmt.Errorf("LOAD <%s>: only file: IRIs are allowed", iri)
	}
	name = strings.TrimPrefix(name, "//")
	r, _, err := rdf.Open(name)
	return r, err
}

func (a *app) explainCommand() *cobra.Command {
	var file string
	var analyze bool
	c := &cobra.Command{
		Use:   "explain TEXT",
		Short: "Shows how a query would run, or ran",
		Example: examples(
			"quaestor explain 'SELECT * { ?s a ?c . ?s ?p ?o }' --store films",
			"quaestor explain --analyze -f top.rq --store films",
			"quaestor explain --analyze --json 'ASK { ?s ?p ?o }' --store films",
		),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args, file, "query")
			if err != nil {
				return err
			}
			q, err := sparql.New(sparql.Options{}).Prepare(text, "")
			if err != nil {
				return err
			}
			snap, closeStore, err := a.openSnapshot()
			if err != nil {
				return err
			}
			defer closeStore()
			plan, err := q.Explain(c.Context(), snap, a.limits(), analyze)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(plan)
			}
			_, err = fmt.Fprintln(a.out, plan)
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the query from a file")
	c.Flags().BoolVar(&analyze, "analyze", false, "run the query and show rows and times per operator")
	addLimitFlags(c)
	return c
}

func (a *app) dumpCommand() *cobra.Command {
	var graph, format, out string
	c := &cobra.Command{
		Use:   "dump",
		Short: "Writes the store's statements",
		Example: examples(
			"quaestor dump --store films > films.nq",
			"quaestor dump --graph http://example.org/g --format turtle --store films",
			"quaestor dump --format trig --out films.trig --store films",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			f, ok := rdf.FormatByExtension(format)
			if !ok {
				return usageError{fmt.Errorf("format %q: want ntriples, nquads, turtle or trig", format)}
			}
			snap, closeStore, err := a.openSnapshot()
			if err != nil {
				return err
			}
			defer closeStore()
			w := a.out
			if out != "" {
				file, err := os.Create(out)
				if err != nil {
					return err
				}
				defer func() {
					if e := file.Close(); err == nil {
						err = e
					}
					if err != nil {
						os.Remove(out) // half a dump looks like a whole one
					}
				}()
				w = file
			}
			bar := a.newProgress("dump", "statements", snap.Size())
			defer bar.Finish()
			bw := bufio.NewWriterSize(w, 256<<10)
			quads := snapshotQuads(c.Context(), snap, graph, bar)
			if graph != "" && !f.Quads() {
				quads = withoutGraph(quads)
			}
			if err := writeQuads(bw, f, quads); err != nil {
				return err
			}
			return bw.Flush()
		},
	}
	c.Flags().StringVar(&graph, "graph", "", "only this named graph; \"default\" is the default graph")
	c.Flags().StringVar(&format, "format", "nquads", "ntriples, nquads, turtle or trig")
	c.Flags().StringVar(&out, "out", "", "write to a file")
	return c
}

// withoutGraph drops the graph of quads that are all of one.
func withoutGraph(quads iter.Seq2[kg.TermQuad, error]) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for q, err := range quads {
			q.G = kg.Term{}
			if !yield(q, err) {
				return
			}
		}
	}
}

// snapshotQuads streams the quads of a snapshot, grouped by graph and subject.
func snapshotQuads(ctx context.Context, s kg.Snapshot, graph string, bar *progress) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		var p kg.Pattern
		switch graph {
		case "":
		case "default":
			p.G = kg.DefaultGraph
		default:
			id, ok, err := s.Lookup(kg.NewIRI(graph))
			if err != nil {
				yield(kg.TermQuad{}, err)
				return
			}
			if !ok {
				yield(kg.TermQuad{}, inputError{fmt.Errorf("the store has no graph <%s>", graph)})
				return
			}
			p.G = id
		}
		const batch = 1024
		var (
			quads = make([]kg.Quad, batch)
			ids   = make([]kg.ID, 4*batch)
			terms = make([]kg.Term, 4*batch)
			n     int64
		)
		c := s.Scan(ctx, p, kg.GSPO)
		defer c.Close()
		for {
			k := kg.NextBatch(c, quads)
			if k == 0 {
				if err := c.Err(); err != nil {
					yield(kg.TermQuad{}, err)
				}
				return
			}
			for i, q := range quads[:k] {
				ids[4*i], ids[4*i+1], ids[4*i+2], ids[4*i+3] = q.S, q.P, q.O, q.G
			}
			if err := kg.Terms(s, ids[:4*k], terms[:4*k]); err != nil {
				yield(kg.TermQuad{}, err)
				return
			}
			for i := range k {
				t := terms[4*i:]
				if !yield(kg.TermQuad{S: t[0], P: t[1], O: t[2], G: t[3]}, nil) {
					return
				}
			}
			n += int64(k)
			bar.Set(n, "")
		}
	}
}

func (a *app) parseCommand() *cobra.Command {
	var to, format, base string
	var lenient bool
	c := &cobra.Command{
		Use:   "parse FILE",
		Short: "Checks RDF syntax, or converts between RDF formats",
		Example: examples(
			"quaestor parse people.ttl",
			"quaestor parse people.ttl --to ntriples > people.nt",
			"cat people.nt | quaestor parse - --format ntriples --to turtle",
		),
		Args: exactArgs(1, "one file"),
		RunE: func(c *cobra.Command, args []string) error {
			var target rdf.Format
			if to != "" {
				f, ok := rdf.FormatByExtension(to)
				if !ok {
					return usageError{fmt.Errorf("format %q: want ntriples, nquads, turtle, trig or rdfxml", to)}
				}
				target = f
			}
			src := &rdfSource{files: args, in: a.in, flags: loadFlags{format: format, base: base, lenient: lenient},
				bar: a.newProgress("parse", "bytes", fileSize(args[0])), warn: func(err error) {
					fmt.Fprintf(a.err, "quaestor: skipped: %s\n", err)
				}}
			defer src.bar.Finish()
			var n int64
			counted := func(yield func(kg.TermQuad, error) bool) {
				for q, err := range src.quads(c.Context()) {
					n++
					if !yield(q, err) {
						return
					}
				}
			}
			if to != "" {
				w := bufio.NewWriterSize(a.out, 256<<10)
				if err := writeQuads(w, target, counted); err != nil {
					return err
				}
				return w.Flush()
			}
			for _, err := range counted {
				if err != nil {
					return err
				}
			}
			if a.json {
				return a.writeJSON(map[string]any{"statements": n, "errors": src.errors})
			}
			if _, err := fmt.Fprintf(a.out, "%d statements, %d errors\n", n, src.errors); err != nil {
				return err
			}
			if src.errors > 0 {
				return errNo
			}
			return nil
		},
	}
	c.Flags().StringVar(&to, "to", "", "write this format: ntriples, nquads, turtle or trig")
	c.Flags().StringVar(&format, "format", "", "format of the input (default: by file name)")
	c.Flags().StringVar(&base, "base", "", "base IRI")
	c.Flags().BoolVar(&lenient, "lenient", false, "go on after syntax errors and report them all")
	return c
}

func fileSize(name string) int64 {
	if info, err := os.Stat(name); err == nil {
		return info.Size()
	}
	return 0
}
