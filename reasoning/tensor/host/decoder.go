package host

import (
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Backend computes on the threads of a pool.
type Backend struct{ pool *cpu.Pool }

// New returns a backend on a pool, which stays the caller's.
func New(pool *cpu.Pool) *Backend { return &Backend{pool} }

var (
	_ tensor.Backend = (*Backend)(nil)
	_ tensor.Decoder = (*Decoder)(nil)
)

// Name implements tensor.Backend.
func (b *Backend) Name() string { return "cpu " + cpu.Current().String() }

// Close implements tensor.Backend; the pool stays open.
func (b *Backend) Close() error { return nil }

// Decoder implements tensor.Backend.
func (b *Backend) Decoder(spec *tensor.Llama) (tensor.Decoder, error) {
	d := &Decoder{spec: spec, pool: b.pool, packed: make([]packedLayer, len(spec.Layers))}
	var err error
	if d.arena, err = cpu.NewArena(PackedBytes(spec)); err != nil {
		return nil, err
	}
	pack := func(m *tensor.Matrix) *cpu.Packed { return d.pool.Pack(m, d.arena) }
	for i := range spec.Layers {
		l := &spec.Layers[i]
		d.packed[i] = packedLayer{
			q: pack(l.Q.W), k: pack(l.K.W), v: pack(l.V.W), o: pack(l.O.W),
			gate: pack(l.Gate.W), up: pack(l.Up.W), down: pack(l.Down.W),
		}
	}
	d.output = pack(spec.Output)
	d.runs.New = func() any { return newRun(d) }
	return d, nil
}

// Decoder is a model in main memory.
type Decoder struct {
	spec   *tensor.Llama
	packed []packedLayer
	output *cpu.Packed
	arena  *cpu.Arena // of packed matrices
	pool   *cpu.Pool
	runs   sync.Pool // *run
	rope   struct {
		sync.RWMutex
		cos, sin []float32 // [positions so far][HeadDim/2]
	}
}

// PackedBytes returns the memory that a model's packed matrices take on this
// machine.
func PackedBytes(spec *tensor.Llama) int64 {
	n := cpu.PackedBytes(spec.Output)
	for i := range spec.Layers {
		l := &spec.Layers[i]
		for _, m := range []*tensor.Matrix{l.Q.W, l.K.W, l.V.W, l.O.W, l.Gate.W, l.Up.W, l.Down.W} {
			n += cpu.PackedBytes(m)
		}
	}
	return n
}

// packedLayer has the matrices of a layer as the kernels want them; nil where
// they want them as they are.
type packedLayer struct{ q, k, v, o, gate, up, down *cpu.Packed }

// Close implements tensor.Decoder.
func (d *Decoder) Close() error { return d.arena.Close() }

// Bytes implements tensor.Decoder.
func (d *Decoder) Bytes() int64 { return d.arena.Bytes() }

// angles returns cosines and sines of all positions below n, times the
// rotation's magnitude.
func (d *Decoder) angles(n int) (cos, sin []float32) {
	r := &d.spec.Rope
	half := len(r.Freq)
	d.rope.RLock()
	cos, sin = d.rope.cos, d.rope.sin
	d.rope.RUnlock()
	if len(cos) >= n*half {
		return cos, sin
	}
	d.rope.Lock()
	defer d.rope.Unlock()
	size := 1.0
	if r.Magnitude != 0 {
		size = float64(r.Magnitude)
	}
	for pos := len(d.rope.cos) / half; pos < (n+255)/256*256; pos++ {
		for _, f := range r.Freq {
			// The product is rounded to single precision, as in the
			// reference: at far positions that is visible in the logits.
			s, c := math.Sincos(float64(float32(pos) * f))
			d.rope.cos, d.rope.sin = append(d.rope.cos, float32(c*size)), append(d.rope.sin, float32(s*size))
		}
	}
	return d.rope.cos, d.rope.sin
}

// run is the working memory of one forward pass over n rows, the current wave
// of activations.
type run struct {
	d           *Decoder
	pass        *tensor.Pass
	n           int
	x           []float32 // [n][Dim] residual stream: the States of the pass
	xb          []float32 // [n][Dim] normed input of a block
	q           []float32 // [n][Heads][HeadDim]
	k, v        []float32 // [n][KVHeads][HeadDim]
	att         []float32 // [n][Heads][HeadDim] attention result
	gate, up    []float32 // [n][Hidden]
	low, high   []float32 // [n][rank], [n][out] of adapters
	cos, sin    []float32
	products    [3]cpu.Product
	layer       *tensor.Layer
	stage       func(r *run, from, to int) // what eachRow does
	rowsPerPart int
	rowJob      *cpu.Job
}

func newRun(d *Decoder) *run {
	r := &run{d: d}
	r.rowJob = cpu.NewJob(func(part int) {
		r.stage(r, part*r.rowsPerPart, min(r.n, (part+1)*r.rowsPerPart))
	})
	return r
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// begin gives the run room for a pass.
func (r *run) begin(p *tensor.Pass) {
	c, n := r.d.spec, len(p.Tokens)
	r.pass, r.n, r.x = p, n, p.States[:n*c.Dim]
	r.xb = grow(r.xb, n*c.Dim)
	r.q, r.att = grow(r.q, n*c.Heads*c.HeadDim), grow(r.att, n*c.Heads*c.HeadDim)
	r.k, r.v = grow(r.k, n*c.KVHeads*c.HeadDim), grow(r.v, n*c.KVHeads*c.HeadDim)
	r.gate, r.up = grow(r.gate, n*c.Hidden), grow(r.up, n*c.Hidden)
}

// end drops what belongs to the caller, so that a pooled run keeps none of it
// alive.
func (r *run) end() {
	r.pass, r.x, r.layer = nil, nil, nil
	r.products = [3]cpu.Product{}
	r.d.runs.Put(r)
}

// eachRow runs a stage over all rows, in parts when there are many.
func (r *run) eachRow(stage func(r *run, from, to int)) {
	r.stage = stage
	threads := r.d.pool.Threads()
	r.rowsPerPart = max(4, (r.n+4*threads-1)/(4*threads))
	r.d.pool.Run(r.rowJob, (r.n+r.rowsPerPart-1)/r.rowsPerPart)
}

// Forward implements tensor.Decoder.
func (d *Decoder) Forward(pass *tensor.Pass) {
	w := d.spec
	r := d.runs.Get().(*run)
	defer r.end()
	r.begin(pass)
	far := int32(0)
	for i, t := range pass.Tokens {
		d.embed(r.x[i*w.Dim:(i+1)*w.Dim], int(t))
		far = max(far, pass.Positions[i])
	}
	r.cos, r.sin = d.angles(int(far) + 1)
	for l := range w.Layers {
		r.layer = &w.Layers[l]
		p := &d.packed[l]

		// Attention: norm, projections, rotation, mix, projection back.
		r.eachRow((*run).attnNorm)
		r.project(r.xb, part{&r.layer.Q, p.q, r.q}, part{&r.layer.K, p.k, r.k}, part{&r.layer.V, p.v, r.v})
		r.eachRow((*run).rotate)
		pass.Attention.Attend(l, r.q, r.k, r.v, r.att)
		r.project(r.att, part{&r.layer.O, p.o, r.xb})

		// Feed-forward: residual and norm, up and gate, down, residual.
		r.eachRow((*run).ffnNorm)
		r.project(r.xb, part{&r.layer.Gate, p.gate, r.gate}, part{&r.layer.Up, p.up, r.up})
		r.eachRow((*run).swiglu)
		r.project(r.gate, part{&r.layer.Down, p.down, r.xb})
		cpu.Axpy(1, r.xb, r.x)
		if pass.Probe != nil {
			pass.Probe(l, r.x)
		}
	}
	r.eachRow((*run).finalNorm)
}

// embed expands the row of a token. It is taken from the packed output matrix if
// that is the same: so the stored one is not read, and not kept in memory.
func (d *Decoder) embed(dst []float32, token int) {
	w := d.spec
	if w.Output == w.Embedding && d.output != nil {
		d.output.Row(dst, token)
		return
	}
	cpu.Expand(w.Embedding.Type, dst, w.Embedding.Row(token))
}

// Logits implements tensor.Decoder.
func (d *Decoder) Logits(states []float32, n int, logits []float32) {
	r := d.runs.Get().(*run)
	r.products[0] = cpu.Product{W: d.spec.Output, P: d.output, Y: logits}
	d.pool.MatMul(states, n, r.products[:1])
	r.end()
}

// part is one of the products that share an input.
type part struct {
	l *tensor.Linear
	p *cpu.Packed
	y []float32
}

// project computes up to three products with one input: matrices, then biases,
// then adapters.
func (r *run) project(x []float32, parts ...part) {
	for i, q := range parts {
		r.products[i] = cpu.Product{W: q.l.W, P: q.p, Y: q.y}
	}
	r.d.pool.MatMul(x, r.n, r.products[:len(parts)])
	for _, q := range parts {
		if q.l.Bias != nil || len(q.l.LoRA) > 0 {
			r.adapt(x, q.l, q.y)
		}
	}
}

// adapt adds the bias and the adapters of a matrix to its product.
func (r *run) adapt(x []float32, l *tensor.Linear, y []float32) {
	if l.Bias != nil {
		for i := range r.n {
			cpu.Axpy(1, l.Bias, y[i*len(l.Bias):(i+1)*len(l.Bias)])
		}
	}
	for i := range l.LoRA {
		a := &l.LoRA[i]
		r.low, r.high = grow(r.low, r.n*a.A.Rows), grow(r.high, len(y))
		r.products[0] = cpu.Product{W: a.A, Y: r.low}
		r.d.pool.MatMul(x, r.n, r.products[:1])
		r.products[0] = cpu.Product{W: a.B, Y: r.high}
		r.d.pool.MatMul(r.low, r.n, r.products[:1])
		cpu.Axpy(a.Scale, r.high, y)
	}
}

func (r *run) attnNorm(from, to int) { r.norm(r.xb, r.layer.AttnNorm, from, to) }

// ffnNorm adds the result of attention to the residual stream and norms it.
func (r *run) ffnNorm(from, to int) {
	d := r.d.spec.Dim
	cpu.Axpy(1, r.xb[from*d:to*d], r.x[from*d:to*d])
	r.norm(r.xb, r.layer.FFNNorm, from, to)
}

func (r *run) finalNorm(from, to int) { r.norm(r.x, r.d.spec.Norm, from, to) }

func (r *run) norm(dst, w []float32, from, to int) {
	d := r.d.spec.Dim
	for i := from; i < to; i++ {
		cpu.RMSNorm(dst[i*d:(i+1)*d], r.x[i*d:(i+1)*d], w, r.d.spec.Eps)
	}
}

// rotate norms the heads of queries and keys, in models that do, and turns them
// by their positions.
func (r *run) rotate(from, to int) {
	c := r.d.spec
	turn, half := cpu.RopeAdjacent, c.HeadDim/2
	if c.Rope.Halves {
		turn = cpu.RopeHalves
	}
	for i := from; i < to; i++ {
		p := int(r.pass.Positions[i]) * half
		cos, sin := r.cos[p:p+half], r.sin[p:p+half]
		q, k := r.q[i*c.Heads*c.HeadDim:(i+1)*c.Heads*c.HeadDim], r.k[i*c.KVHeads*c.HeadDim:(i+1)*c.KVHeads*c.HeadDim]
		for _, x := range [2]struct {
			x    []float32
			norm []float32
		}{{q, r.layer.QNorm}, {k, r.layer.KNorm}} {
			for ; len(x.x) > 0; x.x = x.x[c.HeadDim:] {
				head := x.x[:c.HeadDim]
				if x.norm != nil {
					cpu.RMSNorm(head, head, x.norm, c.Eps)
				}
				turn(head, cos, sin)
			}
		}
	}
}

func (r *run) swiglu(from, to int) {
	h := r.d.spec.Hidden
	cpu.SwiGLU(r.gate[from*h:to*h], r.gate[from*h:to*h], r.up[from*h:to*h])
}
