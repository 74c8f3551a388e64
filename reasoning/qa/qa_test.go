package qa

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// floors are the figures below which linking, enumeration or the cheap score
// have become worse: n, linked, enumerated, kept of n questions, F1 of the
// first draft by word overlap alone.
var floors = []struct {
	graph, questions         string
	linked, enumerated, kept int
	f1                       float64
}{
	{"metaqa", "1hop.test", 58, 58, 58, 0},
	{"metaqa", "2hop.test", 55, 55, 54, 0},
	{"metaqa", "3hop.test", 58, 58, 50, 0},
	{"simplequestions-wikidata", "test", 55, 55, 55, 0},
	{"lcquad1", "test", 52, 50, 48, 0},
	{"geoquery", "test", 50, 40, 36, 0},
	{"worldcup2014", "conj", 50, 50, 50, 0},
}

func TestCeilings(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "data", "kgqa")
	ctx := context.Background()
	var gen *draft.Generator
	var l *link.Linker
	last := ""
	for _, f := range floors {
		if f.graph != last {
			snap, err := LoadGraph(ctx, filepath.Join(dir, f.graph, "kg.nt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			g, err := constrain.Open(ctx, snap, constrain.Options{})
			if err != nil {
				t.Fatal(err)
			}
			gen, l, last = draft.New(g, nil), link.New(g), f.graph
		}
		qs, err := ReadQuestions(filepath.Join(dir, f.graph, f.questions+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := MeasureCeiling(ctx, l, gen, Sample(qs, 60, 7), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %s: n %d linked %d enumerated %d kept %d; first draft F1 %.3f exact %.3f hits %.3f; %.3f s a question", f.graph, f.questions, c.N, c.Linked, c.Enumerated, c.Kept, c.F1, c.Exact, c.Hits1, c.Seconds)
		if os.Getenv("QUAESTOR_MISSED") != "" {
			for _, m := range c.Missed {
				if m.Right == "" || os.Getenv("QUAESTOR_MISSED") == "all" {
					t.Logf("  %q\n   prompt %s\n   first  %s\n   right  %s\n   gold   %s (linked %v, enumerated %v)", m.Question, m.Prompt, m.First, m.Right, m.SPARQL, m.Linked, m.Enumerated)
				}
			}
		}
		if c.Linked < f.linked || c.Enumerated < f.enumerated || c.Kept < f.kept || c.F1 < f.f1 {
			t.Errorf("%s %s is below its floor %+v", f.graph, f.questions, f)
		}
	}
}
