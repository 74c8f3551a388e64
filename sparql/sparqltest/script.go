package sparqltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Step is one block of a script: a command, its input, and what it printed
// when the script was last rewritten.
//
//	load             TriG into the store
//	query            rows, sorted unless the query orders them; a boolean; a graph
//	update           how many quads were added and removed
//	dump             all quads of the store
//	clear            begin with an empty store again
//
// A block is a comment of any number of # lines, the command, its input, a
// line "----", and the output up to the next blank line:
//
//	query
//	SELECT ?x { :a :p ?x }
//	----
//	?x
//	1
//
// The prefixes : (http://example.org/), rdf:, rdfs: and xsd: are declared, and
// the output is shortened by them.
type Step struct {
	Comment, Command, Input, Output string
	Line                            int
}

// ReadScript reads a script file.
func ReadScript(path string) ([]Step, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var steps []Step
	lines := strings.Split(string(b), "\n")
	for i := 0; i < len(lines); {
		if strings.TrimSpace(lines[i]) == "" {
			i++
			continue
		}
		s := Step{}
		for i < len(lines) && strings.HasPrefix(lines[i], "#") {
			s.Comment += lines[i] + "\n"
			i++
		}
		if i >= len(lines) || strings.TrimSpace(lines[i]) == "" {
			steps = append(steps, s)
			continue
		}
		s.Command, s.Line = strings.TrimSpace(lines[i]), i+1
		i++
		for ; i < len(lines) && lines[i] != "----"; i++ {
			s.Input += lines[i] + "\n"
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s:%d: the block has no line ----", path, s.Line)
		}
		for i++; i < len(lines) && lines[i] != ""; i++ {
			s.Output += lines[i] + "\n"
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// FormatScript writes steps as ReadScript reads them.
func FormatScript(steps []Step) string {
	var b strings.Builder
	for i, s := range steps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.Comment)
		if s.Command != "" {
			b.WriteString(s.Command + "\n" + s.Input + "----\n" + s.Output)
		}
	}
	return b.String()
}

const scriptPrefixes = "PREFIX : <" + testNS + "> PREFIX rdf: <" + kg.RDF + "> PREFIX rdfs: <" + kg.RDFS + "> PREFIX xsd: <" + kg.XSD + "> "

// Script runs steps one after the other with an engine.
type Script struct {
	Engine   *sparql.Engine
	NewStore func() (kg.Store, error)
	store    kg.Store
}

// Close closes the store of the script.
func (x *Script) Close() error {
	if x.store == nil {
		return nil
	}
	err := x.store.Close()
	x.store = nil
	return err
}

// Run runs one step and returns its output; errors of the engine are output.
func (x *Script) Run(ctx context.Context, s Step) (string, error) {
	if s.Command == "clear" || x.store == nil {
		err := x.Close()
		if err != nil {
			return "", err
		}
		if x.store, err = x.NewStore(); err != nil {
			return "", err
		}
	}
	switch s.Command {
	case "", "clear":
		return "", nil
	case "load":
		return x.load(ctx, s.Input), nil
	case "query":
		o, err := Evaluate(ctx, x.Engine, x.store, scriptPrefixes+s.Input, testNS)
		if err != nil {
			return errorText(err), nil
		}
		return x.show(s.Input, o), nil
	case "update":
		st, err := x.Engine.Update(ctx, x.store, scriptPrefixes+s.Input, testNS, sparql.Limits{})
		if err != nil {
			return errorText(err), nil
		}
		return fmt.Sprintf("added %d, removed %d\n", st.Added, st.Removed), nil
	case "dump":
		quads, err := Dump(ctx, x.store)
		return showQuads(quads), err
	}
	return "", fmt.Errorf("line %d: unknown command %q", s.Line, s.Command)
}

func (x *Script) load(ctx context.Context, trig string) string {
	o := rdf.ReadOptions{Format: rdf.TriG, Base: testNS, BlankPrefix: "n"}
	stats, err := x.store.Load(ctx, rdf.Read(ctx, strings.NewReader(scriptPrefixes+trig), o))
	if err != nil {
		return errorText(err)
	}
	return fmt.Sprintf("%d quads\n", stats.Added)
}

// errorText is the error with the columns of the first line as the author of
// the script sees them.
func errorText(err error) string {
	var s *syntax.Error
	if errors.As(err, &s) {
		e := *s
		if e.Line == 1 {
			e.Col -= len(scriptPrefixes)
		}
		return "error: " + e.Error() + "\n"
	}
	return "error: " + err.Error() + "\n"
}

func (x *Script) show(query string, o *Outcome) string {
	switch o.Form {
	case sparql.Ask:
		return fmt.Sprintln(o.Boolean)
	case sparql.Construct, sparql.Describe:
		return showQuads(o.Graph)
	}
	q, err := syntax.ParseQuery(scriptPrefixes+query, testNS)
	rows := o.Table.Rows
	if err == nil && len(q.OrderBy) == 0 {
		rows = sortRows(rows)
	}
	out := "?" + strings.Join(o.Table.Vars, " ?") + "\n"
	if len(o.Table.Vars) == 0 {
		out = "(no columns)\n"
	}
	name := blankNames()
	for _, r := range rows {
		if len(r) == 0 {
			out += "()\n" // a blank line would end the output
		}
		cells := make([]string, len(r))
		for i, t := range r {
			cells[i] = shortTerm(t, name)
		}
		if len(r) > 0 {
			out += strings.Join(cells, " ") + "\n"
		}
	}
	return out
}

func sortRows(rows [][]kg.Term) [][]kg.Term {
	one := func(string) string { return "b" }
	key := func(r []kg.Term) string {
		var b strings.Builder
		for _, t := range r {
			b.WriteString(shortTerm(t, one) + "\x00")
		}
		return b.String()
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []kg.Term) int { return strings.Compare(key(a), key(b)) })
	return rows
}

