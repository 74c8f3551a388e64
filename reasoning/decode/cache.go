package decode

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// MakeCache makes the store of a model's keys and values.
type MakeCache func(shape kvcache.Shape, pool *cpu.Pool) (kvcache.Store, error)

// Shape is what the model asks of a cache.
func (m *Model) Shape() kvcache.Shape {
	c := &m.Config
	return kvcache.Shape{Layers: c.Layers, QueryHeads: c.Heads, Heads: c.KVHeads, Dim: c.HeadDim}
}

// WithCache returns the same open model with another cache in main memory. It
// must not be closed by itself: closing m closes both.
func (m *Model) WithCache(make MakeCache) (*Model, error) {
	store, err := make(m.Shape(), m.pool)
	if err != nil {
		return nil, err
	}
	n := &Model{Config: m.Config, Tokenizer: m.Tokenizer, spec: m.spec, file: m.file, pool: m.pool, backend: m.backend, decoder: m.decoder, store: store, ends: m.ends, turner: m.turner}
	n.runs.New = func() any { return &run{} }
	return n, nil
}

// Store returns the model's cache.
func (m *Model) Store() kvcache.Store { return m.store }

// turner rotates vectors to positions and keeps the angles it has computed.
type turner struct {
	freq   []float32
	halves bool

	mu       sync.RWMutex
	cos, sin []float32 // [positions so far][len(freq)]
}

// angles returns the cosines and sines of a position.
func (t *turner) angles(position int) (cos, sin []float32) {
	n := len(t.freq)
	t.mu.RLock()
	cos, sin = t.cos, t.sin
	t.mu.RUnlock()
	if len(cos) <= position*n {
		t.mu.Lock()
		for at := len(t.cos) / n; at < position+256; at++ {
			for _, f := range t.freq {
				s, c := math.Sincos(float64(float32(at) * f))
				t.cos, t.sin = append(t.cos, float32(c)), append(t.sin, float32(s))
			}
		}
		cos, sin = t.cos, t.sin
		t.mu.Unlock()
	}
	return cos[position*n : (position+1)*n], sin[position*n : (position+1)*n]
}

// Turn rotates one head's vector to a position, or back to none.
func (m *Model) Turn(x []float32, position int, back bool) {
	t := m.turner
	cos, sin := t.angles(position)
	half := len(cos)
	for i, c := range cos {
		a, b, s := 2*i, 2*i+1, sin[i]
		if t.halves {
			a, b = i, i+half
		}
		if back {
			s = -s
		}
		x[a], x[b] = x[a]*c-x[b]*s, x[b]*c+x[a]*s
	}
}

// Read reads the next tokens of a text and calls each for the final states of
// every chunk, states [n][Dim]; LogitsOf turns them into predictions. It is
// for measurements that look at every position.
func (m *Model) Read(ctx context.Context, b *Branch, ids []int32, each func(from int, states []float32) error) error {
	if err := m.fits(b.Len(), ids); err != nil {
		return err
	}
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	d := m.Config.Dim
	for from, n := 0, 0; from < len(ids); from += n {
		if err := ctx.Err(); err != nil {
			return err
		}
		n = b.chunk(len(ids) - from)
		m.read(r, b, ids[from:from+n])
		b.hidden, b.known = append(b.hidden[:0], r.x[(n-1)*d:n*d]...), false
		if err := each(from, r.x[:n*d]); err != nil {
			return err
		}
	}
	return nil
}

// LogitsOf sets logits [n][Vocab] to the predictions of n final states.
func (m *Model) LogitsOf(states, logits []float32) error {
	n := len(states) / m.Config.Dim
	if len(logits) != n*m.Config.Vocab {
		return fmt.Errorf("%d logits for %d states of a vocabulary of %d", len(logits), n, m.Config.Vocab)
	}
	m.decoder.Logits(states, n, logits)
	return nil
}

// OutputNorms returns the norms of the columns of a layer's output matrix,
// [Heads][HeadDim]: how much an error in each channel of the attention's result
// counts.
func (m *Model) OutputNorms(layer int) []float32 {
	w := m.spec.Layers[layer].O.W
	sq := make([]float64, w.Cols)
	row := make([]float32, w.Cols)
	for r := range w.Rows {
		cpu.Expand(w.Type, row, w.Row(r))
		for c, x := range row {
			sq[c] += float64(x) * float64(x)
		}
	}
	out := make([]float32, len(sq))
	for c, x := range sq {
		out[c] = float32(math.Sqrt(x))
	}
	return out
}

// Fingerprint tells models apart: a hash of the shape, the norms and some rows
// of every layer.
func (m *Model) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%+v", m.Config)
	binary.Write(h, binary.LittleEndian, m.spec.Norm)
	for _, y := range m.spec.Layers {
		binary.Write(h, binary.LittleEndian, y.AttnNorm)
		for _, w := range []*tensor.Matrix{y.Q.W, y.K.W, y.V.W, y.O.W, y.Gate.W, y.Up.W, y.Down.W} {
			h.Write(w.Row(0))
			h.Write(w.Row(w.Rows / 2))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
