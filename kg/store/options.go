package store

import (
	"fmt"
	"log/slog"
	"runtime"
)

// Durability says when a commit is acknowledged.
type Durability uint8

// Durabilities.
const (
	// Commit: after its records are synced to disk.
	Commit Durability = iota
	// None: at once. A killed process loses nothing, a power cut may.
	None
)

// ParseDurability reads "commit" or "none".
func ParseDurability(s string) (Durability, error) {
	switch s {
	case "commit", "":
		return Commit, nil
	case "none":
		return None, nil
	}
	return 0, fmt.Errorf("durability %q: want commit or none", s)
}

// Options configures a store. The zero value is useful.
type Options struct {
	Durability Durability
	// BlockCacheBytes bounds the memory of cached blocks. Default 256 MiB.
	BlockCacheBytes int64
	// Threads is how many cores a load may use. Default all.
	Threads int
	// MaxDelta is the number of recent changes above which they are compacted.
	// Default 200,000.
	MaxDelta int
	// ChunkQuads bounds how many quads a load sorts at a time. Default 16 M,
	// which takes about 2 GB.
	ChunkQuads int
	// MinFree is the free disk space, in bytes, below which commits are refused.
	// Default 1 GiB.
	MinFree int64
	// FreeSpace reports the free bytes of the file system that holds a folder;
	// nil asks the system. Tests inject full disks with it.
	FreeSpace func(dir string) (int64, error)
	Logger    *slog.Logger
}

// EnsureDefaults fills unset options.
func (o *Options) EnsureDefaults() {
	if o.BlockCacheBytes == 0 {
		o.BlockCacheBytes = 256 << 20
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MaxDelta == 0 {
		o.MaxDelta = 200_000
	}
	if o.ChunkQuads == 0 {
		o.ChunkQuads = 16 << 20
	}
	if o.MinFree == 0 {
		o.MinFree = 1 << 30
	}
	if o.FreeSpace == nil {
		o.FreeSpace = freeSpace
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}
