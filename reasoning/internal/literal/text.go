package literal

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Text writes a term as SPARQL does: constants that a query can hold.
func Text(t kg.Term) string {
	switch t.Kind {
	case kg.IRI:
		return "<" + escapeIRI(t.Value) + ">"
	case kg.Blank:
		return "_:" + t.Value
	case kg.Literal:
		s := `"` + escapeString(t.Value) + `"`
		switch {
		case t.Lang != "" && t.Dir != "":
			return s + "@" + t.Lang + "--" + t.Dir
		case t.Lang != "":
			return s + "@" + t.Lang
		case t.Datatype != kg.XSDString && t.Datatype != "":
			return s + "^^<" + escapeIRI(t.Datatype) + ">"
		}
		return s
	case kg.Triple:
		return "<<( " + Text(t.Spo[0]) + " " + Text(t.Spo[1]) + " " + Text(t.Spo[2]) + " )>>"
	}
	return "UNDEF"
}

// escapeIRI writes the characters that an IRIREF may not hold as \u escapes.
func escapeIRI(s string) string {
	if !strings.ContainsFunc(s, badInIRI) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if badInIRI(r) {
			fmt.Fprintf(&b, `\u%04X`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func badInIRI(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) }

func escapeString(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
