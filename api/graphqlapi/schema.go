package graphqlapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/kinds"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/shape"
	"github.com/quaestor-kg/quaestor/kg/text"
)

// maxClasses and maxFields keep the schema of a large graph usable; what is
// left out is reachable through Entity and through SPARQL.
const (
	maxClasses = 100
	maxFields  = 300
)

// field is one property as a field.
type field struct {
	name    string
	iri     string
	inverse bool
	literal bool   // values are literals
	target  string // type name of the values, for entities
	desc    string
}

// objectType is one class as a type. The type Entity has no class.
type objectType struct {
	name   string
	class  string // IRI; "" for Entity
	desc   string
	list   string // name of the root field that lists it
	fields map[string]field
	order  []string
}

// schema is the generated schema of one version of the graph.
type schema struct {
	version uint64
	types   map[string]*objectType
	order   []string
	gql     graphql.Schema
	more    graphql.Fields // further root fields
}

const entityType = "Entity"

// generate builds the schema of a shape; run resolves a root field.
func generate(sh *shape.Shape, run graphql.FieldResolveFn, more graphql.Fields) (*schema, error) {
	s := &schema{version: sh.Version, types: map[string]*objectType{}, more: more}
	names := map[string]bool{entityType: true, "Query": true, "Literal": true, "Filter": true,
		"InferredLink": true, "Likely": true, "InferredRow": true, "InferredValue": true}
	byClass := map[string]string{}
	classes := sh.Classes[:min(len(sh.Classes), maxClasses)]
	for _, c := range classes {
		n := unique(names, typeName(c.Label))
		byClass[c.IRI] = n
		s.add(&objectType{name: n, class: c.IRI, desc: fmt.Sprintf("%s: <%s>, %d instances", c.Label, c.IRI, c.Instances)})
	}
	properties := map[string]shape.Property{}
	for _, p := range sh.Properties {
		properties[p.IRI] = p
	}
	for _, c := range classes {
		t := s.types[byClass[c.IRI]]
		used := map[string]bool{"id": true, "label": true, "types": true}
		for _, u := range c.Properties {
			if p := properties[u.IRI]; !structural(p.IRI) && len(t.order) < maxFields {
				t.addField(used, p, false, byClass)
			}
		}
	}
	all := &objectType{name: entityType, desc: "Any resource of the graph, with every property in both directions"}
	used := map[string]bool{"id": true, "label": true, "types": true}
	for _, p := range sh.Properties {
		if structural(p.IRI) || len(all.order) >= maxFields {
			continue
		}
		all.addField(used, p, false, byClass)
		if p.Entities > 0 {
			all.addField(used, p, true, byClass)
		}
	}
	s.add(all)
	return s, s.build(run)
}

// structural predicates are the fields label and types of every type.
func structural(iri string) bool { return iri == kg.RDFSLabel || iri == kg.RDFType }

func (s *schema) add(t *objectType) {
	if t.fields == nil {
		t.fields = map[string]field{}
	}
	s.types[t.name] = t
	s.order = append(s.order, t.name)
}

func (t *objectType) addField(used map[string]bool, p shape.Property, inverse bool, byClass map[string]string) {
	name := fieldName(p.Label)
	desc := fmt.Sprintf("<%s>, %d statements", p.IRI, p.Count)
	if inverse {
		name += "_of"
		desc = "inverse of " + desc
	}
	f := field{name: unique(used, name), iri: p.IRI, inverse: inverse, desc: desc, target: entityType}
	f.literal = !inverse && p.Literals >= p.Entities
	ends := p.Ranges
	if inverse {
		ends = p.Domains
	}
	// Values that are nearly all of one class get its type.
	total := p.Entities
	if !f.literal && len(ends) > 0 {
		if n, ok := byClass[ends[0].IRI]; ok && (inverse && ends[0].N >= p.Subjects || !inverse && ends[0].N >= total) {
			f.target = n
		}
	}
	if t.fields == nil {
		t.fields = map[string]field{}
	}
	t.fields[f.name] = f
	t.order = append(t.order, f.name)
}

