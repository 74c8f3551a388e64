package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Adapters change a model without touching its file: y = W x + s B A x, with A
// and B of a small rank (Hu et al. 2021, arXiv 2106.09685). Two layouts are
// read:
//
//   - the one of the Python library peft: a folder with adapter_config.json and
//     adapter_model.safetensors, tensors named
//     base_model.model.<name of the matrix>.lora_A.weight and .lora_B.weight;
//   - GGUF with general.type = adapter and adapter.type = lora: tensors named
//     <name of the matrix>.weight.lora_a and .lora_b, one adapter.lora.alpha.

// peftConfig is adapter_config.json, as far as it matters here.
type peftConfig struct {
	Type     string             `json:"peft_type"`
	Rank     int                `json:"r"`
	Alpha    float64            `json:"lora_alpha"`
	Alphas   map[string]float64 `json:"alpha_pattern"`
	RSLoRA   bool               `json:"use_rslora"`
	DoRA     bool               `json:"use_dora"`
	FanInOut bool               `json:"fan_in_fan_out"`
	Bias     string             `json:"bias"`
	Saved    []string           `json:"modules_to_save"`
}

// adapterFile is an open adapter: where the pairs of matrices are.
type adapterFile struct {
	f     *weights.File
	pair  func(tensor string) (target string, b, ok bool) // takes a tensor's name apart
	scale func(target string, rank int) float64
	// halves says in which order rows of queries and keys are; see Rope.
	halves bool
	names  *names
}

func openAdapter(path string) (*adapterFile, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return openPEFT(path)
	}
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	if f.Meta.String("general.type") != "adapter" || f.Meta.String("adapter.type") != "lora" {
		f.Close()
		return nil, fmt.Errorf("%s: general.type %q, adapter.type %q: this is not a LoRA adapter; give one in GGUF or a folder as peft saves it: %w", path, f.Meta.String("general.type"), f.Meta.String("adapter.type"), weights.ErrFormat)
	}
	alpha, _ := f.Meta.Float("adapter.lora.alpha")
	return &adapterFile{
		f: f, names: &ggufNames, halves: architectures[f.Meta.String("general.architecture")],
		pair: func(name string) (string, bool, bool) {
			if s, ok := strings.CutSuffix(name, ".weight.lora_a"); ok {
				return s, false, true
			}
			s, ok := strings.CutSuffix(name, ".weight.lora_b")
			return s, true, ok
		},
		scale: func(_ string, rank int) float64 {
			if alpha == 0 {
				return 1
			}
			return alpha / float64(rank)
		},
	}, nil
}

var peftName = regexp.MustCompile(`^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$`)

func openPEFT(dir string) (*adapterFile, error) {
	b, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: adapter_config.json is missing: give a folder as peft saves it or an adapter in GGUF", dir)
		}
		return nil, err
	}
	var c peftConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s: adapter_config.json: %v: %w", dir, err, weights.ErrFormat)
	}
	refuse := func(what string) error {
		return fmt.Errorf("%s: adapter_config.json: %s: only plain LoRA is supported; merge it with peft and load the merged model: %w", dir, what, ErrUnsupported)
	}
	switch {
	case c.Type != "LORA":
		return nil, refuse(fmt.Sprintf("peft_type %q", c.Type))
	case c.DoRA:
		return nil, refuse("use_dora")
	case c.FanInOut:
		return nil, refuse("fan_in_fan_out")
	case c.Bias != "" && c.Bias != "none":
		return nil, refuse(fmt.Sprintf("bias %q", c.Bias))
	case len(c.Saved) > 0:
		return nil, refuse(fmt.Sprintf("modules_to_save %q", c.Saved))
	}
	alphas := map[*regexp.Regexp]float64{}
	for pattern, a := range c.Alphas {
		re, err := regexp.Compile(`^(.*\.)?(` + pattern + `)$`)
		if err != nil {
			return nil, fmt.Errorf("%s: adapter_config.json: alpha_pattern %q: %v: %w", dir, pattern, err, weights.ErrFormat)
		}
		alphas[re] = a
	}
	f, err := weights.OpenTensors(filepath.Join(dir, "adapter_model.safetensors"))
	if err != nil {
		return nil, err
	}
	return &adapterFile{
		f: f, names: &huggingFaceNames, halves: true,
		pair: func(name string) (string, bool, bool) {
			m := peftName.FindStringSubmatch(name)
			if m == nil {
				return "", false, false
			}
			return m[1], m[2] == "B", true
		},
		scale: func(target string, rank int) float64 {
			alpha := c.Alpha
			for re, a := range alphas {
				if re.MatchString(target) {
					alpha = a
				}
			}
			if c.RSLoRA {
				return alpha / math.Sqrt(float64(rank))
			}
			return alpha / float64(rank)
		},
	}, nil
}

