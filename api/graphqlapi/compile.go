package graphqlapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// selection is a field to fetch below a node.
type selection struct {
	key      string // response key
	field    field
	kind     selKind
	limit    int
	offset   int
	langs    []string
	children []*selection
	id       int // number of its branch
}

type selKind uint8

const (
	selID selKind = iota
	selLabel
	selTypes
	selProperty
	selTypename
)

// compiler turns one root field into one SPARQL query and its rows into a tree.
type compiler struct {
	s        *schema
	info     graphql.ResolveInfo
	branches []*branch
}

// branch is one path from the root; every row of the query belongs to one.
type branch struct {
	path []*selection
	sel  *selection
}

// object is a node of the answer, by response key.
type object map[string]any

// read resolves a field below a root: its value is already there.
func read(p graphql.ResolveParams) (any, error) {
	o, ok := p.Source.(object)
	if !ok {
		return nil, nil
	}
	f := p.Info.FieldASTs[0]
	key := f.Name.Value
	if f.Alias != nil {
		key = f.Alias.Value
	}
	return o[key], nil
}

// root is where a query starts.
type root struct {
	typ     *objectType
	id      string // of entity(id:)
	where   map[string]any
	orderBy string
	limit   int
	offset  int
}

// querySPARQL writes the query of a root and its selections. Each path of the
// selection tree is one branch of a UNION, so that siblings do not multiply.
func (c *compiler) querySPARQL(r root, sels []*selection) (string, error) {
	var b strings.Builder
	vars := []string{"?r"}
	depth := 0
	c.collect(nil, sels)
	for _, br := range c.branches {
		depth = max(depth, len(br.path))
	}
	for i := 1; i <= depth; i++ {
		vars = append(vars, "?n"+strconv.Itoa(i))
	}
	fmt.Fprintf(&b, "SELECT %s ?b WHERE {\n", strings.Join(vars, " "))
	order, err := c.rootPattern(&b, r)
	if err != nil {
		return "", err
	}
	b.WriteString("  { BIND(0 AS ?b) }\n")
	for i, br := range c.branches {
		b.WriteString("  UNION { ")
		from := "?r"
		for j, sel := range br.path {
			to := "?n" + strconv.Itoa(j+1)
			b.WriteString(step(from, sel, to))
			from = to
		}
		fmt.Fprintf(&b, "BIND(%d AS ?b) }\n", i+1)
	}
	// The order of a sub-select does not survive the join around it.
	b.WriteString("} ORDER BY " + order)
	return b.String(), nil
}

func step(from string, sel *selection, to string) string {
	switch sel.kind {
	case selLabel:
		return fmt.Sprintf("%s <%s> %s . ", from, kg.RDFSLabel, to)
	case selTypes:
		return fmt.Sprintf("%s <%s> %s . ", from, kg.RDFType, to)
	}
	if sel.field.inverse {
		return fmt.Sprintf("%s <%s> %s . ", to, sel.field.iri, from)
	}
	return fmt.Sprintf("%s <%s> %s . ", from, sel.field.iri, to)
}

// collect numbers the branches: one for each selection that reads the graph.
func (c *compiler) collect(path []*selection, sels []*selection) {
	for _, s := range sels {
		if s.kind == selID || s.kind == selTypename {
			continue
		}
		p := append(path[:len(path):len(path)], s)
		c.branches = append(c.branches, &branch{p, s})
		s.id = len(c.branches)
		c.collect(p, s.children)
	}
}

