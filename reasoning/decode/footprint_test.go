package decode

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
)

// The memory that a model takes is what was promised, within 3 %. Other tests
// of this process may give memory back meanwhile, so the bound here is wider;
// `quaestor model info --measure` shows the figure of a fresh process.
func TestFootprint(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("the race detector takes memory of its own")
	}
	path := filepath.Join(shared.Dir(t), "models", "smollm2-135m-instruct-q4_1.gguf")
	m, r, err := MeasureResidence(context.Background(), 300, func() (*Model, error) { return Load(path, Options{}) })
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f := m.Footprint()
	if f.Cache < 2*2*30*3*64 || f.Cache > 3*2*30*3*64 || f.Packed+f.Mapped < 90<<20 || f.Packed+f.Mapped > 100<<20 {
		t.Errorf("%+v", f)
	}
	if r.Promised == 0 {
		t.Skip("the system does not tell what is resident")
	}
	if ratio := float64(r.Measured) / float64(r.Promised); ratio < 0.85 || ratio > 1.1 {
		t.Errorf("promised %d bytes, took %d: %.3f", r.Promised, r.Measured, ratio)
	}
}
