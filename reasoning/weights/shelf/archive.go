package shelf

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// open finds out what a path is, by content.
func open(name string) (source, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return folder(name), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head = head[:n]
	is := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case is("PK\x03\x04"):
		return zipped(name), nil
	case is("\x1f\x8b"), is("\x28\xb5\x2f\xfd"), is("BZh"), len(head) > 262 && string(head[257:262]) == "ustar":
		return tarred(name), nil
	}
	return folder(name), nil // a GGUF file, or a safetensors file in its folder
}

// clean returns the name of an archive's member without anything that leads
// out of it; names are only compared, files get names of their own.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// folder is a folder, or a single file.
type folder string

func (d folder) files() (map[string]int64, error) {
	root := string(d)
	st, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		if !strings.HasSuffix(root, ".safetensors") {
			base := filepath.Base(root)
			if !strings.HasSuffix(base, ".gguf") { // named as it likes: by content it can only be one
				base += ".gguf"
			}
			return map[string]int64{base: st.Size()}, nil
		}
		root = filepath.Dir(root)
	}
	out := map[string]int64{}
	list, err := os.ReadDir(root)
	for _, f := range list {
		if i, err := f.Info(); err == nil && i.Mode().IsRegular() {
			out[f.Name()] = i.Size()
		}
	}
	return out, err
}

func (d folder) read(wanted map[string]bool, each func(string, io.Reader) error) error {
	root := string(d)
	st, err := os.Stat(root)
	if err != nil {
		return err
	}
	for name := range wanted {
		p := filepath.Join(root, name)
		if !st.IsDir() {
			if p = root; strings.HasSuffix(root, ".safetensors") {
				p = filepath.Join(filepath.Dir(root), name)
			}
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		err = each(name, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// zipped is a zip archive; wheels are such.
type zipped string

func (z zipped) each(f func(m *zip.File) error) error {
	r, err := zip.OpenReader(string(z))
	if err != nil {
		return fmt.Errorf("the zip archive cannot be read: %w", err)
	}
	defer r.Close()
	for _, m := range r.File {
		if m.Mode().IsRegular() {
			if err := f(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (z zipped) files() (map[string]int64, error) {
	out := map[string]int64{}
	err := z.each(func(m *zip.File) error {
		out[clean(m.Name)] = int64(m.UncompressedSize64)
		return nil
	})
	return out, err
}

func (z zipped) read(wanted map[string]bool, each func(string, io.Reader) error) error {
	return z.each(func(m *zip.File) error {
		name := clean(m.Name)
		if !wanted[name] {
			return nil
		}
		r, err := m.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer r.Close()
		return each(name, r)
	})
}

// tarred is a tar archive, plain or compressed.
type tarred string

func (t tarred) each(f func(h *tar.Header, r io.Reader) error) error {
	file, err := os.Open(string(t))
	if err != nil {
		return err
	}
	defer file.Close()
	b := bufio.NewReaderSize(file, 1<<20)
	var r io.Reader = b
	switch head, _ := b.Peek(4); {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(b)
		if err != nil {
			return err
		}
		r = z
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(b)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	case bytes.HasPrefix(head, []byte("BZh")):
		r = bzip2.NewReader(b)
	}
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the tar archive cannot be read: %w", err)
		}
		if h.FileInfo().Mode().Type() == fs.FileMode(0) {
			if err := f(h, in); err != nil {
				return err
			}
		}
	}
}

func (t tarred) files() (map[string]int64, error) {
	out := map[string]int64{}
	err := t.each(func(h *tar.Header, _ io.Reader) error {
		out[clean(h.Name)] = h.Size
		return nil
	})
	return out, err
}

func (t tarred) read(wanted map[string]bool, each func(string, io.Reader) error) error {
	return t.each(func(h *tar.Header, r io.Reader) error {
		if name := clean(h.Name); wanted[name] {
			return each(name, r)
		}
		return nil
	})
}
