package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/fold"
)

// reader reads queries whose names are shown by display.
type reader struct{ display func(Anchor) string }

// Reading says in English what a bound pipeline asks, faithfully rather than
// elegantly: every step is visible. display gives the label of an anchor.
func Reading(p Pipeline, display func(Anchor) string) string {
	g := reader{display}
	np := phrase{text: quote(g.display(p.Start))}
	if p.Class != "" {
		np = phrase{text: "every " + fold.PlainName(p.Class)}
	}
	for _, op := range p.Ops {
		np = g.readOp(op, np)
	}
	s := np.text
	switch e := p.End; e.Kind {
	case Count:
		return "the number of: " + s
	case Sum:
		return "the total " + fold.PlainName(e.Rel) + " of: " + s
	case Avg:
		return "the average " + fold.PlainName(e.Rel) + " of: " + s
	case Ask:
		return "whether " + quote(g.display(e.To)) + " is among: " + s
	case Diff:
		return "by how much the " + fold.PlainName(e.Rel) + " of " + s + " exceeds that of " + quote(g.display(e.To))
	case Show:
		for i, x := range e.Steps {
			word := ", and with each "
			if i > 0 {
				word = " and "
			}
			s += word + step(x, phrase{text: "it"}).text
		}
		return s
	case Group:
		what := "the number of: "
		switch e.By {
		case SumOf:
			what = "the total " + fold.PlainName(e.Rel) + " of: "
		case AvgOf:
			what = "the average " + fold.PlainName(e.Rel) + " of: "
		case MinOf:
			what = "the lowest " + fold.PlainName(e.Rel) + " among: "
		case MaxOf:
			what = "the highest " + fold.PlainName(e.Rel) + " among: "
		}
		return "for each of " + step(e.Steps[0], phrase{text: "these"}).text + ", " + what + s
	case Calc:
		word := map[byte]string{'-': "minus", '*': "times", '/': "divided by"}[e.Sign]
		return "the " + fold.PlainName(e.Rel) + " " + word + " the " + fold.PlainName(e.Other) + " of: " + s
	}
	return s
}

// phrase is a noun phrase; several if it reads as a plural.
type phrase struct {
	text    string
	several bool
}

func (g reader) readOp(op Op, np phrase) phrase {
	add := func(s string) phrase { return phrase{np.text + s, np.several} }
	switch op.Kind {
	case Edge:
		return step(op.Step, np)
	case Reach:
		s := step(op.Step, np)
		s.text += ", over any number of steps of that kind"
		return s
	case Type:
		return add(" that " + np.is() + " a " + fold.PlainName(op.Class))
	case With:
		return add(", only those " + g.pathReading(op.Steps, op.To))
	case Without:
		return add(", without those " + g.pathReading(op.Steps, op.To))
	case Also:
		if len(op.Steps) == 0 {
			return phrase{np.text + " or " + quote(g.display(*op.To)), true}
		}
		return phrase{np.text + ", and also those " + g.pathReading(op.Steps, op.To), true}
	case Max:
		return phrase{text: op.ranking("highest") + " " + fold.PlainName(op.Rel) + " among (" + np.text + ")", several: op.N > 1 && !op.Nth}
	case Min:
		return phrase{text: op.ranking("lowest") + " " + fold.PlainName(op.Rel) + " among (" + np.text + ")", several: op.N > 1 && !op.Nth}
	case Most, Fewest:
		word := "most"
		if op.Kind == Fewest {
			word = "fewest"
		}
		return phrase{text: op.ranking(word) + " " + op.countedReading() + " among (" + np.text + ")", several: op.N > 1 && !op.Nth}
	case Having:
		word := map[byte]string{'>': "more than ", '<': "fewer than ", '=': "exactly ", AtLeast: "at least ", AtMost: "at most "}[op.Cmp]
		return add(", only those with " + word + op.Number + " " + op.countedReading())
	case Loop:
		a, b := op.Steps[0], op.Steps[1]
		if !a.Inverse && b.Inverse {
			return add(", only those whose " + fold.PlainName(a.Rel) + " is also their " + fold.PlainName(b.Rel))
		}
		return add(", only those that lead back to themselves by: " + a.String() + ", " + b.String())
	case Where:
		word := map[byte]string{'>': " over ", '<': " under ", '=': " equal to ", AtLeast: " of at least ", AtMost: " of at most "}[op.Cmp]
		if op.To != nil {
			return add(", only with " + fold.PlainName(op.Rel) + word + "that of " + quote(g.display(*op.To)))
		}
		return add(", only with " + fold.PlainName(op.Rel) + word + op.Number)
	}
	return np
}

