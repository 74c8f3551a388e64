package store

import (
	"io"
	"log/slog"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/kgtest"
)

func testOptions() Options {
	return Options{Durability: None, MinFree: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func open(tb testing.TB, dir string, o Options) *Store {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestConformance runs the suite with the usual options, and with ones that
// make every limit bite: tiny chunks, compaction after every few changes, and
// next to no cache.
func TestConformance(t *testing.T) {
	for name, o := range map[string]func() Options{
		"usual": testOptions,
		"tight": func() Options {
			o := testOptions()
			o.ChunkQuads, o.MaxDelta, o.BlockCacheBytes, o.Threads = 3000, 50, 1<<16, 1
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			kgtest.Run(t, kgtest.Opener{Persistent: true, Open: func(tb testing.TB, dir string) kg.Store {
				return open(tb, dir, o())
			}})
		})
	}
}
