package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
)

type jsonEncoder struct {
	vars []string
	keys [][]byte // "name":
}

func (e *jsonEncoder) head(b []byte) []byte {
	b = append(b, `{"head":{"vars":[`...)
	for i, v := range e.vars {
		if i > 0 {
			b = append(b, ',')
		}
		key := appendJSON(nil, v)
		b = append(b, key...)
		e.keys = append(e.keys, append(key, ':'))
	}
	return append(b, `]},"results":{"bindings":[`...)
}

func (e *jsonEncoder) row(b []byte, n int, row []kg.Term) []byte {
	if n > 0 {
		b = append(b, ',')
	}
	b = append(b, "\n{"...)
	first := true
	for i, t := range row {
		if t.Kind == kg.None {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, e.keys[i]...)
		b = appendJSONTerm(b, t)
	}
	return append(b, '}')
}

func (e *jsonEncoder) tail(b []byte, _ int) []byte { return append(b, "\n]}}\n"...) }

func appendJSONTerm(b []byte, t kg.Term) []byte {
	switch t.Kind {
	case kg.IRI:
		b = append(b, `{"type":"uri","value":`...)
		b = appendJSON(b, t.Value)
	case kg.Blank:
		b = append(b, `{"type":"bnode","value":`...)
		b = appendJSON(b, t.Value)
	case kg.Literal:
		b = append(b, `{"type":"literal","value":`...)
		b = appendJSON(b, t.Value)
		switch {
		case t.Lang != "":
			b = append(b, `,"xml:lang":`...)
			b = appendJSON(b, t.Lang)
			if t.Dir != "" {
				b = append(b, `,"its:dir":`...)
				b = appendJSON(b, t.Dir)
			}
		case t.Datatype != kg.XSDString:
			b = append(b, `,"datatype":`...)
			b = appendJSON(b, t.Datatype)
		}
	case kg.Triple:
		b = append(b, `{"type":"triple","value":{"subject":`...)
		b = appendJSONTerm(b, t.Spo[0])
		b = append(b, `,"predicate":`...)
		b = appendJSONTerm(b, t.Spo[1])
		b = append(b, `,"object":`...)
		b = appendJSONTerm(b, t.Spo[2])
		b = append(b, '}')
	}
	return append(b, '}')
}

const hex = "0123456789abcdef"

// appendJSON appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[from:i]...)
				b = append(b, `\ufffd`...)
				from = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

type jsonTerm struct {
	Type     string          `json:"type"`
	Value    json.RawMessage `json:"value"`
	Lang     string          `json:"xml:lang"`
	Dir      string          `json:"its:dir"`
	Datatype string          `json:"datatype"`
}

func (j jsonTerm) term(depth int) (kg.Term, error) {
	if depth > 64 {
		return kg.Term{}, errors.New("triple terms nested too deep")
	}
	if j.Type == "triple" {
		var v struct{ Subject, Predicate, Object jsonTerm }
		if err := json.Unmarshal(j.Value, &v); err != nil {
			return kg.Term{}, err
		}
		s, err1 := v.Subject.term(depth + 1)
		p, err2 := v.Predicate.term(depth + 1)
		o, err3 := v.Object.term(depth + 1)
		return kg.NewTriple(s, p, o), errors.Join(err1, err2, err3)
	}
	var s string
	if err := json.Unmarshal(j.Value, &s); err != nil {
		return kg.Term{}, fmt.Errorf("value of a %s: %w", j.Type, err)
	}
	switch j.Type {
	case "uri":
		return kg.NewIRI(s), nil
	case "bnode":
		return kg.NewBlank(s), nil
	case "literal", "typed-literal":
		switch {
		case j.Lang != "" && j.Dir != "":
			return kg.NewDirLang(s, j.Lang, j.Dir), nil
		case j.Lang != "":
			return kg.NewLang(s, j.Lang), nil
		}
		return kg.NewTyped(s, j.Datatype), nil
	}
	return kg.Term{}, fmt.Errorf("unknown type %q: want uri, literal, bnode or triple", j.Type)
}

func readJSON(r io.Reader) (*Document, error) {
	var in struct {
		Head    struct{ Vars []string }
		Boolean *bool
		Results *struct{ Bindings []map[string]jsonTerm }
	}
	dec := json.NewDecoder(r)
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("results: JSON: byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("results: JSON: byte %d: text after the end of the document", dec.InputOffset())
	}
	d := &Document{Vars: in.Head.Vars, Boolean: in.Boolean}
	if in.Boolean == nil && in.Results == nil {
		return nil, errors.New(`results: JSON: neither "results" nor "boolean"`)
	}
	if in.Results == nil {
		return d, nil
	}
	column := map[string]int{}
	for i, v := range d.Vars {
		column[v] = i
	}
	for n, bnd := range in.Results.Bindings {
		row := make([]kg.Term, len(d.Vars))
		for v, j := range bnd {
			i, ok := column[v]
			if !ok {
				return nil, fmt.Errorf("results: JSON: row %d binds %q, which head.vars does not name", n+1, v)
			}
			t, err := j.term(0)
			if err != nil {
				return nil, fmt.Errorf("results: JSON: row %d, %q: %w", n+1, v, err)
			}
			row[i] = t
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}
