package decode

import (
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Options are the choices of whoever opens a model; the zero value is good.
type Options struct {
	Threads  int  // 0 = all that the process may use
	Context  int  // positions a text may have; 0 = as trained
	SingleKV bool // keep keys and values in 32 bits instead of 16
	NoTokens bool // the file need not have a tokenizer
}

// Model is an open decoder. It may be used by several goroutines, each with
// its own branches; the processor is shared among them.
type Model struct {
	Config    Config
	Weights   Weights
	Tokenizer *token.BPE // nil when the file has none and Options allowed that

	file  *weights.File
	pool  *cpu.Pool
	store kvcache.Store
	freq  []float32
	runs  sync.Pool               // *run
	probe func(r *run, layer int) // tests look at every layer through it
	rope  struct {
		sync.RWMutex
		cos, sin []float32 // [positions so far][HeadDim/2]
	}
}

// Load opens a GGUF file or a safetensors folder.
func Load(path string, o Options) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	return fromFile(f, o)
}

// FromBytes opens a GGUF file that is in memory; name is for messages.
func FromBytes(name string, data []byte, o Options) (*Model, error) {
	f, err := weights.FromBytes(name, data)
	if err != nil {
		return nil, err
	}
	return fromFile(f, o)
}

func fromFile(f *weights.File, o Options) (_ *Model, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	m := &Model{file: f}
	if m.Config, err = readConfig(f); err != nil {
		return nil, err
	}
	if m.Weights, err = readWeights(f, &m.Config); err != nil {
		return nil, err
	}
	if m.Tokenizer, err = token.FromFile(f); err != nil {
		if !o.NoTokens {
			return nil, err
		}
		m.Tokenizer, err = nil, nil
	} else if m.Tokenizer.Size() > m.Config.Vocab {
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, the model only %d: %w", f.Name, m.Tokenizer.Size(), m.Config.Vocab, weights.ErrFormat)
	}
	c := &m.Config
	if o.Context > 0 {
		c.Context = o.Context
	}
	m.freq = c.Frequencies()
	m.pool = cpu.NewPool(o.Threads)
	m.store = kvcache.NewPaged(kvcache.Shape{Layers: c.Layers, QueryHeads: c.Heads, Heads: c.KVHeads, Dim: c.HeadDim}, o.SingleKV, m.pool)
	m.runs.New = func() any { return newRun(m) }
	return m, nil
}

// Close frees the model; its branches must not be used any more.
func (m *Model) Close() error {
	m.pool.Close()
	return m.file.Close()
}

// Threads returns how many threads the model computes with.
func (m *Model) Threads() int { return m.pool.Threads() }

// CacheBytes returns the memory of all keys and values in use.
func (m *Model) CacheBytes() int64 { return m.store.Bytes() }

// angles returns cosines and sines of all positions below n.
func (m *Model) angles(n int) (cos, sin []float32) {
	half := len(m.freq)
	m.rope.RLock()
	cos, sin = m.rope.cos, m.rope.sin
	m.rope.RUnlock()
	if len(cos) >= n*half {
		return cos, sin
	}
	m.rope.Lock()
	defer m.rope.Unlock()
	for pos := len(m.rope.cos) / half; pos < (n+255)/256*256; pos++ {
		for _, f := range m.freq {
			// The product is rounded to single precision, as in the
			// reference: at far positions that is visible in the logits.
			s, c := math.Sincos(float64(float32(pos) * f))
			m.rope.cos, m.rope.sin = append(m.rope.cos, float32(c)), append(m.rope.sin, float32(s))
		}
	}
	return m.rope.cos, m.rope.sin
}

// run is the working memory of one forward pass over n rows, the current wave
// of activations.
type run struct {
	m           *Model
	n           int
	x           []float32 // [n][Dim] residual stream
	xb          []float32 // [n][Dim] normed input of a block
	q           []float32 // [n][Heads][HeadDim]
	k, v        []float32 // [n][KVHeads][HeadDim]
	att         []float32 // [n][Heads][HeadDim] attention result
	gate, up    []float32 // [n][Hidden]
	cos, sin    []float32
	positions   []int32
	products    [3]cpu.Product
	layer       *Layer
	stage       func(r *run, from, to int) // what eachRow does
	rowsPerPart int
	rowJob      *cpu.Job

	// of the pass over branches
	branches []*Branch
	counts   []int
	rows     []kvcache.Rows
	logits   []float32 // [branches][Vocab]
}

