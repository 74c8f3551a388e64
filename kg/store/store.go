package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
	"github.com/quaestor-kg/quaestor/kg/store/internal/guard"
)

// Store is a kg.Store on disk.
type Store struct {
	dir     string
	opt     Options
	lock    *os.File
	witness *guard.Witness
	space   guard.Space
	cache   cache
	numbers atomic.Uint64 // next number of a segment or run; never reused

	dbMu sync.RWMutex // held for writing only to close badger
	db   *badger.DB

	// writer is held, by a token in it, by Update, Load and Compact. The fields
	// below it belong to its holder.
	writer     chan struct{}
	background *job  // compaction in the background
	tail       *tail // commits since it began

	mu       sync.Mutex // guards the rest
	cur      *state
	named    map[string]*state
	closed   bool
	poisoned error // why the store is read-only
	tight    error // why it was opened for reading alone; set by Open
	unsynced *ack  // newest commit that waits for the next sync

	gc        sync.Mutex // guards pins, users and the next two
	dead      [][]byte   // keys that no state can read
	abandoned []uint64   // segments and runs that were staged in vain
	states    atomic.Int64

	quit chan struct{} // ends the housekeeping
	done sync.WaitGroup
}

// ack is a commit to be witnessed.
type ack struct{ seq, chain uint64 }

var _ kg.Store = (*Store)(nil)

const numMemtables = 3

// Open opens or creates the store in a folder. It returns kg.ErrLocked if
// another process has it, kg.ErrFormat if a newer program wrote it, and
// kg.ErrCorrupt if what is there contradicts its own checksums; then the
// folder is left as it was found.
func Open(dir string, o Options) (*Store, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := guard.Lock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, opt: o, lock: lock,
		space:  guard.Space{Dir: dir, Ask: o.FreeSpace},
		cache:  cache{budget: o.BlockCacheBytes},
		writer: make(chan struct{}, 1),
		named:  map[string]*state{},
		quit:   make(chan struct{}),
	}
	if err := s.open(); err != nil {
		s.abandonOpen()
		return nil, err
	}
	s.done.Add(1)
	go s.housekeeping()
	return s, nil
}

// open brings up badger and the newest state. After an unclean stop badger's
// files are kept aside until the root and all it names have been found intact.
func (s *Store) open() error {
	if s.opt.BallastBytes == 0 {
		if err := guard.Ballast(s.dir, 0); err != nil {
			return err
		}
	}
	tight, err := s.tooTightToOpen()
	if err != nil {
		return err
	}
	if tight != nil {
		return s.openTight(tight)
	}
	if err := guard.CheckFormat(s.dir, formatVersion); err != nil {
		return err
	}
	if err := os.MkdirAll(guard.DB(s.dir), 0o755); err != nil {
		return err
	}
	if s.opt.BallastBytes > 0 {
		if err := guard.Ballast(s.dir, s.opt.BallastBytes); err != nil {
			return err
		}
	}
	clean, err := guard.TakeClean(s.dir)
	if err != nil {
		return err
	}
	if clean {
		if err := guard.DropHold(s.dir); err != nil {
			return err
		}
		if err := checkTables(s.dir, false); err != nil {
			return err
		}
		if err := s.openBadger(2, false); err != nil {
			return err
		}
		return s.recover()
	}
	if err := checkTables(s.dir, true); err != nil {
		return err
	}
	if err := guard.KeepAside(s.dir); err != nil {
		return err
	}
	if err := guard.RemoveStubs(s.dir); err != nil {
		return err
	}
	// No compactors: they empty a table before they unlink it, and with it the
	// link in hold/.
	err = s.openBadger(0, false)
	if err == nil {
		if err = s.recover(); err == nil {
			err = s.sweep()
		}
		s.forget()
		err = errors.Join(err, s.closeBadger())
	}
	if errors.Is(err, kg.ErrCorrupt) {
		return errors.Join(err, guard.PutBack(s.dir))
	}
	if err != nil {
		return err
	}
	if err := guard.DropHold(s.dir); err != nil {
		return err
	}
	if err := s.openBadger(2, false); err != nil {
		return err
	}
	return s.recover()
}

