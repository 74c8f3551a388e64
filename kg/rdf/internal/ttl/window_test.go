package ttl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// outcome is everything a reader told: statements, prefixes, errors.
func outcome(r io.Reader, o Options) string {
	var b strings.Builder
	o.Prefix, o.Base = "f", "http://ex.example/base/doc"
	o.OnPrefix = func(p, iri string) { fmt.Fprintf(&b, "prefix %s %s\n", p, iri) }
	var notes strings.Builder
	o.OnError = func(err error) { fmt.Fprintf(&notes, "note %v\n", err) }
	for batch, err := range Read(context.Background(), r, o) {
		if err != nil {
			fmt.Fprintf(&b, "error %v\n", err)
		}
		for _, q := range batch {
			fmt.Fprintln(&b, q.S, q.P, q.O, q.G)
		}
	}
	return b.String() + notes.String()
}

// TestWindow reads the W3C documents, good and bad, through windows of all
// sizes: where the window ends must not matter.
func TestWindow(t *testing.T) {
	root := filepath.Join(shared.Dir(t), "data", "rdf-tests", "rdf")
	var docs []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && (ext == ".ttl" || ext == ".trig") {
			docs = append(docs, path)
		}
		return err
	})
	if err != nil || len(docs) < 900 {
		t.Fatalf("%d documents, error %v", len(docs), err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, path := range docs {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 8<<10 {
			continue
		}
		text := string(data)
		for _, lenient := range []bool{false, true} {
			o := Options{TriG: filepath.Ext(path) == ".trig", Lenient: lenient}
			want := outcome(strings.NewReader(text), o)
			for _, size := range []int{1, 4, 1 + r.IntN(100)} {
				o.window = size
				if got := outcome(iotest.OneByteReader(strings.NewReader(text)), o); got != want {
					t.Fatalf("%s: window %d, lenient %v:\ngot\n%s\nwant\n%s", path, size, lenient, got, want)
				}
				if got := outcome(iotest.DataErrReader(strings.NewReader(text)), o); got != want {
					t.Fatalf("%s: window %d, data with EOF:\ngot\n%s\nwant\n%s", path, size, got, want)
				}
			}
		}
	}
}

func TestLenientLosesOneStatement(t *testing.T) {
	const doc = `@prefix : <http://e/> .
:a :p 1 .
:b :p "open .
:c :p 2 .
:d :p undefined:x ; :q 3 .
:e :p <bad iri> .
:f :p 4 .
:g { :h :p :i :j . :k :p 5 .
:l :p 6 .
:m :p }
:n { :o :p 7 }
`
	var errs []int
	var got []string
	o := Options{TriG: true, Prefix: "f", Lenient: true, OnError: func(err error) {
		var e *scan.Error
		if errors.As(err, &e) {
			errs = append(errs, e.Line)
		}
	}}
	for batch, err := range Read(context.Background(), strings.NewReader(doc), o) {
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range batch {
			got = append(got, q.S.Value[len("http://e/"):]+strings.TrimPrefix(q.G.Value, "http://e/"))
		}
	}
	if s := strings.Join(got, " "); s != "a c f hg lg on" {
		t.Errorf("statements about %s", s)
	}
	if s := fmt.Sprint(errs); s != "[3 5 6 8 10]" {
		t.Errorf("errors in lines %s", s)
	}
}

func TestErrorsOfTheReader(t *testing.T) {
	boom := errors.New("boom")
	for _, doc := range []string{"<http://e/a> <http://e/b> 1 .\n", "<http://e/a> <http://e/b> 1 .\n<http://e/a> <http", "<http://e/a> <http://e/b> 1 . <http://e/a> <http://e/b> \"\"\"x"} {
		for _, lenient := range []bool{false, true} {
			n := 0
			var last error
			for batch, err := range Read(context.Background(), io.MultiReader(strings.NewReader(doc), iotest.ErrReader(boom)), Options{Prefix: "f", Lenient: lenient}) {
				n += len(batch)
				last = err
			}
			if n != 1 || !errors.Is(last, boom) {
				t.Errorf("%q: %d statements, error %v", doc, n, last)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var last error
	for _, err := range Read(ctx, strings.NewReader("<http://e/a> <http://e/b> 1 ."), Options{Prefix: "f"}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("error %v", last)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for doc, want := range map[string]string{
		"<a> <b> <c> .": "1:1: relative IRI \"<a>\" without a base (byte 0); add \"@base <...> .\"",
		"@prefix e: <http://e/> .\n\n  x:s e:p 1 .":                  "3:3: the prefix \"x:\" is not declared (byte 28); add \"@prefix x: <...> .\"",
		"<http://e/é> <http://e/p> 1\n<http://e/s> <http://e/p> 2 .": "2:1: expected '.', found \"<http://e/s> <http://e/p> 2 .\" (byte 29); a '.' or ';' may be missing",
		"<http://e/s> <http://e/p> 'a\nb' .":                         "1:27: the literal has no closing quote on its line (byte 26); use \"\"\"",
		"<http://e/s> <http://e/p> \"\\uD800\" .":                    "1:28: escape \\uD800 is a surrogate, not a character (byte 27); write",
		"<http://e/s> <http://e/p> foo .":                            "1:27: unknown word \"foo\" (byte 26); quote it",
		"<http://e/s> <http://e/p> [ <http://e/q> 1":                 "found the end of the file (byte 42); the file may be cut off",
		"{ <http://e/s> <http://e/p> 1 }":                            "graphs need TriG",
		"<http://e/s> <http://e/p> <http://e/a\\u0020b> .":           "an IRI may not hold the character \\u0020 (byte 37); percent-encode it",
		"<http://e/s> <http://e/p> \"x\"@en--up .":                   "base direction must be \"--ltr\" or \"--rtl\"",
		"<http://e/s> _:p 1 .":                                       "a blank node may not be a predicate",
	} {
		got := outcomeWithoutBase(doc)
		if !strings.Contains(got, want) {
			t.Errorf("%q:\n%s\nwant %s", doc, got, want)
		}
	}
}

func outcomeWithoutBase(doc string) string {
	for _, err := range Read(context.Background(), strings.NewReader(doc), Options{Prefix: "f", File: "x.ttl"}) {
		if err != nil {
			return err.Error()
		}
	}
	return "no error"
}
