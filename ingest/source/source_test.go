package source

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names lists the units of paths as "file+file", errors as "! text".
func names(t *testing.T, o Options, paths ...string) []string {
	t.Helper()
	var list []string
	for u, err := range Open(context.Background(), paths, o) {
		if err != nil {
			list = append(list, "! "+err.Error())
			continue
		}
		var n []string
		for _, f := range u.Files {
			n = append(n, f.Name)
		}
		if u.Header.Accession != "" {
			n = append(n, u.Header.Accession)
		}
		list = append(list, strings.Join(n, "+"))
	}
	return list
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	put := func(name, body string) string {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	pack := func(files ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range files {
			w, err := z.Create(f)
			if err != nil {
				t.Fatal(err)
			}
			w.Write([]byte("<html>" + f))
		}
		z.Close()
		return b.String()
	}
	one := put("a/0000000007-24-000001.html", "<html>a")
	put("a/b.txt", "text")
	put("a/.hidden.txt", "no")
	put("a/c.jpg", "no")
	put("set/m.htm", "<html>m")
	put("set/m_lab.xml", "<x/>")
	put("set/m.xsd", "<x/>")
	filing := put("f.zip", pack("f.htm", "f.xsd"))
	loose := put("l.zip", pack("x.htm", "y.htm"))
	for _, c := range []struct {
		paths []string
		o     Options
		want  []string
	}{
		{[]string{one}, Options{}, []string{"0000000007-24-000001.html+0000000007-24-000001"}},
		{[]string{filepath.Join(dir, "a")}, Options{}, []string{"0000000007-24-000001.html+0000000007-24-000001", "b.txt"}},
		{[]string{filepath.Join(dir, "set")}, Options{}, []string{"m.htm+m.xsd+m_lab.xml"}},
		{[]string{filing}, Options{}, []string{"f.htm+f.xsd"}},
		{[]string{loose}, Options{}, []string{"x.htm", "y.htm"}},
		{[]string{one, filepath.Join(dir, "a", "b.txt")}, Options{Together: true}, []string{"0000000007-24-000001.html+b.txt+0000000007-24-000001"}},
		{[]string{"-"}, Options{Stdin: strings.NewReader("hello")}, []string{"stdin"}},
	} {
		if got := names(t, c.o, c.paths...); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.paths, got, c.want)
		}
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{filepath.Join(dir, "none"), empty, put("zero.txt", ""), put("bad.zip", "PK\x03\x04 x")} {
		if got := names(t, Options{}, p); len(got) != 1 || !strings.HasPrefix(got[0], "! "+p) {
			t.Errorf("%s: %q", p, got)
		}
	}
	if got := names(t, Options{MaxBytes: 3}, one); len(got) != 1 || !strings.Contains(got[0], "too large") {
		t.Errorf("%q", got)
	}
}
