package constrain

import "strings"

// Reading says in English what a bound pipeline asks, faithfully rather than
// elegantly: every step is visible.
func (g *Graph) Reading(p Pipeline) string {
	np := quote(g.display(p.Start))
	if p.Class != "" {
		np = "every " + PlainName(p.Class)
	}
	for _, op := range p.Ops {
		switch op.Kind {
		case Edge:
			np = step(op.Step, np)
		case Type:
			np += " that is a " + PlainName(op.Class)
		case With:
			np += ", only those " + g.pathReading(op.Steps, op.To)
		case Without:
			np += ", without those " + g.pathReading(op.Steps, op.To)
		case Max:
			np = "the one with the highest " + PlainName(op.Rel) + " among (" + np + ")"
		case Min:
			np = "the one with the lowest " + PlainName(op.Rel) + " among (" + np + ")"
		case Where:
			np += map[byte]string{'>': ", only with " + PlainName(op.Rel) + " over ", '<': ", only with " + PlainName(op.Rel) + " under ", '=': ", only with " + PlainName(op.Rel) + " equal to "}[op.Cmp] + op.Number
		}
	}
	switch p.End.Kind {
	case Count:
		return "the number of: " + np
	case Sum:
		return "the total " + PlainName(p.End.Rel) + " of: " + np
	case Avg:
		return "the average " + PlainName(p.End.Rel) + " of: " + np
	case Ask:
		return "whether " + quote(g.display(p.End.To)) + " is among: " + np
	}
	return np
}

func step(s Step, np string) string {
	if s.Inverse {
		return "what has " + np + " as " + PlainName(s.Rel)
	}
	return "the " + PlainName(s.Rel) + " of " + np
}

// pathReading reads a branch from its far end: "> director > born in [Paris]"
// is "whose director's born in is Paris".
func (g *Graph) pathReading(steps []Step, to *Anchor) string {
	var b strings.Builder
	for i, s := range steps {
		switch {
		case i == 0 && !s.Inverse:
			b.WriteString("whose " + PlainName(s.Rel))
		case i == 0:
			b.WriteString("that are the " + PlainName(s.Rel) + " of")
		case s.Inverse:
			b.WriteString(" is the " + PlainName(s.Rel) + " of something which")
		default:
			b.WriteString(" has the " + PlainName(s.Rel))
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

// display is the label of an anchor's best known node.
func (g *Graph) display(a Anchor) string {
	if ns := g.Lookup(a.Name); len(ns) > 0 {
		return g.Label(ns[0])
	}
	return a.Name
}

func quote(s string) string { return "“" + s + "”" }
