// Package ttl reads Turtle and TriG (RDF 1.2, which includes 1.1) by recursive
// descent over a sliding window: one pass, no syntax tree, one allocation per
// new term.
package ttl

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
)

// batchSize is the most quads that are handed over at once.
const batchSize = 512

// Options of Read.
type Options struct {
	TriG       bool
	Base       string
	Prefix     string // of blank node labels; never empty
	File       string // for errors
	Lenient    bool   // report bad statements to OnError and go on
	OnError    func(error)
	OnProgress func(bytes int64)
	OnPrefix   func(prefix, iri string)

	window int // size of the first window, for tests; 0 means 64 KiB
}

// Read returns the quads of r in batches, valid until the next is asked for.
func Read(ctx context.Context, r io.Reader, o Options) iter.Seq2[[]kg.TermQuad, error] {
	return func(yield func([]kg.TermQuad, error) bool) {
		p := &parser{
			source:   source{ctx: ctx, r: r, file: o.File, onProgress: o.OnProgress, window: cmp.Or(o.window, 64<<10)},
			o:        o,
			yield:    yield,
			prefixes: map[string]string{},
			out:      make([]kg.TermQuad, 0, batchSize),
		}
		if o.Base != "" {
			var ok bool
			if p.base, ok = iri.NewBase(o.Base); !ok {
				yield(nil, errors.New("rdf: base "+scan.Shown(o.Base)+" is no absolute IRI; it must start with a scheme, as in http://ex.example/"))
				return
			}
			p.based = true
		}
		p.document()
		if p.flush() && p.failure != nil {
			yield(nil, p.failure)
		}
	}
}

var (
	rdfType    = kg.NewIRI(kg.RDFType)
	rdfFirst   = kg.NewIRI(kg.RDF + "first")
	rdfRest    = kg.NewIRI(kg.RDF + "rest")
	rdfNil     = kg.NewIRI(kg.RDF + "nil")
	rdfReifies = kg.NewIRI(kg.RDF + "reifies")
)

type parser struct {
	source
	o        Options
	yield    func([]kg.TermQuad, error) bool
	out      []kg.TermQuad
	graph    kg.Term
	inGraph  bool // between { and }
	base     iri.Base
	based    bool
	prefixes map[string]string
	memo     memo
	in       scan.Intern
	anon     uint64 // blank nodes made so far
	depth    int
	failure  error // why parsing stopped
	stopped  bool  // the consumer wants no more
}

// emit hands a triple of the current graph over.
func (p *parser) emit(s, pr, o kg.Term) bool {
	p.out = append(p.out, kg.TermQuad{S: s, P: pr, O: o, G: p.graph})
	return len(p.out) < cap(p.out) || p.flush()
}

func (p *parser) flush() bool {
	if p.stopped {
		return false
	}
	if len(p.out) > 0 {
		p.stopped = !p.yield(p.out, nil)
		p.out = p.out[:0]
	}
	return !p.stopped
}

// fail records what is wrong k bytes from i. All parsing functions return
// false after it.
func (p *parser) fail(k int, msg, remedy string) bool {
	if p.stopped {
		return false
	}
	if p.err != nil && p.err != io.EOF && p.i+k >= len(p.b) {
		// The text did not end, reading it did.
		p.failure = p.err
		return false
	}
	at := p.at
	at.Skip(str(p.b[:min(p.i+k, len(p.b))]))
	p.failure = at.Error(p.file, msg, remedy)
	return false
}

// cutOff fails because the text ends inside the token at i.
func (p *parser) cutOff(msg string) bool {
	if p.err != nil && p.err != io.EOF {
		p.failure = p.err
		return false
	}
	return p.fail(0, msg, "the file may be cut off")
}

