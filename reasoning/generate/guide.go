package generate

import (
	"math/bits"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
)

// Guide keeps a text within a language: it is a decode.Constraint together with
// the place in it that one text has reached.
type Guide interface {
	// Allow sets the bits of the tokens that may come next in a mask that is all
	// zero; it may set some that Accept then refuses.
	Allow(mask []uint64)
	// Accept goes on by a token; false if it may not come, and then nothing has
	// changed.
	Accept(token int32) bool
	// Final says whether the text may end here.
	Final() bool
}

// Follow returns a guide at the start of a constraint.
func Follow[S comparable](c decode.Constraint[S]) Guide { return &follower[S]{c, c.Start()} }

type follower[S comparable] struct {
	c     decode.Constraint[S]
	state S
}

func (f *follower[S]) Allow(mask []uint64) { f.c.Allow(f.state, mask) }
func (f *follower[S]) Final() bool         { return f.c.Final(f.state) }

func (f *follower[S]) Accept(token int32) bool {
	var dead S
	next := f.c.Step(f.state, token)
	if next == dead {
		return false
	}
	f.state = next
	return true
}

// only returns the one token of a mask, false if it has none or several.
func only(mask []uint64, vocab int) (int32, bool) {
	found := int32(-1)
	for i, w := range mask {
		if w == 0 {
			continue
		}
		id := int32(64*i + bits.TrailingZeros64(w))
		if int(id) >= vocab {
			break
		}
		if found >= 0 || w&(w-1) != 0 {
			return 0, false
		}
		found = id
	}
	return found, found >= 0
}
