package decode

import (
	"context"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Groups that are kept apart begin differently; without a price of repetition
// every group finds the same.
func TestDiverseBeams(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true, SingleKV: true})
	defer m.Close()
	ctx := context.Background()
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(ctx, b, someIDs(4, 12, m.Config.Vocab)); err != nil {
		t.Fatal(err)
	}
	texts := words{{1, 5, 0}, {1, 6, 0}, {2, 7, 0}, {3, 8, 9, 0}, {4, 8, 9, 0}}
	for _, diversity := range []float64{0, 1e6} {
		got, err := Beam(ctx, m, b, texts, BeamOptions{Width: 2, Groups: 2, Diversity: diversity, End: 0, Allowed: true})
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		if same := slices.Equal(got[0].Tokens, got[1].Tokens); same != (diversity == 0) {
			t.Errorf("diversity %g: %v and %v", diversity, got[0].Tokens, got[1].Tokens)
		}
	}
	for _, o := range []BeamOptions{{Width: 3, Groups: 2}, {Width: 1, Groups: 2}, {Width: 2, Diversity: -1}} {
		if _, err := Beam(ctx, m, b, texts, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
