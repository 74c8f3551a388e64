package embed

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// A checkpoint is one file:
//
//	magic "QSTRLINK"                        8 bytes
//	format version                          4 bytes, little endian like all
//	length of the header                    4 bytes
//	header, JSON: spec, hash of the vocabulary, counts, training, sections
//	the sections, in the header's order
//	xxhash64 of everything before           8 bytes
//
// Section "params" holds the entities' parameters row by row, "relparams" those
// of the relations; as float32, or as int8 with a float32 scale before each
// row. "names" holds the vocabulary, each name with its length before it,
// compressed with zstd; it may be absent. Other sections belong to training.
//
// The constants are part of the format and must not change.
const (
	checkpointMagic   = "QSTRLINK"
	checkpointVersion = 1
	maxHeader         = 1 << 24
)

// ErrCheckpoint is the class of damaged, foreign and newer checkpoint files.
var ErrCheckpoint = errors.New("not a usable checkpoint")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCheckpoint, fmt.Sprintf(format, args...))
}

type header struct {
	Spec      Spec            `json:"spec"`
	Hash      string          `json:"hash"`
	Entities  int             `json:"entities"`
	Relations int             `json:"relations"` // directed
	Info      Info            `json:"info"`
	State     json.RawMessage `json:"state,omitempty"`
	Sections  []section       `json:"sections"`
}

type section struct {
	Name     string `json:"name"`
	Encoding string `json:"encoding"` // float32, int8, names or raw
	Length   int64  `json:"length"`
}

// SaveOptions says what a checkpoint holds beside the parameters.
type SaveOptions struct {
	Quantise  bool // int8 instead of float32: a quarter of the size
	OmitNames bool // leave out the vocabulary; the reader must have the graph
	// State and Extra are what training needs to go on; readers that only
	// predict ignore them.
	State json.RawMessage
	Extra map[string][]byte
}

// Save writes a checkpoint: first to a file beside it, then by renaming, so
// that a crash leaves either the old checkpoint or the new one.
func Save(path string, t *Table, o SaveOptions) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("%s was not written: %w", path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// One name, so that what a killed program leaves is written over.
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	if err = Write(f, t, o); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing checkpoint %s: %w", path, err)
	}
	return nil
}

