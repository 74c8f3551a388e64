package decode

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Constraint says which tokens may follow: an automaton over tokens. S is a
// point in a text; its zero value is dead.
type Constraint[S comparable] interface {
	Start() S
	// Step returns the state after a token, the zero state if it may not come.
	Step(s S, token int32) S
	// Allow sets the bits of all tokens that may come next, one bit a token,
	// in a mask that is all zero before. It may set the bit of a token that
	// Step then refuses, never the other way round.
	Allow(s S, mask []uint64)
	// Final says whether the text may end here.
	Final(s S) bool
}

// Anything is the constraint that allows every token.
type Anything struct{}

// Start implements Constraint.
func (Anything) Start() int { return 1 }

// Step implements Constraint.
func (Anything) Step(int, int32) int { return 1 }

// Allow implements Constraint.
func (Anything) Allow(_ int, mask []uint64) {
	for i := range mask {
		mask[i] = ^uint64(0)
	}
}

// Final implements Constraint.
func (Anything) Final(int) bool { return true }

var _ Constraint[int] = Anything{}

// BeamOptions are the choices of a beam search.
type BeamOptions struct {
	Width int   // texts that are followed at a time
	Max   int   // tokens that a text may have; 0 = what the context holds
	End   int32 // token that ends a text, -1 if the constraint alone decides
	// Allowed ranks by the probability renormalised over the allowed tokens
	// (LogQ), and then computes nothing else: much cheaper when few tokens are
	// allowed. Otherwise the rank is the probability under the whole
	// vocabulary.
	Allowed bool
}

// Hypothesis is a text that a beam search ended.
type Hypothesis struct {
	Tokens []int32 // with the end token, if it was written
	LogP   float64 // under the whole vocabulary; 0 when ranking by LogQ
	LogQ   float64 // renormalised over the allowed tokens at every step
}

// Beam returns the best continuations of a prompt that the constraint admits,
// best first, at most Width of them. A text ends with the End token where the
// constraint is final after it or before it, or in a final state that allows
// no token. The prompt branch does not change.
func Beam[S comparable](ctx context.Context, m *Model, prompt *Branch, c Constraint[S], o BeamOptions) ([]Hypothesis, error) {
	if o.Width <= 0 {
		return nil, fmt.Errorf("beam width %d: give at least 1", o.Width)
	}
	if len(prompt.hidden) == 0 {
		return nil, fmt.Errorf("the branch has read no prompt")
	}
	if left := m.Config.Context - prompt.Len(); o.Max <= 0 || o.Max > left {
		o.Max = left
	}
	s := &beamSearch[S]{m: m, c: c, o: o, mask: make([]uint64, (m.Config.Vocab+63)/64)}
	s.live = []beam[S]{{Branch: prompt.Fork(), state: c.Start()}}
	defer func() {
		for _, b := range s.live {
			b.Release()
		}
	}()
	for step := 0; len(s.live) > 0; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.expand()
		// Scores only fall, so a live text cannot overtake an ended one.
		if len(s.done) == o.Width && (len(s.next) == 0 || s.score(s.done[o.Width-1]) >= s.score(s.next[0].Hypothesis)) || step >= o.Max {
			break
		}
		if err := s.advance(); err != nil {
			return nil, err
		}
	}
	return s.done, nil
}

type beam[S comparable] struct {
	*Branch
	Hypothesis
	state S
}

// candidate is a beam and one more token.
type candidate[S comparable] struct {
	Hypothesis
	from  int
	token int32
	state S
}

type beamSearch[S comparable] struct {
	m    *Model
	c    Constraint[S]
	o    BeamOptions
	live []beam[S]
	next []candidate[S] // the best continuations, best first
	done []Hypothesis   // best first

	mask   []uint64
	ids    []int32
	logits []float32
	order  ranking
}

func (s *beamSearch[S]) score(h Hypothesis) float64 {
	if s.o.Allowed {
		return h.LogQ
	}
	return h.LogP
}

