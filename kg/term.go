package kg

import (
	"fmt"
	"strings"
)

// Vocabulary IRIs the data model itself depends on.
const (
	XSD            = "http://www.w3.org/2001/XMLSchema#"
	RDF            = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	RDFS           = "http://www.w3.org/2000/01/rdf-schema#"
	XSDString      = XSD + "string"
	RDFLangString  = RDF + "langString"
	RDFDirLangStr  = RDF + "dirLangString"
	RDFType        = RDF + "type"
	RDFSLabel      = RDFS + "label"
	RDFSSubClassOf = RDFS + "subClassOf"
)

// Kind tells the four kinds of RDF term apart. The zero Kind is no term: an
// unbound variable, or the default graph in the graph position of a quad.
type Kind uint8

// Kinds of term, in SPARQL's ORDER BY order (SPARQL 1.1, section 15.1).
const (
	None Kind = iota
	Blank
	IRI
	Literal
	Triple // an RDF 1.2 triple term
)

// Term is an RDF term. The zero Term is None. Terms other than triple terms
// may be compared with ==; Equal compares all of them.
type Term struct {
	Kind Kind
	// Value is the IRI, the blank node label (without "_:") or the lexical form.
	Value string
	// Datatype is the datatype IRI of a literal; never empty for one.
	Datatype string
	// Lang is the language tag of a language-tagged string, as written.
	// Constructors lower-case it: tags compare without regard to case.
	Lang string
	// Dir is the base direction, "ltr" or "rtl", of an rdf:dirLangString.
	Dir string
	// Spo is the content of a triple term; nil for other kinds.
	Spo *[3]Term
}

// NewIRI returns the term of an IRI. It does not check or resolve it.
func NewIRI(iri string) Term { return Term{Kind: IRI, Value: iri} }

// NewBlank returns a blank node with the given label, without "_:".
func NewBlank(label string) Term { return Term{Kind: Blank, Value: label} }

// NewString returns an xsd:string literal.
func NewString(s string) Term { return Term{Kind: Literal, Value: s, Datatype: XSDString} }

// NewTyped returns a literal with a datatype; an empty one means xsd:string.
func NewTyped(lexical, datatype string) Term {
	if datatype == "" {
		datatype = XSDString
	}
	return Term{Kind: Literal, Value: lexical, Datatype: datatype}
}

// NewLang returns a language-tagged string. The tag is lower-cased.
func NewLang(s, lang string) Term {
	return Term{Kind: Literal, Value: s, Datatype: RDFLangString, Lang: strings.ToLower(lang)}
}

// NewDirLang returns a language-tagged string with a base direction.
func NewDirLang(s, lang, dir string) Term {
	return Term{Kind: Literal, Value: s, Datatype: RDFDirLangStr, Lang: strings.ToLower(lang), Dir: dir}
}

// NewTriple returns the triple term << s p o >>.
func NewTriple(s, p, o Term) Term { return Term{Kind: Triple, Spo: &[3]Term{s, p, o}} }

// Equal reports whether two terms are the same RDF term.
func (t Term) Equal(u Term) bool {
	if t.Kind == Triple && u.Kind == Triple {
		return t.Spo[0].Equal(u.Spo[0]) && t.Spo[1].Equal(u.Spo[1]) && t.Spo[2].Equal(u.Spo[2])
	}
	return t == u
}

// IsLiteral reports whether the term is a literal.
func (t Term) IsLiteral() bool { return t.Kind == Literal }

// String writes the term in N-Triples syntax; None is the empty string. Two
// terms are Equal exactly if their strings are equal.
func (t Term) String() string { return string(t.AppendNT(nil)) }

// AppendNT appends the term in canonical N-Triples syntax.
func (t Term) AppendNT(b []byte) []byte {
	switch t.Kind {
	case IRI:
		b = append(b, '<')
		b = appendIRI(b, t.Value)
		return append(b, '>')
	case Blank:
		b = append(b, '_', ':')
		return append(b, t.Value...)
	case Literal:
		b = append(b, '"')
		b = appendEscaped(b, t.Value)
		b = append(b, '"')
		switch {
		case t.Lang != "":
			b = append(b, '@')
			b = append(b, t.Lang...)
			if t.Dir != "" {
				b = append(b, '-', '-')
				b = append(b, t.Dir...)
			}
		case t.Datatype != XSDString && t.Datatype != "":
			b = append(b, '^', '^', '<')
			b = appendIRI(b, t.Datatype)
			b = append(b, '>')
		}
		return b
	case Triple:
		b = append(b, "<<( "...)
		for _, u := range t.Spo {
			b = u.AppendNT(b)
			b = append(b, ' ')
		}
		return append(b, ")>>"...)
	}
	return b
}

// appendEscaped writes a lexical form with the escapes of canonical N-Triples
// (RDF 1.2 N-Triples, section 4).
func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"':
			b = append(b, '\\', '"')
		case '\\':
			b = append(b, '\\', '\\')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = fmt.Appendf(b, "\\u%04X", c)
		}
	}
	return append(b, s[from:]...)
}

// appendIRI escapes the characters that IRIREF excludes.
func appendIRI(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= 0x20, c == '<', c == '>', c == '"', c == '{', c == '}', c == '|', c == '^', c == '`', c == '\\':
			b = fmt.Appendf(b, "\\u%04X", c)
		default:
			b = append(b, c)
		}
	}
	return b
}
