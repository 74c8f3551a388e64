// Package results writes and reads the result formats of SPARQL 1.1: JSON, XML,
// CSV and TSV. It knows terms and rows, not queries; rows stream through it.
package results

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Format is a format of results. The zero Format is unknown.
type Format uint8

// Formats.
const (
	Unknown Format = iota
	JSON           // https://www.w3.org/TR/sparql11-results-json/
	XML            // https://www.w3.org/TR/rdf-sparql-XMLres/
	CSV            // https://www.w3.org/TR/sparql11-results-csv-tsv/
	TSV
)

var names = [...]struct{ name, media, extension string }{
	JSON: {"json", "application/sparql-results+json", "srj"},
	XML:  {"xml", "application/sparql-results+xml", "srx"},
	CSV:  {"csv", "text/csv", "csv"},
	TSV:  {"tsv", "text/tab-separated-values", "tsv"},
}

// ParseFormat finds a format by its name, file extension or media type.
func ParseFormat(s string) (Format, bool) {
	s = strings.ToLower(strings.TrimPrefix(s, "."))
	for f := JSON; f <= TSV; f++ {
		if n := names[f]; s == n.name || s == n.media || s == n.extension {
			return f, true
		}
	}
	return Unknown, false
}

// String returns the short name.
func (f Format) String() string {
	if f == Unknown || int(f) >= len(names) {
		return "unknown"
	}
	return names[f].name
}

// MediaType returns the registered media type.
func (f Format) MediaType() string {
	if f == Unknown || int(f) >= len(names) {
		return ""
	}
	return names[f].media
}

// Rows is a sequence of solutions. A row may be reused between steps; an
// unbound variable is the zero term.
type Rows = iter.Seq2[[]kg.Term, error]

// flushEvery is how many bytes are gathered before they are written.
const flushEvery = 64 << 10

// WriteRows writes the solutions of a SELECT query. It stops at the first
// error of the sequence and returns it; what is written then is not a complete
// document.
func WriteRows(w io.Writer, f Format, vars []string, rows Rows) error {
	var e encoder
	switch f {
	case JSON:
		e = &jsonEncoder{vars: vars}
	case XML:
		e = &xmlEncoder{vars: vars}
	case CSV:
		e = &csvEncoder{vars: vars}
	case TSV:
		e = &tsvEncoder{vars: vars}
	default:
		return fmt.Errorf("results: format %s cannot be written", f)
	}
	b := e.head(make([]byte, 0, flushEvery+4<<10))
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		b = e.row(b, n, row)
		n++
		if len(b) >= flushEvery {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := w.Write(e.tail(b, n))
	return err
}

// encoder appends the parts of a document.
type encoder interface {
	head(b []byte) []byte
	row(b []byte, n int, row []kg.Term) []byte
	tail(b []byte, n int) []byte
}

// WriteBoolean writes the result of an ASK query. CSV and TSV have no form for
// it in the standard; they get the bare word, as other engines write it.
func WriteBoolean(w io.Writer, f Format, v bool) error {
	var s string
	switch f {
	case JSON:
		s = fmt.Sprintf(`{"head":{},"boolean":%t}`+"\n", v)
	case XML:
		s = fmt.Sprintf(xmlOpen+"<head/><boolean>%t</boolean></sparql>\n", v)
	case CSV, TSV:
		s = fmt.Sprintf("%t\n", v)
	default:
		return fmt.Errorf("results: format %s cannot be written", f)
	}
	_, err := io.WriteString(w, s)
	return err
}

// Document is a result that was read.
type Document struct {
	Vars    []string
	Rows    [][]kg.Term // None where unbound
	Boolean *bool       // of an ASK result; then there are no rows
}

// maxDocument bounds what Read takes into memory.
const maxDocument = 1 << 30

// Read reads a whole result. CSV gives back plain strings: the format does not
// tell IRIs, numbers and strings apart.
func Read(r io.Reader, f Format) (*Document, error) {
	br := bufio.NewReaderSize(io.LimitReader(r, maxDocument), 64<<10)
	switch f {
	case JSON:
		return readJSON(br)
	case XML:
		return readXML(br)
	case CSV:
		return readCSV(br)
	case TSV:
		return readTSV(br)
	}
	return nil, fmt.Errorf("results: format %s cannot be read", f)
}
