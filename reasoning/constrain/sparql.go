package constrain

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// SPARQL returns the one canonical query of a bound pipeline. Its answers are
// those of Eval: members as ?x, numbers as ?count, ?sum, ?avg or ?difference, a
// boolean, or a table: members or keys as ?x, columns as ?c1, ?c2, ..., numbers
// as ?count, ?sum, ?avg, ?min, ?max or ?value. Lists and tables are DISTINCT. A name that several things share becomes VALUES.
func (g *Graph) SPARQL(p Pipeline) (string, error) {
	t := translator{g: g, last: p.Edges(), final: "?x"}
	if p.End.Kind == Group {
		t.final = "?member" // ?x are the keys
	}
	body, err := t.chain(p)
	if err != nil {
		return "", err
	}
	x := t.name(t.last)
	switch p.End.Kind {
	case Count:
		return fmt.Sprintf("SELECT (COUNT(DISTINCT %s) AS ?count) WHERE { %s }", x, body), nil
	case Sum, Avg:
		r, ok := g.Relation(p.End.Rel)
		if !ok {
			return "", &UnknownError{"relation", p.End.Rel}
		}
		fn, as := "SUM", "?sum"
		if p.End.Kind == Avg {
			fn, as = "AVG", "?avg"
		}
		return fmt.Sprintf("SELECT (%s(?n) AS %s) WHERE { SELECT DISTINCT %s ?n WHERE { %s %s %s ?n . FILTER(%s) } }",
			fn, as, x, body, x, t.path(r), g.isValue(r, "?n")), nil
	case Ask:
		to, err := t.terms(p.End.To)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("ASK { %s FILTER(%s) }", body, literal.OneOf(x, to, false)), nil
	case Diff, Show, Group, Calc:
		return t.table(x, body, p.End)
	}
	return fmt.Sprintf("SELECT DISTINCT %s WHERE { %s }", x, body), nil
}

// translator writes the graph pattern of a pipeline. Variables of the main
// chain are ?v0, ?v1, ... and the last is ?x; branches use ?b1, ?b2, ...
type translator struct {
	g      *Graph
	last   int    // number of edges of the main chain
	final  string // the last variable
	branch int    // branch variables and values given so far
}

func (t *translator) name(edge int) string {
	if edge == t.last {
		return t.final
	}
	return fmt.Sprintf("?v%d", edge)
}

// chain writes all operations and keeps Eval's walk beside it, which tells the
// anchors that count.
func (t *translator) chain(p Pipeline) (string, error) {
	w, err := t.g.Begin(p)
	if err != nil {
		return "", err
	}
	var parts []string
	subject := t.name(0)
	switch {
	case p.Class != "":
		parts = append(parts, t.isA(subject, p.Class))
	default:
		start := w.Set
		if len(p.Ops) > 0 && (p.Ops[0].Kind == Edge || p.Ops[0].Kind == Reach) {
			rd, err := t.g.RDOf(p.Ops[0].Step)
			if err != nil {
				return "", err
			}
			if a := t.g.Follow(w, rd).Anchors; len(a) > 0 {
				start = a
			}
		}
		ts, err := t.nodeTerms(start)
		if err != nil {
			return "", err
		}
		if len(ts) == 1 && len(p.Ops) > 0 && (p.Ops[0].Kind == Edge || p.Ops[0].Kind == Reach) {
			subject = ts[0]
		} else {
			parts = append(parts, literal.Values(subject, ts))
		}
	}
	edge := 0
	for _, op := range p.Ops {
		switch op.Kind {
		case Edge, Reach:
			rd, err := t.g.RDOf(op.Step)
			if err != nil {
				return "", err
			}
			edge++
			next := t.name(edge)
			if op.Kind == Reach {
				parts = append(parts, t.reach(subject, rd, next))
			} else {
				parts = append(parts, t.triple(subject, rd, next))
			}
			subject = next
		case Type:
			parts = append(parts, t.isA(subject, op.Class))
		case With, Without:
			b, err := t.branchPattern(subject, op)
			if err != nil {
				return "", err
			}
			if op.Kind == Without {
				b = "FILTER NOT EXISTS { " + b + " }"
			}
			parts = append(parts, b)
		case Also:
			b, err := t.alsoPattern(subject, op)
			if err != nil {
				return "", err
			}
			parts = []string{"{ " + strings.Join(parts, " ") + " } UNION { " + b + " }"}
		case Max, Min, Where, Most, Fewest, Having, Loop:
			more, err := t.narrowing(subject, op, strings.Join(parts, " "))
			if err != nil {
				return "", err
			}
			parts = append(parts, more)
		}
		edges := w.Edges
		if w, err = t.g.Then(w, op); err != nil {
			return "", err
		}
		if w.Edges > edges && edges > 0 && len(w.Anchors) > 0 {
			ts, err := t.nodeTerms(w.Anchors)
			if err != nil {
				return "", err
			}
			parts = append(parts, "FILTER("+literal.OneOf(subject, ts, true)+")")
		}
	}
	return strings.Join(parts, " "), nil
}

