package results

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
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

// bare reports whether a number may be written without quotes and datatype.
func bare(t kg.Term) bool {
	switch t.Datatype {
	case kg.XSD + "integer", kg.XSD + "decimal", kg.XSD + "double":
		c, err := parseBare(t.Value)
		return err == nil && c == t
	}
	return false
}

// parseBare reads a term in SPARQL syntax.
func parseBare(s string) (kg.Term, error) { return syntax.ParseTerm(s) }

func readCSV(r io.Reader) (*Document, error) {
	cr := csv.NewReader(r)
	cr.FieldsPerRecord = 0
	head, err := cr.Read()
	if err == io.EOF {
		return nil, errors.New("results: CSV: no header line")
	}
	if err != nil {
		return nil, fmt.Errorf("results: CSV: %w", err)
	}
	d := &Document{Vars: head}
	for {
		rec, err := cr.Read()
		if err == io.EOF {
			return d, nil
		}
		if err != nil {
			return nil, fmt.Errorf("results: CSV: %w", err)
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
			if row[i], err = parseBare(f); err != nil {
				return nil, fmt.Errorf("results: TSV: line %d, field %d: %w", n+1, i+1, err)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}
