// Package shelf keeps model files in one folder, under names. Models come from
// GGUF files, safetensors folders, and archives (zip, which wheels are, and tar,
// plain or compressed) that hold one.
package shelf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is a model on the shelf.
type Entry struct {
	Name  string
	Path  string // GGUF file or folder
	Bytes int64
}

// Shelf is a folder of models: files NAME.gguf and folders NAME.
type Shelf struct{ Dir string }

// List returns the models by name.
func (s Shelf) List() ([]Entry, error) {
	files, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var out []Entry
	for _, f := range files {
		name := f.Name()
		e := Entry{Name: strings.TrimSuffix(name, ".gguf"), Path: filepath.Join(s.Dir, name)}
		switch {
		case strings.HasPrefix(name, "."): // half-added
			continue
		case f.IsDir():
			inner, err := os.ReadDir(e.Path)
			if err != nil {
				return nil, err
			}
			for _, g := range inner {
				if i, err := g.Info(); err == nil && i.Mode().IsRegular() {
					e.Bytes += i.Size()
				}
			}
		case strings.HasSuffix(name, ".gguf"):
			i, err := f.Info()
			if err != nil {
				return nil, err
			}
			e.Bytes = i.Size()
		default:
			continue
		}
		out = append(out, e)
	}
	return out, nil
}

// Find returns the path of the model of this name, or the name itself if the
// shelf has none: then it is the path of a file.
func (s Shelf) Find(name string) string {
	if name == "" || name != filepath.Base(name) {
		return name
	}
	for _, p := range []string{filepath.Join(s.Dir, name+".gguf"), filepath.Join(s.Dir, name)} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return name
}

// source is where the files of a model are read from.
type source interface {
	// files returns all files with their sizes, by slash-separated path.
	files() (map[string]int64, error)
	// read calls f for each of the wanted files.
	read(wanted map[string]bool, f func(name string, r io.Reader) error) error
}

// model is what a source holds: its files by the names they get.
type model struct {
	name  string // of the model
	file  bool   // one GGUF file, else a folder
	files map[string]string
	bytes int64
}

// folderFiles are the files of a safetensors folder beside the tensors.
var folderFiles = []string{"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors.index.json"}

// find looks for the one model among the files of a source; within, unless
// empty, is the file or folder that the caller chose.
func find(files map[string]int64, within string) (*model, error) {
	within = strings.Trim(path.Clean("/"+filepath.ToSlash(within)), "/")
	var found []*model
	var names []string
	for name, size := range files {
		switch dir, base := path.Split(name); {
		case strings.HasSuffix(base, ".gguf"):
			if within == "" || within == name {
				found = append(found, &model{name: strings.TrimSuffix(base, ".gguf"), file: true, files: map[string]string{name: base}, bytes: size})
				names = append(names, name)
			}
		case base == "config.json" && (within == "" || within == strings.Trim(dir, "/")):
			m := &model{name: path.Base(path.Clean("/" + dir)), files: map[string]string{}}
			tensors := false
			for other, n := range files {
				if d, b := path.Split(other); d == dir && (strings.HasSuffix(b, ".safetensors") || slices.Contains(folderFiles, b)) {
					m.files[other], m.bytes = b, m.bytes+n
					tensors = tensors || strings.HasSuffix(b, ".safetensors")
				}
			}
			if tensors {
				found = append(found, m)
				names = append(names, strings.TrimSuffix(dir, "/"))
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if within != "" {
			return nil, fmt.Errorf("%q is no GGUF file or safetensors folder in it", within)
		}
		return nil, errors.New("it holds no GGUF file and no folder with config.json and safetensors")
	}
	slices.Sort(names)
	return nil, fmt.Errorf("it holds several models, %s: choose one", strings.Join(names, ", "))
}

// maxBytes bounds what is copied from an archive, whatever it says of itself.
const maxBytes = 1 << 40

// Add copies the model in a file, folder or archive to the shelf. name may be
// empty: then it is taken from the file. within chooses among several models of
// an archive. check looks at the copy before it gets its name; nothing is left
// when it, or anything else, fails.
func (s Shelf) Add(ctx context.Context, from, name, within string, check func(path string) error) (e Entry, err error) {
	src, err := open(from)
	if err != nil {
		return e, err
	}
	files, err := src.files()
	if err != nil {
		return e, fmt.Errorf("%s: %w", from, err)
	}
	m, err := find(files, within)
	if err != nil {
		return e, fmt.Errorf("%s: %w", from, err)
	}
	if name == "" {
		name = m.name
		if name == "" || name == "/" || name == "." { // a folder or an archive of files alone
			abs, err := filepath.Abs(from)
			if err != nil {
				return e, err
			}
			name = plainName(filepath.Base(abs))
		}
	}
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\:`) {
		return e, fmt.Errorf("%q is no name of a model: give one without slashes that does not begin with a dot", name)
	}
	e = Entry{Name: name, Path: filepath.Join(s.Dir, name), Bytes: m.bytes}
	if m.file {
		e.Path += ".gguf"
	}
	if _, err := os.Stat(e.Path); err == nil {
		return e, fmt.Errorf("a model %q is on the shelf already, %s: give another name, or delete that one", name, e.Path)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return e, err
	}
	tmp, err := os.MkdirTemp(s.Dir, ".add-*")
	if err != nil {
		return e, err
	}
	defer os.RemoveAll(tmp)
	if err := m.extract(ctx, src, tmp); err != nil {
		return e, fmt.Errorf("%s: %w", from, err)
	}
	made := tmp
	if m.file {
		for _, base := range m.files {
			made = filepath.Join(tmp, base)
		}
	}
	if check != nil {
		if err := check(made); err != nil {
			return e, err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return e, err
	}
	return e, os.Rename(made, e.Path)
}

// plainName drops the endings of archives.
func plainName(s string) string {
	for _, end := range []string{".gz", ".zst", ".bz2", ".tgz", ".tar", ".zip", ".whl", ".safetensors"} {
		s = strings.TrimSuffix(s, end)
	}
	return s
}

// Extract copies the one model of an archive to a folder and returns its path
// there. A model that is no archive is left where it is.
func Extract(ctx context.Context, from, within, dir string) (string, error) {
	src, err := open(from)
	if err != nil {
		return "", err
	}
	if _, ok := src.(folder); ok {
		return from, nil
	}
	files, err := src.files()
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	m, err := find(files, within)
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	if err := m.extract(ctx, src, dir); err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	if m.file {
		for _, base := range m.files {
			dir = filepath.Join(dir, base)
		}
	}
	return dir, nil
}

// extract copies the files of a model to a folder.
func (m *model) extract(ctx context.Context, src source, dir string) error {
	wanted := map[string]bool{}
	for name := range m.files {
		wanted[name] = true
	}
	left := int64(maxBytes)
	err := src.read(wanted, func(name string, r io.Reader) error {
		delete(wanted, name)
		f, err := os.OpenFile(filepath.Join(dir, m.files[name]), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		n, err := io.Copy(f, io.LimitReader(untilDone{ctx, r}, left+1))
		if left -= n; err == nil && left < 0 {
			err = fmt.Errorf("%s: more than %d bytes come out of the archive", name, int64(maxBytes))
		}
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	})
	if err == nil && len(wanted) > 0 {
		err = errors.New("the archive changed while it was read")
	}
	return err
}

// untilDone reads until a context is cancelled.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