// branchPattern writes the path of With or Without from a variable.
func (t *translator) branchPattern(subject string, op Op) (string, error) {
	var parts []string
	var ts []string
	if op.To != nil {
		var err error
		if ts, err = t.terms(*op.To); err != nil {
			return "", err
		}
	}
	for i, s := range op.Steps {
		rd, err := t.g.RDOf(s)
		if err != nil {
			return "", err
		}
		var next string
		if i == len(op.Steps)-1 && len(ts) == 1 {
			next = ts[0]
		} else {
			t.branch++
			next = fmt.Sprintf("?b%d", t.branch)
		}
		parts = append(parts, t.triple(subject, rd, next))
		subject = next
	}
	if len(ts) > 1 {
		parts = append(parts, literal.Values(subject, ts))
	}
	return strings.Join(parts, " "), nil
}

func (t *translator) triple(from string, rd RD, to string) string {
	if rd&1 == 1 {
		from, to = to, from
	}
	return from + " " + t.path(int(rd/2)) + " " + to + " ."
}

// path writes the predicates of a relation.
func (t *translator) path(rel int) string { return t.alternatives(t.g.rels[rel].Preds) }

func (t *translator) alternatives(ids []kg.ID) string {
	ts := make([]string, len(ids))
	for i, id := range ids {
		term, err := t.g.snap.Term(id)
		if err != nil {
			// The id came from this snapshot; it cannot be unknown.
			panic(err)
		}
		ts[i] = literal.Text(term)
	}
	if len(ts) == 1 {
		return ts[0]
	}
	return "(" + strings.Join(ts, "|") + ")"
}

func (t *translator) isA(subject, class string) string {
	c, ok := t.g.Class(class)
	if !ok {
		return "" // Begin or Then reports it
	}
	ids := t.g.classes[c].IDs
	typ := "a"
	if p := t.g.typePreds; len(p) != 1 || t.alternatives(p) != "<"+kg.RDFType+">" {
		typ = t.alternatives(p)
	}
	if len(ids) == 1 {
		return subject + " " + typ + " " + t.alternatives(ids) + " ."
	}
	t.branch++
	v := fmt.Sprintf("?c%d", t.branch)
	ts := make([]string, len(ids))
	for i, id := range ids {
		ts[i] = t.alternatives([]kg.ID{id})
	}
	return literal.Values(v, ts) + " " + subject + " " + typ + " " + v + " ."
}

func (t *translator) terms(a Anchor) ([]string, error) {
	s, err := t.g.named(a)
	if err != nil {
		return nil, err
	}
	return t.nodeTerms(s)
}

func (t *translator) nodeTerms(s Set) ([]string, error) {
	out := make([]string, len(s))
	for i, n := range s {
		term, err := t.g.snap.Term(t.g.ids[n])
		if err != nil {
			return nil, err
		}
		out[i] = literal.Text(term)
	}
	return out, nil
}

// isValue is the condition under which a value takes part in comparisons.
func (g *Graph) isValue(rel int, v string) string {
	if g.rels[rel].Kind == DateValue {
		return "DATATYPE(" + v + ") = <" + g.rels[rel].Datatype + ">"
	}
	return "isNumeric(" + v + ")"
}

// ordered is the expression by which values of a relation are ordered: SPARQL
// orders numbers, dates and date-times itself, but not years and months.
func (g *Graph) ordered(rel int, v string) string {
	switch g.rels[rel].Datatype {
	case kg.XSD + "gYear":
		return literal.Year(v)
	case kg.XSD + "gYearMonth":
		return "STR(" + v + ")"
	}
	return v
}
