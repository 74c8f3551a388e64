package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// NewID returns a random identifier of 16 hexadecimal digits.
func NewID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Running describes a query or question, running or ended.
type Running struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // query, update or ask
	Text    string    `json:"text"`
	Started time.Time `json:"started"`
	Ms      int64     `json:"ms"`
	Rows    int64     `json:"rows"`
	State   string    `json:"state"` // running, done, cancelled, failed
	Problem *Problem  `json:"problem,omitempty"`
}

const (
	historyLength = 200
	historyText   = 4 << 10 // characters kept of a query text
)

// registry knows the running work and the last of what ended.
type registry struct {
	mu      sync.Mutex
	running map[string]*entry
	history []Running // oldest first
}

type entry struct {
	Running
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *registry) start(id, kind, text string, cancel context.CancelFunc) *entry {
	if len(text) > historyText {
		text = text[:historyText]
	}
	e := &entry{Running: Running{ID: id, Kind: kind, Text: text, Started: time.Now(), State: "running"}, cancel: cancel, done: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = map[string]*entry{}
	}
	r.running[id] = e
	return e
}

func (r *registry) end(e *entry, rows int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Rows, e.Ms, e.State = rows, time.Since(e.Started).Milliseconds(), "done"
	if err != nil {
		e.State, e.Problem = "failed", Classify(err)
		if e.Problem.Status == 499 {
			e.State = "cancelled"
		}
	}
	if r.running[e.ID] == e {
		delete(r.running, e.ID)
	}
	r.history = append(r.history, e.Running)
	if n := len(r.history) - historyLength; n > 0 {
		r.history = slices.Delete(r.history, 0, n)
	}
	close(e.done)
}

// Running lists the running work, oldest first.
func (s *Service) Running() []Running {
	s.queries.mu.Lock()
	defer s.queries.mu.Unlock()
	list := make([]Running, 0, len(s.queries.running))
	for _, e := range s.queries.running {
		q := e.Running
		q.Ms = time.Since(q.Started).Milliseconds()
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b Running) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
	return list
}

// History lists ended work, newest first.
func (s *Service) History() []Running {
	s.queries.mu.Lock()
	defer s.queries.mu.Unlock()
	list := slices.Clone(s.queries.history)
	slices.Reverse(list)
	return list
}

// Cancel stops running work and waits, at most until ctx ends, for it to have
// stopped. It returns ErrNotFound for unknown ids.
func (s *Service) Cancel(ctx context.Context, id string) error {
	s.queries.mu.Lock()
	e := s.queries.running[id]
	s.queries.mu.Unlock()
	if e == nil {
		return ErrNotFound
	}
	e.cancel()
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// QueryRequest is one SPARQL query.
type QueryRequest struct {
	ID      string // for cancelling; made up when empty
	Text    string
	Base    string
	Dataset sparql.Dataset
	// Timeout and MaxRows may lower the service's limits; Timeout may raise
	// the default up to MaxTimeout.
	Timeout time.Duration
	MaxRows int64
}

// Query runs a query and calls use with its result while the snapshot is open.
// use gets the snapshot's version too.
func (s *Service) Query(ctx context.Context, r QueryRequest, use func(res *sparql.Result, version uint64) error) (err error) {
	q, err := s.opt.Engine.Prepare(r.Text, r.Base)
	if err != nil {
		return err
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.ID == "" {
		r.ID = NewID()
	}
	e := s.queries.start(r.ID, "query", r.Text, cancel)
	defer func() { s.queries.end(e, 0, err) }()
	snap, err := s.opt.Store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	res, err := q.Run(ctx, snap, s.limits(r.Timeout, r.MaxRows), r.Dataset)
	if err != nil {
		return err
	}
	defer res.Close()
	return use(res, snap.Version())
}

func (s *Service) limits(timeout time.Duration, rows int64) sparql.Limits {
	l := s.opt.Limits
	if timeout > 0 {
		l.Timeout = min(timeout, s.opt.MaxTimeout)
	}
	if rows > 0 && (l.MaxRows == 0 || rows < l.MaxRows) {
		l.MaxRows = rows
	}
	return l
}

// Update runs a SPARQL update in one transaction.
func (s *Service) Update(ctx context.Context, text, base string, ds sparql.Dataset) (stats sparql.UpdateStats, err error) {
	if !s.opt.Writable {
		return stats, fmtFeatureOff("updates (start with --writable)")
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return stats, err
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := s.queries.start(NewID(), "update", text, cancel)
	defer func() { s.queries.end(e, stats.Added+stats.Removed, err) }()
	return s.opt.Engine.Update(ctx, s.opt.Store, text, base, s.opt.Limits, ds)
}

// Explain returns the plan of a query, with counters if it is to be run.
func (s *Service) Explain(ctx context.Context, text string, run bool) (plan *sparql.Plan, err error) {
	q, err := s.opt.Engine.Prepare(text, "")
	if err != nil {
		return nil, err
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return nil, err
	}
	defer release()
	snap, err := s.opt.Store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	return q.Explain(ctx, snap, s.opt.Limits, run)
}

// Graphs calls use with the newest snapshot.
func (s *Service) withSnapshot(use func(kg.Snapshot) error) error {
	snap, err := s.opt.Store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	return use(snap)
}
