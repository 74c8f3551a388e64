package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
)

// Store is a kg.Store on disk.
type Store struct {
	dir   string
	opt   Options
	db    *badger.DB
	cache *cache

	writer  sync.Mutex // held by Update, Load and Compact
	witness *os.File

	mu       sync.Mutex // guards the rest
	cur      *state
	closed   bool
	poisoned error           // why the store is read-only
	alive    map[*state]bool // current, and held by snapshots
}

var _ kg.Store = (*Store)(nil)

// Files beside badger's folder.
const (
	formatFile  = "FORMAT"
	witnessFile = "WITNESS"
	cleanFile   = "CLEAN"
	dbDir       = "db"
	holdDir     = "hold"
)

// Open opens or creates the store in a folder. It returns kg.ErrLocked if
// another process has it, kg.ErrFormat if a newer program wrote it, and
// kg.ErrCorrupt if what is there contradicts its own checksums.
func Open(dir string, o Options) (*Store, error) {
	o.EnsureDefaults()
	db := filepath.Join(dir, dbDir)
	if err := os.MkdirAll(db, 0o755); err != nil {
		return nil, err
	}
	if err := checkFormat(filepath.Join(dir, formatFile)); err != nil {
		return nil, err
	}
	if err := removeStubs(db); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opt: o, cache: newCache(o.BlockCacheBytes), alive: map[*state]bool{}}
	if err := s.open(db); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// open brings up badger and the newest state. Badger repairs what it thinks is
// broken when it opens, and deletes tables that a damaged manifest does not
// name; so after an unclean stop its files are kept aside until the root and
// all it names have been found intact.
func (s *Store) open(db string) error {
	hold := filepath.Join(s.dir, holdDir)
	clean := filepath.Join(s.dir, cleanFile)
	_, err := os.Stat(clean)
	wasClean := err == nil
	if !wasClean {
		if err := keepAside(db, hold); err != nil {
			return fmt.Errorf("keep the files of an unclean stop aside: %w", err)
		}
	}
	compactors := 2
	if !wasClean {
		compactors = 0 // a compacted table is emptied, and its links with it
	}
	if err := s.openBadger(db, compactors); err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return fmt.Errorf("%w (the files as they were found are in %s)", err, hold)
	}
	if !wasClean {
		if err := s.sweep(); err != nil {
			return err
		}
		if err := s.db.Close(); err != nil {
			return err
		}
		if err := os.RemoveAll(hold); err != nil {
			return err
		}
		if err := s.openBadger(db, 2); err != nil {
			return err
		}
	}
	if err := os.Remove(clean); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) openBadger(dir string, compactors int) error {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(s.opt.Durability == Commit).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithMemTableSize(64 << 20).
		WithNumMemtables(3).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(64 << 20).
		WithCompression(0).
		WithBlockCacheSize(32 << 20).
		WithIndexCacheSize(64 << 20).
		WithNumCompactors(compactors).
		WithBlockSize(16 << 10).
		WithVerifyValueChecksum(true).
		WithMetricsEnabled(true).
		WithLogger(badgerLog{s.opt.Logger})
	db, err := badger.Open(o)
	if err != nil {
		if strings.Contains(err.Error(), "Cannot acquire directory lock") || strings.Contains(err.Error(), "Another process") {
			return fmt.Errorf("%w: %s (stop that process, or name another store with --store)", kg.ErrLocked, s.dir)
		}
		return fmt.Errorf("%w: badger: %v", kg.ErrCorrupt, err)
	}
	s.db = db
	return nil
}

// badgerLog passes badger's messages on, its information as debugging.
type badgerLog struct{ l *slog.Logger }

func (b badgerLog) Errorf(f string, a ...any)   { b.l.Error("badger: " + line(f, a)) }
func (b badgerLog) Warningf(f string, a ...any) { b.l.Warn("badger: " + line(f, a)) }
func (b badgerLog) Infof(f string, a ...any)    { b.l.Debug("badger: " + line(f, a)) }
func (b badgerLog) Debugf(f string, a ...any)   { b.l.Debug("badger: " + line(f, a)) }

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }

