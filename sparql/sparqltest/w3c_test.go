package sparqltest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/store"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
)

func newMem() (kg.Store, error) { return mem.New(), nil }

// TestW3C runs the suites with the optimising engine and with its plain twin.
// A test that fails must be in knownFailures, and what is there must fail.
func TestW3C(t *testing.T) {
	root := filepath.Join(shared.Dir(t), "data", "rdf-tests", "sparql")
	for _, version := range []string{"sparql10", "sparql11", "sparql12"} {
		tests, err := sparqltest.Load(filepath.Join(root, version))
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []bool{false, true} {
			name := version
			if plain {
				name += "/plain"
			}
			t.Run(name, func(t *testing.T) { runSuite(t, tests, sparql.Options{NoOptimise: plain}) })
		}
	}
}

func runSuite(t *testing.T, tests []sparqltest.Test, opt sparql.Options) {
	var syn, eval, upd tally
	for i, test := range tests {
		newStore := newMem
		if i%10 == 0 && !opt.NoOptimise { // some on disk: opening a store takes time
			newStore = func() (kg.Store, error) { return store.Open(t.TempDir(), store.Options{MinFree: 1}) }
		}
		res := sparqltest.RunWith(context.Background(), test, newStore, opt)
		switch {
		case strings.Contains(test.Type, "Syntax"):
			syn.add(res)
		case strings.Contains(test.Type, "Update"):
			upd.add(res)
		default:
			eval.add(res)
		}
		why, known := knownFailures[test.ShortName()]
		switch {
		case known && res.Pass:
			t.Errorf("%s passes now: take it off the list of known failures", test.ShortName())
		case known:
			t.Logf("known failure %s: %s", test.ShortName(), why)
		case !res.Pass && !res.Skip:
			t.Errorf("%s (%s): %s\n%s", test.ShortName(), test.Name, res.Reason, res.Detail)
		}
	}
	t.Logf("syntax %v; query evaluation %v; update %v", syn, eval, upd)
}

type tally struct{ pass, fail, skip int }

func (c *tally) add(r sparqltest.Result) {
	switch {
	case r.Pass:
		c.pass++
	case r.Skip:
		c.skip++
	default:
		c.fail++
	}
}

func (c tally) String() string {
	return fmt.Sprintf("%d of %d passed, %d skipped", c.pass, c.pass+c.fail, c.skip)
}

// knownFailures says why a test fails. Keep it short.
var knownFailures = map[string]string{}
