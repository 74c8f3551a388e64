package reasoning

import "github.com/quaestor-kg/quaestor/kg"

// Term is the value as a term of the graph.
func (v *Value) Term() kg.Term {
	return Term{Type: v.Type, Value: v.Value, Datatype: v.Datatype, Lang: v.Lang}.Term()
}

// Term is the term of the graph that a JSON form stands for. Triple terms, which
// it only hints at, become None.
func (x Term) Term() kg.Term {
	switch x.Type {
	case "uri":
		return kg.NewIRI(x.Value)
	case "bnode":
		return kg.NewBlank(x.Value)
	case "literal":
		switch {
		case x.Lang != "":
			return kg.NewLang(x.Value, x.Lang)
		case x.Datatype != "":
			return kg.NewTyped(x.Value, x.Datatype)
		}
		return kg.NewString(x.Value)
	}
	return kg.Term{}
}

// RDF is the term in N-Triples.
func (x Term) RDF() string { return x.Term().String() }
