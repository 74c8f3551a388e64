package syntax

import (
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// Limits of what is read, so that no text exhausts the stack or the memory.
const (
	MaxDepth  = 256      // nesting of groups, expressions, paths and collections
	MaxChain  = 10_000   // elements of a group, operands of a chain of operators
	MaxQuery  = 1 << 20  // bytes of a query
	MaxUpdate = 16 << 20 // bytes of an update, which may carry data

	maxPrefixes = 2000
)

// ParseQuery reads a query. Relative IRIs are resolved against base, which may
// be empty. Errors are *Error.
func ParseQuery(text, base string) (q *Query, err error) {
	p, err := newParser(text, base, MaxQuery)
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
	p, err := newParser(text, base, MaxUpdate)
	if err != nil {
		return nil, err
	}
	defer p.rescue(&err)
	p.next()
	return p.update(), nil
}

// parser reads one text by recursive descent. Errors travel as panics of
// *Error inside the package and are returned by the entry points.
type parser struct {
	text string
	lx   *lex.Lexer
	tok  lex.Token
	pro  Prologue
	// prefixes finds the places in pro.Prefixes; shared is set while operations
	// of an update hold that slice too.
	prefixes   map[string]int
	redeclared int
	shared     bool

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

func newParser(text, base string, limit int) (*parser, error) {
	if len(text) > limit {
		e := lex.Errorf(Pos{Line: 1, Col: 1}, "the text has %d bytes; at most %d are read", len(text), limit)
		e.Hint = "split it, or load data with the load command"
		return nil, e
	}
	if i := invalidUTF8(text); i >= 0 {
		return nil, lex.Errorf(lex.PosOf(text, i), "the text is not valid UTF-8")
	}
	return &parser{text: text, lx: lex.New(text), pro: Prologue{Base: base}, prefixes: map[string]int{}, written: map[string]int{}}, nil
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
	if p.tok.Kind == lex.Word {
		e.Hint = likely(p.tok.Value, expected)
	}
	e.Expected = expected
	panic(e)
}

// likely returns a hint if a word is nearly one of the expected keywords.
func likely(word string, expected []string) string {
	word = strings.ToUpper(word)
	for _, x := range expected {
		if len(x) > 2 && x == strings.ToUpper(x) && near(word, x) {
			return "did you mean " + x + "?"
		}
	}
	return ""
}

// near reports whether one letter more, less, changed or swapped with its
// neighbour makes a into b.
func near(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case len(a) == len(b) && len(a) > 0:
		return a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	case len(a) == len(b)+1:
		return a[1:] == b
	case len(a)+1 == len(b):
		return a == b[1:]
	}
	return false
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

// chain guards a list that becomes a deep tree later on.
func (p *parser) chain(n int) {
	if n > MaxChain {
		p.fail(p.tok.Pos, "more than %d elements or operands in a row", MaxChain)
	}
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
			at, name := p.tok.Pos, strings.TrimSuffix(p.tok.Value, ":")
			p.next()
			if p.tok.Kind != lex.IRIRef {
				p.unexpected("an IRI in <>")
			}
			p.declare(at, name, iri.Resolve(p.pro.Base, p.tok.Value))
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

// declare adds a prefix or changes what it stands for. The operations of an
// update hold the list as it was at their place, so it is copied before a
// change; the limits keep those copies small.
func (p *parser) declare(at Pos, name, to string) {
	i, again := p.prefixes[name]
	if !again {
		if len(p.pro.Prefixes) == maxPrefixes {
			p.fail(at, "more than %d prefixes", maxPrefixes)
		}
		p.prefixes[name] = len(p.pro.Prefixes)
		p.pro.Prefixes = append(p.pro.Prefixes, Prefix{name, to})
		return
	}
	if p.redeclared++; p.redeclared > maxPrefixes {
		p.fail(at, "prefixes are declared again more than %d times", maxPrefixes)
	}
	if p.shared {
		p.pro.Prefixes = slices.Clone(p.pro.Prefixes)
		p.shared = false
	}
	p.pro.Prefixes[i].IRI = to
}

// expand resolves a prefixed name.
func (p *parser) expand(t lex.Token) string {
	name, local, _ := strings.Cut(t.Value, ":")
	if i, ok := p.prefixes[name]; ok {
		return p.pro.Prefixes[i].IRI + lex.Unescape(local)
	}
	e := lex.Errorf(t.Pos, "prefix %q is not declared", name+":")
	if to, ok := WellKnownPrefix(name); ok {
		e.Hint = "add PREFIX " + name + ": <" + to + ">"
	} else {
		e.Hint = "add PREFIX " + name + ": <...> before the query"
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
		p.failHint(p.tok.Pos, "use INSERT or DELETE { ... } WHERE { ... }", "%s", p.noVars)
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

// numberTerm makes a literal of a number token.
func numberTerm(kind lex.Kind, lexical string) kg.Term {
	switch kind {
	case lex.Integer:
		return kg.NewTyped(lexical, kg.XSD+"integer")
	case lex.Decimal:
		return kg.NewTyped(lexical, kg.XSD+"decimal")
	}
	return kg.NewTyped(lexical, kg.XSD+"double")
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
	p, err := newParser(text, "", MaxQuery)
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
