package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// TestVocabulary: the terms that docs/format/facts.ttl ties to other
// vocabularies are terms that filings are written in.
func TestVocabulary(t *testing.T) {
	st := mem.New()
	run(t, st, ingest.Options{}, write(t, t.TempDir(), "0000000007-24-000001.html", filing("Quarry Co", "0000000007", 2023, "1,000")))
	used := dump(t, snapshot(t, st))
	r, format, err := rdf.Open("../docs/format/facts.ttl")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for q, err := range rdf.Read(t.Context(), r, rdf.ReadOptions{Format: format}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		name := strings.TrimPrefix(q.S.Value, fact.NS)
		if slices.Contains(fact.EntityTypes, name) {
			continue
		}
		if q.S.Kind != kg.IRI || !slices.ContainsFunc(used, func(s string) bool { return strings.Contains(s, q.S.String()) }) {
			t.Errorf("no filing uses %s", q.S)
		}
	}
	if n < 10 {
		t.Errorf("%d statements", n)
	}
}
