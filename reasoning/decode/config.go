package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Config is the shape of a model.
type Config struct {
	Architecture string // llama, mistral, qwen2, qwen3
	Dim          int    // width of the residual stream
	Layers       int
	Heads        int // query heads
	KVHeads      int // key/value heads; each serves Heads/KVHeads query heads
	HeadDim      int // need not be Dim/Heads
	Hidden       int // inner width of the feed-forward
	Vocab        int
	Context      int // positions the model was trained for
	Eps          float32
	Rope         Rope
	QKNorm       bool    // every head of queries and keys is normed
	Windows      []int   // of each layer: positions a token sees, 0 = all; nil = all in all layers
	Ends         []int32 // tokens that end a text, as the settings name them

	tied    bool // the output matrix is the embedding, whatever the file holds
	untied  bool // the file must have an output matrix
	qkvBias bool // the settings ask for these biases; others are used if they are there
	oBias   bool
	mlpBias bool
}

// Rope says how positions rotate queries and keys.
type Rope struct {
	Base float64
	// Halves rotates dimension i with i+d/2, as safetensors store them; else
	// neighbours 2i and 2i+1, as GGUF files of architecture llama do. Mixing
	// them up gives fluent nonsense.
	Halves bool
	// Linear divides all frequencies; 0 or 1 changes nothing.
	Linear float64
	// Llama3 stretches the slow frequencies, when Factor is not 0.
	Llama3 Llama3Scaling
	// YaRN stretches the slow frequencies and sharpens, when Factor is not 0.
	YaRN YaRNScaling
	// Dynamic raises the base when the context is longer than Original, when
	// Factor is not 0.
	Dynamic DynamicScaling
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

// YaRNScaling is the rule of Peng et al. 2023 (arXiv 2309.00071): pairs that
// turn more than Fast times within Original positions keep their frequency,
// those that turn fewer than Slow times are divided by Factor, with a ramp over
// the pairs between. Magnitude multiplies queries and keys; 0 means
// 0.1 ln Factor + 1.
type YaRNScaling struct {
	Factor, Original, Fast, Slow, Magnitude float64
}

// DynamicScaling is the rule "dynamic" of Hugging Face configurations (NTK-aware
// scaling): for n > Original positions the base is multiplied by
// (Factor n/Original - Factor + 1)^(d/(d-2)). Here n is the context the model
// is opened with, not the length of the text so far, because keys that are in
// the cache cannot be turned again.
type DynamicScaling struct {
	Factor, Original float64
}

// ErrUnsupported is wrapped by errors about models that are well formed but
// of another kind than this package runs.
var ErrUnsupported = errors.New("unsupported model")

// Frequencies returns the rotation per position of each of HeadDim/2 pairs, in
// single precision as the reference implementations compute it.
func (c *Config) Frequencies() []float32 {
	f := make([]float32, c.HeadDim/2)
	base, d := c.Rope.Base, float64(c.HeadDim)
	if s := c.Rope.Dynamic; s.Factor != 0 && float64(c.Context) > s.Original {
		base *= math.Pow(s.Factor*float64(c.Context)/s.Original-s.Factor+1, d/(d-2))
	}
	for i := range f {
		w := math.Pow(base, -2*float64(i)/d)
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
		if s := c.Rope.YaRN; s.Factor != 0 {
			// pair returns the pair that turns n times in Original positions.
			pair := func(n float64) float64 {
				return d * math.Log(s.Original/(n*2*math.Pi)) / (2 * math.Log(base))
			}
			low, high := max(0, math.Floor(pair(s.Fast))), min(d-1, math.Ceil(pair(s.Slow)))
			if low == high {
				high += 0.001
			}
			slow := max(0, min(1, (float64(i)-low)/(high-low)))
			w = w/s.Factor*slow + w*(1-slow)
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

// magnitude is what queries and keys are multiplied by when they are rotated.
func (r *Rope) magnitude() float32 {
	switch s := r.YaRN; {
	case s.Factor == 0:
		return 1
	case s.Magnitude != 0:
		return float32(s.Magnitude)
	case s.Factor <= 1:
		return 1
	default:
		return float32(0.1*math.Log(s.Factor) + 1)
	}
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
	case c.Windows != nil && len(c.Windows) != c.Layers:
		return bad("windows of %d layers for %d", len(c.Windows), c.Layers)
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

// architectures are the general.architecture and model_type values that this
// package runs, and whether GGUF files of them keep the rows of queries and keys
// in the order of safetensors.
var architectures = map[string]bool{"llama": false, "mistral": false, "qwen2": true, "qwen3": true}

func configFromMetadata(f *weights.File) (c Config, err error) {
	m := f.Meta
	arch := m.String("general.architecture")
	halves, ok := architectures[arch]
	if !ok {
		return c, fmt.Errorf("general.architecture %q: only %s run here; give a GGUF file of the Llama family: %w", arch, architectureNames(), ErrUnsupported)
	}
	key := func(name string) string { return arch + "." + name }
	need := func(name string) int {
		n, ok := m.Int(key(name))
		if !ok && err == nil {
			err = fmt.Errorf("metadata key %s is missing: %w", key(name), weights.ErrFormat)
		}
		return n
	}
	c.Architecture = arch
	c.Dim, c.Layers, c.Heads = need("embedding_length"), need("block_count"), need("attention.head_count")
	c.Hidden, c.Context = need("feed_forward_length"), need("context_length")
	if err != nil {
		return c, err
	}
	c.KVHeads = c.Heads
	if n, ok := m.Int(key("attention.head_count_kv")); ok {
		c.KVHeads = n
	}
	if c.Heads > 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	if n, ok := m.Int(key("attention.key_length")); ok {
		c.HeadDim = n
	}
	if n, ok := m.Int(key("attention.value_length")); ok && n != c.HeadDim {
		return c, fmt.Errorf("values of %d dimensions for keys of %d: only equal ones are supported: %w", n, c.HeadDim, ErrUnsupported)
	}
	if n, ok := m.Int(key("rope.dimension_count")); ok && n != c.HeadDim {
		return c, fmt.Errorf("rotation of %d of %d dimensions: only whole heads are supported: %w", n, c.HeadDim, ErrUnsupported)
	}
	if n, ok := m.Int(key("expert_count")); ok && n > 0 {
		return c, fmt.Errorf("%d experts: mixtures are not supported: %w", n, ErrUnsupported)
	}
	eps, ok := m.Float(key("attention.layer_norm_rms_epsilon"))
	if !ok {
		return c, fmt.Errorf("metadata key %s is missing: %w", key("attention.layer_norm_rms_epsilon"), weights.ErrFormat)
	}
	c.Eps = float32(eps)
	c.Rope.Base, c.Rope.Halves = 10000, halves
	if b, ok := m.Float(key("rope.freq_base")); ok {
		c.Rope.Base = b
	}
	factor, _ := m.Float(key("rope.scaling.factor"))
	switch kind := m.String(key("rope.scaling.type")); kind {
	case "", "none":
	case "linear":
		c.Rope.Linear = factor
	case "yarn":
		y := YaRNScaling{Factor: factor, Original: float64(c.Context), Fast: 32, Slow: 1}
		if n, ok := m.Int(key("rope.scaling.original_context_length")); ok {
			y.Original = float64(n)
		}
		for name, v := range map[string]*float64{"yarn_beta_fast": &y.Fast, "yarn_beta_slow": &y.Slow} {
			if x, ok := m.Float(key("rope.scaling." + name)); ok {
				*v = x
			}
		}
		if x, ok := m.Float(key("rope.scaling.attn_factor")); ok && factor > 1 {
			y.Magnitude = x * (0.1*math.Log(factor) + 1)
		}
		if err := y.check(); err != nil {
			return c, err
		}
		c.Rope.YaRN = y
	default:
		return c, fmt.Errorf("%s %q: only none, linear and yarn are supported in GGUF: %w", key("rope.scaling.type"), kind, ErrUnsupported)
	}
	if t := f.Tensor("rope_freqs.weight"); t != nil {
		c.Rope.Factors = t.Floats()
	}
	if n, ok := m.Int(key("attention.sliding_window")); ok && n > 0 {
		for range min(c.Layers, 1<<16) {
			c.Windows = append(c.Windows, n)
		}
	}
	if t := f.Tensor("token_embd.weight"); t != nil {
		c.Vocab = t.Rows
	}
	c.QKNorm = f.Tensor("blk.0.attn_q_norm.weight") != nil
	return c, nil
}

func architectureNames() string {
	return strings.Join(slices.Sorted(maps.Keys(architectures)), ", ")
}

func (y *YaRNScaling) check() error {
	if !(y.Factor > 0 && y.Original > 0 && y.Fast > 0 && y.Slow > 0) {
		return fmt.Errorf("rotation scaling yarn needs a factor and original_max_position_embeddings above 0: %w", weights.ErrFormat)
	}
	return nil
}

// ropeJSON is rope_parameters or rope_scaling of config.json.
type ropeJSON struct {
	Type      string  `json:"rope_type"`
	OldType   string  `json:"type"`
	Theta     float64 `json:"rope_theta"`
	Factor    float64 `json:"factor"`
	Low       float64 `json:"low_freq_factor"`
	High      float64 `json:"high_freq_factor"`
	Original  float64 `json:"original_max_position_embeddings"`
	Fast      float64 `json:"beta_fast"`
	Slow      float64 `json:"beta_slow"`
	Attention float64 `json:"attention_factor"`
	Partial   float64 `json:"partial_rotary_factor"`
}

// configJSON is config.json.
type configJSON struct {
	Model      string          `json:"model_type"`
	Dim        int             `json:"hidden_size"`
	Layers     int             `json:"num_hidden_layers"`
	Heads      int             `json:"num_attention_heads"`
	KVHeads    int             `json:"num_key_value_heads"`
	HeadDim    int             `json:"head_dim"`
	Hidden     int             `json:"intermediate_size"`
	Vocab      int             `json:"vocab_size"`
	Context    int             `json:"max_position_embeddings"`
	Eps        float64         `json:"rms_norm_eps"`
	Act        string          `json:"hidden_act"`
	Bias       bool            `json:"attention_bias"`
	MLPBias    bool            `json:"mlp_bias"`
	Theta      float64         `json:"rope_theta"`
	Scaling    *ropeJSON       `json:"rope_scaling"`
	Rotation   *ropeJSON       `json:"rope_parameters"`
	Tied       *bool           `json:"tie_word_embeddings"`
	Window     *int            `json:"sliding_window"`
	UseWindow  *bool           `json:"use_sliding_window"`
	FullLayers *int            `json:"max_window_layers"`
	LayerTypes []string        `json:"layer_types"`
	EOS        json.RawMessage `json:"eos_token_id"`
	Quantised  json.RawMessage `json:"quantization_config"`
}

// configFromJSON reads config.json; the rotation stands in rope_parameters
// since version 5 of transformers, in rope_theta and rope_scaling before.
func configFromJSON(b []byte) (c Config, err error) {
	var in configJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return c, fmt.Errorf("config.json: %v: %w", err, weights.ErrFormat)
	}
	switch _, ok := architectures[in.Model]; {
	case !ok:
		return c, fmt.Errorf("config.json: model_type %q: only %s run here: %w", in.Model, architectureNames(), ErrUnsupported)
	case in.Act != "silu" && in.Act != "":
		return c, fmt.Errorf("config.json: hidden_act %q: only \"silu\" is supported: %w", in.Act, ErrUnsupported)
	case len(in.Quantised) > 0 && string(in.Quantised) != "null":
		return c, fmt.Errorf("config.json: quantization_config: quantised safetensors are not supported; use a GGUF file or the model in its original precision: %w", ErrUnsupported)
	}
	c = Config{
		Architecture: in.Model, Dim: in.Dim, Layers: in.Layers, Heads: in.Heads, KVHeads: in.KVHeads, HeadDim: in.HeadDim, Hidden: in.Hidden,
		Vocab: in.Vocab, Context: in.Context, Eps: float32(in.Eps), QKNorm: in.Model == "qwen3",
		qkvBias: in.Bias || in.Model == "qwen2", oBias: in.Bias, mlpBias: in.MLPBias,
		Ends: idList(in.EOS),
	}
	if in.Tied != nil {
		c.tied, c.untied = *in.Tied, !*in.Tied
	}
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	c.Windows = in.windows()
	c.Rope, err = in.rope()
	return c, err
}

// windows returns how many positions the tokens of each layer see, nil if all
// see all.
func (in *configJSON) windows() []int {
	w := 0
	if in.Window != nil {
		w = *in.Window
	}
	if in.UseWindow != nil && !*in.UseWindow || in.UseWindow == nil && in.Model != "mistral" && in.LayerTypes == nil {
		w = 0 // Qwen models name a window that they do not use
	}
	if w <= 0 || in.Layers <= 0 || in.Layers > 1<<16 {
		return nil
	}
	out := make([]int, in.Layers)
	for i := range out {
		switch {
		case i < len(in.LayerTypes):
			if in.LayerTypes[i] == "sliding_attention" {
				out[i] = w
			}
		case in.Model != "mistral" && in.FullLayers != nil && i < *in.FullLayers:
		default:
			out[i] = w
		}
	}
	return out
}

func (in *configJSON) rope() (r Rope, err error) {
	r = Rope{Base: in.Theta, Halves: true}
	s := in.Rotation
	if s == nil {
		s = in.Scaling
	}
	if s == nil {
		s = &ropeJSON{}
	}
	if s.Theta != 0 {
		r.Base = s.Theta
	}
	if r.Base == 0 {
		r.Base = 10000
	}
	if s.Partial != 0 && s.Partial != 1 {
		return r, fmt.Errorf("config.json: rotation of a part of each head is not supported: %w", ErrUnsupported)
	}
	original := s.Original
	if original == 0 {
		original = float64(in.Context)
	}
	kind := s.Type
	if kind == "" {
		kind = s.OldType
	}
	needs := func(what string) error {
		return fmt.Errorf("config.json: rotation scaling %s needs %s: %w", kind, what, weights.ErrFormat)
	}
	switch kind {
	case "", "default":
	case "linear":
		if !(s.Factor > 0) {
			return r, needs("factor")
		}
		r.Linear = s.Factor
	case "dynamic":
		if !(s.Factor > 0 && original > 0) {
			return r, needs("factor")
		}
		r.Dynamic = DynamicScaling{s.Factor, original}
	case "llama3":
		if !(s.Factor > 0 && s.Low > 0 && s.High > s.Low && s.Original > 0) {
			return r, needs("factor, low_freq_factor, high_freq_factor and original_max_position_embeddings")
		}
		r.Llama3 = Llama3Scaling{s.Factor, s.Low, s.High, s.Original}
	case "yarn":
		r.YaRN = YaRNScaling{Factor: s.Factor, Original: original, Fast: s.Fast, Slow: s.Slow, Magnitude: s.Attention}
		if s.Fast == 0 {
			r.YaRN.Fast = 32
		}
		if s.Slow == 0 {
			r.YaRN.Slow = 1
		}
		err = r.YaRN.check()
	default:
		return r, fmt.Errorf("config.json: rotation scaling %q: only linear, dynamic, yarn and llama3 are supported: %w", kind, ErrUnsupported)
	}
	return r, err
}

// idList reads a token id or a list of them; anything else is none.
func idList(b json.RawMessage) (ids []int32) {
	if json.Unmarshal(b, &ids) == nil {
		return ids
	}
	var id int32
	if json.Unmarshal(b, &id) == nil {
		return []int32{id}
	}
	return nil
}
