package grammar

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError says what is wrong where in a grammar or schema.
type SyntaxError struct {
	Line, Col int // of grammars, counted from 1
	Path      string
	Msg       string
}

func (e *SyntaxError) Error() string {
	if e.Path != "" {
		return fmt.Sprintf("schema at %s: %s", e.Path, e.Msg)
	}
	return fmt.Sprintf("grammar, line %d, column %d: %s", e.Line, e.Col, e.Msg)
}

// Grammar is a compiled grammar. It is immutable and safe for concurrent use.
type Grammar struct{ p *program }

// Parse reads a grammar in the notation of llama.cpp:
//
//	root ::= "yes" | "no" ws number?    # comment
//	number ::= [0-9]+ ("." [0-9]{1,3})?
//
// Expressions are strings, classes of characters with ranges and ^, the dot for
// any character, names of rules, groups, and *, +, ?, {n}, {n,}, {n,m} after
// them. A rule ends where the next begins.
func Parse(src string) (*Grammar, error) {
	p := &parser{src: src, rules: map[string]node{}}
	if err := p.grammar(); err != nil {
		return nil, err
	}
	prog, err := compile(p.rules, p.order)
	if err != nil {
		return nil, &SyntaxError{Line: 1, Col: 1, Msg: err.Error()}
	}
	return &Grammar{prog}, nil
}

const maxDepth = 200 // of groups and schemas

type parser struct {
	src   string
	at    int
	depth int
	rules map[string]node
	order []string
}

func (p *parser) fail(at int, format string, args ...any) error {
	before := p.src[:min(at, len(p.src))]
	line := strings.Count(before, "\n") + 1
	return &SyntaxError{Line: line, Col: utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1, Msg: fmt.Sprintf(format, args...)}
}

// skip passes white space and comments.
func (p *parser) skip() {
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == '#':
			n := strings.IndexByte(p.src[p.at:], '\n')
			if n < 0 {
				n = len(p.src) - p.at
			}
			p.at += n
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func nameByte(c byte) bool {
	return c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *parser) name() string {
	from := p.at
	for p.at < len(p.src) && nameByte(p.src[p.at]) {
		p.at++
	}
	return p.src[from:p.at]
}

func (p *parser) grammar() error {
	for p.skip(); p.at < len(p.src); p.skip() {
		at := p.at
		name := p.name()
		if name == "" {
			return p.fail(at, "here a rule should begin, with its name")
		}
		p.skip()
		if !strings.HasPrefix(p.src[p.at:], "::=") {
			return p.fail(p.at, "after the name of rule %q comes ::=", name)
		}
		p.at += 3
		x, err := p.alternatives()
		if err != nil {
			return err
		}
		if _, twice := p.rules[name]; twice {
			return p.fail(at, "rule %q is defined twice", name)
		}
		p.rules[name] = x
		p.order = append(p.order, name)
	}
	return nil
}

func (p *parser) alternatives() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.at, "groups are nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	var ways oneOf
	for {
		x, err := p.sequence()
		if err != nil {
			return nil, err
		}
		ways = append(ways, x)
		if p.peek() != '|' {
			return ways, nil
		}
		p.at++
	}
}

func (p *parser) sequence() (node, error) {
	var seq all
	for {
		p.skip()
		var x node
		var err error
		switch c := p.peek(); {
		case c == '"':
			x, err = p.literal()
		case c == '[':
			x, err = p.class()
		case c == '.':
			p.at++
			x = class{{0, utf8.MaxRune}}
		case c == '(':
			at := p.at
			p.at++
			if x, err = p.alternatives(); err == nil && p.peek() != ')' {
				err = p.fail(at, "this group has no end: ) is missing")
			}
			p.at++
		case nameByte(c):
			from := p.at
			name := p.name()
			here := p.at
			p.skip()
			if strings.HasPrefix(p.src[p.at:], "::=") { // the next rule
				p.at = from
				return seq, nil
			}
			p.at = here
			x = rule(name)
		default:
			return seq, nil
		}
		if err == nil {
			x, err = p.repeated(x)
		}
		if err != nil {
			return nil, err
		}
		seq = append(seq, x)
	}
}

func (p *parser) repeated(x node) (node, error) {
	for {
		p.skip()
		switch p.peek() {
		case '*':
			x = several{x, 0, -1}
		case '+':
			x = several{x, 1, -1}
		case '?':
			x = several{x, 0, 1}
		case '{':
			at := p.at
			end := strings.IndexByte(p.src[p.at:], '}')
			if end < 0 {
				return nil, p.fail(at, "} is missing")
			}
			low, high, two := strings.Cut(p.src[p.at+1:p.at+end], ",")
			lo, err := strconv.Atoi(strings.TrimSpace(low))
			hi := lo
			if high = strings.TrimSpace(high); two && high == "" {
				hi = -1
			} else if two && err == nil {
				hi, err = strconv.Atoi(high)
			}
			if err != nil || lo < 0 || hi >= 0 && hi < lo || lo > maxSteps || hi > maxSteps {
				return nil, p.fail(at, "a repetition is {n}, {n,} or {n,m} with n <= m")
			}
			x = several{x, lo, hi}
			p.at += end
		default:
			return x, nil
		}
		p.at++
	}
}

// char reads one character of a string or class.
func (p *parser) char() (rune, error) {
	at := p.at
	r, n := utf8.DecodeRuneInString(p.src[p.at:])
	p.at += n
	if r == utf8.RuneError && n <= 1 {
		return 0, p.fail(at, "not valid UTF-8")
	}
	if r != '\\' {
		return r, nil
	}
	c := p.peek()
	p.at++
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch c {
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case '\\', '"', '[', ']', '-', '^', '/', '.', '\'':
		return rune(c), nil
	case 'x', 'u', 'U':
		if p.at+digits <= len(p.src) {
			if v, err := strconv.ParseUint(p.src[p.at:p.at+digits], 16, 32); err == nil && v <= utf8.MaxRune {
				p.at += digits
				return rune(v), nil
			}
		}
		return 0, p.fail(at, "after \\%c come %d hexadecimal digits of a character", c, digits)
	}
	return 0, p.fail(at, "unknown escape")
}

func (p *parser) literal() (node, error) {
	at := p.at
	p.at++
	var s strings.Builder
	for {
		if p.at >= len(p.src) || p.peek() == '\n' {
			return nil, p.fail(at, "this string has no end: \" is missing")
		}
		if p.peek() == '"' {
			p.at++
			return text(s.String()), nil
		}
		r, err := p.char()
		if err != nil {
			return nil, err
		}
		s.WriteRune(r)
	}
}

func (p *parser) class() (node, error) {
	at := p.at
	p.at++
	not := p.peek() == '^'
	if not {
		p.at++
	}
	var c class
	for {
		if p.at >= len(p.src) {
			return nil, p.fail(at, "this class has no end: ] is missing")
		}
		if p.peek() == ']' {
			p.at++
			break
		}
		lo, err := p.char()
		if err != nil {
			return nil, err
		}
		hi := lo
		if p.peek() == '-' && p.at+1 < len(p.src) && p.src[p.at+1] != ']' {
			p.at++
			if hi, err = p.char(); err != nil {
				return nil, err
			}
			if hi < lo {
				return nil, p.fail(at, "the range %q-%q runs backwards", lo, hi)
			}
		}
		c = append(c, runeRange{lo, hi})
	}
	if not {
		c = c.not()
	}
	return c, nil
}
