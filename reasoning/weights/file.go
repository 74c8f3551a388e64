package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"unsafe"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// File is an open model.
type File struct {
	Name string // path, or what the caller calls the bytes
	// Meta holds the metadata of a GGUF file; empty for safetensors.
	Meta Metadata
	// Config is config.json of a safetensors folder; nil for GGUF.
	Config []byte
	// Tokenizer, TokenizerConfig and Generation are tokenizer.json,
	// tokenizer_config.json and generation_config.json of a safetensors folder,
	// where there are such.
	Tokenizer, TokenizerConfig, Generation []byte

	tensors map[string]*tensor.Matrix
	shapes  map[string][]int
	close   []func() error
	maps    [][]byte // what is mapped
}

// ErrFormat is wrapped by every error about the contents of a model file.
var ErrFormat = errors.New("unusable model file")

// FormatError says what is wrong where in a model file, and the remedy.
type FormatError struct {
	File   string
	Offset int64
	Msg    string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: byte %d: %s", e.File, e.Offset, e.Msg)
}

// Unwrap makes every FormatError an ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

const damaged = "the file is damaged or cut short: copy or download it again"

// Open opens a GGUF file, a safetensors file with config.json beside it, or a
// folder that holds safetensors.
func Open(path string) (*File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		data, unmap, err := mapFile(path)
		if err != nil {
			return nil, err
		}
		if isSafetensors(data) {
			unmap()
			return openFolder(filepath.Dir(path), filepath.Base(path))
		}
		f, err := FromBytes(path, data)
		if err != nil {
			unmap()
			return nil, err
		}
		f.close, f.maps = append(f.close, unmap), append(f.maps, data)
		return f, nil
	}
	return openFolder(path, "")
}

// FromBytes reads a GGUF file from memory, which must not change afterwards.
// The name is used in errors only.
func FromBytes(name string, data []byte) (*File, error) {
	if len(data) > 0 && uintptr(unsafe.Pointer(&data[0]))%32 != 0 {
		data = aligned(data)
	}
	return parseGGUF(name, data)
}

// aligned copies b to memory where floats may be read in place.
func aligned(b []byte) []byte {
	words := make([]uint64, (len(b)+7)/8+4)
	skip := (32 - int(uintptr(unsafe.Pointer(&words[0]))%32)) % 32
	dst := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))[skip : skip+len(b)]
	copy(dst, b)
	return dst
}

// FromFS reads a safetensors folder through a file system: an embedded one, a
// zip archive.
func FromFS(name string, fsys fs.FS) (*File, error) {
	return readFolder(name, "", func(file string) ([]byte, func() error, error) {
		b, err := fs.ReadFile(fsys, file)
		return b, nil, err
	})
}

// OpenTensors opens one safetensors file that no settings belong to.
func OpenTensors(path string) (*File, error) {
	data, unmap, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{Name: path, Meta: Metadata{}, tensors: map[string]*tensor.Matrix{}, shapes: map[string][]int{}, close: []func() error{unmap}, maps: [][]byte{data}}
	if err := f.safetensors(path, data); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Idle tells the system that the file will not be read much from now on: its
// pages leave the process's memory and come back when they are touched.
func (f *File) Idle() {
	for _, b := range f.maps {
		idle(b)
	}
}

func openFolder(dir, only string) (*File, error) {
	return readFolder(dir, only, func(file string) ([]byte, func() error, error) {
		return mapFile(filepath.Join(dir, file))
	})
}

// Close unmaps the file. The tensors must not be used any more.
func (f *File) Close() error {
	var errs []error
	for _, c := range f.close {
		errs = append(errs, c())
	}
	f.close, f.maps, f.tensors = nil, nil, nil
	return errors.Join(errs...)
}

// Tensor returns a tensor by name, nil if there is none.
func (f *File) Tensor(name string) *tensor.Matrix { return f.tensors[name] }

// Shape returns the dimensions of a tensor, slowest first.
func (f *File) Shape(name string) []int { return f.shapes[name] }

// Names returns the names of all tensors, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.tensors))
	for n := range f.tensors {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Census counts the parameters of all tensors by the type they are stored in.
func (f *File) Census() map[tensor.Type]int64 {
	n := map[tensor.Type]int64{}
	for _, m := range f.tensors {
		n[m.Type] += int64(m.Rows) * int64(m.Cols)
	}
	return n
}

// Need returns the named tensor after checking its shape.
func (f *File) Need(name string, rows, cols int) (*tensor.Matrix, error) {
	m := f.tensors[name]
	if m == nil {
		return nil, fmt.Errorf("%s: tensor %q is missing; the file is not a complete model of the architecture it names: %w", f.Name, name, ErrFormat)
	}
	if m.Rows != rows || m.Cols != cols {
		return nil, fmt.Errorf("%s: tensor %q is %v, but the model's settings ask for %d x %d: %w", f.Name, name, f.shapes[name], rows, cols, ErrFormat)
	}
	return m, nil
}

// extent is where a tensor lies in a file.
type extent struct {
	name     string
	from, to int64
}

// overlap reports the first two tensors that share bytes.
func overlap(file string, base int64, all []extent) error {
	slices.SortFunc(all, func(a, b extent) int {
		if a.from != b.from {
			return int(min(1, max(-1, a.from-b.from)))
		}
		return int(min(1, max(-1, a.to-b.to)))
	})
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; b.from < a.to {
			return &FormatError{file, base + b.from, fmt.Sprintf("tensor %q overlaps tensor %q; %s", b.name, a.name, damaged)}
		}
	}
	return nil
}
