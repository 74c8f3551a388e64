package generate

import "slices"

// lookup guesses how a text goes on from what it has said before (prompt lookup:
// Saxena 2023): where the last few tokens occurred earlier, the same may follow.
// Guesses cost time when they are wrong, so it guesses less the less often it
// has been right.
type lookup struct {
	most    int     // tokens to guess at most; 0 = never
	right   float64 // share of guessed tokens that were right, lately
	skipped int     // steps without a guess
}

const (
	longestMatch  = 4
	shortestMatch = 2
	worthwhile    = 0.35 // share of right guesses below which they cost more than they save
	tryAgain      = 32   // steps after which a text that repeats nothing is looked at again
)

// guess returns up to limit tokens that may follow the text.
func (l *lookup) guess(text []int32, limit int) []int32 {
	limit = min(limit, l.most)
	if limit <= 0 {
		return nil
	}
	if l.right < worthwhile {
		if l.skipped++; l.skipped < tryAgain {
			return nil
		}
		l.right, l.skipped = worthwhile, 0
	}
	for n := longestMatch; n >= shortestMatch; n-- {
		if len(text) <= n {
			continue
		}
		tail := text[len(text)-n:]
		for at := len(text) - n - 1; at >= 0; at-- { // the latest occurrence is the best guide
			if slices.Equal(text[at:at+n], tail) {
				from := at + n
				return text[from:min(len(text), from+limit)]
			}
		}
	}
	return nil
}

// learn takes note of a guess.
func (l *lookup) learn(guessed, right int) {
	if guessed > 0 {
		l.right = 0.8*l.right + 0.2*float64(right)/float64(guessed)
	}
}
