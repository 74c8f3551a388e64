package sparqltest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Vocabulary is what random data and queries are made of. Keep it small, so
// that patterns match.
type Vocabulary struct {
	Entities   []string // IRIs
	Predicates []string // IRIs
	Graphs     []string // IRIs of named graphs
	Literals   []kg.Term
	// Blanks is the number of blank nodes in the data. With any, the order of
	// solutions is not determined, so no query has a LIMIT, MIN or MAX.
	Blanks int
	// Alias says that some literals are different terms of one value, such as
	// 1 and 1.0: then MIN and MAX are left out.
	Alias bool
}

const testNS = "http://example.org/"

// NewVocabulary returns a vocabulary of the given trickiness.
func NewVocabulary(blanks, alias bool) *Vocabulary {
	v := &Vocabulary{Alias: alias}
	for i := range 5 {
		v.Entities = append(v.Entities, fmt.Sprintf("%se%d", testNS, i))
	}
	for i := range 3 {
		v.Predicates = append(v.Predicates, fmt.Sprintf("%sp%d", testNS, i))
	}
	for i := range 2 {
		v.Graphs = append(v.Graphs, fmt.Sprintf("%sg%d", testNS, i))
	}
	xsd := func(lexical, datatype string) kg.Term { return kg.NewTyped(lexical, kg.XSD+datatype) }
	v.Literals = []kg.Term{
		xsd("0", "integer"), xsd("1", "integer"), xsd("2", "integer"), xsd("-3", "integer"), xsd("10", "integer"),
		xsd("1.25", "decimal"), xsd("-0.5", "decimal"), xsd("2.5E0", "double"), xsd("true", "boolean"), xsd("false", "boolean"),
		kg.NewString(""), kg.NewString("a"), kg.NewString("abc"), kg.NewString("Zürich e1"), kg.NewLang("abc", "en"), kg.NewLang("b", "de"),
		xsd("2020-02-29", "date"), xsd("2021-01-01T12:00:00Z", "dateTime"), kg.NewTyped("x", testNS+"type"),
		kg.NewString("a string that is too long to be inlined"),
	}
	if alias {
		v.Literals = append(v.Literals, xsd("01", "integer"), xsd("1.0", "decimal"), xsd("1.0E0", "double"), xsd("abc", "integer"), xsd("1", "boolean"))
	}
	if blanks {
		v.Blanks = 4
	}
	return v
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// entity returns a random subject.
func (v *Vocabulary) entity(r *rand.Rand) kg.Term {
	if v.Blanks > 0 && r.IntN(4) == 0 {
		return kg.NewBlank(fmt.Sprintf("n%d", r.IntN(v.Blanks)))
	}
	return kg.NewIRI(pick(r, v.Entities))
}

// Data returns about n random quads, most of them in the default graph.
func (v *Vocabulary) Data(r *rand.Rand, n int) []kg.TermQuad {
	quads := make([]kg.TermQuad, 0, n)
	for range n {
		q := kg.TermQuad{S: v.entity(r), P: kg.NewIRI(pick(r, v.Predicates))}
		if r.IntN(5) < 3 {
			q.O = v.entity(r)
		} else {
			q.O = pick(r, v.Literals)
		}
		if r.IntN(3) == 0 {
			q.G = kg.NewIRI(pick(r, v.Graphs))
		}
		quads = append(quads, q)
	}
	return quads
}

// Generate returns a random query whose result is determined up to blank
// nodes and the order of solutions.
func Generate(r *rand.Rand, v *Vocabulary) string {
	g := &generator{r: r, v: v}
	return g.query()
}

type generator struct {
	r     *rand.Rand
	v     *Vocabulary
	fresh int
	size  int // elements written; bounds the query
}

func (g *generator) n(n int) int { return g.r.IntN(n) }

// pool are the variables that patterns share.
var pool = []string{"?a", "?b", "?c", "?d", "?e"}

func (g *generator) variable() string { return pick(g.r, pool) }

func (g *generator) newVar() string {
	g.fresh++
	return fmt.Sprintf("?x%d", g.fresh)
}

func iriText(s string) string { return "<" + s + ">" }

func (g *generator) query() string {
	var b strings.Builder
	dataset := ""
	if g.n(12) == 0 {
		for range 1 + g.n(2) {
			dataset += "FROM " + iriText(pick(g.r, g.v.Graphs)) + "\n"
		}
		if g.n(2) == 0 {
			dataset += "FROM NAMED " + iriText(pick(g.r, g.v.Graphs)) + "\n"
		}
	}
	switch g.n(10) {
	case 0:
		body, _ := g.group(0)
		b.WriteString("ASK\n" + dataset + body)
	case 1:
		body, vars := g.group(0)
		b.WriteString("CONSTRUCT { ")
		for range 1 + g.n(2) {
			fmt.Fprintf(&b, "%s %s %s . ", g.templateTerm(vars, true), iriText(pick(g.r, g.v.Predicates)), g.templateTerm(vars, false))
		}
		b.WriteString("}\n" + dataset + "WHERE " + body)
	default:
		b.WriteString(g.selectQuery(0, dataset, nil))
	}
	return b.String()
}

func (g *generator) templateTerm(vars []string, subject bool) string {
	switch {
	case len(vars) > 0 && g.n(5) > 0:
		return pick(g.r, vars)
	case subject && g.n(3) == 0:
		return "_:t"
	case !subject && g.n(2) == 0:
		return g.literal()
	}
	return iriText(pick(g.r, g.v.Entities))
}

// selectQuery writes a SELECT; vars, if not nil, receives its columns.
func (g *generator) selectQuery(depth int, dataset string, vars *[]string) string {
	body, in := g.group(depth + 1)
	var b strings.Builder
	var cols []string
	b.WriteString("SELECT ")
	grouped := g.n(5) == 0
	if !grouped && g.n(3) == 0 {
		b.WriteString("DISTINCT ")
	}
	tail := ""
	switch {
	case grouped:
		var keys []string
		for _, v := range g.subset(in) {
			if len(keys) < 2 {
				keys = append(keys, v)
			}
		}
		if len(keys) > 0 {
			tail = "\nGROUP BY " + strings.Join(keys, " ")
			if g.n(4) == 0 { // an expression as key
				k := g.newVar()
				tail += " (STR(" + keys[0] + ") AS " + k + ")"
				cols = append(cols, k)
			}
		}
		b.WriteString(strings.Join(append(append([]string(nil), cols...), keys...), " "))
		cols = append(cols, keys...)
		for range 1 + g.n(2) {
			c := g.newVar()
			fmt.Fprintf(&b, " (%s AS %s)", g.aggregate(in), c)
			cols = append(cols, c)
		}
		if g.n(3) == 0 {
			tail += fmt.Sprintf("\nHAVING(%s > %d)", g.aggregate(in), g.n(3))
		}
	case len(in) == 0 || g.n(4) == 0:
		b.WriteString("*")
		cols = in
	default:
		cols = g.subset(in)
		if len(cols) == 0 {
			cols = in[:1]
		}
		b.WriteString(strings.Join(cols, " "))
		if g.n(4) == 0 {
			c := g.newVar()
			fmt.Fprintf(&b, " (%s AS %s)", g.value(in, 2), c)
			cols = append(cols, c)
		}
	}
	b.WriteString("\n" + dataset + "WHERE " + body + tail)
	if g.n(4) == 0 && g.v.Blanks == 0 && len(cols) > 0 {
		// Terms that differ in one of these differ: the order is total.
		b.WriteString("\nORDER BY")
		if g.n(2) == 0 && !g.v.Alias {
			fmt.Fprintf(&b, " %s(%s)", pick(g.r, []string{"ASC", "DESC"}), pick(g.r, cols))
		}
		for _, c := range cols {
			fmt.Fprintf(&b, " isIRI(%s) STR(%s) STR(DATATYPE(%s)) LANG(%s)", c, c, c, c)
		}
		if g.n(3) > 0 {
			fmt.Fprintf(&b, "\nLIMIT %d", g.n(8))
		}
		if g.n(3) == 0 {
			fmt.Fprintf(&b, " OFFSET %d", g.n(4))
		}
	}
	if vars != nil {
		*vars = cols
	}
	return b.String()
}

func (g *generator) aggregate(in []string) string {
	if len(in) == 0 || g.n(4) == 0 {
		return "COUNT(*)"
	}
	v := pick(g.r, in)
	distinct := ""
	if g.n(3) == 0 {
		distinct = "DISTINCT "
	}
	fns := []string{"COUNT", "COUNT", "SUM", "AVG"}
	if g.v.Blanks == 0 && !g.v.Alias {
		fns = append(fns, "MIN", "MAX")
	}
	fn := pick(g.r, fns)
	if (fn == "SUM" || fn == "AVG") && g.v.Alias {
		distinct = "" // which of 1 and 1.0 is summed decides the type only; keep it simple
	}
	arg := v
	if g.n(4) == 0 {
		arg = g.value(in, 1)
	}
	return fn + "(" + distinct + arg + ")"
}

func (g *generator) subset(list []string) []string {
	var out []string
	for _, v := range list {
		if g.n(2) == 0 {
			out = append(out, v)
		}
	}
	return out
}

// scope collects variables in scope, in order and once each.
type scope []string

func (s *scope) add(names ...string) {
	for _, n := range names {
		if !s.has(n) {
			*s = append(*s, n)
		}
	}
}

func (s scope) has(name string) bool {
	for _, x := range s {
		if x == name {
			return true
		}
	}
	return false
}

// group writes { ... } and returns the variables in scope after it.
func (g *generator) group(depth int) (string, []string) {
	var in scope
	var b strings.Builder
	b.WriteString("{ ")
	if depth < 3 && g.n(14) == 0 {
		var cols []string
		b.WriteString(g.selectQuery(depth, "", &cols) + " }")
		return b.String(), cols
	}
	if g.n(12) > 0 {
		b.WriteString(g.triples(&in))
	}
	for range g.n(4 - min(depth, 3)) {
		if g.size > 14 {
			break
		}
		g.size++
		b.WriteString(g.element(depth, &in))
	}
	b.WriteString("}")
	return b.String(), in
}

func (g *generator) triples(in *scope) string {
	var b strings.Builder
	for range 1 + g.n(2+g.n(2)) {
		b.WriteString(g.triple(in))
	}
	return b.String()
}

func (g *generator) triple(in *scope) string {
	s := g.variable()
	switch g.n(12) {
	case 0:
		s = iriText(pick(g.r, g.v.Entities))
	case 1:
		s = "[]"
	}
	o := g.variable()
	switch g.n(14) {
	case 0:
		o = iriText(pick(g.r, g.v.Entities))
	case 1:
		o = g.literal()
	}
	p := iriText(pick(g.r, g.v.Predicates))
	switch g.n(8) {
	case 0:
		p = g.variable()
	case 1:
		p = g.path(2)
	}
	for _, t := range []string{s, p, o} {
		if t[0] == '?' {
			in.add(t)
		}
	}
	return fmt.Sprintf("%s %s %s . ", s, p, o)
}

func (g *generator) path(depth int) string {
	p := iriText(pick(g.r, g.v.Predicates))
	if depth == 0 {
		return p
	}
	sub := func() string { return g.path(depth - 1) }
	switch g.n(8) {
	case 0:
		return "(" + sub() + ")+"
	case 1:
		return "(" + sub() + ")*"
	case 2:
		return "(" + sub() + ")?"
	case 3:
		return "^(" + sub() + ")"
	case 4:
		return "(" + sub() + "/" + sub() + ")"
	case 5:
		return "(" + sub() + "|" + sub() + ")"
	case 6:
		return "!(" + p + "|^" + iriText(pick(g.r, g.v.Predicates)) + ")"
	}
	return p
}

func (g *generator) element(depth int, in *scope) string {
	switch g.n(13) {
	case 0, 1, 2:
		sub, vars := g.group(depth + 1)
		in.add(vars...)
		return "OPTIONAL " + sub + " "
	case 3:
		a, va := g.group(depth + 1)
		b, vb := g.group(depth + 1)
		in.add(va...)
		in.add(vb...)
		return a + " UNION " + b + " "
	case 4:
		sub, _ := g.group(depth + 1)
		return "MINUS " + sub + " "
	case 5, 6, 7:
		return "FILTER(" + g.condition(*in, 2, depth) + ") "
	case 8:
		v := g.newVar()
		s := "BIND(" + g.value(*in, 2) + " AS " + v + ") "
		in.add(v)
		return s
	case 9:
		return g.values(in)
	case 10:
		name := iriText(pick(g.r, g.v.Graphs))
		if g.n(2) == 0 {
			name = g.variable()
		}
		sub, vars := g.group(depth + 1)
		if name[0] == '?' {
			in.add(name)
		}
		in.add(vars...)
		return "GRAPH " + name + " " + sub + " "
	case 11:
		sub, vars := g.group(depth + 1)
		in.add(vars...)
		return sub + " "
	}
	return g.triples(in)
}

func (g *generator) values(in *scope) string {
	vars := []string{g.variable()}
	if v := g.variable(); v != vars[0] && g.n(2) == 0 {
		vars = append(vars, v)
	}
	in.add(vars...)
	var b strings.Builder
	b.WriteString("VALUES (" + strings.Join(vars, " ") + ") { ")
	for range g.n(4) {
		b.WriteString("(")
		for range vars {
			switch g.n(5) {
			case 0:
				b.WriteString("UNDEF ")
			case 1:
				b.WriteString(g.literal() + " ")
			default:
				b.WriteString(iriText(pick(g.r, g.v.Entities)) + " ")
			}
		}
		b.WriteString(") ")
	}
	b.WriteString("} ")
	return b.String()
}

func (g *generator) literal() string { return pick(g.r, g.v.Literals).String() }

// atom is a variable, mostly one in scope, or a constant.
func (g *generator) atom(in []string) string {
	switch {
	case len(in) > 0 && g.n(4) > 0:
		return pick(g.r, in)
	case g.n(8) == 0:
		return g.variable()
	case g.n(3) == 0:
		return iriText(pick(g.r, g.v.Entities))
	}
	return g.literal()
}

// condition writes an expression that is mostly a boolean.
func (g *generator) condition(in []string, size, depth int) string {
	if size > 0 {
		switch g.n(9) {
		case 0:
			return "(" + g.condition(in, size-1, depth) + " && " + g.condition(in, size-1, depth) + ")"
		case 1:
			return "(" + g.condition(in, size-1, depth) + " || " + g.condition(in, size-1, depth) + ")"
		case 2:
			return "!(" + g.condition(in, size-1, depth) + ")"
		case 3:
			if depth < 3 && g.size < 14 {
				g.size++
				sub, _ := g.group(depth + 1)
				return pick(g.r, []string{"EXISTS ", "NOT EXISTS "}) + sub
			}
		}
	}
	x := g.value(in, size-1)
	switch g.n(12) {
	case 0:
		return "BOUND(" + g.variable() + ")"
	case 1:
		return pick(g.r, []string{"isIRI", "isBlank", "isLiteral", "isNumeric"}) + "(" + x + ")"
	case 2:
		return "sameTerm(" + x + ", " + g.atom(in) + ")"
	case 3:
		return fmt.Sprintf("REGEX(STR(%s), %q%s)", x, pick(g.r, []string{"e[0-3]", "^a", "C$", ".", "Z.r"}), pick(g.r, []string{"", `, "i"`}))
	case 4:
		return pick(g.r, []string{"CONTAINS", "STRSTARTS", "STRENDS"}) + "(STR(" + x + "), " + pick(g.r, []string{`"e"`, `"a"`, `"1"`, `""`}) + ")"
	case 5:
		return x + pick(g.r, []string{" IN (", " NOT IN ("}) + g.atom(in) + ", " + g.atom(in) + ")"
	case 6:
		return "LANGMATCHES(LANG(" + x + `), "` + pick(g.r, []string{"*", "en", "de"}) + `")`
	case 7:
		return "DATATYPE(" + x + ") = <" + kg.XSD + pick(g.r, []string{"integer", "string", "decimal", "boolean"}) + ">"
	}
	return x + " " + pick(g.r, []string{"=", "=", "!=", "<", ">", "<=", ">="}) + " " + g.value(in, size-1)
}

// value writes any expression.
func (g *generator) value(in []string, size int) string {
	if size <= 0 || g.n(3) == 0 {
		return g.atom(in)
	}
	x, y := g.value(in, size-1), g.value(in, size-1)
	switch g.n(16) {
	case 0, 1:
		return "(" + x + " " + pick(g.r, []string{"+", "-", "*", "/"}) + " " + y + ")"
	case 2:
		return "STR(" + x + ")"
	case 3:
		return "STRLEN(STR(" + x + "))"
	case 4:
		return pick(g.r, []string{"UCASE", "LCASE", "ENCODE_FOR_URI"}) + "(STR(" + x + "))"
	case 5:
		return fmt.Sprintf("SUBSTR(STR(%s), %d, %d)", x, g.n(4), 1+g.n(3))
	case 6:
		return "CONCAT(STR(" + x + "), \"-\", STR(" + y + "))"
	case 7:
		return pick(g.r, []string{"ABS", "CEIL", "FLOOR", "ROUND"}) + "(" + x + ")"
	case 8:
		return "IF(" + g.condition(in, size-1, 9) + ", " + x + ", " + y + ")"
	case 9:
		return "COALESCE(" + x + ", " + y + ")"
	case 10:
		return pick(g.r, []string{"DATATYPE", "LANG"}) + "(" + x + ")"
	case 11:
		return "<" + kg.XSD + pick(g.r, []string{"integer", "decimal", "double", "string", "boolean"}) + ">(" + x + ")"
	case 12:
		return pick(g.r, []string{"YEAR", "MONTH", "DAY"}) + "(" + x + ")"
	case 13:
		return pick(g.r, []string{"STRBEFORE", "STRAFTER"}) + "(STR(" + x + "), \"e\")"
	case 14:
		return "STRDT(STR(" + x + "), <" + kg.XSD + "integer>)"
	}
	return "REPLACE(STR(" + x + "), \"[aeiou]\", \"_\")"
}