// blankNames numbers blank nodes in the order of their first appearance.
func blankNames() func(string) string {
	names := map[string]string{}
	return func(label string) string {
		if names[label] == "" {
			names[label] = fmt.Sprint("b", len(names))
		}
		return names[label]
	}
}

func showQuads(quads []kg.TermQuad) string {
	rows := make([][]kg.Term, len(quads))
	for i, q := range quads {
		rows[i] = []kg.Term{q.S, q.P, q.O, q.G}
	}
	name := blankNames()
	out := ""
	for _, r := range sortRows(rows) {
		var cells []string
		for _, t := range r {
			if t.Kind != kg.None {
				cells = append(cells, shortTerm(t, name))
			}
		}
		out += strings.Join(cells, " ") + "\n"
	}
	if out == "" {
		return "(empty)\n"
	}
	return out
}

// shortTerm writes a term with the prefixes of scripts; "-" if unbound.
func shortTerm(t kg.Term, name func(string) string) string {
	switch t.Kind {
	case kg.None:
		return "-"
	case kg.Blank:
		return "_:" + name(t.Value)
	case kg.Triple:
		return "<<( " + shortTerm(t.Spo[0], name) + " " + shortTerm(t.Spo[1], name) + " " + shortTerm(t.Spo[2], name) + " )>>"
	}
	s := (&syntax.Const{Term: t}).String()
	for _, p := range [...][2]string{{testNS, ":"}, {kg.XSD, "xsd:"}, {kg.RDF, "rdf:"}, {kg.RDFS, "rdfs:"}} {
		iri := t.Value
		if t.Kind == kg.Literal {
			iri = t.Datatype
		}
		if rest, ok := strings.CutPrefix(iri, p[0]); ok && !strings.ContainsAny(rest, "/#.:%") {
			s = strings.Replace(s, "<"+iri+">", p[1]+rest, 1)
		}
	}
	return s
}
