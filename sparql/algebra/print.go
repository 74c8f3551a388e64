package algebra

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Format writes a tree with one node a line, inputs indented below.
func Format(n Node) string {
	var b strings.Builder
	format(&b, n, 0)
	return b.String()
}

func format(b *strings.Builder, n Node, depth int) {
	fmt.Fprintf(b, "%*s%s\n", depth*2, "", Label(n))
	for _, c := range n.Children() {
		format(b, c, depth+1)
	}
}

// Label describes a node without its inputs.
func Label(n Node) string {
	switch n := n.(type) {
	case *Unit:
		return "unit"
	case *Empty:
		return "empty"
	case *BGP:
		parts := make([]string, len(n.Triples))
		for i, t := range n.Triples {
			parts[i] = t.String()
		}
		return "bgp" + n.Graph.String() + " {" + strings.Join(parts, " . ") + "}"
	case *Path:
		return "path" + n.Graph.String() + " {" + n.S.String() + " " + PathString(n.Path) + " " + n.O.String() + "}"
	case *Unnest:
		return fmt.Sprintf("unnest %s <<( %s %s %s )>>", V(n.Var), n.Parts[0], n.Parts[1], n.Parts[2])
	case *Join:
		return "join" + method(n.Method)
	case *LeftJoin:
		return "leftjoin" + method(n.Method) + conds(n.Cond)
	case *SemiJoin:
		if n.Not {
			return "antijoin" + method(n.Method) + conds(n.Cond)
		}
		return "semijoin" + method(n.Method) + conds(n.Cond)
	case *Minus:
		return "minus"
	case *Union:
		return "union"
	case *Filter:
		return "filter" + conds(n.Conds)
	case *Extend:
		return "extend " + V(n.Var).String() + " = " + ExprString(n.Expr)
	case *Graph:
		return "graph " + V(n.Var).String()
	case *Values:
		return fmt.Sprintf("values %s (%d rows)", varList(n.Vars), len(n.Rows))
	case *Service:
		return "service " + n.Name.String()
	case *Group:
		var parts []string
		for _, a := range n.Aggs {
			parts = append(parts, V(a.Var).String()+" = "+a.String())
		}
		return "group " + varList(n.Keys) + " [" + strings.Join(parts, ", ") + "]"
	case *OrderBy:
		var parts []string
		for _, k := range n.Keys {
			p := ExprString(k.Expr)
			if k.Desc {
				p = "desc(" + p + ")"
			}
			parts = append(parts, p)
		}
		s := "order " + strings.Join(parts, ", ")
		if n.Top > 0 {
			s += fmt.Sprintf(" top %d", n.Top)
		}
		return s
	case *Project:
		return "project " + varList(n.Vars)
	case *Distinct:
		if n.Reduced {
			return "reduced"
		}
		return "distinct"
	case *Slice:
		return fmt.Sprintf("slice offset %d limit %d", n.Offset, n.Limit)
	case *Scan:
		return "scan " + n.Order.String() + n.Graph.String() + " {" + n.Triple.String() + "}"
	case *Seed:
		return "seed " + varList(n.Vars)
	case *Multiway:
		parts := make([]string, len(n.Triples))
		for i, t := range n.Triples {
			parts[i] = t.String()
		}
		return "multiway" + n.Graph.String() + " " + varList(n.Vars) + " {" + strings.Join(parts, " . ") + "}"
	}
	return fmt.Sprintf("%T", n)
}

func method(m Method) string {
	if m == Auto {
		return ""
	}
	return " " + m.String()
}

func conds(list []Expr) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = ExprString(e)
	}
	return " (" + strings.Join(parts, " && ") + ")"
}

