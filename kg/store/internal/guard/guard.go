// Package guard looks after the files beside badger's folder: the lock, FORMAT,
// WITNESS, CLEAN and hold/. They exist because badger, when it opens, repairs
// what it takes for damage without saying so: a flipped byte in its log ends
// the log there, and a table that a cut manifest does not name is deleted.
package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/quaestor-kg/quaestor/kg"
)

// Names of the files.
const (
	formatFile  = "FORMAT"
	witnessFile = "WITNESS"
	cleanFile   = "CLEAN"
	lockFile    = "LOCK"
	ballastFile = "BALLAST"
	dbDir       = "db"
	holdDir     = "hold"
)

// DB is badger's folder within a store's.
func DB(dir string) string { return filepath.Join(dir, dbDir) }

// Hold is where files of an unclean stop are kept until they have been found
// intact.
func Hold(dir string) string { return filepath.Join(dir, holdDir) }

// CheckFormat writes the FORMAT file of a new store and refuses the store of
// a newer program, or a folder that holds something else.
func CheckFormat(dir string, version int) error {
	name := filepath.Join(dir, formatFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if n := e.Name(); n != lockFile && n != ballastFile && n != formatFile+".part" {
				return fmt.Errorf("%s has no %s file but holds %s: it is no store of Quaestor; name an empty or a new folder", dir, formatFile, n)
			}
		}
		return writeFile(name, fmt.Appendf(nil, "quaestor store %d\n", version))
	}
	if err != nil {
		return err
	}
	v := 0
	if _, err := fmt.Sscanf(string(b), "quaestor store %d", &v); err != nil {
		return fmt.Errorf("%w: %s says %.40q, which is no format; restore the file from a backup", kg.ErrCorrupt, name, b)
	}
	if v > version {
		return fmt.Errorf("%w: %s says format %d, this program reads up to %d; use a newer quaestor", kg.ErrFormat, name, v, version)
	}
	return nil
}

// writeFile makes a file appear whole and synced, or not at all.
func writeFile(name string, b []byte) error {
	tmp := name + ".part"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// RemoveStubs deletes empty write-ahead files, which a kill between creation
// and truncation leaves behind and on which badger's Open fails
// (dgraph-io/badger#2207).
func RemoveStubs(dir string) error {
	return eachFile(DB(dir), func(name string, info fs.FileInfo) error {
		if info.Size() == 0 && (strings.HasSuffix(name, ".mem") || strings.HasSuffix(name, ".vlog")) {
			return os.Remove(filepath.Join(DB(dir), name))
		}
		return nil
	})
}

func eachFile(dir string, f func(name string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // badger removes files while it runs
		}
		if err != nil {
			return err
		}
		if err := f(e.Name(), info); err != nil {
			return err
		}
	}
	return nil
}

// held reports whether hold/ keeps a copy of a file.
func held(name string) bool {
	return name == "MANIFEST" || strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".mem")
}

// KeepAside links the tables and copies the manifest and write-ahead files
// into hold/. What an earlier attempt kept is older evidence and stays.
func KeepAside(dir string) error {
	hold := Hold(dir)
	if _, err := os.Stat(hold); err == nil {
		return nil
	}
	tmp := hold + ".part"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	err := eachFile(DB(dir), func(name string, _ fs.FileInfo) error {
		from, to := filepath.Join(DB(dir), name), filepath.Join(tmp, name)
		switch {
		case !held(name):
			return nil
		case strings.HasSuffix(name, ".sst"):
			return os.Link(from, to)
		}
		return copySparse(from, to)
	})
	if err != nil {
		return fmt.Errorf("keep the files of an unclean stop aside: %w", err)
	}
	return os.Rename(tmp, hold)
}

