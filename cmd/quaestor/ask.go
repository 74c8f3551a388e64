package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
)

func (a *app) askCommand() *cobra.Command {
	var strict, events, inferred bool
	var after []string
	c := &cobra.Command{
		Use:   "ask QUESTION",
		Short: "Answers a question from the graph, with proof",
		Long: `Answers with the query, the rows and the statements that prove them, or refuses and
says why. A refusal ends with exit code 0, or 1 with --strict.`,
		Example: examples(
			`quaestor ask "who directed Alien" --store films`,
			`quaestor ask "how many films star Tom Hanks" --json --store films`,
			`quaestor ask "what genre is Alien" --inferred --store films`,
			`quaestor ask "and Heat?" --after "who directed Alien" --store films`,
			`quaestor ask "who directed Alien" --model smollm2-135m-instruct-q4_1.gguf --store films`,
		),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args, "", "question")
			if err != nil {
				return err
			}
			st, err := a.openStore(true)
			if err != nil {
				return err
			}
			defer st.Close()
			answerer, err := a.answerer(c.Context())
			if err != nil {
				return err
			}
			q := reasoning.Question{Text: strings.TrimSpace(text), Inferred: inferred, Beams: a.cfg.num("beams")}
			for _, earlier := range after {
				if q.Previous, err = a.previous(c.Context(), st, answerer, earlier, q.Previous); err != nil {
					return err
				}
			}
			if events {
				return a.askEvents(c.Context(), st, answerer, q)
			}
			return a.askStore(c.Context(), st, answerer, q, strict)
		},
	}
	c.Flags().String("model", "", "decoder: embedded, none, or a GGUF file or safetensors folder (default embedded)")
	c.Flags().String("kv", "", kvFlagHelp)
	c.Flags().String("beams", "", "width of the search (default 8)")
	c.Flags().StringArrayVar(&after, "after", nil, "ask this question before, so that the other can refer to it; may be given several times")
	c.Flags().BoolVar(&inferred, "inferred", false, "where the graph states no answer, say what is likely, marked as such")
	c.Flags().String("link", "", linkFlagHelp)
	c.Flags().BoolVar(&strict, "strict", false, "exit with 1 if the question is refused")
	c.Flags().BoolVar(&events, "events", false, "write every event as a JSON line")
	return c
}

// previous asks a question for what a follow-up inherits from it.
func (a *app) previous(ctx context.Context, st kg.Store, answerer reasoning.Answerer, text string, before *reasoning.Previous) (*reasoning.Previous, error) {
	snap, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	ctx, cancel := context.WithTimeout(ctx, a.cfg.duration("ask-timeout"))
	defer cancel()
	q := reasoning.Question{Text: strings.TrimSpace(text), Previous: before}
	ans, err := answerer.Answer(ctx, snap, q, nil)
	if err != nil {
		return nil, err
	}
	return ans.AsPrevious(q), nil
}

// askStore answers one question over the newest state of a store and prints
// the answer.
func (a *app) askStore(ctx context.Context, st kg.Store, answerer reasoning.Answerer, q reasoning.Question, strict bool) error {
	snap, err := st.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	ctx, cancel := context.WithTimeout(ctx, a.cfg.duration("ask-timeout"))
	defer cancel()
	ans, err := answerer.Answer(ctx, snap, q, nil)
	if err != nil {
		return err
	}
	if a.json {
		err = a.writeJSON(ans)
	} else {
		err = printAnswer(a.out, ans)
	}
	if err == nil && strict && ans.Status != "answered" {
		return errNo
	}
	return err
}

func (a *app) askEvents(ctx context.Context, st kg.Store, answerer reasoning.Answerer, q reasoning.Question) error {
	snap, err := st.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	var failed error
	_, err = answerer.Answer(ctx, snap, q, func(e reasoning.Event) {
		if failed == nil {
			failed = a.writeJSON(e)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// printAnswer writes an answer for people.
func printAnswer(w io.Writer, ans *reasoning.Answer) error {
	var b strings.Builder
	if ans.Follows != "" {
		fmt.Fprintf(&b, "Follow-up: %s.\n", ans.Follows)
	}
	if ans.Status != "answered" {
		fmt.Fprintf(&b, "Not answered: %s\n", ans.Reason)
	} else {
		fmt.Fprintln(&b, ans.Text)
		for _, v := range ans.Answers {
			name := v.Label
			if name == "" {
				name = v.Value
			}
			switch {
			case v.Probability != nil:
				fmt.Fprintf(&b, "  ≈ %s (inferred, %.2f)\n", name, *v.Probability)
			case v.Kind == "inferred":
				fmt.Fprintf(&b, "  ≈ %s (inferred)\n", name)
			default:
				fmt.Fprintf(&b, "  %s\n", name)
			}
		}
		if ans.Meaning != "" {
			fmt.Fprintf(&b, "Inferred: %s.\n", ans.Meaning)
		}
		if ans.Confidence != nil {
			fmt.Fprintf(&b, "Confidence: %d of 100 answers scored like this one were right.\n", int(*ans.Confidence*100))
		}
	}
	if ans.Understood != "" && ans.Status == "answered" {
		fmt.Fprintf(&b, "I understood: %s.\n", ans.Understood)
	}
	printFigures(&b, ans)
	for i, alt := range ans.Alternatives {
		if i == 0 {
			fmt.Fprintln(&b, "\nIt could also mean:")
		}
		fmt.Fprintf(&b, "  %s (%d rows)\n", alt.English, alt.Rows)
		if i == 2 {
			break
		}
	}
	if ans.SPARQL != "" {
		fmt.Fprintf(&b, "\nQuery:\n  %s\n", strings.ReplaceAll(ans.SPARQL, "\n", "\n  "))
	}
	if len(ans.Evidence) > 0 {
		fmt.Fprintln(&b, "\nStatements:")
		for _, s := range ans.Evidence {
			fmt.Fprintf(&b, "  %s · %s · %s\n", show(s.S), show(s.P), show(s.O))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func show(t reasoning.Term) string {
	if t.Label != "" {
		return t.Label
	}
	return t.Value
}
