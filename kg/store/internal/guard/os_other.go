//go:build !unix

package guard

import (
	"math"
	"os"
	"path/filepath"
)

// Lock opens the lock file; badger's own lock keeps other processes out.
func Lock(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
}

// freeSpace cannot be asked here; a full disk shows as a failed write.
func freeSpace(string) (int64, error) { return math.MaxInt64, nil }

// Allocated is the space a file takes.
func Allocated(info os.FileInfo) int64 { return info.Size() }
