package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is the build's version: the module's, or the commit it was built at.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = "dev-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Shows how large the store is and what fills it",
		Example: examples(
			"quaestor stats --store films",
			"quaestor stats --json --store films",
			"QUAESTOR_STORE=films quaestor stats",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			st, err := a.openStore(true)
			if err != nil {
				return err
			}
			defer st.Close()
			s, err := st.Stats()
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			fmt.Fprintf(a.out, "%s\n", s)
			return nil
		},
	}
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Checks every block of the store against its checksum and its sisters",
		Long:  "Reads the whole store. Exit code 5 and the damaged part, if anything is wrong.",
		Example: examples(
			"quaestor verify --store films",
			"quaestor verify --progress=plain --store films",
			"quaestor verify --json --store films",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := a.openStore(true)
			if err != nil {
				return err
			}
			defer st.Close()
			bar := a.newProgress("verify", "blocks", 0)
			err = st.Verify(c.Context(), func(done, total int64) {
				bar.total = total
				bar.Set(done, "")
			})
			bar.Finish()
			if a.json {
				out := map[string]any{"ok": err == nil}
				if err != nil {
					out["fault"] = err.Error()
				}
				if werr := a.writeJSON(out); werr != nil {
					return werr
				}
			} else if err == nil {
				fmt.Fprintln(a.out, "no faults")
			}
			return err
		},
	}
}

func (a *app) compactCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Merges recent changes into sorted blocks",
		Example: examples(
			"quaestor compact --store films",
			"quaestor compact --progress=plain --store films",
			"QUAESTOR_STORE=films quaestor compact",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := a.openStore(false)
			if err != nil {
				return err
			}
			defer st.Close()
			return st.Compact(c.Context())
		},
	}
}

// finding is one line of doctor's report.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail"`
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Checks the store, the decoder and this machine",
		Long:  "Exit code 0 if all is well, 1 if something deserves a look, 5 if the store is unusable.",
		Example: examples(
			"quaestor doctor --store films",
			"quaestor doctor --json --store films",
			"quaestor doctor --model smollm2-135m-instruct-q4_1.gguf --store films",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var list []finding
			add := func(check, status, format string, args ...any) {
				list = append(list, finding{check, status, fmt.Sprintf(format, args...)})
			}
			add("program", "ok", "quaestor %s, %s, %d threads", version(), runtime.Version(), runtime.GOMAXPROCS(0))
			checkDevices(add)
			st, openErr := a.openStore(true)
			if openErr != nil {
				add("store", "fail", "%v", openErr)
			} else {
				defer st.Close()
				s, err := st.Stats()
				if err != nil {
					add("store", "fail", "%v", err)
				} else {
					add("store", "ok", "%s", strings.ReplaceAll(fmt.Sprint(s), "\n", "; "))
				}
			}
			answerer, err := a.answerer(c.Context())
			if err != nil {
				add("decoder", "fail", "%v", err)
			} else {
				add("decoder", "ok", "%s", answerer.ModelName())
			}
			if openErr == nil && err == nil {
				a.checkGraph(c.Context(), answerer, st.Snapshot, add)
			}
			if a.json {
				if err := a.writeJSON(map[string]any{"checks": list}); err != nil {
					return err
				}
			} else {
				for _, f := range list {
					fmt.Fprintf(a.out, "%-5s %-10s %s\n", f.Status, f.Check, f.Detail)
				}
			}
			if openErr != nil {
				return openErr
			}
			for _, f := range list {
				if f.Status != "ok" {
					return errNo
				}
			}
			return nil
		},
	}
}
