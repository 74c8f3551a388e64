package decode

import (
	"context"
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
)

// Branch is a text in progress: what the model has read and what it thinks
// comes next. A branch is used by one goroutine at a time.
type Branch struct {
	m      *Model
	seq    kvcache.Sequence
	hidden []float32 // [Dim] final state at the last position; nil-length before any
	logits []float32 // [Vocab], valid when known
	known  bool
}

// chunk is how many prompt tokens go through the layers together: enough for
// the matrix products, few enough for the caches.
const chunk = 256

// Start returns an empty branch. Release it when done.
func (m *Model) Start() *Branch { return &Branch{m: m, seq: m.store.New()} }

// Len returns the number of tokens read.
func (b *Branch) Len() int { return b.seq.Len() }

// Bytes returns the cache memory that the branch has alone and with others.
func (b *Branch) Bytes() (exclusive, shared int64) { return b.seq.Bytes() }

// Fork returns a second branch with the same past; the past is shared.
func (b *Branch) Fork() *Branch {
	f := b.forkPast()
	f.hidden = slices.Clone(b.hidden)
	if f.known = b.known; f.known {
		f.logits = slices.Clone(b.logits)
	}
	return f
}

// forkPast is Fork without the prediction: for a branch that reads a token
// next.
func (b *Branch) forkPast() *Branch { return &Branch{m: b.m, seq: b.seq.Fork()} }

// Truncate forgets all tokens from position n on. The branch then has no
// prediction until the next token is read.
func (b *Branch) Truncate(n int) {
	b.seq.Truncate(n)
	b.hidden, b.known = b.hidden[:0], false
}

// Release gives the cache memory back.
func (b *Branch) Release() {
	b.seq.Release()
	b.seq = nil
}

// Logits returns the unnormalised log-probabilities of the next token, one for
// each of the vocabulary. The slice is changed by the next Prefill or Step.
func (b *Branch) Logits() []float32 {
	if !b.known {
		if len(b.hidden) == 0 {
			panic("decode: Logits of a branch that has read nothing since it was truncated")
		}
		m := b.m
		b.logits = grow(b.logits, m.Config.Vocab)
		m.decoder.Logits(b.hidden, 1, b.logits)
		b.known = true
	}
	return b.logits
}

// knows reports tokens that are not in the vocabulary.
func (m *Model) knows(have int, ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= m.Config.Vocab {
			return fmt.Errorf("token %d at position %d: the model's vocabulary has %d: use the model's own tokenizer", id, have+i, m.Config.Vocab)
		}
	}
	return nil
}

// fits reports tokens that are not in the vocabulary and texts that are too
// long.
func (m *Model) fits(have int, ids []int32) error {
	if err := m.knows(have, ids); err != nil {
		return err
	}
	if n := have + len(ids); n > m.Config.Context {
		return &ContextError{n, m.Config.Context}
	}
	return nil
}

// Check reports tokens that the model cannot read after so many others: because
// its vocabulary does not have them, or with a *ContextError.
func (m *Model) Check(have int, ids []int32) error { return m.fits(have, ids) }

// ContextError says that a text is longer than the model can read. Nothing is
// ever left out instead.
type ContextError struct {
	Tokens  int // that the text has
	Context int // that the model holds
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("%d tokens are more than the model's context of %d: shorten the prompt, or open the model with a larger context", e.Tokens, e.Context)
}

// Prefill reads tokens. When the context is cancelled between two chunks, the
// branch has read those before. A branch that is empty begins with what the
// cache remembers of the text, if KeepPrefixes allows it any memory.
func (m *Model) Prefill(ctx context.Context, b *Branch, ids []int32) error {
	if err := m.fits(b.Len(), ids); err != nil {
		return err
	}
	memory := m.recall(b, ids)
	ids = ids[memory.known:]
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := b.chunk(len(ids))
		whole := n == b.chunk(m.Config.Context)
		m.read(r, b, ids[:n])
		last := r.x[(n-1)*m.Config.Dim : n*m.Config.Dim]
		b.hidden, b.known = append(b.hidden[:0], last...), false
		ids = ids[n:]
		memory.note(b, len(ids), whole)
	}
	return nil
}

// chunk returns how many of left tokens to read together. A cache that
// compresses pages as they age wants chunks that end where its pages do, so
// that what a token sees does not depend on how the text was cut.
func (b *Branch) chunk(left int) int {
	n := min(chunk, left)
	if c, ok := b.seq.(kvcache.Compressed); ok {
		n = min(n, c.Room())
	}
	return n
}

// EndPrompt tells the cache that the prompt is complete: policies that keep
// important positions choose them now.
func (b *Branch) EndPrompt() {
	if c, ok := b.seq.(kvcache.Compressed); ok {
		c.EndPrompt()
	}
}

// Sequence returns the branch's part of the cache, for measurements.
func (b *Branch) Sequence() kvcache.Sequence { return b.seq }

// read runs one chunk of one branch; the final states are in r.x.
func (m *Model) read(r *run, b *Branch, ids []int32) {
	r.resize(m, len(ids))
	at := b.Len()
	for i := range ids {
		r.positions[i] = int32(at + i)
	}
	b.seq.Extend(len(ids))
	r.cache.Store, r.cache.Windows = m.store, m.Config.Windows
	r.cache.Rows = append(r.cache.Rows[:0], kvcache.Rows{Seq: b.seq, N: len(ids), First: at + 1, Step: 1})
	m.forward(r, ids, &r.cache)
	r.forget()
}

// Step reads one token in each of several branches, all together: weights and
// shared past are read once. New predictions are in the branches.
func (m *Model) Step(branches []*Branch, tokens []int32) error {
	return m.step(branches, tokens, true)
}

// step is Step; without predict the output matrix is left out until someone
// asks for a branch's logits.
func (m *Model) step(branches []*Branch, tokens []int32, predict bool) error {
	if len(branches) != len(tokens) {
		return fmt.Errorf("%d branches and %d tokens", len(branches), len(tokens))
	}
	for i, b := range branches {
		if err := m.fits(b.Len(), tokens[i:i+1]); err != nil {
			return err
		}
	}
	n, d := len(branches), m.Config.Dim
	if n == 0 {
		return nil
	}
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	r.resize(m, n)
	r.cache.Store, r.cache.Windows, r.cache.Rows = m.store, m.Config.Windows, r.cache.Rows[:0]
	for i, b := range branches {
		r.positions[i] = int32(b.Len())
		b.seq.Extend(1)
		r.cache.Rows = append(r.cache.Rows, kvcache.Rows{Seq: b.seq, N: 1, First: b.Len()})
	}
	m.forward(r, tokens, &r.cache)
	switch {
	case !predict:
	case n == 1:
		b := branches[0]
		b.logits = grow(b.logits, m.Config.Vocab)
		m.decoder.Logits(r.x, 1, b.logits)
	default:
		r.logits = grow(r.logits, n*m.Config.Vocab)
		m.decoder.Logits(r.x, n, r.logits)
		for i, b := range branches {
			b.logits = append(b.logits[:0], r.logits[i*m.Config.Vocab:(i+1)*m.Config.Vocab]...)
		}
	}
	for i, b := range branches {
		b.hidden, b.known = append(b.hidden[:0], r.x[i*d:(i+1)*d]...), predict
	}
	r.forget()
	return nil
}

// forget drops references to branches, so that a pooled run keeps none alive.
func (r *run) forget() { clear(r.cache.Rows) }
