package kvcache

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// PrefixStore is implemented by stores that remember the beginnings of texts,
// so that the next text that begins alike need not be read again.
type PrefixStore interface {
	// KeepPrefixes bounds the memory of remembered beginnings, in bytes; 0
	// remembers nothing.
	KeepPrefixes(limit int64)
	// Remember keeps what a sequence holds, under its tokens. A point at which
	// reading went on with a new chunk is aligned: longer texts may continue
	// there and compute what they would have computed from the start. The
	// state, if any, is what the reader had at the end; the same text then
	// needs no reading at all.
	Remember(s Sequence, tokens []int32, state []float32, aligned bool)
	// Lookup returns a new sequence with the longest remembered beginning of a
	// text, and how many tokens that is: less than all of them, unless the
	// state is not nil. Nil, 0 if there is none.
	Lookup(tokens []int32) (s Sequence, n int, state []float32)
}

var _ PrefixStore = (*Paged)(nil)

// prefixKey is the content of a beginning: policy, model and tokens.
type prefixKey [sha256.Size]byte

// prefixes are the remembered beginnings.
type prefixes struct {
	limit, bytes int64
	clock        int64
	nodes        map[prefixKey]*prefix
	lengths      map[int]int // how many nodes have a length
}

type prefix struct {
	*sequence
	state   []float32
	aligned bool
	used    int64
}

// KeepPrefixes implements PrefixStore.
func (p *Paged) KeepPrefixes(limit int64) {
	p.mu.Lock()
	p.prefixes.limit = limit
	p.mu.Unlock()
	p.forgetPrefixes()
}

// PrefixBytes returns the memory of pages that remembered beginnings hold.
func (p *Paged) PrefixBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prefixes.bytes
}

// keyer hashes tokens step by step.
type keyer struct {
	sum prefixKey
	at  int
}

func (p *Paged) newKeyer() *keyer {
	return &keyer{sum: sha256.Sum256([]byte(p.policy.Model + "\x00" + p.policy.ID))}
}

// to returns the key of the first n tokens: a chain over pages, then the rest.
func (k *keyer) to(tokens []int32, n int) prefixKey {
	for ; k.at+PageTokens <= n; k.at += PageTokens {
		k.sum = link(k.sum, tokens[k.at:k.at+PageTokens])
	}
	return link(k.sum, tokens[k.at:n])
}

func link(sum prefixKey, tokens []int32) prefixKey {
	b := make([]byte, 0, len(sum)+4*PageTokens)
	b = append(b, sum[:]...)
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return sha256.Sum256(b)
}

// Remember implements PrefixStore.
func (p *Paged) Remember(s Sequence, tokens []int32, state []float32, aligned bool) {
	q := s.(*sequence)
	p.mu.Lock()
	off := p.prefixes.limit <= 0
	p.mu.Unlock()
	if off || len(tokens) != q.n || q.n == 0 {
		return
	}
	key := p.newKeyer().to(tokens, len(tokens))
	p.mu.Lock()
	if n := p.prefixes.nodes[key]; n != nil {
		p.prefixes.clock++
		n.used = p.prefixes.clock
		n.aligned = n.aligned || aligned
		if state != nil && n.state == nil {
			n.state = slices.Clone(state)
		}
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()

	node := &prefix{sequence: q.alone(), state: slices.Clone(state), aligned: aligned}
	p.mu.Lock()
	if p.prefixes.nodes == nil {
		p.prefixes.nodes, p.prefixes.lengths = map[prefixKey]*prefix{}, map[int]int{}
	}
	if p.prefixes.nodes[key] != nil { // another text was faster
		p.mu.Unlock()
		node.Release()
		return
	}
	p.prefixes.clock++
	node.used = p.prefixes.clock
	p.prefixes.nodes[key] = node
	p.prefixes.lengths[node.n]++
	p.prefixes.bytes += p.hold(node.sequence, 1)
	p.mu.Unlock()
	p.forgetPrefixes()
}

// alone is a fork that is no branch of the request: a text of its own.
func (s *sequence) alone() *sequence {
	f := s.store.New().(*sequence)
	f.entries = append(f.entries[:0], s.entries...)
	f.n = s.n
	for i := range f.entries {
		f.entries[i].retain()
	}
	f.probes.copyFrom(s.probes)
	f.picks.copyFrom(s.picks)
	return f
}

// hold counts the prefix cache as holder of a sequence's pages, or no longer,
// and returns by how much its memory changes: pages may be held by several
// nodes and count once. The caller has locked p.mu.
func (p *Paged) hold(s *sequence, by int32) (bytes int64) {
	changes := func(now int32) bool { return by > 0 && now == 1 || by < 0 && now == 0 }
	for i := range s.entries {
		e := &s.entries[i]
		for _, g := range e.slabs[:e.blocks()] {
			if changes(g.held.Add(by)) {
				bytes += p.slabs.bytes(g.tokens)
			}
		}
		if e.sealed != nil && changes(e.sealed.held.Add(by)) {
			bytes += e.sealed.size.Total()
		}
	}
	return bytes * int64(by)
}

// forgetPrefixes drops what was used longest ago until the rest fits.
func (p *Paged) forgetPrefixes() {
	for {
		p.mu.Lock()
		var oldest prefixKey
		var node *prefix
		if p.prefixes.bytes > p.prefixes.limit {
			for k, n := range p.prefixes.nodes {
				if node == nil || n.used < node.used {
					oldest, node = k, n
				}
			}
		}
		if node == nil {
			p.mu.Unlock()
			return
		}
		delete(p.prefixes.nodes, oldest)
		if p.prefixes.lengths[node.n]--; p.prefixes.lengths[node.n] == 0 {
			delete(p.prefixes.lengths, node.n)
		}
		p.prefixes.bytes += p.hold(node.sequence, -1)
		p.mu.Unlock()
		node.Release()
	}
}

// Lookup implements PrefixStore.
func (p *Paged) Lookup(tokens []int32) (Sequence, int, []float32) {
	p.mu.Lock()
	lengths := make([]int, 0, len(p.prefixes.lengths))
	for n := range p.prefixes.lengths {
		if n <= len(tokens) {
			lengths = append(lengths, n)
		}
	}
	p.mu.Unlock()
	slices.Sort(lengths)
	k := p.newKeyer()
	keys := make([]prefixKey, len(lengths))
	for i, n := range lengths {
		keys[i] = k.to(tokens, n)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		whole := lengths[i] == len(tokens)
		p.mu.Lock()
		node := p.prefixes.nodes[keys[i]]
		if node == nil || whole && node.state == nil || !whole && !node.aligned {
			p.mu.Unlock()
			continue
		}
		p.prefixes.clock++
		node.used = p.prefixes.clock
		// Owners are counted while the node cannot be forgotten.
		f := &sequence{store: p, row: make([]uint16, p.shape.Dim), family: new(family), n: node.n}
		f.family.live.Store(1)
		f.entries = slices.Clone(node.entries)
		for i := range f.entries {
			f.entries[i].retain()
		}
		p.watch(f)
		f.probes.copyFrom(node.probes)
		f.picks.copyFrom(node.picks)
		state := node.state
		p.mu.Unlock()
		if !whole {
			state = nil
		}
		return f, f.n, state
	}
	return nil, 0, nil
}