// rootPattern writes the pattern that binds ?r, and returns the order of the
// roots.
func (c *compiler) rootPattern(b *strings.Builder, r root) (order string, err error) {
	order = "?r"
	if r.id != "" {
		fmt.Fprintf(b, "  VALUES ?r { %s }\n", kg.NewIRI(r.id))
		return order, nil
	}
	b.WriteString("  { SELECT DISTINCT ?r WHERE {\n")
	if r.typ.class != "" {
		fmt.Fprintf(b, "    ?r <%s> <%s> .\n", kg.RDFType, r.typ.class)
	} else {
		fmt.Fprintf(b, "    ?r <%s> ?anyLabel .\n", kg.RDFSLabel)
	}
	f := &filter{typ: r.typ}
	text, err := f.object(r.where)
	if err != nil {
		return "", err
	}
	b.WriteString(text)
	if r.orderBy != "" {
		name, desc := strings.CutPrefix(r.orderBy, "-")
		iri := kg.RDFSLabel
		if name != "label" {
			fd, ok := r.typ.fields[name]
			if !ok || fd.inverse {
				return "", api.NewProblem("bad-parameter", fmt.Sprintf("orderBy %q: not a field of %s", name, r.typ.name))
			}
			iri = fd.iri
		}
		// One key per resource, so that DISTINCT and LIMIT count resources.
		fmt.Fprintf(b, "    OPTIONAL { { SELECT ?r (MIN(?k) AS ?key) WHERE { ?r <%s> ?k } GROUP BY ?r } }\n", iri)
		order = "?key ?r"
		if desc {
			order = "DESC(?key) ?r"
		}
		s := b.String()
		b.Reset()
		b.WriteString(strings.Replace(s, "SELECT DISTINCT ?r WHERE", "SELECT DISTINCT ?r ?key WHERE", 1))
	}
	fmt.Fprintf(b, "  } ORDER BY %s LIMIT %d OFFSET %d }\n", order, r.limit, r.offset)
	return order, nil
}

// filter writes the conditions of a where argument.
type filter struct {
	typ *objectType
	n   int
}

func (f *filter) object(where map[string]any) (string, error) {
	var b strings.Builder
	for name, v := range where {
		switch name {
		case "and":
			for _, x := range list(v) {
				s, err := f.object(x.(map[string]any))
				if err != nil {
					return "", err
				}
				b.WriteString(s)
			}
		case "or":
			for i, x := range list(v) {
				s, err := f.object(x.(map[string]any))
				if err != nil {
					return "", err
				}
				if i > 0 {
					b.WriteString("    UNION\n")
				}
				fmt.Fprintf(&b, "    { ?r ?any%d ?value%d .\n%s    }\n", f.n, f.n, s)
				f.n++
			}
		case "not":
			s, err := f.object(v.(map[string]any))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "    FILTER NOT EXISTS {\n%s    }\n", s)
		default:
			s, err := f.value(name, v.(map[string]any))
			if err != nil {
				return "", err
			}
			b.WriteString(s)
		}
	}
	return b.String(), nil
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// value writes the conditions on one field: there is a value that meets them.
func (f *filter) value(name string, ops map[string]any) (string, error) {
	f.n++
	v := "?f" + strconv.Itoa(f.n)
	pattern := ""
	entity := false
	switch name {
	case "id":
		v, entity = "?r", true
	case "label":
		pattern = fmt.Sprintf("?r <%s> %s .", kg.RDFSLabel, v)
	default:
		fd := f.typ.fields[name]
		entity = !fd.literal
		pattern = fmt.Sprintf("?r <%s> %s .", fd.iri, v)
		if fd.inverse {
			pattern = fmt.Sprintf("%s <%s> ?r .", v, fd.iri)
		}
	}
	if e, ok := ops["exists"].(bool); ok && !e {
		return fmt.Sprintf("    FILTER NOT EXISTS { %s }\n", pattern), nil
	}
	var b strings.Builder
	if pattern != "" {
		fmt.Fprintf(&b, "    %s\n", pattern)
	}
	for op, arg := range ops {
		switch op {
		case "eq":
			fmt.Fprintf(&b, "    FILTER(%s)\n", equals(v, arg, entity))
		case "in":
			alts := []string{}
			for _, x := range list(arg) {
				alts = append(alts, equals(v, x, entity))
			}
			if len(alts) == 0 {
				alts = []string{"false"}
			}
			fmt.Fprintf(&b, "    FILTER(%s)\n", strings.Join(alts, " || "))
		case "gt", "gte", "lt", "lte":
			sym := map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[op]
			fmt.Fprintf(&b, "    FILTER(%s)\n", compare(v, sym, arg))
		case "contains":
			s := kg.NewString(strings.ToLower(fmt.Sprint(arg))).String()
			if entity {
				fmt.Fprintf(&b, "    %s <%s> %sLabel . FILTER(CONTAINS(LCASE(STR(%sLabel)), %s))\n", v, kg.RDFSLabel, v, v, s)
			} else {
				fmt.Fprintf(&b, "    FILTER(CONTAINS(LCASE(STR(%s)), %s))\n", v, s)
			}
		}
	}
	return b.String(), nil
}

