package syntax

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// Vocabulary that sugar stands for.
const (
	rdfFirst   = kg.RDF + "first"
	rdfRest    = kg.RDF + "rest"
	rdfNil     = kg.RDF + "nil"
	rdfReifies = kg.RDF + "reifies"
)

func constIRI(at Pos, iri string) *Const { return &Const{at, kg.NewIRI(iri)} }

// triplesReader collects the plain triples that a block of triples stands for.
type triplesReader struct {
	*parser
	paths bool // property paths are allowed
	out   []*Triple
}

func (r *triplesReader) add(at Pos, s TermNode, pr Path, o TermNode) {
	r.out = append(r.out, &Triple{at, s, pr, o})
}

// addObject reads an object and adds its triple before those that the object
// itself stands for, so that variables are met in the order of the text.
func (r *triplesReader) addObject(at Pos, s TermNode, pr Path) TermNode {
	i := len(r.out)
	r.out = append(r.out, nil)
	o := r.node()
	r.out[i] = &Triple{at, s, pr, o}
	return o
}

// startsTriples reports whether the current token can begin a subject.
func (p *parser) startsTriples() bool {
	switch p.tok.Kind {
	case lex.VarName, lex.IRIRef, lex.PName, lex.BlankLabel, lex.String, lex.Integer, lex.Decimal, lex.Double:
		return true
	}
	return p.is("(") || p.is("[") || p.is("<<") || p.is("<<(") || p.isWord("true", "false")
}

// triplesBlock reads triples separated by dots until something else comes.
func (p *parser) triplesBlock(paths bool) []*Triple {
	r := &triplesReader{parser: p, paths: paths}
	for p.startsTriples() {
		r.triplesSameSubject()
		if !p.take(".") {
			break
		}
	}
	return r.out
}

func (r *triplesReader) triplesSameSubject() {
	switch {
	case r.is("["), r.is("("):
		n := len(r.out)
		s, bare := r.sugarNode()
		// A collection or property list with content may stand alone.
		if (len(r.out) > n || !bare) && !r.startsVerb() {
			if bare {
				r.unexpected("a predicate")
			}
			return
		}
		r.propertyList(s)
	case r.is("<<"):
		s := r.reified()
		if r.startsVerb() {
			r.propertyList(s)
		}
	default:
		r.propertyList(r.term())
	}
}

// sugarNode reads [..] or (..). bare is true for [] and (), which say nothing.
func (r *triplesReader) sugarNode() (n TermNode, bare bool) {
	defer r.deeper()()
	at := r.tok.Pos
	if r.take("[") {
		b := r.freshBlank(at)
		if r.take("]") {
			return b, true
		}
		r.propertyList(b)
		r.want("]")
		return b, false
	}
	r.want("(")
	if r.take(")") {
		return constIRI(at, rdfNil), true
	}
	head := r.freshBlank(at)
	cell := head
	for {
		r.addObject(at, cell, constIRI(at, rdfFirst))
		if r.take(")") {
			r.add(at, cell, constIRI(at, rdfRest), constIRI(at, rdfNil))
			return head, false
		}
		rest := r.freshBlank(r.tok.Pos)
		r.add(at, cell, constIRI(at, rdfRest), rest)
		cell = rest
	}
}

// node reads an object or a member of a collection.
func (r *triplesReader) node() TermNode {
	switch {
	case r.is("["), r.is("("):
		n, _ := r.sugarNode()
		return n
	case r.is("<<"):
		return r.reified()
	}
	return r.term()
}

// term reads a variable or a term.
func (r *triplesReader) term() TermNode {
	p := r.parser
	switch {
	case p.tok.Kind == lex.VarName:
		return p.variable()
	case p.tok.Kind == lex.BlankLabel:
		return p.blank()
	case p.isIRI():
		return p.iriConst()
	case p.isLiteral():
		return p.literal()
	case p.is("<<("):
		return r.tripleTerm()
	case p.is("["):
		at := p.tok.Pos
		p.next()
		p.want("]")
		return p.freshBlank(at)
	}
	p.unexpected("a variable", "a term")
	return nil
}

// tripleTerm reads <<( s p o )>>.
func (r *triplesReader) tripleTerm() *TripleTerm {
	defer r.deeper()()
	t := &TripleTerm{Pos: r.tok.Pos}
	r.want("<<(")
	t.S = r.term()
	t.P = r.plainVerb()
	t.O = r.term()
	r.want(")>>")
	return t
}

// exprTriple reads a triple term of an expression, whose subject is an IRI or
// a variable.
func (p *parser) exprTriple() *TripleTerm {
	save := p.noBlanks
	p.noBlanks = "a triple term in an expression has no blank nodes"
	defer func() { p.noBlanks = save }()
	t := (&triplesReader{parser: p}).tripleTerm()
	p.checkSubject(t)
	return t
}

func (p *parser) checkSubject(t *TripleTerm) {
	switch s := t.S.(type) {
	case *Const:
		if s.Term.Kind == kg.Literal {
			p.fail(s.Pos, "a literal cannot be the subject of a triple term")
		}
	case *TripleTerm:
		p.fail(s.Pos, "a triple term cannot be the subject of a triple term")
	}
	if o, ok := t.O.(*TripleTerm); ok {
		p.checkSubject(o)
	}
}

// plainVerb reads a predicate that is not a path.
func (r *triplesReader) plainVerb() TermNode {
	switch {
	case r.tok.Kind == lex.VarName:
		return r.variable()
	case r.tok.Kind == lex.Word && r.tok.Value == "a":
		at := r.tok.Pos
		r.next()
		return constIRI(at, kg.RDFType)
	case r.isIRI():
		return r.iriConst()
	}
	r.unexpected("a predicate")
	return nil
}

