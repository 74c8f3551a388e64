package rdfxml

import (
	"encoding/xml"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
)

// kind is what an element is by the grammar (RDF/XML, section 7.2).
type kind uint8

const (
	root       kind = iota // rdf:RDF: node elements
	node                   // property elements
	resource               // parseType="Resource": property elements
	property               // text or one node element
	empty                  // a property element that may hold nothing
	typed                  // rdf:datatype: text
	collection             // parseType="Collection": node elements
	literal                // parseType="Literal": anything
	triple                 // parseType="Triple": one node element with one statement
)

// frame is an open element.
type frame struct {
	kind  kind
	name  name
	base  iri.Base
	based bool
	lang  string
	dir   string  // its:dir
	v12   bool    // rdf:version is 1.2: directions and triple terms count
	subj  kg.Term // node, resource: subject of the properties inside
	items int     // rdf:li so far

	// Of a property element:
	pred     string
	reify    string  // IRI of the statement, empty if it has no rdf:ID
	note     kg.Term // RDF 1.2: reifier, from rdf:annotation
	datatype string
	text     []byte
	done     bool    // the statement is made
	cell     kg.Term // collection: the last cell
}

// grammar turns XML tokens into statements, one token at a time.
type grammar struct {
	src   *source
	out   func(s kg.Term, p string, o kg.Term)
	stack []frame
	// terms collects the statements inside each open parseType="Triple".
	terms [][]kg.Term
	outer frame // base and language outside the root
	canon *canon
	ids   map[uint64]struct{} // hashes of the IRIs that rdf:ID made
	anon  uint64
}

// step reads one token; io.EOF at the end of the document.
func (g *grammar) step() error {
	tok, err := g.src.next()
	if err != nil {
		return err
	}
	if g.canon != nil {
		return g.inLiteral(tok)
	}
	switch t := tok.(type) {
	case element:
		return g.start(t)
	case endTag:
		err := g.end()
		g.stack = g.stack[:len(g.stack)-1]
		g.src.close()
		return err
	case xml.CharData:
		return g.chars(t)
	}
	return nil
}

func (g *grammar) top() *frame {
	if len(g.stack) == 0 {
		return &g.outer
	}
	return &g.stack[len(g.stack)-1]
}

func (g *grammar) fresh() kg.Term {
	g.anon++
	return kg.Term{Kind: kg.Blank, Value: "a" + strconv.FormatUint(g.anon, 36)}
}

func (g *grammar) errorf(remedy, format string, args ...any) error {
	return g.src.errorf(remedy, format, args...)
}

// Names of the RDF namespace with a meaning of their own (section 5).
var (
	coreTerms = map[string]bool{"RDF": true, "ID": true, "about": true, "parseType": true, "resource": true, "nodeID": true, "datatype": true}
	oldTerms  = map[string]bool{"aboutEach": true, "aboutEachPrefix": true, "bagID": true}
)

// syntax is the attributes of an element that the grammar knows.
type syntax struct {
	id, about, nodeID, resource, parseType, datatype *string
	annotation, annotationNodeID                     *string
	rest                                             []attribute // property attributes
}

