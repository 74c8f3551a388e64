package rdftest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
)

// TestW3C runs the suites of both versions of RDF.
func TestW3C(t *testing.T) {
	root := filepath.Join(shared.Dir(t), "data", "rdf-tests", "rdf")
	for _, s := range []struct {
		suite string
		count int // so that a manifest that is not read is noticed
	}{
		{"rdf11/rdf-n-triples", 70},
		{"rdf11/rdf-n-quads", 87},
		{"rdf11/rdf-turtle", 313},
		{"rdf11/rdf-trig", 356},
		{"rdf12/rdf-n-triples", 140},
		{"rdf12/rdf-n-quads", 155},
		{"rdf12/rdf-turtle", 416},
		{"rdf12/rdf-trig", 416},
		{"rdf11/rdf-xml", 166},
		{"rdf12/rdf-xml", 197},
	} {
		t.Run(s.suite, func(t *testing.T) {
			tests, err := rdftest.Load(filepath.Join(root, s.suite, "manifest.ttl"))
			if err != nil {
				t.Fatal(err)
			}
			if len(tests) != s.count {
				t.Errorf("%d tests, want %d", len(tests), s.count)
			}
			passed := 0
			for _, test := range tests {
				if err := rdftest.Run(test); err != nil {
					t.Errorf("%s: %v", test.Name, err)
					continue
				}
				passed++
			}
			t.Logf("%d of %d passed", passed, len(tests))
		})
	}
}

func TestUnknownTypesAreReported(t *testing.T) {
	if err := rdftest.Run(rdftest.Test{Type: "TestEntailment"}); !errors.Is(err, rdftest.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}
