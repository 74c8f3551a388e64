package constrain

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// fresh returns the next number of a variable of a branch.
func (t *translator) fresh() int {
	t.branch++
	return t.branch
}

// relation returns the number of a relation name.
func (t *translator) relation(name string) (int, error) {
	r, ok := t.g.Relation(name)
	if !ok {
		return 0, &UnknownError{"relation", name}
	}
	return r, nil
}

// narrowing writes an operation that keeps some of the bindings of a variable.
// body is the pattern so far, which subqueries repeat.
func (t *translator) narrowing(x string, op Op, body string) (string, error) {
	switch op.Kind {
	case Most, Fewest:
		return t.mostEnds(x, op, body)
	case Having:
		k := fmt.Sprintf("?k%d", t.fresh())
		sub, err := t.endCounts(x, op, body, k, true)
		return fmt.Sprintf("%s FILTER(%s %s %s)", sub, k, compareSign(op.Cmp), op.Number), err
	case Loop:
		a, err := t.g.RDOf(op.Steps[0])
		if err != nil {
			return "", err
		}
		b, err := t.g.RDOf(op.Steps[1])
		y := fmt.Sprintf("?b%d", t.fresh())
		return t.triple(x, a, y) + " " + t.triple(y, b, x), err
	}
	r, err := t.relation(op.Rel)
	if err != nil {
		return "", err
	}
	n := t.fresh()
	v := fmt.Sprintf("?n%d", n)
	value := fmt.Sprintf("%s %s %s . FILTER(%s)", x, t.path(r), v, t.g.isValue(r, v))
	if op.Kind == Where {
		condition, err := t.condition(r, v, op)
		return value + " " + condition, err
	}
	key := t.g.ordered(r, v)
	m := fmt.Sprintf("?m%d", n)
	if op.N < 2 {
		sub := fmt.Sprintf("{ SELECT (%s(%s) AS %s) WHERE { %s %s } }", extremeOf(op.Kind == Max), key, m, body, value)
		return fmt.Sprintf("%s %s FILTER(%s = %s)", value, sub, key, m), nil
	}
	if !t.g.Rankable(r) {
		return value + " FILTER(false)", nil
	}
	key = t.g.ranked(r, v)
	return fmt.Sprintf("%s %s FILTER(%s %s %s)", value, rankLimit(op, op.Kind == Max, key, m, body+" "+value), key, rankSign(op, op.Kind == Max), m), nil
}

func extremeOf(largest bool) string {
	if largest {
		return "MAX"
	}
	return "MIN"
}

// rankLimit writes the subquery for the value that is n-th of the different
// ones, or the last if there are fewer and not just the n-th is asked for.
func rankLimit(op Op, largest bool, key, m, body string) string {
	order, last := "ASC", "MAX"
	if largest {
		order, last = "DESC", "MIN"
	}
	if op.Nth {
		return fmt.Sprintf("{ SELECT DISTINCT (%s AS %s) WHERE { %s } ORDER BY %s(%s) OFFSET %d LIMIT 1 }", key, m, body, order, m, op.N-1)
	}
	return fmt.Sprintf("{ SELECT (%s(%sa) AS %s) WHERE { SELECT DISTINCT (%s AS %sa) WHERE { %s } ORDER BY %s(%sa) LIMIT %d } }", last, m, m, key, m, body, order, m, op.N)
}

func rankSign(op Op, largest bool) string {
	switch {
	case op.Nth:
		return "="
	case largest:
		return ">="
	}
	return "<="
}

// endCounts writes the subquery that counts, for each binding of a variable, the
// ends of a step; with zero also those without any.
func (t *translator) endCounts(x string, op Op, body, k string, zero bool) (string, error) {
	rd, _, err := t.g.counts(op)
	if err != nil {
		return "", err
	}
	b := fmt.Sprintf("?b%d", t.fresh())
	ends := t.triple(x, rd, b)
	if op.Class != "" {
		ends += " " + t.isA(b, op.Class)
	}
	if zero {
		ends = "OPTIONAL { " + ends + " }"
	}
	return fmt.Sprintf("{ SELECT %s (COUNT(DISTINCT %s) AS %s) WHERE { %s %s } GROUP BY %s }", x, b, k, body, ends, x), nil
}

func (t *translator) mostEnds(x string, op Op, body string) (string, error) {
	n := t.fresh()
	k, all, m := fmt.Sprintf("?k%d", n), fmt.Sprintf("?k%da", n), fmt.Sprintf("?m%d", n)
	each, err := t.endCounts(x, op, body, k, false)
	if err != nil {
		return "", err
	}
	inner, err := t.endCounts(x, op, body, all, false)
	if err != nil {
		return "", err
	}
	most := op.Kind == Most
	if op.N < 2 {
		return fmt.Sprintf("%s { SELECT (%s(%s) AS %s) WHERE { %s } } FILTER(%s = %s)", each, extremeOf(most), all, m, inner, k, m), nil
	}
	return fmt.Sprintf("%s %s FILTER(%s %s %s)", each, rankLimit(op, most, all, m, inner), k, rankSign(op, most), m), nil
}