// target finds a matrix of the model by the name an adapter calls it.
func (a *adapterFile) target(spec *tensor.Llama, name string) (l *tensor.Linear, turned bool) {
	var layer int
	pattern := regexp.MustCompile(`\d+`).ReplaceAllStringFunc(name, func(digits string) string {
		layer, _ = strconv.Atoi(digits)
		return "%d"
	})
	if layer < 0 || layer >= len(spec.Layers) {
		return nil, false
	}
	w := &spec.Layers[layer]
	switch n := a.names; pattern {
	case n.q:
		return &w.Q, true
	case n.k:
		return &w.K, true
	case n.v:
		return &w.V, false
	case n.o:
		return &w.O, false
	case n.gate:
		return &w.Gate, false
	case n.up:
		return &w.Up, false
	case n.down:
		return &w.Down, false
	}
	return nil, false
}

// adapt adds an adapter to a model, beside its matrices or, with merge, into
// them.
func adapt(spec *tensor.Llama, path string, merge bool) error {
	a, err := openAdapter(path)
	if err != nil {
		return err
	}
	defer a.f.Close() // everything is copied
	type pair struct{ a, b *tensor.Matrix }
	pairs := map[string]*pair{}
	for _, name := range a.f.Names() {
		target, isB, ok := a.pair(name)
		if !ok {
			return fmt.Errorf("%s: tensor %q is not a part of a LoRA adapter of matrices: %w", a.f.Name, name, ErrUnsupported)
		}
		m := a.f.Tensor(name)
		if at, bad := m.NotFinite(); bad {
			return fmt.Errorf("%s: tensor %q holds a number that is infinite or not a number, at place %d: %w", a.f.Name, name, at, weights.ErrFormat)
		}
		p := pairs[target]
		if p == nil {
			p = &pair{}
			pairs[target] = p
		}
		if isB {
			p.b = m
		} else {
			p.a = m
		}
	}
	if len(pairs) == 0 {
		return fmt.Errorf("%s: no adapter matrices in it: %w", a.f.Name, weights.ErrFormat)
	}
	for name, p := range pairs {
		l, turned := a.target(spec, name)
		switch {
		case l == nil:
			return fmt.Errorf("%s: the adapter changes %q, which this model does not have or cannot adapt: use the adapter with the model it was trained for: %w", a.f.Name, name, ErrUnsupported)
		case p.a == nil || p.b == nil:
			return fmt.Errorf("%s: one of the two matrices for %q is missing: %w", a.f.Name, name, weights.ErrFormat)
		case p.a.Cols != l.W.Cols || p.b.Rows != l.W.Rows || p.a.Rows != p.b.Cols || p.a.Rows == 0:
			return fmt.Errorf("%s: matrices of %d x %d and %d x %d for %q, which is %d x %d: the adapter belongs to another model: %w", a.f.Name, p.b.Rows, p.b.Cols, p.a.Rows, p.a.Cols, name, l.W.Rows, l.W.Cols, weights.ErrFormat)
		}
		rank := p.a.Rows
		b := p.b.Floats()
		if turned && a.halves != spec.Rope.Halves {
			b = reorder(b, rank, spec.HeadDim, a.halves)
		}
		l.LoRA = append(l.LoRA, tensor.Adapter{
			A: tensor.FromF32(p.a.Floats(), rank, l.W.Cols), B: tensor.FromF32(b, l.W.Rows, rank), Scale: float32(a.scale(name, rank)),
		})
		if merge {
			mergeInto(l)
		}
	}
	return nil
}

// reorder brings the rows of queries or keys into the other order of rotation:
// from halves (i, i+d/2) to neighbours (2i, 2i+1), or back.
func reorder(x []float32, cols, headDim int, fromHalves bool) []float32 {
	out := make([]float32, len(x))
	for r := 0; r < len(x)/cols; r++ {
		head, i := r/headDim*headDim, r%headDim
		to := head + 2*(i%(headDim/2)) + i/(headDim/2)
		if fromHalves {
			copy(out[to*cols:(to+1)*cols], x[r*cols:])
		} else {
			copy(out[r*cols:(r+1)*cols], x[to*cols:(to+1)*cols])
		}
	}
	return out
}

// mergeInto replaces a matrix by the sum of it and its adapters, in single
// precision.
func mergeInto(l *tensor.Linear) {
	sum := l.W.Floats()
	for _, a := range l.LoRA {
		rank := a.A.Rows
		cpu.Gemm(false, false, l.W.Rows, l.W.Cols, rank, a.Scale, a.B.F32(), rank, a.A.F32(), l.W.Cols, 1, sum, l.W.Cols)
	}
	l.W, l.LoRA = tensor.FromF32(sum, l.W.Rows, l.W.Cols), nil
}
