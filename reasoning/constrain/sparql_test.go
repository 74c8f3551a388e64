package constrain

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/nodeset"
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
		op = newerOp(g, rng, w, rd, op)
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
	if rng.IntN(3) == 0 {
		if e, ok := newerEnd(g, rng, w); ok {
			p.End = e
			return p, true
		}
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

// newerOp replaces an operation now and then by one of those that count, rank,
// compare, join or walk on.
func newerOp(g *Graph, rng *rand.Rand, w Walk, rd RD, old Op) Op {
	rel := g.Relations()[rd/2]
	some := func() *Anchor {
		for range 20 {
			if s, ok := g.Name(Node(rng.IntN(g.Nodes()))); ok {
				return &Anchor{Name: s}
			}
		}
		return &Anchor{Name: g.names.keys[0]}
	}
	class := ""
	if len(g.Classes()) > 0 && rng.IntN(2) == 0 {
		class = g.Classes()[rng.IntN(len(g.Classes()))].Name
	}
	n, nth := 0, false
	if rng.IntN(2) == 0 {
		n, nth = 2+rng.IntN(3), rng.IntN(2) == 0
	}
	value := rel.Kind != NoValue && rd&1 == 0
	switch rng.IntN(20) {
	case 0:
		return Op{Kind: Most + OpKind(rng.IntN(2)), Step: g.StepOf(rd), Class: class, N: n, Nth: nth}
	case 1:
		return Op{Kind: Having, Step: g.StepOf(rd), Class: class, Cmp: []byte{'<', '=', '>', AtLeast, AtMost}[rng.IntN(5)], Number: strconv.Itoa(rng.IntN(4))}
	case 2:
		to := g.Image(w.Set, rd)
		if rds := g.Offered(Walk{Set: to, Edges: 1}); len(rds) > 0 {
			return Op{Kind: Loop, Steps: []Step{g.StepOf(rd), g.StepOf(rds[rng.IntN(len(rds))])}}
		}
	case 3:
		return Op{Kind: Reach, Step: g.StepOf(rd)}
	case 4:
		return Op{Kind: Also, To: some()}
	case 5:
		return Op{Kind: Also, Steps: []Step{g.StepOf(rd)}, To: some()}
	case 6, 7:
		if value && n > 1 {
			return Op{Kind: Max + OpKind(rng.IntN(2)), Rel: rel.Name, N: n, Nth: nth}
		}
	case 8, 9:
		if !value {
			break
		}
		op := Op{Kind: Where, Rel: rel.Name, Cmp: []byte{'<', '=', '>', AtLeast, AtMost}[rng.IntN(5)]}
		if rel.Kind == DateValue && rng.IntN(2) == 0 {
			op.Number = []string{"1999-05-01", "1999-05", "1970-01-02", "1999-01-01", "1988-12"}[rng.IntN(5)]
			return op
		}
		if rel.Datatype != kg.XSD+"dateTime" {
			back := g.having(rd)
			if s, ok := g.Name(back[rng.IntN(len(back))]); ok {
				op.To = &Anchor{Name: s}
				return op
			}
		}
	}
	return old
}

// newerEnd draws one of the ends that are tables, or a difference.
func newerEnd(g *Graph, rng *rand.Rand, w Walk) (End, bool) {
	rds := g.RDs(w.Set)
	if len(rds) == 0 {
		return End{}, false
	}
	var numeric []string
	for _, rd := range rds {
		if r := g.Relations()[rd/2]; rd&1 == 0 && r.Kind == NumberValue && len(g.Extreme(w.Set, int(rd/2), true)) > 0 {
			numeric = append(numeric, r.Name)
		}
	}
	step := func() Step { return g.StepOf(rds[rng.IntN(len(rds))]) }
	switch k := rng.IntN(4); {
	case k == 0:
		e := End{Kind: Show}
		rows := len(w.Set)
		for range 1 + rng.IntN(2) {
			s := step()
			rd, _ := g.RDOf(s)
			for _, n := range w.Set {
				rows += rows / len(w.Set) * len(g.row(n, rd))
			}
			e.Steps = append(e.Steps, s)
		}
		return e, rows < 5000
	case k == 1:
		e := End{Kind: Group, Steps: []Step{step()}}
		if len(numeric) > 0 && rng.IntN(2) == 0 {
			e.By, e.Rel = SumOf+Aggregate(rng.IntN(4)), numeric[rng.IntN(len(numeric))]
		}
		return e, true
	case len(numeric) == 0:
		return End{}, false
	case k == 2:
		return End{Kind: Calc, Rel: numeric[rng.IntN(len(numeric))], Sign: "-*/"[rng.IntN(3)], Other: numeric[rng.IntN(len(numeric))]}, true
	}
	rel := numeric[rng.IntN(len(numeric))]
	rd, _ := g.RDOf(Step{Rel: rel})
	have := g.Extreme(g.having(rd), int(rd/2), rng.IntN(2) == 0)
	name, ok := g.Name(have[0])
	return End{Kind: Diff, Rel: rel, To: Anchor{Name: name}}, ok
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
		if p.End.Kind.Table() {
			res.Rows = append(res.Rows, cells(t, g, row))
			continue
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
	slices.SortFunc(res.Rows, nodeset.CompareRows)
	return res, text
}

// cells turns a row into that of Eval. The last column of tables with numbers is
// told by its datatype: what is in the graph is a node.
func cells(t *testing.T, g *Graph, row []kg.Term) []Cell {
	t.Helper()
	out := make([]Cell, len(row))
	for i, x := range row {
		if x.Kind == kg.None {
			continue
		}
		if x.Kind == kg.Blank {
			t.Skip("blank nodes of results cannot be looked up")
		}
		if id, ok, err := g.Snapshot().Lookup(x); err == nil && ok {
			if n, ok := g.Number(id); ok {
				out[i] = Cell{Kind: NodeCell, Node: n}
				continue
			}
		}
		v, err := strconv.ParseFloat(x.Value, 64)
		if err != nil {
			t.Fatalf("cell %v is neither in the graph nor a number", x)
		}
		out[i] = Cell{Kind: NumberCell, Number: v}
	}
	return out
}

// sameRows compares tables; a number may also be written as a node of its
// value.
func sameRows(g *Graph, got, want [][]Cell) bool {
	if len(got) != len(want) {
		return false
	}
	number := func(c Cell) (float64, bool) {
		if c.Kind == NodeCell {
			return g.Value(c.Node)
		}
		return c.Number, c.Kind == NumberCell
	}
	used := make([]bool, len(got))
	match := func(w []Cell) bool {
		for k, r := range got {
			if used[k] {
				continue
			}
			ok := true
			for i := range w {
				if w[i].Kind == NumberCell {
					v, is := number(r[i])
					ok = ok && is && math.Abs(v-w[i].Number) <= 1e-6*math.Max(1, math.Abs(v))
				} else {
					ok = ok && r[i] == w[i]
				}
			}
			if ok {
				used[k] = true
				return true
			}
		}
		return false
	}
	for _, w := range want {
		if !match(w) {
			return false
		}
	}
	return true
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
		kinds, ops := map[EndKind]int{}, map[OpKind]int{}
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
			if want.Kind.Table() {
				same = sameRows(g, got.Rows, want.Rows)
			}
			for _, op := range p.Ops {
				ops[op.Kind]++
			}
			if !same {
				t.Fatalf("%s\n%s\nEval   %.800s\nSPARQL %.800s", p, text, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got))
			}
		}
		t.Logf("%s: ends %v, operations %v", c.name, kinds, ops)
		if c.name == "town" && (len(ops) <= int(Reach) || len(kinds) <= int(Calc)) {
			t.Errorf("not every operation and end was drawn: %v %v", ops, kinds)
		}
	}
}