// expected reports what should stand at i.
func (p *parser) expected(what string) bool {
	if p.peek(0) == 0 && p.i >= len(p.b) {
		return p.fail(0, "expected "+what+", found the end of the file", "the file may be cut off")
	}
	p.need(40)
	n := min(40, len(p.b)-p.i)
	remedy := ""
	switch c := p.b[p.i]; {
	case c == 0:
		remedy = "is this a text file in UTF-8?"
	case c == '{' && !p.o.TriG:
		remedy = "graphs need TriG, not Turtle"
	case c == '"' || c == '\'':
		remedy = "literals may only be objects"
	case what == "'.'" || what == "a predicate":
		remedy = "a '.' or ';' may be missing before this place"
	}
	return p.fail(0, "expected "+what+", found "+scan.Shown(p.token(n)), remedy)
}

func (p *parser) enter() bool {
	if p.depth++; p.depth > scan.MaxDepth {
		return p.fail(0, "nested more than "+strconv.Itoa(scan.MaxDepth)+" deep", "flatten the collections or property lists")
	}
	return true
}

func (p *parser) leave() bool { p.depth--; return true }

// document reads statements until the end, an error or a consumer that has
// enough.
func (p *parser) document() {
	for {
		p.space()
		if p.i == len(p.b) {
			switch {
			case p.err != io.EOF:
				p.failure = p.err
			case p.inGraph:
				p.fail(0, "the graph has no closing '}'", "the file may be cut off")
			default:
				if p.onProgress != nil {
					p.at.Skip(str(p.b))
					p.onProgress(p.at.Offset)
				}
				return
			}
			p.report()
			return
		}
		if p.statement() {
			continue
		}
		if p.stopped || !p.report() {
			return
		}
		p.resync()
	}
}

// report tells OnError of a failure that can be survived. It returns false if
// reading has to stop, with failure still set if the sequence must end with
// it.
func (p *parser) report() bool {
	var syntax *scan.Error
	if !p.o.Lenient || !errors.As(p.failure, &syntax) || p.failure == p.err {
		return false
	}
	if p.o.OnError != nil {
		p.o.OnError(p.failure)
	}
	p.failure = nil
	return true
}

// resync skips to after the next '.' that ends a line, or to a '}' that does
// inside a graph, so that one fault costs one statement.
func (p *parser) resync() {
	p.depth = 0
	for {
		c := p.peek(0)
		if c == 0 && p.i == len(p.b) {
			return
		}
		if c == '.' || c == '}' && p.inGraph {
			k := 1
			for p.peek(k) == ' ' || p.peek(k) == '\t' {
				k++
			}
			if e := p.peek(k); e == '\n' || e == '\r' || e == 0 || e == '#' && k > 1 {
				if c == '.' {
					p.i++
				}
				return
			}
		}
		p.i++
	}
}

// statement reads a directive, a graph's beginning or end, or triples.
func (p *parser) statement() bool {
	c := p.b[p.i]
	if p.inGraph {
		return p.graphStatement(c)
	}
	switch c {
	case '@':
		return p.atDirective()
	case '{':
		if p.o.TriG {
			p.i++
			p.graph, p.inGraph = kg.Term{}, true
			return true
		}
	}
	if n := p.word(); n > 0 && p.peek(n) != ':' {
		switch w := p.token(n); {
		case fold(w, "prefix"):
			p.i += n
			return p.prefix()
		case fold(w, "base"):
			p.i += n
			return p.baseDirective()
		case fold(w, "version"):
			p.i += n
			return p.version()
		case p.o.TriG && fold(w, "graph"):
			p.i += n
			p.space()
			var g kg.Term
			if !p.graphName(&g) {
				return false
			}
			p.space()
			if p.peek(0) != '{' {
				return p.expected("'{' after the name of a graph")
			}
			p.i++
			p.graph, p.inGraph = g, true
			return true
		}
	}
	return p.triples() && (p.inGraph || p.dot())
}

// graphStatement reads triples inside { }, where the last dot may be left out.
func (p *parser) graphStatement(c byte) bool {
	if c == '}' {
		p.i++
		p.graph, p.inGraph = kg.Term{}, false
		return true
	}
	if c == '@' {
		return p.fail(0, "a directive may not stand inside a graph", "move it before the graph")
	}
	if !p.triples() {
		return false
	}
	p.space()
	if p.peek(0) == '}' {
		return true
	}
	return p.dot()
}

