package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning"
)

// MaxQuestion is the length of the longest question, in bytes.
const MaxQuestion = 4 << 10

// RunEvent is one recorded event of a run. IDs count from 1.
type RunEvent struct {
	ID    int             `json:"id"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Run is a question being answered, or answered, with all its events.
type Run struct {
	ID       string `json:"run"`
	Question string `json:"question"`
	Started  time.Time
	cancel   context.CancelFunc
	asked    reasoning.Question

	mu      sync.Mutex
	events  []RunEvent
	answer  *reasoning.Answer // nil until there is one
	ended   bool
	changed chan struct{} // closed and replaced at every change
}

// Events returns the recorded events with an id above after, whether the run
// has ended, and a channel that closes at the next change.
func (r *Run) Events(after int) ([]RunEvent, bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	after = min(max(after, 0), len(r.events))
	return r.events[after:len(r.events):len(r.events)], r.ended, r.changed
}

func (r *Run) add(name string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, RunEvent{len(r.events) + 1, name, data})
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

func (r *Run) answered(a *reasoning.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = a
}

// Answer returns the answer; nil if there is none, or not yet.
func (r *Run) Answer() *reasoning.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer
}

func (r *Run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	close(r.changed)
	r.changed = make(chan struct{})
}

// runs keeps the last runs so that a client can come back to them.
type runs struct {
	mu    sync.Mutex
	byID  map[string]*Run
	order []string
}

const keptRuns = 500

func (r *runs) put(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[string]*Run{}
	}
	r.byID[run.ID] = run
	r.order = append(r.order, run.ID)
	for len(r.order) > keptRuns {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *runs) get(id string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// Run returns a recorded run; ErrNotFound if it is unknown or forgotten.
func (s *Service) Run(id string) (*Run, error) {
	if r := s.runs.get(id); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("%w: no run %s (the last %d are kept)", ErrNotFound, id, keptRuns)
}

// CancelRun stops a run.
func (s *Service) CancelRun(ctx context.Context, id string) error {
	r, err := s.Run(id)
	if err != nil {
		return err
	}
	r.cancel()
	for {
		_, ended, changed := r.Events(1 << 30)
		if ended {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// checkQuestion refuses what cannot be a question before any work is done.
func checkQuestion(q string) error {
	switch {
	case strings.TrimSpace(q) == "":
		return NewProblem("bad-parameter", "the question is empty: write one, such as one of the examples")
	case len(q) > MaxQuestion:
		return NewProblem("too-large", fmt.Sprintf("the question has %d bytes; at most %d are read: ask something shorter", len(q), MaxQuestion))
	}
	return nil
}

// StartAsk begins to answer a question and returns its run at once. The run
// ends with ctx, with CancelRun or after the ask timeout.
func (s *Service) StartAsk(ctx context.Context, q reasoning.Question) (*Run, error) {
	if s.opt.Answerer == nil {
		return nil, fmtFeatureOff("questions")
	}
	if err := checkQuestion(q.Text); err != nil {
		return nil, err
	}
	if err := s.follow(&q); err != nil {
		return nil, err
	}
	release, err := s.admit(ctx, s.asking)
	if err != nil {
		return nil, err
	}
	if q.Run == "" {
		q.Run = NewID()
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.AskTimeout)
	run := &Run{ID: q.Run, Question: q.Text, Started: time.Now(), asked: q, cancel: cancel, changed: make(chan struct{})}
	s.runs.put(run)
	go func() {
		defer release()
		defer cancel()
		defer run.end()
		s.answer(ctx, run, q)
	}()
	return run, nil
}

// answer runs the answerer and records its events. A panic in it is a failed
// question, not a failed service.
func (s *Service) answer(ctx context.Context, run *Run, q reasoning.Question) {
	e := s.queries.start(run.ID, "ask", q.Text, run.cancel)
	var err error
	defer func() { s.queries.end(e, 0, err) }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("question %s: panic: %v", run.ID, p)
			s.opt.Logger.Error("question failed", "run", run.ID, "panic", p)
			s.fail(run, err)
		}
	}()
	ended := false
	var a *reasoning.Answer
	a, err = s.askOnce(ctx, q, func(ev reasoning.Event) {
		ended = ended || ev.Name == "end"
		if e := run.add(ev.Name, ev.Data); e != nil {
			s.opt.Logger.Error("event not recorded", "run", run.ID, "err", e)
		}
	})
	run.answered(a)
	if err != nil && !ended {
		s.opt.Logger.Debug("question ended", "run", run.ID, "err", err)
		s.fail(run, err)
	}
}

// fail closes a run that the answerer did not: with a problem, and an end.
func (s *Service) fail(run *Run, err error) {
	outcome := "failed"
	if errors.Is(err, context.Canceled) {
		outcome = "cancelled"
	} else if e := run.add("problem", Classify(err)); e != nil {
		s.opt.Logger.Error("event not recorded", "run", run.ID, "err", e)
	}
	if e := run.add("end", reasoning.End{Outcome: outcome, Ms: time.Since(run.Started).Milliseconds()}); e != nil {
		s.opt.Logger.Error("event not recorded", "run", run.ID, "err", e)
	}
}

func (s *Service) askOnce(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	snap, err := s.snapshotAt(q.At)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	return s.opt.Answerer.Answer(ctx, snap, q, emit)
}

// Ask answers a question and waits for the answer. emit may be nil.
func (s *Service) Ask(ctx context.Context, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	if s.opt.Answerer == nil {
		return nil, fmtFeatureOff("questions")
	}
	if err := checkQuestion(q.Text); err != nil {
		return nil, err
	}
	if err := s.follow(&q); err != nil {
		return nil, err
	}
	release, err := s.admit(ctx, s.asking)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.opt.AskTimeout)
	defer cancel()
	if q.Run == "" {
		q.Run = NewID()
	}
	run := &Run{ID: q.Run, Question: q.Text, Started: time.Now(), asked: q, cancel: cancel, changed: make(chan struct{})}
	s.runs.put(run)
	defer run.end()
	a, err := s.askOnce(ctx, q, func(ev reasoning.Event) {
		if e := run.add(ev.Name, ev.Data); e != nil {
			s.opt.Logger.Error("event not recorded", "run", run.ID, "err", e)
		}
		if emit != nil {
			emit(ev)
		}
	})
	run.answered(a)
	return a, err
}
