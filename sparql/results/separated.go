package results

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

type csvEncoder struct{ vars []string }

func (e *csvEncoder) head(b []byte) []byte {
	for i, v := range e.vars {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCSV(b, v)
	}
	return append(b, "\r\n"...)
}

func (e *csvEncoder) row(b []byte, _ int, row []kg.Term) []byte {
	for i, t := range row {
		if i > 0 {
			b = append(b, ',')
		}
		switch t.Kind {
		case kg.None:
		case kg.Blank:
			b = append(b, "_:"...)
			b = append(b, t.Value...)
		case kg.Triple:
			b = appendCSV(b, t.String())
		default:
			b = appendCSV(b, t.Value)
		}
	}
	return append(b, "\r\n"...)
}

func (e *csvEncoder) tail(b []byte, _ int) []byte { return b }

func appendCSV(b []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

type tsvEncoder struct{ vars []string }

func (e *tsvEncoder) head(b []byte) []byte {
	for i, v := range e.vars {
		if i > 0 {
			b = append(b, '\t')
		}
		b = append(b, '?')
		b = append(b, v...)
	}
	return append(b, '\n')
}

func (e *tsvEncoder) row(b []byte, _ int, row []kg.Term) []byte {
	for i, t := range row {
		if i > 0 {
			b = append(b, '\t')
		}
		if t.Kind == kg.Literal && bare(t) {
			b = append(b, t.Value...)
			continue
		}
		b = t.AppendNT(b) // its escapes cover tab and line ends
	}
	return append(b, '\n')
}

func (e *tsvEncoder) tail(b []byte, _ int) []byte { return b }

// bare reports whether a number may be written without quotes and datatype:
// whether it is read back as the same term.
func bare(t kg.Term) bool {
	var want lex.Kind
	switch t.Datatype {
	case kg.XSD + "integer":
		want = lex.Integer
	case kg.XSD + "decimal":
		want = lex.Decimal
	case kg.XSD + "double":
		want = lex.Double
	default:
		return false
	}
	kind, n := lex.ScanNumber(t.Value)
	return kind == want && n == len(t.Value)
}

// readCSV reads RFC 4180. encoding/csv is not used because it skips empty
// lines, which are rows of one unbound variable here.
func readCSV(r io.Reader) (*Document, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("results: CSV: %w", err)
	}
	c := csvReader{text: string(text), line: 1}
	if c.text == "" {
		return nil, errors.New("results: CSV: no header line")
	}
	d := &Document{}
	if d.Vars, err = c.record(); err != nil {
		return nil, err
	}
	if len(d.Vars) == 1 && d.Vars[0] == "" {
		d.Vars = nil // rows without columns
	}
	for c.text != "" {
		line := c.line
		rec, err := c.record()
		if err != nil {
			return nil, err
		}
		if len(d.Vars) == 0 && len(rec) == 1 && rec[0] == "" {
			rec = nil
		}
		if len(rec) != len(d.Vars) {
			return nil, fmt.Errorf("results: CSV: line %d has %d fields for %d variables", line, len(rec), len(d.Vars))
		}
		row := make([]kg.Term, len(rec))
		for i, s := range rec {
			switch {
			case s == "":
			case strings.HasPrefix(s, "_:"):
				row[i] = kg.NewBlank(s[2:])
			default:
				row[i] = kg.NewString(s)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}

type csvReader struct {
	text string // what is left
	line int
}

// record reads one record with its line end.
func (c *csvReader) record() ([]string, error) {
	var rec []string
	for {
		field, err := c.field()
		if err != nil {
			return nil, err
		}
		rec = append(rec, field)
		switch {
		case strings.HasPrefix(c.text, ","):
			c.text = c.text[1:]
			continue
		case strings.HasPrefix(c.text, "\r\n"):
			c.text = c.text[2:]
		case c.text != "": // LF or CR
			c.text = c.text[1:]
		}
		c.line++
		return rec, nil
	}
}

func (c *csvReader) field() (string, error) {
	if !strings.HasPrefix(c.text, `"`) {
		n := strings.IndexAny(c.text, ",\r\n")
		if n < 0 {
			n = len(c.text)
		}
		s := c.text[:n]
		c.text = c.text[n:]
		if strings.Contains(s, `"`) {
			return "", fmt.Errorf("results: CSV: line %d: a quote inside a field without quotes", c.line)
		}
		return s, nil
	}
	start := c.line
	var b strings.Builder
	for rest := c.text[1:]; ; {
		n := strings.IndexByte(rest, '"')
		if n < 0 {
			return "", fmt.Errorf("results: CSV: line %d: a field is not closed", start)
		}
		b.WriteString(rest[:n])
		c.line += strings.Count(rest[:n], "\n")
		rest = rest[n+1:]
		if strings.HasPrefix(rest, `"`) {
			b.WriteByte('"')
			rest = rest[1:]
			continue
		}
		if rest != "" && !strings.ContainsAny(rest[:1], ",\r\n") {
			return "", fmt.Errorf("results: CSV: line %d: text after a closing quote", c.line)
		}
		c.text = rest
		return b.String(), nil
	}
}

func readTSV(r io.Reader) (*Document, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("results: TSV: %w", err)
	}
	d := &Document{}
	s := strings.TrimSuffix(string(text), "\n")
	for n, line := range strings.Split(s, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if n == 0 {
			for i, v := range strings.Split(line, "\t") {
				if v == "" && i == 0 && line == "" {
					break
				}
				if !strings.HasPrefix(v, "?") && !strings.HasPrefix(v, "$") {
					return nil, fmt.Errorf("results: TSV: line 1: %q is not a variable", v)
				}
				d.Vars = append(d.Vars, v[1:])
			}
			continue
		}
		fields := strings.Split(line, "\t")
		if len(d.Vars) == 0 && line == "" {
			fields = nil
		}
		if len(fields) != len(d.Vars) {
			return nil, fmt.Errorf("results: TSV: line %d has %d fields for %d variables", n+1, len(fields), len(d.Vars))
		}
		row := make([]kg.Term, len(fields))
		for i, f := range fields {
			if f == "" {
				continue
			}
			if row[i], err = syntax.ParseTerm(f); err != nil {
				return nil, fmt.Errorf("results: TSV: line %d, field %d: %w", n+1, i+1, err)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}