// workspace is the disk space, in bytes, that badger may take when it opens or
// closes: a write-ahead file and a table.
func (s *Store) workspace() int64 { return 2*s.opt.MemTableSize + 16<<20 }

// tooTightToOpen returns the reason if the disk has no room for the files that
// badger maps when it opens: writing to a mapped page that the disk cannot hold
// kills the process.
func (s *Store) tooTightToOpen() (tight, err error) {
	free, err := s.space.Free()
	if err != nil {
		return nil, err
	}
	if need := s.workspace(); free < need {
		return fmt.Errorf("%w: %d MiB on the disk of %s, %d MiB are needed to open it for writing; free some, then try again", kg.ErrDiskFull, free>>20, s.dir, need>>20), nil
	}
	return nil, nil
}

// openTight opens a store that was closed cleanly for reading alone, without
// writing a byte. One that is new or needs recovery cannot be opened so.
func (s *Store) openTight(tight error) error {
	if clean, err := guard.Clean(s.dir); err != nil || !clean {
		return errors.Join(tight, err)
	}
	if err := guard.CheckFormat(s.dir, formatVersion); err != nil {
		return err
	}
	if err := checkTables(s.dir, false); err != nil {
		return err
	}
	s.tight = tight
	s.opt.Logger.Warn("store: opened for reading alone", "error", tight)
	if err := s.openBadger(0, true); err != nil {
		return err
	}
	return s.recover()
}

func (s *Store) openBadger(compactors int, readOnly bool) (err error) {
	// Badger's own goroutines may panic on damage, and so may Open itself.
	defer func() {
		if p := recover(); p != nil {
			err = corrupt("%s: badger: %v", s.dir, p)
		}
	}()
	o := badger.DefaultOptions(guard.DB(s.dir)).
		WithSyncWrites(s.opt.Durability == Commit).
		WithDetectConflicts(false). // one writer
		WithNumVersionsToKeep(1).
		WithMemTableSize(s.opt.MemTableSize).
		WithNumMemtables(numMemtables).
		WithValueThreshold(min(1<<20, s.opt.MemTableSize/10)). // above any value: the value log stays empty
		WithValueLogFileSize(64 << 20).
		WithCompression(options.None). // blocks are dense
		WithBlockCacheSize(32 << 20).
		WithIndexCacheSize(64 << 20).
		WithNumCompactors(compactors).
		WithReadOnly(readOnly).
		WithBlockSize(16 << 10).
		WithChecksumVerificationMode(options.NoVerification). // ours are checked; badger's mode kills the process
		WithVerifyValueChecksum(true).
		WithMetricsEnabled(true).
		WithLogger(badgerLog{s.opt.Logger})
	db, err := badger.Open(o)
	if err != nil {
		if strings.Contains(err.Error(), "directory lock") || strings.Contains(err.Error(), "Another process") {
			return fmt.Errorf("%w: %s; stop that process, or name another store", kg.ErrLocked, s.dir)
		}
		return corrupt("%s: badger does not open: %v", s.dir, err)
	}
	s.dbMu.Lock()
	s.db = db
	s.dbMu.Unlock()
	return nil
}

func (s *Store) closeBadger() error {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	return err
}

// abandonOpen closes what a failed Open has opened.
func (s *Store) abandonOpen() {
	if s.witness != nil {
		s.witness.Close()
	}
	if err := s.closeBadger(); err != nil {
		s.opt.Logger.Warn("store: close after a failed open", "error", err)
	}
	s.lock.Close()
}

// leave ends the use of a store whose disk has become too full to close badger,
// which would write a table through a mapped file and kill the process. What
// was committed is in its log and is recovered by the next Open, of another
// process: badger keeps its folder locked until this one ends.
func (s *Store) leave(free int64) error {
	s.opt.Logger.Warn("store: the disk is full, left as after a crash; free some space before it is opened again",
		"store", s.dir, "free_mib", free>>20, "need_mib", s.workspace()>>20)
	var err error
	if s.opt.Durability != Commit {
		err = s.syncNow()
	}
	return errors.Join(err, s.witness.Close(), s.lock.Close())
}

// badgerLog passes badger's messages on, its information as debugging.
type badgerLog struct{ l *slog.Logger }

