package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
	"github.com/quaestor-kg/quaestor/embed/cqd/measure"
	"github.com/quaestor-kg/quaestor/embed/cqd/queryset"
	"github.com/quaestor-kg/quaestor/embed/cqd/sample"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

type evalQueriesFlags struct {
	data, queries, checkpoint, adapter  string
	methods, types                      []string
	split, norm, unionNorm, scale, beam string
	limit, sample                       int
	hybrid                              bool
	epsilon, negation                   float64
	cache                               int
	seed                                uint64
}

func (a *app) evalQueriesCommand() *cobra.Command {
	var fl evalQueriesFlags
	c := &cobra.Command{
		Use:   "queries",
		Short: "Measures answers to complex queries whose links are partly missing",
		Long: `Ranks entities for each query of the folder --data (the numbered form of KGReasoning, or, with --sample, any
split folder) and prints MRR and hits of the hard answers by query type, with the means over the types without (epfo) and
with negation (neg). Methods: cqd takes the scores of the link predictor as they are, cqda through the adapter that
"train queries" makes, qto calibrated by what the training graph states, co optimises free vectors.`,
		Example: examples(
			"quaestor eval queries --data ../shared/data/kge/CoDEx-S-betae --checkpoint codex-s.ckpt --method cqd,cqda,qto --limit 300",
			"quaestor eval queries --data ../shared/data/kge/FB15k-237-betae --checkpoint fb.ckpt --method qto --beam 64 --types 2p,3p,2in",
			"quaestor eval queries --data ../shared/data/kge/umls --checkpoint umls.ckpt --sample 100 --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.evalQueries(c.Context(), fl) },
	}
	f := c.Flags()
	f.StringVar(&fl.data, "data", "", "folder of the graph and its queries")
	f.StringVar(&fl.queries, "queries", "", "folder of the queries inside --data (default the only one)")
	f.StringVar(&fl.checkpoint, "checkpoint", "", "link predictor, a file of train link")
	f.StringVar(&fl.adapter, "adapter", "", "file of train queries (default beside the checkpoint)")
	f.StringSliceVar(&fl.methods, "method", []string{"cqd", "qto"}, strings.Join(measure.Methods, ", "))
	f.StringSliceVar(&fl.types, "types", nil, "query types (default all of "+strings.Join(cqd.TypeNames(), " ")+")")
	f.StringVar(&fl.split, "split", "test", "valid or test")
	f.StringVar(&fl.norm, "norm", "product", "t-norm: product, minimum or lukasiewicz")
	f.StringVar(&fl.unionNorm, "union-norm", "", "t-norm of unions, if another")
	f.StringVar(&fl.scale, "scale", "sigmoid", "of cqd's scores: sigmoid, minmax, softmax or raw")
	f.StringVar(&fl.beam, "beam", "", "candidates of a hop, 0 for all: 64, or 64,2p=128,ip=8 (default 64; all for qto)")
	f.IntVar(&fl.limit, "limit", 0, "queries of each type (default all)")
	f.IntVar(&fl.sample, "sample", 0, "draw this many queries of each type from the graph instead of reading them")
	f.BoolVar(&fl.hybrid, "hybrid", false, "cqd and cqda: statements of the training graph are certain")
	f.Float64Var(&fl.epsilon, "epsilon", cqd.DefaultEpsilon, "qto: truths below are zero")
	f.Float64Var(&fl.negation, "negation", 3, "qto: factor on truths before their complement")
	f.IntVar(&fl.cache, "cache-mb", 512, "qto: MiB for calibrated rows")
	f.Uint64Var(&fl.seed, "seed", 1, "seed of --sample")
	return c
}

// openPredictor opens a checkpoint for a graph: its own, or one whose names it
// knows under other numbers.
func openPredictor(path string, g *dataset.Graph) (*embed.Table, error) {
	t, err := embed.Open(path)
	if err != nil {
		return nil, err
	}
	v := g.Vocabulary()
	if t.Bind(v) == nil {
		return t, nil
	}
	p, unknown, err := t.Project(v)
	if err != nil {
		return nil, fmt.Errorf("%s does not fit %s: %w", path, g.Name, err)
	}
	if unknown > len(v.Entities)/10 {
		return nil, fmt.Errorf("%s knows all but %d of the %d entities of %s: train on this graph", path, unknown, len(v.Entities), g.Name)
	}
	return p, nil
}

// methodRow is the result of one method.
type methodRow struct {
	Method string `json:"method"`
	measure.Table
	Milliseconds map[string]float64 `json:"ms_per_query"`
	Seconds      float64            `json:"seconds"`
}

func (a *app) evalQueries(ctx context.Context, fl evalQueriesFlags) error {
	if fl.data == "" || fl.checkpoint == "" {
		return usageError{fmt.Errorf("name the data with --data and the link predictor with --checkpoint")}
	}
	if fl.split != "valid" && fl.split != "test" {
		return usageError{fmt.Errorf("--split %q: it is valid or test", fl.split)}
	}
	m := measure.Method{Hybrid: fl.hybrid, Epsilon: fl.epsilon, Negation: fl.negation, Cache: fl.cache << 20}
	var err error
	if m.Norm, err = cqd.ParseNorm(fl.norm); err != nil {
		return usageError{err}
	}
	if fl.unionNorm != "" {
		u, err := cqd.ParseNorm(fl.unionNorm)
		if err != nil {
			return usageError{err}
		}
		m.UnionNorm = &u
	}
	if m.Scale, err = cqd.ParseScale(fl.scale); err != nil {
		return usageError{err}
	}
	if m.Beam, err = measure.ParseBeams(fl.beam); err != nil {
		return usageError{err}
	}
	if len(fl.types) == 0 {
		fl.types = cqd.TypeNames()
	}
	for _, name := range fl.types {
		if _, err := cqd.TypeByName(name); err != nil {
			return usageError{err}
		}
	}
	g, cases, err := a.queryCases(ctx, fl)
	if err != nil {
		return err
	}
	table, err := openPredictor(fl.checkpoint, g)
	if err != nil {
		return inputError{err}
	}
	train := g.NewIndex(g.Train)
	var rows []methodRow
	for _, name := range fl.methods {
		m.Name = name
		if name == "cqda" {
			if m.Adapter, err = openAdapter(fl, g); err != nil {
				return inputError{err}
			}
		}
		answerer, err := m.Answerer(table, train)
		if err != nil {
			return usageError{err}
		}
		row := methodRow{Method: name, Table: measure.Table{Types: map[string]measure.Score{}}, Milliseconds: map[string]float64{}}
		begin := time.Now()
		for _, typ := range fl.types {
			if len(cases[typ]) == 0 {
				continue
			}
			bar := a.newProgress(name+" "+typ, "queries", int64(len(cases[typ])))
			start := time.Now()
			row.Types[typ], err = measure.Cases(ctx, cases[typ], answerer(typ), runtime.GOMAXPROCS(0), func(n int) { bar.Set(int64(n), "") })
			bar.Finish()
			if err != nil {
				return err
			}
			row.Milliseconds[typ] = float64(time.Since(start).Microseconds()) / 1000 / float64(len(cases[typ]))
		}
		row.Summarise()
		row.Seconds = time.Since(begin).Seconds()
		rows = append(rows, row)
	}
	if a.json {
		return a.writeJSON(map[string]any{"data": g.Name, "model": table.Spec, "split": fl.split, "methods": rows})
	}
	for i, row := range rows {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintf(a.out, "%s on %s, %s, %s %d\n%-5s %8s %8s %8s %8s %8s %10s\n", row.Method, g.Name, fl.split, table.Spec.Model, table.Spec.Dim,
			"type", "n", "mrr", "hits1", "hits3", "hits10", "ms/query")
		for _, typ := range fl.types {
			if s, ok := row.Types[typ]; ok {
				fmt.Fprintf(a.out, "%-5s %8d %8.4f %8.4f %8.4f %8.4f %10.2f\n", typ, s.Queries, s.MRR, s.Hits1, s.Hits3, s.Hits10, row.Milliseconds[typ])
			}
		}
		fmt.Fprintf(a.out, "epfo  %.4f\nneg   %.4f\n", row.EPFO, row.Neg)
	}
	return nil
}

// openAdapter finds the adapter of a checkpoint. Adapters work on relation
// vectors, which a projection to other numbers keeps.
func openAdapter(fl evalQueriesFlags, g *dataset.Graph) (*cqd.Adapter, error) {
	t, err := embed.Open(fl.checkpoint)
	if err != nil {
		return nil, err
	}
	path := fl.adapter
	if path == "" {
		path = companion.Path(fl.checkpoint)
	}
	c, err := companion.Open(path, t)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Adapter == nil {
		return nil, fmt.Errorf("%s: there is no adapter; make one with: quaestor train queries --link %s --data DIR", path, fl.checkpoint)
	}
	p, err := openPredictor(fl.checkpoint, g)
	if err != nil {
		return nil, err
	}
	return c.Adapter, c.Adapter.Bind(p)
}

// queryCases reads or draws the queries by type.
func (a *app) queryCases(ctx context.Context, fl evalQueriesFlags) (*dataset.Graph, map[string][]cqd.Case, error) {
	cases := map[string][]cqd.Case{}
	if fl.sample == 0 {
		set, err := queryset.Open(fl.data, fl.queries)
		if err != nil {
			return nil, nil, inputError{err}
		}
		for _, typ := range fl.types {
			if !set.Has(fl.split, typ) {
				continue
			}
			if cases[typ], err = set.Read(fl.split, typ, fl.limit); err != nil {
				return nil, nil, inputError{err}
			}
		}
		if len(cases) == 0 {
			return nil, nil, inputError{fmt.Errorf("%s holds no %s queries of the types %s", set.Queries, fl.split, strings.Join(fl.types, " "))}
		}
		return set.Graph, cases, nil
	}
	g, err := dataset.Open(fl.data, dataset.Options{DropUnseen: true})
	if err != nil {
		return nil, nil, inputError{err}
	}
	small, big := g.NewIndex(g.Train), g.NewIndex(g.Train, g.Valid)
	if fl.split == "test" {
		small, big = big, g.NewIndex(g.Train, g.Valid, g.Test)
	}
	for i, typ := range fl.types {
		t, err := cqd.TypeByName(typ)
		if err != nil {
			return nil, nil, usageError{err}
		}
		s, err := sample.New(big, small, len(g.Entities), g.R(), sample.Options{Seed: fl.seed + uint64(i)})
		if err != nil {
			return nil, nil, inputError{err}
		}
		if typ == "1p" {
			cases[typ] = s.Links()
			cases[typ] = cases[typ][:min(fl.sample, len(cases[typ]))]
			continue
		}
		if cases[typ], err = s.Draw(ctx, t.Shape, fl.sample); err != nil {
			if ctx.Err() != nil {
				return nil, nil, err
			}
			a.log.Warn("fewer queries than wanted", "type", typ, "reason", err)
		}
	}
	return g, cases, nil
}