func (p *parser) dot() bool {
	p.space()
	if p.peek(0) != '.' {
		return p.expected("'.'")
	}
	p.i++
	return true
}

// atDirective reads @prefix, @base or @version, which end with a dot.
func (p *parser) atDirective() bool {
	for _, d := range []struct {
		name string
		read func() bool
	}{{"@prefix", p.prefix}, {"@base", p.baseDirective}, {"@version", p.version}} {
		if p.has(d.name) && scan.Classes[p.peek(len(d.name))]&scan.NameChar == 0 {
			p.i += len(d.name)
			return d.read() && p.dot()
		}
	}
	return p.expected("@prefix, @base or @version")
}

func (p *parser) prefix() bool {
	p.space()
	n := p.word()
	if p.peek(n) != ':' {
		return p.expected("a prefix such as \"ex:\"")
	}
	name := string(p.b[p.i : p.i+n])
	p.i += n + 1
	p.space()
	if p.peek(0) != '<' {
		return p.expected("an IRI in angle brackets")
	}
	target, ok := p.iriRef()
	if !ok {
		return false
	}
	if old, ok := p.prefixes[name]; !ok || old != target {
		p.prefixes[name] = target
		p.memo.clear()
	}
	if p.o.OnPrefix != nil {
		p.o.OnPrefix(name, target)
	}
	return true
}

func (p *parser) baseDirective() bool {
	p.space()
	if p.peek(0) != '<' {
		return p.expected("an IRI in angle brackets")
	}
	target, ok := p.iriRef()
	if !ok {
		return false
	}
	p.base, p.based = iri.NewBase(target)
	p.memo.clear()
	return true
}

func (p *parser) version() bool {
	p.space()
	q := p.peek(0)
	if q != '"' && q != '\'' || p.peek(1) == q && p.peek(2) == q {
		return p.expected("a quoted version such as \"1.2\"")
	}
	_, ok := p.quoted()
	return ok
}

// triples reads a subject and what is said of it, without the final dot. In
// TriG, a subject before '{' turns out to be the name of a graph.
func (p *parser) triples() bool {
	var s kg.Term
	optional, name := false, false
	switch c := p.peek(0); {
	case c == '[':
		var ok bool
		if name, ok = p.bracket(&s, true); !ok {
			return false
		}
		optional = !name
	case c == '(':
		if !p.collection(&s) {
			return false
		}
	case c == '<' && p.has("<<") && !p.has("<<("):
		if !p.reified(&s) {
			return false
		}
		optional = true
	default:
		if !p.resource(&s, "a subject (IRI, blank node, collection or reified triple)") {
			return false
		}
		name = true
	}
	p.space()
	c := p.peek(0)
	if c == '{' && name && p.o.TriG && !p.inGraph {
		p.i++
		p.graph, p.inGraph = s, true
		return true
	}
	if optional && (c == '.' || c == '}' && p.inGraph) {
		return true
	}
	return p.predicates(s)
}

// predicates reads a predicateObjectList.
func (p *parser) predicates(s kg.Term) bool {
	var pr, o kg.Term
	for {
		if !p.verb(&pr) {
			return false
		}
		for {
			p.space()
			if !p.object(&o) || !p.emit(s, pr, o) {
				return false
			}
			p.space()
			if c := p.peek(0); c == '~' || c == '{' && p.peek(1) == '|' {
				if !p.annotation(kg.NewTriple(s, pr, o)) {
					return false
				}
				p.space()
			}
			if p.peek(0) != ',' {
				break
			}
			p.i++
		}
		if p.peek(0) != ';' {
			return true
		}
		for p.peek(0) == ';' {
			p.i++
			p.space()
		}
		switch c := p.peek(0); {
		case c == '.', c == ']', c == '}', c == '|', c == 0 && p.i == len(p.b):
			return true
		}
	}
}

