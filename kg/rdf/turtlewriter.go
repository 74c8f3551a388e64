package rdf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// names turns IRIs into prefixed names.
type names struct {
	prefixes map[string]string // by namespace; the first in order of prefix wins
	sorted   []string          // prefixes
	iris     map[string]string // by prefix
	// odd are namespaces that end neither in '/' nor '#', longest first.
	odd []string
}

// newNames checks the prefixes: what is written must read back.
func newNames(prefixes map[string]string) (*names, error) {
	n := &names{prefixes: map[string]string{}, sorted: slices.Sorted(maps.Keys(prefixes)), iris: prefixes}
	for _, p := range n.sorted {
		iri := prefixes[p]
		if !isPrefix(p) {
			return nil, fmt.Errorf("rdf: %q is no prefix; use letters, digits, '-' and '_', a letter first", p)
		}
		if scan.SchemeLen(iri) == 0 || strings.ContainsFunc(iri, notIRI) {
			return nil, fmt.Errorf("rdf: prefix %q: %q is no absolute IRI", p, iri)
		}
		if _, ok := n.prefixes[iri]; ok {
			continue
		}
		n.prefixes[iri] = p
		if c := iri[len(iri)-1]; c != '/' && c != '#' {
			n.odd = append(n.odd, iri)
		}
	}
	slices.SortFunc(n.odd, func(a, b string) int { return len(b) - len(a) })
	return n, nil
}

func notIRI(r rune) bool { return r < utf8.RuneSelf && scan.Classes[r]&scan.InIRI == 0 }

// isPrefix reports whether s is a PN_PREFIX or empty.
func isPrefix(s string) bool {
	for i, r := range s {
		if i == 0 && !scan.IsNameBase(r) || !scan.IsNameChar(r) && r != '.' {
			return false
		}
	}
	return !strings.HasSuffix(s, ".")
}

// split returns prefix and local name of an IRI, if it has a prefixed name
// that needs no escapes.
func (n *names) split(iri string) (prefix, local string, ok bool) {
	if len(n.prefixes) == 0 {
		return "", "", false
	}
	cut := strings.LastIndexAny(iri, "/#") + 1
	if p, ok := n.prefixes[iri[:cut]]; ok && isLocal(iri[cut:]) {
		return p, iri[cut:], true
	}
	for _, ns := range n.odd {
		if strings.HasPrefix(iri, ns) && isLocal(iri[len(ns):]) {
			return n.prefixes[ns], iri[len(ns):], true
		}
	}
	return "", "", false
}

// isLocal reports whether s is a PN_LOCAL without escapes, or empty.
func isLocal(s string) bool {
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf && (scan.Classes[r]&(scan.NameBase|scan.Digit) != 0 || r == '_' || r == ':'):
		case i == 0 && !scan.IsNameBase(r):
			return false
		case r == '.', scan.IsNameChar(r):
		default:
			return false
		}
	}
	return !strings.HasSuffix(s, ".")
}

// sentences writes Turtle and TriG. Statements that follow each other and
// share a graph, a subject, a predicate are written together; nothing else is
// remembered, so anything can be written in one pass.
type sentences struct {
	*names
	inGraph bool // between { and }
	open    bool // a sentence waits for its end
	graph   kg.Term
	s, p    kg.Term
}

func (x *sentences) begin(b []byte) []byte {
	for _, p := range x.sorted {
		b = append(append(b, "@prefix "...), p...)
		b = append(b, ": <"...)
		b = append(scan.AppendIRI(b, x.iris[p]), "> .\n"...)
	}
	if len(x.sorted) > 0 {
		b = append(b, '\n')
	}
	return b
}

func (x *sentences) quad(b []byte, q *kg.TermQuad) ([]byte, error) {
	if q.G != x.graph {
		b = x.end(b)
		x.graph = q.G
		if q.G.Kind != kg.None {
			b = append(x.term(b, &q.G), " {\n"...)
			x.inGraph = true
		}
	}
	indent := "    "
	if x.inGraph {
		indent = "        "
	}
	switch {
	case x.open && x.s == q.S && x.p == q.P:
		b = append(b, " , "...)
	case x.open && x.s == q.S:
		b = append(append(b, " ;\n"...), indent...)
		b = append(x.verb(b, &q.P), ' ')
	default:
		if x.open {
			b = append(b, " .\n"...)
		}
		b = append(b, indent[4:]...)
		b = append(x.term(b, &q.S), ' ')
		b = append(x.verb(b, &q.P), ' ')
	}
	b = x.term(b, &q.O)
	x.open, x.s, x.p = true, q.S, q.P
	return b, nil
}

// end closes the sentence and the graph.
func (x *sentences) end(b []byte) []byte {
	if x.open {
		b = append(b, " .\n"...)
	}
	if x.inGraph {
		b = append(b, "}\n"...)
	}
	x.open, x.inGraph, x.graph = false, false, kg.Term{}
	return b
}

func (x *sentences) verb(b []byte, t *kg.Term) []byte {
	if t.Value == kg.RDFType {
		return append(b, 'a')
	}
	return x.term(b, t)
}

func (x *sentences) term(b []byte, t *kg.Term) []byte {
	switch t.Kind {
	case kg.IRI:
		return x.iri(b, t.Value)
	case kg.Literal:
		if t.Lang == "" && t.Datatype != kg.XSDString && t.Datatype != "" {
			if isBare(t) {
				return append(b, t.Value...)
			}
			b = append(b, '"')
			b = scan.AppendString(b, t.Value)
			return x.iri(append(b, `"^^`...), t.Datatype)
		}
	case kg.Triple:
		b = append(b, "<<( "...)
		b = append(x.term(b, &t.Spo[0]), ' ')
		b = append(x.verb(b, &t.Spo[1]), ' ')
		b = append(x.term(b, &t.Spo[2]), ' ')
		return append(b, ")>>"...)
	}
	return appendTerm(b, t)
}

func (x *sentences) iri(b []byte, iri string) []byte {
	if p, local, ok := x.split(iri); ok {
		b = append(append(b, p...), ':')
		return append(b, local...)
	}
	b = append(b, '<')
	return append(scan.AppendIRI(b, iri), '>')
}

// isBare reports whether the literal is a number or boolean that the grammar
// reads back, character by character, without quotes.
func isBare(t *kg.Term) bool {
	kind, ok := strings.CutPrefix(t.Datatype, kg.XSD)
	if !ok || len(t.Value) > scan.MaxIRI {
		return false
	}
	s := t.Value
	if kind == "boolean" {
		return s == "true" || s == "false"
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	digits := func() (n int) {
		for n < len(s) && scan.Classes[s[n]]&scan.Digit != 0 {
			n++
		}
		s = s[n:]
		return n
	}
	whole := digits()
	if kind == "integer" {
		return whole > 0 && s == ""
	}
	fraction := -1
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		fraction = digits()
	}
	switch kind {
	case "decimal":
		return fraction > 0 && s == ""
	case "double":
		if whole == 0 && fraction <= 0 || s == "" || s[0]|0x20 != 'e' {
			return false
		}
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return digits() > 0 && s == ""
	}
	return false
}
