package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/fold"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// ParseError is a fault in the text of a pipeline.
type ParseError struct {
	Text   string
	Offset int // bytes
	Msg    string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("pipeline %q: byte %d: %s", e.Text, e.Offset, e.Msg)
}

// Parse reads the text of a pipeline.
func Parse(text string) (Pipeline, error) {
	ps := parser{text: text}
	p, err := ps.pipeline()
	if err != nil {
		return Pipeline{}, err
	}
	return p, nil
}

type parser struct {
	text string
	pos  int
}

func (ps *parser) fail(format string, args ...any) error {
	return &ParseError{ps.text, ps.pos, fmt.Sprintf(format, args...)}
}

// word returns the next space-separated word without consuming it.
func (ps *parser) word() string {
	rest := ps.text[ps.pos:]
	if i := strings.IndexByte(rest, ' '); i >= 0 {
		return rest[:i]
	}
	return rest
}

func (ps *parser) space() error {
	if ps.pos >= len(ps.text) || ps.text[ps.pos] != ' ' {
		return ps.fail("a space must follow")
	}
	ps.pos++
	return nil
}

func (ps *parser) pipeline() (p Pipeline, err error) {
	switch {
	case strings.HasPrefix(ps.text, "{"):
		if p.Class, err = ps.bracketed('}'); err != nil {
			return p, err
		}
		if p.Class == "" {
			return p, ps.fail("empty class name")
		}
	case strings.HasPrefix(ps.text, "["):
		if p.Start, err = ps.anchor(); err != nil {
			return p, err
		}
	default:
		return p, ps.fail("a query begins with [name] or {class}")
	}
	for ps.pos < len(ps.text) {
		if err := ps.space(); err != nil {
			return p, err
		}
		w := ps.word()
		switch w {
		case ">", "<":
			s, err := ps.step()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, Op{Kind: Edge, Step: s})
		case ">>", "<<":
			ps.pos++
			s, err := ps.step()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, Op{Kind: Reach, Step: s})
		case ":":
			ps.pos++
			n, err := ps.spacedName()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, Op{Kind: Type, Class: n})
		case "|", "!":
			op, err := ps.branch(w == "!")
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, op)
		case "~":
			op, err := ps.also()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, op)
		case "max", "min":
			op := Op{Kind: Max}
			if w == "min" {
				op.Kind = Min
			}
			ps.pos += len(w)
			if err = ps.rank(&op); err != nil {
				return p, err
			}
			if op.Rel, err = ps.spacedName(); err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, op)
		case "#":
			op, err := ps.counting()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, op)
		case "@":
			op := Op{Kind: Loop}
			ps.pos++
			for range 2 {
				s, err := ps.spacedStep()
				if err != nil {
					return p, err
				}
				op.Steps = append(op.Steps, s)
			}
			p.Ops = append(p.Ops, op)
		case "where":
			op, err := ps.where()
			if err != nil {
				return p, err
			}
			p.Ops = append(p.Ops, op)
		case "count":
			ps.pos += len(w)
			p.End.Kind = Count
			return p, ps.end()
		case "sum", "avg":
			ps.pos += len(w)
			p.End.Kind = Sum
			if w == "avg" {
				p.End.Kind = Avg
			}
			if p.End.Rel, err = ps.spacedName(); err != nil {
				return p, err
			}
			return p, ps.end()
		case "=":
			ps.pos++
			if err := ps.space(); err != nil {
				return p, err
			}
			p.End.Kind = Ask
			if p.End.To, err = ps.anchor(); err != nil {
				return p, err
			}
			return p, ps.end()
		case "-", ",", ";", "(":
			if p.End, err = ps.tableEnd(w); err != nil {
				return p, err
			}
			return p, ps.end()
		default:
			return p, ps.fail("expected one of > < >> << : | ! ~ # @ max min where count sum avg = - , ; (, found %q", w)
		}
	}
	return p, nil
}

func (ps *parser) end() error {
	if ps.pos < len(ps.text) {
		return ps.fail("nothing may follow the end of the query")
	}
	return nil
}

func (ps *parser) step() (Step, error) {
	s := Step{Inverse: ps.text[ps.pos] == '<'}
	ps.pos++
	n, err := ps.spacedName()
	s.Rel = n
	return s, err
}