// checkFormat writes the FORMAT file of a new store and refuses a newer one.
func checkFormat(name string) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(name, fmt.Appendf(nil, "quaestor store %d\n", formatVersion), 0o644)
	}
	if err != nil {
		return err
	}
	v := 0
	if _, err := fmt.Sscanf(string(b), "quaestor store %d", &v); err != nil {
		return fmt.Errorf("%w: %s does not say which format the store has", kg.ErrCorrupt, name)
	}
	if v > formatVersion {
		return fmt.Errorf("%w: %s says %d, this program reads up to %d", kg.ErrFormat, name, v, formatVersion)
	}
	return nil
}

// removeStubs deletes empty write-ahead files, which a kill between creation
// and truncation leaves behind and on which badger's Open fails.
func removeStubs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".mem") && !strings.HasSuffix(e.Name(), ".vlog") {
			continue
		}
		if info, err := e.Info(); err == nil && info.Size() == 0 {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepAside links the tables and copies the manifest and write-ahead files.
// What an earlier attempt kept is older evidence and stays.
func keepAside(db, hold string) error {
	if _, err := os.Stat(hold); err == nil {
		return nil
	}
	entries, err := os.ReadDir(db)
	if err != nil {
		return err
	}
	tmp := hold + ".part"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(db, e.Name()), filepath.Join(tmp, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), ".sst"):
			err = os.Link(from, to)
		case e.Name() == "MANIFEST" || strings.HasSuffix(e.Name(), ".mem"):
			err = copySparse(from, to)
		}
		if err != nil {
			return err
		}
	}
	return os.Rename(tmp, hold)
}

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

// abandon closes what a failed Open has opened.
func (s *Store) abandon() {
	if s.witness != nil {
		s.witness.Close()
	}
	if s.db != nil && !s.db.IsClosed() {
		s.db.Close()
	}
}

// recover reads the root and everything it names, and compares its commit
// number with the witness.
func (s *Store) recover() error {
	r, err := readRoot(s.db)
	if err != nil {
		return err
	}
	if r == nil {
		r = &root{Format: formatVersion, Next: 1}
	}
	if err := s.openWitness(r); err != nil {
		return err
	}
	st, err := s.build(r)
	if err != nil {
		return err
	}
	st.refs.Store(1)
	s.cur = st
	s.alive[st] = true
	return nil
}

// build makes the state that a root names.
func (s *Store) build(r *root) (*state, error) {
	st := &state{root: r, version: r.Seq, dictionary: dictionary{s: s}, delta: &delta{newSortedSet(nil), newSortedSet(nil)}}
	err := s.db.View(func(txn *badger.Txn) error {
		for _, ref := range r.Segments {
			g, err := s.openSegment(txn, ref)
			if err != nil {
				return err
			}
			st.segments = append(st.segments, g)
			st.size += ref.Quads
		}
		for _, ref := range r.Runs {
			run, err := s.openRun(txn, ref)
			if err != nil {
				return err
			}
			st.runs = append(st.runs, run)
			for tag, t := range ref.Tags {
				st.next[tag] = max(st.next[tag], t.Base+uint64(t.Count))
			}
		}
		st.over = newOverflow(st.next)
		for _, l := range r.Log {
			b, err := getBlob(txn, kindLog, l.Seq, -1, l.Blob)
			if err != nil {
				return err
			}
			if err := st.replay(b); err != nil {
				return corrupt("log record %d: %v", l.Seq, err)
			}
		}
		return nil
	})
	return st, err
}

// Witness: a ring of slots, one written after each synced commit. It shows
// when badger has lost commits at the end of its log without noticing.
const (
	witnessSlot  = 24
	witnessSlots = 64
)

