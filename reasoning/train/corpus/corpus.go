// Package corpus is the file training rows travel in: one JSON object a line,
// compressed with gzip. What writes rows (train/datagen) and what learns from
// them (train) meet here only.
package corpus

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// Row is one training example.
type Row struct {
	Prompt string   `json:"q"` // folded question with numbered mentions, ending in " ="
	Gold   string   `json:"a"` // right query, or None
	Wrong  []string `json:"n"` // queries that could be written instead
	Source string   `json:"s"` // where the row comes from
	Shape  string   `json:"k"` // family of the query
}

// None is the target of a question that the graph cannot answer.
const None = "none"

// Check reports what is wrong with a row.
func (r Row) Check() error {
	if r.Prompt == "" || r.Gold == "" {
		return fmt.Errorf("row without %s", map[bool]string{true: "a question", false: "a query"}[r.Prompt == ""])
	}
	for _, w := range r.Wrong {
		if w == r.Gold {
			return fmt.Errorf("question %q: the right query %q is among the wrong ones", r.Prompt, w)
		}
	}
	return nil
}

// Writer writes rows to a file that appears under its name only when Close
// succeeds.
type Writer struct {
	path string
	f    *os.File
	buf  *bufio.Writer
	zip  *gzip.Writer
	enc  *json.Encoder
	rows int
}

// Create starts a file, with its folder.
func Create(path string) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	w := &Writer{path: path, f: f, buf: bufio.NewWriterSize(f, 1<<16)}
	w.zip = gzip.NewWriter(w.buf)
	w.enc = json.NewEncoder(w.zip)
	w.enc.SetEscapeHTML(false)
	return w, nil
}

// Write adds a row.
func (w *Writer) Write(r Row) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("corpus: %s: row %d: %w", w.path, w.rows, err)
	}
	w.rows++
	return w.enc.Encode(r)
}

// Close finishes the file.
func (w *Writer) Close() error {
	for _, f := range []func() error{w.zip.Close, w.buf.Flush, w.f.Sync, w.f.Close} {
		if err := f(); err != nil {
			w.f.Close()
			return fmt.Errorf("corpus: %s: %w", w.path, err)
		}
	}
	return os.Rename(w.path+".part", w.path)
}

// Abort drops an unfinished file.
func (w *Writer) Abort() {
	w.f.Close()
	os.Remove(w.path + ".part")
}

// Read yields the rows of a file.
func Read(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Row{}, fmt.Errorf("corpus: %w", err))
			return
		}
		defer f.Close()
		for r, err := range Decode(f) {
			if err != nil {
				err = fmt.Errorf("corpus: %s: %w", path, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// maxLine bounds the memory one row may take.
const maxLine = 1 << 20

// Decode yields the rows of a compressed stream and ends at the first error.
func Decode(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		zip, err := gzip.NewReader(bufio.NewReaderSize(r, 1<<16))
		if err != nil {
			yield(Row{}, err)
			return
		}
		sc := bufio.NewScanner(zip)
		sc.Buffer(make([]byte, 0, 1<<16), maxLine)
		line := 0
		for sc.Scan() {
			line++
			var row Row
			err := json.Unmarshal(sc.Bytes(), &row)
			if err == nil {
				err = row.Check()
			}
			if err != nil {
				yield(row, fmt.Errorf("line %d: %w", line, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := sc.Err(); err != nil {
			yield(Row{}, fmt.Errorf("line %d: %w", line+1, err))
		}
	}
}
