package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

// get asks the handler and returns the answer; headers are "Name: value" lines.
func get(t *testing.T, h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestViewsAndPaths(t *testing.T) {
	for _, base := range []string{"", "/kg", "/a/b-c"} {
		h, err := New(Options{Base: base})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"/", "/ask", "/ask/3d4f7c71494b1f69", "/query", "/explore", "/data", "/data/stats", "/system", "/explore?iri=http%3A%2F%2Fe%2F1"} {
			w := get(t, h, "GET", base+p)
			if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				t.Errorf("%s%s: %d %s", base, p, w.Code, w.Header().Get("Content-Type"))
			}
			body := w.Body.String()
			if !strings.Contains(body, `data-base="`+base+`"`) || strings.Contains(body, "{{") {
				t.Errorf("%s%s: the page does not carry its base:\n%s", base, p, body)
			}
		}
		for _, p := range []string{"/api/ask", "/sparql", "/ask/a/b", "/ask/%2e%2e", "/queryx", "/data/other", "/assets/none.js", "/manifest.json", "/index.html", "/assets/", "/assets/../index.html"} {
			if w := get(t, h, "GET", base+p); w.Code != 404 {
				t.Errorf("%s%s: %d, want 404", base, p, w.Code)
			}
		}
		if base != "" {
			if w := get(t, h, "GET", "/ask"); w.Code != 404 {
				t.Errorf("/ask outside the base %s: %d, want 404", base, w.Code)
			}
		}
	}
}

func TestBadBase(t *testing.T) {
	for _, base := range []string{"/", "kg", "/kg/", `/"><script>`, "//x", "/a b"} {
		if _, err := New(Options{Base: base}); err == nil || !strings.Contains(err.Error(), "base path") {
			t.Errorf("base %q: error %v", base, err)
		}
	}
}

// TestEveryReferenceIsServed follows the links of the page and of the scripts:
// whatever a browser would load is there, hashed, immutable and of the right type.
func TestEveryReferenceIsServed(t *testing.T) {
	h := Handler()
	page := get(t, h, "GET", "/").Body.String()
	refs := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(refs) < 4 {
		t.Fatalf("the page refers to %d files:\n%s", len(refs), page)
	}
	imports := regexp.MustCompile(`["'](\./[A-Za-z0-9_-]+\.js)["']`)
	seen := map[string]bool{}
	var follow func(p string)
	follow = func(p string) {
		if seen[p] || strings.HasSuffix(p, "/sparql") {
			return
		}
		seen[p] = true
		w := get(t, h, "GET", p)
		if w.Code != 200 {
			t.Errorf("%s: %d", p, w.Code)
			return
		}
		if strings.HasPrefix(p, "/assets/") && !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s is not immutable: %q", p, w.Header().Get("Cache-Control"))
		}
		if path.Ext(p) == ".js" {
			if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/javascript") {
				t.Errorf("%s: %s", p, ct)
			}
			for _, m := range imports.FindAllStringSubmatch(w.Body.String(), -1) {
				follow("/assets/" + strings.TrimPrefix(m[1], "./"))
			}
		}
	}
	for _, m := range refs {
		follow(m[1])
	}
	if len(seen) < 8 {
		t.Errorf("only %d files were reached: the walk over imports is broken", len(seen))
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := Handler()
	for _, target := range []string{"/", "/assets/licenses.txt", "/none"} {
		header := get(t, h, "GET", target).Header()
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %q: %s", target, want, csp)
			}
		}
		for _, never := range []string{"unsafe-inline", "unsafe-eval", "http:", "https:", "*"} {
			if strings.Contains(csp, never) {
				t.Errorf("%s: the policy holds %q", target, never)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
	}
}

// TestNothingInline keeps the page free of what the policy would block.
func TestNothingInline(t *testing.T) {
	page := get(t, Handler(), "GET", "/").Body.String()
	for _, bad := range []string{"<style", "style=", "javascript:", " onload=", " onclick="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) {
		t.Error("the page holds an inline script")
	}
}

func TestGzip(t *testing.T) {
	h := Handler()
	plain := get(t, h, "GET", "/assets/licenses.txt")
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "*": true, "GZIP": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.0, *": false, "*;q=0": false, "identity": false,
	} {
		w := get(t, h, "GET", "/assets/licenses.txt", "Accept-Encoding: "+accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip %v, want %v", accept, got, want)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", accept, w.Header().Get("Vary"))
		}
		if want {
			r, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
				t.Errorf("the gzip form differs from the plain one: %v", err)
			}
			if w.Header().Get("ETag") == plain.Header().Get("ETag") {
				t.Error("two encodings share one strong ETag")
			}
		}
	}
}

func TestConditionalAndHead(t *testing.T) {
	h := Handler()
	for _, accept := range []string{"", "gzip"} {
		first := get(t, h, "GET", "/", "Accept-Encoding: "+accept)
		etag := first.Header().Get("ETag")
		for _, header := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
			w := get(t, h, "GET", "/", "Accept-Encoding: "+accept, "If-None-Match: "+header)
			if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("ETag") != etag || w.Header().Get("Cache-Control") != "no-cache" {
				t.Errorf("If-None-Match %s: %d, %d bytes, %v", header, w.Code, w.Body.Len(), w.Header())
			}
		}
		if w := get(t, h, "GET", "/", "Accept-Encoding: "+accept, `If-None-Match: "other"`); w.Code != 200 {
			t.Errorf("a foreign ETag gives %d", w.Code)
		}
		head := get(t, h, "HEAD", "/", "Accept-Encoding: "+accept)
		if head.Code != 200 || head.Body.Len() != 0 {
			t.Errorf("HEAD: %d with %d bytes", head.Code, head.Body.Len())
		}
		for _, name := range []string{"Content-Length", "Content-Type", "ETag", "Content-Encoding"} {
			if head.Header().Get(name) != first.Header().Get(name) {
				t.Errorf("HEAD %s is %q, GET %q", name, head.Header().Get(name), first.Header().Get(name))
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if w := get(t, h, method, "/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

// TestManifest compares the embedded files with what the build wrote down.
func TestManifest(t *testing.T) {
	raw, err := dist.ReadFile("dist/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]struct {
		Size, Gzip int
		SHA256     string
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if len(m) < 8 {
		t.Fatalf("the manifest names %d files", len(m))
	}
	for name, want := range m {
		body, err := dist.ReadFile("dist/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(body)
		if len(body) != want.Size || hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s is not the file that was built", name)
		}
		zipped, err := dist.ReadFile("dist/" + name + ".gz")
		if err != nil || len(zipped) != want.Gzip {
			t.Errorf("%s.gz: %d bytes, want %d (%v)", name, len(zipped), want.Gzip, err)
			continue
		}
		r, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Error(err)
			continue
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) {
			t.Errorf("%s.gz does not unpack to %s: %v", name, name, err)
		}
	}
}

func FuzzAcceptsGzip(f *testing.F) {
	for _, s := range []string{"gzip", "gzip;q=0", "*;q=0.1", ";;,,", "gzip;q=NaN", "br;q=1, *;q=0", "gzip;q=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if acceptsGzip(accept) && !strings.Contains(strings.ToLower(accept), "gzip") && !strings.Contains(accept, "*") {
			t.Errorf("%q is read as accepting gzip", accept)
		}
	})
}
