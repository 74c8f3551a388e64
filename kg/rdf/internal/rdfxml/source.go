package rdfxml

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

const (
	xmlNS   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNS = "http://www.w3.org/2000/xmlns/"
	itsNS   = "http://www.w3.org/2005/11/its"
)

// Bounds of what a document can make the reader hold.
const (
	maxEntity    = 64 << 10            // bytes of one entity's text
	maxExpansion = 16 << 20            // bytes that all references to entities add
	maxMarkup    = 6 * scan.MaxLiteral // bytes from one '<' to the next
)

// name is an XML name with its namespace.
type name struct{ space, prefix, local string }

func (n name) String() string {
	if n.prefix == "" {
		return n.local
	}
	return n.prefix + ":" + n.local
}

type attribute struct {
	name
	value string
}

// element is a start tag. Declarations of namespaces are not among attrs.
type element struct {
	name
	attrs []attribute
}

// source reads XML tokens with namespaces. encoding/xml alone accepts
// undeclared prefixes, content after the root element, repeated attributes
// and no entities.
type source struct {
	dec   *xml.Decoder
	guard *guard
	file  string

	bindings []binding
	open     []openElement // names as written, to match end tags
	rooted   bool          // the root element has begun
	onPrefix func(prefix, iri string)
}

type binding struct{ prefix, iri string }

type openElement struct {
	name     xml.Name
	bindings int // before this element
}

func newSource(r io.Reader, file string) *source {
	s := &source{guard: &guard{r: r}, file: file}
	s.dec = xml.NewDecoder(s.guard)
	s.dec.Entity = map[string]string{}
	s.guard.entities = s.dec.Entity
	s.dec.CharsetReader = charset
	s.bindings = []binding{{"xml", xmlNS}}
	return s
}

