package train

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/train/model"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// A checkpoint file is
//
//	8 bytes   "QTRAIN01"
//	4 bytes   length of the header, little endian
//	header    JSON: header
//	arrays    float32, little endian: weights, first moments, second moments,
//	          best weights
//	4 bytes   CRC-32C of everything before
const checkpointMagic = "QTRAIN01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is what must be equal for a run to go on, and where it was.
type header struct {
	Config   Config  `json:"config"`
	Rows     int     `json:"rows"`
	Step     int     `json:"step"`
	Best     float64 `json:"best"`
	Chosen   float64 `json:"chosen"`
	HasBest  bool    `json:"has_best"`
	Seconds  float64 `json:"seconds"`
	Weights  int     `json:"weights"`
	DataHash uint32  `json:"data_hash"` // of the tokenised rows
}

// dataHash tells whether a run resumes on the rows it began with.
func (t *trainer) dataHash() uint32 {
	h := crc32.New(castagnoli)
	var b [2]byte
	for _, rows := range [][]row{t.rows, t.held} {
		for i := range rows {
			for _, tok := range rows[i].tokens {
				binary.LittleEndian.PutUint16(b[:], tok)
				h.Write(b[:])
			}
		}
	}
	return h.Sum32()
}

func (t *trainer) arrays() [][]float32 {
	return [][]float32{t.w.Flat, t.opt.M, t.opt.V, t.best.Flat}
}

func (t *trainer) save() error {
	h := header{Config: t.Config, Rows: len(t.rows), Step: t.opt.Step, Seconds: t.seconds(), Weights: len(t.w.Flat), DataHash: t.dataHash()}
	if !math.IsInf(t.bestLoss, 0) && !math.IsNaN(t.bestLoss) {
		h.Best, h.Chosen, h.HasBest = t.bestLoss, t.bestChosen, true
	}
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	tmp := t.checkpointPath() + ".part"
	f, err := os.Create(tmp)
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	buf := bufio.NewWriterSize(f, 1<<20)
	w := io.MultiWriter(buf, sum)
	io.WriteString(w, checkpointMagic)
	binary.Write(w, binary.LittleEndian, uint32(len(head)))
	w.Write(head)
	chunk := make([]byte, 0, 1<<16)
	for _, a := range t.arrays() {
		for len(a) > 0 {
			n := min(len(a), 1<<14)
			chunk = chunk[:0]
			for _, v := range a[:n] {
				chunk = binary.LittleEndian.AppendUint32(chunk, math.Float32bits(v))
			}
			w.Write(chunk)
			a = a[n:]
		}
	}
	binary.Write(buf, binary.LittleEndian, sum.Sum32())
	for _, step := range []func() error{buf.Flush, f.Sync, f.Close} { // a failed write above shows in Flush
		if err := step(); err != nil {
			return fmt.Errorf("train: checkpoint: %w", err)
		}
	}
	return os.Rename(tmp, t.checkpointPath())
}

// restore goes on from the checkpoint in the folder. Without one it starts
// anew; one of another run is an error.
func (t *trainer) restore() error {
	path := t.checkpointPath()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("train: %s: %s", path, fmt.Sprintf(format, args...))
	}
	if len(b) < 16 || string(b[:8]) != checkpointMagic {
		return bad("not a checkpoint of this program")
	}
	body, want := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if got := crc32.Checksum(body, castagnoli); got != want {
		return bad("checksum %08x, stored %08x: the file is damaged; delete it to start anew", got, want)
	}
	n := int(binary.LittleEndian.Uint32(b[8:]))
	if n > len(body)-12 {
		return bad("header of %d bytes in a file of %d", n, len(b))
	}
	var h header
	if err := json.Unmarshal(body[12:12+n], &h); err != nil {
		return bad("header: %v", err)
	}
	mine, _ := json.Marshal(t.Config)
	theirs, _ := json.Marshal(h.Config)
	if string(mine) != string(theirs) {
		return bad("made with other settings; use the same, or another folder, or do not resume\n  then %s\n  now  %s", theirs, mine)
	}
	if h.DataHash != t.dataHash() || h.Rows != len(t.rows) {
		return bad("made from %d other rows; there are %d now", h.Rows, len(t.rows))
	}
	body = body[12+n:]
	if h.Weights != len(t.w.Flat) || len(body) != 16*h.Weights {
		return bad("%d bytes of arrays for %d weights", len(body), len(t.w.Flat))
	}
	for _, a := range t.arrays() {
		for i := range a {
			a[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
		}
		body = body[4*len(a):]
	}
	t.opt.Step, t.before = h.Step, h.Seconds
	if h.HasBest {
		t.bestLoss, t.bestChosen = h.Best, h.Chosen
	}
	return nil
}