// build makes the graphql-go schema.
func (s *schema) build(run graphql.FieldResolveFn) error {
	objects := map[string]*graphql.Object{}
	filters := map[string]*graphql.InputObject{}
	lang := graphql.FieldConfigArgument{"lang": {Type: graphql.NewList(graphql.NewNonNull(graphql.String)),
		Description: "languages in order of preference; \"*\" is any, \"\" is none"}}
	page := func(def int) graphql.FieldConfigArgument {
		return graphql.FieldConfigArgument{
			"limit":  {Type: graphql.Int, DefaultValue: def},
			"offset": {Type: graphql.Int, DefaultValue: 0},
		}
	}
	for _, n := range s.order {
		t := s.types[n]
		filters[n] = graphql.NewInputObject(graphql.InputObjectConfig{Name: n + "Filter", Fields: graphql.InputObjectConfigFieldMapThunk(func() graphql.InputObjectConfigFieldMap {
			fs := graphql.InputObjectConfigFieldMap{
				"id":    {Type: valueFilter},
				"label": {Type: valueFilter},
				"and":   {Type: graphql.NewList(graphql.NewNonNull(filters[n]))},
				"or":    {Type: graphql.NewList(graphql.NewNonNull(filters[n]))},
				"not":   {Type: filters[n]},
			}
			for _, fn := range t.order {
				if _, taken := fs[fn]; !taken {
					fs[fn] = &graphql.InputObjectFieldConfig{Type: valueFilter, Description: t.fields[fn].desc}
				}
			}
			return fs
		})})
		objects[n] = graphql.NewObject(graphql.ObjectConfig{Name: n, Description: t.desc, Fields: graphql.FieldsThunk(func() graphql.Fields {
			fs := graphql.Fields{
				"id":    {Type: graphql.NewNonNull(graphql.ID), Resolve: read, Description: "the IRI"},
				"label": {Type: graphql.String, Args: lang, Resolve: read},
				"types": {Type: graphql.NewList(graphql.NewNonNull(graphql.ID)), Resolve: read},
			}
			for _, fn := range t.order {
				f := t.fields[fn]
				gf := &graphql.Field{Description: f.desc, Resolve: read, Args: page(100)}
				if f.literal {
					gf.Type = graphql.NewList(graphql.NewNonNull(literalType))
				} else {
					gf.Type = graphql.NewList(graphql.NewNonNull(objects[f.target]))
				}
				fs[fn] = gf
			}
			return fs
		})})
	}
	root := graphql.Fields{}
	used := map[string]bool{"entity": true, "entities": true}
	for _, n := range s.order {
		args := page(20)
		args["where"] = &graphql.ArgumentConfig{Type: filters[n]}
		args["orderBy"] = &graphql.ArgumentConfig{Type: graphql.String, Description: "a field of the type; prefix - to reverse"}
		name := "entities"
		if n != entityType {
			name = unique(used, strings.ToLower(n[:1])+n[1:]+"List")
		}
		s.types[n].list = name
		root[name] = &graphql.Field{Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(objects[n]))), Args: args, Resolve: run, Description: s.types[n].desc}
	}
	root["entity"] = &graphql.Field{Type: objects[entityType], Resolve: run, Description: "One resource by its IRI",
		Args: graphql.FieldConfigArgument{"id": {Type: graphql.NewNonNull(graphql.ID)}}}
	for name, f := range s.more {
		root[name] = f
	}
	types := make([]graphql.Type, 0, len(objects))
	for _, n := range s.order {
		types = append(types, objects[n])
	}
	var err error
	s.gql, err = graphql.NewSchema(graphql.SchemaConfig{
		Query: graphql.NewObject(graphql.ObjectConfig{Name: "Query", Fields: root}), Types: types,
	})
	return err
}

