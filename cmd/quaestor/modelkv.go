package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/method"
)

// kvMethod is a row of `model kv`.
type kvMethod struct {
	Name   string  `json:"name"`
	Bits   float64 `json:"bits_per_element"`
	Source string  `json:"source"`
	Spec   string  `json:"spec"`
	Note   string  `json:"note,omitempty"`
}

func (a *app) modelKVCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kv [SPEC]",
		Short: "Lists the methods of cache compression, or shows what a specification means",
		Long: "Bits are those of an element of a sealed page of heads of 64 numbers, scales and places of outliers included;\n" +
			"the sink and the recent window come on top. @SHARE after a name changes the share it keeps.",
		Example: examples(
			"quaestor model kv",
			"quaestor model kv cbh4",
			"quaestor model kv k=centre+hadamard+g4,v=hadamard+g4 --json",
		),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			shape := kvcache.Shape{Layers: 1, QueryHeads: 9, Heads: 3, Dim: 64}
			if len(args) == 1 {
				s, err := method.Parse(args[0])
				if err != nil {
					return usageError{err}
				}
				r := kvMethod{Name: args[0], Bits: s.BitsPerElement(shape), Spec: s.String()}
				if a.json {
					return a.writeJSON(r)
				}
				_, err = fmt.Fprintf(a.out, "%s\n%.3f bits an element of a sealed page\n", r.Spec, r.Bits)
				return err
			}
			var rows []kvMethod
			for _, m := range method.Methods {
				s, err := method.Parse(m.Name)
				if err != nil {
					return err
				}
				name := m.Name
				if m.Share != "" {
					name += "@" + m.Share
				}
				rows = append(rows, kvMethod{name, s.BitsPerElement(shape), m.Source, s.String(), m.Note})
			}
			if a.json {
				return a.writeJSON(map[string]any{"methods": rows, "not_built": method.NotBuilt})
			}
			w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tBITS\tSOURCE\tNOTE")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%.3f\t%s\t%s\n", r.Name, r.Bits, r.Source, r.Note)
			}
			fmt.Fprintln(w, "\nnot built:\t\t\t")
			for _, n := range method.NotBuilt {
				fmt.Fprintf(w, "%s\t\t%s\t%s\n", n.Name, n.Source, strings.TrimSpace(n.Why))
			}
			return w.Flush()
		},
	}
}

// cacheFolder is where statistics of models are kept, "" if the system has no
// place for such files.
func cacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "quaestor")
}
