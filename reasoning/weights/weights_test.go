package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

func sample(t testing.TB) (*Writer, []byte) {
	var w Writer
	values := map[string]any{
		"general.architecture": "llama", "llama.block_count": uint32(2), "a.bool": true, "a.float": float32(1.5),
		"a.double": 2.5, "a.i32": int32(-3), "a.u64": uint64(1 << 40), "a.i64": int64(-1 << 40),
		"tokens": []string{"a", "", "Ġb"}, "types": []int32{1, -2}, "scores": []float32{0.5}, "counts": []uint32{7},
	}
	for _, k := range Metadata(values).Keys() {
		if err := w.Set(k, values[k]); err != nil {
			t.Fatal(err)
		}
	}
	x := make([]float32, 128)
	for i := range x {
		x[i] = float32(i) / 4
	}
	for i, typ := range []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0} {
		if err := w.Add(fmt.Sprintf("t%d", i), typ, x, 2, 64); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Add("norm", tensor.F32, x[:3], 3); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := w.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatal(n, b.Len(), err)
	}
	return &w, b.Bytes()
}

func TestGGUFRoundTrip(t *testing.T) {
	w, b := sample(t)
	// One byte further on, so that the reader has to align.
	odd := append([]byte{0}, b...)[1:]
	f, err := FromBytes("sample", odd)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range w.keys {
		if !reflect.DeepEqual(f.Meta[k], w.meta[k]) {
			t.Errorf("%s: %v, want %v", k, f.Meta[k], w.meta[k])
		}
	}
	if got := f.Names(); !reflect.DeepEqual(got, []string{"norm", "t0", "t1", "t2"}) {
		t.Errorf("names %v", got)
	}
	for _, name := range []string{"t0", "t1", "t2"} {
		m, err := f.Need(name, 2, 64)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range m.Floats() {
			if math.Abs(float64(x)-float64(i)/4) > 0.13 {
				t.Errorf("%s[%d] = %v", name, i, x)
			}
		}
	}
	if _, err := f.Need("t0", 64, 2); !errors.Is(err, ErrFormat) {
		t.Errorf("wrong shape: %v", err)
	}
	if _, err := f.Need("t9", 64, 2); !errors.Is(err, ErrFormat) {
		t.Errorf("missing tensor: %v", err)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := w.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	g, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if g.Meta.String("general.architecture") != "llama" || g.Tensor("t0").F32()[5] != 1.25 {
		t.Error("the file differs from the bytes")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// Every proper prefix must be refused, naming the file and a place within it.
func TestTruncatedGGUF(t *testing.T) {
	_, b := sample(t)
	end := len(b) - 20 // the last tensor has 12 bytes and 20 of padding
	for n := range end {
		_, err := FromBytes("cut.gguf", b[:n:n])
		var fe *FormatError
		if !errors.As(err, &fe) || fe.File != "cut.gguf" || fe.Offset > int64(n) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := FromBytes("whole", b[:end]); err != nil {
		t.Errorf("padding cut off: %v", err)
	}
}

func TestBrokenGGUF(t *testing.T) {
	_, good := sample(t)
	put := func(at int, v uint64) []byte {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint64(b[at:], v)
		return b
	}
	info := bytes.Index(good, append(binary.LittleEndian.AppendUint64(nil, 2), "t1"...))
	edit := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"magic":           {edit(0, 'Z', 'I', 'P'), "not a GGUF file"},
		"big-endian":      {edit(0, []byte("FUGG")...), "little-endian"},
		"version":         {edit(4, 9), "version 9"},
		"tensor count":    {put(8, 1<<60), "tensors announced"},
		"pair count":      {put(16, math.MaxUint64), "metadata pairs announced"},
		"key length":      {put(24, 1<<40), "longer than"},
		"value type":      {edit(24+8+len("a.bool"), 99), "unknown type 99"},
		"dimensions":      {edit(info+10, 9), "9 dimensions"},
		"no dimensions":   {edit(info+10, 0), "0 dimensions"},
		"side":            {put(info+14, 1<<50), "2^40"},
		"product":         {put(info+22, 1<<39), "2^40"},
		"beyond the end":  {put(info+22, 1<<20), "which has"},
		"tensor type":     {edit(info+30, 200), "re-quantise"},
		"offset":          {put(info+34, 1<<62), "which has"},
		"odd offset":      {put(info+34, 33), "multiple of 32"},
		"overlap":         {put(info+34, 32), "overlaps"},
		"duplicate name":  {edit(info+9, '0'), "appears twice"},
		"broken row size": {put(bytes.Index(good, append(binary.LittleEndian.AppendUint64(nil, 2), "t2"...))+14, 63), "multiple of the 32"},
		"empty":           {nil, "needs 4 bytes"},
	} {
		_, err := FromBytes("bad.gguf", c.b)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "bad.gguf: byte ") || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	var w Writer
	if w.Set("k", struct{}{}) == nil {
		t.Error("a struct as metadata")
	}
	if w.Add("x", tensor.Q8_0, make([]float32, 64), 4, 16) == nil {
		t.Error("Q8_0 rows of 16")
	}
	if w.Add("x", tensor.F32, make([]float32, 5), 2, 3) == nil {
		t.Error("5 values as 2 x 3")
	}
	if err := w.Add("x", tensor.F32, make([]float32, 6), 2, 3); err != nil {
		t.Error(err)
	}
	if w.Add("x", tensor.F32, make([]float32, 6), 2, 3) == nil {
		t.Error("the same name twice")
	}
	if w.WriteFile(filepath.Join(t.TempDir(), "none", "m.gguf")) == nil {
		t.Error("writing into a missing folder")
	}
}

// st builds a safetensors file.
func st(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestSafetensorsFolder(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "models", "tiny-llama-random")
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Names()) != 30 || !bytes.Contains(f.Config, []byte("rope_parameters")) {
		t.Errorf("%d tensors, config %d bytes", len(f.Names()), len(f.Config))
	}
	if m, err := f.Need("model.layers.2.mlp.down_proj.weight", 48, 112); err != nil || m.Type != tensor.BF16 {
		t.Error(m, err)
	}
	g, err := FromFS("fs", os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g.Names(), f.Names()) {
		t.Error("through a file system the folder looks different")
	}
	one, err := Open(filepath.Join(dir, "model-00005-of-00005.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if !reflect.DeepEqual(one.Names(), []string{"lm_head.weight"}) {
		t.Errorf("one shard: %v", one.Names())
	}
}

func TestBrokenSafetensors(t *testing.T) {
	ok := st(`{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"s":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}`, make([]byte, 10))
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"good":        {map[string][]byte{"config.json": []byte("{}"), "model.safetensors": ok}, ""},
		"no config":   {map[string][]byte{"model.safetensors": ok}, "config.json is missing"},
		"no weights":  {map[string][]byte{"config.json": nil}, "model.safetensors"},
		"short":       {map[string][]byte{"config.json": nil, "model.safetensors": ok[:5]}, "header length"},
		"huge header": {map[string][]byte{"config.json": nil, "model.safetensors": binary.LittleEndian.AppendUint64(nil, 1<<50)}, "announced"},
		"no json":     {map[string][]byte{"config.json": nil, "model.safetensors": st("nope", nil)}, "JSON"},
		"dtype":       {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8))}, "I64"},
		"size":        {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, make([]byte, 8))}, "12 bytes"},
		"outside":     {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, make([]byte, 8))}, "of the 8 bytes"},
		"shape":       {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, make([]byte, 8))}, "shape"},
		"overflow":    {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, nil)}, "2^40"},
		"overlap":     {map[string][]byte{"config.json": nil, "model.safetensors": st(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, make([]byte, 8))}, "overlaps"},
		"escape":      {map[string][]byte{"config.json": nil, "model.safetensors.index.json": []byte(`{"weight_map":{"a":"../x"}}`)}, "outside the folder"},
		"bad index":   {map[string][]byte{"config.json": nil, "model.safetensors.index.json": []byte(`{`)}, "JSON"},
		"lost tensor": {map[string][]byte{"config.json": nil, "model.safetensors.index.json": []byte(`{"weight_map":{"z":"m"}}`), "m": ok}, "not in"},
	} {
		fsys := fstest.MapFS{}
		for n, b := range c.files {
			fsys[n] = &fstest.MapFile{Data: b}
		}
		_, err := FromFS("folder", fsys)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSmolLM2Metadata(t *testing.T) {
	f, err := Open(filepath.Join(shared.Dir(t), "models", "smollm2-135m-instruct-q4_1.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, _ := f.Meta.Int("llama.block_count"); n != 30 || len(f.Meta) != 33 || len(f.Names()) != 272 {
		t.Errorf("%d blocks, %d keys, %d tensors", n, len(f.Meta), len(f.Names()))
	}
	if len(f.Meta.Strings("tokenizer.ggml.tokens")) != 49152 || len(f.Meta.Ints("tokenizer.ggml.token_type")) != 49152 {
		t.Error("vocabulary is not complete")
	}
	if m, err := f.Need("blk.29.ffn_down.weight", 576, 1536); err != nil || m.Type != tensor.Q4_1 {
		t.Error(m, err)
	}
}

func FuzzGGUF(f *testing.F) {
	_, b := sample(f)
	f.Add(b)
	f.Add(b[:100])
	var empty bytes.Buffer
	new(Writer).WriteTo(&empty)
	f.Add(empty.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := FromBytes("fuzz", b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		for _, n := range m.Names() {
			if x := m.Tensor(n); x.Check() != nil {
				t.Fatalf("%s: %v", n, x.Check())
			} else if len(x.Data) < 1<<16 {
				x.Floats()
			}
		}
	})
}

func FuzzSafetensors(f *testing.F) {
	f.Add(st(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)))
	f.Add(st(`{"a":{"dtype":"BF16","shape":[1,2,1],"data_offsets":[4,8]},"__metadata__":{}}`, make([]byte, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := FromFS("fuzz", fstest.MapFS{"config.json": {Data: []byte("{}")}, "model.safetensors": {Data: b}})
		if err != nil {
			return
		}
		for _, n := range m.Names() {
			if m.Tensor(n).Check() != nil {
				t.Fatal(m.Tensor(n).Check())
			}
		}
	})
}
