package train

import (
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// query is a head and a directed relation with some of its tails.
type query struct {
	h, r  int32
	tails []int32
}

// stepper takes optimisation steps on a table. The order of every sum is fixed
// by the batch alone.
type stepper struct {
	cfg      Config
	t        *embed.Table
	m        embed.Model[float32]
	n3       embed.Regularised[float32]       // nil without the norm
	rel      embed.RelationPredictor[float32] // nil without the auxiliary task
	loss     kernel.Loss
	opt      optimizer
	threads  int
	batch    *kernel.Batch // queries against entities
	relBatch *kernel.Batch // statements against relations

	heads, rels []int32     // [query]
	dh          kernel.Rows // [query][Width]
	dr          kernel.Rows // [query][RelationWidth]
	pairs       []pair      // statements of the batch
	dt, dh2     kernel.Rows // [pair][Width] from the auxiliary task

	// Lists of what touches an entity, in the order of the batch: nextHead
	// chains queries by head, nextTail statements by tail; -1 ends a list.
	firstHead, firstTail []int32 // [entity]
	nextHead, nextTail   []int32

	blocks sync.Pool // *block

	drel  kernel.Rows // [2R][RelationWidth]
	fresh []bool      // [2R] relations with a gradient in this step
}

// block holds the gradients of a block of entities.
type block struct {
	drow kernel.Rows // [BlockRows][Rank] of their score rows
	de   kernel.Rows // [BlockRows][Width] of their parameters; the same if Identity
}

// pair is one statement of a batch: a query and one of its tails.
type pair struct{ query, tail int32 }

func newStepper(cfg Config, t *embed.Table) (*stepper, error) {
	m := t.Model()
	s := &stepper{cfg: cfg, t: t, m: m, threads: cfg.Threads, loss: kernel.Softmax}
	if cfg.Loss == "logistic" {
		s.loss = kernel.Logistic
	}
	if cfg.N3 > 0 {
		s.n3 = m.(embed.Regularised[float32])
	}
	n := cfg.Batch
	if need := kernel.Bytes(n, t.Entities(), m.Rank()); need > cfg.Memory {
		return nil, &embed.MemoryError{
			What: fmt.Sprintf("a batch of %d against %d entities", n, t.Entities()), Need: need, Allowed: cfg.Memory,
			Remedy: "use a smaller --batch, or raise --memory",
		}
	}
	s.batch = kernel.NewBatch(n, t.Entities(), m.Rank(), cfg.Threads)
	s.heads, s.rels = make([]int32, s.batch.Cap()), make([]int32, s.batch.Cap())
	s.dh = kernel.NewRows(s.batch.Cap(), m.Width())
	s.dr = kernel.NewRows(s.batch.Cap(), m.RelationWidth())
	s.firstHead, s.firstTail = filled(t.Entities()), filled(t.Entities())
	s.nextHead = filled(s.batch.Cap())
	s.drel = kernel.NewRows(t.Relations(), m.RelationWidth())
	s.fresh = make([]bool, t.Relations())
	if cfg.RelationWeight > 0 {
		s.rel = m.(embed.RelationPredictor[float32])
		s.relBatch = kernel.NewBatch(n, t.Relations(), m.RelationWidth(), cfg.Threads)
		s.dt, s.dh2 = kernel.NewRows(s.relBatch.Cap(), m.Width()), kernel.NewRows(s.relBatch.Cap(), m.Width())
	}
	s.blocks.New = func() any {
		b := &block{drow: kernel.NewRows(kernel.BlockRows, m.Rank())}
		b.de = b.drow
		if !m.Identity() {
			b.de = kernel.NewRows(kernel.BlockRows, m.Width())
		}
		return b
	}
	s.opt = newOptimizer(cfg, t)
	return s, nil
}

func filled(n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = -1
	}
	return list
}

// chunk is how many rows one call of a parallel loop works on.
const chunk = 16

func (s *stepper) parallel(n int, f func(i int)) {
	threads := s.threads
	if threads <= 0 {
		threads = allCores()
	}
	kernel.Parallel(threads, (n+chunk-1)/chunk, func(c int) {
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			f(i)
		}
	})
}

// step takes one step on a batch of queries and returns the sum of the losses
// of its statements, without regularisation.
func (s *stepper) step(qs []query) (float64, error) {
	s.gather(qs)
	b := s.batch
	b.Weight = 1 / float32(len(s.pairs))
	b.Forward(s.t.Rows(), s.loss)
	var sum float64
	for _, l := range b.Loss[:b.Len] {
		sum += l
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return sum, fmt.Errorf("training diverged: the loss is %v; lower the learning rate", sum)
	}
	if s.rel != nil {
		s.predictRelations()
	}
	scale := float32(s.cfg.N3) / float32(len(s.pairs))
	s.parallel(b.Len, func(i int) {
		h, r := s.t.Entity(s.heads[i]), s.t.Relation(s.rels[i])
		dh, dr := s.dh.Row(i), s.dr.Row(i)
		clear(dh)
		clear(dr)
		s.m.QueryGrad(h, r, b.DQ.Row(i), dh, dr)
		if s.n3 != nil {
			n := scale * float32(len(b.Targets(i)))
			s.n3.N3(h, n, dh)
			s.n3.N3(r, n, dr)
		}
	})
	s.opt.begin()
	blocks := (s.t.Entities() + kernel.BlockRows - 1) / kernel.BlockRows
	threads := s.threads
	if threads <= 0 {
		threads = allCores()
	}
	kernel.Parallel(threads, blocks, func(i int) { s.entities(i*kernel.BlockRows, scale) })
	s.relations()
	s.release()
	return sum, nil
}

