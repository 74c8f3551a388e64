package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/host"
	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Options are the choices of whoever opens a model; the zero value is good.
type Options struct {
	Threads  int  // 0 = all that the process may use
	Context  int  // positions a text may have; 0 = as trained
	SingleKV bool // keep keys and values in 32 bits instead of 16
	NoTokens bool // the file need not have a tokenizer
	// Backend names the hardware: "" or "cpu", or one that is registered with
	// package tensor.
	Backend string
	// Adapters are LoRA adapters that change the model, in order; see lora.go.
	// Merge adds them to the matrices, which are then kept in 32 bits, instead
	// of computing them beside.
	Adapters []string
	Merge    bool
}

// Model is an open decoder. It may be used by several goroutines, each with
// its own branches; the processor is shared among them.
type Model struct {
	Config    Config
	Tokenizer *token.BPE // nil when the file has none and Options allowed that

	spec    *tensor.Llama
	file    *weights.File
	pool    *cpu.Pool
	backend tensor.Backend
	decoder tensor.Decoder
	store   kvcache.Store
	ends    []int32
	turner  *turner
	// prefixes says that beginnings of texts are remembered.
	prefixes bool
	runs     sync.Pool // *run
}

// CacheMaker is implemented by backends that keep the cache themselves.
type CacheMaker interface {
	// NewStore returns a store whose rows the backend's decoders recognise when
	// a pass comes with a *CacheAttention over it. An error that wraps
	// errors.ErrUnsupported asks for a cache in main memory instead.
	NewStore(shape kvcache.Shape, single bool) (kvcache.Store, error)
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
	m := &Model{file: f}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if m.Config, err = readConfig(f); err != nil {
		return nil, err
	}
	if o.Context > 0 {
		m.Config.Context = o.Context
	}
	if m.Tokenizer, err = token.FromFile(f); err != nil {
		if !o.NoTokens {
			return nil, err
		}
		m.Tokenizer, err = nil, nil
	}
	if m.spec, err = readWeights(f, &m.Config); err != nil {
		return nil, err
	}
	m.turner = &turner{freq: m.spec.Rope.Freq, halves: m.spec.Rope.Halves}
	for _, path := range o.Adapters {
		if err = adapt(m.spec, path, o.Merge); err != nil {
			return nil, err
		}
	}
	if t := m.Tokenizer; t != nil {
		if t.Size() > m.Config.Vocab {
			return nil, fmt.Errorf("%s: the tokenizer has %d tokens, but token_embd.weight only %d rows; use the tokenizer that belongs to the model: %w", f.Name, t.Size(), m.Config.Vocab, weights.ErrFormat)
		}
		m.Config.Vocab = t.Size()
		m.spec.Trim(t.Size())
	}
	c := &m.Config
	m.pool = cpu.NewPool(o.Threads)
	if o.Backend == "" || o.Backend == "cpu" {
		m.backend = host.New(m.pool)
	} else if m.backend, err = tensor.OpenBackend(o.Backend); err != nil {
		return nil, err
	}
	if m.decoder, err = m.backend.Decoder(m.spec); err != nil {
		return nil, err
	}
	f.Idle() // the weights that were packed are not read from the file again
	shape := kvcache.Shape{Layers: c.Layers, QueryHeads: c.Heads, Heads: c.KVHeads, Dim: c.HeadDim}
	if b, ok := m.backend.(CacheMaker); ok {
		if m.store, err = b.NewStore(shape, o.SingleKV); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	if m.store == nil {
		id := "f16"
		if o.SingleKV {
			id = "f32"
		}
		if m.store, err = kvcache.New(shape, kvcache.Policy{ID: id, Model: m.Fingerprint(), Single: o.SingleKV}, m.pool); err != nil {
			return nil, err
		}
	}
	m.findEnds()
	m.runs.New = func() any { return &run{} }
	return m, nil
}

// Close frees the model; its branches must not be used any more.
func (m *Model) Close() error {
	var errs []error
	if m.decoder != nil {
		errs = append(errs, m.decoder.Close())
	}
	if m.backend != nil {
		errs = append(errs, m.backend.Close())
	}
	if m.pool != nil {
		m.pool.Close()
	}
	return errors.Join(append(errs, m.file.Close())...)
}

// Ends returns the tokens that end a text or a turn: all that the tokenizer, the
// settings and the settings for generation name.
func (m *Model) Ends() []int32 { return m.ends }

// findEnds collects the end marks. Names in several places may differ, and a
// model that writes one that is not expected never stops.
func (m *Model) findEnds() {
	all := append([]int32(nil), m.Config.Ends...)
	if m.Tokenizer != nil {
		all = append(m.Tokenizer.Ends(), all...)
	}
	var g struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if json.Unmarshal(m.file.Generation, &g) == nil {
		all = append(all, idList(g.EOS)...)
	}
	for _, id := range all {
		if id >= 0 && int(id) < m.Config.Vocab && !slices.Contains(m.ends, id) {
			m.ends = append(m.ends, id)
		}
	}
}

// Threads returns how many threads the model computes with.
func (m *Model) Threads() int { return m.pool.Threads() }

// Backend names the hardware and kernels that the model runs on.
func (m *Model) Backend() string { return m.backend.Name() }

// CacheBytes returns the memory of all keys and values in use.
func (m *Model) CacheBytes() int64 { return m.store.Bytes() }

// run is the working memory of one pass.
type run struct {
	pass      tensor.Pass
	x         []float32 // [rows][Dim] final states: the States of the pass
	positions []int32
	logits    []float32 // [branches][Vocab]
	cache     CacheAttention

	// of Advance
	tokens []int32
	done   []int // tokens of each feed that have been read
	ends   []int // feeds that end in this pass
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// resize gives the run room for n rows.
func (r *run) resize(m *Model, n int) {
	r.x, r.positions = grow(r.x, n*m.Config.Dim), grow(r.positions, n)
}

// forward computes the states of tokens after all layers and the final norm,
// leaving them in r.x. The caller has set r.positions.
func (m *Model) forward(r *run, tokens []int32, a tensor.Attention) {
	r.pass = tensor.Pass{Tokens: tokens, Positions: r.positions, States: r.x, Attention: a}
	m.decoder.Forward(&r.pass)
	r.pass = tensor.Pass{}
}

// CacheAttention is the attention of branches with a cache: keys and values are
// stored, then every row looks at its own past.
type CacheAttention struct {
	Store kvcache.Store
	Rows  []kvcache.Rows // what each row of the pass sees; N are its numbers of rows
	// Windows are the positions that a row sees at most in each layer; nil in
	// models where it sees all.
	Windows []int
}

// Cached returns the store and the rows: a backend with a cache of its own finds
// it by this method.
func (a *CacheAttention) Cached() (kvcache.Store, []kvcache.Rows) { return a.Store, a.Rows }

// Attend implements tensor.Attention.
func (a *CacheAttention) Attend(layer int, q, k, v, out []float32) {
	rows := 0
	for i := range a.Rows {
		rows += a.Rows[i].N
	}
	wide := len(k) / rows
	for i := range a.Rows {
		n := a.Rows[i].N * wide
		a.Rows[i].Seq.Put(layer, k[:n], v[:n])
		k, v = k[n:], v[n:]
	}
	if a.Windows != nil {
		for i := range a.Rows {
			a.Rows[i].Window = a.Windows[layer]
		}
	}
	a.Store.Attend(layer, a.Rows, q, out, nil)
}
