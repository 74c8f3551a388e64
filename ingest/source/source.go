// Package source opens what people have: single documents, compressed or not,
// full submissions, archives and folders, and groups their files into filings.
// Whatever cannot be opened is an error of its own that names the file; the
// rest goes on.
package source

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// Unit is what was filed or written as one.
type Unit struct {
	Path   string // as given
	Header edgar.Header
	Files  []edgar.File
}

// Bytes is the size of the unit's files.
func (u *Unit) Bytes() int64 {
	var n int64
	for _, f := range u.Files {
		n += int64(len(f.Body))
	}
	return n
}

// Options says how to open.
type Options struct {
	// MaxBytes is the most that one file may hold, decompressed. Default 256 MiB.
	MaxBytes int64
	// Together makes all paths one filing.
	Together bool
	// Stdin is read for the path "-".
	Stdin io.Reader
}

const defaultMax = 256 << 20

// Error is a file that cannot be opened.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Open yields the units of the paths, one after the other. After an *Error it
// goes on with the next; other errors end it.
func Open(ctx context.Context, paths []string, o Options) iter.Seq2[Unit, error] {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMax
	}
	return func(yield func(Unit, error) bool) {
		if o.Together {
			var all Unit
			for _, p := range paths {
				b, err := o.read(p)
				if err != nil {
					if !yield(Unit{}, &Error{p, err}) {
						return
					}
					continue
				}
				all.Path = paths[0]
				all.Files = append(all.Files, edgar.File{Name: filepath.Base(p), Body: b})
			}
			if len(all.Files) > 0 {
				all.Header = headerOf(all.Path)
				yield(all, nil)
			}
			return
		}
		for _, p := range paths {
			if ctx.Err() != nil {
				yield(Unit{}, ctx.Err())
				return
			}
			if !o.open(ctx, p, yield) {
				return
			}
		}
	}
}

func (o Options) open(ctx context.Context, p string, yield func(Unit, error) bool) bool {
	if p != "-" {
		st, err := os.Stat(p)
		if err != nil {
			return yield(Unit{}, &Error{p, err})
		}
		if st.IsDir() {
			return o.folder(ctx, p, yield)
		}
	}
	b, err := o.read(p)
	if err != nil {
		return yield(Unit{}, &Error{p, err})
	}
	return o.file(p, b, yield)
}

// read reads a file, decompressed.
func (o Options) read(p string) ([]byte, error) {
	if p == "-" {
		if o.Stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return o.expand(o.Stdin)
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > o.MaxBytes {
		return nil, o.tooLarge(st.Size())
	}
	head := make([]byte, 4)
	n, _ := io.ReadFull(f, head)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head[:n], []byte("PK\x03\x04")) {
		return o.limited(f)
	}
	return o.expand(f)
}

func (o Options) expand(r io.Reader) ([]byte, error) {
	z, err := rdf.Decompress(r)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return o.limited(z)
}

func (o Options) limited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, o.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > o.MaxBytes {
		return nil, o.tooLarge(int64(len(b)))
	}
	return b, nil
}

// ErrTooLarge: a file is beyond the limit.
var ErrTooLarge = errors.New("too large")

func (o Options) tooLarge(n int64) error {
	return fmt.Errorf("%w: more than %d MiB (at least %d MiB); raise --max-bytes if it is meant", ErrTooLarge, o.MaxBytes>>20, n>>20)
}

// file yields the units of one file.
func (o Options) file(p string, b []byte, yield func(Unit, error) bool) bool {
	switch {
	case len(b) == 0:
		return yield(Unit{}, &Error{p, errors.New("it is empty")})
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return o.archive(p, b, yield)
	case edgar.IsSubmission(b):
		h, files := edgar.Split(b)
		if h.Accession == "" {
			h.Accession = edgar.AccessionIn(p)
		}
		return yield(Unit{Path: p, Header: h, Files: files}, nil)
	}
	return yield(Unit{Path: p, Header: headerOf(p), Files: []edgar.File{{Name: baseName(p), Body: b}}}, nil)
}

func headerOf(p string) edgar.Header {
	h := edgar.Header{Accession: edgar.AccessionIn(filepath.ToSlash(p))}
	h.Filed = edgar.DateIn(filepath.Base(p))
	return h
}

// baseName is the name of a file without the ending of a compression.
func baseName(p string) string {
	b := filepath.Base(p)
	if p == "-" {
		return "stdin"
	}
	for _, ext := range []string{".gz", ".zst", ".bz2"} {
		b = strings.TrimSuffix(b, ext)
	}
	return b
}

