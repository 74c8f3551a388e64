package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Pool runs the parts of a job on a fixed set of goroutines. Between jobs the
// workers spin for some ten microseconds, because the next layer of a decoder
// follows at once, and then block, because a server must not burn a core.
//
// The caller takes parts like any worker, and no part is assigned in advance:
// when the other cores are busy with other programs the caller does all the
// work itself, so more threads never cost more than a little.
type Pool struct {
	mu      sync.Mutex // held while a job runs
	workers int
	job     atomic.Pointer[Job]
	// ticket = generation<<32 | parts<<16 | next part. A worker claims a part
	// by compare-and-swap, so one that wakes up late cannot touch a later job.
	ticket atomic.Uint64
	left   atomic.Int64  // unfinished parts of this job
	done   chan struct{} // the last part of a job whose caller blocked
	asleep atomic.Bool   // the caller blocks on done
	idle   atomic.Int64  // workers blocked on wake
	wake   chan struct{}
	stop   atomic.Bool

	// A worker that loses its core in the middle of a part stalls everyone for
	// a time slice. After a stall the next jobs run on the caller alone, twice
	// as many each time, until parallel jobs go well for a while.
	alone   int // jobs left to run alone
	backoff int // jobs to run alone after the next stall
	smooth  int // parallel jobs since the last stall
	gemm    *gemmJob
	fews    *fewJob
	packs   *packedJob
}

// Job is a piece of work in numbered parts. Make it once and run it often:
// running does not allocate.
type Job struct{ f func(part int) }

// NewJob returns a job that calls f for each part; parts run concurrently.
func NewJob(f func(part int)) *Job { return &Job{f} }

const (
	spins    = 120 // rounds of pauseLen before a worker blocks: some 30 us
	pauseLen = 16
	maxParts = 1<<16 - 1
)

// NewPool returns a pool of the given number of threads, the caller being one
// of them; at most GOMAXPROCS are used, and 0 means GOMAXPROCS.
func NewPool(threads int) *Pool {
	if m := runtime.GOMAXPROCS(0); threads <= 0 || threads > m {
		threads = m
	}
	p := &Pool{workers: threads - 1, done: make(chan struct{}, 1), wake: make(chan struct{}, threads)}
	p.gemm, p.fews, p.packs = newGemmJob(), newFewJob(), newPackedJob()
	for range p.workers {
		go p.work()
	}
	return p
}

var defaultPool = sync.OnceValue(func() *Pool { return NewPool(0) })

// Default returns the pool shared by everyone who does not need their own.
func Default() *Pool { return defaultPool() }

// Threads returns how many threads work on a job, the caller included.
func (p *Pool) Threads() int { return p.workers + 1 }

// Close ends the workers. The pool then runs jobs on the caller alone.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop.CompareAndSwap(false, true) {
		close(p.wake)
		p.workers = 0
	}
}

// Run calls the job's function for parts 0..parts-1 and returns when all have
// returned. When the pool is busy with another job, the caller runs the parts
// itself, so nested and concurrent use is safe.
func (p *Pool) Run(j *Job, parts int) {
	if parts <= 1 || parts > maxParts || !p.mu.TryLock() {
		for i := range parts {
			j.f(i)
		}
		return
	}
	p.run(j, parts)
	p.mu.Unlock()
}

// run is Run for a caller that holds mu.
func (p *Pool) run(j *Job, parts int) {
	if p.alone > 0 {
		p.alone--
	}
	if p.workers == 0 || parts == 1 || p.alone > 0 {
		for i := range parts {
			j.f(i)
		}
		return
	}
	begin := time.Now()
	p.job.Store(j)
	p.left.Store(int64(parts))
	gen := p.ticket.Load()>>32 + 1
	p.ticket.Store(gen<<32 | uint64(parts)<<16)
	for n := min(p.idle.Load(), int64(parts-1)); n > 0; n-- {
		select {
		case p.wake <- struct{}{}:
		default:
			n = 0
		}
	}
	for p.step() {
	}
	if p.left.Load() == 0 {
		p.settle(0, 0)
		return
	}
	own := time.Since(begin)
	p.wait()
	p.settle(own, time.Since(begin)-own)
}

// wait returns when the workers have finished their parts.
func (p *Pool) wait() {
	for i := 0; p.left.Load() > 0; i++ {
		if i < spins {
			pause(pauseLen)
			continue
		}
		p.asleep.Store(true)
		if p.left.Load() == 0 && p.asleep.CompareAndSwap(true, false) {
			return
		}
		<-p.done
		return
	}
}

const (
	stall      = 200 * time.Microsecond // waiting that much longer than working
	maxBackoff = 2048
)

// settle learns from a parallel job: how long the caller worked and waited.
func (p *Pool) settle(own, waited time.Duration) {
	if waited > own+stall {
		p.backoff = min(maxBackoff, max(32, 2*p.backoff))
		p.alone, p.smooth = p.backoff, 0
		return
	}
	if p.smooth++; p.smooth >= 256 {
		p.smooth, p.backoff = 0, p.backoff/2
	}
}

// step claims and runs one part of the current job; false if there is none.
func (p *Pool) step() bool {
	for {
		t := p.ticket.Load()
		part, parts := t&0xffff, t>>16&0xffff
		if part >= parts {
			return false
		}
		// The job of an older generation has no parts left, so a successful
		// swap proves that this pointer belongs to the claimed part.
		j := p.job.Load()
		if !p.ticket.CompareAndSwap(t, t+1) {
			continue
		}
		j.f(int(part))
		if p.left.Add(-1) == 0 && p.asleep.CompareAndSwap(true, false) {
			p.done <- struct{}{}
		}
		return true
	}
}

func (p *Pool) work() {
	for i := 0; !p.stop.Load(); i++ {
		if p.step() {
			i = 0
			continue
		}
		if i < spins {
			pause(pauseLen)
			continue
		}
		p.idle.Add(1)
		// A job may have been published before idle was raised.
		if t := p.ticket.Load(); t&0xffff < t>>16&0xffff {
			p.idle.Add(-1)
			continue
		}
		_, ok := <-p.wake
		p.idle.Add(-1)
		if !ok {
			return
		}
		i = 0
	}
}