func (ps *parser) branch(not bool) (Op, error) {
	op := Op{Kind: With}
	if not {
		op.Kind = Without
	}
	ps.pos++
	for {
		save := ps.pos
		if ps.pos >= len(ps.text) {
			break
		}
		if err := ps.space(); err != nil {
			return op, err
		}
		w := ps.word()
		if w == ">" || w == "<" {
			s, err := ps.step()
			if err != nil {
				return op, err
			}
			op.Steps = append(op.Steps, s)
			continue
		}
		if strings.HasPrefix(w, "[]") && len(op.Steps) > 0 && not {
			ps.pos += 2
			return op, nil
		}
		if strings.HasPrefix(w, "[") && len(op.Steps) > 0 {
			a, err := ps.anchor()
			op.To = &a
			return op, err
		}
		ps.pos = save
		break
	}
	if len(op.Steps) == 0 {
		return op, ps.fail("a step > or < must follow")
	}
	if !not {
		return op, ps.fail("| needs a [name] at the end of its steps")
	}
	return op, nil
}

func (ps *parser) where() (Op, error) {
	op := Op{Kind: Where}
	ps.pos += len("where")
	n, err := ps.spacedName()
	if err != nil {
		return op, err
	}
	op.Rel = n
	if err := ps.space(); err != nil {
		return op, err
	}
	if op.Cmp, err = ps.comparison(); err != nil {
		return op, err
	}
	if err := ps.space(); err != nil {
		return op, err
	}
	if strings.HasPrefix(ps.text[ps.pos:], "[") {
		a, err := ps.anchor()
		op.To = &a
		return op, err
	}
	op.Number = ps.word()
	if !IsNumber(op.Number) && !IsDate(op.Number) {
		return op, ps.fail("a number, a date or a [name] must follow, found %q", op.Number)
	}
	ps.pos += len(op.Number)
	return op, nil
}

func (ps *parser) comparison() (byte, error) {
	w := ps.word()
	for _, c := range []byte{'>', '<', '=', AtLeast, AtMost} {
		if CompareText(c) == w {
			ps.pos += len(w)
			return c, nil
		}
	}
	return 0, ps.fail("a comparison > < = >= <= must follow, found %q", w)
}

// spacedStep reads a space and a step.
func (ps *parser) spacedStep() (Step, error) {
	if err := ps.space(); err != nil {
		return Step{}, err
	}
	if w := ps.word(); w != ">" && w != "<" {
		return Step{}, ps.fail("a step > or < must follow, found %q", w)
	}
	return ps.step()
}

// rank reads " #3" or " @2", if one of them is there.
func (ps *parser) rank(op *Op) error {
	rest := ps.text[ps.pos:]
	if len(rest) < 2 || rest[0] != ' ' || rest[1] != '#' && rest[1] != '@' {
		return nil
	}
	ps.pos++
	w := ps.word()
	n, err := strconv.Atoi(w[1:])
	if err != nil || n < 2 || n > MaxN || strconv.Itoa(n) != w[1:] {
		return ps.fail("a number from 2 to %d must follow %q, found %q", MaxN, w[:1], w[1:])
	}
	op.N, op.Nth = n, w[0] == '@'
	ps.pos += len(w)
	return nil
}

// counting reads "# max step", "# min step" or "# > 3 step", with a class in
// braces after the step where only its instances count.
func (ps *parser) counting() (op Op, err error) {
	ps.pos++
	save := ps.pos
	if err := ps.space(); err != nil {
		return op, err
	}
	switch w := ps.word(); w {
	case "max", "min":
		op.Kind = Most
		if w == "min" {
			op.Kind = Fewest
		}
		ps.pos += len(w)
		if err := ps.rank(&op); err != nil {
			return op, err
		}
	default:
		op.Kind = Having
		if op.Cmp, err = ps.comparison(); err != nil {
			ps.pos = save
			return op, ps.fail("max, min or a comparison must follow #, found %q", w)
		}
		if err := ps.space(); err != nil {
			return op, err
		}
		op.Number = ps.word()
		if n, err := strconv.Atoi(op.Number); err != nil || n < 0 || strconv.Itoa(n) != op.Number {
			return op, ps.fail("a whole number must follow, found %q", op.Number)
		}
		ps.pos += len(op.Number)
	}
	if op.Step, err = ps.spacedStep(); err != nil {
		return op, err
	}
	if strings.HasPrefix(ps.text[ps.pos:], " {") {
		ps.pos++
		if op.Class, err = ps.bracketed('}'); err != nil {
			return op, err
		}
		if op.Class == "" {
			return op, ps.fail("empty class name")
		}
	}
	return op, nil
}

// also reads "~ step* [name]".
func (ps *parser) also() (Op, error) {
	op := Op{Kind: Also}
	ps.pos++
	for {
		if err := ps.space(); err != nil {
			return op, err
		}
		if w := ps.word(); w != ">" && w != "<" {
			a, err := ps.anchor()
			op.To = &a
			return op, err
		}
		s, err := ps.step()
		if err != nil {
			return op, err
		}
		op.Steps = append(op.Steps, s)
	}
}

