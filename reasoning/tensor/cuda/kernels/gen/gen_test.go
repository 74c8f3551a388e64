package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const committed = "../../ptx"

// TestStamps needs no compiler: the committed PTX must be made from the sources.
func TestStamps(t *testing.T) {
	srcs, _ := filepath.Glob("../*.cu")
	if len(srcs) == 0 {
		t.Fatal("no sources")
	}
	for _, s := range srcs {
		b, err := os.ReadFile(filepath.Join(committed, strings.TrimSuffix(filepath.Base(s), ".cu")+".ptx"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := stamp("..", filepath.Base(s))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), want) {
			t.Errorf("%s has changed: run go generate ./reasoning/tensor/cuda with %s", s, compiler)
		}
	}
	if ptx, _ := filepath.Glob(committed + "/*.ptx"); len(ptx) != len(srcs) {
		t.Errorf("%d .ptx files for %d sources: %v", len(ptx), len(srcs), ptx)
	}
}

// TestReproducible rebuilds the PTX where the pinned compiler is installed and
// compares bytes, and looks for spilled registers.
func TestReproducible(t *testing.T) {
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("skipped: %v", err)
	}
	dir := t.TempDir()
	if err := generate("..", dir); err != nil {
		t.Fatal(err)
	}
	got, _ := filepath.Glob(dir + "/*.ptx")
	for _, g := range got {
		a, err := os.ReadFile(g)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(committed, filepath.Base(g)))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs from a fresh build", filepath.Base(g))
		}
		if strings.Contains(string(a), ".local") {
			t.Errorf("%s uses local memory", filepath.Base(g))
		}
	}
}
