package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

func (a *app) modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Looks at decoder files",
		Example: examples(
			"quaestor model info smollm2-135m-instruct-q4_1.gguf",
			"quaestor model info ./tiny-llama --json",
			"quaestor model info smollm2-135m-instruct-q4_1.gguf --tensors",
		),
	}
	var tensors bool
	info := &cobra.Command{
		Use:   "info FILE",
		Short: "Shows what a GGUF file or safetensors folder holds, and whether it can be used",
		Example: examples(
			"quaestor model info smollm2-135m-instruct-q4_1.gguf",
			"quaestor model info ./tiny-llama --json",
			"quaestor model info smollm2-135m-instruct-q4_1.gguf --tensors",
		),
		Args: exactArgs(1, "one file or folder"),
		RunE: func(c *cobra.Command, args []string) error { return a.modelInfo(args[0], tensors) },
	}
	info.Flags().BoolVar(&tensors, "tensors", false, "list every tensor")
	c.AddCommand(info, a.modelKVCommand())
	return c
}

// modelReport is the result of `model info --json`.
type modelReport struct {
	Architecture string         `json:"architecture"`
	Parameters   int64          `json:"parameters"`
	Quantisation string         `json:"quantisation"`
	Context      int            `json:"context"`
	Vocabulary   int            `json:"vocabulary"`
	Bytes        int64          `json:"bytes"`
	CacheBytes   int64          `json:"cache_bytes"` // of a full context, 16 bits
	Tensors      []tensorReport `json:"tensors,omitempty"`
}

type tensorReport struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

func (a *app) modelInfo(path string, tensors bool) error {
	f, err := weights.Open(path)
	if err != nil {
		return inputError{err}
	}
	defer f.Close()
	r := modelReport{Bytes: sizeOf(path)}
	types := map[string]int64{}
	for _, n := range f.Names() {
		shape := f.Shape(n)
		count := int64(1)
		for _, d := range shape {
			count *= int64(d)
		}
		r.Parameters += count
		typ := "?"
		if t := f.Tensor(n); t != nil {
			typ = fmt.Sprint(t.Type)
		}
		types[typ] += count
		if tensors {
			r.Tensors = append(r.Tensors, tensorReport{n, typ, shape})
		}
	}
	r.Quantisation = mostOf(types)
	m, err := decode.Load(path, decode.Options{NoTokens: true, Threads: a.cfg.num("threads")})
	if err != nil {
		return inputError{err}
	}
	defer m.Close()
	r.Context, r.Vocabulary = m.Config.Context, m.Config.Vocab
	r.Architecture = "llama"
	if arch := f.Meta.String("general.architecture"); arch != "" {
		r.Architecture = arch
	}
	r.CacheBytes = int64(m.Config.Context) * m.CacheBytes()
	if a.json {
		return a.writeJSON(r)
	}
	fmt.Fprintf(a.out, "architecture  %s\nparameters    %d\nquantisation  %s\ncontext       %d\nvocabulary    %d\nbytes         %d\n",
		r.Architecture, r.Parameters, r.Quantisation, r.Context, r.Vocabulary, r.Bytes)
	for _, t := range r.Tensors {
		fmt.Fprintf(a.out, "%-40s %-6s %v\n", t.Name, t.Type, t.Shape)
	}
	return nil
}

// mostOf lists storage types, the one of most parameters first.
func mostOf(types map[string]int64) string {
	names := make([]string, 0, len(types))
	for n := range types {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(types[b], types[a]), strings.Compare(a, b)) })
	return strings.Join(names, " ")
}

// sizeOf is the size of a file, or of the files of a folder.
func sizeOf(path string) int64 {
	var n int64
	filepath.Walk(path, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}