// attributes sorts the attributes of an element and applies xml:base and
// xml:lang to f.
func (g *grammar) attributes(e *element, f *frame) (s syntax, err error) {
	outer := g.top()
	f.base, f.based, f.lang, f.name = outer.base, outer.based, outer.lang, e.name
	f.dir, f.v12 = outer.dir, outer.v12
	for i := range e.attrs {
		a := &e.attrs[i]
		if a.prefix == "" {
			// Section 6.1.4: these may stand without a prefix; nothing else may.
			switch a.local {
			case "ID", "about", "resource", "parseType", "type":
				a.space = kg.RDF
			default:
				if strings.HasPrefix(strings.ToLower(a.local), "xml") {
					continue
				}
				return s, g.errorf("give it a prefix", "the attribute %s has no namespace", a.local)
			}
		}
		if a.space == xmlNS {
			switch a.local {
			case "base":
				b := a.value
				if f.based {
					b = f.base.Resolve(b)
				}
				if f.base, f.based = iri.NewBase(b); !f.based {
					return s, g.errorf("", "xml:base %s is no absolute IRI", scan.Shown(a.value))
				}
			case "lang":
				f.lang = a.value
			}
			continue
		}
		if a.space == itsNS {
			switch a.local {
			case "version":
			case "dir":
				if f.dir = a.value; f.dir != "ltr" && f.dir != "rtl" {
					return s, g.errorf("", "its:dir must be ltr or rtl, not %s", scan.Shown(a.value))
				}
			default:
				return s, g.errorf("", "the attribute %s is not supported", a.name)
			}
			continue
		}
		if a.space != kg.RDF {
			s.rest = append(s.rest, *a)
			continue
		}
		v := &a.value
		switch a.local {
		case "ID":
			s.id = v
		case "about":
			s.about = v
		case "nodeID":
			s.nodeID = v
		case "resource":
			s.resource = v
		case "parseType":
			s.parseType = v
		case "datatype":
			s.datatype = v
		case "annotation":
			s.annotation = v
		case "annotationNodeID":
			s.annotationNodeID = v
		case "version":
			f.v12 = strings.HasPrefix(a.value, "1.2")
		case "RDF", "Description", "li", "aboutEach", "aboutEachPrefix", "bagID":
			return s, g.errorf("", "rdf:%s may not be an attribute", a.local)
		default:
			s.rest = append(s.rest, *a)
		}
	}
	if f.lang != "" {
		if n, _ := scan.LangLen(f.lang); n != len(f.lang) {
			return s, g.errorf("", "%s is no language tag", scan.Shown(f.lang))
		}
	}
	for _, p := range []*string{s.id, s.nodeID, s.annotationNodeID} {
		if p != nil && !scan.IsNCName(*p) {
			return s, g.errorf("use a letter or '_' first, then letters, digits, '-', '_', '.'", "rdf:ID, rdf:nodeID and rdf:annotationNodeID must be names, not %s", scan.Shown(*p))
		}
	}
	return s, nil
}

// start reads a start tag where the element around it says what it is.
func (g *grammar) start(e element) error {
	if len(g.stack) == 0 {
		if e.space == kg.RDF && e.local == "RDF" {
			var f frame
			s, err := g.attributes(&e, &f)
			if err != nil {
				return err
			}
			if s.id != nil || s.about != nil || s.nodeID != nil || s.resource != nil || s.parseType != nil || s.datatype != nil || s.annotation != nil || s.annotationNodeID != nil || len(s.rest) > 0 {
				return g.errorf("", "rdf:RDF may have no attributes besides xml:base, xml:lang and namespaces")
			}
			f.kind = root
			g.stack = append(g.stack, f)
			return nil
		}
		if e.space == "" {
			return g.errorf("declare a namespace; is this RDF/XML?", "the root element <%s> has no namespace", e.name)
		}
		return g.node(e)
	}
	switch f := g.top(); f.kind {
	case root, collection:
		return g.node(e)
	case triple:
		if f.done {
			return g.errorf("", "<%s> holds more than one node", f.name)
		}
		f.done = true
		return g.node(e)
	case property:
		if f.done {
			return g.errorf("add rdf:parseType=\"Collection\" for a list, or repeat the property", "<%s> holds more than one node", f.name)
		}
		if len(strings.TrimSpace(string(f.text))) > 0 {
			return g.errorf("add rdf:parseType=\"Literal\" for text with markup", "<%s> holds both text and an element", f.name)
		}
		return g.node(e)
	case node, resource:
		return g.property(e)
	default:
		return g.errorf("", "<%s> may not hold the element <%s>", f.name, e.name)
	}
}

