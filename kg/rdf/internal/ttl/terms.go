package ttl

import (
	"strings"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// memo remembers what IRI or blank node a token meant, so that a name that
// repeats is not built again. It has a fixed size and forgets.
type memo struct {
	slots [4096]struct {
		token, meaning string
		era            uint32
	}
	era uint32 // grows when a prefix or the base changes
}

func (m *memo) clear() { m.era++ }

// get returns the meaning of a token and the slot to put it into.
func (m *memo) get(token string) (meaning string, slot uint32, ok bool) {
	h := uint32(len(token)) * 2654435761
	for i := max(0, len(token)-12); i < len(token); i++ {
		h = (h ^ uint32(token[i])) * 16777619
	}
	if len(token) > 24 {
		// Names that end alike, such as numbered ones, differ before that.
		mid := len(token) / 2
		h = (h ^ uint32(token[mid]) ^ uint32(token[mid-4])<<8) * 16777619
	}
	h = (h ^ h>>15) % uint32(len(m.slots))
	s := &m.slots[h]
	return s.meaning, h, s.era == m.era && s.token == token
}

func (m *memo) put(slot uint32, token, meaning string) {
	s := &m.slots[slot]
	s.token, s.meaning, s.era = strings.Clone(token), meaning, m.era
}

// fold reports whether w is the lower-case keyword in any case.
func fold(w, keyword string) bool { return len(w) == len(keyword) && strings.EqualFold(w, keyword) }

// word returns the length of the prefix or keyword at i (PN_PREFIX), 0 if
// there is none. A final dot does not belong to it.
func (p *parser) word() int {
	k, end := 0, 0
	for {
		c := p.peek(k)
		switch {
		case c < utf8.RuneSelf && (scan.Classes[c]&scan.NameBase != 0 || k > 0 && scan.Classes[c]&scan.NameChar != 0):
			k++
			end = k
		case c == '.' && k > 0:
			k++
		case c >= utf8.RuneSelf:
			r, n := p.rune(k)
			if k == 0 && !scan.IsNameBase(r) || !scan.IsNameChar(r) {
				return end
			}
			k += n
			end = k
		default:
			return end
		}
	}
}

// prefixed reads a prefixed name whose prefix has n bytes.
func (p *parser) prefixed(t *kg.Term, n int) bool {
	k, end := n+1, n+1
	escaped := false
scan:
	for {
		c := p.peek(k)
		switch {
		case c < utf8.RuneSelf && (scan.Classes[c]&(scan.NameBase|scan.Digit) != 0 || c == '_' || c == ':'):
			k++
		case c == '-' && k > n+1:
			k++
		case c == '.' && k > n+1:
			k++
			continue
		case c == '%':
			if scan.Classes[p.peek(k+1)]&scan.Hex == 0 || scan.Classes[p.peek(k+2)]&scan.Hex == 0 {
				return p.fail(k, "in a prefixed name, '%' needs two hexadecimal digits after it", `write "\%" for the character itself`)
			}
			k += 3
		case c == '\\':
			if !strings.ContainsRune("_~.-!$&'()*+,;=/?#@%", rune(p.peek(k+1))) {
				return p.fail(k, "unknown escape in a prefixed name", "write the whole IRI in angle brackets")
			}
			escaped = true
			k += 2
		case c >= utf8.RuneSelf:
			r, m := p.rune(k)
			if k == n+1 && !scan.IsNameBase(r) || !scan.IsNameChar(r) {
				break scan
			}
			k += m
		default:
			break scan
		}
		end = k
	}
	if end > scan.MaxIRI {
		return p.fail(0, "the name is longer than 8 KiB", "")
	}
	token := p.token(end)
	meaning, slot, ok := p.memo.get(token)
	if !ok {
		ns, declared := p.prefixes[token[:n]]
		if !declared {
			return p.fail(0, "the prefix "+scan.Shown(token[:n+1])+" is not declared", "add \"@prefix "+token[:n+1]+" <...> .\" at the top")
		}
		local := token[n+1:]
		if escaped {
			meaning = ns + unescapeLocal(local)
		} else {
			meaning = ns + local
		}
		if len(meaning) > scan.MaxIRI {
			return p.fail(0, "the IRI is longer than 8 KiB", "")
		}
		p.memo.put(slot, token, meaning)
	}
	p.i += end
	*t = kg.Term{Kind: kg.IRI, Value: meaning}
	return true
}

// unescapeLocal drops the backslashes of a local name.
func unescapeLocal(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b = append(b, s[i])
	}
	return str(b)
}

