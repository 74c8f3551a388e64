package tensor

import (
	"fmt"
	"slices"
	"sync"
)

// Backend is hardware that decoders run on. Its operations are coarse: one call
// computes a whole pass over all layers, so that a device is told once per step
// what to do, and never a single tensor operation. Package host is the backend
// of the processor and the oracle of all others.
//
// A backend must give, up to rounding, what host gives; the tests of package
// decode run on any registered backend.
type Backend interface {
	// Name says which hardware and kernels these are: "cpu avx512",
	// "cuda NVIDIA H100".
	Name() string
	// Decoder prepares a model: it packs or uploads the weights. The spec and
	// what it points to must not change afterwards.
	Decoder(spec *Llama) (Decoder, error)
	// Close frees the hardware; all its decoders have been closed before.
	Close() error
}

// Decoder is a model on a backend. Its methods may be called by several
// goroutines at a time. Forward and Logits panic with a *DeviceError if the
// hardware fails; see Guard.
type Decoder interface {
	// Forward reads the tokens of p through all layers and the final norm.
	Forward(p *Pass)
	// Logits multiplies n final states [n][Dim] with the output matrix:
	// logits [n][Vocab].
	Logits(states []float32, n int, logits []float32)
	// Bytes returns the memory that the weights take in the backend's own form.
	Bytes() int64
	Close() error
}

// Pass is one forward pass over rows of tokens, which may belong to several
// texts: only the attention knows which.
type Pass struct {
	Tokens    []int32   // [rows]
	Positions []int32   // [rows] of each token in its text
	States    []float32 // [rows][Dim]; the result: final states after the last norm
	Attention Attention
	// Probe, unless nil, is called after every layer with the residual stream
	// [rows][Dim]. Tests look at every layer through it.
	Probe func(layer int, x []float32)
}

// Attention mixes the rows of a pass with what they may see. It is called once
// for each layer, in order, between the projections to queries, keys and values
// and the projection back; it stores k and v if later passes need them.
//
// A backend that keeps the cache itself may recognise its own attention by type
// and then compute the whole pass on the device; for any other one it hands the
// rows of each layer over in main memory.
type Attention interface {
	// Attend computes out [rows][Heads][HeadDim] from q [rows][Heads][HeadDim]
	// and k, v [rows][KVHeads][HeadDim]; q and k are rotated.
	Attend(layer int, q, k, v, out []float32)
}

// Llama is a decoder of the Llama family, ready to run: shape and weights.
type Llama struct {
	Dim     int // width of the residual stream
	Heads   int // query heads
	KVHeads int // key/value heads; each serves Heads/KVHeads query heads
	HeadDim int // need not be Dim/Heads
	Hidden  int // inner width of the feed-forward
	Vocab   int
	Eps     float32
	Rope    Rotation

	Embedding *Matrix // [Vocab][Dim]
	Layers    []Layer
	Norm      []float32 // [Dim]
	Output    *Matrix   // [Vocab][Dim]; the embedding itself when they are tied
}

// Trim cuts the vocabulary to n tokens. Files pad it to a round number of rows,
// which no text belongs to and which must have no part in any probability.
func (m *Llama) Trim(n int) {
	cut := func(w *Matrix) *Matrix {
		return &Matrix{Type: w.Type, Rows: n, Cols: w.Cols, Data: w.Data[:n*w.Type.RowBytes(w.Cols)]}
	}
	tied := m.Output == m.Embedding
	m.Vocab, m.Embedding = n, cut(m.Embedding)
	if tied {
		m.Output = m.Embedding
	} else {
		m.Output = cut(m.Output)
	}
}

// Rotation turns positions into angles: pair i of a head's dimensions is turned
// by position times Freq[i].
type Rotation struct {
	Freq []float32 // [HeadDim/2]
	// Halves turns dimension i with i+HeadDim/2, as safetensors store them;
	// else neighbours 2i and 2i+1, as GGUF files of architecture llama do.
	Halves bool
	// Magnitude multiplies queries and keys on top (YaRN); 0 means 1.
	Magnitude float32
}

// Linear is a matrix [out][in] with an optional bias [out] and adapters.
type Linear struct {
	W    *Matrix
	Bias []float32
	LoRA []Adapter
}

// Adapter is a low-rank change of a matrix, computed beside it:
// y += Scale B (A x) (Hu et al. 2021).
type Adapter struct {
	A     *Matrix // [rank][in]
	B     *Matrix // [out][rank]
	Scale float32
}

// Layer is one block: attention, then the feed-forward.
type Layer struct {
	AttnNorm     []float32 // [Dim]
	Q            Linear    // [Heads*HeadDim][Dim]
	K            Linear    // [KVHeads*HeadDim][Dim]
	V            Linear    // [KVHeads*HeadDim][Dim]
	QNorm, KNorm []float32 // [HeadDim] norm of every head before rotation; nil in most models
	O            Linear    // [Dim][Heads*HeadDim]
	FFNNorm      []float32 // [Dim]
	Gate         Linear    // [Hidden][Dim]
	Up           Linear    // [Hidden][Dim]
	Down         Linear    // [Dim][Hidden]
	Window       int       // positions a token sees, itself among them; 0 = all
}

var (
	backendsMu sync.Mutex
	backends   = map[string]func() (Backend, error){}
)

// Register makes a backend known by the name users choose it by. It is called
// from init functions of packages that are built in by a tag; the backend "cpu"
// needs no registration.
func Register(name string, open func() (Backend, error)) {
	backendsMu.Lock()
	defer backendsMu.Unlock()
	backends[name] = open
}

// Backends returns the names of the registered backends, sorted.
func Backends() []string {
	backendsMu.Lock()
	defer backendsMu.Unlock()
	names := make([]string, 0, len(backends))
	for n := range backends {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// OpenBackend opens a registered backend.
func OpenBackend(name string) (Backend, error) {
	backendsMu.Lock()
	open := backends[name]
	backendsMu.Unlock()
	if open == nil {
		return nil, fmt.Errorf("backend %q is not built into this program, which has cpu and %v: build it with the tag of the backend", name, Backends())
	}
	return open()
}
