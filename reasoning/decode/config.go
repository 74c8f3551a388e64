package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Config is the shape of a model.
type Config struct {
	Dim     int // width of the residual stream
	Layers  int
	Heads   int // query heads
	KVHeads int // key/value heads; each serves Heads/KVHeads query heads
	HeadDim int // need not be Dim/Heads
	Hidden  int // inner width of the feed-forward
	Vocab   int
	Context int // positions the model was trained for
	Eps     float32
	Rope    Rope
}

// Rope says how positions rotate queries and keys.
type Rope struct {
	Base float64
	// Halves rotates dimension i with i+d/2, as safetensors store them; else
	// neighbours 2i and 2i+1, as GGUF does. Mixing them up gives fluent
	// nonsense.
	Halves bool
	// Linear divides all frequencies; 0 or 1 changes nothing.
	Linear float64
	// Llama3 stretches the slow frequencies, when Factor is not 0.
	Llama3 Llama3Scaling
	// Factors divides the frequencies one by one, when not nil.
	Factors []float32
}

// Llama3Scaling is the rule "llama3" of Hugging Face configurations: a
// frequency keeps its value when its wave is shorter than Original/High, is
// divided by Factor when it is longer than Original/Low, and moves from one to
// the other in between.
type Llama3Scaling struct {
	Factor, Low, High, Original float64
}

// ErrUnsupported is wrapped by errors about models that are well formed but
// of another kind than this package runs.
var ErrUnsupported = errors.New("unsupported model")

// Frequencies returns the rotation per position of each of HeadDim/2 pairs, in
// single precision as the reference implementations compute it.
func (c *Config) Frequencies() []float32 {
	f := make([]float32, c.HeadDim/2)
	for i := range f {
		w := math.Pow(c.Rope.Base, -2*float64(i)/float64(c.HeadDim))
		if s := c.Rope.Llama3; s.Factor != 0 {
			wave := 2 * math.Pi / w
			switch {
			case wave > s.Original/s.Low:
				w /= s.Factor
			case wave >= s.Original/s.High:
				mix := (s.Original/wave - s.Low) / (s.High - s.Low)
				w = (1-mix)*w/s.Factor + mix*w
			}
		}
		if c.Rope.Linear != 0 {
			w /= c.Rope.Linear
		}
		if c.Rope.Factors != nil {
			w /= float64(c.Rope.Factors[i])
		}
		f[i] = float32(w)
	}
	return f
}

// validate reports a shape that no model can have. The sizes of tensors are
// checked against it, so it cannot ask for more memory than the file fills.
func (c *Config) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, weights.ErrFormat)...)
	}
	for _, n := range []struct {
		name string
		v    int
	}{
		{"width", c.Dim},
		{"layers", c.Layers},
		{"heads", c.Heads},
		{"key/value heads", c.KVHeads},
		{"head size", c.HeadDim},
		{"feed-forward width", c.Hidden},
		{"vocabulary", c.Vocab},
		{"context", c.Context},
	} {
		if n.v <= 0 || n.v > 1<<28 {
			return bad("%s of %d", n.name, n.v)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return bad("%d query heads do not share %d key/value heads evenly", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return bad("heads of %d dimensions cannot be rotated in pairs", c.HeadDim)
	case !(c.Eps >= 0 && c.Eps < 1):
		return bad("norm epsilon %g", c.Eps)
	case !(c.Rope.Base > 1):
		return bad("rotation base %g", c.Rope.Base)
	case c.Rope.Factors != nil && len(c.Rope.Factors) != c.HeadDim/2:
		return bad("%d rotation factors for heads of %d", len(c.Rope.Factors), c.HeadDim)
	}
	return nil
}

// readConfig takes the shape from the metadata of a GGUF file or the
// config.json of a safetensors folder.
func readConfig(f *weights.File) (c Config, err error) {
	if f.Config != nil {
		c, err = configFromJSON(f.Config)
	} else {
		c, err = configFromMetadata(f)
	}
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Name, err)
	}
	return c, err
}

