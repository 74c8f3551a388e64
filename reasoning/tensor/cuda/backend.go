//go:build gpu && linux && cgo

package cuda

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"gorgonia.org/cu"

	"github.com/quaestor-kg/quaestor/internal/cudashim"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

func init() {
	tensor.Register("cuda", func() (tensor.Backend, error) { return NewBackend(0) })
}

// Backend runs decoders on one GPU.
type Backend struct {
	d      *Device
	stores []*Store
}

var (
	_ tensor.Backend = (*Backend)(nil)
	_ tensor.Decoder = (*Decoder)(nil)
)

// NewBackend opens GPU number i.
func NewBackend(i int) (*Backend, error) {
	d, err := Open(i)
	if err != nil {
		return nil, err
	}
	return &Backend{d: d}, nil
}

// Name implements tensor.Backend.
func (b *Backend) Name() string { return "cuda " + b.d.Name() }

// Describe says what the card is and how much of its memory is free.
func (b *Backend) Describe() (string, error) {
	free, total, err := b.d.Memory()
	if err != nil {
		return "", err
	}
	major, minor, n := b.d.Capability()
	return fmt.Sprintf("driver for CUDA %d.%d, compute capability %d.%d, %d multiprocessors, %d of %d MiB free",
		b.d.Driver()/1000, b.d.Driver()%1000/10, major, minor, n, free>>20, total>>20), nil
}

// Device returns the GPU.
func (b *Backend) Device() *Device { return b.d }

// Close implements tensor.Backend.
func (b *Backend) Close() error {
	var err error
	for _, s := range b.stores {
		err = errors.Join(err, b.d.Do(s.close))
	}
	return errors.Join(err, b.d.Close())
}

// NewStore returns a cache in device memory. Keys and values have 16 bits there;
// single asks for 32, which the kernels do not have.
func (b *Backend) NewStore(shape kvcache.Shape, single bool) (kvcache.Store, error) {
	if single {
		return nil, fmt.Errorf("cuda: a cache of 32-bit values: %w", errors.ErrUnsupported)
	}
	s, err := newStore(b.d, shape)
	if err != nil {
		return nil, err
	}
	b.stores = append(b.stores, s)
	return s, nil
}

// layer is one block on the device.
type layer struct {
	attnNorm, ffnNorm, qNorm, kNorm Buffer
	qkv, o, gateUp, down            matrix
}

// Decoder is a model in device memory.
type Decoder struct {
	d         *Device
	spec      *tensor.Llama
	embedding matrix
	output    matrix
	norm      Buffer
	layers    []layer
	bytes     int64

	mu     sync.Mutex // one pass at a time
	turn   Buffer     // [positions][HeadDim] cosines, then sines
	angles int        // positions in turn
	work   activations
	graphs map[graphKey]cudashim.Graph
}

// activations are the buffers of a pass of n rows.
type activations struct {
	n                                            int
	tokens, positions, slots                     Buffer
	x, xb, qkv, q, kv, att, gateUp, gate, logits Buffer
}

// graphKey is what makes two decoding steps launch the same kernels with the
// same arguments.
type graphKey struct {
	rows, groups0, groups1, tables0, tables1 int
	pool                                     cu.DevicePtr
}

// Decoder implements tensor.Backend.
func (b *Backend) Decoder(spec *tensor.Llama) (tensor.Decoder, error) {
	for i, l := range spec.Layers {
		if l.Window > 0 {
			return nil, fmt.Errorf("cuda: layer %d has a sliding window, which is not supported: use the backend cpu", i)
		}
	}
	d := &Decoder{d: b.d, spec: spec, graphs: map[graphKey]cudashim.Graph{}}
	err := b.d.Do(d.upload)
	if err != nil {
		err = errors.Join(err, d.Close())
		return nil, fmt.Errorf("cuda: upload the model: %w", err)
	}
	return d, nil
}

