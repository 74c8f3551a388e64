package rdfxml

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
)

// canon collects the content of an XML literal in the form that RDF/XML asks
// for (section 7.2.17): Exclusive XML Canonicalization 1.0 with comments.
type canon struct {
	src   *source
	b     bytes.Buffer
	depth int
	// rendered are the namespaces that the output declares so far, and where
	// each open element's begin.
	rendered []binding
	marks    []int
	ends     []string
}

func (c *canon) start(e element) {
	c.depth++
	c.marks = append(c.marks, len(c.rendered))
	c.ends = append(c.ends, e.String())
	c.b.WriteByte('<')
	c.b.WriteString(e.String())

	// Namespaces are declared where a name first uses them.
	prefixes := []string{e.prefix}
	for _, a := range e.attrs {
		if a.prefix != "" && !slices.Contains(prefixes, a.prefix) {
			prefixes = append(prefixes, a.prefix)
		}
	}
	slices.Sort(prefixes)
	for _, p := range prefixes {
		iri := c.src.namespace(p)
		if p == "xml" || c.declared(p) == iri {
			continue
		}
		c.rendered = append(c.rendered, binding{p, iri})
		if c.b.WriteString(" xmlns"); p != "" {
			c.b.WriteByte(':')
			c.b.WriteString(p)
		}
		c.b.WriteString(`="`)
		c.attr(iri)
		c.b.WriteByte('"')
	}
	attrs := slices.Clone(e.attrs)
	slices.SortFunc(attrs, func(a, b attribute) int {
		if n := strings.Compare(a.space, b.space); n != 0 {
			return n
		}
		return strings.Compare(a.local, b.local)
	})
	for _, a := range attrs {
		c.b.WriteByte(' ')
		c.b.WriteString(a.name.String())
		c.b.WriteString(`="`)
		c.attr(a.value)
		c.b.WriteByte('"')
	}
	c.b.WriteByte('>')
}

// declared returns what the output binds a prefix to.
func (c *canon) declared(prefix string) string {
	for i := len(c.rendered) - 1; i >= 0; i-- {
		if c.rendered[i].prefix == prefix {
			return c.rendered[i].iri
		}
	}
	return ""
}

func (c *canon) end() {
	c.depth--
	n := len(c.marks) - 1
	c.rendered = c.rendered[:c.marks[n]]
	c.b.WriteString("</" + c.ends[n] + ">")
	c.marks, c.ends = c.marks[:n], c.ends[:n]
}

var (
	textEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

func (c *canon) text(s []byte)    { textEscapes.WriteString(&c.b, string(s)) }
func (c *canon) attr(s string)    { attrEscapes.WriteString(&c.b, s) }
func (c *canon) comment(s []byte) { c.b.WriteString("<!--" + string(s) + "-->") }

func (c *canon) instruction(p xml.ProcInst) {
	c.b.WriteString("<?" + p.Target)
	if len(p.Inst) > 0 {
		c.b.WriteByte(' ')
		c.b.Write(p.Inst)
	}
	c.b.WriteString("?>")
}
