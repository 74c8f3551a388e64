package constrain

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// randomPipeline draws a pipeline whose edges exist; its later operations may
// leave nothing.
func randomPipeline(g *Graph, rng *rand.Rand) (Pipeline, bool) {
	name := func(n Node) (Anchor, bool) { s, ok := g.Name(n); return Anchor{Name: s}, ok }
	var p Pipeline
	if len(g.Classes()) > 0 && rng.IntN(3) == 0 {
		p.Class = g.Classes()[rng.IntN(len(g.Classes()))].Name
	} else {
		a, ok := name(Node(rng.IntN(g.Nodes())))
		if !ok {
			return p, false
		}
		p.Start = a
	}
	w, err := g.Begin(p)
	if err != nil {
		return p, false
	}
	for range 1 + rng.IntN(4) {
		rds := g.Offered(w)
		if len(rds) == 0 {
			break
		}
		rd := rds[rng.IntN(len(rds))]
		rel := g.Relations()[rd/2]
		member := w.Set[rng.IntN(len(w.Set))]
		op := Op{Kind: Edge, Step: g.StepOf(rd)}
		switch k := rng.IntN(10); {
		case k == 0 && len(g.Classes()) > 0:
			op = Op{Kind: Type, Class: g.Classes()[rng.IntN(len(g.Classes()))].Name}
		case k <= 2:
			to := g.Image(Set{member}, rd)
			op = Op{Kind: With, Steps: []Step{g.StepOf(rd)}}
			if k == 2 {
				op.Kind = Without
			}
			if next := g.Offered(Walk{Set: to, Edges: 1}); len(next) > 0 && rng.IntN(2) == 0 {
				r2 := next[rng.IntN(len(next))]
				op.Steps = append(op.Steps, g.StepOf(r2))
				to = g.Image(to, r2)
			}
			if len(to) == 0 {
				continue
			}
			if a, ok := name(to[rng.IntN(len(to))]); ok && !(k == 2 && rng.IntN(2) == 0) {
				op.To = &a
			} else if k == 1 {
				continue
			}
		case k == 3 && rel.Kind != NoValue && rd&1 == 0:
			op = Op{Kind: Max, Rel: rel.Name}
			if rng.IntN(2) == 0 {
				op.Kind = Min
			}
		case k == 4 && rel.Kind != NoValue && rd&1 == 0:
			op = Op{Kind: Where, Rel: rel.Name, Cmp: "<>="[rng.IntN(3)], Number: strconv.Itoa(rng.IntN(2000))}
			if vs := g.Image(Set{member}, rd); len(vs) > 0 && rel.Kind == NumberValue && rng.IntN(2) == 0 && IsNumber(g.Label(vs[0])) {
				op.Number = g.Label(vs[0])
			}
		}
		nw, err := g.Then(w, op)
		if err != nil || len(nw.Set) == 0 || len(nw.Set) > 3000 {
			break
		}
		w = nw
		p = p.With(op)
	}
	if len(p.Ops) == 0 && p.Class == "" {
		return p, false
	}
	switch rng.IntN(6) {
	case 0:
		p.End.Kind = Count
	case 1:
		for _, rd := range g.RDs(w.Set) {
			if g.Relations()[rd/2].Kind == NumberValue && rd&1 == 0 {
				p.End = End{Kind: Sum + EndKind(rng.IntN(2)), Rel: g.Relations()[rd/2].Name}
			}
		}
	case 2:
		n := Node(rng.IntN(g.Nodes()))
		if rng.IntN(2) == 0 && len(w.Set) > 0 {
			n = w.Set[rng.IntN(len(w.Set))]
		}
		if a, ok := name(n); ok {
			p.End = End{Kind: Ask, To: a}
		}
	}
	return p, true
}

// runSPARQL runs the query of a pipeline and returns its answers in the form of
// Eval.
func runSPARQL(t *testing.T, g *Graph, p Pipeline) (res Result, text string) {
	t.Helper()
	text, err := g.SPARQL(p)
	if err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	q, err := sparql.New(sparql.Options{DefaultGraphUnion: true}).Prepare(text, "")
	if err != nil {
		t.Fatalf("%s: %s: %v", p, text, err)
	}
	out, err := q.Run(context.Background(), g.Snapshot(), sparql.Limits{})
	if err != nil {
		t.Fatalf("%s: %s: %v", p, text, err)
	}
	defer out.Close()
	res.Kind = p.End.Kind
	if p.End.Kind == Ask {
		res.Bool = out.Boolean
		return res, text
	}
	for row, err := range out.Rows() {
		if err != nil {
			t.Fatalf("%s: %s: %v", p, text, err)
		}
		if len(row) != 1 {
			t.Fatalf("%s: %d columns", text, len(row))
		}
		if p.End.Kind != List {
			if res.Number, err = strconv.ParseFloat(row[0].Value, 64); err != nil {
				t.Fatalf("%s: %s: %v", p, text, err)
			}
			continue
		}
		id, ok, err := g.Snapshot().Lookup(row[0])
		if err != nil || !ok {
			if row[0].Kind == kg.Blank {
				t.Skip("blank nodes of results cannot be looked up")
			}
			t.Fatalf("%s: answer %v is not in the graph", text, row[0])
		}
		n, _ := g.Number(id)
		res.Nodes = append(res.Nodes, n)
	}
	slices.Sort(res.Nodes)
	return res, text
}

// TestSPARQLMatchesEval compares the two evaluations of random pipelines.
func TestSPARQLMatchesEval(t *testing.T) {
	town := smallTown + `
:t :since "1988"^^xsd:gYear . :u :since "0999"^^xsd:gYear, "1990-01-01"^^xsd:date . :v :since "1988"^^xsd:gYear ; :topSpeed "fast" .
:t :month "1988-02"^^xsd:gYearMonth . :u :month "1987-12"^^xsd:gYearMonth .
:t :at "1999-01-01T00:00:00Z"^^xsd:dateTime . :u :at "1999-01-01T00:00:00-05:00"^^xsd:dateTime .
:t :says "x"@en, "x"@de, "x" . :u :says "x"@en, 3, 3.0 .
`
	for _, c := range []struct {
		name string
		n    int
	}{{"town", 3000}, {"geoquery", 250}, {"worldcup2014", 200}} {
		var g *Graph
		if c.name == "town" {
			g = openText(t, town)
		} else {
			g = openShared(t, c.name)
		}
		rng := rand.New(rand.NewPCG(11, 12))
		kinds := map[EndKind]int{}
		for done := 0; done < c.n; {
			p, ok := randomPipeline(g, rng)
			if !ok {
				continue
			}
			done++
			want, err := g.Eval(context.Background(), p)
			if err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			kinds[want.Kind]++
			got, text := runSPARQL(t, g, p)
			same := got.Bool == want.Bool && math.Abs(got.Number-want.Number) <= 1e-6*math.Max(1, math.Abs(want.Number))
			if want.Kind == List {
				same = slices.Equal(got.Nodes, want.Nodes)
			}
			if !same {
				t.Fatalf("%s\n%s\nEval   %+v\nSPARQL %+v", p, text, want, got)
			}
		}
		t.Logf("%s: %v", c.name, kinds)
	}
}
