package decode

import (
	"context"
	"math/rand/v2"

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
	MinP        float64    // only those with this part of the best one's probability; 0 = all
	Rand        *rand.Rand // needed when Temperature is not 0

	rank  ranking
	order []int32
	probs []float32
}

// Pick draws a token from the distribution of logits: temperature first, then
// TopK, then TopP, then MinP. Logits of -Inf are never drawn while there are
// others.
func (s *Sampler) Pick(logits []float32) int32 {
	if s.Temperature <= 0 {
		return Greedy(logits)
	}
	n := len(logits)
	s.order, s.probs = s.order[:0], grow(s.probs, n)
	copy(s.probs, logits)
	cpu.Scale(float32(1/s.Temperature), s.probs)
	cpu.Softmax(s.probs)
	// Without a limit the order of tokens does not matter; with one, the best
	// are taken from the heap until it is reached.
	limited := s.TopK > 0 || s.TopP > 0 && s.TopP < 1 || s.MinP > 0
	if !limited {
		for i := range n {
			s.order = append(s.order, int32(i))
		}
	} else {
		s.rank.reset(logits)
		keep, kept := n, float32(0)
		if s.TopK > 0 {
			keep = min(keep, s.TopK)
		}
		for len(s.order) < keep {
			next := int32(s.rank.pop())
			if len(s.order) > 0 && (float64(s.probs[next]) < s.MinP*float64(s.probs[s.order[0]]) || s.probs[next] == 0) {
				break
			}
			s.order = append(s.order, next)
			kept += s.probs[s.order[len(s.order)-1]]
			if s.TopK <= 0 && s.TopP > 0 && float64(kept) >= s.TopP {
				break
			}
		}
		if s.TopK > 0 && s.TopP > 0 && s.TopP < 1 { // of the k, those that reach TopP of their sum
			sum := float32(0)
			for i, id := range s.order {
				if sum += s.probs[id]; float64(sum) >= s.TopP*float64(kept) {
					s.order = s.order[:i+1]
					break
				}
			}
		}
	}
	total := float32(0)
	for _, id := range s.order {
		total += s.probs[id]
	}
	x := s.Rand.Float32() * total
	for _, id := range s.order {
		if x -= s.probs[id]; x < 0 {
			return id
		}
	}
	return s.order[len(s.order)-1]
}

// ranking yields the indices of values from the largest down, equals in order:
// a heap, because few of many are wanted.
type ranking struct {
	values []float32
	heap   []int32
}

func (r *ranking) reset(values []float32) {
	r.values = values
	r.heap = grow(r.heap, len(values))
	for i := range r.heap {
		r.heap[i] = int32(i)
	}
	for i := len(r.heap)/2 - 1; i >= 0; i-- {
		r.sink(i)
	}
}

// before says whether index a comes first.
func (r *ranking) before(a, b int32) bool {
	x, y := r.values[a], r.values[b]
	return x > y || x == y && a < b
}

func (r *ranking) sink(i int) {
	for {
		k := 2*i + 1
		if k >= len(r.heap) {
			return
		}
		if k+1 < len(r.heap) && r.before(r.heap[k+1], r.heap[k]) {
			k++
		}
		if !r.before(r.heap[k], r.heap[i]) {
			return
		}
		r.heap[i], r.heap[k] = r.heap[k], r.heap[i]
		i = k
	}
}

// pop returns the next index; the heap must not be empty.
func (r *ranking) pop() int {
	top, last := r.heap[0], len(r.heap)-1
	r.heap[0] = r.heap[last]
	r.heap = r.heap[:last]
	r.sink(0)
	return int(top)
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
