//go:build gpu && linux && cgo

package cuda

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// pageTokens is the number of positions of a page; the kernels know it.
const pageTokens = 64

// firstPages is the size of a new pool; it doubles when it is full.
const firstPages = 64

// Store is a paged cache of keys and values in device memory, 16 bits each.
// A page holds all layers of 64 positions. Pages are shared between forks and
// copied when one of them writes.
type Store struct {
	d         *Device
	shape     kvcache.Shape
	headBytes int64 // keys and values of one head of a page
	stride    int64 // of a page: all heads of all layers

	mu    sync.Mutex
	pool  Buffer
	pages int
	free  []int32
	users []int32 // of each page
	work  workspace
}

var (
	_ kvcache.Store    = (*Store)(nil)
	_ kvcache.Sequence = (*sequence)(nil)
)

// newStore returns an empty store, or an error if the kernels do not have the
// shape.
func newStore(d *Device, shape kvcache.Shape) (*Store, error) {
	if shape.Dim != 64 && shape.Dim != 128 {
		return nil, fmt.Errorf("cuda: heads of %d dimensions, not 64 or 128: %w", shape.Dim, errors.ErrUnsupported)
	}
	if r := shape.QueryHeads / shape.Heads; r > 16 {
		return nil, fmt.Errorf("cuda: %d query heads for each key head, more than 16: %w", r, errors.ErrUnsupported)
	}
	s := &Store{d: d, shape: shape, headBytes: int64(pageTokens * shape.Dim * 4)}
	s.stride = s.headBytes * int64(shape.Heads*shape.Layers)
	return s, nil
}

func (s *Store) layerOffset(layer int) int64 { return int64(layer*s.shape.Heads) * s.headBytes }

// take returns a page of one user. It is called on the device's thread with mu
// held.
func (s *Store) take() (int32, error) {
	if len(s.free) == 0 {
		if err := s.grow(); err != nil {
			return 0, err
		}
	}
	p := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.users[p] = 1
	return p, nil
}

// grow doubles the pool: the kernels address it from one beginning.
func (s *Store) grow() error {
	n := max(firstPages, 2*s.pages)
	pool, err := s.d.Alloc(int64(n) * s.stride)
	if err != nil {
		return err
	}
	if s.pages > 0 {
		if err := s.d.Wait(); err != nil {
			return err
		}
		if err := s.d.copy(pool, s.pool, int64(s.pages)*s.stride); err != nil {
			return err
		}
		if err := s.d.Free(s.pool); err != nil {
			return err
		}
	}
	s.pool = pool
	for p := n - 1; p >= s.pages; p-- {
		s.free = append(s.free, int32(p))
	}
	s.users = append(s.users, make([]int32, n-s.pages)...)
	s.pages = n
	return nil
}

func (s *Store) drop(p int32) {
	if s.users[p]--; s.users[p] == 0 {
		s.free = append(s.free, p)
	}
}

// New implements kvcache.Store.
func (s *Store) New() kvcache.Sequence { return &sequence{s: s} }

// Bytes implements kvcache.Store.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.pages-len(s.free)) * s.stride
}

// close frees the device memory.
func (s *Store) close() error {
	return errors.Join(s.d.Free(s.pool), s.work.free(s.d))
}

// sequence is the page list of one text.
type sequence struct {
	s     *Store
	pages []int32
	n     int
	err   error // why it could not be extended or filled
}

// Extend implements kvcache.Sequence. A failure, for want of memory, shows in
// the next pass.
func (q *sequence) Extend(n int) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	q.err = q.s.d.Do(func() error { return q.extend(n) })
	q.n += n
}

func (q *sequence) extend(n int) error {
	s := q.s
	if last := q.n / pageTokens; q.n%pageTokens != 0 && s.users[q.pages[last]] > 1 {
		p, err := s.take()
		if err != nil {
			return err
		}
		old := q.pages[last]
		if err := s.d.Wait(); err != nil {
			return err
		}
		if err := s.d.copy(s.pool.At(int64(p)*s.stride), s.pool.At(int64(old)*s.stride), s.stride); err != nil {
			return err
		}
		s.drop(old)
		q.pages[last] = p
	}
	for len(q.pages)*pageTokens < q.n+n {
		p, err := s.take()
		if err != nil {
			return err
		}
		q.pages = append(q.pages, p)
	}
	return nil
}

