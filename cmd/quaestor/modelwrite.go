package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/generate"
	"github.com/quaestor-kg/quaestor/reasoning/grammar"
	"github.com/quaestor-kg/quaestor/reasoning/token"
)

// modelWriteCommand lets a model continue a text: the quickest way to see what
// it can do, and whether it was read correctly.
func (a *app) modelWriteCommand() *cobra.Command {
	r := generate.Request{Max: 128}
	var chat bool
	var schema, rules string
	var adapters []string
	c := &cobra.Command{
		Use:   "write MODEL PROMPT",
		Short: "Lets a model continue a text; - reads it from standard input",
		Example: examples(
			`quaestor model write smollm2-135m-instruct-q4_1.gguf "The capital of France is" --max 8`,
			`quaestor model write smollm2-135m-instruct-q4_1.gguf "Name three rivers." --chat --temperature 0.7 --top-p 0.9`,
			`quaestor model write smollm2-135m-instruct-q4_1.gguf "A person as JSON:" --schema person.json`,
		),
		Args: exactArgs(2, "a model and a prompt"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.shelf(c)
			if err != nil {
				return err
			}
			prompt := args[1]
			if prompt == "-" {
				b, err := io.ReadAll(os.Stdin)
				if err != nil {
					return err
				}
				prompt = string(b)
			}
			m, err := decode.Load(s.Find(args[0]), decode.Options{Threads: a.cfg.num("threads"), Adapters: adapters})
			if err != nil {
				return inputError{err}
			}
			defer m.Close()
			if r.Prompt = m.Tokenizer.Prompt(prompt); chat {
				if _, r.Prompt, err = m.Tokenizer.Chat([]token.Message{{Role: "user", Content: prompt}}, true); err != nil {
					return inputError{err}
				}
			}
			if r.Guide, err = guide(m, schema, rules); err != nil {
				return inputError{err}
			}
			sched := generate.New(m, generate.Options{})
			defer sched.Close()
			text := ""
			res, err := sched.Generate(c.Context(), r, func(p generate.Piece) bool {
				if text += p.Text; !a.json {
					fmt.Fprint(a.out, p.Text)
				}
				return true
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(map[string]any{"text": text, "finish_reason": res.Finish, "prompt_tokens": res.PromptTokens, "tokens": res.Tokens})
			}
			fmt.Fprintln(a.out)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&r.Max, "max", r.Max, "tokens to write at most")
	f.Float64Var(&r.Temperature, "temperature", 0, "0 takes the likeliest token each time")
	f.IntVar(&r.TopK, "top-k", 0, "draw among so many tokens; 0 = all")
	f.Float64Var(&r.TopP, "top-p", 0, "draw among the fewest that reach this probability; 0 = all")
	f.Float64Var(&r.MinP, "min-p", 0, "draw among those with this part of the likeliest one's probability")
	f.Uint64Var(&r.Seed, "seed", 0, "the same seed draws the same text")
	f.StringArrayVar(&r.Stop, "stop", nil, "text to stop before; may be given several times")
	f.IntVar(&r.Guess, "guess", 0, "tokens to guess from the text itself at a time")
	f.BoolVar(&chat, "chat", false, "the prompt is a user's message to an assistant")
	f.StringVar(&schema, "schema", "", "file with a JSON Schema that the text must follow")
	f.StringVar(&rules, "grammar", "", "file with a grammar (GBNF) that the text must follow")
	f.StringArrayVar(&adapters, "adapter", nil, "LoRA adapter: GGUF file or a folder as peft saves it")
	return c
}

// guide reads the schema or grammar that a text must follow; nil for neither.
func guide(m *decode.Model, schema, rules string) (generate.Guide, error) {
	name, read := schema, grammar.FromSchema
	if rules != "" {
		name, read = rules, func(b []byte) (*grammar.Grammar, error) { return grammar.Parse(string(b)) }
	}
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	g, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	tokens := make([][]byte, m.Config.Vocab)
	for i := range tokens {
		if id := int32(i); !m.Tokenizer.Control(id) {
			tokens[i] = m.Tokenizer.Bytes(id)
		}
	}
	return generate.Follow(g.Over(automaton.NewVocab(tokens, -1))), nil
}