// errorf makes an error at the current place.
func (s *source) errorf(remedy, format string, args ...any) *scan.Error {
	line, col := s.dec.InputPos()
	// The decoder counts bytes, and may stand before the first of a line.
	return &scan.Error{File: s.file, Line: line, Col: max(col, 1), Offset: s.dec.InputOffset(), Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

// next returns element, endTag, xml.CharData, xml.Comment or xml.ProcInst;
// io.EOF after a complete document. Byte slices are valid until the next call.
func (s *source) next() (any, error) {
	for {
		tok, err := s.dec.RawToken()
		if err != nil {
			return nil, s.failed(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(s.open) == 0 && s.rooted {
				return nil, s.errorf("", "a second root element <%s>", t.Name.Local)
			}
			s.rooted = true
			return s.start(t)
		case xml.EndElement:
			if len(s.open) == 0 || s.open[len(s.open)-1].name != t.Name {
				return nil, s.errorf("", "the end tag </%s> closes no element", join(t.Name))
			}
			return endTag{}, nil
		case xml.CharData:
			if len(s.open) == 0 {
				if len(bytes.TrimSpace(t)) > 0 {
					return nil, s.errorf("is this RDF/XML?", "text outside the root element: %s", scan.Shown(string(t)))
				}
				continue
			}
			return t, nil
		case xml.Comment, xml.ProcInst:
			if len(s.open) > 0 {
				return t, nil
			}
		case xml.Directive:
			if s.rooted {
				return nil, s.errorf("", "a DOCTYPE after the root element")
			}
			if err := s.doctype(string(t)); err != nil {
				return nil, err
			}
		}
	}
}

type endTag struct{}

// close forgets the innermost element and its namespaces.
func (s *source) close() {
	o := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.bindings = s.bindings[:o.bindings]
}

func join(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// failed turns an error of the decoder into one with a place.
func (s *source) failed(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case s.guard.err != nil && s.guard.err != io.EOF:
		if m := (*markupError)(nil); errors.As(s.guard.err, &m) {
			return s.errorf(m.remedy, "%s", m.msg)
		}
		return s.guard.err
	case err == io.EOF && len(s.open) > 0:
		return s.errorf("the file may be cut off", "the document ends inside <%s>", join(s.open[len(s.open)-1].name))
	case err == io.EOF && !s.rooted:
		return s.errorf("is this RDF/XML?", "the document has no element")
	case err == io.EOF:
		return io.EOF
	case errors.As(err, &syntax):
		remedy := ""
		switch {
		case strings.Contains(syntax.Msg, "UTF-8"):
			remedy = "convert the file to UTF-8"
		case strings.Contains(syntax.Msg, "unexpected EOF"):
			remedy = "the file may be cut off"
		case strings.Contains(syntax.Msg, "entity"):
			remedy = "write & as &amp;"
		}
		return s.errorf(remedy, "%s", syntax.Msg)
	}
	return s.errorf("", "%s", strings.TrimPrefix(err.Error(), "xml: "))
}

// start declares the namespaces of a tag and resolves its names.
func (s *source) start(t xml.StartElement) (any, error) {
	if len(s.open) >= scan.MaxDepth {
		return nil, s.errorf("flatten the document", "elements are nested more than %d deep", scan.MaxDepth)
	}
	s.open = append(s.open, openElement{t.Name, len(s.bindings)})
	n := 0
	for _, a := range t.Attr {
		prefix, declares := "", false
		switch {
		case a.Name.Space == "xmlns":
			prefix, declares = a.Name.Local, true
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			declares = true
		}
		if !declares {
			t.Attr[n] = a
			n++
			continue
		}
		switch {
		case prefix != "" && !scan.IsNCName(prefix):
			return nil, s.errorf("", "%s is no prefix", scan.Shown(prefix))
		case prefix == "xmlns" || prefix != "xml" && (a.Value == xmlNS || a.Value == xmlnsNS) || prefix == "xml" && a.Value != xmlNS:
			return nil, s.errorf("", "the prefixes xml and xmlns and their namespaces cannot be declared otherwise")
		case prefix != "" && a.Value == "":
			return nil, s.errorf("", "the prefix %s is declared as nothing", prefix)
		}
		s.bindings = append(s.bindings, binding{prefix, a.Value})
		if s.onPrefix != nil && a.Value != "" && prefix != "xml" {
			s.onPrefix(prefix, a.Value)
		}
	}
	var e element
	var err error
	if e.name, err = s.resolve(t.Name, false); err != nil {
		return nil, err
	}
	for i, a := range t.Attr[:n] {
		r, err := s.resolve(a.Name, true)
		if err != nil {
			return nil, err
		}
		for _, b := range e.attrs[:i] {
			if b.local == r.local && b.space == r.space {
				return nil, s.errorf("", "the attribute %s appears twice", r)
			}
		}
		e.attrs = append(e.attrs, attribute{r, a.Value})
	}
	return e, nil
}

func (s *source) resolve(n xml.Name, attr bool) (name, error) {
	r := name{prefix: n.Space, local: n.Local}
	// encoding/xml checks the name as a whole, not its parts.
	if !scan.IsNCName(n.Local) || n.Space != "" && !scan.IsNCName(n.Space) {
		return r, s.errorf("", "%s is no XML name with a prefix", scan.Shown(join(n)))
	}
	if attr && n.Space == "" {
		return r, nil
	}
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == n.Space {
			r.space = s.bindings[i].iri
			return r, nil
		}
	}
	if n.Space != "" {
		return r, s.errorf("declare it with xmlns:"+n.Space+"=\"...\"", "the prefix %s is not declared", n.Space)
	}
	return r, nil
}

// namespace returns what a prefix is bound to, empty if to nothing.
func (s *source) namespace(prefix string) string {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return s.bindings[i].iri
		}
	}
	return ""
}

// doctype reads the internal entities of a DOCTYPE (XML 1.0, section 4.2).
// Nothing is ever fetched: external entities are refused, an external subset
// is ignored.
func (s *source) doctype(d string) error {
	if !strings.HasPrefix(d, "DOCTYPE") {
		return s.errorf("", "unexpected markup <!%s", scan.Shown(d))
	}
	open := strings.IndexByte(d, '[')
	if open < 0 {
		return nil
	}
	d = d[open+1:]
	for {
		i := strings.Index(d, "<!ENTITY")
		if i < 0 {
			return nil
		}
		f := strings.TrimLeft(d[i+len("<!ENTITY"):], " \t\r\n")
		if strings.HasPrefix(f, "%") {
			return s.errorf("remove it from the DOCTYPE", "parameter entities are refused")
		}
		end := strings.IndexAny(f, " \t\r\n\"'>")
		if end <= 0 {
			return s.errorf("", "an entity without a name")
		}
		entity := f[:end]
		f = strings.TrimLeft(f[end:], " \t\r\n")
		if f == "" || f[0] != '"' && f[0] != '\'' {
			return s.errorf("replace references to it with its text", "external entity %s is refused", scan.Shown(entity))
		}
		stop := strings.IndexByte(f[1:], f[0])
		if stop < 0 {
			return s.errorf("", "the entity %s has no closing quote", scan.Shown(entity))
		}
		value, err := s.expand(f[1 : 1+stop])
		if err != nil {
			return err
		}
		if len(s.dec.Entity) >= 1024 {
			return s.errorf("", "more than 1024 entities")
		}
		// The first declaration counts (section 4.2).
		if _, ok := s.dec.Entity[entity]; !ok {
			s.dec.Entity[entity] = value
		}
		d = f[stop+2:]
	}
}

