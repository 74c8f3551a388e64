package links

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/eval"
	"github.com/quaestor-kg/quaestor/internal/demograph"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

func TestInstall(t *testing.T) {
	if n := len(checkpoint) + len(queries); n > 4<<20 {
		t.Errorf("%d bytes are too many to ship", n)
	}
	dir := t.TempDir()
	if err := Install(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "link.ckpt")
	table, err := embed.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := companion.Open(companion.Path(path), table)
	if err != nil || c == nil || c.Calibration == nil {
		t.Fatalf("companion %+v: %v", c, err)
	}
	// What is there stays.
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Install(dir); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("a predictor was overwritten")
	}
}

// TestFitsTheFilms: the predictor belongs to the demo's graph and beats the
// baseline on what it was not trained on.
func TestFitsTheFilms(t *testing.T) {
	r, err := demograph.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	st := mem.New()
	if _, err := st.Load(t.Context(), rdf.Read(t.Context(), r, rdf.ReadOptions{Format: rdf.NTriples})); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g, err := dataset.FromSnapshot(t.Context(), s, dataset.SnapshotOptions{Valid: 0.05, Test: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	c, err := embed.Parse(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Table.Bind(g.Vocabulary()); err != nil {
		t.Fatal(err)
	}
	known := g.NewIndex(g.Train, g.Valid, g.Test)
	held := g.Directed(g.Test[:600])
	base, err := eval.RanksBy(t.Context(), eval.Popularity(g.Graph), len(g.Entities), known, held)
	if err != nil {
		t.Fatal(err)
	}
	ranks, err := eval.DirectedRanks(t.Context(), c.Table, known, held, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, least := eval.MRR(ranks), eval.MRR(base); got < least {
		t.Errorf("MRR %.4f, the baseline has %.4f", got, least)
	}
}
