package store

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// source reads blocks of quads: from memory, else from badger.
type source struct{ s *Store }

var _ index.Source = source{}

// Block implements index.Source.
func (x source) Block(o kg.Order, r *index.Ref) (*index.Block, error) {
	if b := r.Cached(); b != nil {
		return b, nil
	}
	b, err := x.s.readBlock(o, r)
	if err != nil {
		return nil, err
	}
	if r.Keep(b) {
		x.s.cache.add(r, int64(b.Bytes()))
	}
	return b, nil
}

func (s *Store) readBlock(o kg.Order, r *index.Ref) (b *index.Block, err error) {
	at := r.Place(o)
	err = s.view(func(txn *badger.Txn) error {
		item, err := txn.Get(blockKey(at))
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) (err error) {
			b, err = index.Open(v, at, r.Sum)
			return err
		})
	})
	switch {
	case errors.Is(err, kg.ErrClosed):
		return nil, err
	case err != nil:
		return nil, corrupt("%s: block %d of segment %d, order %s: %v", s.dir, r.Ordinal, r.Segment, o, err)
	case b.Len() != int(r.Count):
		return nil, corrupt("%s: block %d of segment %d, order %s: %d quads, the directory says %d", s.dir, r.Ordinal, r.Segment, o, b.Len(), r.Count)
	}
	return b, nil
}

// view reads badger, unless the store has been closed. Badger panics on some
// damage that it meets while it reads.
func (s *Store) view(f func(*badger.Txn) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = corrupt("%s: badger: %v", s.dir, p)
		}
	}()
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db == nil || s.db.IsClosed() {
		return kg.ErrClosed
	}
	return s.db.View(f)
}

// forgetter is a cached block: it drops its bytes unless it was used since it
// was last asked.
type forgetter interface {
	Forget() (bytes int, ok bool)
}

// cache bounds the memory of cached blocks. The blocks hang at their
// directories; the cache is a clock whose hand passes over them and drops
// those not used since it last passed, so one long scan does not push out
// what is in use.
type cache struct {
	mu     sync.Mutex
	budget int64
	bytes  int64
	ring   []cached
	hand   int
	reads  atomic.Int64
}

type cached struct {
	f    forgetter
	size int64
}

const cachedOverhead = 64

func (c *cache) add(f forgetter, size int64) {
	c.reads.Add(1)
	size += cachedOverhead
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring = append(c.ring, cached{f, size})
	c.bytes += size
	// The bound keeps the hand from circling among blocks in use forever.
	for turns := 2 * len(c.ring); c.bytes > c.budget && len(c.ring) > 1 && turns > 0; turns-- {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		e := c.ring[c.hand]
		if _, ok := e.f.Forget(); !ok {
			c.hand++
			continue
		}
		last := len(c.ring) - 1
		c.ring[c.hand] = c.ring[last]
		c.ring[last] = cached{}
		c.ring = c.ring[:last]
		c.bytes -= e.size
	}
}

func (c *cache) held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}
