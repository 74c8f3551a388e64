package generate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
)

// Options are the limits of a scheduler; the zero value is good.
type Options struct {
	Texts   int // texts in progress at a time; 0 = 16
	Waiting int // texts that may wait for their turn; 0 = 256
	// Budget is how many tokens a pass reads: texts that are being written come
	// first, prompts share what is left, so a long prompt holds nobody up for
	// longer than one pass. 0 = 128.
	Budget int
}

// ErrBusy says that too many texts are waiting.
var ErrBusy = errors.New("too many texts are waiting for the model: try again later")

var errClosed = errors.New("the model has been closed")

// Scheduler writes several texts at a time with one model. Texts come in turn;
// those in progress go on together, token by token.
type Scheduler struct {
	m *decode.Model
	o Options

	mu      sync.Mutex
	waiting []*job
	closed  bool
	wake    chan struct{} // one who waits has come, or left
	done    chan struct{} // the loop has ended
}

// New returns a scheduler. Close it before the model.
func New(m *decode.Model, o Options) *Scheduler {
	if o.Texts <= 0 {
		o.Texts = 16
	}
	if o.Waiting <= 0 {
		o.Waiting = 256
	}
	if o.Budget <= 0 {
		o.Budget = 128
	}
	s := &Scheduler{m: m, o: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.loop()
	return s
}

// Close ends all texts with an error and returns when the model is idle.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.poke()
	<-s.done
}

func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// job is a text with the one who waits for it.
type job struct {
	ctx context.Context
	t   *text

	mu     sync.Mutex
	pieces []Piece
	over   bool
	err    error
	signal chan struct{}
}

func (j *job) send(p Piece) {
	if p.Text == "" && len(p.Tokens) == 0 {
		return
	}
	j.mu.Lock()
	j.pieces = append(j.pieces, p)
	j.mu.Unlock()
	j.poke()
}

func (j *job) finish(err error) {
	j.mu.Lock()
	j.over, j.err = true, err
	j.mu.Unlock()
	j.poke()
}

func (j *job) poke() {
	select {
	case j.signal <- struct{}{}:
	default:
	}
}

// Generate writes a text and hands every piece to yield as it comes; yield ends
// the text by returning false. When the context is cancelled it returns at
// once, and the model forgets the text after the pass in progress.
func (s *Scheduler) Generate(ctx context.Context, r Request, yield func(Piece) bool) (Result, error) {
	t, err := newText(s.m, r)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j := &job{ctx: ctx, t: t, signal: make(chan struct{}, 1)}
	s.mu.Lock()
	switch {
	case s.closed:
		err = errClosed
	case len(s.waiting) >= s.o.Waiting:
		err = fmt.Errorf("%d texts: %w", len(s.waiting), ErrBusy)
	default:
		// The past is forked here, while the caller's branch stands still.
		if r.After != nil {
			t.branch = r.After.Fork()
		} else {
			t.branch = s.m.Start()
		}
		s.waiting = append(s.waiting, j)
	}
	s.mu.Unlock()
	if err != nil {
		return Result{}, err
	}
	s.poke()
	for {
		select {
		case <-ctx.Done():
			s.poke()
			return Result{}, ctx.Err()
		case <-j.signal:
		}
		j.mu.Lock()
		pieces, over, err := j.pieces, j.over, j.err
		j.pieces = nil
		j.mu.Unlock()
		for _, p := range pieces {
			if !yield(p) {
				cancel()
				s.poke()
				return Result{}, nil
			}
		}
		if over {
			return t.result, err
		}
	}
}

// loop makes one pass after another while there are texts.
func (s *Scheduler) loop() {
	defer close(s.done)
	var active []*job
	var feeds []decode.Feed
	turn := 0
	for {
		var closed bool
		if active, closed = s.admit(active); closed {
			for _, j := range active {
				j.t.branch.Release()
				j.finish(errClosed)
			}
			return
		}
		if len(active) == 0 {
			<-s.wake
			continue
		}
		turn++
		feeds = s.share(active, feeds[:0], turn)
		if err := s.m.Advance(feeds); err != nil {
			for _, j := range active { // cannot be: every text was checked
				j.t.branch.Release()
				j.finish(err)
			}
			active = active[:0]
			continue
		}
		still := active[:0]
		for i, j := range active {
			var err error
			if n := len(feeds[i].Tokens); n > 0 {
				err = j.t.read(n, feeds[i].Logits)
				j.send(j.t.take())
			}
			if err != nil || j.t.ended {
				j.t.branch.Release()
				j.finish(err)
				continue
			}
			still = append(still, j)
		}
		clear(active[len(still):])
		clear(feeds)
		active = still
	}
}

// admit drops the texts that nobody waits for any more and takes new ones.
func (s *Scheduler) admit(active []*job) (_ []*job, closed bool) {
	still := active[:0]
	for _, j := range active {
		if j.ctx.Err() != nil {
			j.t.branch.Release()
			continue
		}
		still = append(still, j)
	}
	clear(active[len(still):])
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 && (len(still) < s.o.Texts || s.closed) {
		j := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		if j.ctx.Err() != nil {
			j.t.branch.Release()
			continue
		}
		still = append(still, j)
	}
	return still, s.closed
}

// share decides what every text reads in the next pass: texts that are being
// written all they have, prompts an equal part of what is left of the budget,
// at least one token. The remainder goes to another one every turn.
func (s *Scheduler) share(active []*job, feeds []decode.Feed, turn int) []decode.Feed {
	left, readers := s.o.Budget, 0
	for _, j := range active {
		if j.t.reading {
			readers++
		} else {
			left -= len(j.t.pending)
		}
	}
	for i, j := range active {
		t := j.t
		f := decode.Feed{Branch: t.branch, Tokens: t.pending}
		if t.reading {
			part := max(1, left/readers)
			if i == turn%len(active) {
				part += max(0, left%readers)
			}
			f.Tokens = f.Tokens[:min(len(f.Tokens), part)]
		} else if t.sure < len(t.pending) {
			f.All = true
		}
		feeds = append(feeds, f)
	}
	return feeds
}
