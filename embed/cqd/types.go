package cqd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Type is one of the shapes that complex queries are published in (Ren and
// Leskovec, NeurIPS 2020). Shape is a tree in which Members and Relation count
// the places of the anchors and relations of the flat form.
type Type struct {
	Name string
	// Flat is the order of a query's numbers in data files: e an anchor, r a
	// relation, -1 and -2 themselves (the marks of union and negation).
	Flat  string
	Shape *Query
}

// Types lists the fourteen, positive ones first.
var Types = []Type{
	{"1p", "e r", mustParse("p0(0)")},
	{"2p", "e r r", mustParse("p1(p0(0))")},
	{"3p", "e r r r", mustParse("p2(p1(p0(0)))")},
	{"2i", "e r e r", mustParse("and(p0(0), p1(1))")},
	{"3i", "e r e r e r", mustParse("and(p0(0), p1(1), p2(2))")},
	{"pi", "e r r e r", mustParse("and(p1(p0(0)), p2(1))")},
	{"ip", "e r e r r", mustParse("p2(and(p0(0), p1(1)))")},
	{"2u", "e r e r -1", mustParse("or(p0(0), p1(1))")},
	{"up", "e r e r -1 r", mustParse("p2(or(p0(0), p1(1)))")},
	{"2in", "e r e r -2", mustParse("and(p0(0), not(p1(1)))")},
	{"3in", "e r e r e r -2", mustParse("and(p0(0), p1(1), not(p2(2)))")},
	{"inp", "e r e r -2 r", mustParse("p2(and(p0(0), not(p1(1))))")},
	{"pin", "e r r e r -2", mustParse("and(p1(p0(0)), not(p2(1)))")},
	{"pni", "e r r -2 e r", mustParse("and(not(p1(p0(0))), p2(1))")},
}

// TypeNames are the names of Types.
func TypeNames() []string {
	names := make([]string, len(Types))
	for i, t := range Types {
		names[i] = t.Name
	}
	return names
}

// TypeByName finds a type.
func TypeByName(name string) (Type, error) {
	for _, t := range Types {
		if t.Name == name {
			return t, nil
		}
	}
	return Type{}, fmt.Errorf("no query type is called %q; there are %s", name, strings.Join(TypeNames(), " "))
}

// Negative reports whether the type has a negation.
func (t Type) Negative() bool { return !t.Shape.Positive() }

// ReadFlat reads a query of the type from its numbers. Anchors are numbers of
// entities; relation maps the numbers of relations.
func (t Type) ReadFlat(numbers []string, relation func(int) int32) (*Query, error) {
	form := strings.Fields(t.Flat)
	if len(numbers) != len(form) {
		return nil, fmt.Errorf("a %s query has %d numbers (%s), this one %d", t.Name, len(form), t.Flat, len(numbers))
	}
	var anchors, rels []int32
	for i, f := range form {
		if f == "-1" || f == "-2" {
			if numbers[i] != f {
				return nil, fmt.Errorf("number %d of a %s query is the mark %s, not %q", i+1, t.Name, f, numbers[i])
			}
			continue
		}
		x, err := strconv.ParseInt(numbers[i], 10, 32)
		if err != nil || x < 0 {
			return nil, fmt.Errorf("number %d of a %s query is %q, which numbers no entity or relation", i+1, t.Name, numbers[i])
		}
		if f == "e" {
			anchors = append(anchors, int32(x))
		} else {
			rels = append(rels, relation(int(x)))
		}
	}
	return t.Fill(anchors, rels), nil
}

// Fill puts anchors and directed relations in their places.
func (t Type) Fill(anchors, rels []int32) *Query {
	q := t.Shape.Clone()
	q.Walk(func(n *Query) {
		switch n.Op {
		case Among:
			n.Members[0] = anchors[n.Members[0]]
		case Project:
			n.Relation = rels[n.Relation]
		}
	})
	return q
}

// WriteFlat is the inverse of ReadFlat; relation maps directed relations to
// numbers.
func (t Type) WriteFlat(q *Query, relation func(int32) int) (string, error) {
	var anchors, rels = map[int32]int32{}, map[int32]int32{}
	if !match(t.Shape, q, anchors, rels) {
		return "", fmt.Errorf("%v is no %s query", q, t.Name)
	}
	form := strings.Fields(t.Flat)
	var e, r int32
	for i, f := range form {
		switch f {
		case "e":
			form[i] = strconv.Itoa(int(anchors[e]))
			e++
		case "r":
			form[i] = strconv.Itoa(relation(rels[r]))
			r++
		}
	}
	return strings.Join(form, " "), nil
}

// match collects what stands in the places of a shape.
func match(shape, q *Query, anchors, rels map[int32]int32) bool {
	if q.Op != shape.Op || len(q.Args) != len(shape.Args) {
		return false
	}
	switch q.Op {
	case Among:
		if len(q.Members) != 1 {
			return false
		}
		anchors[shape.Members[0]] = q.Members[0]
	case Project:
		rels[shape.Relation] = q.Relation
	}
	for i := range q.Args {
		if !match(shape.Args[i], q.Args[i], anchors, rels) {
			return false
		}
	}
	return true
}

// TypeOf names the type of a query, or "" if its shape has no name.
func TypeOf(q *Query) string {
	i := slices.IndexFunc(Types, func(t Type) bool {
		return match(t.Shape, q, map[int32]int32{}, map[int32]int32{})
	})
	if i < 0 {
		return ""
	}
	return Types[i].Name
}

func mustParse(text string) *Query {
	q, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return q
}

// Case is a query with its answers: Easy ones follow from a smaller graph, Hard
// ones only from the larger one. Both are sorted.
type Case struct {
	Query      *Query
	Easy, Hard []int32
}