// export writes weights as GGUF of the Llama architecture.
func (t *trainer) export(w *model.Weights[float32], path string) error {
	var out weights.Writer
	var err error
	set := func(key string, v any) {
		if err == nil {
			err = out.Set(key, v)
		}
	}
	c := w.Config
	set("general.architecture", "llama")
	set("general.name", "quaestor-decoder")
	set("general.description", t.Note)
	set("general.file_type", uint32(1)) // mostly F16
	set("llama.block_count", uint32(c.Layers))
	// Readers count all nodes of a trie of candidates, not its depth, as context.
	set("llama.context_length", uint32(max(c.Context, 2048)))
	set("llama.embedding_length", uint32(c.Dim))
	set("llama.feed_forward_length", uint32(c.FFN))
	set("llama.attention.head_count", uint32(c.Heads))
	set("llama.attention.head_count_kv", uint32(c.Heads))
	set("llama.attention.layer_norm_rms_epsilon", float32(c.Eps))
	set("llama.rope.freq_base", float32(c.RopeBase))
	set("llama.rope.dimension_count", uint32(c.Dim/c.Heads))
	set("llama.vocab_size", uint32(c.Vocab))
	if err == nil {
		err = t.tok.Save(&out)
	}
	add := func(name string, typ tensor.Type, v []float32, shape ...int) {
		if err == nil {
			err = out.Add(name, typ, v, shape...)
		}
	}
	add("token_embd.weight", tensor.F16, w.Embed, c.Vocab, c.Dim)
	add("output_norm.weight", tensor.F32, w.Norm, c.Dim)
	for i, b := range w.Blocks {
		p := fmt.Sprintf("blk.%d.", i)
		add(p+"attn_norm.weight", tensor.F32, b.AttnNorm, c.Dim)
		for k, name := range []string{"attn_q", "attn_k", "attn_v"} {
			add(p+name+".weight", tensor.F16, columns(b.QKV, c.Dim, 3*c.Dim, k*c.Dim, c.Dim), c.Dim, c.Dim)
		}
		add(p+"attn_output.weight", tensor.F16, columns(b.Out, c.Dim, c.Dim, 0, c.Dim), c.Dim, c.Dim)
		add(p+"ffn_norm.weight", tensor.F32, b.FFNNorm, c.Dim)
		add(p+"ffn_gate.weight", tensor.F16, columns(b.GateUp, c.Dim, 2*c.FFN, 0, c.FFN), c.FFN, c.Dim)
		add(p+"ffn_up.weight", tensor.F16, columns(b.GateUp, c.Dim, 2*c.FFN, c.FFN, c.FFN), c.FFN, c.Dim)
		add(p+"ffn_down.weight", tensor.F16, columns(b.Down, c.FFN, c.Dim, 0, c.Dim), c.Dim, c.FFN)
	}
	if err == nil {
		err = out.WriteFile(path)
	}
	if err != nil {
		return fmt.Errorf("train: writing the model: %w", err)
	}
	return nil
}

// columns takes n columns of a (rows, width) matrix from column at on and
// returns them as rows: GGUF stores (out, in).
func columns(m []float32, rows, width, at, n int) []float32 {
	out := make([]float32, n*rows)
	for i := range rows {
		for j := range n {
			out[j*rows+i] = m[i*width+at+j]
		}
	}
	return out
}
