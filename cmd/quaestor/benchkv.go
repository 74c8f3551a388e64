package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvbench"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/method"
)

const kvFlagHelp = "cache of keys and values: f16, q8_0, cbh4, ... or a composition (`quaestor model kv` lists them)"

func (a *app) benchKVCommand() *cobra.Command {
	var texts []string
	var methods string
	var o kvbench.Run
	c := &cobra.Command{
		Use:   "kv",
		Short: "Measures methods of cache compression: divergence, retrieval, memory, speed",
		Long: "Every method is compared with the 16-bit cache on the same tokens, with paired 95 % intervals. Only the second\n" +
			"half of each window is scored: its past is compressed as a decoder would see it.",
		Example: examples(
			"quaestor bench kv --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt --smoke",
			"quaestor bench kv --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt --methods q8_0,cbh4,kivi2 --context 2048",
			"quaestor bench kv --model smollm2-135m-instruct-q4_1.gguf --text ppl.txt --methods all --record",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(texts) == 0 {
				return usageError{fmt.Errorf("name the text with --text")}
			}
			m, err := decode.Load(a.cfg.str("model"), decode.Options{Threads: a.cfg.num("threads")})
			if err != nil {
				return inputError{err}
			}
			defer m.Close()
			if o.Methods, err = kvMethods(methods); err != nil {
				return usageError{err}
			}
			for _, t := range texts {
				b, err := os.ReadFile(t)
				if err != nil {
					return inputError{err}
				}
				o.Texts = append(o.Texts, kvbench.Text{Name: filepath.Base(t), IDs: m.Tokenizer.Encode(string(b))})
			}
			bar := a.newProgress("kv", "windows", 0)
			o.Progress = func(done, all int) { bar.Set(int64(done), fmt.Sprintf("of %d", all)) }
			report, err := o.Do(c.Context(), m)
			bar.Finish()
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(report)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "# %s, quaestor %s, %s\n", filepath.Base(a.cfg.str("model")), version(), cpuName())
			report.TSV(&b)
			if _, err := fmt.Fprint(a.out, b.String()); err != nil {
				return err
			}
			if record, _ := c.Flags().GetBool("record"); record {
				return appendBench("kv.tsv", b.String())
			}
			return nil
		},
	}
	c.Flags().String("model", "", "GGUF file or safetensors folder")
	c.Flags().StringArrayVar(&texts, "text", nil, "text file; may be given several times")
	c.Flags().StringVar(&methods, "methods", "smoke", "methods separated by spaces or semicolons, or commas if none is a composition; all, smoke")
	c.Flags().IntVar(&o.Context, "context", 2048, "tokens of a window")
	c.Flags().IntVar(&o.Windows, "windows", 4, "windows of each text; 0 = all")
	c.Flags().BoolVar(&o.Retrieval, "retrieval", false, "also look up IRIs and pass keys in long prompts")
	c.Flags().BoolVar(&o.Layers, "layers", false, "also measure single layers of attention")
	c.Flags().BoolVar(&o.Speed, "speed", false, "also measure decoding, beams, forks and prefix hits")
	c.Flags().BoolVar(&o.Smoke, "smoke", false, "two windows of 512 tokens: within half a minute")
	return c
}

// kvMethods reads a list of methods.
func kvMethods(list string) ([]string, error) {
	switch list {
	case "all":
		var names []string
		for _, m := range method.Methods {
			if m.Name != "f16" {
				names = append(names, m.Name)
			}
		}
		return names, nil
	case "smoke":
		return []string{"f32", "q8_0", "q4_0", "cbh4", "kivi2m", "snapkv@0.5"}, nil
	}
	separators := " ;"
	if !strings.Contains(list, "=") {
		separators = " ;,"
	}
	names := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(separators, r) })
	for _, n := range names {
		if _, err := method.Parse(n); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("name methods with --methods")
	}
	return names, nil
}

// appendBench adds lines to a file of docs/bench.
func appendBench(file, lines string) error {
	if err := os.MkdirAll(filepath.Join("docs", "bench"), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join("docs", "bench", file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(lines)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// evalKV is eval perplexity with --kv.
func (a *app) evalKV(ctx context.Context, m *decode.Model, spec string, ids []int32, window, windows int) error {
	other, err := method.Open(ctx, m, spec, cacheFolder())
	if err != nil {
		return usageError{err}
	}
	bar := a.newProgress("perplexity", "windows", 0)
	q, err := kvbench.Perplexity(ctx, m, []kvbench.Candidate{{Name: spec, Model: other}}, ids, kvbench.Options{
		Context: window, Windows: windows,
		Progress: func(done, all int) { bar.Set(int64(done), fmt.Sprintf("of %d", all)) },
	})
	bar.Finish()
	if err != nil {
		return inputError{err}
	}
	r := q[0]
	if a.json {
		return a.writeJSON(r)
	}
	_, err = fmt.Fprintf(a.out, "perplexity %.4f, %+.3f %% [%+.3f, %+.3f] against 16 bits, divergence %.5f nats, same best token %.2f %%, %.3f bits an element, %d bytes (%d tokens in %d windows of %d)\n",
		r.PPL, r.DPPL, r.DPPLLo, r.DPPLHi, r.KLD, r.Same, r.BitsPerElement, r.Bytes, r.Tokens, r.Windows, window)
	return err
}
