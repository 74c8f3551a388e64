package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

// TestSmallFileSystem fills a real file system around a store: what was loaded
// before is there when space is free again, and nothing dies of it.
func TestSmallFileSystem(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("skipped: mounting a small file system needs root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fullEnv+"="+disk)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := filepath.Join(disk, "s")
	if _, err := Open(dir, fullOptions()); !errors.Is(err, kg.ErrDiskFull) {
		t.Errorf("recovery on a full disk: %v", err)
	}
	if err := os.Remove(filepath.Join(disk, "fill")); err != nil {
		t.Fatal(err)
	}
	before, _, err := contents(dir, fullOptions())
	if err != nil || before == 0 {
		t.Fatalf("%d quads, %v", before, err)
	}
	s := open(t, dir, fullOptions())
	if _, err := s.Load(t.Context(), shop(600)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after, _, err := contents(dir, fullOptions()); err != nil || after <= before {
		t.Errorf("%d quads after %d, %v", after, before, err)
	}
}
