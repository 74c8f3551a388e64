package kvcache

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Map is the linear map between what a model writes and what is stored:
//
//	y = H S B (x - c)
//
// with a centre c, a balance B, signs S and a Walsh-Hadamard transform H, each
// optional; or y = Ωᵀ x with an orthonormal basis Ω over all heads of a layer.
// Queries meet stored keys through the adjoint, and sums of stored values are
// lifted back once, so the contents of the cache are never mapped back
// (kvcache.md 0.2: I1 to I3). Only keys stored before rotation (Pre) are.
type Map struct {
	Heads, Dim int       // of x: [Heads][Dim]
	Centre     []float32 // [Heads][Dim], nil = 0
	Balance    []float32 // [Heads][Dim], nil = 1; never 0
	Hadamard   bool      // of each head, in blocks of the largest power of two that divides Dim
	Seed       uint64    // of the signs before it
	Basis      []float32 // [Heads*Dim][Rank], nil = none
	Rank       int
	// Pre stores keys as they were before rotation by position; Turn rotates
	// one head's vector to its position, or back.
	Pre  bool
	Turn func(x []float32, position int, back bool)

	signs []float32
}

// Check reports a map that does not fit a shape, and makes one that does ready
// for use.
func (m *Map) Check(sh Shape) error {
	n := sh.Heads * sh.Dim
	switch {
	case m.Heads != sh.Heads || m.Dim != sh.Dim:
		return fmt.Errorf("a map of %d heads of %d, the model has %d of %d", m.Heads, m.Dim, sh.Heads, sh.Dim)
	case m.Centre != nil && len(m.Centre) != n || m.Balance != nil && len(m.Balance) != n:
		return fmt.Errorf("centre and balance of %d and %d numbers, want %d", len(m.Centre), len(m.Balance), n)
	case m.Hadamard && m.block() < 4:
		return fmt.Errorf("heads of %d numbers cannot be rotated by Hadamard's transform: leave out \"hadamard\"", m.Dim)
	case m.Basis != nil && (m.Rank <= 0 || m.Rank > n || len(m.Basis) != n*m.Rank):
		return fmt.Errorf("a basis of rank %d with %d numbers for %d channels", m.Rank, len(m.Basis), n)
	case m.Basis != nil && (m.Hadamard || m.Balance != nil):
		return fmt.Errorf("a projection together with rotation or balance")
	case m.Pre && m.Turn == nil:
		return fmt.Errorf("keys before rotation need the model's rotation")
	}
	for i, b := range m.Balance {
		if !(b > 0) {
			return fmt.Errorf("balance of channel %d is %v", i, b)
		}
	}
	if m.Hadamard && m.signs == nil {
		m.signs = make([]float32, m.Dim)
		state := m.Seed
		for i := range m.signs {
			// splitmix64: the signs are part of the format.
			state += 0x9e3779b97f4a7c15
			z := state
			z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			m.signs[i] = 1 - 2*float32(z>>63)
		}
	}
	return nil
}

// cells and wide are the shape of what is stored for a position.
func (m *Map) cells(heads int) int {
	if m != nil && m.Basis != nil {
		return 1
	}
	return heads
}

func (m *Map) wide(dim int) int {
	if m != nil && m.Basis != nil {
		return m.Rank
	}
	return dim
}

// Forward maps n vectors of one head, x [n][Dim] in place, keys of position
// first and on.
func (m *Map) Forward(x []float32, head, n, first int) {
	for t := range n {
		v := x[t*m.Dim : (t+1)*m.Dim]
		if m.Pre {
			m.Turn(v, first+t, true)
		}
		if m.Centre != nil {
			cpu.Axpy(-1, m.Centre[head*m.Dim:(head+1)*m.Dim], v)
		}
		if m.Balance != nil {
			cpu.Mul(v, v, m.Balance[head*m.Dim:(head+1)*m.Dim], 1)
		}
		if m.Hadamard {
			cpu.Mul(v, v, m.signs, 1)
			m.transform(v)
		}
	}
}

// Back undoes Forward, for keys stored before rotation and for tests.
func (m *Map) Back(x []float32, head int, position func(t int) int, n int) {
	for t := range n {
		v := x[t*m.Dim : (t+1)*m.Dim]
		m.unrotate(v, head)
		if m.Centre != nil {
			cpu.Axpy(1, m.Centre[head*m.Dim:(head+1)*m.Dim], v)
		}
		if m.Pre {
			m.Turn(v, position(t), false)
		}
	}
}

// unrotate is the inverse without the centre.
func (m *Map) unrotate(v []float32, head int) {
	if m.Hadamard {
		m.transform(v)
		cpu.Mul(v, v, m.signs, 1)
	}
	if m.Balance != nil {
		for i, b := range m.Balance[head*m.Dim : (head+1)*m.Dim] {
			v[i] /= b
		}
	}
}

// block is the length of the vectors that the transform rotates: a head of 48
// is three of 16.
func (m *Map) block() int { return m.Dim & -m.Dim }

func (m *Map) transform(x []float32) {
	for n := m.block(); len(x) > 0; x = x[n:] {
		codec.WalshHadamard(x[:n])
	}
}

// Project sets y [Rank] to Ωᵀ(x - c), x [Heads][Dim].
func (m *Map) Project(y, x []float32) {
	clear(y)
	for i, v := range x {
		if m.Centre != nil {
			v -= m.Centre[i]
		}
		cpu.Axpy(v, m.Basis[i*m.Rank:(i+1)*m.Rank], y)
	}
}

// Query sets y to the adjoint of a query of the given key head, and returns
// the part of its product with every key that the centre takes away.
func (m *Map) Query(y, q []float32, head int) (constant float32) {
	if m.Centre != nil {
		constant = cpu.Dot(q, m.Centre[head*m.Dim:(head+1)*m.Dim])
	}
	if m.Basis != nil {
		clear(y)
		for i, v := range q {
			at := (head*m.Dim + i) * m.Rank
			cpu.Axpy(v, m.Basis[at:at+m.Rank], y)
		}
		return constant
	}
	copy(y, q)
	if m.Balance != nil {
		for i, b := range m.Balance[head*m.Dim : (head+1)*m.Dim] {
			y[i] /= b
		}
	}
	if m.Hadamard {
		cpu.Mul(y, y, m.signs, 1)
		m.transform(y)
	}
	return constant
}

// Lift adds to o [Dim] what y, a sum of stored values with weights that sum to
// weight, stands for. y is destroyed.
func (m *Map) Lift(o, y []float32, head int, weight float32) {
	if m.Basis != nil {
		for i := range o {
			at := (head*m.Dim + i) * m.Rank
			o[i] += cpu.Dot(m.Basis[at:at+m.Rank], y)
		}
	} else {
		m.unrotate(y, head)
		cpu.Axpy(1, y, o)
	}
	if m.Centre != nil {
		cpu.Axpy(weight, m.Centre[head*m.Dim:(head+1)*m.Dim], o)
	}
}