// node reads the start of a node element (section 7.2.11).
func (g *grammar) node(e element) error {
	if e.space == kg.RDF && (coreTerms[e.local] || oldTerms[e.local] || e.local == "li") {
		return g.errorf("", "rdf:%s may not be a node element", e.local)
	}
	if e.space == "" {
		return g.errorf("declare a namespace", "the element <%s> has no namespace", e.name)
	}
	f := frame{kind: node}
	s, err := g.attributes(&e, &f)
	if err != nil {
		return err
	}
	if s.resource != nil || s.parseType != nil || s.datatype != nil || s.annotation != nil || s.annotationNodeID != nil {
		return g.errorf("", "rdf:resource, rdf:parseType, rdf:datatype and rdf:annotation belong to property elements, <%s> is a node", e.name)
	}
	named := 0
	if s.id != nil {
		named++
		if f.subj.Value, err = g.newID(&f, *s.id); err != nil {
			return err
		}
		f.subj.Kind = kg.IRI
	}
	if s.about != nil {
		named++
		if f.subj, err = g.iri(&f, *s.about); err != nil {
			return err
		}
	}
	if s.nodeID != nil {
		named++
		f.subj = kg.NewBlank(scan.XMLLabel(*s.nodeID))
	}
	if named > 1 {
		return g.errorf("", "a node may have only one of rdf:ID, rdf:about and rdf:nodeID")
	}
	if named == 0 {
		f.subj = g.fresh()
	}
	outer := g.top()
	switch {
	case len(g.stack) == 0:
	case outer.kind == property:
		outer.done = true
		g.statement(outer, f.subj)
	case outer.kind == collection:
		cell := g.fresh()
		if outer.cell.Kind == kg.None {
			g.statement(outer, cell)
		} else {
			g.emit(outer.cell, kg.RDF+"rest", cell)
		}
		g.emit(cell, kg.RDF+"first", f.subj)
		outer.cell = cell
	}
	if e.space != kg.RDF || e.local != "Description" {
		t, err := g.checked(e.space + e.local)
		if err != nil {
			return err
		}
		g.emit(f.subj, kg.RDFType, t)
	}
	if err := g.propertyAttributes(&f, s.rest, f.subj); err != nil {
		return err
	}
	g.stack = append(g.stack, f)
	return nil
}

// propertyAttributes makes a statement of each.
func (g *grammar) propertyAttributes(f *frame, attrs []attribute, subj kg.Term) error {
	for _, a := range attrs {
		if a.space == kg.RDF && a.local == "type" {
			t, err := g.iri(f, a.value)
			if err != nil {
				return err
			}
			g.emit(subj, kg.RDFType, t)
			continue
		}
		p, err := g.checked(a.space + a.local)
		if err != nil {
			return err
		}
		if len(a.value) > scan.MaxLiteral {
			return g.errorf("store large texts as documents", "the literal is longer than 16 MiB")
		}
		g.emit(subj, p.Value, f.plain(a.value))
	}
	return nil
}

