package sparqltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/sparql"
)

// GenerateUpdate returns a random update request whose effect is determined
// up to blank nodes.
func GenerateUpdate(r *rand.Rand, v *Vocabulary) string {
	g := &generator{r: r, v: v}
	var ops []string
	for range 1 + r.IntN(3) {
		ops = append(ops, g.operation())
	}
	return strings.Join(ops, " ;\n")
}

func (g *generator) operation() string {
	graph := func() string { return "GRAPH " + iriText(pick(g.r, g.v.Graphs)) }
	end := func() string {
		if g.n(3) == 0 {
			return "DEFAULT"
		}
		return graph()
	}
	switch g.n(8) {
	case 0:
		return "INSERT DATA { " + g.data(true) + "}"
	case 1:
		return "DELETE DATA { " + g.data(false) + "}"
	case 2:
		var in scope
		var b strings.Builder
		for range 1 + g.n(2) {
			b.WriteString(g.plainTriple(&in))
		}
		if g.n(3) == 0 {
			return "DELETE WHERE { GRAPH ?g { " + b.String() + "} }"
		}
		return "DELETE WHERE { " + b.String() + "}"
	case 3:
		return pick(g.r, []string{"ADD", "MOVE", "COPY"}) + " SILENT " + end() + " TO " + end()
	case 4:
		if g.n(3) > 0 {
			return "CLEAR SILENT " + graph()
		}
		return pick(g.r, []string{"CLEAR", "DROP"}) + " SILENT " + pick(g.r, []string{"DEFAULT", "NAMED", graph()})
	}
	body, vars := g.group(1)
	s := ""
	if g.n(4) == 0 {
		s = "WITH " + iriText(pick(g.r, g.v.Graphs)) + "\n"
	}
	kind := g.n(3)
	if kind != 0 {
		s += "DELETE { " + g.template(vars, false) + "}\n"
	}
	if kind != 1 {
		s += "INSERT { " + g.template(vars, true) + "}\n"
	}
	if g.n(5) == 0 {
		s += "USING " + iriText(pick(g.r, g.v.Graphs)) + "\n"
	}
	return s + "WHERE " + body
}

// data writes quads without variables.
func (g *generator) data(blanks bool) string {
	var b strings.Builder
	for _, q := range g.v.Data(g.r, 1+g.n(4)) {
		if !blanks && (q.S.Kind == kg.Blank || q.O.Kind == kg.Blank) {
			continue
		}
		// Labels are local to one INSERT DATA: its blank nodes are new ones.
		for _, t := range []*kg.Term{&q.S, &q.O} {
			if t.Kind == kg.Blank {
				t.Value += fmt.Sprintf("op%d", g.fresh)
			}
		}
		triple := fmt.Sprintf("%s %s %s . ", q.S, q.P, q.O)
		if q.G.Kind != kg.None {
			triple = fmt.Sprintf("GRAPH %s { %s} ", q.G, triple)
		}
		b.WriteString(triple)
	}
	g.fresh++
	return b.String()
}

// plainTriple writes a triple pattern without blank nodes and paths.
func (g *generator) plainTriple(in *scope) string {
	s, o := g.variable(), g.variable()
	if g.n(2) == 0 {
		s = iriText(pick(g.r, g.v.Entities))
	}
	if g.n(2) == 0 {
		o = g.literal()
	}
	in.add(s, o)
	return fmt.Sprintf("%s %s %s . ", s, iriText(pick(g.r, g.v.Predicates)), o)
}

func (g *generator) template(vars []string, blanks bool) string {
	var b strings.Builder
	for range 1 + g.n(2) {
		s := g.templateTerm(vars, true)
		if !blanks && s == "_:t" {
			s = iriText(pick(g.r, g.v.Entities))
		}
		triple := fmt.Sprintf("%s %s %s . ", s, iriText(pick(g.r, g.v.Predicates)), g.templateTerm(vars, false))
		switch {
		case g.n(4) == 0:
			triple = "GRAPH " + iriText(pick(g.r, g.v.Graphs)) + " { " + triple + "} "
		case len(vars) > 0 && g.n(8) == 0:
			triple = "GRAPH " + pick(g.r, vars) + " { " + triple + "} "
		}
		b.WriteString(triple)
	}
	return b.String()
}

// EquivalentUpdate runs an update with both engines, as Equivalent does a
// query, and compares what the stores hold then. It returns the number of
// quads added and removed.
func EquivalentUpdate(ctx context.Context, update string, fast, slow kg.Store) (int64, error) {
	run := func(opt sparql.Options, st kg.Store) (sparql.UpdateStats, []kg.TermQuad, error) {
		ctx, cancel := context.WithTimeout(ctx, fastTime)
		defer cancel()
		stats, err := sparql.New(opt).Update(ctx, st, update, "", sparql.Limits{})
		if err != nil {
			return stats, nil, err
		}
		quads, err := Dump(ctx, st)
		return stats, quads, err
	}
	as, a, aerr := run(sparql.Options{}, fast)
	bs, b, berr := run(sparql.Options{NoOptimise: true}, slow)
	switch {
	case aerr != nil && berr != nil:
		return 0, fmt.Errorf("sparqltest: %w\n%s", aerr, update)
	case aerr != nil || berr != nil:
		return 0, &Difference{update, fmt.Sprint(aerr), fmt.Sprint(berr)}
	case as != bs || !iso.Equal(a, b):
		return 0, &Difference{update, fmt.Sprintf("%+v\n%s", as, quadsText(a)), fmt.Sprintf("%+v\n%s", bs, quadsText(b))}
	}
	return as.Added + as.Removed, nil
}