func (b badgerLog) Errorf(f string, a ...any)   { b.l.Error("badger: " + line(f, a)) }
func (b badgerLog) Warningf(f string, a ...any) { b.l.Warn("badger: " + line(f, a)) }
func (b badgerLog) Infof(f string, a ...any)    { b.l.Debug("badger: " + line(f, a)) }
func (b badgerLog) Debugf(f string, a ...any)   { b.l.Debug("badger: " + line(f, a)) }

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }

// recover reads the root, everything it names, and the log records after it,
// and compares the result with the witness.
func (s *Store) recover() error {
	r, err := readRoot(s.db)
	if err != nil {
		return err
	}
	if s.witness == nil {
		if s.witness, err = guard.OpenWitness(s.dir); err != nil {
			return err
		}
	}
	if r == nil {
		// A new store gets its root before its first commit; a store that has
		// lost its root may still have log records, but never a witness of none.
		if err := s.witness.Check(0, 0); err != nil {
			return err
		}
		r = &root{Format: formatVersion, Next: 1}
		if err := s.writeRoot(r); err != nil {
			return err
		}
	}
	s.numbers.Store(r.Next)
	var known map[index.Place]*index.Ref
	if len(r.Named) > 0 {
		known = map[index.Place]*index.Ref{}
	}
	st, err := s.build(r, nil, known)
	if err != nil {
		return err
	}
	if err := s.replay(st); err != nil {
		return err
	}
	if err := s.witness.Check(st.version, st.chain); err != nil {
		return err
	}
	s.hold(st)
	s.cur = st
	for name, nr := range r.Named {
		ns, err := s.build(nr, st, known)
		if err != nil {
			return fmt.Errorf("snapshot %q: %w", name, err)
		}
		s.hold(ns)
		s.named[name] = ns
	}
	return nil
}

// forget drops the states of a first, trial opening.
func (s *Store) forget() {
	s.cur, s.named, s.dead = nil, map[string]*state{}, nil
	s.states.Store(0)
}

// build makes the state that a root names, without the log records after it.
// It shares with prev, which may be nil, what both have.
func (s *Store) build(r *root, prev *state, known map[index.Place]*index.Ref) (*state, error) {
	st := &state{root: r, version: r.Seq, chain: r.Chain, dictionary: dictionary{s: s}}
	st.refs.Store(1)
	err := s.view(func(txn *badger.Txn) (err error) {
		if prev != nil && prev.base.ref.ID == r.Base.ID {
			st.base = prev.base
		} else if st.base, err = s.openBase(txn, r.Base, known); err != nil {
			return err
		}
		var known []*run
		if prev != nil {
			known = prev.runs
		}
		if st.runs, err = s.openRuns(txn, r.Runs, known); err != nil {
			return err
		}
		for _, ref := range r.Runs {
			for tag, t := range ref.Tags {
				st.next[tag] = max(st.next[tag], t.Base+uint64(t.Count))
			}
		}
		return nil
	})
	st.over = newOverflow(st.next)
	if err == nil {
		st.view = s.viewOf(st.base, index.NewDelta().Freeze())
	}
	return st, err
}

// replay applies the log records that follow the root.
func (s *Store) replay(st *state) error {
	d := index.NewDelta()
	err := s.view(func(txn *badger.Txn) error {
		for {
			c, chain, err := getLog(txn, st.version+1, st.chain)
			if err != nil || c == nil {
				return err
			}
			c.apply(d)
			st.extend(c.terms)
			st.version++
			st.chain = chain
		}
	})
	st.view.Delta = d.Freeze()
	return err
}

// writeRoot makes a root current on disk.
func (s *Store) writeRoot(r *root) error {
	r.Next = max(r.Next, s.numbers.Load())
	body, err := r.encode()
	if err != nil {
		return err
	}
	return s.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte{kindRoot}, body) })
}

// stage writes records that no root names yet.
func (s *Store) stage(put func(writer) error) error {
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	if err := put(wb); err != nil {
		return err
	}
	if err := wb.Flush(); err != nil {
		return s.poison(err)
	}
	return nil
}

var _ writer = (*badger.WriteBatch)(nil)

