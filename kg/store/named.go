package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

// ErrNoSnapshot: no snapshot has that name or version.
var ErrNoSnapshot = errors.New("store: no such snapshot")

// SnapshotInfo describes a named snapshot.
type SnapshotInfo struct {
	Name    string    `json:"name"`
	Version uint64    `json:"version"`
	Quads   int64     `json:"quads"`
	Saved   time.Time `json:"saved"`
	// Blocks is the number of blocks that only this snapshot keeps from being
	// deleted: its cost.
	Blocks int `json:"blocks"`
}

// SaveSnapshot keeps the newest state under a name until DropSnapshot. Recent
// changes are compacted first, so that a root alone describes it.
func (s *Store) SaveSnapshot(ctx context.Context, name string) (SnapshotInfo, error) {
	if name == "" || len(name) > 200 {
		return SnapshotInfo{}, fmt.Errorf("store: a snapshot's name has 1 to 200 bytes, not %d", len(name))
	}
	if _, err := strconv.ParseUint(name, 10, 64); err == nil {
		return SnapshotInfo{}, fmt.Errorf("store: the snapshot name %q would be mistaken for a version", name)
	}
	if err := s.lockWriter(ctx); err != nil {
		return SnapshotInfo{}, err
	}
	defer s.unlockWriter()
	if _, err := s.writable(ctx); err != nil {
		return SnapshotInfo{}, err
	}
	if _, ok := s.named[name]; ok {
		return SnapshotInfo{}, fmt.Errorf("store: there is a snapshot %q already; drop it first", name)
	}
	s.stopBackground()
	if err := s.compactNow(ctx); err != nil {
		return SnapshotInfo{}, err
	}
	if err := s.checkSpace(); err != nil {
		return SnapshotInfo{}, err
	}
	st := s.cur
	kept := *st.root
	kept.Named, kept.Saved = nil, time.Now().UTC()
	err := s.rename(st, func(named map[string]*root) { named[name] = &kept })
	if err != nil {
		return SnapshotInfo{}, err
	}
	ns := &state{dictionary: s.cur.dictionary, view: st.view, base: st.base, root: &kept, version: st.version, chain: st.chain}
	ns.refs.Store(1)
	s.hold(ns)
	s.mu.Lock()
	s.named[name] = ns
	s.mu.Unlock()
	return s.info(name, ns), nil
}

// rename replaces the root by one with other named snapshots.
func (s *Store) rename(st *state, edit func(map[string]*root)) error {
	r := *st.root
	r.Named = maps.Clone(r.Named)
	if r.Named == nil {
		r.Named = map[string]*root{}
	}
	edit(r.Named)
	if err := s.writeRoot(&r); err != nil {
		return s.poison(err)
	}
	next := &state{dictionary: st.dictionary, view: st.view, base: st.base, root: &r, version: st.version, chain: st.chain}
	s.publish(next)
	return nil
}

// DropSnapshot gives up a named snapshot; open readers keep theirs.
func (s *Store) DropSnapshot(ctx context.Context, name string) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	st, err := s.writable(ctx)
	if err != nil {
		return err
	}
	ns := s.named[name]
	if ns == nil {
		return fmt.Errorf("%w: %q", ErrNoSnapshot, name)
	}
	if err := s.rename(st, func(named map[string]*root) { delete(named, name) }); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.named, name)
	s.mu.Unlock()
	ns.release()
	if s.background == nil {
		return s.purge()
	}
	return nil
}

// Snapshots lists the named snapshots by version, then name.
func (s *Store) Snapshots() ([]SnapshotInfo, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, kg.ErrClosed
	}
	named := maps.Clone(s.named)
	s.mu.Unlock()
	var out []SnapshotInfo
	for name, st := range named {
		out = append(out, s.info(name, st))
	}
	slices.SortFunc(out, func(a, b SnapshotInfo) int {
		if a.Version != b.Version {
			if a.Version < b.Version {
				return -1
			}
			return 1
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out, nil
}

func (s *Store) info(name string, st *state) SnapshotInfo {
	i := SnapshotInfo{Name: name, Version: st.version, Quads: st.view.Size(), Saved: st.root.Saved}
	s.gc.Lock()
	defer s.gc.Unlock()
	if st.base.users > 1 {
		return i // the newest state, or another snapshot, has the same blocks
	}
	for _, d := range st.base.dirs {
		if d != nil {
			for _, r := range d.Refs {
				if r.Pins == 1 {
					i.Blocks++
				}
			}
		}
	}
	return i
}

// SnapshotAt opens a snapshot by its name, or by the version of the newest
// state or of a named snapshot. ErrNoSnapshot names the nearest there is.
func (s *Store) SnapshotAt(nameOrVersion string) (kg.Snapshot, error) {
	version, err := strconv.ParseUint(nameOrVersion, 10, 64)
	byVersion := err == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, kg.ErrClosed
	}
	st := s.named[nameOrVersion]
	if byVersion {
		nearest := s.cur.version
		if version == s.cur.version {
			st = s.cur
		}
		for _, n := range s.named {
			if n.version == version && st == nil {
				st = n
			}
			if distance(n.version, version) < distance(nearest, version) {
				nearest = n.version
			}
		}
		if st == nil {
			return nil, fmt.Errorf("%w: version %d is not kept; the nearest is %d", ErrNoSnapshot, version, nearest)
		}
	}
	if st == nil || !st.acquire() {
		return nil, fmt.Errorf("%w: %q", ErrNoSnapshot, nameOrVersion)
	}
	return &snapshot{state: st}, nil
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }
