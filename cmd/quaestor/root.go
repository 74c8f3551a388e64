package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// app is what every command shares: where to write, and the settings.
type app struct {
	ctx            context.Context
	in             io.Reader
	out, err       io.Writer
	cfg            *config
	log            *slog.Logger
	json, quiet    bool
	progressFormat string
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{ctx: ctx, in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := exitCode(ctx, err)
	if msg := err.Error(); msg != "" && code != exitInterrupted {
		fmt.Fprintf(errw, "quaestor: %s\n", msg)
	}
	if code == exitUsage {
		fmt.Fprintf(errw, "Run '%s --help' for usage.\n", commandPath(root, args))
	}
	return code
}

// commandPath finds the command that the arguments meant, for the usage hint.
func commandPath(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.CommandPath()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "quaestor",
		Short: "Answers questions over a knowledge graph and shows why",
		Long: `Quaestor holds a triple store with a full SPARQL engine, a decoder that can only
write queries the graph supports, and a console that shows where each answer
came from. Everything runs on this machine; nothing is downloaded.`,
		Example: examples(
			"quaestor demo",
			"quaestor load films.nt.gz --store films && quaestor query 'SELECT (COUNT(*) AS ?n) { ?s ?p ?o }' --store films",
			`quaestor demo --once --ask "who directed the films written by Nora Ephron"`,
		),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return a.setup(c)
		},
	}
	f := root.PersistentFlags()
	f.String("store", "", "folder of the store (default: the user's data folder, quaestor/default)")
	f.Int("threads", 0, "threads to use (default: all cores)")
	f.String("device", "", "hardware for models: auto, cpu, or cuda where it is built in (default auto)")
	f.String("config", "", "settings file, YAML with the flags' names as keys")
	f.String("log-level", "", "debug, info, warn or error (default info)")
	f.BoolVar(&a.json, "json", false, "write one JSON object to standard output")
	f.BoolVar(&a.quiet, "quiet", false, "no progress")
	f.StringVar(&a.progressFormat, "progress", "auto", "auto, bar, plain, json or none")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		a.demoCommand(), a.serveCommand(),
		a.loadCommand(), a.queryCommand(), a.updateCommand(), a.explainCommand(), a.dumpCommand(), a.parseCommand(),
		a.ingestCommand(), a.factsCommand(), a.forgetCommand(),
		a.askCommand(), a.trainCommand(), a.modelCommand(), a.evalCommand(), a.benchCommand(),
		a.statsCommand(), a.verifyCommand(), a.compactCommand(), a.doctorCommand(), a.configCommand(),
	)
	return root
}

// setup resolves the settings once the flags are known.
func (a *app) setup(c *cobra.Command) error {
	cfg, err := loadConfig(c)
	if err != nil {
		return usageError{err}
	}
	a.cfg = cfg
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.str("log-level"))); err != nil {
		return usageError{fmt.Errorf("log-level %q: want debug, info, warn or error", cfg.str("log-level"))}
	}
	a.log = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(a.log)
	if n := cfg.num("threads"); n > 0 {
		runtime.GOMAXPROCS(n)
	}
	switch a.progressFormat {
	case "auto", "bar", "plain", "json", "none":
	default:
		return usageError{fmt.Errorf("progress %q: want auto, bar, plain, json or none", a.progressFormat)}
	}
	return nil
}

// writeJSON writes one object and a newline to standard output.
func (a *app) writeJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// examples formats the lines that end a help text.
func examples(lines ...string) string {
	return "  " + strings.Join(lines, "\n  ")
}

// exactArgs and its kin report a wrong number of arguments as a usage error.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("want %s, got %d argument(s)", what, len(args))}
		}
		return nil
	}
}

func minArgs(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError{fmt.Errorf("want %s", what)}
		}
		return nil
	}
}

// textArg returns the query, update or question text: the argument, the
// contents of -f, or standard input for "-".
func (a *app) textArg(args []string, file, what string) (string, error) {
	switch {
	case file != "" && len(args) > 0:
		return "", usageError{fmt.Errorf("give the %s as an argument or with -f, not both", what)}
	case file == "-" || file == "" && len(args) == 1 && args[0] == "-":
		b, err := io.ReadAll(a.in)
		return string(b), err
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return "", inputError{err}
		}
		return string(b), nil
	case len(args) == 1:
		return args[0], nil
	}
	return "", usageError{fmt.Errorf("give the %s as one argument, with -f FILE, or - for standard input", what)}
}
