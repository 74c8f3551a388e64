package rdf

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// elements writes RDF/XML: one rdf:Description for each run of statements
// about one subject, one property element for each statement.
type elements struct {
	*names
	s      kg.Term
	open   bool           // an rdf:Description is open
	closed bool           // end was called
	cuts   map[string]int // lengths of the namespaces of predicates
}

func (x *elements) begin(b []byte) []byte {
	b = append(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF xmlns:rdf=\""+kg.RDF+"\""...)
	for _, p := range x.sorted {
		// Some names mean something to XML, and rdf is ours.
		if p == "" || p == "rdf" || !isXMLPrefix(p) {
			continue
		}
		b = append(b, "\n    xmlns:"+p+"=\""...)
		b = append(appendXML(b, x.iris[p]), '"')
	}
	return append(b, ">\n"...)
}

func isXMLPrefix(p string) bool {
	return scan.IsNCName(p) && !(len(p) >= 3 && strings.EqualFold(p[:3], "xml"))
}

func (x *elements) quad(b []byte, q *kg.TermQuad) ([]byte, error) {
	if x.closed {
		return b, fmt.Errorf("rdf: an RDF/XML document cannot be written to after Flush")
	}
	ns, local, err := x.property(q.P.Value)
	if err != nil {
		return b, err
	}
	if !x.open || x.s != q.S {
		if x.open {
			b = append(b, "  </rdf:Description>\n"...)
		}
		b = append(b, "  <rdf:Description "...)
		if b, err = appendNode(b, &q.S, "rdf:about"); err != nil {
			return b, err
		}
		b = append(b, ">\n"...)
		x.open, x.s = true, q.S
	}
	b = append(b, "    "...)
	if b, err = x.propertyElement(b, ns, local, &q.O); err != nil {
		return b, err
	}
	return append(b, '\n'), nil
}

// propertyElement writes predicate and object. What RDF 1.1 does not know
// declares its version just there, so that other documents stay plain.
func (x *elements) propertyElement(b []byte, ns, local string, o *kg.Term) ([]byte, error) {
	prefix, declared := "rdf", ns == kg.RDF
	if !declared {
		prefix, declared = x.prefixes[ns]
		declared = declared && prefix != "" && prefix != "rdf" && isXMLPrefix(prefix)
	}
	if !declared {
		prefix = "ns"
	}
	name := prefix + ":" + local
	b = append(append(b, '<'), name...)
	if !declared {
		b = append(b, " xmlns:ns=\""...)
		b = append(appendXML(b, ns), '"')
	}
	var err error
	switch o.Kind {
	case kg.Literal:
		switch {
		case o.Lang != "":
			b = append(append(append(b, " xml:lang=\""...), o.Lang...), '"')
			if o.Dir != "" {
				b = append(b, " rdf:version=\"1.2\" xmlns:its=\"http://www.w3.org/2005/11/its\" its:version=\"2.0\" its:dir=\""...)
				b = append(append(b, o.Dir...), '"')
			}
		case o.Datatype != kg.XSDString:
			b = append(b, " rdf:datatype=\""...)
			b = append(appendXML(b, o.Datatype), '"')
		}
		if i := strings.IndexFunc(o.Value, notXML); i >= 0 {
			r, _ := utf8.DecodeRuneInString(o.Value[i:])
			return b, fmt.Errorf("rdf: XML cannot hold the character %U of %s; write Turtle or N-Triples", r, o)
		}
		b = append(appendXML(append(b, '>'), o.Value), "</"...)
		return append(append(b, name...), '>'), nil
	case kg.Triple:
		b = append(b, " rdf:version=\"1.2\" rdf:parseType=\"Triple\"><rdf:Description "...)
		if b, err = appendNode(b, &o.Spo[0], "rdf:about"); err != nil {
			return b, err
		}
		ns, local, err := x.property(o.Spo[1].Value)
		if err != nil {
			return b, err
		}
		if b, err = x.propertyElement(append(b, '>'), ns, local, &o.Spo[2]); err != nil {
			return b, err
		}
		b = append(b, "</rdf:Description></"...)
		return append(append(b, name...), '>'), nil
	}
	if b, err = appendNode(append(b, ' '), o, "rdf:resource"); err != nil {
		return b, err
	}
	return append(b, "/>"...), nil
}

func (x *elements) end(b []byte) []byte {
	if x.closed {
		return b
	}
	x.closed = true
	if x.open {
		b = append(b, "  </rdf:Description>\n"...)
	}
	return append(b, "</rdf:RDF>\n"...)
}

// appendNode writes the attribute that names a node.
func appendNode(b []byte, t *kg.Term, attr string) ([]byte, error) {
	if t.Kind == kg.Blank {
		return append(append(append(b, "rdf:nodeID=\""...), scan.XMLLabel(t.Value)...), '"'), nil
	}
	if strings.ContainsFunc(t.Value, notXML) {
		return b, fmt.Errorf("rdf: XML cannot hold %s", t)
	}
	b = append(append(b, attr...), "=\""...)
	return append(appendXML(b, t.Value), '"'), nil
}

// syntaxNames are the names of the RDF namespace that RDF/XML does not take
// as property elements (RDF/XML, section 5).
var syntaxNames = map[string]bool{
	"RDF": true, "ID": true, "about": true, "parseType": true, "resource": true, "nodeID": true, "datatype": true,
	"Description": true, "li": true, "aboutEach": true, "aboutEachPrefix": true, "bagID": true,
}

// property splits the IRI of a predicate so that the second part is an XML
// name without a colon.
func (x *elements) property(iri string) (ns, local string, err error) {
	cut, ok := x.cuts[iri]
	if !ok {
		cut = propertyCut(iri)
		if x.cuts == nil || len(x.cuts) >= 1024 {
			x.cuts = map[string]int{}
		}
		x.cuts[strings.Clone(iri)] = cut
	}
	if ns, local = iri[:cut], iri[cut:]; local == "" {
		return "", "", fmt.Errorf("rdf: RDF/XML has no way to write the predicate <%s>; write Turtle or N-Triples", iri)
	}
	return ns, local, nil
}

// propertyCut returns the length of the namespace, all of the IRI if there is
// no way to split it.
func propertyCut(iri string) int {
	cut := strings.LastIndexAny(iri, "/#:") + 1
	if !scan.IsNCName(iri[cut:]) {
		// The longest end of ASCII that is a name.
		cut = len(iri)
		for i := len(iri) - 1; i >= 0 && scan.Classes[iri[i]]&scan.NameChar != 0 || i >= 0 && iri[i] == '.'; i-- {
			if scan.Classes[iri[i]]&scan.Letter != 0 || iri[i] == '_' {
				cut = i
			}
		}
	}
	ns, local := iri[:cut], iri[cut:]
	if ns == "" || ns == "http://www.w3.org/XML/1998/namespace" || ns == "http://www.w3.org/2000/xmlns/" ||
		ns == kg.RDF && syntaxNames[local] || strings.ContainsFunc(iri, notXML) {
		return len(iri)
	}
	return cut
}

// notXML reports whether XML 1.0 has no way to write r (section 2.2).
func notXML(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// appendXML appends text for an element or a quoted attribute.
func appendXML(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		var esc string
		switch s[i] {
		case '&':
			esc = "&amp;"
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '"':
			esc = "&quot;"
		case '\r':
			// A bare one would be read as a line feed.
			esc = "&#xD;"
		default:
			continue
		}
		b = append(append(b, s[from:i]...), esc...)
		from = i + 1
	}
	return append(b, s[from:]...)
}
