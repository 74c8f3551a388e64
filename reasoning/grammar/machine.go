package grammar

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
)

// machine runs a program in all ways at once. A thread is a place in the program
// and a stack of places to return to; a state is a set of threads that wait for
// a byte. Stacks and states are numbered as they appear, so that a state is one
// number and what follows from it is computed once.
type machine struct {
	p *program

	stacks  []frame // 0 is the empty stack
	frames  map[frame]int32
	states  []state // 0 is dead
	known   map[string]int32
	after   map[uint64]int32 // state<<8 | byte
	pending []thread         // of closure
	seen    map[thread]bool
}

type frame struct{ below, back int32 }

type thread struct{ at, stack int32 }

type state struct {
	threads []thread // all at opByte
	final   bool
}

func newMachine(p *program) *machine {
	return &machine{
		p: p, stacks: make([]frame, 1), frames: map[frame]int32{}, states: make([]state, 1), known: map[string]int32{},
		after: map[uint64]int32{}, seen: map[thread]bool{},
	}
}

func (m *machine) start() int32 {
	m.pending = append(m.pending[:0], thread{m.p.entry["root"], 0})
	return m.closure()
}

// push returns the stack with a place to return to on top.
func (m *machine) push(below, back int32) int32 {
	if m.p.steps[back].op == opReturn {
		return below // the caller ends with this call: nothing to come back for
	}
	f := frame{below, back}
	id, ok := m.frames[f]
	if !ok {
		id = int32(len(m.stacks))
		m.stacks = append(m.stacks, f)
		m.frames[f] = id
	}
	return id
}

// closure follows the pending threads to the bytes they wait for and returns
// the number of the state.
func (m *machine) closure() int32 {
	clear(m.seen)
	var s state
	for len(m.pending) > 0 {
		t := m.pending[len(m.pending)-1]
		m.pending = m.pending[:len(m.pending)-1]
		if m.seen[t] {
			continue
		}
		m.seen[t] = true
		switch x := &m.p.steps[t.at]; x.op {
		case opByte:
			if x.lo <= x.hi {
				s.threads = append(s.threads, t)
			}
		case opSplit:
			m.pending = append(m.pending, thread{x.to, t.stack}, thread{x.or, t.stack})
		case opCall:
			m.pending = append(m.pending, thread{x.to, m.push(t.stack, x.or)})
		case opReturn:
			if t.stack == 0 {
				s.final = true
			} else {
				f := m.stacks[t.stack]
				m.pending = append(m.pending, thread{f.back, f.below})
			}
		}
	}
	if len(s.threads) == 0 && !s.final {
		return 0
	}
	slices.SortFunc(s.threads, func(a, b thread) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int(a.stack - b.stack)
	})
	key := make([]byte, 0, 8*len(s.threads)+1)
	for _, t := range s.threads {
		key = binary.LittleEndian.AppendUint32(key, uint32(t.at))
		key = binary.LittleEndian.AppendUint32(key, uint32(t.stack))
	}
	if s.final {
		key = append(key, 1)
	}
	id, ok := m.known[string(key)]
	if !ok {
		id = int32(len(m.states))
		m.states = append(m.states, s)
		m.known[string(key)] = id
	}
	return id
}

// step returns the state after a byte.
func (m *machine) step(s int32, b byte) int32 {
	if s == 0 {
		return 0
	}
	key := uint64(s)<<8 | uint64(b)
	if next, ok := m.after[key]; ok {
		return next
	}
	m.pending = m.pending[:0]
	for _, t := range m.states[s].threads {
		if x := &m.p.steps[t.at]; x.lo <= b && b <= x.hi {
			m.pending = append(m.pending, thread{x.to, t.stack})
		}
	}
	next := int32(0)
	if len(m.pending) > 0 {
		next = m.closure()
	}
	m.after[key] = next
	return next
}

// Match says whether the grammar has exactly this text.
func (g *Grammar) Match(s string) bool {
	m := newMachine(g.p)
	at := m.start()
	for i := range len(s) {
		if at = m.step(at, s[i]); at == 0 {
			return false
		}
	}
	return m.states[at].final
}

// Constraint is a grammar over the tokens of a vocabulary. It is safe for
// concurrent use; texts of several requests share what has been computed.
type Constraint struct {
	v     *automaton.Vocab
	mu    sync.Mutex
	m     *machine
	masks map[int32][]uint64
}

var _ decode.Constraint[int32] = (*Constraint)(nil)

// Over returns the grammar as a constraint on a vocabulary.
func (g *Grammar) Over(v *automaton.Vocab) *Constraint {
	return &Constraint{v: v, m: newMachine(g.p), masks: map[int32][]uint64{}}
}

// Start implements decode.Constraint.
func (c *Constraint) Start() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m.start()
}

// Step implements decode.Constraint.
func (c *Constraint) Step(s, token int32) int32 {
	b := c.v.Bytes(token)
	if len(b) == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range b {
		if s = c.m.step(s, x); s == 0 {
			return 0
		}
	}
	return s
}

// keepMasks bounds the memory of masks: some 6 KiB each for 50,000 tokens.
const keepMasks = 4096

// Allow implements decode.Constraint.
func (c *Constraint) Allow(s int32, mask []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.masks[s]
	if !ok {
		known = make([]uint64, (c.v.Size()+63)/64)
		c.v.Mark(known, s, c.m.step)
		if len(c.masks) >= keepMasks {
			clear(c.masks)
		}
		c.masks[s] = known
	}
	copy(mask, known)
}

// Final implements decode.Constraint.
func (c *Constraint) Final(s int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m.states[s].final
}