// verb reads a predicate or "a".
func (p *parser) verb(t *kg.Term) bool {
	switch c := p.peek(0); {
	case c == '<' && p.peek(1) != '<':
		s, ok := p.iriRef()
		*t = kg.Term{Kind: kg.IRI, Value: s}
		return ok
	case c == 'a' && scan.Classes[p.peek(1)]&scan.NameChar == 0 && p.peek(1) != ':' && p.peek(1) != '.' && p.peek(1) < 0x80:
		p.i++
		*t = rdfType
		return true
	case c == '_' && p.peek(1) == ':':
		return p.fail(0, "a blank node may not be a predicate", "use an IRI")
	}
	if n := p.word(); p.peek(n) == ':' {
		return p.prefixed(t, n)
	}
	return p.expected("a predicate")
}

// object reads the object of a triple.
func (p *parser) object(t *kg.Term) bool {
	switch c := p.peek(0); {
	case c == '<':
		if p.has("<<(") {
			return p.tripleTerm(t)
		}
		if p.peek(1) == '<' {
			return p.reified(t)
		}
	case c == '[':
		_, ok := p.bracket(t, true)
		return ok
	case c == '(':
		return p.collection(t)
	}
	return p.value(t, "an object")
}

// value reads an IRI, blank node or literal.
func (p *parser) value(t *kg.Term, what string) bool {
	switch c := p.peek(0); {
	case c == '"' || c == '\'':
		return p.literal(t)
	case c == '+' || c == '-' || c == '.' || scan.Classes[c]&scan.Digit != 0:
		return p.number(t)
	case c == 't' || c == 'f':
		if n := p.word(); p.peek(n) != ':' {
			switch w := p.token(n); w {
			case "true", "false":
				*t = kg.NewTyped("false", kg.XSD+"boolean")
				if w == "true" {
					t.Value = "true"
				}
				p.i += n
				return true
			}
		}
	}
	return p.resource(t, what)
}

// resource reads an IRI or blank node.
func (p *parser) resource(t *kg.Term, what string) bool {
	switch c := p.peek(0); {
	case c == '<':
		s, ok := p.iriRef()
		*t = kg.Term{Kind: kg.IRI, Value: s}
		return ok
	case c == '_' && p.peek(1) == ':':
		return p.label(t)
	case c == '[':
		_, ok := p.bracket(t, false)
		return ok
	}
	if n := p.word(); p.peek(n) == ':' {
		return p.prefixed(t, n)
	} else if n > 0 {
		return p.fail(0, "unknown word "+scan.Shown(p.token(n)), "quote it if it is a literal, or declare a prefix")
	}
	return p.expected(what)
}

func (p *parser) graphName(t *kg.Term) bool {
	return p.resource(t, "the name of a graph (IRI or blank node)")
}

// fresh returns a blank node that no label of the document can mean: labels
// cannot start with a hyphen.
func (p *parser) fresh() kg.Term {
	p.anon++
	b := make([]byte, 0, len(p.o.Prefix)+12)
	b = append(append(b, p.o.Prefix...), '-')
	return kg.Term{Kind: kg.Blank, Value: str(strconv.AppendUint(b, p.anon, 36))}
}

// bracket reads "[ ]", an anonymous node, or, where lists are allowed, the
// property list "[ predicates ]".
func (p *parser) bracket(t *kg.Term, lists bool) (anonymous, ok bool) {
	if !p.enter() {
		return false, false
	}
	p.i++
	*t = p.fresh()
	p.space()
	if anonymous = p.peek(0) == ']'; !anonymous {
		if !lists {
			return false, p.expected("']': a property list may not stand here")
		}
		if !p.predicates(*t) {
			return false, false
		}
		p.space()
		if p.peek(0) != ']' {
			return false, p.expected("']'")
		}
	}
	p.i++
	return anonymous, p.leave()
}

