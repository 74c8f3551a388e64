package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

// files returns the contents of every file of a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		b, err := os.ReadFile(name)
		out[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fullEnv makes the test binary fill the file system it names around a store.
const fullEnv = "QUAESTOR_TEST_FULL_DISK"

func fullOptions() Options {
	o := testOptions()
	o.MemTableSize = 4 << 20
	o.MinFree = 48 << 20
	return o
}

// fullChild loads a store, fills the rest of the disk with a file "fill" and
// closes the store.
func fullChild(disk string) error {
	s, err := Open(filepath.Join(disk, "s"), fullOptions())
	if err != nil {
		return err
	}
	if _, err := s.Load(context.Background(), shop(500)); err != nil {
		return err
	}
	fill, err := os.Create(filepath.Join(disk, "fill"))
	if err != nil {
		return err
	}
	defer fill.Close()
	for mib := make([]byte, 1<<20); ; {
		if _, err := fill.Write(mib); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			return err
		}
	}
	time.Sleep(120 * time.Millisecond) // the free space is asked every 100 ms
	if _, err := s.Load(context.Background(), shop(600)); !errors.Is(err, kg.ErrDiskFull) {
		return fmt.Errorf("load on a full disk: %v", err)
	}
	return s.Close()
}

// TestOpenOnFullDisk opens stores without room for badger's files: one closed
// in order can be read, byte for byte untouched; others are refused.
func TestOpenOnFullDisk(t *testing.T) {
	free := int64(1 << 40)
	o := testOptions()
	o.FreeSpace = func(string) (int64, error) { return free, nil }
	dir := t.TempDir()
	s := open(t, dir, o)
	if _, err := s.Load(t.Context(), shop(500)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := contents(dir, o); err == nil {
		t.Fatal("a store opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want, _, err := contents(dir, o)
	if err != nil || want == 0 {
		t.Fatalf("%d quads, %v", want, err)
	}

	free = 1 << 20
	before := files(t, dir)
	s = open(t, dir, o)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if snap.Size() != int64(want) {
		t.Errorf("%d quads, want %d", snap.Size(), want)
	}
	snap.Close()
	err = s.Update(t.Context(), func(kg.Tx) error { return nil })
	if !errors.Is(err, kg.ErrDiskFull) || !strings.Contains(err.Error(), "reopen") {
		t.Errorf("update: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range files(t, dir) {
		if before[name] != b {
			t.Errorf("%s was changed", name)
		}
	}

	if _, err := Open(t.TempDir(), o); !errors.Is(err, kg.ErrDiskFull) {
		t.Errorf("a new store: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "CLEAN")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, o); !errors.Is(err, kg.ErrDiskFull) {
		t.Errorf("a store to be recovered: %v", err)
	}
	free = 1 << 40
	if n, _, err := contents(dir, o); n != want || err != nil {
		t.Errorf("with space again: %d quads, %v", n, err)
	}
}
