package decode

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
)

// Feed is what one branch reads in a pass with others: part of a prompt, one
// token of a text that is being written, or several that were guessed.
type Feed struct {
	Branch *Branch
	Tokens []int32
	// All asks for the prediction after every token, which Logits then holds,
	// [len(Tokens)][Vocab]; else only the branch's own prediction is made.
	All    bool
	Logits []float32
	// Quiet leaves the prediction out until someone asks for the branch's logits.
	Quiet bool
}

// Advance lets several branches read their tokens together: the weights are
// read once for all of them. Each branch may have any number of tokens; a cache
// that compresses may need more than one pass for a long feed.
func (m *Model) Advance(feeds []Feed) error {
	for i := range feeds {
		if err := m.fits(feeds[i].Branch.Len(), feeds[i].Tokens); err != nil {
			return err
		}
		for j := range i {
			if feeds[j].Branch == feeds[i].Branch {
				return fmt.Errorf("feeds %d and %d are of the same branch", j, i)
			}
		}
	}
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	v := m.Config.Vocab
	for i := range feeds {
		if f := &feeds[i]; f.All {
			f.Logits = grow(f.Logits, len(f.Tokens)*v)
		}
	}
	r.done = grow(r.done, len(feeds))
	clear(r.done)
	for m.advance(r, feeds) {
	}
	return nil
}

// advance makes one pass over what is left of the feeds; false if nothing is.
func (m *Model) advance(r *run, feeds []Feed) bool {
	d, v := m.Config.Dim, m.Config.Vocab
	r.cache.Store, r.cache.Windows, r.cache.Rows, r.tokens = m.store, m.Config.Windows, r.cache.Rows[:0], r.tokens[:0]
	for i := range feeds {
		f := &feeds[i]
		n := f.Branch.chunk(len(f.Tokens) - r.done[i])
		if n == 0 {
			continue
		}
		r.tokens = append(r.tokens, f.Tokens[r.done[i]:r.done[i]+n]...)
		at := f.Branch.Len()
		f.Branch.seq.Extend(n)
		r.cache.Rows = append(r.cache.Rows, kvcache.Rows{Seq: f.Branch.seq, N: n, First: at + 1, Step: 1})
	}
	if len(r.tokens) == 0 {
		return false
	}
	r.resize(m, len(r.tokens))
	at := 0
	for _, w := range r.cache.Rows {
		for i := range w.N {
			r.positions[at] = int32(w.First - 1 + i)
			at++
		}
	}
	m.forward(r, r.tokens, &r.cache)

	// Predictions: of all rows where they are wanted, else of those that end a
	// feed, together.
	r.ends = r.ends[:0]
	at, row := 0, 0
	for i := range feeds {
		f := &feeds[i]
		if r.done[i] == len(f.Tokens) {
			continue
		}
		n := r.cache.Rows[row].N
		states := r.x[at*d : (at+n)*d]
		from := r.done[i]
		r.done[i] += n
		b := f.Branch
		b.hidden, b.known = append(b.hidden[:0], states[(n-1)*d:]...), false
		if f.All {
			m.decoder.Logits(states, n, f.Logits[from*v:r.done[i]*v])
			if r.done[i] == len(f.Tokens) {
				b.logits, b.known = append(b.logits[:0], f.Logits[(r.done[i]-1)*v:]...), true
			}
		} else if r.done[i] == len(f.Tokens) && !f.Quiet {
			r.ends = append(r.ends, i)
		}
		at, row = at+n, row+1
	}
	r.forget()
	switch len(r.ends) {
	case 0:
	case 1:
		feeds[r.ends[0]].Branch.Logits()
	default:
		r.x, r.logits = grow(r.x, len(r.ends)*d), grow(r.logits, len(r.ends)*v)
		for i, e := range r.ends {
			copy(r.x[i*d:], feeds[e].Branch.hidden)
		}
		m.decoder.Logits(r.x[:len(r.ends)*d], len(r.ends), r.logits)
		for i, e := range r.ends {
			b := feeds[e].Branch
			b.logits, b.known = append(b.logits[:0], r.logits[i*v:(i+1)*v]...), true
		}
	}
	return true
}
