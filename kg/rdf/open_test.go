package rdf_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/quaestor-kg/quaestor/kg/rdf"
)

func gz(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		io.WriteString(w, p)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zst(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, p)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load counts the statements that a file yields before its end or an error.
func load(t testing.TB, path string) (n int, f rdf.Format, err error) {
	t.Helper()
	r, f, err := rdf.Open(path)
	if err != nil {
		return 0, f, err
	}
	defer r.Close()
	for _, err := range rdf.Read(context.Background(), r, rdf.ReadOptions{Format: f}) {
		if err != nil {
			return n, f, err
		}
		n++
	}
	return n, f, nil
}

const (
	line1 = "<http://ex.example/a> <http://ex.example/p> \"1\" .\n"
	line2 = "<http://ex.example/b> <http://ex.example/p> \"2\" .\n"
)

// bz is line1 compressed with bzip2; the standard library has no writer.
var bz, _ = hex.DecodeString("425a6839314159265359d4bc9afc000009598000105001a015224644402000212a3464d0d0" +
	"d0a1a69800b3deaca48e6f2571e35848673a210706189164424e07c5dc914e1424352f26bf00")

func TestOpenByContent(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		n    int
	}{
		{"plain.nt", []byte(line1 + line2), 2},
		{"packed.nt.gz", gz(t, line1+line2), 2},
		{"misnamed.nt", gz(t, line1+line2), 2},
		{"RDF-A02.nt.gz", gz(t, line1, line2), 2},
		{"packed.nt.zst", zst(t, line1, line2), 2},
		{"packed.nt.bz2", bz, 1},
		{"two.nt.bz2", append(bz[:len(bz):len(bz)], bz...), 2},
		{"noname", []byte(line1), 1},
		{"empty.nt", nil, 0},
		{"empty.nt.gz", gz(t, ""), 0},
	} {
		n, f, err := load(t, write(t, c.name, c.data))
		if err != nil || n != c.n || f != rdf.NTriples {
			t.Errorf("%s: %d statements of %s, error %v", c.name, n, f, err)
		}
	}
}

func TestTruncatedDataIsAnError(t *testing.T) {
	big := strings.Repeat(line1, 2000)
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"a.nt.gz", gz(t, line1, line2)},
		{"b.nt.gz", gz(t, big)},
		{"c.nt.zst", zst(t, big)},
		{"d.nt.bz2", bz},
	} {
		_, _, err := load(t, write(t, c.name, c.data[:len(c.data)-6]))
		if !errors.Is(err, rdf.ErrTruncated) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s cut short: error %v", c.name, err)
		}
	}
}

func TestDecompressionBomb(t *testing.T) {
	var zeros [1 << 20]byte
	for i := range zeros {
		zeros[i] = '\n'
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range 64 {
		w.Write(zeros[:])
	}
	w.Close()
	if _, _, err := load(t, write(t, "bomb.nt.gz", b.Bytes())); !errors.Is(err, rdf.ErrBomb) {
		t.Errorf("error %v", err)
	}
}

func TestOpenExplainsWhatItCannotRead(t *testing.T) {
	for name, data := range map[string]string{
		"a.zip": "PK\x03\x04xxxx", "a.nt.xz": "\xFD7zXZ\x00\x00", "a.nt": "\xFF\xFE<\x00",
	} {
		if _, _, err := load(t, write(t, name, []byte(data))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, _, err := rdf.Open(t.TempDir()); err == nil {
		t.Error("a directory opened")
	}
}

func TestProgressCountsStoredBytes(t *testing.T) {
	data := gz(t, strings.Repeat(line1, 5000))
	r, _, err := rdf.Open(write(t, "a.nt.gz", data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := r.(*rdf.File)
	if read, size := f.Progress(); size != int64(len(data)) || read > size {
		t.Errorf("%d of %d, want size %d", read, size, len(data))
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != int64(5000*len(line1)) {
		t.Fatalf("%d bytes, error %v", n, err)
	}
	if read, size := f.Progress(); read != size {
		t.Errorf("at the end: %d of %d", read, size)
	}
}
