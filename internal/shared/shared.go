// Package shared finds the folder of data sets, models and cases that tests
// use but the repository does not ship.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the shared folder: $QUAESTOR_SHARED, or "../shared" beside the
// repository. Without the folder the test fails in CI and is skipped, saying
// so, elsewhere.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, ok := Find()
	if !ok {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("shared data not found at %q: set QUAESTOR_SHARED", dir)
		}
		tb.Skipf("skipped: needs the shared data sets (%q is absent; set QUAESTOR_SHARED)", dir)
	}
	return dir
}

// Find is Dir for programs: it returns where the folder should be and whether
// it is there.
func Find() (string, bool) {
	dir := os.Getenv("QUAESTOR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "shared")
		// Walk up to the module root, so that tests of any package agree.
		if wd, err := os.Getwd(); err == nil {
			for d := wd; ; d = filepath.Dir(d) {
				if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
					dir = filepath.Join(filepath.Dir(d), "shared")
					break
				}
				if d == filepath.Dir(d) {
					break
				}
			}
		}
	}
	st, err := os.Stat(dir)
	return dir, err == nil && st.IsDir()
}