func configFromMetadata(f *weights.File) (c Config, err error) {
	m := f.Meta
	arch := m.String("general.architecture")
	if arch != "llama" {
		return c, fmt.Errorf("architecture %q: only \"llama\" is supported; give a GGUF file of the Llama family: %w", arch, ErrUnsupported)
	}
	need := func(key string) int {
		n, ok := m.Int("llama." + key)
		if !ok && err == nil {
			err = fmt.Errorf("metadata key llama.%s is missing: %w", key, weights.ErrFormat)
		}
		return n
	}
	c.Dim, c.Layers, c.Heads = need("embedding_length"), need("block_count"), need("attention.head_count")
	c.Hidden, c.Context = need("feed_forward_length"), need("context_length")
	if err != nil {
		return c, err
	}
	c.KVHeads = c.Heads
	if n, ok := m.Int("llama.attention.head_count_kv"); ok {
		c.KVHeads = n
	}
	if c.Heads > 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	if n, ok := m.Int("llama.attention.key_length"); ok {
		c.HeadDim = n
	}
	if n, ok := m.Int("llama.rope.dimension_count"); ok && n != c.HeadDim {
		return c, fmt.Errorf("rotation of %d of %d dimensions: only whole heads are supported: %w", n, c.HeadDim, ErrUnsupported)
	}
	eps, ok := m.Float("llama.attention.layer_norm_rms_epsilon")
	if !ok {
		return c, fmt.Errorf("metadata key llama.attention.layer_norm_rms_epsilon is missing: %w", weights.ErrFormat)
	}
	c.Eps = float32(eps)
	c.Rope.Base = 10000
	if b, ok := m.Float("llama.rope.freq_base"); ok {
		c.Rope.Base = b
	}
	switch kind := m.String("llama.rope.scaling.type"); kind {
	case "", "none", "linear":
		if kind == "linear" {
			c.Rope.Linear, _ = m.Float("llama.rope.scaling.factor")
		}
	default:
		return c, fmt.Errorf("rotation scaling %q: only none and linear are supported in GGUF: %w", kind, ErrUnsupported)
	}
	if t := f.Tensor("rope_freqs.weight"); t != nil {
		c.Rope.Factors = t.Floats()
	}
	if t := f.Tensor("token_embd.weight"); t != nil {
		c.Vocab = t.Rows
	}
	return c, nil
}

type ropeJSON struct {
	Type     string  `json:"rope_type"`
	OldType  string  `json:"type"`
	Theta    float64 `json:"rope_theta"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
}

// configFromJSON reads config.json; the rotation stands in rope_parameters
// since version 5 of transformers, in rope_theta and rope_scaling before.
func configFromJSON(b []byte) (c Config, err error) {
	var in struct {
		Model    string    `json:"model_type"`
		Dim      int       `json:"hidden_size"`
		Layers   int       `json:"num_hidden_layers"`
		Heads    int       `json:"num_attention_heads"`
		KVHeads  int       `json:"num_key_value_heads"`
		HeadDim  int       `json:"head_dim"`
		Hidden   int       `json:"intermediate_size"`
		Vocab    int       `json:"vocab_size"`
		Context  int       `json:"max_position_embeddings"`
		Eps      float64   `json:"rms_norm_eps"`
		Act      string    `json:"hidden_act"`
		Bias     bool      `json:"attention_bias"`
		MLPBias  bool      `json:"mlp_bias"`
		Theta    float64   `json:"rope_theta"`
		Scaling  *ropeJSON `json:"rope_scaling"`
		Rotation *ropeJSON `json:"rope_parameters"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return c, fmt.Errorf("config.json: %v: %w", err, weights.ErrFormat)
	}
	switch {
	case in.Model != "llama":
		return c, fmt.Errorf("config.json: model_type %q: only \"llama\" is supported: %w", in.Model, ErrUnsupported)
	case in.Act != "silu" && in.Act != "":
		return c, fmt.Errorf("config.json: hidden_act %q: only \"silu\" is supported: %w", in.Act, ErrUnsupported)
	case in.Bias || in.MLPBias:
		return c, fmt.Errorf("config.json: matrices with biases are not supported: %w", ErrUnsupported)
	}
	c = Config{
		Dim: in.Dim, Layers: in.Layers, Heads: in.Heads, KVHeads: in.KVHeads, HeadDim: in.HeadDim, Hidden: in.Hidden,
		Vocab: in.Vocab, Context: in.Context, Eps: float32(in.Eps),
	}
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	c.Rope = Rope{Base: in.Theta, Halves: true}
	r := in.Rotation
	if r == nil {
		r = in.Scaling
	}
	if r != nil {
		if r.Theta != 0 {
			c.Rope.Base = r.Theta
		}
		kind := r.Type
		if kind == "" {
			kind = r.OldType
		}
		switch kind {
		case "", "default":
		case "linear":
			c.Rope.Linear = r.Factor
		case "llama3":
			if !(r.Factor > 0 && r.Low > 0 && r.High > r.Low && r.Original > 0) {
				return c, fmt.Errorf("config.json: rotation scaling llama3 needs factor, low_freq_factor, high_freq_factor and original_max_position_embeddings: %w", weights.ErrFormat)
			}
			c.Rope.Llama3 = Llama3Scaling{r.Factor, r.Low, r.High, r.Original}
		default:
			return c, fmt.Errorf("config.json: rotation scaling %q: only linear and llama3 are supported: %w", kind, ErrUnsupported)
		}
	}
	if c.Rope.Base == 0 {
		c.Rope.Base = 10000
	}
	return c, nil
}
