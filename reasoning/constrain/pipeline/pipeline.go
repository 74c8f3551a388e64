// Package pipeline is the language in which questions are answered: anchors
// followed by steps that map the current set of nodes to the next. It knows the
// text and the English reading of queries, and nothing of any graph.
package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	Max                   // max rel, max #3 rel (the three highest), max @2 rel (the second)
	Min                   // min rel, ...
	Where                 // where rel > number, where rel > 2014-03-05, where rel > [name]
	Also                  // ~ step* [name]: and also what reaches the name
	Most                  // # max step {class}: those with most ends of the step
	Fewest                // # min step {class}: those with fewest, but some
	Having                // # > 3 step {class}: those with so many ends
	Loop                  // @ step step: those that the two steps lead back to
	Reach                 // >> rel, << rel: one edge or several in a row
)

// Op is one operation of a pipeline. Which fields count depends on Kind.
type Op struct {
	Kind   OpKind
	Step   Step    // Edge, Reach; Most, Fewest, Having: what is counted
	Class  string  // Type; Most, Fewest, Having: only ends of this class count
	Steps  []Step  // With, Without, Also, Loop
	To     *Anchor // With; Without, where nil means: anything; Also; Where: instead of Number
	Rel    string  // Max, Min, Where
	Cmp    byte    // Where, Having: see AtLeast
	Number string  // Where: as written in the question; Having: a whole number
	N      int     // Max, Min, Most, Fewest: how many values from the end; 0 is 1
	Nth    bool    // only the N-th of them
}

// AtLeast and AtMost are the comparisons that are no single sign: ">=" and "<=".
// The others are '>', '<' and '='.
const (
	AtLeast = 'g'
	AtMost  = 'l'
)

// CompareText writes a comparison as queries do.
func CompareText(c byte) string {
	switch c {
	case AtLeast:
		return ">="
	case AtMost:
		return "<="
	}
	return string(c)
}

// Compares reports whether a stands in a relation to b.
func Compares(a float64, cmp byte, b float64) bool {
	switch cmp {
	case '>':
		return a > b
	case '<':
		return a < b
	case AtLeast:
		return a >= b
	case AtMost:
		return a <= b
	}
	return a == b
}

// EndKind is what a pipeline asks of its last set.
type EndKind uint8

// Ends.
const (
	List EndKind = iota // the members
	Count
	Sum   // sum rel
	Avg   // avg rel
	Ask   // = [name]: is this one a member?
	Diff  // - rel [name]: by how much the value of the members exceeds that of the name
	Show  // , step , step: a table of the members and where each step leads
	Group // ; step count, ; step sum rel: a table of the ends of the step and a number for each
	Calc  // ( rel - rel ): a table of the members and a number for each
)

// Table reports whether the answers are rows of several columns.
func (k EndKind) Table() bool { return k == Show || k == Group || k == Calc }

// Aggregate is what Group makes of each group.
type Aggregate uint8

// Aggregates.
const (
	CountAll Aggregate = iota
	SumOf
	AvgOf
	MinOf
	MaxOf
)

var aggregateWords = [...]string{"count", "sum", "avg", "min", "max"}

// String is the word of an aggregate.
func (a Aggregate) String() string { return aggregateWords[a] }

// End closes a pipeline.
type End struct {
	Kind  EndKind
	Rel   string    // Sum, Avg, Diff, Calc; Group unless it counts
	To    Anchor    // Ask, Diff
	Steps []Step    // Show: columns; Group: the one step to the keys
	By    Aggregate // Group
	Sign  byte      // Calc: '-', '*' or '/'
	Other string    // Calc: the second relation
}

// Calculate is the sign applied to two numbers; ok is false for a division by
// zero.
func (e End) Calculate(a, b float64) (float64, bool) {
	switch e.Sign {
	case '*':
		return a * b, true
	case '/':
		return a / b, b != 0
	}
	return a - b, true
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
	MaxColumns  = 3 // of Show
	MaxN        = 99
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
	if e := p.End.String(); e != "" {
		b.WriteString(" " + e)
	}
	return b.String()
}

// String returns the text of an end; a list has none.
func (e End) String() string {
	switch e.Kind {
	case Count:
		return "count"
	case Sum:
		return "sum " + e.Rel
	case Avg:
		return "avg " + e.Rel
	case Ask:
		return "= " + e.To.String()
	case Diff:
		return "- " + e.Rel + " " + e.To.String()
	case Show:
		parts := make([]string, len(e.Steps))
		for i, s := range e.Steps {
			parts[i] = ", " + s.String()
		}
		return strings.Join(parts, " ")
	case Group:
		s := "; " + e.Steps[0].String() + " " + e.By.String()
		if e.By != CountAll {
			s += " " + e.Rel
		}
		return s
	case Calc:
		return "( " + e.Rel + " " + string(e.Sign) + " " + e.Other + " )"
	}
	return ""
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
	case Also:
		s := "~ "
		for _, x := range o.Steps {
			s += x.String() + " "
		}
		return s + o.To.String()
	case Max:
		return "max " + o.rank() + o.Rel
	case Min:
		return "min " + o.rank() + o.Rel
	case Where:
		if o.To != nil {
			return "where " + o.Rel + " " + CompareText(o.Cmp) + " " + o.To.String()
		}
		return "where " + o.Rel + " " + CompareText(o.Cmp) + " " + o.Number
	case Most:
		return "# max " + o.rank() + o.counted()
	case Fewest:
		return "# min " + o.rank() + o.counted()
	case Having:
		return "# " + CompareText(o.Cmp) + " " + o.Number + " " + o.counted()
	case Loop:
		return "@ " + o.Steps[0].String() + " " + o.Steps[1].String()
	case Reach:
		s := o.Step.String()
		return s[:1] + s
	}
	return fmt.Sprintf("?%d", o.Kind)
}

// rank writes N and Nth, with a space after them.
func (o Op) rank() string {
	switch {
	case o.Nth:
		return "@" + strconv.Itoa(o.N) + " "
	case o.N > 1:
		return "#" + strconv.Itoa(o.N) + " "
	}
	return ""
}

// counted writes what Most, Fewest and Having count.
func (o Op) counted() string {
	if o.Class == "" {
		return o.Step.String()
	}
	return o.Step.String() + " {" + o.Class + "}"
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
	if p.End.Kind == Ask || p.End.Kind == Diff {
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
		case Edge, Reach, Most, Fewest, Having:
			out = append(out, op.Step.Rel)
		case With, Without, Also, Loop:
			for _, s := range op.Steps {
				out = append(out, s.Rel)
			}
		case Max, Min, Where:
			out = append(out, op.Rel)
		}
	}
	for _, s := range p.End.Steps {
		out = append(out, s.Rel)
	}
	if p.End.Rel != "" {
		out = append(out, p.End.Rel)
	}
	if p.End.Other != "" {
		out = append(out, p.End.Other)
	}
	return out
}

// Edges is the number of edges of the main chain.
func (p Pipeline) Edges() int {
	n := 0
	for _, op := range p.Ops {
		if op.Kind == Edge || op.Kind == Reach {
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