// ranking begins a superlative: "the one with the highest", "the 3 with the
// highest", "the one with the second highest".
func (o Op) ranking(word string) string {
	switch {
	case o.Nth:
		return "the one with the " + ordinal(o.N) + " " + word
	case o.N > 1:
		return fmt.Sprintf("those with the %d %s values of", o.N, word)
	}
	return "the one with the " + word
}

func ordinal(n int) string {
	words := []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	if n >= 1 && n <= len(words) {
		return words[n-1]
	}
	return fmt.Sprintf("%d-th", n)
}

// countedReading names what is counted: the ends of a step.
func (o Op) countedReading() string {
	what := "things"
	if o.Class != "" {
		what = "things of the kind " + fold.PlainName(o.Class)
	}
	if o.Step.Inverse {
		return what + " that have them as " + fold.PlainName(o.Step.Rel)
	}
	if o.Class == "" {
		return "values of " + fold.PlainName(o.Step.Rel)
	}
	return what + " as " + fold.PlainName(o.Step.Rel)
}

func (p phrase) is() string {
	if p.several {
		return "are"
	}
	return "is"
}

// prepositions end the name of a relation that is no noun: "directed by".
var prepositions = strings.Fields("by in of at from for to with on as into under near over about")

// spoken returns the name of a relation as a noun, or as a verb if it is none:
// "the directed by of" is no English.
func spoken(rel string) (noun, verb string) {
	name := fold.PlainName(rel)
	words := strings.Fields(name)
	if len(words) < 2 {
		return name, ""
	}
	first, last := words[0], words[len(words)-1]
	switch {
	case slices.Contains([]string{"is", "was", "are", "were"}, first):
		return "", name
	case slices.Contains([]string{"has", "have", "had"}, first):
		return strings.TrimPrefix(name, first+" "), ""
	case slices.Contains(prepositions, last):
		// "plays for" is a verb, "directed by" and "member of" need one.
		if strings.HasSuffix(first, "s") && !strings.HasSuffix(first, "ss") && len(first) > 3 {
			return "", name
		}
		return "", "is " + name
	}
	return name, ""
}

// step reads one edge.
func step(s Step, np phrase) phrase {
	noun, verb := spoken(s.Rel)
	switch {
	case verb != "" && s.Inverse:
		return phrase{text: "what " + verb + " " + np.text}
	case verb != "":
		return phrase{text: "what " + np.text + " " + verb}
	case s.Inverse:
		return phrase{text: "what has " + np.text + " as " + noun}
	}
	return phrase{text: "the " + noun + " of " + np.text}
}

// pathReading reads a branch from its far end: "> director > born in [Paris]"
// is "whose director's born in is Paris".
func (g reader) pathReading(steps []Step, to *Anchor) string {
	if _, verb := spoken(steps[0].Rel); len(steps) == 1 && verb != "" && to != nil {
		if steps[0].Inverse {
			return "that " + quote(g.display(*to)) + " " + verb
		}
		if rest, ok := strings.CutPrefix(verb, "is "); ok {
			verb = "are " + rest
		}
		return "that " + verb + " " + quote(g.display(*to))
	}
	var b strings.Builder
	for i, s := range steps {
		switch {
		case i == 0 && !s.Inverse:
			b.WriteString("whose " + fold.PlainName(s.Rel))
		case i == 0:
			b.WriteString("that are the " + fold.PlainName(s.Rel) + " of")
		case s.Inverse:
			b.WriteString(" is the " + fold.PlainName(s.Rel) + " of something which")
		default:
			b.WriteString(" has the " + fold.PlainName(s.Rel))
		}
	}
	last := steps[len(steps)-1]
	switch {
	case to == nil && last.Inverse:
		b.WriteString(" anything")
	case to == nil:
		b.WriteString(" is known")
	case last.Inverse && len(steps) == 1:
		b.WriteString(" " + quote(g.display(*to)))
	default:
		b.WriteString(" is " + quote(g.display(*to)))
	}
	return b.String()
}

func quote(s string) string { return "“" + s + "”" }
