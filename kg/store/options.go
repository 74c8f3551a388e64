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
	// Interval: at once; records are synced every 100 ms. A killed process
	// loses nothing, a power cut up to 100 ms.
	Interval
	// None: at once, and nothing is synced before Close. A killed process loses
	// nothing, a power cut may lose everything since the last start.
	None
)

// ParseDurability reads "commit", "interval" or "none".
func ParseDurability(s string) (Durability, error) {
	switch s {
	case "commit", "":
		return Commit, nil
	case "interval":
		return Interval, nil
	case "none":
		return None, nil
	}
	return 0, fmt.Errorf("durability %q: want commit, interval or none", s)
}

// Options configures a store. The zero value is useful.
type Options struct {
	Durability Durability
	// ReadOnly refuses writes. The store is still taken for this process:
	// badger has to recover it first.
	ReadOnly bool
	// BlockCacheBytes bounds the memory of cached blocks. Default 256 MiB.
	BlockCacheBytes int64
	// MemTableSize is badger's: the most that waits in memory and log before it
	// becomes a table. Default 64 MiB.
	MemTableSize int64
	// Threads is how many cores a load or a compaction may use. Default all.
	Threads int
	// MaxDelta is the number of recent changes above which they are compacted,
	// in the background. It grows with the store, to a sixteenth of its quads
	// but not beyond eight times this. Default 65,536.
	MaxDelta int
	// ChunkQuads and ChunkBytes bound what a load sorts at a time: quads, and
	// bytes of new terms. Defaults 4 Mi and 256 MiB, for about 1 GB of memory.
	ChunkQuads int
	ChunkBytes int64
	// MinFree is the free disk space, in bytes, below which commits are refused.
	// Default: 1 GiB, or ten times MemTableSize if that is more.
	MinFree int64
	// FreeSpace reports the free bytes of the file system that holds a folder;
	// nil asks the system. Tests inject full disks with it.
	FreeSpace func(dir string) (int64, error)
	// BallastBytes is the size of a file that reserves disk space; it is removed
	// when a store is opened without this option, which makes room for one more
	// start on a full disk. Default none.
	BallastBytes int64
	Logger       *slog.Logger
}

// EnsureDefaults fills unset options.
func (o *Options) EnsureDefaults() {
	if o.BlockCacheBytes == 0 {
		o.BlockCacheBytes = 256 << 20
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 64 << 20
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MaxDelta == 0 {
		o.MaxDelta = 1 << 16
	}
	if o.ChunkQuads == 0 {
		o.ChunkQuads = 4 << 20
	}
	if o.ChunkBytes == 0 {
		o.ChunkBytes = 256 << 20
	}
	if o.MinFree == 0 {
		o.MinFree = max(1<<30, 2*(numMemtables+2)*o.MemTableSize)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Validate refuses options that make no sense.
func (o *Options) Validate() error {
	switch {
	case o.MemTableSize < 4<<20:
		return fmt.Errorf("store: MemTableSize %d is below 4 MiB", o.MemTableSize)
	case o.MaxDelta < 1 || o.ChunkQuads < 1 || o.ChunkBytes < 1:
		return fmt.Errorf("store: MaxDelta, ChunkQuads and ChunkBytes must be positive")
	case o.ChunkQuads > 1<<30:
		return fmt.Errorf("store: ChunkQuads %d is above %d", o.ChunkQuads, 1<<30)
	}
	return nil
}
