package store

import (
	"errors"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
)

// TestBytesDamage: damaged bytes are told from absent ones, by Blob and by
// Verify; parts without a head are swept.
func TestBytesDamage(t *testing.T) {
	ctx := t.Context()
	s, err := Open(t.TempDir(), Options{MinFree: 1, MemTableSize: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	body := make([]byte, 600_000)
	for i := range body {
		body[i] = byte(i * i >> 7)
	}
	if err := s.PutBlob(ctx, "doc/a", body); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(ctx, nil); err != nil {
		t.Fatal(err)
	}
	set := func(key, value []byte) {
		if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) }); err != nil {
			t.Fatal(err)
		}
	}
	set(bytesKey("doc/b", 0), []byte("a part whose head was never written"))
	if loose, err := s.headless(); err != nil || len(loose) != 1 {
		t.Errorf("%v, %d parts without a head", err, len(loose))
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if _, err := snap.(kg.BlobReader).Blob("doc/b"); !errors.Is(err, kg.ErrNoBlob) {
		t.Errorf("bytes without a head: %v", err)
	}
	set(bytesKey("doc/a", 0), []byte("other bytes"))
	if _, err := snap.(kg.BlobReader).Blob("doc/a"); !errors.Is(err, kg.ErrCorrupt) {
		t.Errorf("damaged bytes: %v", err)
	}
	if err := s.Verify(ctx, nil); !errors.Is(err, kg.ErrCorrupt) {
		t.Errorf("verify of damaged bytes: %v", err)
	}
	for _, name := range []string{"", string(make([]byte, maxName+1))} {
		if err := s.PutBlob(ctx, name, nil); err == nil {
			t.Errorf("a name of %d bytes is taken", len(name))
		}
	}
}