func varList(vars []string) string {
	parts := make([]string, len(vars))
	for i, v := range vars {
		parts[i] = V(v).String()
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// String writes a position as in SPARQL.
func (r Ref) String() string {
	if r.Var == "" {
		return short(r.Term)
	}
	if Hidden(r.Var) {
		return r.Var
	}
	return "?" + r.Var
}

// short writes well-known IRIs as names.
func short(t kg.Term) string {
	if t.Kind == kg.IRI {
		switch {
		case t.Value == kg.RDFType:
			return "a"
		case strings.HasPrefix(t.Value, kg.XSD):
			return "xsd:" + t.Value[len(kg.XSD):]
		case strings.HasPrefix(t.Value, kg.RDFS):
			return "rdfs:" + t.Value[len(kg.RDFS):]
		case strings.HasPrefix(t.Value, kg.RDF):
			return "rdf:" + t.Value[len(kg.RDF):]
		}
	}
	if t.Kind == kg.Literal && t.Datatype == kg.XSD+"integer" || t.Datatype == kg.XSD+"boolean" {
		return t.Value
	}
	return t.String()
}

// String writes the triple as in SPARQL.
func (t Triple) String() string { return t.S.String() + " " + t.P.String() + " " + t.O.String() }

// String is empty for the default graph.
func (g GraphRef) String() string {
	switch g.Kind {
	case Named:
		return " in " + g.Name.String()
	case Current:
		return " in current"
	}
	return ""
}

// String writes the aggregate as in SPARQL.
func (a Agg) String() string {
	s := a.Name + "("
	if a.Distinct {
		s += "DISTINCT "
	}
	if a.Arg == nil {
		s += "*"
	} else {
		s += ExprString(a.Arg)
	}
	return s + ")"
}

// ExprString writes an expression.
func ExprString(e Expr) string {
	switch e := e.(type) {
	case *Var:
		return V(e.Name).String()
	case *Const:
		return short(e.Term)
	case *Exists:
		s := "EXISTS{"
		if e.Not {
			s = "NOT EXISTS{"
		}
		return s + strings.Join(strings.Fields(strings.ReplaceAll(Format(e.Node), "\n", " ")), " ") + "}"
	case *Call:
		args := make([]string, len(e.Args))
		for i, a := range e.Args {
			args[i] = ExprString(a)
		}
		switch e.Fn {
		case "||", "&&", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/":
			return "(" + strings.Join(args, " "+e.Fn+" ") + ")"
		case "!", "neg", "pos":
			return map[string]string{"!": "!", "neg": "-", "pos": "+"}[e.Fn] + args[0]
		case "IN", "NOT IN":
			if len(args) > 9 {
				args = append(args[:9:9], fmt.Sprintf("… %d in all", len(e.Args)-1))
			}
			return "(" + args[0] + " " + e.Fn + " (" + strings.Join(args[1:], ", ") + "))"
		}
		fn := e.Fn
		if strings.Contains(fn, ":") {
			fn = short(kg.NewIRI(fn))
		}
		return fn + "(" + strings.Join(args, ", ") + ")"
	}
	return fmt.Sprintf("%T", e)
}

// PathString writes a path as in SPARQL.
func PathString(p PathExpr) string {
	switch p := p.(type) {
	case *Link:
		return short(p.IRI)
	case *Inv:
		return "^" + PathString(p.Path)
	case *Seq:
		return "(" + PathString(p.A) + "/" + PathString(p.B) + ")"
	case *Alt:
		return "(" + PathString(p.A) + "|" + PathString(p.B) + ")"
	case *Repeat:
		op := "+"
		switch {
		case p.Zero && p.Many:
			op = "*"
		case p.Zero:
			op = "?"
		}
		return PathString(p.Path) + op
	case *Neg:
		parts := make([]string, len(p.Not))
		for i, t := range p.Not {
			parts[i] = short(t)
			if p.Inverse {
				parts[i] = "^" + parts[i]
			}
		}
		if p.Inverse {
			return "!(" + strings.Join(parts, "|") + ")"
		}
		return "!(" + strings.Join(parts, "|") + ")"
	}
	return fmt.Sprintf("%T", p)
}
