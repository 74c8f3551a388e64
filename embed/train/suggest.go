package train

import "github.com/quaestor-kg/quaestor/embed/dataset"

// Suggest fills in the settings that depend on the graph: what was found good
// on published graphs, chosen by size and density. N3 below 0 asks for a
// suggestion; 0 means none.
func Suggest(c *Config, g *dataset.Graph) {
	n := 2 * len(g.Train)
	degree := float64(n) / float64(max(len(g.Entities), 1))
	bilinear := c.Spec.Model == "complex" || c.Spec.Model == "distmult"
	if c.N3 < 0 {
		c.N3 = 0
		if bilinear {
			// Sparse graphs overfit first: each entity is seen a few times only.
			// Large dense ones have many relations that few statements share.
			switch {
			case degree < 8:
				c.N3 = 0.1
			case n > 200_000:
				c.N3 = 0.05
			default:
				c.N3 = 0.01
			}
		}
	}
	if c.Batch == 0 {
		switch {
		case n < 30_000:
			c.Batch = 100
		case n < 300_000:
			c.Batch = 500
		default:
			c.Batch = 1000
		}
		if !bilinear && n < 30_000 {
			c.Batch = 128
		}
	}
	if c.Group == 0 {
		// A batch should hold many different queries.
		c.Group = min(16, max(1, c.Batch/64))
	}
	if bilinear {
		return
	}
	if c.Spec.Dim == 0 {
		c.Spec.Dim = 256
	}
	if c.Decay == 0 {
		c.Decay = 0.97
	}
	if c.Spec.Gamma == 0 && c.Spec.Model != "nfe2" {
		c.Spec.Gamma = 4
	}
	if c.Loss == "" && len(g.Entities) > 1000 {
		// With one positive among thousands the logistic loss of the literature
		// spends its first dozens of epochs learning how rare it is.
		c.Loss = "softmax"
	}
	if c.Rate == 0 && n > 100_000 {
		c.Rate = 0.002
	}
}
