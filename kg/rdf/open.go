package rdf

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A document may be this many times larger than its compressed form, plus
// some slack for tiny ones; more than that is taken for a decompression bomb.
const (
	MaxExpansion   = 200
	expansionSlack = 10 << 20 // bytes
)

// ErrBomb reports a document that is suspiciously much larger than its
// compressed form.
var ErrBomb = errors.New("rdf: compressed data expands more than 200 times")

// ErrTruncated reports compressed data that ends too early.
var ErrTruncated = errors.New("rdf: compressed data is cut off")

// File is what Open returns: a decompressed document.
type File struct {
	name   string
	size   int64
	source *counter
	r      io.Reader
	closes []func() error
}

// Open opens a document, "-" meaning standard input. Gzip, zstd and bzip2 are
// recognised by content, whatever the name. The format comes from the name,
// else from the first lines (see Sniff); it may be Unknown. The reader is a
// *File.
func Open(path string) (io.ReadCloser, Format, error) {
	if path == "-" {
		return open(os.Stdin, "(stdin)", nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, Unknown, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, Unknown, fmt.Errorf("rdf: %s is a directory; name a file in it", path)
	}
	return open(f, path, f.Close)
}

func open(src io.Reader, name string, closer func() error) (*File, Format, error) {
	f := &File{name: name, size: -1}
	if closer != nil {
		f.closes = append(f.closes, closer)
	}
	if s, ok := src.(*os.File); ok {
		if st, err := s.Stat(); err == nil && st.Mode().IsRegular() {
			f.size = st.Size()
		}
	}
	d, err := decompress(src)
	if err != nil {
		f.Close()
		return nil, Unknown, fmt.Errorf("%s: %w", name, err)
	}
	f.source = d.source
	if d.close != nil {
		f.closes = append(f.closes, d.close)
	}
	format, ok := FormatByExtension(name)
	buf := bufio.NewReaderSize(d, 64<<10)
	if !ok {
		// An error shows up again at the first Read.
		head, _ := buf.Peek(4096)
		format, _ = Sniff(head)
	}
	f.r = buf
	return f, format, nil
}

// Read reads the decompressed document.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", f.name, err)
	}
	return n, err
}

// Name returns the path that was opened.
func (f *File) Name() string { return f.name }

// Progress returns how many bytes of the stored, perhaps compressed file are
// read, and how many there are; -1 if that is not known. It may be called
// from any goroutine.
func (f *File) Progress() (read, size int64) { return f.source.n.Load(), f.size }

// Close closes the file. Standard input stays open.
func (f *File) Close() error {
	var err error
	for i := len(f.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, f.closes[i]())
	}
	f.closes = nil
	return err
}

// counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// decompressor guards a decompressing reader.
type decompressor struct {
	source *counter
	r      io.Reader
	kind   string // name of the compression, empty for none
	out    int64
	close  func() error
}

// Decompress returns the content of r, which may be compressed with gzip,
// zstd or bzip2, or not at all. Reading fails with ErrBomb when the content
// grows beyond MaxExpansion times the data plus 10 MiB, and with ErrTruncated
// when the data ends too early.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	d, err := decompress(r)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func decompress(r io.Reader) (*decompressor, error) {
	d := &decompressor{source: &counter{r: r}}
	buf := bufio.NewReaderSize(d.source, 64<<10)
	head, err := buf.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		d.kind = "gzip"
		z, err := gzip.NewReader(buf)
		if err != nil {
			return nil, d.wrap(err)
		}
		d.r, d.close = z, z.Close
	case bytes.HasPrefix(head, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		d.kind = "zstd"
		z, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, d.wrap(err)
		}
		d.r, d.close = z, func() error { z.Close(); return nil }
	case bytes.HasPrefix(head, []byte("BZh")):
		d.kind = "bzip2"
		d.r = bzip2.NewReader(buf)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("a zip archive; unpack it first")
	case bytes.HasPrefix(head, []byte("\xFD7zX")):
		return nil, errors.New("compressed with xz; decompress it with `xz -dc` and read from standard input")
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return nil, errors.New("text in UTF-16; convert it to UTF-8 with `iconv -f UTF-16 -t UTF-8`")
	default:
		d.r = buf
	}
	return d, nil
}

func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.kind == "" {
		return n, err
	}
	d.out += int64(n)
	if err != nil && err != io.EOF {
		err = d.wrap(err)
	} else if d.out > MaxExpansion*d.source.n.Load()+expansionSlack {
		return 0, fmt.Errorf("%w (%d bytes became %d); decompress it yourself if you trust it", ErrBomb, d.source.n.Load(), d.out)
	}
	return n, err
}

func (d *decompressor) wrap(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s stream ends early after %d bytes; fetch the file again", ErrTruncated, d.kind, d.source.n.Load())
	}
	return fmt.Errorf("damaged %s data near byte %d: %w", d.kind, d.source.n.Load(), err)
}

// Close frees the decompressor; it does not close the underlying reader.
func (d *decompressor) Close() error {
	if d.close == nil {
		return nil
	}
	return d.close()
}
