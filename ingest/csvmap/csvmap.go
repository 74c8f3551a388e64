// Package csvmap reads tables in CSV by a mapping: each row becomes the
// statements of one subject, with the bytes of the row. Without a mapping rows
// are nodes of their own and columns properties by their headings.
package csvmap

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/chunk"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Mapping says what the rows of a table state. In templates {column} stands for
// a cell, made fit for an IRI.
type Mapping struct {
	Subject string            `json:"subject"` // template of the subject's IRI
	Class   string            `json:"class"`
	Comma   string            `json:"comma"` // default: a comma, or what the first line has most
	Columns map[string]Column `json:"columns"`
}

// Column says what a cell states. Columns without an entry state nothing, if
// there is a mapping.
type Column struct {
	Property string `json:"property"`
	Datatype string `json:"datatype"` // IRI, or xsd:NAME; default a string
	IRI      string `json:"iri"`      // template, if the cell names a thing
	Lang     string `json:"lang"`
}

// ReadMapping reads a mapping in JSON.
func ReadMapping(r io.Reader) (*Mapping, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var m Mapping
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	for name, c := range m.Columns {
		if c.Property == "" {
			return nil, fmt.Errorf("mapping: column %q has no property", name)
		}
	}
	return &m, nil
}

// Table is what was read.
type Table struct {
	Quads    []kg.TermQuad
	Tree     *doc.Tree
	Rows     int
	Problems []string // each names its line
}

var hole = regexp.MustCompile(`\{([^{}]*)\}`)

// Read reads a table into the graph of a document. m may be nil.
func Read(body []byte, graph string, m *Mapping) (*Table, error) {
	mapped := m != nil
	if !mapped {
		m = &Mapping{}
	}
	r := csv.NewReader(bytes.NewReader(body))
	r.Comma = comma(body, m.Comma)
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("the line of headings: %w", err)
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for i := range head {
		head[i] = strings.TrimSpace(head[i])
	}
	for name := range m.Columns {
		if !slices.Contains(head, name) {
			return nil, fmt.Errorf("the mapping names a column %q; the table has %q", name, head)
		}
	}
	for _, h := range hole.FindAllStringSubmatch(m.Subject, -1) {
		if !slices.Contains(head, h[1]) {
			return nil, fmt.Errorf("the subject's template names a column %q; the table has %q", h[1], head)
		}
	}
	t := &Table{}
	lines := starts(body)
	var b chunk.Builder
	b.Page()
	b.Open(chunk.Item{Kind: doc.Table})
	t.row(&b, r, lines, body, head, true)
	g := kg.NewIRI(graph)
	for {
		from := r.InputOffset()
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			t.Problems = append(t.Problems, bad.Error())
			if len(t.Problems) > 1000 {
				return nil, fmt.Errorf("more than 1000 lines are broken; the last: %w", err)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		to := r.InputOffset()
		line, _ := r.FieldPos(0)
		t.Rows++
		t.row(&b, r, lines, body, row, false)
		for to > from && (body[to-1] == '\n' || body[to-1] == '\r') {
			to--
		}
		subject := graph + "#row" + strconv.Itoa(t.Rows)
		if m.Subject != "" {
			subject = fill(m.Subject, head, row)
		}
		s := kg.NewIRI(subject)
		add := func(p string, o kg.Term) {
			t.Quads = append(t.Quads, kg.TermQuad{S: s, P: kg.NewIRI(p), O: o, G: g})
		}
		if m.Class != "" {
			add(kg.RDFType, kg.NewIRI(m.Class))
		}
		for i, name := range head {
			if i >= len(row) || strings.TrimSpace(row[i]) == "" || name == "" {
				continue
			}
			c, ok := m.Columns[name]
			if !ok {
				if mapped {
					continue
				}
				c.Property = fact.NS + "column:" + fact.Slug(name)
			}
			o, err := c.term(strings.TrimSpace(row[i]), head, row)
			if err != nil {
				t.Problems = append(t.Problems, fmt.Sprintf("line %d, column %q: %v", line, name, err))
				continue
			}
			add(c.Property, o)
		}
		span := doc.Span{Doc: graph, Start: from, End: to, Hash: doc.Hash(body[from:to])}
		add(fact.PSpan, kg.NewString(span.Literal()))
	}
	b.Close()
	t.Tree = b.Tree()
	return t, nil
}

// term is what a cell states. A value that is none of its datatype is an
// error: it is named, not stored.
func (c Column) term(cell string, head, row []string) (kg.Term, error) {
	switch {
	case c.IRI != "":
		return kg.NewIRI(fill(c.IRI, head, row)), nil
	case c.Lang != "":
		return kg.NewLang(cell, c.Lang), nil
	case c.Datatype == "":
		return kg.NewString(cell), nil
	}
	typ := c.Datatype
	if short, ok := strings.CutPrefix(typ, "xsd:"); ok {
		typ = kg.XSD + short
	}
	switch typ {
	case kg.XSD + "integer", kg.XSD + "decimal":
		parse := xsd.ParseDecimal
		if typ == kg.XSD+"integer" {
			parse = xsd.ParseInteger
		}
		v, err := parse(cell)
		if err != nil {
			return kg.Term{}, err
		}
		return kg.NewTyped(v.String(), typ), nil
	}
	if _, ok := xsd.TimeKindOf(typ); ok {
		if _, err := xsd.ParseDateTime(cell, typ); err != nil {
			return kg.Term{}, err
		}
	}
	return kg.NewTyped(cell, typ), nil
}

// fill puts the cells of a row into a template.
func fill(template string, head, row []string) string {
	return hole.ReplaceAllStringFunc(template, func(h string) string {
		i := slices.Index(head, h[1:len(h)-1])
		if i < 0 || i >= len(row) {
			return ""
		}
		return escape(strings.TrimSpace(row[i]))
	})
}

// escape makes a cell fit for a part of an IRI.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 0x80, c|32 >= 'a' && c|32 <= 'z', c >= '0' && c <= '9', strings.IndexByte("-_.~:@", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return strings.ToValidUTF8(b.String(), "")
}

// comma finds what separates the cells.
func comma(body []byte, want string) rune {
	if want != "" {
		return []rune(want)[0]
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	best, n := ',', bytes.Count(line, []byte(","))
	for _, c := range ";\t|" {
		if k := bytes.Count(line, []byte(string(c))); k > n {
			best, n = c, k
		}
	}
	return best
}

// starts are the offsets of the lines.
func starts(body []byte) []int {
	at := []int{0}
	for i, c := range body {
		if c == '\n' {
			at = append(at, i+1)
		}
	}
	return at
}

// row adds a row to the tree; cells whose text stands so in the file are
// mapped to it.
func (t *Table) row(b *chunk.Builder, r *csv.Reader, lines []int, body []byte, cells []string, head bool) {
	b.Open(chunk.Item{Kind: doc.Row})
	for i, c := range cells {
		if i > 0 {
			b.Glue(' ')
		}
		line, col := r.FieldPos(i)
		at := lines[min(line-1, len(lines)-1)] + col - 1
		b.Open(chunk.Item{Kind: doc.Cell, Col: i, Span: 1, Head: head})
		for at+1 < len(body) && (body[at] == '"' || body[at] == ' ' || body[at] == '\t') {
			at++
		}
		if c = strings.TrimSpace(c); c != "" && at < len(body) {
			if bytes.HasPrefix(body[at:], []byte(c)) {
				b.Verbatim([]byte(c), int64(at))
			} else {
				b.Instead(strings.ToValidUTF8(c, ""), int64(at), 1)
			}
		}
		b.Close()
	}
	b.Close()
	b.Glue('\n')
}
