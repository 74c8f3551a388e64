package qa

import (
	"context"
	"fmt"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/sparql"
)

// towns is a graph of people, towns and employers with a question about each
// person, and the gold query of each.
func towns(t *testing.T) (kg.Snapshot, []Question) {
	t.Helper()
	ctx := context.Background()
	st := mem.New()
	var qs []Question
	if _, err := st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
		add := func(s, p string, o kg.Term) {
			yield(kg.TermQuad{S: kg.NewIRI("http://x/" + s), P: kg.NewIRI(p), O: o}, nil)
		}
		for i := range 50 {
			id, town := fmt.Sprintf("p%d", i), fmt.Sprintf("t%d", i%7)
			name := fmt.Sprintf("Person Number%c%c", 'a'+i/26, 'a'+i%26)
			add(id, kg.RDFSLabel, kg.NewString(name))
			add(town, kg.RDFSLabel, kg.NewString("Town "+string(rune('a'+i%7))))
			add(id, "http://x/birthplace", kg.NewIRI("http://x/"+town))
			qs = append(qs, Question{ID: id, Text: "what is the birthplace of " + name, Answers: []string{"http://x/" + town},
				SPARQL: "SELECT DISTINCT ?x WHERE { <http://x/" + id + "> <http://x/birthplace> ?x . }"})
		}
	}); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, qs
}

// TestTwinsCannotBeAnswered: the gold query of a twin has no answer in its graph,
// a fifth are twins, every kind occurs, and the others are as they were.
func TestTwinsCannotBeAnswered(t *testing.T) {
	s, qs := towns(t)
	parts, err := Twins(context.Background(), s, qs, 0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	n, seen := 0, map[Kind]int{}
	for i := range parts {
		p := &parts[i]
		defer p.Close()
		for _, q := range p.Questions {
			if p.Kind == NoKind {
				if q.Feasible != nil {
					t.Errorf("%s is marked", q.ID)
				}
				continue
			}
			n++
			seen[p.Kind]++
			if q.Feasible == nil || *q.Feasible {
				t.Errorf("%s is not marked", q.ID)
			}
			if q.SPARQL == "" {
				continue
			}
			prepared, err := sparql.New(sparql.Options{}).Prepare(q.SPARQL, "")
			if err != nil {
				t.Fatal(err)
			}
			res, err := prepared.Run(context.Background(), p.Snapshot, sparql.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for range res.Rows() {
				t.Errorf("%s (%s) still has an answer", q.ID, p.Kind)
			}
			res.Close()
		}
	}
	if n != 10 || len(seen) != 5 || len(parts[0].Questions) != 40 {
		t.Errorf("%d twins of kinds %v, %d others", n, seen, len(parts[0].Questions))
	}
}

// given answers everything with one confidence.
type given struct {
	confidence float64
	answers    map[string]string
}

func (g given) Answer(_ context.Context, _ kg.Snapshot, q reasoning.Question, _ func(reasoning.Event)) (*reasoning.Answer, error) {
	a, ok := g.answers[q.Text]
	if !ok {
		return &reasoning.Answer{Status: "refused", Refusal: &reasoning.Refusal{Code: "no-fact"}}, nil
	}
	return &reasoning.Answer{Status: "answered", Confidence: &g.confidence, Answers: []reasoning.Value{{Value: a}}}, nil
}

// TestReportOfParts: reliability scores, calibration error and the curve of a
// report whose parts are counted by hand.
func TestReportOfParts(t *testing.T) {
	no := false
	parts := []Part{
		{Questions: []Question{{Text: "a", Answers: []string{"1"}}, {Text: "b", Answers: []string{"2"}}, {Text: "c", Answers: []string{"3"}}, {Text: "skipped"}}},
		{Kind: LostFact, Questions: []Question{{Text: "d", Answers: []string{"4"}, Feasible: &no}, {Text: "e", Answers: []string{"5"}, Feasible: &no}, {Text: "f", Answers: []string{"6"}, Feasible: &no}}},
	}
	// a right, b wrong, c refused, d refused, e answered wrongly, f answered as if
	// nothing were lost.
	r, err := EvaluateParts(context.Background(), given{0.95, map[string]string{"a": "1", "b": "x", "e": "y", "f": "6"}}, parts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// One point each for a, d and f; b and e cost.
	if r.N != 6 || r.Skipped != 1 || r.Exact != 0.5 || r.RS0 != 50 || r.RS10 != 100*(3-20)/6.0 || r.Infeasible != 3 || r.RefusedRightly != 1 {
		t.Errorf("%+v", r)
	}
	if *r.ECE < 0.449 || *r.ECE > 0.451 { // 2 of 4 right at 0.95
		t.Errorf("ece %g", *r.ECE)
	}
	if last := r.Curve[len(r.Curve)-1]; last.Risk != 0.5 || last.Coverage != 4.0/6 {
		t.Errorf("%+v", r.Curve)
	}
}
