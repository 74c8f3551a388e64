// Package shape summarises a snapshot: which classes and properties it has,
// what each property connects, and how often. Completion, the GraphQL schema,
// linking and the console's schema page read it.
//
// The numbers follow VoID's idea of partitions (https://www.w3.org/TR/void/,
// section 4.5), counted over all graphs.
package shape

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/text"
)

// Shape is the summary of one snapshot. Classes and Properties are sorted by
// count, largest first.
type Shape struct {
	Version    uint64     `json:"version"`
	Quads      int64      `json:"quads"`
	Classes    []Class    `json:"classes"`
	Properties []Property `json:"properties"`
	Graphs     []Count    `json:"graphs"`
}

// Class is a class with its instances.
type Class struct {
	ID         kg.ID   `json:"-"`
	IRI        string  `json:"iri"`
	Label      string  `json:"label"`
	Instances  int64   `json:"instances"`
	Properties []Count `json:"properties"` // used by its instances, with the number of statements
}

// Property is a predicate with what it connects.
type Property struct {
	ID       kg.ID   `json:"-"`
	IRI      string  `json:"iri"`
	Label    string  `json:"label"`
	Count    int64   `json:"count"`
	Subjects int64   `json:"subjects"` // distinct
	Objects  int64   `json:"objects"`  // distinct
	Domains  []Count `json:"domains"`  // classes of the subjects
	Ranges   []Count `json:"ranges"`   // classes of the objects, or datatypes of literals
	// Entities and Literals split Count by the kind of object.
	Entities int64 `json:"entities"`
	Literals int64 `json:"literals"`
	// Functional is true if no subject has two values.
	Functional bool `json:"functional"`
}

// Count is an IRI with a number; for a graph the number of quads.
type Count struct {
	IRI string `json:"iri"`
	N   int64  `json:"n"`
}

// Build reads every quad of the snapshot once.
func Build(ctx context.Context, s kg.Snapshot) (*Shape, error) {
	b := &builder{ctx: ctx, s: s, iri: map[kg.ID]string{}, class: map[kg.ID]*classCount{}}
	sh := &Shape{Version: s.Version(), Quads: s.Size()}
	var err error
	if b.types, err = b.typesOf(kg.RDFType); err != nil {
		return nil, err
	}
	predicates, err := b.distinct(kg.PSO)
	if err != nil {
		return nil, err
	}
	for _, p := range predicates {
		prop, err := b.property(p.id)
		if err != nil {
			return nil, err
		}
		sh.Properties = append(sh.Properties, prop)
	}
	for id, c := range b.class {
		iri, err := b.name(id)
		if err != nil {
			return nil, err
		}
		label, err := b.label(id, iri)
		if err != nil {
			return nil, err
		}
		props, err := b.counts(c.props)
		if err != nil {
			return nil, err
		}
		sh.Classes = append(sh.Classes, Class{ID: id, IRI: iri, Label: label, Instances: c.instances, Properties: props})
	}
	slices.SortFunc(sh.Classes, func(a, b Class) int {
		return cmp.Or(cmp.Compare(b.Instances, a.Instances), strings.Compare(a.IRI, b.IRI))
	})
	slices.SortFunc(sh.Properties, func(a, b Property) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.IRI, b.IRI))
	})
	graphs, err := b.distinct(kg.GSPO)
	if err != nil {
		return nil, err
	}
	for _, g := range graphs {
		if g.id == kg.DefaultGraph {
			continue
		}
		iri, err := b.name(g.id)
		if err != nil {
			return nil, err
		}
		sh.Graphs = append(sh.Graphs, Count{IRI: iri, N: g.n})
	}
	return sh, nil
}

type classCount struct {
	instances int64
	props     map[kg.ID]int64
}

type builder struct {
	ctx   context.Context
	s     kg.Snapshot
	types map[kg.ID][]kg.ID
	iri   map[kg.ID]string
	class map[kg.ID]*classCount
}

type idCount struct {
	id kg.ID
	n  int64
}

// typesOf maps each subject to its distinct classes.
func (b *builder) typesOf(predicate string) (map[kg.ID][]kg.ID, error) {
	types := map[kg.ID][]kg.ID{}
	p, ok, err := b.s.Lookup(kg.NewIRI(predicate))
	if err != nil || !ok {
		return types, err
	}
	c := b.s.Scan(b.ctx, kg.Pattern{P: p}, kg.PSO)
	defer c.Close()
	var last kg.Quad
	for c.Next() {
		q := c.Quad()
		if q.S == last.S && q.O == last.O {
			continue // the same statement in another graph
		}
		last = q
		types[q.S] = append(types[q.S], q.O)
		cc := b.class[q.O]
		if cc == nil {
			cc = &classCount{props: map[kg.ID]int64{}}
			b.class[q.O] = cc
		}
		cc.instances++
	}
	return types, c.Err()
}

// distinct lists the values of an order's first column with their counts.
func (b *builder) distinct(o kg.Order) ([]idCount, error) {
	var list []idCount
	if d, ok := b.s.(kg.DistinctScanner); ok {
		for id, n := range d.Distinct(b.ctx, o) {
			list = append(list, idCount{id, n})
		}
		return list, b.ctx.Err()
	}
	c := b.s.Scan(b.ctx, kg.Pattern{}, o)
	defer c.Close()
	for c.Next() {
		id := o.Key(c.Quad())[0]
		if n := len(list); n > 0 && list[n-1].id == id {
			list[n-1].n++
			continue
		}
		list = append(list, idCount{id, 1})
	}
	return list, c.Err()
}

