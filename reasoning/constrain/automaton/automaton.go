// Package automaton turns the pipeline language of package constrain, over one
// live graph, into a constraint on tokens: which token may come next so that
// the text can still become a query that parses, names only what exists, and
// is not empty.
//
// It works on bytes: a token is allowed exactly if all of its bytes are. What
// has been written so far is always a pipeline prefix whose current set of
// nodes is known, so the names that a slot may hold are looked up once per
// slot and then only narrowed, byte by byte. Sets are exact; above a cap a slot
// offers all names instead (never too few), and a name that leads nowhere is
// refused at its closing bracket.
package automaton

import (
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Mode is how much of the graph binds the text.
type Mode uint8

// Modes.
const (
	// Full: grammar, names and live graph.
	Full Mode = iota
	// Names: grammar and names; any relation may follow anything.
	Names
)

// Options of an Automaton.
type Options struct {
	Mode    Mode
	Refs    []string // names of the numbered mentions of the prompt
	Numbers []string // numbers that filters may copy
	// None offers the text " none", which says that no query fits.
	None bool
	// Cap is the largest set of nodes whose names are listed; default 65,536.
	Cap int
	// MaxOps is the largest number of operations; default 6.
	MaxOps int
}

// Automaton is the constraint for one question. It caches what it looks up and
// is safe for concurrent use.
type Automaton struct {
	g    *constrain.Graph
	x    *Index
	v    *Vocab
	opt  Options
	refs map[string]int // name -> number of its mention

	mu    sync.Mutex
	ctxs  map[string]*ctx
	masks map[string][]uint64
	start *state
}

// New returns the automaton of a question.
func New(x *Index, v *Vocab, opt Options) *Automaton {
	if opt.Cap == 0 {
		opt.Cap = 1 << 16
	}
	if opt.MaxOps == 0 {
		opt.MaxOps = 6
	}
	a := &Automaton{g: x.g, x: x, v: v, opt: opt, refs: map[string]int{}, ctxs: map[string]*ctx{}, masks: map[string][]uint64{}}
	for i, r := range opt.Refs {
		if _, ok := a.refs[r]; !ok {
			a.refs[r] = i + 1
		}
	}
	a.start = &state{alts: []alt{{c: a.begin()}}}
	return a
}

// ctx is a point between two pieces of a query. Its pieces are looked up when
// the first of them is needed.
type ctx struct {
	key   string
	first byte // every piece begins with this byte; 0: any
	final bool // the query may end here
	once  sync.Once
	fill  func(*ctx)

	arcs  []arc // ordinary pieces, ascending, distinct
	names *names
}

// arc is one piece of text and what follows it.
type arc struct {
	text string
	to   func() *ctx
}

// names are pieces of the form name + "]". A nil list means all names of the
// graph.
type names struct {
	list []uint32 // indices of names, ascending
	n    int
	skip map[string]int         // names that are written as numbers instead
	to   func(name string) *ctx // nil result: refused
}

func (c *ctx) ready() {
	c.once.Do(func() {
		c.fill(c)
		c.fill = nil
		sort.Slice(c.arcs, func(i, j int) bool { return c.arcs[i].text < c.arcs[j].text })
	})
}

// ctx returns the context of a key, made by fill when first used.
func (a *Automaton) ctx(key string, first byte, final bool, fill func(*ctx)) *ctx {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.ctxs[key]; ok {
		return c
	}
	c := &ctx{key: key, first: first, final: final, fill: fill}
	a.ctxs[key] = c
	return c
}

// alt is one way to read the text so far: a range of pieces of a context that
// agree with the last depth bytes.
type alt struct {
	c      *ctx
	lo, hi int // pieces; both 0 at depth 0: all of them
	depth  int
	name   bool // pieces are names
}

// state is a point inside a text.
type state struct {
	text string
	alts []alt
	end  bool // after the end token
}

// State is a point inside a text. The zero State is dead: nothing can follow.
type State struct{ s *state }

// Dead reports whether nothing can follow.
func (s State) Dead() bool { return s.s == nil }

// Text is what was written so far, with its leading space.
func (s State) Text() string {
	if s.s == nil {
		return ""
	}
	return s.s.text
}

// Start returns the state before the first token.
func (a *Automaton) Start() State { return State{a.start} }

// Final reports whether the text is a whole query, followed by the end token.
func (a *Automaton) Final(s State) bool { return s.s != nil && s.s.end }

// Complete reports whether the end token may follow.
func (a *Automaton) Complete(s State) bool { return s.s != nil && !s.s.end && complete(s.s.alts) }

func complete(alts []alt) bool {
	return slices.ContainsFunc(alts, func(x alt) bool { return x.depth == 0 && !x.name && x.c.final })
}

// Step returns the state after a token; the zero State if it is not allowed.
func (a *Automaton) Step(s State, token int32) State {
	if s.s == nil || s.s.end || token < 0 || int(token) >= len(a.v.tokens) {
		return State{}
	}
	if token == a.v.eos {
		if !complete(s.s.alts) {
			return State{}
		}
		return State{&state{text: s.s.text, end: true}}
	}
	t := a.v.tokens[token]
	if len(t) == 0 {
		return State{}
	}
	alts := s.s.alts
	for _, b := range t {
		if alts = a.byte(alts, b); len(alts) == 0 {
			return State{}
		}
	}
	return State{&state{text: s.s.text + string(t), alts: alts}}
}

// byte returns the readings that survive one more byte.
func (a *Automaton) byte(alts []alt, b byte) []alt {
	var out []alt
	for _, x := range alts {
		if x.depth == 0 && x.c.first != 0 && x.c.first != b {
			continue
		}
		x.c.ready()
		if x.depth == 0 && !x.name {
			// A fresh context: its ordinary pieces, and its names.
			if n := x.c.names; n != nil {
				out = a.nameByte(out, alt{c: x.c, hi: n.n, name: true}, b)
			}
			x.hi = len(x.c.arcs)
		}
		if x.name {
			out = a.nameByte(out, x, b)
			continue
		}
		arcs := x.c.arcs[x.lo:x.hi]
		d := x.depth
		lo := sort.Search(len(arcs), func(i int) bool { return len(arcs[i].text) > d && arcs[i].text[d] >= b })
		hi := lo + sort.Search(len(arcs)-lo, func(i int) bool { return arcs[lo+i].text[d] > b })
		if lo == hi {
			continue
		}
		x.lo, x.hi, x.depth = x.lo+lo, x.lo+hi, d+1
		// The shortest piece may be complete.
		if arc := x.c.arcs[x.lo]; len(arc.text) == x.depth {
			out = append(out, alt{c: arc.to()})
			x.lo++
		}
		if x.lo < x.hi {
			out = append(out, x)
		}
	}
	return out
}

// key returns the i-th name of a list.
func (a *Automaton) key(n *names, i int) string {
	if n.list != nil {
		i = int(n.list[i])
	}
	k, _ := a.g.NameAt(i)
	return k
}

// nameByte narrows a range of names by one byte.
func (a *Automaton) nameByte(out []alt, x alt, b byte) []alt {
	n := x.c.names
	d := x.depth
	if b == ']' {
		if k := a.key(n, x.lo); len(k) == d && d > 0 && a.allowed(n, k) {
			if c := n.to(k); c != nil {
				out = append(out, alt{c: c})
			}
		}
		return out
	}
	size := x.hi - x.lo
	lo := sort.Search(size, func(i int) bool { k := a.key(n, x.lo+i); return len(k) > d && k[d] >= b })
	hi := lo + sort.Search(size-lo, func(i int) bool { return a.key(n, x.lo+lo+i)[d] > b })
	x.lo, x.hi, x.depth = x.lo+lo, x.lo+hi, d+1
	if x.lo < x.hi && a.alive(n, x.lo, x.hi) {
		out = append(out, x)
	}
	return out
}

// allowed reports whether a name of a list may be closed.
func (a *Automaton) allowed(n *names, key string) bool {
	if _, ok := n.skip[key]; ok {
		return false
	}
	return !isRef(key)
}

// alive reports whether a range holds a name that may be closed. Nearly always
// the first one may.
func (a *Automaton) alive(n *names, lo, hi int) bool {
	for i := lo; i < hi; i++ {
		if a.allowed(n, a.key(n, i)) {
			return true
		}
	}
	return false
}

// isRef reports whether a name would read as the number of a mention; such
// names are ordinary pieces (see digits).
func isRef(name string) bool {
	if len(name) == 0 || len(name) > 2 {
		return false
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return true
}

// Allow sets the bits of the tokens that may follow and clears all others.
func (a *Automaton) Allow(s State, mask []uint64) {
	clear(mask)
	if s.s == nil || s.s.end {
		return
	}
	a.mu.Lock()
	m, ok := a.masks[s.s.text]
	a.mu.Unlock()
	if !ok {
		m = make([]uint64, (len(a.v.tokens)+63)/64)
		if remaining(s.s.alts) <= labelMajor {
			a.byLabels(s.s.alts, -1, m)
		} else {
			a.byVocabulary(s.s.alts, -1, m)
		}
		if complete(s.s.alts) {
			m[a.v.eos/64] |= 1 << (a.v.eos % 64)
		}
		a.mu.Lock()
		a.masks[s.s.text] = m
		a.mu.Unlock()
	}
	copy(mask, m)
}

// labelMajor is the number of remaining pieces up to which walking each piece
// down the vocabulary is cheaper than walking the vocabulary.
const labelMajor = 256

// remaining counts the pieces of all readings.
func remaining(alts []alt) (n int) {
	for _, x := range alts {
		if x.depth > 0 || x.name {
			n += x.hi - x.lo
			continue
		}
		x.c.ready()
		n += len(x.c.arcs)
		if x.c.names != nil {
			n += x.c.names.n
		}
	}
	return n
}

// byVocabulary walks the trie of tokens and skips what lies below an
// impossible byte.
func (a *Automaton) byVocabulary(alts []alt, node int32, mask []uint64) {
	v := a.v
	i, end := int32(0), int32(len(v.b))
	if node >= 0 {
		i, end = node+1, v.end[node]
	}
	for i < end {
		if next := a.byte(alts, v.b[i]); len(next) > 0 {
			v.set(mask, i)
			if i+1 < v.end[i] {
				a.byVocabulary(next, i, mask)
			}
		}
		i = v.end[i]
	}
}

// byLabels walks every remaining piece down the trie of tokens.
func (a *Automaton) byLabels(alts []alt, node int32, mask []uint64) {
	for _, x := range alts {
		if x.depth == 0 && !x.name {
			if x.c.first != 0 && a.v.child(node, x.c.first) < 0 {
				continue // no token crosses into this context
			}
			if remaining([]alt{x}) > labelMajor {
				a.byVocabulary([]alt{x}, node, mask)
				continue
			}
			for i := range x.c.arcs {
				a.label(x.c.arcs[i].text, x.c.arcs[i].to, node, mask)
			}
			if n := x.c.names; n != nil {
				for i := range n.n {
					a.nameLabel(n, a.key(n, i), 0, node, mask)
				}
			}
			continue
		}
		for i := x.lo; i < x.hi; i++ {
			if x.name {
				a.nameLabel(x.c.names, a.key(x.c.names, i), x.depth, node, mask)
			} else {
				a.label(x.c.arcs[i].text[x.depth:], x.c.arcs[i].to, node, mask)
			}
		}
	}
}

func (a *Automaton) nameLabel(n *names, key string, depth int, node int32, mask []uint64) {
	if !a.allowed(n, key) {
		return
	}
	a.walk(key[depth:], node, mask, func(at int32) {
		if closing := a.v.child(at, ']'); closing >= 0 {
			if c := n.to(key); c != nil {
				a.v.set(mask, closing)
				a.byLabels([]alt{{c: c}}, closing, mask)
			}
		}
	})
}

// label walks the rest of a piece, and into what follows if tokens go on.
func (a *Automaton) label(rest string, to func() *ctx, node int32, mask []uint64) {
	a.walk(rest, node, mask, func(at int32) {
		if a.v.end[at] == at+1 {
			return // no token is longer
		}
		a.byLabels([]alt{{c: to()}}, at, mask)
	})
}

// walk follows text down the trie, marks every token on the way, and calls
// then if it reaches the end of the text.
func (a *Automaton) walk(text string, node int32, mask []uint64, then func(int32)) {
	for i := range len(text) {
		if node = a.v.child(node, text[i]); node < 0 {
			return
		}
		a.v.set(mask, node)
	}
	then(node)
}

// Forced returns the bytes that must come next: the longest text that every
// continuation begins with.
func (a *Automaton) Forced(s State) string {
	if s.s == nil || s.s.end {
		return ""
	}
	var out strings.Builder
	alts := s.s.alts
	for out.Len() < 256 && !complete(alts) {
		var only []alt
		var at byte
		count := 0
		for b := range 256 {
			// Most bytes fail on the first comparison.
			if next := a.byte(alts, byte(b)); len(next) > 0 {
				count++
				only, at = next, byte(b)
				if count > 1 {
					return out.String()
				}
			}
		}
		if count == 0 {
			return out.String()
		}
		out.WriteByte(at)
		alts = only
	}
	return out.String()
}
