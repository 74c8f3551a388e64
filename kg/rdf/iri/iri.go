// Package iri takes IRIs apart and resolves references against a base by
// RFC 3986, section 5.2, read for IRIs as RFC 3987, section 6.5 says. Nothing
// is normalised beyond that, as RDF demands.
package iri

import "strings"

// Parts are the components of an IRI reference (RFC 3986, section 3). The Has
// fields tell an empty component from an absent one.
type Parts struct {
	Scheme       string // without ":"; empty for a relative reference
	Authority    string // without "//"
	Path         string
	Query        string // without "?"
	Fragment     string // without "#"
	HasAuthority bool
	HasQuery     bool
	HasFragment  bool
}

// Parse splits a reference. Every string has parts; Parse checks no more than
// the scheme.
func Parse(s string) Parts {
	var p Parts
	if i := schemeLen(s); i > 0 {
		p.Scheme, s = s[:i-1], s[i:]
	}
	s, p.Fragment, p.HasFragment = strings.Cut(s, "#")
	s, p.Query, p.HasQuery = strings.Cut(s, "?")
	if strings.HasPrefix(s, "//") {
		p.HasAuthority = true
		s = s[2:]
		i := strings.IndexByte(s, '/')
		if i < 0 {
			i = len(s)
		}
		p.Authority, s = s[:i], s[i:]
	}
	p.Path = s
	return p
}

// String joins the parts (RFC 3986, section 5.3).
func (p Parts) String() string {
	var b strings.Builder
	if p.Scheme != "" {
		b.WriteString(p.Scheme)
		b.WriteByte(':')
	}
	if p.HasAuthority {
		b.WriteString("//")
		b.WriteString(p.Authority)
	}
	b.WriteString(p.Path)
	if p.HasQuery {
		b.WriteByte('?')
		b.WriteString(p.Query)
	}
	if p.HasFragment {
		b.WriteByte('#')
		b.WriteString(p.Fragment)
	}
	return b.String()
}

// IsAbsolute reports whether s has a scheme.
func IsAbsolute(s string) bool { return schemeLen(s) > 0 }

// schemeLen is the length of the scheme with its colon.
func schemeLen(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// Base resolves many references against one IRI.
type Base struct {
	text  string
	parts Parts
}

// NewBase returns a base; ok is false, and the base useless, if the IRI is
// not absolute.
func NewBase(s string) (b Base, ok bool) {
	b = Base{s, Parse(s)}
	return b, b.parts.Scheme != ""
}

// String returns the IRI of the base.
func (b Base) String() string { return b.text }

// Resolve returns the IRI that ref means. A reference with a scheme is
// returned as it is: RFC 3986 would remove its dot segments, but RDF compares
// IRIs by their characters, and N-Triples would keep them.
func (b Base) Resolve(ref string) string {
	if schemeLen(ref) > 0 {
		return ref
	}
	r := Parse(ref)
	t := r
	t.Scheme = b.parts.Scheme
	switch {
	case r.HasAuthority:
		t.Path = removeDots(r.Path)
	case r.Path == "":
		t.Authority, t.HasAuthority, t.Path = b.parts.Authority, b.parts.HasAuthority, b.parts.Path
		if !r.HasQuery {
			t.Query, t.HasQuery = b.parts.Query, b.parts.HasQuery
		}
	default:
		t.Authority, t.HasAuthority = b.parts.Authority, b.parts.HasAuthority
		if r.Path[0] == '/' {
			t.Path = removeDots(r.Path)
		} else {
			t.Path = removeDots(b.merge(r.Path))
		}
	}
	return t.String()
}

// merge puts a relative path in the place of the base's last segment
// (section 5.2.3).
func (b Base) merge(path string) string {
	if b.parts.HasAuthority && b.parts.Path == "" {
		return "/" + path
	}
	return b.parts.Path[:strings.LastIndexByte(b.parts.Path, '/')+1] + path
}

// Resolve resolves one reference. Without an absolute base it returns ref.
func Resolve(base, ref string) string {
	b, ok := NewBase(base)
	if !ok {
		return ref
	}
	return b.Resolve(ref)
}

// removeDots is remove_dot_segments of section 5.2.4.
func removeDots(in string) string {
	if !strings.Contains(in, ".") {
		return in
	}
	out := make([]byte, 0, len(in))
	for in != "" {
		switch {
		case strings.HasPrefix(in, "../"):
			in = in[3:]
		case strings.HasPrefix(in, "./"), strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in = in[3:]
			out = dropSegment(out)
		case in == "/..":
			in = "/"
			out = dropSegment(out)
		case in == ".", in == "..":
			in = ""
		default:
			i := strings.IndexByte(in[1:], '/') + 1
			if i == 0 {
				i = len(in)
			}
			out = append(out, in[:i]...)
			in = in[i:]
		}
	}
	return string(out)
}

// dropSegment removes the last segment with its slash.
func dropSegment(b []byte) []byte {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '/' {
			return b[:i]
		}
	}
	return b[:0]
}

// Relative returns a reference that resolves to target against the base, and
// is no longer than target: a fragment, a query, or the rest of a path in the
// base's own folder. ok is false if there is none so simple.
func (b Base) Relative(target string) (ref string, ok bool) {
	t := Parse(target)
	if t.Scheme != b.parts.Scheme || t.HasAuthority != b.parts.HasAuthority || t.Authority != b.parts.Authority {
		return "", false
	}
	folder := b.parts.Path[:strings.LastIndexByte(b.parts.Path, '/')+1]
	if folder == "" || !strings.HasPrefix(t.Path, folder) {
		return "", false
	}
	t.Scheme, t.Authority, t.HasAuthority = "", "", false
	if t.Path == b.parts.Path && t.HasQuery == b.parts.HasQuery && t.Query == b.parts.Query {
		t.Path, t.Query, t.HasQuery = "", "", false
	} else {
		t.Path = t.Path[len(folder):]
	}
	ref = t.String()
	// Segments such as "." and colons or slashes at the start would be read
	// differently: the check keeps the rules above simple.
	return ref, b.Resolve(ref) == target
}
