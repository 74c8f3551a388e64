package train

import (
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// Suggest leaves alone what is set, and gives every model settings that
// Validate accepts on graphs of every size.
func TestSuggest(t *testing.T) {
	for _, entities := range []int{1, 100, 2000, 50_000} {
		for _, statements := range []int{1, 10_000, 200_000} {
			g := &dataset.Graph{Entities: make([]string, entities), Relations: make([]string, 3), Train: make([]dataset.Triple, statements)}
			for _, m := range embed.Models() {
				c := Config{Spec: embed.Spec{Model: m}, N3: -1}
				Suggest(&c, g)
				c.EnsureDefaults()
				if err := c.Validate(); err != nil {
					t.Errorf("%s on %v: %v", m, g, err)
				}
				if c.Group > 1 && c.Batch/c.Group < 32 {
					t.Errorf("%s on %v: batches of %d hold groups of %d", m, g, c.Batch, c.Group)
				}
				set := Config{Spec: embed.Spec{Model: m, Dim: 7, Gamma: 3}, Loss: "logistic", Optimizer: "adam", Rate: 0.3, Decay: 0.5, Batch: 11, Group: 2, Epochs: 3, Init: 0.2}
				want := set
				Suggest(&set, g)
				if set.Spec != want.Spec || set.Loss != want.Loss || set.Rate != want.Rate || set.Decay != want.Decay || set.Batch != want.Batch || set.Group != want.Group {
					t.Errorf("%s: %+v became %+v", m, want, set)
				}
			}
		}
	}
}
