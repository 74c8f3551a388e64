package decode

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Footprint is the memory that a model takes while it works, in bytes.
type Footprint struct {
	Packed int64 // weights in the backend's own form
	Mapped int64 // weights that are read from the mapped file as they are
	Cache  int64 // keys and values of one position, with the cache as it is
	Work   int64 // activations of a pass over a chunk of a prompt, and logits
}

// Total is the memory for so many positions in the cache.
func (f *Footprint) Total(positions int) int64 {
	return f.Packed + f.Mapped + f.Cache*int64(positions) + f.Work
}

// Footprint says what a model takes, beside the program itself and the
// tokenizer.
func (m *Model) Footprint() Footprint {
	c, f := &m.Config, Footprint{Packed: m.decoder.Bytes()}
	mapped := func(w *tensor.Matrix) {
		if cpu.PackedBytes(w) == 0 || f.Packed == 0 {
			f.Mapped += int64(len(w.Data))
		}
	}
	for i := range m.spec.Layers {
		l := &m.spec.Layers[i]
		for _, w := range []*tensor.Matrix{l.Q.W, l.K.W, l.V.W, l.O.W, l.Gate.W, l.Up.W, l.Down.W} {
			mapped(w)
		}
	}
	mapped(m.spec.Output)
	if m.spec.Output != m.spec.Embedding {
		f.Mapped += int64(len(m.spec.Embedding.Data)) // at most: rows are read as tokens occur
	}
	// The cache takes whole pages; a long text shows what a position costs.
	const positions = 1024
	before := m.store.Bytes()
	s := m.store.New()
	s.Extend(min(positions, c.Context))
	f.Cache = (m.store.Bytes() - before) / int64(min(positions, c.Context))
	s.Release()
	f.Cache += int64(8 * len(m.spec.Rope.Freq)) // cosines and sines of the position
	heads := (2*c.Heads + 2*c.KVHeads) * c.HeadDim
	row := 4 * (2*c.Dim + heads + 2*c.Hidden)          // of the pass
	row += 4 * max(c.Dim, c.Heads*c.HeadDim, c.Hidden) // digits of activations
	f.Work = int64(row)*int64(chunk) + 2*4*int64(c.Vocab)
	f.Work += int64(m.Threads()) << 20 // scratch of products and attention
	return f
}

// Residence compares the memory that a model was said to take with what it took.
type Residence struct {
	Positions int   // of the text that was read
	Before    int64 // resident bytes of the process before the model was opened
	Heap      int64 // what opening left on the heap: the tokenizer, norms, tables
	Promised  int64 // Before, Heap, the footprint at so many positions, 2 MiB for the runtime
	Measured  int64 // resident bytes while the text is in the cache
}

// MeasureResidence opens a model, reads a text of so many arbitrary tokens,
// writes some more, and looks at the memory of the process. It returns zeros
// where the system does not tell.
func MeasureResidence(ctx context.Context, positions int, open func() (*Model, error)) (*Model, Residence, error) {
	r := Residence{Positions: positions}
	heap := func() int64 {
		debug.FreeOSMemory()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	empty := heap()
	r.Before = resident()
	m, err := open()
	if err != nil {
		return nil, r, err
	}
	r.Heap = heap() - empty
	const steps = 8
	r.Positions = max(1, min(positions, m.Config.Context-steps))
	f := m.Footprint()
	if r.Before > 0 {
		// The collector's tables and the stacks grow a little too.
		r.Promised = r.Before + r.Heap + f.Total(r.Positions+steps) + 2<<20
	}
	debug.FreeOSMemory() // the pages that Footprint tried
	ids := make([]int32, r.Positions)
	for i := range ids {
		ids[i] = int32((3 + i*7919) % m.Config.Vocab)
	}
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(ctx, b, ids); err != nil {
		m.Close()
		return nil, r, err
	}
	err = m.Generate(ctx, b, steps, Greedy, func(int32) bool { return true })
	r.Measured = resident()
	if err != nil {
		m.Close()
		return nil, r, err
	}
	return m, r, nil
}
