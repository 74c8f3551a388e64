package cqd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Op is the kind of a query node.
type Op uint8

// Kinds of node.
const (
	// Among holds for a crisp set of entities; an anchor is a set of one.
	Among Op = iota
	// Project holds for what a relation leads to from its argument.
	Project
	// Intersect holds where all arguments do.
	Intersect
	// Union holds where one argument does.
	Union
	// Not holds where its argument does not.
	Not
)

var opNames = [...]string{"among", "project", "and", "or", "not"}

// String is the name of the op.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "op" + strconv.Itoa(int(o))
}

// Query is a node of a tree-shaped query with one free variable, its root.
// Every Project introduces a variable that exists: its argument's.
type Query struct {
	Op       Op
	Members  []int32 // Among: sorted entities
	Relation int32   // Project: a directed relation
	Args     []*Query
}

// Anchor is the query for one entity.
func Anchor(e int32) *Query { return &Query{Op: Among, Members: []int32{e}} }

// In is the query for the given entities.
func In(members []int32) *Query {
	m := slices.Clone(members)
	slices.Sort(m)
	return &Query{Op: Among, Members: slices.Compact(m)}
}

// Hop is the query for what relation r leads to from the answers of q.
func Hop(r int32, q *Query) *Query { return &Query{Op: Project, Relation: r, Args: []*Query{q}} }

// And is the query for what answers all of qs.
func And(qs ...*Query) *Query { return &Query{Op: Intersect, Args: qs} }

// Or is the query for what answers one of qs.
func Or(qs ...*Query) *Query { return &Query{Op: Union, Args: qs} }

// Complement is the query for what does not answer q.
func Complement(q *Query) *Query { return &Query{Op: Not, Args: []*Query{q}} }

// maxDepth bounds the recursion over trees that come from outside.
const maxDepth = 200

// ErrShape reports a malformed query tree.
var ErrShape = errors.New("query tree is malformed")

// Check reports whether the tree is well formed and names only entities below
// entities and directed relations below relations. A node that is its own
// descendant, or belongs to two parents, makes a query that is no tree.
func (q *Query) Check(entities, relations int) error {
	return q.check(entities, relations, map[*Query]bool{}, 0)
}

func (q *Query) check(entities, relations int, seen map[*Query]bool, depth int) error {
	switch {
	case q == nil:
		return fmt.Errorf("%w: a node is missing", ErrShape)
	case depth > maxDepth:
		return fmt.Errorf("%w: it is deeper than %d nodes", ErrShape, maxDepth)
	case seen[q]:
		return fmt.Errorf("%w: a node has two parents, so the query has a cycle or shares a variable", ErrShape)
	}
	seen[q] = true
	args := map[Op][2]int{Among: {0, 0}, Project: {1, 1}, Intersect: {1, maxDepth}, Union: {1, maxDepth}, Not: {1, 1}}
	want, ok := args[q.Op]
	if !ok {
		return fmt.Errorf("%w: unknown %v", ErrShape, q.Op)
	}
	if n := len(q.Args); n < want[0] || n > want[1] {
		return fmt.Errorf("%w: %v has %d arguments", ErrShape, q.Op, n)
	}
	switch q.Op {
	case Project:
		if q.Relation < 0 || int(q.Relation) >= relations {
			return fmt.Errorf("relation %d is not among the %d that the model knows; train it on a graph that has the relation", q.Relation, relations)
		}
	case Among:
		for _, e := range q.Members {
			if e < 0 || int(e) >= entities {
				return fmt.Errorf("entity %d is not among the %d that the model knows; train it on a graph that has the entity, or fold the entity in", e, entities)
			}
		}
	}
	for _, a := range q.Args {
		if err := a.check(entities, relations, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Walk calls fn for every node, parents first.
func (q *Query) Walk(fn func(*Query)) {
	fn(q)
	for _, a := range q.Args {
		a.Walk(fn)
	}
}

// Clone returns a deep copy.
func (q *Query) Clone() *Query {
	c := &Query{Op: q.Op, Members: slices.Clone(q.Members), Relation: q.Relation}
	for _, a := range q.Args {
		c.Args = append(c.Args, a.Clone())
	}
	return c
}

// Positive reports whether the tree has no negation.
func (q *Query) Positive() bool {
	ok := true
	q.Walk(func(n *Query) { ok = ok && n.Op != Not })
	return ok
}

// String writes the tree, for example and(p3(7), not(p1(p4(2)))).
func (q *Query) String() string {
	var b strings.Builder
	q.write(&b)
	return b.String()
}

func (q *Query) write(b *strings.Builder) {
	switch q.Op {
	case Among:
		if len(q.Members) == 1 {
			fmt.Fprint(b, q.Members[0])
			return
		}
		b.WriteByte('{')
		for i, m := range q.Members {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprint(b, m)
		}
		b.WriteByte('}')
		return
	case Project:
		fmt.Fprintf(b, "p%d(", q.Relation)
	default:
		b.WriteString(q.Op.String() + "(")
	}
	for i, a := range q.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		a.write(b)
	}
	b.WriteByte(')')
}

// Parse reads what String writes.
func Parse(text string) (*Query, error) {
	p := parser{text: text}
	q, err := p.query(0)
	if err != nil {
		return nil, err
	}
	if p.pos != len(text) {
		return nil, p.errorf("end of the query expected")
	}
	return q, nil
}

type parser struct {
	text string
	pos  int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("query tree, byte %d: %s", p.pos, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

func (p *parser) eat(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) number() (int32, error) {
	p.space()
	from := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	n, err := strconv.ParseInt(p.text[from:p.pos], 10, 32)
	if err != nil {
		p.pos = from
		return 0, p.errorf("a number of an entity or relation expected")
	}
	return int32(n), nil
}

func (p *parser) query(depth int) (*Query, error) {
	if depth > maxDepth {
		return nil, p.errorf("deeper than %d nodes", maxDepth)
	}
	p.space()
	if p.eat('{') {
		var members []int32
		for !p.eat('}') {
			m, err := p.number()
			if err != nil {
				return nil, err
			}
			members = append(members, m)
		}
		return In(members), nil
	}
	rest := p.text[p.pos:]
	q := &Query{}
	switch {
	case strings.HasPrefix(rest, "and("):
		q.Op, p.pos = Intersect, p.pos+4
	case strings.HasPrefix(rest, "or("):
		q.Op, p.pos = Union, p.pos+3
	case strings.HasPrefix(rest, "not("):
		q.Op, p.pos = Not, p.pos+4
	case strings.HasPrefix(rest, "p"):
		p.pos++
		r, err := p.number()
		if err != nil {
			return nil, err
		}
		q.Op, q.Relation = Project, r
		if !p.eat('(') {
			return nil, p.errorf("( expected")
		}
	default:
		e, err := p.number()
		if err != nil {
			return nil, err
		}
		return Anchor(e), nil
	}
	for {
		a, err := p.query(depth + 1)
		if err != nil {
			return nil, err
		}
		q.Args = append(q.Args, a)
		if p.eat(')') {
			return q, nil
		}
		if !p.eat(',') {
			return nil, p.errorf(", or ) expected")
		}
	}
}