// iriRef reads an IRI reference in angle brackets and resolves it.
func (p *parser) iriRef() (string, bool) {
	k := 1
	escaped := false
	for {
		for p.i+k < len(p.b) && scan.Classes[p.b[p.i+k]]&scan.InIRI != 0 {
			k++
		}
		if p.i+k == len(p.b) {
			if k > 6*scan.MaxIRI || !p.need(k+1) {
				break
			}
			continue
		}
		if p.b[p.i+k] != '\\' {
			break
		}
		escaped = true
		k++
	}
	if p.i+k >= len(p.b) {
		return "", p.cutOff("the IRI has no closing '>'")
	}
	if c := p.b[p.i+k]; c != '>' {
		if c == '\n' || c == '\r' {
			return "", p.fail(0, "the IRI has no closing '>' on its line", "")
		}
		return "", p.fail(k, "an IRI may not hold the character "+scan.Shown(string(rune(c))), "percent-encode it")
	}
	token := p.token(k + 1)
	meaning, slot, ok := p.memo.get(token)
	if !ok {
		meaning = token[1:k]
		if escaped {
			out, at, msg, remedy := scan.UnescapeIRI(meaning)
			if at >= 0 {
				return "", p.fail(1+at, msg, remedy)
			}
			meaning = out
		}
		switch {
		case scan.SchemeLen(meaning) > 0:
			meaning = strings.Clone(meaning)
		case p.based:
			meaning = strings.Clone(p.base.Resolve(meaning))
		default:
			return "", p.fail(0, "relative IRI "+scan.Shown(token)+" without a base", "add \"@base <...> .\" to the document or name a base")
		}
		if len(meaning) > scan.MaxIRI {
			return "", p.fail(0, "the IRI is longer than 8 KiB", "shorten it; a closing '>' may be missing")
		}
		p.memo.put(slot, token, meaning)
	}
	p.i += k + 1
	return meaning, true
}

// label reads a blank node label "_:x".
func (p *parser) label(t *kg.Term) bool {
	// The label may reach over the window's end: take in all its characters.
	k := 2
	for {
		c := p.peek(k)
		if c < utf8.RuneSelf && scan.Classes[c]&scan.NameChar == 0 && c != '.' || k > scan.MaxIRI {
			break
		}
		k++
	}
	n := scan.LabelLen(p.token(min(k, len(p.b)-p.i))[2:])
	if n == 0 {
		return p.fail(0, "a blank node needs a label after '_:'", "")
	}
	if n > scan.MaxIRI-2 {
		return p.fail(0, "the blank node label is longer than 8 KiB", "")
	}
	token := p.token(2 + n)
	meaning, slot, ok := p.memo.get(token)
	if !ok {
		meaning = p.o.Prefix + token[2:]
		p.memo.put(slot, token, meaning)
	}
	p.i += 2 + n
	*t = kg.Term{Kind: kg.Blank, Value: meaning}
	return true
}

