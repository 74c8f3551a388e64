package calibrate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// birthplaces is a graph of sixty people with a question about each.
func birthplaces(t *testing.T) (kg.Snapshot, []qa.Question) {
	t.Helper()
	ctx := context.Background()
	st := mem.New()
	var quads []kg.TermQuad
	add := func(s, p string, o kg.Term) {
		quads = append(quads, kg.TermQuad{S: kg.NewIRI("http://x/" + s), P: kg.NewIRI(p), O: o})
	}
	var questions []qa.Question
	for i := range 60 {
		id, town := fmt.Sprintf("p%d", i), fmt.Sprintf("t%d", i%7)
		add(id, kg.RDFSLabel, kg.NewString(fmt.Sprintf("Person Number%c%c", 'a'+i/26, 'a'+i%26)))
		add(town, kg.RDFSLabel, kg.NewString("Town "+string(rune('a'+i%7))))
		add(id, "http://x/birthplace", kg.NewIRI("http://x/"+town))
		add(id, "http://x/employer", kg.NewIRI("http://x/c"+fmt.Sprint(i%5)))
		questions = append(questions, qa.Question{Text: fmt.Sprintf("what is the birthplace of Person Number%c%c", 'a'+i/26, 'a'+i%26), SPARQL: "SELECT ?x WHERE { <http://x/" + id + "> <http://x/birthplace> ?x }", Answers: []string{"http://x/" + town}})
	}
	if _, err := st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, questions
}

// words is a decoder that likes queries whose words stand in the question.
type words struct{}

func (words) Name() string { return "words" }

func (words) Score(_ context.Context, prompt string, texts []string) ([]reasoning.Score, error) {
	out := make([]reasoning.Score, len(texts))
	for i, s := range texts {
		for w := range strings.FieldsSeq(s) {
			out[i].Tokens++
			if !strings.Contains(prompt, w) {
				out[i].SumP -= 3
				out[i].SumQ--
			}
		}
	}
	return out, nil
}

func TestFit(t *testing.T) {
	s, questions := birthplaces(t)
	f, err := Fit(context.Background(), words{}, nil, []Set{{"people", s, questions}})
	if err != nil {
		t.Fatal(err)
	}
	if f.F1 < f.Floor || f.Sets["people"] != 60 || f.Calibrator == nil || f.Calibrator.Model != "words" {
		t.Errorf("%+v", f)
	}
}

// TestUnanswerableIsNotRight: a fifth of the questions is made unanswerable, and
// is marked so unless the answer can still be found.
func TestUnanswerableIsNotRight(t *testing.T) {
	s, questions := birthplaces(t)
	e := reasoning.New(reasoning.Options{Weights: rank.Floor})
	samples, err := Collect(context.Background(), e, s, questions)
	if err != nil {
		t.Fatal(err)
	}
	right, kinds := 0, map[string]int{}
	for _, x := range samples {
		if x.Right {
			right++
		}
		if x.Right && x.Infeasible {
			t.Error("right, though it cannot be answered")
		}
		kinds[x.Kind]++
	}
	// Off-topic questions and those about a deleted thing may name nothing at
	// all; they leave no sample.
	if len(samples) < 50 || right < 46 || right > 49 || kinds["fact"] == 0 || kinds["relation"] == 0 || kinds["never"] == 0 {
		t.Errorf("%d samples, %d right, kinds %v", len(samples), right, kinds)
	}
}
