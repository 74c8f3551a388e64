package store

import "sync"

// cacheKey names a block: of quads by segment, ordinal and order, of the
// dictionary by run, ordinal and 128 + tag.
type cacheKey struct {
	file    uint64
	ordinal uint32
	part    uint8
}

const cacheShards = 16

// cache holds parsed blocks up to a number of bytes. Each shard is a clock: a
// hand passes over the entries and evicts those not used since it last passed.
type cache struct{ shards [cacheShards]cacheShard }

type cacheShard struct {
	mu      sync.Mutex
	budget  int64
	bytes   int64
	entries map[cacheKey]*cacheEntry
	ring    []*cacheEntry
	hand    int
	hits    int64
	misses  int64
}

type cacheEntry struct {
	key  cacheKey
	v    any
	size int64
	used bool
}

func newCache(bytes int64) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].budget = bytes / cacheShards
		c.shards[i].entries = map[cacheKey]*cacheEntry{}
	}
	return c
}

func (c *cache) shard(k cacheKey) *cacheShard {
	h := (k.file*0x9E3779B97F4A7C15 ^ uint64(k.ordinal)*0xC2B2AE3D27D4EB4F ^ uint64(k.part)*0x165667B19E3779F9)
	return &c.shards[h>>60]
}

func (c *cache) get(k cacheKey) any {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e == nil {
		s.misses++
		return nil
	}
	s.hits++
	e.used = true
	return e.v
}

const entryOverhead = 96

func (c *cache) put(k cacheKey, v any, size int64) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	size += entryOverhead
	if s.entries[k] != nil || size > s.budget {
		return
	}
	e := &cacheEntry{key: k, v: v, size: size}
	for s.bytes+size > s.budget && len(s.ring) > 0 {
		s.evict()
	}
	s.entries[k] = e
	s.ring = append(s.ring, e)
	s.bytes += size
}

func (s *cacheShard) evict() {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		e := s.ring[s.hand]
		if e.used {
			e.used = false
			s.hand++
			continue
		}
		last := len(s.ring) - 1
		s.ring[s.hand] = s.ring[last]
		s.ring[last] = nil
		s.ring = s.ring[:last]
		delete(s.entries, e.key)
		s.bytes -= e.size
		return
	}
}

// stats sums the shards.
func (c *cache) stats() (bytes, hits, misses int64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		bytes, hits, misses = bytes+s.bytes, hits+s.hits, misses+s.misses
		s.mu.Unlock()
	}
	return bytes, hits, misses
}
