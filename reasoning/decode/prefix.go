package decode

import (
	"errors"
	"fmt"
	"io"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
)

// KeepPrefixes lets the cache remember the beginnings of texts in at most that
// many bytes, so that Prefill of a text that begins as an earlier one reads
// only the rest. Results are the same bits with and without. 0, the default,
// remembers nothing.
func (m *Model) KeepPrefixes(limit int64) {
	if s, ok := m.store.(kvcache.PrefixStore); ok {
		m.prefixes = limit > 0
		s.KeepPrefixes(limit)
	}
}

// memory is the cache's memory of the text that a Prefill reads.
type memory struct {
	store kvcache.PrefixStore // nil = none
	text  []int32
	known int // tokens that were remembered
}

// rememberEvery is the distance in tokens of the points in a text that are
// remembered besides its end, when the cache compresses: each point keeps the
// exact pages of its recent window.
const rememberEvery = 512

// recall gives an empty branch the longest beginning of a text that the cache
// remembers.
func (m *Model) recall(b *Branch, text []int32) memory {
	s, ok := m.store.(kvcache.PrefixStore)
	if !ok || !m.prefixes || b.Len() > 0 {
		return memory{}
	}
	r := memory{store: s, text: text}
	if seq, n, state := s.Lookup(text); seq != nil {
		b.seq.Release()
		b.seq, r.known = seq, n
		b.hidden, b.known = append(b.hidden[:0], state...), false
	}
	return r
}

// note remembers the text up to here, if this is a point worth it: left tokens
// are still to come, and the last chunk was whole or cut short by the end.
func (r memory) note(b *Branch, left int, whole bool) {
	if r.store == nil {
		return
	}
	n := len(r.text) - left
	next := min(chunk, b.chunk(chunk))
	switch {
	case left == 0:
		r.store.Remember(b.seq, r.text, b.hidden, whole)
	case whole && (next == chunk || n%rememberEvery < next || left < next): // exact pages cost nothing to keep
		r.store.Remember(b.seq, r.text[:n], nil, true)
	}
}

// ErrNoFile says that the cache of a model cannot be saved, because its backend
// keeps it.
var ErrNoFile = errors.New("this backend's cache cannot be saved")

// SaveBranch writes what a branch has read, ids, so that LoadBranch can go on
// from there without reading it again.
func (m *Model) SaveBranch(w io.Writer, b *Branch, ids []int32) error {
	s, ok := m.store.(*kvcache.Paged)
	if !ok {
		return ErrNoFile
	}
	return s.Save(w, b.seq, ids, b.hidden)
}

// LoadBranch reads a saved branch. It must have been saved by the same model
// with the same cache: kvcache.ErrOther and kvcache.ErrCorrupt tell what is
// wrong with a file.
func (m *Model) LoadBranch(r io.Reader) (b *Branch, ids []int32, err error) {
	s, ok := m.store.(*kvcache.Paged)
	if !ok {
		return nil, nil, ErrNoFile
	}
	seq, ids, state, err := s.Load(r)
	if err != nil {
		return nil, nil, err
	}
	if len(state) != 0 && len(state) != m.Config.Dim {
		seq.Release()
		return nil, nil, fmt.Errorf("a state of %d numbers, the model has %d: %w", len(state), m.Config.Dim, kvcache.ErrCorrupt)
	}
	if err := m.knows(0, ids); err != nil {
		seq.Release()
		return nil, nil, fmt.Errorf("%w: %w", err, kvcache.ErrCorrupt)
	}
	return &Branch{m: m, seq: seq, hidden: state}, ids, nil
}
