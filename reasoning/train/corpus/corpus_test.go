package corpus

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "rows.jsonl.gz")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Prompt: "who wrote [1] =", Gold: "[1] > author", Wrong: []string{"[1] < author"}, Source: "x", Shape: "1"},
		{Prompt: "a <b> & é =", Gold: None, Source: "y", Shape: "none"},
	}
	for _, r := range want {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there before it is finished")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []Row
	for r, err := range Read(path) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBadRows(t *testing.T) {
	for _, r := range []Row{{}, {Prompt: "x"}, {Prompt: "x", Gold: "y", Wrong: []string{"z", "y"}}} {
		if r.Check() == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.Bytes()
}

func TestErrorsNameTheLine(t *testing.T) {
	for name, in := range map[string]string{
		"json": `{"q":"a","a":"b"}` + "\n{",
		"long": `{"q":"a","a":"b"}` + "\n" + strings.Repeat("x", maxLine+1),
	} {
		var last error
		n := 0
		for _, err := range Decode(bytes.NewReader(zipped(in))) {
			last = err
			n++
		}
		if last == nil || !strings.Contains(last.Error(), "line 2") || n != 2 {
			t.Errorf("%s: %d rows, error %v", name, n, last)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(zipped(`{"q":"who =","a":"[1] > x","n":["[1] < x"],"s":"t","k":"1"}` + "\n"))
	f.Add(zipped("{}"))
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<16 {
			return
		}
		for r, err := range Decode(bytes.NewReader(in)) {
			if err == nil && r.Check() != nil {
				t.Errorf("bad row %+v without an error", r)
			}
		}
	})
}