// property reads the start of a property element (section 7.2.14).
func (g *grammar) property(e element) error {
	if e.space == kg.RDF && (coreTerms[e.local] || oldTerms[e.local] || e.local == "Description") {
		return g.errorf("a property element belongs here", "rdf:%s may not be a property element", e.local)
	}
	if e.space == "" {
		return g.errorf("declare a namespace", "the element <%s> has no namespace", e.name)
	}
	outer := g.top()
	f := frame{kind: property, subj: outer.subj}
	s, err := g.attributes(&e, &f)
	if err != nil {
		return err
	}
	f.pred = e.space + e.local
	if e.space == kg.RDF && e.local == "li" {
		outer.items++
		f.pred = kg.RDF + "_" + strconv.Itoa(outer.items)
	} else if _, err := g.checked(f.pred); err != nil {
		return err
	}
	if s.about != nil {
		return g.errorf("name the object with rdf:resource", "rdf:about may not stand on the property element <%s>", e.name)
	}
	if s.id != nil {
		if f.reify, err = g.newID(&f, *s.id); err != nil {
			return err
		}
	}
	switch {
	case s.annotation != nil && s.annotationNodeID != nil:
		return g.errorf("", "<%s> has both rdf:annotation and rdf:annotationNodeID", e.name)
	case s.annotation != nil:
		if f.note, err = g.iri(&f, *s.annotation); err != nil {
			return err
		}
	case s.annotationNodeID != nil:
		f.note = kg.NewBlank(scan.XMLLabel(*s.annotationNodeID))
	}
	switch {
	case s.parseType != nil:
		if s.resource != nil || s.nodeID != nil || s.datatype != nil || len(s.rest) > 0 {
			return g.errorf("", "besides rdf:parseType, the property element <%s> may only have rdf:ID and rdf:annotation", e.name)
		}
		switch *s.parseType {
		case "Resource":
			f.kind = resource
			o := g.fresh()
			g.statement(&f, o)
			f.subj = o
		case "Collection":
			f.kind = collection
		case "Triple":
			f.kind = triple
			g.terms = append(g.terms, nil)
		default:
			// Anything else means Literal (section 7.2.20).
			f.kind = literal
			g.canon = &canon{src: g.src}
		}
	case s.resource != nil || s.nodeID != nil || len(s.rest) > 0:
		if s.resource != nil && s.nodeID != nil {
			return g.errorf("", "<%s> has both rdf:resource and rdf:nodeID", e.name)
		}
		if s.datatype != nil {
			return g.errorf("", "<%s> has rdf:datatype although its object is no literal", e.name)
		}
		f.kind = empty
		o := kg.Term{}
		switch {
		case s.resource != nil:
			if o, err = g.iri(&f, *s.resource); err != nil {
				return err
			}
		case s.nodeID != nil:
			o = kg.NewBlank(scan.XMLLabel(*s.nodeID))
		default:
			o = g.fresh()
		}
		g.statement(&f, o)
		if err := g.propertyAttributes(&f, s.rest, o); err != nil {
			return err
		}
	case s.datatype != nil:
		f.kind = typed
		dt, err := g.iri(&f, *s.datatype)
		if err != nil {
			return err
		}
		if f.datatype = dt.Value; f.datatype == kg.RDFLangString || f.datatype == kg.RDFDirLangStr {
			return g.errorf("use xml:lang", "a literal of datatype rdf:%s needs a language tag", f.datatype[len(kg.RDF):])
		}
	}
	g.stack = append(g.stack, f)
	return nil
}

// emit hands a statement over, or keeps it for the triple term around it.
func (g *grammar) emit(s kg.Term, p string, o kg.Term) {
	if n := len(g.terms); n > 0 {
		// One too many is enough to know that it is wrong.
		if len(g.terms[n-1]) <= 3 {
			g.terms[n-1] = append(g.terms[n-1], s, kg.NewIRI(p), o)
		}
		return
	}
	g.out(s, p, o)
}

// statement makes the statement of a property element, the four that speak of
// it if it has an rdf:ID (section 7.3), and the one of its annotation.
func (g *grammar) statement(f *frame, o kg.Term) {
	g.emit(f.subj, f.pred, o)
	if f.note.Kind != kg.None {
		g.emit(f.note, kg.RDF+"reifies", kg.NewTriple(f.subj, kg.NewIRI(f.pred), o))
	}
	if f.reify == "" {
		return
	}
	r := kg.NewIRI(f.reify)
	g.emit(r, kg.RDFType, kg.NewIRI(kg.RDF+"Statement"))
	g.emit(r, kg.RDF+"subject", f.subj)
	g.emit(r, kg.RDF+"predicate", kg.NewIRI(f.pred))
	g.emit(r, kg.RDF+"object", o)
}

func (g *grammar) chars(t []byte) error {
	f := g.top()
	if f.kind == property || f.kind == typed {
		if f.text = append(f.text, t...); len(f.text) > scan.MaxLiteral {
			return g.errorf("store large texts as documents", "the literal is longer than 16 MiB")
		}
		if !f.done {
			return nil
		}
		f.text = f.text[:0]
	}
	if s := strings.TrimSpace(string(t)); s != "" {
		return g.errorf("add rdf:parseType=\"Literal\" for text with markup", "<%s> may not hold the text %s", f.name, scan.Shown(s))
	}
	return nil
}