// equals compares with an IRI, a number or boolean by value, or a text by its
// characters whatever its datatype or language.
func equals(v string, arg any, entity bool) string {
	if s, ok := arg.(string); ok {
		if entity {
			return fmt.Sprintf("%s = %s", v, kg.NewIRI(s))
		}
		return fmt.Sprintf("STR(%s) = %s", v, kg.NewString(s))
	}
	return fmt.Sprintf("%s = %s", v, constant(arg))
}

// compare compares numbers by value and texts, dates among them, as such.
func compare(v, op string, arg any) string {
	if s, ok := arg.(string); ok {
		return fmt.Sprintf("STR(%s) %s %s", v, op, kg.NewString(s))
	}
	return fmt.Sprintf("%s %s %s", v, op, constant(arg))
}

func constant(arg any) string {
	switch arg := arg.(type) {
	case bool:
		return strconv.FormatBool(arg)
	case json.Number:
		return arg.String()
	case float64:
		return strconv.FormatFloat(arg, 'g', -1, 64)
	case int:
		return strconv.Itoa(arg)
	}
	return kg.NewString(fmt.Sprint(arg)).String()
}

// node is an object under construction, with the children it already has.
type node struct {
	term kg.Term
	out  object
	kids map[int]map[string]*node // by branch, then by term
}

// assemble builds the objects of a result.
func (c *compiler) assemble(ctx context.Context, res *sparql.Result, sels []*selection, typename string) ([]any, error) {
	var roots []*node
	byTerm := map[string]*node{}
	for row, err := range res.Rows() {
		if err != nil {
			return nil, err
		}
		key := row[0].String()
		r := byTerm[key]
		if r == nil {
			r = newNode(row[0], sels, typename)
			byTerm[key] = r
			roots = append(roots, r)
		}
		b, err := strconv.Atoi(row[len(row)-1].Value)
		if err != nil {
			return nil, fmt.Errorf("graphql: branch %q", row[len(row)-1].Value)
		}
		if b > 0 {
			r.put(c.branches[b-1].path, row[1:len(row)-1])
		}
	}
	list := make([]any, len(roots))
	for i, r := range roots {
		r.finish(sels)
		list[i] = r.out
	}
	return list, ctx.Err()
}

func newNode(t kg.Term, sels []*selection, typename string) *node {
	n := &node{term: t, out: object{}, kids: map[int]map[string]*node{}}
	for _, s := range sels {
		switch s.kind {
		case selID:
			id := t.Value
			if t.Kind != kg.IRI {
				id = t.String()
			}
			n.out[s.key] = id
		case selTypename:
			n.out[s.key] = typename
		}
	}
	return n
}

// put adds the value at the end of a path.
func (n *node) put(path []*selection, terms []kg.Term) {
	s := path[0]
	m := n.kids[s.id]
	if m == nil {
		m = map[string]*node{}
		n.kids[s.id] = m
	}
	key := terms[0].String()
	k := m[key]
	if k == nil {
		k = newNode(terms[0], s.children, s.field.target)
		m[key] = k
		n.out[s.key] = append(values(n.out[s.key]), k)
	}
	if len(path) > 1 {
		k.put(path[1:], terms[1:])
	}
}

func values(v any) []*node {
	l, _ := v.([]*node)
	return l
}

// finish turns collected values into what the answer shows.
func (n *node) finish(sels []*selection) {
	for _, s := range sels {
		if s.kind == selID || s.kind == selTypename {
			continue
		}
		vs := values(n.out[s.key])
		switch s.kind {
		case selLabel:
			n.out[s.key] = bestLabel(vs, s.langs)
			continue
		case selTypes:
			ids := make([]any, len(vs))
			for i, v := range vs {
				ids[i] = v.term.Value
			}
			n.out[s.key] = ids
			continue
		}
		vs = vs[min(s.offset, len(vs)):]
		vs = vs[:min(s.limit, len(vs))]
		out := make([]any, 0, len(vs))
		for _, v := range vs {
			switch {
			case s.field.literal:
				out = append(out, literal(v.term))
			case v.term.Kind != kg.Literal:
				v.finish(s.children)
				out = append(out, v.out)
			}
		}
		n.out[s.key] = out
	}
}

