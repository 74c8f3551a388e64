package shelf

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// pack makes an archive of files.
func pack(t *testing.T, kind string, files map[string]string) string {
	var b bytes.Buffer
	if kind == "zip" {
		z := zip.NewWriter(&b)
		for name, text := range files {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, text)
		}
		z.Close()
	} else {
		var w io.WriteCloser = struct {
			io.Writer
			io.Closer
		}{&b, io.NopCloser(nil)}
		switch kind {
		case "tgz":
			w = gzip.NewWriter(&b)
		case "tzst":
			w, _ = zstd.NewWriter(&b)
		}
		z := tar.NewWriter(w)
		for name, text := range files {
			if err := z.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
				t.Fatal(err)
			}
			io.WriteString(z, text)
		}
		z.Close()
		if kind != "tar" {
			w.Close()
		}
	}
	path := filepath.Join(t.TempDir(), "archive.bin") // the ending says nothing
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAddFromArchives(t *testing.T) {
	for _, kind := range []string{"zip", "tar", "tgz", "tzst"} {
		s := Shelf{filepath.Join(t.TempDir(), "models")}
		e, err := s.Add(context.Background(), pack(t, kind, map[string]string{"pkg/readme.txt": "x", "pkg/../pkg/Tiny.gguf": "GGUF..."}), "", "", func(p string) error {
			if b, err := os.ReadFile(p); err != nil || string(b) != "GGUF..." {
				t.Errorf("%s: check sees %q, %v", kind, b, err)
			}
			return nil
		})
		if err != nil || e.Name != "Tiny" || e.Path != filepath.Join(s.Dir, "Tiny.gguf") {
			t.Fatalf("%s: %+v, %v", kind, e, err)
		}
		folder := pack(t, kind, map[string]string{"m/config.json": "{}", "m/model.safetensors": "1234", "m/tokenizer.json": "{}", "m/run.py": "x", "config.json": "{}"})
		if e, err = s.Add(context.Background(), folder, "other", "", nil); err != nil || e.Bytes != 8 {
			t.Fatalf("%s: %+v, %v", kind, e, err)
		}
		if _, err := os.Stat(filepath.Join(e.Path, "run.py")); err == nil {
			t.Errorf("%s: a program was copied", kind)
		}
		list, err := s.List()
		if err != nil || len(list) != 2 || list[0].Name != "Tiny" || list[1].Name != "other" || list[1].Bytes != 8 {
			t.Errorf("%s: %+v, %v", kind, list, err)
		}
		if s.Find("Tiny") != list[0].Path || s.Find("other") != list[1].Path || s.Find("none") != "none" || s.Find("./Tiny") != "./Tiny" {
			t.Errorf("%s: models are not found", kind)
		}
	}
}

func TestAddFilesAndFolders(t *testing.T) {
	s := Shelf{filepath.Join(t.TempDir(), "models")}
	dir := filepath.Join(t.TempDir(), "tiny-llama")
	os.Mkdir(dir, 0o755)
	for name, text := range map[string]string{"config.json": "{}", "model-1.safetensors": "12", "model-2.safetensors": "345", "x.gguf.bak": ""} {
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}
	if e, err := s.Add(context.Background(), dir, "", "", nil); err != nil || e.Name != "tiny-llama" || e.Bytes != 7 {
		t.Errorf("%+v, %v", e, err)
	}
	file := filepath.Join(t.TempDir(), "a.gguf")
	os.WriteFile(file, []byte("GGUF"), 0o644)
	if e, err := s.Add(context.Background(), file, "", "", nil); err != nil || e.Name != "a" {
		t.Errorf("%+v, %v", e, err)
	}
	if p, err := Extract(context.Background(), file, "", t.TempDir()); err != nil || p != file {
		t.Errorf("%s, %v", p, err)
	}
	if p, err := Extract(context.Background(), pack(t, "zip", map[string]string{"x/b.gguf": "GGUF"}), "", t.TempDir()); err != nil || filepath.Base(p) != "b.gguf" {
		t.Errorf("%s, %v", p, err)
	}
}

func TestAddRefuses(t *testing.T) {
	s := Shelf{filepath.Join(t.TempDir(), "models")}
	ctx := context.Background()
	two := pack(t, "zip", map[string]string{"a.gguf": "1", "b/c.gguf": "2"})
	one := pack(t, "tar", map[string]string{"a.gguf": "1"})
	broken := pack(t, "tgz", map[string]string{"a.gguf": strings.Repeat("x", 5000)})
	b, _ := os.ReadFile(broken)
	os.WriteFile(broken, b[:len(b)/2], 0o644)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	no := errors.New("no model")
	for _, c := range []struct {
		ctx                context.Context
		from, name, within string
		check              error
		want               string
	}{
		{ctx, two, "", "", nil, "several models, a.gguf, b/c.gguf"},
		{ctx, two, "", "d.gguf", nil, "is no GGUF file"},
		{ctx, pack(t, "zip", map[string]string{"x": "1"}), "", "", nil, "no GGUF file and no folder"},
		{ctx, one, "../x", "", nil, "no name"},
		{ctx, one, ".x", "", nil, "no name"},
		{ctx, one, "", "", no, "no model"},
		{ctx, broken, "", "", nil, "cannot be read"},
		{cancelled, one, "", "", nil, "canceled"},
		{ctx, "/nowhere/x", "", "", nil, "no such file"},
	} {
		_, err := s.Add(c.ctx, c.from, c.name, c.within, func(string) error { return c.check })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := s.Add(ctx, two, "", "b/c.gguf", nil); err != nil {
		t.Error(err)
	}
	if _, err := s.Add(ctx, one, "c", "", nil); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("the same name twice: %v", err)
	}
	if left, _ := os.ReadDir(s.Dir); len(left) != 1 {
		t.Errorf("%d files are left, want 1", len(left))
	}
}
