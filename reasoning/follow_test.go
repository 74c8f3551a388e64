package reasoning

import (
	"context"
	"strings"
	"testing"
)

const countries = `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:fr a :Country ; rdfs:label "France" ; :capital :paris ; :population 68000000 .
:de a :Country ; rdfs:label "Germany" ; :capital :berlin ; :population 84000000 .
:paris a :City ; rdfs:label "Paris" ; :mayor :anne . :berlin a :City ; rdfs:label "Berlin" ; :mayor :kai .
:anne a :Person ; rdfs:label "Anne Hidalgo" ; :bornIn :cadiz . :kai a :Person ; rdfs:label "Kai Wegner" ; :bornIn :berlin .
:cadiz a :City ; rdfs:label "San Fernando" .
:lena a :Person ; rdfs:label "Lena Orth" ; :directed :f1 , :f2 , :f3 ; :bornIn :berlin .
:f1 a :Film ; rdfs:label "Grey Harbour" ; :releaseYear 2021 ; :star :kai . :f2 a :Film ; rdfs:label "Salt Road" ; :releaseYear 2022 ; :star :anne .
:f3 a :Film ; rdfs:label "Low Tide" ; :releaseYear 2022 ; :star :kai .
`

// TestFollowUps: each conversation is a list of questions, each with the answer
// that it gets and a part of how it is read.
func TestFollowUps(t *testing.T) {
	s := snapshotOf(t, countries)
	e := New(Options{})
	for _, talk := range [][][3]string{
		{{"What is the capital of France?", "Paris", ""}, {"And Germany?", "Berlin", "capital of Germany"}, {"and of France?", "Paris", "capital of France"}},
		{{"What is the capital of France?", "Paris", ""}, {"What about Germany", "Berlin", "capital of Germany"}, {"who is the mayor of it?", "Kai Wegner", "Berlin"}},
		{{"Who is the mayor of Paris?", "Anne Hidalgo", ""}, {"Where was she born in?", "San Fernando", "Anne Hidalgo"}},
		{{"Which films were directed by Lena Orth?", "Grey Harbour, Low Tide, Salt Road", ""}, {"How many are there?", "3", "counts"}},
		{{"Which films were directed by Lena Orth?", "Grey Harbour, Low Tide, Salt Road", ""}, {"How many of them?", "3", "counts"}},
		{{"Which films were directed by Lena Orth?", "Grey Harbour, Low Tide, Salt Road", ""}, {"Which of them star Kai Wegner?", "Grey Harbour, Low Tide", "means the answers to"}},
		{{"Which films were directed by Lena Orth?", "Grey Harbour, Low Tide, Salt Road", ""}, {"Where was she born in?", "Berlin", "Lena Orth"}},
		{{"Which films have release year 2021?", "Grey Harbour", ""}, {"And in 2022?", "Low Tide, Salt Road", "2022"}},
		// A question that stands by itself is not bent.
		{{"What is the capital of France?", "Paris", ""}, {"Who is the mayor of Berlin?", "Kai Wegner", ""}},
		{{"What is the capital of France?", "Paris", ""}, {"Und Germany?", "Berlin", "Germany"}},
		{{"What is the capital of France?", "Paris", ""}, {"¿Y Germany?", "Berlin", "Germany"}},
		{{"What is the capital of France?", "Paris", ""}, {"Et Germany ?", "Berlin", "Germany"}},
	} {
		var previous *Previous
		for _, turn := range talk {
			q := Question{Text: turn[0], Previous: previous}
			var read string
			a, err := e.Answer(context.Background(), s, q, func(ev Event) {
				if f, ok := ev.Data.(Follow); ok {
					read = f.How
				}
			})
			if err != nil {
				t.Fatalf("%q: %v", turn[0], err)
			}
			if got := labels(a); a.Status != "answered" || got != turn[1] {
				t.Errorf("%q: %s %q %s, want %q\n%s\nread %s", turn[0], a.Status, got, a.Reason, turn[1], a.Anchored, a.Follows)
			}
			if !strings.Contains(a.Follows, turn[2]) || a.Follows != read || turn[2] == "" && a.Follows != "" {
				t.Errorf("%q: read as %q, event %q, want %q", turn[0], a.Follows, read, turn[2])
			}
			previous = a.AsPrevious(q)
		}
	}
}

// TestFollowUpOfNothing: earlier answers that are gone, or a query of another
// version, do no harm.
func TestFollowUpOfNothing(t *testing.T) {
	s := snapshotOf(t, countries)
	e := New(Options{})
	for _, p := range []*Previous{
		{}, {Question: "What is the capital of France?", Anchored: "][ > no pipeline", Answers: []string{"http://example.com/gone", "no iri"}},
	} {
		for _, q := range []string{"How many are there?", "and Germany?", "who of them", "and?", "them", "in 2022"} {
			if _, err := e.Answer(context.Background(), s, Question{Text: q, Previous: p}, nil); err != nil {
				t.Errorf("%q: %v", q, err)
			}
		}
	}
}
