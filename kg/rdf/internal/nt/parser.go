// Package nt reads N-Triples and N-Quads (RDF 1.2, which includes 1.1): whole
// lines at a time, in as many goroutines as the caller allows, in order.
package nt

import (
	"strings"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// Parser reads the statements of a text of whole lines. Strings of the quads
// it returns are parts of that text wherever no escape stands in the way.
type Parser struct {
	Quads  bool   // N-Quads: a graph label may follow the object
	Prefix string // put before every blank node label

	s      string
	i      int
	in     scan.Intern
	checks bool   // the text is not known to be valid UTF-8
	subj   string // last subject IRI: runs of one subject share a string
	label  string // last blank node label as written, and
	blank  string // as returned
	arena  []byte // room for blank node labels
	fault  fault
}

// fault is where and why the current line is wrong.
type fault struct {
	at          int
	msg, remedy string
}

// Reset starts a new text.
func (p *Parser) Reset(text string) {
	p.s, p.i, p.subj, p.label, p.blank = text, 0, "", "", ""
	p.checks = !utf8.ValidString(text)
}

// Pos returns how many bytes of the text are consumed.
func (p *Parser) Pos() int { return p.i }

// Next reads the next statement into q. It returns false at the end of the
// text. At an error it skips the rest of the line, so that a lenient caller
// may go on; the error's place is relative to the text.
func (p *Parser) Next(q *kg.TermQuad) (bool, *scan.Error) {
	for {
		p.blanks()
		if p.i == len(p.s) {
			return false, nil
		}
		start := p.i
		switch p.s[p.i] {
		case '\n', '\r':
			p.i++
			continue
		case '#':
			p.skipLine()
			if p.checks && !utf8.ValidString(p.s[start:p.i]) {
				return false, p.invalid(start)
			}
			continue
		}
		if p.s[p.i] == 'V' && strings.HasPrefix(p.s[p.i:], "VERSION") && p.version() {
			continue
		}
		ok := p.fault.msg == "" && p.statement(q)
		if p.checks {
			end := p.i
			if !ok {
				p.skipLine()
				end = p.i
			}
			if !utf8.ValidString(p.s[start:end]) {
				return false, p.invalid(start)
			}
		}
		if ok {
			return true, nil
		}
		err := p.error()
		p.skipLine()
		return false, err
	}
}

// error turns the fault into an error with line and column in the text.
func (p *Parser) error() *scan.Error {
	var at scan.Place
	at.Skip(p.s[:p.fault.at])
	err := at.Error("", p.fault.msg, p.fault.remedy)
	p.fault = fault{}
	return err
}

// invalid reports the first byte from start on that is not UTF-8.
func (p *Parser) invalid(start int) *scan.Error {
	i := start
	for i < p.i {
		r, n := utf8.DecodeRuneInString(p.s[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	p.fault = fault{i, "the text is not valid UTF-8", "convert the file to UTF-8"}
	return p.error()
}

func (p *Parser) skipLine() {
	n := strings.IndexAny(p.s[p.i:], "\n\r")
	if n < 0 {
		p.i = len(p.s)
		return
	}
	p.i += n
}

func (p *Parser) blanks() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

// peek returns the current byte, 0 at the end.
func (p *Parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *Parser) fail(at int, msg, remedy string) bool {
	p.fault = fault{at, msg, remedy}
	return false
}

// statement reads one line up to and including its end.
func (p *Parser) statement(q *kg.TermQuad) bool {
	if !p.subject(&q.S) {
		return false
	}
	p.blanks()
	if !p.predicate(&q.P) {
		return false
	}
	p.blanks()
	if !p.object(&q.O, 0) {
		return false
	}
	p.blanks()
	q.G = kg.Term{}
	if p.Quads && p.peek() != '.' {
		switch p.peek() {
		case '<':
			if iri, ok := p.iri(); ok {
				q.G = kg.Term{Kind: kg.IRI, Value: p.in.String(iri)}
			} else {
				return false
			}
		case '_':
			if !p.blankNode(&q.G) {
				return false
			}
		default:
			return p.expected("a graph name (IRI or blank node) or '.'")
		}
		p.blanks()
	}
	if p.peek() != '.' {
		if !p.Quads && (p.peek() == '<' || p.peek() == '_') {
			return p.fail(p.i, "expected '.' after the object, found a fourth term", "read the file as N-Quads")
		}
		return p.expected("'.'")
	}
	p.i++
	return p.lineEnd()
}

func (p *Parser) lineEnd() bool {
	p.blanks()
	switch p.peek() {
	case '#':
		p.skipLine()
	case '\n', '\r':
	default:
		if p.i < len(p.s) {
			return p.expected("the end of the line")
		}
	}
	return true
}

// version reads a version directive, which is a line of its own.
func (p *Parser) version() bool {
	p.i += len("VERSION")
	p.blanks()
	at := p.i
	quote := p.peek()
	if quote != '"' && quote != '\'' {
		return p.expected("a quoted version such as \"1.2\"")
	}
	p.i++
	for p.i < len(p.s) && p.s[p.i] != quote && p.s[p.i] != '\n' && p.s[p.i] != '\r' {
		p.i++
	}
	if p.peek() != quote {
		return p.fail(at, "the version has no closing quote", "")
	}
	p.i++
	return p.lineEnd()
}

// expected reports what should stand here.
func (p *Parser) expected(what string) bool {
	found, remedy := "the end of the file", "the file may be cut off"
	if p.i < len(p.s) {
		found, remedy = scan.Shown(p.s[p.i:]), ""
		switch c := p.s[p.i]; {
		case c == '\n' || c == '\r':
			found, remedy = "the end of the line", "a statement must be on one line and end with '.'"
		case c == '@' || c|0x20 >= 'a' && c|0x20 <= 'z':
			remedy = "prefixed names, keywords and numbers need Turtle or TriG"
		case c == '<' && strings.HasPrefix(p.s[p.i:], "<<"):
			remedy = "triple terms are written <<( s p o )>> and may only be objects"
		case c == '"':
			remedy = "literals may only be objects"
		case c == 0:
			remedy = "is this a text file in UTF-8?"
		}
	}
	return p.fail(p.i, "expected "+what+", found "+found, remedy)
}

func (p *Parser) subject(t *kg.Term) bool {
	switch p.peek() {
	case '<':
		iri, ok := p.iri()
		if !ok {
			return false
		}
		if iri == p.subj {
			iri = p.subj
		} else {
			p.subj = iri
		}
		*t = kg.Term{Kind: kg.IRI, Value: iri}
		return true
	case '_':
		return p.blankNode(t)
	}
	return p.expected("a subject (IRI or blank node)")
}

func (p *Parser) predicate(t *kg.Term) bool {
	if p.peek() != '<' {
		return p.expected("a predicate (IRI)")
	}
	iri, ok := p.iri()
	if !ok {
		return false
	}
	*t = kg.Term{Kind: kg.IRI, Value: p.in.String(iri)}
	return true
}

func (p *Parser) object(t *kg.Term, depth int) bool {
	switch p.peek() {
	case '<':
		if strings.HasPrefix(p.s[p.i:], "<<(") {
			return p.tripleTerm(t, depth+1)
		}
		iri, ok := p.iri()
		*t = kg.Term{Kind: kg.IRI, Value: iri}
		return ok
	case '_':
		return p.blankNode(t)
	case '"':
		return p.literal(t)
	}
	return p.expected("an object (IRI, blank node, literal or triple term)")
}

func (p *Parser) tripleTerm(t *kg.Term, depth int) bool {
	if depth > scan.MaxDepth {
		return p.fail(p.i, "triple terms are nested more than 512 deep", "")
	}
	p.i += len("<<(")
	spo := new([3]kg.Term)
	p.blanks()
	if !p.subject(&spo[0]) {
		return false
	}
	p.blanks()
	if !p.predicate(&spo[1]) {
		return false
	}
	p.blanks()
	if !p.object(&spo[2], depth) {
		return false
	}
	p.blanks()
	if !strings.HasPrefix(p.s[p.i:], ")>>") {
		return p.expected("')>>'")
	}
	p.i += len(")>>")
	*t = kg.Term{Kind: kg.Triple, Spo: spo}
	return true
}

// iri reads an IRI in angle brackets.
func (p *Parser) iri() (string, bool) {
	s, start := p.s, p.i+1
	i := start
	escaped := false
	for {
		for i < len(s) && scan.Classes[s[i]]&scan.InIRI != 0 {
			i++
		}
		if i < len(s) && s[i] == '\\' {
			escaped = true
			i++
			continue
		}
		break
	}
	if i == len(s) || s[i] == '\n' || s[i] == '\r' {
		return "", p.fail(p.i, "the IRI has no closing '>'", "")
	}
	if s[i] != '>' {
		if i == start && s[i] == '<' {
			return "", p.expected("an IRI")
		}
		return "", p.fail(i, "an IRI may not hold the character "+scan.Shown(s[i:i+1]), "percent-encode it")
	}
	iri := s[start:i]
	if len(iri) > scan.MaxIRI {
		return "", p.fail(p.i, "the IRI is longer than 8 KiB", "shorten it; a closing '>' may be missing")
	}
	if escaped {
		out, at, msg, remedy := scan.UnescapeIRI(iri)
		if at >= 0 {
			return "", p.fail(start+at, msg, remedy)
		}
		iri = out
	}
	if scan.SchemeLen(iri) == 0 {
		return "", p.fail(p.i, "relative IRI "+scan.Shown("<"+iri+">"), "N-Triples and N-Quads need absolute IRIs; Turtle allows relative ones")
	}
	p.i = i + 1
	return iri, true
}

func (p *Parser) blankNode(t *kg.Term) bool {
	if p.i+1 >= len(p.s) || p.s[p.i+1] != ':' {
		return p.expected("a blank node '_:label'")
	}
	n := scan.LabelLen(p.s[p.i+2:])
	if n == 0 {
		return p.fail(p.i, "a blank node needs a label after '_:'", "")
	}
	if n > scan.MaxIRI {
		return p.fail(p.i, "the blank node label is longer than 8 KiB", "")
	}
	end := p.i + 2 + n
	if end < len(p.s) && p.s[end] == ':' {
		return p.fail(end, "a blank node label may not hold a colon", "")
	}
	label := p.s[p.i+2 : end]
	p.i = end
	if label != p.label {
		p.label, p.blank = label, p.joined(label)
	}
	*t = kg.Term{Kind: kg.Blank, Value: p.blank}
	return true
}

// joined returns prefix and label, carved from a larger block.
func (p *Parser) joined(label string) string {
	if p.Prefix == "" {
		return label
	}
	n := len(p.Prefix) + len(label)
	if n > cap(p.arena)-len(p.arena) {
		p.arena = make([]byte, 0, max(4096, n))
	}
	from := len(p.arena)
	p.arena = append(append(p.arena, p.Prefix...), label...)
	return text(p.arena[from:])
}

func (p *Parser) literal(t *kg.Term) bool {
	s, start := p.s, p.i+1
	i := start
	escaped := false
	for {
		for i < len(s) && scan.Classes[s[i]]&scan.InString != 0 {
			i++
		}
		if i+1 < len(s) && s[i] == '\\' {
			escaped = true
			i++
			if s[i] != '\n' && s[i] != '\r' {
				i++
			}
			continue
		}
		break
	}
	if i == len(s) || s[i] != '"' {
		return p.fail(p.i, "the literal has no closing quote", `write line ends inside literals as "\n"`)
	}
	lex := s[start:i]
	if escaped {
		out, at, msg, remedy := scan.UnescapeString(lex)
		if at >= 0 {
			return p.fail(start+at, msg, remedy)
		}
		lex = out
	}
	if len(lex) > scan.MaxLiteral {
		return p.fail(p.i, "the literal is longer than 16 MiB", "store large texts as documents")
	}
	p.i = i + 1
	// The grammar allows white space before the tag or datatype.
	p.blanks()
	switch p.peek() {
	case '@':
		tag, all := scan.LangLen(s[p.i+1:])
		end := p.i + 1 + all
		if tag == 0 {
			return p.fail(p.i, "a language tag must be like \"en\" or \"de-AT\", parts of at most eight characters", "")
		}
		if end < len(s) && s[end] == '-' {
			return p.fail(end, "after a language tag, a base direction must be \"--ltr\" or \"--rtl\"", "")
		}
		lang := s[p.i+1 : p.i+1+tag]
		dir := ""
		dt := kg.RDFLangString
		if all > tag {
			dir, dt = s[end-3:end], kg.RDFDirLangStr
		}
		p.i = end
		*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: dt, Lang: p.in.String(strings.ToLower(lang)), Dir: dir}
		return true
	case '^':
		if !strings.HasPrefix(s[p.i:], "^^") {
			return p.expected("'^^' and a datatype")
		}
		at := p.i
		p.i += 2
		p.blanks()
		if p.peek() != '<' {
			return p.expected("a datatype (IRI)")
		}
		dt, ok := p.iri()
		if !ok {
			return false
		}
		if dt == kg.RDFLangString || dt == kg.RDFDirLangStr {
			return p.fail(at, "a literal of datatype rdf:"+dt[len(kg.RDF):]+" needs a language tag", `write "text"@en`)
		}
		*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: p.in.String(dt)}
		return true
	}
	*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: kg.XSDString}
	return true
}
