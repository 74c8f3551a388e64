package cqd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// randomTable returns a model with random parameters.
func randomTable(t testing.TB, model string, entities, relations int, spread float64, rng *rand.Rand) *embed.Table {
	t.Helper()
	var v embed.Vocabulary
	for i := range entities {
		v.Entities = append(v.Entities, fmt.Sprint("e", i))
	}
	for i := range relations {
		v.Relations = append(v.Relations, fmt.Sprint("r", i))
	}
	table, err := embed.NewTable(embed.Spec{Model: model, Dim: 5, Gamma: 2}, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entities {
		for j := range table.Entity(int32(i)) {
			table.Entity(int32(i))[j] = float32(rng.NormFloat64() * spread)
		}
	}
	for i := range 2 * relations {
		for j := range table.Relation(int32(i)) {
			table.Relation(int32(i))[j] = float32(rng.NormFloat64() * spread)
		}
	}
	table.Refresh()
	return table
}

// randomGraph returns the index of random statements.
func randomGraph(entities, relations, n int, rng *rand.Rand) *dataset.Index {
	g := &dataset.Graph{Entities: make([]string, entities), Relations: make([]string, relations)}
	for range n {
		g.Train = append(g.Train, dataset.Triple{H: rng.Int32N(int32(entities)), R: rng.Int32N(int32(relations)), T: rng.Int32N(int32(entities))})
	}
	return g.NewIndex(g.Train)
}

// randomQuery returns a random tree.
func randomQuery(entities, directed, depth int, rng *rand.Rand) *Query {
	sub := func() *Query { return randomQuery(entities, directed, depth-1, rng) }
	k := rng.IntN(8)
	if depth == 0 {
		k = 0
	}
	switch k {
	case 0:
		return Hop(rng.Int32N(int32(directed)), Anchor(rng.Int32N(int32(entities))))
	case 1, 2, 3:
		return Hop(rng.Int32N(int32(directed)), sub())
	case 4:
		return And(sub(), sub())
	case 5:
		return Or(sub(), sub(), sub())
	case 6:
		return And(sub(), Complement(sub()))
	}
	return In([]int32{rng.Int32N(int32(entities)), rng.Int32N(int32(entities)), rng.Int32N(int32(entities))})
}

// naive is the definition of the fuzzy semantics, on truths instead of logs.
func naive(q *Query, t int32, n int, norm Norm, negation float64, atom func(h, r, t int32) float64) float64 {
	and := func(a, b float64) float64 {
		switch norm {
		case Minimum:
			return math.Min(a, b)
		case Lukasiewicz:
			return math.Max(0, a+b-1)
		}
		return a * b
	}
	or := func(a, b float64) float64 {
		switch norm {
		case Minimum:
			return math.Max(a, b)
		case Lukasiewicz:
			return math.Min(1, a+b)
		}
		return a + b - a*b
	}
	switch q.Op {
	case Among:
		if slices.Contains(q.Members, t) {
			return 1
		}
		return 0
	case Project:
		best := 0.0
		for h := range int32(n) {
			best = math.Max(best, and(naive(q.Args[0], h, n, norm, negation, atom), atom(h, q.Relation, t)))
		}
		return best
	case Not:
		return 1 - math.Min(1, negation*naive(q.Args[0], t, n, norm, negation, atom))
	}
	x := naive(q.Args[0], t, n, norm, negation, atom)
	for _, a := range q.Args[1:] {
		y := naive(a, t, n, norm, negation, atom)
		if q.Op == Intersect {
			x = and(x, y)
		} else {
			x = or(x, y)
		}
	}
	return x
}

func TestEvaluatorAgainstDefinition(t *testing.T) {
	const n, rels = 9, 3
	rng := rand.New(rand.NewPCG(1, 2))
	for _, model := range []string{"complex", "nfe1"} {
		table := randomTable(t, model, n, rels, 0.8, rng)
		known := randomGraph(n, rels, 12, rng)
		adapter := NewAdapter(table.Hash, len(table.Relation(0)))
		for i := range adapter.W[0] {
			adapter.W[0][i], adapter.W[1][i] = rng.NormFloat64()/5, rng.NormFloat64()/5
		}
		if err := adapter.Bind(table); err != nil {
			t.Fatal(err)
		}
		for name, atoms := range map[string]Atoms{
			"sigmoid":            &Scored{Predictor: table},
			"minmax":             &Scored{Predictor: table, Scale: MinMax},
			"softmax":            &Scored{Predictor: table, Scale: Softmax},
			"adapted":            &Scored{Predictor: table, Adapter: adapter},
			"stated":             &Scored{Predictor: table, Known: known},
			"probability":        &Scored{Predictor: table, Known: known, Calibration: &embed.Calibration{Score: 0.7, Share: 0.4, Bias: -0.3}},
			"sparse":             NewSparse(table, known, 0.05, 1<<20),
			"sparse small cache": NewSparse(table, known, 0.05, 300),
		} {
			for _, norm := range []Norm{Product, Minimum, Lukasiewicz} {
				e := &Evaluator{Atoms: atoms, Options: Options{Norm: norm, Negation: 1.5}}
				for range 8 {
					q := randomQuery(n, 2*rels, 2, rng)
					got, err := e.Eval(context.Background(), q)
					if err != nil {
						t.Fatal(err)
					}
					for x := range int32(n) {
						want := naive(q, x, n, norm, 1.5, func(h, r, t int32) float64 { return linear(table, atoms, h, r, t) })
						if g := math.Exp(float64(got.Truth[x])); math.Abs(g-want) > 2e-5 {
							t.Fatalf("%s %s %v: %v of %d is %v, want %v", model, name, norm, q, x, g, want)
						}
					}
				}
			}
		}
	}
}

// linear is the truth of an atom, straight from the formulas.
func linear(p *embed.Table, a Atoms, h, r, t int32) float64 {
	q, row := make([]float32, p.Rank()), make([]float32, p.Entities())
	p.Query(h, r, q)
	p.ScoreAll(q, row)
	if a.Stated(h, r, t) {
		return 1
	}
	sigma := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	sum := 0.0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range row {
		sum += math.Exp(float64(s))
		lo, hi = math.Min(lo, float64(s)), math.Max(hi, float64(s))
	}
	s := float64(row[t])
	switch a := a.(type) {
	case *Sparse:
		x := math.Exp(s) / sum * math.Max(1, float64(len(a.known.Tails(h, r))))
		if x < a.epsilon {
			return 0
		}
		return math.Min(x, ceiling)
	case *Scored:
		if a.Calibration != nil {
			return a.Calibration.Probability(row[t], math.Log(sum))
		}
		switch a.Scale {
		case MinMax:
			return math.Max(minMaxFloor, (s-lo)/(hi-lo))
		case Softmax:
			return math.Exp(s) / sum
		}
		if a.Adapter != nil {
			alpha, beta := a.Adapter.Bias[0], a.Adapter.Bias[1]
			for i, x := range p.Relation(r) {
				alpha += a.Adapter.W[0][i] * float64(x)
				beta += a.Adapter.W[1][i] * float64(x)
			}
			return sigma(s*math.Exp(alpha) + beta)
		}
		return sigma(s)
	}
	panic("unknown atoms")
}

// brute answers a query on statements by trying every assignment of variables.
func brute(known Stated, q *Query, t int32, n int) bool {
	switch q.Op {
	case Among:
		return slices.Contains(q.Members, t)
	case Project:
		for h := range int32(n) {
			if slices.Contains(known.Tails(h, q.Relation), t) && brute(known, q.Args[0], h, n) {
				return true
			}
		}
		return false
	case Not:
		return !brute(known, q.Args[0], t, n)
	case Intersect:
		for _, a := range q.Args {
			if !brute(known, a, t, n) {
				return false
			}
		}
		return true
	}
	for _, a := range q.Args {
		if brute(known, a, t, n) {
			return true
		}
	}
	return false
}

func TestAnswersAgainstEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{5, 64, 70} {
		known := randomGraph(n, 3, 2*n, rng)
		flat := &Scored{Predictor: randomTable(t, "complex", n, 3, 0, rng), Known: known, Calibration: &embed.Calibration{Bias: -1e9}}
		e := &Evaluator{Atoms: flat}
		for range 60 {
			q := randomQuery(n, 6, 3, rng)
			set := Answers(known, q, n)
			fuzzy, err := e.Eval(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for x := range int32(n) {
				want := brute(known, q, x, n)
				if set.Has(x) != want {
					t.Fatalf("%v: %d is an answer: %v, want %v", q, x, set.Has(x), want)
				}
				// A model that believes nothing leaves the statements alone.
				if (fuzzy.Truth[x] > -1) != want {
					t.Fatalf("%v: log truth of %d is %v, stated %v", q, x, fuzzy.Truth[x], want)
				}
				if want {
					count++
				}
			}
			if set.Len() != count || len(set.Entities()) != count {
				t.Fatalf("%v: %d answers counted, want %d", q, set.Len(), count)
			}
		}
	}
}

func TestBeamKeepsTheBest(t *testing.T) {
	const n = 40
	rng := rand.New(rand.NewPCG(5, 6))
	table := randomTable(t, "complex", n, 2, 1, rng)
	q := Hop(1, Hop(0, Anchor(3)))
	exact, err := (&Evaluator{Atoms: &Scored{Predictor: table}}).Eval(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	last := math.Inf(1)
	for _, beam := range []int{1, 3, 10, n, 0} {
		got, err := (&Evaluator{Atoms: &Scored{Predictor: table}, Options: Options{Beam: beam}}).Eval(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i := range got.Truth {
			d := float64(exact.Truth[i] - got.Truth[i])
			if d < 0 {
				t.Fatalf("beam %d gives %d more than the exact projection", beam, i)
			}
			worst = max(worst, d)
		}
		if worst > last {
			t.Errorf("beam %d is further from exact (%v) than a narrower one (%v)", beam, worst, last)
		}
		last = worst
	}
	if last != 0 {
		t.Errorf("without a beam the projection is off by %v", last)
	}
}

func TestSourcesAreTheTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		truth := make([]float32, 1+rng.IntN(60))
		for i := range truth {
			truth[i] = -float32(rng.IntN(8)) // many ties
			if rng.IntN(5) == 0 {
				truth[i] = impossible
			}
		}
		all := sources(truth, 0)
		k := 1 + rng.IntN(20)
		if got, want := sources(truth, k), all[:min(k, len(all))]; !slices.Equal(got, want) {
			t.Fatalf("%d of %v: %v, want %v", k, truth, got, want)
		}
	}
}

// A beam cuts what is plausible, never what is stated.
func TestStatementsPassTheBeam(t *testing.T) {
	const n = 30
	rng := rand.New(rand.NewPCG(21, 22))
	table := randomTable(t, "complex", n, 2, 1, rng)
	g := &dataset.Graph{Relations: []string{"a", "b"}}
	var ts []dataset.Triple
	for i := range int32(20) {
		ts = append(ts, dataset.Triple{H: 0, R: 0, T: i + 1}, dataset.Triple{H: i + 1, R: 1, T: (i * 7) % n})
	}
	known := g.NewIndex(ts)
	q := Hop(1, Hop(0, Anchor(0)))
	for _, atoms := range []Atoms{&Scored{Predictor: table, Known: known}, NewSparse(table, known, 0.01, 1<<20)} {
		r, err := (&Evaluator{Atoms: atoms, Options: Options{Beam: 3}}).Eval(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range Answers(known, q, n).Entities() {
			if r.Truth[e] != 0 {
				t.Errorf("stated answer %d has log truth %v", e, r.Truth[e])
			}
		}
	}
}

func TestExcludedLinks(t *testing.T) {
	const n = 10
	table := randomTable(t, "complex", n, 2, 1, rand.New(rand.NewPCG(23, 24)))
	g := &dataset.Graph{Relations: []string{"a", "b"}}
	known := g.NewIndex([]dataset.Triple{{H: 0, R: 0, T: 4}})
	excluded := g.NewIndex([]dataset.Triple{{H: 0, R: 0, T: 4}, {H: 0, R: 0, T: 5}})
	for _, scale := range []Scale{Sigmoid, Softmax, MinMax} {
		a := &Scored{Predictor: table, Scale: scale, Known: known, Excluded: excluded}
		r, err := (&Evaluator{Atoms: a}).Eval(t.Context(), Hop(0, Anchor(0)))
		if err != nil {
			t.Fatal(err)
		}
		if r.Truth[4] != 0 || r.Truth[5] != impossible || r.Truth[6] == impossible || a.Truth(0, 0, 5) != impossible || a.Truth(0, 0, 4) != 0 {
			t.Errorf("%v: stated %v, excluded %v, other %v", scale, r.Truth[4], r.Truth[5], r.Truth[6])
		}
	}
}

func TestExplanations(t *testing.T) {
	const n = 12
	rng := rand.New(rand.NewPCG(9, 10))
	table := randomTable(t, "complex", n, 3, 1, rng)
	known := randomGraph(n, 3, 15, rng)
	atoms := &Scored{Predictor: table, Known: known}
	e := &Evaluator{Atoms: atoms}
	for _, typ := range Types {
		if typ.Name == "2u" || typ.Name == "up" { // a union's truth is not one branch's
			continue
		}
		for range 10 {
			var anchors, rels []int32
			for range 3 {
				anchors, rels = append(anchors, rng.Int32N(n)), append(rels, rng.Int32N(6))
			}
			q := typ.Fill(anchors, rels)
			r, err := e.Eval(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for x := range int32(n) {
				p := r.Explain(x)
				product := 1.0
				for _, l := range p.Links {
					product *= l.Truth
					if !l.Negated && math.Abs(l.Truth-linear(table, atoms, l.Head, l.Relation, l.Tail)) > 1e-5 {
						t.Fatalf("%s: link %+v has another truth", typ.Name, l)
					}
					if !l.Negated && l.Stated != atoms.Stated(l.Head, l.Relation, l.Tail) {
						t.Fatalf("%s: link %+v: stated is wrong", typ.Name, l)
					}
				}
				if math.Abs(product-p.Truth) > 1e-5 {
					t.Fatalf("%s of %d: links give %v, the answer has %v: %v", typ.Name, x, product, p.Truth, p)
				}
				if last := p.Links[len(p.Links)-1]; p.Values[q] != x || last.Tail != x && typ.Name != "inp" {
					t.Fatalf("%s: the proof of %d ends in %+v", typ.Name, x, last)
				}
			}
		}
	}
}

func TestUnionIsExplainedByItsBestBranch(t *testing.T) {
	known := (&dataset.Graph{Relations: []string{"a", "b"}}).NewIndex([]dataset.Triple{{H: 0, R: 1, T: 2}})
	table := randomTable(t, "complex", 4, 2, 0.1, rand.New(rand.NewPCG(1, 1)))
	e := &Evaluator{Atoms: &Scored{Predictor: table, Known: known}}
	r, err := e.Eval(t.Context(), Or(Hop(0, Anchor(1)), Hop(1, Anchor(0))))
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Explain(2); len(p.Links) != 1 || !p.Links[0].Stated || p.Links[0].Head != 0 || p.Truth != 1 {
		t.Errorf("proof %v, want the stated link", p)
	}
}

func TestRemovedStatementNoLongerSupports(t *testing.T) {
	table := randomTable(t, "complex", 6, 2, 0.3, rand.New(rand.NewPCG(2, 2)))
	q := Hop(1, Hop(0, Anchor(0)))
	g := &dataset.Graph{Relations: []string{"a", "b"}}
	with := g.NewIndex([]dataset.Triple{{H: 0, R: 0, T: 1}, {H: 1, R: 1, T: 5}})
	without := g.NewIndex([]dataset.Triple{{H: 0, R: 0, T: 1}})
	truth := func(known Stated) float64 {
		r, err := (&Evaluator{Atoms: &Scored{Predictor: table, Known: known}}).Eval(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return math.Exp(float64(r.Truth[5]))
	}
	if got := truth(with); got != 1 {
		t.Errorf("two statements make %v, want certainty", got)
	}
	if got := truth(without); got > 0.9 {
		t.Errorf("without the statement the truth is still %v", got)
	}
}

func TestQueriesWithoutAnAnswer(t *testing.T) {
	table := randomTable(t, "complex", 6, 2, 0.3, rand.New(rand.NewPCG(2, 2)))
	e := &Evaluator{Atoms: &Scored{Predictor: table}}
	shared := Hop(0, Anchor(1))
	loop := Hop(0, Anchor(0))
	loop.Args[0] = loop
	deep := Anchor(0)
	for range 300 {
		deep = Hop(0, deep)
	}
	for _, c := range []struct {
		q    *Query
		want string
	}{
		{Hop(0, Anchor(6)), "entity 6 is not among the 6"},
		{Hop(0, Anchor(-1)), "entity -1"},
		{Hop(4, Anchor(0)), "relation 4 is not among the 4"},
		{And(shared, Hop(1, shared)), "two parents"},
		{loop, "cycle"},
		{deep, "deeper"},
		{&Query{Op: Project, Relation: 0}, "project has 0 arguments"},
		{&Query{Op: 9}, "unknown op9"},
		{And(nil), "missing"},
	} {
		if _, err := e.Eval(t.Context(), c.q); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Eval(ctx, Hop(0, Anchor(0))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// Nothing is possible: no candidates, no panic, truth zero everywhere.
	r, err := e.Eval(t.Context(), Hop(0, In(nil)))
	if err != nil || slices.ContainsFunc(r.Truth, func(x float32) bool { return x > impossible }) {
		t.Errorf("hop from nothing: %v %v", r.Truth, err)
	}
	if p := r.Explain(2); p.Truth != 0 || len(p.Links) != 0 {
		t.Errorf("proof of the impossible: %v", p)
	}
}

func TestNorms(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	linear := map[Norm][2]func(a, b float64) float64{
		Product:     {func(a, b float64) float64 { return a * b }, func(a, b float64) float64 { return a + b - a*b }},
		Minimum:     {math.Min, math.Max},
		Lukasiewicz: {func(a, b float64) float64 { return math.Max(0, a+b-1) }, func(a, b float64) float64 { return math.Min(1, a+b) }},
	}
	for norm, fns := range linear {
		for range 2000 {
			a, b := rng.Float64(), rng.Float64()
			switch rng.IntN(6) {
			case 0:
				a = 0
			case 1:
				b = 1
			case 2:
				a, b = math.Pow(10, -300*rng.Float64()), 1-math.Pow(10, -15*rng.Float64())
			}
			la, lb := math.Log(a), math.Log(b)
			for i, got := range []float64{norm.And(la, lb), norm.Or(la, lb)} {
				want := fns[i](a, b)
				if math.Abs(math.Exp(got)-want) > 1e-12*math.Max(1, want) {
					t.Fatalf("%v %d of %v and %v: %v, want %v", norm, i, a, b, math.Exp(got), want)
				}
			}
			if norm.And(la, lb) != norm.And(lb, la) || norm.Or(la, lb) != norm.Or(lb, la) {
				t.Fatalf("%v of %v and %v depends on their order", norm, a, b)
			}
		}
		if back, err := ParseNorm(norm.String()); err != nil || back != norm {
			t.Errorf("%v: %v %v", norm, back, err)
		}
	}
	if _, err := ParseNorm("frank"); err == nil {
		t.Error("an unknown norm has no error")
	}
	// What saturates in float32 arithmetic keeps its order in logs.
	if a, b := LogSigmoid(40), LogSigmoid(41); a >= b {
		t.Errorf("σ(40) and σ(41) are not told apart: %v %v", a, b)
	}
	if a, b := log1mexp(LogSigmoid(-800)), log1mexp(LogSigmoid(800)); a != 0 || !(b < -700) {
		t.Errorf("complements of σ(±800): %v %v", a, b)
	}
}

func TestFlatForms(t *testing.T) {
	up := func(n int) int32 { return int32(n) + 100 }
	down := func(r int32) int { return int(r) - 100 }
	for _, c := range []struct{ typ, flat, tree string }{
		{"1p", "7 1", "p101(7)"},
		{"3p", "7 1 2 3", "p103(p102(p101(7)))"},
		{"pi", "7 1 2 8 3", "and(p102(p101(7)), p103(8))"},
		{"ip", "7 1 8 2 3", "p103(and(p101(7), p102(8)))"},
		{"up", "7 1 8 2 -1 3", "p103(or(p101(7), p102(8)))"},
		{"2in", "7 1 8 2 -2", "and(p101(7), not(p102(8)))"},
		{"inp", "7 1 8 2 -2 3", "p103(and(p101(7), not(p102(8))))"},
		{"pin", "7 1 2 8 3 -2", "and(p102(p101(7)), not(p103(8)))"},
		{"pni", "7 1 2 -2 8 3", "and(not(p102(p101(7))), p103(8))"},
	} {
		typ, err := TypeByName(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		q, err := typ.ReadFlat(strings.Fields(c.flat), up)
		if err != nil {
			t.Fatalf("%s: %v", c.typ, err)
		}
		if q.String() != c.tree {
			t.Errorf("%s %s is %v, want %s", c.typ, c.flat, q, c.tree)
		}
		if back, err := typ.WriteFlat(q, down); err != nil || back != c.flat {
			t.Errorf("%s: %q %v, want %q", c.typ, back, err, c.flat)
		}
		if TypeOf(q) != c.typ {
			t.Errorf("%v is a %q, want %s", q, TypeOf(q), c.typ)
		}
	}
	if len(Types) != 14 {
		t.Errorf("%d types", len(Types))
	}
	two, _ := TypeByName("2in")
	for _, bad := range []string{"1 2 3", "1 2 3 4 -1", "1 x 3 4 -2", "1 -2 3 4 -2", "1 2 3 4 99999999999"} {
		if _, err := two.ReadFlat(strings.Fields(bad), up); err == nil {
			t.Errorf("%q is read as a 2in query", bad)
		}
	}
	if _, err := two.WriteFlat(Hop(1, Anchor(2)), down); err == nil {
		t.Error("a 1p query is written as 2in")
	}
	if _, err := TypeByName("9p"); err == nil || !strings.Contains(err.Error(), "pni") {
		t.Errorf("error of an unknown type does not list the known ones: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"p0(7)", "and(p1(p0(0)), not(p2(1)))", "or({1 2 3}, p4({}))", "p3(and(p0(0),p1(1)))", "p99999999999(1)", "and(", "{1", "p1(2) x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			if !strings.Contains(err.Error(), "byte ") {
				t.Errorf("error has no place: %v", err)
			}
			return
		}
		again, err := Parse(q.String())
		if err != nil || again.String() != q.String() {
			t.Errorf("%q prints as %q, which reads as %v, %v", text, q, again, err)
		}
	})
}