// Write writes a checkpoint.
func Write(w io.Writer, t *Table, o SaveOptions) error {
	encoding := "float32"
	if o.Quantise {
		encoding = "int8"
	}
	type part struct {
		section
		data []byte
	}
	var parts []part
	add := func(name, encoding string, data []byte) {
		parts = append(parts, part{section{name, encoding, int64(len(data))}, data})
	}
	add("params", encoding, packRows(t.Params, o.Quantise))
	add("relparams", encoding, packRows(t.RelParams, o.Quantise))
	if !o.OmitNames && t.Vocabulary.Entities != nil {
		data, err := packNames(t.Vocabulary)
		if err != nil {
			return err
		}
		add("names", "names", data)
	}
	for _, name := range sortedKeys(o.Extra) {
		add(name, "raw", o.Extra[name])
	}
	h := header{Spec: t.Spec, Hash: t.Hash, Entities: t.Entities(), Relations: t.Relations(), Info: t.Info, State: o.State}
	for _, p := range parts {
		h.Sections = append(h.Sections, p.section)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := xxhash.New()
	out := io.MultiWriter(w, sum)
	start := []byte(checkpointMagic)
	start = binary.LittleEndian.AppendUint32(start, checkpointVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(head)))
	for _, b := range append([][]byte{start, head}, sectionData(parts, func(p part) []byte { return p.data })...) {
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	_, err = w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

func sectionData[T any](list []T, f func(T) []byte) [][]byte {
	out := make([][]byte, len(list))
	for i, x := range list {
		out[i] = f(x)
	}
	return out
}

// Checkpoint is an open checkpoint file with what training left in it.
type Checkpoint struct {
	Table *Table
	State json.RawMessage
	Extra map[string][]byte
}

// Open reads a checkpoint for prediction.
func Open(path string) (*Table, error) {
	c, err := OpenCheckpoint(path)
	if err != nil {
		return nil, err
	}
	return c.Table, nil
}

// OpenFor is Open for a graph with a known vocabulary: a checkpoint of another
// graph is refused with a *GraphError. The table gets the vocabulary's names if
// it has none of its own.
func OpenFor(path string, v Vocabulary) (*Table, error) {
	t, err := Open(path)
	if err != nil {
		return nil, err
	}
	if err := t.Bind(v); err != nil {
		var g *GraphError
		if errors.As(err, &g) {
			g.Checkpoint = path
		}
		return nil, err
	}
	return t, nil
}

// Bind gives a table the names of its vocabulary and fails with a *GraphError
// if they are not the ones it was trained on.
func (t *Table) Bind(v Vocabulary) error {
	if v.Hash() == t.Hash {
		t.Vocabulary = v
		return nil
	}
	has := t.Vocabulary
	if has.Entities == nil {
		if t.Entities() != len(v.Entities) || t.Relations() != 2*len(v.Relations) {
			return &GraphError{Reason: fmt.Sprintf("it has %d entities and %d relations, the graph %d and %d", t.Entities(), t.Relations()/2, len(v.Entities), len(v.Relations))}
		}
		return &GraphError{Reason: "the names hash differently"}
	}
	return &GraphError{Reason: differ(has, v)}
}

// OpenCheckpoint reads a checkpoint with its training state.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads a checkpoint from its bytes.
func Parse(b []byte) (*Checkpoint, error) {
	const fixed = len(checkpointMagic) + 8
	if len(b) < len(checkpointMagic) || string(b[:len(checkpointMagic)]) != checkpointMagic {
		return nil, broken("it does not begin with %q: no file of \"train link\"", checkpointMagic)
	}
	if len(b) < fixed+8 {
		return nil, broken("it ends after %d bytes", len(b))
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != checkpointVersion {
		return nil, broken("it has format version %d, this program reads version %d; train again, or use the program that wrote it", v, checkpointVersion)
	}
	body, sum := b[:len(b)-8], binary.LittleEndian.Uint64(b[len(b)-8:])
	if xxhash.Sum64(body) != sum {
		return nil, broken("its checksum does not match its %d bytes: it was cut short or damaged; restore it from a copy or train again", len(b))
	}
	n := int64(binary.LittleEndian.Uint32(b[12:]))
	if n > maxHeader || int64(fixed)+n > int64(len(body)) {
		return nil, broken("its header would be %d bytes long", n)
	}
	var h header
	if err := json.Unmarshal(body[fixed:int64(fixed)+n], &h); err != nil {
		return nil, broken("its header is not valid: %v", err)
	}
	if h.Relations%2 != 0 || h.Entities < 1 || h.Relations < 2 {
		return nil, broken("it claims %d entities and %d directed relations", h.Entities, h.Relations)
	}
	return h.read(body[int64(fixed)+n:])
}

// read fills a checkpoint from the bytes of the sections.
func (h header) read(b []byte) (*Checkpoint, error) {
	m, err := NewModel[float32](h.Spec)
	if err != nil {
		return nil, broken("%v", err)
	}
	data := map[string][]byte{}
	kinds := map[string]string{}
	for _, s := range h.Sections {
		if s.Length < 0 || s.Length > int64(len(b)) {
			return nil, broken("section %q would be %d bytes long, %d are left", s.Name, s.Length, len(b))
		}
		if _, twice := data[s.Name]; twice {
			return nil, broken("section %q is there twice", s.Name)
		}
		data[s.Name], kinds[s.Name], b = b[:s.Length], s.Encoding, b[s.Length:]
	}
	// The sizes are checked against the bytes before anything is allocated.
	for name, want := range map[string][2]int{"params": {h.Entities, m.Width()}, "relparams": {h.Relations, m.RelationWidth()}} {
		var per int64
		switch kinds[name] {
		case "float32":
			per = 4 * int64(want[1])
		case "int8":
			per = 4 + int64(want[1])
		default:
			return nil, broken("section %q has the encoding %q", name, kinds[name])
		}
		if int64(len(data[name])) != per*int64(want[0]) {
			return nil, broken("section %q has %d bytes, not %d for %d rows of %d", name, len(data[name]), per*int64(want[0]), want[0], want[1])
		}
	}
	var v Vocabulary
	if names, ok := data["names"]; ok {
		if v, err = unpackNames(names, h.Entities, h.Relations/2); err != nil {
			return nil, err
		}
		if v.Hash() != h.Hash {
			return nil, broken("its names are not the ones its hash is of")
		}
	}
	t, err := newTable(h.Spec, v, h.Hash, h.Entities, h.Relations)
	if err != nil {
		return nil, broken("%v", err)
	}
	t.Info = h.Info
	unpackRows(t.Params, data["params"], kinds["params"] == "int8")
	unpackRows(t.RelParams, data["relparams"], kinds["relparams"] == "int8")
	if err := t.check(); err != nil {
		return nil, broken("%v: training diverged; train again with a lower learning rate", err)
	}
	t.Refresh()
	c := &Checkpoint{Table: t, State: h.State, Extra: map[string][]byte{}}
	for name, d := range data {
		if kinds[name] == "raw" {
			c.Extra[name] = d
		}
	}
	return c, nil
}

// packRows encodes a matrix without its padding.
func packRows(m kernel.Rows, quantise bool) []byte {
	if !quantise {
		b := make([]byte, 0, 4*m.N*m.K)
		for i := range m.N {
			for _, x := range m.Row(i) {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
		}
		return b
	}
	b := make([]byte, 0, m.N*(m.K+4))
	for i := range m.N {
		row := m.Row(i)
		var top float32
		for _, x := range row {
			top = max(top, x, -x)
		}
		step := top / 127
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(step))
		for _, x := range row {
			var q int8
			if step > 0 {
				q = int8(math.RoundToEven(float64(x / step)))
			}
			b = append(b, byte(q))
		}
	}
	return b
}

func unpackRows(m kernel.Rows, b []byte, quantised bool) {
	for i := range m.N {
		row := m.Row(i)
		if quantised {
			step := math.Float32frombits(binary.LittleEndian.Uint32(b))
			for k := range row {
				row[k] = step * float32(int8(b[4+k]))
			}
			b = b[4+m.K:]
			continue
		}
		for k := range row {
			row[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
		}
		b = b[4*m.K:]
	}
}

func packNames(v Vocabulary) ([]byte, error) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	var n []byte
	for _, list := range [][]string{v.Entities, v.Relations} {
		for _, s := range list {
			n = binary.AppendUvarint(n[:0], uint64(len(s)))
			z.Write(n) // a bytes.Buffer takes everything
			z.Write([]byte(s))
		}
	}
	err = z.Close()
	return b.Bytes(), err
}

// maxNames bounds the expanded names: what 16 bytes in the file may become.
const maxNames = 1 << 31

func unpackNames(b []byte, entities, relations int) (Vocabulary, error) {
	z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxNames))
	if err != nil {
		return Vocabulary{}, err
	}
	defer z.Close()
	plain, err := io.ReadAll(io.LimitReader(z, maxNames))
	if err != nil {
		return Vocabulary{}, broken("its names do not decompress: %v", err)
	}
	// Every name takes at least the byte of its length.
	if entities+relations > len(plain) {
		return Vocabulary{}, broken("it has %d bytes of names for %d entities and %d relations", len(plain), entities, relations)
	}
	names := make([]string, 0, entities+relations)
	for i := range entities + relations {
		n, k := binary.Uvarint(plain)
		if k <= 0 || n > uint64(len(plain)-k) {
			return Vocabulary{}, broken("name %d of %d runs past the end", i, entities+relations)
		}
		names = append(names, string(plain[k:k+int(n)]))
		plain = plain[k+int(n):]
	}
	if len(plain) != 0 {
		return Vocabulary{}, broken("%d bytes follow the last name", len(plain))
	}
	return Vocabulary{names[:entities:entities], names[entities:]}, nil
}
