package weights

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Writer collects a model and writes it as GGUF. The zero value is ready.
type Writer struct {
	keys    []string
	meta    Metadata
	names   map[string]bool
	tensors []written
}

type written struct {
	name  string
	typ   tensor.Type
	shape []int
	data  []byte
}

// Set stores a metadata value: bool, string, an integer or float of fixed
// width, or a slice of strings, int32, uint32 or float32. Pairs are written in
// the order of their first Set.
func (w *Writer) Set(key string, value any) error {
	if _, err := encode(nil, value); err != nil {
		return fmt.Errorf("metadata key %q: %w", key, err)
	}
	if w.meta == nil {
		w.meta = Metadata{}
	}
	if _, ok := w.meta[key]; !ok {
		w.keys = append(w.keys, key)
	}
	w.meta[key] = value
	return nil
}

// Add stores a tensor of the given shape, slowest dimension first, converting
// the values to t: F32, F16, BF16 or Q8_0.
func (w *Writer) Add(name string, t tensor.Type, values []float32, shape ...int) error {
	if len(shape) == 0 {
		return fmt.Errorf("tensor %q has no shape", name)
	}
	if block, _ := t.Block(); block > 0 && shape[len(shape)-1]%block != 0 {
		return fmt.Errorf("tensor %q: rows of %d values cannot be stored as %v", name, shape[len(shape)-1], t)
	}
	data, err := tensor.Quantize(t, values)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	return w.AddRaw(name, t, data, shape...)
}

// AddRaw stores a tensor that is already in the format t.
func (w *Writer) AddRaw(name string, t tensor.Type, data []byte, shape ...int) error {
	n := 1
	for _, d := range shape {
		n *= d
	}
	block, _ := t.Block()
	switch {
	case len(shape) == 0 || len(shape) > maxDims || block == 0 || shape[len(shape)-1]%block != 0 || len(data) != t.RowBytes(n):
		return fmt.Errorf("tensor %q: %d bytes are not a %v tensor of shape %v", name, len(data), t, shape)
	case w.names[name]:
		return fmt.Errorf("tensor %q was added before", name)
	}
	if w.names == nil {
		w.names = map[string]bool{}
	}
	w.names[name] = true
	w.tensors = append(w.tensors, written{name, t, shape, data})
	return nil
}

// WriteTo writes the file; it may be called more than once.
func (w *Writer) WriteTo(out io.Writer) (int64, error) {
	le := binary.LittleEndian
	head := append([]byte(ggufMagic), 3, 0, 0, 0)
	head = le.AppendUint64(head, uint64(len(w.tensors)))
	head = le.AppendUint64(head, uint64(len(w.keys)))
	for _, k := range w.keys {
		head = appendText(head, k)
		head, _ = encode(head, w.meta[k])
	}
	offset := 0
	for _, t := range w.tensors {
		head = appendText(head, t.name)
		head = le.AppendUint32(head, uint32(len(t.shape)))
		for i := range t.shape {
			head = le.AppendUint64(head, uint64(t.shape[len(t.shape)-1-i]))
		}
		head = le.AppendUint32(head, uint32(t.typ))
		head = le.AppendUint64(head, uint64(offset))
		offset += padded(len(t.data))
	}
	head = append(head, make([]byte, padded(len(head))-len(head))...)
	b := bufio.NewWriterSize(out, 1<<20)
	n, err := b.Write(head)
	total := int64(n)
	for _, t := range w.tensors {
		if err != nil {
			break
		}
		n, err = b.Write(t.data)
		total += int64(n)
		if pad := padded(len(t.data)) - len(t.data); err == nil && pad > 0 {
			n, err = b.Write(make([]byte, pad))
			total += int64(n)
		}
	}
	if err == nil {
		err = b.Flush()
	}
	return total, err
}

// WriteFile writes the file so that path holds either what it held before or
// the whole new model.
func (w *Writer) WriteFile(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".gguf-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if _, err = w.WriteTo(f); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func padded(n int) int { return (n + defaultAlign - 1) / defaultAlign * defaultAlign }

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// encode appends the type and bytes of a value.
func encode(b []byte, value any) ([]byte, error) {
	le := binary.LittleEndian
	kind := func(k ...uint32) {
		for _, x := range k {
			b = le.AppendUint32(b, x)
		}
	}
	array := func(k uint32, n int) {
		kind(ggufArray, k)
		b = le.AppendUint64(b, uint64(n))
	}
	switch v := value.(type) {
	case bool:
		kind(ggufBool)
		if v {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case string:
		kind(ggufString)
		return appendText(b, v), nil
	case uint32:
		kind(ggufUint32)
		return le.AppendUint32(b, v), nil
	case int32:
		kind(ggufInt32)
		return le.AppendUint32(b, uint32(v)), nil
	case uint64:
		kind(ggufUint64)
		return le.AppendUint64(b, v), nil
	case int64:
		kind(ggufInt64)
		return le.AppendUint64(b, uint64(v)), nil
	case float32:
		kind(ggufFloat32)
		return le.AppendUint32(b, math.Float32bits(v)), nil
	case float64:
		kind(ggufFloat64)
		return le.AppendUint64(b, math.Float64bits(v)), nil
	case []string:
		array(ggufString, len(v))
		for _, s := range v {
			b = appendText(b, s)
		}
		return b, nil
	case []int32:
		array(ggufInt32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, uint32(x))
		}
		return b, nil
	case []uint32:
		array(ggufUint32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, x)
		}
		return b, nil
	case []float32:
		array(ggufFloat32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
		return b, nil
	}
	return b, fmt.Errorf("values of type %T cannot be stored in GGUF", value)
}
