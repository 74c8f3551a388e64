package syntax

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/iri"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// Limits of what is read, so that no text exhausts the stack or the memory.
const (
	MaxDepth = 256      // nesting of groups, expressions, paths and collections
	MaxText  = 16 << 20 // bytes
)

// ParseQuery reads a query. Relative IRIs are resolved against base, which may
// be empty. Errors are *Error.
func ParseQuery(text, base string) (q *Query, err error) {
	p, err := newParser(text, base)
	if err != nil {
		return nil, err
	}
	defer p.rescue(&err)
	p.next()
	q = p.query()
	p.end()
	return q, nil
}

// ParseUpdate reads a sequence of update operations; see ParseQuery.
func ParseUpdate(text, base string) (u *Update, err error) {
	p, err := newParser(text, base)
	if err != nil {
		return nil, err
	}
	defer p.rescue(&err)
	p.next()
	return p.update(), nil
}

// Format lays a query or update out anew. A text with comments is returned as
// it is, since the tree does not hold them.
func Format(text string) (string, error) {
	if hasComments(text) {
		return text, nil
	}
	q, err := ParseQuery(text, "")
	if err == nil {
		return q.String(), nil
	}
	if u, uerr := ParseUpdate(text, ""); uerr == nil {
		return u.String(), nil
	}
	return "", err
}

func hasComments(text string) bool {
	l := lex.New(text)
	l.Comments = true
	for {
		t, err := l.Next()
		switch {
		case err != nil || t.Kind == lex.EOF:
			return false
		case t.Kind == lex.Comment:
			return true
		}
	}
}

// parser reads one text by recursive descent. Errors travel as panics of
// *Error inside the package and are returned by the entry points.
type parser struct {
	text string
	lx   *lex.Lexer
	tok  lex.Token
	pro  Prologue

	depth int
	fresh int // blank nodes made so far
	// written are the labels of blank nodes in the text, with the basic graph
	// pattern or operation that each belongs to: labels do not cross them.
	written  map[string]int
	taken    map[string]bool // labels that stand anywhere in the text
	scope    int
	scopes   int
	noBlanks string // why blank nodes are not allowed here, or empty
	noVars   string // why variables are not allowed here, or empty
	aggOK    bool   // aggregates are allowed here
	inAgg    bool
	aggSeen  bool
}