// quoted reads a string in any of the four kinds of quotes.
func (p *parser) quoted() (string, bool) {
	q := p.peek(0)
	long := p.peek(1) == q && p.peek(2) == q
	k, width := 1, 1
	if long {
		k, width = 3, 3
	}
	start := k
	escaped := false
	for {
		if p.i+k >= len(p.b) && !p.need(k+1) {
			return "", p.cutOff("the literal has no closing quote")
		}
		switch c := p.b[p.i+k]; {
		case c == q:
			if !long || p.peek(k+1) == q && p.peek(k+2) == q {
				raw := p.token(k)[start:]
				var s string
				if escaped {
					out, at, msg, remedy := scan.UnescapeString(raw)
					if at >= 0 {
						return "", p.fail(start+at, msg, remedy)
					}
					s = out
				} else {
					s = strings.Clone(raw)
				}
				if len(s) > scan.MaxLiteral {
					return "", p.fail(0, "the literal is longer than 16 MiB", "store large texts as documents")
				}
				p.i += k + width
				return s, true
			}
			k++
		case c == '\\':
			escaped = true
			if p.peek(k+1) == 0 && !p.need(k+2) {
				return "", p.cutOff("the literal has no closing quote")
			}
			k += 2
		case !long && (c == '\n' || c == '\r'):
			return "", p.fail(0, "the literal has no closing quote on its line", `use """ for texts of several lines`)
		default:
			k++
			for p.i+k < len(p.b) && scan.Classes[p.b[p.i+k]]&scan.InString != 0 && p.b[p.i+k] != '\'' {
				k++
			}
		}
	}
}

// literal reads a string with its language tag or datatype.
func (p *parser) literal(t *kg.Term) bool {
	lex, ok := p.quoted()
	if !ok {
		return false
	}
	if c := p.peek(0); c != '@' && c != '^' {
		p.space()
	}
	switch p.peek(0) {
	case '@':
		k := 1
		for scan.Classes[p.peek(k)]&(scan.Letter|scan.Digit) != 0 || p.peek(k) == '-' {
			if k++; k > scan.MaxIRI {
				break
			}
		}
		run := p.token(k)[1:]
		tag, all := scan.LangLen(run)
		switch {
		case tag == 0:
			return p.fail(0, "a language tag must be like \"en\" or \"de-AT\", parts of at most eight characters", "")
		case all < len(run):
			return p.fail(1+all, "after a language tag, a base direction must be \"--ltr\" or \"--rtl\"", "")
		}
		*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: kg.RDFLangString, Lang: p.in.String(strings.ToLower(run[:tag]))}
		if all > tag {
			t.Datatype, t.Dir = kg.RDFDirLangStr, p.in.String(run[all-3:all])
		}
		p.i += k
		return true
	case '^':
		if p.peek(1) != '^' {
			return p.expected("'^^' and a datatype")
		}
		p.i += 2
		p.space()
		var dt kg.Term
		if c := p.peek(0); c == '_' || c == '[' {
			return p.expected("a datatype (IRI)")
		}
		if !p.resource(&dt, "a datatype (IRI)") {
			return false
		}
		if dt.Value == kg.RDFLangString || dt.Value == kg.RDFDirLangStr {
			return p.fail(0, "a literal of datatype rdf:"+dt.Value[len(kg.RDF):]+" needs a language tag", `write "text"@en`)
		}
		*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: dt.Value}
		return true
	}
	*t = kg.Term{Kind: kg.Literal, Value: lex, Datatype: kg.XSDString}
	return true
}

const (
	xsdInteger = kg.XSD + "integer"
	xsdDecimal = kg.XSD + "decimal"
	xsdDouble  = kg.XSD + "double"
)

// number reads the longest INTEGER, DECIMAL or DOUBLE.
func (p *parser) number(t *kg.Term) bool {
	k := 0
	if c := p.peek(0); c == '+' || c == '-' {
		k++
	}
	digits := func() (n int) {
		for scan.Classes[p.peek(k)]&scan.Digit != 0 && k <= scan.MaxIRI {
			k++
			n++
		}
		return n
	}
	whole := digits()
	datatype := xsdInteger
	end := k
	fraction := 0
	if p.peek(k) == '.' {
		k++
		if fraction = digits(); fraction > 0 {
			datatype, end = xsdDecimal, k
		}
	}
	if whole == 0 && fraction == 0 {
		return p.expected("a number")
	}
	if c := p.peek(k); c|0x20 == 'e' {
		k++
		if c := p.peek(k); c == '+' || c == '-' {
			k++
		}
		if digits() > 0 {
			datatype, end = xsdDouble, k
		}
	}
	if end > scan.MaxIRI {
		return p.fail(0, "the number has more than 8192 digits", "quote it and give a datatype")
	}
	*t = kg.Term{Kind: kg.Literal, Value: strings.Clone(p.token(end)), Datatype: datatype}
	p.i += end
	return true
}