// collection reads "( objects )". The cells are linked as they come, so a
// list of any length needs no memory.
func (p *parser) collection(t *kg.Term) bool {
	if !p.enter() {
		return false
	}
	p.i++
	var cell, o kg.Term
	for {
		p.space()
		if p.peek(0) == ')' {
			p.i++
			break
		}
		if !p.object(&o) {
			return false
		}
		next := p.fresh()
		if cell.Kind == kg.None {
			*t = next
		} else if !p.emit(cell, rdfRest, next) {
			return false
		}
		cell = next
		if !p.emit(cell, rdfFirst, o) {
			return false
		}
	}
	if cell.Kind == kg.None {
		*t = rdfNil
	} else if !p.emit(cell, rdfRest, rdfNil) {
		return false
	}
	return p.leave()
}

// tripleTerm reads "<<( s p o )>>".
func (p *parser) tripleTerm(t *kg.Term) bool {
	if !p.enter() {
		return false
	}
	p.i += len("<<(")
	spo := new([3]kg.Term)
	p.space()
	if !p.resource(&spo[0], "the subject of a triple term (IRI or blank node)") {
		return false
	}
	p.space()
	if !p.verb(&spo[1]) {
		return false
	}
	p.space()
	if p.has("<<(") {
		if !p.tripleTerm(&spo[2]) {
			return false
		}
	} else if !p.value(&spo[2], "the object of a triple term") {
		return false
	}
	p.space()
	if !p.has(")>>") {
		return p.expected("')>>'")
	}
	p.i += len(")>>")
	*t = kg.Term{Kind: kg.Triple, Spo: spo}
	return p.leave()
}

// reified reads "<< s p o ~ reifier >>" and returns the reifier.
func (p *parser) reified(t *kg.Term) bool {
	if !p.enter() {
		return false
	}
	p.i += len("<<")
	spo := new([3]kg.Term)
	p.space()
	if p.has("<<") && !p.has("<<(") {
		if !p.reified(&spo[0]) {
			return false
		}
	} else if !p.resource(&spo[0], "the subject of a reified triple (IRI, blank node or reified triple)") {
		return false
	}
	p.space()
	if !p.verb(&spo[1]) {
		return false
	}
	p.space()
	ok := false
	switch {
	case p.has("<<("):
		ok = p.tripleTerm(&spo[2])
	case p.has("<<"):
		ok = p.reified(&spo[2])
	default:
		ok = p.value(&spo[2], "the object of a reified triple")
	}
	if !ok {
		return false
	}
	p.space()
	if p.peek(0) == '~' {
		if !p.reifier(t) {
			return false
		}
		p.space()
	} else {
		*t = p.fresh()
	}
	if !p.has(">>") {
		return p.expected("'>>'")
	}
	p.i += len(">>")
	return p.emit(*t, rdfReifies, kg.Term{Kind: kg.Triple, Spo: spo}) && p.leave()
}

// reifier reads "~" and the name after it, if there is one.
func (p *parser) reifier(t *kg.Term) bool {
	p.i++
	p.space()
	c := p.peek(0)
	named := c == '<' && p.peek(1) != '<' || c == '_' || c == '['
	if !named {
		n := p.word()
		named = p.peek(n) == ':'
	}
	if !named {
		*t = p.fresh()
		return true
	}
	return p.resource(t, "the name of a reifier")
}

// annotation reads reifiers and annotation blocks after an object. A block
// speaks of the reifier just before it, or else of a new one.
func (p *parser) annotation(triple kg.Term) bool {
	var r kg.Term
	for {
		switch {
		case p.peek(0) == '~':
			if !p.reifier(&r) || !p.emit(r, rdfReifies, triple) {
				return false
			}
		case p.has("{|"):
			if r.Kind == kg.None {
				r = p.fresh()
				if !p.emit(r, rdfReifies, triple) {
					return false
				}
			}
			if !p.enter() {
				return false
			}
			p.i += len("{|")
			p.space()
			if !p.predicates(r) {
				return false
			}
			p.space()
			if !p.has("|}") {
				return p.expected("'|}'")
			}
			p.i += len("|}")
			p.leave()
			r = kg.Term{}
		default:
			return true
		}
		p.space()
	}
}