// archive yields the files of a zip archive: one filing if they look like one,
// else each for itself.
func (o Options) archive(p string, b []byte, yield func(Unit, error) bool) bool {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return yield(Unit{}, &Error{p, fmt.Errorf("damaged archive: %w; fetch it again", err)})
	}
	var files []edgar.File
	left := o.MaxBytes
	for _, f := range z.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(path.Base(f.Name), ".") {
			continue
		}
		in, err := f.Open()
		if err != nil {
			if !yield(Unit{}, &Error{p + "/" + f.Name, err}) {
				return false
			}
			continue
		}
		body, err := io.ReadAll(io.LimitReader(in, left+1))
		in.Close()
		switch {
		case err != nil:
			if !yield(Unit{}, &Error{p + "/" + f.Name, fmt.Errorf("damaged: %w", err)}) {
				return false
			}
			continue
		case int64(len(body)) > left, int64(len(body)) > rdf.MaxExpansion*int64(max(f.CompressedSize64, 1))+1<<20:
			return yield(Unit{}, &Error{p, fmt.Errorf("%w: %s makes more of it than a document can hold; unpack it yourself if you trust it", ErrTooLarge, f.Name)})
		}
		left -= int64(len(body))
		files = append(files, edgar.File{Name: path.Base(f.Name), Body: body})
	}
	return o.group(p, files, yield)
}

// group yields files as one filing, or each for itself.
func (o Options) group(p string, files []edgar.File, yield func(Unit, error) bool) bool {
	if len(files) == 0 {
		return yield(Unit{}, &Error{p, errors.New("it holds no documents")})
	}
	if oneFiling(files) {
		return yield(Unit{Path: p, Header: headerOf(p), Files: files}, nil)
	}
	for _, f := range files {
		at := filepath.Join(p, f.Name)
		if bytes.HasPrefix(f.Body, []byte("PK\x03\x04")) {
			if !yield(Unit{}, &Error{at, errors.New("an archive within an archive; unpack it first")}) {
				return false
			}
			continue
		}
		if !o.file(at, f.Body, yield) {
			return false
		}
	}
	return true
}

// oneFiling reports whether files belong together: an instance or a page with
// its schema or linkbases.
func oneFiling(files []edgar.File) bool {
	return slices.ContainsFunc(files, func(f edgar.File) bool {
		n := strings.ToLower(f.Name)
		return strings.HasSuffix(n, ".xsd") || strings.HasSuffix(n, "_lab.xml") || strings.HasSuffix(n, "_pre.xml") || n == "filingsummary.xml" || n == "metalinks.json"
	})
}

// folder yields the units of a folder and those below it.
func (o Options) folder(ctx context.Context, dir string, yield func(Unit, error) bool) bool {
	byDir := map[string][]string{}
	var dirs []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && name != dir {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			dirs = append(dirs, name)
		} else if wanted(d.Name()) {
			byDir[filepath.Dir(name)] = append(byDir[filepath.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		return yield(Unit{}, &Error{dir, err})
	}
	found := false
	for _, d := range dirs {
		names := byDir[d]
		if len(names) == 0 {
			continue
		}
		found = true
		var quick []edgar.File
		for _, n := range names {
			quick = append(quick, edgar.File{Name: filepath.Base(n)})
		}
		if !oneFiling(quick) {
			for _, n := range names {
				if ctx.Err() != nil {
					return yield(Unit{}, ctx.Err())
				}
				if !o.open(ctx, n, yield) {
					return false
				}
			}
			continue
		}
		var files []edgar.File
		for _, n := range names {
			b, err := o.read(n)
			if err != nil {
				if !yield(Unit{}, &Error{n, err}) {
					return false
				}
				continue
			}
			files = append(files, edgar.File{Name: baseName(n), Body: b})
		}
		if !o.group(d, files, yield) {
			return false
		}
	}
	if !found {
		return yield(Unit{}, &Error{dir, errors.New("there are no documents in it")})
	}
	return true
}

// wanted reports whether a file of a folder may be a document.
func wanted(name string) bool {
	n := strings.ToLower(name)
	for _, ext := range []string{".gz", ".zst", ".bz2"} {
		n = strings.TrimSuffix(n, ext)
	}
	switch path.Ext(n) {
	case ".htm", ".html", ".xhtml", ".txt", ".xml", ".xsd", ".md", ".markdown", ".pdf", ".zip", ".jsonl", ".csv", ".tsv":
		return true
	}
	return false
}
