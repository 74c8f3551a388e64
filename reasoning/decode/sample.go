package decode

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Greedy returns the most likely token, the lowest id among equals.
func Greedy(logits []float32) int32 {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// Sampler draws tokens. The zero value is greedy.
type Sampler struct {
	Temperature float64    // 0 = greedy
	TopK        int        // only the k most likely; 0 = all
	TopP        float64    // only the fewest that reach this probability; 0 = all
	Rand        *rand.Rand // needed when Temperature is not 0

	order []int32
	probs []float32
}

// Pick draws a token from the distribution of logits: temperature first, then
// TopK, then TopP.
func (s *Sampler) Pick(logits []float32) int32 {
	if s.Temperature <= 0 {
		return Greedy(logits)
	}
	s.order, s.probs = grow(s.order, len(logits)), grow(s.probs, len(logits))
	for i := range s.order {
		s.order[i] = int32(i)
	}
	keep := len(logits)
	if s.TopK > 0 || s.TopP > 0 && s.TopP < 1 {
		slices.SortFunc(s.order, func(a, b int32) int {
			switch x, y := logits[a], logits[b]; {
			case x > y:
				return -1
			case x < y:
				return 1
			}
			return int(a - b)
		})
		if s.TopK > 0 {
			keep = min(keep, s.TopK)
		}
	}
	p := s.probs[:keep]
	for i, id := range s.order[:keep] {
		p[i] = logits[id] / float32(s.Temperature)
	}
	cpu.Softmax(p)
	total := float32(1)
	if s.TopP > 0 && s.TopP < 1 {
		sum := float32(0)
		for i, x := range p {
			if sum += x; float64(sum) >= s.TopP {
				p, total = p[:i+1], sum
				break
			}
		}
	}
	x := s.Rand.Float32() * total
	for i, q := range p {
		if x -= q; x < 0 {
			return s.order[i]
		}
	}
	return s.order[len(p)-1]
}

// Generate continues a branch token by token: pick chooses from the logits,
// yield sees each choice and ends the text by returning false. At most limit
// tokens are written, and never more than the context holds. The last token
// yielded has been read by the branch unless it ended the text.
func (m *Model) Generate(ctx context.Context, b *Branch, limit int, pick func(logits []float32) int32, yield func(id int32) bool) error {
	branches, tokens := []*Branch{b}, []int32{0}
	for range limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := pick(b.Logits())
		if !yield(id) || b.Len() >= m.Config.Context {
			return nil
		}
		tokens[0] = id
		if err := m.Step(branches, tokens); err != nil {
			return err
		}
	}
	return nil
}
