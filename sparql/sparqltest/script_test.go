package sparqltest_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
)

var rewrite = flag.Bool("rewrite", false, "write the outputs of the test scripts anew")

// TestScripts runs testdata/*.test with the optimising engine and its plain
// twin.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			runScript(t, file, sparql.Options{}, *rewrite)
			runScript(t, file, sparql.Options{NoOptimise: true}, false)
		})
	}
}

func runScript(t *testing.T, file string, opt sparql.Options, rewrite bool) {
	steps, err := sparqltest.ReadScript(file)
	if err != nil {
		t.Fatal(err)
	}
	x := &sparqltest.Script{Engine: sparql.New(opt), NewStore: newMem}
	defer x.Close()
	for i, s := range steps {
		got, err := x.Run(context.Background(), s)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if got != s.Output && !rewrite {
			t.Errorf("%s:%d (plain: %t): %s%s\ngot\n%s\nwant\n%s", file, s.Line, opt.NoOptimise, s.Comment, s.Input, got, s.Output)
		}
		steps[i].Output = got
	}
	text := sparqltest.FormatScript(steps)
	if rewrite {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