// expand replaces references in the text of an entity. Text with markup is
// refused: it would have to be parsed again.
func (s *source) expand(v string) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(v, '&')
		if i < 0 {
			b.WriteString(v)
			break
		}
		b.WriteString(v[:i])
		end := strings.IndexByte(v[i:], ';')
		if end < 0 {
			return "", s.errorf("write & as &amp;", "an '&' without ';' in an entity")
		}
		ref := v[i+1 : i+end]
		v = v[i+end+1:]
		known := map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"}
		switch text, ok := known[ref]; {
		case ok:
			b.WriteString(text)
		case strings.HasPrefix(ref, "#"):
			// The decoder knows character references; it needs an element.
			var c struct {
				Text string `xml:",chardata"`
			}
			if err := xml.Unmarshal([]byte("<c>&"+ref+";</c>"), &c); err != nil {
				return "", s.errorf("", "wrong character reference &%s;", ref)
			}
			b.WriteString(c.Text)
		default:
			text, ok := s.dec.Entity[ref]
			if !ok {
				return "", s.errorf("declare it before it is used", "unknown entity &%s;", ref)
			}
			b.WriteString(text)
		}
		if b.Len() > maxEntity {
			break
		}
	}
	if b.Len() > maxEntity {
		return "", s.errorf("", "an entity expands to more than 64 KiB")
	}
	if strings.Contains(b.String(), "<") {
		return "", s.errorf("replace references to it with its text", "entities that hold markup are not supported")
	}
	return b.String(), nil
}

// charset decodes the encodings besides UTF-8 that are plain tables.
func charset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii", "utf-8", "utf8":
		return r, nil
	case "iso-8859-1", "latin1", "iso_8859-1":
		return &latin1{r: bufio.NewReader(r)}, nil
	}
	return nil, fmt.Errorf("encoding %q is not supported; convert the file to UTF-8", label)
}

// latin1 turns ISO 8859-1 into UTF-8.
type latin1 struct {
	r    *bufio.Reader
	rest byte // second byte of a character
}

func (l *latin1) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if l.rest != 0 {
			p[n], l.rest = l.rest, 0
			n++
			continue
		}
		if n > 0 && l.r.Buffered() == 0 {
			break
		}
		c, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		if c < 0x80 {
			p[n] = c
		} else {
			p[n], l.rest = 0xC0|c>>6, 0x80|c&0x3F
		}
		n++
	}
	return n, nil
}

// guard watches the bytes on their way to the decoder, which would hold text
// of any length and expand entities without bound.
type guard struct {
	r        io.Reader
	begun    bool
	entities map[string]string
	ref      []byte // name after '&', while inRef
	inRef    bool
	expanded int
	run      int // bytes since the last '<'
	err      error
}

type markupError struct{ msg, remedy string }

func (m *markupError) Error() string { return m.msg }

func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	if !g.begun && n > 0 {
		g.begun = true
		if n == 1 && p[0] == 0xEF && len(p) >= 3 {
			// The rest of a byte order mark comes next.
			m, e := io.ReadFull(g.r, p[1:3])
			n += m
			if e != nil {
				err = e
			}
		}
		switch {
		case bytes.HasPrefix(p[:n], []byte("\xEF\xBB\xBF")):
			n = copy(p, p[3:n])
		case bytes.HasPrefix(p[:n], []byte{0xFF, 0xFE}), bytes.HasPrefix(p[:n], []byte{0xFE, 0xFF}):
			g.err = &markupError{"the document is in UTF-16", "convert the file to UTF-8"}
			return 0, g.err
		}
	}
	for _, c := range p[:n] {
		g.run++
		switch {
		case c == '<':
			g.run, g.inRef = 0, false
		case c == '&':
			g.inRef, g.ref = true, g.ref[:0]
		case c == ';' && g.inRef:
			g.inRef = false
			g.expanded += len(g.entities[string(g.ref)])
		case g.inRef:
			if g.ref = append(g.ref, c); len(g.ref) > 256 {
				g.inRef = false
			}
		}
	}
	switch {
	case g.expanded > maxExpansion:
		err = &markupError{"references to entities expand to more than 16 MiB", "replace them with their text"}
	case g.run > maxMarkup:
		err = &markupError{"text or a tag is longer than 96 MiB", "store large texts as documents"}
	}
	g.err = err
	if _, ok := err.(*markupError); ok {
		return 0, err
	}
	return n, err
}