// condition writes what Where asks of a value.
func (t *translator) condition(r int, v string, op Op) (string, error) {
	sign := compareSign(op.Cmp)
	switch {
	case op.To != nil:
		ts, err := t.terms(*op.To)
		if err != nil {
			return "", err
		}
		other := fmt.Sprintf("?n%d", t.fresh())
		subject, before := ts[0], ""
		if len(ts) > 1 {
			subject = fmt.Sprintf("?b%d", t.fresh())
			before = literal.Values(subject, ts) + " "
		}
		return fmt.Sprintf("%s%s %s %s . FILTER(%s) FILTER(%s %s %s)", before, subject, t.path(r), other, t.g.isValue(r, other), t.g.ordered(r, v), sign, t.g.ordered(r, other)), nil
	case IsDate(op.Number):
		if !t.g.spans(r) {
			return "FILTER(false)", nil
		}
		a, b := literal.Span(op.Number)
		day := func(s string) string {
			if t.g.rels[r].Datatype == kg.XSD+"dateTime" {
				s += "T00:00:00Z"
			}
			return `"` + s + `"^^<` + t.g.rels[r].Datatype + ">"
		}
		switch op.Cmp {
		case '>':
			return fmt.Sprintf("FILTER(%s >= %s)", v, day(b)), nil
		case '<':
			return fmt.Sprintf("FILTER(%s < %s)", v, day(a)), nil
		case AtLeast:
			return fmt.Sprintf("FILTER(%s >= %s)", v, day(a)), nil
		case AtMost:
			return fmt.Sprintf("FILTER(%s < %s)", v, day(b)), nil
		}
		return fmt.Sprintf("FILTER(%s >= %s && %s < %s)", v, day(a), v, day(b)), nil
	case t.g.rels[r].Kind == DateValue:
		v = literal.Year(v)
	}
	return fmt.Sprintf("FILTER(%s %s %s)", v, sign, op.Number), nil
}

// alsoPattern writes the other side of a union.
func (t *translator) alsoPattern(x string, op Op) (string, error) {
	if len(op.Steps) > 0 {
		return t.branchPattern(x, op)
	}
	ts, err := t.terms(*op.To)
	return literal.Values(x, ts), err
}

// reach writes one edge or several in a row.
func (t *translator) reach(from string, rd RD, to string) string {
	if rd&1 == 1 {
		from, to = to, from
	}
	return from + " (" + t.path(int(rd/2)) + ")+ " + to + " ."
}

// table writes the ends that are not about the members alone.
func (t *translator) table(x, body string, e End) (string, error) {
	value := func(x, v, rel string) (string, error) {
		r, err := t.relation(rel)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %s %s . FILTER(%s)", x, t.path(r), v, t.g.isValue(r, v)), nil
	}
	switch e.Kind {
	case Diff:
		a, err := value(x, "?n", e.Rel)
		if err != nil {
			return "", err
		}
		ts, err := t.terms(e.To)
		if err != nil {
			return "", err
		}
		b, err := value("?y", "?m", e.Rel)
		return fmt.Sprintf("SELECT (?a - ?b AS ?difference) WHERE { { SELECT (MAX(?n) AS ?a) WHERE { %s %s } } { SELECT (MAX(?m) AS ?b) WHERE { %s %s } } }", body, a, literal.Values("?y", ts), b), err
	case Show:
		columns, optional := "", ""
		for i, s := range e.Steps {
			rd, err := t.g.RDOf(s)
			if err != nil {
				return "", err
			}
			c := fmt.Sprintf("?c%d", i+1)
			columns += " " + c
			optional += " OPTIONAL { " + t.triple(x, rd, c) + " }"
		}
		return fmt.Sprintf("SELECT DISTINCT %s%s WHERE { %s%s }", x, columns, body, optional), nil
	case Group:
		rd, err := t.g.RDOf(e.Steps[0])
		if err != nil {
			return "", err
		}
		keyed := body + " " + t.triple(x, rd, "?x")
		as := e.By.String()
		if e.By == CountAll {
			return fmt.Sprintf("SELECT ?x (COUNT(DISTINCT %s) AS ?%s) WHERE { %s } GROUP BY ?x", x, as, keyed), nil
		}
		n, err := value(x, "?n", e.Rel)
		return fmt.Sprintf("SELECT ?x (%s(?n) AS ?%s) WHERE { SELECT DISTINCT ?x %s ?n WHERE { %s %s } } GROUP BY ?x", strings.ToUpper(as), as, x, keyed, n), err
	}
	a, err := value(x, "?n", e.Rel)
	if err != nil {
		return "", err
	}
	b, err := value(x, "?m", e.Other)
	filter := ""
	if e.Sign == '/' {
		filter = " FILTER(?m != 0)"
	}
	return fmt.Sprintf("SELECT DISTINCT %s (?n %c ?m AS ?value) WHERE { %s %s %s%s }", x, e.Sign, body, a, b, filter), err
}

// ranked is the expression whose different values are ranked: numbers are
// brought to one type, so that 3 and 3.0 are one value.
func (g *Graph) ranked(rel int, v string) string {
	if g.rels[rel].Kind == NumberValue {
		return "<" + kg.XSD + "double>(" + v + ")"
	}
	return g.ordered(rel, v)
}