// gather lays out the batch: query vectors, statements, and who touches which
// entity.
func (s *stepper) gather(qs []query) {
	b := s.batch
	b.Reset()
	s.pairs = s.pairs[:0]
	for i, q := range qs {
		b.Add(q.tails...)
		s.heads[i], s.rels[i] = q.h, q.r
		for _, t := range q.tails {
			s.pairs = append(s.pairs, pair{int32(i), t})
		}
	}
	for len(s.nextTail) < len(s.pairs) {
		s.nextTail = append(s.nextTail, -1)
	}
	// From the end, so that the lists run forwards.
	for i := len(qs) - 1; i >= 0; i-- {
		s.nextHead[i], s.firstHead[qs[i].h] = s.firstHead[qs[i].h], int32(i)
	}
	for i := len(s.pairs) - 1; i >= 0; i-- {
		t := s.pairs[i].tail
		s.nextTail[i], s.firstTail[t] = s.firstTail[t], int32(i)
	}
	s.parallel(b.Len, func(i int) {
		s.m.Query(s.t.Entity(s.heads[i]), s.t.Relation(s.rels[i]), b.Q.Row(i))
	})
}

// release empties the lists of gather.
func (s *stepper) release() {
	for _, h := range s.heads[:s.batch.Len] {
		s.firstHead[h] = -1
	}
	for _, p := range s.pairs {
		s.firstTail[p.tail] = -1
	}
}

// predictRelations computes the auxiliary loss: the relation of every
// statement among all relations.
func (s *stepper) predictRelations() {
	b := s.relBatch
	b.Reset()
	for _, p := range s.pairs {
		s.rel.RelationQuery(s.t.Entity(s.heads[p.query]), s.t.Entity(p.tail), b.Add(s.rels[p.query]))
	}
	b.Weight = float32(s.cfg.RelationWeight) / float32(len(s.pairs))
	b.Forward(s.t.RelParams, kernel.Softmax)
	s.parallel(len(s.pairs), func(i int) {
		p := s.pairs[i]
		clear(s.dh2.Row(i))
		clear(s.dt.Row(i))
		s.rel.RelationQueryGrad(s.t.Entity(s.heads[p.query]), s.t.Entity(p.tail), b.DQ.Row(i), s.dh2.Row(i), s.dt.Row(i))
	})
}

// entities computes the whole gradient of a block of entities and updates them
// while they are in cache: the gradient of the table never exists in memory.
func (s *stepper) entities(lo int, scale float32) {
	hi := min(lo+kernel.BlockRows, s.t.Entities())
	rows, params := s.t.Rows(), s.t.Params
	w := s.blocks.Get().(*block)
	defer s.blocks.Put(w)
	drow, de := w.drow, w.de
	s.batch.RowGrad(lo, lo+drow.RowsFor(hi-lo), drow.Data)
	identity := s.m.Identity()
	if !identity {
		clear(de.Data)
	}
	for e := lo; e < hi; e++ {
		g, d := drow.Row(e-lo), de.Row(e-lo)
		for p := s.firstTail[e]; p >= 0; p = s.nextTail[p] {
			for k, x := range s.batch.Q.Row(int(s.pairs[p].query)) {
				g[k] -= s.batch.Weight * x
			}
		}
		if !identity {
			s.m.RowGrad(params.Row(e), g, d)
		}
		for p := s.firstTail[e]; p >= 0; p = s.nextTail[p] {
			if s.n3 != nil {
				s.n3.N3(params.Row(e), scale, d)
			}
			if s.rel != nil {
				add(d, s.dt.Row(int(p)))
			}
		}
		for q := s.firstHead[e]; q >= 0; q = s.nextHead[q] {
			add(d, s.dh.Row(int(q)))
			if s.rel != nil {
				lo, hi := s.pairsOf(q)
				for p := lo; p < hi; p++ {
					add(d, s.dh2.Row(p))
				}
			}
		}
		s.opt.entity(e, de.Full(e-lo))
		if !identity {
			s.m.Row(params.Row(e), rows.Row(e))
		}
	}
}

// pairsOf returns the range of the statements of a query.
func (s *stepper) pairsOf(q int32) (lo, hi int) { return s.batch.Span(int(q)) }

// relations updates the relations.
func (s *stepper) relations() {
	clear(s.drel.Data)
	clear(s.fresh)
	if s.rel != nil {
		padded := s.drel.RowsFor(s.t.Relations())
		for j := 0; j < padded; j += kernel.BlockRows {
			s.relBatch.RowGrad(j, min(j+kernel.BlockRows, padded), s.drel.Data[j*s.drel.Stride:])
		}
		for i := range s.pairs {
			g := s.drel.Row(int(s.relBatch.Targets(i)[0]))
			for k, x := range s.relBatch.Q.Row(i) {
				g[k] -= s.relBatch.Weight * x
			}
		}
		for r := range s.fresh {
			s.fresh[r] = true
		}
	}
	for i, r := range s.rels[:s.batch.Len] {
		add(s.drel.Row(int(r)), s.dr.Row(i))
		s.fresh[r] = true
	}
	for r, fresh := range s.fresh {
		s.opt.relation(r, s.drel.Full(r), fresh)
	}
}

func add(dst, src []float32) {
	for i, x := range src[:len(dst)] {
		dst[i] += x
	}
}