// slots returns where the last n positions are kept: 64*page + place.
func (q *sequence) slots(dst []int32, n int) []int32 {
	for i := q.n - n; i < q.n; i++ {
		dst = append(dst, q.pages[i/pageTokens]*pageTokens+int32(i%pageTokens))
	}
	return dst
}

// Put implements kvcache.Sequence for callers that computed k and v elsewhere.
func (q *sequence) Put(layer int, k, v []float32) {
	s := q.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.err != nil {
		return
	}
	wide := s.shape.Heads * s.shape.Dim
	n := len(k) / wide
	q.err = s.d.Do(func() error {
		for i := range n {
			pos := q.n - n + i
			head := make([]uint16, s.shape.Dim)
			for h := range s.shape.Heads {
				at := int64(q.pages[pos/pageTokens])*s.stride + s.layerOffset(layer) + int64(h)*s.headBytes
				place := int64(pos % pageTokens)
				for j := range head {
					head[j] = tensor.FloatToHalf(k[i*wide+h*s.shape.Dim+j])
				}
				if err := Write(s.d, s.pool.At(at+place*int64(s.shape.Dim)*2), head); err != nil {
					return err
				}
				for j := range head {
					one := []uint16{tensor.FloatToHalf(v[i*wide+h*s.shape.Dim+j])}
					off := int64(pageTokens*s.shape.Dim)*2 + ((place/16*int64(s.shape.Dim)+int64(j))*16+place%16)*2
					if err := Write(s.d, s.pool.At(at+off), one); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// Room implements kvcache.Sequence: nothing is sealed here.
func (q *sequence) Room() int { return math.MaxInt32 }

// EndPrompt implements kvcache.Sequence: there is nothing to seal.
func (q *sequence) EndPrompt() {}

// Len implements kvcache.Sequence.
func (q *sequence) Len() int { return q.n }

// Fork implements kvcache.Sequence.
func (q *sequence) Fork() kvcache.Sequence {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	for _, p := range q.pages {
		q.s.users[p]++
	}
	return &sequence{s: q.s, pages: append([]int32(nil), q.pages...), n: q.n, err: q.err}
}

// Truncate implements kvcache.Sequence.
func (q *sequence) Truncate(n int) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	keep := (n + pageTokens - 1) / pageTokens
	for _, p := range q.pages[keep:] {
		q.s.drop(p)
	}
	q.pages, q.n = q.pages[:keep], n
}

// Release implements kvcache.Sequence.
func (q *sequence) Release() { q.Truncate(0) }

// Bytes implements kvcache.Sequence.
func (q *sequence) Bytes() (exclusive, shared int64) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	for _, p := range q.pages {
		if q.s.users[p] > 1 {
			shared += q.s.stride
		} else {
			exclusive += q.s.stride
		}
	}
	return
}

// Attend implements kvcache.Store with queries in main memory.
func (s *Store) Attend(layer int, rows []kvcache.Rows, q, out, lse []float32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.d.Do(func() error {
		n := 0
		for _, r := range rows {
			n += r.N
			if sq := r.Seq.(*sequence); sq.err != nil {
				return sq.err
			}
		}
		dq, err := Upload(s.d, q)
		if err != nil {
			return err
		}
		defer s.d.Free(dq)
		do, err := s.d.Alloc(int64(len(out)) * 4)
		if err != nil {
			return err
		}
		defer s.d.Free(do)
		p := planRows(s.shape, rows)
		if err := s.work.prepare(s, p); err != nil {
			return err
		}
		if err := s.attend(p, layer, dq, do); err != nil {
			return err
		}
		if err := Read(s.d, do, out); err != nil {
			return err
		}
		if lse == nil {
			return nil
		}
		if err := Read(s.d, s.work.lse[0], lse); err != nil {
			return err
		}
		for i, x := range lse {
			if x < -1e29 {
				lse[i] = float32(math.Inf(-1))
			}
		}
		return nil
	})
	if err != nil {
		panic(&tensor.DeviceError{Backend: "cuda " + s.d.Name(), Err: err})
	}
}