func newParser(text, base string) (*parser, error) {
	if len(text) > MaxText {
		e := lex.Errorf(Pos{Line: 1, Col: 1}, "the text has %d bytes; at most %d are read", len(text), MaxText)
		e.Hint = "split it, or load data with the load command"
		return nil, e
	}
	if i := invalidUTF8(text); i >= 0 {
		return nil, lex.Errorf(lex.PosOf(text, i), "the text is not valid UTF-8")
	}
	return &parser{text: text, lx: lex.New(text), pro: Prologue{Base: base}, written: map[string]int{}}, nil
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == '\uFFFD' && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

// rescue turns a panic of fail into an error.
func (p *parser) rescue(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

func (p *parser) fail(at Pos, format string, args ...any) {
	panic(lex.Errorf(at, format, args...))
}

func (p *parser) failHint(at Pos, hint, format string, args ...any) {
	e := lex.Errorf(at, format, args...)
	e.Hint = hint
	panic(e)
}

// unexpected fails at the current token.
func (p *parser) unexpected(expected ...string) {
	what := p.text[p.tok.Pos.Offset:p.tok.End]
	e := lex.Errorf(p.tok.Pos, "unexpected %q", what)
	if p.tok.Kind == lex.EOF {
		e = lex.Errorf(p.tok.Pos, "the text ends too early")
	}
	if p.tok.Is("<") {
		e.Hint = p.lx.WhyNoIRI()
	}
	e.Expected = expected
	panic(e)
}

func (p *parser) next() {
	t, err := p.lx.Next()
	if err != nil {
		panic(err.(*Error))
	}
	p.tok = t
}

// peek returns the token after the current one.
func (p *parser) peek() *lex.Token {
	l := *p.lx
	t, err := l.Next()
	if err != nil {
		return &lex.Token{}
	}
	return &t
}

func (p *parser) end() {
	if p.tok.Kind != lex.EOF {
		p.unexpected("the end of the text")
	}
}

// deeper guards one level of recursion: defer p.deeper()().
func (p *parser) deeper() func() {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.tok.Pos, "nested more than %d levels deep", MaxDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) is(punct string) bool { return p.tok.Is(punct) }

// take skips the punctuation if it is there.
func (p *parser) take(punct string) bool {
	if p.is(punct) {
		p.next()
		return true
	}
	return false
}

func (p *parser) want(punct string) {
	if !p.take(punct) {
		p.unexpected(strconv.Quote(punct))
	}
}

func (p *parser) isWord(words ...string) bool {
	for _, w := range words {
		if p.tok.IsWord(w) {
			return true
		}
	}
	return false
}

func (p *parser) takeWord(word string) bool {
	if p.tok.IsWord(word) {
		p.next()
		return true
	}
	return false
}

func (p *parser) wantWord(word string) {
	if !p.takeWord(word) {
		p.unexpected(word)
	}
}

// prologue reads BASE, PREFIX and VERSION.
func (p *parser) prologue() {
	for {
		switch {
		case p.takeWord("BASE"):
			if p.tok.Kind != lex.IRIRef {
				p.unexpected("an IRI in <>")
			}
			p.pro.Base = iri.Resolve(p.pro.Base, p.tok.Value)
			p.next()
		case p.takeWord("PREFIX"):
			if p.tok.Kind != lex.PName || !strings.HasSuffix(p.tok.Value, ":") || strings.Count(p.tok.Value, ":") != 1 {
				p.unexpected("a prefix such as ex:")
			}
			name := strings.TrimSuffix(p.tok.Value, ":")
			p.next()
			if p.tok.Kind != lex.IRIRef {
				p.unexpected("an IRI in <>")
			}
			p.declare(name, iri.Resolve(p.pro.Base, p.tok.Value))
			p.next()
		case p.isWord("VERSION"):
			p.next()
			if p.tok.Kind != lex.String || p.tok.Long {
				p.unexpected("a version in quotes")
			}
			p.pro.Version = p.tok.Value
			p.next()
		default:
			return
		}
	}
}

func (p *parser) declare(name, to string) {
	// Earlier nodes of an update keep the list they saw: never change it in place.
	list := make([]Prefix, 0, len(p.pro.Prefixes)+1)
	replaced := false
	for _, x := range p.pro.Prefixes {
		if x.Name == name {
			x.IRI, replaced = to, true
		}
		list = append(list, x)
	}
	if !replaced {
		list = append(list, Prefix{name, to})
	}
	p.pro.Prefixes = list
}

// expand resolves a prefixed name.
func (p *parser) expand(t lex.Token) string {
	name, local, _ := strings.Cut(t.Value, ":")
	for _, x := range p.pro.Prefixes {
		if x.Name == name {
			return x.IRI + lex.Unescape(local)
		}
	}
	e := lex.Errorf(t.Pos, "prefix %q is not declared", name+":")
	if to, ok := iri.WellKnown(name); ok {
		e.Hint = "did you mean PREFIX " + name + ": <" + to + ">"
	}
	panic(e)
}

func (p *parser) isIRI() bool { return p.tok.Kind == lex.IRIRef || p.tok.Kind == lex.PName }

// iri reads an IRI or prefixed name.
func (p *parser) iri() string {
	t := p.tok
	switch t.Kind {
	case lex.IRIRef:
		p.next()
		return iri.Resolve(p.pro.Base, t.Value)
	case lex.PName:
		p.next()
		return p.expand(t)
	}
	p.unexpected("an IRI")
	return ""
}

func (p *parser) iriConst() *Const {
	at := p.tok.Pos
	return &Const{at, kg.NewIRI(p.iri())}
}

func (p *parser) variable() *Var {
	if p.tok.Kind != lex.VarName {
		p.unexpected("a variable")
	}
	if p.noVars != "" {
		p.fail(p.tok.Pos, "%s", p.noVars)
	}
	v := &Var{p.tok.Pos, p.tok.Value}
	p.next()
	return v
}

// freshBlank makes a blank node whose label no text can hold.
func (p *parser) freshBlank(at Pos) *Const {
	if p.noBlanks != "" {
		p.fail(at, "%s", p.noBlanks)
	}
	if p.taken == nil {
		p.taken = map[string]bool{}
		l := lex.New(p.text)
		for {
			t, err := l.Next()
			if err != nil || t.Kind == lex.EOF {
				break
			}
			if t.Kind == lex.BlankLabel {
				p.taken[t.Value] = true
			}
		}
	}
	for {
		label := "b" + strconv.Itoa(p.fresh)
		p.fresh++
		if !p.taken[label] {
			return &Const{at, kg.NewBlank(label)}
		}
	}
}

// blank reads a labelled blank node and checks that its label stays in scope.
func (p *parser) blank() *Const {
	t := p.tok
	if p.noBlanks != "" {
		p.fail(t.Pos, "%s", p.noBlanks)
	}
	if s, ok := p.written[t.Value]; ok && s != p.scope {
		p.failHint(t.Pos, "use a variable", "blank node _:%s is used in another group or operation too", t.Value)
	}
	p.written[t.Value] = p.scope
	p.next()
	return &Const{t.Pos, kg.NewBlank(t.Value)}
}

// number reads a number token into a literal.
func numberTerm(kind lex.Kind, lexical string) kg.Term {
	dt := map[lex.Kind]string{lex.Integer: "integer", lex.Decimal: "decimal", lex.Double: "double"}[kind]
	return kg.NewTyped(lexical, kg.XSD+dt)
}

func (p *parser) isNumber() bool {
	return p.tok.Kind == lex.Integer || p.tok.Kind == lex.Decimal || p.tok.Kind == lex.Double
}

func (p *parser) isLiteral() bool {
	return p.tok.Kind == lex.String || p.isNumber() || p.isWord("true", "false")
}

// literal reads a string with its tag or datatype, a number or a boolean.
func (p *parser) literal() *Const {
	t := p.tok
	switch {
	case t.Kind == lex.String:
		p.next()
		if p.tok.Kind == lex.LangTag {
			lang, dir, ok := strings.Cut(p.tok.Value, "--")
			at := p.tok.Pos
			p.next()
			if !ok {
				return &Const{t.Pos, kg.NewLang(t.Value, lang)}
			}
			if dir != "ltr" && dir != "rtl" {
				p.fail(at, "base direction %q: want ltr or rtl", dir)
			}
			return &Const{t.Pos, kg.NewDirLang(t.Value, lang, dir)}
		}
		if p.take("^^") {
			at := p.tok.Pos
			dt := p.iri()
			if dt == kg.RDFLangString || dt == kg.RDFDirLangStr {
				p.failHint(at, "write \"...\"@tag", "a literal of this datatype needs a language tag")
			}
			return &Const{t.Pos, kg.NewTyped(t.Value, dt)}
		}
		return &Const{t.Pos, kg.NewString(t.Value)}
	case p.isNumber():
		p.next()
		return &Const{t.Pos, numberTerm(t.Kind, t.Value)}
	case p.isWord("true", "false"):
		p.next()
		return &Const{t.Pos, kg.NewTyped(strings.ToLower(t.Value), kg.XSD+"boolean")}
	}
	p.unexpected("a literal")
	return nil
}

// integer reads a whole number without sign.
func (p *parser) integer() int64 {
	if p.tok.Kind != lex.Integer || p.tok.Value[0] == '-' || p.tok.Value[0] == '+' {
		p.unexpected("a whole number")
	}
	n, err := strconv.ParseInt(p.tok.Value, 10, 64)
	if err != nil {
		p.fail(p.tok.Pos, "number %s is too large", p.tok.Value)
	}
	p.next()
	return n
}

// ParseTerm reads one term in SPARQL syntax with absolute IRIs: <iri>, a
// literal, a number, a boolean, a blank node label or a triple term.
func ParseTerm(text string) (t kg.Term, err error) {
	p, err := newParser(text, "")
	if err != nil {
		return kg.Term{}, err
	}
	defer p.rescue(&err)
	p.next()
	if p.tok.Kind == lex.BlankLabel {
		t = p.blank().Term
	} else {
		t = p.dataValue()
	}
	p.end()
	return t, nil
}