// tableEnd reads the ends that begin with a sign.
func (ps *parser) tableEnd(sign string) (e End, err error) {
	ps.pos++
	switch sign {
	case "-":
		e.Kind = Diff
		if e.Rel, err = ps.spacedName(); err != nil {
			return e, err
		}
		if err := ps.space(); err != nil {
			return e, err
		}
		e.To, err = ps.anchor()
		return e, err
	case ",":
		e.Kind = Show
		for {
			s, err := ps.spacedStep()
			if err != nil {
				return e, err
			}
			if e.Steps = append(e.Steps, s); len(e.Steps) > MaxColumns {
				return e, ps.fail("at most %d columns beside the first", MaxColumns)
			}
			if !strings.HasPrefix(ps.text[ps.pos:], " , ") {
				return e, nil
			}
			ps.pos += 2
		}
	case ";":
		e.Kind = Group
		s, err := ps.spacedStep()
		if err != nil {
			return e, err
		}
		e.Steps = []Step{s}
		if err := ps.space(); err != nil {
			return e, err
		}
		w := ps.word()
		for i, a := range aggregateWords {
			if w != a {
				continue
			}
			e.By = Aggregate(i)
			ps.pos += len(w)
			if e.By != CountAll {
				e.Rel, err = ps.spacedName()
			}
			return e, err
		}
		return e, ps.fail("expected one of %s, found %q", strings.Join(aggregateWords[:], " "), w)
	}
	e.Kind = Calc
	if e.Rel, err = ps.spacedName(); err != nil {
		return e, err
	}
	if err := ps.space(); err != nil {
		return e, err
	}
	w := ps.word()
	if w != "-" && w != "*" && w != "/" {
		return e, ps.fail("one of - * / must follow, found %q", w)
	}
	e.Sign = w[0]
	ps.pos++
	if e.Other, err = ps.spacedName(); err != nil {
		return e, err
	}
	if err := ps.space(); err != nil {
		return e, err
	}
	if w := ps.word(); w != ")" {
		return e, ps.fail("a closing parenthesis must follow, found %q", w)
	}
	ps.pos++
	return e, nil
}

// IsDate reports whether a word is a day (2014-03-05) or a month (2014-03).
func IsDate(s string) bool {
	if len(s) != len("2014-03-05") && len(s) != len("2014-03") {
		return false
	}
	for i := range len(s) {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	_, ok := literal.Days(s)
	return ok
}

// IsNumber reports whether a word is a number that a filter can copy: digits
// with an optional sign and an optional decimal point.
func IsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || dot && frac == "" || len(s) > 30 {
		return false
	}
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// spacedName reads a space and a relation or class name: all words up to the
// next operation.
func (ps *parser) spacedName() (string, error) {
	if err := ps.space(); err != nil {
		return "", err
	}
	start := ps.pos
	for first := true; ps.pos < len(ps.text); first = false {
		save := ps.pos
		if !first {
			ps.pos++ // the space
		}
		w := ps.word()
		if w == "" || strings.ContainsAny(w, "[]{}") || strings.Contains(" > < >> << : | ! = ~ # @ - * / , ; ( ) >= <= ", " "+w+" ") || first && (w[0] == '#' || w[0] == '@') || !first && fold.Reserved(w) {
			ps.pos = save
			break
		}
		ps.pos += len(w)
		if ps.pos < len(ps.text) && ps.text[ps.pos] != ' ' {
			break
		}
	}
	if ps.pos == start {
		return "", ps.fail("a name must follow")
	}
	return ps.text[start:ps.pos], nil
}

func (ps *parser) bracketed(closing byte) (string, error) {
	rest := ps.text[ps.pos+1:]
	i := strings.IndexByte(rest, closing)
	if i < 0 {
		return "", ps.fail("missing %q", closing)
	}
	ps.pos += i + 2
	return rest[:i], nil
}

func (ps *parser) anchor() (Anchor, error) {
	if ps.pos >= len(ps.text) || ps.text[ps.pos] != '[' {
		return Anchor{}, ps.fail("a [name] must follow")
	}
	s, err := ps.bracketed(']')
	if err != nil {
		return Anchor{}, err
	}
	switch {
	case s == "":
		return Anchor{}, ps.fail("empty name")
	case looksLikeRef(s) && s[0] == '#':
		return Anchor{Name: s[1:]}, nil
	case looksLikeRef(s):
		n, _ := strconv.Atoi(s)
		if n == 0 {
			return Anchor{}, ps.fail("mentions are numbered from 1")
		}
		return Anchor{Ref: n}, nil
	}
	return Anchor{Name: s}, nil
}
