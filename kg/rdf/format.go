package rdf

import (
	"bytes"
	"path"
	"strings"
)

// Format is a syntax of RDF. The zero Format is unknown.
type Format uint8

// Formats.
const (
	Unknown Format = iota
	NTriples
	NQuads
	Turtle
	TriG
	RDFXML
)

var formats = [...]struct {
	name, media string
	extensions  []string
	// aliases are other media types that mean this format.
	aliases []string
}{
	Unknown:  {name: "unknown"},
	NTriples: {"N-Triples", "application/n-triples", []string{"nt", "ntriples"}, []string{"text/plain"}},
	NQuads:   {"N-Quads", "application/n-quads", []string{"nq", "nquads"}, []string{"text/x-nquads"}},
	Turtle:   {"Turtle", "text/turtle", []string{"ttl", "turtle"}, []string{"application/turtle", "application/x-turtle"}},
	TriG:     {"TriG", "application/trig", []string{"trig"}, []string{"application/x-trig"}},
	RDFXML:   {"RDF/XML", "application/rdf+xml", []string{"rdf", "rdfxml", "owl", "xml"}, []string{"application/xml", "text/xml"}},
}

// Formats lists the formats that can be read and written.
func Formats() []Format { return []Format{NTriples, NQuads, Turtle, TriG, RDFXML} }

// String returns the name of the format as its specification writes it.
func (f Format) String() string {
	if int(f) < len(formats) {
		return formats[f].name
	}
	return formats[Unknown].name
}

// MediaType returns the registered media type, without parameters.
func (f Format) MediaType() string {
	if int(f) < len(formats) {
		return formats[f].media
	}
	return ""
}

// Extension returns the usual file name extension, with its dot.
func (f Format) Extension() string {
	if f == Unknown || int(f) >= len(formats) {
		return ""
	}
	return "." + formats[f].extensions[0]
}

// Quads reports whether the format can hold named graphs.
func (f Format) Quads() bool { return f == NQuads || f == TriG }

// compressions are the extensions that Open sees through.
var compressions = []string{".gz", ".gzip", ".zst", ".zstd", ".bz2"}

// FormatByExtension returns the format that a file name, URL path or bare
// extension ("ttl") stands for. An extension of a compression is ignored.
func FormatByExtension(name string) (Format, bool) {
	name = strings.ToLower(name)
	for _, c := range compressions {
		if s, ok := strings.CutSuffix(name, c); ok {
			name = s
			break
		}
	}
	ext := strings.TrimPrefix(path.Ext(name), ".")
	if ext == "" {
		ext = name
	}
	for f := NTriples; int(f) < len(formats); f++ {
		for _, e := range formats[f].extensions {
			if e == ext {
				return f, true
			}
		}
	}
	return Unknown, false
}

// FormatByMediaType returns the format of a media type; parameters such as a
// charset are ignored.
func FormatByMediaType(mediaType string) (Format, bool) {
	mt, _, _ := strings.Cut(mediaType, ";")
	mt = strings.ToLower(strings.TrimSpace(mt))
	if mt == "" {
		return Unknown, false
	}
	for f := NTriples; int(f) < len(formats); f++ {
		if formats[f].media == mt {
			return f, true
		}
		for _, a := range formats[f].aliases {
			if a == mt {
				return f, true
			}
		}
	}
	return Unknown, false
}

// Sniff guesses the format from the beginning of a document: RDF/XML by its
// first tag, the line-based formats by their first statement, and TriG, which
// includes Turtle, for everything else that looks like text.
func Sniff(head []byte) (Format, bool) {
	head = bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	for {
		head = bytes.TrimLeft(head, " \t\r\n")
		if len(head) == 0 || head[0] != '#' {
			break
		}
		i := bytes.IndexByte(head, '\n')
		if i < 0 {
			return Unknown, false
		}
		head = head[i:]
	}
	if len(head) == 0 || bytes.IndexByte(head, 0) >= 0 {
		return Unknown, false
	}
	for _, tag := range []string{"<?xml", "<!DOCTYPE", "<!--", "<rdf:RDF"} {
		if bytes.HasPrefix(head, []byte(tag)) {
			return RDFXML, true
		}
	}
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if whole || len(line) < 4096 {
		for _, f := range []Format{NTriples, NQuads} {
			if isStatement(line, f) {
				return f, true
			}
		}
	}
	return TriG, true
}
