package sample

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

func graph(entities, relations, n int, rng *rand.Rand) *dataset.Graph {
	g := &dataset.Graph{Entities: make([]string, entities), Relations: make([]string, relations)}
	for i := range n {
		x := dataset.Triple{H: rng.Int32N(int32(entities)), R: rng.Int32N(int32(relations)), T: rng.Int32N(int32(entities))}
		if i%5 == 0 {
			g.Test = append(g.Test, x)
		} else {
			g.Train = append(g.Train, x)
		}
	}
	return g
}

func TestDraw(t *testing.T) {
	g := graph(40, 4, 320, rand.New(rand.NewPCG(1, 2)))
	small, big := g.NewIndex(g.Train), g.NewIndex(g.Train, g.Test)
	s, err := New(big, small, 40, 4, Options{Seed: 3, MaxAnswers: 30, Tries: 20000})
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(big, small, 40, 4, Options{Seed: 3, MaxAnswers: 30, Tries: 20000})
	if err != nil {
		t.Fatal(err)
	}
	extra, err := cqd.Parse("and(p0(p1(0)), or(p2(1), p3(2)), not(p4(p5(3))))")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range append(slices.Clone(cqd.Types), cqd.Type{Name: "a shape without a name", Shape: extra}) {
		cases, err := s.Draw(t.Context(), typ.Shape, 8)
		if err != nil {
			t.Fatalf("%s: %v", typ.Name, err)
		}
		twice, err := again.Draw(t.Context(), typ.Shape, 8)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for i, c := range cases {
			name := c.Query.String()
			if name != twice[i].Query.String() {
				t.Errorf("%s: the same seed draws %v and %v", typ.Name, c.Query, twice[i].Query)
			}
			if seen[name] {
				t.Errorf("%s: %v is drawn twice", typ.Name, c.Query)
			}
			seen[name] = true
			b, sm := cqd.Answers(big, c.Query, 40), cqd.Answers(small, c.Query, 40)
			if !slices.Equal(c.Easy, sm.Entities()) || !slices.Equal(c.Hard, b.Minus(sm)) {
				t.Errorf("%v: answers %v and %v", c.Query, c.Easy, c.Hard)
			}
			if len(c.Hard) == 0 || len(c.Hard) > 30 {
				t.Errorf("%v has %d hard answers", c.Query, len(c.Hard))
			}
			if typ.Negative() && len(sm.Minus(b)) == 0 {
				t.Errorf("%v: negation excludes nothing new", c.Query)
			}
			c.Query.Walk(func(n *cqd.Query) {
				if n.Op == cqd.Project && n.Args[0].Op == cqd.Project && n.Relation == (n.Args[0].Relation+4)%8 {
					t.Errorf("%v goes straight back", c.Query)
				}
			})
			if twins(c.Query) {
				t.Errorf("%v has twin branches", c.Query)
			}
		}
	}
	if links := s.Links(); len(links) == 0 || len(links[0].Hard) == 0 {
		t.Errorf("links: %d", len(links))
	}
}

func TestTrainingQueriesHaveHardAnswersOnly(t *testing.T) {
	g := graph(20, 3, 60, rand.New(rand.NewPCG(2, 3)))
	s, err := New(g.NewIndex(g.Train), cqd.Nothing{}, 20, 3, Options{MaxAnswers: -1})
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := cqd.TypeByName("2in")
	cases, err := s.Draw(t.Context(), typ.Shape, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if len(c.Easy) != 0 || len(c.Hard) == 0 {
			t.Errorf("%v: easy %v, hard %v", c.Query, c.Easy, c.Hard)
		}
	}
}

func TestGraphsThatAreTooSmall(t *testing.T) {
	empty := &dataset.Graph{Entities: make([]string, 3), Relations: make([]string, 1)}
	if _, err := New(empty.NewIndex(), cqd.Nothing{}, 3, 1, Options{}); err == nil || !strings.Contains(err.Error(), "without links") {
		t.Errorf("empty graph: %v", err)
	}
	one := empty.NewIndex([]dataset.Triple{{H: 0, R: 0, T: 1}})
	s, err := New(one, cqd.Nothing{}, 3, 1, Options{Tries: 20})
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := cqd.TypeByName("2p")
	// One statement cannot be left but by going back.
	if _, err := s.Draw(t.Context(), typ.Shape, 5); err == nil || !strings.Contains(err.Error(), "0 of 5") {
		t.Errorf("one statement: %v", err)
	}
}
