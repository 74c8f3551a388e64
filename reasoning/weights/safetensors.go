package weights

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"unsafe"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// A safetensors file: header length u64 | JSON header | data. The header maps
// each name to dtype, shape and [from, to) in the data.
const maxHeader = 64 << 20

var dtypes = map[string]tensor.Type{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16}

func isSafetensors(b []byte) bool {
	return len(b) > 9 && b[8] == '{' && binary.LittleEndian.Uint64(b) <= maxHeader
}

// readFolder reads the named safetensors file, or those the index names, or
// model.safetensors.
func readFolder(name, only string, read func(file string) ([]byte, func() error, error)) (_ *File, err error) {
	f := &File{Name: name, Meta: Metadata{}, tensors: map[string]*tensor.Matrix{}, shapes: map[string][]int{}}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	load := func(file string) ([]byte, error) {
		b, closer, err := read(file)
		if closer != nil {
			f.close, f.maps = append(f.close, closer), append(f.maps, b)
		}
		return b, err
	}
	small := func(file string) ([]byte, error) { // copied, so that it outlives Close
		b, err := load(file)
		return slices.Clone(b), err
	}
	if f.Config, err = small("config.json"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: config.json is missing: give a folder in the Hugging Face layout or a .gguf file", name)
		}
		return nil, err
	}
	for file, to := range map[string]*[]byte{"tokenizer.json": &f.Tokenizer, "tokenizer_config.json": &f.TokenizerConfig, "generation_config.json": &f.Generation} {
		if *to, err = small(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	files := []string{"model.safetensors"}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	const indexName = "model.safetensors.index.json"
	if only != "" {
		files = []string{only}
	} else if b, err := load(indexName); err == nil {
		if err := json.Unmarshal(b, &index); err != nil {
			return nil, &FormatError{path.Join(name, indexName), 0, fmt.Sprintf("not valid JSON (%v); %s", err, damaged)}
		}
		seen := map[string]bool{}
		files = nil
		for t, file := range index.Map {
			if file != path.Base(file) || strings.ContainsAny(file, `\`) || file == "." || file == ".." {
				return nil, &FormatError{path.Join(name, indexName), 0, fmt.Sprintf("tensor %q is said to be in %q, outside the folder; refuse files from this source", t, file)}
			}
			if !seen[file] {
				seen[file] = true
				files = append(files, file)
			}
		}
		sort.Strings(files)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, file := range files {
		b, err := load(file)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", file, name, err)
		}
		if err := f.safetensors(path.Join(name, file), b); err != nil {
			return nil, err
		}
	}
	for t := range index.Map {
		if f.tensors[t] == nil {
			return nil, &FormatError{path.Join(name, indexName), 0, fmt.Sprintf("tensor %q is in the index but not in %q; %s", t, index.Map[t], damaged)}
		}
	}
	return f, nil
}

// safetensors adds the tensors of one file.
func (f *File) safetensors(name string, b []byte) error {
	r := &reader{file: name, b: b}
	n := r.u64("the header length")
	if r.err == nil && (n > maxHeader || n > uint64(len(b)-8)) {
		r.fail(0, "a header of %d bytes is announced, the file has %d; %s", n, len(b), damaged)
	}
	head := r.take(int(min(n, maxHeader)), "the header")
	if r.err != nil {
		return r.err
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(head, &header); err != nil {
		return &FormatError{name, 8, fmt.Sprintf("the header is not valid JSON (%v); %s", err, damaged)}
	}
	delete(header, "__metadata__")
	base := 8 + int64(n)
	body := b[base:]
	var extents []extent
	for t, raw := range header {
		var in struct {
			Type  string   `json:"dtype"`
			Shape []uint64 `json:"shape"`
			At    []uint64 `json:"data_offsets"`
		}
		bad := func(format string, args ...any) error {
			return &FormatError{name, 8, fmt.Sprintf("tensor %q: ", t) + fmt.Sprintf(format, args...)}
		}
		if err := json.Unmarshal(raw, &in); err != nil {
			return bad("%v; %s", err, damaged)
		}
		typ, ok := dtypes[in.Type]
		if !ok {
			return bad("stored as %q, which is not supported: convert it to F32, F16 or BF16", in.Type)
		}
		if len(in.Shape) > maxDims {
			return bad("%d dimensions, at most %d are supported", len(in.Shape), maxDims)
		}
		if len(in.Shape) == 0 {
			in.Shape = []uint64{1}
		}
		size := uint64(1)
		shape := make([]int, len(in.Shape))
		for i, d := range in.Shape {
			if d > maxTensorSide || d > 0 && size > maxTensorSide/d {
				return bad("more than 2^40 values; %s", damaged)
			}
			size *= d
			shape[i] = int(d)
		}
		_, width := typ.Block()
		size *= uint64(width)
		if len(in.At) != 2 || in.At[0] > in.At[1] || in.At[1] > uint64(len(body)) || in.At[1]-in.At[0] != size {
			return bad("its %d bytes are said to be at %v of the %d bytes of data; %s", size, in.At, len(body), damaged)
		}
		if f.tensors[t] != nil {
			return bad("appears in two files; %s", damaged)
		}
		data := body[in.At[0]:in.At[1]:in.At[1]]
		if len(data) > 0 && uintptr(unsafe.Pointer(&data[0]))%uintptr(width) != 0 {
			data = aligned(data)
		}
		f.add(t, typ, shape, data)
		extents = append(extents, extent{t, int64(in.At[0]), int64(in.At[1])})
	}
	return overlap(name, base, extents)
}