// acknowledge notes a commit that badger has taken, when it is as durable as
// promised.
func (s *Store) acknowledge(seq, chain uint64) error {
	if s.opt.Durability == Commit {
		return s.witness.Write(seq, chain)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsynced = &ack{seq, chain}
	return nil
}

// publish makes a state the newest one.
func (s *Store) publish(next *state) {
	next.refs.Store(1)
	s.hold(next)
	s.mu.Lock()
	old := s.cur
	s.cur = next
	s.mu.Unlock()
	old.release()
}

// housekeeping syncs what is not synced at once.
func (s *Store) housekeeping() {
	defer s.done.Done()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		if s.opt.Durability == Interval {
			if err := s.syncNow(); err != nil {
				s.poison(err)
			}
		}
		if n%10 == 0 && s.opt.Durability != None {
			if err := s.witness.Sync(); err != nil {
				s.poison(err)
			}
		}
	}
}

// syncNow makes all commits so far durable and witnesses the newest.
func (s *Store) syncNow() error {
	s.mu.Lock()
	a := s.unsynced
	s.unsynced = nil
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	if err := guard.SyncLogs(s.dir); err != nil {
		return err
	}
	return s.witness.Write(a.seq, a.chain)
}

// Snapshot implements kg.Store.
func (s *Store) Snapshot() (kg.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, kg.ErrClosed
	}
	s.cur.refs.Add(1) // the store's own hold keeps it above zero
	return &snapshot{state: s.cur}, nil
}

// lockWriter waits for its turn to write.
func (s *Store) lockWriter(ctx context.Context) error {
	select {
	case s.writer <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) unlockWriter() { <-s.writer }

// writable returns the newest state for the holder of the writer's lock.
func (s *Store) writable(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, kg.ErrClosed
	case s.opt.ReadOnly:
		return nil, fmt.Errorf("%w: %s was opened so", kg.ErrReadOnly, s.dir)
	case s.tight != nil:
		return nil, fmt.Errorf("the store was opened for reading alone: %w, and reopen the store", s.tight)
	case s.poisoned != nil:
		return nil, fmt.Errorf("%w since a write failed: %v; free the cause and reopen the store", kg.ErrReadOnly, s.poisoned)
	}
	return s.cur, nil
}

// checkSpace refuses to write when the disk is nearly full: badger maps its
// files, and a full disk kills the process.
func (s *Store) checkSpace() error {
	free, err := s.space.Free()
	if err != nil {
		return err
	}
	if free < s.opt.MinFree {
		return fmt.Errorf("%w: %d MiB on the disk of %s, %d MiB are needed; free some, then try again", kg.ErrDiskFull, free>>20, s.dir, s.opt.MinFree>>20)
	}
	return nil
}

// poison makes the store read-only after a failed write: what of it has
// reached the disk is not known, and a second sync may not tell.
func (s *Store) poison(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poisoned == nil {
		s.poisoned = err
		s.opt.Logger.Error("store: a write failed, read-only from here", "store", s.dir, "error", err)
	}
	return fmt.Errorf("store: write: %w", err)
}

// Close implements kg.Store. Snapshots ought to be closed before; reading one
// afterwards gives kg.ErrClosed.
func (s *Store) Close() error {
	if err := s.lockWriter(context.Background()); err != nil {
		return err
	}
	defer s.unlockWriter()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	poisoned := s.poisoned
	s.mu.Unlock()
	s.stopBackground()
	close(s.quit)
	s.done.Wait()
	if s.tight == nil {
		if free, err := s.space.Free(); err == nil && free < s.workspace() {
			return s.leave(free)
		}
	}
	var err error
	wrote := poisoned == nil && s.tight == nil
	if wrote {
		err = s.purge()
	}
	own := int64(1 + len(s.named))
	err = errors.Join(err, s.closeBadger())
	if err == nil && s.opt.Durability != Commit && wrote {
		err = errors.Join(guard.SyncLogs(s.dir), s.witness.Write(s.cur.version, s.cur.chain))
	}
	err = errors.Join(err, s.witness.Close())
	// With a snapshot open, what it holds has not been deleted: the next Open
	// sweeps it, as after a crash.
	if err == nil && wrote && s.states.Load() == own {
		err = guard.WriteClean(s.dir)
	}
	return errors.Join(err, s.lock.Close())
}