func (b *builder) property(p kg.ID) (Property, error) {
	iri, err := b.name(p)
	if err != nil {
		return Property{}, err
	}
	prop := Property{ID: p, IRI: iri, Functional: true}
	if prop.Label, err = b.label(p, iri); err != nil {
		return Property{}, err
	}
	domains, ranges := map[kg.ID]int64{}, map[kg.ID]int64{}
	datatypes := map[string]int64{}
	objects := map[kg.ID]struct{}{}
	c := b.s.Scan(b.ctx, kg.Pattern{P: p}, kg.PSO)
	defer c.Close()
	var last kg.Quad
	for c.Next() {
		q := c.Quad()
		if q.S == last.S {
			if q.O == last.O {
				continue
			}
			prop.Functional = false
		} else {
			prop.Subjects++
			for _, t := range b.types[q.S] {
				domains[t]++
			}
		}
		last = q
		prop.Count++
		for _, t := range b.types[q.S] {
			b.class[t].props[p]++
		}
		if !q.O.IsLiteral() {
			prop.Entities++
			for _, t := range b.types[q.O] {
				ranges[t]++
			}
		} else {
			prop.Literals++
			dt, err := b.datatype(q.O)
			if err != nil {
				return Property{}, err
			}
			datatypes[dt]++
		}
		objects[q.O] = struct{}{}
	}
	if err := c.Err(); err != nil {
		return Property{}, err
	}
	prop.Objects = int64(len(objects))
	if prop.Domains, err = b.counts(domains); err != nil {
		return Property{}, err
	}
	if prop.Ranges, err = b.counts(ranges); err != nil {
		return Property{}, err
	}
	for dt, n := range datatypes {
		prop.Ranges = append(prop.Ranges, Count{dt, n})
	}
	sortCounts(prop.Ranges)
	return prop, nil
}

// datatype tells a literal's datatype, from the tag where it suffices.
func (b *builder) datatype(id kg.ID) (string, error) {
	switch id.Tag() {
	case kg.TagString, kg.TagShort:
		return kg.XSDString, nil
	case kg.TagBool:
		return kg.XSD + "boolean", nil
	case kg.TagInteger:
		return kg.XSD + "integer", nil
	case kg.TagDecimal:
		return kg.XSD + "decimal", nil
	case kg.TagDouble:
		return kg.XSD + "double", nil
	case kg.TagDate:
		return kg.XSD + "date", nil
	case kg.TagDateTime:
		return kg.XSD + "dateTime", nil
	}
	t, err := b.s.Term(id)
	return t.Datatype, err
}

func (b *builder) counts(m map[kg.ID]int64) ([]Count, error) {
	list := make([]Count, 0, len(m))
	for id, n := range m {
		iri, err := b.name(id)
		if err != nil {
			return nil, err
		}
		list = append(list, Count{iri, n})
	}
	sortCounts(list)
	return list, nil
}

func sortCounts(list []Count) {
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.IRI, b.IRI))
	})
}

// name returns the IRI of an id; blank nodes keep their "_:" form.
func (b *builder) name(id kg.ID) (string, error) {
	if n, ok := b.iri[id]; ok {
		return n, nil
	}
	t, err := b.s.Term(id)
	if err != nil {
		return "", err
	}
	n := t.Value
	if t.Kind != kg.IRI {
		n = t.String()
	}
	b.iri[id] = n
	return n, nil
}

// label returns the stated label of a class or property, English or untagged
// first, else words made from the IRI's local name.
func (b *builder) label(id kg.ID, iri string) (string, error) {
	for _, lp := range text.LabelPredicates {
		p, ok, err := b.s.Lookup(kg.NewIRI(lp))
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		best, rank := "", 9
		c := b.s.Scan(b.ctx, kg.Pattern{S: id, P: p}, kg.SPO)
		for c.Next() {
			t, err := b.s.Term(c.Quad().O)
			if err != nil {
				c.Close()
				return "", err
			}
			r := 3
			switch {
			case t.Lang == "en":
				r = 0
			case t.Lang == "":
				r = 1
			}
			if r < rank {
				best, rank = t.Value, r
			}
		}
		err = c.Err()
		c.Close()
		if err != nil || best != "" {
			return best, err
		}
	}
	return LocalWords(iri), nil
}

// LocalWords makes readable words of an IRI's local name: the part after the
// last '#', '/' or ':', split at camel-case borders and at "_-.", lower case.
// "http://x/birthPlace" becomes "birth place".
func LocalWords(iri string) string {
	local := iri[strings.LastIndexAny(strings.TrimRight(iri, "/#"), "#/:")+1:]
	local = strings.TrimRight(local, "/#")
	var out []rune
	rs := []rune(local)
	for i, r := range rs {
		switch {
		case strings.ContainsRune("_-. +", r):
			out = append(out, ' ')
			continue
		case i > 0 && upper(r) && (!upper(rs[i-1]) || i+1 < len(rs) && lower(rs[i+1])):
			out = append(out, ' ')
		}
		out = append(out, r)
	}
	return strings.ToLower(strings.Join(strings.Fields(string(out)), " "))
}

func upper(r rune) bool { return r >= 'A' && r <= 'Z' }
func lower(r rune) bool { return r >= 'a' && r <= 'z' }
