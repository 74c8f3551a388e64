package iri_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
)

// TestResolve holds the examples of RFC 3986, sections 5.4.1 and 5.4.2.
func TestResolve(t *testing.T) {
	const base = "http://a/b/c/d;p?q"
	for ref, want := range map[string]string{
		"g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g",
		"//g": "http://g", "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y", "#s": "http://a/b/c/d;p?q#s",
		"g#s": "http://a/b/c/g#s", "g?y#s": "http://a/b/c/g?y#s", ";x": "http://a/b/c/;x", "g;x": "http://a/b/c/g;x",
		"g;x?y#s": "http://a/b/c/g;x?y#s", "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "./": "http://a/b/c/",
		"..": "http://a/b/", "../": "http://a/b/", "../g": "http://a/b/g", "../..": "http://a/", "../../": "http://a/",
		"../../g": "http://a/g", "../../../g": "http://a/g", "../../../../g": "http://a/g", "/./g": "http://a/g",
		"/../g": "http://a/g", "g.": "http://a/b/c/g.", ".g": "http://a/b/c/.g", "g..": "http://a/b/c/g..",
		"..g": "http://a/b/c/..g", "./../g": "http://a/b/g", "./g/.": "http://a/b/c/g/", "g/./h": "http://a/b/c/g/h",
		"g/../h": "http://a/b/c/h", "g;x=1/./y": "http://a/b/c/g;x=1/y", "g;x=1/../y": "http://a/b/c/y",
		"g?y/./x": "http://a/b/c/g?y/./x", "g?y/../x": "http://a/b/c/g?y/../x", "g#s/./x": "http://a/b/c/g#s/./x",
		"g#s/../x": "http://a/b/c/g#s/../x", "http:g": "http:g",
	} {
		if got := iri.Resolve(base, ref); got != want {
			t.Errorf("%q: %q, want %q", ref, got, want)
		}
	}
	for _, c := range [][3]string{
		{"http://a", "g", "http://a/g"},
		{"http://a", "", "http://a"},
		{"http://a?q", "g", "http://a/g"},
		{"urn:a:b", "c", "urn:c"},
		{"urn:a:b", "#c", "urn:a:b#c"},
		{"http://a/b", "//c/../d", "http://c/d"},
		{"file:///a/b", "c", "file:///a/c"},
		{"http://a/b#f", "", "http://a/b"},
		{"mailto:x@y", "?z", "mailto:x@y?z"},
		{"http://a/b/", "é/ü", "http://a/b/é/ü"},
		{"http://a/b?", "", "http://a/b?"},
		{"not absolute", "x", "x"},
	} {
		if got := iri.Resolve(c[0], c[1]); got != c[2] {
			t.Errorf("%q against %q: %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

func FuzzParseJoins(f *testing.F) {
	for _, s := range []string{"", "http://a/b?c#d", "//", "a:", "?#", "#?", "http://a/../b/./c", "x/y:z"} {
		f.Add(s, "http://a/b/c")
	}
	f.Fuzz(func(t *testing.T, s, base string) {
		if got := iri.Parse(s).String(); got != s {
			t.Errorf("%q became %q", s, got)
		}
		b, ok := iri.NewBase(base)
		if !ok {
			return
		}
		abs := b.Resolve(s)
		if !iri.IsAbsolute(abs) {
			t.Errorf("%q against %q: %q is relative", s, base, abs)
		}
		if ref, ok := b.Relative(abs); ok && b.Resolve(ref) != abs {
			t.Errorf("%q relative to %q: %q means %q", abs, base, ref, b.Resolve(ref))
		}
	})
}

// TestAgainstNetURL compares with the standard library where both follow the
// same rules: plain ASCII paths below an http base.
func TestAgainstNetURL(t *testing.T) {
	const base = "http://a.example/b/c/d"
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	segments := []string{"x", "..", ".", "y.z", "w"}
	for n := range 5 * 5 * 5 * 2 {
		ref := strings.Join([]string{segments[n%5], segments[n/5%5], segments[n/25%5]}, "/")
		if n >= 125 {
			ref = "/" + ref
		}
		v, err := u.Parse(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := iri.Resolve(base, ref); got != v.String() {
			t.Errorf("%q: %q, net/url says %q", ref, got, v)
		}
	}
}

func TestRelative(t *testing.T) {
	b, _ := iri.NewBase("http://a/b/c?q")
	for target, want := range map[string]string{
		"http://a/b/c?q#f": "#f", "http://a/b/d": "d", "http://a/b/c": "c", "http://a/b/d/e?x": "d/e?x", "http://a/x": "", "http://b/b/c": "",
		"http://a/b/x:y": "", "http://a/b/../c": "",
	} {
		if got, ok := b.Relative(target); got != want && ok || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", target, got, ok, want)
		}
	}
}
