package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/store"
)

// openStore opens the store of the --store setting.
func (a *app) openStore(readOnly bool) (*store.Store, error) {
	return a.openStoreAt(a.cfg.str("store"), readOnly)
}

// openSnapshot opens the store for reading; close ends both.
func (a *app) openSnapshot() (snap kg.Snapshot, closeStore func(), err error) {
	st, err := a.openStore(true)
	if err != nil {
		return nil, nil, err
	}
	if snap, err = st.Snapshot(); err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return snap, func() { snap.Close(); st.Close() }, nil
}

func (a *app) openStoreAt(dir string, readOnly bool) (*store.Store, error) {
	if readOnly {
		if _, err := os.Stat(dir); err != nil {
			return nil, inputError{fmt.Errorf("no store at %s: load something first (quaestor load FILE --store %s)", dir, dir)}
		}
	}
	d, err := store.ParseDurability(a.cfg.str("durability"))
	if err != nil {
		return nil, usageError{err}
	}
	s, err := store.Open(dir, store.Options{
		Durability: d, BlockCacheBytes: a.cfg.bytes("block-cache"), Threads: a.cfg.num("threads"), Logger: a.log,
	})
	if err != nil {
		return nil, wrapf(err, "open store %s", dir)
	}
	return s, nil
}

type loadFlags struct {
	graph, base, format string
	lenient             bool
}

func (a *app) loadCommand() *cobra.Command {
	var fl loadFlags
	c := &cobra.Command{
		Use:   "load FILE...",
		Short: "Loads RDF files into the store, all or nothing",
		Long: `Reads N-Triples, N-Quads, Turtle, TriG or RDF/XML, plain or compressed with gzip,
zstd or bzip2, and adds the statements in one commit: after an error or Ctrl-C
the store is as it was before. "-" reads standard input (name its --format).`,
		Example: examples(
			"quaestor load films.nt.gz --store films",
			"quaestor load people.ttl places.ttl --graph http://example.org/g --store films",
			"echo '<http://a> <http://b> <http://c> .' | quaestor load - --format ntriples --store films",
		),
		Args: minArgs(1, "at least one file"),
		RunE: func(c *cobra.Command, args []string) error { return a.load(c.Context(), args, fl) },
	}
	c.Flags().StringVar(&fl.graph, "graph", "", "put triples into this named graph")
	c.Flags().StringVar(&fl.base, "base", "", "base IRI (default: the file's own)")
	c.Flags().StringVar(&fl.format, "format", "", "ntriples, nquads, turtle, trig or rdfxml (default: by file name)")
	c.Flags().BoolVar(&fl.lenient, "lenient", false, "skip statements with syntax errors and count them")
	return c
}

func (a *app) load(ctx context.Context, files []string, fl loadFlags) error {
	st, err := a.openStore(false)
	if err != nil {
		return err
	}
	defer st.Close()
	start := time.Now()
	var total int64
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		}
	}
	bar := a.newProgress("load", "bytes", total)
	src := &rdfSource{files: files, flags: fl, in: a.in, bar: bar, warn: func(err error) {
		fmt.Fprintf(a.err, "quaestor: skipped: %s\n", err)
	}}
	stats, err := st.LoadBatches(ctx, src.batches(ctx))
	bar.Finish()
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	info, err := st.Stats()
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(map[string]any{
			"statements": stats.Read, "added": stats.Added, "duplicates": stats.Duplicates,
			"errors": src.errors, "seconds": seconds, "store_bytes": info.Bytes,
		})
	}
	fmt.Fprintf(a.out, "%d statements read, %d added, %d already there", stats.Read, stats.Added, stats.Duplicates)
	if src.errors > 0 {
		fmt.Fprintf(a.out, ", %d skipped with errors", src.errors)
	}
	fmt.Fprintf(a.out, ", %.1f s (%.0f statements/s)\n", seconds, float64(stats.Read)/seconds)
	return nil
}

// rdfSource reads the quads of several files as one sequence.
type rdfSource struct {
	files  []string
	flags  loadFlags
	in     io.Reader
	bar    *progress
	warn   func(error)
	errors int64
	done   int64 // compressed bytes of finished files
}

// quads yields the quads one by one.
func (s *rdfSource) quads(ctx context.Context) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for batch, err := range s.batches(ctx) {
			if err != nil {
				yield(kg.TermQuad{}, err)
				return
			}
			for _, q := range batch {
				if !yield(q, nil) {
					return
				}
			}
		}
	}
}

// batches yields the quads in slices that are reused.
func (s *rdfSource) batches(ctx context.Context) iter.Seq2[[]kg.TermQuad, error] {
	return func(yield func([]kg.TermQuad, error) bool) {
		for _, name := range s.files {
			if !s.file(ctx, name, yield) {
				return
			}
		}
	}
}

func (s *rdfSource) file(ctx context.Context, name string, yield func([]kg.TermQuad, error) bool) bool {
	r, format, err := openRDF(name, s.flags.format)
	if err != nil {
		yield(nil, err)
		return false
	}
	defer r.Close()
	graph := kg.Term{}
	if s.flags.graph != "" {
		graph = kg.NewIRI(s.flags.graph)
	}
	var last int64
	o := rdf.ReadOptions{
		Format: format, Base: s.flags.base, File: name, Lenient: s.flags.lenient,
		OnError:    func(err error) { s.errors++; s.warn(err) },
		OnProgress: func(n int64) { last = n; s.bar.Set(s.done+n, "") },
	}
	for batch, err := range rdf.ReadBatches(ctx, r, o) {
		if graph.Kind != kg.None {
			for i := range batch {
				if batch[i].G.Kind == kg.None {
					batch[i].G = graph
				}
			}
		}
		if !yield(batch, err) || err != nil {
			return false
		}
	}
	s.done += last
	return true
}

// openRDF opens a file and settles its format: the flag, else the name.
func openRDF(name, flag string) (io.ReadCloser, rdf.Format, error) {
	var want rdf.Format
	if flag != "" {
		f, ok := rdf.FormatByExtension(flag)
		if !ok {
			return nil, 0, usageError{fmt.Errorf("format %q: want ntriples, nquads, turtle, trig or rdfxml", flag)}
		}
		want = f
	}
	r, format, err := rdf.Open(name)
	if flag != "" && r != nil {
		return r, want, nil
	}
	if err != nil {
		return nil, 0, inputError{err}
	}
	return r, format, nil
}
