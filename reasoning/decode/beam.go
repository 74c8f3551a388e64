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
	// allowed, and where only one is, nothing is computed: a run of such tokens
	// is read in one pass. Otherwise the rank is the probability under the whole
	// vocabulary.
	Allowed bool
	// Groups splits the width into so many groups that search one after the
	// other at every step; a token that earlier groups have just chosen costs
	// Diversity for each of them (Vijayakumar et al. 2016, arXiv 1610.02424).
	// The results' probabilities are without that. 0 and 1 are one group.
	Groups    int
	Diversity float64
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
	o.Groups = max(1, o.Groups)
	switch {
	case o.Width <= 0:
		return nil, fmt.Errorf("beam width %d: give at least 1", o.Width)
	case o.Groups > o.Width || o.Width%o.Groups != 0:
		return nil, fmt.Errorf("%d groups do not share a beam width of %d evenly", o.Groups, o.Width)
	case !(o.Diversity >= 0):
		return nil, fmt.Errorf("diversity %g: give at least 0", o.Diversity)
	case len(prompt.hidden) == 0:
		return nil, fmt.Errorf("the branch has read no prompt")
	}
	if left := m.Config.Context - prompt.Len(); o.Max <= 0 || o.Max > left {
		o.Max = left
	}
	s := &beamSearch[S]{m: m, c: c, o: o, width: o.Width / o.Groups, mask: make([]uint64, (m.Config.Vocab+63)/64), chosen: map[int32]int{}}
	for range o.Groups {
		s.groups = append(s.groups, group[S]{live: []beam[S]{{Branch: prompt.Fork(), state: c.Start()}}})
	}
	defer func() {
		for _, g := range s.groups {
			for _, b := range g.live {
				b.Release()
			}
		}
	}()
	for step := 0; ; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		clear(s.chosen)
		going := false
		for i := range s.groups {
			g := &s.groups[i]
			s.expand(g)
			// Scores only fall, so a live text cannot overtake an ended one.
			if len(g.done) == s.width && (len(g.next) == 0 || s.score(g.done[s.width-1]) >= s.score(g.next[0].Hypothesis)) || step >= o.Max {
				g.next = g.next[:0]
			}
			going = going || len(g.next) > 0
			for _, x := range g.next {
				s.chosen[x.token]++
			}
		}
		if !going {
			break
		}
		if err := s.advance(o.Max - step - 1); err != nil {
			return nil, err
		}
	}
	var done []Hypothesis
	for _, g := range s.groups {
		done = append(done, g.done...)
	}
	slices.SortStableFunc(done, func(a, b Hypothesis) int { return cmp.Compare(s.score(b), s.score(a)) })
	return done, nil
}

// beam is a text in progress. The last of its tokens may have been read ahead of
// its turn, because no other was allowed: then it waits until the others have
// come as far.
type beam[S comparable] struct {
	*Branch
	Hypothesis
	state S
	ahead int // tokens that have been read before their turn
}

// candidate is a beam and one more token.
type candidate[S comparable] struct {
	Hypothesis
	from  int
	token int32
	state S
	rank  float64 // the score, less what diversity costs
	waits bool    // the token has been read already
}

// group is a part of the beams that competes among itself.
type group[S comparable] struct {
	live []beam[S]
	next []candidate[S] // the best continuations, best first
	done []Hypothesis   // best first
}

type beamSearch[S comparable] struct {
	m      *Model
	c      Constraint[S]
	o      BeamOptions
	width  int // of a group
	groups []group[S]
	chosen map[int32]int // how many beams of earlier groups go on with a token

	mask   []uint64
	ids    []int32
	logits []float32
	order  ranking
	feeds  []Feed
}

func (s *beamSearch[S]) score(h Hypothesis) float64 {
	if s.o.Allowed {
		return h.LogQ
	}
	return h.LogP
}

// allowed lists the tokens that may come after a state.
func (s *beamSearch[S]) allowed(state S) []int32 {
	clear(s.mask)
	s.c.Allow(state, s.mask)
	s.ids = s.ids[:0]
	for w, word := range s.mask {
		for ; word != 0; word &= word - 1 {
			if id := int32(64*w + bits.TrailingZeros64(word)); int(id) < s.m.Config.Vocab {
				s.ids = append(s.ids, id)
			}
		}
	}
	return s.ids
}

// offer puts a candidate among the best of a group; false if it is not.
func (s *beamSearch[S]) offer(g *group[S], c candidate[S]) bool {
	if len(g.next) == s.width && g.next[len(g.next)-1].rank >= c.rank {
		return false
	}
	at, _ := slices.BinarySearchFunc(g.next, c, func(a, b candidate[S]) int {
		if a.rank >= b.rank { // equals: the earlier first
			return -1
		}
		return 1
	})
	g.next = slices.Insert(g.next, at, c)
	if len(g.next) > s.width {
		g.next = g.next[:s.width]
	}
	return true
}

