package constrain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/fold"
)

// Anchor is a name in brackets: [nora ephron], or [1] for the first mention of
// the question. A bound anchor has only a name.
type Anchor struct {
	Ref  int    // number of a mention, from 1; 0 for a name
	Name string // folded name
}

// Step walks one edge: "> rel" to the objects, "< rel" to the subjects.
type Step struct {
	Inverse bool
	Rel     string
}

// OpKind tells the operations of a pipeline apart.
type OpKind uint8

// Operations, in the order of the grammar.
const (
	Edge    OpKind = iota // > rel, < rel
	Type                  // : class
	With                  // | step+ [name]
	Without               // ! step+ [name], ! step+ [] (no such path at all)
	Max                   // max rel
	Min                   // min rel
	Where                 // where rel > number
)

// Op is one operation of a pipeline. Which fields count depends on Kind.
type Op struct {
	Kind   OpKind
	Step   Step    // Edge
	Class  string  // Type
	Steps  []Step  // With, Without
	To     *Anchor // With; Without, where nil means: anything
	Rel    string  // Max, Min, Where
	Cmp    byte    // Where: '>', '<' or '='
	Number string  // Where: as written in the question
}

// EndKind is what a pipeline asks of its last set.
type EndKind uint8

// Ends.
const (
	List EndKind = iota // the members
	Count
	Sum // sum rel
	Avg // avg rel
	Ask // = [name]: is this one a member?
)

// End closes a pipeline.
type End struct {
	Kind EndKind
	Rel  string // Sum, Avg
	To   Anchor // Ask
}

// Pipeline is a query: where to start, what to do in which order, what to ask.
type Pipeline struct {
	Class string // {class}; empty: Start counts
	Start Anchor // [name]
	Ops   []Op
	End   End
}

// MaxSteps is the largest number of edges in the main chain of a pipeline, and
// MaxExtremes the largest number of max and min operations. Both bound the
// size of the SPARQL query.
const (
	MaxSteps    = 4
	MaxExtremes = 2
)

// String returns the canonical text. Parse reads it back to an equal pipeline.
func (p Pipeline) String() string {
	var b strings.Builder
	if p.Class != "" {
		b.WriteString("{" + p.Class + "}")
	} else {
		b.WriteString(p.Start.String())
	}
	for i, op := range p.Ops {
		b.WriteByte(' ')
		b.WriteString(op.text(i+1 < len(p.Ops) && p.Ops[i+1].Kind == Edge))
	}
	switch p.End.Kind {
	case Count:
		b.WriteString(" count")
	case Sum:
		b.WriteString(" sum " + p.End.Rel)
	case Avg:
		b.WriteString(" avg " + p.End.Rel)
	case Ask:
		b.WriteString(" = " + p.End.To.String())
	}
	return b.String()
}

// String returns the text of one operation.
func (o Op) String() string { return o.text(false) }

// text closes a "! step+" that has no name with empty brackets if an edge
// follows: that edge would otherwise read as one more step of the path.
func (o Op) text(edgeFollows bool) string {
	switch o.Kind {
	case Edge:
		return o.Step.String()
	case Type:
		return ": " + o.Class
	case With, Without:
		sign := "|"
		if o.Kind == Without {
			sign = "!"
		}
		var b strings.Builder
		b.WriteString(sign)
		for _, s := range o.Steps {
			b.WriteString(" " + s.String())
		}
		if o.To != nil {
			b.WriteString(" " + o.To.String())
		} else if edgeFollows {
			b.WriteString(" []")
		}
		return b.String()
	case Max:
		return "max " + o.Rel
	case Min:
		return "min " + o.Rel
	case Where:
		return "where " + o.Rel + " " + string(o.Cmp) + " " + o.Number
	}
	return fmt.Sprintf("?%d", o.Kind)
}

// String returns "> rel" or "< rel".
func (s Step) String() string {
	if s.Inverse {
		return "< " + s.Rel
	}
	return "> " + s.Rel
}

// String returns the anchor in brackets. A name that looks like a number of a
// mention is marked with a hash: ["2"] is written [#2].
func (a Anchor) String() string {
	if a.Ref > 0 {
		return "[" + strconv.Itoa(a.Ref) + "]"
	}
	if looksLikeRef(a.Name) {
		return "[#" + a.Name + "]"
	}
	return "[" + a.Name + "]"
}