func newRun(m *Model) *run {
	r := &run{m: m}
	r.rowJob = cpu.NewJob(func(part int) {
		r.stage(r, part*r.rowsPerPart, min(r.n, (part+1)*r.rowsPerPart))
	})
	return r
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func (r *run) resize(n int) {
	c := &r.m.Config
	r.n = n
	r.x, r.xb = grow(r.x, n*c.Dim), grow(r.xb, n*c.Dim)
	r.q, r.att = grow(r.q, n*c.Heads*c.HeadDim), grow(r.att, n*c.Heads*c.HeadDim)
	r.k, r.v = grow(r.k, n*c.KVHeads*c.HeadDim), grow(r.v, n*c.KVHeads*c.HeadDim)
	r.gate, r.up = grow(r.gate, n*c.Hidden), grow(r.up, n*c.Hidden)
	r.positions = grow(r.positions, n)
}

// eachRow runs a stage over all rows, in parts when there are many.
func (r *run) eachRow(stage func(r *run, from, to int)) {
	r.stage = stage
	r.rowsPerPart = max(4, (r.n+4*r.m.pool.Threads()-1)/(4*r.m.pool.Threads()))
	r.m.pool.Run(r.rowJob, (r.n+r.rowsPerPart-1)/r.rowsPerPart)
}

// attention stores the keys and values of a layer and lets the queries of all
// rows look at what they may see: r.q, r.k, r.v -> r.att.
type attention interface {
	attend(r *run, layer int)
}

// forward computes the residual stream of r.n tokens after all layers and the
// final norm, leaving it in r.x. The caller has set r.positions.
func (m *Model) forward(r *run, tokens []int32, a attention) {
	c, w, n := &m.Config, &m.Weights, r.n
	far := int32(0)
	for i, t := range tokens {
		cpu.Expand(w.Embedding.Type, r.x[i*c.Dim:(i+1)*c.Dim], w.Embedding.Row(int(t)))
		far = max(far, r.positions[i])
	}
	r.cos, r.sin = m.angles(int(far) + 1)
	for l := range w.Layers {
		r.layer = &w.Layers[l]

		// Attention: norm, projections, rotation, mix, projection back.
		r.eachRow((*run).attnNorm)
		r.products = [3]cpu.Product{{W: r.layer.Q, Y: r.q}, {W: r.layer.K, Y: r.k}, {W: r.layer.V, Y: r.v}}
		m.pool.MatMul(r.xb, n, r.products[:])
		r.eachRow((*run).rotate)
		a.attend(r, l)
		r.products[0] = cpu.Product{W: r.layer.O, Y: r.xb}
		m.pool.MatMul(r.att, n, r.products[:1])

		// Feed-forward: residual and norm, up and gate, down.
		r.eachRow((*run).ffnNorm)
		r.products[0], r.products[1] = cpu.Product{W: r.layer.Gate, Y: r.gate}, cpu.Product{W: r.layer.Up, Y: r.up}
		m.pool.MatMul(r.xb, n, r.products[:2])
		r.eachRow((*run).swiglu)
		r.products[0] = cpu.Product{W: r.layer.Down, Y: r.xb}
		m.pool.MatMul(r.gate, n, r.products[:1])
		cpu.Axpy(1, r.xb, r.x)
		if m.probe != nil {
			m.probe(r, l)
		}
	}
	r.eachRow((*run).finalNorm)
}

func (r *run) attnNorm(from, to int) { r.norm(r.xb, r.layer.AttnNorm, from, to) }

// ffnNorm adds the result of attention to the residual stream and norms it.
func (r *run) ffnNorm(from, to int) {
	d := r.m.Config.Dim
	cpu.Axpy(1, r.xb[from*d:to*d], r.x[from*d:to*d])
	r.norm(r.xb, r.layer.FFNNorm, from, to)
}

func (r *run) finalNorm(from, to int) { r.norm(r.x, r.m.Weights.Norm, from, to) }

func (r *run) norm(dst, w []float32, from, to int) {
	d := r.m.Config.Dim
	for i := from; i < to; i++ {
		cpu.RMSNorm(dst[i*d:(i+1)*d], r.x[i*d:(i+1)*d], w, r.m.Config.Eps)
	}
}

func (r *run) rotate(from, to int) {
	c := &r.m.Config
	turn, half := cpu.RopeAdjacent, c.HeadDim/2
	if c.Rope.Halves {
		turn = cpu.RopeHalves
	}
	for i := from; i < to; i++ {
		p := int(r.positions[i]) * half
		cos, sin := r.cos[p:p+half], r.sin[p:p+half]
		for _, x := range [2][]float32{r.q[i*c.Heads*c.HeadDim : (i+1)*c.Heads*c.HeadDim], r.k[i*c.KVHeads*c.HeadDim : (i+1)*c.KVHeads*c.HeadDim]} {
			for ; len(x) > 0; x = x[c.HeadDim:] {
				turn(x[:c.HeadDim], cos, sin)
			}
		}
	}
}

func (r *run) swiglu(from, to int) {
	h := r.m.Config.Hidden
	cpu.SwiGLU(r.gate[from*h:to*h], r.gate[from*h:to*h], r.up[from*h:to*h])
}
