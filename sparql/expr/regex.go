package expr

import (
	"regexp"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/sparql/expr/xregex"
)

// patterns caches compiled expressions of one REGEX or REPLACE call.
type patterns struct {
	mu   sync.Mutex
	seen map[[2]string]*regexp.Regexp // nil: does not compile
}

const maxPatterns = 64

func (p *patterns) get(pattern, flags string) *regexp.Regexp {
	key := [2]string{pattern, flags}
	p.mu.Lock()
	defer p.mu.Unlock()
	re, ok := p.seen[key]
	if !ok {
		if p.seen == nil || len(p.seen) >= maxPatterns {
			p.seen = map[[2]string]*regexp.Regexp{}
		}
		re, _ = xregex.Compile(pattern, flags) // an error is an error value
		p.seen[key] = re
	}
	return re
}

// strings resolves arguments; the first must be a string, the others plain.
func (c *Ctx) strings(args []Eval) (first Value, rest [3]string, ok bool) {
	for i, a := range args {
		v := a(c)
		c.resolve(&v)
		if i == 0 {
			if !isString(&v) {
				return v, rest, false
			}
			first = v
			continue
		}
		if v.K != Str {
			return v, rest, false
		}
		rest[i-1] = v.S
	}
	return first, rest, true
}

func compileRegex(args []Eval) Eval {
	p := &patterns{}
	return func(c *Ctx) Value {
		text, s, ok := c.strings(args)
		if !ok {
			return errValue
		}
		re := p.get(s[0], s[1])
		if re == nil {
			return errValue
		}
		return boolean(re.MatchString(text.S))
	}
}

func compileReplace(args []Eval) Eval {
	p := &patterns{}
	return func(c *Ctx) Value {
		text, s, ok := c.strings(args)
		if !ok {
			return errValue
		}
		re := p.get(s[0], s[2])
		if re == nil || re.MatchString("") {
			return errValue // F&O 5.6.4, err:FORX0003
		}
		out, ok := replaceAll(re, text.S, s[1], strings.Contains(s[2], "q"))
		if !ok {
			return errValue
		}
		return text.likeString(out)
	}
}

// replaceAll replaces with the template of fn:replace: $n is a group, \$ and
// \\ stand for themselves.
func replaceAll(re *regexp.Regexp, text, template string, literal bool) (string, bool) {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[last:m[0]])
		if literal {
			b.WriteString(template)
		} else if !expand(&b, template, text, m, re.NumSubexp()) {
			return "", false
		}
		last = m[1]
		if b.Len() > maxString {
			return "", false
		}
	}
	b.WriteString(text[last:])
	return b.String(), true
}

func expand(b *strings.Builder, template, text string, m []int, groups int) bool {
	for i := 0; i < len(template); i++ {
		switch c := template[i]; c {
		case '\\':
			i++
			if i == len(template) || template[i] != '\\' && template[i] != '$' {
				return false
			}
			b.WriteByte(template[i])
		case '$':
			i++
			if i == len(template) || template[i] < '0' || template[i] > '9' {
				return false
			}
			n := int(template[i] - '0')
			// Longer numbers as long as there are that many groups.
			for i+1 < len(template) && template[i+1] >= '0' && template[i+1] <= '9' {
				k := n*10 + int(template[i+1]-'0')
				if k > groups {
					break
				}
				n = k
				i++
			}
			if n <= groups && m[2*n] >= 0 {
				b.WriteString(text[m[2*n]:m[2*n+1]])
			}
		default:
			b.WriteByte(c)
		}
	}
	return true
}