// PutBack makes badger's folder what KeepAside found, after badger has been
// closed, so that a failed attempt to open changes nothing.
func PutBack(dir string) error {
	err := eachFile(DB(dir), func(name string, _ fs.FileInfo) error {
		if held(name) {
			return os.Remove(filepath.Join(DB(dir), name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = eachFile(Hold(dir), func(name string, _ fs.FileInfo) error {
		return os.Rename(filepath.Join(Hold(dir), name), filepath.Join(DB(dir), name))
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(Hold(dir))
}

// DropHold forgets what was kept.
func DropHold(dir string) error { return os.RemoveAll(Hold(dir)) }

// copySparse copies a file without its trailing zeros: write-ahead files are
// preallocated.
func copySparse(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	size := int64(len(b))
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		return err
	}
	return os.Truncate(to, size)
}

// fingerprint identifies the files that badger's state depends on.
func fingerprint(dir string) (string, error) {
	h := xxhash.New()
	err := eachFile(DB(dir), func(name string, info fs.FileInfo) error {
		if name == "MANIFEST" {
			b, err := os.ReadFile(filepath.Join(DB(dir), name))
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%s %x\n", name, xxhash.Sum64(b))
		} else if strings.HasSuffix(name, ".sst") {
			fmt.Fprintf(h, "%s %d\n", name, info.Size())
		}
		return nil
	})
	return fmt.Sprintf("%016x\n", h.Sum64()), err
}

// WriteClean notes that the store was closed in order. Badger must be closed.
func WriteClean(dir string) error {
	p, err := fingerprint(dir)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, cleanFile), []byte(p))
}

// TakeClean reports whether the store was closed in order and its manifest and
// tables are those of that moment, and removes the note.
func TakeClean(dir string) (bool, error) {
	clean, err := Clean(dir)
	if err != nil {
		return false, err
	}
	if err := os.Remove(filepath.Join(dir, cleanFile)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return clean, syncDir(dir)
}

// Clean is TakeClean that leaves the mark.
func Clean(dir string) (bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, cleanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, err := fingerprint(dir)
	return now == string(b), err
}

// Witness is a ring of slots, one written after each synced commit and before
// its acknowledgement. It shows when badger has lost commits at the end of
// its log without noticing.
type Witness struct {
	f    *os.File
	mu   sync.Mutex
	seen map[uint64]uint64 // hash by commit, as found at opening
	last uint64
}

const (
	witnessSlot  = 24 // commit, chain hash, checksum of both
	witnessSlots = 64
)

// OpenWitness opens or creates the ring.
func OpenWitness(dir string) (*Witness, error) {
	f, err := os.OpenFile(filepath.Join(dir, witnessFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	w := &Witness{f: f, seen: map[uint64]uint64{}}
	buf := make([]byte, witnessSlot*witnessSlots)
	n, err := f.ReadAt(buf, 0)
	if n == 0 && errors.Is(err, io.EOF) {
		// A new file takes its space at once: noting a commit must not fail for
		// want of it when the disk is full.
		if _, err := f.WriteAt(buf, 0); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	for i := 0; i+witnessSlot <= n; i += witnessSlot {
		slot := buf[i : i+witnessSlot]
		if binary.LittleEndian.Uint64(slot[16:]) != xxhash.Sum64(slot[:16]) {
			continue // never written, or torn by a crash
		}
		seq := binary.LittleEndian.Uint64(slot)
		w.seen[seq] = binary.LittleEndian.Uint64(slot[8:])
		w.last = max(w.last, seq)
	}
	return w, nil
}

// Check compares what was recovered with what was acknowledged.
func (w *Witness) Check(seq, chain uint64) error {
	if w.last > seq {
		return fmt.Errorf("%w: %s has seen commit %d, but the newest that can be read is %d: commits %d to %d are lost; restore a backup",
			kg.ErrCorrupt, w.f.Name(), w.last, seq, seq+1, w.last)
	}
	if c, ok := w.seen[seq]; ok && c != chain {
		return fmt.Errorf("%w: commit %d is not the one that %s has seen; restore a backup", kg.ErrCorrupt, seq, w.f.Name())
	}
	return nil
}

// Write notes a commit.
func (w *Witness) Write(seq, chain uint64) error {
	slot := binary.LittleEndian.AppendUint64(nil, seq)
	slot = binary.LittleEndian.AppendUint64(slot, chain)
	slot = binary.LittleEndian.AppendUint64(slot, xxhash.Sum64(slot))
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.f.WriteAt(slot, int64(seq%witnessSlots)*witnessSlot)
	return err
}

// Sync flushes the ring to disk.
func (w *Witness) Sync() error { return w.f.Sync() }

// Close syncs and closes the ring.
func (w *Witness) Close() error { return errors.Join(w.f.Sync(), w.f.Close()) }

// SyncLogs makes badger's write-ahead files durable. DB.Sync will not do: it
// leaves out a file that has just been rotated.
func SyncLogs(dir string) error {
	return eachFile(DB(dir), func(name string, _ fs.FileInfo) error {
		if !strings.HasSuffix(name, ".mem") {
			return nil
		}
		f, err := os.Open(filepath.Join(DB(dir), name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // flushed and removed meanwhile
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

// Ballast reserves disk space that is given up to make one more start possible
// when the disk is full. Zero bytes remove it.
func Ballast(dir string, bytes int64) error {
	name := filepath.Join(dir, ballastFile)
	if bytes <= 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.Size() == bytes {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(reserve(f, bytes), f.Close())
}

// Space answers how much disk is free, asking the system at most ten times a
// second.
type Space struct {
	Dir string
	Ask func(dir string) (int64, error)

	mu   sync.Mutex
	at   time.Time
	free int64
}

// Free returns the free bytes.
func (s *Space) Free() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.at) > 100*time.Millisecond {
		ask := s.Ask
		if ask == nil {
			ask = freeSpace
		}
		free, err := ask(s.Dir)
		if err != nil {
			return 0, err
		}
		s.at, s.free = now, free
	}
	return s.free, nil
}