// expand fills next with the best Width continuations of all live texts and
// moves those that end to done.
func (s *beamSearch[S]) expand() {
	s.next = s.next[:0]
	for i, b := range s.live {
		clear(s.mask)
		s.c.Allow(b.state, s.mask)
		s.ids = s.ids[:0]
		for w, word := range s.mask {
			for ; word != 0; word &= word - 1 {
				if id := int32(64*w + bits.TrailingZeros64(word)); int(id) < s.m.Config.Vocab {
					s.ids = append(s.ids, id)
				}
			}
		}
		if len(s.ids) == 0 {
			if s.c.Final(b.state) {
				s.end(b.Hypothesis, nil)
			}
			continue
		}
		s.logits = s.logits[:0]
		var lseP float64
		if s.o.Allowed && len(s.ids) < s.m.Config.Vocab/8 {
			s.logits = s.m.score(b.hidden, s.ids, s.logits)
		} else {
			all := b.Logits()
			for _, id := range s.ids {
				s.logits = append(s.logits, all[id])
			}
			if !s.o.Allowed {
				lseP = float64(cpu.LogSumExp(all))
			}
		}
		lseQ := float64(cpu.LogSumExp(s.logits))
		// Of one text at most Width continuations can survive; take the best
		// in order until as many as that have proved to be allowed.
		s.order.reset(s.logits)
		for len(s.order.heap) > 0 {
			j := s.order.pop()
			h := b.Hypothesis
			h.LogQ += float64(s.logits[j]) - lseQ
			if !s.o.Allowed {
				h.LogP += float64(s.logits[j]) - lseP
			}
			if len(s.next) == s.o.Width && s.score(s.next[len(s.next)-1].Hypothesis) >= s.score(h) {
				break
			}
			id := s.ids[j]
			var dead S
			after := s.c.Step(b.state, id)
			if id == s.o.End {
				if after != dead && s.c.Final(after) || after == dead && s.c.Final(b.state) {
					s.end(h, &id)
				}
				continue
			}
			if after == dead {
				continue
			}
			at, _ := slices.BinarySearchFunc(s.next, h, func(c candidate[S], h Hypothesis) int {
				if s.score(c.Hypothesis) >= s.score(h) { // equals: the earlier first
					return -1
				}
				return 1
			})
			s.next = slices.Insert(s.next, at, candidate[S]{h, i, id, after})
			if len(s.next) > s.o.Width {
				s.next = s.next[:s.o.Width]
			}
		}
	}
}

// end records an ended text, if it is among the best.
func (s *beamSearch[S]) end(h Hypothesis, last *int32) {
	h.Tokens = slices.Clone(h.Tokens)
	if last != nil {
		h.Tokens = append(h.Tokens, *last)
	}
	s.done = append(s.done, h)
	slices.SortStableFunc(s.done, func(a, b Hypothesis) int { return cmp.Compare(s.score(b), s.score(a)) })
	if len(s.done) > s.o.Width {
		s.done = s.done[:s.o.Width]
	}
}

// advance makes the chosen continuations the live texts and reads their last
// tokens. A branch that has several continuations is forked for all but one.
func (s *beamSearch[S]) advance() error {
	old := s.live
	uses := make([]int, len(old))
	for _, c := range s.next {
		uses[c.from]++
	}
	for i, n := range uses {
		if n == 0 {
			old[i].Release()
		}
	}
	live := make([]beam[S], 0, len(s.next))
	branches, tokens := make([]*Branch, 0, len(s.next)), make([]int32, 0, len(s.next))
	for _, c := range s.next {
		b := old[c.from].Branch
		if uses[c.from]--; uses[c.from] > 0 {
			b = b.forkPast()
		}
		c.Tokens = append(slices.Clone(c.Tokens), c.token)
		live = append(live, beam[S]{b, c.Hypothesis, c.state})
		branches, tokens = append(branches, b), append(tokens, c.token)
	}
	s.live = live
	return s.m.step(branches, tokens, !s.o.Allowed)
}