// bestLabel picks the label in the most wanted language.
func bestLabel(vs []*node, langs []string) any {
	if len(langs) == 0 {
		langs = []string{"en", "", "*"}
	}
	for _, l := range langs {
		for _, v := range vs {
			if l == "*" || strings.EqualFold(v.term.Lang, l) {
				return v.term.Value
			}
		}
	}
	return nil
}

// selections flattens a selection set for a type: fragments expanded, @skip and
// @include applied, equal response keys merged.
func (c *compiler) selections(set *ast.SelectionSet, t *objectType) ([]*selection, error) {
	var list []*selection
	byKey := map[string]*selection{}
	err := c.flatten(set, t, &list, byKey)
	return list, err
}

func (c *compiler) flatten(set *ast.SelectionSet, t *objectType, list *[]*selection, byKey map[string]*selection) error {
	if set == nil {
		return nil
	}
	for _, sel := range set.Selections {
		switch sel := sel.(type) {
		case *ast.Field:
			if !c.included(sel.Directives) {
				continue
			}
			if err := c.one(sel, t, list, byKey); err != nil {
				return err
			}
		case *ast.InlineFragment:
			if c.included(sel.Directives) && (sel.TypeCondition == nil || sel.TypeCondition.Name.Value == t.name) {
				if err := c.flatten(sel.SelectionSet, t, list, byKey); err != nil {
					return err
				}
			}
		case *ast.FragmentSpread:
			f, _ := c.info.Fragments[sel.Name.Value].(*ast.FragmentDefinition)
			if f != nil && c.included(sel.Directives) && f.TypeCondition.Name.Value == t.name {
				if err := c.flatten(f.SelectionSet, t, list, byKey); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *compiler) one(f *ast.Field, t *objectType, list *[]*selection, byKey map[string]*selection) error {
	s := &selection{key: f.Name.Value, limit: 100}
	if f.Alias != nil {
		s.key = f.Alias.Value
	}
	switch f.Name.Value {
	case "__typename":
		s.kind = selTypename
	case "id":
		s.kind = selID
	case "label":
		s.kind = selLabel
	case "types":
		s.kind = selTypes
	default:
		s.kind, s.field = selProperty, t.fields[f.Name.Value]
	}
	for _, a := range f.Arguments {
		v := c.argument(a.Value)
		switch a.Name.Value {
		case "limit", "offset":
			n, err := strconv.Atoi(fmt.Sprint(v))
			if err != nil || n < 0 {
				return api.NewProblem("bad-parameter", fmt.Sprintf("%s of %s: want a number of at least 0", a.Name.Value, s.key))
			}
			if a.Name.Value == "limit" {
				s.limit = n
			} else {
				s.offset = n
			}
		case "lang":
			l, many := v.([]any)
			if !many {
				l = []any{v}
			}
			for _, x := range l {
				s.langs = append(s.langs, fmt.Sprint(x))
			}
		}
	}
	if old := byKey[s.key]; old != nil {
		s = old // validation has checked that they agree
	} else {
		byKey[s.key] = s
		*list = append(*list, s)
	}
	if s.kind != selProperty || s.field.literal {
		return nil
	}
	kids := map[string]*selection{}
	for _, k := range s.children {
		kids[k.key] = k
	}
	return c.flatten(f.SelectionSet, c.s.types[s.field.target], &s.children, kids)
}

// argument evaluates an argument's value.
func (c *compiler) argument(v ast.Value) any {
	switch v := v.(type) {
	case *ast.Variable:
		return c.info.VariableValues[v.Name.Value]
	case *ast.ListValue:
		l := make([]any, len(v.Values))
		for i, x := range v.Values {
			l[i] = c.argument(x)
		}
		return l
	}
	return v.GetValue()
}

func (c *compiler) included(ds []*ast.Directive) bool {
	for _, d := range ds {
		for _, a := range d.Arguments {
			if a.Name.Value != "if" {
				continue
			}
			v, _ := c.argument(a.Value).(bool)
			if d.Name.Value == "skip" && v || d.Name.Value == "include" && !v {
				return false
			}
		}
	}
	return true
}
