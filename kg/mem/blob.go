package mem

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/kg"
)

// blobs are byte strings, shared by all snapshots.
type blobs struct {
	mu     sync.Mutex
	byName map[string][]byte
}

var (
	_ kg.BlobStore  = (*Store)(nil)
	_ kg.BlobReader = (*snapshot)(nil)
)

// PutBlob implements kg.BlobStore.
func (s *Store) PutBlob(ctx context.Context, name string, body []byte) error {
	if _, err := s.current(ctx); err != nil {
		return err
	}
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	s.blobs.byName[name] = bytes.Clone(body)
	return nil
}

// DeleteBlob implements kg.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, name string) error {
	if _, err := s.current(ctx); err != nil {
		return err
	}
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	delete(s.blobs.byName, name)
	return nil
}

// Blobs implements kg.BlobStore.
func (s *Store) Blobs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if _, err := s.current(ctx); err != nil {
			yield("", err)
			return
		}
		s.blobs.mu.Lock()
		names := slices.Sorted(maps.Keys(s.blobs.byName))
		s.blobs.mu.Unlock()
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Blob implements kg.BlobReader.
func (s *snapshot) Blob(name string) ([]byte, error) {
	if s.done.Load() {
		return nil, kg.ErrClosed
	}
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	if b, ok := s.blobs.byName[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("%w: %q", kg.ErrNoBlob, name)
}