func (s *Store) openWitness(r *root) error {
	f, err := os.OpenFile(filepath.Join(s.dir, witnessFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	s.witness = f
	buf := make([]byte, witnessSlot*witnessSlots)
	n, _ := f.ReadAt(buf, 0) // a short file has fewer slots
	var newest uint64
	for i := 0; i+witnessSlot <= n; i += witnessSlot {
		slot := buf[i : i+witnessSlot]
		if binary.LittleEndian.Uint64(slot[16:]) != xxhash.Sum64(slot[:16]) {
			continue // empty, or torn by the crash
		}
		seq, chain := binary.LittleEndian.Uint64(slot), binary.LittleEndian.Uint64(slot[8:])
		newest = max(newest, seq)
		if seq == r.Seq && chain != r.Chain {
			return corrupt("commit %d has another content than %s remembers", seq, witnessFile)
		}
	}
	if newest > r.Seq {
		return corrupt("commit %d was acknowledged, but the newest to be found is %d", newest, r.Seq)
	}
	return nil
}

func (s *Store) writeWitness(seq, chain uint64) error {
	slot := binary.LittleEndian.AppendUint64(nil, seq)
	slot = binary.LittleEndian.AppendUint64(slot, chain)
	slot = binary.LittleEndian.AppendUint64(slot, xxhash.Sum64(slot))
	_, err := s.witness.WriteAt(slot, int64(seq%witnessSlots)*witnessSlot)
	return err
}

// Snapshot implements kg.Store.
func (s *Store) Snapshot() (kg.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, kg.ErrClosed
	}
	s.cur.refs.Add(1)
	return &snapshot{state: s.cur}, nil
}

// release drops one hold on a state.
func (s *Store) release(st *state) {
	if st.refs.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	delete(s.alive, st)
	s.mu.Unlock()
}

// current returns the newest state for the writer, who must hold s.writer.
func (s *Store) current(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, kg.ErrClosed
	case s.poisoned != nil:
		return nil, fmt.Errorf("%w since a write failed (%v): reopen the store", kg.ErrReadOnly, s.poisoned)
	}
	return s.cur, nil
}

// checkSpace refuses to write when the disk is nearly full: badger maps its
// files, and a full disk kills the process.
func (s *Store) checkSpace() error {
	free, err := s.opt.FreeSpace(s.dir)
	if err != nil {
		return err
	}
	if free < s.opt.MinFree {
		return fmt.Errorf("%w: %d MiB free on the disk of %s, %d MiB needed", kg.ErrDiskFull, free>>20, s.dir, s.opt.MinFree>>20)
	}
	return nil
}

// flip makes a root current, with records that belong in the same badger
// transaction. A failure leaves the store read-only: what reached the disk is
// not known.
func (s *Store) flip(r *root, next *state, with func(writer) error) error {
	body, err := r.encode()
	if err != nil {
		return err
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	if with != nil {
		if err := with(txn); err != nil {
			return s.poison(err)
		}
	}
	if err := txn.Set([]byte{kindRoot}, body); err != nil {
		return s.poison(err)
	}
	if err := txn.Commit(); err != nil {
		return s.poison(err)
	}
	if err := s.writeWitness(r.Seq, r.Chain); err != nil {
		return s.poison(err)
	}
	next.refs.Store(1)
	s.mu.Lock()
	old := s.cur
	s.cur = next
	s.alive[next] = true
	s.mu.Unlock()
	s.release(old)
	return nil
}

func (s *Store) poison(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poisoned == nil {
		s.poisoned = err
	}
	return fmt.Errorf("commit: %w", err)
}

// Close implements kg.Store. Snapshots must be closed before.
func (s *Store) Close() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	poisoned := s.poisoned
	s.mu.Unlock()
	err := errors.Join(s.witness.Sync(), s.witness.Close())
	err = errors.Join(err, s.db.Close())
	if err == nil && poisoned == nil {
		err = os.WriteFile(filepath.Join(s.dir, cleanFile), nil, 0o644)
	}
	return err
}