// upload packs and copies all weights.
func (d *Decoder) upload() (err error) {
	w := d.spec
	stack := func(ls ...*tensor.Linear) (m matrix) {
		if err != nil {
			return m
		}
		var ms []*tensor.Matrix
		var bias []float32
		for _, l := range ls {
			ms = append(ms, merged(l))
			if l.Bias != nil && bias == nil {
				bias = make([]float32, 0)
			}
		}
		if bias != nil {
			for _, l := range ls {
				if l.Bias == nil {
					bias = append(bias, make([]float32, l.W.Rows)...)
				}
				bias = append(bias, l.Bias...)
			}
		}
		var p *packed
		if p, err = pack(ms...); err != nil {
			return m
		}
		d.bytes += p.bytes()
		m, err = d.d.upload(p, bias)
		return m
	}
	vector := func(x []float32) (b Buffer) {
		if err == nil && x != nil {
			b, err = Upload(d.d, x)
		}
		return b
	}
	d.embedding = stack(&tensor.Linear{W: w.Embedding})
	if d.output = d.embedding; w.Output != w.Embedding {
		d.output = stack(&tensor.Linear{W: w.Output})
	}
	d.norm = vector(w.Norm)
	for i := range w.Layers {
		l := &w.Layers[i]
		d.layers = append(d.layers, layer{
			attnNorm: vector(l.AttnNorm), ffnNorm: vector(l.FFNNorm), qNorm: vector(l.QNorm), kNorm: vector(l.KNorm),
			qkv: stack(&l.Q, &l.K, &l.V), o: stack(&l.O), gateUp: stack(&l.Gate, &l.Up), down: stack(&l.Down),
		})
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return err
}

// merged returns the matrix with its adapters added.
func merged(l *tensor.Linear) *tensor.Matrix {
	if len(l.LoRA) == 0 {
		return l.W
	}
	w := append([]float32(nil), l.W.Floats()...)
	cols := l.W.Cols
	for _, a := range l.LoRA {
		A, B, rank := a.A.Floats(), a.B.Floats(), a.A.Rows
		for r := range l.W.Rows {
			for k := range rank {
				f := a.Scale * B[r*rank+k]
				for c := range cols {
					w[r*cols+c] += f * A[k*cols+c]
				}
			}
		}
	}
	return tensor.FromF32(w, l.W.Rows, cols)
}

// Bytes implements tensor.Decoder.
func (d *Decoder) Bytes() int64 { return d.bytes }

// Close implements tensor.Decoder.
func (d *Decoder) Close() error {
	return d.d.Do(func() error {
		all := append(d.embedding.buffers(), d.norm, d.turn)
		if d.output.data != d.embedding.data {
			all = append(all, d.output.buffers()...)
		}
		for _, l := range d.layers {
			all = append(all, l.attnNorm, l.ffnNorm, l.qNorm, l.kNorm)
			for _, m := range []*matrix{&l.qkv, &l.o, &l.gateUp, &l.down} {
				all = append(all, m.buffers()...)
			}
		}
		w := &d.work
		all = append(all, w.tokens, w.positions, w.slots, w.x, w.xb, w.qkv, w.q, w.kv, w.att, w.gateUp, w.gate, w.logits)
		err := errors.Join(d.forget(), d.d.Free(all...))
		d.layers, d.embedding, d.output, d.norm, d.turn, d.work = nil, matrix{}, matrix{}, Buffer{}, Buffer{}, activations{}
		return err
	})
}

// forget drops the graphs: they hold addresses that are about to change.
func (d *Decoder) forget() (err error) {
	for k, g := range d.graphs {
		err = errors.Join(err, g.Destroy())
		delete(d.graphs, k)
	}
	return err
}

// slack are the bytes beyond a vector that a product may read.
const slack = 128

// room makes the activations large enough for n rows.
func (d *Decoder) room(n int) error {
	w, c := &d.work, d.spec
	if n <= w.n {
		return nil
	}
	if err := d.forget(); err != nil {
		return err
	}
	w.n = 0 // until all have been allocated
	heads := c.Heads + 2*c.KVHeads
	for _, b := range []struct {
		b    *Buffer
		wide int
	}{
		{&w.tokens, 1}, {&w.positions, 1}, {&w.slots, 1}, {&w.x, c.Dim}, {&w.xb, c.Dim}, {&w.qkv, heads * c.HeadDim},
		{&w.q, c.Heads * c.HeadDim}, {&w.kv, 2 * c.KVHeads * c.HeadDim}, {&w.att, c.Heads * c.HeadDim},
		{&w.gateUp, 2 * c.Hidden}, {&w.gate, c.Hidden},
	} {
		if err := d.d.ensure(b.b, int64(n*b.wide)*4+slack); err != nil {
			return err
		}
	}
	w.n = n
	return nil
}

// angle makes the table of rotations reach position n-1.
func (d *Decoder) angle(n int) error {
	if n <= d.angles {
		return nil
	}
	if err := d.forget(); err != nil {
		return err
	}
	n = (n + 1023) / 1024 * 1024
	r := &d.spec.Rope
	half := len(r.Freq)
	size := 1.0
	if r.Magnitude != 0 {
		size = float64(r.Magnitude)
	}
	table := make([]float32, n*2*half)
	for pos := range n {
		for i, f := range r.Freq {
			// rounded to single precision, as in package host
			s, c := math.Sincos(float64(float32(pos) * f))
			table[pos*2*half+i], table[pos*2*half+half+i] = float32(c*size), float32(s*size)
		}
	}
	d.angles = 0 // until it has been allocated
	if err := d.d.ensure(&d.turn, int64(len(table))*4); err != nil {
		return err
	}
	d.angles = n
	return Write(d.d, d.turn, table)
}

// failed is what a pass panics with when the device fails.
func (d *Decoder) failed(err error) *tensor.DeviceError {
	return &tensor.DeviceError{Backend: "cuda " + d.d.Name(), Err: err}
}

// OutOfMemory reports whether an error is the device's want of memory.
func OutOfMemory(err error) bool { return errors.Is(err, cudashim.ErrOutOfMemory) }

// Forward implements tensor.Decoder. It panics with a
// *tensor.DeviceError if the device fails.
func (d *Decoder) Forward(p *tensor.Pass) {
	d.mu.Lock()
	defer d.mu.Unlock()
	far := int32(0)
	for _, x := range p.Positions {
		far = max(far, x)
	}
	err := d.d.Do(func() error {
		n := len(p.Tokens)
		if err := errors.Join(d.room(n), d.angle(int(far)+1)); err != nil {
			return err
		}
		return errors.Join(Write(d.d, d.work.tokens, p.Tokens), Write(d.d, d.work.positions, p.Positions))
	})
	if err == nil {
		if s, rows, ok := cached(p.Attention); ok && p.Probe == nil {
			err = d.onDevice(p, s, rows)
		} else {
			err = d.layerByLayer(p)
		}
	}
	if err != nil {
		panic(d.failed(err))
	}
}

// cached returns the store of an attention that is computed on this device.
func cached(a tensor.Attention) (*Store, []kvcache.Rows, bool) {
	c, ok := a.(interface {
		Cached() (kvcache.Store, []kvcache.Rows)
	})
	if !ok {
		return nil, nil, false
	}
	s, rows := c.Cached()
	own, ok := s.(*Store)
	return own, rows, ok
}

// before launches a layer up to the rotated queries, keys and values.
func (d *Decoder) before(i, n int, s *Store, kv Buffer) error {
	l, w, c := &d.layers[i], &d.work, d.spec
	if err := d.d.Launch("rmsnorm", [3]int{n, 1, 1}, [3]int{256, 1, 1}, w.x, l.attnNorm, w.xb, c.Dim, c.Eps); err != nil {
		return err
	}
	if err := d.d.product(&l.qkv, w.xb, w.qkv, n, false); err != nil {
		return err
	}
	var pool Buffer
	var stride, headBytes, offset int64
	if s != nil {
		pool, stride, headBytes, offset = s.pool, s.stride, s.headBytes, s.layerOffset(i)
	}
	return d.d.Launch("rotate", [3]int{c.Heads + 2*c.KVHeads, n, 1}, [3]int{c.HeadDim / 2, 1, 1},
		w.qkv, d.turn, w.positions, w.slots, Buffer{}, l.qNorm, l.kNorm, c.Eps, w.q, kv, pool, stride, headBytes, offset,
		c.Heads, c.KVHeads, c.Rope.Halves, false)
}

// after launches the rest of a layer, from the result of attention on.
func (d *Decoder) after(i, n int) error {
	l, w, c := &d.layers[i], &d.work, d.spec
	if err := d.d.product(&l.o, w.att, w.x, n, true); err != nil {
		return err
	}
	if err := d.d.Launch("rmsnorm", [3]int{n, 1, 1}, [3]int{256, 1, 1}, w.x, l.ffnNorm, w.xb, c.Dim, c.Eps); err != nil {
		return err
	}
	if err := d.d.product(&l.gateUp, w.xb, w.gateUp, n, false); err != nil {
		return err
	}
	if err := d.d.Launch("swiglu", [3]int{(c.Hidden + 255) / 256, n, 1}, [3]int{256, 1, 1}, w.gateUp, w.gate, c.Hidden); err != nil {
		return err
	}
	return d.d.product(&l.down, w.gate, w.x, n, true)
}

// finish norms the residual stream and reads it back.
func (d *Decoder) finish(p *tensor.Pass, n int) error {
	w, c := &d.work, d.spec
	if err := d.d.Launch("rmsnorm", [3]int{n, 1, 1}, [3]int{256, 1, 1}, w.x, d.norm, w.xb, c.Dim, c.Eps); err != nil {
		return err
	}
	return Read(d.d, w.xb, p.States[:n*c.Dim])
}

// layerByLayer hands queries, keys and values of each layer to an attention in
// main memory.
func (d *Decoder) layerByLayer(p *tensor.Pass) error {
	w, c, n := &d.work, d.spec, len(p.Tokens)
	slots := make([]int32, n)
	for i := range slots {
		slots[i] = -1
	}
	q, att := make([]float32, n*c.Heads*c.HeadDim), make([]float32, n*c.Heads*c.HeadDim)
	wide := c.KVHeads * c.HeadDim
	kv, k, v := make([]float32, 2*n*wide), make([]float32, n*wide), make([]float32, n*wide)
	var x []float32
	if p.Probe != nil {
		x = make([]float32, n*c.Dim)
	}
	err := d.d.Do(func() error {
		if err := Write(d.d, w.slots, slots); err != nil {
			return err
		}
		return d.d.embed(&d.embedding, w.tokens, w.x, n)
	})
	for i := range d.layers {
		if err == nil {
			err = d.d.Do(func() error {
				if err := d.before(i, n, nil, w.kv); err != nil {
					return err
				}
				return errors.Join(Read(d.d, w.q, q), Read(d.d, w.kv, kv))
			})
		}
		if err != nil {
			return err
		}
		for r := range n {
			copy(k[r*wide:(r+1)*wide], kv[2*r*wide:])
			copy(v[r*wide:(r+1)*wide], kv[(2*r+1)*wide:])
		}
		p.Attention.Attend(i, q, k, v, att)
		err = d.d.Do(func() error {
			if err := Write(d.d, w.att, att); err != nil {
				return err
			}
			if err := d.after(i, n); err != nil || p.Probe == nil {
				return err
			}
			return Read(d.d, w.x, x)
		})
		if err == nil && p.Probe != nil {
			p.Probe(i, x)
		}
	}
	if err != nil {
		return err
	}
	return d.d.Do(func() error { return d.finish(p, n) })
}

// onDevice runs a whole pass on the device. Few rows, a step of decoding, are
// captured as a graph the second time and replayed from then on: launching
// hundreds of kernels one by one takes longer than running them.
func (d *Decoder) onDevice(p *tensor.Pass, s *Store, rows []kvcache.Rows) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(p.Tokens)
	var slots []int32
	for _, r := range rows {
		q := r.Seq.(*sequence)
		if q.err != nil {
			return q.err
		}
		slots = q.slots(slots, r.N)
	}
	pl := planRows(s.shape, rows)
	launch := func() error {
		if err := d.d.embed(&d.embedding, d.work.tokens, d.work.x, n); err != nil {
			return err
		}
		for i := range d.layers {
			if err := d.before(i, n, s, Buffer{}); err != nil {
				return err
			}
			if err := s.attend(pl, i, d.work.q, d.work.att); err != nil {
				return err
			}
			if err := d.after(i, n); err != nil {
				return err
			}
		}
		return nil
	}
	return d.d.Do(func() error {
		before := s.work
		if err := s.work.prepare(s, pl); err != nil {
			return err
		}
		if moved(&before, &s.work) {
			if err := d.forget(); err != nil {
				return err
			}
		}
		if err := Write(d.d, d.work.slots, slots); err != nil {
			return err
		}
		if n > vectors {
			if err := launch(); err != nil {
				return err
			}
			return d.finish(p, n)
		}
		key := graphKey{n, pl.parts[0].groups, 0, s.work.tables[0], 0, s.pool.p}
		if pl.two {
			key.groups1, key.tables1 = pl.parts[1].groups, s.work.tables[1]
		}
		g, ok := d.graphs[key]
		if !ok {
			var err error
			if g, err = d.d.Capture(launch); err != nil {
				return err
			}
			d.graphs[key] = g
		}
		if err := d.d.Replay(g); err != nil {
			return err
		}
		return d.finish(p, n)
	})
}

// moved tells whether a buffer of attention has a new address.
func moved(a, b *workspace) bool {
	for i := range 2 {
		if a.row[i].p != b.row[i].p || a.limit[i].p != b.limit[i].p || a.table[i].p != b.table[i].p || a.lse[i].p != b.lse[i].p {
			return true
		}
	}
	return a.other.p != b.other.p || a.scratch.p != b.scratch.p || a.count.p != b.count.p
}

// Logits implements tensor.Decoder. It panics with a *tensor.DeviceError if the
// device fails.
func (d *Decoder) Logits(states []float32, n int, logits []float32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.spec
	err := d.d.Do(func() error {
		if err := d.room(n); err != nil {
			return err
		}
		if err := d.d.ensure(&d.work.logits, int64(n*c.Vocab)*4); err != nil {
			return err
		}
		if err := Write(d.d, d.work.xb, states[:n*c.Dim]); err != nil {
			return err
		}
		if err := d.d.product(&d.output, d.work.xb, d.work.logits, n, false); err != nil {
			return err
		}
		return Read(d.d, d.work.logits, logits[:n*c.Vocab])
	})
	if err != nil {
		panic(d.failed(err))
	}
}
