// Package xregex compiles the regular expressions of XPath (F&O 3.1 section
// 5.6, which extends XML Schema Part 2 appendix G) to Go's.
//
// Go's engine runs in time linear in the text, so no pattern can stall a
// query. In exchange there are no back-references: they are refused.
package xregex

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Error tells where in a pattern the fault is.
type Error struct {
	Pattern string
	Offset  int // bytes
	Msg     string
}

// Error names the pattern, the place and the fault.
func (e *Error) Error() string {
	return fmt.Sprintf("xregex: %q at byte %d: %s", e.Pattern, e.Offset, e.Msg)
}

// ErrFlags: a flag other than s, m, i, x and q.
var ErrFlags = errors.New(`xregex: unknown flag; use "s", "m", "i", "x" or "q"`)

// Classes of XML names, without the letters outside ASCII that \p{L} covers.
const (
	nameStart = `\p{L}_:`
	nameChar  = `\p{L}\p{N}\p{M}\-._:·`
)

// Compile translates and compiles a pattern.
func Compile(pattern, flags string) (*regexp.Regexp, error) {
	goFlags, x := "", false
	for _, f := range flags {
		switch f {
		case 's', 'm', 'i':
			goFlags += string(f)
		case 'x':
			x = true
		case 'q':
		default:
			return nil, ErrFlags
		}
	}
	if strings.ContainsRune(flags, 'q') {
		pattern = regexp.QuoteMeta(pattern)
		goFlags = strings.Map(func(r rune) rune {
			if r == 'i' {
				return r
			}
			return -1
		}, goFlags)
	} else {
		p := &translator{in: pattern, free: x}
		if err := p.run(); err != nil {
			return nil, err
		}
		pattern = p.out.String()
	}
	if goFlags != "" {
		pattern = "(?" + goFlags + ")" + pattern
	}
	return regexp.Compile(pattern)
}

type translator struct {
	in   string
	pos  int
	free bool // flag x: white space outside classes is ignored
	out  strings.Builder
}

func (p *translator) fail(msg string) error {
	return &Error{Pattern: p.in, Offset: p.pos, Msg: msg}
}

func (p *translator) run() error {
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		switch {
		case c == '\\':
			if err := p.escape(false); err != nil {
				return err
			}
			continue
		case c == '[':
			s, err := p.class()
			if err != nil {
				return err
			}
			p.out.WriteString(s)
			continue
		case c == '(' && strings.HasPrefix(p.in[p.pos:], "(?") && !strings.HasPrefix(p.in[p.pos:], "(?:"):
			return p.fail("only (?: ) may follow a parenthesis")
		case p.free && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			p.pos++
			continue
		}
		p.out.WriteByte(c)
		p.pos++
	}
	return nil
}

// escape translates one escape; in a class it must be a set or a character.
func (p *translator) escape(inClass bool) error {
	s, err := p.escaped(inClass)
	p.out.WriteString(s)
	return err
}

func (p *translator) escaped(inClass bool) (string, error) {
	if p.pos+1 >= len(p.in) {
		return "", p.fail("nothing follows the backslash")
	}
	c := p.in[p.pos+1]
	open, shut, not := "[", "]", "[^"
	if inClass {
		open, shut = "", ""
		not = ""
	}
	out := ""
	switch c {
	case 'n', 'r', 't':
		out = `\` + string(c)
	case '\\', '|', '.', '?', '*', '+', '(', ')', '{', '}', '-', '[', ']', '^', '$':
		out = `\` + string(c)
	case 'd':
		out = `\p{Nd}`
	case 'D':
		out = `\P{Nd}`
	case 's':
		out = open + ` \t\n\r` + shut
	case 'w':
		out = open + `\p{L}\p{M}\p{N}\p{S}` + shut
	case 'i':
		out = open + nameStart + shut
	case 'c':
		out = open + nameChar + shut
	case 'S', 'W', 'I', 'C':
		if inClass {
			return "", p.fail(`\` + string(c) + " is not supported inside brackets")
		}
		set := map[byte]string{'S': ` \t\n\r`, 'W': `\p{L}\p{M}\p{N}\p{S}`, 'I': nameStart, 'C': nameChar}[c]
		out = not + set + "]"
	case 'p', 'P':
		end := strings.IndexByte(p.in[p.pos:], '}')
		if end < 0 || p.pos+2 >= len(p.in) || p.in[p.pos+2] != '{' {
			return "", p.fail(`\p needs a category in braces`)
		}
		name := p.in[p.pos+3 : p.pos+end]
		if strings.HasPrefix(name, "Is") {
			return "", p.fail("Unicode blocks are not supported; use a category such as \\p{L}")
		}
		p.pos += end + 1
		return `\` + string(c) + "{" + name + "}", nil
	default:
		if c >= '1' && c <= '9' {
			return "", p.fail("back-references are not supported")
		}
		return "", p.fail(`\` + string(c) + " is no escape of XPath")
	}
	p.pos += 2
	return out, nil
}

// class translates a bracket expression. A subtraction [a-[b]] becomes an
// alternative-free form only where the ranges allow it, so it is refused.
func (p *translator) class() (string, error) {
	var b strings.Builder
	b.WriteByte('[')
	p.pos++
	if strings.HasPrefix(p.in[p.pos:], "^") {
		b.WriteByte('^')
		p.pos++
	}
	empty := true
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		switch {
		case c == ']' && !empty:
			p.pos++
			b.WriteByte(']')
			return b.String(), nil
		case c == ']':
			return "", p.fail("empty brackets")
		case c == '[':
			return "", p.fail("subtraction of character classes is not supported")
		case c == '\\':
			s, err := p.escaped(true)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
		default:
			_, n := utf8.DecodeRuneInString(p.in[p.pos:])
			if c == '&' || c == '~' {
				b.WriteByte('\\')
			}
			b.WriteString(p.in[p.pos : p.pos+n])
			p.pos += n
		}
		empty = false
	}
	return "", p.fail("brackets are not closed")
}
