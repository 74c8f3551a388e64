// Package api is every use case of the service once, free of any transport:
// query, update, ask, search, describe, complete, explain. The packages below
// it put protocols around a Service and must not import each other.
package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/shape"
	"github.com/quaestor-kg/quaestor/kg/text"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/sparql"
)

// Options configures a Service. Store is required; EnsureDefaults fills the
// rest.
type Options struct {
	Store kg.Store
	// Engine runs queries; nil means sparql.New with default options.
	Engine *sparql.Engine
	// Answerer answers questions; nil answers none (feature-off).
	Answerer reasoning.Answerer
	// Inference finds what the graph does not state; nil finds nothing
	// (feature-off).
	Inference *infer.Model
	// Writable allows updates.
	Writable bool
	// Limits bounds a query; MaxTimeout bounds what a request may ask for.
	Limits     sparql.Limits
	MaxTimeout time.Duration
	AskTimeout time.Duration
	// Slots is how many queries run at once, Queue how many may wait, and
	// QueueWait how long.
	Slots     int
	Queue     int
	QueueWait time.Duration
	// FeedbackFile keeps what people say about answers, JSON lines; empty: only
	// memory does.
	FeedbackFile string
	// Examples are questions to try, shown by the console.
	Examples []Example
	Logger   *slog.Logger
	// Build names the program's version.
	Build string
}

// EnsureDefaults fills unset options.
func (o *Options) EnsureDefaults() {
	if o.Engine == nil {
		o.Engine = sparql.New(sparql.Options{})
	}
	if o.Limits.Timeout == 0 {
		o.Limits.Timeout = 30 * time.Second
	}
	if o.Limits.MaxMemory == 0 {
		o.Limits.MaxMemory = 256 << 20
	}
	if o.MaxTimeout == 0 {
		o.MaxTimeout = 300 * time.Second
	}
	if o.AskTimeout == 0 {
		o.AskTimeout = 60 * time.Second
	}
	if o.Slots == 0 {
		o.Slots = 4
	}
	if o.Queue == 0 {
		o.Queue = 32
	}
	if o.QueueWait == 0 {
		o.QueueWait = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Example is a question or query that works on the loaded graph.
type Example struct {
	Question string `json:"question,omitempty"`
	Query    string `json:"query,omitempty"`
	Title    string `json:"title,omitempty"`
}

// Service offers the use cases over one store. It is safe for concurrent use.
type Service struct {
	opt      Options
	started  time.Time
	slots    chan struct{}
	asking   chan struct{} // one question decodes at a time
	waiting  atomic.Int64
	draining atomic.Bool
	queries  registry
	runs     runs
	feedback struct {
		mu  sync.Mutex
		all []Feedback
	}
	view     atomic.Pointer[View]
	building sync.Mutex
}

// New returns a service.
func New(o Options) (*Service, error) {
	if o.Store == nil {
		return nil, errors.New("api: a service needs a store")
	}
	o.EnsureDefaults()
	s := &Service{
		opt: o, started: time.Now(),
		slots: make(chan struct{}, o.Slots), asking: make(chan struct{}, 1),
	}
	return s, s.loadFeedback()
}

// Options returns the options in force.
func (s *Service) Options() Options { return s.opt }

// View is what the service derives from one version of the graph.
type View struct {
	Version uint64
	Text    *text.Index
	Shape   *shape.Shape
}

// Snapshot opens the newest state.
func (s *Service) Snapshot() (kg.Snapshot, error) { return s.opt.Store.Snapshot() }

// View returns the text index and shape of the snapshot's version. The first
// caller of a new version builds them; others wait.
func (s *Service) View(ctx context.Context, snap kg.Snapshot) (*View, error) {
	if v := s.view.Load(); v != nil && v.Version == snap.Version() {
		return v, nil
	}
	s.building.Lock()
	defer s.building.Unlock()
	if v := s.view.Load(); v != nil && v.Version == snap.Version() {
		return v, nil
	}
	start := time.Now()
	idx, err := text.Build(ctx, snap)
	if err != nil {
		return nil, err
	}
	sh, err := shape.Build(ctx, snap)
	if err != nil {
		return nil, err
	}
	v := &View{Version: snap.Version(), Text: idx, Shape: sh}
	s.view.Store(v)
	s.opt.Logger.Debug("text index and shape built", "version", v.Version, "took", time.Since(start).Round(time.Millisecond))
	return v, nil
}

// Drain makes the service refuse new work; running work goes on.
func (s *Service) Drain() { s.draining.Store(true) }

// Draining reports whether Drain was called.
func (s *Service) Draining() bool { return s.draining.Load() }

// Errors of admission; see Classify for their problems.
var (
	ErrDraining   = errors.New("the service is shutting down")
	ErrQueueFull  = errors.New("too many queries are waiting")
	ErrFeatureOff = errors.New("this service does not offer that")
	ErrNotFound   = errors.New("not found")
)

// admit takes a slot, waiting at most QueueWait, and returns its release.
func (s *Service) admit(ctx context.Context, slots chan struct{}) (func(), error) {
	if s.draining.Load() {
		return nil, ErrDraining
	}
	release := func() { <-slots }
	select {
	case slots <- struct{}{}:
		return release, nil
	default:
	}
	if s.waiting.Add(1) > int64(s.opt.Queue) {
		s.waiting.Add(-1)
		return nil, ErrQueueFull
	}
	defer s.waiting.Add(-1)
	timer := time.NewTimer(s.opt.QueueWait)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return release, nil
	case <-timer.C:
		return nil, ErrQueueFull
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