// SDL prints the schema in the schema definition language.
func (s *schema) SDL() string {
	var b strings.Builder
	b.WriteString("scalar Literal\n\ntype Query {\n  entity(id: ID!): Entity\n")
	for _, n := range s.order {
		fmt.Fprintf(&b, "  %s(limit: Int = 20, offset: Int = 0, where: %sFilter, orderBy: String): [%s!]!\n", s.types[n].list, n, n)
	}
	if len(s.more) > 0 {
		b.WriteString(inferenceSDL)
	}
	b.WriteString("}\n")
	if len(s.more) > 0 {
		b.WriteString(inferenceTypesSDL)
	}
	for _, n := range s.order {
		t := s.types[n]
		fmt.Fprintf(&b, "\n# %s\ntype %s {\n  id: ID!\n  label(lang: [String!]): String\n  types: [ID!]\n", t.desc, n)
		for _, fn := range t.order {
			f := t.fields[fn]
			target := f.target
			if f.literal {
				target = "Literal"
			}
			fmt.Fprintf(&b, "  %s(limit: Int = 100, offset: Int = 0): [%s!]  # %s\n", fn, target, f.desc)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// literalType is a literal as JSON: booleans, doubles and integers that every
// reader can hold as such, all else as its lexical form. graphql-go's Int would
// turn larger integers into null without an error.
var literalType = graphql.NewScalar(graphql.ScalarConfig{
	Name: "Literal", Description: "A literal: number and boolean where JSON can hold it exactly, else the lexical form",
	Serialize:    func(v any) any { return v },
	ParseValue:   func(v any) any { return v },
	ParseLiteral: literalValue,
})

// literalValue reads a literal of the query's text.
func literalValue(v ast.Value) any {
	switch v := v.(type) {
	case *ast.StringValue:
		return v.Value
	case *ast.BooleanValue:
		return v.Value
	case *ast.IntValue:
		return json.Number(v.Value)
	case *ast.FloatValue:
		return json.Number(v.Value)
	}
	if v.GetKind() == kinds.EnumValue {
		return nil
	}
	return nil
}

// valueFilter compares the values of a field.
var valueFilter = graphql.NewInputObject(graphql.InputObjectConfig{Name: "Filter", Fields: graphql.InputObjectConfigFieldMap{
	"eq":       {Type: literalType},
	"in":       {Type: graphql.NewList(graphql.NewNonNull(literalType))},
	"gt":       {Type: literalType},
	"gte":      {Type: literalType},
	"lt":       {Type: literalType},
	"lte":      {Type: literalType},
	"contains": {Type: graphql.String, Description: "part of the value, or of the label of an entity, in any case"},
	"exists":   {Type: graphql.Boolean},
}})

// literal converts a term for the JSON answer.
func literal(t kg.Term) any {
	if t.Kind != kg.Literal {
		return t.Value
	}
	switch t.Datatype {
	case kg.XSD + "boolean":
		switch t.Value {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	case kg.XSD + "integer", kg.XSD + "int", kg.XSD + "long", kg.XSD + "short", kg.XSD + "byte", kg.XSD + "nonNegativeInteger", kg.XSD + "positiveInteger":
		if n := strings.TrimPrefix(t.Value, "-"); len(n) <= 15 && n != "" && strings.Trim(n, "0123456789") == "" && (n == "0" || n[0] != '0') {
			return json.Number(t.Value)
		}
	case kg.XSD + "double", kg.XSD + "float":
		if json.Valid([]byte(t.Value)) {
			return json.Number(t.Value)
		}
	}
	return t.Value
}

// words splits a label at everything GraphQL names cannot hold.
func words(label string) []string {
	return strings.FieldsFunc(text.Fold(label), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	})
}

func typeName(label string) string {
	n := ""
	for _, w := range words(label) {
		n += string(unicode.ToUpper(rune(w[0]))) + w[1:]
	}
	if n == "" || n[0] >= '0' && n[0] <= '9' {
		n = "Class" + n
	}
	return n
}

func fieldName(label string) string {
	n := ""
	for i, w := range words(label) {
		if i > 0 {
			w = string(unicode.ToUpper(rune(w[0]))) + w[1:]
		}
		n += w
	}
	if n == "" || n[0] >= '0' && n[0] <= '9' {
		n = "property" + n
	}
	return n
}

// unique reserves a name, numbering it if it is taken.
func unique(taken map[string]bool, name string) string {
	n := name
	for i := 2; taken[n]; i++ {
		n = fmt.Sprintf("%s_%d", name, i)
	}
	taken[n] = true
	return n
}