// expand fills next with the best continuations of a group's live texts and
// moves those that end to done.
func (s *beamSearch[S]) expand(g *group[S]) {
	g.next = g.next[:0]
	for i, b := range g.live {
		if b.ahead > 0 {
			id := b.Tokens[len(b.Tokens)-b.ahead]
			s.offer(g, candidate[S]{b.Hypothesis, i, id, b.state, s.score(b.Hypothesis) - s.cost(id), true})
			continue
		}
		ids := s.allowed(b.state)
		if len(ids) == 0 {
			if s.c.Final(b.state) {
				s.end(g, b.Hypothesis, nil)
			}
			continue
		}
		s.logits = s.logits[:0]
		var lseP float64
		if s.o.Allowed && len(ids) < s.m.Config.Vocab/8 {
			s.logits = s.m.score(b.hidden, ids, s.logits)
		} else {
			all := b.Logits()
			for _, id := range ids {
				s.logits = append(s.logits, all[id])
			}
			if !s.o.Allowed {
				lseP = float64(cpu.LogSumExp(all))
			}
		}
		lseQ := float64(cpu.LogSumExp(s.logits))
		// Of one text at most width continuations can survive; take the best
		// in order until as many as that have proved to be allowed. Without
		// diversity the rest cannot be better.
		s.order.reset(s.logits)
		for len(s.order.heap) > 0 {
			j := s.order.pop()
			h := b.Hypothesis
			h.LogQ += float64(s.logits[j]) - lseQ
			if !s.o.Allowed {
				h.LogP += float64(s.logits[j]) - lseP
			}
			if len(g.next) == s.width && g.next[len(g.next)-1].rank >= s.score(h) {
				break
			}
			id := ids[j]
			var dead S
			after := s.c.Step(b.state, id)
			if id == s.o.End {
				if after != dead && s.c.Final(after) || after == dead && s.c.Final(b.state) {
					s.end(g, h, &id)
				}
				continue
			}
			if after == dead {
				continue
			}
			s.offer(g, candidate[S]{h, i, id, after, s.score(h) - s.cost(id), false})
		}
	}
}

// cost is what a token costs because earlier groups have chosen it.
func (s *beamSearch[S]) cost(id int32) float64 { return s.o.Diversity * float64(s.chosen[id]) }

// end records an ended text, if it is among the best of its group.
func (s *beamSearch[S]) end(g *group[S], h Hypothesis, last *int32) {
	h.Tokens = slices.Clone(h.Tokens)
	if last != nil {
		h.Tokens = append(h.Tokens, *last)
	}
	g.done = append(g.done, h)
	slices.SortStableFunc(g.done, func(a, b Hypothesis) int { return cmp.Compare(s.score(b), s.score(a)) })
	if len(g.done) > s.width {
		g.done = g.done[:s.width]
	}
}

// advance makes the chosen continuations the live texts and reads their last
// tokens, with those that must follow, at most left of them. A branch that has
// several continuations is forked for all but one.
func (s *beamSearch[S]) advance(left int) error {
	s.feeds = s.feeds[:0]
	for i := range s.groups {
		g := &s.groups[i]
		old := g.live
		uses := make([]int, len(old))
		for _, c := range g.next {
			uses[c.from]++
		}
		for j, n := range uses {
			if n == 0 {
				old[j].Release()
			}
		}
		g.live = make([]beam[S], 0, len(g.next))
		for _, c := range g.next {
			b := beam[S]{old[c.from].Branch, c.Hypothesis, c.state, 0}
			if c.waits {
				b.ahead = old[c.from].ahead - 1
				g.live = append(g.live, b)
				continue
			}
			if uses[c.from]--; uses[c.from] > 0 {
				b.Branch = b.forkPast()
			}
			b.Tokens = append(slices.Clone(c.Tokens), c.token)
			s.follow(&b, left)
			g.live = append(g.live, b)
			s.feeds = append(s.feeds, Feed{Branch: b.Branch, Tokens: b.Tokens[len(b.Tokens)-1-b.ahead:], Quiet: s.o.Allowed})
		}
	}
	if len(s.feeds) == 0 {
		return nil
	}
	return s.m.Advance(s.feeds)
}

// follow adds the tokens that are the only ones allowed, when those count
// nothing.
func (s *beamSearch[S]) follow(b *beam[S], left int) {
	var dead S
	for s.o.Allowed && b.ahead < left && !s.c.Final(b.state) {
		ids := s.allowed(b.state)
		if len(ids) != 1 || ids[0] == s.o.End {
			return
		}
		next := s.c.Step(b.state, ids[0])
		if next == dead {
			return
		}
		b.Tokens = append(b.Tokens, ids[0])
		b.state = next
		b.ahead++
	}
}
