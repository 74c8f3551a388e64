// Package iri resolves IRI references (RFC 3986, section 5) and knows the
// namespaces that well-known prefixes stand for.
package iri

import "strings"

// ref is a reference in its five parts; the flags tell empty from absent.
type ref struct {
	scheme, authority, path, query, fragment string
	hasAuthority, hasQuery, hasFragment      bool
}

// SchemeLen returns the length of the scheme of s with its colon, or 0.
func SchemeLen(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.':
			if i == 0 {
				return 0
			}
		case c == ':' && i > 0:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// split is the regular expression of RFC 3986, appendix B.
func split(s string) (r ref) {
	if n := SchemeLen(s); n > 0 {
		r.scheme, s = s[:n-1], s[n:]
	}
	if i := strings.IndexByte(s, '#'); i >= 0 {
		r.hasFragment, r.fragment, s = true, s[i+1:], s[:i]
	}
	if i := strings.IndexByte(s, '?'); i >= 0 {
		r.hasQuery, r.query, s = true, s[i+1:], s[:i]
	}
	if strings.HasPrefix(s, "//") {
		s = s[2:]
		r.hasAuthority = true
		if i := strings.IndexByte(s, '/'); i >= 0 {
			r.authority, s = s[:i], s[i:]
		} else {
			r.authority, s = s, ""
		}
	}
	r.path = s
	return r
}

// join is RFC 3986, section 5.3.
func (r ref) join() string {
	var b strings.Builder
	if r.scheme != "" {
		b.WriteString(r.scheme)
		b.WriteByte(':')
	}
	if r.hasAuthority {
		b.WriteString("//")
		b.WriteString(r.authority)
	}
	b.WriteString(r.path)
	if r.hasQuery {
		b.WriteByte('?')
		b.WriteString(r.query)
	}
	if r.hasFragment {
		b.WriteByte('#')
		b.WriteString(r.fragment)
	}
	return b.String()
}

// hasDots reports whether a path may have "." or ".." segments.
func hasDots(path string) bool {
	return strings.Contains(path, "/.") || strings.HasPrefix(path, ".")
}

// Resolve resolves a reference against a base (RFC 3986, section 5.2.2,
// strict). With an empty base a relative reference is returned as it is.
func Resolve(base, reference string) string {
	if SchemeLen(reference) > 0 {
		if !hasDots(reference) {
			return reference
		}
		r := split(reference)
		r.path = removeDots(r.path)
		return r.join()
	}
	if base == "" {
		return reference
	}
	b, r := split(base), split(reference)
	t := ref{scheme: b.scheme, fragment: r.fragment, hasFragment: r.hasFragment}
	switch {
	case r.hasAuthority:
		t.authority, t.hasAuthority = r.authority, true
		t.path, t.query, t.hasQuery = removeDots(r.path), r.query, r.hasQuery
		return t.join()
	case r.path == "":
		t.path, t.query, t.hasQuery = b.path, b.query, b.hasQuery
		if r.hasQuery {
			t.query, t.hasQuery = r.query, true
		}
	case r.path[0] == '/':
		t.path, t.query, t.hasQuery = removeDots(r.path), r.query, r.hasQuery
	default:
		t.path, t.query, t.hasQuery = removeDots(merge(b, r.path)), r.query, r.hasQuery
	}
	t.authority, t.hasAuthority = b.authority, b.hasAuthority
	return t.join()
}

// merge is RFC 3986, section 5.2.3.
func merge(base ref, path string) string {
	if base.hasAuthority && base.path == "" {
		return "/" + path
	}
	return base.path[:strings.LastIndexByte(base.path, '/')+1] + path
}

// removeDots is RFC 3986, section 5.2.4.
func removeDots(in string) string {
	if !hasDots(in) {
		return in
	}
	out := make([]byte, 0, len(in))
	pop := func() {
		out = out[:max(strings.LastIndexByte(string(out), '/'), 0)]
	}
	for in != "" {
		switch {
		case strings.HasPrefix(in, "../"):
			in = in[3:]
		case strings.HasPrefix(in, "./"):
			in = in[2:]
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in = in[3:]
			pop()
		case in == "/..":
			in = "/"
			pop()
		case in == "." || in == "..":
			in = ""
		default:
			n := strings.IndexByte(in[1:], '/') + 1
			if n == 0 {
				n = len(in)
			}
			out = append(out, in[:n]...)
			in = in[n:]
		}
	}
	return string(out)
}