// end finishes the innermost element.
func (g *grammar) end() error {
	f := g.top()
	switch f.kind {
	case property:
		if !f.done {
			g.statement(f, f.plain(string(f.text)))
		}
	case typed:
		g.statement(f, kg.NewTyped(string(f.text), f.datatype))
	case triple:
		n := len(g.terms) - 1
		spo := g.terms[n]
		g.terms = g.terms[:n]
		if !f.v12 {
			// Before 1.2 there were no triple terms: nothing is said.
			break
		}
		if len(spo) != 3 {
			return g.errorf("", "<%s> must hold one node with one statement", f.name)
		}
		g.statement(f, kg.NewTriple(spo[0], spo[1], spo[2]))
	case collection:
		nothing := kg.NewIRI(kg.RDF + "nil")
		if f.cell.Kind == kg.None {
			g.statement(f, nothing)
		} else {
			g.emit(f.cell, kg.RDF+"rest", nothing)
		}
	}
	return nil
}

// inLiteral copies a token into the XML literal.
func (g *grammar) inLiteral(tok any) error {
	switch t := tok.(type) {
	case element:
		g.canon.start(t)
	case endTag:
		if g.canon.depth > 0 {
			g.canon.end()
			g.src.close()
			break
		}
		g.statement(g.top(), kg.NewTyped(g.canon.b.String(), kg.RDF+"XMLLiteral"))
		g.canon = nil
		g.stack = g.stack[:len(g.stack)-1]
		g.src.close()
		return nil
	case xml.CharData:
		g.canon.text(t)
	case xml.Comment:
		g.canon.comment(t)
	case xml.ProcInst:
		g.canon.instruction(t)
	}
	if g.canon.b.Len() > scan.MaxLiteral {
		return g.errorf("store large texts as documents", "the XML literal is longer than 16 MiB")
	}
	return nil
}

// plain is a string with the language and direction in scope.
func (f *frame) plain(text string) kg.Term {
	switch {
	case f.lang == "":
		return kg.NewString(text)
	case f.v12 && f.dir != "":
		return kg.NewDirLang(text, f.lang, f.dir)
	}
	return kg.NewLang(text, f.lang)
}

// newID resolves an rdf:ID, which may name only one thing.
func (g *grammar) newID(f *frame, id string) (string, error) {
	t, err := g.iri(f, "#"+id)
	if err != nil {
		return "", err
	}
	h := maphash.String(idSeed, t.Value)
	if _, ok := g.ids[h]; ok {
		return "", g.errorf("use rdf:about to speak of one thing in several places", "rdf:ID=%s appears twice", scan.Shown(id))
	}
	if g.ids == nil {
		g.ids = map[uint64]struct{}{}
	}
	g.ids[h] = struct{}{}
	return t.Value, nil
}

var idSeed = maphash.MakeSeed()

// iri resolves a reference.
func (g *grammar) iri(f *frame, ref string) (kg.Term, error) {
	if iri.IsAbsolute(ref) {
		return g.checked(ref)
	}
	if !f.based {
		return kg.Term{}, g.errorf("add xml:base to the document or name a base", "relative IRI %s without a base", scan.Shown(ref))
	}
	return g.checked(f.base.Resolve(ref))
}

// checked returns the term of an absolute IRI.
func (g *grammar) checked(s string) (kg.Term, error) {
	if len(s) > scan.MaxIRI {
		return kg.Term{}, g.errorf("shorten it", "the IRI %s is longer than 8 KiB", scan.Shown(s))
	}
	for i := 0; i < len(s); i++ {
		if scan.Classes[s[i]]&scan.InIRI == 0 {
			return kg.Term{}, g.errorf("percent-encode it", "an IRI may not hold the character %q, as in %s", rune(s[i]), scan.Shown(s))
		}
	}
	if scan.SchemeLen(s) == 0 {
		return kg.Term{}, g.errorf("", "%s is no absolute IRI", scan.Shown(s))
	}
	return kg.NewIRI(s), nil
}
