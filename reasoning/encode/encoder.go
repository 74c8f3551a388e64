package encode

import (
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// Encoder is an open model. It may be used by several goroutines.
type Encoder struct {
	Tokenizer *token.WordPiece

	dim, heads, headDim, hidden int
	limit                       int // tokens of a text, [CLS] and [SEP] included
	eps                         float32

	words, positions *tensor.Matrix // [vocabulary][dim], [positions][dim]
	kind             []float32      // [dim] token type 0
	norm             affine
	layers           []layer

	file *weights.File
	pool *cpu.Pool
	runs sync.Pool // *run
}

// affine is a weight and a bias for every channel.
type affine struct{ w, b []float32 }

// linear is a matrix [out][in] and a bias [out].
type linear struct {
	w *tensor.Matrix
	p *cpu.Packed // w as the kernels want it, or nil
	b []float32
}

// product multiplies with the matrix.
func (l *linear) product(y []float32) cpu.Product { return cpu.Product{W: l.w, P: l.p, Y: y} }

type layer struct {
	q, k, v, o linear
	attnNorm   affine // after the residual, as in the original transformer
	up, down   linear
	outNorm    affine
}

// Open reads an encoder from a GGUF file; threads 0 means all there are.
func Open(path string, threads int) (*Encoder, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	return fromFile(f, threads)
}

// FromBytes reads an encoder from a GGUF file in memory; name is for messages.
func FromBytes(name string, data []byte, threads int) (*Encoder, error) {
	f, err := weights.FromBytes(name, data)
	if err != nil {
		return nil, err
	}
	return fromFile(f, threads)
}

func fromFile(f *weights.File, threads int) (*Encoder, error) {
	e := &Encoder{file: f}
	if err := e.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	e.pool = cpu.NewPool(threads)
	for i := range e.layers {
		w := &e.layers[i]
		for _, l := range []*linear{&w.q, &w.k, &w.v, &w.o, &w.up, &w.down} {
			l.p = e.pool.Pack(l.w, nil)
		}
	}
	f.Idle() // what was packed is not read from the file again
	e.runs.New = func() any { return newRun(e) }
	return e, nil
}

func (e *Encoder) read() (err error) {
	f, m := e.file, e.file.Meta
	if arch := m.String("general.architecture"); arch != "bert" {
		return fmt.Errorf("architecture %q: a sentence encoder is \"bert\": %w", arch, weights.ErrFormat)
	}
	if p, ok := m.Int("bert.pooling_type"); ok && p != 1 {
		return fmt.Errorf("pooling type %d: only the mean (1) is supported: %w", p, weights.ErrFormat)
	}
	if m.Bool("bert.attention.causal", false) {
		return fmt.Errorf("causal attention in an encoder: %w", weights.ErrFormat)
	}
	if e.Tokenizer, err = token.WordPieceFromMetadata(m); err != nil {
		return err
	}
	need := func(key string) int {
		n, ok := m.Int("bert." + key)
		if (!ok || n <= 0 || n > 1<<24) && err == nil {
			err = fmt.Errorf("metadata key bert.%s is missing or impossible: %w", key, weights.ErrFormat)
		}
		return n
	}
	e.dim, e.heads, e.hidden = need("embedding_length"), need("attention.head_count"), need("feed_forward_length")
	layers, context := need("block_count"), need("context_length")
	if err != nil {
		return err
	}
	if e.dim%e.heads != 0 || e.dim/e.heads%cpu.PanelWidth != 0 {
		return fmt.Errorf("width %d with %d heads: heads must be multiples of %d wide: %w", e.dim, e.heads, cpu.PanelWidth, weights.ErrFormat)
	}
	e.headDim = e.dim / e.heads
	eps, _ := m.Float("bert.attention.layer_norm_epsilon")
	e.eps = float32(eps)
	e.limit = context
	if n, ok := m.Int("quaestor.max_seq_length"); ok && n >= 2 && n < context {
		e.limit = n
	}
	matrix := func(name string, rows, cols int) *tensor.Matrix {
		if err != nil {
			return nil
		}
		var t *tensor.Matrix
		if t, err = f.Need(name, rows, cols); err == nil {
			if at, bad := t.NotFinite(); bad {
				err = fmt.Errorf("tensor %q holds a number that is infinite or not a number, at place %d: %w", name, at, weights.ErrFormat)
			}
		}
		return t
	}
	vector := func(name string, n int) []float32 {
		if t := matrix(name, 1, n); t != nil {
			return t.Floats()
		}
		return nil
	}
	norm := func(name string) affine {
		return affine{vector(name+".weight", e.dim), vector(name+".bias", e.dim)}
	}
	full := func(name string, out, in int) linear {
		return linear{w: matrix(name+".weight", out, in), b: vector(name+".bias", out)}
	}
	e.words = matrix("token_embd.weight", e.Tokenizer.Size(), e.dim)
	e.positions = matrix("position_embd.weight", context, e.dim)
	if kinds, ok := m.Int("tokenizer.ggml.token_type_count"); ok && kinds == 1 {
		e.kind = vector("token_types.weight", e.dim)
	} else if t := matrix("token_types.weight", 2, e.dim); t != nil {
		e.kind = t.Floats()[:e.dim]
	}
	e.norm = norm("token_embd_norm")
	for l := 0; l < layers && err == nil; l++ {
		b := fmt.Sprintf("blk.%d.", l)
		e.layers = append(e.layers, layer{
			q: full(b+"attn_q", e.dim, e.dim), k: full(b+"attn_k", e.dim, e.dim), v: full(b+"attn_v", e.dim, e.dim),
			o: full(b+"attn_output", e.dim, e.dim), attnNorm: norm(b + "attn_output_norm"),
			up: full(b+"ffn_up", e.hidden, e.dim), down: full(b+"ffn_down", e.dim, e.hidden), outNorm: norm(b + "layer_output_norm"),
		})
	}
	return err
}

// Close frees the model.
func (e *Encoder) Close() error {
	e.pool.Close()
	return e.file.Close()
}

// Dim returns the length of the vectors.
func (e *Encoder) Dim() int { return e.dim }

// together is how many tokens go through the layers at a time.
const together = 512

// Embed returns a unit vector for every text: the mean of the final states of
// its tokens, [CLS] and [SEP] among them. Texts beyond the model's limit of
// tokens are cut; an empty text has a vector too.
func (e *Encoder) Embed(texts []string) [][]float32 {
	out := make([][]float32, 0, len(texts))
	r := e.runs.Get().(*run)
	defer e.runs.Put(r)
	for len(texts) > 0 {
		r.ids, r.ends = r.ids[:0], r.ends[:0]
		for len(texts) > 0 {
			ids := e.Tokenizer.Encode(texts[0], e.limit)
			if len(r.ids) > 0 && len(r.ids)+len(ids) > together {
				break
			}
			r.ids = append(r.ids, ids...)
			r.ends = append(r.ends, len(r.ids))
			texts = texts[1:]
		}
		r.forward()
		out = r.pool(out)
	}
	return out
}

// pool appends the mean of each text's states, at unit length.
func (r *run) pool(out [][]float32) [][]float32 {
	d, from := r.e.dim, 0
	for _, to := range r.ends {
		v := make([]float32, d)
		for i := from; i < to; i++ {
			cpu.Axpy(1, r.x[i*d:(i+1)*d], v)
		}
		if n := math.Sqrt(float64(cpu.Dot(v, v))); n > 0 {
			cpu.Scale(float32(1/n), v)
		}
		out = append(out, v)
		from = to
	}
	return out
}

// run is the working memory of one pass over n tokens of several texts.
type run struct {
	e        *Encoder
	ids      []int32
	ends     []int     // where each text ends in ids
	x        []float32 // [n][dim]
	y        []float32 // [n][dim] result of a block before it is added
	q, k, v  []float32 // [n][dim]
	att      []float32 // [n][dim]
	up       []float32 // [n][hidden]
	layer    *layer
	products [3]cpu.Product
	stage    func(r *run, from, to int)
	perPart  int
	rowJob   *cpu.Job
	headJob  *cpu.Job
	scratch  sync.Pool // *heads
	probe    func(layer int)
}

// heads is the working memory of one head of one text.
type heads struct{ keys, scores []float32 }

func newRun(e *Encoder) *run {
	r := &run{e: e}
	r.scratch.New = func() any { return new(heads) }
	r.rowJob = cpu.NewJob(func(part int) {
		r.stage(r, part*r.perPart, min(len(r.ids), (part+1)*r.perPart))
	})
	r.headJob = cpu.NewJob(func(part int) {
		text := part / r.e.heads
		from := 0
		if text > 0 {
			from = r.ends[text-1]
		}
		r.attend(from, r.ends[text], part%r.e.heads)
	})
	return r
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

func (r *run) eachRow(stage func(r *run, from, to int)) {
	r.stage = stage
	n := len(r.ids)
	r.perPart = max(8, (n+4*r.e.pool.Threads()-1)/(4*r.e.pool.Threads()))
	r.e.pool.Run(r.rowJob, (n+r.perPart-1)/r.perPart)
}

// forward leaves the final states in r.x.
func (r *run) forward() {
	e, n := r.e, len(r.ids)
	for _, s := range []*[]float32{&r.x, &r.y, &r.q, &r.k, &r.v, &r.att} {
		*s = grow(*s, n*e.dim)
	}
	r.up = grow(r.up, n*e.hidden)
	r.embed()
	if r.probe != nil {
		r.probe(-1)
	}
	for l := range e.layers {
		w := &e.layers[l]
		r.layer = w
		r.products = [3]cpu.Product{w.q.product(r.q), w.k.product(r.k), w.v.product(r.v)}
		e.pool.MatMul(r.x, n, r.products[:])
		r.eachRow((*run).attnBias)
		e.pool.Run(r.headJob, len(r.ends)*e.heads)
		r.products[0] = w.o.product(r.y)
		e.pool.MatMul(r.att, n, r.products[:1])
		r.eachRow((*run).attnResidual)
		r.products[0] = w.up.product(r.up)
		e.pool.MatMul(r.x, n, r.products[:1])
		r.eachRow((*run).gelu)
		r.products[0] = w.down.product(r.y)
		e.pool.MatMul(r.up, n, r.products[:1])
		r.eachRow((*run).outResidual)
		if r.probe != nil {
			r.probe(l)
		}
	}
}

// embed sums word, position and type vectors and norms them.
func (r *run) embed() {
	e := r.e
	pos := make([]float32, e.dim)
	text, start := 0, 0
	for i, id := range r.ids {
		if i == r.ends[text] {
			text, start = text+1, i
		}
		x := r.x[i*e.dim : (i+1)*e.dim]
		cpu.Expand(e.words.Type, x, e.words.Row(int(id)))
		cpu.Expand(e.positions.Type, pos, e.positions.Row(i-start))
		cpu.Axpy(1, pos, x)
		cpu.Axpy(1, e.kind, x)
		cpu.LayerNorm(x, x, e.norm.w, e.norm.b, e.eps)
	}
}

func addBias(x, b []float32) {
	for ; len(x) > 0; x = x[len(b):] {
		cpu.Axpy(1, b, x[:len(b)])
	}
}

func (r *run) attnBias(from, to int) {
	d := r.e.dim
	addBias(r.q[from*d:to*d], r.layer.q.b)
	addBias(r.k[from*d:to*d], r.layer.k.b)
	addBias(r.v[from*d:to*d], r.layer.v.b)
}

func (r *run) attnResidual(from, to int) { r.residual(r.layer.o.b, r.layer.attnNorm, from, to) }
func (r *run) outResidual(from, to int)  { r.residual(r.layer.down.b, r.layer.outNorm, from, to) }

// residual adds a block's result and its bias to the stream, then norms.
func (r *run) residual(bias []float32, norm affine, from, to int) {
	d := r.e.dim
	for i := from; i < to; i++ {
		x := r.x[i*d : (i+1)*d]
		cpu.Axpy(1, r.y[i*d:(i+1)*d], x)
		cpu.Axpy(1, bias, x)
		cpu.LayerNorm(x, x, norm.w, norm.b, r.e.eps)
	}
}

func (r *run) gelu(from, to int) {
	x := r.up[from*r.e.hidden : to*r.e.hidden]
	addBias(x, r.layer.up.b)
	cpu.GELU(x)
}

// attend computes one head of the text in rows from..to: every token sees all
// tokens of its text.
func (r *run) attend(from, to, head int) {
	e, n := r.e, to-from
	d, hd := e.dim, e.headDim
	wide := (n + cpu.PanelWidth - 1) / cpu.PanelWidth * cpu.PanelWidth
	s := r.scratch.Get().(*heads)
	s.keys, s.scores = grow(s.keys, hd*wide), grow(s.scores, n*wide)
	// Keys channel by channel, so that the scores come out row by row.
	for t := range n {
		for c, x := range r.k[(from+t)*d+head*hd:][:hd] {
			s.keys[c*wide+t] = x
		}
	}
	for c := range hd {
		clear(s.keys[c*wide+n : (c+1)*wide])
	}
	at := from*d + head*hd
	cpu.MulPanel(n, wide, hd, r.q[at:], d, s.keys, wide, s.scores, wide, false)
	scale := float32(1 / math.Sqrt(float64(hd)))
	for t := range n {
		row := s.scores[t*wide : t*wide+n]
		cpu.Scale(scale, row)
		cpu.Softmax(row)
	}
	cpu.MulPanel(n, hd, n, s.scores, wide, r.v[at:], d, r.att[at:], d, false)
	r.scratch.Put(s)
}