// reified reads << s p o [~ reifier] >> and returns its reifier.
func (r *triplesReader) reified() TermNode {
	defer r.deeper()()
	at := r.tok.Pos
	r.want("<<")
	t := &TripleTerm{Pos: at}
	member := func() TermNode {
		if r.is("<<") {
			return r.reified()
		}
		return r.term()
	}
	t.S = member()
	t.P = r.plainVerb()
	t.O = member()
	var id TermNode
	if r.take("~") {
		id = r.reifierID()
	}
	if id == nil {
		id = r.freshBlank(at)
	}
	r.want(">>")
	r.add(at, id, constIRI(at, rdfReifies), t)
	return id
}

// reifierID reads the optional name after "~".
func (r *triplesReader) reifierID() TermNode {
	switch {
	case r.tok.Kind == lex.VarName:
		return r.variable()
	case r.isIRI():
		return r.iriConst()
	case r.tok.Kind == lex.BlankLabel:
		return r.blank()
	case r.is("[") && r.peek().Is("]"):
		at := r.tok.Pos
		r.next()
		r.next()
		return r.freshBlank(at)
	}
	return nil
}

// annotations reads ~ r and {| ... |} after an object.
func (r *triplesReader) annotations(s TermNode, pr Path, o TermNode) {
	var pending TermNode
	for r.is("~") || r.is("{|") {
		at := r.tok.Pos
		verb, ok := pr.(TermNode)
		if !ok {
			r.fail(at, "a property path cannot be annotated")
		}
		reify := func(id TermNode) {
			r.add(at, id, constIRI(at, rdfReifies), &TripleTerm{at, s, verb, o})
		}
		if r.take("~") {
			id := r.reifierID()
			if id == nil {
				id = r.freshBlank(at)
			}
			reify(id)
			pending = id
			continue
		}
		r.want("{|")
		id := pending
		if id == nil {
			id = r.freshBlank(at)
			reify(id)
		}
		pending = nil
		r.propertyList(id)
		r.want("|}")
	}
}

// startsVerb reports whether a predicate or path can begin here.
func (r *triplesReader) startsVerb() bool {
	if r.tok.Kind == lex.VarName || r.isIRI() || r.tok.Kind == lex.Word && r.tok.Value == "a" {
		return true
	}
	return r.paths && (r.is("^") || r.is("!") || r.is("("))
}

func (r *triplesReader) propertyList(s TermNode) {
	defer r.deeper()()
	if !r.startsVerb() {
		r.unexpected("a predicate")
	}
	for more := true; more; {
		at := r.tok.Pos
		var verb Path
		if r.paths && r.tok.Kind != lex.VarName {
			verb = r.pathAlt()
		} else {
			verb = r.plainVerb().(Path)
		}
		for {
			o := r.addObject(at, s, verb)
			r.annotations(s, verb, o)
			if !r.take(",") {
				break
			}
		}
		more = false
		for r.take(";") {
			more = r.startsVerb()
			if more {
				break
			}
		}
	}
}

// pathAlt reads p1|p2|...
func (p *parser) pathAlt() Path {
	defer p.deeper()()
	at := p.tok.Pos
	first := p.pathSeq()
	if !p.is("|") {
		return first
	}
	alt := &PathAlt{at, []Path{first}}
	for p.take("|") {
		alt.Paths = append(alt.Paths, p.pathSeq())
	}
	return alt
}

// pathSeq reads p1/p2/...
func (p *parser) pathSeq() Path {
	at := p.tok.Pos
	first := p.pathElt()
	if !p.is("/") {
		return first
	}
	seq := &PathSeq{at, []Path{first}}
	for p.take("/") {
		seq.Paths = append(seq.Paths, p.pathElt())
	}
	return seq
}

// pathElt reads [^] primary [*+?].
func (p *parser) pathElt() Path {
	at := p.tok.Pos
	if p.take("^") {
		return &PathInverse{at, p.pathMod()}
	}
	return p.pathMod()
}

func (p *parser) pathMod() Path {
	at := p.tok.Pos
	x := p.pathPrimary()
	for _, op := range []string{"*", "+", "?"} {
		if p.take(op) {
			return &PathRepeat{at, x, op[0]}
		}
	}
	return x
}

func (p *parser) pathPrimary() Path {
	at := p.tok.Pos
	switch {
	case p.isIRI():
		return p.iriConst()
	case p.tok.Kind == lex.Word && p.tok.Value == "a":
		p.next()
		return constIRI(at, kg.RDFType)
	case p.take("!"):
		return p.negated(at)
	case p.take("("):
		x := p.pathAlt()
		p.want(")")
		return x
	}
	p.unexpected("an IRI", `"a"`, `"^"`, `"!"`, `"("`)
	return nil
}

// negated reads what follows "!": one predicate or ( p | ^q | ... ).
func (p *parser) negated(at Pos) *PathNot {
	n := &PathNot{Pos: at}
	one := func() {
		inverse := p.take("^")
		var c *Const
		if p.tok.Kind == lex.Word && p.tok.Value == "a" {
			c = constIRI(p.tok.Pos, kg.RDFType)
			p.next()
		} else {
			c = p.iriConst()
		}
		if inverse {
			n.Inverse = append(n.Inverse, c)
		} else {
			n.Forward = append(n.Forward, c)
		}
	}
	if !p.take("(") {
		one()
		return n
	}
	if p.take(")") {
		return n
	}
	one()
	for p.take("|") {
		one()
	}
	p.want(")")
	return n
}