// looksLikeRef reports whether a name is one or two digits after any number of
// hashes.
func looksLikeRef(s string) bool {
	s = strings.TrimLeft(s, "#")
	if len(s) == 0 || len(s) > 2 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

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
		case "max", "min":
			ps.pos += len(w)
			n, err := ps.spacedName()
			if err != nil {
				return p, err
			}
			k := Max
			if w == "min" {
				k = Min
			}
			p.Ops = append(p.Ops, Op{Kind: k, Rel: n})
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
		default:
			return p, ps.fail("expected one of > < : | ! max min where count sum avg =, found %q", w)
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
	switch w := ps.word(); w {
	case ">", "<", "=":
		op.Cmp = w[0]
		ps.pos++
	default:
		return op, ps.fail("a comparison > < = must follow, found %q", w)
	}
	if err := ps.space(); err != nil {
		return op, err
	}
	op.Number = ps.word()
	if !IsNumber(op.Number) {
		return op, ps.fail("a number must follow, found %q", op.Number)
	}
	ps.pos += len(op.Number)
	return op, nil
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
		if w == "" || strings.ContainsAny(w, "[]{}") || len(w) == 1 && strings.Contains("><:|!=", w) || !first && fold.Reserved(w) {
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

// mapAnchors returns a copy of the pipeline with every anchor replaced.
func (p Pipeline) mapAnchors(f func(Anchor) Anchor) Pipeline {
	if p.Class == "" {
		p.Start = f(p.Start)
	}
	p.Ops = slices.Clone(p.Ops)
	for i, op := range p.Ops {
		if op.To != nil {
			a := f(*op.To)
			p.Ops[i].To = &a
		}
	}
	if p.End.Kind == Ask {
		p.End.To = f(p.End.To)
	}
	return p
}

// Bind replaces numbers of mentions by their names; refs[0] is mention 1. It
// fails if a number has no mention.
func (p Pipeline) Bind(refs []string) (Pipeline, error) {
	var err error
	q := p.mapAnchors(func(a Anchor) Anchor {
		if a.Ref == 0 {
			return a
		}
		if a.Ref > len(refs) {
			err = fmt.Errorf("pipeline %q: there is no mention %d, only %d", p, a.Ref, len(refs))
			return a
		}
		return Anchor{Name: refs[a.Ref-1]}
	})
	return q, err
}

// Number replaces names that are mentions by their numbers: the inverse of Bind.
func (p Pipeline) Number(refs []string) Pipeline {
	return p.mapAnchors(func(a Anchor) Anchor {
		if i := slices.Index(refs, a.Name); a.Ref == 0 && i >= 0 {
			return Anchor{Ref: i + 1}
		}
		return a
	})
}

// Names returns the names of all anchors in the order of the text.
func (p Pipeline) Names() []string {
	var out []string
	p.mapAnchors(func(a Anchor) Anchor {
		if a.Name != "" {
			out = append(out, a.Name)
		}
		return a
	})
	return out
}

// Relations returns the relation names in the order of the text.
func (p Pipeline) Relations() []string {
	var out []string
	for _, op := range p.Ops {
		switch op.Kind {
		case Edge:
			out = append(out, op.Step.Rel)
		case With, Without:
			for _, s := range op.Steps {
				out = append(out, s.Rel)
			}
		case Max, Min, Where:
			out = append(out, op.Rel)
		}
	}
	if p.End.Kind == Sum || p.End.Kind == Avg {
		out = append(out, p.End.Rel)
	}
	return out
}

// Edges is the number of edges of the main chain.
func (p Pipeline) Edges() int {
	n := 0
	for _, op := range p.Ops {
		if op.Kind == Edge {
			n++
		}
	}
	return n
}

// With returns the pipeline with one more operation. The receiver is not
// changed and shares nothing that is.
func (p Pipeline) With(op Op) Pipeline {
	p.Ops = append(slices.Clip(p.Ops), op)
	return p
}

// Ending returns the pipeline with another end.
func (p Pipeline) Ending(e End) Pipeline {
	p.End = e
	return p
}
