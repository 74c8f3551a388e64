package kgtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

// Blobs checks the promises of kg.BlobStore against a map.
func Blobs(t *testing.T, o Opener) {
	ctx, dir := t.Context(), t.TempDir()
	st := o.Open(t, dir)
	defer func() { st.Close() }()
	if _, ok := st.(kg.BlobStore); !ok {
		t.Skip("this store keeps no bytes")
	}
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string][]byte{}
	for step := range 60 {
		name := fmt.Sprintf("%c/%d", 'a'+rune(r.IntN(3)), r.IntN(9)*r.IntN(9))
		switch {
		case r.IntN(3) == 0:
			if err := st.(kg.BlobStore).DeleteBlob(ctx, name); err != nil {
				t.Fatal(err)
			}
			delete(want, name)
		default:
			b := make([]byte, r.IntN(3)*r.IntN(400_000))
			for i := range b {
				b[i] = byte(r.IntN(1 + r.IntN(256)))
			}
			if err := st.(kg.BlobStore).PutBlob(ctx, name, b); err != nil {
				t.Fatal(err)
			}
			want[name] = b
		}
		if o.Persistent && step%20 == 19 {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			st = o.Open(t, dir)
		}
	}
	var names []string
	for n, err := range st.(kg.BlobStore).Blobs(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	if w := slices.Sorted(maps.Keys(want)); !slices.Equal(names, w) {
		t.Errorf("names %v, want %v", names, w)
	}
	s := snapshot(t, st)
	defer s.Close()
	for n, w := range want {
		if got, err := s.(kg.BlobReader).Blob(n); err != nil || !bytes.Equal(got, w) {
			t.Errorf("%s: %d bytes, %v; want %d", n, len(got), err, len(w))
		}
	}
	if _, err := s.(kg.BlobReader).Blob("none"); !errors.Is(err, kg.ErrNoBlob) {
		t.Errorf("bytes that are not there: %v", err)
	}
}
