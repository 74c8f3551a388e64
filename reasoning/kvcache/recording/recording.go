// Package recording writes down what a model puts into its cache and asks of it,
// and replays single layers of attention on that: what cache methods are
// calibrated on, and measured with in seconds.
package recording

import (
	"context"
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Recording is what a model put into its cache and asked of it while it read a
// text.
type Recording struct {
	Shape  kvcache.Shape
	First  int // position of the first vector below
	N      int
	Layers []Layer
}

// Layer holds keys and queries after rotation.
type Layer struct {
	K, V []float32 // [N][Heads][Dim]
	Q    []float32 // [N][QueryHeads][Dim]
	// Sums of keys, keys before rotation and values over all positions from
	// the fifth on, [Heads][Dim], and how many.
	KSum, PreSum, VSum []float64
	Count              int
}

// Record reads ids with an exact cache and keeps the vectors of positions from
// on.
func Record(ctx context.Context, m *decode.Model, ids []int32, from int) (*Recording, error) {
	r := &Recording{Shape: m.Shape(), First: from, Layers: make([]Layer, m.Shape().Layers)}
	wide := r.Shape.Heads * r.Shape.Dim
	for l := range r.Layers {
		y := &r.Layers[l]
		y.KSum, y.PreSum, y.VSum = make([]float64, wide), make([]float64, wide), make([]float64, wide)
	}
	recorded, err := m.WithCache(func(sh kvcache.Shape, pool *cpu.Pool) (kvcache.Store, error) {
		return &recorder{Store: kvcache.NewPaged(sh, true, pool), r: r, turn: m.Turn}, nil
	})
	if err != nil {
		return nil, err
	}
	b := recorded.Start()
	defer b.Release()
	if err := recorded.Prefill(ctx, b, ids); err != nil {
		return nil, err
	}
	r.N = len(ids) - from
	if r.N <= 0 {
		return nil, fmt.Errorf("a text of %d tokens has nothing from position %d on", len(ids), from)
	}
	return r, nil
}

// recorder is a store that writes down what passes through.
type recorder struct {
	kvcache.Store
	r    *Recording
	turn func(x []float32, position int, back bool)
}

// New implements kvcache.Store.
func (s *recorder) New() kvcache.Sequence {
	return &recordedSequence{Sequence: s.Store.New(), s: s}
}

// Attend implements kvcache.Store.
func (s *recorder) Attend(layer int, rows []kvcache.Rows, q, out, lse []float32) {
	inner := make([]kvcache.Rows, len(rows))
	wide := s.r.Shape.QueryHeads * s.r.Shape.Dim
	at := 0
	for i, r := range rows {
		inner[i] = r
		inner[i].Seq = r.Seq.(*recordedSequence).Sequence
		for j := range r.N {
			if r.First+j*r.Step-1 >= s.r.First {
				s.r.Layers[layer].Q = append(s.r.Layers[layer].Q, q[at*wide:(at+1)*wide]...)
			}
			at++
		}
	}
	s.Store.Attend(layer, inner, q, out, lse)
}

type recordedSequence struct {
	kvcache.Sequence
	s     *recorder
	fresh int
}

// Extend implements kvcache.Sequence.
func (q *recordedSequence) Extend(n int) {
	q.fresh = n
	q.Sequence.Extend(n)
}

// Put implements kvcache.Sequence.
func (q *recordedSequence) Put(layer int, k, v []float32) {
	q.Sequence.Put(layer, k, v)
	r := q.s.r
	y := &r.Layers[layer]
	dim, wide := r.Shape.Dim, r.Shape.Heads*r.Shape.Dim
	pre := make([]float32, dim)
	for i := range q.fresh {
		at := q.Len() - q.fresh + i
		key, value := k[i*wide:(i+1)*wide], v[i*wide:(i+1)*wide]
		if at >= r.First {
			y.K, y.V = append(y.K, key...), append(y.V, value...)
		}
		if at < 4 { // attention sinks are unlike all others
			continue
		}
		y.Count++
		for h := range r.Shape.Heads {
			copy(pre, key[h*dim:(h+1)*dim])
			q.s.turn(pre, at, true)
			for c, x := range pre {
				y.PreSum[h*dim+c] += float64(x)
			}
		}
		for c := range wide {
			y.KSum[c] += float64(key[c])
			y.VSum[c] += float64(value[c])
		}
	}
}

// Fork implements kvcache.Sequence.
func (q *recordedSequence) Fork() kvcache.Sequence {
	return &recordedSequence{Sequence: q.Sequence.Fork(), s: q.s}
}
