package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// setting is one effective value and where it came from.
type setting struct {
	Value  string `json:"value"`
	Source string `json:"source"` // flag, environment NAME, file PATH, default
}

// config holds the effective settings: flag > environment > file > default.
type config struct{ values map[string]setting }

// defaults lists every setting that may come from the environment or a file.
// A command's own flag of the same name overrides it.
var defaults = map[string]string{
	"store":         "",
	"threads":       "0",
	"log-level":     "info",
	"addr":          "127.0.0.1:7878",
	"model":         "embedded",
	"device":        "auto",
	"link":          "",
	"kv":            "f16",
	"beams":         "8",
	"timeout":       "30s",
	"max-memory":    "256MiB",
	"ask-timeout":   "60s",
	"block-cache":   "256MiB",
	"durability":    "commit",
	"load-dir":      "",
	"drain-timeout": "25s",
}

func envName(key string) string {
	return "QUAESTOR_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// loadConfig resolves every setting for a command.
func loadConfig(c *cobra.Command) (*config, error) {
	file := ""
	if f := c.Flags().Lookup("config"); f != nil && f.Value.String() != "" {
		file = f.Value.String()
	} else if v := os.Getenv(envName("config")); v != "" {
		file = v
	}
	fromFile := map[string]string{}
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("settings file: %w", err)
		}
		raw := map[string]any{}
		if err := yaml.Unmarshal(b, &raw); err != nil {
			return nil, fmt.Errorf("settings file %s: %w", file, err)
		}
		for k, v := range raw {
			if _, ok := defaults[k]; !ok {
				return nil, fmt.Errorf("settings file %s: unknown key %q (`quaestor config` lists the known ones)", file, k)
			}
			fromFile[k] = fmt.Sprint(v)
		}
	}
	cfg := &config{values: map[string]setting{}}
	for k, def := range defaults {
		s := setting{def, "default"}
		if v, ok := fromFile[k]; ok {
			s = setting{v, "file " + file}
		}
		if v, ok := os.LookupEnv(envName(k)); ok {
			s = setting{v, "environment " + envName(k)}
		}
		if f := c.Flags().Lookup(k); f != nil && f.Changed {
			s = setting{f.Value.String(), "flag"}
		}
		cfg.values[k] = s
	}
	if s := cfg.values["store"]; s.Value == "" {
		dir, err := dataDir()
		if err != nil {
			return nil, err
		}
		s.Value = filepath.Join(dir, "quaestor", "default")
		cfg.values["store"] = s
	}
	for _, k := range []string{"threads", "beams"} {
		if n, err := strconv.Atoi(cfg.str(k)); err != nil || n < 0 {
			return nil, fmt.Errorf("%s %q (%s): want a number of at least 0", k, cfg.str(k), cfg.values[k].Source)
		}
	}
	for _, k := range []string{"timeout", "ask-timeout", "drain-timeout"} {
		if d, err := time.ParseDuration(cfg.str(k)); err != nil || d < 0 {
			return nil, fmt.Errorf("%s %q (%s): want a duration such as 30s", k, cfg.str(k), cfg.values[k].Source)
		}
	}
	for _, k := range []string{"max-memory", "block-cache"} {
		if _, err := parseBytes(cfg.str(k)); err != nil {
			return nil, fmt.Errorf("%s %q (%s): %w", k, cfg.str(k), cfg.values[k].Source, err)
		}
	}
	return cfg, nil
}

// dataDir is the XDG base directory for user data.
func dataDir() (string, error) {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return d, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder for the default store (%w): name one with --store", err)
	}
	return filepath.Join(home, ".local", "share"), nil
}

func (c *config) str(key string) string { return c.values[key].Value }

func (c *config) num(key string) int {
	n, _ := strconv.Atoi(c.str(key)) // checked by loadConfig
	return n
}

func (c *config) duration(key string) time.Duration {
	d, _ := time.ParseDuration(c.str(key)) // checked by loadConfig
	return d
}

func (c *config) bytes(key string) int64 {
	n, _ := parseBytes(c.str(key)) // checked by loadConfig
	return n
}

// parseBytes reads "256MiB", "1G", "4096".
func parseBytes(s string) (int64, error) {
	t := strings.ToUpper(strings.TrimSpace(s))
	t = strings.TrimSuffix(strings.TrimSuffix(t, "B"), "I")
	shift := 0
	if n := len(t); n > 0 {
		switch t[n-1] {
		case 'K':
			shift = 10
		case 'M':
			shift = 20
		case 'G':
			shift = 30
		case 'T':
			shift = 40
		}
		if shift > 0 {
			t = t[:n-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("want a number of bytes such as 256MiB")
	}
	return int64(v * float64(int64(1)<<shift)), nil
}

func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Prints the effective settings and where each came from",
		Example: examples(
			"quaestor config",
			"QUAESTOR_THREADS=1 quaestor config",
			"quaestor config --store /tmp/films --json",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.writeJSON(a.cfg.values)
			}
			keys := make([]string, 0, len(a.cfg.values))
			for k := range a.cfg.values {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			for _, k := range keys {
				s := a.cfg.values[k]
				fmt.Fprintf(a.out, "%-14s %-40s %s\n", k, s.Value, s.Source)
			}
			return nil
		},
	}
}
