// Package web serves the analyst console: the built files of web/dist, embedded
// in the binary, with the headers that keep them safe and cheap to fetch.
//
// The console talks to the API on the same origin; nothing it needs at run time
// comes from elsewhere. Sources are in web/console; `go run ./web/build` makes
// web/dist from them, which is committed so that building needs only Go.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed dist
var dist embed.FS

// Options say where the console is mounted.
type Options struct {
	// Base is the path prefix of the whole service, "" or like "/kg" (no
	// slash at the end). Request paths arrive with the prefix.
	Base string
}

// Handler serves the console at the root of the listener.
func Handler() http.Handler {
	h, err := New(Options{})
	if err != nil {
		panic(err) // the embedded files are checked by the package's tests
	}
	return h
}

// New serves the console below o.Base.
func New(o Options) (http.Handler, error) {
	if !validBase.MatchString(o.Base) {
		return nil, fmt.Errorf("web: base path %q: want \"\" or segments like \"/kg\" of letters, digits, '.', '_', '~', '-'", o.Base)
	}
	h := &handler{base: o.Base, files: map[string]*file{}}
	err := fs.WalkDir(dist, "dist", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) == ".gz" {
			return err
		}
		name := strings.TrimPrefix(p, "dist/")
		if name == "manifest.json" {
			return nil // for the build, not for browsers
		}
		body, err := dist.ReadFile(p)
		if err != nil {
			return err
		}
		zipped, err := dist.ReadFile(p + ".gz")
		if err != nil {
			return fmt.Errorf("web: %s has no gzip twin: %w", name, err)
		}
		if name == "index.html" {
			// The only file that knows the base path; it holds no other placeholder.
			body = bytes.ReplaceAll(body, []byte("{{base}}"), []byte(o.Base))
			if zipped, err = compress(body); err != nil {
				return err
			}
		}
		f, err := newFile(name, body, zipped)
		h.files[name] = f
		return err
	})
	if err != nil {
		return nil, err
	}
	if h.files["index.html"] == nil {
		return nil, fmt.Errorf("web: dist has no index.html; run: go run ./web/build")
	}
	return h, nil
}

// validBase keeps the prefix free of anything that HTML or a URL would have to escape.
var validBase = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

// views are the paths that the client draws; each answers with index.html.
// Unknown paths stay 404, so that a mistyped API path never looks like a page.
var views = regexp.MustCompile(`^/(?:|ask(?:/[A-Za-z0-9_-]{1,64})?|query|explore|sources(?:/[A-Za-z0-9._~%-]{1,128}(?:/facts)?)?|data(?:/(?:stats|shape))?|system)$`)

type handler struct {
	base  string
	files map[string]*file // by path below dist
}

type file struct {
	body, zipped []byte
	mediaType    string
	cache        string
	etag         string // of body, unquoted; the gzip form adds "-gz"
}

// mediaTypes is fixed here because mime.TypeByExtension differs between systems.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// hashed matches names that carry a content hash and so may be kept for ever.
var hashed = regexp.MustCompile(`^assets/.+-[A-Z0-9]{8}\.(?:js|css)$`)

func newFile(name string, body, zipped []byte) (*file, error) {
	mt, ok := mediaTypes[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("web: no media type for %s; add its extension to mediaTypes", name)
	}
	sum := sha256.Sum256(body)
	f := &file{body: body, zipped: zipped, mediaType: mt, cache: "no-cache", etag: hex.EncodeToString(sum[:12])}
	if hashed.MatchString(name) {
		f.cache = "public, max-age=31536000, immutable"
	}
	return f, nil
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// contentSecurityPolicy allows what the console is and nothing else: no inline
// script or style, no other origin, no HTML sinks (Trusted Types; the console
// needs no policy today, "quaestor" is the only name it may ever create).
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; worker-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types quaestor"

func securityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
}

// ServeHTTP answers GET and HEAD for the built files and the views of the console.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	securityHeaders(header)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed: the console answers GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f := h.find(r.URL.Path)
	if f == nil {
		http.Error(w, "not found: no page or file of the console has this path; the console starts at "+h.base+"/", http.StatusNotFound)
		return
	}
	header.Set("Content-Type", f.mediaType)
	header.Set("Cache-Control", f.cache)
	header.Set("Vary", "Accept-Encoding")
	body, etag := f.body, f.etag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) && len(f.zipped) < len(f.body) {
		body, etag = f.zipped, f.etag+"-gz"
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", `"`+etag+`"`)
	if matches(r.Header.Get("If-None-Match"), etag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		w.Write(body) // an error here means that the reader has left
	}
}

func (h *handler) find(p string) *file {
	p, ok := strings.CutPrefix(p, h.base)
	if !ok {
		return nil
	}
	if views.MatchString(p) {
		return h.files["index.html"]
	}
	name := strings.TrimPrefix(p, "/")
	if name == "index.html" {
		return nil // one address per page
	}
	return h.files[name]
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip named or by "*", with a weight above zero.
func acceptsGzip(accept string) bool {
	star := false
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		q := 1.0
		if v, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
				q = 0
			}
		}
		if coding == "*" {
			star = q > 0
			continue
		}
		return q > 0
	}
	return star
}

// matches is the weak comparison of If-None-Match (RFC 9110, 13.1.2).
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == `"`+etag+`"` {
			return true
		}
	}
	return false
}
