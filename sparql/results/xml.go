package results

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
)

const xmlOpen = `<?xml version="1.0"?>` + "\n" +
	`<sparql xmlns="http://www.w3.org/2005/sparql-results#" xmlns:its="http://www.w3.org/2005/11/its" its:version="2.0">`

type xmlEncoder struct {
	vars []string
	open []string // <binding name="x">
}

func (e *xmlEncoder) head(b []byte) []byte {
	b = append(b, xmlOpen...)
	b = append(b, "<head>"...)
	for _, v := range e.vars {
		name := string(appendXML(nil, v, true))
		b = append(b, `<variable name="`+name+`"/>`...)
		e.open = append(e.open, `<binding name="`+name+`">`)
	}
	return append(b, "</head><results>"...)
}

func (e *xmlEncoder) row(b []byte, _ int, row []kg.Term) []byte {
	b = append(b, "\n<result>"...)
	for i, t := range row {
		if t.Kind == kg.None {
			continue
		}
		b = append(b, e.open[i]...)
		b = appendXMLTerm(b, t)
		b = append(b, "</binding>"...)
	}
	return append(b, "</result>"...)
}

func (e *xmlEncoder) tail(b []byte, _ int) []byte {
	return append(b, "\n</results></sparql>\n"...)
}

func appendXMLTerm(b []byte, t kg.Term) []byte {
	switch t.Kind {
	case kg.IRI:
		b = append(b, "<uri>"...)
		b = appendXML(b, t.Value, false)
		return append(b, "</uri>"...)
	case kg.Blank:
		b = append(b, "<bnode>"...)
		b = appendXML(b, t.Value, false)
		return append(b, "</bnode>"...)
	case kg.Literal:
		b = append(b, "<literal"...)
		switch {
		case t.Lang != "":
			b = append(b, ` xml:lang="`...)
			b = appendXML(b, t.Lang, true)
			if t.Dir != "" {
				b = append(b, `" its:dir="`...)
				b = append(b, t.Dir...)
			}
			b = append(b, '"')
		case t.Datatype != kg.XSDString:
			b = append(b, ` datatype="`...)
			b = appendXML(b, t.Datatype, true)
			b = append(b, '"')
		}
		b = append(b, '>')
		b = appendXML(b, t.Value, false)
		return append(b, "</literal>"...)
	case kg.Triple:
		b = append(b, "<triple>"...)
		for i, tag := range [3]string{"subject", "predicate", "object"} {
			b = append(b, "<"+tag+">"...)
			b = appendXMLTerm(b, t.Spo[i])
			b = append(b, "</"+tag+">"...)
		}
		return append(b, "</triple>"...)
	}
	return b
}

// appendXML escapes text or an attribute value. Characters that XML 1.0 cannot
// hold become U+FFFD: there is no other way to keep the document well-formed.
func appendXML(b []byte, s string, attribute bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '<' && c != '>' && c != '&' && c != '"' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		escape := ""
		switch {
		case r == '<':
			escape = "&lt;"
		case r == '>':
			escape = "&gt;"
		case r == '&':
			escape = "&amp;"
		case r == '"' && attribute:
			escape = "&quot;"
		case r == '\r':
			escape = "&#xD;" // a bare CR would be read as LF
		case r == '\n' && attribute:
			escape = "&#xA;"
		case r == '\t' && attribute:
			escape = "&#x9;"
		case r == utf8.RuneError && n == 1, r < 0x20 && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			escape = "\uFFFD"
		}
		if escape != "" {
			b = append(b, s[from:i]...)
			b = append(b, escape...)
			from = i + n
		}
		i += n
	}
	return append(b, s[from:]...)
}

const maxXMLDepth = 64

func readXML(r io.Reader) (*Document, error) {
	x := &xmlReader{d: xml.NewDecoder(r), doc: &Document{}, column: map[string]int{}}
	if err := x.read(); err != nil {
		line, col := x.d.InputPos()
		return nil, fmt.Errorf("results: XML: line %d, column %d: %w", line, col, err)
	}
	return x.doc, nil
}

type xmlReader struct {
	d      *xml.Decoder
	doc    *Document
	column map[string]int
}

func (x *xmlReader) read() error {
	seen := false
	for {
		t, err := x.d.Token()
		if err == io.EOF {
			if !seen {
				return errors.New("no results and no boolean")
			}
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "variable":
			v := attr(start, "name")
			x.column[v] = len(x.doc.Vars)
			x.doc.Vars = append(x.doc.Vars, v)
		case "boolean":
			s, err := x.text()
			if err != nil {
				return err
			}
			v := strings.TrimSpace(s) == "true"
			x.doc.Boolean, seen = &v, true
		case "results":
			seen = true
		case "result":
			if err := x.result(); err != nil {
				return err
			}
		}
	}
}

func attr(s xml.StartElement, name string) string {
	for _, a := range s.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// text reads the characters up to the end of the current element.
func (x *xmlReader) text() (string, error) {
	var b strings.Builder
	for {
		t, err := x.d.Token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String(), nil
		case xml.StartElement:
			return "", fmt.Errorf("unexpected <%s>", t.Name.Local)
		}
	}
}

// each calls f for the child elements of the current one.
func (x *xmlReader) each(f func(xml.StartElement) error) error {
	for {
		t, err := x.d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := f(t); err != nil {
				return err
			}
		}
	}
}

func (x *xmlReader) result() error {
	row := make([]kg.Term, len(x.doc.Vars))
	err := x.each(func(s xml.StartElement) error {
		name := attr(s, "name")
		i, ok := x.column[name]
		if s.Name.Local != "binding" || !ok {
			return fmt.Errorf("<%s name=%q> does not bind a variable of the head", s.Name.Local, name)
		}
		return x.each(func(s xml.StartElement) (err error) {
			row[i], err = x.term(s, 0)
			return err
		})
	})
	x.doc.Rows = append(x.doc.Rows, row)
	return err
}

func (x *xmlReader) term(s xml.StartElement, depth int) (kg.Term, error) {
	if depth > maxXMLDepth {
		return kg.Term{}, errors.New("nested too deep")
	}
	if s.Name.Local == "triple" {
		var spo [3]kg.Term
		i := 0
		err := x.each(func(xml.StartElement) error {
			return x.each(func(s xml.StartElement) (err error) {
				if i > 2 {
					return errors.New("a triple has three terms")
				}
				spo[i], err = x.term(s, depth+1)
				i++
				return err
			})
		})
		if err == nil && i != 3 {
			err = errors.New("a triple has three terms")
		}
		return kg.NewTriple(spo[0], spo[1], spo[2]), err
	}
	text, err := x.text()
	if err != nil {
		return kg.Term{}, err
	}
	switch s.Name.Local {
	case "uri":
		return kg.NewIRI(text), nil
	case "bnode":
		return kg.NewBlank(text), nil
	case "literal":
		lang, dir := attr(s, "lang"), attr(s, "dir")
		switch {
		case lang != "" && dir != "":
			return kg.NewDirLang(text, lang, dir), nil
		case lang != "":
			return kg.NewLang(text, lang), nil
		}
		return kg.NewTyped(text, attr(s, "datatype")), nil
	}
	return kg.Term{}, fmt.Errorf("unknown term <%s>", s.Name.Local)
}
